//! Bodies to commands: every fault at once, names and amounts resolved against the caller's book.

use crate::Ledger;
use crate::accounts::model::{AccountRef, Text, path_check};
use crate::books::model::{AssetNo, BookNo};
use crate::entries::model::{
    AmountCommand, BalanceWord, Comparison, Condition, Details, Direction, MAX_CONDITIONS, MAX_POSTINGS,
    Override, PostingCommand, Postings, Share, Test,
};
use kernel::money::parse_minor;
use kernel::{Asset, AssetCode, Id, Problem, Timestamp, id::prefix};
use platform_http::Payload;
use platform_http::json::{Document, MapLimits, Object, Reader, Shape, Value};
use std::borrow::Cow;

/// Metadata: as many and as long as a caller's own reference data need, small enough to travel with every entry.
pub const METADATA: MapLimits = MapLimits { entries: 50, key_bytes: 64, value_bytes: 1_024 };
/// Longest description, in bytes.
pub const MAX_DESCRIPTION: usize = 1_024;
/// Longest reference, ref, party and reason, in bytes.
pub const MAX_WORD: usize = 255;
/// Longest text of an amount that is looked at.
const MAX_ID: usize = 64;

/// Turns names into numbers, in one book.
pub struct Resolver<'a> {
    /// The ledger.
    pub ledger: &'a Ledger,
    /// The caller's book.
    pub book: BookNo,
}

/// Reads a whole JSON body as one object.
pub fn body<T>(payload: &Payload, read: impl FnOnce(&Object<'_>) -> Option<T>) -> Result<T, Problem> {
    let document = Document::parse(&payload.bytes)?;
    let reader = Reader::new();
    let object = reader.object(document.root());
    let command = read(&object);
    object.finish();
    match command {
        Some(command) if reader.is_clean() => Ok(command),
        _ => Err(reader.into_problem()),
    }
}

/// Reads a body that may be empty: no body is an empty object.
pub fn optional_body<T>(
    payload: &Payload,
    read: impl FnOnce(&Object<'_>) -> Option<T>,
) -> Result<T, Problem> {
    if payload.bytes.is_empty() {
        let empty = Payload { bytes: bytes::Bytes::from_static(b"{}"), ..payload.clone() };
        return body(&empty, read);
    }
    body(payload, read)
}

/// An account as a path of the API names it: id, path, or n for `accounts:n`.
pub fn account_segment(text: &str) -> Result<AccountRef, &'static str> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { account_number(text) } else { account_name(text) }
}

/// The source platform's accounts: integer n names `accounts:n`.
fn account_number(digits: &str) -> Result<AccountRef, &'static str> {
    match digits.parse::<u64>() {
        Ok(number) => Ok(AccountRef::Path(format!("accounts:{number}").into())),
        Err(_) => Err("must be an account's id, path or whole number"),
    }
}

/// An account by id or path.
fn account_name(text: &str) -> Result<AccountRef, &'static str> {
    if let Some(rest) = text.strip_prefix("acc_")
        && rest.len() == 26
        && let Ok(id) = Id::parse(text, prefix::ACCOUNT)
    {
        return Ok(AccountRef::Id(id));
    }
    path_check(text).map_err(|fault| fault.0)?;
    Ok(AccountRef::Path(text.into()))
}

