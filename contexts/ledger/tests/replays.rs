//! The promise to a caller who repeats: a command that was accepted, or whose refusal was kept, is answered
//! as the first time, whatever happened since; another command under the same name is refused with the
//! fields that differ; an account spelled otherwise is the same account.

#![allow(clippy::unwrap_used)]

mod rig;

use kernel::{Id, Problem};
use ledger::accounts::model::{AccountNo, AccountRef, Lifecycle};
use ledger::command::{Command, Keys, Manner, Request};
use ledger::effect::Outcome;
use ledger::entries::model::{AmountCommand, Details, PostingCommand, Share};
use ledger::holds::model::HoldAction;
use proptest::prelude::*;
use rig::script::{id, request};
use rig::{Rig, told};
use std::sync::Arc;

/// Commands of every kind, each under an id, a key and (where it may have one) a ref.
const SCRIPT: [&str; 16] = [
    "open carol liability A>=0",
    "asset PTS 2",
    "pattern q:* liability 5",
    "post e1: debit bank A 100, credit alice A 100 {ref=r1 party=p text=t}",
    "post e2: debit bank A 9, credit q:x A 9 {reference=many}",
    "post e3: debit alice A max<=30, credit shop A rest {ref=r3}",
    "hold h1: debit alice A 40, credit shop A 40 expires=60 tolerance=5,5 {ref=r4}",
    "hold h2: debit alice A 5, credit shop A 5",
    "act h1 capture 10",
    "act h1 increment 3",
    "act h1 extend 1767232800000000",
    "act h2 void rest",
    "reverse e1 20",
    "freeze alice debits",
    "thaw alice",
    "change shop A<=5000",
];

/// Commands that are refused, and whose refusal is kept.
const REFUSED: [&str; 6] = [
    "post debit carol A 1, credit bank A 1 {ref=n1}",
    "post debit bank A 1, credit later A 1",
    "hold debit carol A 1, credit bank A 1",
    "act h2 capture rest",
    "reverse e9 rest",
    "close bank",
];

/// What a caller was told: the record, or the problem.
#[derive(Clone, Debug)]
enum Told {
    At(u64, u64),
    No(Arc<Problem>),
}

struct Played {
    rig: Rig,
    told: Vec<(Request, Told)>,
}

