//! Every route there is: scope, key, paging, examples and problems, as declared and as answered.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use concord::data_dir::DataDir;
use concord::wiring::{self, House, Settings, World};
use platform_http::{Access, Declared, Kind, Limits, Site, openapi, slugs};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Most bytes of an answer that is read.
const MOST: usize = 1 << 24;

/// A house of its own, and its site.
struct Fresh {
    site: Site,
    house: House,
    _folder: tempfile::TempDir,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Fresh {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::make(&folder.path().join("data")).unwrap();
        let world = World::real();
        let house = House::open(&data, LOCAL, &world, settings).unwrap();
        Self { site: house.site(Limits::default(), &world), house, _folder: folder }
    }

    /// With accounts, an entry and a hold; returns their ids.
    async fn furnished() -> (Self, Names) {
        let fresh = Self::new();
        for (path, kind) in [
            ("bank", "asset"),
            ("customers:ada:wallet", "liability"),
            ("merchants:books", "liability"),
            ("customers:eve:wallet", "liability"),
        ] {
            fresh.made("/v1/accounts", json!({"path": path, "type": kind})).await;
        }
        let postings = |from: &str, to: &str| {
            json!({"postings": [
                {"account": from, "direction": "debit", "amount": "25.00", "currency": "EUR"},
                {"account": to, "direction": "credit", "amount": "25.00", "currency": "EUR"}]})
        };
        let entry = fresh.made("/v1/entries", postings("bank", "customers:ada:wallet")).await;
        let mut hold = postings("customers:ada:wallet", "merchants:books");
        hold["expires_in"] = json!(3600);
        let hold = fresh.made("/v1/holds", hold).await;
        for login in ["ada", "eve"] {
            let client = fresh.made("/clients", json!({"login": login, "name": login})).await;
            fresh.made("/resupplies", json!({"walletId": client["walletId"], "amount": 1000})).await;
        }
        fresh.made("/transfers", json!({"walletFromId": 1, "walletToId": 2, "amount": 1})).await;
        let held = json!({"amount": "100", "currency": "UNIT", "target": 2});
        let wallet_hold = fresh.made("/v1/wallets/1/holds", held).await;
        let later = json!({"source": 1, "target": 2, "amount": 1, "currency": "UNIT", "execute_at": "2099-01-01T00:00:00Z"});
        fresh.made("/v1/scheduled-transfers", later.clone()).await;
        let job = fresh.made("/v1/scheduled-transfers", later).await;
        let file = json!({"payouts": [{"wallet": 1, "amount": 1}, {"wallet": 2, "amount": 1}]});
        let payouts = fresh.made("/v1/payout-batches", file).await;
        let id = |view: Value| view["id"].as_str().unwrap().to_owned();
        let things = vec![
            fresh.two("/v1/customers/{customer}").await,
            // new-context: things
        ];
        let names = Names {
            entry: id(entry),
            hold: id(hold),
            wallet_hold: id(wallet_hold),
            job: id(job),
            payouts: id(payouts),
            things,
        };
        (fresh, names)
    }

    async fn made(&self, path: &str, body: Value) -> Value {
        let answer = self.send("POST", path, &body.to_string(), None).await;
        assert!(matches!(answer.status, 201 | 202), "{path}: {}", answer.json());
        answer.json()
    }

    /// Makes two things, so that their list has pages: the route of one, and the path of the first.
    async fn two(&self, route: &'static str) -> (&'static str, String) {
        let (list, _) = route.rsplit_once('/').unwrap();
        let first = self.made(list, json!({"name": "first"})).await;
        self.made(list, json!({"name": "second"})).await;
        (route, format!("{list}/{}", first["id"].as_str().unwrap()))
    }

