//! What a closure may do with the file: statements in a snapshot or in a transaction. Statements are prepared once.

use crate::error::Error;
use crate::value::{Cell, Cells, Row, RowError, Value, unreadable};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, TransactionBehavior, params_from_iter};
use std::ops::Deref;

/// Statements that read.
pub struct Reader<'a>(&'a Connection);

impl Reader<'_> {
    pub(crate) fn connection(&self) -> &Connection {
        self.0
    }

    /// All rows of a query, each turned into a value.
    pub fn rows<T>(
        &self,
        sql: &str,
        params: impl IntoIterator<Item = Value>,
        mut turn: impl FnMut(&Row<'_>) -> Result<T, RowError>,
    ) -> Result<Vec<T>, Error> {
        let mut statement = self.0.prepare_cached(sql)?;
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
        let mut statement = self.0.prepare_cached(sql)?;
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
pub struct Tx<'a>(Reader<'a>);

impl Tx<'_> {
    /// Runs a statement that changes rows and says how many.
    pub fn execute(&self, sql: &str, params: impl IntoIterator<Item = Value>) -> Result<usize, Error> {
        Ok(self.0.0.prepare_cached(sql)?.execute(params_from_iter(params))?)
    }
}

impl<'a> Deref for Tx<'a> {
    type Target = Reader<'a>;

    fn deref(&self) -> &Reader<'a> {
        &self.0
    }
}

/// Runs a closure on one snapshot.
pub fn snapshot<T, E: From<Error>>(
    connection: &mut Connection,
    closure: impl FnOnce(&Reader<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let begun = connection.transaction_with_behavior(TransactionBehavior::Deferred);
    let transaction = begun.map_err(Error::sqlite("beginning a read"))?;
    closure(&Reader(&transaction))
}

/// Runs a closure in a transaction that has the file's only write lock from its start.
pub fn transaction<T, E: From<Error>>(
    connection: &mut Connection,
    closure: impl FnOnce(&Tx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = begun.map_err(Error::sqlite("beginning a write"))?;
    let value = closure(&Tx(Reader(&transaction)))?;
    transaction.commit().map_err(Error::sqlite("committing"))?;
    Ok(value)
}
