//! Migrations: forward only, numbered from one without gaps, applied under an exclusive lock.
//! The text of each applied one is kept in the file, so an edit of history is noticed.

use crate::error::Error;
use rusqlite::{Connection, TransactionBehavior, params};
use std::path::Path;

/// One step of a schema: `NNNN_what.sql`, embedded.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// `0001_keys.sql`.
    pub file: &'static str,
    /// Its text.
    pub sql: &'static str,
}

const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS schema_versions (
    version INTEGER PRIMARY KEY, file TEXT NOT NULL, sql TEXT NOT NULL) STRICT";

/// Applies what is missing, all of it or nothing.
pub fn run(connection: &mut Connection, path: &Path, migrations: &[Migration]) -> Result<(), Error> {
    let numbered = (1_i64..).zip(migrations);
    for (version, migration) in numbered.clone() {
        let number = migration.file.split('_').next().and_then(|number| number.parse::<i64>().ok());
        assert_eq!(number, Some(version), "{}: migrations are numbered without gaps", migration.file);
    }
    let doing = || format!("migrating {}", path.display());
    let begun = connection.transaction_with_behavior(TransactionBehavior::Exclusive);
    let transaction = begun.map_err(Error::sqlite(doing()))?;
    transaction.execute_batch(VERSIONS).map_err(Error::sqlite(doing()))?;
    let applied = applied(&transaction).map_err(Error::sqlite(doing()))?;
    if applied.len() > migrations.len() {
        let (found, known) = (applied.len() as i64, migrations.len() as i64);
        return Err(Error::NewerSchema { path: path.to_owned(), found, known });
    }
    for (version, migration) in numbered {
        match applied.get(version as usize - 1) {
            Some(sql) if sql == migration.sql => {}
            Some(_) => {
                let what = format!("migration {} is not the one that was applied", migration.file);
                return Err(Error::Schema { path: path.to_owned(), what });
            }
            None => apply(&transaction, version, migration).map_err(Error::sqlite(format!(
                "applying {} to {}",
                migration.file,
                path.display()
            )))?,
        }
    }
    transaction.commit().map_err(Error::sqlite(doing()))
}

/// The texts of what was applied, in order.
fn applied(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT sql FROM schema_versions ORDER BY version")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

fn apply(connection: &Connection, version: i64, migration: &Migration) -> rusqlite::Result<()> {
    connection.execute_batch(migration.sql)?;
    let insert = "INSERT INTO schema_versions (version, file, sql) VALUES (?1, ?2, ?3)";
    connection.execute(insert, params![version, migration.file, migration.sql])?;
    Ok(())
}
