//! The ledger's part of a commit: what `platform/store` asks of the books when a context's unit touches them.

use crate::books::model::BookNo;
use crate::command::{Manner, Request};
use crate::http::OVERRIDE;
use crate::journal::scan::{Place as JournalPlace, Scanner};
use crate::journal::segments::{FIRST_POSITION, Segments, damage};
use crate::journal::unit::{Fact, Then, UnitDone, UnitHead, UnitJob, Verdict};
use crate::journal::units::first_told;
use crate::{Ledger, origin};
use kernel::{Caller, Problem};
use platform_store::books::{
    Awaited, Books, Deciding, First, Place, Poisoned, Redo, Then as Wanted, Verdict as Told,
};
use platform_store::unit::Command;
use std::io;

/// The head of a unit, its answer still missing.
fn head(context: &str, command: &Command) -> UnitHead {
    let fields = command.fields.iter();
    UnitHead {
        context: context.into(),
        command: command.name.into(),
        fields: fields.map(|(name, value)| ((*name).into(), value.as_str().into())).collect(),
        answer: None,
    }
}

/// A verdict in the store's words.
pub fn told(verdict: Verdict) -> Told {
    match verdict {
        Verdict::Done(position, answer) => Told::Done { position, answer },
        Verdict::Recorded(position) => Told::Recorded { position },
        Verdict::Replayed(position, first) => Told::Replayed { position, first: first_of(first) },
        Verdict::Refused(problem) => Told::Refused(problem),
        Verdict::Stale => Told::Stale,
        Verdict::WouldDo(answer) => Told::WouldDo(answer),
        Verdict::Unanswered(problem) => Told::Unanswered(problem),
    }
}

fn first_of(first: Result<Box<[u8]>, Problem>) -> First {
    match first {
        Ok(answer) => First::Answer(answer.into()),
        Err(problem) => First::Refusal(problem),
    }
}

/// A unit as the sequencer takes it.
pub fn unit_job<B>(book: BookNo, unit: Deciding<B>) -> UnitJob
where
    B: Books<Command = Request, Fact = Fact, Done = UnitDone>,
{
    let Deciding { by, context, command, commands, trusted, within, then, redo } = unit;
    let may_override = by.scopes.allow(OVERRIDE);
    UnitJob {
        book,
        context,
        head: head(context, &command),
        manner: Manner { dry_run: command.dry_run, freeze_refusals: false, may_override },
        key: command.key.map(String::into_boxed_str),
        requests: commands,
        trusted,
        within,
        origin: origin(&by),
        then: Some(match then {
            Wanted::Answer(answer) => Then::Answer(answer),
            Wanted::Record(problem) => Then::Record(problem),
        }),
        redo,
        reply: None,
    }
}

impl Ledger {
    fn place(&self) -> Place {
        let durable = self.engine().view.durable();
        Place { position: durable.end, hash: durable.hash }
    }

    /// Waits until what a decision saw is durable.
    fn settled(&self, upto: u64) -> Result<Place, Poisoned> {
        let durable = self.engine().settle(upto);
        match durable.end > upto {
            true => Ok(Place { position: durable.end, hash: durable.hash }),
            false => Err(Poisoned),
        }
    }
}

impl Books for Ledger {
    type Command = Request;
    type Fact = Fact;
    type Done = UnitDone;

    fn decide(&self, unit: Deciding<Self>) -> (Told, u64) {
        let book = match self.engine().book_now(&unit.by.tenant) {
            Ok(book) => book,
            Err(unanswered) => return (Told::Unanswered(unanswered.0), 0),
        };
        let decided = self.engine().unit_now(unit_job(book, unit));
        (told(decided.verdict), decided.upto)
    }

    fn settle(&self, upto: u64) -> Result<Place, Poisoned> {
        self.settled(upto)
    }

    fn release(&self, context: &'static str) {
        self.engine().view.release(context);
    }

    fn synced(&self, context: &'static str, position: u64) {
        self.engine().synced(context, position);
    }

    fn lacks_room(&self) -> Option<Problem> {
        self.engine().lacks_room()
    }

    fn durable(&self) -> Place {
        self.place()
    }

    fn identity(&self) -> u128 {
        self.engine().identity.journal
    }

    fn redo(
        &self,
        context: &str,
        from: Place,
        take: &mut dyn FnMut(Redo) -> Result<(), String>,
    ) -> Result<Place, String> {
        let segments = &self.engine().segments;
        redo_from(segments, self.place(), context, from, take).map_err(|fault| fault.to_string())
    }
}

impl Awaited for Ledger {
    async fn await_rows(&self, context: &'static str, position: u64) -> bool {
        let view = &self.engine().view;
        let mut watch = view.watch();
        while view.held_from(Some(context)).is_some_and(|held| held <= position) {
            let poisoned = watch.borrow_and_update().poisoned;
            if poisoned || watch.changed().await.is_err() {
                return false;
            }
        }
        true
    }

    async fn commit(&self, unit: Deciding<Self>) -> Told {
        let book = match self.book(&unit.by.tenant).await {
            Ok(book) => book,
            Err(problem) => return Told::Unanswered(problem),
        };
        told(self.engine().unit(unit_job(book, unit)).await)
    }

    async fn first(
        &self,
        by: &Caller,
        context: &'static str,
        command: &Command,
    ) -> Result<Option<(u64, First)>, Problem> {
        let (Some(key), Some(book)) = (&command.key, self.reading.book(&by.tenant)) else { return Ok(None) };
        let Some(record) = self.reading.unit(book, context, key).await? else { return Ok(None) };
        match first_told(&record, context, key, &head(context, command)) {
            None => Ok(None),
            Some(Err(conflict)) => Err(conflict),
            Some(Ok(first)) => Ok(Some((record.position, first_of(first)))),
        }
    }
}

/// Shows the units of a context from a place to the journal's durable end.
pub fn redo_from(
    segments: &Segments,
    end: Place,
    context: &str,
    from: Place,
    take: &mut dyn FnMut(Redo) -> Result<(), String>,
) -> io::Result<Place> {
    let start = if from.position == 0 { Place { position: FIRST_POSITION, ..from } } else { from };
    if start == end {
        return Ok(end);
    }
    if start.position == end.position {
        return Err(foreign());
    }
    let place = JournalPlace { position: start.position, hash: start.hash, last: 0 };
    let mut scanner = Scanner::new(segments, place);
    while scanner.place.position < end.position {
        let Ok(frame) = scanner.next()? else { break };
        frame.each_redo(|redo| match redo.context == context {
            false => Ok(()),
            true => {
                let images = redo.images.ok_or_else(|| destroyed(context, redo.position))?;
                take(Redo { position: redo.position, images: images.to_vec() }).map_err(io::Error::other)
            }
        })?;
    }
    match (scanner.place.position, scanner.place.hash) == (end.position, end.hash) {
        true => Ok(end),
        false => Err(foreign()),
    }
}

fn destroyed(context: &str, position: u64) -> io::Error {
    damage(format_args!(
        "{context} carried out a command at position {position} that this file does not have, though it once was in \
         the file for good and its redo is destroyed: the file is missing, or an older one was put in its place. Put \
         back the file that belongs to this data directory, or restore the whole of a backup into a new one"
    ))
}

fn foreign() -> io::Error {
    damage(
        "the rows' file knows of a frame that this journal does not have: it belongs to another state of it",
    )
}
