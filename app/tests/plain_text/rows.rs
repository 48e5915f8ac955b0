//! NDJSON and CSV of entries: what an export wrote gives the same book again; what was written by hand is taken or
//! told.

use super::hledger::trial;
use super::server::{Running, run};
use super::{generate, without_ids};
use serde_json::{Value, json};
use std::path::Path;

/// What an export says of a book's entries, without what belongs to the book: numbers, recorded times, and that an
/// entry was a reversal or a capture, which its metadata say after an import.
fn entries(folder: &Path, data: &str) -> Vec<Value> {
    let text = run(folder, &format!("ledger export --format ndjson --data-dir {data}")).out;
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!lines.is_empty());
    for line in &mut lines {
        let line = line.as_object_mut().unwrap();
        let (kind, of) = (line.remove("type").unwrap(), line.remove("of").unwrap());
        for name in ["seq", "recorded_at"] {
            line.remove(name);
        }
        let name = match kind.as_str().unwrap() {
            "reversal" => "reverses",
            "capture" => "captures",
            _ => continue,
        };
        line["metadata"][name] = of;
    }
    lines
}

#[test]
fn an_export_as_rows_or_lines_is_imported_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path());
    generate(&server);
    // A text that rows must quote, line ends of all kinds among it.
    let side = |account: &str, direction: &str| json!({"account": account, "direction": direction, "amount": "1", "currency": "EUR"});
    let odd = json!({"postings": [side("a;b:2", "debit"), side("bank:main:0", "credit")],
        "description": "\"x\",\r\ny\rz ", "metadata": {"a\"b": "c,\nd", "reference": "not one"}});
    assert_eq!(server.post("/v1/entries", &odd).0, 201);
    let unique = json!({"ref": "17", "postings": [side("a;b:2", "debit"), side("bank:main:0", "credit")]});
    let _ = server.post("/v1/postings", &unique);
    server.stop();
    for format in ["ndjson", "csv"] {
        let (one, two) = (format!("one.{format}"), format!("two.{format}"));
        assert_eq!(run(folder.path(), &format!("ledger export --output {one}")).code, 0);
        let done = run(folder.path(), &format!("ledger import {one} --data-dir of-{format} --strict --json"));
        assert_eq!(done.code, 0, "{} {}", done.out, done.err);
        assert_eq!(entries(folder.path(), &format!("of-{format}")), entries(folder.path(), "data"));
        assert_eq!(trial(folder.path(), &format!("of-{format}")), trial(folder.path(), "data"));
        // The same once more changes nothing, neither does the journey through another book.
        let again = run(folder.path(), &format!("ledger import {one} --data-dir of-{format} --json")).json();
        assert_eq!((&again["posted"], &again["rejected"]), (&json!(0), &json!(0)), "{again}");
        run(folder.path(), &format!("ledger export --data-dir of-{format} --output {two}"));
        let back = run(folder.path(), &format!("ledger import {two} --data-dir of-{format} --json")).json();
        assert_eq!((&back["posted"], &back["rejected"]), (&json!(0), &json!(0)), "{back}");
        // Its own export posts nothing a second time.
        let own = run(folder.path(), &format!("ledger import {one} --json")).json();
        assert_eq!(own["posted"], json!(0), "{own}");
        assert_eq!(run(folder.path(), &format!("ledger verify --data-dir of-{format}")).code, 0);
    }
    // Accounts have the types they had.
    let kinds = |data: &str| {
        let table = run(folder.path(), &format!("ledger trial-balance --json --data-dir {data}")).json();
        let rows = table["data"].as_array().unwrap().iter();
        rows.map(|row| (row["path"].to_string(), row["type"].to_string()))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    assert_eq!(kinds("of-csv"), kinds("data"));
    assert_eq!(kinds("of-ndjson"), kinds("data"));
}

const LINES: &str = r#"{"postings":[{"account":"assets:bank","direction":"debit","amount":"25.00","currency":"EUR"},{"account":"customers:ada","direction":"credit","amount":25.0,"currency":"EUR"}],"description":"top-up","effective_at":"2024-01-31T12:00:00Z","metadata":{"shop":"7"}}
{"postings":[{"account":1,"direction":"debit","amount":"1","currency":"EUR"},{"account":"income:fees","direction":"credit","amount":"1","currency":"EUR"}],"party":"ada","reference":"r-1"}

{"postings":[]}
{"postings":[{"account":"a","direction":"debit","amount":"0","currency":"EUR"},{"account":"b","direction":"left","amount":"max","currency":"EUR","up_to":"7"}],"odd":1}
{"postings":[{"account":"a","direction":"debit","amount":"2","currency":"EUR"},{"account":"b","direction":"credit","amount":"1","currency":"EUR"}]}
{"postings":[{"account":"acc_01kg9xk3vne2trz9qsm7b1w0f4","direction":"debit","amount":"1","currency":"EUR"},{"account":"b","direction":"credit","amount":"1","currency":"EUR"}]}
{"postings":[{"account":"a","direction":"debit","amount":"1","currency":"euro"},{"account":"b","direction":"credit","amount":"1","currency":"euro"}]}
{"postings":[{"account":"a","direction":"debit","amount":"1","currency":"EUR"},{"account":"b","direction":"credit","amount":"1","currency":"EUR"}],"conditions":[],"dry_run":true}
{"postings":[{"account":"a","direction":"debit","amount":"1","currency":"EUR"},{"account":"b","direction":"credit","amount":"1","currency":"EUR"}],"effective_at":"2999-01-01T00:00:00Z"}
not json
{"postings":[{"account":"a","direction":"debit","amount":1e3,"currency":"EUR"},{"account":"b","direction":"credit","amount":"1","currency":"EUR"}]}
"#;

