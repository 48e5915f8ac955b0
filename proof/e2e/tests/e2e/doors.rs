//! Who may do what: keys once there is one, a scope on every route, tenants that do not see each other.

use crate::client::Client;
use crate::json::{account, entry, list, text};
use crate::server::{Server, run, until};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// A running server follows new and revoked keys within a second; a busy machine gets more.
const FOLLOWS: Duration = Duration::from_secs(20);

fn key(folder: &Path, scopes: &str, tenant: &str) -> String {
    let line = format!("admin keys create --name e2e --scopes {scopes} --tenant {tenant} --data-dir data");
    let (code, key, said) = run(folder, &line);
    assert_eq!(code, 0, "{said}");
    key.trim().to_owned()
}

#[test]
fn keys_are_needed_once_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let mut open = server.client();
    open.post("/v1/accounts", &account("zed", "asset")).ok(201);
    let admin = key(folder.path(), "ledger:read,ledger:write", "default");
    until(FOLLOWS, "the door's closing", || open.get("/v1/accounts").status == 401);
    let problem = open.get("/v1/accounts");
    problem.refused(401, "unauthenticated");
    assert_eq!(problem.header("www-authenticate"), Some("Bearer"));
    let cut = &admin[..admin.len() - 1];
    for wrong in ["", "x", cut, &format!("{admin}x"), &admin.to_uppercase()] {
        Client::with_key(&server.address, wrong).get("/v1/accounts").refused(401, "unauthenticated");
    }
    let mut client = Client::with_key(&server.address, &admin);
    assert_eq!(list(&client.get("/v1/accounts?prefix=zed").ok(200), "data").len(), 1);
    for public in [
        "/health",
        "/ready",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/problems/not-found",
        "/",
        "/page/page.js",
    ] {
        assert_eq!(open.get(public).status, 200, "{public}");
    }
    let (_, listed, _) = run(folder.path(), "admin keys list --json --data-dir data");
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let revoke = format!("admin keys revoke {} --data-dir data", text(&list(&listed, "data")[0], "id"));
    assert_eq!(run(folder.path(), &revoke).0, 0);
    until(FOLLOWS, "the key's end", || client.get("/v1/accounts").status == 401);
    assert!(!server.log().contains(&admin), "a key in the log");
}

#[test]
fn the_open_door_is_for_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let mut client = server.client();
    let mut ask = |name, value: &str| client.call("GET", "/v1/accounts", &[(name, value)], None);
    for host in
        ["localhost", "LOCALHOST.:8080", "127.0.0.1", "127.9.9.9:1", "[::1]:8080", "[::ffff:127.0.0.1]"]
    {
        ask("Host", host).ok(200);
    }
    for origin in ["http://localhost:8080", "http://127.0.0.1", "https://[::1]:1"] {
        ask("Origin", origin).ok(200);
    }
    // A page elsewhere can have a browser send requests here, if not read the answers.
    for origin in
        ["https://evil.example", "null", "http://localhost.evil.example", "http://localhost@evil.example"]
    {
        ask("Origin", origin).refused(401, "unauthenticated");
    }
    // A name that somebody has lead here, as a page in a browser can.
    for host in [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "10.0.0.1",
        "[2001:db8::1]",
        "[::1]evil",
        "localhost:x",
    ] {
        ask("Host", host).refused(401, "unauthenticated");
    }
    for other in ["Basic dTpw", "Bearer", "x"] {
        ask("Authorization", other).refused(401, "unauthenticated");
    }
}

