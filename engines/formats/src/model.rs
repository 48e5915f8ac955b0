//! Words of plain-text journals: what hledger's and beancount's files have in common once they are read.

use crate::Decimal;

/// Longest block that is read, in bytes; a longer one is rejected, so that memory stays bounded.
pub const MAX_BLOCK: usize = 1 << 20;

/// A day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// 1 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

impl Date {
    /// A day that the calendar has.
    pub fn try_new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u8::from(leap),
            _ => return None,
        };
        ((1..=9999).contains(&year) && (1..=days).contains(&day)).then_some(Self { year, month, day })
    }
}

impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// So much of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amount {
    /// How much.
    pub number: Decimal,
    /// Of what; empty where the file names nothing.
    pub commodity: String,
}

/// The mark before a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Status {
    /// None.
    #[default]
    Unmarked,
    /// `!`
    Pending,
    /// `*`
    Cleared,
}

/// What a balance is said to be after a posting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// The balance.
    pub amount: Amount,
    /// `==`: the account holds nothing else.
    pub sole: bool,
    /// `=*`: with the accounts below.
    pub inclusive: bool,
}

/// A name and a value in a comment.
pub type Tag = (String, String);

/// One side of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Its account.
    pub account: String,
    /// What is added to it; written or inferred.
    pub amount: Amount,
    /// What is said of the balance after it.
    pub assertion: Option<Assertion>,
    /// What its comments say besides tags.
    pub comment: String,
    /// Tags of its comments.
    pub tags: Vec<Tag>,
}

/// An entry of a journal, balanced in every commodity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// When.
    pub date: Date,
    /// Its mark.
    pub status: Status,
    /// The code in parentheses.
    pub code: Option<String>,
    /// The description; empty for none.
    pub description: String,
    /// What its comments say besides tags; lines are joined by a line feed.
    pub comment: String,
    /// Tags of its comments.
    pub tags: Vec<Tag>,
    /// Its postings.
    pub postings: Vec<Posting>,
}

/// What an account is said to be; the letters are hledger's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountClass {
    /// `A`, and `C` for cash.
    Asset,
    /// `L`
    Liability,
    /// `E`, and `V` for conversion.
    Equity,
    /// `R`
    Income,
    /// `X`
    Expense,
}

/// Lines that were not taken, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Number of the first line, from 1.
    pub line: u64,
    /// The lines.
    pub text: String,
    /// Why.
    pub reason: String,
}

/// What a file says a balance is at the start of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Number of the first line, from 1.
    pub line: u64,
    /// The lines.
    pub text: String,
    /// The day at whose start it holds.
    pub date: Date,
    /// Whose balance, the accounts below included.
    pub account: String,
    /// How much.
    pub amount: Amount,
    /// How far off it may be; not below zero.
    pub tolerance: Decimal,
}

/// What a parser found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// An entry: the number of its first line, its lines, what they say.
    Transaction {
        /// Number of the first line, from 1.
        line: u64,
        /// The lines.
        text: String,
        /// What they say.
        transaction: Transaction,
    },
    /// What an account is.
    Account {
        /// Its name.
        name: String,
        /// What it is, if the file says so.
        class: Option<AccountClass>,
    },
    /// How a commodity is written.
    Commodity {
        /// Its symbol.
        commodity: String,
        /// Digits behind the point.
        scale: u8,
    },
    /// What a balance is.
    Balance(Balance),
    /// What was not taken.
    Rejected(Rejected),
}
