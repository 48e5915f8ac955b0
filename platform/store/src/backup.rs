//! Copies of a live file and checks of a copy.

use crate::connection::{BUSY_MS, assert_version, create};
use crate::error::Error;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Looks for a lock before a hold gives up: half a minute of them.
const HOLD_TRIES: i32 = 30_000;

/// Copies a file that may be in use, by this process or another, to a path where nothing is yet.
/// The copy is one moment's state, synced and checked; a copy that failed half way is removed.
pub fn backup_file(from: &Path, to: &Path) -> Result<(), Error> {
    assert_version();
    // Claims the name, so that nothing existing is ever written over.
    create(to).map_err(Error::io("creating", to))?;
    let copied = copy(from, to).and_then(|()| check_file(to));
    if copied.is_err() {
        let _ = fs::remove_file(to);
    }
    copied
}

/// Files that nobody writes while this lives: each writer waits behind its last COMMIT.
pub struct Held(Vec<(PathBuf, Connection)>);

/// One instant of several files, however they go on.
pub struct Instant(Vec<(PathBuf, Connection)>);

/// Looks for a writer's lock again shortly, half a minute long.
fn look_again(tries: i32) -> bool {
    std::thread::sleep(Duration::from_micros(if tries < 1_000 { 50 } else { 1_000 }));
    tries < HOLD_TRIES
}

/// Holds files still, in this order. They may be in use; a writer waits a few seconds at most.
pub fn hold(paths: impl IntoIterator<Item = PathBuf>) -> Result<Held, Error> {
    assert_version();
    let held = paths.into_iter().map(|path| {
        let mut connection = open(&path)?;
        // A busy writer leaves the lock for microseconds: SQLite's own waiting looks every tenth of a second.
        connection.busy_handler(Some(look_again)).map_err(Error::sqlite("waiting for a writer"))?;
        let begun = connection.execute_batch("BEGIN IMMEDIATE");
        begun.map_err(Error::sqlite(format!("holding {} still", path.display())))?;
        Ok((path, connection))
    });
    held.collect::<Result<_, _>>().map(Held)
}

impl Held {
    /// Up to where in the journal the files have come: the largest of their cursors, 0 for none.
    pub fn cursor(&self) -> Result<u64, Error> {
        let mut largest = 0;
        for (_, connection) in &self.0 {
            let there = "SELECT count(*) FROM sqlite_schema WHERE name = 'store_cursor'";
            if connection.query_row(there, [], |row| row.get::<_, i64>(0))? > 0 {
                let query = "SELECT coalesce(max(position), 0) FROM store_cursor";
                largest = largest.max(connection.query_row(query, [], |row| row.get::<_, i64>(0))?);
            }
        }
        Ok(u64::try_from(largest).unwrap_or(0))
    }

    /// Opens a snapshot of every file, then lets the writers go on.
    pub fn snapshot(self) -> Result<Instant, Error> {
        let opened = self.0.iter().map(|(path, _)| {
            let connection = open(path)?;
            let begun = connection.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;");
            begun.map_err(Error::sqlite(format!("opening a snapshot of {}", path.display())))?;
            Ok((path.clone(), connection))
        });
        opened.collect::<Result<_, _>>().map(Instant)
    }
}

impl Instant {
    /// Copies one of the files, as it was at the instant, to a path where nothing is yet; synced and checked.
    pub fn copy(&self, from: &Path, to: &Path) -> Result<(), Error> {
        let source = self.0.iter().find(|(path, _)| path == from).map(|(_, connection)| connection);
        let source = source.ok_or_else(|| Error::stopped("copying a file that was not held still"))?;
        create(to).map_err(Error::io("creating", to))?;
        let copied = copy_from(source, from, to).and_then(|()| check_file(to));
        if copied.is_err() {
            let _ = fs::remove_file(to);
        }
        copied
    }
}

fn open(path: &Path) -> Result<Connection, Error> {
    let doing = || format!("opening {}", path.display());
    let rights = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let source = Connection::open_with_flags(path, rights).map_err(Error::sqlite(doing()))?;
    source.busy_timeout(Duration::from_millis(BUSY_MS)).map_err(Error::sqlite(doing()))?;
    Ok(source)
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    copy_from(&open(from)?, from, to)
}

fn copy_from(source: &Connection, from: &Path, to: &Path) -> Result<(), Error> {
    let doing = || format!("copying {} to {}", from.display(), to.display());
    let mut target = Connection::open(to).map_err(Error::sqlite(doing()))?;
    {
        let backup = Backup::new(source, &mut target).map_err(Error::sqlite(doing()))?;
        // All pages in one step: one snapshot of the log, which holds up no writer and cannot be overtaken.
        let step = backup.step(-1).map_err(Error::sqlite(doing()))?;
        if step != StepResult::Done {
            let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
            return Err(Error::sqlite(doing())(rusqlite::Error::SqliteFailure(busy, None)));
        }
    }
    // A copy is one file: without this a check of it would leave a log beside it.
    target.execute_batch("PRAGMA journal_mode = DELETE").map_err(Error::sqlite(doing()))?;
    drop(target);
    fs::File::open(to).and_then(|file| file.sync_all()).map_err(Error::io("syncing", to))
}

/// Reads the whole file and its indexes and says whether they are sound. For files that nobody has open.
pub fn check_file(path: &Path) -> Result<(), Error> {
    let doing = || format!("checking {}", path.display());
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(Error::sqlite(doing()))?;
    let verdict: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(Error::sqlite(doing()))?;
    match verdict.as_str() {
        "ok" => Ok(()),
        what => {
            let damaged = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            Err(Error::sqlite(doing())(rusqlite::Error::SqliteFailure(damaged, Some(what.to_owned()))))
        }
    }
}
