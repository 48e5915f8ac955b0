//! What a closure may do with the file: statements in a snapshot or in a transaction. Statements are prepared once.

use crate::error::Error;
use rusqlite::{Connection, Params, Row, TransactionBehavior, types::Type};
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
        params: impl Params,
        turn: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Error> {
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map(params, turn)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The only row of a query, if there is one.
    pub fn row<T>(
        &self,
        sql: &str,
        params: impl Params,
        turn: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Error> {
        match self.0.prepare_cached(sql)?.query_row(params, turn) {
            Ok(value) => Ok(Some(value)),
            Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
            Err(fault) => Err(fault.into()),
        }
    }
}

/// Statements of the one writing transaction; reads in it see its own writes.
pub struct Tx<'a>(Reader<'a>);

impl Tx<'_> {
    /// Runs a statement that changes rows and says how many.
    pub fn execute(&self, sql: &str, params: impl Params) -> Result<usize, Error> {
        Ok(self.0.0.prepare_cached(sql)?.execute(params)?)
    }
}

impl<'a> Deref for Tx<'a> {
    type Target = Reader<'a>;

    fn deref(&self) -> &Reader<'a> {
        &self.0
    }
}

/// The error of a column that holds what it never should.
pub fn unreadable(column: usize, why: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(why))
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
