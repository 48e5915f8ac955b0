//! Bad input on every route that `/openapi.json` names: the right refusal, with its place, and nothing is stored.

use crate::client::{Answer, Client, Wire, request};
use crate::json::{account, entry, floored, list, text};
use crate::server::{Server, until};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// An id of the right shape that names nothing.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";
/// How long a payout may take.
const PAID: Duration = Duration::from_secs(30);
/// Bytes of a body that is larger than any route takes.
const TOO_LARGE: usize = 20 << 20;

/// A route, with a request that works.
#[derive(Clone)]
struct Route {
    method: String,
    template: String,
    path: String,
    /// None where the route takes no body.
    body: Option<Value>,
    takes_lines: bool,
    required: Vec<String>,
    parameters: Vec<String>,
}

impl Route {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.template)
    }
}

struct World {
    server: Server,
    client: Client,
    head: u64,
    routes: Vec<Route>,
}

/// A body that works, for every route that takes one.
fn body_of(method: &str, template: &str) -> Option<Value> {
    let postings = json!([
        {"account": "bank", "direction": "debit", "amount": "1.00", "currency": "EUR"},
        {"account": "ada", "direction": "credit", "amount": "1.00", "currency": "EUR"},
    ]);
    Some(match (method, template) {
        ("POST", "/v1/assets") => json!({"code": "MILES", "scale": 0, "name": "Miles"}),
        ("POST", "/v1/accounts") => json!({
            "path": "new:account", "type": "liability", "assets": ["EUR"], "description": "x",
            "constraints": [{"currency": "EUR", "floor": "0"}], "metadata": {"k": "v"}}),
        ("PATCH", "/v1/accounts/{account}") => json!({
            "metadata": {"k": "v"}, "constraints": [{"currency": "EUR", "floor": "0"}], "if_version": 1}),
        ("POST", "/v1/accounts/{account}/freezes") => json!({"side": "debits", "reason": "x"}),
        ("POST", "/v1/accounts/{account}/thaws" | "/v1/accounts/{account}/closures") => {
            json!({"reason": "x"})
        }
        ("POST", "/v1/patterns") => json!({
            "pattern": "new:*", "type": "asset", "assets": ["EUR"], "quota": 10,
            "constraints": [{"currency": "EUR", "ceiling": "5"}]}),
        ("POST", "/v1/entries") => json!({
            "postings": postings, "reference": "r", "party": "p", "description": "d", "metadata": {"k": "v"},
            "effective_at": "2020-01-01T00:00:00Z", "conditions": [{"account": "ada", "version": 1}],
            "override": {"constraints": ["floor"], "reason": "why"}, "freeze_refusals": false}),
        ("POST", "/v1/entries/{entry}/reversals") => json!({"amount": "1.00", "description": "d"}),
        ("POST", "/v1/postings") => json!({
            "debit_account": "bank", "credit_account": "ada", "amount": "1.00", "currency": "EUR", "ref": "new"}),
        ("POST", "/v1/batches") => json!({"mode": "atomic", "return": "full", "commands": [
            {"type": "entry", "postings": postings},
            {"type": "posting", "debit_account": "bank", "credit_account": "ada", "amount": "1.00",
             "currency": "EUR", "ref": "newer"}]}),
        ("POST", "/v1/holds") => json!({"postings": postings, "expires_in": 600, "tolerance": "0.50"}),
        ("POST", "/v1/holds/{hold}/captures") => json!({"amount": "1.00", "final": true}),
        ("POST", "/v1/holds/{hold}/voids" | "/v1/holds/{hold}/increments") => json!({"amount": "1.00"}),
        ("POST", "/v1/customers") => json!({"id": "c-78", "login": "olga", "name": "Olga"}),
        ("PATCH", "/v1/customers/{customer}") => json!({"name": "Ivan I."}),
        ("POST", "/v1/scheduled-transfers") => json!({
            "source": 1, "target": 2, "amount": "5.00", "currency": "UNIT",
            "execute_at": "2099-01-01T00:00:00Z", "priority": 5}),
        ("POST", "/v1/scheduled-transfers/{id}/cancellations") => json!({"reason": "paid otherwise"}),
        ("POST", "/v1/wallet-holds/{hold}/captures") => json!({"amount": "4.00", "final": true}),
        ("POST", "/v1/wallet-holds/{hold}/voids") => json!({"amount": "4.00"}),
        ("POST", "/v1/wallet-transfers") => {
            json!({"source": 1, "target": 2, "amount": "25.00", "currency": "UNIT"})
        }
        ("POST", "/v1/wallets") => json!({"customer": "c-77", "currency": "EUR", "label": "travel"}),
        ("PATCH", "/v1/wallets/{wallet}") => json!({"metadata": {"tier": "gold"}}),
        ("PUT", "/v1/wallets/{wallet}/limits") => json!({"day": "100", "month": "1000", "currency": "UNIT"}),
        ("POST", "/v1/wallets/{wallet}/holds") => {
            json!({"amount": "10.00", "currency": "UNIT", "target": 2, "expires_in": 3600})
        }
        ("POST", "/v1/wallets/{wallet}/top-ups" | "/v1/wallets/{wallet}/withdrawals") => {
            json!({"amount": "25.00", "currency": "UNIT"})
        }
        ("POST", template) if template.starts_with("/v1/wallets/{wallet}/") => {
            json!({"reason": "lost phone"})
        }
        ("POST", "/v1/clock-confirmations") => json!({"reason": "looked"}),
        ("POST", "/v1/holds/{hold}/extensions") => json!({"expires_at": "2099-01-01T00:00:00Z"}),
        _ => return None,
    })
}

