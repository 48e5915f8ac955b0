//! Records to JSON, by hand: the hot answers are written straight into bytes.

use crate::accounts::model::{AccountNo, Counters, Text};
use crate::books::model::{AssetNo, BookNo};
use crate::effect::Effect;
use crate::entries::model::{Direction, Posting};
use crate::holds::model::{Hold, HoldAction, HoldState};
use crate::journal::record::Record;
use crate::reading::Reading;
use kernel::money::print_minor;
use kernel::{Asset, Id, Timestamp, id::prefix};
use platform_http::write_text;

/// JSON of one object, comma by comma.
pub struct Json {
    /// What is written so far.
    pub bytes: Vec<u8>,
    first: bool,
}

impl Default for Json {
    fn default() -> Self {
        Self::new()
    }
}

impl Json {
    /// With room for a usual answer.
    pub fn new() -> Self {
        Self { bytes: Vec::with_capacity(1024), first: true }
    }

    /// Opens an object or array.
    pub fn open(&mut self, bracket: u8) {
        self.bytes.push(bracket);
        self.first = true;
    }

    /// Closes an object or array.
    pub fn close(&mut self, bracket: u8) {
        self.bytes.push(bracket);
        self.first = false;
    }

    /// The comma before an element.
    pub fn next(&mut self) {
        if !self.first {
            self.bytes.push(b',');
        }
        self.first = false;
    }

    /// A member's name.
    pub fn name(&mut self, name: &str) {
        self.next();
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"\":");
    }

    /// A text member.
    pub fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        write_text(&mut self.bytes, value);
    }

    /// A text member that needs no escapes: ids, codes, amounts, times.
    pub fn plain(&mut self, name: &str, value: &str) {
        self.name(name);
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(b'"');
    }

    /// A text member or null.
    pub fn maybe(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.text(name, value),
            None => self.raw(name, "null"),
        }
    }

    /// A member as it stands.
    pub fn raw(&mut self, name: &str, value: &str) {
        self.name(name);
        self.bytes.extend_from_slice(value.as_bytes());
    }

    /// A whole number.
    pub fn number(&mut self, name: &str, value: u64) {
        self.raw(name, itoa::Buffer::new().format(value));
    }

    /// An id.
    pub fn id(&mut self, name: &str, id: Id, prefix: &str) {
        self.plain(name, &id.show(prefix));
    }

    /// An amount as decimal text.
    pub fn amount(&mut self, name: &str, minor: i128, asset: Asset) {
        self.plain(name, &print_minor(minor, asset.scale));
    }

    /// A time.
    pub fn time(&mut self, name: &str, at: Timestamp) {
        self.plain(name, &at.to_string());
    }

    /// Description and metadata.
    pub fn words(&mut self, text: &Text) {
        self.maybe("description", text.description.as_deref());
        self.name("metadata");
        self.open(b'{');
        for (name, value) in &text.metadata {
            self.next();
            write_text(&mut self.bytes, name);
            self.bytes.push(b':');
            write_text(&mut self.bytes, value);
        }
        self.close(b'}');
    }

    /// The bytes.
    pub fn done(self) -> Vec<u8> {
        self.bytes
    }
}

/// Renders records of one book.
pub struct Render<'a> {
    /// Names for numbers.
    pub reading: &'a Reading,
    /// Which book.
    pub book: BookNo,
}

