//! Merging of runs: eight neighbours of one level become one of the next.
//! Streams block by block, so that memory does not grow with the runs; of one key the newest stays.

use std::io;
use std::sync::Arc;

use super::keys::Located;
use super::layout::{self, BLOCK_BYTES, BLOCK_KEYS};
use super::run::Run;
use super::writer::{RunPlan, run_write};
use crate::journal::disk::Disk;

/// Runs of one level that are merged into one: at most seven a level stay behind, and a key is
/// written once for each eightfold growth of the journal.
pub(super) const MERGE_RUNS: usize = 8;
/// Blocks read at once from each run: 256 KiB, so that reading is sequential.
const READ_BLOCKS: usize = 64;

/// The runs to merge next, newest first, or none. They are neighbours, so that what replaces them
/// keeps its place in age; the lowest level goes first, being the cheapest, and its oldest runs.
pub(super) fn mergeable(runs: &[Arc<Run>]) -> Option<&[Arc<Run>]> {
    runs.chunk_by(|newer, older| newer.header().level == older.header().level)
        .filter(|level| level.len() >= MERGE_RUNS)
        .min_by_key(|level| level[0].header().level)
        .map(|level| &level[level.len() - MERGE_RUNS..])
}

/// Writes one run that answers as these did, newest first.
pub(super) fn merge(disk: &dyn Disk, name: &str, runs: &[Arc<Run>]) -> io::Result<Run> {
    let level = runs.iter().map(|run| run.header().level).max().unwrap_or(0);
    let plan = RunPlan { name, level: level + 1, keys_limit: runs.iter().map(|run| run.header().keys).sum() };
    let mut readers = runs.iter().map(|run| RunReader::init(run)).collect::<io::Result<Vec<_>>>()?;
    run_write(disk, &plan, |writer| {
        while let Some(newest) = lowest(&readers) {
            writer.push(newest)?;
            for reader in &mut readers {
                if reader.head.is_some_and(|head| head.key == newest.key) {
                    reader.advance()?;
                }
            }
        }
        Ok(())
    })
}

/// The lowest key ahead; where several readers have it, that of the newest run.
fn lowest(readers: &[RunReader<'_>]) -> Option<Located> {
    readers.iter().filter_map(|reader| reader.head).min_by_key(|head| head.key)
}

/// Reads a run from its first key to its last.
struct RunReader<'a> {
    run: &'a Run,
    buffer: Vec<u8>,
    /// First block of the buffer.
    first: u64,
    /// Key of the buffer that is the head.
    at: usize,
    head: Option<Located>,
}

impl<'a> RunReader<'a> {
    fn init(run: &'a Run) -> io::Result<Self> {
        let mut reader = Self { run, buffer: Vec::new(), first: 0, at: 0, head: None };
        reader.fill(0)?;
        Ok(reader)
    }

    fn fill(&mut self, first: u64) -> io::Result<()> {
        self.run.read_blocks(first, &mut self.buffer, READ_BLOCKS)?;
        self.first = first;
        self.at = 0;
        self.head = self.read();
        Ok(())
    }

    fn advance(&mut self) -> io::Result<()> {
        self.at += 1;
        self.head = self.read();
        let next = self.first + (self.buffer.len() / BLOCK_BYTES) as u64;
        if self.head.is_none() && next < self.run.header().blocks() { self.fill(next) } else { Ok(()) }
    }

    /// The key at `at`, unless the buffer or the run ends before.
    fn read(&self) -> Option<Located> {
        let (blocks, _) = self.buffer.as_chunks::<BLOCK_BYTES>();
        let block = blocks.get(self.at / BLOCK_KEYS)?;
        let number = self.first + (self.at / BLOCK_KEYS) as u64;
        let at = self.at % BLOCK_KEYS;
        (at < self.run.header().keys_in(number)).then(|| layout::located(block, at))
    }
}
