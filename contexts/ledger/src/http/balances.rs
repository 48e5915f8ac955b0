//! Balances, now and at a past moment, and the history that led to them.

use super::accounts::{CURRENCY, MIN_SEQ, NAME, named};
use super::lists::{currency, list_end, list_start, open_cursor, wait_seq, when};
use super::render::{Json, Render};
use super::{Failure, READS, book_of};
use crate::Ledger;
use crate::books::model::BookNo;
use crate::effect::Effect;
use crate::reading::{Order, When};
use crate::refusal as slug;
use axum::extract::State;
use kernel::{Cursor, id::prefix};
use platform_http::{Answer, By, Doc, Parameter, Query, Routes, Segment};

const CURSOR_HISTORY: u64 = 2;
const AT: Parameter = Parameter {
    name: "at",
    about: "A recorded time (RFC 3339) or a record number; the newest state without it.",
    kind: "string",
};

pub(super) fn routes(routes: Routes<Ledger>) -> Routes<Ledger> {
    routes
        .get(
            "/v1/accounts/{account}/balances",
            READS,
            account_balances,
            Doc {
                name: "account_balances",
                summary: "Read balances, now or at a past moment",
                path: &[NAME],
                query: &[AT, CURRENCY, MIN_SEQ],
                ok: (200, "Balances"),
                problems: const { &[&slug::NOT_YET_VISIBLE] },
                ..Doc::NONE
            },
        )
        .list(
            "/v1/accounts/{account}/entries",
            READS,
            account_history,
            Doc {
                name: "account_history",
                summary: "An account's postings with running balances",
                path: &[NAME],
                query: &[
                    CURRENCY,
                    Parameter { name: "order", about: "desc (newest first) or asc.", kind: "string" },
                    MIN_SEQ,
                ],
                ok: (200, "History"),
                ..Doc::NONE
            },
        )
}

async fn account_balances(
    State(ledger): State<Ledger>,
    By(by): By,
    Segment(name): Segment,
    query: Query,
) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    let (when, only, min_seq) =
        (when(&ledger, &query), currency(&ledger, book, &query), query.integer("min_seq"));
    query.into_result()?;
    wait_seq(&ledger, book, min_seq).await?;
    let account = named(&ledger, book, &name)?;
    let bound = ledger.reading.bound(book, when).await?;
    let (id, path) = ledger.reading.name(account);
    let normal = ledger.reading.kind(account).normal_side();
    let mut json = Json::new();
    json.open(b'{');
    json.id("account", id, prefix::ACCOUNT);
    json.text("path", &path);
    json.number("at_seq", bound.seq);
    json.name("data");
    json.open(b'[');
    let render = Render { reading: &ledger.reading, book };
    for seen in ledger.reading.balances(account, bound)? {
        if only.is_some_and(|only| only != seen.asset) {
            continue;
        }
        let asset = ledger.reading.asset(book, seen.asset);
        json.next();
        json.open(b'{');
        render.balance(&mut json, seen.asset, &seen.counters, normal);
        let counters = &seen.counters;
        for (side, posted, pending) in [
            ("debits", counters.debits, counters.debits_pending),
            ("credits", counters.credits, counters.credits_pending),
        ] {
            json.name(side);
            json.open(b'{');
            json.amount("posted", posted, asset);
            json.amount("pending", pending, asset);
            json.close(b'}');
        }
        json.number("last_seq", seen.last_seq);
        json.close(b'}');
    }
    json.close(b']');
    json.close(b'}');
    Ok(Answer::ok(json.done()))
}

async fn account_history(
    State(ledger): State<Ledger>,
    By(by): By,
    Segment(name): Segment,
    query: Query,
) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    let (limit, cursor, min_seq) = (query.limit(), query.cursor(), query.integer("min_seq"));
    let only = currency(&ledger, book, &query);
    let orders = [("desc", Order::Descending), ("asc", Order::Ascending)];
    let order = query.choice("order", &orders).unwrap_or(Order::Descending);
    let cursor = open_cursor::<1>(&query, cursor, CURSOR_HISTORY).map(|[place]| place);
    query.into_result()?;
    wait_seq(&ledger, book, min_seq).await?;
    let account = named(&ledger, book, &name)?;
    let bound = ledger.reading.bound(book, When::Now).await?;
    let page = ledger.reading.history(account, only, bound, order, limit.get(), cursor)?;
    let normal = ledger.reading.kind(account).normal_side();
    let mut json = list_start();
    for row in &page.rows {
        json.next();
        history_row(&ledger, book, &mut json, row, normal);
    }
    Ok(list_end(json, page.next.map(|place| Cursor::new(CURSOR_HISTORY, &[place]))))
}

pub(super) fn history_row(
    ledger: &Ledger,
    book: BookNo,
    json: &mut Json,
    row: &crate::reading::HistoryRow,
    normal: crate::entries::model::Direction,
) {
    let record = &row.record;
    let posting = &record.effect.postings()[row.posting];
    let asset = ledger.reading.asset(book, posting.asset);
    let details = record.command.as_ref().and_then(|command| command.details());
    json.open(b'{');
    let hold = matches!(record.effect, Effect::Held { .. });
    json.id("entry", record.id, if hold { prefix::HOLD } else { prefix::ENTRY });
    json.number("seq", record.seq);
    json.plain("type", super::render::entry_type(record));
    json.time("recorded_at", record.at);
    let effective = record.command.as_ref().and_then(|command| command.effective_at());
    json.time("effective_at", effective.unwrap_or(record.at));
    json.plain("direction", posting.direction.as_str());
    json.amount("amount", posting.amount, asset);
    json.plain("currency", asset.code.as_str());
    json.name("balance");
    json.open(b'{');
    json.amount("posted", posting.after.posted(normal), asset);
    json.amount("pending", posting.after.pending(normal), asset);
    json.amount("available", posting.after.available(normal), asset);
    json.close(b'}');
    json.maybe("reference", details.and_then(|details| details.reference.as_deref()));
    json.maybe("description", details.and_then(|details| details.text.description.as_deref()));
    json.close(b'}');
}
