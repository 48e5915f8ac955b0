//! Many at once: ten thousand transfers among few wallets lose and make nothing, and a start afterwards agrees.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod rig;

use rig::House;
use serde_json::Value;
use std::sync::Arc;

const WALLETS: u64 = 5;
const CLIENTS: u64 = 50;
const EACH: u64 = 200;

fn minor(balance: &Value) -> i128 {
    balance.as_str().unwrap().replace('.', "").parse().unwrap()
}

/// Every wallet's balance; none is negative.
async fn balances(house: &House) -> Vec<i128> {
    let mut found = Vec::new();
    for wallet in 1..=WALLETS {
        let seen = house.ok("GET", &format!("/v1/wallets/{wallet}"), "").await;
        found.push(minor(&seen["balance"]["posted"]));
    }
    assert!(found.iter().all(|balance| *balance >= 0), "{found:?}");
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_transfers_among_few_wallets() {
    let house = Arc::new(House::new());
    house.clients(&["10", "10", "10", "10", "10"]).await;
    // One of them under a limit: rows and books change together in the crowd.
    house.ok("PUT", "/v1/wallets/1/limits", r#"{"day":"1000000","currency":"UNIT"}"#).await;
    let tasks: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let house = house.clone();
            tokio::spawn(async move {
                let mut chance = client.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
                let mut moved = 0;
                for _ in 0..EACH {
                    chance ^= chance << 13;
                    chance ^= chance >> 7;
                    chance ^= chance << 17;
                    let (from, step) = (chance % WALLETS, 1 + (chance >> 8) % (WALLETS - 1));
                    let (from, to) = (from + 1, (from + step) % WALLETS + 1);
                    let amount = 1 + (chance >> 16) % 700;
                    let body = format!(
                        r#"{{"walletFromId":{from},"walletToId":{to},"amount":{}.{:02}}}"#,
                        amount / 100,
                        amount % 100
                    );
                    let answer = house.send("POST", "/transfers", &body, None).await;
                    match answer.status {
                        201 => moved += 1,
                        400 => assert!(answer.text.contains("not enough balance"), "{}", answer.text),
                        // Others kept changing the count of the limited wallet: nothing was done, and it says so.
                        503 => assert!(answer.text.contains("Other commands"), "{}", answer.text),
                        status => panic!("{status} {}", answer.text),
                    }
                }
                moved
            })
        })
        .collect();
    let mut moved = 0;
    for task in tasks {
        moved += task.await.unwrap();
    }
    assert!(moved > 5_000, "{moved} of {}", CLIENTS * EACH);
    let before = balances(&house).await;
    assert_eq!(before.iter().sum::<i128>(), 50 * 100_000_000);
    assert_eq!(house.wallets.verify().await.unwrap(), Vec::<String>::new());
    let house = Arc::into_inner(house).unwrap().restart();
    assert_eq!(balances(&house).await, before);
    assert_eq!(house.wallets.verify().await.unwrap(), Vec::<String>::new());
}

/// Rows that do not say what the books say are found.
#[tokio::test(flavor = "multi_thread")]
async fn verify_tells_what_was_done_past_the_wallets() {
    let house = House::new();
    house.clients(&["10", "0"]).await;
    house.ok("PUT", "/v1/wallets/1/limits", r#"{"day":"5","currency":"UNIT"}"#).await;
    house.ok("POST", "/v1/accounts", r#"{"path":"wallets:77","type":"liability"}"#).await;
    house.ok("POST", "/v1/accounts/wallets:2/freezes", r#"{"side":"both"}"#).await;
    let past = r#"{"postings":[{"account":"wallets:1","direction":"debit","amount":"1","currency":"UNIT"},{"account":"funding:wallets","direction":"credit","amount":"1","currency":"UNIT"}]}"#;
    house.ok("POST", "/v1/entries", past).await;
    let found = house.wallets.verify().await.unwrap().join("\n");
    for expected in ["wallets:77 is no wallet's", "wallet 2: it is open and its account frozen"] {
        assert!(found.contains(expected), "{found}");
    }
    house.ok("POST", "/v1/wallets/1/withdrawals", r#"{"amount":"1","currency":"UNIT"}"#).await;
    let found = house.wallets.verify().await.unwrap().join("\n");
    assert!(found.contains("says 100000000 and the books 200000000"), "{found}");
    // An account that is no wallet's is none to movements either.
    let answer = house.send("POST", "/resupplies", r#"{"walletId":77,"amount":1}"#, None).await;
    assert_eq!(answer.text, r#"{"detail":"Wallet id 77 not found"}"#);
}

/// A movement without limits reads no row: it works where there are none to read.
#[tokio::test(flavor = "multi_thread")]
async fn without_limits_nothing_is_read_but_memory_and_the_books() {
    let house = House::new();
    house.clients(&["10", "10", "10"]).await;
    house.ok("PUT", "/v1/wallets/3/limits", r#"{"day":"5","currency":"UNIT"}"#).await;
    let transfer = |from: i64, to: i64| format!(r#"{{"walletFromId":{from},"walletToId":{to},"amount":1}}"#);
    for (from, to) in [(1, 2), (2, 1), (3, 1)] {
        house.ok("POST", "/transfers", &transfer(from, to)).await;
    }
    let rows = rusqlite::Connection::open(house.file()).unwrap();
    for table in ["customers", "wallets", "limits", "usage"] {
        rows.execute_batch(&format!("ALTER TABLE wallets_{table} RENAME TO gone_{table}")).unwrap();
    }
    for _ in 0..3 {
        house.ok("POST", "/transfers", &transfer(1, 2)).await;
        house.ok("POST", "/resupplies", r#"{"walletId":2,"amount":1}"#).await;
    }
    let limited = house.send("POST", "/transfers", &transfer(3, 1), None).await;
    assert_eq!(limited.status, 503, "{}", limited.text);
}
