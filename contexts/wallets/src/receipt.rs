//! What a movement did, as its caller is told: made from the books' decision, before anything is written.

use crate::model::{Balance, Kind, Place, WalletNo};
use kernel::{Asset, Id, Timestamp};
use ledger::journal::unit::UnitDone;

/// A wallet after a movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    /// Which.
    pub wallet: WalletNo,
    /// What it then had.
    pub balance: Balance,
}

/// What a movement did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The entry, or the hold.
    pub id: Id,
    /// Its number in the book.
    pub seq: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// What it was.
    pub kind: Kind,
    /// How much.
    pub amount: i128,
    /// Of what.
    pub asset: Asset,
    /// The wallet that gave.
    pub source: Option<Side>,
    /// The wallet that took.
    pub target: Option<Side>,
    /// The caller's own.
    pub reference: Option<String>,
    /// Nothing was stored.
    pub dry_run: bool,
}

/// Renders a receipt: the documented way or ours.
pub type View = fn(&Receipt) -> Vec<u8>;

/// A receipt before its entry is decided.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The entry's id, or the hold's.
    pub id: Id,
    /// What it is.
    pub kind: Kind,
    /// The wallet that gives.
    pub source: Option<Place>,
    /// The wallet that takes.
    pub target: Option<Place>,
    /// Of what.
    pub asset: Asset,
    /// The caller's own.
    pub reference: Option<String>,
    /// Nothing is stored.
    pub dry_run: bool,
}

impl Draft {
    /// The receipt of what the books did.
    pub fn receipt(self, done: &UnitDone) -> Receipt {
        let decision = done.by_id(self.id).expect("the unit's own entry is among its decisions");
        let postings = decision.effect.postings();
        let side = |place: Option<Place>| {
            let place = place?;
            let own = postings.iter().rev().find(|posting| posting.account == place.account)?;
            Some(Side { wallet: place.no, balance: own.after.into() })
        };
        Receipt {
            id: self.id,
            seq: decision.seq,
            at: done.at,
            kind: self.kind,
            amount: postings.first().map_or(0, |posting| posting.amount),
            asset: self.asset,
            source: side(self.source),
            target: side(self.target),
            reference: self.reference,
            dry_run: self.dry_run,
        }
    }
}
