//! The state that one batch is decided against, and the journal's own core over it. What was read becomes a state of
//! one book with numbers of its own; records that commands speak of become a group in flight, where the core finds
//! them as it finds those of a journal. So keys, holds, batches and rules are decided by the same code in both stores.

use super::reading::{AccountRow, BalanceRow, Loaded};
use super::translate::{self, Turn};
use super::wanted::HERE;
use super::{Fault, damaged};
use crate::accounts::model::AccountNo;
use crate::directory::Name;
use crate::effect::{Decision, Effect};
use crate::holds::model::{Hold, HoldState};
use crate::journal::core::{Core, Parts};
use crate::journal::frame::{Contents, HEAD};
use crate::journal::group::Sealed;
use crate::journal::index::Index;
use crate::journal::keys::KeyHash;
use crate::journal::lookup::Lookup;
use crate::journal::names::Names;
use crate::journal::record::{Draft, Record, decode_record, put_record};
use crate::journal::view::{Durable, View};
use crate::refusal::NO_BALANCE;
use crate::skew::{Links, NOWHERE};
use crate::state::{Account, State, party_key};
use hashbrown::HashMap;
use kernel::{Clock, Id, IdSource, Tenant, Timestamp};
use std::sync::Arc;

/// Where the group of loaded records starts: any place but nowhere.
const START: u64 = 1 << 9;
/// Keys of an index that lives as long as one batch.
const KEYS: usize = 64;
/// A clock that is behind the newest record by more is not believed; by less, the next moment is taken.
const CLOCK_BEHIND_US: i64 = 60_000_000;

/// Numbers here and numbers there.
#[derive(Default)]
pub struct Numbers {
    /// The database's number of each account here.
    there: Vec<i64>,
    here: HashMap<u32, u32>,
    /// The database's number of each record here, by place.
    pub seqs: HashMap<u64, u64>,
    places: HashMap<u64, u64>,
    /// An account that is not here was asked for.
    pub missed: Option<AccountNo>,
}

impl Numbers {
    fn new(accounts: &[AccountRow]) -> Self {
        let there: Vec<i64> = accounts.iter().map(|account| account.no).collect();
        let here = there.iter().enumerate().map(|(here, there)| (*there as u32, here as u32)).collect();
        Self { there, here, ..Self::default() }
    }

    /// Gives numbers to accounts that the batch opened.
    pub fn open(&mut self, drawn: impl IntoIterator<Item = i64>) {
        self.there.extend(drawn);
    }

    /// The database's number of an account here. One that only a rehearsal opened has none, and gets one from the end.
    pub fn there(&self, account: AccountNo) -> i64 {
        let place = account.0 as usize;
        self.there
            .get(place)
            .copied()
            .unwrap_or_else(|| i64::from(u32::MAX) - (place - self.there.len()) as i64)
    }
}

/// Into the scratch state.
pub struct Inward<'a>(pub &'a mut Numbers);

impl Turn for Inward<'_> {
    fn account(&mut self, account: AccountNo) -> AccountNo {
        match self.0.here.get(&account.0) {
            Some(here) => AccountNo(*here),
            None => {
                self.0.missed = Some(account);
                AccountNo(0)
            }
        }
    }

    fn place(&mut self, place: u64) -> u64 {
        self.0.places.get(&place).copied().unwrap_or(0)
    }
}

/// Out of it.
pub struct Outward<'a>(pub &'a Numbers);

impl Turn for Outward<'_> {
    fn account(&mut self, account: AccountNo) -> AccountNo {
        AccountNo(self.0.there(account) as u32)
    }

    fn place(&mut self, place: u64) -> u64 {
        self.0.seqs.get(&place).copied().unwrap_or(0)
    }
}

/// A clock that stands at the moment of the batch.
struct Standing(Timestamp);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn monotonic_us(&self) -> i64 {
        0
    }
}

/// The core of one batch.
pub struct Scratch {
    pub core: Core,
    pub numbers: Numbers,
}

/// Appends a record as the database or a core reads it: without links, without a record before it.
pub fn put(out: &mut Vec<u8>, place: u64, record: Record, salt: u128) {
    let Record { at, id, seq, party, party_seq, keys, origin, unit, command, effect, .. } = record;
    let links = effect.postings().iter();
    let links = links.map(|_| Links { number: 0, previous: NOWHERE, jump: NOWHERE }).collect();
    let draft = Draft {
        at,
        keys: &keys,
        origin: &origin,
        command: command.as_ref(),
        party: party.as_deref(),
        unit: unit.as_deref(),
        previous: 0,
        salt,
    };
    let decision = Decision { book: record.book, seq, party: party.clone(), party_seq, id, effect };
    put_record(out, &mut Vec::new(), place, &draft, &decision, &links);
}

