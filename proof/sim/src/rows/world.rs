//! One seed of books and rows: contexts' writers interleaved step by step with the engine.

use super::asked::{MIGRATIONS, POTS, What};
use super::audit::{Told, rows_equal_books, still_holds};
use super::books::SimBooks;
use super::file::File;
use crate::chance::Chance;
use crate::disk::{Crash, Rates, SimDisk};
use crate::fold::ensure;
use crate::genesis;
use crate::life::Life;
use kernel::id::SeededIds;
use kernel::time::ManualClock;
use kernel::{Clock as _, IdSource as _, Tenant};
use ledger::books::model::{AssetNo, BookNo};
use ledger::journal::engine::outcome_unknown;
use ledger::journal::recovery::recover;
use platform_store::books::{Books as _, First, Place, Verdict};
use platform_store::units::committer::{Committer, Kind, RowsVerdict, Undone};
use platform_store::units::opening;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

/// The asset of all amounts: the first that a book has.
const ASSET: AssetNo = AssetNo(0);
/// Units that a transaction holds at most.
const GROUP: usize = 5;
/// Steps of a run.
const STEPS: (u64, u64) = (60, 260);
/// What goes into the purse at once.
const FILL: i128 = 300;

/// How the commit is broken: one rule of it at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mutant {
    /// Not at all.
    #[default]
    Right,
    /// A transaction holds units of both kinds.
    MixesKinds,
    /// COMMIT does not wait for the journal.
    CommitsEarly,
    /// Answers do not wait for COMMIT.
    TellsEarly,
    /// A start does not redo.
    RedoesNothing,
    /// Redo holds images of another unit.
    ForeignRedo,
    /// The cursor stays where it was.
    CursorStays,
    /// Rows units are committed without a sync.
    RowsUnsynced,
    /// A failed COMMIT does not end the process.
    GoesOnAfterFailedCommit,
    /// A transaction that vanished does not end the process.
    GoesOnAfterVanished,
    /// Rows units go on after the journal was poisoned under an open transaction.
    RowsAfterPoison,
}

impl Mutant {
    /// All that are broken.
    pub const BROKEN: [Self; 10] = [
        Self::MixesKinds,
        Self::CommitsEarly,
        Self::TellsEarly,
        Self::RedoesNothing,
        Self::ForeignRedo,
        Self::CursorStays,
        Self::RowsUnsynced,
        Self::GoesOnAfterFailedCommit,
        Self::GoesOnAfterVanished,
        Self::RowsAfterPoison,
    ];
}

/// What is run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    /// Decides everything.
    pub seed: u64,
    /// What is broken on purpose.
    pub mutant: Mutant,
}

/// How it went.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What is wrong, if anything.
    pub violation: Option<String>,
    /// Units that were told done.
    pub done: u64,
    /// Starts.
    pub starts: u64,
    /// Units that starts redid.
    pub redone: u64,
    /// Starts that were refused because a file alone had been put back.
    pub refused: u64,
    /// Transactions that vanished under a unit that was decided.
    pub vanished: u64,
    /// The last steps.
    pub trace: Vec<String>,
}

enum Verdicts {
    Money(Verdict),
    Rows(RowsVerdict),
}

struct Room {
    context: &'static str,
    file: File,
    committer: Option<Committer>,
    held: Vec<(What, Verdicts)>,
    /// The transaction is closed for more and waits for the journal.
    settles: bool,
    /// It is committed and its verdicts are not told yet.
    committed: bool,
    stopped: bool,
    next: i64,
    told: BTreeMap<String, (What, Told)>,
    asked: Vec<What>,
}

struct World {
    chance: Chance,
    disk: SimDisk,
    clock: Arc<ManualClock>,
    ids: Arc<SeededIds>,
    books: Option<SimBooks>,
    rooms: Vec<Room>,
    mutant: Mutant,
    report: Report,
    ended: bool,
}

