//! The rows of wallets. Every statement names the tenant; every change says how many rows it touches and is its own
//! guard: a unique constraint, or a predicate on the row that it changes.

mod payouts;

pub use payouts::{
    Payout, PayoutBatch, PayoutStatus, payout_batch_find, payout_batch_insert, payout_counts, payout_done,
    payout_fail, payout_insert, payout_list,
};

use crate::model::{Customer, Limits, Period, PeriodKind, Wallet, WalletNo, WalletState};
use kernel::{Id, Tenant, Timestamp};
use platform_store::unit::{Change, Value};
use platform_store::{Error, Reader, Row, RowError, params};

type Read<T> = Result<T, RowError>;

const CUSTOMER: &str = "customer, login, name, created, changed, id";
const WALLET: &str = "wallet, customer, asset, label, metadata, status, reason, since, created";

/// Adds a customer; the id and the login are new.
pub fn customer_insert(tenant: &Tenant, customer: &Customer) -> Change {
    let insert = "INSERT INTO wallets_customers (tenant, customer, login, name, created, changed, id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let values: [Value; 7] = [
        tenant.as_str().into(),
        customer.customer.clone().into(),
        customer.login.clone().into(),
        customer.name.clone().into(),
        customer.created.into(),
        customer.changed.into(),
        customer.id.0.to_be_bytes().into(),
    ];
    Change::one(insert, values)
}

/// Changes a customer that nobody changed since it was read.
pub fn customer_update(tenant: &Tenant, customer: &Customer, seen: Timestamp) -> Change {
    let update = "UPDATE wallets_customers SET login = ?3, name = ?4, changed = ?5 WHERE tenant = ?1 AND customer = ?2 AND changed = ?6";
    let values: [Value; 6] = [
        tenant.as_str().into(),
        customer.customer.clone().into(),
        customer.login.clone().into(),
        customer.name.clone().into(),
        customer.changed.into(),
        seen.into(),
    ];
    Change::one(update, values)
}

/// One customer of a tenant.
pub fn customer_find(
    reader: &Reader<'_>,
    tenant: &Tenant,
    customer: &str,
) -> Result<Option<Customer>, Error> {
    let query = format!("SELECT {CUSTOMER} FROM wallets_customers WHERE tenant = ?1 AND customer = ?2");
    reader.row(&query, params![tenant.as_str(), customer], customer_of)
}

/// The customer with this login.
pub fn customer_by_login(
    reader: &Reader<'_>,
    tenant: &Tenant,
    login: &str,
) -> Result<Option<Customer>, Error> {
    let query = format!("SELECT {CUSTOMER} FROM wallets_customers WHERE tenant = ?1 AND login = ?2");
    reader.row(&query, params![tenant.as_str(), login], customer_of)
}

/// A tenant's customers, newest first.
pub fn customer_list(
    reader: &Reader<'_>,
    tenant: &Tenant,
    login: Option<&str>,
    before: Option<Id>,
    limit: usize,
) -> Result<Vec<Customer>, Error> {
    let query = format!(
        "SELECT {CUSTOMER} FROM wallets_customers WHERE tenant = ?1 AND (login = ?2 OR ?2 IS NULL)
         AND (id < ?3 OR ?3 IS NULL) ORDER BY id DESC LIMIT ?4"
    );
    let before = before.map(|id| id.0.to_be_bytes());
    reader.rows(&query, params![tenant.as_str(), login, before, limit as i64], customer_of)
}

fn customer_of(row: &Row<'_>) -> Read<Customer> {
    Ok(Customer {
        customer: row.get(0)?,
        login: row.get(1)?,
        name: row.get(2)?,
        created: Timestamp(row.get(3)?),
        changed: Timestamp(row.get(4)?),
        id: Id(u128::from_be_bytes(row.get(5)?)),
    })
}

/// Adds a wallet; its number is new.
pub fn wallet_insert(tenant: &Tenant, wallet: &Wallet) -> Change {
    let insert = "INSERT INTO wallets_wallets (tenant, wallet, customer, asset, label, metadata, status, reason, since, created) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let values: [Value; 10] = [
        tenant.as_str().into(),
        wallet.no.0.into(),
        wallet.customer.clone().into(),
        wallet.asset.clone().into(),
        wallet.label.clone().into(),
        metadata_text(&wallet.metadata).into(),
        wallet.state.as_str().into(),
        wallet.state.reason().into(),
        wallet.state.since().into(),
        wallet.created.into(),
    ];
    Change::one(insert, values)
}

