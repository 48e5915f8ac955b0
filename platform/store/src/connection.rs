//! A connection to the file, set up the one way the house uses SQLite.

use crate::error::Error;
use rusqlite::{Connection, OpenFlags};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

/// How long a statement waits for another process: longer than any transaction here, shorter than a request.
pub const BUSY_MS: u64 = 5_000;
/// Prepared statements kept per connection: more than any context has.
const STATEMENTS: usize = 128;
/// The SQLite that is compiled in. An older one means that the system's library was linked by mistake.
const SQLITE_AT_LEAST: i32 = 3_051_003;

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The one that writes; makes the file, for its owner alone, if it is missing.
    Write,
    /// One that only reads.
    Read,
}

/// Stops the program when it was linked against another SQLite than the one it was tested with.
pub fn assert_version() {
    let (number, text) = (rusqlite::version_number(), rusqlite::version());
    assert!(number >= SQLITE_AT_LEAST, "SQLite {text} is linked, {SQLITE_AT_LEAST} or newer was expected");
}

/// Makes an empty file that only its owner may read; SQLite gives its log and index the same rights.
pub fn create(path: &Path) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(drop)
}

/// Opens the file.
pub fn connect(path: &Path, access: Access) -> Result<Connection, Error> {
    let doing = || format!("opening {}", path.display());
    if access == Access::Write && !path.exists() {
        match create(path) {
            // Another process starts at the same time.
            Err(fault) if fault.kind() == std::io::ErrorKind::AlreadyExists => {}
            other => other.map_err(Error::io("creating", path))?,
        }
    }
    // Readers too may write: the first opener makes the shared index of the log (`-shm`).
    let rights = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, rights).map_err(Error::sqlite(doing()))?;
    connection.busy_timeout(Duration::from_millis(BUSY_MS)).map_err(Error::sqlite(doing()))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    match set_up(&connection, access).map_err(Error::sqlite(doing()))?.as_str() {
        "wal" => Ok(connection),
        mode => {
            let what = format!("the file system allows no write-ahead log, only {mode:?}; use a local one");
            Err(Error::Schema { path: path.to_owned(), what })
        }
    }
}

/// Sets the connection up and says which kind of journal the file has.
fn set_up(connection: &Connection, access: Access) -> rusqlite::Result<String> {
    let mode = match access {
        Access::Write => "PRAGMA journal_mode = WAL",
        Access::Read => "PRAGMA journal_mode",
    };
    let mode = connection.query_row(mode, [], |row| row.get(0))?;
    connection.execute_batch(match access {
        Access::Write => "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;",
        Access::Read => "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF;",
    })?;
    Ok(mode)
}
