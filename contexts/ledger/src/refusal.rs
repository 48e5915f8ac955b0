//! Why the ledger says no: values with data, each with a slug and a page.
//!
//! Order, documented for callers: conflict of keys, unknown asset or account, closed, frozen, asset not
//! allowed, version and last-seq conditions, nothing available, unbalanced, overflow, floor, ceiling,
//! balance conditions.

use crate::accounts::model::{AccountNo, BalanceNo};
use crate::books::model::AssetNo;
use crate::entries::model::Direction;
use crate::holds::model::HoldState;
use kernel::problem::Slug;
use kernel::{Id, Timestamp};

mod problem;
mod slugs;

pub use slugs::*;

/// The life of an account, as a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountStatus {
    /// Open on both sides.
    Open,
    /// Frozen on one side or both.
    Frozen,
    /// Closed for good.
    Closed,
}

impl AccountStatus {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Frozen => "frozen",
            Self::Closed => "closed",
        }
    }
}

/// What was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// An account named in a path of the API.
    Account,
    /// An entry.
    Entry,
    /// A hold.
    Hold,
}

/// A refusal of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A key, id or ref was used before for another command.
    #[error("it was used before for another command; these fields differ: {}", fields.join(", "))]
    IdempotencyConflict {
        /// Which namespace: `Idempotency-Key`, `id` or `ref`.
        namespace: &'static str,
        /// Names of the differing fields.
        fields: Vec<&'static str>,
    },
    /// A posting names an account that does not exist and no pattern opens.
    #[error("there is no account {named}, and no pattern opens it")]
    UnknownAccount {
        /// As the caller named it.
        named: Box<str>,
    },
    /// The thing the request is about does not exist.
    #[error("there is no such thing in this book")]
    NotFound(Missing),
    /// A posting names a closed account.
    #[error("the account is closed")]
    AccountClosed {
        /// Which.
        account: AccountNo,
    },
    /// A posting is on a frozen side.
    #[error("the account is frozen for {}s", direction.as_str())]
    AccountFrozen {
        /// Which.
        account: AccountNo,
        /// Which side.
        direction: Direction,
    },
    /// The account does not hold this asset.
    #[error("the account may not hold this asset")]
    AssetNotAllowed {
        /// Which account.
        account: AccountNo,
        /// Which asset.
        asset: AssetNo,
    },
    /// Both sides of a two-posting entry are one account.
    #[error("debit and credit are the same account")]
    SameAccount,
    /// Debits and credits differ.
    #[error("debits and credits differ")]
    Unbalanced {
        /// In which asset.
        asset: AssetNo,
        /// Sum of debits.
        debits: i128,
        /// Sum of credits.
        credits: i128,
    },
    /// Every balancing amount resolved to zero.
    #[error("nothing is available to post")]
    NothingAvailable,
    /// `max` on an account without a limit on that side, and no `up_to`.
    #[error("the account has no limit on that side, so \"max\" needs \"up_to\"")]
    MaxNeedsBound {
        /// Which posting, from 0.
        posting: u32,
    },
    /// A condition does not hold.
    #[error("a condition does not hold")]
    ConditionFailed {
        /// Which, from 0.
        condition: u32,
        /// What was found.
        found: Found,
    },
    /// A counter would pass 128 bits.
    #[error("a balance would pass what can be counted")]
    AmountOverflow {
        /// Whose.
        account: AccountNo,
    },
    /// A floor would be passed.
    #[error("the account has not enough available")]
    InsufficientFunds {
        /// Which account.
        account: AccountNo,
        /// Which asset.
        asset: AssetNo,
        /// What could be taken.
        available: i128,
        /// What the command takes.
        requested: i128,
    },
    /// A ceiling would be passed.
    #[error("the account's ceiling leaves too little room")]
    CeilingExceeded {
        /// Which account.
        account: AccountNo,
        /// Which asset.
        asset: AssetNo,
        /// What could be added.
        room: i128,
        /// What the command adds.
        requested: i128,
    },
    /// A limit may be passed only by callers with the scope.
    #[error("passing limits needs the scope ledger:override")]
    OverrideForbidden,
    /// The effective time is later than now.
    #[error("the effective time is later than now; what must move later is a scheduled entry")]
    EffectiveInFuture {
        /// The time of the commit group.
        now: Timestamp,
    },
    /// The hold is no longer open.
    #[error("the hold is {}", status.as_str())]
    HoldNotOpen {
        /// What it is.
        status: HoldState,
    },
    /// A capture passes what was held and its tolerance.
    #[error("the capture passes what was held")]
    CaptureExceedsHold {
        /// Which posting, from 0.
        posting: u32,
        /// What may still be captured.
        capturable: i128,
        /// What was asked.
        requested: i128,
        /// Its asset.
        asset: AssetNo,
    },
    /// A void passes what is still held.
    #[error("more than what is still held cannot be released")]
    VoidExceedsHold {
        /// Which posting, from 0.
        posting: u32,
        /// What is still held.
        remaining: i128,
        /// What was asked.
        requested: i128,
        /// Its asset.
        asset: AssetNo,
    },
    /// An extension that is not later than what is set, or of a hold that never expires.
    #[error("an extension must be later than the hold's present expiry")]
    InvalidExtension {
        /// The present expiry.
        expires_at: Option<Timestamp>,
    },
    /// A hold would expire in the past.
    #[error("the hold would expire in the past")]
    ExpiryInPast {
        /// The time of the commit group.
        now: Timestamp,
    },
    /// A share names postings that the entry does not have, or one amount for several.
    #[error("{0}")]
    InvalidShare(&'static str),
    /// More would be reversed than was posted.
    #[error("more than what is left of the entry cannot be reversed")]
    ReversalExceedsEntry {
        /// Which posting, from 0.
        posting: u32,
        /// What may still be reversed.
        remaining: i128,
        /// What was asked.
        requested: i128,
        /// Its asset.
        asset: AssetNo,
    },
    /// A reversal is not reversed.
    #[error("a reversal is not reversed; post a new entry")]
    ReversalOfReversal,
    /// The path or the id is taken.
    #[error("an account with this path or id exists")]
    AccountExists {
        /// Which has it.
        account: AccountNo,
    },
    /// The account's settings changed meanwhile.
    #[error("the account's settings have another version")]
    VersionMismatch {
        /// The present version.
        version: u32,
    },
    /// The change does not fit the account's life.
    #[error("the account is {}", status.as_str())]
    AccountState {
        /// What it is.
        status: AccountStatus,
    },
    /// Closing needs zero balances and no open hold.
    #[error("the account still has balances or open holds")]
    AccountNotEmpty {
        /// Open holds that touch it.
        open_holds: u32,
    },
    /// A floor above a ceiling.
    #[error("a floor cannot lie above its ceiling")]
    InvalidLimits,
    /// Two patterns would match one path.
    #[error("the pattern overlaps {with}")]
    PatternOverlap {
        /// The other pattern.
        with: Box<str>,
    },
    /// A pattern has opened as many accounts as it may.
    #[error("the pattern {pattern} has opened the {quota} accounts its quota allows")]
    QuotaExceeded {
        /// Which pattern.
        pattern: Box<str>,
        /// How many.
        quota: u64,
    },
    /// The asset is known, perhaps with another scale.
    #[error("the asset is known with {scale} decimals; a scale never changes")]
    AssetExists {
        /// Its scale.
        scale: u8,
    },
    /// A command of an atomic batch was refused, and with it the batch.
    #[error("command {index} of the batch was refused, so nothing of it was posted: {cause}")]
    BatchRefused {
        /// Which, from 0.
        index: u32,
        /// Why.
        cause: Box<Refusal>,
    },
    /// A key stands twice in one atomic batch, or was used before while others were not.
    #[error("the key, id or ref was used before; an atomic batch replays as a whole or not at all")]
    KeyInBatch {
        /// Which namespace.
        namespace: &'static str,
    },
}