fn world(folder: &std::path::Path) -> World {
    let server = Server::start(folder);
    let mut client = server.client();
    client.post("/v1/accounts", &account("bank", "asset")).ok(201);
    client.post("/v1/accounts", &floored("ada")).ok(201);
    let posted = client.post("/v1/entries", &entry("bank", "ada", "100.00", "EUR", "")).ok(201);
    let hold = client.post("/v1/holds", &entry("ada", "bank", "5.00", "EUR", "")).ok(201);
    let wallets = furnish_wallets(&mut client);
    let document = client.get("/openapi.json").ok(200);
    let mut routes = Vec::new();
    for (template, methods) in document["paths"].as_object().unwrap() {
        if ["/clients", "/resupplies", "/transfers", "/v1/payout-batches"].contains(&template.as_str()) {
            // Three keep their source's error bodies, and of a file of payouts a bad row stops no other: the tests
            // of wallets hold them against the documents.
            continue;
        }
        for (method, operation) in methods.as_object().unwrap() {
            let method = method.to_uppercase();
            let path = template
                .replace("{account}", "ada")
                .replace("{entry}", text(&posted, "id"))
                .replace(
                    "{hold}",
                    if template.contains("wallet-holds") { &wallets[0] } else { text(&hold, "id") },
                )
                .replace("{id}", &wallets[1])
                .replace("{batch}", &wallets[2])
                .replace("{customer}", "c-77")
                .replace("{wallet}", "1")
                .replace("{file}", "page.js")
                .replace("{code}", if template.starts_with("/problems") { "not-found" } else { "EUR" });
            let body = body_of(&method, template);
            let content = &operation["requestBody"]["content"];
            let schema = text_of(&content["application/json"]["schema"]["$ref"]);
            let schema = &document["components"]["schemas"][schema.rsplit('/').next().unwrap()];
            let names = |list: &Value, member: Option<&str>| -> Vec<String> {
                let values = list.as_array().into_iter().flatten();
                values.map(|value| text_of(member.map_or(value, |member| &value[member]))).collect()
            };
            let queries = operation["parameters"].as_array().into_iter().flatten();
            let queries: Vec<&Value> = queries.filter(|parameter| parameter["in"] == "query").collect();
            let route = Route {
                takes_lines: !content["application/x-ndjson"].is_null(),
                required: names(&schema["required"], None),
                parameters: queries.iter().map(|parameter| text_of(&parameter["name"])).collect(),
                method,
                template: template.clone(),
                path,
                body,
            };
            let known = route.method == "GET" || route.body.is_some();
            assert!(known, "{} has no body here: add one", route.name());
            routes.push(route);
        }
    }
    assert!(routes.len() > 30, "{}", routes.len());
    let head = client.newest_seq();
    World { server, client, head, routes }
}

