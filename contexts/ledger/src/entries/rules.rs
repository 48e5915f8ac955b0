//! What an entry must be: balanced per asset, its balancing amounts resolved, within its remainder when
//! it undoes another.

use super::model::{AmountCommand, Direction, EntryFacts, EntryPosting, Share};
use crate::accounts::model::{AccountKind, Counters, Limits};
use crate::books::model::AssetNo;
use crate::refusal::Refusal;
use smallvec::SmallVec;

/// A posting while it is being resolved.
#[derive(Clone, Copy, Debug)]
pub struct Leg {
    /// Which side.
    pub direction: Direction,
    /// Which asset.
    pub asset: AssetNo,
    /// As commanded.
    pub command: AmountCommand,
    /// Resolved so far; 0 is left out.
    pub amount: i128,
}

/// Sums of debits and credits must be equal in each asset. Checked sums: an overflow is unbalanced too.
pub fn balanced(legs: impl Iterator<Item = (AssetNo, Direction, i128)> + Clone) -> Result<(), Refusal> {
    // Nearly every entry has two postings that mirror each other.
    let mut both = legs.clone();
    if let (Some(one), Some(other), None) = (both.next(), both.next(), both.next())
        && one == (other.0, other.1.other(), other.2)
    {
        return Ok(());
    }
    let mut sums: SmallVec<[(AssetNo, i128, i128); 2]> = SmallVec::new();
    for (asset, direction, amount) in legs {
        let place = match sums.iter().position(|sum| sum.0 == asset) {
            Some(place) => place,
            None => {
                sums.push((asset, 0, 0));
                sums.len() - 1
            }
        };
        // At most 1,000 amounts below 10^36: within 128 bits only up to 170 of the largest.
        let side = match direction {
            Direction::Debit => &mut sums[place].1,
            Direction::Credit => &mut sums[place].2,
        };
        *side = side.saturating_add(amount);
    }
    match sums.into_iter().find(|(_, debits, credits)| debits != credits || *debits == i128::MAX) {
        Some((asset, debits, credits)) => Err(Refusal::Unbalanced { asset, debits, credits }),
        None => Ok(()),
    }
}

/// What `max` takes: what the balance has above its floor, or room below its ceiling, at most `up_to`.
/// `None` where there is neither limit nor bound.
pub fn most(
    kind: AccountKind,
    limits: &Limits,
    counters: &Counters,
    direction: Direction,
    up_to: Option<i128>,
) -> Option<i128> {
    let normal = kind.normal_side();
    let room = if direction == normal {
        limits.ceiling.map(|ceiling| ceiling.saturating_sub(counters.reach(normal)))
    } else {
        limits.floor.map(|floor| counters.available(normal).saturating_sub(floor))
    };
    match (room, up_to) {
        (Some(room), Some(bound)) => Some(room.min(bound).max(0)),
        (Some(room), None) => Some(room.max(0)),
        (None, bound) => bound,
    }
}

/// Gives each `remaining` leg the rest of the other side. Exact and `max` legs are resolved before.
pub fn fill_remaining(legs: &mut [Leg]) -> Result<(), Refusal> {
    for place in 0..legs.len() {
        if legs[place].command != AmountCommand::Remaining {
            continue;
        }
        let Leg { direction, asset, .. } = legs[place];
        let sum = |side: Direction| {
            let of_side = legs.iter().filter(|leg| leg.asset == asset && leg.direction == side);
            of_side.fold(0_i128, |sum, leg| sum.saturating_add(leg.amount))
        };
        let (own, other) = (sum(direction), sum(direction.other()));
        if other < own {
            let (debits, credits) = match direction {
                Direction::Debit => (own, other),
                Direction::Credit => (other, own),
            };
            return Err(Refusal::Unbalanced { asset, debits, credits });
        }
        legs[place].amount = other - own;
    }
    if legs.iter().all(|leg| leg.amount == 0) { Err(Refusal::NothingAvailable) } else { Ok(()) }
}

/// The amounts a share takes of postings with these remainders: one amount per posting, 0 for untouched.
pub fn share_amounts(share: &Share, remainders: &[i128]) -> Result<Vec<i128>, Refusal> {
    match share {
        Share::Rest => Ok(remainders.to_vec()),
        Share::Amount(amount) if remainders.len() == 2 => Ok(vec![*amount, *amount]),
        Share::Amount(_) => Err(Refusal::InvalidShare(
            "one amount is for entries of two postings; name the postings and their amounts",
        )),
        Share::Postings(named) => {
            let mut amounts = vec![0; remainders.len()];
            for (posting, amount) in named {
                match amounts.get_mut(*posting as usize) {
                    Some(slot @ 0) => *slot = *amount,
                    Some(_) => return Err(Refusal::InvalidShare("a posting is named twice")),
                    None => return Err(Refusal::InvalidShare("there is no posting of this number")),
                }
            }
            Ok(amounts)
        }
    }
}

/// How much of each posting a reversal takes; balanced, each within what is left.
pub fn reversal_amounts(facts: &EntryFacts, share: &Share) -> Result<Vec<i128>, Refusal> {
    if facts.is_reversal {
        return Err(Refusal::ReversalOfReversal);
    }
    let left: Vec<i128> = facts.postings.iter().map(|posting| posting.amount - posting.reversed).collect();
    let amounts = share_amounts(share, &left)?;
    let exceeding = amounts.iter().zip(&left).position(|(amount, left)| amount > left);
    if let Some(place) = exceeding {
        return Err(Refusal::ReversalExceedsEntry {
            posting: place as u32,
            remaining: left[place],
            requested: amounts[place],
            asset: facts.postings[place].asset,
        });
    }
    if amounts.iter().all(|amount| *amount == 0) {
        return Err(Refusal::ReversalExceedsEntry {
            posting: 0,
            remaining: 0,
            requested: facts.postings.first().map_or(0, |posting| posting.amount),
            asset: facts.postings.first().map_or(AssetNo(0), |posting| posting.asset),
        });
    }
    let taken = |(posting, amount): (&EntryPosting, &i128)| (posting.asset, posting.direction, *amount);
    balanced(facts.postings.iter().zip(&amounts).map(taken))?;
    Ok(amounts)
}
