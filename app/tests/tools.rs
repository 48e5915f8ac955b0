//! The real binary and its tools beside a live server: verify, trial balance, backup under load, restore, the
//! clock, and starts that must not succeed.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use concord::wiring;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Entries acknowledged before a backup begins.
const BEFORE: u64 = 50;
/// Clients that post while tools run.
const CLIENTS: u64 = 4;

struct Running {
    child: Child,
    address: String,
}

struct Answer {
    code: i32,
    out: String,
    err: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{} {}", self.out, self.err))
    }
}

fn concord(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_concord"));
    command.current_dir(folder).args(line.split_whitespace()).env_clear();
    command
}

fn answer(command: &mut Command) -> Answer {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Answer { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
}

fn run(folder: &Path, line: &str) -> Answer {
    answer(&mut concord(folder, line))
}

impl Running {
    fn start(folder: &Path, more: &str) -> Self {
        let line = format!("serve --listen 127.0.0.1:0 {more}");
        let mut command = concord(folder, &line);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
        Self { child, address }
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let body = body.to_string();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}",
            self.address
        );
        stream.write_all(head.as_bytes()).unwrap();
        read(stream)
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        read(stream)
    }

    fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

fn read(mut stream: TcpStream) -> (u16, Value) {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn posting(unique: &str) -> Value {
    json!({"debit_account": 1, "credit_account": 2, "amount": "1.00", "currency": "USD", "ref": unique})
}

/// Clients that post one entry after the other and note what was acknowledged.
struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<Vec<String>>>,
    count: Arc<AtomicU64>,
    clients: Vec<std::thread::JoinHandle<()>>,
}

impl Load {
    fn on(server: &Arc<Running>) -> Self {
        let (stop, acknowledged, count) =
            <(Arc<AtomicBool>, Arc<Mutex<Vec<String>>>, Arc<AtomicU64>)>::default();
        let client = |client: u64| {
            let (server, stop) = (server.clone(), stop.clone());
            let (acknowledged, count) = (acknowledged.clone(), count.clone());
            std::thread::spawn(move || {
                for number in 0_u64.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let unique = format!("{client}-{number}");
                    let (status, _) = server.post("/v1/postings", &posting(&unique));
                    assert_eq!(status, 201);
                    acknowledged.lock().unwrap().push(unique);
                    count.fetch_add(1, Ordering::SeqCst);
                }
            })
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { stop, acknowledged, count, clients }
    }

    fn await_count(&self, count: u64) {
        while self.count.load(Ordering::SeqCst) < count {
            assert!(self.clients.iter().all(|client| !client.is_finished()), "a client stopped");
            std::thread::yield_now();
        }
    }

    fn so_far(&self) -> Vec<String> {
        self.acknowledged.lock().unwrap().clone()
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().unwrap();
        }
    }
}

#[test]
fn a_backup_under_load_has_what_was_acknowledged_before_it() {
    let folder = tempfile::tempdir().unwrap();
    // Checkpoints come often, so that snapshots and runs change while they are copied.
    std::fs::write(folder.path().join("c.toml"), "[ledger]\ncheckpoint_entries = 1000\n").unwrap();
    let server = Arc::new(Running::start(folder.path(), "--config c.toml"));
    let load = Load::on(&server);
    load.await_count(BEFORE);
    for round in 0..3 {
        let before = load.so_far();
        let copy = run(folder.path(), &format!("backup copy-{round}"));
        assert_eq!(copy.code, 0, "{}", copy.err);
        let parts: Vec<&str> = wiring::PARTS.iter().map(|part| part.name).collect();
        assert!(copy.out.contains(&parts.join(", ")), "{}", copy.out);
        let beside = run(folder.path(), "ledger verify --json");
        assert_eq!(
            (beside.code, &beside.json()["holds"]),
            (0, &json!(true)),
            "{} {}",
            beside.out,
            beside.err
        );
        let restored = format!("restored-{round}");
        let done = run(folder.path(), &format!("restore copy-{round} --data-dir {restored}"));
        assert_eq!(done.code, 0, "{}", done.err);
        let verified = run(folder.path(), &format!("ledger verify --data-dir {restored}"));
        assert_eq!(verified.code, 0, "{}", verified.out);
        assert!(verified.out.contains("everything holds"), "{}", verified.out);
        let other = Running::start(folder.path(), &format!("--data-dir {restored}"));
        for unique in &before {
            let (status, entry) = other.get(&format!("/v1/entries?ref={unique}"));
            assert_eq!((status, &entry["status"]), (200, &json!("posted")), "{unique}");
        }
        // It goes on from there.
        assert_eq!(other.post("/v1/postings", &posting("after")).0, 201);
        other.stop();
    }
    load.end();
}

#[test]
fn equal_books_have_equal_digests_and_others_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path(), "");
    server.post("/v1/postings", &posting("one"));
    assert_eq!(run(folder.path(), "backup copy").code, 0);
    assert_eq!(run(folder.path(), "restore copy --data-dir restored").code, 0);
    let digest = |line: &str| run(folder.path(), line).json()["books"][0]["digest"].clone();
    let first = digest("ledger verify --json");
    assert_eq!(first.as_str().unwrap().len(), 64);
    assert_eq!(digest("ledger verify --json --data-dir restored"), first);
    server.post("/v1/postings", &posting("two"));
    assert_ne!(digest("ledger verify --json"), first);
    server.stop();
}

