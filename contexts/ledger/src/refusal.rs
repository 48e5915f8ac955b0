//! Why the ledger says no: values with data, each with a slug and a page.
//!
//! Order, documented for callers: conflict of keys, unknown asset or account, closed, frozen, asset not
//! allowed, version and last-seq conditions, nothing available, unbalanced, overflow, floor, ceiling,
//! balance conditions.

use crate::accounts::model::{AccountNo, BalanceNo};
use crate::books::model::AssetNo;
use crate::entries::model::Direction;
use crate::holds::model::HoldState;
use kernel::problem::{Datum, Slug};
use kernel::{Id, Timestamp};

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

macro_rules! slugs {
    ($($name:ident $code:literal $status:literal $title:literal)*) => {
        $(
            #[doc = $title]
            pub static $name: Slug = Slug { code: $code, status: $status, title: $title };
        )*
        /// Every slug of the ledger, refusals and the engine's own.
        pub static SLUGS: &[&Slug] = &[$(&$name),*];
    };
}

slugs! {
    IDEMPOTENCY_CONFLICT "idempotency-conflict" 409 "The key was used for another command"
    UNKNOWN_ACCOUNT "unknown-account" 422 "A posting names an unknown account"
    ACCOUNT_CLOSED "account-closed" 409 "The account is closed"
    ACCOUNT_FROZEN "account-frozen" 409 "The account is frozen on this side"
    ASSET_NOT_ALLOWED "asset-not-allowed" 422 "The account may not hold this asset"
    SAME_ACCOUNT "same-account" 422 "Debit and credit are the same account"
    UNBALANCED_ENTRY "unbalanced-entry" 422 "Debits and credits differ"
    NOTHING_AVAILABLE "nothing-available" 422 "Nothing is available to post"
    MAX_NEEDS_BOUND "max-needs-bound" 422 "The amount \"max\" has no bound here"
    CONDITION_FAILED "condition-failed" 409 "A condition does not hold"
    AMOUNT_OVERFLOW "amount-overflow" 422 "A balance would pass what can be counted"
    INSUFFICIENT_FUNDS "insufficient-funds" 422 "The account has not enough available"
    CEILING_EXCEEDED "ceiling-exceeded" 422 "The account's ceiling leaves too little room"
    OVERRIDE_FORBIDDEN "override-forbidden" 403 "Passing limits needs a scope of its own"
    EFFECTIVE_IN_FUTURE "effective-in-future" 422 "The effective time lies in the future"
    HOLD_NOT_OPEN "hold-not-open" 409 "The hold is no longer open"
    HOLD_EXPIRED "hold-expired" 409 "The hold has expired"
    CAPTURE_EXCEEDS_HOLD "capture-exceeds-hold" 422 "The capture passes what was held"
    VOID_EXCEEDS_HOLD "void-exceeds-hold" 422 "The void passes what is still held"
    INVALID_EXTENSION "invalid-extension" 422 "The extension is not later than the present expiry"
    EXPIRY_IN_PAST "expiry-in-past" 422 "The hold would expire in the past"
    INVALID_SHARE "invalid-share" 422 "The partial amounts do not fit the postings"
    REVERSAL_EXCEEDS_ENTRY "reversal-exceeds-entry" 422 "More would be reversed than was posted"
    REVERSAL_OF_REVERSAL "reversal-of-reversal" 422 "A reversal is not reversed"
    ACCOUNT_EXISTS "account-exists" 409 "The path or id is taken"
    VERSION_MISMATCH "version-mismatch" 409 "The settings changed meanwhile"
    ACCOUNT_STATE "account-state" 409 "The change does not fit the account's status"
    ACCOUNT_NOT_EMPTY "account-not-empty" 409 "The account still has balances or open holds"
    INVALID_LIMITS "invalid-limits" 422 "A floor lies above its ceiling"
    PATTERN_OVERLAP "pattern-overlap" 409 "Two patterns would match one path"
    QUOTA_EXCEEDED "quota-exceeded" 422 "The pattern's quota is used up"
    ASSET_EXISTS "asset-exists" 409 "The asset is registered"
    BATCH_REFUSED "batch-refused" 422 "A command of the atomic batch was refused"
    CLOCK_SUSPECT "clock-suspect" 503 "The clock jumped; an operator must confirm the time"
    OUTCOME_UNKNOWN "outcome-unknown" 503 "Whether the command was stored is not known"
    LEDGER_UNAVAILABLE "ledger-unavailable" 503 "The ledger takes no commands now"
    LEDGER_BUSY "ledger-busy" 503 "Too many commands are waiting"
    NOT_YET_VISIBLE "not-yet-visible" 504 "The wanted record is not visible yet"
}

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

    /// The problem a caller sees, with names for numbers.
    pub fn problem(&self, names: &dyn Names) -> kernel::Problem {
        let mut problem = kernel::Problem::new(self.slug(), capitalised(&self.to_string()));
        problem.data = self.data(names);
        problem
    }

    fn data(&self, names: &dyn Names) -> Vec<(&'static str, Datum)> {
        let amounts = |account, asset, first: (&'static str, i128), second: (&'static str, i128)| {
            let mut data = account_data(names, account);
            data.extend(asset_data(names, asset, &[first, second]));
            data
        };
        match self {
            Self::IdempotencyConflict { namespace, fields } => vec![
                ("namespace", (*namespace).into()),
                ("differing_fields", Datum::List(fields.iter().map(|field| (*field).into()).collect())),
            ],
            Self::KeyInBatch { namespace } => vec![("namespace", (*namespace).into())],
            Self::UnknownAccount { named } => vec![("account", (&**named).into())],
            Self::AccountClosed { account }
            | Self::AmountOverflow { account }
            | Self::AccountExists { account } => account_data(names, *account),
            Self::AccountFrozen { account, direction } => {
                let mut data = account_data(names, *account);
                data.push(("direction", direction.as_str().into()));
                data
            }
            Self::AssetNotAllowed { account, asset } => {
                let mut data = account_data(names, *account);
                data.extend(asset_data(names, *asset, &[]));
                data
            }
            Self::Unbalanced { asset, debits, credits } => {
                asset_data(names, *asset, &[("debits", *debits), ("credits", *credits)])
            }
            Self::MaxNeedsBound { posting } => vec![("posting", i64::from(*posting).into())],
            Self::ConditionFailed { condition, found } => {
                let mut data = vec![("condition", i64::from(*condition).into())];
                data.extend(found.data(names));
                data
            }
            Self::InsufficientFunds { account, asset, available, requested } => {
                amounts(*account, *asset, ("available", *available), ("requested", *requested))
            }
            Self::CeilingExceeded { account, asset, room, requested } => {
                amounts(*account, *asset, ("room", *room), ("requested", *requested))
            }
            Self::EffectiveInFuture { now } | Self::ExpiryInPast { now } => {
                vec![("now", now.to_string().into())]
            }
            Self::HoldNotOpen { status } => vec![("hold_status", status.as_str().into())],
            Self::CaptureExceedsHold { posting, capturable: left, requested, asset }
            | Self::VoidExceedsHold { posting, remaining: left, requested, asset }
            | Self::ReversalExceedsEntry { posting, remaining: left, requested, asset } => {
                let mut data = vec![("posting", i64::from(*posting).into())];
                data.extend(asset_data(names, *asset, &[("remaining", *left), ("requested", *requested)]));
                data
            }
            Self::InvalidExtension { expires_at } => {
                vec![("expires_at", expires_at.map_or(Datum::Null, |at| at.to_string().into()))]
            }
            Self::VersionMismatch { version } => vec![("version", i64::from(*version).into())],
            Self::AccountState { status } => vec![("account_status", status.as_str().into())],
            Self::AccountNotEmpty { open_holds } => vec![("open_holds", i64::from(*open_holds).into())],
            Self::PatternOverlap { with } => vec![("pattern", (&**with).into())],
            Self::QuotaExceeded { pattern, quota } => {
                vec![("pattern", (&**pattern).into()), ("quota", (*quota as i64).into())]
            }
            Self::AssetExists { scale } => vec![("scale", i64::from(*scale).into())],
            Self::BatchRefused { index, cause } => batch_data(*index, cause, names),
            Self::NotFound(_)
            | Self::SameAccount
            | Self::NothingAvailable
            | Self::OverrideForbidden
            | Self::InvalidShare(_)
            | Self::ReversalOfReversal
            | Self::InvalidLimits => Vec::new(),
        }
    }
}

