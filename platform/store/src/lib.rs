//! A context's rows: one SQLite file with one writer on a thread of its own and a small pool of readers.
//! Promises: a `write` is one durable transaction (WAL, `synchronous=FULL`) or nothing; a `read` sees one snapshot.
//! Leaves out: group commit (every write pays its own sync), units, outbox, tenants' guards, PostgreSQL.
//! An I/O error while committing leaves the outcome open until the file is opened again: callers that need to
//! know carry a unique key and look.

mod backup;
pub mod books;
mod checkpointer;
mod connection;
mod error;
pub mod jobs;
mod migrate;
pub mod postgres;
pub mod runner;
pub mod slugs;
mod statements;
pub mod unit;
pub mod units;
pub mod value;
mod view;
mod watch;
mod writer;

pub use backup::{Held, Instant, backup_file, check_file, hold};
pub use error::{Class, Error};
pub use migrate::Migration;
pub use statements::{Reader, Tx};
pub use units::{Setting, Stopped, UnitStore};
pub use value::{Row, RowError, Value, unreadable};
pub use view::{View, ViewTx, ViewWriter};
pub use watch::Watch;

use connection::{Access, connect};
use parking_lot::Mutex;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Semaphore;
use writer::Writer;

/// Readers of one file: as many as the cores of the machines this is made for; more only share their cache worse.
const READERS: usize = 4;

/// An open SQLite file. Clones share it; the last one dropped closes it after the writes already queued.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    writer: Writer,
    readers: Arc<Readers>,
}

/// Migrations that a file has seen, the store's own included.
pub fn migrations_seen(path: &Path) -> Result<u32, Error> {
    Ok(migrate::seen(&connect(path, Access::Read)?)?)
}

/// The pool of connections that read a file.
struct Readers {
    idle: Mutex<Vec<Connection>>,
    turns: Semaphore,
}

impl Readers {
    fn open(path: &Path) -> Result<Self, Error> {
        let idle = (0..READERS).map(|_| connect(path, Access::Read)).collect::<Result<_, _>>()?;
        Ok(Self { idle: Mutex::new(idle), turns: Semaphore::new(READERS) })
    }
}

/// Runs a closure on one snapshot of the file, on a thread that may wait.
async fn read_on<T, E>(
    readers: &Arc<Readers>,
    closure: impl FnOnce(&Reader<'_>) -> Result<T, E> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let _turn = readers.turns.acquire().await.expect("the semaphore is never closed");
    let pool = readers.clone();
    let task = tokio::task::spawn_blocking(move || {
        let mut lent = Lent::take(&pool);
        statements::snapshot(lent.connection(), closure)
    });
    task.await.unwrap_or_else(|_| Err(E::from(Error::stopped("reading"))))
}

impl Store {
    /// Opens or makes the file and brings its schema up to date. Blocking: called at start, not from a request.
    pub fn open(path: &Path, migrations: &'static [Migration]) -> Result<Self, Error> {
        connection::assert_version();
        let mut writing = connect(path, Access::Write)?;
        migrate::run(&mut writing, path, migrations)?;
        let readers = Readers::open(path)?;
        let writer = Writer::start(writing)?;
        Ok(Self { shared: Arc::new(Shared { path: path.to_owned(), writer, readers: Arc::new(readers) }) })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.shared.path
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

    /// Runs a closure in one transaction; commits if it returns `Ok`, undoes everything if not.
    /// A caller that stops waiting does not stop the write.
    pub async fn write<T, E>(
        &self,
        closure: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.shared.writer.run(closure).await
    }

    /// A reader that tells whether the file has changed since it last looked, by whichever process.
    pub fn watch(&self) -> Result<Watch, Error> {
        Watch::open(&self.shared.path)
    }

    /// Copies the file, as it is at one moment, to a path where nothing is yet. Writes go on meanwhile.
    pub async fn backup(&self, to: PathBuf) -> Result<(), Error> {
        let from = self.shared.path.clone();
        let task = tokio::task::spawn_blocking(move || backup_file(&from, &to));
        task.await.unwrap_or_else(|_| Err(Error::stopped("copying the file")))
    }
}

/// A reader that goes back to the pool even when the closure panics.
struct Lent<'a> {
    pool: &'a Readers,
    connection: Option<Connection>,
}

impl<'a> Lent<'a> {
    fn take(pool: &'a Readers) -> Self {
        let connection = pool.idle.lock().pop().expect("a turn comes with a connection");
        Self { pool, connection: Some(connection) }
    }

    fn connection(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("given back only on drop")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.pool.idle.lock().extend(self.connection.take());
    }
}
