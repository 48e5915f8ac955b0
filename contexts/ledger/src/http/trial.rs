//! The trial balance.

use super::lists::{currency, open_cursor, wait_seq, when};
use super::render::Json;
use super::{Failure, READS, book_of};
use crate::Ledger;
use crate::entries::model::Direction;
use crate::refusal as slug;
use axum::extract::State;
use kernel::{Cursor, id::prefix};
use platform_http::{Answer, By, Doc, Parameter, Query, Routes};
use std::time::Duration;

const CURSOR_TRIAL: u64 = 5;

pub(super) fn routes(routes: Routes<Ledger>) -> Routes<Ledger> {
    routes.list(
        "/v1/trial-balance",
        READS,
        trial_balance,
        Doc {
            name: "trial_balance",
            summary: "Every balance, and totals that must be equal",
            detail: "In the order in which the balances were first touched. The totals cover the whole book and stand on the first page.",
            query: &[
                Parameter {
                    name: "at",
                    about: "A recorded time or a record number; the newest state without it.",
                    kind: "string",
                },
                Parameter { name: "currency", about: "Only this currency.", kind: "string" },
                Parameter {
                    name: "min_seq",
                    about: "Wait until the record of this number is visible.",
                    kind: "integer",
                },
            ],
            ok: (200, "TrialBalance"),
            problems: const { &[&slug::NOT_YET_VISIBLE] },
            time_limit: Some(Duration::from_secs(60)),
            ..Doc::NONE
        },
    )
}

async fn trial_balance(State(ledger): State<Ledger>, By(by): By, query: Query) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    let (limit, cursor, min_seq) = (query.limit(), query.cursor(), query.integer("min_seq"));
    let (when, only) = (when(&ledger, &query), currency(&ledger, book, &query));
    let cursor = open_cursor::<2>(&query, cursor, CURSOR_TRIAL);
    query.into_result()?;
    wait_seq(&ledger, book, min_seq).await?;
    // A later page is read at the first page's record, so that all pages show one moment.
    let when = cursor.map_or(when, |[seq, _]| crate::reading::When::Seq(seq));
    let bound = ledger.reading.bound(book, when).await?;
    let start = cursor.map(|[_, place]| u32::try_from(place).unwrap_or(u32::MAX));
    let reading = ledger.reading.clone();
    // Reads every balance of the book: off the threads that answer others.
    let trial = tokio::task::spawn_blocking(move || reading.trial(book, only, bound, limit.get(), start));
    let trial =
        trial.await.map_err(|fault| super::super::reading::unreadable(&std::io::Error::other(fault)))??;
    let mut json = Json::new();
    json.open(b'{');
    json.number("at_seq", bound.seq);
    json.name("totals");
    json.open(b'[');
    for (asset, total) in &trial.totals {
        let asset = ledger.reading.asset(book, *asset);
        json.next();
        json.open(b'{');
        json.plain("currency", asset.code.as_str());
        json.amount("debits", total.debits, asset);
        json.amount("credits", total.credits, asset);
        json.close(b'}');
    }
    json.close(b']');
    json.name("data");
    json.open(b'[');
    for row in &trial.rows {
        let asset = ledger.reading.asset(book, row.asset);
        let normal: Direction = row.kind.normal_side();
        json.next();
        json.open(b'{');
        json.id("account", row.name.id, prefix::ACCOUNT);
        json.text("path", &row.name.path);
        json.plain("type", row.kind.as_str());
        json.plain("currency", asset.code.as_str());
        json.amount("debits", row.counters.debits, asset);
        json.amount("credits", row.counters.credits, asset);
        json.amount("balance", row.counters.posted(normal), asset);
        json.close(b'}');
    }
    json.close(b']');
    let next = trial.next.map(|place| Cursor::new(CURSOR_TRIAL, &[bound.seq, place.into()]));
    json.maybe("next_cursor", next.map(|cursor| cursor.show()).as_deref());
    json.close(b'}');
    Ok(Answer::ok(json.done()))
}
