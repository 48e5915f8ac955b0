//! Requests repeated: the first answer again, byte for byte, whatever happened since; another body is a conflict.

use crate::client::{Answer, Client};
use crate::json::{account, entry, floored, list, text};
use crate::server::Server;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Barrier;

fn start(folder: &Path) -> (Server, Client) {
    let server = Server::start(folder);
    let mut client = server.client();
    client.post("/v1/accounts", &account("bank", "asset")).ok(201);
    client.post("/v1/accounts", &floored("ada")).ok(201);
    client.post("/v1/accounts", &account("spare", "asset")).ok(201);
    client.post("/v1/entries", &entry("bank", "ada", "100.00", "EUR", "")).ok(201);
    (server, client)
}

/// A write, with a key of its own.
struct Write {
    method: &'static str,
    path: String,
    key: String,
    body: String,
}

impl Write {
    fn send(&self, client: &mut Client) -> Answer {
        client.call(self.method, &self.path, &[("Idempotency-Key", &self.key)], Some(self.body.as_bytes()))
    }
}

/// One write of every kind, with the answer each got.
fn all_kinds(client: &mut Client) -> Vec<(Write, Answer)> {
    let mut done: Vec<(Write, Answer)> = Vec::new();
    let mut send = |method, path: &str, body: String| -> Value {
        let write = Write { method, path: path.to_owned(), key: format!("key-{}", done.len()), body };
        let answer = write.send(client);
        assert!(matches!(answer.status, 200 | 201), "{} {}: {}", write.path, write.body, answer.text());
        assert!(!answer.is_replay());
        let json = answer.json();
        done.push((write, answer));
        json
    };
    send("POST", "/v1/assets", json!({"code": "MILES", "scale": 0, "name": "Miles"}).to_string());
    send("POST", "/v1/patterns", json!({"pattern": "new:*", "type": "asset"}).to_string());
    send("POST", "/v1/accounts", account("other", "equity"));
    send("PATCH", "/v1/accounts/other", json!({"metadata": {"a": "b"}}).to_string());
    send("POST", "/v1/accounts/other/freezes", json!({"side": "both"}).to_string());
    send("POST", "/v1/accounts/other/thaws", "{}".to_owned());
    send("POST", "/v1/accounts/other/closures", "{}".to_owned());
    let posted = send("POST", "/v1/entries", entry("bank", "ada", "7.00", "EUR", r#","reference":"r""#));
    let reversals = format!("/v1/entries/{}/reversals", text(&posted, "id"));
    send("POST", &reversals, json!({"amount": "2.00"}).to_string());
    send("POST", &reversals, "{}".to_owned());
    send("POST", "/v1/entries", entry("bank", "new:1", "1.00", "EUR", ""));
    send(
        "POST",
        "/v1/entries",
        json!({"postings": [
        {"account": "ada", "direction": "debit", "amount": "max", "up_to": "3.00", "currency": "EUR"},
        {"account": "bank", "direction": "credit", "amount": "remaining", "currency": "EUR"}]})
        .to_string(),
    );
    send(
        "POST",
        "/v1/postings",
        json!({"debit_account": "bank", "credit_account": "ada", "amount": 1, "currency": "EUR"}).to_string(),
    );
    let hold = send("POST", "/v1/holds", entry("ada", "bank", "9.00", "EUR", r#","expires_in":3600"#));
    let hold = format!("/v1/holds/{}", text(&hold, "id"));
    send("POST", &format!("{hold}/increments"), json!({"amount": "1.00"}).to_string());
    send("POST", &format!("{hold}/extensions"), json!({"expires_at": "2099-01-01T00:00:00Z"}).to_string());
    send("POST", &format!("{hold}/captures"), json!({"amount": "4.00"}).to_string());
    send("POST", &format!("{hold}/voids"), "{}".to_owned());
    for (mode, full) in [("atomic", "full"), ("independent", "full"), ("independent", "summary")] {
        let good = json!({"type": "posting", "debit_account": "bank", "credit_account": "new:2", "amount": "1.00", "currency": "EUR"});
        let bad = json!({"type": "posting", "debit_account": "bank", "credit_account": "nobody", "amount": "1.00", "currency": "EUR"});
        let poor = json!({"type": "posting", "debit_account": "ada", "credit_account": "bank", "amount": "1000.00", "currency": "EUR"});
        let commands = if mode == "atomic" { json!([good, good]) } else { json!([good, bad, poor, good]) };
        send("POST", "/v1/batches", json!({"mode": mode, "return": full, "commands": commands}).to_string());
    }
    done
}

fn compare(client: &mut Client, done: &[(Write, Answer)]) {
    for (write, first) in done {
        let again = write.send(client);
        let shown = format!("{} {} {}", write.method, write.path, write.body);
        let expected = first.text().replace(r#""status":"posted","id""#, r#""status":"already_posted","id""#);
        let expected = if write.path == "/v1/postings" { expected } else { first.text() };
        assert_eq!((again.status, again.text()), (first.status, expected), "{shown}");
        assert!(again.is_replay(), "{shown}: no Idempotency-Replayed");
    }
}

#[test]
fn every_write_repeated_gets_its_first_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut client) = start(folder.path());
    let done = all_kinds(&mut client);
    let head = client.newest_seq();
    compare(&mut client, &done);
    // Whatever happened since: balances, settings, names.
    client.post("/v1/entries", &entry("ada", "bank", "50.00", "EUR", "")).ok(201);
    client.post("/v1/accounts", &account("nobody", "asset")).ok(201);
    client.post("/v1/accounts/new:1/freezes", "{}").ok(201);
    let changed = client.newest_seq();
    assert!(changed > head);
    compare(&mut client, &done);
    let server = server.again();
    let mut client = server.client();
    compare(&mut client, &done);
    server.stop();
    let server = Server::start(folder.path());
    let mut client = server.client();
    compare(&mut client, &done);
    assert_eq!(client.newest_seq(), changed, "a replay writes nothing");
}

#[test]
fn another_body_under_a_key_is_a_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, mut client) = start(folder.path());
    let done = all_kinds(&mut client);
    let head = client.newest_seq();
    for (write, _) in &done {
        let mut body: Value = serde_json::from_str(&write.body).unwrap();
        let differs = match write.path.as_str() {
            "/v1/assets" => "name",
            "/v1/patterns" => "quota",
            "/v1/batches" => "commands",
            "/v1/postings" => "amount",
            path if path.ends_with("/extensions") => "expires_at",
            path if path.ends_with("/freezes") => "side",
            path if path.ends_with("s") && path.contains("/accounts/other/") => "reason",
            _ => "description",
        };
        body[differs] = match differs {
            "quota" => json!(7),
            "commands" => {
                json!([{"type": "posting", "debit_account": "bank", "credit_account": "ada", "amount": "3.00", "currency": "EUR"}])
            }
            "amount" => json!("2.00"),
            "expires_at" => json!("2098-01-01T00:00:00Z"),
            "side" => json!("debits"),
            _ => json!("other"),
        };
        let other = Write {
            method: write.method,
            path: write.path.clone(),
            key: write.key.clone(),
            body: body.to_string(),
        };
        let problem = other.send(&mut client).refused(409, "idempotency-conflict");
        assert!(!list(&problem, "differing_fields").is_empty(), "{} {body}: {problem}", write.path);
    }
    // The same key on another route is another command.
    client
        .post_with("/v1/accounts", &done[7].0.key, &account("x", "asset"))
        .refused(409, "idempotency-conflict");
    assert_eq!(client.newest_seq(), head);
}

#[test]
fn fifty_at_once_are_one_entry() {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut client) = start(folder.path());
    let head = client.newest_seq();
    let kinds: [(&str, Option<&str>, String); 3] = [
        ("/v1/entries", Some("at-once"), entry("bank", "ada", "1.00", "EUR", "")),
        ("/v1/entries", None, entry("bank", "ada", "1.00", "EUR", r#","id":"018f0000-0000-7000-8000-0000000000bb""#)),
        ("/v1/postings", None, json!({"debit_account": "bank", "credit_account": "ada", "amount": 1, "currency": "EUR", "ref": "once"}).to_string()),
    ];
    for (number, (path, key, body)) in kinds.iter().enumerate() {
        let barrier = Barrier::new(50);
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..50)
                .map(|_| {
                    let (mut client, barrier) = (server.client(), &barrier);
                    scope.spawn(move || {
                        let headers: Vec<_> = key.iter().map(|key| ("Idempotency-Key", *key)).collect();
                        barrier.wait();
                        client.call("POST", path, &headers, Some(body.as_bytes()))
                    })
                })
                .collect();
            callers.into_iter().map(|caller| caller.join().unwrap()).collect()
        });
        let first = answers.iter().filter(|answer| !answer.is_replay()).count();
        assert_eq!(first, 1, "{path}");
        let ids: std::collections::BTreeSet<String> =
            answers.iter().map(|answer| text(&answer.ok(201), "id").to_owned()).collect();
        assert_eq!(ids.len(), 1, "{path}");
        assert_eq!(client.newest_seq(), head + 1 + number as u64, "{path}");
    }
}

