//! The engine: the core on one thread, the writer on another, the keeper on a third.
//! While one group is being made durable the next is decided; there are no timers but for holds.

use super::batch::AHEAD;
use super::core::{Core, Parts};
use super::disk::Disk;
use super::frame::Contents;
use super::group::{Answer, Handed, Reply, Unanswered};
use super::index::{Index, Stats};
use super::job::{BatchJob, Job, OpenBatch, SingleJob};
use super::keeper::Keeper;
use super::keys::Keyed;
use super::lookup::Lookup;
use super::names::Names;
use super::record::OriginAt;
use super::recovery::{Recovered, recover};
use super::segments::{Identity, Segments};
use super::view::{Durable, View};
use super::writer::Writer;
use crate::books::model::BookNo;
use crate::command::Command;
use crate::refusal::{LEDGER_BUSY, LEDGER_UNAVAILABLE, OUTCOME_UNKNOWN};
use kernel::{Clock, IdSource, Problem, Tenant};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Jobs that may wait; beyond, callers are told to come back.
const MAX_WAITING: usize = 65_536;
/// Commands of a batch that are taken before others get their turn.
const SLICE: usize = 512;
/// A group is handed over no larger than this unless one batch alone is.
const GROUP_BYTES: usize = 8 << 20;
/// How often the sequencer looks for holds that are due when nothing else wakes it.
const IDLE: Duration = Duration::from_millis(100);
/// How often the keeper looks for work.
const KEEPER_PAUSE: Duration = Duration::from_millis(20);
/// How long the keeper waits before it tries a full disk again.
const FULL_DISK_PAUSE: Duration = Duration::from_secs(1);

/// How an engine behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Names after which the index is written out and a snapshot made: bounds memory and restart.
    pub checkpoint_names: u64,
    /// Frame bytes after which the same happens.
    pub checkpoint_bytes: u64,
    /// Pause between two background checks of the whole journal; none: no checks.
    pub scrub_pause: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            checkpoint_names: 800_000,
            checkpoint_bytes: 512 << 20,
            scrub_pause: Some(Duration::from_secs(24 * 3600)),
        }
    }
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    bulk: VecDeque<Box<OpenBatch>>,
    writer_free: bool,
    failed: Option<Box<(Handed, String)>>,
    closing: bool,
    sleeping: bool,
}

/// What the threads share.
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    view: Arc<View>,
    poisoned: AtomicBool,
    full_disk: AtomicBool,
    damage: Mutex<Option<String>>,
    checkpoint: Mutex<Option<(u64, u64)>>,
    checkpoint_at: AtomicU64,
    groups: AtomicU64,
}

