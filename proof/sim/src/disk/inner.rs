//! What a simulated disk consists of, and how its operations fail.

use super::faults::{Broken, Rates};
use super::inode::{Fate, Inode, SECTOR};
use crate::chance::Chance;
use std::collections::{BTreeMap, VecDeque};
use std::io;

/// Steps that are kept for a report.
const TRACE: usize = 60;
/// A stray write lands at most this many sectors away.
const ASTRAY: u64 = 40;

#[derive(Clone, Debug)]
pub(super) enum NameOp {
    Set(String, u64),
    Remove(String),
    Rename(String, String, u64),
}

pub(super) type Names = BTreeMap<String, u64>;

pub(super) fn apply(names: &mut Names, op: &NameOp) {
    match op {
        NameOp::Set(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        NameOp::Remove(name) => {
            names.remove(name);
        }
        NameOp::Rename(from, to, inode) => {
            names.remove(from);
            names.insert(to.clone(), *inode);
        }
    }
}

/// Everything on a disk.
#[derive(Clone, Debug, Default)]
pub struct Platter {
    pub(super) inodes: BTreeMap<u64, Inode>,
    pub(super) names: Names,
    pub(super) durable_names: Names,
    pub(super) unsynced: Vec<NameOp>,
    pub(super) next: u64,
}

pub(super) struct Inner {
    pub(super) platter: Platter,
    pub(super) chance: Chance,
    pub(super) rates: Rates,
    pub(super) paused: bool,
    pub(super) broken: Broken,
    pub(super) recovering: bool,
    pub(super) full: bool,
    pub(super) operations: u64,
    pub(super) crash_at: Option<u64>,
    pub(super) down: bool,
    pub(super) errors: u64,
    pub(super) strikes: u64,
    pub(super) trace: Option<VecDeque<String>>,
}

/// Of names that were not made durable, a part survives: the first few, or any.
pub(super) fn lose_names(platter: &mut Platter, chance: &mut Chance) {
    let unsynced = std::mem::take(&mut platter.unsynced);
    let ordered = chance.one_in(2);
    let kept = chance.below(unsynced.len() as u64 + 1) as usize;
    for (place, op) in unsynced.iter().enumerate() {
        if if ordered { place < kept } else { chance.one_in(2) } {
            apply(&mut platter.durable_names, op);
        }
    }
    platter.names = platter.durable_names.clone();
    let Platter { names, inodes, .. } = platter;
    inodes.retain(|number, _| names.values().any(|named| named == number));
}

pub(super) fn gone() -> io::Error {
    io::Error::other("simulated: the process is gone")
}

impl Inner {
    pub(super) fn note(&mut self, step: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            if trace.len() == TRACE {
                trace.pop_front();
            }
            trace.push_back(step());
        }
    }

    /// Counts a changing operation; fails if the process dies in it.
    pub(super) fn step(&mut self, what: impl FnOnce() -> String) -> io::Result<()> {
        if self.down {
            return Err(gone());
        }
        self.operations += 1;
        let number = self.operations;
        self.note(|| format!("   {number}: {}", what()));
        if self.crash_at == Some(number) && !self.paused {
            self.down = true;
            return Err(gone());
        }
        Ok(())
    }

    pub(super) fn strikes(&mut self, rate: u64) -> bool {
        rate > 0 && !self.paused && self.chance.one_in(rate)
    }

    pub(super) fn fault(&mut self, what: &str) -> io::Error {
        self.errors += 1;
        self.note(|| format!("   -> {what}"));
        io::Error::other(format!("simulated: {what}"))
    }

    /// Recovery that mends nothing changes nothing.
    pub(super) fn is_idle(&self) -> bool {
        self.recovering && self.broken.recovery_mends_nothing
    }

    pub(super) fn name_op(&mut self, op: NameOp) {
        apply(&mut self.platter.names, &op);
        self.platter.unsynced.push(op);
    }

    fn name_of(&self, inode: u64) -> &str {
        let found = self.platter.names.iter().find(|(_, number)| **number == inode);
        found.map_or("(removed)", |(name, _)| name)
    }

    pub(super) fn write(&mut self, inode: u64, bytes: &[u8], offset: u64) -> io::Result<()> {
        let name = if self.trace.is_some() { self.name_of(inode).to_owned() } else { String::new() };
        let stepped = self.step(|| format!("write {} bytes at {offset} of {name}", bytes.len()));
        if self.is_idle() {
            return stepped;
        }
        if let Err(fault) = stepped {
            // A process may die in the middle of a write.
            if self.operations == self.crash_at.unwrap_or(0) {
                self.write_part(inode, bytes, offset);
            }
            return Err(fault);
        }
        let end = offset + bytes.len() as u64;
        let size = self.platter.inodes.get(&inode).map_or(0, |file| file.cache.size);
        if self.full && !self.paused && end > size {
            self.write_part(inode, bytes, offset);
            self.fault("the disk is full");
            return Err(io::ErrorKind::StorageFull.into());
        }
        if self.strikes(self.rates.write_error) {
            return Err(self.fault("the write fails"));
        }
        if self.strikes(self.rates.short_write) {
            self.write_part(inode, bytes, offset);
            return Err(self.fault("the write fails after a part"));
        }
        let mut fate = Fate::Kept;
        if self.strikes(self.rates.lost_write) {
            fate = Fate::Lost;
        } else if self.strikes(self.rates.stray_write) {
            let sectors = size / SECTOR as u64;
            let from = offset / SECTOR as u64;
            let to = (from + self.chance.within(0, 2 * ASTRAY))
                .saturating_sub(ASTRAY)
                .min(sectors.saturating_sub(1));
            let by = to as i64 - from as i64;
            fate = Fate::Astray(if by == 0 { 1 } else { by });
        }
        if fate != Fate::Kept {
            self.strikes += 1;
            self.note(|| format!("   -> {fate:?}"));
        }
        if let Some(file) = self.platter.inodes.get_mut(&inode) {
            file.write(bytes, offset, fate);
        }
        Ok(())
    }

    fn write_part(&mut self, inode: u64, bytes: &[u8], offset: u64) {
        // A kernel copies whole pages, so a cut write ends where a sector does.
        let sectors = self.chance.below(bytes.len().div_ceil(SECTOR) as u64) as usize;
        let part = (sectors * SECTOR).saturating_sub(offset as usize % SECTOR);
        if let Some(file) = self.platter.inodes.get_mut(&inode)
            && part > 0
        {
            file.write(&bytes[..part], offset, Fate::Kept);
        }
    }

    pub(super) fn sync(&mut self, inode: u64) -> io::Result<()> {
        let name = self.name_of(inode).to_owned();
        self.step(|| format!("sync {name}"))?;
        if self.is_idle() || (self.broken.segments_never_synced && name.ends_with(".seg")) {
            return Ok(());
        }
        if self.strikes(self.rates.sync_error) {
            let Inner { platter, chance, .. } = self;
            if let Some(file) = platter.inodes.get_mut(&inode) {
                file.sync_badly(chance);
            }
            return Err(self.fault("the sync fails"));
        }
        if let Some(file) = self.platter.inodes.get_mut(&inode) {
            file.sync();
        }
        Ok(())
    }
}
