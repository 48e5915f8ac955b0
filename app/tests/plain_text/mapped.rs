//! CSV by a mapping: the recipe as it is written, every way to say an amount, and mistakes told with their keys.

use super::hledger::trial;
use super::server::run;
use super::without_ids;
use std::path::Path;

/// The text of the first block of a kind in the recipe.
fn block(kind: &str) -> String {
    let recipe = include_str!("../../../docs/recipes/import-a-csv.md");
    let (_, rest) = recipe.split_once(&format!("```{kind}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

fn put(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    std::fs::write(folder.join(name), text).unwrap();
}

#[test]
fn the_recipe_does_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "statement.csv", block("csv"));
    put(folder.path(), "bank.toml", block("toml"));
    let line = block("sh");
    let line = line.trim().strip_prefix("concord ").unwrap();
    let strict = run(folder.path(), &format!("{line} --strict"));
    assert!(strict.err.contains("nothing was posted"), "{}", strict.err);
    let done = run(folder.path(), line);
    assert_eq!((done.code, done.out), (1, block("text")), "{}", done.err);
    insta::assert_snapshot!("mapped_told", done.err);
    insta::assert_snapshot!("mapped_exported", without_ids(folder.path(), "data"));
    // Mended rejects are the rest of the table.
    let bad = std::fs::read_to_string(folder.path().join("statement.csv.rejects")).unwrap();
    put(folder.path(), "rest.csv", bad.replace("minus two", "-2,00"));
    let mended = run(folder.path(), "ledger import rest.csv --mapping bank.toml");
    assert_eq!(mended.out, "1 posted, 0 already there, 0 rejected\n", "{}", mended.err);
    // The next table overlaps; the same rows of another account are others.
    let next = block("csv").replace("minus two", "-2,00") + "03.02.2024;03.02.2024;Bakery;;-2,50;EUR;\n";
    put(folder.path(), "next.csv", next);
    let next = run(folder.path(), "ledger import next.csv --mapping bank.toml");
    assert_eq!(next.out, "1 posted, 5 already there, 0 rejected\n", "{}", next.err);
    put(folder.path(), "other.toml", block("toml").replace("assets:bank:main", "assets:bank:other"));
    let other = run(folder.path(), "ledger import next.csv --mapping other.toml");
    assert_eq!(other.out, "6 posted, 0 already there, 0 rejected\n", "{}", other.err);
    // Something else of the same rows is a conflict, and nothing is posted twice.
    put(
        folder.path(),
        "changed.toml",
        block("toml").replace("counter_account = \"suspense:bank\"", "counter_account = \"suspense:new\""),
    );
    let changed = run(folder.path(), "ledger import next.csv --mapping changed.toml");
    assert_eq!(changed.out, "0 posted, 0 already there, 6 rejected\n", "{}", changed.err);
    let books = trial(folder.path(), "data");
    let of = |path: &str| books[&(path.to_owned(), "EUR".to_owned())].clone();
    assert_eq!((of("assets:bank:main"), of("suspense:bank")), ("1540.5".to_owned(), "-3081".to_owned()));
}

const FIXED: &str =
    "[values]\naccount = \"assets:a\"\ncounter_account = \"expenses:b\"\ncurrency = \"EUR\"\n";

#[test]
fn amounts_and_accounts_are_said_in_every_way() {
    for (mapping, table, wanted) in [
        // Where money goes that is above zero.
        ("[columns]\ndate = 1\namount = 2\n", "date,amount\n2024-01-01,7.50\n", "7.5"),
        (
            "[columns]\ndate = 1\namount = 2\n[values]\npositive = \"out\"\n",
            "date,amount\n2024-01-01,7.50\n",
            "-7.5",
        ),
        (
            "[columns]\ndate = 1\nmoney_in = 2\nmoney_out = 3\n",
            "d,i,o\n2024-01-01,10.00,\n2024-01-01,0.00,2.50\n2024-01-01,,0.50\n",
            "7",
        ),
        // By number, without a heading, in an older encoding, a tab between cells.
        (
            "[file]\nheading = false\nseparator = \"tab\"\nencoding = \"windows-1252\"\n[columns]\ndate = 2\namount = 1\ndescription = 3\n",
            "7.50\t2024-01-01\tcaf\u{e9}\n",
            "7.5",
        ),
        // Rows that name what is fixed otherwise, and rows that end in separators.
        (
            "[columns]\ndate = \"D\"\namount = \"A\"\ncurrency = \"C\"\naccount = \"W\"\ncounter_account = \"X\"\n[values]\ncounter_prefix = \"expenses:\"\ndate_format = \"M/D/YY*\"\n",
            "D,A,C,W,X\n1/2/24 10:00,2,,,\n1/2/24,5.50,€,assets:a,food,,\n1/2/24,1,USD,assets:c,\n",
            "7.5",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        // A section stands once in a file.
        let (mapping, fixed) = match mapping.contains("[values]") {
            true => (mapping.to_owned(), FIXED.replace("[values]\n", "")),
            false => (mapping.to_owned(), FIXED.to_owned()),
        };
        put(folder.path(), "m.toml", mapping.clone() + &fixed);
        let bytes: Vec<u8> = match mapping.contains("windows") {
            true => table.chars().map(|c| c as u8).collect(),
            false => table.as_bytes().to_vec(),
        };
        put(folder.path(), "t.dat", bytes);
        let done = run(folder.path(), "ledger import t.dat --mapping m.toml --strict");
        assert_eq!(done.code, 0, "{mapping}: {}", done.err);
        let books = trial(folder.path(), "data");
        assert_eq!(books[&("assets:a".to_owned(), "EUR".to_owned())], wanted, "{mapping}");
        if mapping.contains("windows") {
            assert!(run(folder.path(), "ledger export").out.contains(" café\n"));
        }
        if mapping.contains("prefix") {
            assert_eq!(books[&("expenses:food".to_owned(), "EUR".to_owned())], "-5.5");
        }
    }
}

#[test]
fn rows_that_cannot_be_taken_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let mapping = "[columns]\ndate = \"D\"\nmoney_in = \"I\"\nmoney_out = \"O\"\ncurrency = \"C\"\naccount = \"W\"\n\
                   [values]\ncounter_account = \"b\"\n";
    put(folder.path(), "m.toml", mapping);
    let table = "D,I,O,C,W\n2024-02-30,1,,EUR,a\n2024-01-01,1.5.0,,EUR,a\n2024-01-01,1,2,EUR,a\n2024-01-01,,-1,EUR,a\n\
                 2024-01-01,,,EUR,a\n2024-01-01,1,,,a\n2024-01-01,1,,EUR,\n2024-01-01,1,,euro,a\n2024-01-01,1,,EUR,b\n\
                 2024-01-01,1,,EUR\n2024-01-01,1,,EUR,a,more\n2999-01-01,1,,EUR,a\n2024-01-01,0.001,,EUR,a\n2024-01-01,1,,EUR,a\n";
    put(folder.path(), "t.csv", table);
    let done = run(folder.path(), "ledger import t.csv --mapping m.toml");
    assert_eq!(done.out, "1 posted, 0 already there, 13 rejected\n", "{}", done.err);
    insta::assert_snapshot!("mapped_rows_told", done.err);
}

#[test]
fn mistakes_of_a_mapping_name_their_keys() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "t.csv", "D,A,A\n2024-01-01,1,2\n");
    let good = format!("[columns]\ndate = \"D\"\namount = 2\n{FIXED}");
    for (mapping, what) in [
        (
            "",
            "columns.amount must be given, or else both columns.money_in and columns.money_out; values.currency must be given, or columns.currency where every row says it; values.account must be given, or columns.account where every row says it; values.counter_account must be given, or columns.counter_account where every row says it; columns.date must be given",
        ),
        ("not toml", "m.toml: TOML parse error at line 1"),
        (
            &good.replace("\"D\"", "\"E\""),
            "columns.date there is no column \"E\"; the heading has [\"D\", \"A\", \"A\"]",
        ),
        (
            &good.replace("= 2", "= \"A\""),
            "columns.amount there are two columns \"A\"; name one by its number",
        ),
        (&good.replace("= 2", "= 4"), "columns.amount there is no column 4: the first row has 3"),
        (
            &good.replace("= 2", "= 0"),
            "columns.amount must be a column's name in quotation marks, or its number",
        ),
        (&format!("{good}[file]\nheading = false\n"), "columns.date must be a column's number and not \"D\""),
        (&format!("{good}[file]\nheading = 1\n"), "file.heading must be true or false"),
        (
            &format!("{good}[file]\nskip_lines = -1\n"),
            "file.skip_lines must be a whole number from 0 to 1000",
        ),
        (&format!("{good}[file]\nskip_lines = 9\n"), "file.skip_lines: the file ends before its first row"),
        (&format!("{good}[file]\nseparator = \"::\"\n"), "file.separator must be one mark"),
        (
            &format!("{good}[file]\nencoding = \"utf-16\"\n"),
            "file.encoding must be one of: \"utf-8\", \"windows-1252\"",
        ),
        (
            &format!("{good}[file]\ncolour = 1\n"),
            "file.colour there is no such key; [file] takes separator, skip_lines",
        ),
        (&format!("{good}[colours]\nred = 1\n"), "colours there is no such section"),
        (
            &format!("{good}date_format = \"dd.mm.yyyy\"\n"),
            "values.date_format \"dd.mm.yyyy\": a date format is made of",
        ),
        (&format!("{good}decimal_mark = \";\"\n"), "values.decimal_mark must be one of: \".\", \",\""),
        (&format!("{good}positive = \"up\"\n"), "values.positive must be one of: \"in\", \"out\""),
        (&good.replace("assets:a", "assets::a"), "values.account a path's segments"),
        (&format!("{good}[types]\n\"assets:a\" = \"money\"\n"), "types.assets:a must be one of: \"asset\""),
        (&format!("{good}[metadata]\nshop = true\n"), "metadata.shop must be a column's name"),
    ] {
        put(folder.path(), "m.toml", mapping);
        let refused = run(folder.path(), "ledger import t.csv --mapping m.toml");
        assert_eq!(refused.code, 2, "{mapping}: {}", refused.err);
        assert!(
            refused.err.contains("--mapping: m.toml: ") && refused.err.contains(what),
            "{mapping}: {}",
            refused.err
        );
        assert!(!folder.path().join("data").exists());
    }
    put(folder.path(), "m.toml", good);
    let refused = run(folder.path(), "ledger import t.csv --mapping m.toml --format ndjson");
    assert!(refused.err.contains("--mapping: goes with CSV"), "{}", refused.err);
    let refused = run(folder.path(), "ledger import t.csv --mapping missing.toml");
    assert!(refused.err.contains("reading missing.toml"), "{}", refused.err);
    put(folder.path(), "t.csv", b"D,A\xe9\n");
    let refused = run(folder.path(), "ledger import t.csv --mapping m.toml");
    assert!(refused.err.contains("a mapping may say file.encoding"), "{}", refused.err);
}
