//! Writes a run from keys in ascending order, in one pass: blocks first, the header last.
//! A file that could not be finished is removed; a file of a name already taken is left alone.

use std::io;
use std::sync::Arc;

use super::filter::{Filter, Probe};
use super::keys::{KeyHash, Located, Spans};
use super::layout::{self, BLOCK_BYTES, BLOCK_KEYS, Block, Header};
use super::run::Run;
use crate::journal::disk::{Disk, File};

/// Bytes gathered for one write: far above the cost of a call, little memory.
const WRITE_BYTES: usize = 64 * BLOCK_BYTES;
/// Bytes between syncs, so that the run's dirty pages never hold up the journal's own sync for long.
const SYNC_BYTES: u64 = 8 << 20;

/// Which run to write.
pub(super) struct RunPlan<'a> {
    pub name: &'a str,
    pub level: u64,
    /// The most keys that may come; sizes the filter.
    pub keys_limit: u64,
}

/// Makes the file, lets `fill` push the keys, and makes everything durable.
pub(super) fn run_write(
    disk: &dyn Disk,
    plan: &RunPlan<'_>,
    fill: impl FnOnce(&mut RunWriter) -> io::Result<()>,
) -> io::Result<Run> {
    let mut writer = RunWriter::new(disk.create(plan.name)?, plan);
    let written = fill(&mut writer).and_then(|()| writer.finish(plan)).and_then(|run| {
        disk.sync_names()?;
        Ok(run)
    });
    if written.is_err() {
        // What cannot be removed either is found by its name at the next start; the first fault counts.
        let _ = disk.remove(plan.name);
    }
    written
}

/// A run being written.
pub(super) struct RunWriter {
    file: Arc<dyn File>,
    pending: Vec<u8>,
    block: Block,
    in_block: usize,
    written_bytes: u64,
    synced_bytes: u64,
    last: Option<KeyHash>,
    keys: u64,
    spans: Spans,
    fences: Vec<KeyHash>,
    filter: Filter,
}

impl RunWriter {
    fn new(file: Arc<dyn File>, plan: &RunPlan<'_>) -> Self {
        Self {
            file,
            pending: Vec::with_capacity(WRITE_BYTES),
            block: [0; BLOCK_BYTES],
            in_block: 0,
            written_bytes: BLOCK_BYTES as u64,
            synced_bytes: 0,
            last: None,
            keys: 0,
            spans: Spans::EMPTY,
            fences: Vec::with_capacity(plan.keys_limit.div_ceil(BLOCK_KEYS as u64) as usize),
            filter: Filter::new(plan.keys_limit),
        }
    }

    /// Adds the next key.
    pub fn push(&mut self, located: Located) -> io::Result<()> {
        assert!(self.last < Some(located.key), "keys of a run ascend");
        self.last = Some(located.key);
        if self.in_block == 0 {
            self.fences.push(located.key);
        }
        self.spans.add(located.key);
        self.filter.add(&Probe::new(located.key));
        layout::put_located(&mut self.block, self.in_block, located);
        self.in_block += 1;
        self.keys += 1;
        if self.in_block == BLOCK_KEYS { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> io::Result<()> {
        layout::seal(&mut self.block, self.fences.len() as u64 - 1);
        self.pending.extend_from_slice(&self.block);
        self.block = [0; BLOCK_BYTES];
        self.in_block = 0;
        self.write_if(WRITE_BYTES)
    }

    /// Writes what is pending if it is at least this much.
    fn write_if(&mut self, least: usize) -> io::Result<()> {
        if self.pending.is_empty() || self.pending.len() < least {
            return Ok(());
        }
        self.file.write_at(&self.pending, self.written_bytes)?;
        self.written_bytes += self.pending.len() as u64;
        self.pending.clear();
        if self.written_bytes - self.synced_bytes >= SYNC_BYTES {
            self.file.sync()?;
            self.synced_bytes = self.written_bytes;
        }
        Ok(())
    }

    /// Writes a part in pieces and returns its checksum.
    fn write_part<const N: usize>(&mut self, pieces: impl Iterator<Item = [u8; N]>) -> io::Result<u32> {
        let mut sum = 0;
        for piece in pieces {
            sum = crc32c::crc32c_append(sum, &piece);
            self.pending.extend_from_slice(&piece);
            self.write_if(WRITE_BYTES)?;
        }
        Ok(sum)
    }

    fn finish(mut self, plan: &RunPlan<'_>) -> io::Result<Run> {
        if self.in_block > 0 {
            self.end_block()?;
        }
        let fences = std::mem::take(&mut self.fences);
        let filter = std::mem::replace(&mut self.filter, Filter::new(0));
        let header = Header {
            level: plan.level,
            keys: self.keys,
            filter_lines: filter.lines() as u64,
            fences_sum: self.write_part(fences.iter().map(|key| layout::fence_bytes(*key)))?,
            filter_sum: self.write_part(filter.to_bytes())?,
            spans: self.spans,
        };
        self.write_if(0)?;
        self.file.write_at(&header.to_block(), 0)?;
        self.file.sync()?;
        Ok(Run::new(plan.name.to_owned(), self.file, header, fences, filter))
    }
}
