//! A hold's whole life: captures with tolerance, voids, increments, extensions, expiry. One row a case; and
//! every state against every action.

mod rig;

use kernel::Timestamp;
use ledger::accounts::model::AccountNo;
use ledger::books::model::{AssetNo, BookNo};
use ledger::entries::model::Direction;
use ledger::holds::model::{HeldPosting, Hold, HoldAction, HoldState};
use ledger::holds::rules::apply;
use rig::script::check;
use rig::words::action;
use std::fmt::Write;

const WORLD: &str = "open bank asset                                 | ok
     open alice liability A>=0                                       | ok
     open shop liability                                             | ok
     post debit bank A 100, credit alice A 100                       | ok\n";

fn check_in_world(rows: &str) {
    check(&format!("{WORLD}{rows}"));
}

#[test]
fn a_hold_reserves() {
    check_in_world(
        "hold h1: debit alice A 60, credit shop A 60       | ok
         balance alice A                                   | 100/40
         balance shop A                                    | 0/0
         hold h2: debit alice A 41, credit shop A 41       | insufficient-funds path=alice asset=AED available=0.40 requested=0.41
         post debit alice A 41, credit shop A 41           | insufficient-funds path=alice asset=AED available=0.40 requested=0.41
         hold h2: debit alice A 40, credit shop A 40       | ok
         balance alice A                                   | 100/0
         hold debit alice A 1, credit alice A 1            | same-account
         hold debit alice A 1, credit nobody A 1           | unknown-account account=nobody
         hold debit bank A 1, credit shop A 1 tolerance=1  | invalid-share
         hold debit bank A 1, credit shop A 1 expires=0    | expiry-in-past now=2026-01-01T00:00:00.000012Z
         # A ceiling is judged on what may come in.
         change shop A<=100                                | ok
         post debit bank A 1, credit shop A 1              | ceiling-exceeded path=shop asset=AED room=0.00 requested=0.01
         act h1 void rest                                  | ok
         post debit bank A 1, credit shop A 1              | ok
         act h2 capture rest                               | ok
         balance shop A                                    | 41/41",
    );
}

#[test]
fn captures() {
    check_in_world(
        "hold h1: debit alice A 60, credit shop A 60 tolerance=10,10 | ok
         act h1 capture 20                                 | ok
         balance alice A                                   | 80/40
         act h1 capture 51                                 | capture-exceeds-hold posting=0 asset=AED remaining=0.50 requested=0.51
         act h1 capture 0:5 1:6                            | unbalanced-entry asset=AED debits=0.05 credits=0.06
         act h1 capture 0:5 0:5                            | invalid-share
         act h1 capture 0:5 1:5                            | ok
         # Above what is held, within the tolerance: the hold is used up.
         act h1 capture 40                                 | ok
         balance alice A                                   | 35/35
         act h1 capture 1                                  | hold-not-open hold_status=captured
         # A last capture releases what remains.
         hold h2: debit alice A 30, credit shop A 30       | ok
         act h2 final 10                                   | ok
         balance alice A                                   | 25/25
         act h2 void rest                                  | hold-not-open hold_status=captured
         # The part above the hold meets the limits.
         hold h3: debit alice A 20, credit shop A 20 tolerance=10,10 | ok
         post debit alice A 5, credit shop A 5             | ok
         act h3 capture 21                                 | insufficient-funds path=alice asset=AED available=0.00 requested=0.01
         act h3 capture rest                               | ok
         act h9 capture rest                               | not-found",
    );
}

#[test]
fn what_was_held_breaks_no_limit_when_it_is_captured() {
    check_in_world(
        "hold h1: debit alice A 60, credit shop A 60       | ok
         change alice A>=1000                              | ok
         change shop A<=0                                  | ok
         act h1 capture 30                                 | ok
         act h1 increment 1                                | insufficient-funds path=alice asset=AED available=0.00 requested=0.01
         act h1 capture rest                               | ok
         balance alice A                                   | 40/40
         balance shop A                                    | 60/60",
    );
}

