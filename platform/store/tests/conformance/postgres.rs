//! What only a server can do: lose a connection, be migrated by several at once, be of another history.

use crate::house::{MIGRATIONS, schema, server};
use kernel::{Caller, SystemClock, Tenant};
use platform_store::postgres::RowStore;
use platform_store::unit::{Change, Command, RowsUnit};
use platform_store::{Error, Migration, Stopped};
use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

async fn open(name: &'static str, migrations: &[Migration]) -> Result<Option<RowStore>, Error> {
    let Some(url) = server() else { return Ok(None) };
    RowStore::open(&url, name, migrations, Arc::new(SystemClock::default())).await.map(Some)
}

fn insert(name: &str) -> RowsUnit {
    let insert = "INSERT INTO things_notes (name, text) VALUES (?1, 'x')";
    RowsUnit::answering(name.as_bytes().to_vec()).change(Change::one(insert, [name.into()]))
}

/// Ends every other connection of this schema's program, as an operator or a failing network would.
async fn cut(url: &str, schema: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
    client.query(cut, &[&format!("concord-{schema}")]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_connections_lose_and_double_nothing() {
    let name = schema("lost");
    let Some(store) = open(name, &MIGRATIONS).await.unwrap() else { return };
    let url = server().unwrap();
    let by = Caller::house(Tenant::default());
    let rounds = AtomicU32::new(0);
    let mut told = Vec::new();
    for number in 0..60 {
        if number % 6 == 0 {
            let (url, name) = (url.clone(), name.to_owned());
            tokio::spawn(async move { cut(&url, &name).await });
        }
        let text = format!("note {number}");
        let command =
            Command { name: "things.do", fields: Vec::new(), key: Some(text.clone()), dry_run: false };
        let make = || {
            rounds.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok::<_, Stopped>(insert(&text)))
        };
        match store.once_rows(&by, &command, make).await {
            Ok(answered) => {
                assert_eq!(answered.answer, text.as_bytes());
                told.push(text);
            }
            Err(Stopped::Unanswered(problem)) => {
                assert!(problem.slug.status == 503, "{problem:?}");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    let all = "SELECT name FROM things_notes";
    let found: Result<Vec<String>, Error> =
        store.read(move |reader| reader.rows(all, [], |row| row.get(0))).await;
    let found = found.unwrap();
    assert!(told.len() > 55, "most are answered: {}", told.len());
    assert!(told.iter().all(|text| found.contains(text)), "what was answered is there");
    println!("{} of 60 answered, {} rounds", told.len(), rounds.load(Ordering::Relaxed));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_start_at_once_and_one_migrates() {
    let name = schema("crowd");
    if server().is_none() {
        return;
    }
    let starting = (0..6).map(|_| tokio::spawn(open(name, &MIGRATIONS)));
    for started in starting.collect::<Vec<_>>() {
        started.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_history_is_refused() {
    let name = schema("history");
    let Some(_) = open(name, &MIGRATIONS).await.unwrap() else { return };
    let edited =
        [Migration { file: "0001_things.sql", sql: "CREATE TABLE other (id INTEGER PRIMARY KEY) STRICT;" }];
    let refused = open(name, &edited).await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("not the one that was applied"), "{refused}");
    let older = open(name, &[]).await.map(drop).unwrap_err().to_string();
    assert!(older.contains("run the newer program"), "{older}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reached_says_so() {
    let started = RowStore::open(
        "postgresql+psycopg://nobody:secret@127.0.0.1:1/none",
        "nowhere",
        &MIGRATIONS,
        Arc::new(SystemClock::default()),
    );
    let fault = started.await.map(drop).unwrap_err();
    let whole = format!("{fault}: {:?}", fault.source());
    assert!(whole.contains("connecting nowhere") && !whole.contains("secret"), "{whole}");
}
