//! A hold's life: which command moves which state, and by how much.

use super::model::{HeldPosting, Hold, HoldAction, HoldState};
use crate::entries::model::Share;
use crate::entries::rules::{balanced, share_amounts};
use crate::refusal::Refusal;
use kernel::Timestamp;

/// What a command does to one posting of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Move {
    /// Posted.
    pub captured: i128,
    /// Given back.
    pub released: i128,
    /// Reserved in addition.
    pub added: i128,
}

/// Moves a hold. Only an open one moves; every other pair is refused with the state it is in.
pub fn apply(hold: &Hold, action: &HoldAction, now: Timestamp) -> Result<(Hold, Vec<Move>), Refusal> {
    match (hold.state, action) {
        (HoldState::Open, HoldAction::Capture { share, last }) => capture(hold, share, *last),
        (HoldState::Open, HoldAction::Void { share }) => void(hold, share),
        (HoldState::Open, HoldAction::Increment { share }) => increment(hold, share),
        (HoldState::Open, HoldAction::Extend { expires_at }) => extend(hold, *expires_at, now),
        (HoldState::Open, HoldAction::Expire) => Ok(expire(hold)),
        (
            HoldState::Captured | HoldState::Voided | HoldState::Expired,
            HoldAction::Capture { .. }
            | HoldAction::Void { .. }
            | HoldAction::Increment { .. }
            | HoldAction::Extend { .. }
            | HoldAction::Expire,
        ) => Err(Refusal::HoldNotOpen { status: hold.state }),
    }
}

fn capture(hold: &Hold, share: &Share, last: bool) -> Result<(Hold, Vec<Move>), Refusal> {
    let remaining: Vec<i128> = hold.postings.iter().map(HeldPosting::remaining).collect();
    let amounts = share_amounts(share, &remaining)?;
    for (place, (posting, requested)) in hold.postings.iter().zip(&amounts).enumerate() {
        if *requested > posting.capturable() {
            return Err(Refusal::CaptureExceedsHold {
                posting: place as u32,
                capturable: posting.capturable(),
                requested: *requested,
                asset: posting.asset,
            });
        }
    }
    check_balanced(hold, &amounts)?;
    let moves = amounts.iter().zip(&remaining).map(|(amount, remaining)| Move {
        captured: *amount,
        released: if last { (remaining - amount).max(0) } else { 0 },
        added: 0,
    });
    Ok(moved(hold, moves.collect(), HoldState::Captured))
}

fn void(hold: &Hold, share: &Share) -> Result<(Hold, Vec<Move>), Refusal> {
    let remaining: Vec<i128> = hold.postings.iter().map(HeldPosting::remaining).collect();
    let amounts = share_amounts(share, &remaining)?;
    for (place, (posting, requested)) in hold.postings.iter().zip(&amounts).enumerate() {
        if *requested > posting.remaining() {
            return Err(Refusal::VoidExceedsHold {
                posting: place as u32,
                remaining: posting.remaining(),
                requested: *requested,
                asset: posting.asset,
            });
        }
    }
    // All that is left can always be released: captures above what was held may have left the sides unequal.
    if *share != Share::Rest {
        check_balanced(hold, &amounts)?;
    }
    let captured = hold.postings.iter().any(|posting| posting.captured > 0);
    let closed = if captured { HoldState::Captured } else { HoldState::Voided };
    let moves = amounts.iter().map(|amount| Move { released: *amount, ..Move::default() });
    Ok(moved(hold, moves.collect(), closed))
}

fn increment(hold: &Hold, share: &Share) -> Result<(Hold, Vec<Move>), Refusal> {
    let held: Vec<i128> = hold.postings.iter().map(|posting| posting.held).collect();
    let amounts = share_amounts(share, &held)?;
    check_balanced(hold, &amounts)?;
    let fits = hold.postings.iter().zip(&amounts).all(|(posting, amount)| {
        posting.held.checked_add(*amount).is_some_and(|held| held < kernel::money::MINOR_LIMIT)
    });
    if !fits {
        return Err(Refusal::AmountOverflow { account: hold.postings[0].account });
    }
    let moves = amounts.iter().map(|amount| Move { added: *amount, ..Move::default() });
    Ok(moved(hold, moves.collect(), HoldState::Open))
}

fn extend(hold: &Hold, expires_at: Timestamp, now: Timestamp) -> Result<(Hold, Vec<Move>), Refusal> {
    match hold.expires_at {
        Some(present) if expires_at > present && expires_at > now => {
            let after = Hold { expires_at: Some(expires_at), ..hold.clone() };
            Ok((after, vec![Move::default(); hold.postings.len()]))
        }
        present => Err(Refusal::InvalidExtension { expires_at: present }),
    }
}

fn expire(hold: &Hold) -> (Hold, Vec<Move>) {
    let moves = hold.postings.iter().map(|posting| Move { released: posting.remaining(), ..Move::default() });
    moved(hold, moves.collect(), HoldState::Expired)
}

fn check_balanced(hold: &Hold, amounts: &[i128]) -> Result<(), Refusal> {
    if amounts.iter().all(|amount| *amount == 0) {
        return Err(Refusal::InvalidShare("at least one amount must be positive"));
    }
    balanced(
        hold.postings
            .iter()
            .zip(amounts)
            .map(|(posting, amount)| (posting.asset, posting.direction, *amount)),
    )
}

/// The hold after these moves; `closed` is what it becomes when nothing remains.
fn moved(hold: &Hold, moves: Vec<Move>, closed: HoldState) -> (Hold, Vec<Move>) {
    let mut after = hold.clone();
    for (posting, step) in after.postings.iter_mut().zip(&moves) {
        posting.held += step.added;
        posting.captured += step.captured;
        posting.released += step.released;
    }
    if after.postings.iter().all(|posting| posting.remaining() == 0) {
        after.state = closed;
    }
    (after, moves)
}
