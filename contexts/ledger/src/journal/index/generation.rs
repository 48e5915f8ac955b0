//! The keys in memory: sixteen locked shards, each with a table for every generation.
//! The newest generation takes inserts; frozen ones are only read, and dropped once they are a run.
//! One generation's tables are kept as spares: memory new to the process is slow to touch (zeroing
//! a page costs as much as several inserts), and the writer should not wait for it. The first
//! generation starts empty and doubles: a shard's last doubling moves 28,672 keys, a millisecond.
//!
//! Memory: a slot is 24 bytes and one byte of control. A table has a power of two of slots and is
//! filled to 7/8 at most, so a full generation of `GENERATION_KEYS` takes 29.8 kB per thousand keys.

use std::hash::{BuildHasher, RandomState};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use parking_lot::{Mutex, RwLock};
use smallvec::SmallVec;

use super::keys::{KeyHash, Located, Spans, fold};

/// Keys of one generation that fit tables of 65,536 slots without growing: 55,000 a shard, ten
/// standard deviations below the 57,344 where a table doubles and the writer would pause.
pub const GENERATION_KEYS: usize = 880_000;

/// Shards: enough that readers seldom meet the writer, few enough that rotating is quick.
const SHARDS: usize = 16;
/// Which bits of the hash choose the shard: the table uses the low ones and the top seven.
const SHARD_SHIFT: u32 = 40;
/// Keys that are inserted while readers wait: some tens of microseconds.
const LOCKED_KEYS: usize = 512;
/// Room above the even share of a shard, as a fraction of it: 1/32.
const SHARE_SLACK: usize = 32;
/// A table with fewer slots than this is never too large to keep.
const SLOTS_LEAST: usize = 64;
/// Frozen generations a shard keeps without allocating; more only while the background lags.
const FROZEN_INLINE: usize = 4;

/// All generations in memory.
pub(super) struct Memory {
    seeds: Seeds,
    shard_keys: usize,
    newest: AtomicU64,
    shards: Box<[RwLock<Shard>]>,
    /// Empty tables for the next generation.
    spares: Mutex<Vec<Slots>>,
}

impl Memory {
    /// For this many keys in each generation. The first one grows with its keys, so that an idle ledger
    /// takes little memory; whoever filled one gets the next ones at full size.
    pub fn new(generation_keys: usize) -> Self {
        let seeds = Seeds::new();
        let share = generation_keys / SHARDS;
        let shard_keys = share + share / SHARE_SLACK;
        let shard = || Shard { newest: Table::new(0, seeds, Slots::new()), frozen: SmallVec::new() };
        Self {
            seeds,
            shard_keys,
            newest: AtomicU64::new(0),
            shards: (0..SHARDS).map(|_| RwLock::new(shard())).collect(),
            spares: Mutex::default(),
        }
    }

    pub fn get(&self, key: KeyHash) -> Option<u64> {
        let hash = self.seeds.hash(key);
        let shard = self.shard(hash).read();
        shard.newest.get(hash, key).or_else(|| shard.frozen.iter().find_map(|table| table.get(hash, key)))
    }

    /// Puts keys into the newest generation. All shards are locked for some hundred keys at a time: no
    /// locked instruction stands between one key and the next, so their misses of the cache overlap.
    pub fn insert_all(&self, keys: impl Iterator<Item = (KeyHash, u64)>) {
        let mut keys = keys.peekable();
        while keys.peek().is_some() {
            let mut shards: SmallVec<[_; SHARDS]> = self.shards.iter().map(RwLock::write).collect();
            for (key, position) in keys.by_ref().take(LOCKED_KEYS) {
                let hash = self.seeds.hash(key);
                shards[shard_of(hash)].newest.insert(hash, Located { key, position });
            }
        }
    }

    /// The highest time-ordered key.
    pub fn latest_timed(&self) -> KeyHash {
        let latest = |shard: &RwLock<Shard>| {
            let shard = shard.read();
            let frozen = shard.frozen.iter().map(|table| table.spans.latest_timed());
            frozen.fold(shard.newest.spans.latest_timed(), Ord::max)
        };
        self.shards.iter().map(latest).max().unwrap_or_default()
    }

    /// Freezes the newest generation and returns its number. Spares are used; where the background
    /// lags and there are none, tables are made outside the locks.
    pub fn rotate(&self) -> u64 {
        let frozen = self.newest.fetch_add(1, Ordering::Relaxed);
        let mut spares = mem::take(&mut *self.spares.lock());
        for shard in &self.shards {
            let slots = spares.pop().unwrap_or_else(|| Slots::with_capacity(self.shard_keys));
            let fresh = Table::new(frozen + 1, self.seeds, slots);
            shard.write().freeze(fresh);
        }
        frozen
    }

