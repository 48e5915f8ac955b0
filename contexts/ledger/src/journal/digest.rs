//! The digest of a book: BLAKE3 over what its records say, in `seq` order, whatever they were stored in.
//! Two books have one digest exactly if the same things happened in them at the same recorded times.
//!
//! | in it | not in it |
//! |---|---|
//! | seq, kind, id, recorded time | positions, pointers, checksums, frames, redo |
//! | the command; accounts by path, assets by code | numbers that a store gave to accounts and assets |
//! | the salted hash of its free text | the text itself, which may be erased |
//! | the entry: postings, what is reversed, the hold as it stands | counters: they follow from the postings |
//! | a refusal or a batch's outcomes that were kept | the caller, keys, address, traces |

use super::codec::Pen;
use super::commands::{frozen_code, kind_code};
use super::problems::put_problem;
use super::record::Record;
use crate::accounts::model::{
    AccountNo, AccountRef, ChangeAccount, Lifecycle, Limits, OpenAccount, Settings, Text,
};
use crate::books::model::{AssetNo, Pattern};
use crate::command::Command;
use crate::effect::{Effect, Outcome};
use crate::entries::model::{
    AmountCommand, Condition, Details, Direction, Posting, PostingCommand, Share, Test,
};
use crate::holds::model::{Hold, HoldAction, HoldState};
use crate::state::{Book, State};
use kernel::Asset;

/// The digest of one book while its records come in.
#[derive(Clone)]
pub struct BookDigest {
    hasher: blake3::Hasher,
    core: Vec<u8>,
}

impl Default for BookDigest {
    fn default() -> Self {
        Self::new()
    }
}

impl BookDigest {
    /// Of no records.
    pub fn new() -> Self {
        let mut hasher = blake3::Hasher::new();
        // The form's name: another form gives other digests.
        hasher.update(b"concord book digest 1\n");
        Self { hasher, core: Vec::new() }
    }

    /// Adds the book's next record. `state` knows every account and asset that the record names.
    pub fn add(&mut self, record: &Record, state: &State) {
        let mut core = std::mem::take(&mut self.core);
        core.clear();
        let mut no_text = Vec::new();
        let book = state.book(record.book);
        let mut teller = Teller { pen: Pen { core: &mut core, text: &mut no_text }, state, book, record };
        teller.record();
        self.hasher.update(&(core.len() as u64).to_le_bytes());
        self.hasher.update(&core);
        self.core = core;
    }

    /// The digest of the records so far.
    pub fn value(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }
}

/// Tells a record in names instead of numbers.
struct Teller<'a> {
    pen: Pen<'a>,
    state: &'a State,
    book: &'a Book,
    record: &'a Record,
}

