//! Key, read, decide, commit of commands that never touch the books, whatever engine keeps their rows; and what
//! callers of any command are told when it was not carried out.

use super::committer::RowsVerdict;
use crate::error::{Class, Error};
use crate::slugs;
use crate::unit::{Answered, Command, RefusedBy, RowsUnit};
use kernel::{Caller, Problem};
use std::time::Duration;

/// Times a command reads and decides before it gives up against others that change the same rows.
pub(super) const TRIES: usize = 16;
/// Times a lost connection is replaced for one command.
const LOST: u32 = 4;
/// Pause after the first of them; each further one is longer by as much.
const LOST_PAUSE: Duration = Duration::from_millis(100);

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

/// How a commit ended.
pub(crate) enum Ended {
    /// Everything about it is known.
    Told(RowsVerdict),
    /// The connection was lost, and nothing was done.
    Lost(Error),
    /// The connection was lost while it was committed: it is done, or it is not.
    Unknown(Error),
}

/// An engine that keeps rows.
pub(crate) trait RowsEngine {
    /// What the command's key led to before.
    async fn first(&self, by: &Caller, command: &Command) -> Option<Result<Answered, Stopped>>;

    /// Commits a unit, or says that it has to be made again.
    async fn commit(&self, by: &Caller, command: &Command, unit: RowsUnit) -> Result<Ended, Stopped>;
}

/// Carries a command out that never touches the books. Once a commit ended in doubt, only what its key leads to, or a
/// later commit under the key, is certain; whatever else comes is told as not known.
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
    let mut in_doubt = false;
    let mut lost = 0;
    let last_word = |in_doubt: bool, stopped: Stopped| match (in_doubt, &stopped) {
        (true, Stopped::Unanswered(_)) => E::from(Stopped::Unanswered(unknown())),
        _ => E::from(stopped),
    };
    for _ in 0..TRIES {
        if let Some(first) = engine.first(by, command).await {
            return first.map_err(|stopped| last_word(in_doubt, stopped));
        }
        let unit = match make().await {
            Ok(unit) => unit,
            Err(refused) => {
                return match engine.first(by, command).await {
                    Some(first) => first.map_err(|stopped| last_word(in_doubt, stopped)),
                    None if in_doubt => Err(Stopped::Unanswered(unknown()).into()),
                    None => Err(refused),
                };
            }
        };
        match engine.commit(by, command, unit).await {
            Ok(Ended::Told(RowsVerdict::Stale)) => {}
            Ok(Ended::Told(verdict)) => return tell_rows(verdict).map_err(E::from),
            Ok(Ended::Lost(fault)) if lost == LOST => return Err(last_word(in_doubt, fault.into())),
            Ok(Ended::Lost(_)) => {
                lost += 1;
                tokio::time::sleep(LOST_PAUSE * lost).await;
            }
            Ok(Ended::Unknown(fault)) => {
                tracing::warn!(fault = fault.why(), "a connection was lost while a command was committed");
                if command.key.is_none() {
                    return Err(Stopped::Unanswered(unknown()).into());
                }
                in_doubt = true;
            }
            Err(stopped) => return Err(last_word(in_doubt, stopped)),
        }
    }
    match engine.first(by, command).await {
        Some(first) => first.map_err(|stopped| last_word(in_doubt, stopped)),
        None if in_doubt => Err(Stopped::Unanswered(unknown()).into()),
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
    let detail = "The write failed while the command was under way, and whether it was stored is not known. With a \
                  key, repeat it under the same one; without, look first.";
    let mut problem = Problem::new(&slugs::OUTCOME_UNKNOWN, detail);
    problem.retry_after_s = Some(10);
    problem
}

