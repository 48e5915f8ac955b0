//! Roll-ups by path prefix.

use super::accounts::{CURRENCY, MIN_SEQ};
use super::lists::{currency, list_end, list_start, open_cursor, wait_seq, when};
use super::render::Json;
use super::{Failure, READS, book_of};
use crate::Ledger;
use crate::accounts::model::{MAX_PATH, path_check};
use crate::reading::{MAX_ROLLED, Rolled, When};
use crate::refusal as slug;
use axum::extract::State;
use kernel::{Asset, Cursor};
use platform_http::{Answer, By, Doc, Parameter, Query, Routes, slugs};
use std::time::Duration;

const CURSOR_ROLL_UP: u64 = 6;
/// Segments below the prefix that a row may have.
const MAX_DEPTH: u64 = 64;

pub(super) fn routes(routes: Routes<Ledger>) -> Routes<Ledger> {
    routes.list(
        "/v1/roll-ups",
        READS,
        roll_up,
        Doc {
            name: "roll_up",
            summary: "Balances summed by path",
            detail: "One row for each path and currency: everything at and below it. An account that has others below it and stands above the last level is a row of its own, so rows never overlap. All pages show one moment.",
            query: &[
                Parameter { name: "prefix", about: "Only at and below this path.", kind: "string" },
                Parameter { name: "depth", about: "Segments below the prefix that are told apart; 1 without it.", kind: "integer" },
                Parameter { name: "at", about: "A recorded time or a record number; the newest state without it.", kind: "string" },
                CURRENCY,
                MIN_SEQ,
            ],
            ok: (200, "RollUp"),
            problems: const { &[&slug::NOT_YET_VISIBLE] },
            time_limit: Some(Duration::from_secs(60)),
            ..Doc::NONE
        },
    )
}

async fn roll_up(State(ledger): State<Ledger>, By(by): By, query: Query) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    let (limit, cursor, min_seq) = (query.limit(), query.cursor(), query.integer("min_seq"));
    let (when, only) = (when(&ledger, &query), currency(&ledger, book, &query));
    let prefix = query.text("prefix", MAX_PATH).unwrap_or_default().to_owned();
    if let Some(fault) =
        Some(&prefix).filter(|prefix| !prefix.is_empty()).and_then(|path| path_check(path).err())
    {
        query.fault("prefix", "invalid-value", fault.0);
    }
    let depth = query.integer("depth").unwrap_or(1);
    if !(1..=MAX_DEPTH).contains(&depth) {
        query.fault("depth", "invalid-value", "must be a whole number from 1 to 64");
    }
    let cursor = open_cursor::<2>(&query, cursor, CURSOR_ROLL_UP);
    query.into_result()?;
    wait_seq(&ledger, book, min_seq).await?;
    // A later page is read at the first page's record: what had a balance then is the same for ever.
    let bound = ledger.reading.bound(book, cursor.map_or(when, |[seq, _]| When::Seq(seq))).await?;
    let reading = ledger.reading.clone();
    // Reads every balance of the book: off the threads that answer others.
    let rolled =
        tokio::task::spawn_blocking(move || reading.roll_up(book, &prefix, depth as usize, only, bound));
    let rolled =
        rolled.await.map_err(|fault| crate::reading::unreadable(&std::io::Error::other(fault)))??;
    let Some(rows) = rolled else {
        let detail = format!("gives more than {MAX_ROLLED} rows; ask for less depth or a longer prefix");
        return Err(slugs::invalid("?depth", "invalid-value", detail).into());
    };
    let start = cursor.map_or(0, |[_, start]| usize::try_from(start).unwrap_or(usize::MAX));
    let mut json = list_start();
    for ((path, asset), rolled) in rows.iter().skip(start).take(limit.get()) {
        row(&mut json, path, ledger.reading.asset(book, *asset), rolled);
    }
    let end = start.saturating_add(limit.get());
    let next = (end < rows.len()).then(|| Cursor::new(CURSOR_ROLL_UP, &[bound.seq, end as u64]));
    Ok(list_end(json, next))
}

fn row(json: &mut Json, path: &str, asset: Asset, rolled: &Rolled) {
    json.next();
    json.open(b'{');
    json.text("path", path);
    json.plain("currency", asset.code.as_str());
    json.number("accounts", rolled.accounts);
    let sums = &rolled.sums;
    for (side, posted, pending) in
        [("debits", sums.debits, sums.debits_pending), ("credits", sums.credits, sums.credits_pending)]
    {
        json.name(side);
        json.open(b'{');
        json.amount("posted", posted, asset);
        json.amount("pending", pending, asset);
        json.close(b'}');
    }
    json.amount("net", sums.debits.saturating_sub(sums.credits), asset);
    json.close(b'}');
}
