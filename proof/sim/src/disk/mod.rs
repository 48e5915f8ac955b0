//! A simulated disk: a page cache over a platter. Writes are seen at once and durable after a sync; a
//! crash keeps of the rest what chance decides, sector by sector and name by name.

mod faults;
mod inner;
mod inode;

pub use faults::{Broken, Crash, Rates};
pub use inner::Platter;
pub use inode::{Image, Inode, SECTOR, Sector};

use crate::chance::Chance;
use inner::{Inner, NameOp, apply, gone, lose_names};
use ledger::journal::disk::{Disk, File};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// A simulated disk; clones are the same disk.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<Inner>>);

/// An open file of it.
struct SimFile {
    disk: SimDisk,
    inode: u64,
}

impl SimDisk {
    /// A disk with this content, its faults drawn from this chance.
    pub fn new(platter: Platter, chance: Chance) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            platter,
            chance,
            rates: Rates::default(),
            paused: false,
            broken: Broken::default(),
            recovering: false,
            full: false,
            operations: 0,
            crash_at: None,
            down: false,
            errors: 0,
            strikes: 0,
            trace: None,
        })))
    }

    /// What is on it, to start other disks from. Everything seen counts as durable.
    pub fn platter(&self) -> Platter {
        let mut platter = self.0.lock().platter.clone();
        platter.inodes.values_mut().for_each(Inode::set_right);
        platter.durable_names = platter.names.clone();
        platter.unsynced.clear();
        platter
    }

    /// As the engine takes it.
    pub fn as_dyn(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }

    /// Sets how often faults strike from now on.
    pub fn set_rates(&self, rates: Rates) {
        self.0.lock().rates = rates;
    }

    /// Breaks the disk or the engine's use of it.
    pub fn set_broken(&self, broken: Broken) {
        self.0.lock().broken = broken;
    }

    /// Tells the disk that recovery runs.
    pub fn set_recovering(&self, recovering: bool) {
        self.0.lock().recovering = recovering;
    }

    /// No space for longer files, or space again.
    pub fn set_full(&self, full: bool) {
        self.0.lock().full = full;
    }

    /// The process dies at this operation from now, counted from 1.
    pub fn crash_in(&self, operations: Option<u64>) {
        let mut inner = self.0.lock();
        inner.crash_at = operations.map(|more| inner.operations + more);
    }

    /// Changing operations so far.
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// Whether the process died at an operation.
    pub fn is_down(&self) -> bool {
        self.0.lock().down
    }

    /// Errors that were reported so far.
    pub fn errors(&self) -> u64 {
        self.0.lock().errors
    }

    /// Writes that were lost or went astray, bits that turned.
    pub fn strikes(&self) -> u64 {
        self.0.lock().strikes
    }

    /// Does something while nothing goes wrong.
    pub fn calmly<T>(&self, act: impl FnOnce() -> T) -> T {
        let before = std::mem::replace(&mut self.0.lock().paused, true);
        let done = act();
        self.0.lock().paused = before;
        done
    }

    /// Keeps the last steps for a report.
    pub fn keep_trace(&self) {
        self.0.lock().trace = Some(VecDeque::new());
    }

    /// Adds a step to the report.
    pub fn note(&self, step: impl FnOnce() -> String) {
        self.0.lock().note(step);
    }

    /// The last steps.
    pub fn trace(&self) -> Vec<String> {
        self.0.lock().trace.iter().flatten().cloned().collect()
    }

    /// The process is gone, perhaps with the power.
    pub fn crash(&self, crash: Crash) {
        let mut inner = self.0.lock();
        inner.note(|| format!("-- {crash:?} gone"));
        let Inner { platter, chance, .. } = &mut *inner;
        match crash {
            Crash::Process => {
                let part = [0, 0, 2, 4][chance.place(4)];
                platter.inodes.values_mut().for_each(|inode| inode.evict(chance, part));
            }
            Crash::Power => {
                let survive = [0, 1, 2, 3, 4][chance.place(5)];
                platter.inodes.values_mut().for_each(|inode| inode.lose_power(chance, survive));
                lose_names(platter, chance);
            }
        }
        (inner.down, inner.crash_at) = (false, None);
    }

    /// Turns a bit of the platter, in a file whose name is asked for; none if there is no such file.
    pub fn flip(&self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let mut inner = self.0.lock();
        let Inner { platter, chance, strikes, .. } = &mut *inner;
        let files: Vec<_> = platter.names.iter().filter(|(name, _)| wanted(name)).collect();
        if files.is_empty() {
            return None;
        }
        let (name, number) = *chance.pick(&files);
        let file = platter.inodes.get_mut(number)?;
        let written: Vec<u64> = file.durable.written().collect();
        // Mostly where something was written, sometimes in the zeros behind.
        let sector = if written.is_empty() || chance.one_in(10) {
            chance.below(file.durable.size / SECTOR as u64)
        } else {
            *chance.pick(&written)
        };
        let bit = chance.place(SECTOR * 8);
        file.flip(sector, bit);
        if chance.one_in(2) {
            file.evict_one(sector);
        }
        *strikes += 1;
        let step = format!("   bit {bit} of sector {sector} of {name} turns");
        inner.note(|| step.clone());
        Some(step)
    }

    /// What reads see of a file, and which of its sectors are spoilt.
    pub fn look<T>(&self, name: &str, look: impl FnOnce(&Inode) -> T) -> Option<T> {
        let inner = self.0.lock();
        let number = inner.platter.names.get(name)?;
        inner.platter.inodes.get(number).map(look)
    }

    /// Changes a file behind the engine's back: for shrunken segments and for mutants.
    pub fn meddle(&self, name: &str, change: impl FnOnce(&mut Inode)) {
        let mut inner = self.0.lock();
        let Platter { names, inodes, .. } = &mut inner.platter;
        if let Some(inode) = names.get(name).and_then(|number| inodes.get_mut(number)) {
            change(inode);
        }
    }

    /// Whether reads can see a sector that a fault spoilt, in any file.
    pub fn is_visibly_spoilt(&self) -> bool {
        self.0.lock().platter.inodes.values().any(|file| file.visible_spoilt().next().is_some())
    }

    /// Names of all files.
    pub fn names(&self) -> Vec<String> {
        self.0.lock().platter.names.keys().cloned().collect()
    }

    fn open_as(&self, inode: u64) -> Arc<dyn File> {
        Arc::new(SimFile { disk: self.clone(), inode })
    }
}

