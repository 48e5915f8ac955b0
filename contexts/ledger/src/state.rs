//! The resident state that decisions are made against: books, accounts, balances, open holds, counters.
//! A plain data structure: it is changed by [`State::apply`] alone, live and in recovery, and can be undone.

use crate::accounts::model::{AccountKind, AccountNo, BalanceNo, Counters, Frozen, Limits};
use crate::books::model::{AssetNo, BookNo, Pattern};
use crate::directory::{Directory, Name};
use crate::effect::{Effect, Opened};
use crate::entries::model::Posting;
use crate::holds::model::{Hold, HoldState};
use crate::refusal::{NO_BALANCE, Names};
use crate::skew::Stack;
use hashbrown::HashMap;
use kernel::{Asset, AssetCode, Id, Tenant, Timestamp};
use smallvec::SmallVec;
use std::collections::BTreeSet;

/// Accounts that are usually fetched at once; more take an allocation.
const FETCHED: usize = 128;

/// A book's head.
#[derive(Clone, Debug)]
pub struct Book {
    /// Whose.
    pub tenant: Tenant,
    /// Number of its newest record.
    pub seq: u64,
    /// Records so far that carry no party: the number of the book as a key of events.
    pub partyless: u64,
    /// Its assets, in registration order.
    pub assets: Vec<Asset>,
    codes: HashMap<AssetCode, AssetNo, foldhash::quality::RandomState>,
    /// Its patterns and how many accounts each has opened.
    pub patterns: Vec<(Pattern, u64)>,
    /// Where its newest record stands; the store's to fill.
    pub newest: u64,
}

impl Book {
    /// The number of an asset.
    pub fn asset_no(&self, code: AssetCode) -> Option<AssetNo> {
        self.codes.get(&code).copied()
    }

    fn add_asset(&mut self, asset: Asset) {
        self.codes.insert(asset.code, AssetNo(self.assets.len() as u32));
        self.assets.push(asset);
    }
}

/// What decisions need of an account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its book.
    pub book: BookNo,
    /// Its type.
    pub kind: AccountKind,
    /// Frozen sides.
    pub frozen: Frozen,
    /// Closed for good.
    pub closed: bool,
    /// Version of its settings.
    pub version: u32,
    /// Open holds that touch it.
    pub open_holds: u32,
    /// First of its balances, a list through [`Balance::next`].
    pub first: BalanceNo,
    /// Assets it may hold; none for all.
    pub allowed: Option<Box<[AssetNo]>>,
    /// Where its newest settings stand; the store's to fill.
    pub newest: u64,
}

/// One account in one asset: two lines of the processor's cache.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub struct Balance {
    /// Its counters.
    pub counters: Counters,
    /// Its account.
    pub account: AccountNo,
    /// Its asset.
    pub asset: AssetNo,
    /// The account's next balance.
    pub next: BalanceNo,
    /// Its limits; boxed, because most balances have none.
    pub limits: Option<Box<Limits>>,
    /// The record that touched it last.
    pub last_seq: u64,
    /// Positions of its postings that a new one may point to.
    pub stack: Stack,
}

/// What undoing takes.
enum Undo {
    Counters(BalanceNo, Counters, u64),
    Account(AccountNo, Box<Account>),
    Limits(BalanceNo, Option<Box<Limits>>),
    NewAccount,
    NewBalance,
    NewAsset(BookNo),
    NewPattern(BookNo),
    PatternUse(BookNo, usize),
    Hold(Id, Option<Box<Hold>>),
    Seq(BookNo, u64),
    Partyless(BookNo),
    Party(u128, u64),
}

/// The resident state.
#[derive(Default)]
pub struct State {
    /// Books, in the order they were opened.
    pub books: Vec<Book>,
    /// Which book a tenant has.
    pub tenants: HashMap<Tenant, BookNo, foldhash::quality::RandomState>,
    /// Names of accounts.
    pub directory: Directory,
    /// Accounts, in the order they were opened.
    pub accounts: Vec<Account>,
    /// Balances, in the order they were first touched.
    pub balances: Vec<Balance>,
    /// Open holds.
    pub holds: HashMap<Id, Hold, foldhash::quality::RandomState>,
    /// Open holds that expire, earliest first.
    pub expiry: BTreeSet<(Timestamp, Id)>,
    /// Records per party, by a 128-bit hash of book and party.
    pub parties: HashMap<u128, u64, foldhash::quality::RandomState>,
    /// Time of the newest record.
    pub last_time: Timestamp,
    undo: Option<Vec<Undo>>,
    /// Names of accounts that undoing took away, newest first: a refusal may speak of them.
    undone: Vec<Name>,
}

