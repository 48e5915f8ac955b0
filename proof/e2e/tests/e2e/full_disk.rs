//! A disk that is full: writes are answered 503 and reads go on; once there is space again, nothing that was
//! acknowledged is missing. On a file system of a few mebibytes in memory, mounted by root or in a namespace.

use crate::chance::Chance;
use crate::client::Client;
use crate::json::{account, list};
use crate::server::{Server, until};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Names this very process a namespace's inside, and its file system.
const INSIDE: &str = "E2E_FULL_DISK";
const SIZE: &str = "size=48m";
const COMMANDS: usize = 500;
const RECOVERY: Duration = Duration::from_secs(30);

struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(at: &Path) -> bool {
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(at);
    mount.output().is_ok_and(|output| output.status.success())
}

/// Runs a test again where an ordinary user may mount.
fn run_in_namespace(test: &str) -> bool {
    let may = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    if !may(Command::new("unshare").args(["-Urm", "true"])) {
        return false;
    }
    let own = std::env::current_exe().unwrap();
    let mut again = Command::new("unshare");
    again.arg("-Urm").arg(own).args(["--exact", "--nocapture", test]);
    assert!(again.env(INSIDE, "1").status().unwrap().success());
    true
}

/// A small file system at this place. None where the test has run in a namespace instead, or cannot run at all.
fn small_disk(at: &Path, test: &str) -> Option<Mount> {
    fs::create_dir(at).unwrap();
    if mount(at) {
        return Some(Mount(at.to_owned()));
    }
    assert!(std::env::var_os(INSIDE).is_none(), "no mount in a namespace of its own");
    if !run_in_namespace(test) {
        assert!(
            std::env::var_os("CI").is_none(),
            "{test} needs root or user namespaces to mount a file system"
        );
        eprintln!("NOT RUN: {test} needs root or user namespaces to mount a small file system");
    }
    None
}

/// Posts batches until one is not taken; the ids that were acknowledged.
fn post_until_refused(client: &mut Client, chance: &mut Chance, acknowledged: &mut Vec<String>) {
    loop {
        let ids: Vec<String> = (0..COMMANDS).map(|_| chance.uuid()).collect();
        let command = |id: &String| {
            format!(
                r#"{{"type":"posting","id":"{id}","debit_account":"a","credit_account":"b","amount":"1.00","currency":"EUR"}}"#
            )
        };
        let commands: Vec<String> = ids.iter().map(command).collect();
        let body = format!(r#"{{"mode":"independent","commands":[{}]}}"#, commands.join(","));
        let answer = client.post("/v1/batches", &body);
        if answer.status != 201 {
            let code = answer.problem();
            assert!(
                answer.status == 503 && matches!(&*code, "ledger-unavailable" | "outcome-unknown"),
                "{}",
                answer.text()
            );
            return;
        }
        let results = answer.json();
        let posted = list(&results, "results").iter().all(|result| result["status"] == "posted");
        assert!(posted, "{results}");
        acknowledged.extend(ids);
    }
}

fn reads_go_on(client: &mut Client, acknowledged: &[String]) {
    client.get("/health").ok(200);
    client.get("/v1/trial-balance").ok(200);
    client.get("/v1/accounts/a/balances").ok(200);
    client.get("/v1/accounts/a/entries?limit=5").ok(200);
    client.get("/v1/journal?limit=5").ok(200);
    for id in acknowledged.iter().rev().take(20).chain(acknowledged.iter().take(20)) {
        client.get(&format!("/v1/entries/{id}")).ok(200);
    }
}

fn all_there(client: &mut Client, acknowledged: &[String]) {
    let trial = client.get("/v1/trial-balance").ok(200);
    let total = &trial["totals"][0];
    assert_eq!(total["debits"], total["credits"]);
    for id in acknowledged {
        client.get(&format!("/v1/entries/{id}")).ok(200);
    }
}

#[test]
fn a_full_disk_refuses_writes_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("data");
    let Some(_mount) = small_disk(&disk, "full_disk::a_full_disk_refuses_writes_and_loses_nothing") else {
        return;
    };
    // Half of the space is something that can be removed later.
    let ballast = disk.join("lost+found");
    fs::write(&ballast, vec![1; 20 << 20]).unwrap();
    let server = Server::start(folder.path());
    let (mut client, mut chance, mut acknowledged) = (server.client(), Chance::of("full disk"), Vec::new());
    for path in ["a", "b"] {
        client.post("/v1/accounts", &account(path, "asset")).ok(201);
    }
    post_until_refused(&mut client, &mut chance, &mut acknowledged);
    println!("{} entries until the disk was full", acknowledged.len());
    assert!(!acknowledged.is_empty());
    reads_go_on(&mut client, &acknowledged);
    assert_eq!(client.get("/ready").status, 503);
    // Restarted while it is full: it reads, and refuses to write.
    let server = server.again();
    let mut client = server.client();
    reads_go_on(&mut client, &acknowledged);
    // Space again: writes go on by themselves.
    fs::remove_file(&ballast).unwrap();
    until(RECOVERY, "readiness after space was freed", || client.get("/ready").status == 200);
    let before = acknowledged.len();
    all_there(&mut client, &acknowledged);
    post_until_refused(&mut client, &mut chance, &mut acknowledged);
    assert!(acknowledged.len() > before, "writes went on");
    let server = server.again();
    all_there(&mut server.client(), &acknowledged);
    println!("{} entries in all, all there", acknowledged.len());
}

