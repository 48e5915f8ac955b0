//! What readers see: only what is durable. The view holds positions, not values: a balance, an account or
//! an entry is read from the newest durable record that speaks of it.

use super::group::{Mark, Publication};
use crate::accounts::model::{AccountKind, AccountNo, BalanceNo};
use crate::books::model::{AssetNo, BookNo, Pattern};
use crate::directory::Directory;
use crate::refusal::NO_BALANCE;
use crate::skew::Place;
use crate::state::State;
use hashbrown::HashMap;
use kernel::{Asset, AssetCode, Tenant, Timestamp};
use parking_lot::RwLock;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

/// Words that grow without moving: readers take no lock.
struct Cells {
    shelves: Box<[OnceLock<Shelf>]>,
}

/// Pieces of which each is made when its first word is set.
type Shelf = Box<[OnceLock<Piece>]>;
/// Words.
type Piece = Box<[AtomicU64]>;

/// Words in a piece.
const PIECE: usize = 1 << 14;
/// Pieces on a shelf, and shelves: numbers have 32 bits.
const PIECES: usize = 1 << 9;

impl Cells {
    fn new() -> Self {
        Self { shelves: unset() }
    }

    fn get(&self, no: u32) -> u64 {
        let (shelf, piece, place) = place_of(no);
        let piece = self.shelves[shelf].get().and_then(|shelf| shelf[piece].get());
        piece.map_or(0, |piece| piece[place].load(Ordering::Acquire))
    }

    fn set(&self, no: u32, value: u64) {
        let (shelf, piece, place) = place_of(no);
        let shelf = self.shelves[shelf].get_or_init(unset);
        let piece = shelf[piece].get_or_init(|| (0..PIECE).map(|_| AtomicU64::new(0)).collect());
        piece[place].store(value, Ordering::Release);
    }
}

fn unset<T>() -> Box<[OnceLock<T>]> {
    (0..PIECES).map(|_| OnceLock::new()).collect()
}

fn place_of(no: u32) -> (usize, usize, usize) {
    let no = no as usize;
    (no / PIECE / PIECES, no / PIECE % PIECES, no % PIECE)
}

/// One account as readers find it.
#[derive(Clone, Copy, Debug)]
pub struct SeenAccount {
    /// Its type.
    pub kind: AccountKind,
    /// First of its balances.
    pub first: BalanceNo,
}

/// One balance as readers find it.
#[derive(Clone, Copy, Debug)]
pub struct SeenBalance {
    /// Its account.
    pub account: AccountNo,
    /// Its asset.
    pub asset: AssetNo,
    /// The account's next balance.
    pub next: BalanceNo,
}

/// Names of accounts and their balances.
#[derive(Default)]
pub struct Accounts {
    /// Names.
    pub directory: Directory,
    /// By number.
    pub accounts: Vec<SeenAccount>,
    /// By number.
    pub balances: Vec<SeenBalance>,
}

impl Accounts {
    /// The balances of an account.
    pub fn balances_of(&self, account: AccountNo) -> impl Iterator<Item = (BalanceNo, SeenBalance)> {
        let mut no = self.accounts[account.0 as usize].first;
        std::iter::from_fn(move || {
            let found = (no, *self.balances.get(no.0 as usize)?);
            no = found.1.next;
            Some(found)
        })
    }
}

/// A book as readers find it.
#[derive(Clone, Debug, Default)]
pub struct SeenBook {
    /// Whose.
    pub tenant: Tenant,
    /// Its assets.
    pub assets: Vec<Asset>,
    /// Their numbers.
    pub codes: HashMap<AssetCode, AssetNo, foldhash::quality::RandomState>,
    /// Its patterns.
    pub patterns: Vec<Pattern>,
    /// Number of its newest record.
    pub seq: u64,
    /// Where that stands.
    pub newest: u64,
    /// Every thirty-second record, oldest first.
    pub marks: Vec<Mark>,
}

/// How far the journal is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Durable {
    /// End of the newest durable frame.
    pub end: u64,
    /// Its hash; zeros where there is none.
    pub hash: [u8; 32],
    /// Its time.
    pub time: Timestamp,
    /// No more will be.
    pub poisoned: bool,
}

/// Everything readers see.
pub struct View {
    /// Accounts and balances.
    pub accounts: RwLock<Accounts>,
    /// Books, by number.
    pub books: RwLock<Vec<SeenBook>>,
    /// Which book a tenant has.
    pub tenants: RwLock<HashMap<Tenant, BookNo, foldhash::quality::RandomState>>,
    settings: Cells,
    newest: Cells,
    durable: watch::Sender<Durable>,
    /// Contexts whose newest rows are not committed yet, and where the first unit of those stands.
    held: parking_lot::Mutex<Vec<(&'static str, u64)>>,
    ends: parking_lot::Mutex<()>,
    ended: parking_lot::Condvar,
    /// Times of groups that were begun and are not durable yet: at most two.
    pub outstanding: parking_lot::Mutex<Vec<Timestamp>>,
}

impl View {
    /// What a state shows, durable up to `durable`.
    pub fn new(state: &State, marks: &[Vec<Mark>], durable: Durable) -> Self {
        let view = Self {
            accounts: RwLock::default(),
            books: RwLock::default(),
            tenants: RwLock::default(),
            settings: Cells::new(),
            newest: Cells::new(),
            durable: watch::Sender::new(durable),
            held: parking_lot::Mutex::default(),
            ends: parking_lot::Mutex::default(),
            ended: parking_lot::Condvar::new(),
            outstanding: parking_lot::Mutex::default(),
        };
        let mut publication = Publication::default();
        for (no, book) in state.books.iter().enumerate() {
            let book_no = BookNo(no as u32);
            publication.books.push((book.tenant.clone(), book.assets.clone()));
            publication.patterns.extend(book.patterns.iter().map(|(pattern, _)| (book_no, pattern.clone())));
            publication.heads.push((book_no, book.seq, book.newest));
            publication.marks.extend(marks.get(no).into_iter().flatten().map(|mark| (book_no, *mark)));
        }
        for (no, account) in state.accounts.iter().enumerate() {
            let account_no = AccountNo(no as u32);
            publication.accounts.push((state.directory.name(account_no).clone(), account.kind));
            publication.settings.push((account_no, account.newest));
        }
        for (no, balance) in state.balances.iter().enumerate() {
            publication.balances.push((balance.account, balance.asset));
            publication.touched.push((BalanceNo(no as u32), balance.stack.newest()));
        }
        view.show(&publication);
        view
    }

