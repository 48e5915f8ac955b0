//! What only a server can do: lose a connection, be migrated by several at once, be of another history.

use crate::house::{MIGRATIONS, schema, server};
use kernel::{Caller, Id, IdSource as _, RandomIds, SystemClock, Tenant, Timestamp};
use platform_store::jobs::{Job, Status, job_end};
use platform_store::postgres::RowStore;
use platform_store::runner::{Handled, Handler, JobStore, run_jobs};
use platform_store::unit::{Change, Command, NewJob, RowsUnit};
use platform_store::{Error, Migration, Stopped};
use std::collections::HashSet;
use std::error::Error as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, watch};

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
    let audit = "SELECT count(*) FROM store_audit";
    let carried_out: Result<Option<i64>, Error> =
        store.read(move |reader| reader.row(audit, [], |row| row.get(0))).await;
    assert_eq!(carried_out.unwrap(), Some(found.len() as i64), "each was carried out once");
    println!("{} of 60 answered, {} rounds", told.len(), rounds.load(Ordering::Relaxed));
}

fn jobs(count: usize) -> RowsUnit {
    let job = |place: usize| NewJob {
        id: RandomIds.next(),
        kind: "things.job",
        priority: place as i64 % 3,
        due: Timestamp(place as i64),
        payload: b"{}".to_vec(),
    };
    (0..count).fold(RowsUnit::answering(Vec::new()), |unit, place| unit.job(job(place)))
}

fn plain(name: &'static str) -> Command {
    Command { name, fields: Vec::new(), key: None, dry_run: false }
}

