//! Words of a hold: its postings, its state, its commands.

use crate::accounts::model::AccountNo;
use crate::books::model::{AssetNo, BookNo};
use crate::entries::model::{Details, Direction, Postings, Share};
use kernel::{Id, Timestamp};

/// Command: reserve amounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceHold {
    /// What is reserved.
    pub postings: Postings,
    /// When it lapses; none: never, unless it lapses after a time.
    pub expires_at: Option<Timestamp>,
    /// Seconds after which it lapses. As asked for: a repeat of the command says the same.
    pub expires_in_s: Option<u64>,
    /// What captures may take above the held amount, per posting; empty: nothing.
    pub tolerance: Vec<i128>,
    /// The rest, if any.
    pub details: Option<Box<Details>>,
}

/// What is asked of a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldAction {
    /// Post (part of) it.
    Capture {
        /// How much.
        share: Share,
        /// Release what then remains.
        last: bool,
    },
    /// Release (part of) it.
    Void {
        /// How much.
        share: Share,
    },
    /// Reserve more.
    Increment {
        /// How much more.
        share: Share,
    },
    /// Let it live longer.
    Extend {
        /// Until when.
        expires_at: Timestamp,
    },
    /// Its time has come; the ledger's own command.
    Expire,
}

/// Command: act on a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActOnHold {
    /// Which.
    pub hold: Id,
    /// What.
    pub action: HoldAction,
    /// Reference, text.
    pub details: Option<Box<Details>>,
}

/// A hold's state. Only an open one moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldState {
    /// Reserves what remains.
    Open,
    /// Nothing remains and something was captured.
    Captured,
    /// Nothing remains and nothing was captured.
    Voided,
    /// Time took what remained.
    Expired,
}

impl HoldState {
    /// All, in the order their codes are stored.
    pub const ALL: [Self; 4] = [Self::Open, Self::Captured, Self::Voided, Self::Expired];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Captured => "captured",
            Self::Voided => "voided",
            Self::Expired => "expired",
        }
    }
}

/// One posting of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldPosting {
    /// Its account.
    pub account: AccountNo,
    /// Its asset.
    pub asset: AssetNo,
    /// Its side.
    pub direction: Direction,
    /// Held in all, increments included.
    pub held: i128,
    /// Captured so far.
    pub captured: i128,
    /// Released so far.
    pub released: i128,
    /// What captures may take above the held amount.
    pub tolerance: i128,
}

impl HeldPosting {
    /// What is still reserved.
    pub fn remaining(&self) -> i128 {
        (self.held - self.captured - self.released).max(0)
    }

    /// What captures may still take.
    pub fn capturable(&self) -> i128 {
        (self.held + self.tolerance - self.captured - self.released).max(0)
    }
}

/// A hold as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its book.
    pub book: BookNo,
    /// Its state.
    pub state: HoldState,
    /// When it lapses.
    pub expires_at: Option<Timestamp>,
    /// Its postings.
    pub postings: Vec<HeldPosting>,
    /// Whose hold it is.
    pub party: Option<Box<str>>,
    /// Where its own record stands; the store's to fill.
    pub placed_at: u64,
}
