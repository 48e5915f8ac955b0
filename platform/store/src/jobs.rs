//! Work for later: rows that are part of the unit which wants it, and the changes that end them. A job that is done
//! is ended by the same unit that does it, guarded on its still waiting and on the lease under which it was taken: so it
//! is done exactly once, whatever stops the process in between and however many there are. Effects outside carry the
//! job's id instead.

use crate::error::Error;
use crate::params;
use crate::statements::Reader;
use crate::unit::{Change, NewJob, Value};
use crate::units::committer::Asked;
use crate::value::{Row, RowError, unreadable};
use kernel::{Id, Tenant, Timestamp};
use std::sync::Arc;

/// Pause after the first failed attempt; each further one doubles it.
const FIRST_PAUSE_US: i64 = 1_000_000;
/// Longest pause between attempts.
const LONGEST_PAUSE_US: i64 = 3_600_000_000;

/// What became of a job so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not begun, or to be tried again.
    Waiting,
    /// Done; its result says what came of it.
    Done,
    /// Given up; its last error says why.
    Failed,
    /// Called off before it was done.
    Cancelled,
}

impl Status {
    /// All, with their names.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Waiting, "waiting"),
        (Self::Done, "done"),
        (Self::Failed, "failed"),
        (Self::Cancelled, "cancelled"),
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(status, _)| *status == self).map_or("", |(_, name)| name)
    }

    /// By its name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(status, _)| *status)
    }
}

/// A job as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: Id,
    /// Whose.
    pub tenant: Tenant,
    /// Which handler takes it.
    pub kind: String,
    /// Higher goes first.
    pub priority: i64,
    /// Not before; none once it is ended.
    pub due: Option<Timestamp>,
    /// How it stands.
    pub status: Status,
    /// Attempts that failed.
    pub attempts: i64,
    /// What the handler needs, JSON.
    pub payload: Vec<u8>,
    /// What came of it, JSON.
    pub result: Option<Vec<u8>>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// The request that asked for it.
    pub request: Arc<str>,
    /// Under which lease it was seen: what another process has taken since cannot be ended under an older one.
    pub lease: i64,
}

pub(crate) const COLUMNS: &str = "id, tenant, kind, priority, due, status, attempts, payload, result, last_error, created, finished, request, lease";

pub(crate) fn job_insert(asked: &Asked, job: &NewJob) -> Change {
    let insert = "INSERT INTO store_jobs (id, tenant, kind, priority, due, status, attempts, payload, created, request) VALUES (?1, ?2, ?3, ?4, ?5, 'waiting', 0, ?6, ?7, ?8)";
    let values: [Value; 8] = [
        job.id.0.to_be_bytes().into(),
        asked.by.tenant.as_str().into(),
        job.kind.into(),
        job.priority.into(),
        job.due.into(),
        job.payload.clone().into(),
        asked.at.into(),
        (&*asked.by.request).into(),
    ];
    Change::one(insert, values)
}

/// Ends a waiting job: with what came of it, or with why it is given up.
pub fn job_end(job: &Job, status: Status, outcome: &str, at: Timestamp) -> Change {
    let update = "UPDATE store_jobs SET status = ?3, due = NULL, result = ?4, last_error = ?5, finished = ?6 WHERE tenant = ?1 AND id = ?2 AND status = 'waiting' AND lease = ?7";
    let done = status == Status::Done;
    let values: [Value; 7] = [
        job.tenant.as_str().into(),
        job.id.0.to_be_bytes().into(),
        status.as_str().into(),
        done.then(|| outcome.as_bytes().to_vec()).into(),
        (!done).then(|| outcome.to_owned()).into(),
        at.into(),
        job.lease.into(),
    ];
    Change::one(update, values)
}

/// Puts a waiting job off after a failed attempt. It is tried for ever, with pauses that grow: only its handler knows
/// what giving up means.
pub fn job_put_off(job: &Job, why: &str, at: Timestamp) -> Change {
    let attempts = job.attempts + 1;
    let pause_us = (FIRST_PAUSE_US << job.attempts.clamp(0, 20)).min(LONGEST_PAUSE_US);
    let update = "UPDATE store_jobs SET attempts = ?3, due = ?4, last_error = ?5, leased_until = NULL WHERE tenant = ?1 AND id = ?2 AND status = 'waiting' AND lease = ?6";
    let values: [Value; 6] = [
        job.tenant.as_str().into(),
        job.id.0.to_be_bytes().into(),
        attempts.into(),
        at.plus_us(pause_us).into(),
        why.into(),
        job.lease.into(),
    ];
    Change::one(update, values)
}

/// Waiting jobs of all tenants that are due, the most urgent first. The house asks, for every tenant.
pub fn job_list_due(reader: &Reader<'_>, now: Timestamp, limit: usize) -> Result<Vec<Job>, Error> {
    let query = format!(
        "SELECT {COLUMNS} FROM store_jobs INDEXED BY store_jobs_urgent WHERE due IS NOT NULL AND due <= ?1
         ORDER BY priority DESC, due, id LIMIT ?2"
    );
    reader.rows(&query, params![now.0, limit as i64], job_of)
}

/// When the next job is due, of all tenants.
pub fn job_next_due(reader: &Reader<'_>) -> Result<Option<Timestamp>, Error> {
    let query = "SELECT min(due) FROM store_jobs WHERE due IS NOT NULL";
    let due = reader.row(query, [], |row| row.get::<Option<i64>>(0))?;
    Ok(due.flatten().map(Timestamp))
}

/// One job of a tenant.
pub fn job_find(reader: &Reader<'_>, tenant: &Tenant, id: Id) -> Result<Option<Job>, Error> {
    let query = format!("SELECT {COLUMNS} FROM store_jobs WHERE tenant = ?1 AND id = ?2");
    reader.row(&query, params![tenant.as_str(), id.0.to_be_bytes()], job_of)
}

/// A tenant's jobs of a kind, newest first.
pub fn job_list(
    reader: &Reader<'_>,
    tenant: &Tenant,
    kind: &str,
    status: Option<Status>,
    before: Option<Id>,
    limit: usize,
) -> Result<Vec<Job>, Error> {
    let query = format!(
        "SELECT {COLUMNS} FROM store_jobs WHERE tenant = ?1 AND kind = ?2
         AND (status = ?3 OR ?3 IS NULL) AND (id < ?4 OR ?4 IS NULL) ORDER BY id DESC LIMIT ?5"
    );
    let before = before.map(|id| id.0.to_be_bytes());
    let values = params![tenant.as_str(), kind, status.map(Status::as_str), before, limit as i64];
    reader.rows(&query, values, job_of)
}

pub(crate) fn job_of(row: &Row<'_>) -> Result<Job, RowError> {
    let tenant: String = row.get(1)?;
    let status: String = row.get(5)?;
    let request: String = row.get(12)?;
    Ok(Job {
        id: Id(u128::from_be_bytes(row.get(0)?)),
        tenant: Tenant::parse(&tenant).map_err(|_| unreadable(1, "no tenant"))?,
        kind: row.get(2)?,
        priority: row.get(3)?,
        due: row.get::<Option<i64>>(4)?.map(Timestamp),
        status: Status::parse(&status).ok_or_else(|| unreadable(5, "no status"))?,
        attempts: row.get(6)?,
        payload: row.get(7)?,
        result: row.get(8)?,
        last_error: row.get(9)?,
        created: Timestamp(row.get(10)?),
        finished: row.get::<Option<i64>>(11)?.map(Timestamp),
        request: request.into(),
        lease: row.get(13)?,
    })
}