/// A running journal.
pub struct Engine {
    shared: Arc<Shared>,
    /// What readers see.
    pub view: Arc<View>,
    /// The files.
    pub segments: Arc<Segments>,
    /// Names to positions.
    pub index: Arc<Index>,
    /// Hashes of names.
    pub keyed: Keyed,
    clock_suspect: Arc<AtomicBool>,
    confirm_clock: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    /// Recovers the journal of a directory and starts its threads.
    pub fn open(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        settings: Settings,
    ) -> io::Result<Self> {
        let recovered = recover(&disk, &*ids)?;
        tracing::info!(
            journal.end = recovered.place.position,
            journal.frames_replayed = recovered.frames,
            "the journal is recovered"
        );
        let Recovered { segments, identity, index, replayed, place, snapshot_at, .. } = recovered;
        let durable = Durable { end: place.position, time: replayed.state.last_time, poisoned: false };
        let view = Arc::new(View::new(&replayed.state, &replayed.marks, durable));
        let lookup = new_lookup(&segments, &index, identity, place.position);
        let parts = Parts { lookup, clock: clock.clone(), ids, view: view.clone() };
        let core = Core::new(replayed.state, parts);
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue { writer_free: true, ..Queue::default() }),
            wake: Condvar::new(),
            view: view.clone(),
            poisoned: AtomicBool::new(false),
            full_disk: AtomicBool::new(false),
            damage: Mutex::new(None),
            checkpoint: Mutex::new(None),
            checkpoint_at: AtomicU64::new(snapshot_at),
            groups: AtomicU64::new(0),
        });
        let engine = Self {
            shared: shared.clone(),
            view: view.clone(),
            segments: segments.clone(),
            index: index.clone(),
            keyed: Keyed::new(identity),
            clock_suspect: core.clock_suspect.clone(),
            confirm_clock: core.confirm_clock.clone(),
            threads: Mutex::default(),
        };
        let writer = Writer::new(segments.clone(), identity, view, place);
        let keeper = Keeper { disk, segments, identity, index };
        engine.start(core, writer, keeper, settings)?;
        Ok(engine)
    }

    fn start(&self, core: Core, writer: Writer, keeper: Keeper, settings: Settings) -> io::Result<()> {
        let (send, receive) = sync_channel::<Handed>(1);
        let mut threads = self.threads.lock();
        let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let shared = self.shared.clone();
        threads.push(
            named("ledger-sequence")
                .spawn(move || Sequencer { core, shared, settings, send, names: 0 }.run())?,
        );
        let shared = self.shared.clone();
        threads.push(named("ledger-write").spawn(move || write_groups(writer, &shared, &receive))?);
        let shared = self.shared.clone();
        threads.push(named("ledger-keep").spawn(move || keep_house(&keeper, &shared, settings))?);
        Ok(())
    }

    /// Hands a command over and waits for its answer to be durable.
    pub async fn single(&self, job: impl FnOnce(Reply) -> SingleJob) -> Result<Answer, Unanswered> {
        let (reply, answer) = oneshot::channel();
        self.submit(Job::Single(Box::new(job(reply))))?;
        wait(answer).await
    }

    /// Hands a batch over and waits for its answer to be durable.
    pub async fn batch(&self, job: impl FnOnce(Reply) -> BatchJob) -> Result<Answer, Unanswered> {
        let (reply, answer) = oneshot::channel();
        let job = job(reply);
        let outcomes = Vec::with_capacity(job.commands.len());
        let batch = OpenBatch { job, outcomes, origin: OriginAt::Nobody, looked_up: false };
        self.submit(Job::Batch(Box::new(batch)))?;
        wait(answer).await
    }

    /// The book of a tenant, opened if there is none.
    pub async fn book(&self, tenant: &Tenant) -> Result<BookNo, Unanswered> {
        if let Some(book) = self.view.book_of(tenant) {
            return Ok(book);
        }
        let (reply, answer) = oneshot::channel();
        self.submit(Job::Book(tenant.clone(), reply))?;
        wait(answer).await?;
        self.view.book_of(tenant).ok_or_else(|| Unanswered(unavailable("The book could not be opened.")))
    }

    /// Has a tenant's book opened, without waiting for it.
    pub fn prepare_book(&self, tenant: &Tenant) {
        if self.view.book_of(tenant).is_none() {
            let (reply, _) = oneshot::channel();
            if let Err(Unanswered(problem)) = self.submit(Job::Book(tenant.clone(), reply)) {
                tracing::error!(problem = problem.detail, "the book is not open yet");
            }
        }
    }

    fn submit(&self, job: Job) -> Result<(), Unanswered> {
        if let Some(problem) = self.refuses() {
            return Err(Unanswered(problem));
        }
        let mut queue = self.shared.queue.lock();
        if queue.closing {
            return Err(Unanswered(unavailable("The server is stopping.")));
        }
        if queue.jobs.len() + queue.bulk.len() >= MAX_WAITING {
            let mut problem = Problem::new(&LEDGER_BUSY, "Too many commands are waiting. Try again shortly.");
            problem.retry_after_s = Some(1);
            return Err(Unanswered(problem));
        }
        queue.jobs.push_back(job);
        if queue.sleeping {
            queue.sleeping = false;
            self.shared.wake.notify_one();
        }
        Ok(())
    }

    /// Why no command is taken at all, if so.
    pub fn refuses(&self) -> Option<Problem> {
        if self.shared.poisoned.load(Ordering::Acquire) {
            return Some(poisoned());
        }
        if self.shared.full_disk.load(Ordering::Acquire) {
            let detail = "The disk is full. Reads go on; free some space and writes go on by themselves.";
            return Some(unavailable(detail));
        }
        None
    }

    /// Whether a write failed, so that nothing more is written until a restart.
    pub fn is_poisoned(&self) -> bool {
        self.shared.poisoned.load(Ordering::Acquire)
    }

    /// Whether writes wait for space on the disk.
    pub fn is_disk_full(&self) -> bool {
        self.shared.full_disk.load(Ordering::Acquire)
    }

    /// Whether the clock has to be confirmed before anything is decided.
    pub fn clock_suspect(&self) -> bool {
        self.clock_suspect.load(Ordering::SeqCst)
    }

    /// An operator has looked: the clock is right.
    pub fn confirm_clock(&self) {
        self.confirm_clock.store(true, Ordering::SeqCst);
        let _ = self.submit(Job::Wake);
    }

    /// What the background check found damaged, if anything.
    pub fn damage(&self) -> Option<String> {
        self.shared.damage.lock().clone()
    }

    /// Sizes of the index.
    pub fn index_stats(&self) -> Stats {
        self.index.stats()
    }

    /// Groups made durable since the start.
    pub fn groups(&self) -> u64 {
        self.shared.groups.load(Ordering::Relaxed)
    }

    /// Commands that wait to be decided.
    pub fn waiting(&self) -> usize {
        let queue = self.shared.queue.lock();
        queue.jobs.len() + queue.bulk.len()
    }

    /// Position of the newest snapshot.
    pub fn checkpoint_at(&self) -> u64 {
        self.shared.checkpoint_at.load(Ordering::Relaxed)
    }

    /// Finishes what was handed over, then stops the threads.
    pub fn close(&self) {
        {
            let mut queue = self.shared.queue.lock();
            queue.closing = true;
            queue.sleeping = false;
            self.shared.wake.notify_one();
        }
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the ledger ended in a panic");
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}

