//! What a decision changes: the whole of it, absolute, so that applying it needs no second decision.

use crate::accounts::model::{AccountKind, AccountNo, Settings};
use crate::books::model::{BookNo, Pattern};
use crate::entries::model::Written;
use crate::holds::model::{Hold, HoldAction};
use kernel::{Asset, Id, Problem, Tenant};
use std::sync::Arc;

/// An account as it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its id.
    pub id: Id,
    /// Its path.
    pub path: Arc<str>,
    /// Its type.
    pub kind: AccountKind,
    /// Its first settings.
    pub settings: Settings,
    /// The book's pattern that opened it, by number.
    pub pattern: Option<u32>,
}

/// What happened to one command of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Written by this batch as the record of this number, at this position.
    Done {
        /// The record's number.
        seq: u64,
        /// Where it stands.
        position: u64,
    },
    /// Written by an earlier command, as the record at this position.
    Replayed {
        /// The record's number.
        seq: u64,
        /// Where it stands.
        position: u64,
    },
    /// Refused.
    Refused(Arc<Problem>),
    /// Decided but not written: a dry run.
    WouldDo,
}

/// A batch that came under a key of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// All or nothing.
    pub atomic: bool,
    /// BLAKE3 of its canonical commands: tells a repeat from another batch under the same key.
    pub digest: [u8; 32],
    /// One per command.
    pub outcomes: Vec<Outcome>,
}

/// The change a record makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A book was opened with these assets.
    Book {
        /// Whose.
        tenant: Tenant,
        /// Its first assets.
        assets: Vec<Asset>,
    },
    /// An asset was registered.
    Asset(Asset),
    /// A pattern was set.
    Pattern(Pattern),
    /// An account was opened.
    Opened(Opened),
    /// An account's settings are now these.
    Changed {
        /// Which.
        account: AccountNo,
        /// All of them.
        settings: Settings,
    },
    /// An entry was posted.
    Posted {
        /// Its postings with the counters after each.
        postings: Written,
    },
    /// An entry was undone by these postings.
    Reversed {
        /// Which.
        entry: Id,
        /// The new entry's postings.
        postings: Written,
        /// Reversed so far, per posting of the first entry.
        reversed: Vec<i128>,
        /// Where that entry's own record stands; the store's to fill.
        posted_at: u64,
    },
    /// A hold was placed.
    Held {
        /// Its id: that of the record.
        hold_id: Id,
        /// As it stands.
        hold: Hold,
        /// What it reserved, with the counters after each.
        postings: Written,
    },
    /// A hold was captured, voided, incremented, extended or expired.
    HoldMoved {
        /// Which.
        hold_id: Id,
        /// By what.
        action: HoldAction,
        /// As it stands now.
        hold: Hold,
        /// What moved, with the counters after each: captured, else released, else added.
        postings: Written,
    },
    /// A refusal that is kept under its key.
    Refused(Arc<Problem>),
    /// Outcomes of a batch, kept under its key.
    Batch(Batch),
    /// A unit without ledger commands: its key, answer and rows.
    Unit,
}

impl Effect {
    /// The postings it made, where it makes any.
    pub fn postings_mut(&mut self) -> Option<&mut Written> {
        match self {
            Self::Posted { postings }
            | Self::Reversed { postings, .. }
            | Self::Held { postings, .. }
            | Self::HoldMoved { postings, .. } => Some(postings),
            _ => None,
        }
    }

    /// The postings it made.
    pub fn postings(&self) -> &[crate::entries::model::Posting] {
        match self {
            Self::Posted { postings }
            | Self::Reversed { postings, .. }
            | Self::Held { postings, .. }
            | Self::HoldMoved { postings, .. } => postings,
            Self::Book { .. }
            | Self::Asset(_)
            | Self::Pattern(_)
            | Self::Opened(_)
            | Self::Changed { .. }
            | Self::Refused(_)
            | Self::Batch(_)
            | Self::Unit => &[],
        }
    }
}

/// A decision: numbered, not yet written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Its book.
    pub book: BookNo,
    /// Its number in the book.
    pub seq: u64,
    /// Whose record it is, if anybody's.
    pub party: Option<Box<str>>,
    /// Its number among the records of its party, else among the book's without one.
    pub party_seq: u64,
    /// The id of what it made.
    pub id: Id,
    /// The change.
    pub effect: Effect,
}
