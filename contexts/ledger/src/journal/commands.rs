//! Commands as bytes: canonical form only.

use super::codec::{Malformed, Pen, Reader};
use crate::accounts::model::{
    AccountKind, AccountNo, AccountRef, ChangeAccount, Frozen, Lifecycle, Limits, OpenAccount, Text,
};
use crate::books::model::{AssetNo, Pattern, RegisterAsset};
use crate::command::Command;
use crate::entries::model::{
    AmountCommand, BalanceWord, Comparison, Condition, Details, Direction, Override, PostEntry,
    PostingCommand, ReverseEntry, Share, Test,
};
use crate::holds::model::{ActOnHold, HoldAction, PlaceHold};
use kernel::Asset;

/// The code of a command to post an entry.
pub const POST_ENTRY: u8 = 1;

const NO_KIND: Malformed = Malformed("an unknown code");

/// Appends a command.
pub fn put_command(pen: &mut Pen<'_>, command: &Command) {
    match command {
        Command::PostEntry(entry) => {
            pen.byte(POST_ENTRY);
            put_postings(pen, &entry.postings);
            put_details(pen, entry.details.as_deref());
        }
        Command::ReverseEntry(reversal) => {
            pen.byte(2);
            pen.id(reversal.entry);
            put_share(pen, &reversal.share);
            put_details(pen, reversal.details.as_deref());
        }
        Command::PlaceHold(hold) => {
            pen.byte(3);
            put_postings(pen, &hold.postings);
            pen.option(hold.expires_at, Pen::time);
            pen.option(hold.expires_in_s, Pen::uint);
            pen.list(&hold.tolerance, |pen, minor| pen.minor(*minor));
            put_details(pen, hold.details.as_deref());
        }
        Command::ActOnHold(act) => {
            pen.byte(4);
            pen.id(act.hold);
            put_action(pen, &act.action);
            put_details(pen, act.details.as_deref());
        }
        Command::OpenAccount(open) => {
            pen.byte(5);
            put_open(pen, open);
        }
        Command::ChangeAccount(account, change) => {
            pen.byte(6);
            pen.uint(account.0.into());
            put_change(pen, change);
        }
        Command::MoveAccount(account, change, reason) => {
            pen.byte(7);
            pen.uint(account.0.into());
            match change {
                Lifecycle::Freeze(sides) => pen.byte(frozen_code(*sides)),
                Lifecycle::Thaw => pen.byte(4),
                Lifecycle::Close => pen.byte(5),
            }
            pen.option(reason.as_deref(), Pen::free);
        }
        Command::RegisterAsset(register) => {
            pen.byte(8);
            put_asset(pen, register.asset);
            pen.option(register.name.as_deref(), Pen::word);
        }
        Command::SetPattern(pattern) => {
            pen.byte(9);
            put_pattern(pen, pattern);
        }
    }
}

/// Reads a command.
pub fn take_command(reader: &mut Reader<'_>) -> Result<Command, Malformed> {
    Ok(match reader.byte()? {
        POST_ENTRY => {
            Command::PostEntry(PostEntry { postings: take_postings(reader)?, details: take_details(reader)? })
        }
        2 => Command::ReverseEntry(ReverseEntry {
            entry: reader.id()?,
            share: take_share(reader)?,
            details: take_details(reader)?,
        }),
        3 => Command::PlaceHold(PlaceHold {
            postings: take_postings(reader)?,
            expires_at: reader.option(Reader::time)?,
            expires_in_s: reader.option(Reader::uint)?,
            tolerance: reader.list(Reader::minor)?,
            details: take_details(reader)?,
        }),
        4 => Command::ActOnHold(ActOnHold {
            hold: reader.id()?,
            action: take_action(reader)?,
            details: take_details(reader)?,
        }),
        5 => Command::OpenAccount(take_open(reader)?),
        6 => Command::ChangeAccount(AccountNo(reader.number()?), take_change(reader)?),
        7 => {
            let account = AccountNo(reader.number()?);
            let change = match reader.byte()? {
                4 => Lifecycle::Thaw,
                5 => Lifecycle::Close,
                code => Lifecycle::Freeze(frozen_of(code)?),
            };
            Command::MoveAccount(account, change, reader.option(|reader| Ok(reader.free()?.into()))?)
        }
        8 => Command::RegisterAsset(RegisterAsset {
            asset: take_asset(reader)?,
            name: reader.option(|reader| Ok(reader.word()?.into()))?,
        }),
        9 => Command::SetPattern(take_pattern(reader)?),
        _ => return Err(NO_KIND),
    })
}

