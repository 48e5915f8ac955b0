//! One life of the engine, from a recovery to the next crash: its core, writer and keeper, driven step by
//! step on one thread as its three threads would be.

use crate::asked::Asked;
use crate::chain::Note;
use kernel::{Clock, IdSource};
use ledger::journal::core::{Core, Parts};
use ledger::journal::engine::{new_lookup, outcome_unknown};
use ledger::journal::group::Handed;
use ledger::journal::job::{Job, OpenBatch};
use ledger::journal::keeper::Keeper;
use ledger::journal::recovery::Recovered;
use ledger::journal::rest::Rest;
use ledger::journal::segments::{Identity, Segments};
use ledger::journal::view::{Durable, View};
use ledger::journal::writer::Writer;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// A group that was handed over, who asked, and its frame.
pub struct Flight {
    /// As the writer takes it.
    pub handed: Handed,
    /// Who waits.
    pub asked: Vec<Asked>,
    /// The frame, if there is anything to write.
    pub note: Option<Note>,
}

/// A running engine.
pub struct Life {
    /// The sequencer.
    pub core: Core,
    /// The writer.
    pub writer: Writer,
    /// The keeper.
    pub keeper: Keeper,
    /// What readers see.
    pub view: Arc<View>,
    /// The files.
    pub segments: Arc<Segments>,
    /// Whose they are.
    pub identity: Identity,
    /// Commands of the group being filled.
    pub filling: Vec<Asked>,
    /// The group being written.
    pub flight: Option<Flight>,
    /// A checkpoint that failed and is to be tried again: position and generation.
    pub unfinished: Option<(u64, u64)>,
    /// Names since the start or the last checkpoint.
    pub names: u64,
    open: VecDeque<Box<OpenBatch>>,
}

impl Life {
    /// Starts what was recovered, as the engine does.
    pub fn new(
        disk: &crate::disk::SimDisk,
        recovered: Recovered,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Self {
        let Recovered { segments, identity, index, replayed, place, .. } = recovered;
        let durable = Durable {
            end: place.position,
            hash: place.hash,
            time: replayed.state.last_time,
            poisoned: false,
        };
        let view = Arc::new(View::new(&replayed.state, &replayed.marks, durable));
        let lookup = new_lookup(&segments, &index, identity, place.position);
        let rest = Rest::new(clock.clone());
        let parts = Parts { lookup, clock, ids, view: view.clone() };
        Self {
            core: Core::new(replayed.state, parts),
            writer: Writer::new(segments.clone(), identity, view.clone(), place),
            keeper: Keeper { disk: disk.as_dyn(), segments: segments.clone(), identity, index, rest },
            view,
            segments,
            identity,
            filling: Vec::new(),
            flight: None,
            unfinished: None,
            names: 0,
            open: VecDeque::new(),
        }
    }

    /// Hands a job to the sequencer. Independent batches are taken in slices of `slice` commands.
    pub fn submit(&mut self, job: Job, asked: Asked, slice: usize) {
        self.filling.push(asked);
        match job {
            Job::Single(job) => self.core.single(*job),
            Job::Batch(batch) if batch.job.atomic => self.open.extend(self.core.batch(batch, slice)),
            // Independent ones stand in line: the next starts when the one before is done.
            Job::Batch(batch) => {
                self.open.push_back(batch);
                self.go_on(slice);
            }
            Job::Book(tenant, reply) => self.core.book(tenant, reply),
            Job::Unit(unit) => self.core.unit(*unit),
            Job::Wake => self.core.tick(),
        }
    }

    /// Takes another slice of a batch that was not finished.
    pub fn go_on(&mut self, slice: usize) {
        if let Some(batch) = self.open.pop_front()
            && let Some(rest) = self.core.batch(batch, slice)
        {
            self.open.push_front(rest);
        }
    }

    /// Whether a batch is half taken.
    pub fn is_slicing(&self) -> bool {
        !self.open.is_empty()
    }

    /// Whether a checkpoint may start here.
    pub fn rests(&self) -> bool {
        self.flight.is_none() && !self.core.has_group() && self.open.is_empty()
    }

    /// Freezes the index and writes a checkpoint; or tries the one that failed again.
    pub fn checkpoint(&mut self) -> io::Result<()> {
        let (position, generation) = match self.unfinished {
            Some(unfinished) => unfinished,
            None => (self.core.lookup.start, self.core.lookup.index.rotate()),
        };
        self.names = 0;
        self.unfinished = Some((position, generation));
        self.keeper.checkpoint(position, generation)?;
        self.unfinished = None;
        Ok(())
    }

    /// What the sequencer does after a write failed: everybody is told.
    pub fn fail(&mut self, flight: &mut Flight) -> Vec<Asked> {
        let mut next = self.core.hand_over();
        self.view.poison();
        flight.handed.fail(&outcome_unknown());
        next.fail(&outcome_unknown());
        self.open.clear();
        std::mem::take(&mut self.filling)
    }
}
