//! Several nodes write one book on PostgreSQL at once, to the same few accounts: nothing is lost, nothing is written
//! twice, numbers have no gaps, and every posting adds up.

#![allow(clippy::unwrap_used)]

#[path = "rig/mod.rs"]
mod rig;
#[path = "model/side.rs"]
#[allow(dead_code)]
mod side;
#[path = "model/tables.rs"]
#[allow(dead_code)]
mod tables;

use kernel::{Id, IdSource, RandomIds, Tenant};
use ledger::accounts::model::{AccountNo, AccountRef};
use ledger::books::model::{AssetNo, BookNo};
use ledger::command::{Command, Keys, Manner, Request};
use ledger::effect::Outcome;
use ledger::entries::model::{AmountCommand, Direction, PostEntry, PostingCommand};
use ledger::postgres::{Gathered, Job, Single, Store};
use rig::words::{account, entry, hold};
use std::sync::Arc;
use tables::{audit, lines, schema, server};
use tokio::runtime::{Builder, Runtime};

const NODES: u64 = 3;
const BATCHES: u64 = 40;
const JOBS: u64 = 25;

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn job(id: Id, own_id: bool, key: Option<String>, command: Command) -> Job {
    let keys = Keys { key: key.map(String::into_boxed_str), own_id };
    let request = Request { id, keys, command };
    Job::Single(Box::new(Single { request, manner: Manner::default(), origin: None }))
}

fn unnamed(command: Command) -> Job {
    job(RandomIds.next(), false, None, command)
}

async fn outcome(store: &Store, book: BookNo, job: Job) -> Outcome {
    let mut answers = store.run(book, vec![job], None).await;
    answers.remove(0).unwrap().outcomes.remove(0)
}

async fn open_accounts(store: &Store) -> BookNo {
    let book = store.book(&Tenant::default(), None).await.unwrap();
    for (path, limits) in [("hot:bank", ""), ("hot:fees", ""), ("hot:alice", "A>=0")] {
        let opened = outcome(store, book, unnamed(account(path, "liability", limits))).await;
        assert!(matches!(opened, Outcome::Done { .. }), "{opened:?}");
    }
    book
}

/// One node's batches: transfers, some of them refused, a hold, and an account of its own.
async fn work(store: Store, book: BookNo, node: u64) -> u64 {
    let mut done = 0;
    for batch in 0..BATCHES {
        let mut jobs: Vec<Job> = (0..JOBS)
            .map(|place| {
                let text = match place % 4 {
                    0 => "debit hot:bank A 10, credit hot:alice A 10",
                    1 => "debit hot:alice A 7, credit hot:fees A 7",
                    2 => "debit hot:alice A 1000000, credit hot:fees A 1000000",
                    _ => "debit hot:fees A 1, credit hot:bank A 1",
                };
                // Every key is tried by every node: only one of them posts.
                let key = (place % 5 == 0).then(|| format!("{batch}-{place}"));
                job(RandomIds.next(), false, key, entry(text, &format!("party=p{}", place % 3)))
            })
            .collect();
        jobs.push(unnamed(hold("debit hot:bank A 3, credit hot:fees A 3", None, &[], "")));
        jobs.push(unnamed(account(&format!("own:{node}:{batch}"), "asset", "")));
        for answer in store.run(book, jobs, None).await {
            done += u64::from(matches!(answer.unwrap().outcomes[0], Outcome::Done { .. }));
        }
    }
    done
}

#[test]
fn several_nodes_lose_nothing() {
    let Some(url) = server() else { return };
    let runtime = runtime();
    let (schema, client) = schema(&runtime, &url, "writers");
    let done = runtime.block_on(async {
        let store = Store::open(&url, schema, Arc::new(RandomIds)).await.unwrap();
        let book = open_accounts(&store).await;
        let mut nodes = Vec::new();
        for node in 0..NODES {
            let store = Store::open(&url, schema, Arc::new(RandomIds)).await.unwrap();
            nodes.push(tokio::spawn(work(store, book, node)));
        }
        let mut done = 0;
        for node in nodes {
            done += node.await.unwrap();
        }
        done
    });
    // The book, its two first accounts, the three hot ones, and what was done.
    let records = lines(&runtime, &client, "SELECT seq::text FROM head");
    assert_eq!(records, [format!("{}", 3 + 3 + done)]);
    // A quarter is refused; of each key only one node's entry is done, the others replay it.
    let keyed = JOBS.div_ceil(5) * BATCHES;
    let once = lines(&runtime, &client, "SELECT count(*)::text FROM key");
    let refused = (0..JOBS).filter(|place| place % 5 == 0 && place % 4 == 2).count() as u64 * BATCHES;
    assert_eq!(once, [format!("{}", keyed - refused)]);
    audit(&runtime, &client);
    let drop = format!("DROP SCHEMA {schema} CASCADE");
    runtime.block_on(client.batch_execute(&drop)).unwrap();
}