/// Changes what people say of a wallet, if it still stands as it was read.
pub fn wallet_describe(tenant: &Tenant, wallet: &Wallet, seen: &Wallet) -> Change {
    let update = "UPDATE wallets_wallets SET label = ?3, metadata = ?4 WHERE tenant = ?1 AND wallet = ?2 AND label IS NOT DISTINCT FROM ?5 AND metadata = ?6";
    let values: [Value; 6] = [
        tenant.as_str().into(),
        wallet.no.0.into(),
        wallet.label.clone().into(),
        metadata_text(&wallet.metadata).into(),
        seen.label.clone().into(),
        metadata_text(&seen.metadata).into(),
    ];
    Change::one(update, values)
}

/// Moves a wallet's life on, if it still is where it was read.
pub fn wallet_move(tenant: &Tenant, no: WalletNo, to: &WalletState, seen: &WalletState) -> Change {
    let update = "UPDATE wallets_wallets SET status = ?3, reason = ?4, since = ?5 WHERE tenant = ?1 AND wallet = ?2 AND status = ?6 AND since = ?7";
    let values: [Value; 7] = [
        tenant.as_str().into(),
        no.0.into(),
        to.as_str().into(),
        to.reason().into(),
        to.since().into(),
        seen.as_str().into(),
        seen.since().into(),
    ];
    Change::one(update, values)
}

/// One wallet of a tenant.
pub fn wallet_find(reader: &Reader<'_>, tenant: &Tenant, no: WalletNo) -> Result<Option<Wallet>, Error> {
    let query = format!("SELECT {WALLET} FROM wallets_wallets WHERE tenant = ?1 AND wallet = ?2");
    reader.row(&query, params![tenant.as_str(), no.0], wallet_of)
}

/// What a list of wallets is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct WalletFilter {
    /// Of this customer.
    pub customer: Option<String>,
    /// Of this asset.
    pub asset: Option<String>,
    /// In this state.
    pub status: Option<&'static str>,
}

