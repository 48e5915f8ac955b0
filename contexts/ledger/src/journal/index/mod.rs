//! The id index: from a 128-bit key to the newest journal position that speaks of it.
//! New keys live in memory in generations; a full one is frozen, written as an immutable run in the
//! background and forgotten. A run is a promise already kept by the journal: what the manifest
//! misses is inserted again from there, and a damaged run is rebuilt from there.
//!
//! | step    | who        | does                                                        |
//! |---------|------------|-------------------------------------------------------------|
//! | insert  | writer     | puts a key into the newest generation                       |
//! | rotate  | writer     | freezes that generation, between groups                     |
//! | flush   | background | writes a frozen generation as a durable run                 |
//! | publish | background | readers find the run, then memory forgets the generation    |
//! | merge   | background | eight runs of one level become one of the next              |
//! | caller  | background | writes the manifest, then removes the files it left behind  |
//!
//! Memory per thousand keys: 29.8 kB in a full generation, 1.59 kB in a run (filter and fences).
//! The first generation grows with its keys. Once it is full two are reserved: the newest, and the one
//! being flushed or the spare that comes of it; with `GENERATION_KEYS` that is 52 MB.

mod filter;
mod generation;
mod keys;
mod layout;
mod merge;
mod run;
#[cfg(test)]
mod test_disk;
#[cfg(test)]
mod tests;
mod writer;

use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use self::filter::Probe;
use self::generation::Memory;
use self::run::Run;
use self::writer::{RunPlan, run_write};
use super::disk::Disk;

pub use self::generation::GENERATION_KEYS;
pub use self::keys::{KeyHash, hashed, is_timed};
pub use self::layout::Damage;
pub use self::run::RunMeta;

/// Newest position of each key. One thread writes; any number read.
pub struct Index {
    memory: Memory,
    /// Newest first.
    runs: ArcSwap<Vec<Arc<Run>>>,
    /// Held for the moment in which the list of runs changes.
    edits: Mutex<()>,
    /// Held while runs are merged, so that no two merges take the same runs.
    merges: Mutex<()>,
}

/// A generation that is durable as a run, and not yet known to readers as such.
#[must_use = "a flushed generation stays in memory until it is published"]
pub struct Flushed {
    generation: u64,
    run: Option<Arc<Run>>,
}

impl Flushed {
    /// The run that was written; none if the generation was empty.
    #[must_use]
    pub fn meta(&self) -> Option<RunMeta> {
        self.run.as_ref().map(|run| run.meta())
    }
}

/// Runs that became one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The run that answers now.
    pub added: RunMeta,
    /// Files to remove once a manifest without them is durable.
    pub removed: Vec<String>,
}

/// Sizes of the index, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Generations in memory, the newest included.
    pub generations: usize,
    /// Keys in memory; one in several generations counts in each.
    pub memory_keys: u64,
    /// Bytes the generations and the spare tables reserve.
    pub memory_bytes: u64,
    /// Runs on disk.
    pub runs: usize,
    /// Keys in runs; one in several runs counts in each.
    pub run_keys: u64,
    /// Bytes of filters and fences in memory.
    pub run_bytes: u64,
    /// Bytes of the run files.
    pub file_bytes: u64,
}

impl Index {
    /// An empty index with room for this many keys a generation (usually `GENERATION_KEYS`).
    /// More are taken, at the price of a pause while a table doubles.
    #[must_use]
    pub fn new(generation_keys: usize) -> Self {
        Self::with_runs(generation_keys, Vec::new())
    }

