//! What was asked of the engine, and whether the answer is the right one.

use crate::fold::{Fold, Name, ensure};
use kernel::{Problem, Tenant};
use ledger::books::model::BookNo;
use ledger::command::{Manner, Request, differences};
use ledger::effect::{Effect, Outcome};
use ledger::journal::group::{Answer, Reply, Unanswered};
use ledger::journal::job::{BatchJob, Job, OpenBatch, SingleJob};
use ledger::journal::record::{OriginAt, Record};
use tokio::sync::oneshot::{self, Receiver};

/// What a job asks.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// One command.
    Single(Box<Request>, Manner),
    /// A batch.
    Batch {
        /// All or nothing.
        atomic: bool,
        /// Its key and digest.
        key: Option<(Box<str>, [u8; 32])>,
        /// Its commands.
        requests: Vec<Request>,
        /// How.
        manner: Manner,
    },
    /// A tenant's book.
    Book(Tenant),
}

/// A job that waits for its answer.
pub struct Asked {
    /// Whose.
    pub book: BookNo,
    /// What.
    pub wanted: Wanted,
    /// Records that were durable when it was asked.
    known: usize,
    answer: Receiver<Result<Answer, Unanswered>>,
}

/// What became of a command, for the auditor's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Written as the record at this position.
    Done(u64),
    /// Refused, nothing written.
    Refused,
    /// Anything that says nothing new.
    Nothing,
}

/// Makes the job and what waits for its answer.
pub fn ask(book: BookNo, wanted: Wanted, known: usize) -> (Job, Asked) {
    let (reply, answer) = oneshot::channel();
    let job = job(book, wanted.clone(), reply);
    (job, Asked { book, wanted, known, answer })
}

fn job(book: BookNo, wanted: Wanted, reply: Reply) -> Job {
    match wanted {
        Wanted::Single(request, manner) => {
            Job::Single(Box::new(SingleJob { book, request: *request, manner, origin: None, reply }))
        }
        Wanted::Batch { atomic, key, requests, manner } => {
            let commands: Vec<_> = requests.into_iter().map(Ok).collect();
            let outcomes = Vec::with_capacity(commands.len());
            let job = BatchJob { book, atomic, commands, key, manner, origin: None, reply };
            Job::Batch(Box::new(OpenBatch { job, outcomes, origin: OriginAt::Nobody, looked_up: false }))
        }
        Wanted::Book(tenant) => Job::Book(tenant, reply),
    }
}

/// The names a request came under.
pub fn names(request: &Request) -> Vec<Name> {
    let mut names = Vec::new();
    if request.keys.own_id {
        names.push(Name::Id(request.id.0));
    }
    names.extend(request.keys.key.as_ref().map(|key| Name::Key(key.to_string())));
    let unique = request.command.details().and_then(|details| details.unique_ref.as_ref());
    names.extend(unique.map(|unique| Name::Ref(unique.to_string())));
    names
}

impl Asked {
    /// Commands that it carries.
    pub fn requests(&self) -> &[Request] {
        match &self.wanted {
            Wanted::Single(request, _) => std::slice::from_ref(request),
            Wanted::Batch { requests, .. } => requests,
            Wanted::Book(_) => &[],
        }
    }

    /// The answer, if there is one yet.
    pub fn take(&mut self) -> Option<Result<Answer, Unanswered>> {
        self.answer.try_recv().ok()
    }

    /// Judges an answer against everything that is durable now; tells what became of each command.
    pub fn judge(&self, answer: &Answer, fold: &Fold) -> Result<Vec<Verdict>, String> {
        let judged = match &self.wanted {
            Wanted::Book(_) => Ok(Vec::new()),
            Wanted::Single(request, manner) => {
                ensure(answer.outcomes.len() == 1, || "one command, several outcomes".to_owned())?;
                let verdict = self.outcome(request, *manner, &answer.outcomes[0], answer.replayed, fold);
                verdict.map(|verdict| vec![verdict])
            }
            Wanted::Batch { atomic, key, requests, manner } => {
                self.batch(*atomic, key.as_ref().map(|(key, _)| &**key), requests, *manner, answer, fold)
            }
        };
        judged.map_err(|why| format!("{why}\nasked: {:?}\nanswer: {answer:?}", self.wanted))
    }