/// Two wallets with something in them; ids of a hold, a transfer for later and a file of payouts.
fn furnish_wallets(client: &mut Client) -> [String; 3] {
    client.post("/v1/customers", r#"{"id":"c-77","login":"ivan","name":"Ivan"}"#).ok(201);
    for login in ["petr", "anna"] {
        client.post("/clients", &format!(r#"{{"login":"{login}","name":"x"}}"#)).ok(201);
    }
    client.post("/resupplies", r#"{"walletId":1,"amount":1000}"#).ok(201);
    let hold = r#"{"amount":"10.00","currency":"UNIT","target":2,"expires_in":3600}"#;
    let later =
        r#"{"source":1,"target":2,"amount":"5.00","currency":"UNIT","execute_at":"2099-01-01T00:00:00Z"}"#;
    let payouts = r#"{"payouts":[{"wallet":1,"amount":"5.00","reference":"a"}]}"#;
    let requests =
        [("/v1/wallets/1/holds", hold), ("/v1/scheduled-transfers", later), ("/v1/payout-batches", payouts)];
    let ids = requests.map(|(path, body)| {
        let answer = client.post(path, body);
        assert!(answer.status < 300, "{}", answer.text());
        text(&answer.json(), "id").to_owned()
    });
    let batch = format!("/v1/payout-batches/{}", ids[2]);
    until(PAID, "the payout", || client.get(&batch).ok(200)["waiting"] == 0);
    ids
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl World {
    fn bodies(&self) -> Vec<(Route, Value)> {
        let with = |route: &Route| route.body.clone().map(|body| (route.clone(), body));
        self.routes.iter().filter_map(with).collect()
    }

    fn send(&mut self, route: &Route, body: &[u8]) -> Answer {
        self.client.call(&route.method, &route.path, &[], Some(body))
    }

    /// A refusal of this status and code.
    #[track_caller]
    fn refused(&mut self, route: &Route, body: &[u8], status: u16, code: &str) -> Value {
        let answer = self.send(route, body);
        let shown = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
        assert_eq!(
            (answer.status, &*answer.problem()),
            (status, code),
            "{} {shown}\n{}",
            route.name(),
            answer.text()
        );
        answer.json()
    }

    /// `invalid-request` with a fault at this place.
    #[track_caller]
    fn fault(&mut self, route: &Route, body: &str, pointer: &str) {
        let problem = self.refused(route, body.as_bytes(), 422, "invalid-request");
        let faults = list(&problem, "faults");
        let is_there = faults.iter().any(|fault| text(fault, "pointer").starts_with(pointer));
        assert!(is_there, "{} {body}: no fault at {pointer}: {problem}", route.name());
    }

    /// Nothing was stored since the world was made.
    #[track_caller]
    fn nothing_stored(&mut self) {
        let records = self.client.records_after(self.head);
        assert!(records.is_empty(), "stored: {records:?}");
        let trial = self.client.get("/v1/trial-balance").ok(200);
        assert_eq!(trial["at_seq"], self.head);
        self.client.get("/ready").ok(200);
    }
}

/// Every place of a document, with its value; the document itself is `""`.
fn places(value: &Value, pointer: &str, out: &mut Vec<(String, Value)>) {
    out.push((pointer.to_owned(), value.clone()));
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| places(value, &format!("{pointer}/{name}"), out))
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(place, value)| places(value, &format!("{pointer}/{place}"), out));
        }
        _ => {}
    }
}

/// The document with raw text at a place.
fn with(body: &Value, pointer: &str, raw: &str) -> String {
    let mut body = body.clone();
    *body.pointer_mut(pointer).unwrap() = json!("@@here@@");
    body.to_string().replace("\"@@here@@\"", raw)
}

#[test]
fn bodies_that_are_no_json() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(folder.path());
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    for (route, body) in world.bodies() {
        let good = body.to_string();
        let truncated = &good[..good.len() - 1];
        let nul = format!("\0{good}");
        let twice = format!("{good} {good}");
        let (arrays, objects) = (deep("[", "]"), deep("{\"a\":", "}"));
        let in_field = format!("{},\"zzz\":{arrays}}}", &good[..good.len() - 1]);
        let marked = format!("\u{feff}{good}");
        let texts = [
            truncated,
            &nul,
            &twice,
            &arrays,
            &objects,
            &in_field,
            &marked,
            "{",
            "nul",
            "NaN",
            " ",
            "{'a':1}",
            "{\"a\":01}",
            "{\"a\":NaN}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\n\"}",
        ];
        for bad in texts {
            world.refused(&route, bad.as_bytes(), 400, "invalid-json");
        }
        for bad in [&b"\xff"[..], b"{\"\xc3\x28\":1}", b"{\"a\":\"\xed\xa0\x80\"}"] {
            world.refused(&route, bad, 400, "invalid-json");
        }
        for bad in ["null", "1", "\"x\"", "[]", "true"] {
            world.fault(&route, bad, "");
        }
        for required in route.required.clone() {
            world.refused(&route, b"", 400, "invalid-json");
            let mut without = body.clone();
            without.as_object_mut().unwrap().remove(&required);
            world.fault(&route, &without.to_string(), &format!("/{required}"));
        }
    }
    world.nothing_stored();
}

