//! Books as plain text: what is exported is what hledger reads, to the last unit.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "plain_text/beancount.rs"]
mod beancount;
#[path = "plain_text/damaged.rs"]
mod damaged;
#[path = "plain_text/hledger.rs"]
mod hledger;
#[path = "plain_text/mapped.rs"]
mod mapped;
#[path = "plain_text/rows.rs"]
mod rows;
#[path = "plain_text/server.rs"]
mod server;
#[path = "plain_text/writing.rs"]
mod writing;

use hledger::{Hledger, trial};
use serde_json::{Value, json};
use server::{Running, run};
use std::path::Path;

/// Entries of a generated book.
const ENTRIES: u64 = 120;

/// A book with everything an entry may have: several currencies, odd texts, other days, reversals, holds and
/// captures in part.
fn generate(server: &Running) {
    server.post("/v1/assets", &json!({"code": "USDC.E-1", "scale": 6}));
    let kinds = ["asset", "liability", "equity", "income", "expense"];
    for number in 0..10 {
        let path = ["bank:main", "Активы:Банк 1", "a;b", "x = y @ z", "5%"][number % 5].to_owned();
        let account = json!({"path": format!("{path}:{number}"), "type": kinds[number % 5]});
        assert_eq!(server.post("/v1/accounts", &account).0, 201);
    }
    let path = |number: u64| {
        let number = number % 10;
        format!(
            "{}:{number}",
            ["bank:main", "Активы:Банк 1", "a;b", "x = y @ z", "5%"][(number % 5) as usize]
        )
    };
    for number in 0..ENTRIES {
        let (currency, scale) = [("EUR", 2), ("JPY", 0), ("USDC.E-1", 6), ("KWD", 3)][(number % 4) as usize];
        let units = number * number * 7919 + 1;
        let amount = match scale {
            0 => units.to_string(),
            scale => {
                format!("{}.{:0scale$}", units / 10_u64.pow(scale as u32), units % 10_u64.pow(scale as u32))
            }
        };
        let side = |account: String, direction: &str| json!({"account": account, "direction": direction, "amount": amount, "currency": currency});
        let postings = [side(path(number), "debit"), side(path(number + 1 + number / 3 % 9), "credit")];
        let mut entry = json!({"postings": postings, "reference": format!("order {number}")});
        if number % 3 == 0 {
            entry["description"] =
                json!(["(a) b", "two\nlines; x", "* star", "plain words, and more"][(number % 4) as usize]);
            entry["metadata"] =
                json!({"code": "17", "note": "a, b", "party": "p", "odd name": "1", "status": "*"});
            entry["party"] = json!("ada");
        }
        if number % 5 == 0 {
            entry["effective_at"] = json!(format!("2024-0{}-15T{:02}:00:00Z", 1 + number % 9, number % 24));
        }
        let (status, posted) = if number % 7 == 3 {
            let (status, hold) = server.post("/v1/holds", &json!({"postings": postings}));
            assert_eq!(status, 201, "{hold}");
            let captures = format!("/v1/holds/{}/captures", hold["id"].as_str().unwrap());
            if number % 2 == 1 { server.post(&captures, &json!({"amount": "1"})) } else { (status, hold) }
        } else {
            server.post("/v1/entries", &entry)
        };
        assert_eq!(status, 201, "{posted}");
        if number % 11 == 2 && posted["type"] == "entry" {
            let reversals = format!("/v1/entries/{}/reversals", posted["id"].as_str().unwrap());
            let (status, reversal) = server.post(&reversals, &json!({}));
            assert_eq!(status, 201, "{reversal}");
        }
    }
}

#[test]
fn hledger_agrees_with_a_generated_book() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path());
    generate(&server);
    // Beside the live server.
    let done = run(folder.path(), "ledger export --output books.journal --json");
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.json()["open_holds"].as_u64().unwrap() > 0);
    let books = trial(folder.path(), "data");
    assert!(books.len() > 20);
    if let Some(hledger) = Hledger::find() {
        hledger.check(&folder.path().join("books.journal"));
        assert_eq!(hledger.balance(&folder.path().join("books.journal")), books);
    }
    let text = std::fs::read_to_string(folder.path().join("books.journal")).unwrap();
    let out = run(folder.path(), "ledger export");
    assert_eq!((out.code, out.out), (0, text));
    assert!(out.err.contains("open holds are left out"), "{}", out.err);
    rows_say_the_same(folder.path(), done.json()["entries"].as_u64().unwrap());
    server.stop();
}

