//! hledger's journal: what is taken and what is not, as a table; that printing reads back the same, and that no
//! bytes stop the parser, by chance.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use formats::Decimal;
use formats::hledger::{Parser, check_account, print};
use formats::{Amount, Assertion, Date, Item, Posting, Rejected, Status, Transaction};
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
    let mut out = String::new();
    for item in items(text.as_bytes()) {
        let line = match item {
            Item::Transaction { line, transaction: entry, .. } => {
                let mark = ["", " !", " *"][entry.status as usize];
                let code = entry.code.map(|code| format!(" ({code})")).unwrap_or_default();
                let tags: String =
                    entry.tags.iter().map(|(name, value)| format!(" {name}={value}")).collect();
                let postings: Vec<String> = entry.postings.iter().map(posting).collect();
                let comment = match entry.comment.as_str() {
                    "" => String::new(),
                    comment => format!(" ;{}", comment.replace('\n', "/")),
                };
                let description = if entry.description.is_empty() {
                    String::new()
                } else {
                    format!(" {}", entry.description)
                };
                let head = format!("{line}: {}{mark}{code}{description}{comment}{tags}", entry.date);
                format!("{} | {}", head.trim_end(), postings.join(" | "))
            }
            Item::Account { name, class } => format!("account {name} {class:?}"),
            Item::Commodity { commodity, scale } => format!("commodity {commodity} {scale}"),
            Item::Balance(balance) => panic!("{balance:?}"),
            Item::Rejected(Rejected { line, reason, .. }) => format!("{line}! {reason}"),
        };
        out.push_str(&line);
        out.push('\n');
    }
    out.trim_end().to_owned()
}

fn posting(posting: &Posting) -> String {
    let amount = |amount: &Amount| format!("{} {}", amount.number, amount.commodity).trim_end().to_owned();
    let mut text = format!("{} {}", posting.account, amount(&posting.amount));
    if let Some(said) = &posting.assertion {
        let marks = format!("{}{}", if said.sole { "=" } else { "" }, if said.inclusive { "*" } else { "" });
        text.push_str(&format!(" ={marks} {}", amount(&said.amount)));
    }
    posting.tags.iter().for_each(|(name, value)| text.push_str(&format!(" {name}={value}")));
    text
}

fn check(text: &str, expected: &str) {
    assert_eq!(told(text), expected, "{text}");
}

#[test]
fn entries_are_read() {
    for (text, expected) in [
        (
            "2024-01-31 * (17) bread ; kind:food, crust\n  expenses:food  2.50 EUR ; vat:7\n  assets:cash in hand",
            "1: 2024-01-31 * (17) bread ;crust kind=food | expenses:food 2.50 EUR vat=7 | assets:cash in hand -2.50 EUR",
        ),
        ("2024/1/2 !\n a\t\t1\n b\t -1", "1: 2024-01-02 ! | a 1 | b -1"),
        (
            "2024.01.02\n ; a note\n ; of: two, lines\n a  1\n b  -1",
            "1: 2024-01-02 ;a note/lines of=two | a 1 | b -1",
        ),
        ("Y2023\n12/31 x\n a  $1\n b", "2: 2023-12-31 x | a 1 $ | b -1 $"),
        ("year 2023\n12-31 x\n a  $1\n b", "2: 2023-12-31 x | a 1 $ | b -1 $"),
        (
            "2024-02-29 x\n a  1 EUR\n a  2 USD\n b",
            "1: 2024-02-29 x | a 1 EUR | a 2 USD | b -1 EUR | b -2 USD",
        ),
        (
            "2024-01-01 x\n a  1 EUR = 5 EUR\n b  -1 EUR ==* -5 EUR",
            "1: 2024-01-01 x | a 1 EUR = 5 EUR | b -1 EUR ==* -5 EUR",
        ),
        ("2024-01-01 x\n a  0.10 EUR\n b  -0.1 EUR", "1: 2024-01-01 x | a 0.10 EUR | b -0.1 EUR"),
        (
            "; no\n# no\n* no\n  ; no\n\ncomment\n2024 nonsense\nend comment\n2024-01-01 x\n a  1\n b",
            "9: 2024-01-01 x | a 1 | b -1",
        ),
        (
            "commodity 1.000,00 EUR\n2024-01-01 x\n a  1.000 EUR\n b",
            "commodity EUR 2\n2: 2024-01-01 x | a 1000 EUR | b -1000 EUR",
        ),
        (
            "commodity $\n  format $1,000.00\n2024-01-01 x\n a  $1,000\n b",
            "commodity $ 2\n3: 2024-01-01 x | a 1000 $ | b -1000 $",
        ),
        ("decimal-mark ,\n2024-01-01 x\n a  1.000\n b", "2: 2024-01-01 x | a 1000 | b -1000"),
        (
            "D 1,000.00 EUR\n2024-01-01 x\n a  1,000\n b",
            "commodity EUR 2\n2: 2024-01-01 x | a 1000 EUR | b -1000 EUR",
        ),
        (
            "account assets:cash  ; type: C\naccount x\n  ; type:X\naccount y  ; z\n",
            "account assets:cash Some(Asset)\naccount x Some(Expense)\naccount y None",
        ),
        ("P 2024-01-01 EUR $1.10\npayee x\ntag y\n", ""),
        ("2024-01-01 x\r\n a  1\r\n b\r\n", "1: 2024-01-01 x | a 1 | b -1"),
        (
            "2024-01-01 x\n a  1\n b\n2024-01-02 y\n a  2\n b",
            "1: 2024-01-01 x | a 1 | b -1\n4: 2024-01-02 y | a 2 | b -2",
        ),
    ] {
        check(text, expected);
    }
}