/// Runs a seed. A panic is a violation like any other.
pub fn run(plan: Plan) -> Report {
    let mut chance = Chance::new(plan.seed, 11);
    let born = genesis::start(&mut chance, plan.seed);
    let room = |context| Room {
        context,
        file: File::default(),
        committer: None,
        held: Vec::new(),
        settles: false,
        committed: false,
        stopped: false,
        next: 1,
        told: BTreeMap::new(),
        asked: Vec::new(),
    };
    let mut world = World {
        chance,
        disk: born.disk,
        clock: born.clock,
        ids: born.ids,
        books: None,
        rooms: vec![room("alpha"), room("beta")],
        mutant: plan.mutant,
        report: Report::default(),
        ended: false,
    };
    let ran = catch_unwind(AssertUnwindSafe(|| world.live()));
    world.report.violation = match ran {
        Ok(Ok(())) => None,
        Ok(Err(why)) => Some(why),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Some(format!("panic: {}", text.unwrap_or_default()))
        }
    };
    world.report
}

impl World {
    fn note(&mut self, step: String) {
        if self.report.trace.len() > 60 {
            self.report.trace.remove(0);
        }
        self.report.trace.push(step);
    }

    fn live(&mut self) -> Result<(), String> {
        self.start(None)?;
        let steps = self.chance.within(STEPS.0, STEPS.1);
        for _ in 0..steps {
            if self.ended {
                return Ok(());
            }
            self.step()?;
        }
        if self.ended {
            return Ok(());
        }
        self.disk.set_rates(Rates::default());
        self.crash_now(Crash::Power)?;
        self.audit()
    }

    fn step(&mut self) -> Result<(), String> {
        if self.disk.is_down() {
            return self.crash_now(Crash::Process);
        }
        self.clock.advance_us(1 + self.chance.below(1_000) as i64);
        let room = self.chance.place(self.rooms.len());
        match self.chance.below(40) {
            0 => self.any_crash(),
            1 => {
                let rates = Rates { write_error: 40, short_write: 40, sync_error: 20, ..Rates::default() };
                let rates = if self.chance.one_in(2) { rates } else { Rates::default() };
                self.disk.set_rates(rates);
                Ok(())
            }
            2 => {
                let operations = self.chance.within(1, 12);
                self.disk.crash_in(Some(operations));
                Ok(())
            }
            3..=7 => self.land().map(drop),
            8 => {
                self.rooms[room].file.sync();
                Ok(())
            }
            9 => self.fill_purse(),
            10 => {
                let size = 16 << 10;
                let made = self.books.as_ref().map(|books| books.life.lock().segments.make_spare(size));
                // Without a segment ahead the writer makes one itself, or fails.
                drop(made);
                Ok(())
            }
            11 if self.chance.one_in(6) => self.put_file_back(room),
            _ => self.room_step(room),
        }
    }

    fn any_crash(&mut self) -> Result<(), String> {
        let crash = if self.chance.one_in(2) { Crash::Power } else { Crash::Process };
        self.crash_now(crash)
    }

    fn crash_now(&mut self, crash: Crash) -> Result<(), String> {
        self.note(format!("-- {crash:?} gone"));
        for room in &mut self.rooms {
            room.committer = None;
            room.held.clear();
            (room.settles, room.committed, room.stopped) = (false, false, false);
            room.file.crash(crash, &mut self.chance);
        }
        self.books = None;
        self.disk.crash(crash);
        self.start(None)
    }

    /// One file alone is put back to an older state: the start has to say so, or mend it.
    fn put_file_back(&mut self, room: usize) -> Result<(), String> {
        for room in &mut self.rooms {
            room.committer = None;
            room.held.clear();
            (room.settles, room.committed, room.stopped) = (false, false, false);
        }
        self.books = None;
        self.disk.crash(Crash::Process);
        let mut chance = self.chance.clone();
        let moved = self.rooms[room].file.put_back(&mut chance);
        self.chance = chance;
        self.note(format!("-- the file of {} alone is put back: {moved}", self.rooms[room].context));
        if moved {
            // What only the file had and no money unit followed is gone without a trace: the count of rows
            // transactions stands in the journal only beside money units.
            self.rooms[room].told.retain(|_, (what, _)| what.is_money());
            self.rooms[room].asked.retain(What::is_money);
        }
        self.start(moved.then_some(room))
    }

