//! Key, read, decide, commit of commands that never touch the books, whatever engine keeps their rows; and what
//! callers of any command are told when it was not carried out.

use super::committer::RowsVerdict;
use crate::error::{Class, Error};
use crate::slugs;
use crate::unit::{Answered, Command, RefusedBy, RowsUnit};
use kernel::{Caller, Problem};

/// Times a command reads and decides before it gives up against others that change the same rows.
pub(super) const TRIES: usize = 16;

/// Why a command was not carried out.
#[derive(Debug)]
pub enum Stopped {
    /// Refused, by the books or by what its key led to.
    Refused(RefusedBy),
    /// Not carried out, or not known whether: the problem says which.
    Unanswered(Problem),
}

impl Stopped {
    /// What the caller is told.
    pub fn into_problem(self) -> RefusedBy {
        match self {
            Self::Refused(refused) => refused,
            Self::Unanswered(problem) => RefusedBy { problem, replayed: false },
        }
    }
}

impl From<Error> for Stopped {
    fn from(fault: Error) -> Self {
        Self::Unanswered(unavailable(&fault))
    }
}

/// An engine that keeps rows.
pub(crate) trait RowsEngine {
    /// What the command's key led to before.
    async fn first(&self, by: &Caller, command: &Command) -> Option<Result<Answered, Stopped>>;

    /// Commits a unit, or says that it has to be made again.
    async fn commit(&self, by: &Caller, command: &Command, unit: RowsUnit) -> Result<RowsVerdict, Stopped>;
}

/// Carries a command out that never touches the books.
pub(crate) async fn once_rows<E, F>(
    engine: &impl RowsEngine,
    by: &Caller,
    command: &Command,
    make: impl Fn() -> F,
) -> Result<Answered, E>
where
    F: Future<Output = Result<RowsUnit, E>>,
    E: From<Stopped>,
{
    for _ in 0..TRIES {
        if let Some(first) = engine.first(by, command).await {
            return first.map_err(E::from);
        }
        let unit = match make().await {
            Ok(unit) => unit,
            Err(refused) => {
                return match engine.first(by, command).await {
                    Some(first) => first.map_err(E::from),
                    None => Err(refused),
                };
            }
        };
        match engine.commit(by, command, unit).await {
            Ok(RowsVerdict::Stale) => {}
            Ok(verdict) => return tell_rows(verdict).map_err(E::from),
            Err(stopped) => return Err(stopped.into()),
        }
    }
    match engine.first(by, command).await {
        Some(first) => first.map_err(E::from),
        None => Err(Stopped::Unanswered(contention()).into()),
    }
}

pub(crate) fn tell_rows(verdict: RowsVerdict) -> Result<Answered, Stopped> {
    match verdict {
        RowsVerdict::Done(answer) => Ok(Answered { answer, replayed: false, dry_run: false }),
        RowsVerdict::WouldDo(answer) => Ok(Answered { answer, replayed: false, dry_run: true }),
        RowsVerdict::Replayed(answer) => Ok(Answered { answer, replayed: true, dry_run: false }),
        RowsVerdict::Conflict(fields) => {
            Err(Stopped::Refused(RefusedBy { problem: conflict(&fields), replayed: false }))
        }
        RowsVerdict::Stale => unreachable!("a failed guard is no last word"),
    }
}

/// The problem of a key that was used for a command which differs in these fields.
pub fn conflict(fields: &[String]) -> Problem {
    let detail = match fields.is_empty() {
        true => "The key was used for another request.".to_owned(),
        false => format!("The key was used for another request, which differs in: {}.", fields.join(", ")),
    };
    let fields = fields.iter().map(|field| kernel::Datum::Text(field.clone())).collect();
    Problem::new(&slugs::IDEMPOTENCY_CONFLICT, detail).with("fields", kernel::Datum::List(fields))
}

pub(super) fn contention() -> Problem {
    let detail = "Other commands kept changing the same rows. Nothing was done; try again.";
    let mut problem = Problem::new(&slugs::CONTENTION, detail);
    problem.retry_after_s = Some(1);
    problem
}

pub(crate) fn unknown() -> Problem {
    let detail = "The write failed while the command was under way; whether it was stored shows after a \
                  restart. Repeat it with the same key then.";
    let mut problem = Problem::new(&slugs::OUTCOME_UNKNOWN, detail);
    problem.retry_after_s = Some(10);
    problem
}

fn unavailable(fault: &Error) -> Problem {
    let why = std::error::Error::source(fault).map(ToString::to_string).unwrap_or_default();
    tracing::error!(%fault, why, "a store could not write or read");
    let detail = match fault.class() {
        Class::Full => "The disk is full. Nothing was done; free some space and try again.",
        Class::Busy => "The store is held by another process. Nothing was done; try again.",
        _ => "The store failed. Nothing was done; the operator's log says why.",
    };
    let mut problem = Problem::new(&slugs::STORE_UNAVAILABLE, detail);
    problem.retry_after_s = Some(5);
    problem
}
