//! Batches: atomic ones as a whole or not at all, independent ones each for itself, and what a key does
//! inside and around them. One row a command; the last column is what the batch answered for it.

#![allow(clippy::unwrap_used)]

mod rig;

use ledger::books::model::AssetNo;
use ledger::command::{Manner, Request};
use ledger::journal::job::BatchJob;
use rig::script::request;
use rig::words::A;
use rig::{BOOK, Rig, answered, assert_same, line};

const EURO: AssetNo = A;

fn world() -> Rig {
    let mut rig = Rig::new(1);
    for text in ["open bank asset", "open alice liability A>=0", "pattern p:* liability 2 A>=0"] {
        let request = request(&rig, text);
        assert!(line(&rig.post(request, Manner::default())).starts_with("done"), "{text}");
    }
    rig
}

/// A batch: whether it is atomic, its key, how it is to be handled.
#[derive(Clone, Copy, Default)]
struct Asked<'a> {
    atomic: bool,
    key: Option<&'a str>,
    digest: u8,
    manner: Manner,
}

fn post(rig: &mut Rig, asked: Asked<'_>, requests: Vec<Request>) -> Vec<String> {
    let key = asked.key.map(|key| (key.into(), [asked.digest; 32]));
    let commands = requests.into_iter().map(Ok).collect();
    let Asked { atomic, manner, .. } = asked;
    let answer =
        rig.batch(2, |reply| BatchJob { book: BOOK, atomic, commands, key, manner, origin: None, reply });
    rig.commit();
    answered(answer).outcomes.iter().map(line).collect()
}

/// Posts a batch of rows and compares the answers; an atomic batch that is refused answers once, in the
/// last column of its first row.
fn check(rig: &mut Rig, asked: Asked<'_>, table: &str) {
    let rows: Vec<(&str, &str)> =
        table.lines().map(|row| row.rsplit_once('|').unwrap()).map(|(a, b)| (a.trim(), b.trim())).collect();
    let requests = rows.iter().map(|(command, _)| request(rig, command)).collect();
    let found = post(rig, asked, requests);
    let wanted: Vec<&str> =
        rows.iter().map(|(_, wanted)| *wanted).filter(|wanted| !wanted.is_empty()).collect();
    assert_eq!(found, wanted, "\n{table}");
}

const ATOMIC: Asked<'static> = Asked {
    atomic: true,
    key: None,
    digest: 0,
    manner: Manner { dry_run: false, freeze_refusals: false, may_override: false },
};
const EACH: Asked<'static> = Asked { atomic: false, ..ATOMIC };

#[test]
fn commands_see_the_effects_of_those_before() {
    for asked in [ATOMIC, EACH] {
        let mut rig = world();
        check(
            &mut rig,
            asked,
            "open n: carol liability A>=0                          | done 7
             post e1: debit bank A 100, credit carol A 100         | done 8
             hold h1: debit carol A 60, credit alice A 60          | done 9
             act c1: h1 capture 20                                 | done 10
             act h1 increment 5                                    | done 11
             act h1 void 10                                        | done 12
             reverse r1: c1 10                                     | done 13
             reverse e1 40                                         | done 14
             reverse h1 rest                                       | done 15
             post debit bank A 5, credit p:x A 5                   | done 17",
        );
        assert_eq!(rig.balance("carol", EURO), "50/50");
        assert_eq!(rig.balance("alice", EURO), "10/10");
    }
}

#[test]
fn an_atomic_batch_is_undone_as_a_whole() {
    let mut rig = world();
    let untouched = world();
    check(
        &mut rig,
        ATOMIC,
        "open n: carol liability A>=0                              | batch-refused index=9 cause.code=insufficient-funds cause.path=alice cause.asset=AED cause.available=0.00 cause.requested=5.00
         post e1: debit bank A 100, credit alice A 100             |
         hold h1: debit alice A 60, credit carol A 60 expires=60   |
         act c1: h1 capture 20                                     |
         reverse r1: e1 40                                         |
         post e2: debit bank A 5, credit p:x A 5 {party=someone}   |
         asset PTS 0                                               |
         pattern q:* liability 2                                   |
         post e3: debit bank A 5, credit q:x A 5                   |
         post e4: debit alice A 500, credit bank A 500             |",
    );
    assert_same(&rig.core.state, &untouched.core.state);
    assert_eq!(rig.seq(), 6, "it took no number");
    rig.clock.advance_us(1_000);
    let before = std::mem::take(&mut rig.core.state);
    rig.restart();
    assert_same(&before, &rig.core.state);
    // Names that it would have used are free.
    check(&mut rig, ATOMIC, "post e1: debit bank A 1, credit alice A 1 | done 7");
}

