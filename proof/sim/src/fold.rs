//! The auditor's own books: records folded one by one with simple arithmetic, every number checked.

use kernel::{Id, Timestamp};
use ledger::accounts::model::{AccountNo, Frozen, Settings};
use ledger::books::model::{AssetNo, BookNo};
use ledger::effect::Effect;
use ledger::entries::model::{Direction, Posting};
use ledger::holds::model::{Hold, HoldAction, HoldState};
use ledger::journal::record::Record;
use ledger::skew::{NOWHERE, Place};
use std::collections::BTreeMap;

/// A name under which a record may be asked for again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// An id that the caller gave.
    Id(u128),
    /// An `Idempotency-Key`.
    Key(String),
    /// A `ref`.
    Ref(String),
    /// An `Idempotency-Key` of a batch.
    Batch(String),
}

/// One account in one asset.
type Owner = (AccountNo, AssetNo);

/// Four counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Posted debits and credits.
    pub posted: [i128; 2],
    /// Pending debits and credits.
    pub pending: [i128; 2],
}

/// A book's head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookSum {
    /// Number of its newest record.
    pub seq: u64,
    /// Records without a party.
    pub partyless: u64,
    /// Where its newest record stands.
    pub newest: u64,
}

/// What an account's settings say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountSum {
    /// Its book.
    pub book: BookNo,
    /// Its id.
    pub id: Id,
    /// Frozen sides.
    pub frozen: Frozen,
    /// Closed for good.
    pub closed: bool,
    /// Version of the settings.
    pub version: u32,
    /// Where its newest settings stand.
    pub newest: u64,
}

/// Everything that a list of records comes to.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    /// The records.
    pub records: Vec<Record>,
    /// First record under each name.
    pub names: BTreeMap<(BookNo, Name), usize>,
    /// Books in order.
    pub books: Vec<BookSum>,
    /// Accounts in order.
    pub accounts: Vec<AccountSum>,
    /// Balances.
    pub sums: BTreeMap<Owner, Sums>,
    /// Newest posting of each balance.
    pub newest: BTreeMap<Owner, Place>,
    /// Every hold as it stands.
    pub holds: BTreeMap<Id, Hold>,
    /// Records of each party.
    pub parties: BTreeMap<(BookNo, String), u64>,
    /// Time of the newest record.
    pub time: Timestamp,
    reversed: BTreeMap<Id, Vec<i128>>,
    by_id: BTreeMap<(BookNo, Id), usize>,
}

fn side(direction: Direction) -> usize {
    match direction {
        Direction::Debit => 0,
        Direction::Credit => 1,
    }
}

/// Fails with this text unless it holds.
pub fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

impl Fold {
    /// The record at a position.
    pub fn at(&self, position: u64) -> Option<&Record> {
        let place = self.records.binary_search_by_key(&position, |record| record.position);
        place.ok().map(|place| &self.records[place])
    }

    /// The first record under a name.
    pub fn named(&self, book: BookNo, name: Name) -> Option<&Record> {
        self.names.get(&(book, name)).map(|place| &self.records[*place])
    }

    /// Whether any record has this id.
    pub fn has_id(&self, book: BookNo, id: Id) -> bool {
        self.by_id.contains_key(&(book, id))
    }

    /// Adds the next record.
    pub fn push(&mut self, record: Record) -> Result<(), String> {
        self.number(&record)
            .map_err(|why| format!("record {} of book {}: {why}", record.seq, record.book.0))?;
        self.change(&record)
            .map_err(|why| format!("record {} of book {}: {why}", record.seq, record.book.0))?;
        self.name(&record)?;
        self.time = record.at;
        self.records.push(record);
        Ok(())
    }

