//! Rests of the work behind the commits. Left to itself a checkpoint takes a whole processor for as long as it
//! lasts, and on a small machine every answer given meanwhile comes later. So it works for a millisecond, then
//! leaves three to others, until the commits are about to outrun it.

use super::disk::{Disk, File};
use kernel::Clock;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

/// Work between two rests.
const WORK_US: i64 = 1_000;
/// A rest.
const REST: Duration = Duration::from_millis(3);

/// When to rest.
pub struct Rest {
    clock: Arc<dyn Clock>,
    since_us: AtomicI64,
    hurried: AtomicBool,
}

impl Rest {
    /// By this clock: one that is moved by hand never calls for a rest.
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        let since_us = AtomicI64::new(clock.monotonic_us());
        Arc::new(Self { clock, since_us, hurried: AtomicBool::new(false) })
    }

    /// From now on there is no time for rests, or there is again.
    pub fn hurry(&self, hurried: bool) {
        self.hurried.store(hurried, Ordering::Relaxed);
    }

    /// Work starts again after a pause that was rest enough.
    pub fn rested(&self) {
        self.since_us.store(self.clock.monotonic_us(), Ordering::Relaxed);
    }

    /// Rests, if it is time to: called between pieces of work.
    pub fn take(&self) {
        let worked_us = self.clock.monotonic_us() - self.since_us.load(Ordering::Relaxed);
        if worked_us >= WORK_US && !self.hurried.load(Ordering::Relaxed) {
            std::thread::park_timeout(REST);
            self.rested();
        }
    }
}

/// A disk that rests after each write. Reads go on as they come: others share the files.
pub struct RestingDisk {
    /// The disk.
    pub disk: Arc<dyn Disk>,
    /// When to rest.
    pub rest: Arc<Rest>,
}

impl RestingDisk {
    fn resting(&self, file: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(RestingFile { file, rest: self.rest.clone() })
    }
}

impl Disk for RestingDisk {
    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        self.disk.open(name).map(|file| self.resting(file))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        self.disk.create(name).map(|file| self.resting(file))
    }

    fn create_zeros(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn File>> {
        self.disk.create_zeros(name, bytes).map(|file| self.resting(file))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn sync_names(&self) -> io::Result<()> {
        self.disk.sync_names()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.disk.free_bytes()
    }
}

struct RestingFile {
    file: Arc<dyn File>,
    rest: Arc<Rest>,
}

impl File for RestingFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)?;
        self.rest.take();
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn resize(&self, bytes: u64) -> io::Result<()> {
        self.file.resize(bytes)
    }
}