#[test]
fn voids() {
    check_in_world(
        "hold h1: debit alice A 60, credit shop A 60       | ok
         act h1 void 20                                    | ok
         balance alice A                                   | 100/60
         act h1 void 41                                    | void-exceeds-hold posting=0 asset=AED remaining=0.40 requested=0.41
         act h1 void rest                                  | ok
         act h1 void rest                                  | hold-not-open hold_status=voided
         hold h2: debit alice A 60, credit shop A 60       | ok
         act h2 capture 10                                 | ok
         act h2 void rest                                  | ok
         act h2 capture 1                                  | hold-not-open hold_status=captured
         balance alice A                                   | 90/90
         # All that is left can be released, also where captures above it left the sides unequal.
         hold h3: debit alice A 30, credit shop A 20, credit bank A 10 tolerance=10,10,10  | ok
         act h3 capture 0:25 1:25                          | ok
         act h3 void rest                                  | ok
         balance alice A                                   | 65/65
         account alice                                     | open v1 holds=0",
    );
}

#[test]
fn increments() {
    check_in_world(
        "hold h1: debit alice A 60, credit shop A 60       | ok
         act h1 increment 41                               | insufficient-funds path=alice asset=AED available=0.40 requested=0.41
         balance alice A                                   | 100/40
         act h1 increment 40                               | ok
         balance alice A                                   | 100/0
         act h1 capture 101                                | capture-exceeds-hold posting=0 asset=AED remaining=1.00 requested=1.01
         act h1 capture rest                               | ok
         act h1 increment 1                                | hold-not-open hold_status=captured
         # Judged like a new hold: on assets too.
         post debit bank A 100, credit alice A 100         | ok
         hold h2: debit alice A 5, credit shop A 5         | ok
         change alice only=B                               | ok
         act h2 increment 1                                | asset-not-allowed path=alice asset=AED
         act h2 capture rest                               | ok",
    );
}

#[test]
fn time() {
    check_in_world(
        "hold h1: debit alice A 60, credit shop A 60 expires=60  | ok
         hold h2: debit alice A 10, credit shop A 10             | ok
         act h2 extend 9000000000000000                          | invalid-extension expires_at=null
         act h1 extend 1000                                      | invalid-extension expires_at=2026-01-01T00:01:00.000000Z
         wait 59                                                 |
         balance alice A                                         | 100/30
         act h1 extend 1767225720000000                          | ok
         wait 2                                                  |
         act h1 capture 10                                       | ok
         wait 59                                                 |
         # It expired without any command.
         balance alice A                                         | 90/80
         act h1 capture 10                                       | hold-expired hold_status=expired
         act h1 extend 9000000000000000                          | hold-expired hold_status=expired
         restart                                                 |
         act h1 void rest                                        | hold-expired hold_status=expired
         act h2 capture rest                                     | ok
         # One that lapsed while nobody ran expires at the start.
         hold h3: debit alice A 80, credit shop A 80 expires=5   | ok
         restart                                                 |
         wait 5                                                  |
         balance alice A                                         | 80/80",
    );
}

fn a_hold(state: HoldState) -> Hold {
    let posting = |account, direction| HeldPosting {
        account: AccountNo(account),
        asset: AssetNo(0),
        direction,
        held: 100,
        captured: 30,
        released: 10,
        tolerance: 5,
    };
    Hold {
        book: BookNo(0),
        state,
        expires_at: Some(Timestamp(1_000)),
        postings: vec![posting(1, Direction::Debit), posting(2, Direction::Credit)],
        party: None,
        placed_at: 512,
    }
}

#[test]
fn every_state_against_every_action() {
    let actions = [
        "capture 20",
        "capture 60",
        "capture 65",
        "capture 66",
        "capture rest",
        "capture 0:0 1:0",
        "final 20",
        "final 65",
        "void 20",
        "void rest",
        "void 61",
        "increment 20",
        "extend 1001",
        "extend 1000",
        "expire",
    ];
    let mut matrix =
        String::from("held 100, captured 30, released 10, tolerance 5, lapses at 1000, now 500\n");
    for state in HoldState::ALL {
        for text in actions {
            let action = if text == "expire" { HoldAction::Expire } else { action(text) };
            let told = match apply(&a_hold(state), &action, Timestamp(500)) {
                Err(refusal) => refusal.to_string(),
                Ok((after, moves)) => {
                    let (posting, step) = (&after.postings[0], moves[0]);
                    let lapses = after.expires_at.unwrap().0;
                    format!(
                        "{:<8} captured {:+} released {:+} held {:+}, left {}, lapses {lapses}",
                        after.state.as_str(),
                        step.captured,
                        step.released,
                        step.added,
                        posting.remaining()
                    )
                }
            };
            let _ = writeln!(matrix, "{:<8} {text:<15} → {told}", state.as_str());
        }
    }
    insta::assert_snapshot!(matrix);
}