impl Resolver<'_> {
    /// An account as a field names it: id, path or the source platform's number.
    pub fn account(&self, reader: &Reader, value: Value<'_>) -> Option<AccountRef> {
        let named = match value.shape() {
            Shape::Number => match value.source() {
                number if number.bytes().all(|byte| byte.is_ascii_digit()) => account_number(number),
                _ => Err("must be an account's id, path or whole number"),
            },
            Shape::Text => {
                let text = reader.text(value, crate::accounts::model::MAX_PATH);
                account_name(&text)
            }
            _ => Err("must be an account's id, path or whole number"),
        };
        match named {
            Ok(name) => Some(self.known(name)),
            Err(why) => {
                reader.fault(value, "invalid-value", why);
                None
            }
        }
    }

    /// The account by number, where readers know it already.
    pub fn known(&self, name: AccountRef) -> AccountRef {
        match self.ledger.reading.find(self.book, &name) {
            Some(no) => AccountRef::Known(no),
            None => name,
        }
    }

    /// A currency of the book.
    pub fn asset(&self, object: &Object<'_>, name: &str) -> Option<(AssetNo, Asset)> {
        let value = object.required(name)?;
        self.asset_of(object.reader(), value)
    }

    /// A currency's code, as a value.
    pub fn asset_of(&self, reader: &Reader, value: Value<'_>) -> Option<(AssetNo, Asset)> {
        let code = reader.parsed(value, kernel::asset::MAX_CODE, AssetCode::parse)?;
        let found = self.ledger.reading.asset_no(self.book, code);
        if found.is_none() {
            reader.fault(value, "unknown-asset", "is not registered; POST /v1/assets makes it known");
        }
        found
    }

    /// A positive amount of an asset.
    pub fn amount(&self, reader: &Reader, value: Value<'_>, asset: Asset) -> Option<i128> {
        let minor = self.signed(reader, value, asset)?;
        if minor <= 0 {
            reader.fault(
                value,
                "not-positive",
                "must be greater than zero; the direction says which way it goes",
            );
            return None;
        }
        Some(minor)
    }

    /// An amount of an asset, of either sign.
    pub fn signed(&self, reader: &Reader, value: Value<'_>, asset: Asset) -> Option<i128> {
        let text = reader.decimal(value);
        match parse_minor(&text, asset.scale) {
            Ok(minor) => Some(minor),
            Err(fault) => {
                use kernel::money::InvalidAmount as Invalid;
                let code = match fault {
                    Invalid::NotDecimal => "not-decimal",
                    Invalid::TooManyDecimals { .. } => "too-many-decimals",
                    Invalid::TooLarge => "too-large",
                };
                reader.fault(value, code, fault);
                None
            }
        }
    }

    /// The postings of an entry or hold.
    pub fn postings(&self, object: &Object<'_>) -> Option<Postings> {
        let mut postings = Postings::new();
        let mut whole = true;
        for value in object.items("postings", 2..=MAX_POSTINGS) {
            match self.posting(object.reader(), value) {
                Some(posting) => postings.push(posting),
                None => whole = false,
            }
        }
        whole.then_some(postings)
    }

    fn posting(&self, reader: &Reader, value: Value<'_>) -> Option<PostingCommand> {
        let object = reader.object(value);
        let account = object.required("account").and_then(|value| self.account(reader, value));
        let direction =
            object.choice("direction", &[("debit", Direction::Debit), ("credit", Direction::Credit)]);
        let amount = object.required("amount");
        let asset = self.asset(&object, "currency");
        let up_to = object.optional("up_to");
        let amount = match (amount, asset) {
            (Some(amount), Some((_, asset))) => self.amount_command(reader, amount, up_to, asset),
            _ => None,
        };
        object.finish();
        Some(PostingCommand { account: account?, direction, asset: asset?.0, amount: amount? })
    }

    fn amount_command(
        &self,
        reader: &Reader,
        value: Value<'_>,
        up_to: Option<Value<'_>>,
        asset: Asset,
    ) -> Option<AmountCommand> {
        let word = if value.shape() == Shape::Text { value.source() } else { "" };
        if word == "max" {
            let bound = match up_to {
                Some(bound) => Some(self.amount(reader, bound, asset)?),
                None => None,
            };
            return Some(AmountCommand::Max { up_to: bound });
        }
        if let Some(bound) = up_to {
            reader.fault(bound, "invalid-value", "goes with the amount \"max\" only");
        }
        if word == "remaining" {
            return Some(AmountCommand::Remaining);
        }
        self.amount(reader, value, asset).map(AmountCommand::Exact)
    }

    /// What an entry may carry besides its postings; nothing at all in the common case.
    pub fn details(&self, object: &Object<'_>) -> Option<Box<Details>> {
        let details = Details {
            reference: word(object, "reference"),
            unique_ref: None,
            party: word(object, "party"),
            effective_at: object.optional_parsed("effective_at", MAX_ID, Timestamp::parse),
            conditions: self.conditions(object),
            override_: override_of(object),
            text: text(object),
        };
        (details != Details::default()).then(|| Box::new(details))
    }

    fn conditions(&self, object: &Object<'_>) -> Vec<Condition> {
        let items = object.optional_items("conditions", 1..=MAX_CONDITIONS).into_iter().flatten();
        items.filter_map(|value| self.condition(object.reader(), value)).collect()
    }

    fn condition(&self, reader: &Reader, value: Value<'_>) -> Option<Condition> {
        let object = reader.object(value);
        let account = object.required("account").and_then(|value| self.account(reader, value));
        let version = object.optional_integer("version");
        let last_seq = object.optional_integer("last_seq");
        let comparison = comparison(&object);
        let test = match (version, last_seq, comparison) {
            (Some(version), None, None) => u32::try_from(version).ok().map(Test::Version),
            (None, Some(seq), None) => {
                self.asset(&object, "currency").map(|(asset, _)| Test::LastSeq(asset, seq))
            }
            (None, None, Some((comparison, bound))) => {
                let words = [
                    ("available", BalanceWord::Available),
                    ("posted", BalanceWord::Posted),
                    ("pending", BalanceWord::Pending),
                ];
                let word = object.optional_choice("balance", &words).unwrap_or(BalanceWord::Available);
                self.asset(&object, "currency").and_then(|(no, asset)| {
                    Some(Test::Balance(no, word, comparison, self.signed(reader, bound, asset)?))
                })
            }
            _ => {
                let detail = "needs exactly one of version, last_seq, gt, gte, eq, lte, lt";
                reader.fault(value, "invalid-value", detail);
                None
            }
        };
        object.finish();
        Some(Condition { account: account?, test: test? })
    }

    /// How much of an entry, hold or capture: `amount`, `postings`, or all of it.
    pub fn share(&self, object: &Object<'_>, scales: &[Asset]) -> Option<Share> {
        let reader = object.reader();
        let amount = object.optional("amount");
        let postings = object.optional_items("postings", 1..=MAX_POSTINGS);
        match (amount, postings) {
            (None, None) => Some(Share::Rest),
            (Some(amount), None) => {
                let asset = *scales.first()?;
                self.amount(reader, amount, asset).map(Share::Amount)
            }
            (None, Some(items)) => {
                let mut shares = Vec::new();
                for value in items {
                    let named = reader.object(value);
                    let posting = named.integer("posting");
                    let amount = named.required("amount");
                    named.finish();
                    let Some(asset) = usize::try_from(posting).ok().and_then(|place| scales.get(place))
                    else {
                        reader.fault(
                            value,
                            "invalid-value",
                            "there is no posting of this number, counted from 0",
                        );
                        continue;
                    };
                    let minor = amount.and_then(|amount| self.amount(reader, amount, *asset));
                    shares.push((posting as u32, minor?));
                }
                Some(Share::Postings(shares))
            }
            (Some(amount), Some(_)) => {
                reader.fault(amount, "invalid-value", "give either amount or postings");
                None
            }
        }
    }
}

