//! Words of an account: path, type, status, limits, the four counters of a balance.

use crate::books::model::AssetNo;
use crate::entries::model::Direction;
use kernel::{Id, Timestamp};

/// An account's place in this store, dense from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountNo(pub u32);

/// A balance's place in this store, dense from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BalanceNo(pub u32);

/// Longest path, in bytes.
pub const MAX_PATH: usize = 512;
/// Longest segment, in characters.
pub const MAX_SEGMENT: usize = 128;

/// The five types of the accounting equation; they give the normal side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountKind {
    /// What is owned; normal side debit.
    Asset,
    /// What is owed; normal side credit.
    Liability,
    /// The owners' share; normal side credit.
    Equity,
    /// What was earned; normal side credit.
    Income,
    /// What was spent; normal side debit.
    Expense,
}

impl AccountKind {
    /// All, in the order their codes are stored.
    pub const ALL: [Self; 5] = [Self::Asset, Self::Liability, Self::Equity, Self::Income, Self::Expense];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::Liability => "liability",
            Self::Equity => "equity",
            Self::Income => "income",
            Self::Expense => "expense",
        }
    }

    /// The side that increases it.
    pub fn normal_side(self) -> Direction {
        match self {
            Self::Asset | Self::Expense => Direction::Debit,
            Self::Liability | Self::Equity | Self::Income => Direction::Credit,
        }
    }
}

/// Which sides of an account are frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Frozen {
    /// No new debits.
    pub debits: bool,
    /// No new credits.
    pub credits: bool,
}

impl Frozen {
    /// Whether a posting in this direction is stopped.
    pub fn stops(self, direction: Direction) -> bool {
        match direction {
            Direction::Debit => self.debits,
            Direction::Credit => self.credits,
        }
    }

    /// `debits`, `credits`, `both`, or nothing.
    pub fn as_str(self) -> Option<&'static str> {
        match (self.debits, self.credits) {
            (false, false) => None,
            (true, false) => Some("debits"),
            (false, true) => Some("credits"),
            (true, true) => Some("both"),
        }
    }
}

/// Limits of one balance, in minor units on the account's normal side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Limits {
    /// Least `posted − outgoing pending`: 0 allows no overdraft, −500 is a credit line.
    pub floor: Option<i128>,
    /// Most `posted + incoming pending`.
    pub ceiling: Option<i128>,
}

/// The four counters of one account in one asset, all ≥ 0, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Counters {
    /// Debits that count.
    pub debits: i128,
    /// Credits that count.
    pub credits: i128,
    /// Debits that are held.
    pub debits_pending: i128,
    /// Credits that are held.
    pub credits_pending: i128,
}

impl Counters {
    /// Net posted on the normal side.
    pub fn posted(&self, normal: Direction) -> i128 {
        match normal {
            Direction::Debit => self.debits - self.credits,
            Direction::Credit => self.credits - self.debits,
        }
    }

    /// Net pending on the normal side.
    pub fn pending(&self, normal: Direction) -> i128 {
        self.incoming(normal) - self.outgoing(normal)
    }

    /// Held amounts that would increase the balance.
    pub fn incoming(&self, normal: Direction) -> i128 {
        match normal {
            Direction::Debit => self.debits_pending,
            Direction::Credit => self.credits_pending,
        }
    }

    /// Held amounts that would decrease the balance.
    pub fn outgoing(&self, normal: Direction) -> i128 {
        self.incoming(normal.other())
    }

    /// `posted − outgoing pending`: what a floor is judged on.
    pub fn available(&self, normal: Direction) -> i128 {
        self.posted(normal) - self.outgoing(normal)
    }

    /// `posted + incoming pending`: what a ceiling is judged on.
    pub fn reach(&self, normal: Direction) -> i128 {
        self.posted(normal) + self.incoming(normal)
    }

    /// Nothing posted on balance and nothing held.
    pub fn is_settled(&self) -> bool {
        self.debits == self.credits && self.debits_pending == 0 && self.credits_pending == 0
    }
}

/// Free text and tags: erasable, so they are chained by salted hash only.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Text {
    /// A sentence for people.
    pub description: Option<Box<str>>,
    /// Named values, in name order.
    pub metadata: Vec<(Box<str>, Box<str>)>,
}

