//! Words of wallets: customers, wallets and their life, limits and the periods they count in.
//! A wallet's balance is no word here: the books have it.

use kernel::{Id, Timestamp};
use ledger::accounts::model::{AccountNo, Counters};
use ledger::books::model::AssetNo;
use ledger::entries::model::Direction;

/// A wallet's number, of one tenant: wallet n is the account `wallets:{n}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WalletNo(pub i64);

/// A customer as a command makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Opaque: the operator's own, or a number that was drawn.
    pub customer: String,
    /// Unique among the tenant's customers.
    pub login: Option<String>,
    /// What people call them.
    pub name: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub changed: Timestamp,
    /// Sorts by time; pages run by it.
    pub id: Id,
}

/// A wallet as its row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wallet {
    /// Its number.
    pub no: WalletNo,
    /// Whose.
    pub customer: String,
    /// The code of its only asset.
    pub asset: String,
    /// What its owner calls it.
    pub label: Option<String>,
    /// Named values, in name order.
    pub metadata: Vec<(String, String)>,
    /// Its life.
    pub state: WalletState,
    /// When it was made.
    pub created: Timestamp,
}

/// A wallet's life, with what is true in each state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalletState {
    /// Money comes and goes.
    Open {
        /// Since when.
        since: Timestamp,
    },
    /// Nothing new comes or goes; what was held may still be captured.
    Frozen {
        /// Why.
        reason: String,
        /// Since when.
        since: Timestamp,
    },
    /// For good.
    Closed {
        /// Why.
        reason: String,
        /// Since when.
        since: Timestamp,
    },
}

/// A change of a wallet's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Stop it.
    Freeze {
        /// Why.
        reason: String,
    },
    /// Let it go on.
    Thaw {
        /// Why.
        reason: String,
    },
    /// End it.
    Close {
        /// Why.
        reason: String,
    },
}

impl WalletState {
    /// The word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Frozen { .. } => "frozen",
            Self::Closed { .. } => "closed",
        }
    }

    /// Why it is so; an open wallet needs no reason.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Open { .. } => None,
            Self::Frozen { reason, .. } | Self::Closed { reason, .. } => Some(reason),
        }
    }

    /// Since when it is so.
    pub fn since(&self) -> Timestamp {
        match self {
            Self::Open { since } | Self::Frozen { since, .. } | Self::Closed { since, .. } => *since,
        }
    }
}

/// What may leave a wallet in a period, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Limits {
    /// In a day of UTC.
    pub day: Option<i64>,
    /// In a calendar month of UTC.
    pub month: Option<i64>,
    /// Raised by every change.
    pub version: i64,
}

impl Limits {
    /// The cap of a kind of period.
    pub fn cap(&self, kind: PeriodKind) -> Option<i64> {
        match kind {
            PeriodKind::Day => self.day,
            PeriodKind::Month => self.month,
        }
    }
}

/// What a limit counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeriodKind {
    /// A day of UTC.
    Day,
    /// A calendar month of UTC.
    Month,
}

impl PeriodKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Day, Self::Month];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// By its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A period of a kind: from here to before there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Day or month.
    pub kind: PeriodKind,
    /// Its first moment.
    pub start: Timestamp,
    /// The first moment after it.
    pub end: Timestamp,
}

/// A limit as it stands in the running period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running {
    /// The period.
    pub period: Period,
    /// What may leave in it.
    pub cap: i64,
    /// What has left; none where nothing is counted yet.
    pub used: Option<i64>,
}

impl Running {
    /// What may still leave.
    pub fn headroom(&self) -> i64 {
        self.cap.saturating_sub(self.used.unwrap_or(0)).max(0)
    }
}

/// A wallet as the books know it: what a movement needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number.
    pub no: WalletNo,
    /// Its account.
    pub account: AccountNo,
    /// Its only asset.
    pub asset: AssetNo,
    /// Where the settings stand that this was read from.
    pub settings_at: u64,
}

/// Ends of a movement. A wallet that is named by a number too large for one is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Movement {
    /// From outside into a wallet.
    TopUp {
        /// Into.
        to: i128,
    },
    /// Out of a wallet.
    Withdrawal {
        /// Out of.
        from: i128,
    },
    /// Out of a wallet, by a file of payouts.
    Payout {
        /// Out of.
        from: i128,
    },
    /// From wallet to wallet.
    Transfer {
        /// Out of.
        from: i128,
        /// Into.
        to: i128,
    },
}

impl Movement {
    /// The wallet that gives.
    pub fn source(self) -> Option<i128> {
        match self {
            Self::TopUp { .. } => None,
            Self::Withdrawal { from } | Self::Payout { from } | Self::Transfer { from, .. } => Some(from),
        }
    }

    /// The wallet that takes.
    pub fn target(self) -> Option<i128> {
        match self {
            Self::TopUp { to } | Self::Transfer { to, .. } => Some(to),
            Self::Withdrawal { .. } | Self::Payout { .. } => None,
        }
    }

    /// The word for its entry.
    pub fn kind(self) -> Kind {
        match self {
            Self::TopUp { .. } => Kind::TopUp,
            Self::Withdrawal { .. } => Kind::Withdrawal,
            Self::Payout { .. } => Kind::Payout,
            Self::Transfer { .. } => Kind::Transfer,
        }
    }
}

/// What a line of a wallet's history is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// From outside.
    TopUp,
    /// Out.
    Withdrawal,
    /// Out, by a file.
    Payout,
    /// From or to another wallet.
    Transfer,
    /// Reserved.
    Hold,
    /// A reservation that was used.
    Capture,
    /// A reservation that ended without use.
    Release,
    /// An undone entry.
    Reversal,
    /// Posted to the account without wallets' doing.
    Entry,
}

impl Kind {
    /// All, with their words.
    pub const ALL: [(&'static str, Self); 9] = [
        ("top-up", Self::TopUp),
        ("withdrawal", Self::Withdrawal),
        ("payout", Self::Payout),
        ("transfer", Self::Transfer),
        ("hold", Self::Hold),
        ("capture", Self::Capture),
        ("release", Self::Release),
        ("reversal", Self::Reversal),
        ("entry", Self::Entry),
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }
}

/// A wallet's balance, in minor units: a wallet is what is owed to its customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Balance {
    /// What it has.
    pub posted: i128,
    /// Net of what is held, coming less going.
    pub pending: i128,
    /// What it can give.
    pub available: i128,
}

impl From<Counters> for Balance {
    fn from(counters: Counters) -> Self {
        let normal = Direction::Credit;
        Self {
            posted: counters.posted(normal),
            pending: counters.pending(normal),
            available: counters.available(normal),
        }
    }
}