    fn outcome(
        &self,
        request: &Request,
        manner: Manner,
        outcome: &Outcome,
        replayed: bool,
        fold: &Fold,
    ) -> Result<Verdict, String> {
        let firsts: Vec<&Record> =
            names(request).into_iter().filter_map(|name| fold.named(self.book, name)).collect();
        match outcome {
            Outcome::Done { seq, position } => {
                let record = fold.at(*position).ok_or("the acknowledged record is not there")?;
                let same = (record.book, record.seq, record.id) == (self.book, *seq, request.id)
                    && record.keys == request.keys
                    && record.command.as_ref() == Some(&request.command);
                ensure(same, || format!("another record is there: {record:?}"))?;
                ensure(firsts.iter().all(|first| first.position == *position), || {
                    "an earlier record has the same name: done twice".to_owned()
                })?;
                ensure(names(request).len() == firsts.len(), || {
                    "it cannot be found by its names".to_owned()
                })?;
                Ok(Verdict::Done(*position))
            }
            Outcome::Replayed { seq, position } => {
                let first = firsts.first().ok_or("it replays what never was")?;
                ensure((first.seq, first.position) == (*seq, *position), || {
                    format!("the first answer was record {} at {}", first.seq, first.position)
                })?;
                Ok(Verdict::Nothing)
            }
            Outcome::Refused(problem) => self.refused(request, manner, problem, replayed, &firsts, fold),
            Outcome::WouldDo => {
                ensure(manner.dry_run, || "it was not a dry run".to_owned())?;
                ensure(!fold.has_id(self.book, request.id), || "a dry run was written".to_owned())?;
                Ok(Verdict::Refused)
            }
        }
    }

    fn refused(
        &self,
        request: &Request,
        manner: Manner,
        problem: &Problem,
        replayed: bool,
        firsts: &[&Record],
        fold: &Fold,
    ) -> Result<Verdict, String> {
        let kept = |record: &Record| match &record.effect {
            Effect::Refused(kept) => **kept == *problem,
            _ => false,
        };
        if firsts.iter().any(|first| kept(first)) {
            return Ok(Verdict::Nothing);
        }
        ensure(!replayed, || "a refusal is replayed that was never kept".to_owned())?;
        ensure(problem.slug.code != "outcome-unknown", || "that is no refusal".to_owned())?;
        let is_batch = matches!(self.wanted, Wanted::Batch { .. });
        if manner.freeze_refusals
            && !manner.dry_run
            && !names(request).is_empty()
            && firsts.is_empty()
            && !is_batch
        {
            return Err("a refusal that was to be kept is not there".to_owned());
        }
        if problem.slug.code == "idempotency-conflict" || is_batch {
            return Ok(Verdict::Nothing);
        }
        // What was durable before under the name of the same command has to be replayed.
        let durable = firsts.iter().find(|first| {
            let place = fold.records.partition_point(|record| record.position < first.position);
            place < self.known
        });
        if let Some(first) = durable
            && first.command.as_ref().is_some_and(|command| differences(command, &request.command).is_empty())
        {
            return Err(format!("record {} was acknowledged under its name", first.seq));
        }
        Ok(Verdict::Refused)
    }

    fn batch(
        &self,
        atomic: bool,
        key: Option<&str>,
        requests: &[Request],
        manner: Manner,
        answer: &Answer,
        fold: &Fold,
    ) -> Result<Vec<Verdict>, String> {
        let first = key.and_then(|key| fold.named(self.book, Name::Batch(key.to_owned())));
        if let Some(key) = key {
            let conflict = matches!(answer.outcomes.as_slice(),
                [Outcome::Refused(problem)] if problem.slug.code == "idempotency-conflict");
            match first.map(|record| &record.effect) {
                Some(Effect::Batch(batch)) => {
                    ensure(conflict || batch.outcomes[..] == answer.outcomes[..], || {
                        format!("the batch {key} first had the outcomes {:?}", batch.outcomes)
                    })?
                }
                _ => {
                    ensure(manner.dry_run || conflict, || "the batch was not kept under its key".to_owned())?
                }
            }
            if answer.replayed || conflict {
                return Ok(Vec::new());
            }
        }
        let whole = answer.outcomes.len() == requests.len();
        if atomic && (!whole || matches!(answer.outcomes.first(), Some(Outcome::Refused(_)))) {
            let refused = matches!(answer.outcomes.as_slice(), [Outcome::Refused(_)]);
            ensure(refused, || "an atomic batch is neither done nor refused".to_owned())?;
            return Ok(requests.iter().map(|_| Verdict::Refused).collect());
        }
        ensure(whole, || "a batch has fewer outcomes than commands".to_owned())?;
        let pairs = requests.iter().zip(&answer.outcomes);
        pairs
            .map(|(request, outcome)| match (manner.dry_run, outcome) {
                // A dry batch names what earlier ones did.
                (true, Outcome::Replayed { .. } | Outcome::Refused(_)) => Ok(Verdict::Nothing),
                _ => self.outcome(request, manner, outcome, answer.replayed, fold),
            })
            .collect()
    }
}
