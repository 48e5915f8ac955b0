//! Jobs: what callers hand to the sequencer.

use super::group::Reply;
use crate::books::model::BookNo;
use crate::command::{Manner, Origin, Request};
use crate::effect::Outcome;
use kernel::{Problem, Tenant};
use std::sync::Arc;

/// One command.
pub struct SingleJob {
    /// Whose.
    pub book: BookNo,
    /// What.
    pub request: Request,
    /// How.
    pub manner: Manner,
    /// Who asked; none for nobody.
    pub origin: Option<Origin>,
    /// Where the answer goes.
    pub reply: Reply,
}

/// A batch.
pub struct BatchJob {
    /// Whose.
    pub book: BookNo,
    /// All or nothing.
    pub atomic: bool,
    /// Commands, or why one could not be read.
    pub commands: Vec<Result<Request, Arc<Problem>>>,
    /// Its own key, and the digest of its commands.
    pub key: Option<(Box<str>, [u8; 32])>,
    /// How.
    pub manner: Manner,
    /// Who asked.
    pub origin: Option<Origin>,
    /// Where the answer goes.
    pub reply: Reply,
}

/// A batch under way: an independent one is taken in slices.
pub struct OpenBatch {
    /// The batch.
    pub job: BatchJob,
    /// What became of its commands so far.
    pub outcomes: Vec<Outcome>,
    /// Where its origin stands, once it is written.
    pub origin: super::record::OriginAt,
    /// Whether its key was looked up.
    pub looked_up: bool,
}

/// What a caller hands over.
pub enum Job {
    /// One command.
    Single(Box<SingleJob>),
    /// A batch.
    Batch(Box<OpenBatch>),
    /// A unit of a context.
    Unit(Box<super::unit::UnitJob>),
    /// Open a tenant's book, if it has none.
    Book(Tenant, Reply),
    /// Wake up: nothing to do but what is due.
    Wake,
}
