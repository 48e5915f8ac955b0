//! beancount's journal: what is taken and what is not, as a table, and that no bytes stop the parser, by chance.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use formats::beancount::Parser;
use formats::{Balance, Item, Posting, Rejected};
use proptest::prelude::*;

fn items(text: &[u8]) -> Vec<Item> {
    let (mut parser, mut found) = (Parser::default(), Vec::new());
    for line in text.split(|byte| *byte == b'\n') {
        parser.line(line, &mut |item| found.push(item));
    }
    parser.finish(&mut |item| found.push(item));
    found
}

/// Everything found, an item a line.
fn told(text: &str) -> String {
    let told = |item| match item {
        Item::Transaction { line, transaction: entry, .. } => {
            let mark = ["", " !", " *"][entry.status as usize];
            let description = entry.description.replace('\n', "/");
            let tags: String = entry.tags.iter().map(|(name, value)| format!(" {name}={value}")).collect();
            let postings: Vec<String> = entry.postings.iter().map(posting).collect();
            format!("{line}: {}{mark} {description}{tags} | {}", entry.date, postings.join(" | "))
        }
        Item::Balance(Balance { line, date, account, amount, tolerance, .. }) => {
            format!("{line}= {date} {account} {} ~{tolerance} {}", amount.number, amount.commodity)
        }
        Item::Account { name, class } => format!("account {name} {class:?}"),
        Item::Commodity { .. } => unreachable!("beancount declares no decimals"),
        Item::Rejected(Rejected { line, reason, .. }) => format!("{line}! {reason}"),
    };
    items(text.as_bytes()).into_iter().map(told).collect::<Vec<String>>().join("\n")
}

fn posting(posting: &Posting) -> String {
    let mut text = format!("{} {} {}", posting.account, posting.amount.number, posting.amount.commodity);
    posting.tags.iter().for_each(|(name, value)| text.push_str(&format!(" {name}={value}")));
    text
}

fn check(text: &str, expected: &str) {
    assert_eq!(told(text), expected, "{text}");
}

#[test]
fn transactions_are_read() {
    for (text, expected) in [
        (
            "2024-01-31 * \"Bakery\" \"bread; fresh\" #food ^inv-1 #home ; said\n  order: \"17\"\n  due: 2024-02-01 ; x\n  Expenses:Food  2.50 EUR\n    vat: TRUE\n  ; a note\n  Assets:Cash\n",
            "1: 2024-01-31 * bread; fresh payee=Bakery tags=food links=inv-1 tags=home order=17 due=2024-02-01 | Expenses:Food 2.50 EUR vat=TRUE | Assets:Cash -2.50 EUR",
        ),
        ("2024/1/2 ! \"x\"\n A:B  1,000 X\n ! C:D -1000 X", "1: 2024-01-02 ! x | A:B 1000 X | C:D -1000 X"),
        ("2024-01-02 txn\n A:B  1 X\n C:D", "1: 2024-01-02 *  | A:B 1 X | C:D -1 X"),
        ("2024-01-02*\"x\"\n A:B  1 X;c\n C:D;c", "1: 2024-01-02 * x | A:B 1 X | C:D -1 X"),
        ("2024-01-02 P \"x\"\n A:B  1 X\n C:D", "1: 2024-01-02 x status=P | A:B 1 X | C:D -1 X"),
        (
            "2024-01-02 * \"two\nlines \\\"q\\\"\"\n #late\n A:B  (10 + 2) / 4 USD.X_Y-Z\n C:D",
            "1: 2024-01-02 * two/lines \"q\" tags=late | A:B 3 USD.X_Y-Z | C:D -3 USD.X_Y-Z",
        ),
        (
            "2024-01-02 * \"x\"\n A:Ünïté:1  1 X\n A:Ünïté:1  2 Y\n C:D-e",
            "1: 2024-01-02 * x | A:Ünïté:1 1 X | A:Ünïté:1 2 Y | C:D-e -1 X | C:D-e -2 Y",
        ),
        (
            "pushtag #trip\npushmeta place: \"Rome\"\n2024-01-02 * \"x\"\n A:B  1 X\n C:D\n2024-01-02 * \"x\" #trip\n place: \"Bari\"\n A:B  1 X\n C:D\npoptag #trip\npopmeta place:\n2024-01-02 * \"x\"\n A:B  1 X\n C:D",
            "3: 2024-01-02 * x tags=trip place=Rome | A:B 1 X | C:D -1 X\n6: 2024-01-02 * x tags=trip place=Bari | A:B 1 X | C:D -1 X\n12: 2024-01-02 * x | A:B 1 X | C:D -1 X",
        ),
        (
            "\u{feff}2024-01-02 * \"x\"\r\n A:B  1 X\r\n C:D\r\n2024-01-03 balance A:B  1.00 ~ 0.5 X\r\n",
            "1: 2024-01-02 * x | A:B 1 X | C:D -1 X\n4= 2024-01-03 A:B 1.00 ~0.5 X",
        ),
    ] {
        check(text, expected);
    }
}

