//! A context's schema in a PostgreSQL database: connections, set up the one way the house uses them, and migrations.

use super::dialect;
use super::tls::{Target, target};
use crate::error::Error;
use crate::migrate::Migration;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Transaction};
use std::time::Duration;
use tokio_postgres::NoTls;

/// Connections that a context keeps at most.
const CONNECTIONS: usize = 8;
/// How long a command waits for one of them, and for a new one to be answered.
const PATIENCE: Duration = Duration::from_secs(5);
/// What every session is set to: a lock or a stopped client never holds others up for longer, and what was answered is
/// on the disk.
const SESSION: &str = "-c lock_timeout=10s -c idle_in_transaction_session_timeout=4s -c statement_timeout=60s \
                       -c synchronous_commit=on -c default_transaction_isolation=read\\ committed \
                       -c client_min_messages=warning -c timezone=UTC";
/// After how long a peer that says nothing is taken for gone.
const SILENCE: Duration = Duration::from_secs(10);
/// Held while a schema is made or changed: one process at a time. Any number that others are unlikely to use.
const MIGRATION_LOCK: i64 = 0x0043_6f6e_636f_7264;
/// The store's own tables come first in every schema.
const OWN: [Migration; 1] =
    [Migration { file: "0001_store.sql", sql: include_str!("../../schema/postgres/0001_store.sql") }];
/// Where it is noted what was applied, of the store's own tables and of the context's.
const TABLES: [&str; 2] = ["store_versions", "schema_versions"];

/// Connections to one context's schema.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    schema: &'static str,
}

impl Database {
    /// Connects, makes the context's schema if it is missing, and brings it up to date. The URL is
    /// `postgresql://user:password@host:port/database`; [`super::tls`] says what it says of TLS.
    pub async fn open(url: &str, context: &'static str, migrations: &[Migration]) -> Result<Self, Error> {
        Self::open_tuned(url, context, migrations, "").await
    }

    /// As [`Database::open`], with settings of its sessions besides the house's: `-c name=value` each.
    pub async fn open_tuned(
        url: &str,
        context: &'static str,
        migrations: &[Migration],
        settings: &str,
    ) -> Result<Self, Error> {
        let doing = || format!("connecting {context} to its database");
        let Target { mut config, tls } = target(url)?;
        config.options(format!("{SESSION} -c search_path={context} {settings}"));
        config.application_name(format!("concord-{context}")).connect_timeout(PATIENCE);
        config.tcp_user_timeout(SILENCE).keepalives_idle(SILENCE).keepalives_interval(SILENCE);
        // A connection that died is noticed by its first use: asking before every use would cost a round trip.
        let manner = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match tls {
            Some(tls) => Manager::from_config(config, tls, manner),
            None => Manager::from_config(config, NoTls, manner),
        };
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .runtime(Runtime::Tokio1)
            .build();
        let pool = pool.map_err(|fault| Error::Database { doing: doing(), what: fault.to_string() })?;
        let database = Self { pool, schema: context };
        database.check().await?;
        database.migrate(migrations).await?;
        Ok(database)
    }

    /// A connection, for a while.
    pub(super) async fn lend(&self) -> Result<Object, Error> {
        self.pool.get().await.map_err(|fault| match fault {
            deadpool_postgres::PoolError::Backend(fault) => {
                Error::postgres(format!("connecting {}", self.schema))(fault)
            }
            other => Error::NoConnection {
                doing: format!("waiting for a connection of {}", self.schema),
                what: other.to_string(),
            },
        })
    }

    /// Refuses a server that acknowledges what a power cut takes away.
    async fn check(&self) -> Result<(), Error> {
        let client = self.lend().await?;
        let doing = || "asking the server for its settings".to_owned();
        let settings =
            client.query_one("SELECT current_setting('fsync'), current_setting('full_page_writes')", &[]);
        let settings = settings.await.map_err(Error::postgres(doing()))?;
        for (column, name) in ["fsync", "full_page_writes"].into_iter().enumerate() {
            if settings.get::<_, String>(column) != "on" {
                let what = format!("{name} is off: the server would lose what it acknowledged; turn it on");
                return Err(Error::Database { doing: doing(), what });
            }
        }
        Ok(())
    }

