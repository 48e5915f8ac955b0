//! One way to change anything: key, read, decide, commit, answer. `once` looks the key up, lets the command read
//! and make its unit, commits it, and does so again after a failed guard, a bounded number of times. A refusal
//! leaves only after the key was looked up once more, so that a retry racing its first gets the first answer.

use super::beside::first_answer;
use super::committer::{Asked, Committer};
use super::desk::{Desk, OnFatal, Reply, Task};
use super::opening;
use super::rows::{Ended, RowsEngine, Stopped, TRIES, contention, once_rows, tell_rows, unknown};
use crate::books::{Awaited, Books, Deciding, First, Verdict};
use crate::checkpointer::Checkpointer;
use crate::connection::{self, Access, connect};
use crate::error::Error;
use crate::migrate::Migration;
use crate::slugs;
use crate::statements::Reader;
use crate::unit::{Answered, Command, MoneyUnit, RefusedBy, RowsUnit, Value};
use crate::{Readers, read_on};
use kernel::{Caller, Clock, Problem, Tenant};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Numbers that are reserved at once: a restart leaves a gap of at most so many.
const BLOCK: i64 = 64;

/// How a context's store is opened.
pub struct Setting<B: Books> {
    /// The books.
    pub books: Arc<B>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What to do when the file may not be what it was: end the process.
    pub on_fatal: OnFatal,
}

/// Numbers in hand of one tenant and name: the next, and the first that is not reserved.
type Block = (i64, i64);

