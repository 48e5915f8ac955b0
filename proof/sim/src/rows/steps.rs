//! The steps of a context's writer: begin, a unit, settle, COMMIT, tell. Whatever comes between them is another's.

use super::asked::{POTS, What};
use super::audit::Told;
use super::world::{ASSET, Mutant, Report, Room, Verdicts, World};
use crate::disk::Crash;
use crate::fold::ensure;
use kernel::{Clock as _, IdSource as _};
use platform_store::books::{Books as _, First, Place, Verdict};
use platform_store::units::committer::{Kind, RowsVerdict, Undone};

/// Units that a transaction holds at most.
const GROUP: usize = 5;

impl World {
    pub(super) fn room_step(&mut self, place: usize) -> Result<(), String> {
        let room = &self.rooms[place];
        let Some(committer) = &room.committer else { return Ok(()) };
        if room.committed {
            return self.tell(place);
        }
        match committer.is_open() {
            None if room.stopped && self.mutant != Mutant::RowsAfterPoison => Ok(()),
            None => self.begin(place),
            Some(kind) if !room.settles && room.held.len() < GROUP && self.chance.odds(4, 5) => {
                self.run_one(place, kind)
            }
            Some(kind) => self.end(place, kind),
        }
    }

    fn begin(&mut self, place: usize) -> Result<(), String> {
        let stopped = self.rooms[place].stopped;
        let money = !self.is_poisoned() && !stopped && self.chance.odds(2, 3);
        let kind = if money { Kind::Money } else { Kind::Rows };
        let room = &mut self.rooms[place];
        let committer = room.committer.as_mut().expect("looked at before");
        let full = self.chance.one_in(6);
        let pages: i64 = committer
            .connection()
            .query_row("PRAGMA page_count", [], |row| row.get(0))
            .map_err(|fault| fault.to_string())?;
        let most = if full { pages } else { pages + 10_000 };
        committer
            .connection()
            .query_row(&format!("PRAGMA max_page_count = {most}"), [], |row| row.get::<_, i64>(0))
            .map_err(|fault| fault.to_string())?;
        committer.begin(kind).map_err(|fault| fault.to_string())?;
        let context = room.context;
        self.note(format!("{context}: begin {kind:?}{}", if full { ", disk full" } else { "" }));
        Ok(())
    }

    fn wanted(&mut self, place: usize, kind: Kind) -> What {
        let room = &mut self.rooms[place];
        let old: Vec<&What> =
            room.asked.iter().filter(|what| what.is_money() == (kind == Kind::Money)).collect();
        if !old.is_empty() && self.chance.one_in(4) {
            return (*self.chance.pick(&old)).clone();
        }
        let id = room.next;
        room.next += 1;
        let what = match kind {
            Kind::Money if id <= POTS * 2 || self.chance.one_in(12) => {
                What::Open(self.chance.within(1, POTS as u64) as i64)
            }
            Kind::Money => What::Move {
                id,
                pot: self.chance.within(1, POTS as u64) as i64,
                amount: self.chance.within(1, 60) as i64,
                declines: self.chance.one_in(3),
            },
            Kind::Rows => match old.last() {
                Some(What::Note(id)) if self.chance.one_in(2) => What::Revise(*id, 1),
                _ => What::Note(id),
            },
        };
        room.asked.push(what.clone());
        what
    }

    fn run_one(&mut self, place: usize, kind: Kind) -> Result<(), String> {
        let mixes = self.mutant == Mutant::MixesKinds && self.chance.one_in(3);
        let kind = match (mixes, kind) {
            (true, Kind::Money) => Kind::Rows,
            _ => kind,
        };
        let what = self.wanted(place, kind);
        let (at, id) = (self.clock.now(), self.ids.next());
        let books = self.books.clone().expect("a room is open only while the books are");
        let room = &mut self.rooms[place];
        if room.told.get(&what.key()).is_some_and(|(_, told)| *told == Told::Refused) {
            // It may be done now.
            room.told.remove(&what.key());
        }
        let committer = room.committer.as_mut().expect("looked at before");
        let asked = what.asked(at);
        // A statement that stops half way takes the whole transaction with it, as on a failing disk.
        let mut left = if self.chance.one_in(24) { self.chance.within(1, 60) } else { u64::MAX };
        let stops = move || {
            left = left.saturating_sub(1);
            left == 0
        };
        let stopping = committer.connection().progress_handler(1, Some(stops));
        stopping.map_err(|fault| fault.to_string())?;
        let ran = match kind {
            Kind::Money => {
                committer.money(&asked, what.money(room.context, ASSET, id), &books).map(Verdicts::Money)
            }
            Kind::Rows => {
                committer.pretend(Kind::Rows);
                let ran = committer.rows(&asked, &what.rows()).map(Verdicts::Rows);
                if mixes && committer.is_open().is_some() {
                    committer.pretend(Kind::Money);
                }
                ran
            }
        };
        let calm = committer.connection().progress_handler(1, None::<fn() -> bool>);
        calm.map_err(|fault| fault.to_string())?;
        self.ran(place, what, ran)
    }

