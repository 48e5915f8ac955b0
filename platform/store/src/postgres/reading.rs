//! Reads of one snapshot of a database, for closures that wait. The snapshot begins with the first statement and costs
//! no round trip of its own: both are sent before either is answered. A connection that turns out to be gone by then is
//! replaced: nothing was seen through it.

use super::database::Database;
use super::dialect;
use crate::error::{Class, Error};
use crate::value::Value;
use deadpool_postgres::Object;
use futures_util::future::join;
use std::cell::{OnceCell, RefCell};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// A closure may think for a while between two statements: nobody waits for a snapshot.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL idle_in_transaction_session_timeout = '60s'";
/// Connections that are tried for a first statement.
const TRIES: u32 = 4;
/// Pause before the second of them; each further one doubles it.
const PAUSE: Duration = Duration::from_millis(50);

/// A snapshot.
pub struct Snapshot {
    database: Database,
    runtime: Handle,
    /// A connection through which nothing was seen yet.
    fresh: RefCell<Option<Object>>,
    client: OnceCell<Object>,
}

impl Snapshot {
    /// Of this database, as it is once something is asked; through this connection, if it lives.
    pub fn new(database: Database, client: Option<Object>, runtime: Handle) -> Self {
        Self { database, runtime, fresh: RefCell::new(client), client: OnceCell::new() }
    }

    /// Runs a query. Blocks the thread.
    pub fn query(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<Vec<Row>, Error> {
        let values: Vec<Value> = values.into_iter().collect();
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        let sql = dialect::statement(sql);
        self.runtime.block_on(async {
            match self.client.get() {
                Some(client) => ask(client, &sql, &values, false).await,
                None => self.first(&sql, &values).await,
            }
        })
    }

    /// Runs the first query, which begins the snapshot.
    async fn first(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        let mut tries = 1;
        loop {
            let fresh = self.fresh.take();
            let lent = match fresh {
                Some(client) => Ok(client),
                None => self.database.lend().await,
            };
            let fault = match lent {
                Ok(client) => match ask(&client, sql, values, true).await {
                    Err(fault) if fault.class() == Class::Gone => {
                        drop(Object::take(client));
                        fault
                    }
                    told => {
                        let kept = self.client.set(client);
                        assert!(kept.is_ok(), "a snapshot begins once");
                        return told;
                    }
                },
                Err(fault) => fault,
            };
            if tries == TRIES || fault.class() != Class::Gone {
                return Err(fault);
            }
            tokio::time::sleep(PAUSE * 2_u32.pow(tries - 1)).await;
            tries += 1;
        }
    }
}

async fn ask(
    client: &Object,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
    begins: bool,
) -> Result<Vec<Row>, Error> {
    let asked = async {
        let statement = client.prepare_cached(sql).await?;
        if !begins {
            return client.query(&statement, values).await;
        }
        let (begun, rows) = join(client.batch_execute(BEGIN), client.query(&statement, values)).await;
        begun.and(rows)
    };
    asked.await.map_err(Error::postgres("running a statement"))
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if let Some(client) = self.client.take()
            && self.runtime.block_on(client.batch_execute("COMMIT")).is_err()
        {
            // Nothing was changed. The connection is gone, and must not come back to the pool.
            drop(Object::take(client));
        }
    }
}
