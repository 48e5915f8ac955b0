//! One seed's world: a disk, a clock, an engine that lives and dies, and the auditor who remembers every
//! acknowledged answer.

use crate::asked::{Asked, Verdict, Wanted, ask};
use crate::chain::{Chain, Finding, Note};
use crate::chance::Chance;
use crate::disk::{Crash, Rates, SimDisk};
use crate::evidence::{Evidence, names_place};
use crate::fold::{Fold, ensure};
use crate::genesis;
use crate::life::{Flight, Life};
use crate::mutant::Mutant;
use crate::state_check::{check_state, check_view};
use crate::workload::Workload;
use kernel::id::SeededIds;
use kernel::time::ManualClock;
use kernel::{Id, Tenant};
use ledger::books::model::BookNo;
use ledger::journal::recovery::Recovered;
use ledger::journal::segments::Identity;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Starts after which faults rest, so that a run comes to its end.
const HARD_STARTS: u32 = 3;

/// What a run saw.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Groups that were acknowledged.
    pub groups: u64,
    /// Commands that were answered.
    pub answers: u64,
    /// Crashes.
    pub crashes: u64,
    /// Recoveries that succeeded.
    pub recoveries: u64,
    /// Frames in flight at a crash that were there after it.
    pub flown: u64,
    /// Commits that failed.
    pub failed: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Starts that damage stopped, with its place.
    pub stopped: u64,
    /// Destroyed records behind a snapshot: reported when read.
    pub wounded: u64,
    /// Tails that were lost and cannot be seen.
    pub unseen: u64,
    /// Commands that found a record unreadable.
    pub unreadable: u64,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// On with it.
    Goes,
    /// The engine cannot go on with this disk, and said so.
    Ends,
}

/// A world.
pub struct World {
    /// Its chance.
    pub chance: Chance,
    /// Its disk.
    pub disk: SimDisk,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    /// The engine, while it lives.
    pub life: Option<Life>,
    /// Counts.
    pub tally: Tally,
    /// Which faults its lives may meet.
    pub with_faults: bool,
    pub(crate) work: Workload,
    pub(crate) fold: Fold,
    ids: Arc<SeededIds>,
    mutant: Mutant,
    identity: Identity,
    chain: Chain,
    flight: Option<Note>,
    refused: BTreeSet<(BookNo, u128)>,
    done: BTreeMap<(BookNo, u128), u64>,
    clock_trouble: bool,
    errors_at_start: u64,
    /// A recovery found damage it can go on with. What it then writes again is no longer told from what is right.
    is_wounded: bool,
}

impl World {
    /// The world of a seed, not started yet.
    pub fn new(seed: u64, mutant: Mutant, with_faults: bool) -> Self {
        let mut chance = Chance::new(seed, 1);
        let born = genesis::start(&mut chance, seed);
        born.disk.set_broken(mutant.broken());
        Self {
            work: Workload::new(Chance::new(seed, 3), born.ids.clone(), born.clock.clone()),
            fold: born.chain.fold().expect("the first records fold"),
            chance,
            disk: born.disk,
            clock: born.clock,
            life: None,
            tally: Tally::default(),
            with_faults,
            ids: born.ids,
            mutant,
            identity: born.identity,
            chain: born.chain,
            flight: None,
            refused: BTreeSet::new(),
            done: BTreeMap::new(),
            clock_trouble: false,
            errors_at_start: 0,
            is_wounded: false,
        }
    }

