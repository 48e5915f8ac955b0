//! beancount journals: what is taken, once however often; what is told; balances at the start of a day.

use super::hledger::trial;
use super::server::run;
use super::without_ids;
use serde_json::json;

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
