//! beancount journals: what is taken, once however often; what is told; balances at the start of a day.

use super::hledger::trial;
use super::server::run;
use super::without_ids;
use super::writing::Dice;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const JOURNAL: &str = "\
option \"title\" \"What people write\"
option \"operating_currency\" \"EUR\"
* Accounts
2024-01-01 open Assets:Bank:Main   EUR
2024-01-01 open Wallets:Ada
2024-01-01 commodity EUR
  name: \"Euro\"

* Entries
2024-01-01 * \"opening\" #start ^doc-1
  party: \"ada\"
  Assets:Bank:Main    1,000.00 EUR
  Equity:Opening

2024-01-02 * \"Bakery\" \"bread\"
  Expenses:Food   2.50 EUR
    vat: 0.17
  Assets:Bank:Main

2024-01-02 balance Assets:Bank:Main  1000 EUR ; the day's start
2024-01-03 balance Assets:Bank  997.50 EUR
2024-01-03 balance Assets:Bank:Main  997.00 ~ 0.50 EUR

2024-01-03 ! \"a trip\"
  Expenses:Travel    (2 * 5) USD
  Expenses:Tea    3.125 GREEN.TEA-1
  Equity:Opening

2024-01-04 * \"shares\"
  Assets:Shares   1 X {10 EUR}
  Assets:Bank:Main

2024-01-04 * \"dollars\"
  Assets:Dollars   1 USD @ 1.10 EUR
  Assets:Bank:Main

2024-01-05 pad Assets:Bank:Main Equity:Opening
2024-01-06 balance Assets:Bank:Main  7 EUR
2024-01-06 balance Assets:Bank:Main  997.49 EUR
2024-01-06 price USD 1.1 EUR
2024-01-06 note Assets:Bank:Main \"called\"

2024-01-07 * \"nothing adds up\"
  Assets:Bank:Main   1 EUR
  Income:Gifts   -2 EUR

2024-01-07 * \"gift\"
  Assets:Bank:Main   0.001 EUR
  Income:Gifts

2999-01-01 * \"later\"
  Assets:Bank:Main   1 EUR
  Income:Gifts

include \"other.beancount\"
plugin \"beancount.plugins.auto_accounts\"
2024-01-08 frobnicate Assets:Bank:Main
nonsense
";

#[test]
fn what_people_write_is_posted_once_and_the_rest_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.beancount"), JOURNAL).unwrap();
    let strict = run(folder.path(), "ledger import a.beancount --strict");
    assert_eq!((strict.code, strict.out.as_str()), (1, ""), "{}", strict.err);
    assert!(strict.err.contains("12 blocks were rejected"), "{}", strict.err);
    assert!(!run(folder.path(), "ledger export").out.contains("20"));

    let done = run(folder.path(), "ledger import a.beancount --rejects bad.bean");
    assert_eq!(done.out, "3 posted, 0 already there, 12 rejected\n", "{}", done.err);
    insta::assert_snapshot!("beancount_told", done.err);
    insta::assert_snapshot!("beancount_exported", without_ids(folder.path(), "data"));
    // What was rejected is beancount again, with its reasons as comments.
    let bad = std::fs::read_to_string(folder.path().join("bad.bean")).unwrap();
    assert!(bad.starts_with("; line 29: a lot's cost ({}) is not taken\n2024-01-04 * \"shares\"\n"), "{bad}");
    std::fs::write(folder.path().join("bad.bean"), bad.replace(" {10 EUR}", "").replace("1 X", "1 EUR"))
        .unwrap();
    let mended = run(folder.path(), "ledger import bad.bean");
    assert_eq!(mended.out, "1 posted, 0 already there, 11 rejected\n", "{}", mended.err);

    let books = trial(folder.path(), "data");
    let again = run(folder.path(), "ledger import a.beancount --json");
    let said = again.json();
    assert_eq!(
        (&said["posted"], &said["already_there"], &said["rejected"]),
        (&json!(0), &json!(3), &json!(12))
    );
    assert_eq!(trial(folder.path(), "data"), books);
}