    /// The engine dies now if it lives, and is started until it runs or gives up with a reason.
    pub fn restart(&mut self) -> Result<Flow, String> {
        if let Some(life) = self.life.take() {
            self.bury(life);
            let crash = if self.chance.one_in(2) { Crash::Power } else { Crash::Process };
            self.disk.crash(crash);
        }
        let mut destroyed = BTreeSet::new();
        for attempt in 0.. {
            self.set_faults(attempt < HARD_STARTS);
            let mut evidence = self.look();
            evidence.excuse(&destroyed);
            evidence.check_durable()?;
            destroyed.extend(evidence.destroyed());
            self.errors_at_start = self.disk.errors();
            match self.mutant.recover(&self.disk, &*self.ids) {
                Ok(recovered) => return self.rise(&evidence, recovered),
                Err(_) if self.disk.is_down() => {
                    let crash = if self.chance.one_in(2) { Crash::Power } else { Crash::Process };
                    self.tally.crashes += 1;
                    self.disk.crash(crash);
                }
                Err(_) if self.disk.errors() > self.errors_at_start => {}
                Err(fault) => {
                    let fault = fault.to_string();
                    self.disk.note(|| format!("   stopped: {fault}"));
                    ensure(!evidence.harm.is_empty(), || format!("nothing was destroyed, but: {fault}"))?;
                    ensure(names_place(&fault), || format!("it names no place: {fault}"))?;
                    self.tally.stopped += 1;
                    return Ok(Flow::Ends);
                }
            }
        }
        Ok(Flow::Ends)
    }

    fn look(&self) -> Evidence {
        self.disk.calmly(|| Evidence::gather(&self.disk, self.identity, &self.chain, self.flight.as_ref()))
    }

    fn set_faults(&mut self, hard: bool) {
        let rates = if self.with_faults && hard { Rates::draw(&mut self.chance) } else { Rates::default() };
        let crash = if self.with_faults && hard && self.chance.one_in(2) {
            Some(self.chance.within(1, 60))
        } else {
            None
        };
        self.disk.set_full(false);
        self.disk.set_rates(rates);
        self.disk.crash_in(crash);
    }

    /// What was in flight may or may not be there; nobody was told.
    fn bury(&mut self, mut life: Life) {
        self.tally.crashes += 1;
        let flight = life.flight.take();
        let asked = flight.iter().flat_map(|flight| &flight.asked).chain(&life.filling);
        for asked in asked {
            forget(&mut self.refused, asked);
        }
        if let Some(note) = flight.and_then(|flight| flight.note) {
            self.flight = Some(note);
        }
    }

    /// Judges what a recovery found and starts the engine on it.
    fn rise(&mut self, evidence: &Evidence, recovered: Recovered) -> Result<Flow, String> {
        let flight = self.flight.take();
        let finding = self.disk.calmly(|| self.chain.judge(evidence, &recovered, flight.as_ref()))?;
        self.disk.note(|| format!("-- recovered: {finding:?}, end {}", recovered.place.position));
        match (finding, flight) {
            (Finding::Whole { flight: true }, Some(note)) => {
                self.tally.flown += 1;
                self.chain.notes.push(note);
            }
            (Finding::Unseen(from), _) => {
                self.tally.unseen += 1;
                self.chain.notes.truncate(from);
            }
            (Finding::Wounded(_), Some(note)) if recovered.place.position > note.position => {
                self.chain.notes.push(note);
            }
            (Finding::Wounded(from), _) => self.chain.notes.truncate(from),
            _ => {}
        }
        self.fold = self.chain.fold()?;
        let end = self.chain.end();
        self.done.retain(|_, position| *position < end);
        check_state(&self.fold, &recovered.replayed.state)?;
        self.check_lists()?;
        self.tally.recoveries += 1;
        self.identity = recovered.identity;
        let life = Life::new(&self.disk, recovered, self.clock.clone(), self.ids.clone());
        check_view(&self.fold, &life.view, end)?;
        self.clock_trouble = life.core.clock_suspect.load(std::sync::atomic::Ordering::SeqCst);
        self.life = Some(life);
        if !matches!(finding, Finding::Wounded(_)) {
            return Ok(Flow::Goes);
        }
        self.tally.wounded += 1;
        self.is_wounded = true;
        self.disk.set_rates(Rates::default());
        self.repeat(4)?;
        Ok(Flow::Ends)
    }

