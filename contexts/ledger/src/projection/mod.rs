//! The projection: which entries have which reference, party and metadata, for filtered queries. A read model beside
//! the journal: it follows durable frames on a thread of its own, says how far it is, and is made again from the
//! journal wherever it does not follow it.
//! Promises: what it says it has read it has; it holds no text, only keyed hashes, and who finds an entry by one looks
//! at its record.

mod find;
mod follow;
mod rows;
mod store;

pub use find::Found;
pub use rows::{is_listed, labels};
pub use store::Span;

use crate::journal::engine::Engine;
use crate::reading::not_yet_visible;
use crate::refusal::LEDGER_UNAVAILABLE;
use follow::Follower;
use kernel::{Clock, Problem};
use parking_lot::{Mutex, RwLock};
use platform_store::View;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, Thread};
use tokio::sync::watch;

/// Its file in the data directory.
pub const FILE: &str = "projection.sqlite";

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Progress {
    /// Everything before this position of the journal is projected.
    pub position: u64,
    /// So many records in all books.
    pub records: u64,
    /// So many labels came of them.
    pub labels: u64,
}

/// A running projection.
pub struct Projection {
    shared: Arc<Shared>,
    waker: Thread,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread and the readers share.
struct Shared {
    /// The file; none while it is being made anew.
    file: RwLock<Option<Arc<View>>>,
    progress: watch::Sender<Progress>,
    /// Somebody waits until everything before this position is projected.
    wanted: AtomicU64,
    /// A reader found the file damaged.
    damaged: AtomicBool,
    closing: AtomicBool,
}

/// Why a closure over the file failed.
enum Fault {
    Store(platform_store::Error),
    Problem(Problem),
}

impl From<platform_store::Error> for Fault {
    fn from(fault: platform_store::Error) -> Self {
        Self::Store(fault)
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Projection {
    /// Opens or makes the file and starts to follow the journal. A file that cannot be opened is tried again by and by.
    pub fn open(path: PathBuf, engine: &Engine, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            file: RwLock::default(),
            progress: watch::Sender::default(),
            wanted: AtomicU64::new(0),
            damaged: AtomicBool::new(false),
            closing: AtomicBool::new(false),
        });
        let mut follower = Follower::new(path, engine, clock, shared.clone());
        follower.open_or_tell();
        let named = std::thread::Builder::new().name("ledger-project".to_owned());
        let thread = named.spawn(move || follower.run())?;
        Ok(Self { shared, waker: thread.thread().clone(), thread: Mutex::new(Some(thread)) })
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        *self.shared.progress.borrow()
    }

    /// Waits until everything up to the record at a position is projected; the caller bounds the wait.
    pub async fn await_position(&self, position: u64) {
        let mut progress = self.shared.progress.subscribe();
        self.shared.wanted.fetch_max(position + 1, Ordering::AcqRel);
        self.waker.unpark();
        // The sender lives as long as this does.
        let _ = progress.wait_for(|progress| progress.position > position).await;
    }

    /// Shows positions of entries that have all of these labels, newest first. Blocking. A label is a hash: the record
    /// at the position has the last word.
    pub fn find(
        &self,
        labels: &[u64],
        span: Span,
        mut show: impl FnMut(u64) -> Result<ControlFlow<()>, Problem>,
    ) -> Result<Found, Problem> {
        let Some(file) = self.shared.file.read().clone() else {
            return Err(not_yet_visible(
                "What entries are searched by is being read from the journal again.",
            ));
        };
        let found = file.read(|reader| find::find(reader, labels, span, |at| Ok::<_, Fault>(show(at)?)));
        found.map_err(|fault| match fault {
            Fault::Problem(problem) => problem,
            Fault::Store(fault) => {
                tracing::error!(fault = told(&fault), "the projection could not be read");
                if fault.wants_new_file() {
                    self.shared.damaged.store(true, Ordering::Release);
                    self.waker.unpark();
                }
                Problem::new(&LEDGER_UNAVAILABLE, "The entries cannot be searched now; others reads go on.")
            }
        })
    }

    /// Stops following; what was read so far is kept.
    pub fn close(&self) {
        self.shared.closing.store(true, Ordering::Release);
        if let Some(thread) = self.thread.lock().take() {
            self.waker.unpark();
            if thread.join().is_err() {
                tracing::error!("the thread of the projection ended in a panic");
            }
        }
    }
}

impl Drop for Projection {
    fn drop(&mut self) {
        self.close();
    }
}

/// An error with what caused it, for the log.
fn told(fault: &platform_store::Error) -> String {
    let mut text = fault.to_string();
    let mut cause = std::error::Error::source(fault);
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}