    /// Opens the runs a manifest names, newest first. A run that is missing or damaged is a fault
    /// that names the file.
    pub fn open(disk: &dyn Disk, run_names: &[String], generation_keys: usize) -> io::Result<Self> {
        let runs = run_names
            .iter()
            .map(|name| Run::open(disk, name).map(Arc::new))
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Self::with_runs(generation_keys, runs))
    }

    fn with_runs(generation_keys: usize, runs: Vec<Arc<Run>>) -> Self {
        Self {
            memory: Memory::new(generation_keys),
            runs: ArcSwap::from_pointee(runs),
            edits: Mutex::new(()),
            merges: Mutex::new(()),
        }
    }

    /// The newest position of the key. Reads a block only of a run that very likely has the key.
    pub fn get(&self, key: KeyHash) -> io::Result<Option<u64>> {
        // Memory before runs: publishing goes the other way, so no key slips between.
        if let Some(position) = self.memory.get(key) {
            return Ok(Some(position));
        }
        let probe = Probe::new(key);
        for run in self.runs.load().iter() {
            if let Some(position) = run.get(key, &probe)? {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }

    /// Notes a newer position of the key. For the writer alone.
    pub fn insert(&self, key: KeyHash, position: u64) {
        self.insert_all([(key, position)].into_iter());
    }

    /// Notes newer positions of many keys: cheaper than one at a time. For the writer alone.
    pub fn insert_all(&self, keys: impl Iterator<Item = (KeyHash, u64)>) {
        self.memory.insert_all(keys);
    }

    /// No time-ordered key is above this one.
    #[must_use]
    pub fn latest_timed(&self) -> KeyHash {
        let runs = self.runs.load();
        let latest = runs.iter().map(|run| run.header().spans.latest_timed());
        latest.fold(self.memory.latest_timed(), Ord::max)
    }

    /// Starts a new generation and returns the number of the one now frozen. For the writer alone,
    /// between groups.
    pub fn rotate(&self) -> u64 {
        self.memory.rotate()
    }

    /// Writes a frozen generation as a durable run. Readers do not see it until it is published.
    pub fn flush(&self, generation: u64, disk: &dyn Disk, name: &str) -> io::Result<Flushed> {
        let sorted = self.memory.sorted(generation).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("generation {generation} is not frozen"))
        })?;
        if sorted.is_empty() {
            return Ok(Flushed { generation, run: None });
        }
        let plan = RunPlan { name, level: 0, keys_limit: sorted.len() as u64 };
        let run =
            run_write(disk, &plan, |writer| sorted.into_iter().try_for_each(|located| writer.push(located)))?;
        Ok(Flushed { generation, run: Some(Arc::new(run)) })
    }

    /// Lets readers find the run, then frees the generation's memory.
    ///
    /// # Panics
    /// If an older generation is still in memory: its run would be taken for the newer.
    pub fn publish(&self, flushed: Flushed) {
        let _edit = self.edits.lock();
        let oldest = self.memory.oldest();
        assert_eq!(oldest, Some(flushed.generation), "generations are published oldest first, each once");
        if let Some(run) = flushed.run {
            let runs = self.runs.load();
            self.runs.store(Arc::new([run].into_iter().chain(runs.iter().cloned()).collect()));
        }
        self.memory.retire_oldest();
    }

    /// Merges runs if eight of one level have gathered, and lets readers find the result. Call
    /// again until nothing is merged. Other calls go on meanwhile.
    pub fn merge_step(
        &self,
        disk: &dyn Disk,
        next_name: impl FnOnce() -> String,
    ) -> io::Result<Option<Merged>> {
        let _merge = self.merges.lock();
        let before = self.runs.load_full();
        let Some(inputs) = merge::mergeable(&before) else { return Ok(None) };
        let run = Arc::new(merge::merge(disk, &next_name(), inputs)?);
        let merged =
            Merged { added: run.meta(), removed: inputs.iter().map(|run| run.name().to_owned()).collect() };
        self.replace(inputs, run);
        Ok(Some(merged))
    }

    /// Puts the run where its inputs were; newer runs may have come since.
    fn replace(&self, inputs: &[Arc<Run>], run: Arc<Run>) {
        let _edit = self.edits.lock();
        let mut runs = self.runs.load().to_vec();
        let first = runs
            .iter()
            .position(|run| Arc::ptr_eq(run, &inputs[0]))
            .expect("only a merge takes runs away, and there is one at a time");
        runs.splice(first..first + inputs.len(), [run]);
        self.runs.store(Arc::new(runs));
    }

    /// The runs that readers use, newest first: what a manifest has to name.
    #[must_use]
    pub fn runs(&self) -> Vec<RunMeta> {
        self.runs.load().iter().map(|run| run.meta()).collect()
    }

    /// Sizes in memory and on disk.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let memory = self.memory.size();
        let runs = self.runs.load();
        let sum = |size: fn(&Run) -> u64| runs.iter().map(|run| size(run)).sum();
        Stats {
            generations: memory.generations,
            memory_keys: memory.keys,
            memory_bytes: memory.bytes,
            runs: runs.len(),
            run_keys: sum(|run| run.header().keys),
            run_bytes: sum(Run::resident_bytes),
            file_bytes: sum(|run| run.header().file_bytes()),
        }
    }
}