    /// Nothing refused is there, everything done is.
    fn check_lists(&self) -> Result<(), String> {
        for (book, id) in &self.refused {
            ensure(!self.fold.has_id(*book, Id(*id)), || format!("{:?} was refused and is there", Id(*id)))?;
        }
        for ((_, id), position) in &self.done {
            let there = self.fold.at(*position).is_some_and(|record| record.id.0 == *id);
            ensure(there, || format!("{:?} was acknowledged at {position} and is not there", Id(*id)))?;
        }
        Ok(())
    }

    /// Asks one thing.
    pub fn ask(&mut self, book: BookNo, wanted: Wanted) {
        let Some(life) = &mut self.life else { return };
        // The façade finds a tenant's book among those that are durable, or asks for it first.
        let is_open = (book.0 as usize) < self.fold.books.len();
        let wanted = if is_open { wanted } else { Wanted::Book(Tenant::default()) };
        self.disk.note(|| format!("ask {} {}", book.0, brief(&wanted)));
        let (job, asked) = ask(book, wanted, self.fold.records.len());
        let slice = self.chance.within(1, 4) as usize;
        life.submit(job, asked, slice);
    }

    /// Asks again for what is durable, and waits for the answers.
    pub fn repeat(&mut self, times: u64) -> Result<Flow, String> {
        for _ in 0..times {
            let (book, wanted) = self.work.before(&self.fold, BookNo(0));
            self.ask(book, wanted);
        }
        self.land()
    }

    /// Hands the group over if the writer is free.
    pub fn hand_over(&mut self) {
        let Some(life) = &mut self.life else { return };
        if life.flight.is_some() || !life.core.has_group() {
            return;
        }
        let handed = life.core.hand_over();
        let note = (!handed.is_empty()).then(|| self.chain.note(&handed.sealed));
        life.names += handed.names.len() as u64;
        let asked = std::mem::take(&mut life.filling);
        life.flight = Some(Flight { handed, asked, note });
    }

    /// Writes the group in flight, or the one being filled; answers are judged.
    pub fn land(&mut self) -> Result<Flow, String> {
        self.hand_over();
        let Some(mut life) = self.life.take() else { return Ok(Flow::Goes) };
        let Some(mut flight) = life.flight.take() else {
            // Nothing to write; who was turned away at once has heard it.
            let asked = std::mem::take(&mut life.filling);
            self.hear(&mut life, asked)?;
            self.life = Some(life);
            return Ok(Flow::Goes);
        };
        if self.mutant == Mutant::AnswersEarly {
            self.accept(&mut life, &mut flight)?;
        }
        let committed = life.writer.commit(&flight.handed);
        self.disk.note(|| format!("commit: {committed:?}"));
        if committed.is_err() {
            return self.fell(life, flight);
        }
        self.tally.groups += 1;
        if self.mutant != Mutant::AnswersEarly {
            self.accept(&mut life, &mut flight)?;
        }
        check_view(&self.fold, &life.view, self.chain.end())?;
        life.core.settled();
        self.life = Some(life);
        Ok(Flow::Goes)
    }

    /// The group is durable: it goes into the books, and every answer is judged against them.
    fn accept(&mut self, life: &mut Life, flight: &mut Flight) -> Result<(), String> {
        if let Some(note) = flight.note.take() {
            note.fold_into(&mut self.fold)?;
            self.chain.notes.push(note);
        }
        flight.handed.answer();
        self.hear(life, std::mem::take(&mut flight.asked))
    }

    /// Judges the answers that came.
    fn hear(&mut self, life: &mut Life, waiting: Vec<Asked>) -> Result<(), String> {
        for mut asked in waiting {
            match asked.take() {
                // A batch in slices is answered with its last group.
                None => life.filling.insert(0, asked),
                Some(Err(unanswered)) => {
                    forget(&mut self.refused, &asked);
                    self.check_unanswered(unanswered.0.slug.code)?;
                }
                Some(Ok(answer)) => {
                    self.tally.answers += 1;
                    let verdicts = asked.judge(&answer, &self.fold)?;
                    self.enter(&asked, &verdicts);
                }
            }
        }
        Ok(())
    }

