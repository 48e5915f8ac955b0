//! The real binary: its help, its exit codes, keys made, listed and revoked, backups taken and restored.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

struct Answer {
    code: i32,
    out: String,
    err: String,
}

impl Answer {
    fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.err);
        serde_json::from_str(&self.out).unwrap()
    }
}

/// A command in a directory of its own and an environment of its own.
fn concord(folder: &Path, line: &str, environment: &[(&str, &str)]) -> Answer {
    let mut command = Command::new(env!("CARGO_BIN_EXE_concord"));
    command.current_dir(folder).args(line.split_whitespace()).env_clear();
    let Output { status, stdout, stderr } = command.envs(environment.iter().copied()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Answer { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
}

#[test]
fn help_has_examples_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["", "serve", "openapi", "config", "admin", "admin keys", "backup", "restore"]
        .into_iter()
        .chain([
            "admin keys create",
            "admin keys list",
            "admin keys revoke",
            "admin clock",
            "admin clock confirm",
        ])
        .chain(["ledger", "ledger verify", "ledger trial-balance", "ledger export", "ledger import"])
    {
        let help = concord(folder.path(), &format!("{command} --help"), &[]);
        assert_eq!(help.code, 0);
        assert!(help.out.contains("Examples:"), "{command}");
        let name = format!("help {command}").trim().replace(' ', "_");
        insta::assert_snapshot!(name, help.out);
    }
}

#[test]
fn wrong_use_is_two_and_failure_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let rows = [
        ("", 2, "Usage"),
        ("no-such", 2, "unrecognized"),
        ("config --listen nowhere", 2, "must be an IP address and a port"),
        ("config --config missing.toml", 2, "No such file"),
        (
            "admin keys create --name a --scopes admin --expires-at tomorrow",
            2,
            "--expires-at: must be an RFC 3339",
        ),
        ("admin keys create --name a --scopes admin --tenant Acme", 2, "--tenant: a tenant's name"),
        ("admin keys revoke 17", 2, "KEY: must be an id of the form key_"),
        ("admin keys list --limit 501", 2, "--limit: must be a whole number"),
        ("admin keys list", 1, "there is no data directory ./data"),
        ("admin keys create --name a --scopes ledger:writ", 1, "there is no scope \"ledger:writ\""),
        ("backup copy --data-dir nowhere", 1, "there is no data directory nowhere"),
        ("restore .", 1, "is no backup"),
    ];
    for (line, code, what) in rows {
        let answer = concord(folder.path(), line, &[]);
        assert_eq!(answer.code, code, "{line}: {}", answer.err);
        assert!(answer.err.contains(what), "{line}: {}", answer.err);
        assert_eq!(answer.out, "", "{line}");
    }
    let json = concord(folder.path(), "--json restore .", &[]);
    let error: Value = serde_json::from_str(&json.err).unwrap();
    assert!(error["error"].as_str().unwrap().contains("is no backup"));
}

#[test]
fn configuration_in_force_says_where_it_came_from() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.toml"), "[log]\nlevel = \"debug\"\n").unwrap();
    let environment =
        [("CONCORD__SERVER__DRAIN_S", "3"), ("PORT", "9001"), ("REDIS_URL", "redis://:geheim@h")];
    let line = "config --config c.toml --data-dir /tmp/elsewhere --log-format json";
    let answer = concord(folder.path(), line, &environment);
    assert_eq!(answer.code, 0, "{}", answer.err);
    insta::assert_snapshot!("config_in_force", answer.out);
    assert!(answer.err.contains("REDIS_URL is set and has no effect"));
    assert!(!answer.err.contains("geheim"));
    // What is printed is a file that means the same.
    std::fs::write(folder.path().join("again.toml"), &answer.out).unwrap();
    let again = concord(folder.path(), "config --json --config again.toml", &[]).json();
    assert_eq!(again["server.listen"]["value"], "127.0.0.1:9001");
    assert_eq!(again["server.drain_s"], serde_json::json!({"value": 3, "from": "again.toml"}));
    let refused = concord(folder.path(), "config", &[("DATABASE_URL", "postgresql://u:geheim@h/db")]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("DATABASE_URL") && !refused.err.contains("geheim"), "{}", refused.err);
}

