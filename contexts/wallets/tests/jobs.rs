//! Work for later: scheduled transfers by time and priority, called off, refused; files of payouts, line by line.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod rig;

use rig::House;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The runner of a house, until it is told to stop.
struct Runner(watch::Sender<bool>, JoinHandle<()>);

impl Runner {
    fn start(house: &House) -> Self {
        let (stop, stopped) = watch::channel(false);
        let wallets = house.wallets.clone();
        Self(stop, tokio::spawn(async move { wallets.run_jobs(stopped).await }))
    }

    async fn stop(self) {
        self.0.send_replace(true);
        self.1.await.unwrap();
    }
}

async fn scheduled(house: &House, amount: &str, more: &str) -> String {
    let body = format!(r#"{{"source":1,"target":2,"amount":"{amount}","currency":"UNIT"{more}}}"#);
    let answer = house.send("POST", "/v1/scheduled-transfers", &body, None).await;
    assert_eq!((answer.status, &answer.json()["status"]), (202, &json!("waiting")), "{}", answer.text);
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn read(house: &House, id: &str) -> Value {
    house.ok("GET", &format!("/v1/scheduled-transfers/{id}"), "").await
}

/// Waits until an order has ended.
async fn ended(house: &House, id: &str) -> Value {
    loop {
        let seen = read(house, id).await;
        if seen["status"] != "waiting" {
            return seen;
        }
        house.wallets.wake();
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_are_carried_out_in_their_time() {
    let house = House::new();
    house.clients(&["100", "0"]).await;
    let runner = Runner::start(&house);
    let now = scheduled(&house, "1", r#","reference":"soon","metadata":{"k":"v"}"#).await;
    let done = ended(&house, &now).await;
    assert_eq!(
        (&done["status"], &done["reason"], &done["problem"]),
        (&json!("done"), &Value::Null, &Value::Null)
    );
    let entry = house.ok("GET", &format!("/v1/entries/{}", done["entry"].as_str().unwrap()), "").await;
    assert_eq!((&entry["reference"], &entry["metadata"]), (&json!("soon"), &json!({"k": "v"})));
    let later = scheduled(&house, "2", r#","execute_at":"2026-03-15T13:00:00Z""#).await;
    let refused = scheduled(&house, "1000", "").await;
    let failed = ended(&house, &refused).await;
    assert_eq!(
        (&failed["status"], &failed["problem"]["code"]),
        (&json!("failed"), &json!("insufficient-funds"))
    );
    assert_eq!(read(&house, &later).await["status"], "waiting");
    house.clock.advance_us(3_600_000_000);
    assert_eq!(ended(&house, &later).await["status"], "done");
    let missing = r#"{"source":1,"target":9,"amount":"1","currency":"UNIT"}"#;
    let answer = house.send("POST", "/v1/scheduled-transfers", missing, None).await.json();
    let failed = ended(&house, answer["id"].as_str().unwrap()).await;
    assert_eq!(failed["problem"]["code"], "wallet-not-found");
    runner.stop().await;
    let wallet = house.ok("GET", "/v1/wallets/2", "").await;
    assert_eq!(wallet["balance"]["posted"], "3.00000000");
    let listed = house.ok("GET", "/v1/scheduled-transfers?status=failed", "").await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_called_off_is_not_carried_out_and_what_was_done_is_not_called_off() {
    let house = House::new();
    house.clients(&["100", "0"]).await;
    let (one, other) = (scheduled(&house, "1", "").await, scheduled(&house, "2", "").await);
    let path = format!("/v1/scheduled-transfers/{one}/cancellations");
    let off = house.send("POST", &path, r#"{"reason":"paid"}"#, Some("off")).await;
    assert_eq!(
        (off.status, &off.json()["status"], &off.json()["reason"]),
        (201, &json!("cancelled"), &json!("paid"))
    );
    let again = house.send("POST", &path, r#"{"reason":"paid"}"#, Some("off")).await;
    assert_eq!((again.status, again.text), (201, off.text));
    // The restart forgets nothing of it.
    let house = house.restart();
    let runner = Runner::start(&house);
    assert_eq!(ended(&house, &other).await["status"], "done");
    runner.stop().await;
    assert_eq!(read(&house, &one).await["status"], "cancelled");
    let path = format!("/v1/scheduled-transfers/{other}/cancellations");
    let late = house.send("POST", &path, r#"{"reason":"late"}"#, None).await;
    assert_eq!((late.status, &late.json()["code"]), (409, &json!("job-ended")));
    assert_eq!(house.ok("GET", "/v1/wallets/2", "").await["balance"]["posted"], "2.00000000");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_most_urgent_goes_first() {
    let house = House::new();
    house.clients(&["10", "0"]).await;
    // Of two that cannot both be paid, the later but more urgent one is. The runner takes a few side by side: the
    // urgent one alone is due at first.
    let slow = scheduled(&house, "7", r#","priority":1,"execute_at":"2026-03-15T12:00:10Z""#).await;
    let urgent = scheduled(&house, "8", r#","priority":9,"execute_at":"2026-03-15T12:00:05Z""#).await;
    let runner = Runner::start(&house);
    house.clock.advance_us(6_000_000);
    assert_eq!(ended(&house, &urgent).await["status"], "done");
    house.clock.advance_us(6_000_000);
    assert_eq!(ended(&house, &slow).await["status"], "failed");
    runner.stop().await;
}

const FILE: &str =
    "wallet,amount,reference\n1,2.5,a\nx,1,b\n2,1,c\n9,1,d\n1,\"1,5\",e\n1,0,f\n1,8,g\n1,7,\"h, too\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_judges_every_line_and_changes_nothing() {
    let house = House::new();
    house.clients(&["10", "0"]).await;
    let preview = house.ok("POST", "/v1/payout-batches?preview=true", FILE).await;
    let told: Vec<_> = preview["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["line"].as_i64().unwrap(),
                row["status"].as_str().unwrap(),
                row["problem"]["code"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (2, "fine", ""),
            (3, "failing", "invalid-request"),
            (4, "failing", "insufficient-funds"),
            (5, "failing", "wallet-not-found"),
            (6, "failing", "invalid-request"),
            (7, "failing", "invalid-request"),
            // Only what the lines before it left.
            (8, "failing", "insufficient-funds"),
            (9, "fine", ""),
        ]
    );
    assert_eq!((&preview["lines"], &preview["failing"]), (&json!(8), &json!(6)));
    assert_eq!(house.ok("GET", "/v1/wallets/1", "").await["balance"]["posted"], "10.00000000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_paid_line_by_line_and_a_bad_one_stops_no_other() {
    let house = House::new();
    house.clients(&["10", "0"]).await;
    let taken = house.send("POST", "/v1/payout-batches", FILE, Some("file")).await;
    assert_eq!((taken.status, &taken.json()["waiting"]), (202, &json!(8)));
    let again = house.send("POST", "/v1/payout-batches", FILE, Some("file")).await;
    assert_eq!((again.status, &again.text), (202, &taken.text));
    let path = format!("/v1/payout-batches/{}", taken.json()["id"].as_str().unwrap());
    let house = house.restart();
    let runner = Runner::start(&house);
    let seen = loop {
        let seen = house.ok("GET", &path, "").await;
        if seen["status"] == "done" {
            break seen;
        }
        house.wallets.wake();
        tokio::task::yield_now().await;
    };
    runner.stop().await;
    let rows = seen["data"].as_array().unwrap();
    let codes: Vec<_> = rows.iter().map(|row| row["problem"]["code"].as_str().unwrap_or("")).collect();
    assert_eq!(
        &codes[1..6],
        ["invalid-request", "insufficient-funds", "wallet-not-found", "invalid-request", "invalid-request"]
    );
    // Side by side, the three of wallet 1 take what there is: not all of 2.5, 8 and 7 can be.
    let paid: Vec<_> = rows.iter().filter(|row| row["status"] == "done").collect();
    assert!(!paid.is_empty() && paid.len() < 3, "{seen}");
    assert_eq!(seen["done"].as_i64().unwrap() + seen["failed"].as_i64().unwrap(), 8);
    let history = house.ok("GET", "/v1/wallets/1/history?kind=payout", "").await;
    let entries: Vec<_> = history["data"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect();
    assert_eq!(entries.len(), paid.len());
    assert!(paid.iter().all(|row| entries.contains(&row["entry"])), "{history}");
    assert_eq!(house.wallets.verify().await.unwrap(), Vec::<String>::new());
    for (body, status) in
        [("wallet,reference\n1,2\n", 422), ("wallet,amount\n", 422), (r#"{"payouts":[]}"#, 422)]
    {
        assert_eq!(house.send("POST", "/v1/payout-batches", body, None).await.status, status, "{body}");
    }
}
