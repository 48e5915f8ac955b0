//! Units of contexts in the journal: who asked for what, and what was answered. The context stands in the record's core; command and answer, in which names may stand, in its text.

use super::codec::{Malformed, Pen, Reader, put_u64};
use crate::accounts::model::AccountNo;
use crate::books::model::{AssetNo, BookNo};
use crate::command::{Manner, Origin, Request};
use crate::effect::Decision;
use kernel::{Id, Problem, Timestamp};
use tokio::sync::oneshot;

/// What the first record of a unit says of the unit.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct UnitHead {
    /// The context: part of the key's scope.
    pub context: Box<str>,
    /// The command's name.
    pub command: Box<str>,
    /// The command's fields in canonical form.
    pub fields: Vec<(Box<str>, Box<str>)>,
    /// What was answered; none where the record's refusal is the answer.
    pub answer: Option<Box<[u8]>>,
}

impl UnitHead {
    /// Appends it.
    pub(super) fn put(&self, pen: &mut Pen<'_>) {
        pen.word(&self.context);
        pen.free(&self.command);
        pen.free_uint(self.fields.len() as u64);
        for (name, value) in &self.fields {
            pen.free(name);
            pen.free(value);
        }
        match &self.answer {
            None => pen.free_uint(0),
            Some(answer) => {
                pen.free_uint(1);
                put_u64(pen.text, answer.len() as u64);
                pen.text.extend_from_slice(answer);
            }
        }
    }

    /// Reads it.
    pub(super) fn take(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let context = reader.word()?.into();
        let command = reader.free()?.into();
        let count = reader.free_count()?;
        let mut fields = Vec::with_capacity(count);
        for _ in 0..count {
            fields.push((reader.free()?.into(), reader.free()?.into()));
        }
        let answer = match reader.free_count()? {
            0 => None,
            _ => Some(reader.free_bytes()?.into()),
        };
        Ok(Self { context, command, fields, answer })
    }
}

/// A fact of the books that a unit trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The account's newest settings stand at this position of the journal: nobody changed them since.
    SettingsAt(AccountNo, u64),
    /// The newest record that touched this balance has this number; 0 for an untouched one.
    LastSeq(AccountNo, AssetNo, u64),
}

/// What a unit's commands did.
#[derive(Debug, Default)]
pub struct UnitDone {
    /// The group's recorded time.
    pub at: Timestamp,
    /// What was decided, in order; each command's own decision is the last of its.
    pub decisions: Vec<Decision>,
}

impl UnitDone {
    /// The decision that made the thing of this id.
    pub fn by_id(&self, id: Id) -> Option<&Decision> {
        self.decisions.iter().find(|decision| decision.id == id)
    }
}

/// Makes the answer of what was done.
pub type MakeAnswer = Box<dyn FnOnce(&UnitDone) -> Vec<u8> + Send>;

/// What a unit leads to.
pub enum Then {
    /// It is carried out and answered with this.
    Answer(MakeAnswer),
    /// It was refused a moment ago, and the refusal is recorded.
    Record(Problem),
}

/// What became of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is appended; its first record stands here.
    Done(u64, Vec<u8>),
    /// The refusal is appended here.
    Recorded(u64),
    /// Its key was used by the same command, whose record stands here: its answer or refusal.
    Replayed(u64, Result<Box<[u8]>, Problem>),
    /// Refused; nothing is stored.
    Refused(Problem),
    /// A fact does not hold any more, or the time is out of bounds.
    Stale,
    /// A dry run: it would be carried out.
    WouldDo(Vec<u8>),
    /// Not decided, or what became of it is not known.
    Unanswered(Problem),
}

/// A unit's decision, before it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// What became of it.
    pub verdict: Verdict,
    /// It may leave once the journal is durable beyond this position.
    pub upto: u64,
}

/// Where a verdict goes.
pub enum UnitReply {
    /// At once, to a writer that holds it back itself.
    Now(oneshot::Sender<Decided>),
    /// Once its group is durable.
    Durable(oneshot::Sender<Verdict>),
}

/// A unit, as the sequencer takes it.
pub struct UnitJob {
    /// Whose book.
    pub book: BookNo,
    /// Whose unit.
    pub context: &'static str,
    /// Its command, with the answer still missing.
    pub head: UnitHead,
    /// Its key.
    pub key: Option<Box<str>>,
    /// Commands of the books.
    pub requests: Vec<Request>,
    /// Facts that have to hold.
    pub trusted: Vec<Fact>,
    /// Bounds of the recorded time.
    pub within: Option<(Timestamp, Timestamp)>,
    /// How.
    pub manner: Manner,
    /// Who asked.
    pub origin: Origin,
    /// What it leads to.
    pub then: Option<Then>,
    /// Images of the rows it changed.
    pub redo: Option<Vec<u8>>,
    /// Where the verdict goes.
    pub reply: Option<UnitReply>,
}

/// What goes into the first record of a unit besides what it records.
pub(super) struct Beginning {
    pub head: Option<UnitHead>,
    pub key: Option<Box<str>>,
    pub redo: Option<(&'static str, Vec<u8>)>,
}