async fn write(store: &RowStore, unit: impl Fn() -> RowsUnit) -> Result<(), Stopped> {
    let by = Caller::house(Tenant::default());
    store.once_rows(&by, &plain("things.do"), || std::future::ready(Ok(unit()))).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_one_process_s_at_a_time_and_an_old_lease_ends_nothing() {
    let name = schema("leases");
    let Some(store) = open(name, &MIGRATIONS).await.unwrap() else { return };
    let other = open(name, &MIGRATIONS).await.unwrap().unwrap();
    let unit = jobs(40);
    write(&store, || RowsUnit { rows: unit.rows.clone(), answer: Vec::new() }).await.unwrap();
    let now = Timestamp(1_000);
    let (mine, theirs) =
        tokio::join!(store.claim(now, 30, 60, HashSet::new()), other.claim(now, 30, 60, HashSet::new()));
    let (mine, theirs) = (mine.unwrap(), theirs.unwrap());
    let ids: HashSet<_> = mine.iter().chain(&theirs).map(|job| job.id).collect();
    assert_eq!((mine.len() + theirs.len(), ids.len()), (40, 40), "nobody gets what another has");
    assert!(mine.is_sorted_by_key(|job| (-job.priority, job.due)));
    assert_eq!(JobStore::next_due(&store).await.unwrap(), None);
    // One is put off, and taken again under a lease that is over at once: the next to take it is the one to end it.
    store.put_off(&mine[0], "not now").await.unwrap();
    let late = Timestamp(i64::MAX / 2);
    let first = store.claim(late, 1, 0, HashSet::new()).await.unwrap();
    let held = HashSet::from([first[0].id.0]);
    assert!(store.claim(late, 1, 60, held).await.unwrap().is_empty(), "not a second time by the same");
    let second = other.claim(late, 1, 60, HashSet::new()).await.unwrap();
    assert_eq!((first[0].id, second[0].id), (mine[0].id, mine[0].id));
    assert!(!JobStore::keep(&store, &first[0]).await.unwrap() && other.keep(&second[0]).await.unwrap());
    let end = |job: &Job| RowsUnit::answering(Vec::new()).change(job_end(job, Status::Done, "{}", now));
    assert!(write(&store, || end(&first[0])).await.is_err(), "its lease is another's");
    write(&other, || end(&second[0])).await.unwrap();
}

/// Does a job by ending it; counts who was run.
struct Counting(RowStore, Arc<Mutex<Vec<Id>>>);

impl Handler for Counting {
    fn run(&self, job: Job) -> Handled {
        let (store, ran) = (self.0.clone(), self.1.clone());
        Box::pin(async move {
            ran.lock().unwrap().push(job.id);
            let end =
                || RowsUnit::answering(Vec::new()).change(job_end(&job, Status::Done, "{}", Timestamp(1)));
            write(&store, end).await.map_err(|_| "not ended".to_owned())
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_run_every_job_once() {
    let name = schema("runners");
    let Some(store) = open(name, &MIGRATIONS).await.unwrap() else { return };
    let other = open(name, &MIGRATIONS).await.unwrap().unwrap();
    let unit = jobs(300);
    write(&store, || RowsUnit { rows: unit.rows.clone(), answer: Vec::new() }).await.unwrap();
    let ran: Arc<Mutex<Vec<Id>>> = Arc::default();
    let (stop, stopped) = watch::channel(false);
    let run = |store: &RowStore| {
        let handler = Arc::new(Counting(store.clone(), ran.clone()));
        tokio::spawn(run_jobs(store.clone(), handler, Arc::new(Notify::new()), stopped.clone()))
    };
    let running = [run(&store), run(&other)];
    let waiting = "SELECT count(*) FROM store_jobs WHERE status = 'waiting'";
    let begun = std::time::Instant::now();
    loop {
        let left: Result<Option<i64>, Error> =
            store.read(move |reader| reader.row(waiting, [], |row| row.get(0))).await;
        if left.unwrap() == Some(0) {
            break;
        }
        assert!(begun.elapsed().as_secs() < 60, "they are done soon");
        tokio::task::yield_now().await;
    }
    stop.send(true).unwrap();
    for runner in running {
        runner.await.unwrap();
    }
    let mut ran = ran.lock().unwrap().clone();
    ran.sort();
    assert_eq!(ran.len(), 300, "each was run");
    ran.dedup();
    assert_eq!(ran.len(), 300, "and none twice");
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

/// What an operator gives a role that serves a schema: its rows, and nothing that changes its shape.
const GRANTS: &str = "
    CREATE ROLE {role} LOGIN PASSWORD 'of-a-test';
    GRANT USAGE ON SCHEMA {schema} TO {role};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
    REVOKE INSERT, UPDATE, DELETE ON {schema}.schema_versions, {schema}.store_versions FROM {role};";

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_only_read_and_write_rows_is_enough_to_serve() {
    let name = schema("least");
    let Some(_) = open(name, &MIGRATIONS).await.unwrap() else { return };
    let url = server().unwrap();
    let role = format!("{name}_role");
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&GRANTS.replace("{role}", &role).replace("{schema}", name)).await.unwrap();
    let (_, place) = url.split_once('@').unwrap();
    let served = format!("postgresql://{role}:of-a-test@{place}");
    let clock = Arc::new(SystemClock::default());
    let store = RowStore::open(&served, name, &MIGRATIONS, clock.clone()).await.unwrap();
    let unit = jobs(3);
    write(&store, || RowsUnit { rows: unit.rows.clone(), answer: Vec::new() }).await.unwrap();
    write(&store, || insert("a")).await.unwrap();
    assert_eq!(store.number(&Tenant::default(), "thing").await.unwrap(), 1);
    assert_eq!(store.claim(Timestamp(9), 9, 60, HashSet::new()).await.unwrap().len(), 3);
    // A newer program needs the role that may change the schema, and says so.
    let newer =
        Migration { file: "0002_more.sql", sql: "CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT;" };
    let fault = RowStore::open(&served, name, &[MIGRATIONS[0], newer], clock).await.map(drop).unwrap_err();
    let why = fault.source().map(|why| format!("{why:?}")).unwrap_or_default();
    assert!(why.contains("permission denied"), "{fault}: {why}");
    drop(store);
    // The server may be somebody's: what is not in the schema goes again.
    client.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
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
