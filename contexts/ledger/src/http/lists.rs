//! What lists and reads have in common: waiting for a record, currencies, cursors and moments of a query, and the
//! shape of a page.

use super::render::Json;
use crate::Ledger;
use crate::books::model::{AssetNo, BookNo};
use crate::reading::When;
use kernel::{Cursor, Problem, Timestamp};
use platform_http::{Answer, Query};

pub(super) async fn wait_min_seq(ledger: &Ledger, book: BookNo, query: Query) -> Result<(), Problem> {
    let seq = query.integer("min_seq");
    query.into_result()?;
    wait_seq(ledger, book, seq).await
}

pub(super) async fn wait_seq(ledger: &Ledger, book: BookNo, seq: Option<u64>) -> Result<(), Problem> {
    match seq {
        Some(seq) => ledger.reading.await_seq(book, seq).await,
        None => Ok(()),
    }
}

/// A currency in a query.
pub(super) fn currency(ledger: &Ledger, book: BookNo, query: &Query) -> Option<AssetNo> {
    let code = query.parsed("currency", kernel::AssetCode::parse)?;
    let found = ledger.reading.asset_no(book, code);
    if found.is_none() {
        query.fault("currency", "unknown-asset", "is not registered");
    }
    found.map(|(no, _)| no)
}

/// Opens a cursor of this list.
pub(super) fn open_cursor<const N: usize>(
    query: &Query,
    cursor: Option<Cursor>,
    kind: u64,
) -> Option<[u64; N]> {
    match cursor?.open(kind) {
        Ok(place) => Some(place),
        Err(fault) => {
            query.fault("cursor", "invalid-value", fault);
            None
        }
    }
}

/// `{"data":[`
pub(super) fn list_start() -> Json {
    let mut json = Json::new();
    json.open(b'{');
    json.name("data");
    json.open(b'[');
    json
}

/// `],"next_cursor":…}`
pub(super) fn list_end(mut json: Json, next: Option<Cursor>) -> Answer {
    json.close(b']');
    json.maybe("next_cursor", next.map(|cursor| cursor.show()).as_deref());
    json.close(b'}');
    Answer::ok(json.done())
}

/// `at`: a time, or a record's number.
pub(super) fn when(ledger: &Ledger, query: &Query) -> When {
    let Some(text) = query.text("at", 64) else { return When::Now };
    if let Ok(seq) = text.parse::<u64>() {
        return When::Seq(seq);
    }
    match Timestamp::parse(text) {
        Ok(at) if at < ledger.now() => When::Time(at),
        Ok(_) => {
            query.fault("at", "invalid-value", "must lie in the past");
            When::Now
        }
        Err(fault) => {
            query.fault("at", "invalid-value", format_args!("{fault}, or a record's number"));
            When::Now
        }
    }
}

/// A time that has passed.
pub(super) fn moment(ledger: &Ledger, query: &Query, name: &str) -> Option<Timestamp> {
    let at = query.parsed(name, Timestamp::parse)?;
    if at > ledger.now() {
        query.fault(name, "invalid-value", "must lie in the past");
    }
    Some(at)
}
