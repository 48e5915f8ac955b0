//! Pure files have no clock, no chance, no I/O, no async and no wire shapes: time and ids arrive as arguments.
//! Pure are the files of a context named after the pure nouns, the kernel and the engines (which may use serde).

use crate::finding::Finding;
use crate::source::Source;
use crate::tree::Tree;
use crate::words::{contains, places};

const RULE: &str = "purity";

/// Files and folders of a context that decide and do not act.
const PURE: &[&str] = &["model", "rules", "refusal", "postings", "events"];

/// The kernel's only clock.
const CLOCK: &str = "kernel/src/time.rs";

/// What a pure file must not name, and what to do instead.
const IMPURE: &[(&str, &str)] = &[
    ("async", "the shell awaits; rules return what should happen"),
    ("await", "the shell awaits; rules return what should happen"),
    ("tokio", "the shell awaits; rules return what should happen"),
    ("futures_util", "the shell awaits; rules return what should happen"),
    ("std::fs", "take what was read as an argument"),
    ("std::io", "take what was read as an argument"),
    ("std::net", "take what was read as an argument"),
    ("std::env", "take the setting as an argument"),
    ("std::process", "the shell starts and ends processes"),
    ("std::thread", "the shell starts threads"),
    ("std::time", "take `now: Timestamp` as an argument"),
    ("SystemTime", "take `now: Timestamp` as an argument"),
    ("Instant", "take `now: Timestamp` as an argument"),
    ("rand", "take the id or the random value as an argument"),
    ("getrandom", "take the id or the random value as an argument"),
    ("platform_store", "the store reads first and commits after"),
    ("platform_http", "shapes and statuses belong to http.rs"),
    ("rusqlite", "the store reads first and commits after"),
    ("axum", "shapes and statuses belong to http.rs"),
    ("hyper", "shapes and statuses belong to http.rs"),
    ("rustix", "the store reads first and commits after"),
];

/// What is pure in impure modules.
const VALUES: &[&str] = &["std::time::Duration", "std::net::Ip", "std::net::SocketAddr"];

/// Wire shapes; engines may have them.
const SERDE: &[&str] = &["serde", "serde_json", "Serialize", "Deserialize"];

/// Checks every pure file.
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.sources.iter().filter(|source| !source.is_test && is_pure(&source.path)).flat_map(judge).collect()
}

fn is_pure(path: &str) -> bool {
    if path == CLOCK {
        return false;
    }
    if path.starts_with("kernel/src/") || path.starts_with("engines/") {
        return true;
    }
    let Some((_, inside)) = path.strip_prefix("contexts/").and_then(|rest| rest.split_once("/src/")) else {
        return false;
    };
    inside.trim_end_matches(".rs").split('/').any(|room| PURE.contains(&room))
}

fn judge(source: &Source) -> Vec<Finding> {
    let engine = source.path.starts_with("engines/");
    let serde =
        SERDE.iter().filter(|_| !engine).map(|word| (*word, "shapes belong to the edges: http.rs, store.rs"));
    let words: Vec<(&str, &str)> = IMPURE.iter().copied().chain(serde).collect();
    let imports = source.imports();
    let mut findings = Vec::new();
    for (word, remedy) in words {
        let inline = places(&source.code, word).into_iter().filter(|&at| !is_value(&source.code[at..]));
        let imported = imports.iter().filter(|(_, path)| contains(path, word) && !is_value(path));
        for at in inline.chain(imported.map(|(at, _)| *at)).filter(|&at| !source.in_test(at)) {
            let what = format!("a pure file names `{word}`");
            findings.push(Finding::new(&source.path, source.line(at), RULE, what, remedy));
        }
    }
    findings.sort();
    findings.dedup();
    findings
}

/// A span of time and an address are values; only clocks and sockets are impure. Groups are judged by what they
/// import.
fn is_value(path: &str) -> bool {
    VALUES.iter().any(|value| path.starts_with(value))
        || path.starts_with("std::time::{")
        || path.starts_with("std::net::{")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::places;

    #[test]
    fn pure_files_name_nothing_impure() {
        let files = [
            (
                "contexts/a/src/rules.rs",
                "//! tokio in a comment\nuse std::{fs, fmt};\nfn f() { \"serde\"; }\n",
            ),
            ("contexts/a/src/x/model.rs", "use std::time::Duration;\nuse std::time::{Duration, Instant};\n"),
            ("contexts/a/src/events/card.rs", "#[derive(Serialize)]\nasync fn f() {}\n"),
            ("contexts/a/src/store.rs", "use tokio::fs;\n"),
            ("contexts/a/src/refusal.rs", "#[cfg(test)]\nmod tests { use std::fs; }\n"),
            ("engines/e/src/lib.rs", "use serde::Serialize;\nuse rand::Rng;\n"),
            ("kernel/src/id.rs", "use std::time::SystemTime;\n"),
            ("kernel/src/time.rs", "use std::time::SystemTime;\n"),
            (
                "kernel/src/caller.rs",
                "use std::net::{IpAddr, SocketAddr};\nuse std::net::IpAddr;\nstd::net::TcpStream;\n",
            ),
        ];
        assert_eq!(
            super::super::places(check, &files),
            [
                "contexts/a/src/events/card.rs:1 purity",
                "contexts/a/src/events/card.rs:2 purity",
                "contexts/a/src/rules.rs:2 purity",
                "contexts/a/src/x/model.rs:2 purity",
                "contexts/a/src/x/model.rs:2 purity",
                "engines/e/src/lib.rs:2 purity",
                "kernel/src/caller.rs:3 purity",
                "kernel/src/id.rs:1 purity",
                "kernel/src/id.rs:1 purity",
            ]
        );
        assert!(places(check, &[("contexts/a/src/lib.rs", "use std::fs;")]).is_empty());
    }
}