#[test]
fn balances_hold_at_the_start_of_their_day_in_whatever_order_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let text = "\
2024-02-01 balance A:B  3 EUR
2024-02-01 * \"x\"
  A:B:C  1 EUR
  E:F
2024-02-02 balance A:B  4 EUR
2024-02-02 balance A:B:C  1 EUR
2024-02-02 balance A  4 EUR
2024-02-02 balance A:B  0 USD
2024-02-02 balance Z:Z  0 EUR
2024-02-02 balance Z:Z  1 EUR
2024-02-02 balance E:F  -4.00 EUR
2024-01-31 * \"earlier\"
  A:B  3 EUR
  E:F
2024-01-31 balance A:B  0 EUR
2024-01-31 balance A:B  3 EUR
2025-01-01 balance A:B  4.02 ~ 0.01 EUR
2025-01-01 balance A:B  4.01 ~ 0.01 EUR
";
    std::fs::write(folder.path().join("a.bean"), text).unwrap();
    let done = run(folder.path(), "ledger import a.bean --json");
    let said = done.json();
    let lines: Vec<u64> =
        said["first_rejected"].as_array().unwrap().iter().map(|bad| bad["line"].as_u64().unwrap()).collect();
    assert_eq!((&said["posted"], lines), (&json!(2), vec![7, 10, 16, 17]), "{said}");
    let reason = &said["first_rejected"][2]["reason"];
    assert_eq!(
        reason,
        "the balance assertion on \"A:B\" fails: at the start of 2024-01-31 the balance is 0 and not 3 EUR"
    );
}

#[test]
fn roots_of_accounts_may_have_other_names() {
    let folder = tempfile::tempdir().unwrap();
    let text = "option \"name_assets\" \"Vermoegen\"\noption \"name_income\" \"Ertrag\"\n\
                2024-01-01 * \"x\"\n  Vermoegen:Bank  1 EUR\n  Ertrag:Lohn\n";
    std::fs::write(folder.path().join("a.txt"), text).unwrap();
    let done = run(folder.path(), "ledger import a.txt --format beancount --strict");
    assert_eq!(done.out, "1 posted, 0 already there, 0 rejected\n", "{}", done.err);
    let table = run(folder.path(), "ledger trial-balance --json").json();
    assert_eq!((&table["data"][0]["type"], &table["data"][1]["type"]), (&json!("asset"), &json!("income")));
}

/// Cents with a spelling of its own.
fn spell(dice: &mut Dice, cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let (whole, rest) = (cents.abs() / 100, cents.abs() % 100);
    let grouped = match whole >= 1_000 {
        true => format!("{},{:03}", whole / 1_000, whole % 1_000),
        false => whole.to_string(),
    };
    match dice.below(5) {
        0 => format!("{sign}{grouped}.{rest:02}"),
        1 => format!("({sign}{whole}.{rest:02} * 2) / 2"),
        2 => format!("{sign}{whole}.{rest:02} + 0.00"),
        3 if rest == 0 => format!("{sign}{whole}."),
        _ => format!("{sign}{whole}.{rest:02}"),
    }
}

/// What is added to an account in a commodity on a day of 2024, in cents.
type Added = Vec<(u64, &'static str, &'static str, i64)>;