impl Scratch {
    /// Over what was read of a book; over nothing, if the book is still to be opened.
    pub fn new(
        loaded: &Loaded,
        lookup: impl FnOnce(Arc<Index>) -> Lookup,
        ids: &Arc<dyn IdSource>,
    ) -> Result<Self, Fault> {
        let mut numbers = Numbers::new(&loaded.accounts);
        let mut state = state(loaded);
        let (contents, holds) = records(loaded, &mut numbers)?;
        for (id, hold) in holds {
            if let Some(at) = hold.expires_at {
                state.expiry.insert((at, id));
            }
            state.holds.insert(id, hold);
        }
        for (here, account) in loaded.accounts.iter().enumerate() {
            state.accounts[here].newest = numbers.places.get(&account.newest).copied().unwrap_or(0);
        }
        let index = Arc::new(Index::new(KEYS));
        let mut lookup = lookup(index.clone());
        let things = loaded
            .things
            .iter()
            .map(|(id, (_, newest))| (lookup.keyed.id(HERE, Id(id.0)), numbers.places[newest]));
        let names = loaded.names.iter().map(|(hash, seq)| (hash_of(hash.0), numbers.places[seq]));
        index.insert_all(things.chain(names).collect::<Vec<_>>().into_iter());
        lookup.names = Names::new(&index);
        lookup.start = START + (HEAD + contents.records.len()) as u64;
        let sealed = Sealed { position: START, extent: 0, zeros: Vec::new(), time: Timestamp(0), contents };
        lookup.in_flight = Some(Arc::new(sealed));
        let view = Arc::new(View::new(&State::default(), &[], Durable::default()));
        let parts = Parts { lookup, clock: Arc::new(Standing(moment(loaded))), ids: ids.clone(), view };
        let core = Core::new(state, parts);
        Ok(Self { core, numbers })
    }
}

/// The next moment, unless the clock is far behind: then the core sees as much, and decides nothing.
fn moment(loaded: &Loaded) -> Timestamp {
    let behind = loaded.recorded_at.0 - loaded.clock.0;
    if behind > CLOCK_BEHIND_US { loaded.clock } else { loaded.clock.max(loaded.recorded_at.plus_us(1)) }
}

fn hash_of(hash: u128) -> KeyHash {
    [(hash >> 64) as u64, hash as u64]
}

/// Head, accounts, balances and parties.
fn state(loaded: &Loaded) -> State {
    let mut state = State::default();
    if loaded.seq == 0 {
        return state;
    }
    let assets = loaded.assets.to_vec();
    state.apply(HERE, 0, &Effect::Book { tenant: Tenant::default(), assets });
    let book = &mut state.books[0];
    (book.seq, book.partyless) = (loaded.seq, loaded.partyless);
    book.patterns.extend(loaded.patterns.iter().cloned());
    for account in &loaded.accounts {
        state.directory.push(Name { id: account.id, book: HERE, path: account.path.clone() });
        state.accounts.push(Account {
            book: HERE,
            kind: account.kind,
            frozen: account.frozen,
            closed: account.closed,
            version: account.version,
            open_holds: account.open_holds,
            first: NO_BALANCE,
            allowed: account.allowed.as_deref().map(Box::from),
            newest: 0,
        });
    }
    for row in &loaded.balances {
        let BalanceRow { account, asset, counters, last_seq, limits } = row;
        let no = state.balance_for(AccountNo(*account as u32), *asset);
        let balance = &mut state.balances[no.0 as usize];
        (balance.counters, balance.last_seq) = (*counters, *last_seq);
        balance.limits = limits.map(Box::new);
    }
    for (party, count) in &loaded.parties {
        state.parties.insert(party_key(HERE, party), *count);
    }
    state.last_time = loaded.recorded_at;
    state
}

/// The loaded records as a group in flight, and the holds among them that are open.
fn records(loaded: &Loaded, numbers: &mut Numbers) -> Result<(Contents, Vec<(Id, Hold)>), Fault> {
    let mut contents = Contents::default();
    let mut holds = HashMap::new();
    // In order of their numbers: a record speaks of earlier ones only.
    for (seq, bytes) in &loaded.records {
        let mut record = decode_record(bytes, *seq)?;
        let place = START + (HEAD + contents.records.len()) as u64;
        numbers.places.insert(*seq, place);
        numbers.seqs.insert(place, *seq);
        record.book = HERE;
        // Who asked is nobody's question here.
        record.origin = Default::default();
        translate::record(&mut record, &mut Inward(numbers));
        if let Some(missed) = numbers.missed {
            return Err(damaged(format_args!("record {seq} names account {}, which is not there", missed.0)));
        }
        let moved = match &record.effect {
            Effect::Held { hold_id, hold, .. } => {
                let mut hold = hold.clone();
                hold.placed_at = place;
                Some((*hold_id, hold))
            }
            Effect::HoldMoved { hold_id, hold, .. } => Some((*hold_id, hold.clone())),
            _ => None,
        };
        if let Some((id, mut hold)) = moved {
            hold.book = HERE;
            // Only the newest record of a hold says how it stands, and that is read where the hold was asked for.
            if loaded.things.get(&id.into()).is_some_and(|(_, newest)| newest == seq) {
                holds.insert(id, hold);
            }
        }
        put(&mut contents.records, place, record, 0);
        contents.count += 1;
    }
    let open = holds.into_iter().filter(|(_, hold)| hold.state == HoldState::Open);
    Ok((contents, open.collect()))
}