impl Disk for SimDisk {
    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let inner = self.0.lock();
        if inner.down {
            return Err(gone());
        }
        let inode = *inner.platter.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        drop(inner);
        Ok(self.open_as(inode))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let mut inner = self.0.lock();
        inner.step(|| format!("create {name}"))?;
        if inner.platter.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = inner.platter.next;
        inner.platter.next += 1;
        inner.platter.inodes.insert(inode, Inode::default());
        inner.name_op(NameOp::Set(name.to_owned(), inode));
        drop(inner);
        Ok(self.open_as(inode))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let inner = self.0.lock();
        if inner.down { Err(gone()) } else { Ok(inner.platter.names.keys().cloned().collect()) }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut inner = self.0.lock();
        inner.step(|| format!("remove {name}"))?;
        if !inner.platter.names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        inner.name_op(NameOp::Remove(name.to_owned()));
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inner = self.0.lock();
        inner.step(|| format!("rename {from} to {to}"))?;
        let inode = *inner.platter.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        inner.name_op(NameOp::Rename(from.to_owned(), to.to_owned(), inode));
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut inner = self.0.lock();
        inner.step(|| "sync names".to_owned())?;
        if inner.is_idle() {
            return Ok(());
        }
        let rate = inner.rates.names_error;
        if inner.strikes(rate) {
            return Err(inner.fault("the sync of names fails"));
        }
        let unsynced = std::mem::take(&mut inner.platter.unsynced);
        unsynced.iter().for_each(|op| apply(&mut inner.platter.durable_names, op));
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(if self.0.lock().full { 0 } else { u64::MAX })
    }
}

impl File for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut inner = self.disk.0.lock();
        if inner.down {
            return Err(gone());
        }
        let rate = inner.rates.read_error;
        if inner.strikes(rate) {
            return Err(inner.fault("the read fails"));
        }
        let file = inner.platter.inodes.get(&self.inode).ok_or(io::ErrorKind::NotFound)?;
        Ok(file.cache.read(buffer, offset))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.0.lock().write(self.inode, bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.0.lock().sync(self.inode)
    }

    fn size(&self) -> io::Result<u64> {
        let inner = self.disk.0.lock();
        if inner.down {
            return Err(gone());
        }
        Ok(inner.platter.inodes.get(&self.inode).map_or(0, |file| file.cache.size))
    }

    fn resize(&self, bytes: u64) -> io::Result<()> {
        let mut inner = self.disk.0.lock();
        inner.step(|| format!("resize to {bytes}"))?;
        if let Some(file) = inner.platter.inodes.get_mut(&self.inode) {
            file.resize(bytes);
        }
        Ok(())
    }
}