#[test]
fn lines_written_by_hand_are_posted_once_and_the_rest_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.ndjson"), LINES).unwrap();
    let strict = run(folder.path(), "ledger import a.ndjson --strict");
    assert!(strict.err.contains("nothing was posted"), "{}", strict.err);
    let done = run(folder.path(), "ledger import a.ndjson");
    assert_eq!(done.out, "2 posted, 0 already there, 9 rejected\n", "{}", done.err);
    insta::assert_snapshot!("ndjson_told", done.err);
    let again = run(folder.path(), "ledger import a.ndjson");
    assert_eq!(again.out, "0 posted, 2 already there, 9 rejected\n", "{}", again.err);
    let lines = entries(folder.path(), "data");
    assert_eq!(lines[0]["effective_at"], "2024-01-31T12:00:00.000000Z");
    assert_eq!(lines[1]["postings"][0]["account"], "accounts:1");
    // Rejects are NDJSON again; their reasons are passed over.
    let bad = std::fs::read_to_string(folder.path().join("a.ndjson.rejects")).unwrap();
    assert!(bad.starts_with("# line 4: "), "{bad}");
    std::fs::write(folder.path().join("bad.ndjson"), bad.replace("\"amount\":\"2\"", "\"amount\":\"1\""))
        .unwrap();
    let mended = run(folder.path(), "ledger import bad.ndjson");
    assert_eq!(mended.out, "1 posted, 0 already there, 8 rejected\n", "{}", mended.err);
}

const ROWS: &str = "\
entry,account,account_type,amount,currency,effective_at,description,metadata
1,assets:bank,asset,2.50,EUR,2024-01-02,\"bread, butter\",\"{\"\"a\"\":\"\"b\"\"}\"
1,expenses:food,expense,-2.50,EUR,2024-01-02,\"bread, butter\",\"{\"\"a\"\":\"\"b\"\"}\"
2,assets:bank,,1,EUR,2024-01-03T10:00:00Z,,
2,customers:ada,liability,-3,EUR,2024-01-03T10:00:00Z,,
2,customers:bob,liability,2,EUR,2024-01-03T10:00:00Z,,
3,assets:bank,,1,EUR,,,
3,customers:ada,,-1,EUR,,other,
4,assets:bank,,1.0.0,EUR,,,
4,customers:ada,,-1,EUR,,,
,assets:bank,,1,EUR,,,
5,assets:bank,,1,EUR
5,customers:ada,,-1,EUR,,,
6,assets:bank,odd,1,EUR,,,
7,assets:bank,,1,EUR,yesterday,,
8,assets:bank,,1,EUR,,,[1]
9,\"assets:bank\" x,,1,EUR,,,
10,assets:bank,,1,EUR,,,
10,customers:ada,,-2,EUR,,,
11,assets:bank,,1,EUR,,,\"{\"\"a\"\":\"\"open
";

#[test]
fn rows_written_by_hand_are_posted_once_and_the_rest_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.csv"), ROWS).unwrap();
    let done = run(folder.path(), "ledger import a.csv");
    assert_eq!(done.out, "2 posted, 0 already there, 11 rejected\n", "{}", done.err);
    insta::assert_snapshot!("csv_told", done.err);
    insta::assert_snapshot!("csv_exported", without_ids(folder.path(), "data"));
    let again = run(folder.path(), "ledger import a.csv");
    assert_eq!(again.out, "0 posted, 2 already there, 11 rejected\n", "{}", again.err);
    // Rejects start with the heading; their reasons are passed over.
    let bad = std::fs::read_to_string(folder.path().join("a.csv.rejects")).unwrap();
    let heading = ROWS.lines().next().unwrap();
    assert!(bad.starts_with(&format!("{heading}\n# line 7: ")), "{bad}");
    std::fs::write(folder.path().join("bad.csv"), bad.replace(",other,", ",,")).unwrap();
    let mended = run(folder.path(), "ledger import bad.csv");
    assert_eq!(mended.out, "1 posted, 0 already there, 9 rejected\n", "{}", mended.err);
    for (heading, what) in [
        ("date,amount", "has no column \"entry\" in its heading; a CSV of another shape needs --mapping"),
        ("entry,account,amount,currency,shop", "has a column \"shop\" that no export writes"),
        ("entry,account,amount,currency,entry", "has two columns \"entry\""),
        ("", "has no heading"),
    ] {
        std::fs::write(folder.path().join("b.csv"), heading).unwrap();
        let refused = run(folder.path(), "ledger import b.csv");
        assert_eq!(refused.code, 2, "{}", refused.err);
        assert!(refused.err.contains(what), "{}", refused.err);
    }
}
