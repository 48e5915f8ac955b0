//! The rows of API keys. Every query names the tenant, but for the two a server makes for all of them:
//! loading the living keys, since a key says whose it is, and counting them.

use crate::model::{ApiKey, Standing};
use kernel::{Id, Scopes, Tenant, Timestamp};
use platform_store::{Error, Reader, Row, Tx, params};

/// What a server keeps of a key that may still open.
pub struct LiveKey {
    pub hash: [u8; 32],
    pub id: Id,
    pub tenant: Tenant,
    pub scopes: Scopes,
    pub expires_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, tenant, name, scopes, last_four, created_at, expires_at, revoked_at";

/// Adds a key.
pub fn key_insert(tx: &Tx<'_>, key: &ApiKey, hash: &[u8; 32]) -> Result<(), Error> {
    let insert = "INSERT INTO identity_keys
        (id, tenant, name, scopes, hash, last_four, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let scopes = key.scopes.names().collect::<Vec<_>>().join(" ");
    let row = params![
        key.id.0.to_be_bytes(),
        key.tenant.as_str(),
        key.name.as_str(),
        scopes,
        hash,
        key.last_four.as_str(),
        key.created_at.0,
        key.expires_at.map(|end| end.0)
    ];
    tx.execute(insert, row).map(drop)
}

/// A tenant's keys, newest first.
pub fn key_list(
    reader: &Reader<'_>,
    tenant: &Tenant,
    before: Option<Id>,
    limit: usize,
) -> Result<Vec<ApiKey>, Error> {
    let query = format!(
        "SELECT {COLUMNS} FROM identity_keys WHERE tenant = ?1 AND (id < ?2 OR ?2 IS NULL)
         ORDER BY id DESC LIMIT ?3"
    );
    let place = before.map(|id| id.0.to_be_bytes());
    reader.rows(&query, params![tenant.as_str(), place, limit as i64], key_of)
}

/// One key of a tenant.
pub fn key_find(reader: &Reader<'_>, tenant: &Tenant, id: Id) -> Result<Option<ApiKey>, Error> {
    let query = format!("SELECT {COLUMNS} FROM identity_keys WHERE tenant = ?1 AND id = ?2");
    reader.row(&query, params![tenant.as_str(), id.0.to_be_bytes()], key_of)
}

/// Marks one active key of a tenant as revoked.
pub fn key_revoke(tx: &Tx<'_>, tenant: &Tenant, id: Id, at: Timestamp) -> Result<(), Error> {
    let update =
        "UPDATE identity_keys SET revoked_at = ?3 WHERE tenant = ?1 AND id = ?2 AND revoked_at IS NULL";
    let rows = tx.execute(update, params![tenant.as_str(), id.0.to_be_bytes(), at.0])?;
    assert_eq!(rows, 1, "the key was read as active in this transaction");
    Ok(())
}

/// How many keys are not revoked.
pub fn key_count_live(reader: &Reader<'_>) -> Result<u64, Error> {
    let query = "SELECT count(*) FROM identity_keys WHERE revoked_at IS NULL";
    let count = reader.row(query, [], |row| row.get::<i64>(0))?;
    Ok(u64::try_from(count.unwrap_or(0)).expect("a count is not negative"))
}

/// Every key that is not revoked.
pub fn key_load_live(reader: &Reader<'_>) -> Result<Vec<LiveKey>, Error> {
    let query = "SELECT hash, id, tenant, scopes, expires_at FROM identity_keys WHERE revoked_at IS NULL";
    reader.rows(query, [], |row| {
        Ok(LiveKey {
            hash: row.get(0)?,
            id: id_of(row, 1)?,
            tenant: tenant_of(row, 2)?,
            scopes: scopes_of(row, 3)?,
            expires_at: row.get::<Option<i64>>(4)?.map(Timestamp),
        })
    })
}

/// Whether a key was ever made.
pub fn key_any(reader: &Reader<'_>) -> Result<bool, Error> {
    Ok(reader.row("SELECT 1 FROM identity_keys LIMIT 1", [], |_| Ok(()))?.is_some())
}

type Read<T> = Result<T, platform_store::RowError>;

fn key_of(row: &Row<'_>) -> Read<ApiKey> {
    Ok(ApiKey {
        id: id_of(row, 0)?,
        tenant: tenant_of(row, 1)?,
        name: row.get(2)?,
        scopes: scopes_of(row, 3)?,
        last_four: row.get(4)?,
        created_at: Timestamp(row.get(5)?),
        expires_at: row.get::<Option<i64>>(6)?.map(Timestamp),
        standing: match row.get::<Option<i64>>(7)? {
            None => Standing::Active,
            Some(at) => Standing::Revoked { at: Timestamp(at) },
        },
    })
}

fn id_of(row: &Row<'_>, column: usize) -> Read<Id> {
    Ok(Id(u128::from_be_bytes(row.get(column)?)))
}

fn tenant_of(row: &Row<'_>, column: usize) -> Read<Tenant> {
    let name: String = row.get(column)?;
    Tenant::parse(&name).map_err(|invalid| platform_store::unreadable(column, invalid))
}

fn scopes_of(row: &Row<'_>, column: usize) -> Read<Scopes> {
    let names: String = row.get(column)?;
    Ok(Scopes::new(names.split(' ').filter(|name| !name.is_empty())))
}