    fn number(&mut self, record: &Record) -> Result<(), String> {
        let place = record.book.0 as usize;
        if place == self.books.len() && matches!(record.effect, Effect::Book { .. }) {
            self.books.push(BookSum::default());
        }
        let book = self.books.get_mut(place).ok_or("it is of a book that was not opened")?;
        ensure(record.seq == book.seq + 1, || format!("it follows {}", book.seq))?;
        ensure(record.previous == book.newest, || {
            format!("it points to {}, not {}", record.previous, book.newest)
        })?;
        (book.seq, book.newest) = (record.seq, record.position);
        let counted = match &record.party {
            Some(party) => self.parties.entry((record.book, party.to_string())).or_default(),
            None => &mut book.partyless,
        };
        *counted += 1;
        ensure(record.party_seq == *counted, || {
            format!("its party's number is {}, not {counted}", record.party_seq)
        })?;
        ensure(record.at >= self.time, || "it is older than the one before".to_owned())
    }

    fn name(&mut self, record: &Record) -> Result<(), String> {
        let place = self.records.len();
        let mut names = Vec::new();
        if record.keys.own_id {
            names.push(Name::Id(record.id.0));
        }
        let is_batch = matches!(record.effect, Effect::Batch(_));
        if let Some(key) = &record.keys.key {
            names.push(if is_batch { Name::Batch(key.to_string()) } else { Name::Key(key.to_string()) });
        }
        let details = record.command.as_ref().and_then(|command| command.details());
        if let Some(unique) = details.and_then(|details| details.unique_ref.as_ref()) {
            names.push(Name::Ref(unique.to_string()));
        }
        for name in names {
            let double = format!("{name:?} names records {} and {}", place, record.seq);
            let before = self.names.insert((record.book, name), place);
            ensure(before.is_none(), || double)?;
        }
        let before = self.by_id.insert((record.book, record.id), place);
        ensure(before.is_none(), || format!("two records have the id {:?}", record.id))
    }

    fn change(&mut self, record: &Record) -> Result<(), String> {
        match &record.effect {
            Effect::Opened(opened) => {
                self.accounts.push(account(record.book, opened.id, &opened.settings, record.position));
            }
            Effect::Changed { account: no, settings } => {
                let known = self.accounts.get_mut(no.0 as usize).ok_or("it changes an unknown account")?;
                *known = account(record.book, known.id, settings, record.position);
            }
            Effect::Posted { postings } => self.post(postings)?,
            Effect::Reversed { entry, postings, reversed, .. } => {
                self.post(postings)?;
                self.reverse(record.book, *entry, reversed)?;
            }
            Effect::Held { hold_id, hold, .. } => {
                ensure(hold.state == HoldState::Open, || "a new hold is not open".to_owned())?;
                ensure(!self.holds.contains_key(hold_id), || "the hold is there already".to_owned())?;
                self.reserve(hold, 1);
                let placed = Hold { placed_at: record.position, ..hold.clone() };
                self.holds.insert(*hold_id, placed);
            }
            Effect::HoldMoved { hold_id, action, hold, postings } => {
                self.move_hold(*hold_id, action, hold, postings)?;
            }
            Effect::Book { .. }
            | Effect::Asset(_)
            | Effect::Pattern(_)
            | Effect::Refused(_)
            | Effect::Batch(_)
            | Effect::Unit => {}
        }
        self.check_postings(record)
    }

    fn post(&mut self, postings: &[Posting]) -> Result<(), String> {
        for posting in postings {
            ensure(posting.amount > 0, || "a posting is not positive".to_owned())?;
            let sums = self.sums.entry((posting.account, posting.asset)).or_default();
            sums.posted[side(posting.direction)] += posting.amount;
        }
        Ok(())
    }

    fn reserve(&mut self, hold: &Hold, sign: i128) {
        for posting in &hold.postings {
            let rest = (posting.held - posting.captured - posting.released).max(0);
            let sums = self.sums.entry((posting.account, posting.asset)).or_default();
            sums.pending[side(posting.direction)] += sign * rest;
        }
    }

