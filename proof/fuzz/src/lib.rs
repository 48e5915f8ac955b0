//! Targets for fuzzing: every parser of bytes from outside, as a function that must neither panic nor hang and
//! whose accepted inputs must read back. The same functions run under libFuzzer (`libfuzzer/`) and, with mutated
//! examples, in every test run (`tests/`).

use formats::csv::{Row, Rows, write_row};
use formats::hledger::{Parser, check_account, print};
use formats::{DateForm, Decimal, Encoding, Item, Transaction, read_number};
use kernel::money::{parse_minor, print_minor};
use kernel::{AssetCode, Cursor, Id, Tenant, Timestamp};
use ledger::accounts::model::path_check;
use ledger::books::rules::{pattern_check, pattern_matches, patterns_overlap};
use ledger::journal::frame::take_head;
use ledger::journal::record::take_record;
use platform_http::Query;
use platform_http::json::{Document, MapLimits, Reader};

/// A target and its name.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 10] = [
    ("record", record),
    ("frame", frame),
    ("body", body),
    ("query", query),
    ("amount", amount),
    ("names", names),
    ("hledger", hledger),
    ("beancount", beancount),
    ("rows", rows),
    ("cells", cells),
];

/// A record of the journal, at some position.
pub fn record(bytes: &[u8]) {
    if let Ok(read) = take_record(bytes, 1 << 20) {
        assert!(read.length as usize <= bytes.len(), "a record ends within its bytes");
    }
}

/// A frame of the journal.
pub fn frame(bytes: &[u8]) {
    if let Some(head) = take_head(bytes) {
        let holds = head.holds(bytes);
        let torn = head.is_torn(bytes);
        assert!(!(holds && (bytes.len() as u64) < head.extent()), "a frame that holds is whole");
        let _ = torn;
    }
}

/// A request's body, read as an entry would be.
pub fn body(bytes: &[u8]) {
    let Ok(document) = Document::parse(bytes) else { return };
    let reader = Reader::new();
    let object = reader.object(document.root());
    let _ = object.optional_text("reference", 255);
    let _ = object.map("metadata", MapLimits { entries: 50, key_bytes: 64, value_bytes: 1024 });
    for value in object.items("postings", 2..=1000) {
        let posting = reader.object(value);
        let amount = posting.decimal("amount");
        let _ = parse_minor(&amount, 2);
        let _ = posting.choice("direction", &[("debit", 0), ("credit", 1)]);
        posting.finish();
    }
    object.finish();
    if !reader.is_clean() {
        assert!(!reader.into_problem().faults.is_empty(), "a refusal names its faults");
    }
}

/// A query string.
pub fn query(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let query = Query::parse(text);
    let _ = (query.limit(), query.cursor(), query.integer("min_seq"));
    let _ = query.text("prefix", 512);
    let _ = query.prefixed("metadata.").count();
    let _ = query.into_result();
}

/// A decimal amount; the first byte chooses the scale.
pub fn amount(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let (Ok(text), scale) = (std::str::from_utf8(rest), first % 19) else { return };
    if let Ok(minor) = parse_minor(text, scale) {
        assert_eq!(parse_minor(&print_minor(minor, scale), scale), Ok(minor), "amounts print exactly");
    }
}

/// Names of things: ids, codes, tenants, times, cursors, paths and patterns.
pub fn names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(id) = Id::parse(text, "ent") {
        assert_eq!(Id::parse(&id.show("ent"), "ent"), Ok(id), "ids print exactly");
    }
    if let Ok(code) = AssetCode::parse(text) {
        assert_eq!(code.as_str(), text, "codes are kept as written");
    }
    if let Ok(cursor) = Cursor::parse(text) {
        assert_eq!(Cursor::parse(&cursor.show()), Ok(cursor), "cursors print exactly");
    }
    if let Ok(at) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&at.to_string()), Ok(at), "times print exactly");
    }
    let _ = Tenant::parse(text);
    if path_check(text).is_ok() && pattern_check(text).is_ok() {
        assert!(pattern_matches(text, text), "a pattern matches itself");
        assert!(patterns_overlap(text, text), "a pattern overlaps itself");
    }
}

