//! The whole effect of a command as one value: guarded row changes, commands of the books, events, jobs, and
//! what to answer. Two kinds, told by type: a [`MoneyUnit`] may touch the books, a [`RowsUnit`] never does, and
//! the kind belongs to the command, never to what a command happens to contain today.

use crate::books::Books;
use kernel::{Problem, Timestamp};

pub use crate::value::Value;

/// One statement that changes rows and is its own guard: it has to touch exactly so many of them, and to break
/// no unique constraint. Otherwise the whole unit is undone and its command reads and decides again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// INSERT, UPDATE or DELETE of a table of the context, parameters as `?1`, `?2`, …
    pub sql: &'static str,
    /// Its parameters.
    pub values: Vec<Value>,
    /// Rows that it has to touch.
    pub rows: usize,
}

impl Change {
    /// A change of exactly one row.
    pub fn one(sql: &'static str, values: impl IntoIterator<Item = Value>) -> Self {
        Self { sql, values: values.into_iter().collect(), rows: 1 }
    }
}

/// A fact for others, to be kept in the outbox and delivered in order of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `wallets`: the stream, of one producer.
    pub stream: &'static str,
    /// `wallet.frozen`.
    pub kind: &'static str,
    /// What orders it: events of one key are numbered without gaps.
    pub key: String,
    /// Its payload, JSON.
    pub payload: Vec<u8>,
}

/// Something to be done later, or outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Its id, chosen by the command so that an answer can name it.
    pub id: kernel::Id,
    /// `wallets.transfer`: which handler takes it.
    pub kind: &'static str,
    /// Higher goes first among those that are due.
    pub priority: i64,
    /// Not before.
    pub due: Timestamp,
    /// What the handler needs, JSON.
    pub payload: Vec<u8>,
}

/// A command as its caller gave it, in canonical form: its name and fields, whatever spelling they came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// `wallets.transfer`.
    pub name: &'static str,
    /// Fields in a fixed order.
    pub fields: Vec<(&'static str, String)>,
    /// The caller's `Idempotency-Key`.
    pub key: Option<String>,
    /// Decide, answer, store nothing.
    pub dry_run: bool,
}

impl Command {
    /// Names of the fields in which a command differs from one that was stored.
    pub fn differences(&self, name: &str, fields: &[(String, String)]) -> Vec<String> {
        if self.name != name {
            return vec!["command".to_owned()];
        }
        let own = |field: &str| self.fields.iter().find(|(name, _)| *name == field).map(|(_, value)| value);
        let theirs = |field: &str| fields.iter().find(|(name, _)| name == field).map(|(_, value)| value);
        let names = self.fields.iter().map(|(name, _)| *name);
        let mut differ: Vec<String> =
            names.filter(|name| own(name) != theirs(name)).map(str::to_owned).collect();
        let gone = fields.iter().map(|(name, _)| name).filter(|name| own(name).is_none());
        differ.extend(gone.cloned());
        differ
    }
}

/// What rows, outbox and jobs become, whatever the kind of unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowsPart {
    /// Changes, in order.
    pub changes: Vec<Change>,
    /// Events.
    pub events: Vec<Event>,
    /// Jobs.
    pub jobs: Vec<NewJob>,
}

impl RowsPart {
    /// Whether no row is touched.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.events.is_empty() && self.jobs.is_empty()
    }
}

/// What a refusal has to record: a declined authorisation, say. Its changes are inserts and carry no guard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusedArm {
    /// What is recorded.
    pub rows: RowsPart,
}

/// Makes the answer of what the books did. Pure: it is called before anything is appended, and a panic in it
/// undoes the decision.
pub type MakeAnswer<B> = Box<dyn FnOnce(&<B as Books>::Done) -> Vec<u8> + Send>;

/// What both kinds of unit add to their rows alike.
macro_rules! add_rows {
    () => {
        /// Adds a row change.
        #[must_use]
        pub fn change(mut self, change: Change) -> Self {
            self.rows.changes.push(change);
            self
        }

        /// Adds an event.
        #[must_use]
        pub fn event(mut self, event: Event) -> Self {
            self.rows.events.push(event);
            self
        }

        /// Adds a job.
        #[must_use]
        pub fn job(mut self, job: NewJob) -> Self {
            self.rows.jobs.push(job);
            self
        }
    };
}

/// A command's effect that may touch the books.
pub struct MoneyUnit<B: Books> {
    /// Row changes of one context.
    pub rows: RowsPart,
    /// Commands of the books, all or none.
    pub commands: Vec<B::Command>,
    /// Facts of the books that were read and have to hold still.
    pub trusted: Vec<B::Fact>,
    /// The recorded time has to lie from here to before there.
    pub within: Option<(Timestamp, Timestamp)>,
    /// What is recorded if the books refuse.
    pub refused: Option<RefusedArm>,
    /// The answer.
    pub answer: MakeAnswer<B>,
}

impl<B: Books> MoneyUnit<B> {
    /// A unit that does nothing yet and answers with this.
    pub fn answering(answer: impl FnOnce(&B::Done) -> Vec<u8> + Send + 'static) -> Self {
        Self {
            rows: RowsPart::default(),
            commands: Vec::new(),
            trusted: Vec::new(),
            within: None,
            refused: None,
            answer: Box::new(answer),
        }
    }

    add_rows!();

    /// Adds a command of the books.
    #[must_use]
    pub fn post(mut self, command: B::Command) -> Self {
        self.commands.push(command);
        self
    }

    /// Names a fact that was read and has to hold still.
    #[must_use]
    pub fn trusting(mut self, fact: B::Fact) -> Self {
        self.trusted.push(fact);
        self
    }

    /// Bounds the recorded time.
    #[must_use]
    pub fn within(mut self, from: Timestamp, to: Timestamp) -> Self {
        self.within = Some((from, to));
        self
    }
}

/// A command's effect that never touches the books.
pub struct RowsUnit {
    /// Row changes of one context.
    pub rows: RowsPart,
    /// The answer.
    pub answer: Vec<u8>,
}

impl RowsUnit {
    /// A unit that does nothing yet and answers with this.
    pub fn answering(answer: Vec<u8>) -> Self {
        Self { rows: RowsPart::default(), answer }
    }

    add_rows!();
}

/// A command that was carried out, now or before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// What its first caller was told.
    pub answer: Vec<u8>,
    /// It was carried out before, and this is the first answer again.
    pub replayed: bool,
    /// It was only rehearsed.
    pub dry_run: bool,
}

/// A refusal that the books gave, or that a key led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedBy {
    /// Why.
    pub problem: Problem,
    /// It was refused before, and this is the first answer again.
    pub replayed: bool,
}