struct Shared<B: Awaited> {
    path: PathBuf,
    context: &'static str,
    books: Arc<B>,
    clock: Arc<dyn Clock>,
    desk: Desk<B>,
    readers: Arc<Readers>,
    numbers: Mutex<HashMap<(Tenant, &'static str), Block>>,
    _checkpointer: Checkpointer,
}

/// A context's rows and its way to change them. Clones share it.
pub struct UnitStore<B: Awaited> {
    shared: Arc<Shared<B>>,
}

impl<B: Awaited> Clone for UnitStore<B> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<B: Awaited> UnitStore<B> {
    /// Opens or makes a context's file: redo, migrations, then its thread. Blocking: called at start.
    pub fn open(
        path: &Path,
        context: &'static str,
        migrations: &'static [Migration],
        setting: Setting<B>,
    ) -> Result<Self, Error> {
        connection::assert_version();
        let Setting { books, clock, on_fatal } = setting;
        let writing = connect(path, Access::Write)?;
        // A thread of its own copies the log into the file, so that no commit pauses for it.
        writing.pragma_update(None, "wal_autocheckpoint", 0)?;
        let (committer, redone): (Committer, _) = opening::open(writing, path, context, migrations, &*books)?;
        books.release(context);
        if redone.units > 0 {
            tracing::info!(
                context,
                units = redone.units,
                "the journal had commands that the file had not; redone"
            );
        }
        let readers = Arc::new(Readers::open(path)?);
        let told = books.clone();
        let checkpointer = Checkpointer::start(path, move |position| told.synced(context, position))?;
        let desk = Desk::start(committer, books.clone(), clock.clone(), on_fatal)?;
        let numbers = Mutex::default();
        let path = path.to_owned();
        let shared =
            Shared { path, context, books, clock, desk, readers, numbers, _checkpointer: checkpointer };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// The books.
    pub fn books(&self) -> &Arc<B> {
        &self.shared.books
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// Units that wait to be written.
    pub fn waiting(&self) -> usize {
        self.shared.desk.waiting()
    }

    /// Runs a closure on one snapshot of the file.
    pub async fn read<T, E>(
        &self,
        closure: impl FnOnce(&Reader<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        read_on(&self.shared.readers, closure).await
    }

    /// Carries a command out that may touch the books.
    pub async fn once_money<E, F>(
        &self,
        by: &Caller,
        command: &Command,
        make: impl Fn() -> F,
    ) -> Result<Answered, E>
    where
        F: Future<Output = Result<MoneyUnit<B>, E>>,
        E: From<Stopped>,
    {
        for _ in 0..TRIES {
            // Each time: a guard may have failed because the first of two retries was done meanwhile.
            if let Some(first) = self.first_money(by, command).await {
                return first.map_err(E::from);
            }
            let unit = match make().await {
                Ok(unit) => unit,
                Err(refused) => {
                    return match self.first_money(by, command).await {
                        Some(first) => first.map_err(E::from),
                        None => Err(refused),
                    };
                }
            };
            match self.commit_money(by, command, unit).await {
                Ok(Verdict::Stale) => {}
                Ok(verdict) => return self.tell(verdict).await.map_err(E::from),
                Err(stopped) => return Err(stopped.into()),
            }
        }
        match self.first_money(by, command).await {
            Some(first) => first.map_err(E::from),
            None => Err(Stopped::Unanswered(contention()).into()),
        }
    }

    async fn commit_money(
        &self,
        by: &Caller,
        command: &Command,
        unit: MoneyUnit<B>,
    ) -> Result<Verdict, Stopped> {
        if !unit.rows.is_empty() || unit.refused.is_some() {
            let asked = self.asked(by, command);
            return self.hand(|reply| Task::Money(Box::new((asked, unit)), reply)).await;
        }
        let MoneyUnit { commands, trusted, within, answer, .. } = unit;
        let (by, command, context) = (by.clone(), command.clone(), self.shared.context);
        let then = answer.into();
        let unit = Deciding { by, context, command, commands, trusted, within, then, redo: None };
        Ok(self.shared.books.commit(unit).await)
    }

    async fn tell(&self, verdict: Verdict) -> Result<Answered, Stopped> {
        let answered = |answer, replayed, dry_run| Ok(Answered { answer, replayed, dry_run });
        match verdict {
            Verdict::Done { answer, .. } => answered(answer, false, false),
            Verdict::WouldDo(answer) => answered(answer, false, true),
            Verdict::Replayed { position, first } => self.replayed(position, first).await,
            Verdict::Refused(problem) => Err(Stopped::Refused(RefusedBy { problem, replayed: false })),
            Verdict::Unanswered(problem) => Err(Stopped::Unanswered(problem)),
            Verdict::Stale | Verdict::Recorded { .. } => unreachable!("these are no last words"),
        }
    }

    /// A first answer again, once its rows are there too.
    async fn replayed(&self, position: u64, first: First) -> Result<Answered, Stopped> {
        match self.shared.books.await_rows(self.shared.context, position).await {
            true => replay(first),
            false => Err(Stopped::Unanswered(unknown())),
        }
    }

    /// What the key led to before, once its rows are there too.
    async fn first_money(&self, by: &Caller, command: &Command) -> Option<Result<Answered, Stopped>> {
        command.key.as_ref()?;
        match self.shared.books.first(by, self.shared.context, command).await {
            Ok(None) => None,
            Ok(Some((position, first))) => Some(self.replayed(position, first).await),
            Err(problem) => Some(Err(Stopped::Refused(RefusedBy { problem, replayed: false }))),
        }
    }

    /// Carries a command out that never touches the books.
    pub async fn once_rows<E, F>(
        &self,
        by: &Caller,
        command: &Command,
        make: impl Fn() -> F,
    ) -> Result<Answered, E>
    where
        F: Future<Output = Result<RowsUnit, E>>,
        E: From<Stopped>,
    {
        once_rows(self, by, command, make).await
    }

    /// A number of this tenant and name that was never given before. Numbers grow; gaps are allowed.
    pub async fn number(&self, tenant: &Tenant, name: &'static str) -> Result<i64, Stopped> {
        loop {
            if let Some((next, end)) = self.shared.numbers.lock().get_mut(&(tenant.clone(), name))
                && next < end
            {
                *next += 1;
                return Ok(*next - 1);
            }
            let own = tenant.clone();
            let from = self.hand(|reply| Task::Reserve(own, name, BLOCK, reply)).await?;
            let mut numbers = self.shared.numbers.lock();
            let block = numbers.entry((tenant.clone(), name)).or_insert((from, from));
            // Two that ran out at once reserved a block each: an earlier one that comes later is a gap.
            if from >= block.1 {
                *block = (from, from + BLOCK);
            }
        }
    }

    /// Adds many rows of one table in one transaction, outside of any command: an import into a table that is
    /// staging. Returns how many.
    pub async fn copy_in(
        &self,
        table: &'static str,
        columns: &'static [&'static str],
        rows: Vec<Vec<Value>>,
    ) -> Result<usize, Stopped> {
        self.hand(|reply| Task::CopyIn(table, columns, rows, reply)).await
    }

    /// Finishes what waits and ends the thread.
    pub fn close(&self) {
        self.shared.desk.close();
    }

    fn asked(&self, by: &Caller, command: &Command) -> Asked {
        Asked { by: by.clone(), command: command.clone(), at: self.shared.clock.now() }
    }

    async fn hand<V>(&self, task: impl FnOnce(oneshot::Sender<Reply<V>>) -> Task<B>) -> Result<V, Stopped> {
        if let Some(problem) = self.shared.books.lacks_room() {
            return Err(Stopped::Unanswered(problem));
        }
        let (reply, answer) = oneshot::channel();
        if self.shared.desk.put(task(reply)).is_err() {
            let mut problem =
                Problem::new(&slugs::STORE_BUSY, "Too many commands wait for the store. Try again.");
            problem.retry_after_s = Some(1);
            return Err(Stopped::Unanswered(problem));
        }
        match answer.await {
            Ok(Reply::Verdict(verdict)) => Ok(verdict),
            Ok(Reply::Fault(fault)) => Err(fault.into()),
            Ok(Reply::Unknown) | Err(_) => Err(Stopped::Unanswered(unknown())),
        }
    }
}

impl<B: Awaited> RowsEngine for UnitStore<B> {
    async fn first(&self, by: &Caller, command: &Command) -> Option<Result<Answered, Stopped>> {
        let key = command.key.clone()?;
        let (by, command) = (by.clone(), command.clone());
        let found: Result<_, Error> =
            self.read(move |reader| first_answer(reader, &by, &key, &command)).await;
        match found {
            Ok(None) => None,
            Ok(Some(verdict)) => Some(tell_rows(verdict)),
            Err(fault) => Some(Err(fault.into())),
        }
    }

    async fn commit(&self, by: &Caller, command: &Command, unit: RowsUnit) -> Result<Ended, Stopped> {
        let asked = self.asked(by, command);
        self.hand(|reply| Task::Rows(Box::new((asked, unit)), reply)).await.map(Ended::Told)
    }
}

fn replay(first: First) -> Result<Answered, Stopped> {
    match first {
        First::Answer(answer) => Ok(Answered { answer, replayed: true, dry_run: false }),
        First::Refusal(problem) => Err(Stopped::Refused(RefusedBy { problem, replayed: true })),
    }
}
