//! What goes on behind the commits: the next segment made ahead, checkpoints (a run of the index and a
//! snapshot), merges, removal of what no snapshot needs, and a slow check of everything written.

use super::disk::Disk;
use super::index::Index;
use super::rest::Rest;
use super::scan::Scanner;
use super::segments::{Identity, Segments, damage};
use super::snapshot::{Snapshot, load, nothing, save, snapshot_position};
use std::io;
use std::sync::Arc;

/// Snapshots that are kept: the newest may turn out not to hold.
const KEPT_SNAPSHOTS: usize = 2;

/// Keeps a journal's house.
pub struct Keeper {
    /// Its directory.
    pub disk: Arc<dyn Disk>,
    /// Its files.
    pub segments: Arc<Segments>,
    /// Whose they are.
    pub identity: Identity,
    /// Names to positions.
    pub index: Arc<Index>,
    /// When to leave the processor to others.
    pub rest: Arc<Rest>,
}

impl Keeper {
    /// Writes a checkpoint: every name up to `position` into a run, the state there into a snapshot.
    /// `generation` is the index's generation that was frozen there; the journal is durable up to it.
    pub fn checkpoint(&self, position: u64, generation: u64) -> io::Result<()> {
        // One that failed further on has made its run already.
        if self.index.stats().generations > 1 {
            let flushed = self.index.flush(generation, &*self.disk, &self.free_name(position)?)?;
            self.index.publish(flushed);
        }
        loop {
            let name = self.free_name(position)?;
            if self.index.merge_step(&*self.disk, || name)?.is_none() {
                break;
            }
        }
        let snapshot = self.fold(position)?;
        save(&*self.disk, self.identity, &snapshot)?;
        self.tidy()
    }

    /// A name for a new run: one that failed, or a crash, may have left runs of this position.
    fn free_name(&self, position: u64) -> io::Result<String> {
        let names = self.disk.list()?;
        let free = (0..).map(|number| run_name(position, number)).find(|name| !names.contains(name));
        Ok(free.expect("a directory has fewer files than there are numbers"))
    }

    /// Folds the durable frames up to a position into the newest snapshot.
    fn fold(&self, position: u64) -> io::Result<Snapshot> {
        let base = self.newest()?.unwrap_or_else(nothing);
        let mut replayed = base.replayed;
        let mut scanner = Scanner::new(&self.segments, base.place);
        while scanner.place.position < position {
            let Ok(frame) = scanner.next()? else {
                return Err(damage(format_args!("the journal ends before {position}, which was durable")));
            };
            frame.fold(&mut replayed)?;
            self.rest.take();
        }
        let runs = self.index.runs().into_iter().map(|run| run.name).collect();
        Ok(Snapshot { place: scanner.place, replayed, runs })
    }

    fn newest(&self) -> io::Result<Option<Snapshot>> {
        for name in self.snapshots()?.iter().rev() {
            if let Ok(snapshot) = load(&*self.disk, name, self.identity) {
                return Ok(Some(snapshot));
            }
        }
        Ok(None)
    }

    fn snapshots(&self) -> io::Result<Vec<String>> {
        let names = self.disk.list()?;
        Ok(names.into_iter().filter(|name| snapshot_position(name).is_some()).collect())
    }

    /// Removes snapshots that are not kept, and runs that neither a kept snapshot nor the index names.
    pub fn tidy(&self) -> io::Result<()> {
        let snapshots = self.snapshots()?;
        let (old, kept) = snapshots.split_at(snapshots.len().saturating_sub(KEPT_SNAPSHOTS));
        let mut needed: Vec<String> = self.index.runs().into_iter().map(|run| run.name).collect();
        for name in kept {
            if let Ok(runs) = super::snapshot::runs_of(&*self.disk, name) {
                needed.extend(runs);
            }
        }
        for name in old {
            self.disk.remove(name)?;
        }
        for name in self.disk.list()? {
            if is_run(&name) && !needed.contains(&name) {
                self.disk.remove(&name)?;
            }
        }
        self.disk.sync_names()
    }

    /// Reads the whole journal up to a position once, checking every sum. Reports frames as it goes, and
    /// stops when told to.
    pub fn scrub(&self, position: u64, mut go_on: impl FnMut(u64) -> bool) -> io::Result<()> {
        let mut scanner = Scanner::new(&self.segments, nothing().place);
        while scanner.place.position < position && go_on(scanner.place.position) {
            match scanner.next()? {
                Ok(frame) => frame.each_record(|_| Ok(()))?,
                Err(_) => {
                    return Err(damage(format_args!(
                        "the journal ends before {position}, which was durable"
                    )));
                }
            }
        }
        Ok(())
    }
}

/// The name of a run's file.
pub fn run_name(position: u64, number: u32) -> String {
    format!("index-{position:016x}-{number}.run")
}

/// Whether a file is a run of the index.
pub fn is_run(name: &str) -> bool {
    name.starts_with("index-") && name.ends_with(".run")
}