/// The sequencer's way to records, at the end of the journal.
pub fn new_lookup(segments: &Arc<Segments>, index: &Arc<Index>, identity: Identity, end: u64) -> Lookup {
    Lookup {
        segments: segments.clone(),
        index: index.clone(),
        keyed: Keyed::new(identity),
        names: Names::new(index),
        start: end,
        contents: Contents::default(),
        in_flight: None,
        overlay: Default::default(),
    }
}

async fn wait(answer: oneshot::Receiver<Result<Answer, Unanswered>>) -> Result<Answer, Unanswered> {
    match answer.await {
        Ok(answer) => answer,
        Err(_) => Err(Unanswered(outcome_unknown())),
    }
}

fn unavailable(detail: &str) -> Problem {
    let mut problem = Problem::new(&LEDGER_UNAVAILABLE, detail);
    problem.retry_after_s = Some(5);
    problem
}

fn poisoned() -> Problem {
    unavailable(
        "A write to the journal failed, so nothing more is written. Reads of durable data go on. \
         Look at the disk, then restart: the start finds out what was stored.",
    )
}

/// The answer to a command whose group could not be made durable.
pub fn outcome_unknown() -> Problem {
    let detail = "The write failed while the command was under way; whether it was stored shows after a \
                  restart. Repeat it with the same key then.";
    let mut problem = Problem::new(&OUTCOME_UNKNOWN, detail);
    problem.retry_after_s = Some(10);
    problem
}

struct Sequencer {
    core: Core,
    shared: Arc<Shared>,
    settings: Settings,
    send: SyncSender<Handed>,
    names: u64,
}

