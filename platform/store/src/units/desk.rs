//! The thread that owns a context's file, and the bounded queue before it. A group is what waits of one kind, in
//! the order it came; its verdicts leave together, behind its COMMIT.

use super::committer::{Asked, Committer, Fatal, Kind, RowsVerdict, Undone};
use crate::books::{Books, Verdict};
use crate::error::{Class, Error};
use crate::unit::{Change, MoneyUnit, RowsUnit, Value};
use kernel::{Clock, Tenant};
use parking_lot::{Condvar, Mutex};
use rusqlite::{OptionalExtension as _, params};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Units that may wait; beyond, callers are told to come back.
const MAX_WAITING: usize = 16_384;
/// Units of one transaction: enough to share a sync, few enough that none waits long for the last.
const GROUP: usize = 128;
/// How often an idle file looks whether the journal went on without it.
const IDLE: Duration = Duration::from_secs(1);
/// The same, in microseconds, for one that is never idle.
const LOOK_US: i64 = 1_000_000;
/// Journal behind the file's cursor that a start would have to look through: beyond this the cursor follows.
const FOLLOW_BYTES: u64 = 16 << 20;
/// A COMMIT that takes longer than this counts as failed: the disk is not one to build on.
const COMMIT_US: i64 = 30_000_000;

/// What a unit led to, or why it is not there.
pub enum Reply<V> {
    /// A verdict, behind its COMMIT.
    Verdict(V),
    /// The store failed; nothing of it is there.
    Fault(Error),
    /// It may or may not be there after the next start.
    Unknown,
}

