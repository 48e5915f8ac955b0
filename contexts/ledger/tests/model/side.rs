//! What the model test needs of a ledger, whichever store it has.

use crate::rig::{Awaited, Rig};
use kernel::time::ManualClock;
use ledger::command::{Command, Manner, Request};
use ledger::journal::group::Reply;
use ledger::journal::job::BatchJob;
use ledger::journal::record::Record;
use ledger::journal::replay::Replayed;
use ledger::state::State;

/// A ledger with one book, driven by hand.
pub trait Side {
    /// Its clock.
    fn clock(&self) -> &ManualClock;
    /// Hands one command over.
    fn single(&mut self, request: Request, manner: Manner) -> Awaited;
    /// Hands a batch over; an independent one is taken `most` commands at a time.
    fn batch(&mut self, most: usize, job: impl FnOnce(Reply) -> BatchJob) -> Awaited;
    /// Makes what is in flight durable and sends what was handed over.
    fn turn(&mut self);
    /// Nothing is in flight and nothing waits.
    fn is_idle(&self) -> bool;
    /// The record at a position.
    fn record(&self, position: u64) -> Record;
    /// What stands after all that was decided so far.
    fn state(&self) -> &State;
    /// Whether accounts that a command names by number have one yet.
    fn knows(&self, command: &Command) -> bool;
    /// Ends without a word and starts again; returns what stood before.
    fn restart(&mut self, checkpoint: bool) -> State;
    /// Every record from the first, and the state they make.
    fn replay(&self, each: &mut dyn FnMut(&State, &Record)) -> Replayed;
    /// What the store itself says of its files or tables.
    fn verify(&self);
}

impl Side for Rig {
    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    fn single(&mut self, request: Request, manner: Manner) -> Awaited {
        Rig::single(self, request, manner)
    }

    fn batch(&mut self, most: usize, job: impl FnOnce(Reply) -> BatchJob) -> Awaited {
        Rig::batch(self, most, job)
    }

    fn turn(&mut self) {
        Rig::turn(self);
    }

    fn is_idle(&self) -> bool {
        Rig::is_idle(self)
    }

    fn record(&self, position: u64) -> Record {
        Rig::record(self, position)
    }

    fn state(&self) -> &State {
        &self.core.state
    }

    fn knows(&self, _: &Command) -> bool {
        true
    }

    fn restart(&mut self, checkpoint: bool) -> State {
        if checkpoint {
            self.checkpoint();
        }
        let before = std::mem::take(&mut self.core.state);
        Rig::restart(self);
        before
    }

    fn replay(&self, each: &mut dyn FnMut(&State, &Record)) -> Replayed {
        Rig::replay(self, each)
    }

    /// What `concord ledger verify` says of the same files.
    fn verify(&self) {
        let report = ledger::journal::verify::verify(&self.disk, &mut |_| {}).expect("it reads the files");
        let findings = report.expect("there is a journal").findings;
        assert_eq!(findings.count, 0, "{:#?}", findings.told);
    }
}
