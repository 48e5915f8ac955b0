//! Whose tables the statements touch: every one in the store is prepared under an authorizer that writes down what it
//! reads and changes. Wallets touch `wallets_*` alone; the tables of the store itself are its own to change.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use kernel::{IdSource as _, RandomIds, SystemClock};
use platform_store::Migration;
use platform_store::postgres::RowStore;
use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

const SOURCES: [&str; 2] = [include_str!("../src/store.rs"), include_str!("../src/store/payouts.rs")];

/// The statements of a source: its literals that begin as one does.
fn statements(source: &str) -> Vec<String> {
    let pieces = source.split('"').skip(1).step_by(2).map(str::trim);
    let begins =
        |text: &&str| ["SELECT ", "INSERT ", "UPDATE ", "DELETE "].iter().any(|verb| text.starts_with(verb));
    let columns = |text: &str| {
        let customer = "customer, login, name, created, changed, id";
        let wallet = "wallet, customer, asset, label, metadata, status, reason, since, created";
        text.replace("{CUSTOMER}", customer).replace("{WALLET}", wallet)
    };
    pieces.filter(begins).map(columns).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_is_one_of_both_engines() {
    let Ok(url) = std::env::var("CONCORD_TEST_POSTGRES") else {
        assert!(std::env::var_os("CI").is_none(), "CONCORD_TEST_POSTGRES names no server");
        eprintln!("NOT RUN: CONCORD_TEST_POSTGRES names no PostgreSQL server");
        return;
    };
    let name = format!("wallets_sql_{:08x}", RandomIds.next().0 as u32);
    let sql = include_str!("../migrations/0001_wallets.sql");
    let migrations = [Migration { file: "0001_wallets.sql", sql }];
    let clock = Arc::new(SystemClock::default());
    let store = RowStore::open(&url, Box::leak(name.into_boxed_str()), &migrations, clock).await.unwrap();
    for sql in SOURCES.into_iter().flat_map(statements) {
        let prepared = store.prepares(&sql).await;
        assert!(prepared.is_ok(), "{sql}: {:?}", prepared.err().map(|fault| format!("{fault:?}")));
    }
}

#[test]
fn every_statement_touches_its_own_tables_and_names_the_tenant() {
    let mut connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(include_str!("../migrations/0001_wallets.sql")).unwrap();
    let touched: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let seen = touched.clone();
    connection
        .authorizer(Some(move |context: AuthContext<'_>| {
            if let AuthAction::Read { table_name, .. }
            | AuthAction::Insert { table_name }
            | AuthAction::Update { table_name, .. }
            | AuthAction::Delete { table_name } = context.action
            {
                seen.lock().unwrap().insert(table_name.to_owned());
            }
            Authorization::Allow
        }))
        .unwrap();
    let all: Vec<String> = SOURCES.into_iter().flat_map(statements).collect();
    assert!(all.len() >= 25, "{}", all.len());
    for sql in &all {
        assert!(connection.prepare(sql).is_ok(), "{sql}: {:?}", connection.prepare(sql).err());
        assert!(sql.contains("tenant"), "{sql}");
        let scoped =
            sql.starts_with("INSERT") || sql.contains("tenant = ?1") || sql.contains("(tenant, wallet) >");
        assert!(scoped, "{sql}");
    }
    let touched = touched.lock().unwrap();
    let own = ["customers", "wallets", "limits", "usage", "payout_batches", "payouts"];
    let own: BTreeSet<String> = own.into_iter().map(|name| format!("wallets_{name}")).collect();
    assert_eq!(*touched, own);
}
