//! Holds: placing one, and what becomes of it.

use super::entry::{Purpose, Resolved, checks};
use super::movement::{Checks, Touch};
use super::{Judge, Stop};
use crate::command::Manner;
use crate::effect::Effect;
use crate::entries::model::{Details, Written};
use crate::holds::model::{HeldPosting, Hold, HoldAction, HoldState, PlaceHold};
use crate::holds::rules::{Move, apply};
use crate::refusal::{Missing, Refusal};
use kernel::Id;

impl Judge<'_> {
    pub(super) fn place_hold(&mut self, id: Id, place: &PlaceHold, manner: Manner) -> Result<(), Stop> {
        let details = place.details.as_deref();
        self.check_details(details, manner)?;
        let lapses = |seconds: u64| {
            let us = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
            self.moment.now.plus_us(us)
        };
        let expires_at = place.expires_at.or(place.expires_in_s.map(lapses));
        if expires_at.is_some_and(|at| at <= self.moment.now) {
            return Err(Refusal::ExpiryInPast { now: self.moment.now }.into());
        }
        let mut touches = Resolved::new();
        self.resolve(&place.postings, details, Purpose::Hold, &mut touches)?;
        for touch in &mut touches {
            touch.pending = touch.amount;
        }
        if !place.tolerance.is_empty() && place.tolerance.len() != touches.len() {
            return Err(
                Refusal::InvalidShare("a tolerance is given for every posting, none of them zero").into()
            );
        }
        let held = |(number, touch): (usize, &Touch)| HeldPosting {
            account: touch.account,
            asset: touch.asset,
            direction: touch.direction,
            held: touch.amount,
            captured: 0,
            released: 0,
            tolerance: place.tolerance.get(number).copied().unwrap_or(0),
        };
        let party = details.and_then(|details| details.party.clone());
        let hold = Hold {
            book: self.moment.book,
            state: HoldState::Open,
            expires_at,
            postings: touches.iter().enumerate().map(held).collect(),
            party: party.clone(),
            placed_at: 0,
        };
        self.propose(id, party.as_deref(), Effect::Held { hold_id: id, hold, postings: Written::new() });
        self.move_balances(&touches, checks(details))?;
        self.settle();
        Ok(())
    }

    pub(super) fn act_on_hold(
        &mut self,
        id: Id,
        hold_id: Id,
        action: &HoldAction,
        details: Option<&Details>,
        manner: Manner,
    ) -> Result<(), Stop> {
        self.check_details(details, manner)?;
        let book = self.moment.book;
        let Some(before) = self.state.holds.get(&hold_id).filter(|hold| hold.book == book) else {
            return Err(match self.moment.facts.closed_hold(book, hold_id)? {
                Some(status) => Refusal::HoldNotOpen { status }.into(),
                None => Refusal::NotFound(Missing::Hold).into(),
            });
        };
        let (hold, moves) = apply(before, action, self.moment.now)?;
        let touches: Vec<Touch> = before
            .postings
            .iter()
            .zip(&hold.postings)
            .zip(&moves)
            .filter_map(|both| touch(action, both))
            .collect();
        match action {
            HoldAction::Increment { .. } => self.check_all_fit(&touches)?,
            HoldAction::Capture { .. } => {
                for touch in touches.iter().filter(|touch| touch.posted > -touch.pending) {
                    self.check_status_of(touch)?;
                }
            }
            HoldAction::Void { .. } | HoldAction::Extend { .. } | HoldAction::Expire => {}
        }
        let judged = match action {
            HoldAction::Capture { .. } | HoldAction::Increment { .. } => checks(details),
            HoldAction::Void { .. } | HoldAction::Extend { .. } | HoldAction::Expire => Checks::default(),
        };
        let party = hold.party.clone();
        let (action, postings) = (action.clone(), Written::new());
        self.propose(id, party.as_deref(), Effect::HoldMoved { hold_id, action, hold, postings });
        self.move_balances(&touches, judged)?;
        self.settle();
        Ok(())
    }
}

/// What a move does to a posting's balance; nothing for an untouched one. The amount shown is what the
/// action is named for: a final capture that only releases shows nothing captured.
fn touch(
    action: &HoldAction,
    ((before, after), step): ((&HeldPosting, &HeldPosting), &Move),
) -> Option<Touch> {
    let pending = after.remaining() - before.remaining();
    let amount = match action {
        HoldAction::Capture { .. } => step.captured,
        HoldAction::Void { .. } | HoldAction::Expire => step.released,
        HoldAction::Increment { .. } => step.added,
        HoldAction::Extend { .. } => 0,
    };
    (step.captured > 0 || pending != 0).then_some(Touch {
        account: before.account,
        asset: before.asset,
        direction: before.direction,
        amount,
        posted: step.captured,
        pending,
    })
}
