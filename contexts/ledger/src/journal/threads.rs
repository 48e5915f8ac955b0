//! The two threads of a commit: the sequencer decides and hands groups over, the writer makes them durable.
//! They share a queue and a few flags; one group is being written at most.

use super::batch::AHEAD;
use super::core::Core;
use super::engine::{Settings, outcome_unknown};
use super::group::Handed;
use super::job::{Job, OpenBatch};
use super::lent::{Held, Slot};
use super::rest::Rest;
use super::view::View;
use super::writer::Writer;
use crate::command::Command;
use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

/// Commands of a batch that are taken before others get their turn.
const SLICE: usize = 512;
/// A group is handed over no larger than this unless one batch alone is.
const GROUP_BYTES: usize = 8 << 20;
/// A group that nobody waits for yet is handed over from this size: below, a sync costs more than what it makes
/// durable, above, the disk would stand idle while a large batch is decided.
const ENOUGH_BYTES: usize = 512 << 10;
/// How often the sequencer looks for holds that are due when nothing else wakes it.
const IDLE: Duration = Duration::from_millis(100);

/// What waits for the sequencer.
#[derive(Default)]
pub(super) struct Queue {
    pub jobs: VecDeque<Job>,
    pub bulk: VecDeque<Box<OpenBatch>>,
    pub writer_free: bool,
    /// A writer of rows waits for what it had decided.
    pub settle: bool,
    pub failed: Option<Box<Failed>>,
    pub closing: bool,
    pub sleeping: bool,
}

/// A write that failed, or a thread that ended.
pub(super) struct Failed {
    /// The group that was being written, if it is still there.
    handed: Option<Handed>,
    /// Why.
    fault: String,
}

/// What the threads share.
pub(super) struct Shared {
    pub queue: Mutex<Queue>,
    pub wake: Condvar,
    pub view: Arc<View>,
    pub poisoned: AtomicBool,
    pub full_disk: AtomicBool,
    /// Less is free than the reserve.
    pub low_disk: AtomicBool,
    /// Up to where each context's file of rows has everything for good.
    pub synced: Mutex<BTreeMap<&'static str, u64>>,
    pub damage: Mutex<Option<String>>,
    pub checkpoint: Mutex<Option<(u64, u64)>>,
    pub checkpoint_at: AtomicU64,
    pub groups: AtomicU64,
    pub open_holds: AtomicU64,
    pub rest: Arc<Rest>,
    /// The core, while the sequencer sleeps.
    pub slot: Slot,
}

/// Whether the group being filled takes nothing more.
pub(super) fn is_full(core: &Core) -> bool {
    core.group_bytes() >= GROUP_BYTES
}

/// The thread that decides.
pub(super) struct Sequencer {
    pub core: Held,
    pub shared: Arc<Shared>,
    pub settings: Settings,
    pub send: SyncSender<Handed>,
    /// Names since the last checkpoint began, and where that was.
    pub names: u64,
    pub rotated_at: u64,
}

impl Sequencer {
    /// Runs until the engine closes or a write fails.
    pub fn run(mut self) {
        let _alarm = Alarm(self.shared.clone());
        let mut taken = VecDeque::new();
        loop {
            let (mut slice, closing) = match self.await_work(&mut taken) {
                Work::Failed(failed) => return self.fail(*failed, taken),
                Work::Some { slice, closing } => (slice, closing),
            };
            self.take_all(&mut taken);
            let rest = slice.take().and_then(|batch| self.core.batch(batch, SLICE));
            let unfinished = rest.is_some();
            if let Some(rest) = rest {
                self.shared.queue.lock().bulk.push_front(rest);
            }
            self.core.tick();
            if unfinished && !self.core.is_awaited() && self.core.group_bytes() < ENOUGH_BYTES {
                continue;
            }
            if self.gather(&mut taken) {
                self.take_all(&mut taken);
            }
            self.hand_over();
            if closing && self.is_done() {
                return;
            }
        }
    }