#[test]
fn what_means_more_is_not_taken() {
    let entry = |postings: &str| format!("2024-01-01 x\n{postings}");
    for (postings, reason) in [
        (" (a)  1\n b", "a virtual posting is not taken"),
        (" [a]  1\n b", "a virtual posting is not taken"),
        (" a  1 EUR @ 2 USD\n b", "a cost (@ or @@) is not taken"),
        (" a  1 EUR @@ 2 USD\n b", "a cost (@ or @@) is not taken"),
        (" a  1 X {2 EUR}\n b", "a lot's cost ({}) is not taken"),
        (" a  = 5 EUR\n b", "an amount that is left to a balance (= without an amount) is not taken"),
        (" a  1 ; date:2024-01-02\n b", "a posting with a date of its own is not taken"),
        (" a  1 ; [2024-01-02]\n b", "a posting with a date of its own is not taken"),
        (" a  1\n b  -2", "the entry does not balance: -1 is left"),
        (" a  1 EUR\n b  -1 USD", "the entry does not balance: 1 EUR, -1 USD is left"),
        (" a\n b", "two postings have no amount"),
        ("", "the entry has no posting"),
        (" a  one\n b", "the amount is not understood"),
    ] {
        check(&entry(postings), &format!("1! {reason}"));
    }
    for (text, expected) in [
        ("2024-13-01 x\n a  1\n b", "1! the calendar has no such day"),
        ("2023-02-29 x\n a  1\n b", "1! the calendar has no such day"),
        ("2024-01.01 x\n a  1\n b", "1! the date is not understood"),
        ("01-01 x\n a  1\n b", "1! the date has no year, and no Y directive gives one"),
        ("2024-01-01=2024-01-02 x\n a  1\n b", "1! an entry with two dates is not taken"),
        ("  a  1\n  b", "1! an indented line stands under nothing"),
        ("include other.journal", "1! include is not followed: import the other file itself"),
        ("~ monthly\n  a  1\n  b", "1! a periodic entry is not taken"),
        ("= a\n  b  *2", "1! an automatic posting rule is not taken"),
        ("nonsense", "1! the directive is not known"),
        (
            "alias a=b\n2024-01-01 x\n a  1\n b\nend aliases\n2024-01-01 x\n a  1\n b",
            "1! this changes the accounts of entries behind it, which are not taken\n\
             2! an alias may change the accounts of this entry\n6: 2024-01-01 x | a 1 | b -1",
        ),
    ] {
        check(text, expected);
    }
    assert!(matches!(&items(b"2024-01-01 \xff\n a  1\n b")[..],
        [Item::Rejected(Rejected { reason, .. })] if reason == "the text is not UTF-8"));
    let long = format!("2024-01-01 x\n a  1\n b\n ; {}", "y".repeat(2 << 20));
    check(&long, "1! the block is longer than a megabyte");
}