/// CSV and NDJSON have the same entries, and their sums are zero.
fn rows_say_the_same(folder: &Path, entries: u64) {
    let done = run(folder, "ledger export --output books.ndjson");
    assert!(done.out.contains("exported"), "{}", done.err);
    let text = std::fs::read_to_string(folder.join("books.ndjson")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len() as u64, entries);
    let postings: usize = lines.iter().map(|line| line["postings"].as_array().unwrap().len()).sum();
    assert!(lines.iter().any(|line| line["description"] == "two\nlines; x"));
    assert!(lines.iter().any(|line| line["type"] == "reversal" && line["of"].is_string()));
    let rows = run(folder, "ledger export --format csv").out;
    assert!(rows.starts_with("seq,entry,type,of,"), "{rows}");
    assert_eq!(rows.replace("two\nlines", "").lines().count(), postings + 1);
}

#[test]
fn an_export_that_fails_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let refused = run(folder.path(), "ledger export --output books.journal");
    assert!(refused.err.contains("there is no data directory"), "{}", refused.err);
    let server = Running::start(folder.path());
    for path in ["(odd)", "plain"] {
        assert_eq!(server.post("/v1/accounts", &json!({"path": path, "type": "asset"})).0, 201);
    }
    let side = |account: &str, direction: &str| json!({"account": account, "direction": direction, "amount": "1", "currency": "EUR"});
    let entry = json!({"postings": [side("(odd)", "debit"), side("plain", "credit")]});
    assert_eq!(server.post("/v1/entries", &entry).0, 201);
    let refused = run(folder.path(), "ledger export --output books.journal");
    assert_eq!(refused.code, 1);
    assert!(
        refused.err.contains("cannot name the account \"(odd)\"; export CSV or NDJSON"),
        "{}",
        refused.err
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(run(folder.path(), "ledger export --format csv").code, 0);
    let refused = run(folder.path(), "ledger export --tenant acme");
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("tenant acme has no book"), "{}", refused.err);
    server.stop();
}

/// What an export says of a book, without the ids: those of another book are others.
fn without_ids(folder: &Path, data: &str) -> String {
    let text = run(folder, &format!("ledger export --data-dir {data}")).out;
    assert!(text.contains("\n20"), "{text}");
    text.lines()
        .filter(|line| !line.trim().starts_with("; entry:"))
        .fold(String::new(), |out, line| out + line + "\n")
}

#[test]
fn an_export_is_imported_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path());
    generate(&server);
    server.stop();
    run(folder.path(), "ledger export --output one.journal");
    let done = run(folder.path(), "ledger import one.journal --data-dir second --strict --json");
    assert_eq!(done.code, 0, "{} {}", done.out, done.err);
    assert_eq!(trial(folder.path(), "second"), trial(folder.path(), "data"));
    run(folder.path(), "ledger export --data-dir second --output two.journal");
    // A journal says days, so those of the second book are midnights; from there on nothing changes.
    let done = run(folder.path(), "ledger import two.journal --data-dir third --strict");
    assert_eq!(done.code, 0, "{} {}", done.out, done.err);
    assert_eq!(without_ids(folder.path(), "third"), without_ids(folder.path(), "second"));
    assert_eq!(trial(folder.path(), "third"), trial(folder.path(), "data"));
    assert_eq!(run(folder.path(), "ledger verify --data-dir third").code, 0);
    // Its own export changes nothing: what says a day where the book says a moment is no other entry.
    let own = run(folder.path(), "ledger import one.journal --json").json();
    assert_eq!(own["posted"], json!(0), "{own}");
    assert_eq!(trial(folder.path(), "data"), trial(folder.path(), "third"));
    let again = run(folder.path(), "ledger import two.journal --data-dir second --json").json();
    assert_eq!((&again["posted"], &again["rejected"]), (&json!(0), &json!(0)), "{again}");
    if let Some(hledger) = Hledger::find() {
        hledger.check(&folder.path().join("two.journal"));
        assert_eq!(hledger.balance(&folder.path().join("two.journal")), trial(folder.path(), "third"));
    }
}

const JOURNAL: &str = "\
; what people write
account wallets     ; type: L
commodity 1,000.00 EUR
D 1,000.00 EUR