    fn await_work(&mut self, taken: &mut VecDeque<Job>) -> Work {
        let shared = self.shared.clone();
        let mut queue = shared.queue.lock();
        loop {
            if let Some(failed) = queue.failed.take() {
                return Work::Failed(failed);
            }
            if queue.writer_free {
                self.core.settled();
            }
            // A checkpoint starts between groups, when none is in flight.
            let mut resting = self.wants_checkpoint();
            if resting && queue.writer_free && !self.core.has_group() {
                let generation = self.core.lookup.index.rotate();
                *shared.checkpoint.lock() = Some((self.core.lookup.start, generation));
                (self.names, self.rotated_at) = (0, self.core.lookup.start);
                shared.rest.hurry(queue.closing);
                resting = false;
            }
            let full = resting || is_full(&self.core);
            let work = !full && (!queue.jobs.is_empty() || !queue.bulk.is_empty());
            if std::mem::take(&mut queue.settle) {
                self.core.settle();
            }
            let free = queue.writer_free && self.may_hand_over(queue.closing);
            if work || free || queue.closing {
                let mut slice = None;
                if work {
                    std::mem::swap(&mut queue.jobs, taken);
                    slice = queue.bulk.pop_front();
                }
                return Work::Some { slice, closing: queue.closing };
            }
            queue.sleeping = true;
            if !full {
                // What is full, or waits for a checkpoint to start, takes nothing more.
                self.core.lend(&shared.slot);
            }
            let timed_out = shared.wake.wait_for(&mut queue, IDLE).timed_out();
            queue.sleeping = false;
            drop(queue);
            // Whoever has the core may need the queue to say that it is lost.
            if !self.core.take_back(&shared.slot, || shared.poisoned.load(Ordering::Acquire)) {
                // A write may have failed besides: those who wait for it are told too.
                let failed = shared.queue.lock().failed.take();
                let fault = "a decision ended in a panic".to_owned();
                return Work::Failed(failed.unwrap_or_else(|| Box::new(Failed { handed: None, fault })));
            }
            queue = shared.queue.lock();
            if timed_out {
                return Work::Some { slice: None, closing: queue.closing };
            }
        }
    }

    /// Where others want the processor they go first, and what they hand over meanwhile joins the group: a busy
    /// machine makes larger groups, an idle one is not kept waiting. Whether anything came.
    fn gather(&self, taken: &mut VecDeque<Job>) -> bool {
        if is_full(&self.core) || !self.core.has_group() || !self.shared.queue.lock().writer_free {
            return false;
        }
        std::thread::yield_now();
        std::mem::swap(&mut self.shared.queue.lock().jobs, taken);
        !taken.is_empty()
    }

    /// Takes jobs until there are no more or the group is full; what is left goes back to the front of the queue.
    fn take_all(&mut self, taken: &mut VecDeque<Job>) {
        while !taken.is_empty() {
            self.fetch(taken);
            for _ in 0..taken.len().min(AHEAD) {
                if is_full(&self.core) {
                    let mut queue = self.shared.queue.lock();
                    taken.drain(..).rev().for_each(|job| queue.jobs.push_front(job));
                    return;
                }
                self.take(taken.pop_front().expect("as many as were counted"));
            }
        }
    }

