//! The one writer: a thread that owns the writing connection and takes transactions in the order they came.

use crate::error::Error;
use crate::statements::{self, Tx};
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// Writes that may wait; later ones wait for a place. At a sync each this is already seconds of work.
const QUEUE: usize = 1_024;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The thread and the way to it.
pub struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub fn start(mut connection: Connection) -> Result<Self, Error> {
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        let work = move || {
            while let Some(job) = queue.blocking_recv() {
                // A panicking closure loses its transaction and its answer, not the thread.
                let _ = catch_unwind(AssertUnwindSafe(|| job(&mut connection)));
            }
        };
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(work);
        let thread =
            thread.map_err(|source| Error::Io { doing: "starting the writer's thread".into(), source })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Queues a transaction and waits for its outcome.
    pub async fn run<T, E>(
        &self,
        closure: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (answer, outcome) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // A caller that went away still gets its write; only the answer is dropped.
            let _ = answer.send(statements::transaction(connection, closure));
        });
        let jobs = self.jobs.as_ref().expect("taken only on drop");
        jobs.send(job).await.map_err(|_| E::from(Error::stopped("writing")))?;
        outcome.await.unwrap_or_else(|_| Err(E::from(Error::stopped("writing"))))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A closure may hold the last clone of its own store; a thread cannot wait for itself.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}
