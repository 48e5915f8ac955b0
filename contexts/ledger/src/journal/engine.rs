//! The engine: the core on one thread, the writer on another, the keeper on a third.
//! While one group is being made durable the next is decided; there are no timers but for holds.

use super::core::{Core, Parts};
use super::disk::Disk;
use super::frame::Contents;
use super::group::{Answer, Handed, Reply, Unanswered};
use super::house::keep_house;
use super::index::{Index, Stats};
use super::job::{BatchJob, Job, OpenBatch, SingleJob};
use super::keeper::Keeper;
use super::keys::Keyed;
use super::lent::{Held, Slot};
use super::lookup::Lookup;
use super::names::Names;
use super::record::OriginAt;
use super::recovery::{Recovered, recover};
use super::rest::{Rest, RestingDisk};
use super::segments::{Identity, Segments};
use super::threads::{Alarm, Queue, Sequencer, Shared, is_full, write_groups};
use super::unit::{Decided, UnitJob, UnitReply, Verdict};
use super::view::{Durable, View};
use super::writer::Writer;
use crate::books::model::BookNo;
use crate::refusal::{LEDGER_BUSY, LEDGER_UNAVAILABLE, OUTCOME_UNKNOWN};
use kernel::{Clock, IdSource, Problem, Tenant};
use parking_lot::{Condvar, Mutex};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Jobs that may wait; beyond, callers are told to come back.
const MAX_WAITING: usize = 65_536;

/// Jobs that are worth waking the sequencer for while a group is being written.
const TOGETHER: usize = 32;