fn comparison<'d>(object: &Object<'d>) -> Option<(Comparison, Value<'d>)> {
    use Comparison::{Eq, Gt, Gte, Lt, Lte};
    let given = |word: Comparison| object.optional(word.as_str()).map(|bound| (word, bound));
    let mut all = [Gt, Gte, Eq, Lte, Lt].into_iter().filter_map(given);
    let first = all.next()?;
    match all.next() {
        None => Some(first),
        Some((_, second)) => {
            object.reader().fault(second, "invalid-value", "a condition has one comparison");
            None
        }
    }
}

fn override_of(object: &Object<'_>) -> Option<Override> {
    let passes = object.optional_object("override")?;
    let mut found = Override { floor: false, ceiling: false, reason: Box::from("") };
    for value in passes.items("constraints", 1..=2) {
        match passes.reader().choice(value, &[("floor", true), ("ceiling", false)]) {
            true => found.floor = true,
            false => found.ceiling = true,
        }
    }
    found.reason = passes.text("reason", MAX_WORD).into();
    if found.reason.trim().is_empty() {
        passes.fault("reason", "invalid-value", "must say why");
    }
    passes.finish();
    Some(found)
}

/// A short text field.
pub fn word(object: &Object<'_>, name: &str) -> Option<Box<str>> {
    let text = object.optional_text(name, MAX_WORD)?;
    if text.is_empty() {
        object.fault(name, "invalid-value", "must not be empty; leave it out instead");
    }
    Some(text.into())
}

/// Description and metadata.
pub fn text(object: &Object<'_>) -> Text {
    let description = object.optional_text("description", MAX_DESCRIPTION).map(Into::into);
    let mut metadata: Vec<(Box<str>, Box<str>)> =
        object.map("metadata", METADATA).into_iter().map(|(key, value)| (key.into(), value.into())).collect();
    metadata.sort();
    Text { description, metadata }
}

/// An id the caller brings.
pub fn own_id(object: &Object<'_>, prefix: &'static str) -> Option<Id> {
    object.optional_parsed("id", MAX_ID, |text| Id::parse(text, prefix))
}

/// An id in a path: one that is no id names nothing.
pub fn path_id(text: &str, prefix: &'static str) -> Result<Id, Problem> {
    Id::parse(text, prefix)
        .map_err(|fault| platform_http::slugs::invalid("path", "invalid-value", fault.to_string()))
}

/// A text that may be borrowed or not, boxed.
pub fn boxed(text: Cow<'_, str>) -> Box<str> {
    text.into_owned().into_boxed_str()
}