#[test]
fn postings_are_once_by_ref_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (mut server, mut client) = start(folder.path());
    let body = json!({"debit_account": "bank", "credit_account": "ada", "amount": "2.50", "currency": "EUR", "ref": "signup-1"});
    let first = client.post("/v1/postings", &body.to_string()).ok(201);
    assert_eq!(first["status"], "posted");
    for _ in 0..2 {
        let again = client.post("/v1/postings", &body.to_string()).ok(201);
        let mut expected = first.clone();
        expected["status"] = json!("already_posted");
        assert_eq!(again, expected);
        // Fresh keys change nothing: the ref decides.
        let other = client.post_with("/v1/postings", "fresh", &body.to_string()).ok(201);
        assert_eq!(other["id"], first["id"]);
        let found = client.get("/v1/entries?ref=signup-1").ok(200);
        assert_eq!(found["id"], first["id"]);
        let mut different = body.clone();
        different["amount"] = json!("2.51");
        client.post("/v1/postings", &different.to_string()).refused(409, "idempotency-conflict");
        server = server.again();
        client = server.client();
    }
}

#[test]
fn frozen_refusals_are_repeated_and_others_decided_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut client) = start(folder.path());
    let frozen = entry("ada", "bank", "150.00", "EUR", r#","freeze_refusals":true"#);
    let first = client.post_with("/v1/entries", "frozen", &frozen);
    first.refused(422, "insufficient-funds");
    let fluid = entry("ada", "bank", "150.00", "EUR", "");
    client.post_with("/v1/entries", "fluid", &fluid).refused(422, "insufficient-funds");
    client.post("/v1/entries", &entry("bank", "ada", "100.00", "EUR", "")).ok(201);
    let bare = |answer: &Answer| {
        let mut json = answer.json();
        json.as_object_mut().unwrap().remove("request_id");
        json
    };
    let server = server.again();
    let mut client = server.client();
    let again = client.post_with("/v1/entries", "frozen", &frozen);
    again.refused(422, "insufficient-funds");
    assert_eq!(bare(&again), bare(&first));
    assert!(again.is_replay());
    client.post_with("/v1/entries", "fluid", &fluid).ok(201);
}