2024-01-01 * (17) opening | the year  ; by:ada, with a word
    assets:bank:main    1,000.00 EUR
    equity:opening

2024-01-02 bread
    expenses:food   2.50   ; vat:0.17
    assets:bank:main   = 997.50

2024-01-02 bread
    expenses:food   2.50 EUR
    assets:bank:main  -2.50 EUR = 997.50 EUR

2024-01-02 bread
    expenses:food   2.50 EUR
    assets:bank:main  -2.50 EUR =* 995 EUR

2024-01-03 ! a trip
    expenses:travel    $10
    expenses:tea    3 GREEN.TEA-1
    wallets:ada

2024-01-04 shares
    assets:shares   1 X @ 10 EUR
    assets:bank:main

2024-01-05 envelope
    assets:bank:main   1 EUR
    income:gifts
    (budget)  1 EUR

2024-01-06 nothing adds up
    assets:bank:main   1 EUR
    income:gifts   -2 EUR

2024-01-06 a wrong balance
    assets:bank:main   1 EUR = 7 EUR
    income:gifts

2024-01-06 gift
    assets:bank:main   0.001 EUR
    income:gifts

2999-01-01 later
    assets:bank:main   1 EUR
    income:gifts

~ monthly
    assets:bank:main   1 EUR
    income:gifts
";

#[test]
fn what_people_write_is_posted_once_and_the_rest_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("a.journal"),
        JOURNAL.replace("3 GREEN.TEA-1", "3.125 \"GREEN.TEA-1\""),
    )
    .unwrap();
    let strict = run(folder.path(), "ledger import a.journal --strict");
    assert_eq!((strict.code, strict.out.as_str()), (1, ""), "{}", strict.err);
    assert!(
        strict.err.contains("rejected and put into a.journal.rejects; nothing was posted"),
        "{}",
        strict.err
    );
    let nothing = run(folder.path(), "ledger export");
    assert!(!nothing.out.contains("20"), "{}", nothing.out);

    let done = run(folder.path(), "ledger import a.journal --rejects bad.journal");
    assert_eq!(
        (done.code, done.out.as_str()),
        (1, "4 posted, 0 already there, 8 rejected\n"),
        "{}",
        done.err
    );
    insta::assert_snapshot!(
        "import_rejects",
        std::fs::read_to_string(folder.path().join("bad.journal")).unwrap()
    );
    insta::assert_snapshot!("import_told", done.err);
    insta::assert_snapshot!("import_exported", without_ids(folder.path(), "data"));
    let trial = run(folder.path(), "ledger trial-balance").out;
    insta::assert_snapshot!("import_trial", trial);

    // The same again changes nothing; what is new in it is posted, wherever it stands.
    let digest = || run(folder.path(), "ledger verify --json").json()["books"][0]["digest"].clone();
    let before = digest();
    let again = run(folder.path(), "ledger import a.journal");
    assert_eq!(again.out, "0 posted, 4 already there, 8 rejected\n");
    assert_eq!(digest(), before);
    let more = format!(
        "2024-01-01 first of all\n  assets:bank:main  1 EUR\n  income:gifts\n\n{JOURNAL}\n2024-01-02 bread\n    expenses:food   2.50 EUR\n    assets:bank:main  -2.50 EUR = 997.50 EUR\n"
    );
    std::fs::write(
        folder.path().join("a.journal"),
        more.replace("3 GREEN.TEA-1", "3.125 \"GREEN.TEA-1\"").replace('=', ";"),
    )
    .unwrap();
    let more = run(folder.path(), "ledger import a.journal --json").json();
    assert!(more["posted"].as_u64().unwrap() >= 2, "{more}");
}

