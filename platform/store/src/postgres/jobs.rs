//! Jobs of many processes: each takes what is due under a lease of its own, and loses it when it is away for too long.
//! Leases run by the server's clock, so that the processes' own need not agree.

use super::store::RowStore;
use crate::error::Error;
use crate::jobs::{COLUMNS, Job, job_of};
use crate::runner::{JobStore, put_off};
use crate::units::Stopped;
use crate::value::Row;
use kernel::{Clock, Timestamp};
use std::collections::HashSet;
use std::sync::Arc;

/// Seconds after which a job of a process that does not say it still runs is another's: a few times as long as the
/// pause between two such words.
const LEASE_S: i64 = 20;

impl JobStore for RowStore {
    fn clock(&self) -> &Arc<dyn Clock> {
        self.clock()
    }

    async fn take(&self, now: Timestamp, held: HashSet<u128>, room: usize) -> Result<Vec<Job>, Error> {
        self.claim(now, room, LEASE_S, held).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, Error> {
        let query = "SELECT min(due) FROM store_jobs WHERE due IS NOT NULL
            AND (leased_until IS NULL OR leased_until <= clock_timestamp())";
        let due: Option<i64> = self.read(|reader| reader.row(query, [], |row| row.get(0))).await?.flatten();
        Ok(due.map(Timestamp))
    }

    async fn keep(&self, job: &Job) -> Result<bool, Error> {
        let keep = "UPDATE store_jobs SET leased_until = clock_timestamp() + CAST($4 AS BIGINT) * interval '1 second'
            WHERE tenant = $1 AND id = $2 AND lease = $3 AND status = 'waiting'";
        let client = self.database().lend().await?;
        let (tenant, id) = (job.tenant.as_str(), &job.id.0.to_be_bytes()[..]);
        let kept = async {
            let statement = client.prepare_cached(keep).await?;
            client.execute(&statement, &[&tenant, &id, &job.lease, &LEASE_S]).await
        };
        Ok(kept.await.map_err(Error::postgres("keeping a job"))? == 1)
    }

    async fn put_off(&self, job: &Job, why: &str) -> Result<(), Stopped> {
        put_off(self, self.clock(), job, why).await
    }
}

impl RowStore {
    /// Takes jobs that are due under a lease of so many seconds. Nobody else gets them meanwhile. Those that are held
    /// are not taken a second time, though their lease may have lapsed.
    pub async fn claim(
        &self,
        now: Timestamp,
        room: usize,
        lease_s: i64,
        held: HashSet<u128>,
    ) -> Result<Vec<Job>, Error> {
        let held: Vec<Vec<u8>> = held.into_iter().map(|id| id.to_be_bytes().to_vec()).collect();
        let columns = COLUMNS.split(", ").map(|name| format!("job.{name}")).collect::<Vec<_>>().join(", ");
        let claim = format!(
            "WITH free AS (
                SELECT id FROM store_jobs WHERE due IS NOT NULL AND due <= $1
                AND (leased_until IS NULL OR leased_until <= clock_timestamp()) AND NOT (id = ANY($4))
                ORDER BY priority DESC, due, id LIMIT $2 FOR UPDATE SKIP LOCKED)
            UPDATE store_jobs AS job SET lease = lease + 1,
                leased_until = clock_timestamp() + CAST($3 AS BIGINT) * interval '1 second'
            FROM free WHERE job.id = free.id RETURNING {columns}"
        );
        let client = self.database().lend().await?;
        let claimed = async {
            let statement = client.prepare_cached(&claim).await?;
            client.query(&statement, &[&now.0, &(room as i64), &lease_s, &held]).await
        };
        let rows = claimed.await.map_err(Error::postgres("taking jobs"))?;
        let mut jobs = rows.iter().map(|row| job_of(&Row::new(row))).collect::<Result<Vec<_>, _>>()?;
        jobs.sort_by_key(|job| (-job.priority, job.due, job.id));
        Ok(jobs)
    }
}
