//! Books as plain text: what is exported is what hledger reads, to the last unit.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "plain_text/hledger.rs"]
mod hledger;
#[path = "plain_text/server.rs"]
mod server;

use hledger::{Hledger, trial};
use serde_json::{Value, json};
use server::{Running, run};

/// Entries of a generated book.
const ENTRIES: u64 = 120;

/// A book with everything an entry may have: several currencies, odd texts, other days, reversals, holds and
/// captures in part.
fn generate(server: &Running) {
    server.post("/v1/assets", &json!({"code": "USDC.E-1", "scale": 6}));
    let kinds = ["asset", "liability", "equity", "income", "expense"];
    for number in 0..10 {
        let path = ["bank:main", "Активы:Банк 1", "a;b", "x = y @ z", "5%"][number % 5].to_owned();
        let account = json!({"path": format!("{path}:{number}"), "type": kinds[number % 5]});
        assert_eq!(server.post("/v1/accounts", &account).0, 201);
    }
    let path = |number: u64| {
        let number = number % 10;
        format!(
            "{}:{number}",
            ["bank:main", "Активы:Банк 1", "a;b", "x = y @ z", "5%"][(number % 5) as usize]
        )
    };
    for number in 0..ENTRIES {
        let (currency, scale) = [("EUR", 2), ("JPY", 0), ("USDC.E-1", 6), ("KWD", 3)][(number % 4) as usize];
        let units = number * number * 7919 + 1;
        let amount = match scale {
            0 => units.to_string(),
            scale => {
                format!("{}.{:0scale$}", units / 10_u64.pow(scale as u32), units % 10_u64.pow(scale as u32))
            }
        };
        let side = |account: String, direction: &str| json!({"account": account, "direction": direction, "amount": amount, "currency": currency});
        let postings = [side(path(number), "debit"), side(path(number + 1 + number / 3 % 9), "credit")];
        let mut entry = json!({"postings": postings, "reference": format!("order {number}")});
        if number % 3 == 0 {
            entry["description"] =
                json!(["(a) b", "two\nlines; x", "* star", "plain words, and more"][(number % 4) as usize]);
            entry["metadata"] =
                json!({"code": "17", "note": "a, b", "party": "p", "odd name": "1", "status": "*"});
            entry["party"] = json!("ada");
        }
        if number % 5 == 0 {
            entry["effective_at"] = json!(format!("2024-0{}-15T{:02}:00:00Z", 1 + number % 9, number % 24));
        }
        let (status, posted) = if number % 7 == 3 {
            let (status, hold) = server.post("/v1/holds", &json!({"postings": postings}));
            assert_eq!(status, 201, "{hold}");
            let captures = format!("/v1/holds/{}/captures", hold["id"].as_str().unwrap());
            if number % 2 == 1 { server.post(&captures, &json!({"amount": "1"})) } else { (status, hold) }
        } else {
            server.post("/v1/entries", &entry)
        };
        assert_eq!(status, 201, "{posted}");
        if number % 11 == 2 && posted["type"] == "entry" {
            let reversals = format!("/v1/entries/{}/reversals", posted["id"].as_str().unwrap());
            let (status, reversal) = server.post(&reversals, &json!({}));
            assert_eq!(status, 201, "{reversal}");
        }
    }
}

#[test]
fn hledger_agrees_with_a_generated_book() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path());
    generate(&server);
    // Beside the live server.
    let done = run(folder.path(), "ledger export --output books.journal --json");
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.json()["open_holds"].as_u64().unwrap() > 0);
    let books = trial(folder.path(), "data");
    assert!(books.len() > 20);
    if let Some(hledger) = Hledger::find() {
        hledger.check(&folder.path().join("books.journal"));
        assert_eq!(hledger.balance(&folder.path().join("books.journal")), books);
    }
    let text = std::fs::read_to_string(folder.path().join("books.journal")).unwrap();
    let out = run(folder.path(), "ledger export");
    assert_eq!((out.code, out.out), (0, text));
    assert!(out.err.contains("open holds are left out"), "{}", out.err);
    rows_say_the_same(folder.path(), done.json()["entries"].as_u64().unwrap());
    server.stop();
}

/// CSV and NDJSON have the same entries, and their sums are zero.
fn rows_say_the_same(folder: &std::path::Path, entries: u64) {
    let done = run(folder, "ledger export --output books.ndjson");
    assert!(done.out.contains("exported"), "{}", done.err);
    let text = std::fs::read_to_string(folder.join("books.ndjson")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len() as u64, entries);
    let postings: usize = lines.iter().map(|line| line["postings"].as_array().unwrap().len()).sum();
    assert!(lines.iter().any(|line| line["description"] == "two\nlines; x"));
    assert!(lines.iter().any(|line| line["type"] == "reversal" && line["of"].is_string()));
    let rows = run(folder, "ledger export --format csv").out;
    assert!(rows.starts_with("seq,entry,type,of,"), "{rows}");
    assert_eq!(rows.replace("two\nlines", "").lines().count(), postings + 1);
}

#[test]
fn an_export_that_fails_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let refused = run(folder.path(), "ledger export --output books.journal");
    assert!(refused.err.contains("there is no data directory"), "{}", refused.err);
    let server = Running::start(folder.path());
    for path in ["(odd)", "plain"] {
        assert_eq!(server.post("/v1/accounts", &json!({"path": path, "type": "asset"})).0, 201);
    }
    let side = |account: &str, direction: &str| json!({"account": account, "direction": direction, "amount": "1", "currency": "EUR"});
    let entry = json!({"postings": [side("(odd)", "debit"), side("plain", "credit")]});
    assert_eq!(server.post("/v1/entries", &entry).0, 201);
    let refused = run(folder.path(), "ledger export --output books.journal");
    assert_eq!(refused.code, 1);
    assert!(
        refused.err.contains("cannot name the account \"(odd)\"; export CSV or NDJSON"),
        "{}",
        refused.err
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(run(folder.path(), "ledger export --format csv").code, 0);
    let refused = run(folder.path(), "ledger export --tenant acme");
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("tenant acme has no book"), "{}", refused.err);
    server.stop();
}