/// Appends a hold's action.
pub fn put_action(pen: &mut Pen<'_>, action: &HoldAction) {
    match action {
        HoldAction::Capture { share, last } => {
            pen.byte(if *last { 2 } else { 1 });
            put_share(pen, share);
        }
        HoldAction::Void { share } => {
            pen.byte(3);
            put_share(pen, share);
        }
        HoldAction::Increment { share } => {
            pen.byte(4);
            put_share(pen, share);
        }
        HoldAction::Extend { expires_at } => {
            pen.byte(5);
            pen.time(*expires_at);
        }
        HoldAction::Expire => pen.byte(6),
    }
}

/// Reads a hold's action.
pub fn take_action(reader: &mut Reader<'_>) -> Result<HoldAction, Malformed> {
    Ok(match reader.byte()? {
        code @ (1 | 2) => HoldAction::Capture { share: take_share(reader)?, last: code == 2 },
        3 => HoldAction::Void { share: take_share(reader)? },
        4 => HoldAction::Increment { share: take_share(reader)? },
        5 => HoldAction::Extend { expires_at: reader.time()? },
        6 => HoldAction::Expire,
        _ => return Err(NO_KIND),
    })
}

fn put_postings(pen: &mut Pen<'_>, postings: &[PostingCommand]) {
    pen.list(postings, |pen, posting| {
        // One byte for side, kind of name and kind of amount: the common posting is five to seven bytes.
        let side = u8::from(posting.direction == Direction::Credit);
        let name = match &posting.account {
            AccountRef::Known(_) => 0,
            AccountRef::Path(_) => 2,
            AccountRef::Id(_) => 4,
        };
        let amount = match posting.amount {
            AmountCommand::Exact(_) => 0,
            AmountCommand::Max { up_to: None } => 8,
            AmountCommand::Max { up_to: Some(_) } => 16,
            AmountCommand::Remaining => 24,
        };
        pen.byte(side | name | amount);
        put_account(pen, &posting.account);
        pen.uint(posting.asset.0.into());
        match posting.amount {
            AmountCommand::Exact(minor) | AmountCommand::Max { up_to: Some(minor) } => pen.minor(minor),
            AmountCommand::Max { up_to: None } | AmountCommand::Remaining => {}
        }
    });
}

fn take_postings(reader: &mut Reader<'_>) -> Result<crate::entries::model::Postings, Malformed> {
    let count = reader.count()?;
    let mut postings = crate::entries::model::Postings::with_capacity(count);
    for _ in 0..count {
        let code = reader.byte()?;
        let direction = if code & 1 == 0 { Direction::Debit } else { Direction::Credit };
        let account = take_account(reader, code & 6)?;
        let asset = AssetNo(reader.number()?);
        let amount = match code & 24 {
            0 => AmountCommand::Exact(reader.minor()?),
            8 => AmountCommand::Max { up_to: None },
            16 => AmountCommand::Max { up_to: Some(reader.minor()?) },
            _ => AmountCommand::Remaining,
        };
        postings.push(PostingCommand { account, direction, asset, amount });
    }
    Ok(postings)
}

fn put_account(pen: &mut Pen<'_>, account: &AccountRef) {
    match account {
        AccountRef::Known(no) => pen.uint(no.0.into()),
        AccountRef::Path(path) => pen.word(path),
        AccountRef::Id(id) => pen.id(*id),
    }
}

fn take_account(reader: &mut Reader<'_>, code: u8) -> Result<AccountRef, Malformed> {
    Ok(match code {
        0 => AccountRef::Known(AccountNo(reader.number()?)),
        2 => AccountRef::Path(reader.word()?.into()),
        4 => AccountRef::Id(reader.id()?),
        _ => return Err(NO_KIND),
    })
}

fn put_share(pen: &mut Pen<'_>, share: &Share) {
    match share {
        Share::Rest => pen.byte(0),
        Share::Amount(minor) => {
            pen.byte(1);
            pen.minor(*minor);
        }
        Share::Postings(named) => {
            pen.byte(2);
            pen.list(named, |pen, (posting, minor)| {
                pen.uint((*posting).into());
                pen.minor(*minor);
            });
        }
    }
}

fn take_share(reader: &mut Reader<'_>) -> Result<Share, Malformed> {
    Ok(match reader.byte()? {
        0 => Share::Rest,
        1 => Share::Amount(reader.minor()?),
        2 => Share::Postings(reader.list(|reader| Ok((reader.number()?, reader.minor()?)))?),
        _ => return Err(NO_KIND),
    })
}

