//! A simulated file: what reads see (the page cache), what the platter has, and what it should have.

use crate::chance::Chance;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The unit a disk writes whole or not at all.
pub const SECTOR: usize = 512;

/// A sector's bytes; absent ones are zero.
pub type Sector = Option<Arc<[u8; SECTOR]>>;

const ZERO: [u8; SECTOR] = [0; SECTOR];

/// Bytes in sectors, zero where nothing is kept.
#[derive(Clone, Debug, Default)]
pub struct Image {
    sectors: BTreeMap<u64, Arc<[u8; SECTOR]>>,
    /// Length of the file.
    pub size: u64,
}

impl Image {
    /// A sector's bytes.
    pub fn sector(&self, number: u64) -> Sector {
        self.sectors.get(&number).cloned()
    }

    fn put(&mut self, number: u64, sector: Sector) {
        match sector {
            Some(sector) if *sector != ZERO => self.sectors.insert(number, sector),
            _ => self.sectors.remove(&number),
        };
    }

    /// Reads; fewer bytes only at the end.
    pub fn read(&self, buffer: &mut [u8], offset: u64) -> usize {
        let end = self.size.min(offset + buffer.len() as u64);
        let length = end.saturating_sub(offset) as usize;
        if length == 0 {
            return 0;
        }
        let buffer = &mut buffer[..length];
        buffer.fill(0);
        let first = offset / SECTOR as u64;
        for (number, sector) in self.sectors.range(first..end.div_ceil(SECTOR as u64)) {
            let start = number * SECTOR as u64;
            let (from, to) = (start.max(offset), (start + SECTOR as u64).min(end));
            if from < to {
                buffer[(from - offset) as usize..(to - offset) as usize]
                    .copy_from_slice(&sector[(from - start) as usize..(to - start) as usize]);
            }
        }
        length
    }

    fn cut(&mut self, size: u64) {
        self.size = size;
        self.sectors.split_off(&size.div_ceil(SECTOR as u64));
    }

    /// Numbers of the sectors that are not zero.
    pub fn written(&self) -> impl Iterator<Item = u64> {
        self.sectors.keys().copied()
    }
}

/// A simulated file.
#[derive(Clone, Debug, Default)]
pub struct Inode {
    /// What reads see.
    pub cache: Image,
    /// What is left when the power goes.
    pub durable: Image,
    /// Sectors of the cache that the next sync writes.
    dirty: BTreeSet<u64>,
    size_dirty: bool,
    /// Durable sectors that a fault spoilt, and what a right disk would have there.
    spoilt: BTreeMap<u64, Sector>,
}

/// What becomes of a write on its way to the platter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It gets there with the next sync.
    Kept,
    /// It never does.
    Lost,
    /// It lands this many sectors behind its place.
    Astray(i64),
}

impl Inode {
    /// Writes into the cache.
    pub fn write(&mut self, bytes: &[u8], offset: u64, fate: Fate) {
        let end = offset + bytes.len() as u64;
        for number in offset / SECTOR as u64..end.div_ceil(SECTOR as u64) {
            let start = number * SECTOR as u64;
            let (from, to) = (start.max(offset), (start + SECTOR as u64).min(end));
            let piece = &bytes[(from - offset) as usize..(to - offset) as usize];
            let old = self.cache.sector(number);
            let fresh = if piece.len() == SECTOR && piece == ZERO {
                None
            } else {
                let mut whole = old.map_or(ZERO, |sector| *sector);
                whole[(from - start) as usize..(to - start) as usize].copy_from_slice(piece);
                Some(Arc::new(whole)).filter(|sector| **sector != ZERO)
            };
            self.cache.put(number, fresh.clone());
            match fate {
                Fate::Kept => {
                    self.dirty.insert(number);
                }
                Fate::Lost => self.lose(number, fresh),
                Fate::Astray(by) => {
                    self.lose(number, fresh.clone());
                    self.stray(number.saturating_add_signed(by), fresh);
                }
            }
        }
        if end > self.cache.size {
            self.cache.size = end;
            self.size_dirty = true;
        }
    }

    fn lose(&mut self, number: u64, wanted: Sector) {
        self.dirty.remove(&number);
        self.spoilt.insert(number, wanted);
        self.settle(number);
    }