impl Text {
    /// Nothing written.
    pub fn is_empty(&self) -> bool {
        self.description.is_none() && self.metadata.is_empty()
    }
}

/// What may be said about an account, all of it as it stands after a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Assets it may hold; none for all.
    pub assets: Option<Vec<AssetNo>>,
    /// Limits, in asset order.
    pub limits: Vec<(AssetNo, Limits)>,
    /// Frozen sides.
    pub frozen: Frozen,
    /// Closed for good.
    pub closed: bool,
    /// Raised by every change of settings, never by a posting.
    pub version: u32,
    /// When the account was opened.
    pub opened_at: Timestamp,
    /// Description and metadata.
    pub text: Text,
}

/// Command: open an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAccount {
    /// Its path.
    pub path: Box<str>,
    /// Its type.
    pub kind: AccountKind,
    /// Assets it may hold; none for all.
    pub assets: Option<Vec<AssetNo>>,
    /// Limits, in asset order.
    pub limits: Vec<(AssetNo, Limits)>,
    /// Description and metadata.
    pub text: Text,
    /// Opened by a pattern on first use, not by a caller.
    pub by_pattern: bool,
}

/// Command: change an account's settings. What is `None` stays.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ChangeAccount {
    /// New list of assets (`Some(None)`: all).
    pub assets: Option<Option<Vec<AssetNo>>>,
    /// Limits of these assets; both `None` lifts them.
    pub limits: Vec<(AssetNo, Limits)>,
    /// New description (`Some(None)`: none).
    pub description: Option<Option<Box<str>>>,
    /// Metadata to set, or to remove where `None`.
    pub metadata: Vec<(Box<str>, Option<Box<str>>)>,
    /// Only if the settings still have this version.
    pub if_version: Option<u32>,
}

/// A change of an account's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// Stop new postings on these sides.
    Freeze(Frozen),
    /// Allow both sides again.
    Thaw,
    /// Close for good.
    Close,
}

/// How a caller named an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountRef {
    /// One that the reader already resolved.
    Known(AccountNo),
    /// A path that was not known when the request was read.
    Path(Box<str>),
    /// An id that was not known when the request was read.
    Id(Id),
}

/// Why a text is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPath(pub &'static str);

/// Checks a path: segments joined by `:`, each 1–128 characters of any script, inner spaces allowed,
/// no control characters; 512 bytes in all.
pub fn path_check(path: &str) -> Result<(), InvalidPath> {
    if path.is_empty() || path.len() > MAX_PATH {
        return Err(InvalidPath("a path is 1 to 512 bytes"));
    }
    for segment in path.split(':') {
        if segment.is_empty() {
            return Err(InvalidPath("a path's segments, joined by ':', are not empty"));
        }
        if segment.len() > MAX_SEGMENT && segment.chars().count() > MAX_SEGMENT {
            return Err(InvalidPath("a segment of a path has at most 128 characters"));
        }
        if segment.chars().any(char::is_control) {
            return Err(InvalidPath("a path has no control characters"));
        }
        if segment.starts_with(char::is_whitespace) || segment.ends_with(char::is_whitespace) {
            return Err(InvalidPath("a segment of a path neither starts nor ends with a space"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for good in ["a", "customers:u_demo:wallet", "Активы:Банк 1", "a:*"] {
            assert_eq!(path_check(good), Ok(()), "{good}");
        }
        let long = "x".repeat(129);
        for bad in
            ["", ":", "a:", ":a", "a::b", " a", "a :b", "a\tb", "a\0", long.as_str(), &"ab:".repeat(200)]
        {
            assert!(path_check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn balances_are_net_on_the_normal_side() {
        let counters = Counters { debits: 30, credits: 100, debits_pending: 20, credits_pending: 5 };
        assert_eq!(counters.posted(Direction::Credit), 70);
        assert_eq!(counters.available(Direction::Credit), 50);
        assert_eq!(counters.reach(Direction::Credit), 75);
        assert_eq!(counters.pending(Direction::Credit), -15);
        assert_eq!(counters.available(Direction::Debit), -75);
    }
}
