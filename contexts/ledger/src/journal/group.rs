//! A commit group: what arrived while the last one was written, and what of it readers will see.

use super::frame::{Contents, HEAD};
use super::index::{Index, KeyHash};
use super::record::{Record, decode_record};
use super::unit::Verdict;
use crate::accounts::model::{AccountKind, AccountNo, BalanceNo};
use crate::books::model::{AssetNo, BookNo, Pattern};
use crate::directory::Name;
use crate::effect::Outcome;
use crate::skew::Place;
use kernel::{Asset, Problem, Tenant, Timestamp};
use smallvec::SmallVec;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Every how many records of a book a mark is kept: a search walks at most this many records.
pub const MARK_EVERY: u64 = 32;

/// A place in a book to start searching from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The record's position.
    pub position: u64,
    /// Its recorded time.
    pub at: Timestamp,
}

/// What readers learn once the group is durable.
#[derive(Debug, Default)]
pub struct Publication {
    /// Books that were opened.
    pub books: Vec<(Tenant, Vec<Asset>)>,
    /// Assets that were registered.
    pub assets: Vec<(BookNo, Asset)>,
    /// Patterns that were set.
    pub patterns: Vec<(BookNo, Pattern)>,
    /// Accounts that were opened, in order.
    pub accounts: Vec<(Name, AccountKind)>,
    /// Balances that were touched or limited for the first time, in order.
    pub balances: Vec<(AccountNo, AssetNo)>,
    /// Where settings now stand.
    pub settings: Vec<(AccountNo, u64)>,
    /// Newest posting of each touched balance; later ones win.
    pub touched: Vec<(BalanceNo, Place)>,
    /// Newest record of each book: number and position; later ones win.
    pub heads: Vec<(BookNo, u64, u64)>,
    /// Every thirty-second record.
    pub marks: Vec<(BookNo, Mark)>,
}

/// The bytes of a group's records, for answers.
#[derive(Debug)]
pub struct Sealed {
    /// Where the frame starts.
    pub position: u64,
    /// Bytes it takes.
    pub extent: u64,
    /// Sectors that are rightly zero.
    pub zeros: Vec<u32>,
    /// Its time.
    pub time: Timestamp,
    /// Records and redo.
    pub contents: Contents,
}

impl Sealed {
    /// The record at a position, if it is of this group.
    pub fn record(&self, position: u64) -> Option<Record> {
        let place = position.checked_sub(self.position + HEAD as u64)? as usize;
        let bytes = self.contents.records.get(place..).filter(|bytes| !bytes.is_empty())?;
        Some(decode_record(bytes, position).expect("a record that was just written decodes"))
    }
}

/// Why a command has no outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered(pub Problem);

/// What became of a job.
#[derive(Debug)]
pub struct Answer {
    /// One per command.
    pub outcomes: SmallVec<[Outcome; 1]>,
    /// The answer was given before.
    pub replayed: bool,
    /// The group it was written in, where it was.
    pub group: Option<Arc<Sealed>>,
    /// What a dry run would have written.
    pub dry: Vec<Record>,
}

/// Where an answer goes.
pub type Reply = oneshot::Sender<Result<Answer, Unanswered>>;

/// An answer that waits for its group to be durable.
pub struct Waiter {
    /// Where it goes.
    pub reply: Reply,
    /// What it says; the group is added when it is durable.
    pub answer: Answer,
}

/// A unit's verdict that waits for its group to be durable.
pub struct Waiting {
    /// Where it goes.
    pub reply: oneshot::Sender<Verdict>,
    /// What it says.
    pub verdict: Verdict,
}

/// A group that was handed over for writing.
pub struct Handed {
    /// Its bytes.
    pub sealed: Arc<Sealed>,
    /// What readers will see.
    pub publication: Publication,
    /// Who waits.
    pub waiters: Vec<Waiter>,
    /// Units whose verdicts wait.
    pub units: Vec<Waiting>,
    /// Its names and their positions.
    pub names: Vec<(KeyHash, u64)>,
    /// Where they go once it is durable.
    pub index: Arc<Index>,
}

impl Handed {
    /// Whether there is anything to write.
    pub fn is_empty(&self) -> bool {
        self.sealed.contents.count == 0
    }

    /// Makes its records findable by everybody: it is durable.
    pub fn name(&self) {
        self.index.insert_all(self.names.iter().copied());
    }

    /// Answers everybody.
    pub fn answer(&mut self) {
        for Waiter { reply, mut answer } in self.waiters.drain(..) {
            if answer.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Done { .. })) {
                answer.group = Some(self.sealed.clone());
            }
            // A caller that went away has its effect all the same.
            let _ = reply.send(Ok(answer));
        }
        for Waiting { reply, verdict } in self.units.drain(..) {
            let _ = reply.send(verdict);
        }
    }

    /// Tells everybody that the outcome is not known.
    pub fn fail(&mut self, problem: &Problem) {
        for waiter in self.waiters.drain(..) {
            let _ = waiter.reply.send(Err(Unanswered(problem.clone())));
        }
        for Waiting { reply, .. } in self.units.drain(..) {
            let _ = reply.send(Verdict::Unanswered(problem.clone()));
        }
    }
}