fn unavailable(fault: &Error) -> Problem {
    tracing::error!(fault = fault.why(), "a store could not write or read");
    let detail = match fault.class() {
        Class::Full => "The disk is full. Nothing was done; free some space and try again.",
        Class::Busy => "The store is held by another process. Nothing was done; try again.",
        _ => "The store failed. Nothing was done; the operator's log says why.",
    };
    let mut problem = Problem::new(&slugs::STORE_UNAVAILABLE, detail);
    problem.retry_after_s = Some(5);
    problem
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Tenant;
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::future::ready;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    /// An engine that answers as it is told to.
    struct Told(RefCell<VecDeque<Said>>);

    enum Said {
        First(Option<Result<Answered, Stopped>>),
        Commit(Result<Ended, Stopped>),
    }

    impl RowsEngine for Told {
        async fn first(&self, _: &Caller, _: &Command) -> Option<Result<Answered, Stopped>> {
            match self.0.borrow_mut().pop_front() {
                Some(Said::First(first)) => first,
                _ => panic!("it is not asked for a first answer now"),
            }
        }

        async fn commit(&self, _: &Caller, _: &Command, _: RowsUnit) -> Result<Ended, Stopped> {
            match self.0.borrow_mut().pop_front() {
                Some(Said::Commit(ended)) => ended,
                _ => panic!("nothing is committed now"),
            }
        }
    }

    fn run(key: bool, refuses_after: usize, says: Vec<Said>) -> (Result<Answered, Stopped>, bool) {
        let told = Told(RefCell::new(says.into()));
        let key = key.then(|| "k".to_owned());
        let command = Command { name: "things.do", fields: Vec::new(), key, dry_run: false };
        let made = RefCell::new(0);
        let make = || {
            *made.borrow_mut() += 1;
            let full = Problem::new(&slugs::CONTENTION, "full");
            ready(match *made.borrow() > refuses_after {
                true => Err(Stopped::Refused(RefusedBy { problem: full, replayed: false })),
                false => Ok(RowsUnit::answering(b"done".to_vec())),
            })
        };
        let by = Caller::house(Tenant::default());
        let mut carried_out = pin!(once_rows(&told, &by, &command, make));
        match carried_out.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => (answer, told.0.borrow().is_empty()),
            Poll::Pending => panic!("nothing here waits"),
        }
    }

    fn lost() -> Said {
        Said::Commit(Ok(Ended::Unknown(Error::stopped("committing"))))
    }

    fn code(stopped: Result<Answered, Stopped>) -> &'static str {
        stopped.map(|_| "answered").unwrap_or_else(|stopped| stopped.into_problem().problem.slug.code)
    }

    #[test]
    fn a_commit_in_doubt_is_never_told_as_not_done() {
        let nothing = || Said::First(None);
        let fault = || Stopped::from(Error::stopped("reading"));
        let done = || Answered { answer: b"done".to_vec(), replayed: true, dry_run: false };
        // Without a key nobody can find out.
        let (answer, all_said) = run(false, 9, vec![nothing(), lost()]);
        assert_eq!((code(answer), all_said), ("outcome-unknown", true));
        // With one it is found, or done now; a fault while looking is no answer.
        let rows = [
            (vec![nothing(), lost(), Said::First(Some(Ok(done())))], 9, "answered"),
            (
                vec![
                    nothing(),
                    lost(),
                    nothing(),
                    Said::Commit(Ok(Ended::Told(RowsVerdict::Done(Vec::new())))),
                ],
                9,
                "answered",
            ),
            (vec![nothing(), lost(), Said::First(Some(Err(fault())))], 9, "outcome-unknown"),
            (vec![nothing(), lost(), nothing(), Said::Commit(Err(fault()))], 9, "outcome-unknown"),
            (vec![nothing(), lost(), nothing(), nothing()], 1, "outcome-unknown"),
            (vec![nothing(), nothing()], 0, "contention"),
            (vec![Said::First(Some(Err(fault())))], 9, "store-unavailable"),
        ];
        for (place, (says, refuses_after, wanted)) in rows.into_iter().enumerate() {
            let (answer, all_said) = run(true, refuses_after, says);
            assert_eq!((code(answer), all_said), (wanted, true), "row {place}");
        }
    }
}
