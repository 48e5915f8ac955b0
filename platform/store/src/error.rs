//! What can go wrong with rows, in a file or a database, in the classes a caller reacts to.

use rusqlite::ErrorCode;
use std::path::{Path, PathBuf};

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A row with this key exists already.
    Unique,
    /// Another process held the file longer than we wait; the same call may succeed.
    Busy,
    /// Others changed the same rows at the same time; doing it again may succeed.
    Serialization,
    /// The connection is gone, or the server does not take any.
    Gone,
    /// No space left; nothing was written.
    Full,
    /// The file is damaged, or is no database.
    Corrupt,
    /// Anything else: a fault.
    Other,
}

/// A failed call of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite refused.
    #[error("{doing}")]
    Sqlite {
        /// What was tried.
        doing: String,
        /// Why not.
        #[source]
        source: rusqlite::Error,
    },
    /// PostgreSQL refused.
    #[error("{doing}")]
    Postgres {
        /// What was tried.
        doing: String,
        /// Why not.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The database is not one to use, or cannot be reached.
    #[error("{doing}: {what}")]
    Database {
        /// What was tried.
        doing: String,
        /// Why not, and what to do.
        what: String,
    },
    /// Every connection is in use, and none came free in time.
    #[error("{doing}: {what}")]
    NoConnection {
        /// What was tried.
        doing: String,
        /// What it waited for.
        what: String,
    },
    /// A column holds what it never should.
    #[error("a row could not be read")]
    Row {
        /// Which, and what is wrong with it.
        source: crate::value::RowError,
    },
    /// The operating system refused.
    #[error("{doing}")]
    Io {
        /// What was tried.
        doing: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file was written by a newer program.
    #[error(
        "{} has schema version {found}, this program knows versions up to {known}: run the newer program",
        path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest this program has.
        known: i64,
    },
    /// The file's history and this program's migrations disagree.
    #[error("{}: {what}", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// How they disagree.
        what: String,
    },
    /// A file may not be what it was: nothing more is written to it, and the process has to end.
    #[error("{what}")]
    Fatal {
        /// What happened.
        what: String,
    },
    /// The thread that did the work is gone: the store is closing, or the closure panicked.
    #[error("{doing} stopped half way")]
    Stopped {
        /// What was tried.
        doing: &'static str,
    },
}

impl Error {
    /// The class a caller reacts to.
    pub fn class(&self) -> Class {
        match self {
            Self::Sqlite { source, .. } => class_of(source),
            Self::Postgres { source, .. } => postgres_class(source),
            Self::NoConnection { .. } => Class::Busy,
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => Class::Full,
            Self::Io { .. }
            | Self::Database { .. }
            | Self::Row { .. }
            | Self::NewerSchema { .. }
            | Self::Schema { .. }
            | Self::Fatal { .. }
            | Self::Stopped { .. } => Class::Other,
        }
    }

    /// All that is known of it, for the operator's log: codes and messages, and never the values that a server puts
    /// into its details.
    pub fn why(&self) -> String {
        let mut said = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(source) = cause {
            said.push_str(": ");
            match source.downcast_ref::<tokio_postgres::error::DbError>() {
                Some(fault) => said.push_str(&format!("{} {}", fault.code().code(), fault.message())),
                None => said.push_str(&source.to_string()),
            }
            cause = source.source();
        }
        said
    }

    pub(crate) fn sqlite(doing: impl Into<String>) -> impl FnOnce(rusqlite::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Sqlite { doing, source }
    }

    pub(crate) fn postgres(doing: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Postgres { doing, source }
    }

    pub(crate) fn io(doing: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let doing = format!("{doing} {}", path.display());
        move |source| Self::Io { doing, source }
    }

    pub(crate) fn stopped(doing: &'static str) -> Self {
        Self::Stopped { doing }
    }
}

/// An error inside a closure: the statement says the rest.
impl From<rusqlite::Error> for Error {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sqlite { doing: "running a statement".to_owned(), source }
    }
}

fn class_of(source: &rusqlite::Error) -> Class {
    let rusqlite::Error::SqliteFailure(failure, _) = source else { return Class::Other };
    match failure.code {
        ErrorCode::ConstraintViolation => match failure.extended_code {
            rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY => {
                Class::Unique
            }
            _ => Class::Other,
        },
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Class::Busy,
        ErrorCode::DiskFull => Class::Full,
        // The log's shared index could not grow.
        _ if failure.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE => Class::Full,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Class::Corrupt,
        _ => Class::Other,
    }
}

/// Classes of PostgreSQL's SQLSTATE codes, its manual's appendix A. An error without a code is the connection's, or one
/// of ours: a value that does not fit its column, say.
fn postgres_class(source: &tokio_postgres::Error) -> Class {
    let Some(code) = source.code() else {
        let cause = std::error::Error::source(source);
        let is_lost = source.is_closed() || cause.is_some_and(|cause| cause.is::<std::io::Error>());
        return if is_lost { Class::Gone } else { Class::Other };
    };
    match code.code() {
        "23505" => Class::Unique,
        "40001" | "40P01" => Class::Serialization,
        "55P03" | "57014" => Class::Busy,
        "53100" => Class::Full,
        "XX001" | "XX002" => Class::Corrupt,
        // Shut down, crashed, not yet up, ended from outside, too many connections, read only after a failover.
        "57P01" | "57P02" | "57P03" | "57P05" | "53300" | "25006" | "25P03" => Class::Gone,
        code if code.starts_with("08") => Class::Gone,
        _ => Class::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    #[test]
    fn codes_fall_into_their_classes() {
        let rows = [
            (ffi::SQLITE_CONSTRAINT_UNIQUE, Class::Unique),
            (ffi::SQLITE_CONSTRAINT_PRIMARYKEY, Class::Unique),
            (ffi::SQLITE_CONSTRAINT_CHECK, Class::Other),
            (ffi::SQLITE_BUSY, Class::Busy),
            (ffi::SQLITE_BUSY_SNAPSHOT, Class::Busy),
            (ffi::SQLITE_FULL, Class::Full),
            (ffi::SQLITE_IOERR_SHMSIZE, Class::Full),
            (ffi::SQLITE_CORRUPT_INDEX, Class::Corrupt),
            (ffi::SQLITE_NOTADB, Class::Corrupt),
            (ffi::SQLITE_IOERR_FSYNC, Class::Other),
        ];
        for (code, class) in rows {
            let source = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            assert_eq!(Error::from(source).class(), class, "{code}");
        }
        let full = Error::io("copying", Path::new("x"))(std::io::ErrorKind::StorageFull.into());
        assert_eq!(full.class(), Class::Full);
    }
}
