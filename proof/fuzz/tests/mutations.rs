//! Every target with mutated examples: flipped bits, cut and repeated pieces, bytes that parsers trip over.
//! `PROOF_SCALE` multiplies the rounds; a failure names target, example and round.

use fuzz::{TARGETS, Target};

/// Rounds per target and example in an ordinary run.
const ROUNDS: u64 = 3_000;
/// Pieces that parsers trip over.
const TRICKY: [&[u8]; 20] = [
    b"\0", b"\"", b"\\u0000", b"\\ud800", b"{", b"[[[[", b"1e999", b"-0", b"NaN", b"\xff", b"%00", b"%",
    b":", b"*", b"\n", b"\n  ", b"  ", b";", b"=", b"\t",
];

fn examples(target: &str) -> Vec<Vec<u8>> {
    let texts: &[&str] = match target {
        "body" => &[
            r#"{"postings":[{"account":"bank","direction":"debit","amount":"25.00","currency":"EUR"},{"account":1,"direction":"credit","amount":25.0,"currency":"EUR","up_to":null}],"reference":"x","metadata":{"a":"b"}}"#,
            r#"{"a":{"b":[1,2,{"c":"\u00e9\n"}]},"a":1}"#,
        ],
        "query" => &["limit=50&cursor=AAAAAAAAAAE&min_seq=3&metadata.tier=gold", "prefix=a%20b&&=&x"],
        "amount" => {
            &["\u{2}12.34", "\u{12}-0.000000000000000001", "\u{0}999999999999999999999999999999999999"]
        }
        "names" => &[
            "ent_01h2xcejqtf2nbrexx3vqjhp41",
            "0188bac7-4afa-78aa-bc3b-bd1eef28d881",
            "AAAAAAAAAAIAAAAAAEJAAA",
            "2026-11-21T09:00:00.123456+01:00",
            "customers:*:wallet",
            "USDC.E",
        ],
        "hledger" => &[
            "Y2024\n01-31 * (17) bread ; kind:food, x\n  expenses:food  2.50 EUR = 3 EUR ; vat:7\n  ; a\n  b c\n",
            "D $1,000.00\n2024/1/2 ! x\n a  1,000\n b  $-1,000 ==* \"a b\" 1\n\naccount a ; type:A\ncommodity 1. JPY\n",
            "alias a=b\nend aliases\n2024-01-01 x\n ; code%:%41\n a  1 A @ 2 B\n (v)  3\n\ncomment\nend comment\n",
        ],
        "beancount" => &[
            "pushtag #t\n2024-01-31 * \"Shop\" \"bread\" #a ^b\n  key: \"v\"\n  A:B  (1 + 2) * 1,000.50 EUR\n    k2: TRUE ; c\n  C:D\n2024-02-01 balance A:B  1.00 ~ 0.5 EUR\n",
            "option \"name_assets\" \"X\"\n2024/1/2 txn \"two\nlines \\\"q\\\"\"\n ! A:B  -1 X/Y {2 Z} @ 3 W\n C:D\n2024-01-01 pad A:B C:D\npoptag #t\n",
            "2024-01-01 P \"x\"\n #t\n A:B  10 / 4 USD\n A:B  2 EUR\n C:D\n* heading\ninclude \"a\"\n2024-01-01 query \"q\" \"a\n\nb\"\n",
        ],
        "rows" => &["\u{0}a,\"b,\"\"c\"\"\r\nd\",\r\n,\n\"x\"y,z\n\"open\n", "\u{1}a;b\n\";\"", "\u{2}a\tb"],
        "cells" => &["-1.234.567,50", "1 234.50-", "DD.MM.YYYY\n31.01.2024", "M/D/YY*\n1/2/24 10:00"],
        _ => &[],
    };
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.extend(journal_examples(target));
    all.push(Vec::new());
    all
}

/// Frames of a small journal, and their records.
fn journal_examples(target: &str) -> Vec<Vec<u8>> {
    use kernel::Timestamp;
    use ledger::journal::frame::{Contents, build, extent};
    use ledger::journal::record::{Draft, OriginAt, put_record};
    let effect = ledger::effect::Effect::Unit;
    let decision = ledger::effect::Decision {
        book: ledger::books::model::BookNo(0),
        seq: 1,
        party: None,
        party_seq: 1,
        id: kernel::Id(7),
        effect,
    };
    let keys = ledger::command::Keys { key: Some("k".into()), own_id: true };
    let head = ledger::journal::unit::UnitHead {
        context: "wallets".into(),
        command: "wallets.transfer".into(),
        fields: vec![("amount".into(), "5".into())],
        answer: Some(b"{}"[..].into()),
    };
    let draft = Draft {
        at: Timestamp(1),
        keys: &keys,
        origin: &OriginAt::Nobody,
        command: None,
        party: None,
        unit: Some(&head),
        previous: 0,
        salt: 0,
    };
    let mut records = Vec::new();
    put_record(&mut records, &mut Vec::new(), 1 << 20, &draft, &decision, &Default::default());
    match target {
        "record" => vec![records],
        "frame" => {
            let contents = Contents { records, count: 1, redo: vec![0; 2000] };
            let (_, zeros) = extent(&contents);
            let mut bytes = Vec::new();
            build(&mut bytes, &contents, &zeros, 512, Timestamp(1), &[0; 32]);
            vec![bytes]
        }
        _ => Vec::new(),
    }
}

struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        // xorshift64*, enough to pick bytes.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound.max(1)
    }
}

fn mutate(bytes: &mut Vec<u8>, chance: &mut Chance) {
    for _ in 0..=chance.below(4) {
        let place = chance.below(bytes.len() + 1);
        match chance.below(6) {
            0 if place < bytes.len() => bytes[place] ^= 1 << chance.below(8),
            1 if place < bytes.len() => bytes[place] = chance.below(256) as u8,
            2 => bytes.truncate(place),
            3 => {
                let piece = TRICKY[chance.below(TRICKY.len())];
                bytes.splice(place..place, piece.iter().copied());
            }
            4 => {
                let piece: Vec<u8> = bytes[place..].iter().copied().take(chance.below(40)).collect();
                bytes.splice(place..place, piece);
            }
            _ => {
                let end = (place + chance.below(16)).min(bytes.len());
                bytes.drain(place..end);
            }
        }
    }
}

fn run(target: Target) {
    let scale: u64 = std::env::var("PROOF_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let (name, function) = target;
    for (number, example) in examples(name).into_iter().enumerate() {
        function(&example);
        for round in 0..ROUNDS * scale {
            let mut chance = Chance(round.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
            let mut bytes = example.clone();
            mutate(&mut bytes, &mut chance);
            let result = std::panic::catch_unwind(|| function(&bytes));
            assert!(result.is_ok(), "target {name}, example {number}, round {round}: {bytes:?}");
        }
    }
}

#[test]
fn no_target_panics() {
    TARGETS.into_iter().for_each(run);
}

#[test]
fn a_target_that_panics_is_caught() {
    let result = std::panic::catch_unwind(|| run(("names", |bytes| assert!(!bytes.contains(&b'%')))));
    assert!(result.is_err());
}
