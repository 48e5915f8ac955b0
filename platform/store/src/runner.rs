//! Runs the jobs of one context: those that are due, the most urgent first, a few side by side. A handler ends its
//! job in the unit that does it; what it could not do is put off with growing pauses, until the handler ends it.

use crate::books::Awaited;
use crate::error::Error;
use crate::jobs::{Job, job_list_due, job_next_due, job_put_off};
use crate::unit::{Command, RowsUnit};
use crate::units::rows::{RowsEngine, once_rows};
use crate::units::{Stopped, UnitStore};
use kernel::{Caller, Clock, Timestamp};
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::{self, JoinSet};

/// Jobs that run side by side.
const ABREAST: usize = 64;
/// How often the table is looked at though nobody said that it changed and nothing is due.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A job is not run again within this time of its last end.
const REST_US: i64 = 1_000_000;
/// Shortest pause while a job has just ended.
const RESTED_PAUSE: Duration = Duration::from_millis(50);
/// Pause after the table could not be read.
const FAULT_PAUSE: Duration = Duration::from_secs(1);

/// How often a job that runs is said to run still.
const KEEP_EVERY: Duration = Duration::from_secs(5);

/// What a handler promises: it ended the job itself, or says why it has to be tried again.
pub type Handled = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Takes jobs of a context.
pub trait Handler: Send + Sync + 'static {
    /// Does a job, in a unit that ends it with [`crate::jobs::job_end`].
    fn run(&self, job: Job) -> Handled;
}

/// Where the jobs of a context are, and which of them this process may run.
pub trait JobStore: Clone + Send + Sync + 'static {
    /// The clock.
    fn clock(&self) -> &Arc<dyn Clock>;

    /// Jobs that are due, the most urgent first, for this process to run, as many as there is room for; `held` are
    /// not asked for.
    fn take(
        &self,
        now: Timestamp,
        held: HashSet<u128>,
        room: usize,
    ) -> impl Future<Output = Result<Vec<Job>, Error>> + Send;

    /// When the next job is due that nobody runs.
    fn next_due(&self) -> impl Future<Output = Result<Option<Timestamp>, Error>> + Send;

    /// The job still runs here. False if another process has taken it meanwhile.
    fn keep(&self, job: &Job) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Puts a job off that could not be done.
    fn put_off(&self, job: &Job, why: &str) -> impl Future<Output = Result<(), Stopped>> + Send;
}

impl<B: Awaited> JobStore for UnitStore<B> {
    fn clock(&self) -> &Arc<dyn Clock> {
        self.clock()
    }