fn put_details(pen: &mut Pen<'_>, details: Option<&Details>) {
    let Some(details) = details else { return pen.byte(0) };
    pen.byte(1);
    pen.option(details.reference.as_deref(), Pen::word);
    pen.option(details.unique_ref.as_deref(), Pen::word);
    pen.option(details.party.as_deref(), Pen::word);
    pen.option(details.effective_at, Pen::time);
    pen.list(&details.conditions, put_condition);
    pen.option(details.override_.as_ref(), |pen, passes| {
        pen.byte(u8::from(passes.floor) | u8::from(passes.ceiling) << 1);
        pen.word(&passes.reason);
    });
    put_text(pen, &details.text);
}

fn take_details(reader: &mut Reader<'_>) -> Result<Option<Box<Details>>, Malformed> {
    if reader.byte()? == 0 {
        return Ok(None);
    }
    let word = |reader: &mut Reader<'_>| Ok(reader.word()?.into());
    Ok(Some(Box::new(Details {
        reference: reader.option(word)?,
        unique_ref: reader.option(word)?,
        party: reader.option(word)?,
        effective_at: reader.option(Reader::time)?,
        conditions: reader.list(take_condition)?,
        override_: reader.option(|reader| {
            let code = reader.byte()?;
            Ok(Override { floor: code & 1 != 0, ceiling: code & 2 != 0, reason: reader.word()?.into() })
        })?,
        text: take_text(reader)?,
    })))
}

const WORDS: [BalanceWord; 3] = [BalanceWord::Posted, BalanceWord::Pending, BalanceWord::Available];
const COMPARISONS: [Comparison; 5] =
    [Comparison::Gt, Comparison::Gte, Comparison::Eq, Comparison::Lte, Comparison::Lt];

fn code_of<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter().position(|known| known == one).map_or(u8::MAX, |place| place as u8)
}

fn of_code<T: Copy>(all: &[T], code: u8) -> Result<T, Malformed> {
    all.get(usize::from(code)).copied().ok_or(NO_KIND)
}

fn put_condition(pen: &mut Pen<'_>, condition: &Condition) {
    let name = match condition.account {
        AccountRef::Known(_) => 0,
        AccountRef::Path(_) => 2,
        AccountRef::Id(_) => 4,
    };
    let test = match condition.test {
        Test::Version(_) => 0,
        Test::LastSeq(..) => 8,
        Test::Balance(..) => 16,
    };
    pen.byte(name | test);
    put_account(pen, &condition.account);
    match condition.test {
        Test::Version(version) => pen.uint(version.into()),
        Test::LastSeq(asset, seq) => {
            pen.uint(asset.0.into());
            pen.uint(seq);
        }
        Test::Balance(asset, word, comparison, bound) => {
            pen.uint(asset.0.into());
            pen.byte(code_of(&WORDS, &word));
            pen.byte(code_of(&COMPARISONS, &comparison));
            pen.signed(bound);
        }
    }
}

fn take_condition(reader: &mut Reader<'_>) -> Result<Condition, Malformed> {
    let code = reader.byte()?;
    let account = take_account(reader, code & 6)?;
    let test = match code & 24 {
        0 => Test::Version(reader.number()?),
        8 => Test::LastSeq(AssetNo(reader.number()?), reader.uint()?),
        16 => Test::Balance(
            AssetNo(reader.number()?),
            of_code(&WORDS, reader.byte()?)?,
            of_code(&COMPARISONS, reader.byte()?)?,
            reader.signed()?,
        ),
        _ => return Err(NO_KIND),
    };
    Ok(Condition { account, test })
}

/// Appends free text to the text stream; the core says only whether there is any.
pub fn put_text(pen: &mut Pen<'_>, text: &Text) {
    pen.byte(u8::from(text.description.is_some()) | u8::from(!text.metadata.is_empty()) << 1);
    if let Some(description) = &text.description {
        pen.free(description);
    }
    if !text.metadata.is_empty() {
        pen.free_uint(text.metadata.len() as u64);
        for (name, value) in &text.metadata {
            pen.free(name);
            pen.free(value);
        }
    }
}

/// Reads free text.
pub fn take_text(reader: &mut Reader<'_>) -> Result<Text, Malformed> {
    let code = reader.byte()?;
    let description = if code & 1 == 0 { None } else { Some(reader.free()?.into()) };
    let mut metadata = Vec::new();
    if code & 2 != 0 {
        for _ in 0..reader.free_count()? {
            metadata.push((reader.free()?.into(), reader.free()?.into()));
        }
    }
    Ok(Text { description, metadata })
}

fn put_open(pen: &mut Pen<'_>, open: &OpenAccount) {
    pen.word(&open.path);
    pen.byte(code_of(&AccountKind::ALL, &open.kind));
    put_assets(pen, open.assets.as_deref());
    put_limits(pen, &open.limits);
    put_text(pen, &open.text);
    pen.byte(open.by_pattern.into());
}

