//! A connection that is lost around COMMIT, on PostgreSQL: the command was sent and never reached the server, or the
//! server carried it out and its answer never came. Callers get their answer either way, and nothing happens twice.

#![allow(clippy::unwrap_used)]

#[path = "rig/mod.rs"]
mod rig;
#[path = "model/side.rs"]
#[allow(dead_code)]
mod side;
#[path = "model/tables.rs"]
#[allow(dead_code)]
mod tables;

use kernel::{IdSource, RandomIds, Tenant};
use ledger::command::{Keys, Manner, Request};
use ledger::effect::Outcome;
use ledger::postgres::{Job, Single, Store};
use rig::words::entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tables::{audit, lines, schema, server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the wire does with the next COMMIT.
const PASS: u32 = 0;
const SWALLOW_IT: u32 = 1;
const SWALLOW_ITS_ANSWER: u32 = 2;
const CUT: u32 = 3;

/// Listens where nobody else does and passes everything on to the server, until it is told otherwise.
async fn wire(server: String) -> (u16, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let orders = Arc::new(AtomicU32::new(PASS));
    let given = orders.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (server, orders) = (server.clone(), given.clone());
            tokio::spawn(
                async move { pass(client, TcpStream::connect(server).await.unwrap(), &orders).await },
            );
        }
    });
    (port, orders)
}

/// One connection; both ends are closed where it is cut.
async fn pass(client: TcpStream, server: TcpStream, orders: &AtomicU32) -> Option<()> {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let there = async {
        let mut bytes = vec![0; 1 << 16];
        loop {
            let count = from_client.read(&mut bytes).await.ok().filter(|count| *count > 0)?;
            if bytes[..count].windows(6).any(|word| word == b"COMMIT") {
                let turn = |order, next| {
                    orders.compare_exchange(order, next, Ordering::SeqCst, Ordering::SeqCst).is_ok()
                };
                if turn(SWALLOW_IT, PASS) {
                    return None::<()>;
                }
                turn(SWALLOW_ITS_ANSWER, CUT);
            }
            to_server.write_all(&bytes[..count]).await.ok()?;
        }
    };
    let back = async {
        let mut bytes = vec![0; 1 << 16];
        loop {
            let count = from_server.read(&mut bytes).await.ok().filter(|count| *count > 0)?;
            if orders.compare_exchange(CUT, PASS, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
                return None::<()>;
            }
            to_client.write_all(&bytes[..count]).await.ok()?;
        }
    };
    tokio::select! { ended = there => ended, ended = back => ended }
}

#[test]
fn a_lost_commit_is_looked_up() {
    let Some(url) = server() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (schema, client) = schema(&runtime, &url, "wire");
    let (before, address) = url.split_once('@').expect("the URL has a password");
    let (address, database) = address.split_once('/').expect("the URL names a database");
    runtime.block_on(async {
        let (port, orders) = wire(address.to_owned()).await;
        let through = format!("{before}@127.0.0.1:{port}/{database}");
        let store = Store::open(&through, schema, Arc::new(RandomIds)).await.unwrap();
        let book = store.book(&Tenant::default(), None).await.unwrap();
        for round in 0..12 {
            orders.store(round % 3, Ordering::SeqCst);
            let request = Request {
                id: RandomIds.next(),
                keys: Keys::default(),
                command: entry("debit accounts:1 A 5, credit accounts:2 A 5", ""),
            };
            let job = Job::Single(Box::new(Single { request, manner: Manner::default(), origin: None }));
            let answer = store.run(book, vec![job], None).await.remove(0).unwrap();
            let Outcome::Done { seq, .. } = answer.outcomes[0] else { panic!("{answer:?}") };
            // The book, its two first accounts, and one entry a round.
            assert_eq!(seq, 4 + u64::from(round));
            assert_eq!(orders.load(Ordering::SeqCst), PASS, "the wire was cut as ordered");
        }
    });
    assert_eq!(lines(&runtime, &client, "SELECT seq::text FROM head"), ["15"]);
    audit(&runtime, &client);
    runtime.block_on(client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE"))).unwrap();
}
