//! A context with a counter, notes and values, on either engine.

use kernel::{Caller, Clock, Problem, SystemClock, Tenant};
use platform_store::books::{Awaited, Books, Deciding, First, Place, Poisoned, Redo, Verdict};
use platform_store::postgres::RowStore;
use platform_store::unit::{Answered, Command, RowsUnit};
use platform_store::{Error, Migration, Reader, Setting, Stopped, UnitStore, Value};
use std::sync::Arc;

pub static MIGRATIONS: [Migration; 1] = [Migration {
    file: "0001_things.sql",
    sql: "-- One text for both engines.
          CREATE TABLE things_counters (id INTEGER PRIMARY KEY, used INTEGER NOT NULL) STRICT;
          CREATE TABLE things_notes (name TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID;
          CREATE TABLE things_values (
              id INTEGER PRIMARY KEY, number INTEGER, text TEXT, bytes BLOB CHECK (length(bytes) < 100)) STRICT;",
}];

/// Books that nobody asks for anything: rows alone are tested here.
pub struct NoBooks;

const NOWHERE: Place = Place { position: 0, hash: [0; 32] };

impl Books for NoBooks {
    type Command = ();
    type Fact = ();
    type Done = ();

    fn decide(&self, _: Deciding<Self>) -> (Verdict, u64) {
        unreachable!("no command here touches the books")
    }

    fn settle(&self, _: u64) -> Result<Place, Poisoned> {
        Ok(NOWHERE)
    }

    fn release(&self, _: &'static str) {}

    fn synced(&self, _: &'static str, _: u64) {}

    fn lacks_room(&self) -> Option<Problem> {
        None
    }

    fn durable(&self) -> Place {
        NOWHERE
    }

    fn identity(&self) -> u128 {
        1
    }

    fn redo(
        &self,
        _: &str,
        _: Place,
        _: &mut dyn FnMut(Redo) -> Result<(), String>,
    ) -> Result<Place, String> {
        Ok(NOWHERE)
    }
}

impl Awaited for NoBooks {
    async fn await_rows(&self, _: &'static str, _: u64) -> bool {
        true
    }

    async fn commit(&self, _: Deciding<Self>) -> Verdict {
        unreachable!("no command here touches the books")
    }

    async fn first(&self, _: &Caller, _: &'static str, _: &Command) -> Result<Option<(u64, First)>, Problem> {
        Ok(None)
    }
}

/// The context, and where its rows are.
#[derive(Clone)]
pub struct House {
    engine: Engine,
    /// Lives as long as the file in it.
    _folder: Option<Arc<tempfile::TempDir>>,
}

#[derive(Clone)]
enum Engine {
    File(UnitStore<NoBooks>),
    Postgres(RowStore),
}

/// The server's URL; `None` where there is none, which CI does not allow.
pub fn server() -> Option<String> {
    let url = std::env::var("CONCORD_TEST_POSTGRES").ok();
    assert!(url.is_some() || std::env::var_os("CI").is_none(), "CONCORD_TEST_POSTGRES names no server");
    if url.is_none() {
        eprintln!("NOT RUN: CONCORD_TEST_POSTGRES names no PostgreSQL server");
    }
    url
}

/// A name for a schema that no other test or run has.
pub fn schema(test: &str) -> &'static str {
    let random = kernel::IdSource::next(&kernel::RandomIds).0 as u32;
    let short: String = test.chars().take(40).collect();
    Box::leak(format!("{short}_{random:08x}").into_boxed_str())
}

impl House {
    pub fn file(_: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock::default());
        let on_fatal = Arc::new(|what: &str| panic!("{what}"));
        let setting = Setting { books: Arc::new(NoBooks), clock, on_fatal };
        let store = UnitStore::open(&folder.path().join("things.sqlite"), "things", &MIGRATIONS, setting);
        Self { engine: Engine::File(store.unwrap()), _folder: Some(Arc::new(folder)) }
    }

    pub async fn postgres(test: &str) -> Option<Self> {
        let url = server()?;
        let store = RowStore::open(&url, schema(test), &MIGRATIONS, Arc::new(SystemClock::default()));
        Some(Self { engine: Engine::Postgres(store.await.unwrap()), _folder: None })
    }

    pub fn clock(&self) -> Arc<dyn Clock> {
        match &self.engine {
            Engine::File(store) => store.clock().clone(),
            Engine::Postgres(store) => store.clock().clone(),
        }
    }

    pub async fn read<T: Send + 'static>(
        &self,
        closure: impl FnOnce(&Reader<'_>) -> Result<T, Error> + Send + 'static,
    ) -> T {
        let read = match &self.engine {
            Engine::File(store) => store.read(closure).await,
            Engine::Postgres(store) => store.read(closure).await,
        };
        read.unwrap()
    }

    pub async fn once<F>(&self, command: &Command, make: impl Fn() -> F) -> Result<Answered, Stopped>
    where
        F: Future<Output = Result<RowsUnit, Stopped>>,
    {
        let by = Caller::house(Tenant::default());
        match &self.engine {
            Engine::File(store) => store.once_rows(&by, command, make).await,
            Engine::Postgres(store) => store.once_rows(&by, command, make).await,
        }
    }

    pub async fn number(&self, name: &'static str) -> i64 {
        let tenant = Tenant::default();
        let drawn = match &self.engine {
            Engine::File(store) => store.number(&tenant, name).await,
            Engine::Postgres(store) => store.number(&tenant, name).await,
        };
        drawn.unwrap()
    }

    pub async fn copy_in(
        &self,
        table: &'static str,
        columns: &'static [&'static str],
        rows: Vec<Vec<Value>>,
    ) -> Result<usize, Stopped> {
        match &self.engine {
            Engine::File(store) => store.copy_in(table, columns, rows).await,
            Engine::Postgres(store) => store.copy_in(table, columns, rows).await,
        }
    }

    /// The only number a query leads to.
    pub async fn count(&self, sql: &'static str) -> i64 {
        self.read(move |reader| reader.row(sql, [], |row| row.get(0))).await.unwrap()
    }
}