    async fn send(&self, method: &str, path: &str, body: &str, key: Option<&str>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let (parts, body) = self.site.answer(request, LOCAL).await.into_parts();
        let body = to_bytes(body, MOST).await.unwrap().to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

struct Names {
    entry: String,
    hold: String,
    wallet_hold: String,
    job: String,
    payouts: String,
    /// Routes of single things, and a path each.
    things: Vec<(&'static str, String)>,
}

impl Names {
    /// A route's path with names of things that are there.
    fn path(&self, route: &Declared) -> String {
        let account = match route.path.ends_with("/closures") {
            // Only an account without balances closes.
            true => "customers:eve:wallet",
            false => "customers:ada:wallet",
        };
        let path = self.things.iter().fold(route.path.to_owned(), |path, (of, is)| path.replace(of, is));
        let path = path.replace("{account}", account).replace("{code}", "EUR").replace("{wallet}", "1");
        let path = path.replace("{id}", &self.job).replace("{batch}", &self.payouts);
        let hold = if path.contains("wallet-holds") { &self.wallet_hold } else { &self.hold };
        path.replace("{entry}", &self.entry).replace("{hold}", hold).replace("{file}", "page.js")
    }
}

fn declared() -> Vec<Declared> {
    wiring::declared()
}

fn writes() -> impl Iterator<Item = Declared> {
    declared().into_iter().filter(|route| route.kind == Kind::Write)
}

#[test]
fn the_committed_description_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../api/openapi.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let generated = format!("{:#}\n", wiring::openapi());
    let how =
        "api/openapi.json is not what the routes say: cargo run -p concord -- openapi > api/openapi.json";
    assert!(committed == generated, "{how}");
}

#[test]
fn declarations_lack_nothing() {
    assert_eq!(openapi::gaps(&declared(), &wiring::schemas()), Vec::<String>::new());
    let document = wiring::openapi();
    for route in declared().iter().filter(|route| route.path.starts_with("/v1/")) {
        let place = format!("{} {}", route.method, route.path);
        let Access::Scope(scope) = route.access else { panic!("{place} asks for no scope") };
        assert!(wiring::SCOPES.contains(&scope), "{place}: no key can have the scope {scope}");
        let wanted = if route.kind == Kind::Write { "write" } else { "read" };
        let named = route.tag.to_lowercase().replace(' ', "_");
        let context = if wiring::CONTEXTS.contains(&named.as_str()) { &named } else { "ledger" };
        assert!(scope == format!("{context}:{wanted}") || scope == "admin", "{place} asks for {scope}");
        let parameters = &document["paths"][route.path][route.method.to_ascii_lowercase()]["parameters"];
        let named = |name: &str| parameters.as_array().unwrap().iter().any(|known| known["name"] == name);
        assert_eq!(named("Idempotency-Key"), route.kind == Kind::Write, "{place}");
        assert_eq!(named("cursor"), route.kind == Kind::List, "{place}");
        let many = route.kind == Kind::Read && route.doc.ok.1.ends_with("List");
        assert!(!many, "{place} answers a list and does not page");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_works_and_is_answered_the_same_again() {
    for route in writes() {
        let (fresh, names) = Fresh::furnished().await;
        let (path, example) = (names.path(&route), route.doc.body.map_or("", |body| body.example));
        let place = format!("{} {path}", route.method);
        let first = fresh.send(route.method, &path, example, Some("surface")).await;
        let code = first.code();
        let known = route.doc.problems.iter().any(|slug| slug.code == code.as_str());
        assert!(first.status == route.doc.ok.0 || known, "{place}: {} {}", first.status, first.json());
        if route.path == "/v1/clock-confirmations" {
            continue;
        }
        let again = fresh.send(route.method, &path, example, Some("surface")).await;
        assert_eq!((again.status, again.code()), (first.status, code), "{place}");
        let (mut again_view, first_view) = (again.json(), first.json());
        if again_view["status"] == "already_posted" {
            // The source platform's route says so in the body.
            again_view["status"] = json!("posted");
        }
        // A refusal that is not kept is made again, for a request of its own.
        assert!(again_view == first_view || first.status >= 400, "{place}");
        let replayed = again.headers.contains_key("idempotency-replayed");
        assert_eq!(replayed, first.status < 300, "{place}");
        let odd = fresh.send(route.method, &path, example, Some("a b")).await;
        assert_eq!((odd.status, odd.code().as_str()), (422, "invalid-request"), "{place}");
    }
}

/// Whether a route answers with the error bodies of the system that documents it.
fn is_documented(route: &Declared) -> bool {
    !route.doc.fault.is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_read_to_the_end() {
    let (fresh, names) = Fresh::furnished().await;
    for route in writes() {
        let Some(body) = route.doc.body else { continue };
        let (path, mut example) = (names.path(&route), serde_json::from_str::<Value>(body.example).unwrap());
        let place = format!("{} {path}", route.method);
        if is_documented(&route) {
            // Those take any field more, and say what is wrong in their own way.
            for (body, status) in [("{", 400), ("[]", 422)] {
                let answer = fresh.send(route.method, &path, body, None).await;
                assert_eq!(answer.status, status, "{place}: {}", answer.json());
                assert!(!answer.json()["detail"].is_null(), "{place}: {}", answer.json());
            }
            continue;
        }
        example["no_such_field"] = json!(1);
        let answer = fresh.send(route.method, &path, &example.to_string(), None).await;
        assert_eq!(answer.status, 422, "{place}: {}", answer.json());
        assert!(answer.json()["faults"].to_string().contains("unknown-field"), "{place}: {}", answer.json());
        let answer = fresh.send(route.method, &path, "{", None).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid-json"), "{place}");
        let answer = fresh.send(route.method, &path, "[]", None).await;
        assert_eq!(answer.status, 422, "{place}: {}", answer.json());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_read_answers_and_every_list_pages() {
    let (fresh, names) = Fresh::furnished().await;
    let pattern = json!({"pattern": "shops:*", "type": "liability"});
    fresh.made("/v1/patterns", pattern).await;
    fresh.made("/v1/patterns", json!({"pattern": "tills:*", "type": "asset"})).await;
    fresh.made("/v1/postings", json!({"debit_account": "bank", "credit_account": "customers:ada:wallet", "amount": 1, "ref": "r"})).await;
    for route in declared().iter().filter(|route| route.kind != Kind::Write) {
        let path = match route.path {
            "/problems/{code}" => "/problems/not-found".to_owned(),
            "/v1/accounts/{account}/statement" => format!("{}?currency=EUR", names.path(route)),
            _ => names.path(route),
        };
        let answer = fresh.send("GET", &path, "", None).await;
        assert_eq!(answer.status, route.doc.ok.0, "{path}: {}", answer.json());
        if route.path.starts_with("/v1/") {
            let with = if path.contains('?') { "&" } else { "?" };
            let answer = fresh.send("GET", &format!("{path}{with}no_such=1"), "", None).await;
            assert_eq!(answer.status, 422, "{path}: {}", answer.json());
        }
        if route.kind == Kind::List {
            pages(&fresh, &path).await;
        }
    }
}

/// Rows one by one are the rows of one page.
async fn pages(fresh: &Fresh, path: &str) {
    let path = &if path.contains('?') { format!("{path}&") } else { format!("{path}?") };
    let whole = fresh.send("GET", &format!("{path}limit=500"), "", None).await.json();
    assert_eq!(whole["next_cursor"], Value::Null, "{path}");
    let expected = whole["data"].as_array().unwrap();
    assert!(expected.len() >= 2, "{path} has too few rows to tell");
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    while rows.len() < expected.len() {
        let page = fresh.send("GET", &format!("{path}limit=1{cursor}"), "", None).await.json();
        rows.extend(page["data"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(&rows, expected, "{path}");
    for query in ["limit=0", "limit=501", "limit=x", "cursor=zz"] {
        let answer = fresh.send("GET", &format!("{path}?{query}"), "", None).await;
        assert_eq!(answer.status, 422, "{path}?{query}: {}", answer.json());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_projection_a_search_that_needs_one_says_so() {
    let mut settings = Settings::default();
    settings.ledger.projection = false;
    let fresh = Fresh::with(settings);
    fresh.made("/v1/accounts", json!({"path": "bank", "type": "asset"})).await;
    for query in ["reference=r", "party=p", "metadata.shop=12", "account=bank&party=p"] {
        let answer = fresh.send("GET", &format!("/v1/entries?{query}"), "", None).await;
        assert_eq!((answer.status, answer.code().as_str()), (501, "projection-off"), "{query}");
    }
    for query in ["", "account=bank", "currency=EUR&min=1", "to=2026-01-01T00:00:00Z"] {
        let answer = fresh.send("GET", &format!("/v1/entries?{query}"), "", None).await;
        assert_eq!(answer.json(), json!({"data": [], "next_cursor": null}), "{query}");
    }
    let text = String::from_utf8(fresh.send("GET", "/metrics", "", None).await.body).unwrap();
    assert!(!text.contains("ledger_projection"), "{text}");
    assert_eq!(fresh.send("GET", "/ready", "", None).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_has_a_page() {
    let fresh = Fresh::new();
    let declared = declared();
    let slugs = declared.iter().flat_map(|route| route.doc.problems).chain(slugs::SLUGS);
    let codes: BTreeSet<&str> = slugs.map(|slug| slug.code).collect();
    assert!(codes.len() > 40, "{codes:?}");
    for code in codes {
        let answer = fresh.send("GET", &format!("/problems/{code}"), "", None).await;
        assert_eq!(answer.status, 200, "{code} has no page");
        assert!(answer.body.len() > 100, "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_nothing_of_the_books_is_answered() {
    let (fresh, names) = Fresh::furnished().await;
    let wanted = identity::NewKey {
        tenant: kernel::Tenant::default(),
        name: "one".to_owned(),
        scopes: vec!["ledger:read".to_owned()],
        expires_at: None,
    };
    let made = fresh.house.keys.create(wanted).await.unwrap();
    // The door looks for keys from time to time, and closes for good.
    let (site, mut is_open) = (&fresh.site, true);
    for route in declared().iter().filter(|route| route.path.starts_with("/v1/")) {
        let ask = |key: Option<&str>| {
            let mut request = Request::builder().method(route.method).uri(names.path(route));
            if let Some(key) = key {
                request = request.header("authorization", format!("Bearer {key}"));
            }
            site.answer(request.body(Body::empty()).unwrap(), LOCAL)
        };
        let place = format!("{} {}", route.method, route.path);
        while is_open {
            is_open = ask(None).await.status() != 401;
        }
        assert_eq!(ask(None).await.status(), 401, "{place}");
        assert_eq!(ask(Some("ck_wrong")).await.status(), 401, "{place}");
        let status = ask(Some(made.text.reveal())).await.status();
        assert_eq!(status == 403, route.access != Access::Scope("ledger:read"), "{place}: {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_tell_of_the_ledger_and_the_process() {
    let (fresh, _) = Fresh::furnished().await;
    let text = String::from_utf8(fresh.send("GET", "/metrics", "", None).await.body).unwrap();
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name} is missing in\n{text}")).split(' ').nth(1).unwrap().to_owned()
    };
    // A book and its two accounts, four more, an entry, a hold; an asset, two wallets, the funding account, two
    // top-ups, a transfer, another hold.
    assert_eq!(value("ledger_records_total"), "17");
    for (name, expected) in [
        ("ledger_accounts", "9"),
        ("ledger_open_holds", "2"),
        ("ledger_waiting_commands", "0"),
        ("ledger_poisoned", "0"),
        ("ledger_disk_full", "0"),
        ("ledger_clock_suspect", "0"),
        ("ledger_damage", "0"),
        ("wallets_waiting_units", "0"),
        ("ledger_index_runs", "0"),
    ] {
        assert_eq!(value(name), expected, "{name}");
    }
    for name in [
        "ledger_groups_total",
        "ledger_journal_bytes",
        "ledger_checkpoint_lag_bytes",
        "ledger_index_memory_bytes",
    ] {
        assert!(value(name).parse::<u64>().unwrap() > 0, "{name}");
    }
    assert!(value("process_resident_memory_bytes").parse::<u64>().unwrap() > 1 << 20);
    for name in ["ledger_projection_lag_records", "ledger_projection_lag_bytes", "ledger_projection_labels"] {
        assert!(value(name).parse::<u64>().is_ok(), "{name}");
    }
    value("ledger_checkpoint_position_bytes");
    value("ledger_index_memory_keys");
}

/// A header's text, or nothing.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_gets_the_page_and_its_parts_and_a_program_gets_links() {
    let fresh = Fresh::new();
    let accept = "text/html,application/xhtml+xml,*/*;q=0.8";
    let request = Request::builder().uri("/").header("accept", accept).body(Body::empty()).unwrap();
    let (parts, body) = fresh.site.answer(request, LOCAL).await.into_parts();
    assert_eq!((parts.status.as_u16(), text(&parts.headers, "vary")), (200, "Accept"));
    let page = String::from_utf8(to_bytes(body, MOST).await.unwrap().to_vec()).unwrap();
    assert!(page.starts_with("<!doctype html>") && !page.contains("http://") && !page.contains("https://"));
    // What it loads is here, of the right media type, and under the same policy.
    let named: BTreeSet<&str> = page.split('"').filter(|part| part.starts_with("/page/")).collect();
    assert_eq!(named, BTreeSet::from(["/page/page.js", "/page/style.css"]));
    let mut scripts = BTreeSet::from(["page.js".to_owned()]);
    let mut waiting = vec!["page.js".to_owned()];
    while let Some(name) = waiting.pop() {
        let answer = fresh.send("GET", &format!("/page/{name}"), "", None).await;
        assert_eq!(answer.status, 200, "{name}");
        assert_eq!(text(&answer.headers, "content-type"), "text/javascript; charset=utf-8", "{name}");
        let script = String::from_utf8(answer.body).unwrap();
        for found in script.split("from './").skip(1) {
            let found = found.split('\'').next().unwrap().to_owned();
            if scripts.insert(found.clone()) {
                waiting.push(found);
            }
        }
    }
    assert_eq!(scripts.len(), 7, "{scripts:?}");
    let style = fresh.send("GET", "/page/style.css", "", None).await;
    assert_eq!(text(&style.headers, "content-type"), "text/css; charset=utf-8");
    for headers in [&parts.headers, &style.headers] {
        let policy = text(headers, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(text(headers, "x-content-type-options"), "nosniff");
        assert_eq!(text(headers, "referrer-policy"), "no-referrer");
    }
    let answer = fresh.send("GET", "/", "", None).await;
    assert_eq!((answer.status, text(&answer.headers, "vary")), (200, "Accept"));
    let links = answer.json()["links"].as_object().unwrap().clone();
    assert_eq!(links.len(), 4);
    for link in links.values().map(|link| link.as_str().unwrap()) {
        assert_eq!(fresh.send("GET", link, "", None).await.status, 200, "{link}");
    }
    for odd in ["/page/Cargo.toml", "/page/..%2Findex.html", "/page/index.html"] {
        assert_eq!(fresh.send("GET", odd, "", None).await.status, 404, "{odd}");
    }
}