#[test]
fn more_cannot_be_undone_in_one_batch_than_was_posted() {
    let mut rig = world();
    check(&mut rig, ATOMIC, "post e1: debit bank A 100, credit alice A 100 | done 7");
    for asked in
        [ATOMIC, Asked { atomic: true, manner: Manner { dry_run: true, ..Manner::default() }, ..ATOMIC }]
    {
        check(
            &mut rig,
            asked,
            "reverse e1 60 | batch-refused index=1 cause.code=reversal-exceeds-entry cause.posting=0 cause.asset=AED cause.remaining=0.40 cause.requested=0.60
             reverse e1 60 |",
        );
    }
    assert_eq!(rig.balance("alice", EURO), "100/100");
    check(
        &mut rig,
        EACH,
        "reverse e1 60 | done 8
         reverse e1 60 | reversal-exceeds-entry posting=0 asset=AED remaining=0.40 requested=0.60
         reverse e1 40 | done 9",
    );
}

#[test]
fn a_reversal_in_the_batch_of_its_entry_has_its_party() {
    let mut rig = world();
    check(
        &mut rig,
        ATOMIC,
        "post e1: debit bank A 100, credit alice A 100 {party=someone} | done 7
         reverse r1: e1 60                                             | done 8",
    );
    let mut parties = Vec::new();
    rig.replay(|_, record| {
        parties.push((record.seq, record.party.as_deref().map(str::to_owned), record.party_seq))
    });
    let someone = Some("someone".to_owned());
    assert_eq!(parties[6..], [(7, someone.clone(), 1), (8, someone, 2)]);
}

#[test]
fn names_inside_an_atomic_batch() {
    let mut rig = world();
    let first = "post e1: debit bank A 100, credit alice A 100  | done 7
                 post e2: debit bank A 1, credit alice A 1      | done 8";
    check(&mut rig, ATOMIC, first);
    // It replays as a whole…
    check(&mut rig, ATOMIC, &first.replace("done", "again"));
    // …or not at all.
    check(
        &mut rig,
        ATOMIC,
        "post e1: debit bank A 100, credit alice A 100 | idempotency-conflict namespace=id
         post e3: debit bank A 1, credit alice A 1     |",
    );
    check(
        &mut rig,
        ATOMIC,
        "post e4: debit bank A 1, credit alice A 1     | idempotency-conflict namespace=id
         post e4: debit bank A 1, credit alice A 1     |",
    );
    check(
        &mut rig,
        ATOMIC,
        "post e1: debit bank A 99, credit alice A 99   | idempotency-conflict namespace=id differing_fields=postings
         post e3: debit bank A 1, credit alice A 1     |",
    );
    check(
        &mut rig,
        EACH,
        "post e5: debit bank A 1, credit alice A 1     | done 9
         post e5: debit bank A 1, credit alice A 1     | again 9
         post e5: debit bank A 2, credit alice A 2     | idempotency-conflict namespace=id differing_fields=postings
         post e1: debit bank A 100, credit alice A 100 | again 7
         post debit bank A 1, credit alice A 1 {ref=x} | done 10
         post debit bank A 1, credit alice A 1 {ref=x} | again 10
         post debit bank A 2, credit alice A 1 {ref=y} | unbalanced-entry asset=AED debits=0.02 credits=0.01",
    );
}

#[test]
fn a_batch_under_a_key_answers_as_the_first_time() {
    let mut rig = world();
    let refused = Asked { key: Some("k1"), ..ATOMIC };
    let no = "post debit alice A 1, credit bank A 1 | batch-refused index=0 cause.code=insufficient-funds cause.path=alice cause.asset=AED cause.available=0.00 cause.requested=0.01";
    check(&mut rig, refused, no);
    let each = Asked { key: Some("k2"), ..EACH };
    let rows = "post debit bank A 5, credit alice A 5     | done 8
                post debit alice A 9, credit bank A 9     | insufficient-funds path=alice asset=AED available=0.05 requested=0.09
                post debit alice A 4, credit bank A 4     | done 9";
    check(&mut rig, each, rows);
    check(&mut rig, EACH, "post debit bank A 500, credit alice A 500 | done 11");
    for restart in [false, true] {
        if restart {
            rig.clock.advance_us(1_000);
            rig.restart();
        }
        // Refusals too, though there would be enough by now.
        check(&mut rig, refused, no);
        check(&mut rig, each, rows);
        let other = Asked { digest: 1, ..each };
        let differs = "post debit bank A 5, credit alice A 5 | idempotency-conflict namespace=Idempotency-Key differing_fields=commands";
        check(&mut rig, other, differs);
        let other = Asked { atomic: true, ..each };
        check(&mut rig, other, &differs.replace("commands", "mode"));
    }
    assert_eq!(rig.seq(), 11);
}

#[test]
fn a_dry_run_of_a_batch_stores_nothing() {
    let mut rig = world();
    let manner = Manner { dry_run: true, ..Manner::default() };
    let rows = "post e1: debit bank A 5, credit alice A 5  | would do
                post e2: debit alice A 5, credit bank A 5  | would do";
    for (atomic, key) in [(true, None), (true, Some("k"))] {
        check(&mut rig, Asked { atomic, key, manner, digest: 0 }, rows);
        assert_eq!(rig.seq(), 6);
    }
}
