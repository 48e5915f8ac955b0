//! The rows of payout files.

use crate::commands::payouts::FileLine;
use kernel::{Id, Tenant, Timestamp};
use platform_store::unit::{Change, Value};
use platform_store::{Error, Reader, params};

/// A file of payouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayoutBatch {
    /// Its id.
    pub id: Id,
    /// How many lines.
    pub lines: i64,
    /// When it was taken.
    pub created: Timestamp,
}

/// What became of a line so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayoutStatus {
    /// Not yet tried.
    Waiting,
    /// Paid out.
    Done,
    /// Refused.
    Failed,
}

impl PayoutStatus {
    /// All, in the order in which they are counted.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Waiting, "waiting"), (Self::Done, "done"), (Self::Failed, "failed")];

    /// The word.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(status, _)| *status == self).map_or("", |(_, word)| word)
    }
}

/// A line of a file, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payout {
    /// As it stands in the file.
    pub line: FileLine,
    /// What became of it.
    pub status: PayoutStatus,
    /// Its entry.
    pub entry: Option<Id>,
    /// Why it was refused: the problem's code and detail.
    pub problem: Option<(String, String)>,
}

/// Adds a file.
pub fn payout_batch_insert(tenant: &Tenant, batch: &PayoutBatch) -> Change {
    let insert = "INSERT INTO wallets_payout_batches (tenant, batch, lines, created) VALUES (?1, ?2, ?3, ?4)";
    let values: [Value; 4] =
        [tenant.as_str().into(), batch.id.0.to_be_bytes().into(), batch.lines.into(), batch.created.into()];
    Change::one(insert, values)
}

/// Adds a line of a file.
pub fn payout_insert(tenant: &Tenant, batch: Id, line: &FileLine) -> Change {
    let insert = "INSERT INTO wallets_payouts (tenant, batch, line, wallet, amount, reference, status) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting')";
    let values: [Value; 6] = [
        tenant.as_str().into(),
        batch.0.to_be_bytes().into(),
        line.line.into(),
        line.wallet.clone().into(),
        line.amount.clone().into(),
        line.reference.clone().into(),
    ];
    Change::one(insert, values)
}

/// A waiting line is done.
pub fn payout_done(tenant: &Tenant, batch: Id, line: i64, entry: Id) -> Change {
    let update = "UPDATE wallets_payouts SET status = 'done', entry = ?4 WHERE tenant = ?1 AND batch = ?2 AND line = ?3 AND status = 'waiting'";
    let values: [Value; 4] =
        [tenant.as_str().into(), batch.0.to_be_bytes().into(), line.into(), entry.0.to_be_bytes().into()];
    Change::one(update, values)
}

/// A waiting line was refused.
pub fn payout_fail(tenant: &Tenant, batch: Id, line: i64, code: &str, detail: &str) -> Change {
    let update = "UPDATE wallets_payouts SET status = 'failed', code = ?4, detail = ?5 WHERE tenant = ?1 AND batch = ?2 AND line = ?3 AND status = 'waiting'";
    let values: [Value; 5] =
        [tenant.as_str().into(), batch.0.to_be_bytes().into(), line.into(), code.into(), detail.into()];
    Change::one(update, values)
}

/// One file of a tenant.
pub fn payout_batch_find(
    reader: &Reader<'_>,
    tenant: &Tenant,
    batch: Id,
) -> Result<Option<PayoutBatch>, Error> {
    let query = "SELECT lines, created FROM wallets_payout_batches WHERE tenant = ?1 AND batch = ?2";
    reader.row(query, params![tenant.as_str(), batch.0.to_be_bytes()], |row| {
        Ok(PayoutBatch { id: batch, lines: row.get(0)?, created: Timestamp(row.get(1)?) })
    })
}

/// How many lines of a file wait, are done, failed.
pub fn payout_counts(reader: &Reader<'_>, tenant: &Tenant, batch: Id) -> Result<[i64; 3], Error> {
    let query =
        "SELECT status, count(*) FROM wallets_payouts WHERE tenant = ?1 AND batch = ?2 GROUP BY status";
    let mut counts = [0; 3];
    let found = reader.rows(query, params![tenant.as_str(), batch.0.to_be_bytes()], |row| {
        Ok((row.get::<String>(0)?, row.get::<i64>(1)?))
    })?;
    for (place, (_, word)) in PayoutStatus::ALL.iter().enumerate() {
        counts[place] = found.iter().find(|(status, _)| status == word).map_or(0, |(_, count)| *count);
    }
    Ok(counts)
}

/// Lines of a file behind this one, in the file's order.
pub fn payout_list(
    reader: &Reader<'_>,
    tenant: &Tenant,
    batch: Id,
    after: i64,
    limit: usize,
) -> Result<Vec<Payout>, Error> {
    let query = "SELECT line, wallet, amount, reference, status, entry, code, detail FROM wallets_payouts
         WHERE tenant = ?1 AND batch = ?2 AND line > ?3 ORDER BY line LIMIT ?4";
    reader.rows(query, params![tenant.as_str(), batch.0.to_be_bytes(), after, limit as i64], |row| {
        let status: String = row.get(4)?;
        let status = PayoutStatus::ALL.iter().find(|(_, word)| **word == *status);
        let entry: Option<[u8; 16]> = row.get(5)?;
        let (code, detail): (Option<String>, Option<String>) = (row.get(6)?, row.get(7)?);
        Ok(Payout {
            line: FileLine {
                line: row.get(0)?,
                wallet: row.get(1)?,
                amount: row.get(2)?,
                reference: row.get(3)?,
            },
            status: status.map_or(PayoutStatus::Waiting, |(status, _)| *status),
            entry: entry.map(|bytes| Id(u128::from_be_bytes(bytes))),
            problem: code.zip(detail),
        })
    })
}