/// An hledger journal: what is taken prints and reads back the same.
pub fn hledger(bytes: &[u8]) {
    for entry in entries(bytes) {
        if entry.postings.iter().all(|posting| check_account(&posting.account).is_ok()) {
            let mut text = String::new();
            print(&mut text, &entry).expect("a text takes everything");
            assert_eq!(entries(text.as_bytes()), [entry], "{text}");
        }
    }
}

fn entries(bytes: &[u8]) -> Vec<Transaction> {
    let (mut parser, mut found) = (Parser::default(), Vec::new());
    let mut take = |item: Item| {
        if let Item::Transaction { transaction, .. } = item {
            found.push(transaction);
        }
    };
    bytes.split(|byte| *byte == b'\n').for_each(|line| parser.line(line, &mut take));
    parser.finish(&mut take);
    found
}

/// A beancount journal: what is taken balances, and reads back the same once it is printed as hledger has it.
pub fn beancount(bytes: &[u8]) {
    let (mut parser, mut found) = (formats::beancount::Parser::default(), Vec::new());
    let mut take = |item: Item| match item {
        Item::Transaction { transaction, .. } => found.push(transaction),
        Item::Balance(balance) => assert!(balance.tolerance.units >= 0, "a tolerance is not below zero"),
        Item::Account { .. } | Item::Commodity { .. } | Item::Rejected(_) => {}
    };
    bytes.split(|byte| *byte == b'\n').for_each(|line| parser.line(line, &mut take));
    parser.finish(&mut take);
    for entry in found {
        for posting in &entry.postings {
            let commodity = &posting.amount.commodity;
            let mut sum = entry.postings.iter().filter(|other| other.amount.commodity == *commodity);
            let sum = sum.try_fold(Decimal::ZERO, |sum, other| sum.checked_add(other.amount.number));
            assert_eq!(sum.map(|sum| sum.units), Some(0), "an entry balances");
        }
        if entry.postings.iter().all(|posting| check_account(&posting.account).is_ok()) {
            let mut text = String::new();
            print(&mut text, &entry).expect("a text takes everything");
            assert_eq!(entries(text.as_bytes()), [entry], "{text}");
        }
    }
}

/// Rows of CSV; the first byte chooses the separator. What is read prints and reads back the same.
pub fn rows(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let (Ok(text), separator) = (std::str::from_utf8(rest), [',', ';', '\t', '|'][usize::from(first % 4)])
    else {
        return;
    };
    let read = |text: &str, separator| {
        let mut reader = Rows::new(separator);
        let mut rows: Vec<Row> = text.split('\n').filter_map(|line| reader.line(line)).collect();
        rows.extend(reader.finish());
        assert!(reader.finish().is_none(), "a reader that is finished is empty");
        rows
    };
    for row in read(text, separator) {
        let Ok(cells) = row.cells else { continue };
        let mut printed = String::new();
        write_row(&mut printed, cells.iter().map(String::as_str)).expect("a text takes everything");
        let again = read(printed.strip_suffix('\n').unwrap_or(&printed), ',');
        assert_eq!(again.into_iter().map(|row| row.cells).collect::<Vec<_>>(), [Ok(cells)], "{printed}");
    }
}

/// Cells of somebody's table: numbers with either mark, dates and their forms, bytes of an older encoding.
pub fn cells(bytes: &[u8]) {
    let text = Encoding::Windows1252.read(bytes).expect("every byte is a character there");
    for mark in ['.', ','] {
        if let Some(number) = read_number(&text, mark) {
            let printed = number.to_string().replace('.', &mark.to_string());
            assert_eq!(read_number(&printed, mark), Some(number), "numbers print exactly");
        }
    }
    let (form, date) = text.split_once('\n').unwrap_or(("YYYY-MM-DD", &text));
    if let Some(date) = DateForm::parse(form).ok().and_then(|form| form.read(date)) {
        let plain = DateForm::parse("YYYY-MM-DD").expect("the form is whole");
        assert_eq!(plain.read(&date.to_string()), Some(date), "dates print exactly");
    }
}