#[test]
fn fields_that_are_unknown_or_stand_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(folder.path());
    for (route, body) in world.bodies() {
        let mut found = Vec::new();
        places(&body, "", &mut found);
        for (pointer, value) in found {
            let Value::Object(fields) = &value else { continue };
            let inner = value.to_string();
            let inner = &inner[1..inner.len() - 1];
            // Metadata takes any key.
            if !pointer.ends_with("/metadata") {
                let raw = format!("{{{inner},\"z~/z\":1}}");
                world.fault(&route, &with(&body, &pointer, &raw), &format!("{pointer}/z~0~1z"));
            }
            for (name, value) in fields {
                let raw = format!("{{{inner},\"{name}\":{value}}}");
                world.fault(&route, &with(&body, &pointer, &raw), &format!("{pointer}/{name}"));
            }
        }
    }
    world.nothing_stored();
}

#[test]
fn values_of_wrong_types() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(folder.path());
    let long = format!("\"{}\"", "x".repeat(200_000));
    let digits = "9".repeat(400);
    for (route, body) in world.bodies() {
        let mut found = Vec::new();
        places(&body, "", &mut found);
        for (pointer, value) in found.into_iter().skip(1) {
            let wrong: &[&str] = match value {
                Value::Object(_) => &["1", "\"x\"", "[]", "true"],
                Value::Array(_) => &["1", "\"x\"", "{}", "true"],
                Value::Bool(_) => &["1", "\"true\"", "{}", "[]"],
                Value::Number(_) => &["\"x\"", "-1", "1.5", "1e999", &digits, "{}", "[]", "true"],
                _ => &["{}", "[]", "true", "[1]", "{\"a\":\"b\"}", &long, "\"\\u0000\""],
            };
            for raw in wrong {
                world.fault(&route, &with(&body, &pointer, raw), &pointer);
            }
        }
    }
    world.nothing_stored();
}