/// The key under which a party's records are counted.
pub fn party_key(book: BookNo, party: &str) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&book.0.to_le_bytes());
    hasher.update(party.as_bytes());
    let mut half = [0; 16];
    half.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    u128::from_le_bytes(half)
}

impl State {
    /// The account, which is known to exist.
    pub fn account(&self, account: AccountNo) -> &Account {
        &self.accounts[account.0 as usize]
    }

    /// The name of an account, also of one that only a refused command opened.
    pub fn name(&self, account: AccountNo) -> &Name {
        match (account.0 as usize).checked_sub(self.directory.len()) {
            None => self.directory.name(account),
            Some(gone) => &self.undone[self.undone.len() - 1 - gone],
        }
    }

    /// The balance, which is known to exist.
    pub fn balance(&self, balance: BalanceNo) -> &Balance {
        &self.balances[balance.0 as usize]
    }

    /// The book, which is known to exist.
    pub fn book(&self, book: BookNo) -> &Book {
        &self.books[book.0 as usize]
    }

    /// The balance of an account in an asset, if it was ever touched or limited.
    pub fn find_balance(&self, account: AccountNo, asset: AssetNo) -> Option<BalanceNo> {
        let mut no = self.account(account).first;
        while no != NO_BALANCE {
            let balance = self.balance(no);
            if balance.asset == asset {
                return Some(no);
            }
            no = balance.next;
        }
        None
    }

    /// All balances of an account.
    pub fn balances_of(&self, account: AccountNo) -> impl Iterator<Item = &Balance> {
        let mut no = self.account(account).first;
        std::iter::from_fn(move || {
            let balance = self.balances.get(no.0 as usize)?;
            no = balance.next;
            Some(balance)
        })
    }

    /// The balance of an account in an asset, made if it is missing.
    pub fn balance_for(&mut self, account: AccountNo, asset: AssetNo) -> BalanceNo {
        if let Some(no) = self.find_balance(account, asset) {
            return no;
        }
        let no = BalanceNo(self.balances.len() as u32);
        let owner = &mut self.accounts[account.0 as usize];
        self.balances.push(Balance {
            counters: Counters::default(),
            account,
            asset,
            next: owner.first,
            limits: None,
            last_seq: 0,
            stack: Stack::default(),
        });
        owner.first = no;
        self.note(|| Undo::NewBalance);
        no
    }

    /// Reads what deciding about these accounts will read. In loops as tight as these the processor waits
    /// for many lines of memory at once; in the course of deciding it would wait for one after another.
    pub fn fetch(&self, accounts: impl Iterator<Item = AccountNo>) {
        let known = accounts.filter_map(|account| self.accounts.get(account.0 as usize));
        let firsts: SmallVec<[u32; FETCHED]> = known.map(|account| account.first.0).collect();
        let balances = || firsts.iter().filter_map(|first| self.balances.get(*first as usize));
        let counters =
            balances().fold(0, |seen, balance| seen ^ balance.counters.debits ^ i128::from(balance.last_seq));
        let stacks = balances().fold(0, |seen, balance| seen ^ balance.stack.newest().0);
        std::hint::black_box((counters, stacks));
    }

    /// From here on every change is remembered, until [`State::keep`] or [`State::roll_back`].
    pub fn remember(&mut self) {
        if self.undo.is_none() {
            self.undone.clear();
        }
        self.undo.get_or_insert_default();
    }

    /// Whether changes are being remembered.
    pub fn is_remembering(&self) -> bool {
        self.undo.is_some()
    }

    /// Forgets how to undo.
    pub fn keep(&mut self) {
        self.undo = None;
    }

    /// A place in the undo log to come back to.
    pub fn mark(&self) -> usize {
        self.undo.as_ref().map_or(0, Vec::len)
    }

    /// Undoes every change since the mark and, at mark 0, stops remembering.
    pub fn roll_back(&mut self, mark: usize) {
        let Some(mut log) = self.undo.take() else { return };
        while log.len() > mark {
            if let Some(step) = log.pop() {
                self.undo_one(step);
            }
        }
        if mark > 0 {
            self.undo = Some(log);
        }
    }