    /// The keys of a frozen generation in order, or none if no such generation is frozen.
    pub fn sorted(&self, generation: u64) -> Option<Vec<Located>> {
        let tables: Vec<Arc<Table>> =
            self.shards.iter().map(|shard| shard.read().frozen(generation)).collect::<Option<_>>()?;
        let mut sorted = Vec::with_capacity(tables.iter().map(|table| table.slots.len()).sum());
        for table in tables {
            sorted.extend(table.slots.iter().copied());
        }
        sorted.sort_unstable_by_key(|located| located.key);
        Some(sorted)
    }

    /// The generation to retire next, if one is frozen.
    pub fn oldest(&self) -> Option<u64> {
        self.shards[0].read().frozen.last().map(|table| table.number)
    }

    /// Forgets the oldest frozen generation. Its memory is freed, or kept if there are no spares.
    pub fn retire_oldest(&self) {
        for shard in &self.shards {
            // The lock is held for the pop alone.
            let retired = shard.write().frozen.pop();
            if let Some(table) = retired.and_then(Arc::into_inner) {
                self.keep_spare(table.slots);
            }
        }
    }

    fn keep_spare(&self, mut slots: Slots) {
        slots.clear();
        // A table that grew past twice its share goes back to the system.
        let has_grown = slots.capacity() / 2 > self.shard_keys.max(SLOTS_LEAST);
        let mut spares = self.spares.lock();
        if spares.len() < SHARDS && !has_grown {
            spares.push(slots);
        }
    }

    /// Generations, keys and bytes reserved.
    pub fn size(&self) -> MemorySize {
        let spare_bytes = self.spares.lock().iter().map(|slots| slots.allocation_size() as u64).sum();
        let mut size = MemorySize { bytes: spare_bytes, ..MemorySize::default() };
        for shard in &self.shards {
            let shard = shard.read();
            size.generations = 1 + shard.frozen.len();
            for table in shard.frozen.iter().map(AsRef::as_ref).chain([&shard.newest]) {
                size.keys += table.slots.len() as u64;
                size.bytes += table.slots.allocation_size() as u64;
            }
        }
        size
    }

    fn shard(&self, hash: u64) -> &RwLock<Shard> {
        &self.shards[shard_of(hash)]
    }
}

fn shard_of(hash: u64) -> usize {
    (hash >> SHARD_SHIFT) as usize % SHARDS
}

/// What the generations hold.
#[derive(Debug, Default)]
pub(super) struct MemorySize {
    pub generations: usize,
    pub keys: u64,
    pub bytes: u64,
}

/// Part of every generation: the keys whose hash falls here.
struct Shard {
    newest: Table,
    /// Newest first.
    frozen: SmallVec<[Arc<Table>; FROZEN_INLINE]>,
}

impl Shard {
    fn freeze(&mut self, fresh: Table) {
        let frozen = mem::replace(&mut self.newest, fresh);
        self.frozen.insert(0, Arc::new(frozen));
    }

    fn frozen(&self, generation: u64) -> Option<Arc<Table>> {
        self.frozen.iter().find(|table| table.number == generation).cloned()
    }
}

/// One generation in one shard.
struct Table {
    number: u64,
    seeds: Seeds,
    spans: Spans,
    slots: Slots,
}

type Slots = HashTable<Located>;

impl Table {
    fn new(number: u64, seeds: Seeds, slots: Slots) -> Self {
        Self { number, seeds, spans: Spans::EMPTY, slots }
    }

    fn get(&self, hash: u64, key: KeyHash) -> Option<u64> {
        if !self.spans.may_hold(key) {
            return None;
        }
        self.slots.find(hash, |slot| slot.key == key).map(|slot| slot.position)
    }

    fn insert(&mut self, hash: u64, located: Located) {
        self.spans.add(located.key);
        let seeds = self.seeds;
        match self.slots.entry(hash, |slot| slot.key == located.key, |slot| seeds.hash(slot.key)) {
            Entry::Occupied(mut slot) => slot.get_mut().position = located.position,
            Entry::Vacant(slot) => {
                slot.insert(located);
            }
        }
    }
}

/// Secret to the process, so that no client can choose ids that collide.
/// Invariant: nothing that leaves the memory depends on them (runs are sorted by key).
#[derive(Debug, Clone, Copy)]
struct Seeds([u64; 2]);

impl Seeds {
    fn new() -> Self {
        let random = RandomState::new();
        Self([random.hash_one(0_u64), random.hash_one(1_u64)])
    }

    fn hash(self, key: KeyHash) -> u64 {
        fold(key[0] ^ self.0[0], key[1] ^ self.0[1])
    }
}
