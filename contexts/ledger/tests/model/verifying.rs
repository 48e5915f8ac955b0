//! Every record from the first, as an auditor would read them: numbers without gaps, entries that balance,
//! counters that add up, limits that were passed only by a recorded override.

use super::naive::Naive;
use super::side::Side;
use crate::rig::{BOOK, assert_same};
use ledger::accounts::model::{AccountNo, Counters};
use ledger::effect::Effect;
use ledger::entries::model::Direction;
use ledger::holds::model::HoldAction;
use ledger::journal::record::Record;
use std::collections::BTreeMap;

/// Reads all records and compares what they make with the ledger's state.
pub fn verify(rig: &impl Side, naive: &Naive) {
    let mut seq = 0;
    let mut parties: BTreeMap<Option<Box<str>>, u64> = BTreeMap::new();
    let mut counters: BTreeMap<(u32, u32), Counters> = BTreeMap::new();
    let mut time = Default::default();
    let replayed = rig.replay(&mut |state, record| {
        seq += 1;
        assert_eq!(record.seq, seq, "numbers have no gaps");
        assert!(record.at >= time, "time does not go back");
        time = record.at;
        let party_seq = parties.entry(record.party.clone()).or_default();
        *party_seq += 1;
        assert_eq!(record.party_seq, *party_seq, "numbers of {:?} have no gaps: {record:?}", record.party);
        assert_balanced(record);
        let mut before: BTreeMap<(u32, u32), Counters> = BTreeMap::new();
        for posting in record.effect.postings() {
            let place = (posting.account.0, posting.asset.0);
            let counted = counters.entry(place).or_default();
            before.entry(place).or_insert(*counted);
            assert_step(record, *counted, posting.after, posting.direction, posting.amount);
            *counted = posting.after;
        }
        for ((account, asset), before) in before {
            let no = state.find_balance(AccountNo(account), ledger::books::model::AssetNo(asset)).unwrap();
            let balance = state.balance(no);
            let normal = state.account(AccountNo(account)).kind.normal_side();
            let floor = balance.limits.as_ref().and_then(|limits| limits.floor);
            let (old, new) = (before.available(normal), balance.counters.available(normal));
            if floor.is_some_and(|floor| new < floor && new < old) {
                let details = record.command.as_ref().and_then(|command| command.details());
                let passes = details.and_then(|details| details.override_.as_ref());
                assert!(passes.is_some_and(|passes| passes.floor), "an unrecorded overdraft: {record:?}");
            }
        }
    });
    assert_eq!(seq, naive.seq);
    assert_same(&replayed.state, rig.state());
    for (no, known) in naive.accounts.iter().enumerate() {
        let settings = match rig.record(rig.state().accounts[no].newest).effect {
            Effect::Opened(opened) => opened.settings,
            Effect::Changed { settings, .. } => settings,
            other => panic!("{other:?} holds no settings"),
        };
        assert_eq!(settings.text.description.as_deref(), known.description.as_deref(), "{}", known.path);
        let metadata: Vec<(&str, &str)> = settings.text.metadata.iter().map(|(n, v)| (&**n, &**v)).collect();
        assert!(metadata.into_iter().eq(known.metadata.iter().map(|(n, v)| (n.as_str(), v.as_str()))));
        assert_eq!(settings.version, known.version);
    }
    assert_eq!(rig.state().book(BOOK).seq, naive.seq);
}

fn assert_balanced(record: &Record) {
    let posted = match &record.effect {
        Effect::Posted { postings } | Effect::Reversed { postings, .. } | Effect::Held { postings, .. } => {
            postings
        }
        Effect::HoldMoved { action: HoldAction::Capture { .. }, postings, .. } => postings,
        _ => return,
    };
    let mut sums: BTreeMap<u32, i128> = BTreeMap::new();
    for posting in posted {
        let sign = if posting.direction == Direction::Debit { 1 } else { -1 };
        *sums.entry(posting.asset.0).or_default() += sign * posting.amount;
    }
    assert!(sums.values().all(|sum| *sum == 0), "debits are credits: {record:?}");
}

/// The counters after a posting follow from those before it.
fn assert_step(record: &Record, before: Counters, after: Counters, direction: Direction, amount: i128) {
    let (posted, pending, other) = match direction {
        Direction::Debit => (
            after.debits - before.debits,
            after.debits_pending - before.debits_pending,
            (after.credits - before.credits, after.credits_pending - before.credits_pending),
        ),
        Direction::Credit => (
            after.credits - before.credits,
            after.credits_pending - before.credits_pending,
            (after.debits - before.debits, after.debits_pending - before.debits_pending),
        ),
    };
    assert_eq!(other, (0, 0), "the other side stands still: {record:?}");
    let right = match &record.effect {
        Effect::Posted { .. } | Effect::Reversed { .. } => posted == amount && pending == 0,
        Effect::Held { .. } => posted == 0 && pending == amount,
        Effect::HoldMoved { action, .. } => match action {
            HoldAction::Capture { .. } => posted == amount && pending <= 0,
            HoldAction::Void { .. } | HoldAction::Expire => posted == 0 && pending == -amount,
            // What was captured above the hold has used up as much of what is added.
            HoldAction::Increment { .. } => posted == 0 && (0..=amount).contains(&pending),
            HoldAction::Extend { .. } => false,
        },
        _ => false,
    };
    assert!(right, "counters follow: {before:?} {after:?} {record:?}");
}