#[test]
fn amounts_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(folder.path());
    let digits = "7".repeat(400);
    let quoted = format!("\"{digits}\"");
    let tiny = format!("\"0.{}1\"", "0".repeat(400));
    let huge = format!("-{digits}.{digits}e{digits}");
    let negative = format!("\"-{digits}\"");
    let bad = [
        "0",
        "-1",
        "1.001",
        "0.00",
        "-0.01",
        "1e400",
        "1e-400",
        "\"0\"",
        "\"0.00\"",
        "\"-1\"",
        "\"1.001\"",
        "\"NaN\"",
        "\"Infinity\"",
        "\"-inf\"",
        "\"\"",
        "\" 1\"",
        "\"1 \"",
        "\"+1\"",
        "\"1,00\"",
        "\"1_000\"",
        "\"0x10\"",
        "\".5\"",
        "\"1.\"",
        "\"1..0\"",
        "\"--1\"",
        "\"\u{661}\"",
        "\"1e5\"",
        "\"170141183460469231731687303715884105728\"",
        &digits,
        &quoted,
        &tiny,
        &huge,
        &negative,
    ];
    for (route, body) in world.bodies() {
        let mut found = Vec::new();
        places(&body, "", &mut found);
        let amounts = found
            .into_iter()
            .filter(|(pointer, _)| pointer.ends_with("/amount") || pointer.ends_with("/tolerance"));
        for (pointer, _) in amounts {
            // The asset of these has eight decimals, so that a thousandth is an amount of it.
            let is_fine = route.template.contains("wallet") || route.template.contains("scheduled");
            for raw in bad.iter().filter(|raw| !(is_fine && raw.contains("1.001"))) {
                world.fault(&route, &with(&body, &pointer, raw), &pointer);
            }
            for word in ["\"maximum\"", "\"all\""] {
                world.fault(&route, &with(&body, &pointer, word), &pointer);
            }
        }
    }
    world.nothing_stored();
}

#[test]
fn money_that_cannot_move() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(folder.path());
    let pair = |debit: &str, credit: &str, amount: &str, currency: &str| {
        let side = |account: &str, direction: &str| json!({"account": account, "direction": direction, "amount": amount, "currency": currency});
        json!([side(debit, "debit"), side(credit, "credit")])
    };
    let cases = [
        (pair("ada", "ada", "1.00", "EUR"), 422, "same-account"),
        (pair("bank", "nobody", "1.00", "EUR"), 422, "unknown-account"),
        (pair("nobody", "bank", "1.00", "EUR"), 422, "unknown-account"),
        (pair("acc_00000000000000000000000000", "bank", "1.00", "EUR"), 422, "unknown-account"),
        (pair("bank", "ada", "1.00", "XXY"), 422, "invalid-request"),
        (pair("bank", "ada", "1.00", "eur"), 422, "invalid-request"),
        (pair("bank", "ada", "1.00", "E\u{0}R"), 422, "invalid-request"),
        (pair("bank", "ada", "1.5", "JPY"), 422, "invalid-request"),
        (pair("ada", "bank", "95.01", "EUR"), 422, "insufficient-funds"),
        (pair("bank", "ada:", "1.00", "EUR"), 422, "invalid-request"),
        (pair("", "ada", "1.00", "EUR"), 422, "invalid-request"),
        (pair("bank", "ada", "remaining", "EUR"), 422, "invalid-request"),
        (pair("bank", &"x".repeat(600), "1.00", "EUR"), 422, "invalid-request"),
        (pair("bank", "ada", "10000000000000000000000000000000000.00", "EUR"), 422, "invalid-request"),
    ];
    for (postings, status, code) in cases {
        for path in ["/v1/entries", "/v1/holds"] {
            let answer = world.client.post(path, &json!({"postings": postings}).to_string());
            // Amounts of words are read by the rules, which have their own refusals.
            if postings[0]["amount"] == "remaining" {
                assert_eq!(answer.status, 422, "{path} {postings}: {}", answer.text());
                continue;
            }
            assert_eq!(
                (answer.status, &*answer.problem()),
                (status, code),
                "{path} {postings}: {}",
                answer.text()
            );
        }
        let command = json!({"type": "entry", "postings": postings});
        let atomic = json!({"mode": "atomic", "commands": [command]}).to_string();
        let problem = world.client.post("/v1/batches", &atomic);
        assert!(matches!(&*problem.problem(), "batch-refused" | "invalid-request"), "{}", problem.text());
        let single = json!({"mode": "independent", "commands": [command]}).to_string();
        let results = world.client.post("/v1/batches", &single).ok(201);
        assert_eq!(results["results"][0]["status"], "refused", "{results}");
        let [debit, credit] = [&postings[0], &postings[1]];
        let posting = json!({"debit_account": debit["account"], "credit_account": credit["account"],
            "amount": debit["amount"], "currency": debit["currency"]});
        let answer = world.client.post("/v1/postings", &posting.to_string());
        assert_eq!(
            (answer.status, &*answer.problem()),
            (422, if debit["amount"] == "remaining" { "invalid-request" } else { code }),
            "{posting}: {}",
            answer.text()
        );
    }
    for postings in
        [json!([]), json!([{"account": "ada", "direction": "debit", "amount": "1", "currency": "EUR"}])]
    {
        let body = json!({"postings": postings}).to_string();
        world.client.post("/v1/entries", &body).refused(422, "invalid-request");
    }
    let many: Vec<Value> = (0..1001)
        .map(|_| json!({"account": "ada", "direction": "debit", "amount": "1", "currency": "EUR"}))
        .collect();
    world.client.post("/v1/entries", &json!({"postings": many}).to_string()).refused(422, "invalid-request");
    world.nothing_stored();
}

