//! One rows unit, one transaction: its key first, so that a repeat waits for whoever has it under way, then its changes
//! with their guards, events, jobs and audit. All of these are sent before the first is answered; COMMIT only once
//! all of them touched the rows they had to.

use super::database::Database;
use super::dialect;
use crate::error::{Class, Error};
use crate::jobs::job_insert;
use crate::unit::{Change, Event, RowsUnit, Value};
use crate::units::beside::{audit_values, encode_fields};
use crate::units::committer::{Asked, RowsVerdict};
use deadpool_postgres::Object;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use tokio_postgres::types::ToSql;

/// Why a unit has no verdict.
#[derive(Debug)]
pub enum Failed {
    /// Nothing of it is there.
    Undone(Error),
    /// The connection was lost while it was committed: it is there, or it is not.
    Unknown(Error),
}

/// What a transaction ended with before its COMMIT.
enum Ran {
    Whole,
    /// The key was there.
    Known,
    Stale,
}

const KEY: &str = "INSERT INTO store_keys (tenant, key, command, fields, answer, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
const EVENT: &str = "WITH counted AS (
        INSERT INTO store_sequences (tenant, stream, key, newest) VALUES (?1, ?2, ?3, 1)
        ON CONFLICT (tenant, stream, key) DO UPDATE SET newest = store_sequences.newest + 1 RETURNING newest)
    INSERT INTO store_outbox (tenant, stream, key, kind, payload, request, at, sequence)
    SELECT ?1, ?2, ?3, ?4, CAST(?5 AS BYTEA), ?6, CAST(?7 AS BIGINT), newest FROM counted";
const AUDIT: &str = "INSERT INTO store_audit (tenant, at, command, fields, api_key, address, request) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

/// Commits a unit. `None`: its key is taken, and leads to what was answered first.
pub async fn commit(
    database: &Database,
    asked: &Asked,
    unit: &RowsUnit,
) -> Result<Option<RowsVerdict>, Failed> {
    let client = database.lend().await.map_err(Failed::Undone)?;
    let changes = changes(asked, unit);
    let answer = unit.answer.clone();
    let ran = run(&client, asked.command.key.is_some(), &changes).await;
    let dry_run = asked.command.dry_run;
    match ran {
        Ok(Ran::Whole) if !dry_run => match client.batch_execute("COMMIT").await {
            Ok(()) => Ok(Some(RowsVerdict::Done(answer))),
            Err(fault) => Err(ended("committing", fault)),
        },
        ran => {
            // A connection that is lost took the transaction with it; one to a server that takes nothing any more
            // would only fail the next.
            let is_gone = ran.as_ref().is_err_and(|fault| fault.class() == Class::Gone);
            if client.batch_execute("ROLLBACK").await.is_err() || is_gone {
                drop(Object::take(client));
            }
            match ran {
                Ok(Ran::Whole) => Ok(Some(RowsVerdict::WouldDo(answer))),
                Ok(Ran::Known) => Ok(None),
                Ok(Ran::Stale) => Ok(Some(RowsVerdict::Stale)),
                Err(fault) if matches!(fault.class(), Class::Unique | Class::Serialization) => {
                    Ok(Some(RowsVerdict::Stale))
                }
                Err(fault) => Err(Failed::Undone(fault)),
            }
        }
    }
}

/// What an error means at the end of a transaction. Only a code that says so proves that nothing was done: what comes
/// from a server or a pooler that went away may follow a commit.
pub fn ended(doing: &str, fault: tokio_postgres::Error) -> Failed {
    let code = fault.code().map_or("", |code| code.code());
    let is_undone = ["23", "40001", "40P01", "25P03", "53"].into_iter().any(|class| code.starts_with(class));
    let fault = Error::postgres(doing)(fault);
    if is_undone { Failed::Undone(fault) } else { Failed::Unknown(fault) }
}

/// Everything a unit writes, in order; its key comes first, if it has one.
fn changes(asked: &Asked, unit: &RowsUnit) -> Vec<Change> {
    let Asked { by, command, at } = asked;
    let mut changes = Vec::new();
    if let Some(key) = &command.key {
        let values: [Value; 6] = [
            by.tenant.as_str().into(),
            key.as_str().into(),
            command.name.into(),
            encode_fields(&command.fields).into(),
            unit.answer.clone().into(),
            (*at).into(),
        ];
        changes.push(Change::one(KEY, values));
    }
    changes.extend(unit.rows.changes.iter().cloned());
    changes.extend(unit.rows.events.iter().map(|event| event_change(asked, event)));
    changes.extend(unit.rows.jobs.iter().map(|job| job_insert(asked, job)));
    changes.push(Change::one(AUDIT, audit_values(asked)));
    changes
}

fn event_change(asked: &Asked, event: &Event) -> Change {
    let values: [Value; 7] = [
        asked.by.tenant.as_str().into(),
        event.stream.into(),
        event.key.as_str().into(),
        event.kind.into(),
        event.payload.clone().into(),
        (&*asked.by.request).into(),
        asked.at.into(),
    ];
    Change::one(EVENT, values)
}

/// Sends the transaction up to its COMMIT, and reads how many rows each statement touched.
async fn run(client: &Object, has_key: bool, changes: &[Change]) -> Result<Ran, Error> {
    let fault = || Error::postgres("running a statement");
    let mut prepared = Vec::with_capacity(changes.len());
    for change in changes {
        prepared.push(client.prepare_cached(&dialect::statement(change.sql)).await.map_err(fault())?);
    }
    let values: Vec<Vec<&(dyn ToSql + Sync)>> =
        changes.iter().map(|change| change.values.iter().map(|value| value as _).collect()).collect();
    type Sent<'a> = Pin<Box<dyn Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>;
    // Waited for: were it to fail alone, what follows would be committed statement by statement.
    client.batch_execute("BEGIN").await.map_err(fault())?;
    let mut sent: Vec<Sent<'_>> = Vec::with_capacity(changes.len());
    for (statement, values) in prepared.iter().zip(&values) {
        sent.push(Box::pin(client.execute(statement, values)));
    }
    // The first poll of each sends it: in order, before any is waited for.
    let mut told = Vec::with_capacity(sent.len());
    for statement in &mut sent {
        told.push(poll_fn(|context| Poll::Ready(statement.as_mut().poll(context))).await);
    }
    let mut counts = Vec::with_capacity(sent.len());
    for (statement, told) in sent.into_iter().zip(told) {
        counts.push(match told {
            Poll::Ready(count) => count,
            Poll::Pending => statement.await,
        });
    }
    for (place, (count, change)) in counts.into_iter().zip(changes).enumerate() {
        if count.map_err(fault())? != change.rows as u64 {
            return Ok(if has_key && place == 0 { Ran::Known } else { Ran::Stale });
        }
    }
    Ok(Ran::Whole)
}