    fn enter(&mut self, asked: &Asked, verdicts: &[Verdict]) {
        for (request, verdict) in asked.requests().iter().zip(verdicts) {
            let name = (asked.book, request.id.0);
            match verdict {
                Verdict::Done(position) => {
                    self.refused.remove(&name);
                    self.done.insert(name, *position);
                }
                Verdict::Refused
                    if !self.done.contains_key(&name) && !self.fold.has_id(asked.book, request.id) =>
                {
                    self.refused.insert(name);
                }
                Verdict::Refused | Verdict::Nothing => {}
            }
        }
    }

    fn check_unanswered(&mut self, code: &str) -> Result<(), String> {
        match code {
            "clock-suspect" => {
                ensure(self.clock_trouble, || "the clock is right, and is not believed".to_owned())
            }
            "ledger-unavailable" => {
                self.tally.unreadable += 1;
                let spoilt = self.is_wounded
                    || self.disk.is_down()
                    || self.disk.is_visibly_spoilt()
                    || self.disk.errors() > self.errors_at_start;
                ensure(spoilt, || "a record could not be read, though nothing is wrong".to_owned())
            }
            other => Err(format!("a command was left without an answer: {other}")),
        }
    }

    /// A commit failed: nobody may be told anything but that the outcome is unknown.
    fn fell(&mut self, mut life: Life, mut flight: Flight) -> Result<Flow, String> {
        self.tally.failed += 1;
        let waiting = life.fail(&mut flight);
        for asked in flight.asked.iter_mut().chain(&mut life.filling) {
            forget(&mut self.refused, asked);
        }
        for mut asked in std::mem::take(&mut flight.asked).into_iter().chain(waiting) {
            forget(&mut self.refused, &asked);
            let answered = asked.take();
            let told = matches!(&answered, Some(Ok(_)));
            ensure(!told || self.mutant == Mutant::AnswersEarly, || {
                format!("the write failed, and the answer was {answered:?}")
            })?;
        }
        if !self.disk.is_down() {
            check_view(&self.fold, &life.view, self.chain.end())?;
            ensure(life.view.durable().poisoned, || {
                "readers are not told that nothing more comes".to_owned()
            })?;
        }
        self.flight = flight.note.take();
        let crash = if self.chance.one_in(2) { Crash::Power } else { Crash::Process };
        drop(life);
        self.tally.crashes += 1;
        self.disk.crash(crash);
        self.restart()
    }

    /// A wrong time server; until an operator confirms, nothing is decided.
    pub fn jump_clock(&mut self) {
        let minutes = self.chance.within(2, 90) as i64;
        let sign = if self.chance.one_in(2) { 1 } else { -1 };
        self.clock.jump_us(sign * minutes * 60_000_000);
        self.clock_trouble = true;
    }

    /// An operator confirms the clock.
    pub fn confirm_clock(&mut self) {
        if let Some(life) = &self.life {
            life.core.confirm_clock.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    }

    /// Whether the clock may be in doubt.
    pub fn doubts_clock(&self) -> bool {
        self.clock_trouble
    }

    /// An operation beside the commits failed: that has to have a cause.
    pub fn excuse(&mut self, what: &str, fault: &std::io::Error) -> Result<(), String> {
        let excused = self.is_wounded
            || self.disk.is_down()
            || self.disk.errors() > self.errors_at_start
            || self.disk.is_visibly_spoilt();
        ensure(excused, || format!("{what} failed though nothing is wrong: {fault}"))
    }
}

/// What is not known any more cannot be said to be refused.
fn forget(refused: &mut BTreeSet<(BookNo, u128)>, asked: &Asked) {
    for request in asked.requests() {
        refused.remove(&(asked.book, request.id.0));
    }
}

fn brief(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Single(request, manner) => format!("{request:?} {manner:?}"),
        Wanted::Batch { atomic, key, requests, .. } => {
            format!("batch of {} atomic={atomic} key={:?}", requests.len(), key.as_ref().map(|key| &key.0))
        }
        Wanted::Book(tenant) => format!("book of {}", tenant.as_str()),
    }
}