    /// Fetches what the next jobs will touch.
    fn fetch(&self, taken: &VecDeque<Job>) {
        let commands = taken.iter().take(AHEAD).filter_map(|job| match job {
            Job::Single(job) => Some(&job.request.command),
            Job::Unit(unit) => unit.requests.first().map(|request| &request.command),
            Job::Batch(_) | Job::Book(..) | Job::Wake => None,
        });
        self.core.state.fetch(commands.flat_map(Command::accounts));
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Single(job) => self.core.single(*job),
            Job::Unit(unit) => self.core.unit(*unit),
            Job::Book(tenant, reply) => self.core.book(tenant, reply),
            Job::Wake => {}
            Job::Batch(batch) if batch.job.atomic => {
                let rest = self.core.batch(batch, SLICE);
                assert!(rest.is_none(), "an atomic batch is taken at once");
            }
            Job::Batch(batch) => self.shared.queue.lock().bulk.push_back(batch),
        }
    }

    /// Whether the group being filled may go: somebody waits for it, or nothing more is put into it. A writer that
    /// waits for its next decision has not said yet that it waits for its group.
    fn may_hand_over(&self, closing: bool) -> bool {
        let core = &self.core;
        let ends = || closing || core.group_bytes() >= ENOUGH_BYTES || self.wants_checkpoint();
        core.is_ready() || (core.has_group() && ends())
    }

    fn wants_checkpoint(&self) -> bool {
        let behind = self.core.lookup.start - self.shared.checkpoint_at.load(Ordering::Relaxed);
        let due = self.names >= self.settings.checkpoint_names || behind >= self.settings.checkpoint_bytes;
        due && self.names > 0 && self.shared.checkpoint.lock().is_none()
    }

    fn hand_over(&mut self) {
        {
            let mut queue = self.shared.queue.lock();
            if !queue.writer_free {
                return;
            }
            self.core.settled();
            if !self.may_hand_over(queue.closing) {
                return;
            }
            queue.writer_free = false;
        }
        let handed = self.core.hand_over();
        self.shared.open_holds.store(self.core.state.holds.len() as u64, Ordering::Relaxed);
        self.names += handed.names.len() as u64;
        let bytes = self.core.lookup.start - self.rotated_at;
        if self.names >= self.settings.checkpoint_names / 2 || bytes >= self.settings.checkpoint_bytes / 2 {
            // The next checkpoint must not find this one under way.
            self.shared.rest.hurry(true);
        }
        // The writer ends only after this side does.
        self.send.send(handed).expect("the writer is there");
    }

    fn is_done(&self) -> bool {
        let queue = self.shared.queue.lock();
        queue.writer_free
            && queue.failed.is_none()
            && !self.core.has_group()
            && queue.jobs.is_empty()
            && queue.bulk.is_empty()
    }

    /// A write failed: everybody is told, nothing more is decided.
    fn fail(mut self, failed: Failed, taken: VecDeque<Job>) {
        let Failed { handed, fault } = failed;
        tracing::error!(
            fault,
            "a write to the journal failed; the ledger is read-only until it is restarted"
        );
        self.shared.poisoned.store(true, Ordering::Release);
        let next = (!self.core.is_lost()).then(|| self.core.hand_over());
        self.shared.view.poison();
        for mut group in handed.into_iter().chain(next) {
            group.fail(&outcome_unknown());
        }
        let (jobs, bulk) = {
            let mut queue = self.shared.queue.lock();
            (std::mem::take(&mut queue.jobs), std::mem::take(&mut queue.bulk))
        };
        // Dropping a job's reply tells its caller that the outcome is unknown.
        drop((jobs, bulk, taken));
    }
}

enum Work {
    Failed(Box<Failed>),
    Some { slice: Option<Box<OpenBatch>>, closing: bool },
}

/// Writes groups until there are no more or a write fails.
pub(super) fn write_groups(mut writer: Writer, shared: &Arc<Shared>, receive: &Receiver<Handed>) {
    let _alarm = Alarm(shared.clone());
    while let Ok(mut handed) = receive.recv() {
        match writer.commit(&handed) {
            Ok(()) => {
                shared.groups.fetch_add(1, Ordering::Relaxed);
                {
                    let mut queue = shared.queue.lock();
                    queue.writer_free = true;
                    queue.sleeping = false;
                    shared.wake.notify_one();
                }
                handed.answer();
            }
            Err(fault) => {
                let mut queue = shared.queue.lock();
                queue.failed = Some(Box::new(Failed { handed: Some(handed), fault: fault.to_string() }));
                queue.sleeping = false;
                shared.wake.notify_one();
                return;
            }
        }
    }
}

/// A thread that ends in a panic leaves what it did unknown: nothing more is taken, and nobody waits for ever.
pub(super) struct Alarm(pub Arc<Shared>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        self.0.poisoned.store(true, Ordering::Release);
        self.0.view.poison();
        let mut queue = self.0.queue.lock();
        queue.jobs.clear();
        queue.bulk.clear();
        let fault = "a thread of the ledger ended in a panic".to_owned();
        queue.failed.get_or_insert_with(|| Box::new(Failed { handed: None, fault }));
        queue.sleeping = false;
        self.0.wake.notify_one();
    }
}
