//! The real server: it answers, it has its directory alone, its door follows the keys, it stops when told to.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A server that was started, with the address it told.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(folder: &Path) -> Self {
        let mut child = concord(folder, "serve --listen 127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
        Self { child, address }
    }

    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn stop(mut self, signal: Signal) -> i32 {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn concord(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_concord"));
    command.current_dir(folder).args(line.split_whitespace()).env_clear().stderr(Stdio::null());
    command
}

fn run(folder: &Path, line: &str) -> (i32, String) {
    let Output { status, stderr, .. } = concord(folder, line).stderr(Stdio::piped()).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn a_server_answers_and_stops_when_told_to() {
    let folder = tempfile::tempdir().unwrap();
    for signal in [Signal::TERM, Signal::INT] {
        let server = Running::start(folder.path());
        assert_eq!(server.get("/health"), (200, "\"ok\"".to_owned()));
        let (status, ready) = server.get("/ready");
        assert_eq!((status, ready.contains("\"identity\":\"ok\"")), (200, true), "{ready}");
        assert_eq!(server.get("/nowhere").0, 404);
        assert_eq!(server.stop(signal), 0);
    }
}

#[test]
fn the_described_api_is_the_served_one() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path());
    let printed = concord(folder.path(), "openapi --json").output().unwrap();
    let printed: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
    let served: serde_json::Value = serde_json::from_str(&server.get("/openapi.json").1).unwrap();
    assert_eq!(printed, served);
}

#[test]
fn a_directory_has_one_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path());
    let (code, said) = run(folder.path(), "serve --listen 127.0.0.1:0");
    assert_eq!(code, 1);
    assert!(said.contains(&format!("is in use by process {}", server.child.id())), "{said}");
    // Killed without a chance to tidy up, it leaves nothing that holds up the next.
    drop(server);
    let deadline = Instant::now() + Duration::from_secs(10);
    let again = std::iter::repeat_with(std::thread::yield_now).take_while(|()| Instant::now() < deadline);
    let again = { again }.find_map(|()| {
        let data = concord::data_dir::DataDir::find(&folder.path().join("data")).unwrap();
        data.lock().ok()
    });
    drop(again.unwrap());
    assert_eq!(Running::start(folder.path()).stop(Signal::TERM), 0);
}

#[test]
fn keys_and_backups_are_made_beside_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path());
    assert_eq!(run(folder.path(), "admin keys create --name till --scopes admin").0, 0);
    assert_eq!(run(folder.path(), "backup copy").0, 0);
    assert_eq!(server.stop(Signal::TERM), 0);
}

#[test]
fn other_addresses_need_a_key_first() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = run(folder.path(), "serve --listen 0.0.0.0:0");
    assert_eq!(code, 1);
    assert!(said.contains("needs at least one API key"), "{said}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, said) = run(folder.path(), &format!("serve --listen {}", taken.local_addr().unwrap()));
    assert_eq!(code, 1);
    assert!(said.contains("listening on 127.0.0.1:"), "{said}");
    let (code, said) = run(folder.path(), "serve --data-dir other --config missing.toml");
    assert_eq!(code, 2, "{said}");
}

#[test]
fn a_start_is_quick() {
    let folder = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let server = Running::start(folder.path());
    assert_eq!(server.get("/ready").0, 200);
    // The promise is 0.3 s; a busy machine that runs all tests gets ten times that.
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}
