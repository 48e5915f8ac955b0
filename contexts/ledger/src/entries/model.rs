//! Words of an entry: posting, direction, amounts to be resolved, conditions, overrides.

use crate::accounts::model::{AccountNo, AccountRef, BalanceNo, Counters, Text};
use crate::books::model::AssetNo;
use kernel::{Id, Timestamp};
use smallvec::SmallVec;

/// Most postings of an entry.
pub const MAX_POSTINGS: usize = 1_000;
/// Most conditions of an entry.
pub const MAX_CONDITIONS: usize = 100;

/// The two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// Left.
    Debit,
    /// Right.
    Credit,
}

impl Direction {
    /// The opposite side.
    pub fn other(self) -> Self {
        match self {
            Self::Debit => Self::Credit,
            Self::Credit => Self::Debit,
        }
    }

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debit => "debit",
            Self::Credit => "credit",
        }
    }
}

/// An amount as commanded, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountCommand {
    /// This much; positive.
    Exact(i128),
    /// What the account has available (or has room for), at most `up_to`.
    Max {
        /// Bound; needed where the account has no limit on that side.
        up_to: Option<i128>,
    },
    /// The rest of the other side in this asset.
    Remaining,
}

/// A posting as commanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostingCommand {
    /// Which account.
    pub account: AccountRef,
    /// Which side.
    pub direction: Direction,
    /// Which asset.
    pub asset: AssetNo,
    /// How much.
    pub amount: AmountCommand,
}

/// Postings, two of them without an allocation.
pub type Postings = SmallVec<[PostingCommand; 2]>;

/// A balance that a condition looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BalanceWord {
    /// Net posted.
    Posted,
    /// Net pending.
    Pending,
    /// Posted less outgoing pending.
    Available,
}

/// How two amounts compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Gt,
    /// `≥`
    Gte,
    /// `=`
    Eq,
    /// `≤`
    Lte,
    /// `<`
    Lt,
}

impl Comparison {
    /// Whether `left` stands so to `right`.
    pub fn holds(self, left: i128, right: i128) -> bool {
        match self {
            Self::Gt => left > right,
            Self::Gte => left >= right,
            Self::Eq => left == right,
            Self::Lte => left <= right,
            Self::Lt => left < right,
        }
    }

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::Eq => "eq",
            Self::Lte => "lte",
            Self::Lt => "lt",
        }
    }
}

/// What must hold of an account for an entry to be posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Which account.
    pub account: AccountRef,
    /// What about it.
    pub test: Test,
}

/// The three kinds of conditions. The first two look before the entry, the last after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// The settings have this version.
    Version(u32),
    /// The balance was last touched by this record (0: never).
    LastSeq(AssetNo, u64),
    /// The balance afterwards.
    Balance(AssetNo, BalanceWord, Comparison, i128),
}

/// A recorded permission to pass limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Floors may be passed.
    pub floor: bool,
    /// Ceilings may be passed.
    pub ceiling: bool,
    /// Why; kept in the entry.
    pub reason: Box<str>,
}

/// What an entry may carry besides its postings.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Details {
    /// Searchable, not unique.
    pub reference: Option<Box<str>>,
    /// Unique per book: the source platform's idempotency.
    pub unique_ref: Option<Box<str>>,
    /// Whose entry it is: the key of its event.
    pub party: Option<Box<str>>,
    /// When it counts in the world.
    pub effective_at: Option<Timestamp>,
    /// What must hold.
    pub conditions: Vec<Condition>,
    /// Limits it may pass.
    pub override_: Option<Override>,
    /// Description and metadata.
    pub text: Text,
}

/// Command: post an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostEntry {
    /// Two to a thousand.
    pub postings: Postings,
    /// The rest, if any.
    pub details: Option<Box<Details>>,
}

/// A share of an entry, hold or capture: posting number and amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Share {
    /// All that is left.
    Rest,
    /// This much of both postings of a two-posting entry.
    Amount(i128),
    /// This much of each named posting; balanced.
    Postings(Vec<(u32, i128)>),
}

/// Command: undo an entry or a capture, in whole or part, by a new entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReverseEntry {
    /// What is undone.
    pub entry: Id,
    /// How much of it.
    pub share: Share,
    /// Reference, effective time, text.
    pub details: Option<Box<Details>>,
}

/// A posting as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The balance it moved.
    pub balance: BalanceNo,
    /// Its account.
    pub account: AccountNo,
    /// Its asset.
    pub asset: AssetNo,
    /// Its side.
    pub direction: Direction,
    /// How much, positive.
    pub amount: i128,
    /// The balance's counters after the posting.
    pub after: Counters,
}

/// Postings as written, two of them without an allocation.
pub type Written = SmallVec<[Posting; 2]>;

/// What a later command needs to know of an entry: its postings and how much of each was reversed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryFacts {
    /// Itself a reversal.
    pub is_reversal: bool,
    /// Account, asset, side and amount of each posting.
    pub postings: Vec<EntryPosting>,
    /// Its party.
    pub party: Option<Box<str>>,
    /// Where its own record stands; the store's to know.
    pub posted_at: u64,
}

/// One posting of an earlier entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryPosting {
    /// Its account.
    pub account: AccountNo,
    /// Its asset.
    pub asset: AssetNo,
    /// Its side.
    pub direction: Direction,
    /// How much.
    pub amount: i128,
    /// How much of it was reversed so far.
    pub reversed: i128,
}
