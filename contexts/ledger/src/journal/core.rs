//! The sequencer's core, without threads: takes jobs in order, decides them against the resident state,
//! and writes what was decided into the group being filled. A driver hands groups over and says when they
//! are durable; tests and the simulator drive it step by step.
//!
//! | step | what |
//! |---|---|
//! | begin | a group gets its time; the clock is judged; holds that are due expire |
//! | look up | keys, ids and refs that were used before are replayed or refused |
//! | decide | the pure rules; a refusal changes nothing |
//! | write | record, pointers, names in the index, what readers will see |
//! | hand over | the group is closed; the next one fills while it is written |

use super::effects::AllLinks;
use super::group::{Answer, Publication, Waiter, Waiting};
use super::job::SingleJob;
use super::lookup::Lookup;
use super::record::{Draft, OriginAt, Record, decode_record, put_unsealed};
use super::unit::Beginning;
use super::view::View;
use crate::books::model::BookNo;
use crate::command::{Command, Request};
use crate::decide::{Moment, Stop, decide, expire};
use crate::effect::{Decision, Effect, Outcome};
use crate::refusal::{CLOCK_SUSPECT, Refusal};
use crate::skew::{Links, NOWHERE};
use crate::state::{BookNames, State};
use kernel::{Clock, Id, IdSource, Problem, Timestamp};
use smallvec::smallvec;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Most holds that one group expires on its own, so that a backlog never delays commands for long.
const EXPIRIES_PER_GROUP: usize = 512;
/// A wall clock that moved this much against the monotonic one is not believed.
const CLOCK_JUMP_US: i64 = 60_000_000;

/// The sequencer's core.
pub struct Core {
    /// Resident state, ahead of what is durable.
    pub state: State,
    /// Records by name and position.
    pub lookup: Lookup,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) view: Arc<View>,
    /// Set by an operator who confirms the clock.
    pub confirm_clock: Arc<AtomicBool>,
    /// The clock jumped and nobody has confirmed it yet.
    pub clock_suspect: Arc<AtomicBool>,
    pub(super) clock_base: (Timestamp, i64),
    pub(super) time: Option<Timestamp>,
    pub(super) waiters: Vec<Waiter>,
    pub(super) waiting_units: Vec<Waiting>,
    pub(super) beginning: Option<Box<Beginning>>,
    /// The group being filled has units of a writer that will say when it waits for them.
    pub(super) unsettled: bool,
    /// A writer stands still until the group being filled is durable.
    pub(super) writer_waits: bool,
    pub(super) publication: Publication,
    pub(super) shown: (usize, usize, usize),
    pub(super) scratch: Vec<u8>,
    pub(super) links: AllLinks,
    pub(super) decisions: Vec<Decision>,
}

/// What a core is made of besides its state.
pub struct Parts {
    /// Records by name and position.
    pub lookup: Lookup,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids and chance.
    pub ids: Arc<dyn IdSource>,
    /// What readers see.
    pub view: Arc<View>,
}

impl Core {
    /// A core over this state; the clock is judged against the state's last record.
    pub fn new(state: State, parts: Parts) -> Self {
        let Parts { lookup, clock, ids, view } = parts;
        let clock_base = (clock.now(), clock.monotonic_us());
        let suspect = state.last_time > clock_base.0;
        let shown = (state.directory.len(), state.balances.len(), state.books.len());
        let mut core = Self {
            state,
            lookup,
            clock,
            ids,
            view,
            confirm_clock: Arc::default(),
            clock_suspect: Arc::new(AtomicBool::new(suspect)),
            clock_base,
            time: None,
            waiters: Vec::new(),
            waiting_units: Vec::new(),
            beginning: None,
            unsettled: false,
            writer_waits: false,
            publication: Publication::default(),
            shown,
            scratch: Vec::new(),
            links: AllLinks::new(),
            decisions: Vec::new(),
        };
        core.lookup.keyed.prepare(core.state.books.len());
        core
    }

    /// The time of the group being filled, begun now if there is none. Fails while the clock is suspect.
    pub(super) fn begin(&mut self) -> Result<Timestamp, Problem> {
        if let Some(time) = self.time {
            return Ok(time);
        }
        let time = {
            // Readers that wait for a past time look here: a group's time is taken and shown as one.
            let view = self.view.clone();
            let mut outstanding = view.outstanding.lock();
            let now = self.clock.now();
            self.judge_clock(now)?;
            let time = now.max(self.state.last_time.plus_us(1));
            outstanding.push(time);
            time
        };
        self.state.last_time = time;
        self.time = Some(time);
        self.expire_due(time);
        Ok(time)
    }