    /// What a unit led to: a verdict to hold back, or a life that ends.
    fn ran(&mut self, place: usize, what: What, ran: Result<Verdicts, Undone>) -> Result<(), String> {
        let room = &mut self.rooms[place];
        let committer = room.committer.as_mut().expect("looked at before");
        let context = room.context;
        match ran {
            Ok(verdict) => {
                let step = match &verdict {
                    Verdicts::Money(verdict) => format!("{context}: {what:?}: {verdict:?}"),
                    Verdicts::Rows(verdict) => format!("{context}: {what:?}: {verdict:?}"),
                };
                if self.mutant == Mutant::TellsEarly {
                    Self::tell_one(room, &mut self.report, what, verdict)?;
                } else {
                    room.held.push((what, verdict));
                }
                self.note(step);
                Ok(())
            }
            Err(Undone::Stale) => {
                self.note(format!("{context}: {what:?}: stale"));
                Ok(())
            }
            Err(Undone::Fault(fault)) => {
                if committer.is_open().is_none() {
                    room.held.clear();
                    room.settles = false;
                }
                self.note(format!("{context}: {what:?}: {fault}"));
                Ok(())
            }
            Err(Undone::Fatal(fatal)) => {
                self.report.vanished += 1;
                if self.mutant == Mutant::GoesOnAfterVanished {
                    committer.abandon();
                    room.held.clear();
                    return Ok(());
                }
                self.note(format!("{context}: {what:?}: fatal: {fatal}"));
                self.crash_now(Crash::Process)
            }
        }
    }

    fn end(&mut self, place: usize, kind: Kind) -> Result<(), String> {
        self.rooms[place].settles = true;
        if kind == Kind::Rows {
            return self.commit(place, None);
        }
        let books = self.books.clone().expect("a room is open only while the books are");
        let room = &mut self.rooms[place];
        let committer = room.committer.as_mut().expect("looked at before");
        let Some(upto) = committer.upto() else {
            committer.abandon();
            room.settles = false;
            return Ok(());
        };
        if self.mutant == Mutant::CommitsEarly && committer.decided() {
            let place_now = committer.cursor();
            return self.commit(place, Some(place_now));
        }
        match books.settle(upto) {
            Ok(_) if !committer.decided() => {
                committer.abandon();
                room.committed = true;
                Ok(())
            }
            Ok(durable) => {
                let durable = if self.mutant == Mutant::CursorStays { committer.cursor() } else { durable };
                self.commit(place, Some(durable))
            }
            Err(_) if books.life.lock().view.durable().poisoned => {
                room.stopped |= committer.decided();
                committer.abandon();
                room.held.clear();
                room.settles = false;
                let context = room.context;
                self.note(format!("{context}: given up"));
                Ok(())
            }
            // Somebody else lands the group.
            Err(_) => Ok(()),
        }
    }

    fn commit(&mut self, place: usize, durable: Option<Place>) -> Result<(), String> {
        let books = self.books.clone().expect("a room is open only while the books are");
        let fails = self.chance.one_in(40);
        let unsynced = durable.is_some() || self.mutant == Mutant::RowsUnsynced;
        let room = &mut self.rooms[place];
        let context = room.context;
        let committer = room.committer.as_mut().expect("looked at before");
        if fails {
            // The disk refuses the COMMIT: nothing of it is there.
            committer.abandon();
            room.held.clear();
            room.settles = false;
            self.note(format!("{context}: COMMIT fails"));
            if self.mutant == Mutant::GoesOnAfterFailedCommit {
                books.release(context);
                return Ok(());
            }
            return self.crash_now(Crash::Process);
        }
        if let Err(fatal) = committer.commit(durable) {
            self.note(format!("{context}: {fatal}"));
            return self.crash_now(Crash::Process);
        }
        room.file.committed(committer.connection(), !unsynced);
        (room.settles, room.committed) = (false, true);
        books.release(context);
        self.note(format!("{context}: committed"));
        Ok(())
    }

    fn tell(&mut self, place: usize) -> Result<(), String> {
        let room = &mut self.rooms[place];
        (room.committed, room.settles) = (false, false);
        for (what, verdict) in std::mem::take(&mut room.held) {
            Self::tell_one(room, &mut self.report, what, verdict)?;
        }
        Ok(())
    }

    fn tell_one(room: &mut Room, report: &mut Report, what: What, verdict: Verdicts) -> Result<(), String> {
        let told = match verdict {
            Verdicts::Money(
                Verdict::Done { answer, .. } | Verdict::Replayed { first: First::Answer(answer), .. },
            )
            | Verdicts::Rows(RowsVerdict::Done(answer) | RowsVerdict::Replayed(answer)) => {
                ensure(answer == what.answer(), || format!("{what:?} got another's answer"))?;
                report.done += 1;
                Told::Done
            }
            Verdicts::Money(Verdict::Replayed { first: First::Refusal(_), .. }) => Told::Declined,
            Verdicts::Money(Verdict::Refused(problem)) => match (&what, problem.slug.code) {
                (What::Move { declines: true, .. }, code) if code != "idempotency-conflict" => Told::Declined,
                _ => Told::Refused,
            },
            Verdicts::Money(Verdict::Unanswered(_)) => return Ok(()),
            Verdicts::Rows(RowsVerdict::Conflict(fields)) => {
                return Err(format!("{what:?} conflicts in {fields:?}"));
            }
            Verdicts::Money(other) => return Err(format!("{what:?} led to {other:?}")),
            Verdicts::Rows(other) => return Err(format!("{what:?} led to {other:?}")),
        };
        if let Some((_, before)) = room.told.get(&what.key()) {
            // What was refused without a trace may be done later.
            ensure(*before == told || *before == Told::Refused, || {
                format!("{what:?} was told {before:?}, and then {told:?}")
            })?;
        }
        room.told.insert(what.key(), (what, told));
        Ok(())
    }
}
