//! The file of a read model: rows made from something else that is kept elsewhere and can be read again. One writer,
//! which its owner runs on a thread of its own, and a small pool of readers; all calls block.
//! Promises: a transaction is there whole or not at all, after a crash too, and those before it are; the newest may be
//! lost (`synchronous = NORMAL`), so what made the rows and how far it was read belong in one transaction.
//! Leaves out: durability at once, a queue of writes, copies: whoever loses the file makes it again.

use crate::connection::{Access, assert_version, connect};
use crate::error::{Class, Error};
use crate::migrate::{self, Migration};
use crate::statements::{self, Reader};
use crate::value::Value;
use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, Transaction, TransactionBehavior, params_from_iter};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Readers of one file, as of every other file of rows.
const READERS: usize = 4;
/// What each side keeps of the file in memory, in KiB: what a writer is filling fits, readers share the page cache.
const WRITER_CACHE_KIB: u32 = 16 << 10;
const READER_CACHE_KIB: u32 = 2 << 10;
/// Pages of the log after which it goes into the file: 16 MiB, so that a sync carries many transactions.
const LOG_PAGES: u32 = 4_096;
/// What SQLite keeps beside the file.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Reads of a read model.
pub struct View {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    back: Condvar,
}

/// Its only writer.
pub struct ViewWriter {
    connection: Connection,
}

/// Statements of one transaction of a read model.
pub struct ViewTx<'a>(&'a Transaction<'a>);

impl View {
    /// Opens or makes the file, for its owner alone, and brings its schema up to date.
    pub fn open(path: &Path, migrations: &'static [Migration]) -> Result<(Self, ViewWriter), Error> {
        assert_version();
        let mut connection = connect(path, Access::Write)?;
        migrate::run(&mut connection, path, migrations)?;
        let doing = || format!("opening {}", path.display());
        let set_up = format!(
            "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -{WRITER_CACHE_KIB};
             PRAGMA wal_autocheckpoint = {LOG_PAGES};"
        );
        connection.execute_batch(&set_up).map_err(Error::sqlite(doing()))?;
        let mut idle = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            let reader = connect(path, Access::Read)?;
            let small = format!("PRAGMA cache_size = -{READER_CACHE_KIB}");
            reader.execute_batch(&small).map_err(Error::sqlite(doing()))?;
            idle.push(reader);
        }
        let view = Self { path: path.to_owned(), idle: Mutex::new(idle), back: Condvar::new() };
        Ok((view, ViewWriter { connection }))
    }

    /// Removes the file and what stands beside it. Nobody may have it open.
    pub fn remove(path: &Path) -> Result<(), Error> {
        let mut names = vec![path.to_owned()];
        names.extend(BESIDE.map(|end| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        }));
        for name in names {
            match fs::remove_file(&name) {
                Err(fault) if fault.kind() != ErrorKind::NotFound => {
                    return Err(Error::io("removing", &name)(fault));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs a closure on one snapshot of the file; waits while all readers are lent.
    pub fn read<T, E: From<Error>>(&self, closure: impl FnOnce(&Reader<'_>) -> Result<T, E>) -> Result<T, E> {
        let mut lent = Lent::take(self);
        statements::snapshot(lent.connection(), closure)
    }
}

impl ViewWriter {
    /// Runs a closure in one transaction; commits if it returns `Ok`, undoes everything if not.
    pub fn write<T, E: From<Error>>(
        &mut self,
        closure: impl FnOnce(&ViewTx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = begun.map_err(Error::sqlite("beginning a write"))?;
        let value = closure(&ViewTx(&transaction))?;
        transaction.commit().map_err(Error::sqlite("committing"))?;
        Ok(value)
    }
}

impl ViewTx<'_> {
    /// Runs a statement that changes rows and says how many.
    pub fn execute(&self, sql: &str, params: impl IntoIterator<Item = Value>) -> Result<usize, Error> {
        Ok(self.0.prepare_cached(sql)?.execute(params_from_iter(params))?)
    }

    /// Runs a statement once for each of many rows of numbers; it is looked up once.
    pub fn execute_each<const N: usize>(
        &self,
        sql: &str,
        rows: impl Iterator<Item = [i64; N]>,
    ) -> Result<(), Error> {
        let mut statement = self.0.prepare_cached(sql)?;
        for row in rows {
            statement.execute(params_from_iter(row))?;
        }
        Ok(())
    }
}

impl Error {
    /// Whether only making the file anew helps: it is damaged, or was made by another program.
    pub fn wants_new_file(&self) -> bool {
        matches!(self, Self::NewerSchema { .. } | Self::Schema { .. }) || self.class() == Class::Corrupt
    }
}

/// A reader that goes back to the pool even when the closure panics.
struct Lent<'a> {
    view: &'a View,
    connection: Option<Connection>,
}

impl<'a> Lent<'a> {
    fn take(view: &'a View) -> Self {
        let mut idle = view.idle.lock();
        loop {
            if let Some(connection) = idle.pop() {
                return Self { view, connection: Some(connection) };
            }
            view.back.wait(&mut idle);
        }
    }

    fn connection(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("given back only on drop")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.view.idle.lock().extend(self.connection.take());
        self.view.back.notify_one();
    }
}