#[test]
fn keys_are_made_listed_and_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let run = |line: &str| concord(folder.path(), line, &[]);
    let plain = run("admin keys create --name till --scopes ledger:read,ledger:write");
    assert_eq!(plain.code, 0, "{}", plain.err);
    let secret = plain.out.trim();
    assert!(secret.starts_with("ck_") && plain.out.lines().count() == 1, "{}", plain.out);
    assert!(plain.err.contains("till") && !plain.err.contains(secret));

    let made =
        run("admin keys create --name audit --scopes * --expires-at 2999-01-01T00:00:00Z --json").json();
    assert_eq!(made["tenant"], "default");
    assert_eq!(made["expires_at"], "2999-01-01T00:00:00.000000Z");
    run("admin keys create --name other --scopes admin --tenant acme").json_or_text();

    let listed = run("admin keys list --json").json();
    let names: Vec<_> = listed["data"].as_array().unwrap().iter().map(|key| key["name"].clone()).collect();
    assert_eq!(names, ["audit", "till"]);
    assert!(!listed.to_string().contains(secret));
    assert_eq!(listed["data"][1]["last_four"], secret[secret.len() - 4..]);
    let page = run("admin keys list --limit 1 --json").json();
    let cursor = page["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(run(&format!("admin keys list --cursor {cursor} --json")).json()["data"][0]["name"], "till");

    let id = made["id"].as_str().unwrap();
    let first = run(&format!("admin keys revoke {id} --json")).json();
    assert!(first["revoked_at"].is_string());
    assert_eq!(run(&format!("admin keys revoke {id} --json")).json(), first);
    let foreign = run(&format!("admin keys revoke {id} --tenant acme"));
    assert_eq!(foreign.code, 1);
    assert!(foreign.err.contains("this tenant has no key"), "{}", foreign.err);
    assert!(run("admin keys list").out.contains("revoked"));
}

impl Answer {
    fn json_or_text(&self) {
        assert_eq!(self.code, 0, "{}", self.err);
    }
}

#[test]
fn backups_are_whole_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let run = |line: &str| concord(folder.path(), line, &[]);
    run("admin keys create --name till --scopes admin").json_or_text();
    assert_eq!(run("backup copy --json").json()["parts"], serde_json::json!(["identity.sqlite"]));
    run("admin keys create --name later --scopes admin").json_or_text();
    let again = run("backup copy");
    assert!(again.err.contains("copy is not empty"), "{}", again.err);

    let over = run("restore copy");
    assert!(over.err.contains("is not empty"), "{}", over.err);
    run("restore copy --data-dir restored").json_or_text();
    let names = run("admin keys list --data-dir restored --json").json();
    assert_eq!(names["data"].as_array().unwrap().len(), 1);
    assert_eq!(names["data"][0]["name"], "till");

    // A damaged copy is noticed, and leaves nothing under the new name.
    let file = folder.path().join("copy/identity.sqlite");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[4096..4196].fill(0x5a);
    std::fs::write(&file, bytes).unwrap();
    let damaged = run("restore copy --data-dir damaged");
    assert_eq!(damaged.code, 1, "{}", damaged.err);
    assert!(!folder.path().join("damaged").exists() && !folder.path().join("damaged.restoring").exists());

    // What a backup would miss stops it.
    std::fs::create_dir(folder.path().join("data/unknown")).unwrap();
    let stranger = run("backup copy2");
    assert!(stranger.err.contains("a backup would miss: unknown"), "{}", stranger.err);
    assert!(!folder.path().join("copy2").exists());
}