fn play() -> Played {
    let mut rig = Rig::new(7);
    for text in ["open bank asset", "open alice liability A>=0", "open shop liability"] {
        let request = request(&rig, text);
        rig.post(request, Manner::default());
    }
    let mut told = Vec::new();
    for (number, text) in SCRIPT.iter().chain(&REFUSED).enumerate() {
        let mut request = request(&rig, text);
        request.keys.key = Some(format!("key {number}").into());
        // Some are known by their key alone.
        request.keys.own_id |= number % 3 != 0;
        let manner = Manner { freeze_refusals: true, ..Manner::default() };
        let answer = match rig.post(request.clone(), manner) {
            Outcome::Done { seq, position } => Told::At(seq, position),
            Outcome::Refused(problem) => Told::No(problem),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(matches!(answer, Told::No(_)), number >= SCRIPT.len(), "{text}: {answer:?}");
        told.push((request, answer));
    }
    Played { rig, told }
}

/// Things that happen between a command and its repeat.
fn happen(rig: &mut Rig, what: u8) {
    let texts: &[&str] = match what {
        // What was refused would be accepted by now, and what was accepted refused.
        0 => &["post debit bank A 500, credit carol A 500", "open later liability"],
        1 => &["freeze alice both", "freeze shop both", "freeze bank both", "freeze carol both"],
        2 => &["open spare liability", "close spare"],
        3 => &["act h1 void rest", "reverse e1 rest", "reverse e2 rest"],
        4 => {
            &["change alice only=B", "change bank only=B", "change alice A>=10^30", "change bank version=99"]
        }
        5 => &["thaw alice", "thaw shop", "thaw bank", "thaw carol"],
        6 => {
            rig.clock.advance_us(1_000);
            return rig.restart();
        }
        7 => return rig.checkpoint(),
        8 => {
            // The hold lapses.
            rig.clock.advance_us(3 * 3_600_000_000);
            return rig.commit();
        }
        _ => &["close carol", "close alice", "close shop", "close bank", "close q:x"],
    };
    for text in texts {
        let made = request(rig, text);
        rig.post(made, Manner { may_override: true, ..Manner::default() });
    }
}

/// The same command with its accounts spelled otherwise.
fn respelled(rig: &Rig, request: &Request, how: u8) -> Request {
    let mut request = request.clone();
    let postings: &mut [PostingCommand] = match &mut request.command {
        Command::PostEntry(entry) => &mut entry.postings,
        Command::PlaceHold(hold) => &mut hold.postings,
        _ => &mut [],
    };
    for posting in postings {
        let AccountRef::Path(path) = &posting.account else { continue };
        let Some(no) = rig.find(path) else { continue };
        match how % 3 {
            0 => {}
            1 => posting.account = AccountRef::Id(rig.core.state.directory.name(no).id),
            _ => posting.account = AccountRef::Known(no),
        }
    }
    request
}

/// The command with one field altered, and the field's name.
fn altered(command: &Command, which: u8) -> (Command, &'static str) {
    let mut command = command.clone();
    let details = match &mut command {
        Command::OpenAccount(open) => {
            open.path = "another".into();
            return (command, "path");
        }
        Command::RegisterAsset(register) => {
            register.asset.scale += 1;
            return (command, "scale");
        }
        Command::SetPattern(pattern) => {
            pattern.quota += 1;
            return (command, "pattern");
        }
        Command::ChangeAccount(no, _) => {
            *no = AccountNo(0);
            return (command, "account");
        }
        Command::MoveAccount(_, change, why) => {
            if which.is_multiple_of(2) {
                *why = Some("another".into());
                return (command, "reason");
            }
            *change = if *change == Lifecycle::Close { Lifecycle::Thaw } else { Lifecycle::Close };
            return (command, "change");
        }
        Command::PostEntry(entry) if which == 0 => {
            entry.postings[0].amount = AmountCommand::Exact(7);
            return (command, "postings");
        }
        Command::PostEntry(entry) => &mut entry.details,
        Command::PlaceHold(hold) if which == 0 => {
            hold.expires_in_s = Some(hold.expires_in_s.unwrap_or(0) + 1);
            return (command, "expires_in");
        }
        Command::PlaceHold(hold) if which == 1 => {
            hold.tolerance = vec![9, 9];
            return (command, "tolerance");
        }
        Command::PlaceHold(hold) => &mut hold.details,
        Command::ReverseEntry(reversal) if which == 0 => {
            reversal.share = Share::Amount(1);
            return (command, "postings");
        }
        Command::ReverseEntry(reversal) => &mut reversal.details,
        Command::ActOnHold(act) if which == 0 => {
            act.action = HoldAction::Void { share: Share::Amount(1) };
            return (command, "action");
        }
        Command::ActOnHold(act) if which == 1 => {
            act.hold = Id(1);
            return (command, "hold");
        }
        Command::ActOnHold(act) => &mut act.details,
    };
    let details: &mut Details = details.get_or_insert_default();
    let name = match which % 4 {
        0 => {
            details.reference = Some("another".into());
            "reference"
        }
        1 => {
            details.party = Some("another".into());
            "party"
        }
        2 => {
            details.text.metadata.push(("a".into(), "b".into()));
            "metadata"
        }
        _ => {
            details.effective_at = Some(kernel::Timestamp(5));
            "effective_at"
        }
    };
    (command, name)
}

/// The names of a request that are left when only some of them are given again.
fn under(request: &Request, names: u8) -> Request {
    let mut again = request.clone();
    let has_ref = request.command.details().is_some_and(|details| details.unique_ref.is_some());
    match names % 4 {
        0 => {}
        3 if has_ref => again.keys = Keys::default(),
        1 if request.keys.own_id => again.keys.key = None,
        1 => {}
        _ => again.keys.own_id = false,
    }
    if !again.keys.own_id {
        again.id = Id(u128::MAX - u128::from(names));
    }
    again
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_repeat_gets_the_first_answer(
        events in prop::collection::vec(0_u8..10, 0..7),
        how in any::<u8>(),
        names in any::<u8>(),
        which in 0_u8..4,
    ) {
        let Played { mut rig, told: all } = play();
        for event in events {
            happen(&mut rig, event);
        }
        let seq = rig.seq();
        for (first, answer) in &all {
            // The caller does not ask for refusals to be kept this time: it makes no difference.
            let again = under(&respelled(&rig, first, how), names);
            match (answer, rig.post(again, Manner::default())) {
                (Told::At(seq, position), Outcome::Replayed { seq: own, position: at }) => {
                    prop_assert_eq!((*seq, *position), (own, at), "{:?}", first);
                }
                (Told::No(problem), Outcome::Refused(own)) => prop_assert_eq!(problem, &own),
                (_, other) => prop_assert!(false, "{:?} was answered {:?}, now {:?}", first, answer, other),
            }
            let (command, field) = altered(&first.command, which);
            let other = Request { command, ..first.clone() };
            let Outcome::Refused(problem) = rig.post(other, Manner::default()) else {
                return Err(TestCaseError::fail(format!("{first:?} altered in {field} was accepted")));
            };
            let namespace = if first.keys.own_id { "id" } else { "Idempotency-Key" };
            let wanted = format!("idempotency-conflict namespace={namespace} differing_fields={field}");
            prop_assert_eq!(told(&problem), wanted, "{:?}", first);
        }
        // A hold that lapsed meanwhile is the only thing that takes a number here.
        prop_assert!(rig.seq() <= seq + 1);
    }
}

#[test]
fn names_that_lead_to_different_commands_conflict() {
    let Played { mut rig, told: all } = play();
    let named = |number: usize| all[number].0.clone();
    // The id of one, the key of another.
    let mut both = named(4);
    both.keys.key = named(5).keys.key;
    let Outcome::Refused(problem) = rig.post(both, Manner::default()) else { panic!("it conflicts") };
    assert_eq!(
        told(&problem),
        "idempotency-conflict namespace=Idempotency-Key differing_fields=Idempotency-Key"
    );
    // A ref leads to its entry under any key.
    let mut by_ref = named(3);
    by_ref.keys.key = Some("a new key".into());
    by_ref.keys.own_id = false;
    by_ref.id = id("new");
    let Told::At(seq, position) = all[3].1 else { panic!("it was accepted") };
    assert_eq!(rig.post(by_ref.clone(), Manner::default()), Outcome::Replayed { seq, position });
    // The id says another thing than the ref's first command.
    by_ref.keys.own_id = true;
    let Outcome::Refused(problem) = rig.post(by_ref, Manner::default()) else { panic!("it conflicts") };
    assert_eq!(told(&problem), "idempotency-conflict namespace=ref differing_fields=id");
    // Another kind of command.
    let mut other = named(4);
    other.command = named(0).command;
    let Outcome::Refused(problem) = rig.post(other, Manner::default()) else { panic!("it conflicts") };
    assert_eq!(told(&problem), "idempotency-conflict namespace=id differing_fields=type,reference");
}

#[test]
fn a_refusal_is_kept_only_on_request_and_never_a_dry_run() {
    let Played { mut rig, .. } = play();
    let no = request(&rig, "post x: debit carol A 1, credit bank A 1");
    let told = |outcome: Outcome| rig::line(&outcome);
    let dry = Manner { dry_run: true, freeze_refusals: true, may_override: false };
    let wanted = "insufficient-funds path=carol asset=AED available=0.00 requested=0.01";
    assert_eq!(told(rig.post(no.clone(), dry)), wanted);
    assert_eq!(told(rig.post(no.clone(), Manner::default())), wanted);
    let top_up = request(&rig, "post debit bank A 1, credit carol A 1");
    rig.post(top_up, Manner::default());
    assert!(told(rig.post(no, Manner::default())).starts_with("done"));
}