    /// Makes the schema and brings it up to date. A role that may not change it can serve what is up to date.
    async fn migrate(&self, migrations: &[Migration]) -> Result<(), Error> {
        let mut client = self.lend().await?;
        let transaction = client.transaction().await.map_err(Error::postgres(self.migrating()))?;
        let seen = self.seen(&transaction).await?;
        if self.missing(&seen, migrations)?.is_empty() {
            return Ok(());
        }
        // Held to the end of the transaction, by whichever process comes first; the others wait for as long as it takes.
        let lock = format!(
            "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"
        );
        transaction.batch_execute(&lock).await.map_err(Error::postgres(self.migrating()))?;
        let tables = TABLES.map(|table| {
            format!(
                "CREATE TABLE IF NOT EXISTS {table}
                     (version BIGINT PRIMARY KEY, file TEXT NOT NULL, sql TEXT NOT NULL);"
            )
        });
        // Asked first: the words IF NOT EXISTS want the right to make one even where it is there.
        let there = transaction.query_one("SELECT to_regnamespace($1) IS NOT NULL", &[&self.schema]).await;
        let is_there: bool = there.map_err(Error::postgres(self.migrating()))?.get(0);
        let create = if is_there { String::new() } else { format!("CREATE SCHEMA {};", self.schema) };
        let begin = format!("{create} {}", tables.concat());
        transaction.batch_execute(&begin).await.map_err(Error::postgres(self.migrating()))?;
        let seen = self.seen(&transaction).await?;
        for step in self.missing(&seen, migrations)? {
            self.apply(&transaction, step).await?;
        }
        transaction.commit().await.map_err(Error::postgres(self.migrating()))
    }

    fn migrating(&self) -> String {
        format!("migrating the schema {}", self.schema)
    }

    /// The texts that were applied, of the store's tables and of the context's; none where there is no schema yet.
    async fn seen(&self, transaction: &Transaction<'_>) -> Result<[Vec<String>; 2], Error> {
        let mut seen = [Vec::new(), Vec::new()];
        for (seen, table) in seen.iter_mut().zip(TABLES) {
            let there = transaction.query_one("SELECT to_regclass($1) IS NOT NULL", &[&table]).await;
            if !there.map_err(Error::postgres(self.migrating()))?.get::<_, bool>(0) {
                continue;
            }
            let texts = transaction.query(&format!("SELECT sql FROM {table} ORDER BY version"), &[]).await;
            let texts = texts.map_err(Error::postgres(self.migrating()))?;
            seen.extend(texts.iter().map(|row| row.get::<_, String>(0)));
        }
        Ok(seen)
    }

    /// What is still to be applied. What was applied has to be what this program has.
    fn missing<'a>(
        &self,
        seen: &[Vec<String>; 2],
        migrations: &'a [Migration],
    ) -> Result<Vec<Step<'a>>, Error> {
        let mut missing = Vec::new();
        let known: [(&'a [Migration], ReadSchema); 2] =
            [(&OWN, str::to_owned), (migrations, dialect::schema)];
        for ((applied, (known, read)), table) in seen.iter().zip(known).zip(TABLES) {
            if applied.len() > known.len() {
                let what = format!(
                    "it has version {}, this program knows versions up to {}: run the newer program",
                    applied.len(),
                    known.len()
                );
                return Err(Error::Database { doing: self.migrating(), what });
            }
            if let Some((_, other)) = applied.iter().zip(known).find(|(sql, own)| *sql != own.sql) {
                let what = format!("migration {} is not the one that was applied", other.file);
                return Err(Error::Database { doing: self.migrating(), what });
            }
            let rest = known.iter().enumerate().skip(applied.len());
            missing.extend(rest.map(|(place, migration)| Step {
                table,
                version: place as i64 + 1,
                migration,
                text: read(migration.sql),
            }));
        }
        Ok(missing)
    }

    /// Applies one step. Its text is kept, so that an edit of history is noticed.
    async fn apply(&self, transaction: &Transaction<'_>, step: Step<'_>) -> Result<(), Error> {
        let Step { table, version, migration, text } = step;
        let doing = || format!("applying {} to the schema {}", migration.file, self.schema);
        transaction.batch_execute(&text).await.map_err(Error::postgres(doing()))?;
        let note = format!("INSERT INTO {table} (version, file, sql) VALUES ($1, $2, $3)");
        let noted = transaction.execute(&note, &[&version, &migration.file, &migration.sql]).await;
        noted.map(drop).map_err(Error::postgres(doing()))
    }
}

/// How the text of a migration is turned into PostgreSQL's.
type ReadSchema = fn(&str) -> String;

/// One migration that is missing.
struct Step<'a> {
    table: &'static str,
    version: i64,
    migration: &'a Migration,
    text: String,
}