/// How an engine behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Names after which the index is written out and a snapshot made: bounds memory and restart.
    pub checkpoint_names: u64,
    /// Frame bytes after which the same happens.
    pub checkpoint_bytes: u64,
    /// Free bytes of the disk below which units of contexts are refused.
    pub disk_reserve_bytes: u64,
    /// Pause between two background checks of the whole journal; none: no checks.
    pub scrub_pause: Option<Duration>,
    /// Whether a projection is kept; whoever opens the ledger says where.
    pub projection: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            checkpoint_names: 800_000,
            checkpoint_bytes: 512 << 20,
            disk_reserve_bytes: 64 << 20,
            scrub_pause: Some(Duration::from_secs(24 * 3600)),
            projection: true,
        }
    }
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
    /// Whose journal it is.
    pub identity: Identity,
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
        let durable = Durable {
            end: place.position,
            hash: place.hash,
            time: replayed.state.last_time,
            poisoned: false,
        };
        let view = Arc::new(View::new(&replayed.state, &replayed.marks, durable));
        let lookup = new_lookup(&segments, &index, identity, place.position);
        let parts = Parts { lookup, clock: clock.clone(), ids, view: view.clone() };
        let core = Core::new(replayed.state, parts);
        let rest = Rest::new(clock.clone());
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue { writer_free: true, ..Queue::default() }),
            wake: Condvar::new(),
            view: view.clone(),
            poisoned: AtomicBool::new(false),
            full_disk: AtomicBool::new(false),
            low_disk: AtomicBool::new(false),
            damage: Mutex::new(None),
            checkpoint: Mutex::new(None),
            checkpoint_at: AtomicU64::new(snapshot_at),
            groups: AtomicU64::new(0),
            synced: Mutex::default(),
            slot: Slot::default(),
            open_holds: AtomicU64::new(core.state.holds.len() as u64),
            rest: rest.clone(),
        });
        let engine = Self {
            shared: shared.clone(),
            view: view.clone(),
            segments: segments.clone(),
            index: index.clone(),
            keyed: Keyed::new(identity),
            identity,
            clock_suspect: core.clock_suspect.clone(),
            confirm_clock: core.confirm_clock.clone(),
            threads: Mutex::default(),
        };
        let writer = Writer::new(segments.clone(), identity, view, place);
        let disk = Arc::new(RestingDisk { disk, rest: rest.clone() });
        let keeper = Keeper { disk, segments, identity, index, rest };
        keeper.clear_draft()?;
        engine.start(core, writer, keeper, settings, clock)?;
        Ok(engine)
    }

    fn start(
        &self,
        core: Core,
        writer: Writer,
        keeper: Keeper,
        settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> io::Result<()> {
        let (send, receive) = sync_channel::<Handed>(1);
        let mut threads = self.threads.lock();
        let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let (shared, rotated_at) = (self.shared.clone(), core.lookup.start);
        let sequencer = Sequencer { core: Held::new(core), shared, settings, send, names: 0, rotated_at };
        threads.push(named("ledger-sequence").spawn(move || sequencer.run())?);
        let shared = self.shared.clone();
        threads.push(named("ledger-write").spawn(move || write_groups(writer, &shared, &receive))?);
        let shared = self.shared.clone();
        threads.push(named("ledger-keep").spawn(move || keep_house(&keeper, &shared, settings, &*clock))?);
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

    /// Hands a unit over and waits for its verdict to be durable.
    pub async fn unit(&self, mut unit: UnitJob) -> Verdict {
        let (reply, verdict) = oneshot::channel();
        unit.reply = Some(UnitReply::Durable(reply));
        if let Err(Unanswered(problem)) = self.submit(Job::Unit(Box::new(unit))) {
            return Verdict::Unanswered(problem);
        }
        verdict.await.unwrap_or_else(|_| Verdict::Unanswered(outcome_unknown()))
    }

    /// Has a unit decided, and does not wait for it to be durable: on this thread while the sequencer sleeps, else by
    /// the sequencer. Blocks the thread.
    pub fn unit_now(&self, mut unit: UnitJob) -> Decided {
        let (reply, decided) = oneshot::channel();
        unit.reply = Some(UnitReply::Now(reply));
        let lent = if self.refuses().is_none() { self.shared.slot.take() } else { None };
        match lent {
            Some(mut core) if !is_full(&core) => {
                let _alarm = Alarm(self.shared.clone());
                core.unit(unit);
                self.shared.slot.put(core);
            }
            lent => {
                lent.into_iter().for_each(|core| self.shared.slot.put(core));
                if let Err(Unanswered(problem)) = self.submit(Job::Unit(Box::new(unit))) {
                    return Decided { verdict: Verdict::Unanswered(problem), upto: 0 };
                }
            }
        }
        let lost = |_| Decided { verdict: Verdict::Unanswered(outcome_unknown()), upto: 0 };
        decided.blocking_recv().unwrap_or_else(lost)
    }

    /// Waits until the journal is durable beyond a position, or never will be. Blocks the thread.
    pub fn settle(&self, upto: u64) -> Durable {
        let durable = self.view.durable();
        if durable.end > upto || durable.poisoned {
            return durable;
        }
        {
            let mut queue = self.shared.queue.lock();
            queue.settle = true;
            queue.sleeping = false;
            self.shared.wake.notify_one();
        }
        self.view.await_end(upto)
    }

    /// The book of a tenant, opened if there is none. Blocks the thread.
    pub fn book_now(&self, tenant: &Tenant) -> Result<BookNo, Unanswered> {
        if let Some(book) = self.view.book_of(tenant) {
            return Ok(book);
        }
        let (reply, answer) = oneshot::channel();
        self.submit(Job::Book(tenant.clone(), reply))?;
        answer.blocking_recv().unwrap_or_else(|_| Err(Unanswered(outcome_unknown())))?;
        self.view.book_of(tenant).ok_or_else(|| Unanswered(unavailable("The book could not be opened.")))
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
        // Asked again: the queue may have been emptied for good while this one waited for it.
        if self.is_poisoned() {
            return Err(Unanswered(poisoned()));
        }
        if queue.jobs.len() + queue.bulk.len() >= MAX_WAITING {
            let mut problem = Problem::new(&LEDGER_BUSY, "Too many commands are waiting. Try again shortly.");
            problem.retry_after_s = Some(1);
            return Err(Unanswered(problem));
        }
        // While a group is being written nothing can be handed over: a few jobs wait for each other, so that
        // deciding them takes one waking and not one each. A batch is work enough on its own.
        let alone = match &job {
            Job::Batch(_) => true,
            // A writer stands still until it hears of its unit.
            Job::Unit(unit) => matches!(unit.reply, Some(UnitReply::Now(_))),
            _ => false,
        };
        let pressing = queue.writer_free || alone || queue.jobs.len() >= TOGETHER;
        queue.jobs.push_back(job);
        if pressing && queue.sleeping {
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

    /// Why nothing is written into files of rows, if so: below the reserve what a unit decided might find no room.
    pub fn lacks_room(&self) -> Option<Problem> {
        self.shared.low_disk.load(Ordering::Acquire).then(|| {
            unavailable(
                "The disk is nearly full: less is free than ledger.disk_reserve_bytes. Reads go on; free some space \
                 and commands that change rows go on by themselves.",
            )
        })
    }

    /// A context's file has every row of its units up to here, for good: see [`super::redo`].
    pub fn synced(&self, context: &'static str, position: u64) {
        let mut synced = self.shared.synced.lock();
        let newest = synced.entry(context).or_default();
        *newest = position.max(*newest);
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

    /// Holds that are open in all books.
    pub fn open_holds(&self) -> u64 {
        self.shared.open_holds.load(Ordering::Relaxed)
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
            self.shared.rest.hurry(true);
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