    fn note(&mut self, step: impl FnOnce() -> Undo) {
        if let Some(log) = &mut self.undo {
            log.push(step());
        }
    }

    fn undo_one(&mut self, step: Undo) {
        match step {
            Undo::Counters(no, counters, last_seq) => {
                let balance = &mut self.balances[no.0 as usize];
                balance.counters = counters;
                balance.last_seq = last_seq;
            }
            Undo::Account(no, account) => self.accounts[no.0 as usize] = *account,
            Undo::Limits(no, limits) => self.balances[no.0 as usize].limits = limits,
            Undo::NewAccount => {
                self.accounts.pop();
                let last = AccountNo(self.accounts.len() as u32);
                self.undone.push(self.directory.name(last).clone());
                self.directory.pop();
            }
            Undo::NewBalance => {
                let balance = self.balances.pop().expect("it was pushed");
                if let Some(owner) = self.accounts.get_mut(balance.account.0 as usize) {
                    owner.first = balance.next;
                }
            }
            Undo::NewAsset(book) => {
                let book = &mut self.books[book.0 as usize];
                if let Some(asset) = book.assets.pop() {
                    book.codes.remove(&asset.code);
                }
            }
            Undo::NewPattern(book) => {
                self.books[book.0 as usize].patterns.pop();
            }
            Undo::PatternUse(book, place) => self.books[book.0 as usize].patterns[place].1 -= 1,
            Undo::Hold(id, before) => self.set_hold(id, before.map(|hold| *hold)),
            Undo::Seq(book, seq) => self.books[book.0 as usize].seq = seq,
            Undo::Partyless(book) => self.books[book.0 as usize].partyless -= 1,
            Undo::Party(key, count) => {
                self.parties.insert(key, count);
            }
        }
    }

    /// Takes the next record number of a book, and of its party (else of the book's partyless records).
    pub fn number(&mut self, book: BookNo, party: Option<&str>) -> (u64, u64) {
        let old = self.books[book.0 as usize].seq;
        self.note(|| Undo::Seq(book, old));
        self.books[book.0 as usize].seq = old + 1;
        let party_seq = match party {
            None => {
                self.note(|| Undo::Partyless(book));
                let head = &mut self.books[book.0 as usize];
                head.partyless += 1;
                head.partyless
            }
            Some(party) => {
                let key = party_key(book, party);
                let count = self.parties.get(&key).copied().unwrap_or(0);
                self.note(|| Undo::Party(key, count));
                self.parties.insert(key, count + 1);
                count + 1
            }
        };
        (old + 1, party_seq)
    }

    /// Changes the state as a record says. `seq` is the record's number.
    pub fn apply(&mut self, book: BookNo, seq: u64, effect: &Effect) {
        match effect {
            Effect::Book { tenant, assets } => self.add_book(tenant.clone(), assets),
            Effect::Asset(asset) => {
                self.note(|| Undo::NewAsset(book));
                self.books[book.0 as usize].add_asset(*asset);
            }
            Effect::Pattern(pattern) => {
                self.note(|| Undo::NewPattern(book));
                self.books[book.0 as usize].patterns.push((pattern.clone(), 0));
            }
            Effect::Opened(opened) => self.add_account(book, opened),
            Effect::Changed { account, settings } => {
                let old = Box::new(self.account(*account).clone());
                self.note(|| Undo::Account(*account, old));
                let known = &mut self.accounts[account.0 as usize];
                known.frozen = settings.frozen;
                known.closed = settings.closed;
                known.version = settings.version;
                known.allowed = settings.assets.as_deref().map(Box::from);
                self.set_limits(*account, &settings.limits);
            }
            Effect::Posted { postings } | Effect::Reversed { postings, .. } => self.post(seq, postings),
            Effect::Held { hold_id, hold, postings } => {
                self.post(seq, postings);
                self.change_hold(*hold_id, hold);
            }
            Effect::HoldMoved { hold_id, hold, postings, .. } => {
                self.post(seq, postings);
                self.change_hold(*hold_id, hold);
            }
            Effect::Refused(_) | Effect::Batch(_) | Effect::Unit => {}
        }
    }

