//! The server over real sockets: slow, broken, oversized and half-closed requests, the drain, and what every answer
//! carries.

#![allow(clippy::unwrap_used, reason = "the helpers of tests may panic, too")]

use platform_http::json::{Document, Reader};
use platform_http::{
    Access, Answer, Body, By, Doc, Info, Key, Limits, Open, Payload, Query, RateLimit, Refusal, Routes,
    Segment, Server, ServerSettings, Site,
};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};

const BODY: Body = Body { schema: "Echo", example: r#"{"text":"hi"}"#, lines: false };
const DOC: Doc = Doc { summary: "A test.", ok: (201, "Echo"), ..Doc::NONE };
const ANY: Access = Access::Scope("test:write");

#[derive(Clone, Default)]
struct Gates {
    entered: Arc<Notify>,
    leave: Arc<Notify>,
}

async fn echo(By(caller): By, Key(key): Key, payload: Payload) -> Result<Answer, Refusal> {
    let text = {
        let document = Document::parse(&payload.bytes)?;
        let reader = Reader::new();
        let body = reader.object(document.root());
        let text = body.text("text", 1 << 20).into_owned();
        body.finish();
        reader.into_result()?;
        text
    };
    let seen = serde_json::json!({ "bytes": text.len(), "tenant": caller.tenant.as_str(), "request": &*caller.request });
    Ok(Answer::of(&seen).with_status(201).replayed(key.is_some()))
}

async fn page(query: Query, Segment(name): Segment) -> Result<Answer, Refusal> {
    let limit = query.limit();
    query.cursor();
    query.into_result()?;
    Ok(Answer::of(&serde_json::json!({ "limit": limit.get(), "name": name })))
}

async fn slow(axum::extract::State(gates): axum::extract::State<Gates>) -> Answer {
    gates.entered.notify_one();
    gates.leave.notified().await;
    Answer::ok("{}")
}

async fn panics() -> Answer {
    panic!("a secret detail")
}

async fn breaks() -> Result<Answer, Refusal> {
    Err(Refusal::fault(&std::io::Error::other("a secret detail")))
}

struct Running {
    address: SocketAddr,
    gates: Gates,
    stop: Option<oneshot::Sender<()>>,
    ended: tokio::task::JoinHandle<bool>,
}

async fn start(limits: Limits, settings: ServerSettings) -> Running {
    let gates = Gates::default();
    let doc = |name| Doc { name, ..DOC };
    let brief = Duration::from_millis(200);
    let routes = Routes::new("Test")
        .post("/v1/echo", ANY, echo, Doc { body: Some(BODY), ..doc("echo") })
        .post("/v1/brief", ANY, echo, Doc { body: Some(BODY), time_limit: Some(brief), ..doc("brief") })
        .list("/v1/pages/{name}", ANY, page, doc("page_list"))
        .get("/v1/slow", ANY, slow, doc("slow"))
        .get("/v1/late", ANY, slow, Doc { time_limit: Some(brief), ..doc("late") })
        .get("/v1/panics", ANY, panics, doc("panics"))
        .get("/v1/breaks", ANY, breaks, doc("breaks"))
        .with_state(gates.clone());
    let info = Info { title: "Test", version: "1", about: "" };
    let site = Site::builder(info, limits, Arc::new(Open::default()), Arc::new(kernel::RandomIds))
        .routes(routes)
        .schemas(vec![("Echo", serde_json::json!({ "type": "object" }))])
        .ready("journal", || Err("replaying".to_owned()))
        .build();
    let gaps = platform_http::openapi::gaps(site.declared(), &[("Echo", Value::Null)]);
    assert_eq!(gaps, Vec::<String>::new());
    let server = Server::bind(&["127.0.0.1:0".parse().unwrap()], settings).await.unwrap();
    let address = server.addresses()[0];
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(server.serve(site, async {
        let _ = stopped.await;
    }));
    Running { address, gates, stop: Some(stop), ended }
}

async fn ordinary() -> Running {
    start(Limits::default(), ServerSettings::default()).await
}

/// Status, head and body of an answer.
struct Got {
    status: u16,
    head: String,
    body: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn refused(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        assert!(self.head.contains("content-type: application/problem+json"), "{}", self.head);
        let problem = self.json();
        assert_eq!(problem["code"], code);
        assert_eq!(problem["status"], status);
        assert!(self.head.contains(&format!("x-request-id: {}", problem["request_id"].as_str().unwrap())));
        problem
    }
}

async fn read(stream: &mut TcpStream) -> Got {
    let mut bytes = Vec::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head[9..12].parse().unwrap();
    Got { status, head: head.to_owned(), body: body.to_owned() }
}

async fn send(address: SocketAddr, bytes: &[u8]) -> Got {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    read(&mut stream).await
}

fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
        .into_bytes()
}

async fn get(running: &Running, path: &str) -> Got {
    send(running.address, &request("GET", path, "", "")).await
}

