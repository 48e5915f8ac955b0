//! Runs the jobs of one context: those that are due, the most urgent first, a few side by side. A handler ends its
//! job in the unit that does it; what it could not do is put off with growing pauses, until the handler ends it.

use crate::books::Awaited;
use crate::error::Error;
use crate::jobs::{Job, job_list_due, job_next_due, job_put_off};
use crate::unit::{Command, RowsUnit};
use crate::units::{Stopped, UnitStore};
use kernel::{Caller, Timestamp};
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
/// Pause after the table could not be read.
const FAULT_PAUSE: Duration = Duration::from_secs(1);

/// What a handler promises: it ended the job itself, or says why it has to be tried again.
pub type Handled = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Takes jobs of a context.
pub trait Handler: Send + Sync + 'static {
    /// Does a job, in a unit that ends it with [`crate::jobs::job_end`].
    fn run(&self, job: Job) -> Handled;
}

/// Runs jobs until it is told to stop. `wake` is for whoever has just made one.
pub async fn run_jobs<B: Awaited>(
    store: UnitStore<B>,
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
        let found: Result<Vec<Job>, Error> =
            store.read(move |reader| job_list_due(reader, now, ABREAST * 2)).await;
        let due = found.unwrap_or_else(|fault| {
            tracing::error!(%fault, "jobs could not be read");
            Vec::new()
        });
        let busy = !due.is_empty();
        let room = ABREAST.saturating_sub(running.len());
        let held: HashSet<u128> = taken.values().chain(rested.keys()).copied().collect();
        for job in due.into_iter().filter(|job| !held.contains(&job.id.0)).take(room) {
            let id = job.id.0;
            taken.insert(running.spawn(run_one(store.clone(), handler.clone(), job)).id(), id);
        }
        // What is due and runs is heard of when it ends.
        let pause = if busy { LOOK_AGAIN } else { pause(&store, now).await };
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
fn rest<B: Awaited>(
    taken: &mut HashMap<task::Id, u128>,
    rested: &mut HashMap<u128, i64>,
    store: &UnitStore<B>,
    ended: Result<(task::Id, ()), task::JoinError>,
) {
    let id = ended.map_or_else(|panic| panic.id(), |(id, ())| id);
    if let Some(job) = taken.remove(&id) {
        rested.insert(job, store.clock().monotonic_us());
    }
}

async fn pause<B: Awaited>(store: &UnitStore<B>, now: Timestamp) -> Duration {
    let next: Result<Option<Timestamp>, Error> = store.read(job_next_due).await;
    match next {
        Ok(Some(due)) => {
            let us = u64::try_from(due.0.saturating_sub(now.0)).unwrap_or(0);
            Duration::from_micros(us).clamp(Duration::from_millis(1), LOOK_AGAIN)
        }
        Ok(None) => LOOK_AGAIN,
        Err(_) => FAULT_PAUSE,
    }
}

async fn run_one<B: Awaited>(store: UnitStore<B>, handler: Arc<dyn Handler>, job: Job) {
    if let Err(why) = handler.run(job.clone()).await {
        tracing::warn!(job.kind, attempts = job.attempts + 1, why, "a job is put off");
        let mut by = Caller::house(job.tenant.clone());
        by.request = job.request.clone();
        let command = Command { name: "store.job-put-off", fields: Vec::new(), key: None, dry_run: false };
        let put_off = store
            .once_rows(&by, &command, || {
                let at = store.clock().now();
                let unit = RowsUnit::answering(Vec::new()).change(job_put_off(&job, &why, at));
                std::future::ready(Ok::<_, Stopped>(unit))
            })
            .await;
        if put_off.is_err() {
            // It is ended already, or the store cannot write: it stays as it is and is looked at again.
            tracing::warn!("a job could not be put off");
        }
    }
}
