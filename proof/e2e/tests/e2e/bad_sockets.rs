//! Connections that misbehave: slow, half closed, cut off, idle, malformed. Others are served meanwhile, each gets
//! its refusal or its end, and nothing is stored in part.

use crate::client::{Answer, Client, Wire, request};
use crate::json::{account, entry};
use crate::server::{Server, until};
use std::io::{self, Read as _};
use std::net::Shutdown;
use std::path::Path;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(20);
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn start(folder: &Path, settings: &[(&str, &str)]) -> (Server, Client, u64) {
    let server = Server::start_with(folder, settings);
    let mut client = server.client();
    for path in ["a", "b"] {
        client.post("/v1/accounts", &account(path, "asset")).ok(201);
    }
    let head = client.newest_seq();
    (server, client, head)
}

fn posting() -> Vec<u8> {
    request("POST", "/v1/entries", &[JSON], Some(entry("a", "b", "1.00", "EUR", "").as_bytes()))
}

/// Sends a byte at a time, with a pause in which the server may answer or hang up.
fn drip(wire: &mut Wire, bytes: &[u8], pause: Duration) -> io::Result<Answer> {
    wire.socket().set_read_timeout(Some(pause)).unwrap();
    for byte in bytes {
        wire.send(&[*byte])?;
        match wire.socket().peek(&mut [0]) {
            Ok(_) => break,
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
            Err(why) => return Err(why),
        }
    }
    wire.socket().set_read_timeout(Some(SOON)).unwrap();
    wire.answer(true)
}

#[test]
fn slow_requests_end_and_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let settings =
        [("SERVER__HEADER_TIME_S", "3"), ("LIMITS__REQUEST_TIME_S", "3"), ("LIMITS__BODY_IDLE_S", "2")];
    let (server, mut client, head) = start(folder.path(), &settings);
    let bytes = posting();
    let body_at = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let second = Duration::from_secs(1);
    std::thread::scope(|scope| {
        let address = &server.address;
        let slow_body = scope.spawn(|| {
            let mut wire = Wire::open(address).unwrap();
            wire.send(&bytes[..body_at]).unwrap();
            drip(&mut wire, &bytes[body_at..], second).unwrap()
        });
        let stalled = scope.spawn(|| {
            let mut wire = Wire::open(address).unwrap();
            wire.send(&bytes[..body_at + 10]).unwrap();
            wire.answer(true).unwrap()
        });
        let slow_head = scope.spawn(|| drip(&mut Wire::open(address).unwrap(), &bytes, second));
        let nothing = scope.spawn(|| drip(&mut Wire::open(address).unwrap(), &[], second));
        while !(slow_body.is_finished()
            && stalled.is_finished()
            && slow_head.is_finished()
            && nothing.is_finished())
        {
            let began = Instant::now();
            client.get("/v1/trial-balance").ok(200);
            assert!(began.elapsed() < Duration::from_secs(2), "others wait for the slow");
        }
        slow_body.join().unwrap().refused(408, "request-timeout");
        stalled.join().unwrap().refused(408, "request-timeout");
        // A head that never ends is no request: the connection ends, with 408 or without a word.
        for head in [slow_head.join().unwrap(), nothing.join().unwrap()] {
            assert!(head.as_ref().map_or(true, |answer| answer.status == 408), "{head:?}");
        }
    });
    assert_eq!(client.newest_seq(), head);
}

#[test]
fn half_closed_and_cut_connections() {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut client, head) = start(folder.path(), &[]);
    let bytes = posting();
    // A whole request, and then the client's side closes: it is answered.
    let mut wire = Wire::open(&server.address).unwrap();
    wire.send(&bytes).unwrap();
    wire.socket().shutdown(Shutdown::Write).unwrap();
    wire.answer(true).unwrap().ok(201);
    assert_eq!(client.newest_seq(), head + 1);
    // Part of a request, and then it closes: a refusal or an end, and nothing is stored.
    for part in [1, 20, bytes.len() / 2, bytes.len() - 1] {
        let mut wire = Wire::open(&server.address).unwrap();
        wire.send(&bytes[..part]).unwrap();
        wire.socket().shutdown(Shutdown::Write).unwrap();
        if let Ok(answer) = wire.answer(true) {
            assert_eq!(answer.status, 400, "{part}: {}", answer.text());
        }
    }
    // Cut off without a word, before and after the answer could be read.
    for part in [bytes.len() / 2, bytes.len() - 1] {
        let mut wire = Wire::open(&server.address).unwrap();
        wire.send(&bytes[..part]).unwrap();
    }
    client.get("/health").ok(200);
    assert_eq!(client.newest_seq(), head + 1);
    Wire::open(&server.address).unwrap().send(&bytes).unwrap();
    until(SOON, "the entry whose caller left", || client.newest_seq() == head + 2);
}

#[test]
fn many_idle_connections() {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut client, _) = start(folder.path(), &[]);
    let idle: Vec<Wire> = (0..500).map(|_| Wire::open(&server.address).unwrap()).collect();
    let began = Instant::now();
    client.post("/v1/entries", &entry("a", "b", "1.00", "EUR", "")).ok(201);
    server.client().get("/ready").ok(200);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    drop(idle);
    // More connections than there may be: the idle ones end, and those in the queue are served.
    drop(client);
    let other = tempfile::tempdir().unwrap();
    let (server, client, _) =
        start(other.path(), &[("SERVER__MAX_CONNECTIONS", "16"), ("SERVER__HEADER_TIME_S", "2")]);
    drop(client);
    let idle: Vec<Wire> = (0..16).map(|_| Wire::open(&server.address).unwrap()).collect();
    server.client().get("/ready").ok(200);
    drop(idle);
}

#[test]
fn what_is_no_http() {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut client, head) = start(folder.path(), &[]);
    let body = entry("a", "b", "1.00", "EUR", "");
    let framed =
        |headers: &str| format!("POST /v1/entries HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\n{body}");
    let length = body.len();
    let long = "x".repeat(1 << 20);
    let cases = [
        "\r\n\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET /v1/accounts HTTP/9.9\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}".repeat(20) + "\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n"),
        framed("Content-Length: -1"),
        framed("Content-Length: 99999999999999999999999"),
        framed(&format!("Content-Length: {length}\r\nContent-Length: {}", length - 1)),
        framed("Transfer-Encoding: chunked"),
        framed("Transfer-Encoding: gzip"),
        framed(&format!("Content-Length: {length}\r\nTransfer-Encoding: chunked")),
        framed("Na me: x"),
        framed("Name: a\u{0}b"),
    ];
    for bytes in &cases {
        let mut wire = Wire::open(&server.address).unwrap();
        let _ = wire.send(bytes.as_bytes());
        let _ = wire.socket().shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        // A reset is an answer, too.
        let _ = wire.stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.split(' ').nth(1).unwrap_or("none");
        assert!(
            matches!(status, "none" | "400" | "404" | "411" | "413" | "414" | "431" | "501" | "505"),
            "{:.80}: {answer}",
            bytes
        );
    }
    client.get("/health").ok(200);
    assert_eq!(client.newest_seq(), head);
}
