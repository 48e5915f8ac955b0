//! What a closure may do with the file: statements in a snapshot or in a transaction. Statements are prepared once.

use crate::error::Error;
use crate::postgres::reading::Snapshot;
use crate::value::{Cell, Cells, Row, RowError, Value, unreadable};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, TransactionBehavior, params_from_iter};
use std::ops::Deref;

/// Statements that read.
pub struct Reader<'a>(Engine<'a>);

#[derive(Clone, Copy)]
enum Engine<'a> {
    Sqlite(&'a Connection),
    Postgres(&'a Snapshot),
}

impl<'a> Reader<'a> {
    pub(crate) fn on_sqlite(connection: &'a Connection) -> Self {
        Self(Engine::Sqlite(connection))
    }

    pub(crate) fn on_postgres(snapshot: &'a Snapshot) -> Self {
        Self(Engine::Postgres(snapshot))
    }

    /// All rows of a query, each turned into a value.
    pub fn rows<T>(
        &self,
        sql: &str,
        params: impl IntoIterator<Item = Value>,
        mut turn: impl FnMut(&Row<'_>) -> Result<T, RowError>,
    ) -> Result<Vec<T>, Error> {
        let connection = match self.0 {
            Engine::Sqlite(connection) => connection,
            Engine::Postgres(snapshot) => {
                let found = snapshot.query(sql, params)?;
                return Ok(found.iter().map(|row| turn(&Row::new(row))).collect::<Result<_, _>>()?);
            }
        };
        let mut statement = connection.prepare_cached(sql)?;
        let mut found = statement.query(params_from_iter(params))?;
        let mut turned = Vec::new();
        while let Some(row) = found.next()? {
            turned.push(turn(&Row::new(row))?);
        }
        Ok(turned)
    }

    /// The only row of a query, if there is one.
    pub fn row<T>(
        &self,
        sql: &str,
        params: impl IntoIterator<Item = Value>,
        turn: impl FnOnce(&Row<'_>) -> Result<T, RowError>,
    ) -> Result<Option<T>, Error> {
        let connection = match self.0 {
            Engine::Sqlite(connection) => connection,
            Engine::Postgres(snapshot) => {
                let found = snapshot.query(sql, params)?;
                return Ok(found.first().map(|row| turn(&Row::new(row))).transpose()?);
            }
        };
        let mut statement = connection.prepare_cached(sql)?;
        let mut found = statement.query(params_from_iter(params))?;
        match found.next()? {
            Some(row) => Ok(Some(turn(&Row::new(row))?)),
            None => Ok(None),
        }
    }
}

impl Cells for rusqlite::Row<'_> {
    fn cell(&self, column: usize) -> Result<Cell<'_>, RowError> {
        match self.get_ref(column).map_err(|fault| unreadable(column, fault))? {
            ValueRef::Null => Ok(Cell::Null),
            ValueRef::Integer(number) => Ok(Cell::Integer(number)),
            ValueRef::Text(text) => {
                std::str::from_utf8(text).map(Cell::Text).map_err(|fault| unreadable(column, fault))
            }
            ValueRef::Blob(bytes) => Ok(Cell::Bytes(bytes)),
            ValueRef::Real(_) => Err(unreadable(column, "a number with a fraction")),
        }
    }
}

/// Statements of the one writing transaction; reads in it see its own writes.
pub struct Tx<'a> {
    connection: &'a Connection,
    reader: Reader<'a>,
}

impl Tx<'_> {
    /// Runs a statement that changes rows and says how many.
    pub fn execute(&self, sql: &str, params: impl IntoIterator<Item = Value>) -> Result<usize, Error> {
        Ok(self.connection.prepare_cached(sql)?.execute(params_from_iter(params))?)
    }
}

impl<'a> Deref for Tx<'a> {
    type Target = Reader<'a>;

    fn deref(&self) -> &Reader<'a> {
        &self.reader
    }
}

/// Runs a closure on one snapshot.
pub fn snapshot<T, E: From<Error>>(
    connection: &mut Connection,
    closure: impl FnOnce(&Reader<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let begun = connection.transaction_with_behavior(TransactionBehavior::Deferred);
    let transaction = begun.map_err(Error::sqlite("beginning a read"))?;
    closure(&Reader::on_sqlite(&transaction))
}

/// Runs a closure in a transaction that has the file's only write lock from its start.
pub fn transaction<T, E: From<Error>>(
    connection: &mut Connection,
    closure: impl FnOnce(&Tx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = begun.map_err(Error::sqlite("beginning a write"))?;
    let value = closure(&Tx { connection: &transaction, reader: Reader::on_sqlite(&transaction) })?;
    transaction.commit().map_err(Error::sqlite("committing"))?;
    Ok(value)
}