    /// A balance as a record left it, which is never undone.
    pub fn settle(&mut self, balance: BalanceNo, after: Counters, seq: u64) {
        let balance = &mut self.balances[balance.0 as usize];
        (balance.counters, balance.last_seq) = (after, seq);
    }

    fn post(&mut self, seq: u64, postings: &[Posting]) {
        for posting in postings {
            if self.undo.is_some() {
                let old = self.balance(posting.balance);
                let step = Undo::Counters(posting.balance, old.counters, old.last_seq);
                self.note(|| step);
            }
            self.settle(posting.balance, posting.after, seq);
        }
    }

    fn change_hold(&mut self, id: Id, hold: &Hold) {
        let before = self.holds.get(&id).cloned().map(Box::new);
        self.note(|| Undo::Hold(id, before));
        self.set_hold(id, (hold.state == HoldState::Open).then(|| hold.clone()));
    }

    fn set_hold(&mut self, id: Id, hold: Option<Hold>) {
        let old = match hold.clone() {
            Some(hold) => self.holds.insert(id, hold),
            None => self.holds.remove(&id),
        };
        if let Some(at) = old.as_ref().and_then(|old| old.expires_at) {
            self.expiry.remove(&(at, id));
        }
        if let Some(at) = hold.as_ref().and_then(|hold| hold.expires_at) {
            self.expiry.insert((at, id));
        }
        let count = |hold: &Hold, accounts: &mut Vec<Account>, up: bool| {
            for posting in &hold.postings {
                let open = &mut accounts[posting.account.0 as usize].open_holds;
                *open = if up { *open + 1 } else { *open - 1 };
            }
        };
        if let Some(old) = &old {
            count(old, &mut self.accounts, false);
        }
        if let Some(hold) = &hold {
            count(hold, &mut self.accounts, true);
        }
    }

    fn add_book(&mut self, tenant: Tenant, assets: &[Asset]) {
        let no = BookNo(self.books.len() as u32);
        let mut book = Book {
            tenant: tenant.clone(),
            seq: 0,
            partyless: 0,
            assets: Vec::with_capacity(assets.len()),
            codes: HashMap::default(),
            patterns: Vec::new(),
            newest: 0,
        };
        for asset in assets {
            book.add_asset(*asset);
        }
        self.books.push(book);
        self.tenants.insert(tenant, no);
    }

    fn add_account(&mut self, book: BookNo, opened: &Opened) {
        let name = Name { id: opened.id, book, path: opened.path.clone() };
        let no = self.directory.push(name);
        self.accounts.push(Account {
            book,
            kind: opened.kind,
            frozen: opened.settings.frozen,
            closed: opened.settings.closed,
            version: opened.settings.version,
            open_holds: 0,
            first: NO_BALANCE,
            allowed: opened.settings.assets.as_deref().map(Box::from),
            newest: 0,
        });
        self.note(|| Undo::NewAccount);
        self.set_limits(no, &opened.settings.limits);
        if let Some(pattern) = opened.pattern {
            self.note(|| Undo::PatternUse(book, pattern as usize));
            self.books[book.0 as usize].patterns[pattern as usize].1 += 1;
        }
    }

    /// The limits given are all there are: others of the account are lifted.
    fn set_limits(&mut self, account: AccountNo, limits: &[(AssetNo, Limits)]) {
        for (asset, _) in limits {
            self.balance_for(account, *asset);
        }
        let mut no = self.account(account).first;
        while no != NO_BALANCE {
            let balance = self.balance(no);
            let (asset, next) = (balance.asset, balance.next);
            let wanted = limits.iter().find(|(of, _)| *of == asset).map(|(_, limits)| Box::new(*limits));
            if self.balance(no).limits != wanted {
                let old = std::mem::replace(&mut self.balances[no.0 as usize].limits, wanted);
                self.note(|| Undo::Limits(no, old));
            }
            no = next;
        }
    }
}

/// Names in one book of a state.
pub struct BookNames<'a> {
    /// The state.
    pub state: &'a State,
    /// Which book.
    pub book: BookNo,
}

impl Names for BookNames<'_> {
    fn account(&self, account: AccountNo) -> (Id, String) {
        let name = self.state.name(account);
        (name.id, name.path.to_string())
    }

    fn asset(&self, asset: AssetNo) -> Asset {
        self.state.book(self.book).assets[asset.0 as usize]
    }
}
