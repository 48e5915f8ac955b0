//! One transaction in few round trips: statements are sent in flights, all of a flight before the first is answered,
//! and its COMMIT alone in a flight of its own. For a context that writes whole batches (the ledger); a batch that is
//! dropped without an end takes its connection, and with it everything it did.

use super::commit::{Failed, ended};
use super::database::Database;
use crate::error::Error;
use deadpool_postgres::Object;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// A statement's parameter.
pub type Parameter = Box<dyn ToSql + Sync + Send>;

/// A statement with its parameters, `$1` first.
pub struct Ask {
    /// Its text, the same each time.
    pub sql: &'static str,
    /// Its parameters.
    pub values: Vec<Parameter>,
}

/// A transaction under way.
pub struct Batch {
    client: Option<Object>,
}

type Sent<'a, T> = Pin<Box<dyn Future<Output = Result<T, tokio_postgres::Error>> + Send + 'a>>;

impl Database {
    /// Begins a transaction and sends its first flight with it. A flight's statements see all that those before them
    /// waited for: under READ COMMITTED each takes its own snapshot.
    pub async fn batch(&self, first: &[Ask]) -> Result<(Batch, Vec<Vec<Row>>), Error> {
        let mut batch = Batch { client: Some(self.lend().await?) };
        let rows = batch.query_all(first, true).await?;
        Ok((batch, rows))
    }
}

impl Batch {
    /// Sends statements and returns the rows of each.
    pub async fn query(&mut self, asks: &[Ask]) -> Result<Vec<Vec<Row>>, Error> {
        self.query_all(asks, false).await
    }

    async fn query_all(&mut self, asks: &[Ask], begins: bool) -> Result<Vec<Vec<Row>>, Error> {
        let client = self.client.as_ref().expect("a batch that ended is gone");
        let (prepared, values) = prepare(client, asks).await?;
        let mut sent: Vec<Sent<'_, Vec<Row>>> = Vec::with_capacity(asks.len() + 1);
        if begins {
            sent.push(Box::pin(async { client.batch_execute("BEGIN").await.map(|()| Vec::new()) }));
        }
        for (statement, values) in prepared.iter().zip(&values) {
            sent.push(Box::pin(client.query(statement, values)));
        }
        let mut rows = flight(sent).await?;
        if begins {
            rows.remove(0);
        }
        Ok(rows)
    }

    /// Sends statements and returns how many rows each touched.
    pub async fn execute(&mut self, asks: &[Ask]) -> Result<Vec<u64>, Error> {
        let client = self.client.as_ref().expect("a batch that ended is gone");
        let (prepared, values) = prepare(client, asks).await?;
        let mut sent: Vec<Sent<'_, u64>> = Vec::with_capacity(asks.len());
        for (statement, values) in prepared.iter().zip(&values) {
            sent.push(Box::pin(client.execute(statement, values)));
        }
        flight(sent).await
    }

    /// Makes it durable.
    pub async fn commit(mut self) -> Result<(), Failed> {
        let client = self.client.take().expect("a batch that ended is gone");
        match client.batch_execute("COMMIT").await {
            Ok(()) => Ok(()),
            Err(fault) => {
                drop(Object::take(client));
                Err(ended("committing", fault))
            }
        }
    }

    /// Undoes it and gives the connection back.
    pub async fn undo(mut self) {
        let client = self.client.take().expect("a batch that ended is gone");
        if client.batch_execute("ROLLBACK").await.is_err() {
            drop(Object::take(client));
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

type Values<'a> = Vec<Vec<&'a (dyn ToSql + Sync)>>;

/// Statements as the server knows them; it is asked only for those it was never asked before.
async fn prepare<'a>(
    client: &Object,
    asks: &'a [Ask],
) -> Result<(Vec<tokio_postgres::Statement>, Values<'a>), Error> {
    let mut prepared = Vec::with_capacity(asks.len());
    for ask in asks {
        prepared
            .push(client.prepare_cached(ask.sql).await.map_err(Error::postgres("preparing a statement"))?);
    }
    let values = asks.iter().map(|ask| ask.values.iter().map(|value| &**value as _).collect()).collect();
    Ok((prepared, values))
}

/// The first poll of each sends it: in order, before any is waited for.
async fn flight<T>(mut sent: Vec<Sent<'_, T>>) -> Result<Vec<T>, Error> {
    let mut told = Vec::with_capacity(sent.len());
    for statement in &mut sent {
        told.push(poll_fn(|context| Poll::Ready(statement.as_mut().poll(context))).await);
    }
    let (mut done, mut failed) = (Vec::with_capacity(sent.len()), None);
    for (statement, told) in sent.into_iter().zip(told) {
        let told = match told {
            Poll::Ready(told) => told,
            Poll::Pending => statement.await,
        };
        match told {
            Ok(value) => done.push(value),
            // The first failure says why; those behind it only that the transaction is over.
            Err(fault) => failed = failed.or(Some(fault)),
        }
    }
    match failed {
        None => Ok(done),
        Some(fault) => Err(Error::postgres("running a statement")(fault)),
    }
}