#[test]
fn a_batch_is_repeated_by_its_key_however_its_accounts_were_named() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, mut client) = start(folder.path());
    client.post("/v1/patterns", &json!({"pattern": "auto:*", "type": "asset"}).to_string()).ok(201);
    // Accounts that the batch opens itself, named in postings and in conditions.
    let postings = |amount: &str| {
        json!([
        {"account": "auto:1", "direction": "debit", "amount": amount, "currency": "EUR"},
        {"account": "bank", "direction": "credit", "amount": amount, "currency": "EUR"}])
    };
    let commands = json!([
        {"type": "entry", "postings": postings("1.00")},
        {"type": "entry", "postings": postings("2.00"), "conditions": [{"account": "auto:1", "currency": "EUR", "gte": "0.50"}]}]);
    let body = json!({"mode": "atomic", "commands": commands}).to_string();
    let first = client.post_with("/v1/batches", "conditions", &body);
    first.ok(201);
    let again = client.post_with("/v1/batches", "conditions", &body);
    assert_eq!((again.status, again.text()), (201, first.text()));
    // A command that could not be read at first can be read later; the answer stays.
    let commands = json!([
        {"type": "posting", "debit_account": "bank", "credit_account": "ada", "amount": "1", "currency": "LATER"},
        {"type": "posting", "debit_account": "bank", "credit_account": "ada", "amount": "1", "currency": "EUR"}]);
    let body = json!({"mode": "independent", "commands": commands}).to_string();
    let first = client.post_with("/v1/batches", "unreadable", &body);
    first.ok(201);
    client.post("/v1/assets", &json!({"code": "LATER", "scale": 0}).to_string()).ok(201);
    let again = client.post_with("/v1/batches", "unreadable", &body);
    assert_eq!((again.status, again.text()), (201, first.text()));
}