/// The thing a request is about does not exist; the page is the transport's own.
pub static NOT_FOUND: Slug = Slug { code: "not-found", status: 404, title: "There is no such thing" };

fn batch_data(index: u32, cause: &Refusal, names: &dyn Names) -> Vec<(&'static str, Datum)> {
    let mut inner = vec![
        ("code", cause.slug().code.into()),
        ("title", cause.slug().title.into()),
        ("detail", capitalised(&cause.to_string()).into()),
    ];
    inner.extend(cause.data(names));
    vec![("index", i64::from(index).into()), ("cause", Datum::Object(inner))]
}

fn account_data(names: &dyn Names, account: AccountNo) -> Vec<(&'static str, Datum)> {
    let (id, path) = names.account(account);
    vec![("account", id.show(kernel::id::prefix::ACCOUNT).into()), ("path", path.into())]
}

fn asset_data(
    names: &dyn Names,
    asset: AssetNo,
    amounts: &[(&'static str, i128)],
) -> Vec<(&'static str, Datum)> {
    let asset = names.asset(asset);
    let mut data = vec![("asset", asset.code.as_str().into())];
    for (name, minor) in amounts {
        data.push((name, kernel::money::print_minor(*minor, asset.scale).into()));
    }
    data
}

impl Found {
    fn data(self, names: &dyn Names) -> Vec<(&'static str, Datum)> {
        match self {
            Self::Version(version) => vec![("version", i64::from(version).into())],
            Self::Seq(seq) => vec![("last_seq", (seq as i64).into())],
            Self::Amount(asset, minor) => asset_data(names, asset, &[("found", minor)]),
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).chain(['.']).collect(),
        None => String::new(),
    }
}