    async fn take(&self, now: Timestamp, held: HashSet<u128>, room: usize) -> Result<Vec<Job>, Error> {
        if self.books().lacks_room().is_some() {
            // It could neither be done nor put off.
            return Ok(Vec::new());
        }
        let due = self.read(move |reader| job_list_due(reader, now, ABREAST * 2)).await;
        Ok(due?.into_iter().filter(|job: &Job| !held.contains(&job.id.0)).take(room).collect())
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, Error> {
        match self.books().lacks_room() {
            Some(_) => Ok(None),
            None => self.read(job_next_due).await,
        }
    }

    async fn keep(&self, _: &Job) -> Result<bool, Error> {
        // The file has no other process.
        Ok(true)
    }

    async fn put_off(&self, job: &Job, why: &str) -> Result<(), Stopped> {
        put_off(self, self.clock(), job, why).await
    }
}

pub(crate) async fn put_off(
    engine: &impl RowsEngine,
    clock: &Arc<dyn Clock>,
    job: &Job,
    why: &str,
) -> Result<(), Stopped> {
    let mut by = Caller::house(job.tenant.clone());
    by.request = job.request.clone();
    let command = Command { name: "store.job-put-off", fields: Vec::new(), key: None, dry_run: false };
    let make = || {
        let unit = RowsUnit::answering(Vec::new()).change(job_put_off(job, why, clock.now()));
        std::future::ready(Ok::<_, Stopped>(unit))
    };
    once_rows(engine, &by, &command, make).await.map(drop)
}

/// Runs jobs until it is told to stop. `wake` is for whoever has just made one.
pub async fn run_jobs<S: JobStore>(
    store: S,
    handler: Arc<dyn Handler>,
    wake: Arc<Notify>,
    mut stop: watch::Receiver<bool>,
) {
    let mut running: JoinSet<()> = JoinSet::new();
    // By task, so that a job whose handler panicked is free again too.
    let mut taken: HashMap<task::Id, u128> = HashMap::new();
    // Jobs that ended a moment ago: one that is still due then was neither ended nor put off, and is not run at once.
    let mut rested: HashMap<u128, i64> = HashMap::new();
    while !*stop.borrow() {
        while let Some(ended) = running.try_join_next_with_id() {
            rest(&mut taken, &mut rested, &store, ended);
        }
        let since_us = store.clock().monotonic_us() - REST_US;
        rested.retain(|_, ended_us| *ended_us > since_us);
        let now = store.clock().now();
        let room = ABREAST.saturating_sub(running.len());
        let held: HashSet<u128> = taken.values().chain(rested.keys()).copied().collect();
        let due = match store.take(now, held, room).await {
            Ok(due) => Some(due),
            Err(fault) => {
                tracing::error!(fault = fault.why(), "jobs could not be taken");
                None
            }
        };
        let fails = due.is_none();
        let due = due.unwrap_or_default();
        // What is due and runs is heard of when it ends.
        let busy = !due.is_empty() || !taken.is_empty();
        for job in due {
            let id = job.id.0;
            taken.insert(running.spawn(run_one(store.clone(), handler.clone(), job)).id(), id);
        }
        let pause = match (fails, busy) {
            (true, _) => FAULT_PAUSE,
            (false, true) => LOOK_AGAIN,
            // One that was neither ended nor put off is still due, and not looked at again and again.
            (false, false) if !rested.is_empty() => pause(&store, now).await.max(RESTED_PAUSE),
            (false, false) => pause(&store, now).await,
        };
        tokio::select! {
            changed = stop.changed() => if changed.is_err() {
                // Nobody is left who could say when to stop.
                break;
            },
            () = wake.notified() => {}
            Some(ended) = running.join_next_with_id() => {
                rest(&mut taken, &mut rested, &store, ended);
            }
            () = tokio::time::sleep(pause) => {}
        }
    }
    while running.join_next().await.is_some() {}
}

/// A task ended, or panicked.
fn rest<S: JobStore>(
    taken: &mut HashMap<task::Id, u128>,
    rested: &mut HashMap<u128, i64>,
    store: &S,
    ended: Result<(task::Id, ()), task::JoinError>,
) {
    let id = ended.map_or_else(|panic| panic.id(), |(id, ())| id);
    if let Some(job) = taken.remove(&id) {
        rested.insert(job, store.clock().monotonic_us());
    }
}

async fn pause<S: JobStore>(store: &S, now: Timestamp) -> Duration {
    match store.next_due().await {
        Ok(Some(due)) => {
            let us = u64::try_from(due.0.saturating_sub(now.0)).unwrap_or(0);
            Duration::from_micros(us).clamp(Duration::from_millis(1), LOOK_AGAIN)
        }
        Ok(None) => LOOK_AGAIN,
        Err(_) => FAULT_PAUSE,
    }
}

async fn run_one<S: JobStore>(store: S, handler: Arc<dyn Handler>, job: Job) {
    let keeping = async {
        loop {
            tokio::time::sleep(KEEP_EVERY).await;
            match store.keep(&job).await {
                Ok(true) => {}
                // It goes on: what it does here is guarded by its lease, and what it does outside by its id.
                Ok(false) => tracing::warn!(job.kind, "a job was taken by another process while it ran"),
                Err(fault) => {
                    tracing::warn!(job.kind, fault = fault.why(), "a job that runs could not be kept")
                }
            }
        }
    };
    let handled = tokio::select! {
        handled = handler.run(job.clone()) => handled,
        never = keeping => never,
    };
    if let Err(why) = handled {
        tracing::warn!(job.kind, attempts = job.attempts + 1, why, "a job is put off");
        if store.put_off(&job, &why).await.is_err() {
            // It is ended already, or the store cannot write: it stays as it is and is looked at again.
            tracing::warn!("a job could not be put off");
        }
    }
}
