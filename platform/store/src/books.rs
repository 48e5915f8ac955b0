//! The books as a commit sees them: what decides the ledger's part of a unit and makes it durable. The ledger
//! implements this, the program wires it; the store knows nothing else of money.

use crate::unit::{Command, MakeAnswer};
use kernel::{Caller, Problem, Timestamp};
use std::future::Future;

/// A place in the journal: a position and the hash of the frame before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The position.
    pub position: u64,
    /// The hash of the frame that ends there; zeros at the start.
    pub hash: [u8; 32],
}

/// A unit on its way to the sequencer.
pub struct Deciding<B: Books + ?Sized> {
    /// Who asked.
    pub by: Caller,
    /// Whose unit it is: the context, part of the key's scope.
    pub context: &'static str,
    /// What was asked, with its key.
    pub command: Command,
    /// Commands of the books, all or none.
    pub commands: Vec<B::Command>,
    /// Facts that have to hold.
    pub trusted: Vec<B::Fact>,
    /// Bounds of the recorded time.
    pub within: Option<(Timestamp, Timestamp)>,
    /// What is answered; none for a refusal that is recorded.
    pub then: Then<B>,
    /// Images of the rows it changed; none if it changed none.
    pub redo: Option<Vec<u8>>,
}

/// What a unit leads to.
pub enum Then<B: Books + ?Sized> {
    /// It is carried out, and this makes the answer.
    Answer(MakeAnswer<B>),
    /// It was refused a moment ago, and the refusal is recorded.
    Record(Problem),
}

impl<B: Books> From<MakeAnswer<B>> for Then<B> {
    fn from(answer: MakeAnswer<B>) -> Self {
        Self::Answer(answer)
    }
}

/// What the first command under a key led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum First {
    /// This answer.
    Answer(Vec<u8>),
    /// This refusal.
    Refusal(Problem),
}

/// What the sequencer made of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is appended at this position.
    Done {
        /// Where.
        position: u64,
        /// What is answered.
        answer: Vec<u8>,
    },
    /// The refusal is appended at this position.
    Recorded {
        /// Where.
        position: u64,
    },
    /// Its key was used by the same command, whose record stands at this position.
    Replayed {
        /// Where.
        position: u64,
        /// What its caller was told.
        first: First,
    },
    /// The books refuse; nothing is stored.
    Refused(Problem),
    /// A trusted fact does not hold any more, or the time is out of bounds.
    Stale,
    /// It would be carried out: a dry run.
    WouldDo(Vec<u8>),
    /// It was not decided, or what became of it is not known.
    Unanswered(Problem),
}

/// The journal is not writable any more: what was decided last may or may not be durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal is poisoned")]
pub struct Poisoned;

/// What redo finds in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redo {
    /// Where the unit's first record stands.
    pub position: u64,
    /// Its images.
    pub images: Vec<u8>,
}

/// The ledger's part of a commit.
pub trait Books: Send + Sync + 'static {
    /// A command of the books.
    type Command: Clone + Send + Sync + 'static;
    /// A fact of the books that a unit may trust.
    type Fact: Clone + Send + Sync + 'static;
    /// What a unit's commands did.
    type Done: 'static;

    /// Decides a unit and appends it, without waiting for it to be durable. Called on a writer's thread. With the
    /// verdict comes a position: it may be told once the journal is durable beyond there.
    fn decide(&self, unit: Deciding<Self>) -> (Verdict, u64);

    /// Waits until the journal is durable beyond a position, and says how far it is.
    fn settle(&self, upto: u64) -> Result<Place, Poisoned>;

    /// The context's rows are committed up to here: what was held back may be shown.
    fn release(&self, context: &'static str);

    /// The context's file has every row of its units up to here, and outlives a power cut: their redo is not
    /// needed any more.
    fn synced(&self, context: &'static str, position: u64);

    /// Why nothing is written into files of rows just now, if so: what was decided has to have room there.
    fn lacks_room(&self) -> Option<Problem>;

    /// How far the journal is durable.
    fn durable(&self) -> Place;

    /// Whose journal it is.
    fn identity(&self) -> u128;

    /// Shows every unit of a context from a place on, in order, and returns where the journal ends. Fails if the
    /// place is not one of this journal's.
    fn redo(
        &self,
        context: &str,
        from: Place,
        take: &mut dyn FnMut(Redo) -> Result<(), String>,
    ) -> Result<Place, String>;
}

/// Books whose commits can be awaited: what `once` needs besides.
pub trait Awaited: Books {
    /// Waits until the rows of a unit of this context, whose record stands here, are committed. False if they will
    /// not be before the next start.
    fn await_rows(&self, context: &'static str, position: u64) -> impl Future<Output = bool> + Send;

    /// Decides a unit without rows and waits until it is durable.
    fn commit(&self, unit: Deciding<Self>) -> impl Future<Output = Verdict> + Send;

    /// What the first command under this key led to, if it is durable: its position, and the answer or refusal.
    fn first(
        &self,
        by: &Caller,
        context: &'static str,
        command: &Command,
    ) -> impl Future<Output = Result<Option<(u64, First)>, Problem>> + Send;
}
