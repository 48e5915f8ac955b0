//! Deciding units of contexts: keys, trusted facts, all commands or none, the answer, and only then the records.
//! A panic while the answer is made undoes the decision.

use super::core::{Core, Stopped};
use super::frame::HEAD;
use super::group::Waiting;
use super::lookup::Overlay;
use super::record::OriginAt;
use super::segments::damage;
use super::unit::{Beginning, Decided, Fact, Then, UnitDone, UnitJob, UnitReply, Verdict};
use crate::decide::{Moment, Stop, decide};
use crate::effect::{Decision, Effect};
use crate::refusal::{LEDGER_UNAVAILABLE, Refusal};
use hashbrown::HashSet;
use kernel::{Problem, Timestamp};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

impl Core {
    /// Takes a unit.
    pub fn unit(&mut self, mut job: UnitJob) {
        let verdict = match self.begin() {
            Ok(now) => self.decide_unit(&mut job, now).unwrap_or_else(told),
            Err(problem) => Verdict::Unanswered(problem),
        };
        match job.reply.take() {
            Some(UnitReply::Now(reply)) => {
                let upto = self.newest_byte();
                self.unsettled = true;
                let _ = reply.send(Decided { verdict, upto });
            }
            Some(UnitReply::Durable(reply)) => self.waiting_units.push(Waiting { reply, verdict }),
            None => {}
        }
    }

    /// The newest byte of what was decided: once it is durable, every decision so far may be told.
    fn newest_byte(&self) -> u64 {
        let records = self.lookup.contents.records.len();
        let filled = if records == 0 { 0 } else { (HEAD + records) as u64 };
        (self.lookup.start + filled).saturating_sub(1)
    }

    fn decide_unit(&mut self, job: &mut UnitJob, now: Timestamp) -> Result<Verdict, Stopped> {
        if let Some(verdict) = self.earlier_unit(job)? {
            return Ok(verdict);
        }
        let in_time = job.within.is_none_or(|(from, to)| from <= now && now < to);
        if !in_time || !job.trusted.iter().all(|fact| self.holds(fact)) {
            return Ok(Verdict::Stale);
        }
        match job.then.take().expect("a unit leads to something") {
            Then::Record(problem) => Ok(self.record_refusal(job, problem)),
            Then::Answer(make) => {
                for request in &job.requests {
                    self.expire_named(&request.command, now);
                }
                self.carry_out(job, now, make)
            }
        }
    }

    fn holds(&self, fact: &Fact) -> bool {
        match *fact {
            Fact::SettingsAt(account, position) => self.state.account(account).newest == position,
            Fact::LastSeq(account, asset, seq) => {
                let balance = self.state.find_balance(account, asset);
                balance.map_or(0, |balance| self.state.balance(balance).last_seq) == seq
            }
        }
    }

    fn carry_out(
        &mut self,
        job: &mut UnitJob,
        now: Timestamp,
        make: super::unit::MakeAnswer,
    ) -> Result<Verdict, Stopped> {
        self.state.remember();
        let decided = match self.decide_all(job, now) {
            Ok(decided) => decided,
            Err(stopped) => {
                self.state.roll_back(0);
                return Err(stopped);
            }
        };
        let counts: Vec<usize> = decided.iter().map(Vec::len).collect();
        let done = UnitDone { at: now, decisions: decided.into_iter().flatten().collect() };
        let Ok(answer) = catch_unwind(AssertUnwindSafe(|| make(&done))) else {
            self.state.roll_back(0);
            let detail = "The answer could not be made. Nothing was done; this is a bug.";
            return Ok(Verdict::Unanswered(Problem::new(&LEDGER_UNAVAILABLE, detail)));
        };
        if job.manner.dry_run {
            self.state.roll_back(0);
            return Ok(Verdict::WouldDo(answer));
        }
        self.state.keep();
        let position = self.lookup.start + (HEAD + self.lookup.contents.records.len()) as u64;
        // Only a key leads to the answer again; a unit without commands says what it was all the same.
        let told = job.key.is_some() || job.requests.is_empty();
        let mut head = std::mem::take(&mut job.head);
        head.answer = job.key.as_ref().map(|_| answer.as_slice().into());
        self.begin_unit(job, told.then_some(head));
        self.write_unit(job, counts, done.decisions);
        Ok(Verdict::Done(position, answer))
    }

    /// Decides a unit's commands, each seeing what those before it did.
    fn decide_all(&mut self, job: &UnitJob, now: Timestamp) -> Result<Vec<Vec<Decision>>, Stopped> {
        *self.lookup.overlay.borrow_mut() = Some(Overlay::default());
        let ids = self.ids.clone();
        let mut decided = Vec::with_capacity(job.requests.len());
        let mut stopped = None;
        for request in &job.requests {
            let moment = Moment { book: job.book, now, ids: &*ids, facts: &self.lookup };
            let mut decisions = Vec::new();
            match decide(&mut self.state, moment, request, job.manner, &mut decisions) {
                Ok(()) => decisions.iter().for_each(|decision| self.lookup.note(decision, &self.state)),
                Err(Stop::Fault(fault)) => stopped = Some(Stopped::fault(&fault)),
                Err(Stop::Refused(refusal)) => {
                    stopped = Some(Stopped::refusal(&refusal, &self.state, job.book));
                }
            }
            if stopped.is_some() {
                break;
            }
            decided.push(decisions);
        }
        *self.lookup.overlay.borrow_mut() = None;
        if let Some(stopped) = stopped {
            return Err(stopped);
        }
        if job.requests.is_empty() {
            let (seq, party_seq) = self.state.number(job.book, None);
            let id = self.ids.next();
            decided.push(vec![Decision {
                book: job.book,
                seq,
                party: None,
                party_seq,
                id,
                effect: Effect::Unit,
            }]);
        }
        Ok(decided)
    }