#[test]
fn accounts_that_cannot_be_named_are_refused() {
    for good in ["a", "assets:cash in hand", "Активы:Банк 1", "a;b", "a%b"] {
        assert!(check_account(good).is_ok(), "{good}");
    }
    for bad in ["", "a  b", "a\tb", "(a)", "[a", "* a", "!a", ";a", " a", "a\u{a0}b", "a\u{2003}b"] {
        assert!(check_account(bad).is_err(), "{bad}");
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-zA-Z0-9 ._()*!;:,%\\[\\]-]{0,12}",
        1 => any::<String>(),
        1 => prop::sample::select(vec!["", "comment", "code", "description", "date", "a:b", "2024-01-01"])
            .prop_map(str::to_owned),
    ]
}

fn amount() -> impl Strategy<Value = Amount> {
    let commodity = prop::sample::select(vec!["", "EUR", "$", "USDC.E-1", "a b", "€", "A1", "µ;x"]);
    let units = prop_oneof![-2000_i128..2000, -10_i128.pow(17)..10_i128.pow(17)];
    (units, 0_u8..=18, commodity).prop_map(|(units, scale, commodity)| {
        let commodity = commodity.to_owned();
        Amount { number: Decimal { units, scale }, commodity }
    })
}

fn tags() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec((text(), text()), 0..3)
}

prop_compose! {
    fn pair()(
        accounts in [account(), account()],
        amount in amount(),
        said in prop::option::of((amount(), any::<bool>(), any::<bool>())),
        notes in [text(), text()],
        tags in [tags(), tags()],
    ) -> Vec<Posting> {
        let assertion = said.map(|(amount, sole, inclusive)| Assertion { amount, sole, inclusive });
        let other = Amount { number: amount.number.negated(), commodity: amount.commodity.clone() };
        let [one, two] = accounts;
        let ([note, remark], [few, more]) = (notes, tags);
        vec![
            Posting { account: one, amount, assertion, comment: note, tags: few },
            Posting { account: two, amount: other, assertion: None, comment: remark, tags: more },
        ]
    }
}

fn account() -> impl Strategy<Value = String> {
    "[a-zé0-9(][a-zA-Z0-9 :;)é=@%-]{0,20}".prop_filter("a name", |name| check_account(name).is_ok())
}

prop_compose! {
    fn entry()(
        day in (1_u16..=9999, 1_u8..=12, 1_u8..=28),
        status in prop::sample::select(vec![Status::Unmarked, Status::Pending, Status::Cleared]),
        code in prop::option::of(text()),
        description in text(),
        comment in text(),
        tags in tags(),
        pairs in prop::collection::vec(pair(), 1..3),
    ) -> Transaction {
        let date = Date::try_new(day.0, day.1, day.2).unwrap();
        let postings = pairs.into_iter().flatten().collect();
        Transaction { date, status, code, description, comment, tags, postings }
    }
}

proptest! {
    #[test]
    fn printing_reads_back(entries in prop::collection::vec(entry(), 1..4)) {
        let mut text = String::new();
        entries.iter().for_each(|entry| print(&mut text, entry).unwrap());
        let read: Vec<Transaction> = items(text.as_bytes()).into_iter().map(|item| match item {
            Item::Transaction { transaction, .. } => transaction,
            other => panic!("{other:?} in {text}"),
        }).collect();
        prop_assert_eq!(read, entries, "{}", text);
    }

    #[test]
    fn no_bytes_stop_the_parser(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        items(&bytes);
    }

    #[test]
    fn no_text_stops_the_parser(text in "(2024-0?1[-/]1|Y| |  |\t|\n|\n  |[a=@{}()*!;:,.$\"'E%-]|[0-9]{1,3}|account |commodity |D |é|\u{a0}|comment|alias ){0,60}") {
        items(text.as_bytes());
    }
}