#[test]
fn an_import_that_cannot_be_done_says_why() {
    let folder = tempfile::tempdir().unwrap();
    for (line, code, what) in [
        ("ledger import missing.journal", 1, "No such file"),
        ("ledger import .", 1, "is no regular file"),
        ("ledger import a.csv", 1, "No such file"),
        ("ledger import a.journal --tenant A", 2, "--tenant"),
        ("ledger import a.journal --commodity x", 2, "--commodity: must be SYMBOL=CODE"),
        ("ledger import a.journal --commodity x=y", 2, "--commodity: an asset code"),
        ("ledger import a.journal --default-type odd", 2, "possible values"),
    ] {
        let refused = run(folder.path(), line);
        assert_eq!((refused.code, refused.out.as_str()), (code, ""), "{line}: {}", refused.err);
        assert!(refused.err.contains(what), "{line}: {}", refused.err);
        assert!(!folder.path().join("data").exists(), "{line}");
    }
    std::fs::write(folder.path().join("a.journal"), "2024-01-01 x\n a  1 h\n b  -1 h\n").unwrap();
    let server = Running::start(folder.path());
    let refused = run(folder.path(), "ledger import a.journal");
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("is in use by process"), "{}", refused.err);
    server.stop();
    let refused = run(folder.path(), "ledger import a.journal");
    assert!(refused.err.contains("--commodity 'h=CODE' gives it one"), "{}", refused.err);
    let done =
        run(folder.path(), "ledger import a.journal --commodity h=HOURS --tenant acme --default-type income");
    assert_eq!(done.out, "1 posted, 0 already there, 0 rejected\n", "{}", done.err);
    let table = run(folder.path(), "ledger trial-balance --tenant acme --json").json();
    assert_eq!(
        (&table["data"][0]["type"], &table["data"][0]["currency"]),
        (&json!("income"), &json!("HOURS"))
    );
}

#[test]
fn assertions_of_a_file_without_order_are_judged_by_date() {
    let folder = tempfile::tempdir().unwrap();
    let text = "2024-02-01 x\n a  1 EUR = 3 EUR\n b\n\n2024-01-01 y\n a  2 EUR = 2 EUR\n b\n\n\
                2024-03-01 z\n a  1 EUR = 3 EUR\n b\n";
    std::fs::write(folder.path().join("a.journal"), text).unwrap();
    let done = run(folder.path(), "ledger import a.journal --json");
    let said = done.json();
    assert_eq!((&said["posted"], &said["first_rejected"][0]["line"]), (&json!(2), &json!(9)), "{said}");
}

#[test]
fn hledger_agrees_with_an_imported_book() {
    for seed in [1, 7, 99] {
        let folder = tempfile::tempdir().unwrap();
        let (file, out) = (folder.path().join("a.journal"), folder.path().join("b.journal"));
        std::fs::write(&file, writing::journal(seed, 300)).unwrap();
        let done = run(folder.path(), "ledger import a.journal --strict");
        assert_eq!(done.out, "301 posted, 0 already there, 0 rejected\n", "{}", done.err);
        assert_eq!(run(folder.path(), "ledger export --output b.journal").code, 0);
        let books = trial(folder.path(), "data");
        if let Some(hledger) = Hledger::find() {
            hledger.check(&file);
            assert_eq!(hledger.balance(&file), books, "{seed}");
            hledger.check(&out);
            assert_eq!(hledger.balance(&out), books, "{seed}");
        }
        run(folder.path(), "ledger import b.journal --strict --data-dir second");
        assert_eq!(trial(folder.path(), "second"), books);
        assert_eq!(without_ids(folder.path(), "second"), without_ids(folder.path(), "data"));
        let again = run(folder.path(), "ledger import a.journal");
        assert_eq!(again.out, "0 posted, 301 already there, 0 rejected\n", "{}", again.err);
    }
}

#[test]
fn an_import_goes_on_where_it_stopped_and_equal_blocks_all_count() {
    let folder = tempfile::tempdir().unwrap();
    let block = "2024-01-01 bread\n  expenses:food  2.50 EUR\n  assets:cash\n\n";
    let import = |text: String| {
        std::fs::write(folder.path().join("a.journal"), text).unwrap();
        run(folder.path(), "ledger import a.journal").out
    };
    assert_eq!(import(block.repeat(2)), "2 posted, 0 already there, 0 rejected\n");
    assert_eq!(import(block.repeat(5)), "3 posted, 2 already there, 0 rejected\n");
    // Days that go back: equal blocks far from each other are still told apart.
    let other = block.replace("01-01", "01-02");
    let mixed = format!("{block}{other}{}", block.repeat(5));
    assert_eq!(import(mixed.clone()), "2 posted, 5 already there, 0 rejected\n");
    assert_eq!(import(mixed), "0 posted, 7 already there, 0 rejected\n");
    let books = trial(folder.path(), "data");
    assert_eq!(books[&("expenses:food".to_owned(), "EUR".to_owned())], "17.5");
}
