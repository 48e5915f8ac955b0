//! A reader that knows whether the file changed since it last looked, by this process or another.

use crate::connection::{Access, connect};
use crate::error::Error;
use crate::statements::{self, Reader};
use rusqlite::Connection;
use std::path::Path;

/// A connection of its own, because SQLite's `data_version` counts the commits of all others.
pub struct Watch {
    connection: Connection,
    seen: Option<i64>,
}

impl Watch {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self { connection: connect(path, Access::Read)?, seen: None })
    }

    /// Reads again if anything was committed since the last successful look; the first look always reads.
    /// Without a change it costs microseconds and touches no disk.
    pub fn look<T>(
        &mut self,
        read: impl FnOnce(&Reader<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        // The version comes first: a commit between it and the read is read twice, never missed.
        let version = self.version()?;
        if self.seen == Some(version) {
            return Ok(None);
        }
        let value = statements::snapshot(&mut self.connection, read)?;
        self.seen = Some(version);
        Ok(Some(value))
    }

    fn version(&self) -> Result<i64, Error> {
        let mut statement = self.connection.prepare_cached("PRAGMA data_version")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }
}