/// What a failed condition found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A settings version.
    Version(u32),
    /// A record number.
    Seq(u64),
    /// An amount of an asset.
    Amount(AssetNo, i128),
}

/// Names that a problem shows for numbers; whoever holds the books provides them.
pub trait Names {
    /// Id and path of an account.
    fn account(&self, account: AccountNo) -> (Id, String);
    /// Code and scale of an asset of this book.
    fn asset(&self, asset: AssetNo) -> kernel::Asset;
}

/// A balance that does not exist yet.
pub const NO_BALANCE: BalanceNo = BalanceNo(u32::MAX);

impl Refusal {
    /// Its class.
    pub fn slug(&self) -> &'static Slug {
        match self {
            Self::IdempotencyConflict { .. } | Self::KeyInBatch { .. } => &IDEMPOTENCY_CONFLICT,
            Self::UnknownAccount { .. } => &UNKNOWN_ACCOUNT,
            Self::NotFound(_) => &NOT_FOUND,
            Self::AccountClosed { .. } => &ACCOUNT_CLOSED,
            Self::AccountFrozen { .. } => &ACCOUNT_FROZEN,
            Self::AssetNotAllowed { .. } => &ASSET_NOT_ALLOWED,
            Self::SameAccount => &SAME_ACCOUNT,
            Self::Unbalanced { .. } => &UNBALANCED_ENTRY,
            Self::NothingAvailable => &NOTHING_AVAILABLE,
            Self::MaxNeedsBound { .. } => &MAX_NEEDS_BOUND,
            Self::ConditionFailed { .. } => &CONDITION_FAILED,
            Self::AmountOverflow { .. } => &AMOUNT_OVERFLOW,
            Self::InsufficientFunds { .. } => &INSUFFICIENT_FUNDS,
            Self::CeilingExceeded { .. } => &CEILING_EXCEEDED,
            Self::OverrideForbidden => &OVERRIDE_FORBIDDEN,
            Self::EffectiveInFuture { .. } => &EFFECTIVE_IN_FUTURE,
            Self::HoldNotOpen { status: HoldState::Expired } => &HOLD_EXPIRED,
            Self::HoldNotOpen { .. } => &HOLD_NOT_OPEN,
            Self::CaptureExceedsHold { .. } => &CAPTURE_EXCEEDS_HOLD,
            Self::VoidExceedsHold { .. } => &VOID_EXCEEDS_HOLD,
            Self::InvalidExtension { .. } => &INVALID_EXTENSION,
            Self::ExpiryInPast { .. } => &EXPIRY_IN_PAST,
            Self::InvalidShare(_) => &INVALID_SHARE,
            Self::ReversalExceedsEntry { .. } => &REVERSAL_EXCEEDS_ENTRY,
            Self::ReversalOfReversal => &REVERSAL_OF_REVERSAL,
            Self::AccountExists { .. } => &ACCOUNT_EXISTS,
            Self::VersionMismatch { .. } => &VERSION_MISMATCH,
            Self::AccountState { .. } => &ACCOUNT_STATE,
            Self::AccountNotEmpty { .. } => &ACCOUNT_NOT_EMPTY,
            Self::InvalidLimits => &INVALID_LIMITS,
            Self::PatternOverlap { .. } => &PATTERN_OVERLAP,
            Self::QuotaExceeded { .. } => &QUOTA_EXCEEDED,
            Self::AssetExists { .. } => &ASSET_EXISTS,
            Self::BatchRefused { .. } => &BATCH_REFUSED,
        }
    }
}