/// A unit on its way, and who waits for it.
pub enum Task<B: Books> {
    /// A money unit.
    Money(Box<(Asked, MoneyUnit<B>)>, oneshot::Sender<Reply<Verdict>>),
    /// A rows unit.
    Rows(Box<(Asked, RowsUnit)>, oneshot::Sender<Reply<RowsVerdict>>),
    /// A block of numbers: so many from the one that is answered.
    Reserve(Tenant, &'static str, i64, oneshot::Sender<Reply<i64>>),
    /// Rows of one table, all in one transaction, counted.
    CopyIn(&'static str, &'static [&'static str], Vec<Vec<Value>>, oneshot::Sender<Reply<usize>>),
}

struct Queue<B: Books> {
    tasks: VecDeque<Task<B>>,
    closing: bool,
}

struct Shared<B: Books> {
    queue: Mutex<Queue<B>>,
    wake: Condvar,
}

/// The way to the thread.
pub struct Desk<B: Books> {
    shared: Arc<Shared<B>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What happens when a file may not be what it was.
pub type OnFatal = Arc<dyn Fn(&str) + Send + Sync>;

impl<B: Books> Desk<B> {
    /// Starts the thread.
    pub fn start(
        committer: Committer,
        books: Arc<B>,
        clock: Arc<dyn Clock>,
        on_fatal: OnFatal,
    ) -> Result<Self, Error> {
        let queue = Mutex::new(Queue { tasks: VecDeque::new(), closing: false });
        let shared = Arc::new(Shared { queue, wake: Condvar::new() });
        let context = committer.context();
        let owner = Owner { committer, books, clock, shared: shared.clone(), stopped: false };
        let left = shared.clone();
        let work = move || {
            let ended = catch_unwind(AssertUnwindSafe(|| owner.run()));
            // Nobody waits for a thread that is gone: dropped replies say that the outcome is not known.
            let unread = {
                let mut queue = left.queue.lock();
                queue.closing = true;
                std::mem::take(&mut queue.tasks)
            };
            drop(unread);
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(fatal)) => on_fatal(&fatal.to_string()),
                Err(_) => on_fatal(&format!("{context}: the writer's thread panicked")),
            }
        };
        let thread = std::thread::Builder::new().name(format!("rows-{context}")).spawn(work);
        let thread =
            thread.map_err(|source| Error::Io { doing: "starting a writer's thread".into(), source })?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Queues a task; a full or closing queue gives it back.
    pub fn put(&self, task: Task<B>) -> Result<(), Task<B>> {
        let mut queue = self.shared.queue.lock();
        if queue.closing || queue.tasks.len() >= MAX_WAITING {
            return Err(task);
        }
        queue.tasks.push_back(task);
        drop(queue);
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Units that wait.
    pub fn waiting(&self) -> usize {
        self.shared.queue.lock().tasks.len()
    }

    /// Finishes what waits, and ends the thread.
    pub fn close(&self) {
        self.shared.queue.lock().closing = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.lock().take()
            && thread.thread().id() != std::thread::current().id()
        {
            // A panic of the thread was told to `on_fatal`.
            let _ = thread.join();
        }
    }
}

impl<B: Books> Drop for Desk<B> {
    fn drop(&mut self) {
        self.close();
    }
}

struct Owner<B: Books> {
    committer: Committer,
    books: Arc<B>,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared<B>>,
    /// The journal was poisoned under an open transaction: only the next start knows what the file should hold.
    stopped: bool,
}

/// A unit that waits, and who waits for it.
type Waiting<U, V> = (Box<U>, oneshot::Sender<Reply<V>>);
/// Verdicts that are held back.
type Held<V> = Vec<(oneshot::Sender<Reply<V>>, V)>;

/// Drops the answer of a caller that went away; its effect stays.
fn tell<V>(reply: oneshot::Sender<Reply<V>>, what: Reply<V>) {
    let _ = reply.send(what);
}

impl<B: Books> Owner<B> {
    fn run(mut self) -> Result<(), Fatal> {
        let mut looked_us = self.clock.monotonic_us();
        loop {
            let now_us = self.clock.monotonic_us();
            if now_us - looked_us > LOOK_US {
                looked_us = now_us;
                self.follow(FOLLOW_BYTES)?;
            }
            let task = {
                let mut queue = self.shared.queue.lock();
                if queue.tasks.is_empty() && !queue.closing {
                    self.shared.wake.wait_for(&mut queue, IDLE);
                }
                match queue.tasks.pop_front() {
                    Some(task) => task,
                    None if queue.closing => break,
                    None => continue,
                }
            };
            match task {
                Task::Money(unit, reply) => self.money(*unit, reply)?,
                Task::Rows(unit, reply) => self.rows(*unit, reply)?,
                Task::Reserve(tenant, name, count, reply) => {
                    let reserved = self.alone(|committer| reserve(committer, &tenant, name, count))?;
                    tell(reply, reserved);
                }
                Task::CopyIn(table, columns, rows, reply) => {
                    let copied = self.alone(|committer| copy_in(committer, table, columns, &rows))?;
                    tell(reply, copied);
                }
            }
        }
        self.follow(0)
    }

    fn next_money(&self) -> Option<Waiting<(Asked, MoneyUnit<B>), Verdict>> {
        let mut queue = self.shared.queue.lock();
        match queue.tasks.pop_front()? {
            Task::Money(unit, reply) => Some((unit, reply)),
            other => {
                queue.tasks.push_front(other);
                None
            }
        }
    }

    fn next_rows(&self) -> Option<Waiting<(Asked, RowsUnit), RowsVerdict>> {
        let mut queue = self.shared.queue.lock();
        match queue.tasks.pop_front()? {
            Task::Rows(unit, reply) => Some((unit, reply)),
            other => {
                queue.tasks.push_front(other);
                None
            }
        }
    }

    /// A group of money units, from this one on.
    fn money(
        &mut self,
        unit: (Asked, MoneyUnit<B>),
        reply: oneshot::Sender<Reply<Verdict>>,
    ) -> Result<(), Fatal> {
        if self.stopped {
            tell(reply, Reply::Fault(Error::stopped("writing")));
            return Ok(());
        }
        if let Err(fault) = self.committer.begin(Kind::Money) {
            tell(reply, Reply::Fault(fault));
            return Ok(());
        }
        let mut held: Held<Verdict> = Vec::new();
        let mut next = Some((Box::new(unit), reply));
        while let Some((unit, reply)) = next {
            let (asked, unit) = *unit;
            match self.committer.money(&asked, unit, &*self.books) {
                Ok(verdict) => held.push((reply, verdict)),
                Err(Undone::Stale) => held.push((reply, Verdict::Stale)),
                Err(Undone::Fault(fault)) => tell(reply, Reply::Fault(fault)),
                Err(Undone::Fatal(fatal)) => return self.unknown(held, Some(reply), fatal),
            }
            let more = self.committer.is_open().is_some() && held.len() < GROUP;
            next = if more { self.next_money() } else { None };
        }
        self.end_money(held)
    }

    fn end_money(&mut self, held: Held<Verdict>) -> Result<(), Fatal> {
        let settled = self.committer.upto().map(|upto| self.books.settle(upto));
        match settled {
            Some(Err(poisoned)) => {
                tracing::error!(context = self.committer.context(), %poisoned, "a transaction is given up");
                self.stopped |= self.committer.decided();
                self.committer.abandon();
                held.into_iter().for_each(|(reply, _)| tell(reply, Reply::Unknown));
                return Ok(());
            }
            Some(Ok(place)) if self.committer.decided() => {
                if let Err(fatal) = self.commit(Some(place)) {
                    return self.unknown(held, None, fatal);
                }
                self.books.release(self.committer.context());
            }
            Some(Ok(_)) | None => self.committer.abandon(),
        }
        held.into_iter().for_each(|(reply, verdict)| tell(reply, Reply::Verdict(verdict)));
        Ok(())
    }

    /// A group of rows units, from this one on.
    fn rows(
        &mut self,
        unit: (Asked, RowsUnit),
        reply: oneshot::Sender<Reply<RowsVerdict>>,
    ) -> Result<(), Fatal> {
        if self.stopped {
            tell(reply, Reply::Fault(Error::stopped("writing")));
            return Ok(());
        }
        if let Err(fault) = self.committer.begin(Kind::Rows) {
            tell(reply, Reply::Fault(fault));
            return Ok(());
        }
        let mut held: Held<RowsVerdict> = Vec::new();
        let mut next = Some((Box::new(unit), reply));
        while let Some((unit, reply)) = next {
            match self.committer.rows(&unit.0, &unit.1) {
                Ok(verdict) => held.push((reply, verdict)),
                Err(Undone::Stale) => held.push((reply, RowsVerdict::Stale)),
                Err(Undone::Fault(fault)) => tell(reply, Reply::Fault(fault)),
                Err(Undone::Fatal(fatal)) => return self.unknown(held, Some(reply), fatal),
            }
            let more = self.committer.is_open().is_some() && held.len() < GROUP;
            next = if more { self.next_rows() } else { None };
        }
        if self.committer.is_open().is_none() {
            // The transaction vanished with everything in it.
            held.into_iter().for_each(|(reply, _)| tell(reply, Reply::Fault(Error::stopped("writing"))));
            return Ok(());
        }
        match self.commit(None) {
            Ok(()) => {
                held.into_iter().for_each(|(reply, verdict)| tell(reply, Reply::Verdict(verdict)));
                Ok(())
            }
            Err(fatal) => self.unknown(held, None, fatal),
        }
    }

    /// Work of the house on its own tables, a transaction of rows by itself.
    fn alone<T>(
        &mut self,
        work: impl FnOnce(&mut Committer) -> Result<T, Undone>,
    ) -> Result<Reply<T>, Fatal> {
        if self.stopped {
            return Ok(Reply::Fault(Error::stopped("writing")));
        }
        if let Err(fault) = self.committer.begin(Kind::Rows) {
            return Ok(Reply::Fault(fault));
        }
        match work(&mut self.committer) {
            Ok(value) => self.commit(None).map(|()| Reply::Verdict(value)),
            Err(Undone::Fatal(fatal)) => Err(fatal),
            Err(undone) => {
                self.committer.abandon();
                Ok(Reply::Fault(match undone {
                    Undone::Fault(fault) => fault,
                    Undone::Stale | Undone::Fatal(_) => Error::stopped("writing"),
                }))
            }
        }
    }

    fn commit(&mut self, place: Option<crate::books::Place>) -> Result<(), Fatal> {
        let begun_us = self.clock.monotonic_us();
        self.committer.commit(place)?;
        if self.clock.monotonic_us() - begun_us > COMMIT_US {
            let what = "a transaction took longer than 30 s to commit".to_owned();
            return Err(Fatal { context: self.committer.context(), what });
        }
        Ok(())
    }

    /// Moves the cursor along where the journal went on without this context.
    fn follow(&mut self, behind: u64) -> Result<(), Fatal> {
        let end = self.books.durable();
        if self.stopped || end.position - self.committer.cursor().position <= behind {
            return Ok(());
        }
        match self.committer.begin(Kind::Money) {
            Ok(()) => self.commit(Some(end)),
            Err(fault) if fault.class() == Class::Busy => Ok(()),
            Err(fault) => {
                tracing::warn!(context = self.committer.context(), %fault, "the cursor stays behind");
                Ok(())
            }
        }
    }

    fn unknown<V>(
        &self,
        held: Held<V>,
        more: Option<oneshot::Sender<Reply<V>>>,
        fatal: Fatal,
    ) -> Result<(), Fatal> {
        held.into_iter().map(|(reply, _)| reply).chain(more).for_each(|reply| tell(reply, Reply::Unknown));
        Err(fatal)
    }
}

fn reserve(
    committer: &mut Committer,
    tenant: &Tenant,
    name: &'static str,
    count: i64,
) -> Result<i64, Undone> {
    let query = "SELECT next FROM store_numbers WHERE tenant = ?1 AND name = ?2";
    let found: rusqlite::Result<Option<i64>> =
        committer.connection().query_row(query, params![tenant.as_str(), name], |row| row.get(0)).optional();
    let next = found.map_err(|fault| Undone::Fault(fault.into()))?;
    let from = next.unwrap_or(1);
    let sql = match next {
        None => "INSERT INTO store_numbers (tenant, name, next) VALUES (?1, ?2, ?3)",
        Some(_) => "UPDATE store_numbers SET next = ?3 WHERE tenant = ?1 AND name = ?2",
    };
    let values: [Value; 3] = [tenant.as_str().into(), name.into(), (from + count).into()];
    committer.change(&Change::one(sql, values))?;
    Ok(from)
}

fn copy_in(
    committer: &mut Committer,
    table: &str,
    columns: &[&str],
    rows: &[Vec<Value>],
) -> Result<usize, Undone> {
    let places: Vec<String> = (1..=columns.len()).map(|place| format!("?{place}")).collect();
    let sql = format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), places.join(", "));
    let copy = |committer: &mut Committer| -> rusqlite::Result<usize> {
        let mut statement = committer.connection().prepare_cached(&sql)?;
        rows.iter().try_fold(0, |count, row| Ok(count + statement.execute(rusqlite::params_from_iter(row))?))
    };
    copy(committer).map_err(|fault| Undone::Fault(fault.into()))
}