    fn start(&mut self, tampered: Option<usize>) -> Result<(), String> {
        self.report.starts += 1;
        let rates = Rates::default();
        self.disk.set_rates(rates);
        self.disk.crash_in(None);
        let recovered =
            recover(&self.disk.as_dyn(), &*self.ids).map_err(|fault| format!("recovery: {fault}"))?;
        let mut life = Life::new(&self.disk, recovered, self.clock.clone(), self.ids.clone());
        if life.core.state.books.is_empty() {
            let (reply, _) = tokio::sync::oneshot::channel();
            life.core.book(Tenant::default(), reply);
        }
        let books = SimBooks::new(life, self.mutant);
        for place in 0..self.rooms.len() {
            let room = &mut self.rooms[place];
            let connection = room.file.open();
            match opening::open(connection, Path::new(room.context), room.context, &MIGRATIONS, &books) {
                Ok((mut committer, redone)) => {
                    room.file.committed(committer.connection(), true);
                    self.report.redone += redone.units;
                    room.committer = Some(committer);
                }
                Err(_) if tampered == Some(place) => {
                    self.report.refused += 1;
                    self.ended = true;
                    return Ok(());
                }
                Err(fault) => return Err(format!("{} does not open: {fault}", room.context)),
            }
        }
        self.note(format!("start: {} units redone so far", self.report.redone));
        self.books = Some(books);
        self.audit()
    }

    fn audit(&mut self) -> Result<(), String> {
        let Some(books) = &self.books else { return Ok(()) };
        let life = books.life.lock();
        for room in &mut self.rooms {
            let Some(committer) = &mut room.committer else { continue };
            let connection = committer.connection();
            rows_equal_books(connection, &life, room.context)?;
            for (what, told) in room.told.values() {
                still_holds(connection, what, told).map_err(|why| format!("{}: {why}", room.context))?;
            }
        }
        Ok(())
    }

    /// Other traffic: the purse gets something.
    fn fill_purse(&mut self) -> Result<(), String> {
        let Some(books) = &self.books else { return Ok(()) };
        let (reply, _) = tokio::sync::oneshot::channel();
        let id = self.ids.next();
        let request = super::asked::fill(id, ASSET, FILL);
        let job = ledger::journal::job::SingleJob {
            book: BookNo(0),
            request,
            manner: Default::default(),
            origin: None,
            reply,
        };
        let mut life = books.life.lock();
        if life.core.state.directory.by_path(BookNo(0), "purse").is_none() {
            super::asked::open_purse(&mut life.core, &*self.ids, ASSET);
        }
        life.core.single(job);
        Ok(())
    }

    /// The engine hands its group over and makes it durable; false if that failed.
    fn land(&mut self) -> Result<bool, String> {
        let Some(books) = &self.books else { return Ok(false) };
        let mut life = books.life.lock();
        if life.view.durable().poisoned {
            return Ok(false);
        }
        let mut handed = life.core.hand_over();
        match life.writer.commit(&handed) {
            Ok(()) => {
                life.core.settled();
                handed.answer();
                Ok(true)
            }
            Err(_) => {
                life.view.poison();
                handed.fail(&outcome_unknown());
                let mut next = life.core.hand_over();
                next.fail(&outcome_unknown());
                drop(life);
                self.note("the journal is poisoned".to_owned());
                Ok(false)
            }
        }
    }

    fn is_poisoned(&self) -> bool {
        self.books.as_ref().is_some_and(|books| books.life.lock().view.durable().poisoned)
    }

    fn room_step(&mut self, place: usize) -> Result<(), String> {
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
