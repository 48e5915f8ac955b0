//! Batches: atomic ones at once, independent ones in slices that let other commands through.

use super::core::{Core, Stopped};
use super::group::{Answer, Unanswered, Waiter};
use super::job::{BatchJob, OpenBatch};
use super::keys::Namespace;
use super::lookup::Overlay;
use super::record::OriginAt;
use crate::command::{Keys, Request};
use crate::decide::{Moment, Stop, decide};
use crate::effect::{Batch, Decision, Effect, Outcome};
use crate::refusal::Refusal;
use crate::state::BookNames;
use hashbrown::HashSet;
use kernel::{Problem, Timestamp};

/// Commands whose accounts are fetched together: what they touch fits the first level of the cache.
pub(super) const AHEAD: usize = 64;

impl Core {
    /// Takes up to `most` commands of a batch; hands it back if some are left.
    pub fn batch(&mut self, mut batch: Box<OpenBatch>, most: usize) -> Option<Box<OpenBatch>> {
        let now = match self.begin() {
            Ok(now) => now,
            Err(problem) => return self.give_up(batch, problem),
        };
        if !batch.looked_up {
            batch.looked_up = true;
            match self.earlier_batch(&batch.job) {
                Ok(None) => {}
                Ok(Some(outcomes)) => return self.finish(batch, outcomes, true),
                Err(Stopped::Refused(problem)) => {
                    return self.finish(batch, vec![Outcome::Refused(problem)], false);
                }
                Err(Stopped::Replayed(problem)) => {
                    return self.finish(batch, vec![Outcome::Refused(problem)], true);
                }
                Err(Stopped::Unanswered(problem)) => return self.give_up(batch, *problem),
            }
            if let Some(origin) = &batch.job.origin {
                batch.origin = OriginAt::Here(origin.clone());
            }
        }
        if batch.job.atomic { self.atomic(batch, now) } else { self.slice(batch, most, now) }
    }

    fn slice(&mut self, mut batch: Box<OpenBatch>, most: usize, now: Timestamp) -> Option<Box<OpenBatch>> {
        let from = batch.outcomes.len();
        let to = (from + most).min(batch.job.commands.len());
        for place in from..to {
            if (place - from).is_multiple_of(AHEAD) {
                let ahead = &batch.job.commands[place..to.min(place + AHEAD)];
                self.state.fetch(ahead.iter().flatten().flat_map(|request| request.command.accounts()));
            }
            let outcome = match &batch.job.commands[place] {
                Err(problem) => Outcome::Refused(problem.clone()),
                Ok(request) => {
                    match self.command(batch.job.book, request, batch.job.manner, &mut batch.origin, now) {
                        Ok(outcome) => outcome,
                        Err(Stopped::Refused(problem) | Stopped::Replayed(problem)) => {
                            Outcome::Refused(problem)
                        }
                        Err(Stopped::Unanswered(problem)) => return self.give_up(batch, *problem),
                    }
                }
            };
            batch.outcomes.push(outcome);
        }
        if to < batch.job.commands.len() {
            return Some(batch);
        }
        self.keep_batch(&mut batch);
        let outcomes = std::mem::take(&mut batch.outcomes);
        self.finish(batch, outcomes, false)
    }

    fn atomic(&mut self, mut batch: Box<OpenBatch>, now: Timestamp) -> Option<Box<OpenBatch>> {
        let unreadable = batch.job.commands.iter().find_map(|command| command.as_ref().err().cloned());
        if let Some(problem) = unreadable {
            return self.finish(batch, vec![Outcome::Refused(problem)], false);
        }
        match self.decide_atomic(&mut batch, now) {
            Ok(outcomes) => {
                batch.outcomes = outcomes;
                if !batch.job.manner.dry_run {
                    self.keep_batch(&mut batch);
                }
                let outcomes = std::mem::take(&mut batch.outcomes);
                let replayed = !outcomes.is_empty()
                    && outcomes.iter().all(|outcome| matches!(outcome, Outcome::Replayed { .. }));
                self.finish(batch, outcomes, replayed)
            }
            Err(Stopped::Refused(problem)) => {
                let outcome = Outcome::Refused(problem);
                batch.outcomes = vec![outcome.clone()];
                if !batch.job.manner.dry_run {
                    self.keep_batch(&mut batch);
                }
                self.finish(batch, vec![outcome], false)
            }
            Err(Stopped::Replayed(problem)) => self.finish(batch, vec![Outcome::Refused(problem)], false),
            Err(Stopped::Unanswered(problem)) => self.give_up(batch, *problem),
        }
    }

    fn decide_atomic(&mut self, batch: &mut OpenBatch, now: Timestamp) -> Result<Vec<Outcome>, Stopped> {
        let job = &batch.job;
        let requests: Vec<&Request> = job.commands.iter().flatten().collect();
        if let Some(outcomes) = self.replay_atomic(job, &requests)? {
            return Ok(outcomes);
        }
        for request in &requests {
            self.expire_named(&request.command, now);
        }
        self.state.remember();
        *self.lookup.overlay.borrow_mut() = Some(Overlay::default());
        let mut decided: Vec<Vec<Decision>> = Vec::with_capacity(requests.len());
        let mut stopped = None;
        let ids = self.ids.clone();
        for (place, request) in requests.iter().enumerate() {
            let moment = Moment { book: job.book, now, ids: &*ids, facts: &self.lookup };
            let mut decisions = Vec::new();
            match decide(&mut self.state, moment, request, job.manner, &mut decisions) {
                Ok(()) => decisions.iter().for_each(|decision| self.lookup.note(decision, &self.state)),
                Err(stop) => {
                    stopped = Some((place, stop));
                    break;
                }
            }
            decided.push(decisions);
        }
        *self.lookup.overlay.borrow_mut() = None;
        if let Some((place, stop)) = stopped {
            let stopped = match stop {
                Stop::Fault(fault) => Stopped::fault(&fault),
                Stop::Refused(cause) => {
                    let refusal = Refusal::BatchRefused { index: place as u32, cause: Box::new(cause) };
                    let names = BookNames { state: &self.state, book: job.book };
                    Stopped::Refused(refusal.problem(&names).into())
                }
            };
            self.state.roll_back(0);
            return Err(stopped);
        }
        if job.manner.dry_run {
            self.state.roll_back(0);
            return Ok(vec![Outcome::WouldDo; requests.len()]);
        }
        self.state.keep();
        let mut origin = std::mem::take(&mut batch.origin);
        let write = |(mut decisions, request): (Vec<Decision>, &&Request)| {
            self.write_all(&mut decisions, request, &mut origin)
        };
        let outcomes = decided.into_iter().zip(&requests).map(write).collect();
        batch.origin = origin;
        Ok(outcomes)
    }