/// A journal of so many entries in no order, and what it adds.
fn journal(seed: u64, entries: u64) -> (String, Added) {
    let mut dice = Dice(seed);
    let accounts =
        ["Assets:Bank", "Assets:Bank:Main", "Expenses:Food-x", "Income:Work", "Liabilities:C1", "Assets:Ünï"];
    let (mut text, mut added) = (String::from("option \"title\" \"x\"\n"), Added::new());
    for number in 0..entries {
        let day = dice.below(300);
        let date =
            format!("2024-{:02}-{:02}", 1 + day / 28, 1 + day % 28).replace('-', dice.one(&["-", "/"]));
        let flag = dice.one(&["*", "!", "txn", "P", "#"]);
        let said = dice.one(&["", " \"n\"", " \"p\" \"n\" #t ^l", " \"a \\\"q\\\"\" \"two\nlines\""]);
        let _ =
            writeln!(text, "{date} {flag}{said}{}", dice.one(&["", " ; c \"", "\n  key: \"v;w\"\n  ; c"]));
        let (one, commodity) = (dice.one(&accounts), dice.one(&["EUR", "USD", "G-1"]));
        let other = if one == accounts[0] { accounts[3] } else { accounts[0] };
        let cents = dice.below(2_000_000) as i64 - 1_000_000;
        let mark = dice.one(&["", "! ", "* "]);
        let _ =
            writeln!(text, "  {mark}{one}  {} {commodity}{}", spell(&mut dice, cents), dice.one(&["", ";c"]));
        added.push((day, one, commodity, cents));
        if dice.below(3) == 0 {
            let more = 1 + dice.below(99) as i64;
            let _ = writeln!(
                text,
                "    meta: {number}\n  {other}  {} {commodity}",
                spell(&mut dice, -cents - more)
            );
            let _ = writeln!(text, "  Expenses:Fees  {} {commodity}", spell(&mut dice, more));
            added.extend([(day, other, commodity, -cents - more), (day, "Expenses:Fees", commodity, more)]);
        } else {
            let _ = writeln!(text, "  {other}");
            added.push((day, other, commodity, -cents));
        }
        text.push_str(dice.one(&["", "\n", "* heading\n", "2024-01-01 note Assets:Bank \"x\"\n"]));
        if dice.below(8) == 0 {
            let _ = writeln!(text, "2024-12-31 open {one}");
        }
    }
    (text, added)
}

#[test]
fn journals_in_any_spelling_and_order_give_the_sums_and_balances_they_say() {
    for seed in [1, 7, 99] {
        let (mut text, added) = journal(seed, 300);
        let mut dice = Dice(seed + 1);
        // What balances are at the start of a day, accounts below included.
        for _ in 0..40 {
            let (day, commodity) = (dice.below(300), dice.one(&["EUR", "USD"]));
            let account = dice.one(&["Assets:Bank", "Assets:Bank:Main", "Income:Work"]);
            let below = |name: &str| name == account || name.starts_with(&format!("{account}:"));
            let rows = added.iter().filter(|row| row.0 < day && below(row.1) && row.2 == commodity);
            let cents: i64 = rows.map(|row| row.3).sum();
            let (month, day) = (1 + day / 28, 1 + day % 28);
            let said = spell(&mut dice, cents);
            let _ = writeln!(text, "2024-{month:02}-{day:02} balance {account}  {said} {commodity}");
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.bean"), text).unwrap();
        let done = run(folder.path(), "ledger import a.bean --strict");
        assert_eq!(done.out, "300 posted, 0 already there, 0 rejected\n", "{seed}: {}", done.err);
        let mut sums: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        added.iter().for_each(|(_, account, commodity, cents)| {
            *sums.entry((account, commodity)).or_default() += cents
        });
        let books = trial(folder.path(), "data");
        sums.retain(|_, cents| *cents != 0);
        assert_eq!(books.len(), sums.len());
        for ((account, commodity), cents) in sums {
            let balance = &books[&(account.to_owned(), commodity.to_owned())];
            let (whole, rest) = balance.split_once('.').unwrap_or((balance, ""));
            let found: i64 = format!("{whole}{rest:0<2}").parse().unwrap();
            assert_eq!(found, cents, "{seed} {account} {commodity}");
        }
        let again = run(folder.path(), "ledger import a.bean");
        assert_eq!(again.out, "0 posted, 300 already there, 0 rejected\n", "{seed}: {}", again.err);
    }
}