/// A tenant's wallets, newest first.
pub fn wallet_list(
    reader: &Reader<'_>,
    tenant: &Tenant,
    filter: &WalletFilter,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<Wallet>, Error> {
    let query = format!(
        "SELECT {WALLET} FROM wallets_wallets WHERE tenant = ?1 AND (customer = ?2 OR ?2 IS NULL)
         AND (asset = ?3 OR ?3 IS NULL) AND (status = ?4 OR ?4 IS NULL) AND (wallet < ?5 OR ?5 IS NULL)
         ORDER BY wallet DESC LIMIT ?6"
    );
    let WalletFilter { customer, asset, status } = filter;
    let named = (customer.as_deref(), asset.as_deref());
    let values = params![tenant.as_str(), named.0, named.1, *status, before, limit as i64];
    reader.rows(&query, values, wallet_of)
}

/// Every wallet of every tenant, for a check of all: whose, and its row.
pub fn wallet_all(
    reader: &Reader<'_>,
    after: (&str, i64),
    limit: usize,
) -> Result<Vec<(Tenant, Wallet)>, Error> {
    let query = format!(
        "SELECT {WALLET}, tenant FROM wallets_wallets WHERE (tenant, wallet) > (?1, ?2)
         ORDER BY tenant, wallet LIMIT ?3"
    );
    reader.rows(&query, params![after.0, after.1, limit as i64], |row| {
        Ok((tenant_of(row, 9)?, wallet_of(row)?))
    })
}

fn tenant_of(row: &Row<'_>, column: usize) -> Read<Tenant> {
    let name: String = row.get(column)?;
    Tenant::parse(&name).map_err(|invalid| platform_store::unreadable(column, invalid))
}

fn wallet_of(row: &Row<'_>) -> Read<Wallet> {
    let (status, reason, since): (String, Option<String>, i64) = (row.get(5)?, row.get(6)?, row.get(7)?);
    let (reason, since) = (reason.unwrap_or_default(), Timestamp(since));
    let state = match status.as_str() {
        "frozen" => WalletState::Frozen { reason, since },
        "closed" => WalletState::Closed { reason, since },
        _ => WalletState::Open { since },
    };
    let metadata: String = row.get(4)?;
    Ok(Wallet {
        no: WalletNo(row.get(0)?),
        customer: row.get(1)?,
        asset: row.get(2)?,
        label: row.get(3)?,
        metadata: metadata_of(&metadata).map_err(|fault| platform_store::unreadable(4, fault))?,
        state,
        created: Timestamp(row.get(8)?),
    })
}

fn metadata_text(metadata: &[(String, String)]) -> String {
    let object: serde_json::Map<String, serde_json::Value> =
        metadata.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    serde_json::Value::from(object).to_string()
}

fn metadata_of(text: &str) -> Result<Vec<(String, String)>, serde_json::Error> {
    let map: std::collections::BTreeMap<String, String> = serde_json::from_str(text)?;
    Ok(map.into_iter().collect())
}

/// A wallet's limits.
pub fn limits_find(reader: &Reader<'_>, tenant: &Tenant, no: WalletNo) -> Result<Option<Limits>, Error> {
    let query = "SELECT day, month, version FROM wallets_limits WHERE tenant = ?1 AND wallet = ?2";
    reader.row(query, params![tenant.as_str(), no.0], |row| {
        Ok(Limits { day: row.get(0)?, month: row.get(1)?, version: row.get(2)? })
    })
}

/// Sets a wallet's first limits, or changes those of this version.
pub fn limits_set(
    tenant: &Tenant,
    no: WalletNo,
    limits: &Limits,
    seen: Option<i64>,
    at: Timestamp,
) -> Change {
    let values: [Value; 6] = [
        tenant.as_str().into(),
        no.0.into(),
        limits.day.into(),
        limits.month.into(),
        limits.version.into(),
        at.into(),
    ];
    match seen {
        None => {
            let insert = "INSERT INTO wallets_limits (tenant, wallet, day, month, version, changed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            Change::one(insert, values)
        }
        Some(version) => {
            let update = "UPDATE wallets_limits SET day = ?3, month = ?4, version = ?5, changed = ?6 WHERE tenant = ?1 AND wallet = ?2 AND version = ?7";
            Change::one(update, values.into_iter().chain([version.into()]))
        }
    }
}

/// What left a wallet in a period, if that is counted.
pub fn usage_find(
    reader: &Reader<'_>,
    tenant: &Tenant,
    no: WalletNo,
    period: Period,
) -> Result<Option<i64>, Error> {
    let query =
        "SELECT used FROM wallets_usage WHERE tenant = ?1 AND wallet = ?2 AND period = ?3 AND start = ?4";
    let values = params![tenant.as_str(), no.0, period.kind.as_str(), period.start.0];
    reader.row(query, values, |row| row.get(0))
}

/// Counts what leaves; the guard is that the cap holds.
pub fn usage_add(tenant: &Tenant, no: WalletNo, counted: &crate::rules::Counted) -> Change {
    let period = counted.running.period;
    match counted.running.used {
        // The cap was judged on nothing used; another that came first breaks the primary key.
        None => usage_insert(tenant, no, period, counted.amount),
        Some(_) => {
            let update = "UPDATE wallets_usage SET used = used + ?5 WHERE tenant = ?1 AND wallet = ?2 AND period = ?3 AND start = ?4 AND used + ?5 <= ?6";
            let values: [Value; 6] = [
                tenant.as_str().into(),
                no.0.into(),
                period.kind.as_str().into(),
                period.start.into(),
                counted.amount.into(),
                counted.running.cap.into(),
            ];
            Change::one(update, values)
        }
    }
}

/// Begins to count a period.
pub fn usage_insert(tenant: &Tenant, no: WalletNo, period: Period, used: i64) -> Change {
    let insert =
        "INSERT INTO wallets_usage (tenant, wallet, period, start, used) VALUES (?1, ?2, ?3, ?4, ?5)";
    let values: [Value; 5] =
        [tenant.as_str().into(), no.0.into(), period.kind.as_str().into(), period.start.into(), used.into()];
    Change::one(insert, values)
}

/// Sets a count right that still is as it was read.
pub fn usage_set(tenant: &Tenant, no: WalletNo, period: Period, used: i64, seen: i64) -> Change {
    let update = "UPDATE wallets_usage SET used = ?5 WHERE tenant = ?1 AND wallet = ?2 AND period = ?3 AND start = ?4 AND used = ?6";
    let values: [Value; 6] = [
        tenant.as_str().into(),
        no.0.into(),
        period.kind.as_str().into(),
        period.start.into(),
        used.into(),
        seen.into(),
    ];
    Change::one(update, values)
}

/// Counts a period no more.
pub fn usage_delete(tenant: &Tenant, no: WalletNo, period: Period) -> Change {
    let delete = "DELETE FROM wallets_usage WHERE tenant = ?1 AND wallet = ?2 AND period = ?3 AND start = ?4";
    let values: [Value; 4] =
        [tenant.as_str().into(), no.0.into(), period.kind.as_str().into(), period.start.into()];
    Change::one(delete, values)
}

/// Every count of a wallet: kind, start, used.
pub fn usage_list(
    reader: &Reader<'_>,
    tenant: &Tenant,
    no: WalletNo,
) -> Result<Vec<(PeriodKind, Timestamp, i64)>, Error> {
    let query =
        "SELECT period, start, used FROM wallets_usage WHERE tenant = ?1 AND wallet = ?2 ORDER BY start";
    reader.rows(query, params![tenant.as_str(), no.0], |row| {
        let kind: String = row.get(0)?;
        let kind = PeriodKind::parse(&kind).unwrap_or(PeriodKind::Day);
        Ok((kind, Timestamp(row.get(1)?), row.get(2)?))
    })
}