    /// A sector that was meant for another place overwrites this one.
    fn stray(&mut self, number: u64, sector: Sector) {
        let right = self.durable.sector(number);
        self.spoilt.entry(number).or_insert(right);
        self.durable.put(number, sector);
        self.settle(number);
    }

    /// Turns one bit of the platter.
    pub fn flip(&mut self, number: u64, bit: usize) {
        let mut whole = self.durable.sector(number).map_or(ZERO, |sector| *sector);
        whole[bit / 8 % SECTOR] ^= 1 << (bit % 8);
        self.stray(number, Some(Arc::new(whole)));
    }

    /// A spoilt sector that came out right is not spoilt.
    fn settle(&mut self, number: u64) {
        if self.spoilt.get(&number).is_some_and(|right| *right == self.durable.sector(number)) {
            self.spoilt.remove(&number);
        }
    }

    fn reach(&mut self, number: u64) {
        self.durable.put(number, self.cache.sector(number));
        self.spoilt.remove(&number);
    }

    /// Makes everything durable.
    pub fn sync(&mut self) {
        for number in std::mem::take(&mut self.dirty) {
            self.reach(number);
        }
        self.durable.size = self.cache.size;
        self.size_dirty = false;
    }

    /// A sync that failed: some of it got there, and the rest will not be tried again.
    pub fn sync_badly(&mut self, chance: &mut Chance) {
        for number in std::mem::take(&mut self.dirty) {
            if chance.one_in(2) {
                self.reach(number);
            }
        }
        if chance.one_in(2) {
            self.durable.size = self.cache.size;
            self.size_dirty = false;
        }
    }

    /// Cuts or extends.
    pub fn resize(&mut self, size: u64) {
        self.cache.cut(size);
        self.dirty.split_off(&size.div_ceil(SECTOR as u64));
        self.size_dirty = true;
    }

    /// The power goes: of what was not synced, each sector is there or not; `survive` of 4.
    pub fn lose_power(&mut self, chance: &mut Chance, survive: u64) {
        for number in std::mem::take(&mut self.dirty) {
            if chance.odds(survive, 4) {
                self.reach(number);
            }
        }
        if self.size_dirty {
            let (low, high) =
                (self.durable.size.min(self.cache.size), self.durable.size.max(self.cache.size));
            self.durable.size = match chance.below(3) {
                0 => self.durable.size,
                1 => self.cache.size,
                _ => chance.within(low, high),
            };
            self.size_dirty = false;
        }
        self.durable.cut(self.durable.size);
        self.cache = self.durable.clone();
    }

    /// Clean pages leave the cache: what is read next comes from the platter.
    pub fn evict(&mut self, chance: &mut Chance, part: u64) {
        let numbers: BTreeSet<u64> = self.cache.written().chain(self.durable.written()).collect();
        for number in numbers {
            if !self.dirty.contains(&number) && chance.odds(part, 4) {
                self.cache.put(number, self.durable.sector(number));
            }
        }
    }

    /// A clean sector is read anew.
    pub fn evict_one(&mut self, number: u64) {
        if !self.dirty.contains(&number) {
            self.cache.put(number, self.durable.sector(number));
        }
    }

    /// Whether this sector's platter is not what a right disk would have, by a fault.
    pub fn is_spoilt(&self, number: u64) -> bool {
        self.spoilt.contains_key(&number)
    }

    /// Sectors that a fault spoilt and reads can see.
    pub fn visible_spoilt(&self) -> impl Iterator<Item = u64> {
        let seen = |number: u64, right: &Sector| {
            !self.dirty.contains(&number) && self.cache.sector(number) != *right
        };
        self.spoilt.iter().filter(move |(number, right)| seen(**number, right)).map(|(number, _)| *number)
    }

    /// Zeros from a sector on, in cache and platter.
    pub fn wipe(&mut self, from: u64) {
        for image in [&mut self.cache, &mut self.durable] {
            image.sectors.split_off(&from);
        }
        self.dirty.split_off(&from);
    }

    /// Everything is on the platter and right: for the start of a run, and for what a mutant destroys.
    pub fn set_right(&mut self) {
        self.durable = self.cache.clone();
        self.dirty.clear();
        self.size_dirty = false;
        self.spoilt.clear();
    }
}