#[test]
fn a_trial_balance_is_the_same_from_the_files_and_from_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path(), "");
    for number in 0..3 {
        assert_eq!(server.post("/v1/postings", &posting(&number.to_string())).0, 201);
    }
    let euro = json!({"postings": [
        {"account": 1, "direction": "debit", "amount": "7.5", "currency": "EUR"},
        {"account": 2, "direction": "credit", "amount": "7.5", "currency": "EUR"}]});
    assert_eq!(server.post("/v1/entries", &euro).0, 201);
    let url = format!("--server http://{}", server.address);
    for line in ["", "--currency EUR", "--at 5", "--at 2020-01-01T00:00:00Z", "--at 0"] {
        let files = run(folder.path(), &format!("ledger trial-balance --json {line}"));
        let asked = run(folder.path(), &format!("ledger trial-balance --json {line} {url}"));
        assert_eq!((files.code, asked.code), (0, 0), "{line}: {} {}", files.err, asked.err);
        assert_eq!(files.json(), asked.json(), "{line}");
    }
    let table = run(folder.path(), "ledger trial-balance");
    insta::assert_snapshot!("trial_balance", table.out);
    for (line, code, what) in [
        ("--currency NOPE", 2, "no asset NOPE"),
        ("--at soon", 2, "RFC 3339"),
        ("--at 2999-01-01T00:00:00Z", 2, "must lie in the past"),
        ("--at 999", 1, "is not written yet"),
        ("--tenant acme", 1, "tenant acme has no book"),
        ("--server https://x", 2, "must be plain http://"),
        ("--server 127.0.0.1", 2, "must be a URL"),
        ("--server http://127.0.0.1:1", 1, "asking http://127.0.0.1:1"),
        ("--server http://127.0.0.1:1 --tenant acme", 2, "the tenant of the key"),
    ] {
        let refused = run(folder.path(), &format!("ledger trial-balance {line}"));
        assert_eq!((refused.code, refused.out.as_str()), (code, ""), "{line}: {}", refused.err);
        assert!(refused.err.contains(what), "{line}: {}", refused.err);
    }
    // The door closes once there is a key; the client brings it.
    let key = run(folder.path(), "admin keys create --name ops --scopes *").out.trim().to_owned();
    while server.get("/v1/accounts").0 == 200 {}
    let line = format!("ledger trial-balance --json {url}");
    let refused = run(folder.path(), &line);
    assert!(refused.err.contains("401") && refused.err.contains("CONCORD_API_KEY"), "{}", refused.err);
    let with = |line: &str| answer(concord(folder.path(), line).env("CONCORD_API_KEY", &key));
    assert_eq!(with(&line).code, 0);
    let confirmed = with(&format!("admin clock confirm --server http://{} --json", server.address));
    assert!(confirmed.json()["confirmed_at"].is_string(), "{}", confirmed.err);
    server.stop();
}

fn journal_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("data/journal")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_damaged_journal_stops_the_start_and_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = run(folder.path(), "ledger verify");
    assert!(nothing.err.contains("there is no data directory"), "{}", nothing.err);
    let server = Running::start(folder.path(), "");
    server.post("/v1/postings", &posting("one"));
    server.post("/v1/postings", &posting("two"));
    server.stop();
    let segment =
        journal_files(folder.path()).into_iter().find(|path| path.extension().unwrap() == "seg").unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let place = bytes.windows(3).position(|window| window == b"one").unwrap();
    bytes[place] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let before: Vec<_> = journal_files(folder.path());
    let start = run(folder.path(), "serve --listen 127.0.0.1:0");
    assert_eq!((start.code, start.out.as_str()), (1, ""), "{}", start.err);
    let name = segment.file_name().unwrap().to_str().unwrap();
    for what in [name, "at byte", "Restore the newest backup", "opening the journal"] {
        assert!(start.err.contains(what), "{what}: {}", start.err);
    }
    let verified = run(folder.path(), "ledger verify --json");
    assert_eq!((verified.code, &verified.json()["holds"]), (1, &json!(false)));
    assert!(verified.json()["findings"][0]["what"].as_str().unwrap().contains(name), "{}", verified.out);
    let backup = run(folder.path(), "backup copy");
    assert_eq!(backup.code, 1, "{}", backup.out);
    assert!(!folder.path().join("copy/backup.json").exists());
    // Nothing was changed by looking.
    assert_eq!(std::fs::read(&segment).unwrap(), bytes);
    assert_eq!(journal_files(folder.path()).len(), before.len());
}

#[test]
fn a_backup_that_lost_something_is_not_restored() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path(), "");
    server.post("/v1/postings", &posting("one"));
    server.post("/v1/postings", &posting("two"));
    server.stop();
    assert_eq!(run(folder.path(), "backup copy").code, 0);
    let segment =
        std::fs::read_dir(folder.path().join("copy/journal")).unwrap().next().unwrap().unwrap().path();
    let bytes = std::fs::read(&segment).unwrap();
    // The last frame, as if it had never been written: every frame that is left holds.
    let last = bytes.windows(4).rposition(|window| window == b"CJF1").unwrap();
    let mut short = bytes;
    short[last..].fill(0);
    std::fs::write(&segment, short).unwrap();
    let refused = run(folder.path(), "restore copy --data-dir restored");
    assert_eq!(refused.code, 1, "{}", refused.out);
    assert!(refused.err.contains("the backup's list says"), "{}", refused.err);
    assert!(!folder.path().join("restored").exists());
}

#[test]
fn contexts_are_served_together() {
    let folder = tempfile::tempdir().unwrap();
    for (line, what) in [
        ("serve ledger", "identity too"),
        ("serve identity", "ledger too"),
        ("serve wallets", "identity too"),
        ("serve purses", "there is no context \"purses\""),
    ] {
        let refused = run(folder.path(), line);
        assert_eq!(refused.code, 2, "{line}: {}", refused.err);
        assert!(refused.err.contains(what), "{line}: {}", refused.err);
        assert!(!folder.path().join("data").exists());
    }
    Running::start(folder.path(), &wiring::CONTEXTS.join(" ")).stop();
}
