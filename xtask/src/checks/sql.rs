//! SQL stands in a context's store and in migrations; only `platform/store` opens a transaction; the database
//! runs nothing behind the code's back (no trigger, cascade or deferrable constraint).

use crate::finding::Finding;
use crate::source::Source;
use crate::tree::Tree;
use crate::words::{contains, places};

const RULE: &str = "sql";

/// How a statement begins.
const STATEMENTS: &[&str] = &[
    "SELECT ",
    "INSERT INTO ",
    "INSERT OR ",
    "UPDATE ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "CREATE INDEX ",
    "CREATE UNIQUE ",
    "DROP TABLE ",
    "ALTER TABLE ",
    "PRAGMA ",
    "WITH RECURSIVE ",
];

/// How a transaction is moved by text, and by call.
const TRANSACTIONS: &[&str] = &["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"];
const CALLS: &[&str] = &[".transaction(", ".unchecked_transaction(", ".transaction_with_behavior("];

/// Stores that are a module of their context.
const STORES: &[&str] = &["contexts/ledger/src/postgres/"];

/// What happens behind the code's back.
const HIDDEN: &[&str] = &["CREATE TRIGGER", "ON DELETE CASCADE", "ON UPDATE CASCADE", "DEFERRABLE"];

/// Checks every source outside the proof and every migration.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let outside = |path: &str| path.starts_with("proof/") || path.starts_with("xtask/");
    let sources = tree.sources.iter().filter(|source| !source.is_test && !outside(&source.path));
    let mut findings: Vec<Finding> = sources.flat_map(judge).collect();
    for (path, text) in tree.texts.iter().filter(|(path, _)| path.ends_with(".sql")) {
        for (index, line) in text.lines().enumerate() {
            let line = line.split("--").next().unwrap_or(line).to_uppercase();
            findings.extend(
                HIDDEN.iter().filter(|word| line.contains(**word)).map(|word| hidden(path, index + 1, word)),
            );
        }
    }
    findings
}

fn judge(source: &Source) -> Vec<Finding> {
    let store = source.path.starts_with("platform/store/");
    let may_query = store
        || source.name() == "store.rs"
        || source.path.contains("/store/")
        || STORES.iter().any(|path| source.path.starts_with(path));
    let mut findings = Vec::new();
    for literal in source.literals.iter().filter(|literal| !source.in_test(literal.at)) {
        let (line, text) = (source.line(literal.at), literal.text.trim_start());
        if !may_query && STATEMENTS.iter().any(|statement| text.starts_with(statement)) {
            let what = "SQL outside a store";
            findings.push(Finding::new(
                &source.path,
                line,
                RULE,
                what,
                "move the statement to the context's store.rs",
            ));
        }
        if !store && TRANSACTIONS.iter().any(|word| is_statement(text, word)) {
            findings.push(transaction(source, line));
        }
        findings.extend(
            HIDDEN.iter().filter(|word| contains(text, word)).map(|word| hidden(&source.path, line, word)),
        );
    }
    for call in CALLS.iter().filter(|_| !store) {
        let calls = places(&source.code, call).into_iter().filter(|&at| !source.in_test(at));
        findings.extend(calls.map(|at| transaction(source, source.line(at))));
    }
    findings
}

/// `BEGIN`, `BEGIN IMMEDIATE`, `COMMIT;`, but no word of a sentence.
fn is_statement(text: &str, word: &str) -> bool {
    let Some(rest) = text.strip_prefix(word) else { return false };
    let rest = rest.trim_end();
    rest.is_empty() || rest.starts_with(';') || rest.starts_with(' ') && rest == rest.to_uppercase()
}

fn transaction(source: &Source, line: usize) -> Finding {
    let remedy = "hand the change to platform/store, which alone opens transactions";
    Finding::new(&source.path, line, RULE, "a transaction outside platform/store", remedy)
}

fn hidden(path: &str, line: usize, word: &str) -> Finding {
    let remedy = "state the change in the unit; the database does nothing on its own";
    Finding::new(path, line, RULE, format!("`{word}` acts behind the code's back"), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::places;

    #[test]
    fn sql_stays_in_stores() {
        let text = "let a = \"SELECT 1\";\nlet b = \"BEGIN IMMEDIATE\";\nlet c = \"Select one\";\nx.transaction();\n";
        let files = [
            ("contexts/a/src/rules.rs", text),
            ("contexts/a/src/store.rs", text),
            ("contexts/ledger/src/postgres/reading.rs", "let a = \"SELECT 1\";"),
            ("contexts/a/tests/a.rs", text),
            ("platform/store/src/writer.rs", text),
            (
                "contexts/a/migrations/1.sql",
                "-- CREATE TRIGGER\nCREATE TABLE a (b REFERENCES c ON DELETE CASCADE);",
            ),
        ];
        assert_eq!(
            places(check, &files),
            [
                "contexts/a/migrations/1.sql:2 sql",
                "contexts/a/src/rules.rs:1 sql",
                "contexts/a/src/rules.rs:2 sql",
                "contexts/a/src/rules.rs:4 sql",
                "contexts/a/src/store.rs:2 sql",
                "contexts/a/src/store.rs:4 sql",
            ]
        );
    }
}