async fn post(running: &Running, headers: &str, body: &str) -> Got {
    send(running.address, &request("POST", "/v1/echo", headers, body)).await
}

#[tokio::test]
async fn answers_carry_their_request() {
    let running = ordinary().await;
    let got = post(&running, "x-request-id: mine-1\r\nidempotency-key: k\r\n", r#"{"text":"hi"}"#).await;
    assert_eq!(got.status, 201);
    assert_eq!(got.json(), serde_json::json!({ "bytes": 2, "tenant": "default", "request": "mine-1" }));
    assert!(got.head.contains("x-request-id: mine-1") && got.head.contains("idempotency-replayed: true"));
    let got = post(&running, "x-request-id: not ok\r\n", r#"{"text":"hi"}"#).await;
    assert!(got.head.contains("x-request-id: req_"), "{}", got.head);
    let got = get(&running, "/v1/pages/a%20b?limit=3").await;
    assert_eq!(got.json(), serde_json::json!({ "limit": 3, "name": "a b" }));
}

#[tokio::test]
async fn bad_requests_are_refused_as_problems() {
    let running = ordinary().await;
    let problem = get(&running, "/v1/nothing?x=1").await.refused(404, "not-found");
    assert_eq!(problem["instance"], "/v1/nothing");
    let got = send(running.address, &request("DELETE", "/v1/echo", "", "")).await;
    got.refused(405, "method-not-allowed");
    assert!(got.head.contains("allow: POST"), "{}", got.head);
    let problem = get(&running, "/v1/pages/x?limit=0&y=1").await.refused(422, "invalid-request");
    assert_eq!(problem["faults"][0]["pointer"], "?limit");
    assert_eq!(problem["faults"][1]["pointer"], "?y");
    get(&running, "/v1/pages/%ff").await.refused(422, "invalid-request");
    get(&running, "/v1/pages/%00").await.refused(422, "invalid-request");
    post(&running, "", "{").await.refused(400, "invalid-json");
    post(&running, "", "").await.refused(400, "invalid-json");
    let problem = post(&running, "", r#"{"text":1,"text":2,"x":3}"#).await.refused(422, "invalid-request");
    assert_eq!(problem["faults"].as_array().unwrap().len(), 3);
    post(&running, "content-type: text/plain\r\n", "{}").await.refused(415, "unsupported-media-type");
    post(&running, "idempotency-key: a b\r\n", "{}").await.refused(422, "invalid-request");
    let long = format!("idempotency-key: {}\r\n", "k".repeat(256));
    post(&running, &long, "{}").await.refused(422, "invalid-request");
}

#[tokio::test]
async fn faults_tell_nothing_but_an_id() {
    let running = ordinary().await;
    for path in ["/v1/panics", "/v1/breaks"] {
        let got = get(&running, path).await;
        got.refused(500, "internal-fault");
        assert!(!got.body.contains("secret"), "{}", got.body);
    }
    assert_eq!(get(&running, "/health").await.body, "\"ok\"");
}

#[tokio::test]
async fn large_bodies_are_refused() {
    let running = ordinary().await;
    let body = format!(r#"{{"text":"{}"}}"#, "x".repeat(20 << 20));
    let problem = post(&running, "", &body).await.refused(413, "payload-too-large");
    assert_eq!(problem["limit_bytes"], 1 << 20);
    // Announced, and not even sent.
    let head = "POST /v1/echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 20971520\r\n\r\n";
    send(running.address, head.as_bytes()).await.refused(413, "payload-too-large");
    // Not announced.
    let mut chunked =
        b"POST /v1/echo HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..20 {
        chunked.extend_from_slice(b"100000\r\n");
        chunked.resize(chunked.len() + (1 << 20), b' ');
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    send(running.address, &chunked).await.refused(413, "payload-too-large");
    // The largest that fits, in one piece and in two.
    let fits = format!(r#"{{"text":"{}"}}"#, "x".repeat((1 << 20) - 11));
    assert_eq!(fits.len(), 1 << 20);
    assert_eq!(post(&running, "", &fits).await.status, 201);
}

#[tokio::test]
async fn slow_heads_are_cut_off() {
    let settings = ServerSettings { header_time: Duration::from_millis(200), ..ServerSettings::default() };
    let running = start(Limits::default(), settings).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: ").await.unwrap();
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
    assert!(read.is_ok(), "the connection must be closed");
}

#[tokio::test]
async fn slow_bodies_time_out() {
    let limits = Limits { body_idle: Duration::from_millis(200), ..Limits::default() };
    let running = start(limits, ServerSettings::default()).await;
    let head = "POST /v1/echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 13\r\n\r\n{\"te";
    send(running.address, head.as_bytes()).await.refused(408, "request-timeout");

    // Where the whole request has less time than a pause in its body.
    let running = ordinary().await;
    let head = "POST /v1/brief HTTP/1.1\r\nhost: localhost\r\ncontent-length: 13\r\n\r\n{\"te";
    send(running.address, head.as_bytes()).await.refused(408, "request-timeout");
    // Where it is not the client who is slow.
    get(&running, "/v1/late").await.refused(503, "unavailable");
}

#[tokio::test]
async fn half_closed_connections_are_answered() {
    let running = ordinary().await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(&request("POST", "/v1/echo", "", r#"{"text":"hi"}"#)).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(read(&mut stream).await.status, 201);
    // Closed in the middle of the body: refused, and nothing done.
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream
        .write_all(b"POST /v1/echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 13\r\n\r\n{\"te")
        .await
        .unwrap();
    stream.shutdown().await.unwrap();
    read(&mut stream).await.refused(400, "invalid-json");
}

#[tokio::test]
async fn a_drain_finishes_what_is_in_flight() {
    let mut running = ordinary().await;
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"GET /v1/slow HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    running.gates.entered.notified().await;
    running.stop.take().unwrap().send(()).unwrap();
    // The idle connection ends, new ones are refused, the slow request goes on.
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(!running.ended.is_finished());
    running.gates.leave.notify_one();
    assert_eq!(read(&mut stream).await.status, 200);
    assert!(running.ended.await.unwrap());
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn a_drain_ends_after_its_time() {
    let settings = ServerSettings { drain_time: Duration::from_millis(100), ..ServerSettings::default() };
    let mut running = start(Limits::default(), settings).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"GET /v1/slow HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    running.gates.entered.notified().await;
    running.stop.take().unwrap().send(()).unwrap();
    assert!(!running.ended.await.unwrap());
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}

#[tokio::test]
async fn connections_over_the_limit_wait() {
    let settings = ServerSettings { max_connections: 1, ..ServerSettings::default() };
    let running = start(Limits::default(), settings).await;
    let mut first = TcpStream::connect(running.address).await.unwrap();
    first.write_all(b"GET /v1/slow HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    running.gates.entered.notified().await;
    let second = tokio::spawn(send(running.address, request("GET", "/health", "", "").leak()));
    tokio::task::yield_now().await;
    assert!(!second.is_finished());
    running.gates.leave.notify_one();
    assert_eq!(read(&mut first).await.status, 200);
    drop(first);
    assert_eq!(second.await.unwrap().status, 200);
}

#[tokio::test]
async fn rates_are_limited() {
    let rate = RateLimit { per_second: 1, burst: 2 };
    let running = start(Limits { rate, ..Limits::default() }, ServerSettings::default()).await;
    for _ in 0..2 {
        assert_eq!(get(&running, "/v1/pages/x").await.status, 200);
    }
    let got = get(&running, "/v1/pages/x").await;
    got.refused(429, "rate-limited");
    assert!(got.head.contains("retry-after: 1"), "{}", got.head);
    assert_eq!(get(&running, "/health").await.status, 200);
}

#[tokio::test]
async fn the_house_describes_itself() {
    let running = ordinary().await;
    get(&running, "/v1/nothing").await;
    post(&running, "", r#"{"text":"hi"}"#).await;
    let ready = get(&running, "/ready").await;
    assert_eq!((ready.status, ready.json()["checks"]["journal"].as_str()), (503, Some("replaying")));
    let figures = get(&running, "/metrics").await.body;
    for line in [
        r#"http_requests_total{method="POST",route="/v1/echo",status="2xx"} 1"#,
        r#"http_requests_total{method="any",route="unmatched",status="4xx"} 1"#,
        r#"http_request_seconds_count{method="POST",route="/v1/echo"} 1"#,
        r#"http_request_seconds_bucket{le="+Inf",method="POST",route="/v1/echo"} 1"#,
    ] {
        assert!(figures.contains(line), "{line}\n{figures}");
    }
    assert!(get(&running, "/docs").await.body.contains("</html>"));
    assert!(get(&running, "/problems/forbidden").await.body.starts_with("# forbidden"));
    let html =
        send(running.address, &request("GET", "/problems/forbidden", "accept: text/html\r\n", "")).await;
    assert!(html.head.contains("text/html") && html.body.contains("<pre># forbidden"));
    get(&running, "/problems/nothing").await.refused(404, "not-found");
    let api = get(&running, "/openapi.json").await.json();
    let echo = &api["paths"]["/v1/echo"]["post"];
    assert_eq!(echo["parameters"][0]["name"], "Idempotency-Key");
    assert_eq!(echo["security"], serde_json::json!([{ "bearer": ["test:write"] }]));
    assert_eq!(echo["requestBody"]["content"]["application/json"]["example"]["text"], "hi");
    let names = |operation: &Value| -> Vec<String> {
        let list = operation["parameters"].as_array().unwrap().iter();
        list.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&api["paths"]["/v1/pages/{name}"]["get"]), ["name", "limit", "cursor"]);
}