    /// Shows a group that is durable now, values before the end that covers them.
    pub fn publish(&self, publication: &Publication, end: u64, hash: [u8; 32], time: Timestamp) {
        self.show(publication);
        self.outstanding.lock().retain(|begun| *begun > time);
        self.durable.send_modify(|durable| {
            durable.end = end;
            durable.hash = hash;
            durable.time = time;
        });
        self.wake();
    }

    /// A group without records is over.
    pub fn pass(&self, time: Timestamp) {
        self.outstanding.lock().retain(|begun| *begun > time);
        self.durable.send_modify(|durable| durable.time = durable.time.max(time));
    }

    fn show(&self, publication: &Publication) {
        if !publication.accounts.is_empty() || !publication.balances.is_empty() {
            let mut accounts = self.accounts.write();
            for (name, kind) in &publication.accounts {
                accounts.directory.push(name.clone());
                accounts.accounts.push(SeenAccount { kind: *kind, first: NO_BALANCE });
            }
            for (account, asset) in &publication.balances {
                let no = BalanceNo(accounts.balances.len() as u32);
                let owner = &mut accounts.accounts[account.0 as usize];
                let next = std::mem::replace(&mut owner.first, no);
                accounts.balances.push(SeenBalance { account: *account, asset: *asset, next });
            }
        }
        for (account, position) in &publication.settings {
            self.settings.set(account.0, *position);
        }
        for (balance, place) in &publication.touched {
            self.newest.set(balance.0, place.0);
        }
        self.show_books(publication);
    }

    fn show_books(&self, publication: &Publication) {
        let mut books = self.books.write();
        for (tenant, assets) in &publication.books {
            self.tenants.write().insert(tenant.clone(), BookNo(books.len() as u32));
            let mut book = SeenBook { tenant: tenant.clone(), ..SeenBook::default() };
            assets.iter().for_each(|asset| book.add_asset(*asset));
            books.push(book);
        }
        for (book, asset) in &publication.assets {
            books[book.0 as usize].add_asset(*asset);
        }
        for (book, pattern) in &publication.patterns {
            books[book.0 as usize].patterns.push(pattern.clone());
        }
        for (book, mark) in &publication.marks {
            books[book.0 as usize].marks.push(*mark);
        }
        for (book, seq, position) in &publication.heads {
            let book = &mut books[book.0 as usize];
            (book.seq, book.newest) = (*seq, *position);
        }
    }

    /// No group will become durable any more.
    pub fn poison(&self) {
        self.durable.send_modify(|durable| durable.poisoned = true);
        self.wake();
    }

    /// Blocks the thread until the journal is durable beyond a position, or never will be.
    pub fn await_end(&self, upto: u64) -> Durable {
        let mut guard = self.ends.lock();
        loop {
            let durable = self.durable();
            if durable.end > upto || durable.poisoned {
                return durable;
            }
            self.ended.wait(&mut guard);
        }
    }

    /// Wakes threads that wait for the end to move.
    fn wake(&self) {
        drop(self.ends.lock());
        self.ended.notify_all();
    }

    /// A unit at this position changes rows that are not committed yet: the feed shows nothing from there on.
    pub fn hold(&self, context: &'static str, position: u64) {
        let mut held = self.held.lock();
        if !held.iter().any(|(known, _)| *known == context) {
            held.push((context, position));
        }
    }

    /// A context's rows are committed.
    pub fn release(&self, context: &'static str) {
        self.held.lock().retain(|(known, _)| *known != context);
        // Whoever waits for what was held back looks again.
        self.durable.send_modify(|_| {});
    }

    /// Where the first unit stands whose rows are not committed yet; of one context, or of any.
    pub fn held_from(&self, context: Option<&str>) -> Option<u64> {
        let held = self.held.lock();
        let those = held.iter().filter(|(known, _)| context.is_none_or(|wanted| wanted == *known));
        those.map(|(_, position)| *position).min()
    }

    /// How far the journal is durable.
    pub fn durable(&self) -> Durable {
        *self.durable.borrow()
    }

    /// Tells of every newly durable group.
    pub fn watch(&self) -> watch::Receiver<Durable> {
        self.durable.subscribe()
    }

    /// Where the newest settings of an account stand.
    pub fn settings_at(&self, account: AccountNo) -> u64 {
        self.settings.get(account.0)
    }

    /// Where the newest posting of a balance stands.
    pub fn newest_of(&self, balance: BalanceNo) -> Place {
        Place(self.newest.get(balance.0))
    }

    /// The book of a tenant.
    pub fn book_of(&self, tenant: &Tenant) -> Option<BookNo> {
        self.tenants.read().get(tenant).copied()
    }
}

impl SeenBook {
    fn add_asset(&mut self, asset: Asset) {
        self.codes.insert(asset.code, AssetNo(self.assets.len() as u32));
        self.assets.push(asset);
    }
}