#[test]
fn every_route_asks_for_its_scope() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let document = server.client().get("/openapi.json").ok(200);
    let scopes = ["ledger:read", "ledger:write", "ledger:override", "wallets:read", "wallets:write", "admin"];
    let keys = scopes.map(|scope| (scope, key(folder.path(), scope, "default")));
    let mut open = server.client();
    until(FOLLOWS, "the door's closing", || open.get("/v1/accounts").status == 401);
    let mut asked = 0;
    for (template, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().map(|method| method.to_uppercase()) {
            if !template.starts_with("/v1/") {
                continue;
            }
            asked += 1;
            let path = template.replace(['{', '}'], "");
            let body = (method != "GET").then_some(&b"{}"[..]);
            open.call(&method, &path, &[], body).refused(401, "unauthenticated");
            let of_wallets = ["customers", "wallet", "scheduled-transfers", "payout-batches"]
                .iter()
                .any(|word| template.starts_with(&format!("/v1/{word}")));
            let wanted = match (&*method, template.as_str()) {
                ("GET", _) if of_wallets => "wallets:read",
                (_, _) if of_wallets => "wallets:write",
                ("GET", _) => "ledger:read",
                (_, "/v1/clock-confirmations") => "admin",
                _ => "ledger:write",
            };
            for (scope, key) in &keys {
                let answer = Client::with_key(&server.address, key).call(&method, &path, &[], body);
                if *scope == wanted {
                    assert!(
                        !matches!(answer.status, 401 | 403 | 500..),
                        "{method} {template}: {}",
                        answer.text()
                    );
                } else {
                    let problem = answer.refused(403, "forbidden");
                    assert_eq!(problem["scope"], wanted, "{method} {template} with {scope}");
                }
            }
        }
    }
    assert!(asked > 25, "{asked}");
}