impl Sequencer {
    fn run(mut self) {
        let mut taken = VecDeque::new();
        loop {
            let (mut slice, closing) = match self.await_work(&mut taken) {
                Work::Failed(failed) => return self.fail(failed.0, &failed.1, taken),
                Work::Some { slice, closing } => (slice, closing),
            };
            while !taken.is_empty() {
                self.fetch(&taken);
                for job in taken.drain(..taken.len().min(AHEAD)) {
                    self.take(job);
                }
            }
            if let Some(batch) = slice.take()
                && let Some(rest) = self.core.batch(batch, SLICE)
            {
                self.shared.queue.lock().bulk.push_front(rest);
            }
            self.core.tick();
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
                self.names = 0;
                resting = false;
            }
            let full = resting || self.core.group_bytes() >= GROUP_BYTES;
            let work = !full && (!queue.jobs.is_empty() || !queue.bulk.is_empty());
            let free = queue.writer_free && self.core.has_group();
            if work || free || queue.closing {
                let mut slice = None;
                if work {
                    std::mem::swap(&mut queue.jobs, taken);
                    slice = queue.bulk.pop_front();
                }
                return Work::Some { slice, closing: queue.closing };
            }
            queue.sleeping = true;
            let timed_out = shared.wake.wait_for(&mut queue, IDLE).timed_out();
            queue.sleeping = false;
            if timed_out {
                return Work::Some { slice: None, closing: queue.closing };
            }
        }
    }

    /// Fetches what the next jobs will touch.
    fn fetch(&self, taken: &VecDeque<Job>) {
        let commands = taken.iter().take(AHEAD).filter_map(|job| match job {
            Job::Single(job) => Some(&job.request.command),
            Job::Batch(_) | Job::Book(..) | Job::Wake => None,
        });
        self.core.state.fetch(commands.flat_map(Command::accounts));
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Single(job) => self.core.single(*job),
            Job::Book(tenant, reply) => self.core.book(tenant, reply),
            Job::Wake => {}
            Job::Batch(batch) if batch.job.atomic => {
                let rest = self.core.batch(batch, SLICE);
                assert!(rest.is_none(), "an atomic batch is taken at once");
            }
            Job::Batch(batch) => self.shared.queue.lock().bulk.push_back(batch),
        }
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
            if !self.core.has_group() {
                return;
            }
            queue.writer_free = false;
        }
        let handed = self.core.hand_over();
        self.names += handed.names.len() as u64;
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
    fn fail(mut self, mut handed: Handed, fault: &str, taken: VecDeque<Job>) {
        tracing::error!(
            fault,
            "a write to the journal failed; the ledger is read-only until it is restarted"
        );
        self.shared.poisoned.store(true, Ordering::Release);
        let mut next = self.core.hand_over();
        self.shared.view.poison();
        handed.fail(&outcome_unknown());
        next.fail(&outcome_unknown());
        let (jobs, bulk) = {
            let mut queue = self.shared.queue.lock();
            (std::mem::take(&mut queue.jobs), std::mem::take(&mut queue.bulk))
        };
        // Dropping a job's reply tells its caller that the outcome is unknown.
        drop((jobs, bulk, taken));
    }
}

enum Work {
    Failed(Box<(Handed, String)>),
    Some { slice: Option<Box<OpenBatch>>, closing: bool },
}

fn write_groups(mut writer: Writer, shared: &Shared, receive: &Receiver<Handed>) {
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
                queue.failed = Some(Box::new((handed, fault.to_string())));
                queue.sleeping = false;
                shared.wake.notify_one();
                return;
            }
        }
    }
}

/// Runs the keeper until the engine closes.
fn keep_house(keeper: &Keeper, shared: &Shared, settings: Settings) {
    let mut spare_for = 0;
    let mut scrubbed = keeper_now();
    loop {
        if shared.queue.lock().closing {
            return;
        }
        let segments = keeper.segments.list().len();
        if spare_for != segments {
            match keeper.segments.make_spare(keeper.segments.next_size()) {
                Ok(()) => {
                    spare_for = segments;
                    shared.full_disk.store(false, Ordering::Release);
                }
                Err(fault) => {
                    tracing::error!(%fault, "the journal's next segment cannot be made; writes wait for space");
                    shared.full_disk.store(true, Ordering::Release);
                    std::thread::park_timeout(FULL_DISK_PAUSE);
                    continue;
                }
            }
        }
        checkpoint_if_due(keeper, shared);
        if let Some(pause) = settings.scrub_pause
            && scrubbed.elapsed() >= pause
        {
            scrub(keeper, shared);
            scrubbed = keeper_now();
        }
        std::thread::park_timeout(KEEPER_PAUSE);
    }
}

fn checkpoint_if_due(keeper: &Keeper, shared: &Shared) {
    let Some((position, generation)) = *shared.checkpoint.lock() else { return };
    match keeper.checkpoint(position, generation) {
        Ok(()) => {
            shared.checkpoint_at.store(position, Ordering::Relaxed);
            *shared.checkpoint.lock() = None;
        }
        Err(fault) => {
            tracing::error!(%fault, "a checkpoint failed; a restart replays more of the journal");
            *shared.damage.lock() = Some(fault.to_string());
        }
    }
}

fn scrub(keeper: &Keeper, shared: &Shared) {
    let end = shared.view.durable().end;
    if let Err(fault) = keeper.scrub(end, |_| !shared.queue.lock().closing) {
        tracing::error!(%fault, "the background check found damage");
        *shared.damage.lock() = Some(fault.to_string());
    }
}

fn keeper_now() -> std::time::Instant {
    std::time::Instant::now()
}