    /// An atomic batch replays as a whole or not at all; a name twice inside refuses it.
    fn replay_atomic(&self, job: &BatchJob, requests: &[&Request]) -> Result<Option<Vec<Outcome>>, Stopped> {
        let mut inside = HashSet::new();
        let mut outcomes = Vec::new();
        let mut repeated = None;
        for request in requests {
            for (namespace, hash) in self.names(job.book, request) {
                if !inside.insert(hash) {
                    let refusal = Refusal::KeyInBatch { namespace };
                    return Err(Stopped::refusal(&refusal, &self.state, job.book));
                }
                repeated = repeated.or(Some(namespace));
            }
            outcomes.extend(self.earlier(job.book, request)?);
        }
        if outcomes.is_empty() {
            return Ok(None);
        }
        if outcomes.len() == requests.len() {
            return Ok(Some(outcomes));
        }
        let refusal = Refusal::KeyInBatch { namespace: repeated.unwrap_or("id") };
        Err(Stopped::refusal(&refusal, &self.state, job.book))
    }

    /// The outcomes of the first batch under this one's key.
    fn earlier_batch(&self, job: &BatchJob) -> Result<Option<Vec<Outcome>>, Stopped> {
        let Some((key, digest)) = &job.key else { return Ok(None) };
        let hash = self.lookup.keyed.text(job.book, Namespace::BatchKey, key);
        let fault = |fault: std::io::Error| Stopped::fault(&fault);
        let Some(position) = self.lookup.find(hash).map_err(fault)? else { return Ok(None) };
        let record = self.lookup.record(position).map_err(fault)?;
        match record.effect {
            Effect::Batch(batch) if record.keys.key.as_deref() == Some(key) => {
                let mut fields = Vec::new();
                if batch.atomic != job.atomic {
                    fields.push("mode");
                }
                if batch.digest != *digest {
                    fields.push("commands");
                }
                if fields.is_empty() {
                    return Ok(Some(batch.outcomes));
                }
                let refusal = Refusal::IdempotencyConflict { namespace: "Idempotency-Key", fields };
                Err(Stopped::refusal(&refusal, &self.state, job.book))
            }
            _ => Err(Stopped::fault(&super::segments::damage("two names of the index have one hash"))),
        }
    }

    /// Writes the batch's own record, if it came under a key.
    fn keep_batch(&mut self, batch: &mut OpenBatch) {
        let Some((key, digest)) = batch.job.key.clone() else { return };
        let book = batch.job.book;
        let (seq, party_seq) = self.state.number(book, None);
        let effect =
            Effect::Batch(Batch { atomic: batch.job.atomic, digest, outcomes: batch.outcomes.clone() });
        let mut decision = Decision { book, seq, party: None, party_seq, id: self.ids.next(), effect };
        let hash = self.lookup.keyed.text(book, Namespace::BatchKey, &key);
        let position = self.write_keyed(
            &mut decision,
            &Keys { key: Some(key), own_id: false },
            None,
            &batch.origin,
            None,
        );
        self.insert(hash, position);
    }

    fn finish(
        &mut self,
        batch: Box<OpenBatch>,
        outcomes: Vec<Outcome>,
        replayed: bool,
    ) -> Option<Box<OpenBatch>> {
        let answer = Answer { outcomes: outcomes.into(), replayed, group: None, dry: Vec::new() };
        self.waiters.push(Waiter { reply: batch.job.reply, answer });
        None
    }

    fn give_up(&mut self, batch: Box<OpenBatch>, problem: Problem) -> Option<Box<OpenBatch>> {
        let _ = batch.job.reply.send(Err(Unanswered(problem)));
        None
    }

    /// Opens a tenant's book if it has none yet.
    pub fn book(&mut self, tenant: kernel::Tenant, reply: super::group::Reply) {
        let now = match self.begin() {
            Ok(now) => now,
            Err(problem) => {
                let _ = reply.send(Err(Unanswered(problem)));
                return;
            }
        };
        if !self.state.tenants.contains_key(&tenant) {
            let book = crate::books::model::BookNo(self.state.books.len() as u32);
            let mut decisions = Vec::new();
            let ids = self.ids.clone();
            let moment = Moment { book, now, ids: &*ids, facts: &self.lookup };
            let assets = crate::books::model::preloaded();
            crate::decide::open_book(&mut self.state, moment, tenant, assets, &mut decisions);
            for decision in &mut decisions {
                self.write(decision, None, &OriginAt::Nobody);
            }
        }
        let answer = Answer { outcomes: Default::default(), replayed: false, group: None, dry: Vec::new() };
        self.waiters.push(Waiter { reply, answer });
    }
}
