//! Sixty-four callers fight over two accounts with floors of zero: nobody sees a negative balance, the sum stays,
//! and the only errors are refusals for want of funds.

use crate::chance::{Chance, seconds};
use crate::json::{account, decimal, entry, floored, list, minor, text};
use crate::server::Server;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

const CALLERS: usize = 64;
/// What the two accounts have together, in cents.
const SUM: u64 = 100_000;

#[test]
fn two_hot_accounts_never_go_negative() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let mut client = server.client();
    client.post("/v1/accounts", &account("bank", "asset")).ok(201);
    for path in ["hot:a", "hot:b"] {
        client.post("/v1/accounts", &floored(path)).ok(201);
        client.post("/v1/entries", &entry("bank", path, &decimal(SUM / 2), "EUR", "")).ok(201);
    }
    let (mut chance, ended) = (Chance::of("hot accounts"), AtomicBool::new(false));
    let (posted, refused, reads) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            let (mut client, mut chance, ended) = (server.client(), chance.fork(), &ended);
            let (posted, refused) = (&posted, &refused);
            scope.spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    let (from, to) =
                        if chance.below(2) == 0 { ("hot:a", "hot:b") } else { ("hot:b", "hot:a") };
                    let body = entry(from, to, &decimal(1 + chance.below(SUM)), "EUR", "");
                    let answer = client.post("/v1/entries", &body);
                    if answer.status == 201 {
                        for balance in list(&answer.json(), "balances") {
                            assert!(minor(&balance["available"]) >= 0, "{balance}");
                        }
                        posted.fetch_add(1, Ordering::Relaxed);
                    } else {
                        answer.refused(422, "insufficient-funds");
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let (mut client, began) = (server.client(), Instant::now());
        while began.elapsed() < seconds() {
            let trial = client.get("/v1/trial-balance").ok(200);
            let hot = list(&trial, "data").iter().filter(|row| text(row, "path").starts_with("hot:"));
            let balances: Vec<i128> = hot.map(|row| minor(&row["balance"])).collect();
            assert!(balances.iter().all(|balance| *balance >= 0), "{trial}");
            assert_eq!(balances.iter().sum::<i128>(), i128::from(SUM), "{trial}");
            let one = client.get("/v1/accounts/hot:a/balances").ok(200);
            assert!(minor(&list(&one, "data")[0]["available"]) >= 0, "{one}");
            reads.fetch_add(1, Ordering::Relaxed);
        }
        ended.store(true, Ordering::Relaxed);
    });
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!("{} posted, {} refused, {} reads", count(&posted), count(&refused), count(&reads));
    assert!(count(&posted) > 100 && count(&refused) > 100 && count(&reads) > 10);
    server.stop();
}
