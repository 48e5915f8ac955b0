//! Deciding a batch: jobs go through the core one after another, as they do in a journal's group; what comes out are
//! the records of the batch, still with numbers of the scratch state, and an answer for each job.

use super::scratch::{Inward, Numbers, Outward, Scratch};
use super::translate;
use super::wanted::HERE;
use super::{Fault, Job, Several};
use crate::command::Request;
use crate::effect::{Effect, Outcome};
use crate::journal::frame::HEAD;
use crate::journal::group::{Answer, Handed, Reply, Unanswered};
use crate::journal::job::{BatchJob, OpenBatch, SingleJob};
use crate::journal::keys::KeyHash;
use crate::journal::record::{OriginAt, Record, decode_record};
use crate::refusal::Refusal;
use crate::state::{BookNames, State};
use hashbrown::HashSet;
use kernel::{Problem, Tenant};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Where an answer will be.
type Awaited = oneshot::Receiver<Result<Answer, Unanswered>>;

/// What a batch came to.
pub struct Decided {
    /// The scratch state afterwards.
    pub state: State,
    pub numbers: Numbers,
    /// What is to be written, in order.
    pub records: Vec<Record>,
    /// Records that are found by their ids, by place.
    pub found: HashSet<u64>,
    /// Keys and refs with the number of their record.
    pub names: Vec<(KeyHash, u64)>,
    /// One for each job.
    pub answers: Vec<Result<Answer, Unanswered>>,
}

/// Decides all jobs, in order.
pub fn decide(mut scratch: Scratch, jobs: &[Job]) -> Result<Decided, Fault> {
    let awaited: Vec<Awaited> = jobs.iter().map(|job| take(&mut scratch, job)).collect();
    // What is due expires also where nobody asks for anything.
    scratch.core.tick();
    finish(scratch, awaited)
}

/// Opens the book of a tenant in a scratch state without any.
pub fn open_book(mut scratch: Scratch, tenant: Tenant) -> Result<Decided, Fault> {
    let (reply, answer) = oneshot::channel();
    scratch.core.book(tenant, reply);
    finish(scratch, vec![answer])
}

fn take(scratch: &mut Scratch, job: &Job) -> Awaited {
    let (reply, answer) = oneshot::channel();
    match job {
        Job::Single(single) => {
            let (manner, origin) = (single.manner, single.origin.clone());
            match inward(scratch, &single.request) {
                Ok(request) => {
                    scratch.core.single(SingleJob { book: HERE, request, manner, origin, reply });
                }
                Err(problem) => refuse(reply, problem),
            }
        }
        Job::Batch(several) => {
            let Several { batch, origin } = &**several;
            let command = |command: &Result<Request, Arc<Problem>>| match command {
                Ok(request) => inward(scratch, request),
                Err(problem) => Err(problem.clone()),
            };
            let commands = batch.commands.iter().map(command).collect();
            let job = BatchJob {
                book: HERE,
                atomic: batch.atomic,
                commands,
                key: batch.key.clone(),
                manner: batch.manner,
                origin: origin.clone(),
                reply,
            };
            let open = OpenBatch { job, outcomes: Vec::new(), origin: OriginAt::Nobody, looked_up: false };
            let rest = scratch.core.batch(Box::new(open), usize::MAX);
            assert!(rest.is_none(), "all of a batch was taken");
        }
    }
    answer
}

/// A request with numbers of the scratch state, or what is wrong with an account that is not of this book.
fn inward(scratch: &mut Scratch, request: &Request) -> Result<Request, Arc<Problem>> {
    let mut request = request.clone();
    translate::command(&mut request.command, &mut Inward(&mut scratch.numbers));
    match scratch.numbers.missed.take() {
        None => Ok(request),
        Some(account) => {
            let refusal = Refusal::UnknownAccount { named: account.0.to_string().into() };
            Err(refusal.problem(&BookNames { state: &scratch.core.state, book: HERE }).into())
        }
    }
}

fn refuse(reply: Reply, problem: Arc<Problem>) {
    let outcomes = std::iter::once(Outcome::Refused(problem)).collect();
    let _ = reply.send(Ok(Answer { outcomes, replayed: false, group: None, dry: Vec::new() }));
}

fn finish(mut scratch: Scratch, awaited: Vec<Awaited>) -> Result<Decided, Fault> {
    let handed = scratch.core.hand_over();
    let Scratch { core, mut numbers } = scratch;
    let records = records(&handed, &mut numbers)?;
    // Ids among the names: what records are, and what they speak of.
    let mut ids = HashSet::new();
    for record in &records {
        let spoken_of = match &record.effect {
            Effect::Reversed { entry, .. } => Some(*entry),
            Effect::HoldMoved { hold_id, .. } => Some(*hold_id),
            _ => None,
        };
        ids.extend(
            [Some(record.id), spoken_of].into_iter().flatten().map(|id| core.lookup.keyed.id(HERE, id)),
        );
    }
    let named: HashSet<(KeyHash, u64)> = handed.names.iter().copied().collect();
    let is_found =
        |record: &&Record| named.contains(&(core.lookup.keyed.id(HERE, record.id), record.position));
    let found = records.iter().filter(is_found).map(|record| record.position).collect();
    let texts = handed.names.iter().filter(|(name, _)| !ids.contains(name));
    let names = texts.map(|(name, place)| (*name, numbers.seqs[place])).collect();
    let answers = answers(handed, awaited);
    Ok(Decided { state: core.state, numbers, records, found, names, answers })
}

/// The records of the group, in order.
fn records(handed: &Handed, numbers: &mut Numbers) -> Result<Vec<Record>, Fault> {
    let (mut records, bytes) = (Vec::new(), &handed.sealed.contents.records);
    let mut offset = 0;
    while offset < bytes.len() {
        let place = handed.sealed.position + (HEAD + offset) as u64;
        let record = decode_record(&bytes[offset..], place)?;
        offset += record.length as usize;
        numbers.seqs.insert(place, record.seq);
        records.push(record);
    }
    Ok(records)
}

fn answers(mut handed: Handed, awaited: Vec<Awaited>) -> Vec<Result<Answer, Unanswered>> {
    for waiter in handed.waiters.drain(..) {
        let mut answer = waiter.answer;
        answer.outcomes.iter_mut().for_each(translate::outcome);
        let _ = waiter.reply.send(Ok(answer));
    }
    let told = |mut answer: Awaited| answer.try_recv().expect("every job was answered");
    awaited.into_iter().map(told).collect()
}

/// Turns what leaves the scratch state into the database's numbers, once accounts that were opened have theirs.
pub fn outward(decided: &mut Decided, book: i32) {
    let mut turn = Outward(&decided.numbers);
    for record in &mut decided.records {
        record.book.0 = book as u32;
        translate::record(record, &mut turn);
    }
    for answer in decided.answers.iter_mut().flatten() {
        for record in &mut answer.dry {
            record.book.0 = book as u32;
            translate::record(record, &mut turn);
        }
    }
}
