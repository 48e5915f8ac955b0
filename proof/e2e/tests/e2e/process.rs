//! The process: one per directory, an end that lets requests finish, a start that is measured.

use crate::client::{Wire, request};
use crate::json::{account, entry};
use crate::server::{Server, run};
use std::time::{Duration, Instant};

const DRAINED: Duration = Duration::from_secs(15);

#[test]
fn a_second_process_is_told_who_has_the_directory() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let (code, _, said) = run(folder.path(), "serve --listen 127.0.0.1:0 --data-dir data");
    assert_eq!(code, 1);
    assert!(said.contains(&format!("process {}", server.pid())), "{said}");
    server.client().get("/ready").ok(200);
    server.stop();
}

#[test]
fn a_request_under_way_is_finished_before_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path());
    let mut client = server.client();
    for path in ["a", "b"] {
        client.post("/v1/accounts", &account(path, "asset")).ok(201);
    }
    let body = entry("a", "b", "1.00", "EUR", r#","id":"018f0000-0000-7000-8000-00000000000a""#);
    let bytes =
        request("POST", "/v1/entries", &[("Content-Type", "application/json")], Some(body.as_bytes()));
    let (first, last) = bytes.split_at(bytes.len() - 10);
    let mut wire = Wire::open(&server.address).unwrap();
    wire.send(first).unwrap();
    // Another request on the same server shows that the first part has had time to arrive.
    client.get("/health").ok(200);
    server.terminate();
    // New connections are refused from now on.
    crate::server::until(DRAINED, "the listener's end", || {
        std::net::TcpStream::connect(&server.address).is_err()
    });
    wire.send(last).unwrap();
    wire.answer(true).unwrap().ok(201);
    assert!(server.ended(DRAINED).success());
    let server = Server::start(folder.path());
    server.client().get("/v1/entries/018f0000-0000-7000-8000-00000000000a").ok(200);
}

#[test]
fn open_polls_and_streams_do_not_hold_up_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path());
    let head = server.client().newest_seq();
    let mut poll = Wire::open(&server.address).unwrap();
    poll.send(&request("GET", &format!("/v1/journal?after={head}&wait=30"), &[], None)).unwrap();
    let mut stream = Wire::open(&server.address).unwrap();
    let accept = [("Accept", "text/event-stream")];
    stream.send(&request("GET", &format!("/v1/journal?after={head}"), &accept, None)).unwrap();
    assert_eq!(stream.head().unwrap().status, 200);
    let began = Instant::now();
    server.terminate();
    assert!(server.ended(DRAINED).success());
    println!("ended after {:?}", began.elapsed());
}

#[test]
fn starts_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path());
    println!("start on nothing: {:?}", server.took);
    let mut client = server.client();
    for path in ["a", "b"] {
        client.post("/v1/accounts", &account(path, "asset")).ok(201);
    }
    let one =
        r#"{"type":"posting","debit_account":"a","credit_account":"b","amount":"1.00","currency":"EUR"}"#;
    let commands = vec![one; 5_000].join(",");
    let batch = format!(r#"{{"mode":"independent","commands":[{commands}]}}"#);
    for _ in 0..4 {
        client.post("/v1/batches", &batch).ok(201);
    }
    drop(client);
    server = server.again();
    println!("start after a kill with 20,000 entries: {:?}", server.took);
    let trial = server.client().get("/v1/trial-balance").ok(200);
    assert_eq!(trial["totals"][0]["debits"], "20000.00");
    server.stop();
    let server = Server::start(folder.path());
    println!("start after an orderly end with 20,000 entries: {:?}", server.took);
}
