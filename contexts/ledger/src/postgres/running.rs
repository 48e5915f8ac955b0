//! Running batches: read, decide, write, commit; what to do when one of these fails. A batch that the database does
//! not take is halved until the job is found that it does not take; a commit whose outcome is unknown is looked up.

use super::deciding::{self, Decided};
use super::reading::{self, Loaded, value};
use super::scratch::Scratch;
use super::wanted::Wanted;
use super::writing::{DRAW, Writes};
use super::{Fault, Job, Store, damaged};
use crate::books::model::BookNo;
use crate::journal::group::{Answer, Unanswered};
use crate::refusal::{LEDGER_UNAVAILABLE, OUTCOME_UNKNOWN};
use kernel::{Problem, Tenant, Timestamp};
use platform_store::Class;
use platform_store::postgres::{Ask, Batch, Failed};
use std::time::Duration;

/// Attempts at one batch: the first, and those after a lost connection or a lock that was not given.
const ATTEMPTS: u32 = 3;
/// Between two attempts; a server that restarts takes a moment.
const PAUSE: Duration = Duration::from_millis(100);

const TENANT: &str = "SELECT book FROM head WHERE tenant = $1";
/// Waits for whoever opens the same book; no row if it was opened before.
const OPEN: &str = "INSERT INTO head (book, tenant, seq, partyless, recorded_at)
    SELECT nextval('book_no'), $1, 0, 0, 0 ON CONFLICT (tenant) DO NOTHING RETURNING book";
const CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
const LOCKED_RECORD: &str = "SELECT r.bytes FROM record r
    JOIN (SELECT book FROM head WHERE book = $1 FOR UPDATE) h ON h.book = r.book WHERE r.seq = $2";

/// One for each job.
pub type Answers = Vec<Result<Answer, Unanswered>>;

/// A failed commit as a fault.
pub fn undone(failed: Failed) -> Fault {
    match failed {
        Failed::Undone(fault) | Failed::Unknown(fault) => fault.into(),
    }
}

/// How one attempt ended.
enum Attempt {
    Done(Answers),
    /// Nothing of it is there.
    Failed(Fault),
    /// It is there, or it is not: its newest record tells.
    Unknown {
        fault: Fault,
        seq: u64,
        newest: Vec<u8>,
        answers: Answers,
    },
}

/// Runs jobs as one batch, or as several if the database does not take it whole.
pub async fn run(store: &Store, book: i32, jobs: &[Job], now: Option<Timestamp>) -> Answers {
    let mut attempt = 1;
    loop {
        let fault = match once(store, book, jobs, now).await {
            Attempt::Done(answers) => return answers,
            Attempt::Failed(fault) => fault,
            Attempt::Unknown { fault, seq, newest, answers } => {
                match is_there(store, book, seq, &newest).await {
                    Ok(true) => return answers,
                    Ok(false) => fault,
                    Err(fault) => {
                        tracing::error!(%fault, "a connection was lost while a batch was committed");
                        return jobs.iter().map(|_| Err(Unanswered(unknown()))).collect();
                    }
                }
            }
        };
        let class = if let Fault::Store(fault) = &fault { fault.class() } else { Class::Other };
        match class {
            Class::Gone | Class::Busy | Class::Serialization if attempt < ATTEMPTS => {
                tokio::time::sleep(PAUSE * attempt).await;
                attempt += 1;
            }
            Class::Other | Class::Unique if jobs.len() > 1 => {
                tracing::warn!(
                    fault = &fault as &dyn std::error::Error,
                    jobs = jobs.len(),
                    "a batch is halved"
                );
                let (first, rest) = jobs.split_at(jobs.len() / 2);
                let mut answers = Box::pin(run(store, book, first, now)).await;
                answers.extend(Box::pin(run(store, book, rest, now)).await);
                return answers;
            }
            _ => {
                tracing::error!(fault = &fault as &dyn std::error::Error, "a batch was not carried out");
                return jobs.iter().map(|_| Err(Unanswered(unavailable()))).collect();
            }
        }
    }
}

async fn once(store: &Store, book: i32, jobs: &[Job], now: Option<Timestamp>) -> Attempt {
    let known = store.assets.lock().get(&book).cloned().unwrap_or_default();
    let wanted = Wanted::of(jobs, &store.keyed);
    let begun = reading::begin(&store.database, book, &wanted, known, now).await;
    let (batch, loaded) = match begun {
        Ok(begun) => begun,
        Err(fault) => return Attempt::Failed(fault),
    };
    store.assets.lock().insert(book, loaded.assets.clone());
    let decided = Scratch::new(&loaded, |index| store.lookup(&index), &store.ids)
        .and_then(|scratch| deciding::decide(scratch, jobs));
    match decided {
        Ok(decided) => write(store, batch, book, &loaded, decided).await,
        Err(fault) => {
            batch.undo().await;
            Attempt::Failed(fault)
        }
    }
}