    fn judge_clock(&mut self, now: Timestamp) -> Result<(), Problem> {
        let monotonic = self.clock.monotonic_us();
        if self.confirm_clock.swap(false, Ordering::SeqCst) {
            self.clock_suspect.store(false, Ordering::SeqCst);
            self.clock_base = (now, monotonic);
        }
        let expected = self.clock_base.0.0.saturating_add(monotonic - self.clock_base.1);
        if (now.0 - expected).abs() > CLOCK_JUMP_US {
            self.clock_suspect.store(true, Ordering::SeqCst);
        }
        if self.clock_suspect.load(Ordering::SeqCst) {
            return Err(clock_problem(now, self.state.last_time));
        }
        // Slow drift is believed: the base follows.
        self.clock_base = (now, monotonic);
        Ok(())
    }

    /// Expires holds that are due, a bounded number of them.
    fn expire_due(&mut self, now: Timestamp) {
        for _ in 0..EXPIRIES_PER_GROUP {
            match self.state.expiry.first() {
                Some((at, hold)) if *at <= now => {
                    let hold = *hold;
                    self.expire_one(hold, now);
                }
                _ => break,
            }
        }
    }

    fn expire_one(&mut self, hold: Id, now: Timestamp) {
        let Some(book) = self.state.holds.get(&hold).map(|hold| hold.book) else { return };
        let mut decisions = std::mem::take(&mut self.decisions);
        let ids = self.ids.clone();
        let moment = Moment { book, now, ids: &*ids, facts: &self.lookup };
        let expired = expire(&mut self.state, moment, hold, &mut decisions);
        assert!(expired.is_ok(), "an open hold can always expire");
        for decision in &mut decisions {
            self.write(decision, None, &OriginAt::Nobody);
        }
        decisions.clear();
        self.decisions = decisions;
    }