    fn write_unit(&mut self, job: &mut UnitJob, counts: Vec<usize>, decisions: Vec<Decision>) {
        let mut origin = OriginAt::Here(std::mem::take(&mut job.origin));
        let mut rest = decisions.into_iter();
        for (place, count) in counts.into_iter().enumerate() {
            let mut own: Vec<Decision> = rest.by_ref().take(count).collect();
            match job.requests.get(place) {
                Some(request) => {
                    self.write_all(&mut own, request, &mut origin);
                }
                None => {
                    own.iter_mut().for_each(|decision| {
                        self.write(decision, None, &origin);
                    });
                }
            }
        }
    }

    /// What the next record carries of the unit that it begins.
    fn begin_unit(&mut self, job: &mut UnitJob, head: Option<super::unit::UnitHead>) {
        let redo = job.redo.take().map(|images| (job.context, images));
        self.beginning = Some(Box::new(Beginning { head, key: job.key.take(), redo }));
    }

    fn record_refusal(&mut self, job: &mut UnitJob, problem: Problem) -> Verdict {
        let position = self.lookup.start + (HEAD + self.lookup.contents.records.len()) as u64;
        let (seq, party_seq) = self.state.number(job.book, None);
        let effect = Effect::Refused(Arc::new(problem));
        let id = self.ids.next();
        let mut decision = Decision { book: job.book, seq, party: None, party_seq, id, effect };
        let head = std::mem::take(&mut job.head);
        self.begin_unit(job, Some(head));
        let origin = OriginAt::Here(std::mem::take(&mut job.origin));
        self.write(&mut decision, None, &origin);
        Verdict::Recorded(position)
    }

    /// What the first unit under this key led to.
    fn earlier_unit(&self, job: &UnitJob) -> Result<Option<Verdict>, Stopped> {
        let fault = |fault: std::io::Error| Stopped::fault(&fault);
        if let Some(key) = &job.key {
            let hash = self.lookup.keyed.unit(job.book, job.context, key);
            if let Some(position) = self.lookup.find(hash).map_err(fault)? {
                let record = self.lookup.record(position).map_err(fault)?;
                return match first_told(&record, job.context, key, &job.head) {
                    Some(Ok(first)) => Ok(Some(Verdict::Replayed(position, first))),
                    Some(Err(conflict)) => Err(Stopped::Refused(conflict.into())),
                    None => Err(Stopped::fault(&damage("two names of the index have one hash"))),
                };
            }
        }
        // A unit's command may bring an id or ref of its own, but none that was used: what repeats is the key.
        let mut inside = HashSet::new();
        for (namespace, hash) in job.requests.iter().flat_map(|request| self.names(job.book, request)) {
            if !inside.insert(hash) || self.lookup.find(hash).map_err(fault)?.is_some() {
                let refusal = Refusal::KeyInBatch { namespace };
                return Err(Stopped::refusal(&refusal, &self.state, job.book));
            }
        }
        Ok(None)
    }
}

/// The first answer, or the first refusal.
pub type FirstTold = Result<Box<[u8]>, Problem>;

/// What a record says under a unit's key: the first answer or refusal, or the conflict with this command. `None`
/// if it is no record of that key.
pub fn first_told(
    record: &super::record::Record,
    context: &str,
    key: &str,
    asked: &super::unit::UnitHead,
) -> Option<Result<FirstTold, Problem>> {
    let told = record.unit.as_deref().filter(|told| &*told.context == context)?;
    if record.keys.key.as_deref() != Some(key) {
        return None;
    }
    let mut fields = Vec::new();
    if told.command != asked.command {
        fields.push("command".to_owned());
    } else {
        let value = |head: &super::unit::UnitHead, name: &str| {
            head.fields.iter().find(|(known, _)| &**known == name).map(|(_, value)| value.clone())
        };
        let names = told.fields.iter().chain(&asked.fields).map(|(name, _)| &**name);
        for name in names {
            if value(told, name) != value(asked, name) && !fields.iter().any(|known| known == name) {
                fields.push(name.to_owned());
            }
        }
    }
    if !fields.is_empty() {
        return Some(Err(platform_store::units::conflict(&fields)));
    }
    Some(Ok(match (&record.effect, &told.answer) {
        (Effect::Refused(problem), _) => Err((**problem).clone()),
        (_, answer) => Ok(answer.clone().unwrap_or_default()),
    }))
}

fn told(stopped: Stopped) -> Verdict {
    match stopped {
        Stopped::Refused(problem) | Stopped::Replayed(problem) => {
            Verdict::Refused(Arc::unwrap_or_clone(problem))
        }
        Stopped::Unanswered(problem) => Verdict::Unanswered(*problem),
    }
}
