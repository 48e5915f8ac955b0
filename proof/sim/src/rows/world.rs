//! One seed of books and rows: contexts' writers interleaved step by step with the engine.

use super::asked::{MIGRATIONS, What};
use super::audit::{Told, rows_equal_books, still_holds};
use super::books::SimBooks;
use super::file::File;
use crate::chance::Chance;
use crate::disk::{Crash, Rates, SimDisk};
use crate::genesis;
use crate::life::Life;
use kernel::id::SeededIds;
use kernel::time::ManualClock;
use kernel::{IdSource as _, Tenant};
use ledger::books::model::{AssetNo, BookNo};
use ledger::journal::engine::outcome_unknown;
use ledger::journal::recovery::recover;
use ledger::journal::segments::{FIRST_POSITION, segment_name};
use platform_store::books::{Books as _, Verdict};
use platform_store::units::committer::{Committer, RowsVerdict};
use platform_store::units::opening;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

/// The asset of all amounts: the first that a book has.
pub(super) const ASSET: AssetNo = AssetNo(0);
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
    /// Redo is destroyed before the files that need it are synced.
    DestroysEarly,
    /// Rows units go on after the journal was poisoned under an open transaction.
    RowsAfterPoison,
}

impl Mutant {
    /// All that are broken.
    pub const BROKEN: [Self; 11] = [
        Self::MixesKinds,
        Self::CommitsEarly,
        Self::TellsEarly,
        Self::RedoesNothing,
        Self::ForeignRedo,
        Self::CursorStays,
        Self::RowsUnsynced,
        Self::GoesOnAfterFailedCommit,
        Self::GoesOnAfterVanished,
        Self::DestroysEarly,
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
    /// Segments whose redo was destroyed, or had none.
    pub destroyed: u64,
    /// Transactions that vanished under a unit that was decided.
    pub vanished: u64,
    /// The last steps.
    pub trace: Vec<String>,
}

/// What a unit led to.
pub(super) enum Verdicts {
    Money(Verdict),
    Rows(RowsVerdict),
}

/// A context and its writer.
pub(super) struct Room {
    pub context: &'static str,
    pub file: File,
    pub committer: Option<Committer>,
    pub held: Vec<(What, Verdicts)>,
    /// The transaction is closed for more and waits for the journal.
    pub settles: bool,
    /// It is committed and its verdicts are not told yet.
    pub committed: bool,
    pub stopped: bool,
    pub next: i64,
    pub told: BTreeMap<String, (What, Told)>,
    pub asked: Vec<What>,
}

/// One seed's world.
pub(super) struct World {
    pub chance: Chance,
    pub disk: SimDisk,
    pub clock: Arc<ManualClock>,
    pub ids: Arc<SeededIds>,
    pub books: Option<SimBooks>,
    pub rooms: Vec<Room>,
    pub mutant: Mutant,
    pub report: Report,
    pub ended: bool,
}

/// Runs a seed. A panic is a violation like any other.
pub fn run(plan: Plan) -> Report {
    let mut chance = Chance::new(plan.seed, 11);
    let born = genesis::start(&mut chance, plan.seed);
    // A first segment that ends soon: only what stands before the newest is destroyed.
    let size = chance.within(3, 8) << 10;
    born.disk.meddle(&segment_name(FIRST_POSITION), |file| {
        file.resize(size);
        file.set_right();
    });
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
    pub(super) fn note(&mut self, step: String) {
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
                self.sync_file(room);
                Ok(())
            }
            9 => self.fill_purse(),
            10 | 13 => {
                let size = self.chance.within(3, 16) << 10;
                let made = self.books.as_ref().map(|books| books.life.lock().segments.make_spare(size));
                // Without a segment ahead the writer makes one itself, or fails.
                drop(made);
                Ok(())
            }
            12 => {
                self.destroy_redo();
                Ok(())
            }
            11 if self.chance.one_in(6) => self.put_file_back(room),
            _ => self.room_step(room),
        }
    }

    /// The log of a file is copied into it, and the books are told.
    fn sync_file(&mut self, place: usize) {
        let room = &mut self.rooms[place];
        room.file.sync();
        if let (Some(books), Some(committer)) = (&self.books, &room.committer) {
            books.synced(room.context, committer.cursor().position);
        }
    }

    fn destroy_redo(&mut self) {
        if self.chance.one_in(2) {
            (0..self.rooms.len()).for_each(|room| self.sync_file(room));
        }
        if let Some(Ok(true)) = self.books.as_ref().map(SimBooks::destroy_redo) {
            self.report.destroyed += 1;
            self.note("the redo of a segment is destroyed, or there was none".to_owned());
        }
    }

    fn any_crash(&mut self) -> Result<(), String> {
        let crash = if self.chance.one_in(2) { Crash::Power } else { Crash::Process };
        self.crash_now(crash)
    }

    pub(super) fn crash_now(&mut self, crash: Crash) -> Result<(), String> {
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

    pub(super) fn is_poisoned(&self) -> bool {
        self.books.as_ref().is_some_and(|books| books.life.lock().view.durable().poisoned)
    }
}
