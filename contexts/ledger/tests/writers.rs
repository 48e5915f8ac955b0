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
use ledger::books::model::BookNo;
use ledger::command::{Command, Keys, Manner, Request};
use ledger::effect::Outcome;
use ledger::postgres::{Job, Single, Store};
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
