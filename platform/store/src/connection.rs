//! A connection to the file, set up the one way the house uses SQLite.

use crate::error::Error;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// How long a statement waits for another process: longer than any transaction here, shorter than a request.
const BUSY_MS: u64 = 5_000;
/// Prepared statements kept per connection: more than any context has.
const STATEMENTS: usize = 128;
/// The SQLite that is compiled in. An older one means that the system's library was linked by mistake.
const SQLITE_AT_LEAST: i32 = 3_051_003;

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The one that writes; makes the file if it is missing.
    Write,
    /// One that only reads.
    Read,
}

/// Stops the program when it was linked against another SQLite than the one it was tested with.
pub fn assert_version() {
    let (number, text) = (rusqlite::version_number(), rusqlite::version());
    assert!(number >= SQLITE_AT_LEAST, "SQLite {text} is linked, {SQLITE_AT_LEAST} or newer was expected");
}

/// Opens the file.
pub fn connect(path: &Path, access: Access) -> Result<Connection, Error> {
    let rights = match access {
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        // Not read-only: a reader may have to make the shared index of the log (`-shm`).
        Access::Read => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let doing = || format!("opening {}", path.display());
    let connection = Connection::open_with_flags(path, rights | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(Error::sqlite(doing()))?;
    connection.busy_timeout(Duration::from_millis(BUSY_MS)).map_err(Error::sqlite(doing()))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    set_up(&connection, access).map_err(Error::sqlite(doing()))?;
    Ok(connection)
}

fn set_up(connection: &Connection, access: Access) -> rusqlite::Result<()> {
    if access == Access::Write {
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        assert_eq!(mode, "wal", "the file system cannot share memory, which SQLite's log needs");
    }
    connection.execute_batch(match access {
        Access::Write => "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;",
        Access::Read => "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF;",
    })
}
