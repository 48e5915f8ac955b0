//! Reading: the feed by poll and by stream, waits for a number, the past, and pages that cover everything once.

use crate::client::{Client, Wire, request};
use crate::json::{account, entry, list, minor, text};
use crate::server::Server;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// What a woken reader may take: far less than its patience.
const WOKEN: Duration = Duration::from_secs(10);

fn start(folder: &std::path::Path) -> (Server, Client) {
    let server = Server::start(folder);
    let mut client = server.client();
    for path in ["a", "b"] {
        client.post("/v1/accounts", &account(path, "asset")).ok(201);
    }
    (server, client)
}

fn post(client: &mut Client, amount: &str) -> Value {
    client.post("/v1/entries", &entry("a", "b", amount, "EUR", "")).ok(201)
}

#[test]
fn a_poll_wakes_when_a_record_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut client) = start(folder.path());
    let head = client.newest_seq();
    let empty = client.get(&format!("/v1/journal?after={head}&wait=1")).ok(200);
    assert_eq!((list(&empty, "data").len(), empty["next_after"].as_u64()), (0, Some(head)));
    let mut poll = Wire::open(&server.address).unwrap();
    poll.send(&request("GET", &format!("/v1/journal?after={head}&wait=30"), &[], None)).unwrap();
    // Nothing has come, so nothing is answered yet.
    poll.socket().set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(poll.head().is_err());
    poll.socket().set_read_timeout(Some(WOKEN)).unwrap();
    let posted = post(&mut client, "1.00");
    let page = poll.answer(true).unwrap().ok(200);
    assert_eq!(page["data"][0]["entry"]["id"], posted["id"]);
    assert_eq!(page["next_after"], posted["seq"]);
}

#[test]
fn a_read_waits_for_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut client) = start(folder.path());
    let next = client.newest_seq() + 1;
    let paths = [
        "/v1/accounts/a/balances?",
        "/v1/accounts/a/entries?",
        "/v1/trial-balance?",
        "/v1/accounts?",
        "/v1/accounts/a?",
    ];
    let mut waiting: Vec<Wire> = paths
        .iter()
        .map(|path| {
            let mut wire = Wire::open(&server.address).unwrap();
            wire.send(&request("GET", &format!("{path}min_seq={next}"), &[], None)).unwrap();
            wire
        })
        .collect();
    post(&mut client, "1.00");
    for (wire, path) in waiting.iter_mut().zip(paths) {
        let answer = wire.answer(true).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        if path.contains("balances") {
            assert_eq!(answer.json()["data"][0]["posted"], "1.00");
        }
    }
    client.get(&format!("/v1/accounts/a?min_seq={}", next + 1)).refused(504, "not-yet-visible");
}

/// An open stream of events.
struct Events {
    wire: Wire,
    rest: String,
}

impl Events {
    fn open(server: &Server, path: &str, last: Option<u64>) -> Self {
        let mut wire = Wire::open(&server.address).unwrap();
        let last = last.map(|last| last.to_string());
        let mut headers = vec![("Accept", "text/event-stream")];
        headers.extend(last.as_deref().map(|last| ("Last-Event-ID", last)));
        wire.send(&request("GET", path, &headers, None)).unwrap();
        let head = wire.head().unwrap();
        assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
        Self { wire, rest: String::new() }
    }

    /// The next event: its number, its kind, its record.
    fn next(&mut self) -> (u64, String, Value) {
        loop {
            if let Some((event, rest)) = self.rest.split_once("\n\n") {
                let field =
                    |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let found = field("id: ").map(|id| {
                    let data = serde_json::from_str(&field("data: ").unwrap()).unwrap();
                    (id.parse().unwrap(), field("event: ").unwrap(), data)
                });
                self.rest = rest.to_owned();
                match found {
                    Some(event) => return event,
                    None => continue,
                }
            }
            let piece = self.wire.chunk().unwrap();
            assert!(!piece.is_empty(), "the stream ended");
            self.rest.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }
}

#[test]
fn a_stream_brings_every_record_once_and_goes_on_where_it_broke_off() {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut client) = start(folder.path());
    let (total, before) = (300, client.records_after(0).len());
    let mut seen = Vec::new();
    let mut events = Events::open(&server, "/v1/journal?after=0", None);
    std::thread::scope(|scope| {
        scope.spawn(|| (0..total).for_each(|_| drop(post(&mut client, "1.00"))));
        while seen.len() < before + total {
            let (seq, kind, record) = events.next();
            assert_eq!((record["seq"].as_u64(), text(&record, "type")), (Some(seq), &*kind));
            seen.push(record);
            if seen.len() % 70 == 0 {
                // The header is stronger than the query.
                events = Events::open(&server, "/v1/journal?after=0", Some(seq));
            }
        }
    });
    let mut client = server.client();
    assert_eq!(seen, client.records_after(0)[..seen.len()]);
    assert_eq!(client.newest_seq(), seen.last().unwrap()["seq"].as_u64().unwrap());
    drop(events);
    server.stop();
}

