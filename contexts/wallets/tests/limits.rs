//! Limits are exact: never passed by one minor unit, nothing of them lost at rest, whoever races whom.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod rig;

use rig::House;
use serde_json::{Value, json};
use std::sync::Arc;

const HOUR_US: i64 = 3_600_000_000;

async fn limits(house: &House, wallet: i64) -> Value {
    house.ok("GET", &format!("/v1/wallets/{wallet}/limits"), "").await
}

async fn pay(house: &House, amount: &str) -> (u16, String) {
    let body = format!(r#"{{"source":1,"target":2,"amount":"{amount}","currency":"UNIT"}}"#);
    let answer = house.send("POST", "/v1/wallet-transfers", &body, None).await;
    (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_counts_what_left_before_it_and_the_whole_running_period() {
    let house = House::new();
    house.clients(&["1000", "0"]).await;
    pay(&house, "30").await;
    house.clock.advance_us(24 * HOUR_US);
    pay(&house, "5").await;
    house.ok("POST", "/v1/wallets/1/withdrawals", r#"{"amount":"1","currency":"UNIT"}"#).await;
    let set = house.ok("PUT", "/v1/wallets/1/limits", r#"{"day":"10","month":"50","currency":"UNIT"}"#).await;
    assert_eq!((&set["day"]["used"], &set["month"]["used"]), (&json!("6.00000000"), &json!("36.00000000")));
    assert_eq!(
        (&set["day"]["from"], &set["month"]["to"]),
        (&json!("2026-03-16T00:00:00.000000Z"), &json!("2026-04-01T00:00:00.000000Z"))
    );
    assert_eq!(limits(&house, 1).await, set);
    assert_eq!(pay(&house, "4.00000001").await, (422, "limit-exceeded".into()));
    let answer =
        house.send("POST", "/transfers", r#"{"walletFromId":1,"walletToId":2,"amount":5}"#, None).await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (400, r#"{"detail":"The limit of wallet 1 per day leaves too little."}"#)
    );
    assert_eq!(pay(&house, "4").await.0, 201);
    assert_eq!(pay(&house, "0.00000001").await, (422, "limit-exceeded".into()));
    // What a key did is told again, limit or not; a top-up is not counted.
    house.ok("POST", "/v1/wallets/1/top-ups", r#"{"amount":"9","currency":"UNIT"}"#).await;
    // The next day counts anew, the month goes on.
    house.clock.advance_us(24 * HOUR_US);
    assert_eq!(limits(&house, 1).await["day"]["headroom"], "10.00000000");
    assert_eq!(pay(&house, "10.00000001").await, (422, "limit-exceeded".into()));
    assert_eq!(pay(&house, "9").await.0, 201);
    assert_eq!(limits(&house, 1).await["month"]["headroom"], "1.00000000");
    house.clock.advance_us(24 * HOUR_US);
    assert_eq!(pay(&house, "2").await, (422, "limit-exceeded".into()));
    house.clock.advance_us(15 * 24 * HOUR_US);
    assert_eq!(pay(&house, "2").await.0, 201);
    // The order of refusals: what the books would refuse before comes before.
    assert_eq!(pay(&house, "5000").await, (422, "insufficient-funds".into()));
    let lifted = house.ok("PUT", "/v1/wallets/1/limits", r#"{"month":"3","currency":"UNIT"}"#).await;
    assert_eq!((&lifted["day"], &lifted["month"]["used"]), (&Value::Null, &json!("2.00000000")));
    assert_eq!(pay(&house, "2").await, (422, "limit-exceeded".into()));
    house.ok("PUT", "/v1/wallets/1/limits", r#"{"currency":"UNIT"}"#).await;
    assert_eq!(pay(&house, "500").await.0, 201);
    let house = house.restart();
    let set = house.ok("PUT", "/v1/wallets/1/limits", r#"{"month":"600","currency":"UNIT"}"#).await;
    assert_eq!(set["month"]["used"], "502.00000000");
    assert_eq!(house.wallets.verify().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_are_counted_when_they_are_captured() {
    let house = House::new();
    house.clients(&["100", "0"]).await;
    house.ok("PUT", "/v1/wallets/1/limits", r#"{"day":"10","currency":"UNIT"}"#).await;
    let hold =
        house.ok("POST", "/v1/wallets/1/holds", r#"{"amount":"30","currency":"UNIT","target":2}"#).await;
    assert_eq!(limits(&house, 1).await["day"]["used"], "0.00000000");
    let path = format!("/v1/wallet-holds/{}/captures", hold["id"].as_str().unwrap());
    house.ok("POST", &path, r#"{"amount":"4"}"#).await;
    assert_eq!(limits(&house, 1).await["day"]["used"], "4.00000000");
    let rest = house.send("POST", &path, "", None).await;
    assert_eq!(
        (rest.status, &rest.json()["code"], &rest.json()["headroom"]),
        (422, &json!("limit-exceeded"), &json!("6.00000000"))
    );
    house.ok("POST", &path, r#"{"amount":"6","final":true}"#).await;
    assert_eq!(limits(&house, 1).await["day"]["headroom"], "0.00000000");
    assert_eq!(house.wallets.verify().await.unwrap(), Vec::<String>::new());
}

/// 32 clients race one limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_race_neither_passes_a_limit_nor_loses_of_it() {
    let house = Arc::new(House::new());
    house.clients(&["100000", "0"]).await;
    house
        .ok("PUT", "/v1/wallets/1/limits", r#"{"day":"100.00000007","month":"1000","currency":"UNIT"}"#)
        .await;
    let racers: Vec<_> = (0..32_u64)
        .map(|racer| {
            let house = house.clone();
            tokio::spawn(async move {
                let mut left = 0;
                for round in 0..40 {
                    // Amounts of all sizes, down to one minor unit, so that the end is fought for.
                    let minor = [100_000_000, 700_000_001, 3, 1, 25_000_000][(racer + round) as usize % 5];
                    let amount = kernel::money::print_minor(minor, 8);
                    let mut answer = pay(&house, &amount).await;
                    while answer.0 == 503 {
                        answer = pay(&house, &amount).await;
                    }
                    match answer {
                        (201, _) => left += minor,
                        (422, code) => assert_eq!(code, "limit-exceeded"),
                        other => panic!("{other:?}"),
                    }
                }
                left
            })
        })
        .collect();
    let mut left = 0;
    for racer in racers {
        left += racer.await.unwrap();
    }
    let cap = 10_000_000_007;
    assert!(left <= cap, "{left}");
    let now = limits(&house, 1).await;
    let minor = |text: &Value| text.as_str().unwrap().replace('.', "").parse::<i128>().unwrap();
    assert_eq!((minor(&now["day"]["used"]), minor(&now["month"]["used"])), (left, left));
    // Nothing of it is lost: the rest goes, and one unit more does not.
    let rest = kernel::money::print_minor(cap - left, 8);
    assert!(left == cap || pay(&house, &rest).await.0 == 201);
    assert_eq!(pay(&house, "0.00000001").await, (422, "limit-exceeded".into()));
    assert_eq!(house.wallets.verify().await.unwrap(), Vec::<String>::new());
}

/// Limits that are set while money moves count all of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn limits_set_under_load_count_everything() {
    let house = Arc::new(House::new());
    house.clients(&["100000", "0"]).await;
    let payers: Vec<_> = (0..8)
        .map(|_| {
            let house = house.clone();
            tokio::spawn(async move {
                let mut paid = 0_i128;
                for _ in 0..60 {
                    paid += i128::from(pay(&house, "1").await.0 == 201);
                }
                paid
            })
        })
        .collect();
    let mut set = 0;
    for cap in [10_000, 20_000, 30_000] {
        let body = format!(r#"{{"day":"{cap}","currency":"UNIT"}}"#);
        let answer = house.send("PUT", "/v1/wallets/1/limits", &body, None).await;
        assert!(answer.status == 200 || answer.status == 503, "{}", answer.text);
        set += i32::from(answer.status == 200);
    }
    let mut paid = 0;
    for payer in payers {
        paid += payer.await.unwrap();
    }
    if set == 0 {
        house.ok("PUT", "/v1/wallets/1/limits", r#"{"day":"10000","currency":"UNIT"}"#).await;
    }
    assert_eq!(limits(&house, 1).await["day"]["used"], format!("{paid}.00000000"));
    assert_eq!(house.wallets.verify().await.unwrap(), Vec::<String>::new());
}