/// Writes what was decided and commits.
async fn write(store: &Store, mut batch: Batch, book: i32, loaded: &Loaded, mut decided: Decided) -> Attempt {
    let Some(seq) = decided.records.last().map(|record| record.seq) else {
        batch.undo().await;
        deciding::outward(&mut decided, book);
        return Attempt::Done(decided.answers);
    };
    match write_all(store, &mut batch, book, loaded, &mut decided).await {
        Err(fault) => {
            batch.undo().await;
            Attempt::Failed(fault)
        }
        Ok(newest) => match batch.commit().await {
            Ok(()) => Attempt::Done(decided.answers),
            Err(Failed::Undone(fault)) => Attempt::Failed(fault.into()),
            Err(Failed::Unknown(fault)) => {
                Attempt::Unknown { fault: fault.into(), seq, newest, answers: decided.answers }
            }
        },
    }
}

async fn write_all(
    store: &Store,
    batch: &mut Batch,
    book: i32,
    loaded: &Loaded,
    decided: &mut Decided,
) -> Result<Vec<u8>, Fault> {
    let opened = decided.state.accounts.len() - loaded.accounts.len();
    if opened > 0 {
        let rows = batch.query(&[Ask { sql: DRAW, values: vec![value(opened as i64)] }]).await?;
        let drawn: Result<Vec<i64>, _> = rows[0].iter().map(|row| row.try_get(0)).collect();
        decided.numbers.open(drawn?);
    }
    deciding::outward(decided, book);
    let writes = Writes::of(book, loaded, decided, &*store.ids);
    let rows = batch.execute(&writes.asks).await?;
    for (place, (rows, expected)) in rows.iter().zip(&writes.rows).enumerate() {
        if rows != expected {
            let sql = writes.asks[place].sql.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
            return Err(damaged(format_args!("{sql} … touched {rows} rows, not {expected}")));
        }
    }
    Ok(writes.newest)
}

/// Whether this very record is there. The lock waits until the backend that might still commit it is done.
async fn is_there(store: &Store, book: i32, seq: u64, newest: &[u8]) -> Result<bool, Fault> {
    let mut attempt = 1;
    loop {
        let values = vec![value(book), value(seq as i64)];
        match store.database.batch(&[Ask { sql: LOCKED_RECORD, values }]).await {
            Ok((batch, rows)) => {
                batch.undo().await;
                let Some(row) = rows[0].first() else { return Ok(false) };
                return Ok(row.try_get::<_, &[u8]>(0)? == newest);
            }
            Err(fault) if attempt == ATTEMPTS => return Err(fault.into()),
            Err(_) => {
                tokio::time::sleep(PAUSE * attempt).await;
                attempt += 1;
            }
        }
    }
}

impl Store {
    /// The book of a tenant, opened if there is none.
    pub async fn book(&self, tenant: &Tenant, now: Option<Timestamp>) -> Result<BookNo, Fault> {
        let name = || vec![value(tenant.as_str().to_owned())];
        let find = [Ask { sql: TENANT, values: name() }];
        let (batch, rows) = self.database.batch(&find).await?;
        batch.undo().await;
        if let Some(row) = rows[0].first() {
            return Ok(BookNo(row.try_get::<_, i32>(0)? as u32));
        }
        let open = [Ask { sql: OPEN, values: name() }, Ask { sql: CLOCK, values: Vec::new() }];
        let (mut batch, rows) = self.database.batch(&open).await?;
        let Some(row) = rows[0].first() else {
            // Somebody else was first, and is done.
            let rows = batch.query(&find).await?;
            batch.undo().await;
            let row = rows[0].first().ok_or_else(|| damaged("a book is there and is not"))?;
            return Ok(BookNo(row.try_get::<_, i32>(0)? as u32));
        };
        let book: i32 = row.try_get(0)?;
        let clock = rows[1].first().ok_or_else(|| damaged("the server has no clock"))?;
        let clock = now.unwrap_or(Timestamp(clock.try_get(0)?));
        let loaded = Loaded { clock, ..Loaded::default() };
        let scratch = Scratch::new(&loaded, |index| self.lookup(&index), &self.ids)?;
        let mut decided = deciding::open_book(scratch, tenant.clone())?;
        write_all(self, &mut batch, book, &loaded, &mut decided).await?;
        batch.commit().await.map_err(undone)?;
        Ok(BookNo(book as u32))
    }
}

fn unavailable() -> Problem {
    let mut problem = Problem::new(&LEDGER_UNAVAILABLE, "The database did not carry the command out.");
    problem.retry_after_s = Some(5);
    problem
}

fn unknown() -> Problem {
    let detail = "The database was lost while the command was committed; whether it was stored shows once it is \
                  back. Repeat it with the same key then.";
    let mut problem = Problem::new(&OUTCOME_UNKNOWN, detail);
    problem.retry_after_s = Some(10);
    problem
}