    /// When the next hold is due, for a timer.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.state.expiry.first().map(|(at, _)| *at)
    }

    /// Begins a group if a hold is due, so that it expires without any command.
    pub fn tick(&mut self) {
        if self.next_due().is_some_and(|due| due <= self.clock.now()) {
            // A suspect clock expires nothing.
            let _ = self.begin();
        }
    }

    /// Takes one command.
    pub fn single(&mut self, job: SingleJob) {
        let answered = self
            .begin()
            .map_err(|problem| Stopped::Unanswered(Box::new(problem)))
            .and_then(|now| self.decide_single(&job, now));
        let answer = match answered {
            Ok((outcome, dry)) => {
                let replayed = matches!(outcome, Outcome::Replayed { .. });
                Answer { outcomes: smallvec![outcome], replayed, group: None, dry }
            }
            Err(Stopped::Replayed(problem)) => Answer {
                outcomes: smallvec![Outcome::Refused(problem)],
                replayed: true,
                group: None,
                dry: Vec::new(),
            },
            Err(Stopped::Refused(problem)) => Answer {
                outcomes: smallvec![Outcome::Refused(problem)],
                replayed: false,
                group: None,
                dry: Vec::new(),
            },
            Err(Stopped::Unanswered(problem)) => {
                let _ = job.reply.send(Err(super::group::Unanswered(*problem)));
                return;
            }
        };
        self.waiters.push(Waiter { reply: job.reply, answer });
    }

    fn decide_single(&mut self, job: &SingleJob, now: Timestamp) -> Result<(Outcome, Vec<Record>), Stopped> {
        if job.manner.dry_run {
            return self.rehearse(job, now).map(|records| (Outcome::WouldDo, records));
        }
        let mut origin = OriginAt::Nobody;
        if let Some(own) = &job.origin {
            origin = OriginAt::Here(own.clone());
        }
        self.command(job.book, &job.request, job.manner, &mut origin, now)
            .map(|outcome| (outcome, Vec::new()))
    }

    /// Looks up, decides and writes one command.
    pub(super) fn command(
        &mut self,
        book: BookNo,
        request: &Request,
        manner: crate::command::Manner,
        origin: &mut OriginAt,
        now: Timestamp,
    ) -> Result<Outcome, Stopped> {
        if let Some(outcome) = self.earlier(book, request)? {
            return Ok(outcome);
        }
        self.expire_named(&request.command, now);
        let mut decisions = std::mem::take(&mut self.decisions);
        let moment = Moment { book, now, ids: &*self.ids, facts: &self.lookup };
        let decided = decide(&mut self.state, moment, request, manner, &mut decisions);
        let outcome = match decided {
            Ok(()) => Ok(self.write_all(&mut decisions, request, origin)),
            Err(Stop::Fault(fault)) => Err(Stopped::fault(&fault)),
            Err(Stop::Refused(refusal)) => {
                let problem = Arc::new(refusal.problem(&BookNames { state: &self.state, book }));
                if manner.freeze_refusals && self.is_named(request) {
                    self.freeze(book, request, problem.clone(), origin);
                }
                Err(Stopped::Refused(problem))
            }
        };
        decisions.clear();
        self.decisions = decisions;
        outcome
    }

    /// Writes a command's decisions; the last is its own.
    pub(super) fn write_all(
        &mut self,
        decisions: &mut [Decision],
        request: &Request,
        origin: &mut OriginAt,
    ) -> Outcome {
        let mut outcome = Outcome::WouldDo;
        let last = decisions.len() - 1;
        for (place, decision) in decisions.iter_mut().enumerate() {
            let seq = decision.seq;
            let position = self.write(decision, (place == last).then_some(request), origin);
            if let OriginAt::Here(_) = origin {
                *origin = OriginAt::At(position);
            }
            outcome = Outcome::Done { seq, position };
        }
        outcome
    }

    /// A hold that a command names and that is due expires before the command is judged.
    pub(super) fn expire_named(&mut self, command: &Command, now: Timestamp) {
        let hold = match command {
            Command::ActOnHold(act) => act.hold,
            Command::ReverseEntry(reversal) => reversal.entry,
            _ => return,
        };
        let due = self.state.holds.get(&hold).and_then(|hold| hold.expires_at).is_some_and(|at| at <= now);
        if due {
            self.expire_one(hold, now);
        }
    }

    fn is_named(&self, request: &Request) -> bool {
        let details = request.command.details();
        request.keys.key.is_some()
            || request.keys.own_id
            || details.is_some_and(|details| details.unique_ref.is_some())
    }

    fn freeze(&mut self, book: BookNo, request: &Request, problem: Arc<Problem>, origin: &OriginAt) {
        let party = request.command.details().and_then(|details| details.party.as_deref());
        let (seq, party_seq) = self.state.number(book, party);
        let effect = Effect::Refused(problem);
        let party = party.map(Box::from);
        let mut decision = Decision { book, seq, party, party_seq, id: request.id, effect };
        self.write(&mut decision, Some(request), origin);
    }

    /// Decides without keeping anything: what would be written, and whether it would be refused.
    fn rehearse(&mut self, job: &SingleJob, now: Timestamp) -> Result<Vec<Record>, Stopped> {
        if let Some(Outcome::Refused(problem)) = self.earlier(job.book, &job.request)? {
            return Err(Stopped::Replayed(problem));
        }
        self.expire_named(&job.request.command, now);
        self.state.remember();
        let mut decisions = Vec::new();
        let ids = self.ids.clone();
        let moment = Moment { book: job.book, now, ids: &*ids, facts: &self.lookup };
        let decided = decide(&mut self.state, moment, &job.request, job.manner, &mut decisions);
        let result = match decided {
            Ok(()) => Ok(decisions.last().map(|own| self.draft(job, own, now)).into_iter().collect()),
            Err(Stop::Fault(fault)) => Err(Stopped::fault(&fault)),
            Err(Stop::Refused(refusal)) => Err(Stopped::refusal(&refusal, &self.state, job.book)),
        };
        self.state.roll_back(0);
        result
    }

    fn draft(&self, job: &SingleJob, decision: &Decision, now: Timestamp) -> Record {
        let links = decision.effect.postings().iter();
        let links = links.map(|_| Links { number: 0, previous: NOWHERE, jump: NOWHERE }).collect();
        let draft = Draft {
            at: now,
            keys: &job.request.keys,
            origin: &OriginAt::Nobody,
            command: Some(&job.request.command),
            party: decision.party.as_deref(),
            unit: None,
            previous: 0,
            salt: 0,
        };
        let mut bytes = Vec::new();
        put_unsealed(&mut bytes, &mut Vec::new(), 1, &draft, decision, &links);
        decode_record(&bytes, 1).expect("a record that was just written decodes")
    }
}

/// Why a command was not written.
#[derive(Debug)]
pub enum Stopped {
    /// Refused now.
    Refused(Arc<Problem>),
    /// Refused before, and kept.
    Replayed(Arc<Problem>),
    /// Not decided at all.
    Unanswered(Box<Problem>),
}

impl Stopped {
    pub(super) fn fault(fault: &std::io::Error) -> Self {
        tracing::error!(%fault, "a record could not be read");
        let mut problem = Problem::new(
            &crate::refusal::LEDGER_UNAVAILABLE,
            "A record that the command needs could not be read.",
        );
        problem.retry_after_s = Some(5);
        Self::Unanswered(Box::new(problem))
    }

    pub(super) fn refusal(refusal: &Refusal, state: &State, book: BookNo) -> Self {
        Self::Refused(refusal.problem(&BookNames { state, book }).into())
    }
}

fn clock_problem(now: Timestamp, last: Timestamp) -> Problem {
    let detail = "The clock jumped, or the newest record is ahead of it. Nothing is posted until an operator \
                  confirms the time with `concord admin clock confirm`.";
    Problem::new(&CLOCK_SUSPECT, detail).with("now", now.to_string()).with("last_recorded", last.to_string())
}