impl Render<'_> {
    fn asset(&self, asset: AssetNo) -> Asset {
        self.reading.asset(self.book, asset)
    }

    fn account(&self, json: &mut Json, account: AccountNo) {
        let (id, path) = self.reading.name(account);
        json.id("account", id, prefix::ACCOUNT);
        json.text("path", &path);
    }

    /// An entry, capture or reversal as it was written; a hold with `hold_entry`.
    pub fn entry(&self, json: &mut Json, record: &Record, dry_run: bool) {
        json.open(b'{');
        json.id("id", record.id, entry_prefix(record));
        self.seq(json, record, dry_run);
        json.plain("type", entry_type(record));
        json.plain("status", if dry_run { "rehearsed" } else { entry_status(record) });
        match &record.effect {
            Effect::Reversed { entry, .. } => json.id("reverses", *entry, prefix::ENTRY),
            Effect::HoldMoved { hold_id, .. } => json.id("hold", *hold_id, prefix::HOLD),
            _ => {}
        }
        self.times(json, record);
        json.name("postings");
        json.open(b'[');
        for posting in record.effect.postings().iter().filter(|posting| posting.amount > 0) {
            json.next();
            json.open(b'{');
            self.account(json, posting.account);
            json.plain("direction", posting.direction.as_str());
            let asset = self.asset(posting.asset);
            json.amount("amount", posting.amount, asset);
            json.plain("currency", asset.code.as_str());
            json.close(b'}');
        }
        json.close(b']');
        self.touched(json, record);
        self.details(json, record);
        json.close(b'}');
    }

    fn seq(&self, json: &mut Json, record: &Record, dry_run: bool) {
        if dry_run { json.raw("seq", "null") } else { json.number("seq", record.seq) }
    }

    fn times(&self, json: &mut Json, record: &Record) {
        json.time("recorded_at", record.at);
        let effective = record.command.as_ref().and_then(|command| command.effective_at());
        json.time("effective_at", effective.unwrap_or(record.at));
    }

    fn details(&self, json: &mut Json, record: &Record) {
        let details = record.command.as_ref().and_then(|command| command.details());
        json.maybe("reference", details.and_then(|details| details.reference.as_deref()));
        if let Some(unique) = details.and_then(|details| details.unique_ref.as_deref()) {
            json.text("ref", unique);
        }
        json.maybe("party", record.party.as_deref());
        match details {
            Some(details) => json.words(&details.text),
            None => json.words(&Text::default()),
        }
        if let Some(passes) = details.and_then(|details| details.override_.as_ref()) {
            json.name("override");
            json.open(b'{');
            json.name("constraints");
            json.open(b'[');
            for (word, on) in [("\"floor\"", passes.floor), ("\"ceiling\"", passes.ceiling)] {
                if on {
                    json.next();
                    json.bytes.extend_from_slice(word.as_bytes());
                }
            }
            json.close(b']');
            json.text("reason", &passes.reason);
            json.close(b'}');
        }
    }

    /// The touched balances after the record: the last posting of each says it.
    pub fn touched(&self, json: &mut Json, record: &Record) {
        let postings = record.effect.postings();
        json.name("balances");
        json.open(b'[');
        for (place, posting) in postings.iter().enumerate() {
            let same = |later: &Posting| later.account == posting.account && later.asset == posting.asset;
            if postings[place + 1..].iter().any(same) {
                continue;
            }
            json.next();
            json.open(b'{');
            self.account(json, posting.account);
            let normal = self.reading.kind(posting.account).normal_side();
            self.balance(json, posting.asset, &posting.after, normal);
            json.number("last_seq", record.seq);
            json.close(b'}');
        }
        json.close(b']');
    }

    /// Currency, posted, pending, available.
    pub fn balance(&self, json: &mut Json, asset: AssetNo, counters: &Counters, normal: Direction) {
        let asset = self.asset(asset);
        json.plain("currency", asset.code.as_str());
        json.amount("posted", counters.posted(normal), asset);
        json.amount("pending", counters.pending(normal), asset);
        json.amount("available", counters.available(normal), asset);
    }

    /// A hold, from the record that placed it and the state it is in.
    pub fn hold(&self, json: &mut Json, first: &Record, hold: &Hold, newest: &Record, dry_run: bool) {
        json.open(b'{');
        json.id("id", first.id, prefix::HOLD);
        self.seq(json, newest, dry_run);
        json.plain("type", "hold");
        json.plain("status", if dry_run { "rehearsed" } else { hold.state.as_str() });
        self.times(json, first);
        match hold.expires_at {
            Some(at) => json.time("expires_at", at),
            None => json.raw("expires_at", "null"),
        }
        json.name("postings");
        json.open(b'[');
        for posting in &hold.postings {
            json.next();
            json.open(b'{');
            self.account(json, posting.account);
            json.plain("direction", posting.direction.as_str());
            let asset = self.asset(posting.asset);
            json.plain("currency", asset.code.as_str());
            json.amount("amount", posting.held, asset);
            json.amount("captured", posting.captured, asset);
            json.amount("released", posting.released, asset);
            let open = hold.state == HoldState::Open;
            json.amount("remaining", if open { posting.remaining() } else { 0 }, asset);
            json.amount("tolerance", posting.tolerance, asset);
            json.close(b'}');
        }
        json.close(b']');
        self.touched(json, newest);
        self.details(json, first);
        json.close(b'}');
    }
}

/// What a record that moves balances is, for callers.
pub fn entry_type(record: &Record) -> &'static str {
    match &record.effect {
        Effect::Posted { .. } => "entry",
        Effect::Reversed { .. } => "reversal",
        Effect::Held { .. } => "hold",
        Effect::HoldMoved { action, .. } => match action {
            HoldAction::Capture { .. } => "capture",
            HoldAction::Void { .. } => "void",
            HoldAction::Increment { .. } => "increment",
            HoldAction::Extend { .. } => "extension",
            HoldAction::Expire => "expiry",
        },
        _ => "record",
    }
}

fn entry_status(record: &Record) -> &'static str {
    match &record.effect {
        Effect::Held { .. } => "pending",
        Effect::HoldMoved { action, .. } => match action {
            HoldAction::Capture { .. } => "posted",
            HoldAction::Void { .. } | HoldAction::Expire => "released",
            HoldAction::Increment { .. } | HoldAction::Extend { .. } => "pending",
        },
        _ => "posted",
    }
}

fn entry_prefix(record: &Record) -> &'static str {
    if matches!(record.effect, Effect::Held { .. }) { prefix::HOLD } else { prefix::ENTRY }
}
