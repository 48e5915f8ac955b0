//! The rows of a context that never touches the books, on PostgreSQL.

use super::commit::{Failed, commit, ended};
use super::database::Database;
use super::dialect;
use super::reading::Snapshot;
use crate::error::{Class, Error};
use crate::migrate::Migration;
use crate::statements::Reader;
use crate::unit::{Answered, Command, RowsUnit};
use crate::units::beside::first_answer;
use crate::units::committer::{Asked, RowsVerdict};
use crate::units::rows::{Ended, RowsEngine, Stopped, once_rows, tell_rows, unknown};
use crate::value::Value;
use kernel::{Caller, Clock, Tenant};
use std::pin::pin;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

/// A context's rows and its way to change them. Clones share it.
#[derive(Clone)]
pub struct RowStore {
    database: Database,
    clock: Arc<dyn Clock>,
}

impl RowStore {
    /// Connects, and brings the schema up to date.
    pub async fn open(
        url: &str,
        context: &'static str,
        migrations: &[Migration],
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        Ok(Self { database: Database::open(url, context, migrations).await?, clock })
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Runs a closure on one snapshot.
    pub async fn read<T, E>(
        &self,
        closure: impl FnOnce(&Reader<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        // Lent here, so that no thread is held up by waiting for one.
        let client = self.database.lend().await.ok();
        let snapshot = Snapshot::new(self.database.clone(), client, Handle::current());
        let task = tokio::task::spawn_blocking(move || closure(&Reader::on_postgres(&snapshot)));
        task.await.unwrap_or_else(|_| Err(E::from(Error::stopped("reading"))))
    }

    /// Carries a command out that never touches the books.
    pub async fn once_rows<E, F>(
        &self,
        by: &Caller,
        command: &Command,
        make: impl Fn() -> F,
    ) -> Result<Answered, E>
    where
        F: Future<Output = Result<RowsUnit, E>>,
        E: From<Stopped>,
    {
        once_rows(self, by, command, make).await
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    /// Whether the server can read a statement, and why not: for the tests that every statement is one of both engines.
    pub async fn prepares(&self, sql: &str) -> Result<(), Error> {
        let client = self.database.lend().await?;
        let prepared = client.prepare(&dialect::statement(sql)).await;
        prepared.map(drop).map_err(Error::postgres("preparing a statement"))
    }

    /// A number of this tenant and name that was never given before, by any process. Numbers grow; gaps are allowed.
    pub async fn number(&self, tenant: &Tenant, name: &'static str) -> Result<i64, Stopped> {
        let draw = "INSERT INTO store_numbers (tenant, name, next) VALUES ($1, $2, 2)
            ON CONFLICT (tenant, name) DO UPDATE SET next = store_numbers.next + 1 RETURNING next - 1";
        let client = self.database.lend().await?;
        let drawn = async {
            let statement = client.prepare_cached(draw).await?;
            client.query_one(&statement, &[&tenant.as_str(), &name]).await
        };
        let row = drawn.await.map_err(Error::postgres("drawing a number"))?;
        row.try_get(0).map_err(|fault| Error::postgres("drawing a number")(fault).into())
    }

    /// Adds many rows of one table in one transaction, outside of any command: an import into a table that is
    /// staging. Returns how many.
    pub async fn copy_in(
        &self,
        table: &'static str,
        columns: &'static [&'static str],
        rows: Vec<Vec<Value>>,
    ) -> Result<usize, Stopped> {
        let database = self.database.clone();
        // A caller that stops waiting does not stop it half way.
        let copying = tokio::spawn(async move { copy_in(&database, table, columns, &rows).await });
        match copying.await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(Failed::Undone(fault))) => Err(fault.into()),
            Ok(Err(Failed::Unknown(fault))) => {
                tracing::error!(fault = fault.why(), "a connection was lost while rows were copied in");
                Err(Stopped::Unanswered(unknown()))
            }
            Err(_) => Err(Stopped::Unanswered(unknown())),
        }
    }
}

impl RowsEngine for RowStore {
    async fn first(&self, by: &Caller, command: &Command) -> Option<Result<Answered, Stopped>> {
        let key = command.key.clone()?;
        let (by, command) = (by.clone(), command.clone());
        let found: Result<_, Error> =
            self.read(move |reader| first_answer(reader, &by, &key, &command)).await;
        match found {
            Ok(None) => None,
            Ok(Some(verdict)) => Some(tell_rows(verdict)),
            Err(fault) => Some(Err(fault.into())),
        }
    }

    async fn commit(&self, by: &Caller, command: &Command, unit: RowsUnit) -> Result<Ended, Stopped> {
        let asked = Asked { by: by.clone(), command: command.clone(), at: self.clock.now() };
        let database = self.database.clone();
        // A caller that stops waiting does not leave a transaction open.
        let committing = tokio::spawn(async move { commit(&database, &asked, &unit).await });
        match committing.await {
            Ok(Ok(Some(verdict))) => Ok(Ended::Told(verdict)),
            // The key is taken: the next round finds what it led to.
            Ok(Ok(None)) => Ok(Ended::Told(RowsVerdict::Stale)),
            Ok(Err(Failed::Undone(fault))) if fault.class() == Class::Gone => Ok(Ended::Lost(fault)),
            Ok(Err(Failed::Undone(fault))) => Err(fault.into()),
            Ok(Err(Failed::Unknown(fault))) => Ok(Ended::Unknown(fault)),
            Err(_) => Ok(Ended::Unknown(Error::stopped("committing"))),
        }
    }
}

async fn copy_in(
    database: &Database,
    table: &str,
    columns: &[&str],
    rows: &[Vec<Value>],
) -> Result<usize, Failed> {
    let undone = || {
        let doing = format!("copying rows into {table}");
        move |fault| Failed::Undone(Error::postgres(doing)(fault))
    };
    let client = database.lend().await.map_err(Failed::Undone)?;
    let columns = columns.join(", ");
    let shape = client.prepare(&dialect::statement(&format!("SELECT {columns} FROM {table} LIMIT 0"))).await;
    let types: Vec<Type> =
        shape.map_err(undone())?.columns().iter().map(|column| column.type_().clone()).collect();
    let copy = format!("COPY {table} ({columns}) FROM STDIN (FORMAT binary)");
    let sink = client.copy_in(&copy).await.map_err(undone())?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
    for row in rows {
        let values: Vec<&(dyn ToSql + Sync)> = row.iter().map(|value| value as _).collect();
        writer.as_mut().write(&values).await.map_err(undone())?;
    }
    let copied =
        writer.finish().await.map_err(|fault| ended(&format!("copying rows into {table}"), fault))?;
    Ok(usize::try_from(copied).unwrap_or(usize::MAX))
}
