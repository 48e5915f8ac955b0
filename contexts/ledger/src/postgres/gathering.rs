//! Gathering: what arrives for a book while its last batch runs is the next batch. A bounded queue and a task for each
//! book that is in use; no timers.

use super::{Job, Store};
use crate::books::model::BookNo;
use crate::journal::group::{Answer, Unanswered};
use crate::refusal::{LEDGER_BUSY, OUTCOME_UNKNOWN};
use hashbrown::HashMap;
use kernel::Problem;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Jobs that wait for one book at most; who comes then is told to come back.
const QUEUE: usize = 8_192;
/// Commands of one batch, unless its first job alone has more: enough that its round trips no longer count, few enough
/// that nobody waits long behind it.
const COMMANDS: usize = 1_024;

type Waiting = (Job, oneshot::Sender<Result<Answer, Unanswered>>);

/// A store whose callers share batches. Clones share it; tasks end with the last of them.
#[derive(Clone)]
pub struct Gathered {
    store: Store,
    queues: Arc<Mutex<HashMap<BookNo, mpsc::Sender<Waiting>>>>,
}

impl Gathered {
    /// In front of this store.
    pub fn new(store: Store) -> Self {
        Self { store, queues: Arc::default() }
    }

    /// Carries a job out with others of its book. A caller that stops waiting does not stop it.
    pub async fn run(&self, book: BookNo, job: Job) -> Result<Answer, Unanswered> {
        let (reply, answer) = oneshot::channel();
        let queue = self.queue(book);
        queue.try_send((job, reply)).map_err(|_| Unanswered(busy()))?;
        answer.await.unwrap_or_else(|_| Err(Unanswered(gone())))
    }

    fn queue(&self, book: BookNo) -> mpsc::Sender<Waiting> {
        let mut queues = self.queues.lock();
        // A task that panicked left its queue closed.
        if let Some(queue) = queues.get(&book).filter(|queue| !queue.is_closed()) {
            return queue.clone();
        }
        let (sender, receiver) = mpsc::channel(QUEUE);
        queues.insert(book, sender.clone());
        tokio::spawn(serve(self.store.clone(), book, receiver));
        sender
    }
}

/// Runs batch after batch.
async fn serve(store: Store, book: BookNo, mut queue: mpsc::Receiver<Waiting>) {
    let mut next = None;
    loop {
        let first = match next.take() {
            Some(first) => first,
            None => match queue.recv().await {
                Some(first) => first,
                None => return,
            },
        };
        let mut commands = size(&first.0);
        let (mut jobs, mut replies) = (vec![first.0], vec![first.1]);
        while commands < COMMANDS
            && let Ok((job, reply)) = queue.try_recv()
        {
            if commands + size(&job) > COMMANDS {
                next = Some((job, reply));
                break;
            }
            commands += size(&job);
            jobs.push(job);
            replies.push(reply);
        }
        let answers = store.run(book, jobs, None).await;
        for (reply, answer) in replies.into_iter().zip(answers) {
            // A caller that went away has its effect all the same.
            let _ = reply.send(answer);
        }
    }
}

fn size(job: &Job) -> usize {
    match job {
        Job::Single(_) => 1,
        Job::Batch(several) => several.batch.commands.len(),
    }
}

fn busy() -> Problem {
    let mut problem = Problem::new(&LEDGER_BUSY, "Too many commands wait for this book.");
    problem.retry_after_s = Some(1);
    problem
}

fn gone() -> Problem {
    Problem::new(
        &OUTCOME_UNKNOWN,
        "The batch ended without an answer; whether it was stored shows by its key.",
    )
}