fn take_open(reader: &mut Reader<'_>) -> Result<OpenAccount, Malformed> {
    Ok(OpenAccount {
        path: reader.word()?.into(),
        kind: take_kind(reader)?,
        assets: take_assets(reader)?,
        limits: take_limits(reader)?,
        text: take_text(reader)?,
        by_pattern: reader.byte()? != 0,
    })
}

fn put_change(pen: &mut Pen<'_>, change: &ChangeAccount) {
    pen.option(change.assets.as_ref(), |pen, assets| put_assets(pen, assets.as_deref()));
    put_limits(pen, &change.limits);
    pen.option(change.description.as_ref(), |pen, description| {
        pen.option(description.as_deref(), Pen::free);
    });
    pen.list(&change.metadata, |pen, (name, value)| {
        pen.byte(value.is_some().into());
        pen.free(name);
        if let Some(value) = value {
            pen.free(value);
        }
    });
    pen.option(change.if_version, |pen, version| pen.uint(version.into()));
}

fn take_change(reader: &mut Reader<'_>) -> Result<ChangeAccount, Malformed> {
    Ok(ChangeAccount {
        assets: reader.option(take_assets)?,
        limits: take_limits(reader)?,
        description: reader.option(|reader| reader.option(|reader| Ok(reader.free()?.into())))?,
        metadata: reader.list(|reader| {
            let set = reader.byte()? != 0;
            let name = reader.free()?.into();
            Ok((name, if set { Some(reader.free()?.into()) } else { None }))
        })?,
        if_version: reader.option(Reader::number)?,
    })
}

/// Appends a list of assets, or that there is none.
pub fn put_assets(pen: &mut Pen<'_>, assets: Option<&[AssetNo]>) {
    pen.option(assets, |pen, assets| pen.list(assets, |pen, asset| pen.uint(asset.0.into())));
}

/// Reads a list of assets.
pub fn take_assets(reader: &mut Reader<'_>) -> Result<Option<Vec<AssetNo>>, Malformed> {
    reader.option(|reader| reader.list(|reader| Ok(AssetNo(reader.number()?))))
}

/// Appends limits.
pub fn put_limits(pen: &mut Pen<'_>, limits: &[(AssetNo, Limits)]) {
    pen.list(limits, |pen, (asset, limits)| {
        pen.uint(asset.0.into());
        pen.option(limits.floor, Pen::signed);
        pen.option(limits.ceiling, Pen::signed);
    });
}

/// Reads limits.
pub fn take_limits(reader: &mut Reader<'_>) -> Result<Vec<(AssetNo, Limits)>, Malformed> {
    reader.list(|reader| {
        let asset = AssetNo(reader.number()?);
        let (floor, ceiling) = (reader.option(Reader::signed)?, reader.option(Reader::signed)?);
        Ok((asset, Limits { floor, ceiling }))
    })
}

/// Reads an account's type.
pub fn take_kind(reader: &mut Reader<'_>) -> Result<AccountKind, Malformed> {
    of_code(&AccountKind::ALL, reader.byte()?)
}

/// The code of an account's type.
pub fn kind_code(kind: AccountKind) -> u8 {
    code_of(&AccountKind::ALL, &kind)
}

/// The code of frozen sides.
pub fn frozen_code(frozen: Frozen) -> u8 {
    u8::from(frozen.debits) | u8::from(frozen.credits) << 1
}

/// The frozen sides of a code.
pub fn frozen_of(code: u8) -> Result<Frozen, Malformed> {
    if code > 3 { Err(NO_KIND) } else { Ok(Frozen { debits: code & 1 != 0, credits: code & 2 != 0 }) }
}

/// Appends an asset.
pub fn put_asset(pen: &mut Pen<'_>, asset: Asset) {
    pen.word(asset.code.as_str());
    pen.byte(asset.scale);
}

/// Reads an asset.
pub fn take_asset(reader: &mut Reader<'_>) -> Result<Asset, Malformed> {
    Ok(Asset { code: reader.code()?, scale: reader.byte()? })
}

/// Appends a pattern.
pub fn put_pattern(pen: &mut Pen<'_>, pattern: &Pattern) {
    pen.word(&pattern.pattern);
    pen.byte(kind_code(pattern.kind));
    put_assets(pen, pattern.assets.as_deref());
    put_limits(pen, &pattern.limits);
    pen.uint(pattern.quota);
}

/// Reads a pattern.
pub fn take_pattern(reader: &mut Reader<'_>) -> Result<Pattern, Malformed> {
    Ok(Pattern {
        pattern: reader.word()?.into(),
        kind: take_kind(reader)?,
        assets: take_assets(reader)?,
        limits: take_limits(reader)?,
        quota: reader.uint()?,
    })
}
