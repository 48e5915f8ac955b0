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

/// Where the versions of a context's own schema stand.
const OWNERS: &str = "schema_versions";
/// Where those of the store's tables in the same file stand: the two are numbered apart.
const STORES: &str = "store_versions";

fn versions(table: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {table} (
    version INTEGER PRIMARY KEY, file TEXT NOT NULL, sql TEXT NOT NULL) STRICT"
    )
}

/// Applies what is missing of a context's schema, all of it or nothing.
pub fn run(connection: &mut Connection, path: &Path, migrations: &[Migration]) -> Result<(), Error> {
    run_in(connection, path, OWNERS, migrations)
}

/// Applies what is missing of the store's tables, then of the context's.
pub fn run_both(
    connection: &mut Connection,
    path: &Path,
    stores: &[Migration],
    owners: &[Migration],
) -> Result<(), Error> {
    run_in(connection, path, STORES, stores)?;
    run_in(connection, path, OWNERS, owners)
}

/// Migrations that a file has seen, of both kinds; none for an empty file.
pub fn seen(connection: &Connection) -> rusqlite::Result<u32> {
    let mut count = 0;
    for table in [STORES, OWNERS] {
        let there = "SELECT count(*) FROM sqlite_schema WHERE name = ?1";
        if connection.query_row(there, [table], |row| row.get::<_, u32>(0))? > 0 {
            let versions = format!("SELECT count(*) FROM {table}");
            count += connection.query_row(&versions, [], |row| row.get::<_, u32>(0))?;
        }
    }
    Ok(count)
}

fn run_in(
    connection: &mut Connection,
    path: &Path,
    table: &str,
    migrations: &[Migration],
) -> Result<(), Error> {
    let numbered = (1_i64..).zip(migrations);
    for (version, migration) in numbered.clone() {
        let number = migration.file.split('_').next().and_then(|number| number.parse::<i64>().ok());
        assert_eq!(number, Some(version), "{}: migrations are numbered without gaps", migration.file);
    }
    let doing = || format!("migrating {}", path.display());
    let begun = connection.transaction_with_behavior(TransactionBehavior::Exclusive);
    let transaction = begun.map_err(Error::sqlite(doing()))?;
    transaction.execute_batch(&versions(table)).map_err(Error::sqlite(doing()))?;
    let applied = applied(&transaction, table).map_err(Error::sqlite(doing()))?;
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
            None => apply(&transaction, table, version, migration).map_err(Error::sqlite(format!(
                "applying {} to {}",
                migration.file,
                path.display()
            )))?,
        }
    }
    transaction.commit().map_err(Error::sqlite(doing()))
}

/// The texts of what was applied, in order.
fn applied(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(&format!("SELECT sql FROM {table} ORDER BY version"))?;
    statement.query_map([], |row| row.get(0))?.collect()
}

fn apply(connection: &Connection, table: &str, version: i64, migration: &Migration) -> rusqlite::Result<()> {
    connection.execute_batch(migration.sql)?;
    let insert = format!("INSERT INTO {table} (version, file, sql) VALUES (?1, ?2, ?3)");
    connection.execute(&insert, params![version, migration.file, migration.sql])?;
    Ok(())
}
