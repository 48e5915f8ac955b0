//! Readers of lines and rows with mutated examples: whatever the bytes are, each line is taken or told, nothing
//! panics, and what is taken is what the ledger could take.

use super::draft::Known;
use super::layout::{Found, Reader};
use super::mapped::{self, Mapped};
use super::mapping::Mapping;
use super::ndjson::Ndjson;
use super::rows::{Columns, Rows};
use formats::{Decimal, Item};
use kernel::{AssetCode, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;

/// Rounds for each example.
const ROUNDS: u64 = 2_000;
/// Pieces that readers trip over.
const TRICKY: [&str; 16] = [
    "\0",
    "\"",
    "\"\"",
    "\n",
    "\r\n",
    ",",
    ";",
    "{",
    "[[",
    "\\u0000",
    "1e9",
    "-",
    ".",
    "max",
    "# line 1: x\n",
    "é",
];

const LINE: &str = r#"{"id":"ent_01h2xcejqtf2nbrexx3vqjhp41","type":"reversal","of":"ent_x","postings":[{"account":"a:b","account_type":"asset","direction":"debit","amount":"1.50","currency":"EUR"},{"account":7,"direction":"credit","amount":1.5,"currency":"EUR"}],"metadata":{"a":"b"},"effective_at":"2024-01-01T00:00:00Z","ref":"r"}
"#;
const HEADING: &str = "entry,type,of,account,account_type,amount,currency,effective_at,metadata";
const ROWS: &str = "e1,entry,,a:b,asset,1.50,EUR,2024-01-01,\"{\"\"a\"\":\"\"b\"\"}\"\n\
                    e1,entry,,c,,-1.50,EUR,2024-01-01,\"{\"\"a\"\":\"\"b\"\"}\"\ne2,capture,h,c,,1,EUR,,\n";
const MAPPING: &str = "[file]\nseparator = \";\"\nskip_lines = 1\n[columns]\ndate = 1\nmoney_in = \"i\"\nmoney_out = 3\n\
                       description = [4, 1]\n[values]\naccount = \"a\"\ncounter_account = \"b\"\ncurrency = \"EUR\"\n\
                       date_format = \"DD.MM.YY*\"\n[metadata]\nx = 4\n[types]\n\"b\" = \"equity\"\n";
const TABLE: &str = "head\nd;i;o;what\n31.01.24;1.50;;\"tea; milk\"\n1.2.24 10:00;;2,000.00;x\n";

struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound.max(1)
    }
}

fn mutate(bytes: &mut Vec<u8>, chance: &mut Chance) {
    for _ in 0..=chance.below(4) {
        let place = chance.below(bytes.len() + 1);
        match chance.below(4) {
            0 if place < bytes.len() => bytes[place] ^= 1 << chance.below(8),
            1 => bytes.truncate(place),
            2 => {
                let piece = TRICKY[chance.below(TRICKY.len())];
                bytes.splice(place..place, piece.bytes());
            }
            _ => {
                let end = (place + chance.below(16)).min(bytes.len());
                bytes.drain(place..end);
            }
        }
    }
}

/// Reads everything; returns how many entries there were.
fn read(mut reader: Reader, bytes: &[u8], known: &Known) -> usize {
    let (mut lines, mut entries) = (0, 0);
    let mut take = |found: Found| match found {
        Found::Entry { line, text, said } => {
            assert!(line > 0 && !text.is_empty());
            if let Ok(draft) = known.draft(*said) {
                entries += 1;
                assert!(draft.sides.len() > 1);
                let sum =
                    draft.sides.iter().try_fold(Decimal::ZERO, |sum, side| sum.checked_add(side.number));
                let one = draft.sides.iter().all(|side| side.code == draft.sides[0].code);
                assert!(!one || sum.is_some_and(|sum| sum.units == 0), "an entry balances");
            }
        }
        Found::Journal(Item::Rejected(rejected)) => assert!(rejected.line > 0 && !rejected.reason.is_empty()),
        Found::Journal(other) => panic!("{other:?}"),
    };
    for line in bytes.split(|byte| *byte == b'\n') {
        reader.line(line, &mut take);
        lines += 1;
    }
    reader.finish(&mut take);
    assert!(lines > 0);
    entries
}

#[test]
fn no_bytes_stop_a_reader() {
    let assets = HashMap::from([(AssetCode::parse("EUR").unwrap(), 2)]);
    let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let known = Known { codes: HashMap::new(), assets, now };
    let cells = |line: &str, mark| line.split(mark).map(str::to_owned).collect::<Vec<String>>();
    let columns = Arc::new(Columns::find(&cells(HEADING, ',')).unwrap());
    let mapping = || Mapping::read(MAPPING).unwrap();
    let mapped = Arc::new(Mapped::try_new(mapping(), Some(&cells("d;i;o;what", ';'))).unwrap());
    check("lines", LINE, &known, || Reader::Ndjson(Ndjson::default()));
    check("rows", &format!("{HEADING}\n{ROWS}"), &known, || Reader::Rows(Rows::new(columns.clone())));
    check("mapped", TABLE, &known, || Reader::Mapped(mapped::Reader::new(mapped.clone())));
}

/// The example has one entry that can be taken; its mutations have any number.
fn check(name: &str, example: &str, known: &Known, reader: impl Fn() -> Reader) {
    assert_eq!(read(reader(), example.as_bytes(), known), 1, "{name}");
    for round in 0..ROUNDS {
        let mut chance = Chance(round.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut bytes = example.as_bytes().to_vec();
        mutate(&mut bytes, &mut chance);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read(reader(), &bytes, known)));
        assert!(result.is_ok(), "{name}, round {round}: {:?}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn no_text_stops_a_mapping() {
    for round in 0..ROUNDS {
        let mut chance = Chance(round.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut bytes = MAPPING.as_bytes().to_vec();
        mutate(&mut bytes, &mut chance);
        let Ok(text) = String::from_utf8(bytes) else { continue };
        match Mapping::read(&text) {
            Ok(mapping) => {
                let cells: Vec<String> = "d;i;o;what".split(';').map(str::to_owned).collect();
                let _ = Mapped::try_new(mapping, Some(&cells));
            }
            Err(why) => assert!(!why.is_empty()),
        }
    }
}
