//! Judging holds: each stands after a record as the rules say it must.

use super::judge::Judge;
use super::movement::{Expected, Judged};
use crate::command::Command;
use crate::effect::Effect;
use crate::entries::model::{Details, Posting};
use crate::holds::model::{HeldPosting, Hold, HoldAction, HoldState, PlaceHold};
use crate::holds::rules::{Move, apply};

impl Judge<'_> {
    pub(super) fn held(&mut self, place: &PlaceHold, hold: &Hold, postings: &[Posting]) {
        let record = self.record;
        self.commanded(&place.postings, postings);
        self.fresh(postings);
        let lapses = |seconds: u64| {
            let us = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
            record.at.plus_us(us)
        };
        let held = |(number, posting): (usize, &Posting)| HeldPosting {
            account: posting.account,
            asset: posting.asset,
            direction: posting.direction,
            held: posting.amount,
            captured: 0,
            released: 0,
            tolerance: place.tolerance.get(number).copied().unwrap_or(0),
        };
        let expected = Hold {
            book: record.book,
            state: HoldState::Open,
            expires_at: place.expires_at.or(place.expires_in_s.map(lapses)),
            postings: postings.iter().enumerate().map(held).collect(),
            party: record.party.clone(),
            placed_at: hold.placed_at,
        };
        self.must(*hold == expected, "the hold is not as it was placed");
        self.must(hold.expires_at.is_none_or(|at| at > record.at), "the hold lapsed before it was placed");
        let reserves = |posting: &Posting| Expected {
            account: posting.account,
            asset: posting.asset,
            direction: posting.direction,
            amount: posting.amount,
            posted: 0,
            pending: posting.amount,
        };
        let expected: Vec<Expected> = postings.iter().map(reserves).collect();
        self.moves(&expected, postings, Judged::of(place.details.as_deref()));
    }

    /// A move of a hold; whether the command asks for it.
    pub(super) fn hold_moved(&mut self, command: Option<&Command>) -> bool {
        let record = self.record;
        let Effect::HoldMoved { hold_id, action, hold, postings } = &record.effect else { return false };
        let Some(before) = self.state.holds.get(hold_id).filter(|before| before.book == record.book) else {
            self.wrong("its hold is not open");
            return true;
        };
        let due = before.expires_at.is_some_and(|at| at <= record.at);
        let (asked, details) = self.asked(command, hold_id, action, hold, due);
        match apply(before, action, record.at) {
            Err(refusal) => self.wrong(format_args!("it should have been refused: {refusal}")),
            Ok((after, moves)) => {
                self.must(*hold == after, "the hold is not what the action makes of it");
                let both = before.postings.iter().zip(&after.postings).zip(&moves);
                let expected: Vec<Expected> = both
                    .filter_map(|((before, after), step)| expected(action, before, after, step))
                    .collect();
                let judged = match action {
                    HoldAction::Capture { .. } | HoldAction::Increment { .. } => Judged::of(details),
                    HoldAction::Void { .. } | HoldAction::Extend { .. } | HoldAction::Expire => Judged::NONE,
                };
                for expected in &expected {
                    let takes_more = match action {
                        HoldAction::Increment { .. } => true,
                        HoldAction::Capture { .. } => expected.posted > -expected.pending,
                        HoldAction::Void { .. } | HoldAction::Extend { .. } | HoldAction::Expire => false,
                    };
                    if takes_more {
                        self.status(expected.account, expected.direction);
                    }
                }
                self.moves(&expected, postings, judged);
            }
        }
        // What is released or added after a capture above the hold may differ between the sides.
        if matches!(action, HoldAction::Capture { .. }) {
            self.balances(postings);
        }
        self.must(record.party == before.party, "its party is not its hold's");
        asked
    }

    /// Whether the command, or time, asks for this action.
    fn asked<'c>(
        &mut self,
        command: Option<&'c Command>,
        hold_id: &kernel::Id,
        action: &HoldAction,
        hold: &Hold,
        due: bool,
    ) -> (bool, Option<&'c Details>) {
        let details = command.and_then(Command::details);
        let asked = match command {
            Some(Command::ActOnHold(act)) => act.hold == *hold_id && act.action == *action,
            Some(Command::ReverseEntry(reversal)) => {
                let void = HoldAction::Void { share: reversal.share.clone() };
                reversal.entry == *hold_id && *action == void
            }
            None => return (self.own_action(action, due, hold.state), details),
            Some(_) => false,
        };
        self.must(!due, "its hold was due and should have expired");
        (asked, details)
    }
}

/// What an action does to one posting's balance; nothing for an untouched one.
fn expected(action: &HoldAction, before: &HeldPosting, after: &HeldPosting, step: &Move) -> Option<Expected> {
    let pending = after.remaining() - before.remaining();
    let amount = match action {
        HoldAction::Capture { .. } => step.captured,
        HoldAction::Void { .. } | HoldAction::Expire => step.released,
        HoldAction::Increment { .. } => step.added,
        HoldAction::Extend { .. } => 0,
    };
    let HeldPosting { account, asset, direction, .. } = *before;
    (step.captured > 0 || pending != 0).then_some(Expected {
        account,
        asset,
        direction,
        amount,
        posted: step.captured,
        pending,
    })
}