impl Teller<'_> {
    fn record(&mut self) {
        let record = self.record;
        self.pen.uint(record.seq);
        self.pen.byte(super::effects::kind_code(&record.effect));
        self.pen.id(record.id);
        self.pen.time(record.at);
        self.pen.option(record.text_hash, |pen, hash| pen.core.extend_from_slice(&hash));
        match &record.command {
            None => self.pen.byte(0),
            Some(command) => self.command(command),
        }
        self.effect();
    }

    fn account(&mut self, account: AccountNo) {
        let path = self.state.directory.name(account).path.clone();
        self.pen.byte(1);
        self.pen.word(&path);
    }

    /// A name as the caller gave it: whether it was known when the request was read is not told.
    fn account_ref(&mut self, account: &AccountRef) {
        match account {
            AccountRef::Known(no) => self.account(*no),
            AccountRef::Path(path) => {
                self.pen.byte(1);
                self.pen.word(path);
            }
            AccountRef::Id(id) => match self.state.directory.by_id(self.record.book, *id) {
                Some(no) => self.account(no),
                None => {
                    self.pen.byte(2);
                    self.pen.id(*id);
                }
            },
        }
    }

    fn asset(&mut self, asset: AssetNo) {
        self.pen.word(self.book.assets[asset.0 as usize].code.as_str());
    }

    fn new_asset(&mut self, asset: Asset) {
        self.pen.word(asset.code.as_str());
        self.pen.byte(asset.scale);
    }

    fn assets(&mut self, assets: Option<&[AssetNo]>) {
        self.pen.byte(assets.is_some().into());
        self.pen.uint(assets.map_or(0, <[_]>::len) as u64);
        assets.unwrap_or_default().iter().for_each(|asset| self.asset(*asset));
    }

    fn limits(&mut self, limits: &[(AssetNo, Limits)]) {
        self.pen.uint(limits.len() as u64);
        for (asset, limits) in limits {
            self.asset(*asset);
            self.pen.option(limits.floor, Pen::signed);
            self.pen.option(limits.ceiling, Pen::signed);
        }
    }

    /// What there is of free text; the text itself stands in the record's hash.
    fn text(&mut self, text: &Text) {
        self.pen.byte(text.description.is_some().into());
        self.pen.uint(text.metadata.len() as u64);
    }

    fn command(&mut self, command: &Command) {
        match command {
            Command::PostEntry(entry) => {
                self.pen.byte(1);
                self.posting_commands(&entry.postings);
            }
            Command::ReverseEntry(reversal) => {
                self.pen.byte(2);
                self.pen.id(reversal.entry);
                self.share(&reversal.share);
            }
            Command::PlaceHold(hold) => {
                self.pen.byte(3);
                self.posting_commands(&hold.postings);
                self.pen.option(hold.expires_at, Pen::time);
                self.pen.option(hold.expires_in_s, Pen::uint);
                self.pen.list(&hold.tolerance, |pen, minor| pen.minor(*minor));
            }
            Command::ActOnHold(act) => {
                self.pen.byte(4);
                self.pen.id(act.hold);
                self.action(&act.action);
            }
            Command::OpenAccount(open) => {
                self.pen.byte(5);
                self.open(open);
            }
            Command::ChangeAccount(account, change) => {
                self.pen.byte(6);
                self.account(*account);
                self.change(change);
            }
            Command::MoveAccount(account, change, reason) => {
                self.pen.byte(7);
                self.account(*account);
                self.pen.byte(match change {
                    Lifecycle::Freeze(sides) => frozen_code(*sides),
                    Lifecycle::Thaw => 4,
                    Lifecycle::Close => 5,
                });
                self.pen.byte(reason.is_some().into());
            }
            Command::RegisterAsset(register) => {
                self.pen.byte(8);
                self.new_asset(register.asset);
                self.pen.option(register.name.as_deref(), Pen::word);
            }
            Command::SetPattern(pattern) => {
                self.pen.byte(9);
                self.pattern(pattern);
            }
        }
        self.details(command.details());
    }

    fn posting_commands(&mut self, postings: &[PostingCommand]) {
        self.pen.uint(postings.len() as u64);
        for posting in postings {
            self.account_ref(&posting.account);
            self.side(posting.direction);
            self.asset(posting.asset);
            match posting.amount {
                AmountCommand::Exact(minor) => {
                    self.pen.byte(1);
                    self.pen.minor(minor);
                }
                AmountCommand::Max { up_to } => {
                    self.pen.byte(2);
                    self.pen.option(up_to, Pen::minor);
                }
                AmountCommand::Remaining => self.pen.byte(3),
            }
        }
    }

    fn side(&mut self, direction: Direction) {
        self.pen.byte(u8::from(direction == Direction::Credit));
    }

    fn share(&mut self, share: &Share) {
        match share {
            Share::Rest => self.pen.byte(0),
            Share::Amount(minor) => {
                self.pen.byte(1);
                self.pen.minor(*minor);
            }
            Share::Postings(named) => {
                self.pen.byte(2);
                self.pen.list(named, |pen, (posting, minor)| {
                    pen.uint((*posting).into());
                    pen.minor(*minor);
                });
            }
        }
    }

    fn action(&mut self, action: &HoldAction) {
        match action {
            HoldAction::Capture { share, last } => {
                self.pen.byte(if *last { 2 } else { 1 });
                self.share(share);
            }
            HoldAction::Void { share } => {
                self.pen.byte(3);
                self.share(share);
            }
            HoldAction::Increment { share } => {
                self.pen.byte(4);
                self.share(share);
            }
            HoldAction::Extend { expires_at } => {
                self.pen.byte(5);
                self.pen.time(*expires_at);
            }
            HoldAction::Expire => self.pen.byte(6),
        }
    }

    fn open(&mut self, open: &OpenAccount) {
        self.pen.word(&open.path);
        self.pen.byte(kind_code(open.kind));
        self.assets(open.assets.as_deref());
        self.limits(&open.limits);
        self.text(&open.text);
        self.pen.byte(open.by_pattern.into());
    }

    fn change(&mut self, change: &ChangeAccount) {
        self.pen.byte(change.assets.is_some().into());
        self.assets(change.assets.as_ref().and_then(|assets| assets.as_deref()));
        self.limits(&change.limits);
        self.pen.byte(change.description.as_ref().map_or(0, |text| if text.is_some() { 2 } else { 1 }));
        self.pen.list(&change.metadata, |pen, (_, value)| pen.byte(value.is_some().into()));
        self.pen.option(change.if_version, |pen, version| pen.uint(version.into()));
    }

    fn pattern(&mut self, pattern: &Pattern) {
        self.pen.word(&pattern.pattern);
        self.pen.byte(kind_code(pattern.kind));
        self.assets(pattern.assets.as_deref());
        self.limits(&pattern.limits);
        self.pen.uint(pattern.quota);
    }

    fn details(&mut self, details: Option<&Details>) {
        let Some(details) = details else { return self.pen.byte(0) };
        self.pen.byte(1);
        for word in [&details.reference, &details.unique_ref, &details.party] {
            self.pen.option(word.as_deref(), Pen::word);
        }
        self.pen.option(details.effective_at, Pen::time);
        self.pen.uint(details.conditions.len() as u64);
        details.conditions.iter().for_each(|condition| self.condition(condition));
        self.pen.option(details.override_.as_ref(), |pen, passes| {
            pen.byte(u8::from(passes.floor) | u8::from(passes.ceiling) << 1);
            pen.word(&passes.reason);
        });
        self.text(&details.text);
    }

    fn condition(&mut self, condition: &Condition) {
        self.account_ref(&condition.account);
        match condition.test {
            Test::Version(version) => {
                self.pen.byte(1);
                self.pen.uint(version.into());
            }
            Test::LastSeq(asset, seq) => {
                self.pen.byte(2);
                self.asset(asset);
                self.pen.uint(seq);
            }
            Test::Balance(asset, word, comparison, bound) => {
                self.pen.byte(3);
                self.asset(asset);
                self.pen.byte(word as u8);
                self.pen.word(comparison.as_str());
                self.pen.signed(bound);
            }
        }
    }

    fn effect(&mut self) {
        let record = self.record;
        match &record.effect {
            Effect::Book { tenant, assets } => {
                self.pen.word(tenant.as_str());
                self.pen.uint(assets.len() as u64);
                assets.iter().for_each(|asset| self.new_asset(*asset));
            }
            // The command says it all.
            Effect::Asset(_) | Effect::Pattern(_) | Effect::Opened(_) | Effect::Unit => {}
            Effect::Changed { account, settings } => {
                self.account(*account);
                self.settings(settings);
            }
            Effect::Posted { postings } => self.postings(postings),
            Effect::Reversed { entry, postings, reversed, .. } => {
                self.pen.id(*entry);
                self.pen.list(reversed, |pen, minor| pen.minor(*minor));
                self.postings(postings);
            }
            Effect::Held { hold, postings, .. } => {
                self.hold(hold);
                self.postings(postings);
            }
            Effect::HoldMoved { hold_id, action, hold, postings } => {
                self.pen.id(*hold_id);
                self.action(action);
                self.hold(hold);
                self.postings(postings);
            }
            Effect::Refused(problem) => put_problem(&mut self.pen, problem),
            Effect::Batch(batch) => {
                self.pen.byte(batch.atomic.into());
                self.pen.list(&batch.outcomes, outcome);
            }
        }
    }

    fn settings(&mut self, settings: &Settings) {
        self.assets(settings.assets.as_deref());
        self.limits(&settings.limits);
        self.pen.byte(frozen_code(settings.frozen) | u8::from(settings.closed) << 2);
        self.pen.uint(settings.version.into());
        self.pen.time(settings.opened_at);
        self.text(&settings.text);
    }

    fn postings(&mut self, postings: &[Posting]) {
        self.pen.uint(postings.len() as u64);
        for posting in postings {
            self.account(posting.account);
            self.side(posting.direction);
            self.asset(posting.asset);
            self.pen.minor(posting.amount);
        }
    }

    fn hold(&mut self, hold: &Hold) {
        let state = HoldState::ALL.iter().position(|state| *state == hold.state).unwrap_or(0);
        self.pen.byte(state as u8);
        self.pen.option(hold.expires_at, Pen::time);
        self.pen.uint(hold.postings.len() as u64);
        for posting in &hold.postings {
            self.account(posting.account);
            self.side(posting.direction);
            self.asset(posting.asset);
            let amounts = [posting.held, posting.captured, posting.released, posting.tolerance];
            amounts.into_iter().for_each(|minor| self.pen.minor(minor));
        }
    }
}

fn outcome(pen: &mut Pen<'_>, outcome: &Outcome) {
    match outcome {
        Outcome::Done { seq, .. } => {
            pen.byte(1);
            pen.uint(*seq);
        }
        Outcome::Replayed { seq, .. } => {
            pen.byte(2);
            pen.uint(*seq);
        }
        Outcome::Refused(problem) => {
            pen.byte(3);
            put_problem(pen, problem);
        }
        Outcome::WouldDo => pen.byte(4),
    }
}