#[test]
fn books_of_tenants_are_opened_once_and_stay_apart() {
    let Some(url) = server() else { return };
    let runtime = runtime();
    let (schema, client) = schema(&runtime, &url, "books");
    runtime.block_on(async {
        let store = Store::open(&url, schema, Arc::new(RandomIds)).await.unwrap();
        let tenants: Vec<Tenant> = ["a", "b"].map(|name| Tenant::parse(name).unwrap()).into();
        let mut opening = Vec::new();
        for round in 0..8 {
            let (store, tenant) = (store.clone(), tenants[round % 2].clone());
            opening.push(tokio::spawn(async move { store.book(&tenant, None).await.unwrap() }));
        }
        let mut books = Vec::new();
        for opened in opening {
            books.push(opened.await.unwrap());
        }
        for (round, book) in books.iter().enumerate() {
            assert_eq!(*book, books[round % 2]);
        }
        // The same id, key and path in both books.
        let make = || job(Id(7), true, Some("key".to_owned()), account("same:path", "asset", ""));
        for book in &books[..2] {
            assert!(matches!(outcome(&store, *book, make()).await, Outcome::Done { seq: 4, .. }));
            assert!(matches!(outcome(&store, *book, make()).await, Outcome::Replayed { seq: 4, .. }));
        }
        // An account of the other book is not there.
        let posted = AccountRef::Known(AccountNo(0));
        let Command::PostEntry(mut post) = entry("debit same:path A 1, credit accounts:1 A 1", "") else {
            panic!()
        };
        post.postings[1].account = posted;
        let answers = [
            outcome(&store, books[0], unnamed(Command::PostEntry(post.clone()))).await,
            outcome(&store, books[1], unnamed(Command::PostEntry(post))).await,
        ];
        let done = answers.iter().filter(|answer| matches!(answer, Outcome::Done { .. })).count();
        let refused = answers.iter().find_map(|answer| match answer {
            Outcome::Refused(problem) => Some(problem.slug.code),
            _ => None,
        });
        assert_eq!((done, refused), (1, Some("unknown-account")));
    });
    audit(&runtime, &client);
    runtime.block_on(client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE"))).unwrap();
}

/// A job that the database does not take (a NUL in a text, which no reader lets through) fails alone.
#[test]
fn a_poisoned_job_fails_alone() {
    let Some(url) = server() else { return };
    let runtime = runtime();
    let (schema, client) = schema(&runtime, &url, "poison");
    let told = runtime.block_on(async {
        let store = Store::open(&url, schema, Arc::new(RandomIds)).await.unwrap();
        let book = open_accounts(&store).await;
        let text = "debit hot:bank A 10, credit hot:alice A 10";
        let jobs = (0..9).map(|place| {
            let mut command = entry(text, "party=p");
            if let (4, Command::PostEntry(post)) = (place, &mut command) {
                post.details.as_mut().unwrap().reference = Some("a\0b".into());
            }
            unnamed(command)
        });
        let answers = store.run(book, jobs.collect(), None).await;
        answers.iter().map(|answer| answer.is_ok()).collect::<Vec<_>>()
    });
    assert_eq!(told, [true, true, true, true, false, true, true, true, true]);
    assert_eq!(lines(&runtime, &client, "SELECT seq::text FROM head"), ["14"]);
    audit(&runtime, &client);
    runtime.block_on(client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE"))).unwrap();
}

/// Connections die at any moment, within COMMIT too: what was answered is there, once, and what is there was answered
/// or said to be unknown.
#[test]
fn lost_connections_lose_nothing_and_double_nothing() {
    let Some(url) = server() else { return };
    let runtime = runtime();
    let (schema, client) = schema(&runtime, &url, "lost");
    let (done, unknown, ended) = runtime.block_on(async {
        let store = Store::open(&url, schema, Arc::new(RandomIds)).await.unwrap();
        let book = open_accounts(&store).await;
        let gathered = Gathered::new(store);
        let mut callers = Vec::new();
        for _ in 0..24 {
            let gathered = gathered.clone();
            callers.push(tokio::spawn(async move {
                let (mut done, mut unknown) = (0_u64, 0_u64);
                for _ in 0..120 {
                    let job = unnamed(entry("debit hot:bank A 10, credit hot:alice A 10", ""));
                    match gathered.run(book, job).await {
                        Ok(answer) => {
                            assert!(matches!(answer.outcomes[0], Outcome::Done { .. }));
                            done += 1;
                        }
                        Err(unanswered) if unanswered.0.slug.code == "outcome-unknown" => unknown += 1,
                        Err(_) => {}
                    }
                }
                (done, unknown)
            }));
        }
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1";
        let mut ended = 0;
        while !callers.iter().all(|caller| caller.is_finished()) {
            let row = client.query_one(end, &[&format!("concord-{schema}")]).await.unwrap();
            ended += row.get::<_, i64>(0);
            // Not a wait for anything: it spreads the ends over the moments of a batch.
            client.batch_execute("SELECT pg_sleep(0.041)").await.unwrap();
        }
        let (mut done, mut unknown) = (0, 0);
        for caller in callers {
            let (of_caller, open) = caller.await.unwrap();
            (done, unknown) = (done + of_caller, unknown + open);
        }
        (done, unknown, ended)
    });
    let found = lines(&runtime, &client, "SELECT (seq - 6)::text FROM head");
    let found: u64 = found[0].parse().unwrap();
    println!("{done} done, {unknown} unknown, {found} there; {ended} connections ended");
    assert!(ended > 0 && done > 0);
    assert!((done..=done + unknown).contains(&found), "{done} done, {unknown} unknown, {found} there");
    audit(&runtime, &client);
    runtime.block_on(client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE"))).unwrap();
}

/// Callers who each wait for one transfer at a time, over many accounts: the books add up, and how many a second. For a
/// figure: `CALLERS=512 SECONDS=10 ACCOUNTS=10000 cargo test --release -p ledger --test writers loop -- --nocapture`.
#[test]
fn transfers_in_a_closed_loop() {
    let Some(url) = server() else { return };
    let wanted = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let (callers, seconds, accounts) = (wanted("CALLERS", 64), wanted("SECONDS", 1), wanted("ACCOUNTS", 500));
    let keyed = wanted("KEYED", 0) == 1;
    let runtime = runtime();
    let (schema, client) = schema(&runtime, &url, "loop");
    let made = Arc::new(std::sync::atomic::AtomicU64::new(0));
    runtime.block_on(async {
        let store = Store::open(&url, schema, Arc::new(RandomIds)).await.unwrap();
        let book = store.book(&Tenant::default(), None).await.unwrap();
        for chunk in (0..accounts).collect::<Vec<_>>().chunks(1_000) {
            let jobs = chunk.iter().map(|no| unnamed(account(&format!("user:{no}:wallet"), "liability", "")));
            assert!(store.run(book, jobs.collect(), None).await.iter().all(|answer| answer.is_ok()));
        }
        client.batch_execute("VACUUM ANALYZE").await.unwrap();
        let gathered = Gathered::new(store);
        let end = std::time::Instant::now() + std::time::Duration::from_secs(seconds);
        let tasks: Vec<_> = (0..callers)
            .map(|caller| {
                let (gathered, made) = (gathered.clone(), made.clone());
                tokio::spawn(async move {
                    let mut dice = caller.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
                    let mut roll = || {
                        dice ^= dice << 13;
                        dice ^= dice >> 7;
                        dice ^= dice << 17;
                        dice
                    };
                    while std::time::Instant::now() < end {
                        let (one, other) = (roll() % accounts, roll() % (accounts - 1));
                        let other = if other >= one { other + 1 } else { other };
                        let amount = AmountCommand::Exact(1 + i128::from(roll() % 10_000));
                        let posting = |(no, direction): (u64, Direction)| PostingCommand {
                            // The first two are those that every book opens with.
                            account: AccountRef::Known(AccountNo(no as u32 + 2)),
                            direction,
                            asset: AssetNo(0),
                            amount,
                        };
                        let both = [(one, Direction::Debit), (other, Direction::Credit)];
                        let post =
                            PostEntry { postings: both.map(posting).into_iter().collect(), details: None };
                        let id = RandomIds.next();
                        let key = keyed.then(|| format!("{id:?}"));
                        let answer = gathered.run(book, job(id, false, key, Command::PostEntry(post))).await;
                        assert!(matches!(answer.unwrap().outcomes[0], Outcome::Done { .. }));
                        made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let made = made.load(std::sync::atomic::Ordering::Relaxed);
    println!("{callers} callers, {accounts} accounts, keyed {keyed}: {} transfers/s", made / seconds);
    audit(&runtime, &client);
    runtime.block_on(client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE"))).unwrap();
}