#[test]
fn things_that_are_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(folder.path());
    for route in world.routes.clone() {
        let Some(name) = route.template.split(['{', '}']).nth(1) else { continue };
        let unknown = match name {
            "account" => "nobody:here",
            "code" => "NOPE",
            "wallet" => "999999",
            _ => NOBODY,
        };
        let long = "x".repeat(5_000);
        let body = route.body.as_ref().map(Value::to_string);
        let mut ask = |value: &str| {
            let path = route.template.replace(&format!("{{{name}}}"), value);
            world.client.call(&route.method, &path, &[], body.as_ref().map(String::as_bytes))
        };
        let answer = ask(unknown);
        let code = answer.problem();
        assert!(answer.status == 404 && code.ends_with("not-found"), "{}: {}", route.name(), answer.text());
        let malformed = [
            "%00",
            "%ff",
            "a%20b",
            "..",
            "-1",
            "acc_",
            "hold_zzz",
            "ent_!",
            "%F0%9F%92%B8",
            "1e9",
            "99999999999999999999999999",
            &long,
            "a%2Fb",
            "*",
        ];
        for bad in malformed {
            let answer = ask(bad);
            let code = answer.problem();
            let missing = answer.status == 404 && code.ends_with("not-found");
            let is_right = missing || (answer.status, &*code) == (422, "invalid-request");
            assert!(is_right, "{} {bad}: {}", route.name(), answer.text());
        }
    }
    for path in [
        "/page",
        "/v1",
        "/v2/entries",
        "/v1/entries/",
        "//v1/entries",
        "/v1/accounts/ada/nothing",
        "/V1/entries",
        "/v1/entries/%2e%2e",
    ] {
        let answer = world.client.get(path);
        assert!(matches!(answer.status, 404 | 422), "{path}: {}", answer.text());
        answer.problem();
    }
    world.nothing_stored();
}

#[test]
fn methods_that_a_path_has_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(folder.path());
    let templates: BTreeSet<String> = world.routes.iter().map(|route| route.path.clone()).collect();
    for path in templates {
        let known: Vec<&str> =
            world.routes.iter().filter(|route| route.path == path).map(|route| &*route.method).collect();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            if known.contains(&method) {
                continue;
            }
            let answer = world.client.call(method, &path, &[], Some(b"{}"));
            answer.refused(405, "method-not-allowed");
            let allowed = answer.header("allow").unwrap_or_default();
            assert!(known.iter().all(|known| allowed.contains(known)), "{method} {path}: {allowed}");
        }
    }
    world.nothing_stored();
}