#[test]
fn directives_are_passed_over_or_told() {
    for (text, expected) in [
        (
            "* heading\n; c\n  ; c\n# c\n: c\n& c\n2024-01-01 open A:B  EUR,USD \"FIFO\"\n  k: \"v\"\n2024-01-01 close A:B\n\
             2024-01-01 commodity EUR\n  name: \"Euro\"\n2024-01-01 note A:B \"a\nb\"\n2024-01-01 document A:B \"/x\"\n\
             2024-01-01 event \"e\" \"v\"\n2024-01-01 query \"q\" \"SELECT\n\n1\"\n2024-01-01 price EUR 1.1 USD\n\
             2024-01-01 custom \"budget\" A:B 1 EUR\noption \"title\" \"Mine\"\n",
            "",
        ),
        ("option \"name_assets\" \"Vermoegen\"", "account Vermoegen Some(Asset)"),
        ("option \"odd\" \"x\"", "1! the option is not known"),
        ("option title", "1! the option is not understood"),
        ("2024-01-02 balance A:B  -1,000.50 EUR ; c\n k: \"v\"", "1= 2024-01-02 A:B -1000.50 ~0 EUR"),
        ("2024-01-02 balance A:B  EUR", "1! the number is not understood"),
        ("2024-01-02 balance A:B  1", "1! the balance is not understood"),
        ("2024-01-02 balance A:B  1 ~ -1 X", "1! the balance is not understood"),
        (
            "2024-01-02 pad A:B Equity:Opening",
            "1! a pad is not taken: its amount follows from a later balance; write it as an entry",
        ),
        ("include \"a.bean\"", "1! include is not followed: import the other file itself"),
        (
            "plugin \"beancount.plugins.auto\"\n  \"x\"",
            "1! a plugin is not run: what it would check, change or add is left as it is written",
        ),
        ("poptag #x", "1! there is no pushed tag of this name"),
        ("popmeta xy:", "1! there is no pushed metadata of this name"),
        ("pushtag x", "1! the tag is not understood"),
        ("2024-01-02 frob A:B", "1! the directive is not known"),
        ("nonsense \"x\nmore", "1! the directive is not known\n2! the directive is not known"),
        ("  A:B  1 X", "1! an indented line stands under nothing"),
        ("2024-13-02 * \"x\"\n A:B 1 X\n C:D", "1! the calendar has no such day"),
        ("24-01-02 * \"x\"\n A:B 1 X\n C:D", "1! the date is not understood"),
        ("2024-01-02-03 * \"x\"\n A:B 1 X\n C:D", "1! the date is not understood"),
    ] {
        check(text, expected);
    }
}

#[test]
fn what_means_more_is_not_taken() {
    for (postings, reason) in [
        (" A:B  1 X {10 EUR}\n C:D", "a lot's cost ({}) is not taken"),
        (" A:B  1 X {}\n C:D", "a lot's cost ({}) is not taken"),
        (" A:B  1 X @ 10 EUR\n C:D", "a cost (@ or @@) is not taken"),
        (" A:B  1 X @@ 10 EUR\n C:D", "a cost (@ or @@) is not taken"),
        (
            " A:B  1\n C:D  -1 X",
            "a number without a commodity, or a commodity without a number, is not taken",
        ),
        (" A:B  1 X\n C:D  X", "a number without a commodity, or a commodity without a number, is not taken"),
        (" A:B  1 eur\n C:D", "the amount is not understood"),
        (" A:B  1 X y\n C:D", "the posting is not understood"),
        (" A:b  1 X\n C:D", "the account is not understood"),
        (" Assets  1 X\n C:D", "the account is not understood"),
        (" A:B  1 X\n C:D\n E:F", "two postings have no amount"),
        (" A:B  1.004 X\n C:D  -1.00 X", "the entry does not balance: 0.004 X is left"),
        (" A:B  10/3 X\n C:D", "the quotient is not exact, and money is not rounded here"),
        (" A:B  0.1234567890123456789 X\n C:D", "the number is too long"),
        (" key: \"v\" w\n A:B 1 X\n C:D", "the value of metadata is not understood"),
        ("", "the entry has no posting"),
    ] {
        check(&format!("2024-01-02 * \"x\"\n{postings}"), &format!("1! {reason}"));
    }
    let entry = "\n A:B 1 X\n C:D";
    for (header, reason) in [
        ("2024-01-02 * \"a\" \"b\" \"c\"", "a header has a payee and a narration, and no third text"),
        ("2024-01-02 * \"a\" nonsense", "the header is not understood"),
        ("2024-01-02 * #x \"a\"", "the header is not understood"),
    ] {
        check(&format!("{header}{entry}"), &format!("1! {reason}"));
    }
    check("2024-01-02 * \"open\n A:B 1 X\n C:D", "1! a text in quotes is not closed");
    let mut long = String::from("2024-01-02 * \"open\n");
    (0..70).for_each(|_| long.push_str(" more\n"));
    check(
        &format!("{long}\n2024-01-02 * \"x\"{entry}"),
        "1! a text in quotes is not closed within 64 lines\n73: 2024-01-02 * x | A:B 1 X | C:D -1 X",
    );
    check(
        &format!("2024-01-02 * \"x\"{entry}\n  k: \"{}\"\n\n2024-01-02 * \"x\"{entry}", "y".repeat(2 << 20)),
        "1! the block is longer than a megabyte\n6: 2024-01-02 * x | A:B 1 X | C:D -1 X",
    );
    assert!(matches!(&items(b"; \xff\n2024-01-01 * \"\xff\"\n A:B 1 X\n C:D")[..],
        [Item::Rejected(Rejected { line: 2, reason, .. })] if reason == "the text is not UTF-8"));
}

proptest! {
    #[test]
    fn no_bytes_stop_the_parser(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        items(&bytes);
    }

    #[test]
    fn no_text_stops_the_parser(text in "(2024-0?1[-/]1|txn|balance|pushtag |option | |  |\t|\n|\n  |A:B|[a=@{}()*/~!;:,.#^$\"\\\\XE+-]|[0-9]{1,3}|é|\u{a0}){0,60}") {
        items(text.as_bytes());
    }
}
