//! The ledger on PostgreSQL: the same books, decided by the same core, in tables that any number of nodes share.
//!
//! One batch is one READ COMMITTED transaction of one book:
//!
//! | flight | what |
//! |---|---|
//! | 1 | BEGIN, lock the book's head, read the clock and what the commands name |
//! | 2 | what the records they speak of name; only if there is anything |
//! | – | decide in memory: [`scratch`], [`deciding`] |
//! | 3 | numbers for accounts that were opened; only if there are any |
//! | 4 | write, and count the rows |
//! | 5 | COMMIT |
//!
//! Promises: an answer means durable; `seq` has no gaps; a job that the database does not take never fails its
//! neighbours; a lost connection is looked into, and only if that fails too the outcome is unknown.
//! Leaves out for now: units of contexts (rows), the clock that an operator confirms, NOTIFY, a timer for holds that
//! are due while nobody asks for anything, and reads for HTTP. Not wired into the program yet.

mod deciding;
mod gathering;
mod numeric;
mod reading;
mod running;
mod scratch;
mod translate;
mod wanted;
mod writing;

pub use gathering::Gathered;
pub use numeric::{Amount, Uuid};

use crate::BatchRequest;
use crate::books::model::BookNo;
use crate::command::{Manner, Origin, Request};
use crate::journal::codec::Malformed;
use crate::journal::engine::new_lookup;
use crate::journal::index::Index;
use crate::journal::keys::Keyed;
use crate::journal::lookup::Lookup;
use crate::journal::record::{Record, take_record};
use crate::journal::segments::{Identity, Segments};
use hashbrown::HashMap;
use kernel::{Asset, IdSource, Timestamp};
use parking_lot::Mutex;
use platform_store::Migration;
use platform_store::postgres::{Ask, Database};
use reading::value;
use std::sync::Arc;

/// The schema, and the name it has outside of tests.
pub const MIGRATIONS: [Migration; 1] =
    [Migration { file: "0001_books.sql", sql: include_str!("../../migrations/postgres/0001_books.sql") }];
/// The schema's name.
pub const SCHEMA: &str = "ledger";

/// Every statement goes by keys, whatever the tables hold: a plan that is right for ever is made once.
const SETTINGS: &str = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off \
                        -c enable_mergejoin=off -c jit=off";
const IDENTITY: &str =
    "INSERT INTO identity (one, journal, secret) VALUES (true, $1, $2) ON CONFLICT DO NOTHING";
const IDENTITY_READ: &str = "SELECT journal, secret FROM identity";
const RECORD: &str = "SELECT bytes FROM record WHERE book = $1 AND seq = $2";

/// One thing that a caller asks for.
#[derive(Clone)]
pub enum Job {
    /// One command.
    Single(Box<Single>),
    /// A batch.
    Batch(Box<Several>),
}

/// One command.
#[derive(Clone)]
pub struct Single {
    /// What; accounts that are known have the database's numbers.
    pub request: Request,
    /// How.
    pub manner: Manner,
    /// Who asked; none for nobody.
    pub origin: Option<Origin>,
}

/// A batch of one caller.
#[derive(Clone)]
pub struct Several {
    /// Its commands, and how to take them.
    pub batch: BatchRequest,
    /// Who asked.
    pub origin: Option<Origin>,
}

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It refused, or is gone.
    #[error(transparent)]
    Store(#[from] platform_store::Error),
    /// A column is not what it should be.
    #[error("reading a column")]
    Column(#[from] tokio_postgres::Error),
    /// A record is not what it should be.
    #[error("reading a record")]
    Record(#[from] Malformed),
    /// Rows do not fit each other.
    #[error("the database's rows do not fit each other: {0}")]
    Damaged(String),
}

fn damaged(what: impl std::fmt::Display) -> Fault {
    Fault::Damaged(what.to_string())
}

/// The books of one database. Clones share it.
#[derive(Clone)]
pub struct Store {
    database: Database,
    ids: Arc<dyn IdSource>,
    identity: Identity,
    keyed: Keyed,
    segments: Arc<Segments>,
    /// Assets of each book, as far as they were read: they only ever become more.
    assets: Arc<Mutex<HashMap<i32, Arc<Vec<Asset>>>>>,
}

impl Store {
    /// Connects, and brings the schema up to date.
    pub async fn open(url: &str, schema: &'static str, ids: Arc<dyn IdSource>) -> Result<Self, Fault> {
        let database = Database::open_tuned(url, schema, &MIGRATIONS, SETTINGS).await?;
        let new = [value(Uuid(ids.random())), value(Uuid(ids.random()))];
        let asks = [
            Ask { sql: IDENTITY, values: new.into_iter().collect() },
            Ask { sql: IDENTITY_READ, values: Vec::new() },
        ];
        let (batch, rows) = database.batch(&asks).await?;
        batch.commit().await.map_err(running::undone)?;
        let row = rows[1].first().ok_or_else(|| damaged("it has no identity"))?;
        let (journal, secret): (Uuid, Uuid) = (row.try_get(0)?, row.try_get(1)?);
        let identity = Identity { journal: journal.0, secret: secret.0 };
        let mut keyed = Keyed::new(identity);
        keyed.prepare(1);
        let segments = Arc::new(Segments::none());
        Ok(Self { database, ids, identity, keyed, segments, assets: Arc::default() })
    }

    /// The record of this number.
    pub async fn record(&self, book: BookNo, seq: u64) -> Result<Option<Record>, Fault> {
        let values = vec![value(book.0 as i32), value(seq as i64)];
        let (batch, rows) = self.database.batch(&[Ask { sql: RECORD, values }]).await?;
        batch.undo().await;
        let Some(row) = rows[0].first() else { return Ok(None) };
        Ok(Some(take_record(row.try_get(0)?, seq)?))
    }

    /// Carries out jobs in order, as one batch; one answer for each. `now` is a clock that is not the server's.
    pub async fn run(&self, book: BookNo, jobs: Vec<Job>, now: Option<Timestamp>) -> running::Answers {
        running::run(self, book.0 as i32, &jobs, now).await
    }

    fn lookup(&self, index: &Arc<Index>) -> Lookup {
        new_lookup(&self.segments, index, self.identity, 0)
    }
}