#[test]
fn parameters_that_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(folder.path());
    let other = world.client.get("/v1/assets?limit=1").ok(200);
    let other = text(&other, "next_cursor").to_owned();
    let foreign = format!("cursor={other}");
    for route in world.routes.clone().into_iter().filter(|route| route.path.starts_with("/v1/")) {
        let body = route.body.as_ref().map(Value::to_string);
        let mut ask = |query: &str| {
            let path = format!("{}?{query}", route.path);
            world.client.call(&route.method, &path, &[], body.as_ref().map(String::as_bytes))
        };
        let mut wrong = |query: &str| {
            let answer = ask(query);
            let name = query.split('=').next().unwrap();
            assert_eq!(
                (answer.status, &*answer.problem()),
                (422, "invalid-request"),
                "{} {query}: {}",
                route.name(),
                answer.text()
            );
            let problem = answer.json();
            let found =
                list(&problem, "faults").iter().any(|fault| text(fault, "pointer") == format!("?{name}"));
            assert!(found, "{} {query}: {problem}", route.name());
        };
        wrong("zzz=1");
        if route.method != "GET" {
            continue;
        }
        for name in &route.parameters {
            wrong(&format!("{name}=%ff"));
            wrong(&format!("{name}=a&{name}=b"));
            let bad: &[&str] = match name.as_str() {
                "limit" => &["", "0", "-1", "501", "x", "1.5", "99999999999999999999"],
                "cursor" => &["", "x", "AAAA", "%00", "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ"],
                "after" | "min_seq" => &["", "-1", "x", "1.5", "99999999999999999999"],
                "wait" => &["", "-1", "31", "x"],
                "at" => &["", "x", "-1", "2026-13-01T00:00:00Z", "2026-01-01", "99999999999999999999"],
                "currency" => &["", "XXY", "eur", "E%00R"],
                "order" | "type" | "status" => &["", "x", "DESC"],
                _ => &[],
            };
            bad.iter().for_each(|bad| wrong(&format!("{name}={bad}")));
        }
        if route.parameters.iter().any(|name| name == "cursor") && route.template != "/v1/assets" {
            wrong(&foreign);
        }
    }
    // The largest numbers are numbers: no answer to them is a fault.
    let largest = u64::MAX;
    for query in [
        format!("/v1/journal?after={largest}"),
        format!("/v1/journal?after={largest}&wait=1"),
        format!("/v1/accounts/ada/balances?at={largest}"),
        format!("/v1/trial-balance?at={largest}"),
    ] {
        let answer = world.client.get(&query);
        assert!(answer.status < 500 || answer.status == 504, "{query}: {}", answer.text());
    }
    world.nothing_stored();
}

#[test]
fn headers_that_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(folder.path());
    let long = "k".repeat(256);
    for (route, body) in world.bodies() {
        let body = body.to_string();
        for key in ["", "a b", "\u{e9}", &long] {
            let answer = world.client.call(
                &route.method,
                &route.path,
                &[("Idempotency-Key", key)],
                Some(body.as_bytes()),
            );
            let problem = answer.refused(422, "invalid-request");
            assert_eq!(problem["faults"][0]["pointer"], "Idempotency-Key", "{problem}");
        }
        let two = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")];
        let answer = world.client.call(&route.method, &route.path, &two, Some(body.as_bytes()));
        answer.refused(422, "invalid-request");
        for media in [
            "text/plain",
            "application/xml",
            "application/jsonx",
            "multipart/form-data",
            "",
            "application/x-www-form-urlencoded",
        ] {
            let headers = [("Content-Type", media)];
            let answer = world.client.call(&route.method, &route.path, &headers, Some(body.as_bytes()));
            answer.refused(415, "unsupported-media-type");
        }
        if !route.takes_lines {
            let headers = [("Content-Type", "application/x-ndjson")];
            let answer = world.client.call(&route.method, &route.path, &headers, Some(body.as_bytes()));
            answer.refused(415, "unsupported-media-type");
        }
    }
    world.nothing_stored();
}

#[test]
fn bodies_of_twenty_mebibytes() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(folder.path());
    let body = vec![b' '; TOO_LARGE];
    for (route, _) in world.bodies() {
        let answer = world.send(&route, &body);
        let problem = answer.refused(413, "payload-too-large");
        assert!(problem["limit_bytes"].as_u64().is_some_and(|limit| limit < TOO_LARGE as u64), "{problem}");
        // Without a declared length it is counted while it comes.
        let mut wire = Wire::open(&world.server.address).unwrap();
        let headers = [("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")];
        wire.send(&request(&route.method, &route.path, &headers, None)).unwrap();
        let mut chunk = format!("{:x}\r\n", 1 << 20).into_bytes();
        chunk.extend_from_slice(&body[..1 << 20]);
        chunk.extend_from_slice(b"\r\n");
        for _ in 0..20 {
            if wire.send(&chunk).is_err() {
                break;
            }
        }
        wire.answer(true).unwrap().refused(413, "payload-too-large");
    }
    world.nothing_stored();
}