#[test]
fn below_the_reserve_rows_wait_and_entries_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("data");
    let Some(_mount) = small_disk(&disk, "full_disk::below_the_reserve_rows_wait_and_entries_go_on") else {
        return;
    };
    let reserve = [("LEDGER__DISK_RESERVE_BYTES", "16777216")];
    let server = Server::start_with(folder.path(), &reserve);
    let mut client = server.client();
    client.post("/clients", r#"{"login":"ford","name":"Ford"}"#).ok(201);
    let ballast = disk.join("lost+found");
    fs::write(&ballast, vec![1; 26 << 20]).unwrap();
    let refused = || client.post("/v1/customers", r#"{"name":"Arthur"}"#).status == 503;
    until(RECOVERY, "a refusal below the reserve", refused);
    let answer = client.post("/v1/customers", r#"{"name":"Arthur"}"#);
    assert_eq!(answer.problem(), "ledger-unavailable");
    assert!(answer.text().contains("disk_reserve_bytes"), "{}", answer.text());
    client.post("/v1/accounts", &account("a", "asset")).ok(201);
    client.get("/v1/customers").ok(200);
    fs::remove_file(&ballast).unwrap();
    until(RECOVERY, "room", || client.post("/v1/customers", r#"{"name":"Arthur"}"#).status == 201);
}

#[test]
fn a_disk_that_fills_at_once_under_load_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("data");
    let test = "full_disk::a_disk_that_fills_at_once_under_load_loses_nothing";
    let Some(_mount) = small_disk(&disk, test) else { return };
    let server = Server::start(folder.path());
    let mut client = server.client();
    for path in ["a", "b"] {
        client.post("/v1/accounts", &account(path, "asset")).ok(201);
    }
    let (mut chance, mut acknowledged) = (Chance::of("full disk at once"), Vec::new());
    let ballast = disk.join("lost+found");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = File::create(&ballast).unwrap();
            while file.write_all(&[1; 1 << 16]).is_ok() {}
        });
        post_until_refused(&mut client, &mut chance, &mut acknowledged);
    });
    reads_go_on(&mut client, &acknowledged);
    fs::remove_file(&ballast).unwrap();
    let server = server.again();
    let mut client = server.client();
    until(RECOVERY, "readiness after space was freed", || client.get("/ready").status == 200);
    all_there(&mut client, &acknowledged);
    println!("{} entries until the disk was full, all there", acknowledged.len());
}