#[test]
fn passing_limits_needs_its_own_scope() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let writer = key(folder.path(), "ledger:write", "default");
    let both = key(folder.path(), "ledger:write,ledger:override", "default");
    let [mut writer, mut both] = [writer, both].map(|key| Client::with_key(&server.address, &key));
    until(FOLLOWS, "the keys", || writer.post("/v1/accounts", &account("bank", "asset")).status == 201);
    writer.post("/v1/accounts", &crate::json::floored("ada")).ok(201);
    let more = r#","override":{"constraints":["floor"],"reason":"chargeback"}"#;
    let body = entry("ada", "bank", "5.00", "EUR", more);
    writer.post("/v1/entries", &body).refused(403, "override-forbidden");
    let command = body.replacen('{', r#"{"type":"entry","#, 1);
    let batch = format!(r#"{{"mode":"independent","commands":[{command}]}}"#);
    let results = writer.post("/v1/batches", &batch).ok(201);
    assert_eq!(results["results"][0]["problem"]["code"], "override-forbidden");
    assert_eq!(both.post("/v1/entries", &body).ok(201)["override"]["reason"], "chargeback");
}

#[test]
fn tenants_do_not_see_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let keys = ["north", "south"].map(|tenant| key(folder.path(), "ledger:read,ledger:write", tenant));
    let [mut north, mut south] = keys.map(|key| Client::with_key(&server.address, &key));
    until(FOLLOWS, "the keys", || north.post("/v1/accounts", &account("bank", "asset")).status == 201);
    let ada = north.post("/v1/accounts", &account("ada", "liability")).ok(201);
    north.post("/v1/accounts", &account("eve", "liability")).ok(201);
    north.post("/v1/assets", r#"{"code":"NORTH","scale":0}"#).ok(201);
    north.post("/v1/patterns", r#"{"pattern":"auto:*","type":"asset"}"#).ok(201);
    let posted = north.post_with("/v1/entries", "k", &entry("bank", "ada", "5.00", "EUR", "")).ok(201);
    north.post("/v1/entries", &entry("bank", "eve", "5.00", "EUR", "")).ok(201);
    let hold = north.post("/v1/holds", &entry("ada", "bank", "1.00", "EUR", "")).ok(201);
    let body = r#"{"debit_account":"bank","credit_account":"ada","amount":1,"currency":"EUR","ref":"r"}"#;
    north.post("/v1/postings", body).ok(201);
    let (account_id, entry_id, hold_id) = (text(&ada, "id"), text(&posted, "id"), text(&hold, "id"));
    let hidden = [
        format!("/v1/accounts/{account_id}"),
        "/v1/accounts/ada".to_owned(),
        format!("/v1/accounts/{account_id}/balances"),
        format!("/v1/accounts/{account_id}/entries"),
        format!("/v1/entries/{entry_id}"),
        format!("/v1/holds/{hold_id}"),
        "/v1/entries?key=k".to_owned(),
        "/v1/entries?ref=r".to_owned(),
        "/v1/assets/NORTH".to_owned(),
    ];
    for path in &hidden {
        assert_eq!(north.get(path).status, 200, "{path}");
        south.get(path).refused(404, "not-found");
    }
    for (path, body) in [
        (format!("/v1/entries/{entry_id}/reversals"), "{}"),
        (format!("/v1/holds/{hold_id}/captures"), "{}"),
        (format!("/v1/holds/{hold_id}/voids"), "{}"),
        (format!("/v1/accounts/{account_id}/freezes"), "{}"),
        (format!("/v1/holds/{hold_id}/increments"), r#"{"amount":"1.00"}"#),
    ] {
        south.post(&path, body).refused(404, "not-found");
    }
    south.post("/v1/accounts", &account("own", "asset")).ok(201);
    for other in [account_id, "ada", "auto:1"] {
        south.post("/v1/entries", &entry("own", other, "1.00", "EUR", "")).refused(422, "unknown-account");
    }
    south.post("/v1/entries", &entry("own", "own2", "1", "NORTH", "")).refused(422, "invalid-request");
    for list_path in ["/v1/accounts", "/v1/accounts?prefix=a", "/v1/trial-balance", "/v1/patterns"] {
        let seen = south.get(list_path).text();
        assert!(!seen.contains(account_id) && !seen.contains("auto:*"), "{list_path}: {seen}");
    }
    let records = south.records_after(0);
    // In quotes: an id may have the three letters in it.
    assert!(records.iter().all(|record| !record.to_string().contains("\"ada\"")), "{records:?}");
    // Another tenant's cursor opens nothing of it.
    for path in ["/v1/accounts", "/v1/assets", "/v1/trial-balance", "/v1/accounts/bank/entries"] {
        let page = north.get(&format!("{path}?limit=1")).ok(200);
        let cursor = text(&page, "next_cursor");
        let answer = south.get(&format!("{}?limit=500&cursor={cursor}", path.replace("bank", "own")));
        assert!(matches!(answer.status, 200 | 422 | 504), "{path}: {}", answer.text());
        let seen = answer.text();
        assert!(
            !seen.contains(account_id) && !seen.contains("NORTH") && !seen.contains(entry_id),
            "{path}: {seen}"
        );
    }
    // Names are each tenant's own: keys, refs, paths and ids collide with nothing.
    south.post("/v1/accounts", &account("bank", "equity")).ok(201);
    let answer = south.post_with("/v1/entries", "k", &entry("own", "bank", "2.00", "EUR", ""));
    answer.ok(201);
    assert!(!answer.is_replay());
    let body = r#"{"debit_account":"bank","credit_account":"own","amount":9,"currency":"EUR","ref":"r"}"#;
    assert_eq!(south.post("/v1/postings", body).ok(201)["status"], "posted");
    let uuid = r#","id":"018f0000-0000-7000-8000-00000000abcd""#;
    north.post("/v1/entries", &entry("bank", "ada", "1.00", "EUR", uuid)).ok(201);
    let same = south.post("/v1/entries", &entry("own", "bank", "3.00", "EUR", uuid));
    assert_eq!(same.ok(201)["balances"][1]["path"], "bank");
    assert!(!same.is_replay());
}

#[test]
fn an_address_that_others_reach_needs_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, said) = run(folder.path(), "serve --listen 0.0.0.0:0 --data-dir data");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("API key"), "{said}");
}