#[test]
fn the_past_is_what_history_says() {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut client) = start(folder.path());
    for number in 1..=40 {
        post(&mut client, &format!("{number}.00"));
        if number % 7 == 0 {
            client.post("/v1/accounts/a/freezes", "{}").ok(201);
            client.post("/v1/accounts/a/thaws", "{}").ok(201);
        }
    }
    let mut server = server;
    for _ in 0..2 {
        let history = client.get("/v1/accounts/a/entries?order=asc&limit=500").ok(200);
        let mut sum = 0;
        for row in list(&history, "data") {
            sum += minor(&row["amount"]);
            assert_eq!(minor(&row["balance"]["posted"]), sum);
            for at in [row["seq"].to_string(), text(row, "recorded_at").to_owned()] {
                let then = client.get(&format!("/v1/accounts/a/balances?at={at}")).ok(200);
                assert_eq!(minor(&then["data"][0]["posted"]), sum, "at {at}: {then}");
                let trial = client.get(&format!("/v1/trial-balance?at={at}")).ok(200);
                assert_eq!(minor(&trial["totals"][0]["debits"]), sum, "at {at}: {trial}");
                assert_eq!(trial["totals"][0]["debits"], trial["totals"][0]["credits"]);
            }
            let before = row["seq"].as_u64().unwrap() - 1;
            let then = client.get(&format!("/v1/accounts/a/balances?at={before}")).ok(200);
            let posted = list(&then, "data").first().map_or(0, |row| minor(&row["posted"]));
            assert_eq!(posted, sum - minor(&row["amount"]), "before {row}");
        }
        let first = client.get("/v1/accounts/a/balances?at=2001-01-01T00:00:00Z").ok(200);
        assert!(list(&first, "data").iter().all(|row| minor(&row["posted"]) == 0), "{first}");
        client.get(&format!("/v1/accounts/a/balances?at={}", u32::MAX)).refused(504, "not-yet-visible");
        server = server.again();
        client = server.client();
    }
}

/// All rows of a list, page by page.
fn pages(client: &mut Client, path: &str, limit: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("{path}limit={limit}{cursor}")).ok(200);
        let data = list(&page, "data");
        assert!(data.len() <= limit);
        rows.extend(data.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
}

#[test]
fn pages_cover_every_row_once() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, mut client) = start(folder.path());
    for number in 0..45 {
        client.post("/v1/accounts", &account(&format!("many:{number}"), "asset")).ok(201);
        let pattern = format!(r#"{{"pattern":"p{number}:*","type":"asset"}}"#);
        client.post("/v1/patterns", &pattern).ok(201);
        client.post("/v1/entries", &entry("a", &format!("many:{number}"), "1.00", "EUR", "")).ok(201);
    }
    let lists = [
        ("/v1/accounts?", "id", 47),
        ("/v1/accounts?prefix=many:&", "id", 45),
        ("/v1/accounts/a/entries?", "seq", 45),
        ("/v1/accounts/a/entries?order=asc&", "seq", 45),
        ("/v1/patterns?", "pattern", 45),
        ("/v1/assets?", "code", 100),
        ("/v1/trial-balance?", "path", 46),
    ];
    for (path, name, expected) in lists {
        let whole = pages(&mut client, path, 500);
        assert!(whole.len() >= expected, "{path}: {}", whole.len());
        let names: BTreeSet<String> = whole.iter().map(|row| row[name].to_string()).collect();
        assert_eq!(names.len(), whole.len(), "{path}: a row twice");
        for limit in [1, 7, 45] {
            assert_eq!(pages(&mut client, path, limit), whole, "{path} limit {limit}");
        }
    }
    let mut forwards = pages(&mut client, "/v1/accounts/a/entries?order=asc&", 7);
    forwards.reverse();
    assert_eq!(forwards, pages(&mut client, "/v1/accounts/a/entries?", 8));
    // What comes while pages are read disturbs none of them.
    let page = client.get("/v1/accounts/a/entries?limit=20").ok(200);
    let mut rows = list(&page, "data").clone();
    client.post("/v1/entries", &entry("a", "b", "1.00", "EUR", "")).ok(201);
    let next = client
        .get(&format!("/v1/accounts/a/entries?limit=500&cursor={}", text(&page, "next_cursor")))
        .ok(200);
    rows.extend(list(&next, "data").iter().cloned());
    forwards.reverse();
    rows.reverse();
    assert_eq!(rows, forwards);
}