    fn move_hold(
        &mut self,
        id: Id,
        action: &HoldAction,
        hold: &Hold,
        postings: &[Posting],
    ) -> Result<(), String> {
        let before = self.holds.get(&id).cloned().ok_or("it moves an unknown hold")?;
        ensure(before.state == HoldState::Open, || format!("it moves a hold that is {:?}", before.state))?;
        ensure(before.placed_at == hold.placed_at, || "the hold forgot where it was placed".to_owned())?;
        self.reserve(&before, -1);
        self.reserve(hold, 1);
        let captured = |hold: &Hold| hold.postings.iter().map(|posting| posting.captured).sum::<i128>();
        if matches!(action, HoldAction::Capture { .. }) {
            let moved: i128 = postings.iter().map(|posting| posting.amount).sum();
            ensure(moved == captured(hold) - captured(&before), || {
                "the capture is not what was posted".to_owned()
            })?;
            for posting in postings {
                let sums = self.sums.entry((posting.account, posting.asset)).or_default();
                sums.posted[side(posting.direction)] += posting.amount;
            }
        } else {
            ensure(captured(hold) == captured(&before), || "it captures though it should not".to_owned())?;
        }
        self.holds.insert(id, hold.clone());
        Ok(())
    }

    fn reverse(&mut self, book: BookNo, entry: Id, reversed: &[i128]) -> Result<(), String> {
        let place = self.by_id.get(&(book, entry)).ok_or("it reverses an unknown entry")?;
        let original = self.records[*place].effect.postings();
        ensure(original.len() == reversed.len(), || "it reverses another entry".to_owned())?;
        let before = self.reversed.entry(entry).or_insert_with(|| vec![0; reversed.len()]);
        for ((now, was), posting) in reversed.iter().zip(before.iter_mut()).zip(original) {
            ensure(*was <= *now && *now <= posting.amount, || {
                format!("{now} reversed after {was} of {}", posting.amount)
            })?;
            *was = *now;
        }
        Ok(())
    }

    /// Balanced, counters as reckoned here, pointers to the posting before.
    fn check_postings(&mut self, record: &Record) -> Result<(), String> {
        let postings = record.effect.postings();
        ensure(postings.len() == record.links.len(), || "pointers are missing".to_owned())?;
        let mut balance: BTreeMap<AssetNo, i128> = BTreeMap::new();
        for (number, (posting, links)) in postings.iter().zip(&record.links).enumerate() {
            let owner = (posting.account, posting.asset);
            let signed = if posting.direction == Direction::Debit { posting.amount } else { -posting.amount };
            *balance.entry(posting.asset).or_default() += signed;
            let newest = self.newest.insert(owner, Place::new(record.position, number)).unwrap_or(NOWHERE);
            ensure(links.previous == newest, || format!("posting {number} points to {:?}", links.previous))?;
            let is_last = !postings[number + 1..].iter().any(|other| (other.account, other.asset) == owner);
            let sums = self.sums.get(&owner).copied().unwrap_or_default();
            ensure(!is_last || sums == sums_of(&posting.after), || {
                format!("posting {number} leaves {:?}, not {sums:?}", posting.after)
            })?;
        }
        // What a hold gives back may lean to one side, where a capture took a tolerance on one posting.
        let gives_back = matches!(
            &record.effect,
            Effect::HoldMoved { action: HoldAction::Void { .. } | HoldAction::Expire, .. }
        );
        ensure(gives_back || balance.values().all(|rest| *rest == 0), || {
            format!("it does not balance: {balance:?}")
        })
    }
}

fn account(book: BookNo, id: Id, settings: &Settings, newest: u64) -> AccountSum {
    let Settings { frozen, closed, version, .. } = settings;
    AccountSum { book, id, frozen: *frozen, closed: *closed, version: *version, newest }
}

/// Counters in the auditor's form.
pub fn sums_of(counters: &ledger::accounts::model::Counters) -> Sums {
    Sums {
        posted: [counters.debits, counters.credits],
        pending: [counters.debits_pending, counters.credits_pending],
    }
}
