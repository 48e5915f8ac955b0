//! The journal as a feed: every record in order with the balances after it, by long poll or as server-sent
//! events.

use super::render::{Json, Render};
use super::{Failure, READS, book_of};
use crate::Ledger;
use crate::accounts::model::Lifecycle;
use crate::books::model::BookNo;
use crate::command::Command;
use crate::effect::{Effect, Outcome};
use crate::holds::model::HoldAction;
use crate::journal::record::Record;
use axum::body::Body as HttpBody;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use kernel::{Problem, id::prefix};
use platform_http::{Answer, By, Doc, Ending, Parameter, Query, Routes, write_problem};
use std::time::Duration;

/// Longest that a poll waits for something new.
const MAX_WAIT_S: u64 = 30;
/// Records of one event-stream read.
const STREAM_PAGE: usize = 100;
/// A comment is sent when nothing happens, so that proxies keep the stream open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) fn routes(routes: Routes<Ledger>) -> Routes<Ledger> {
    routes.get("/v1/journal", READS, journal_read, Doc {
        name: "journal_read",
        summary: "Every record in order",
        detail: "`wait` seconds for something new (long poll), or `Accept: text/event-stream` for server-sent events, which go on after `Last-Event-ID`.",
        query: &[
            Parameter { name: "after", about: "The number of the last record seen; 0 for all.", kind: "integer" },
            Parameter { name: "limit", about: "Most records, 1 to 500 (50).", kind: "integer" },
            Parameter { name: "wait", about: "Seconds to wait for a record, 0 to 30 (0).", kind: "integer" },
        ],
        ok: (200, "Journal"),
        time_limit: Some(Duration::from_secs(MAX_WAIT_S + 10)),
        ..Doc::NONE
    })
}

async fn journal_read(
    State(ledger): State<Ledger>,
    By(by): By,
    headers: HeaderMap,
    mut ending: Ending,
    query: Query,
) -> Result<Response, Failure> {
    let book = book_of(&ledger, &by).await?;
    let stream =
        headers.get(header::ACCEPT).is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
    let after = query.integer("after").unwrap_or(0);
    let limit = query.limit();
    let wait = query.integer("wait").unwrap_or(0);
    if wait > MAX_WAIT_S {
        query.fault("wait", "invalid-value", format_args!("must be from 0 to {MAX_WAIT_S} seconds"));
    }
    query.into_result()?;
    if stream {
        let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
        return Ok(event_stream(ledger, book, last.unwrap_or(after), ending));
    }
    if wait > 0 {
        let news = ledger.reading.await_shown(book, after.saturating_add(1), Duration::from_secs(wait));
        tokio::select! {
            _ = news => {}
            () = ending.begun() => {}
        }
    }
    let records = ledger.reading.feed(book, after, limit.get())?;
    let mut json = Json::new();
    json.open(b'{');
    json.name("data");
    json.open(b'[');
    for record in &records {
        json.next();
        render(&ledger, book, &mut json, record);
    }
    json.close(b']');
    json.number("next_after", records.last().map_or(after, |record| record.seq));
    json.close(b'}');
    Ok(Answer::ok(json.done()).into_response())
}

fn event_stream(ledger: Ledger, book: BookNo, after: u64, ending: Ending) -> Response {
    let events = futures_util::stream::unfold(
        (ledger, after, ending),
        move |(ledger, after, mut ending)| async move {
            let news = ledger.reading.await_shown(book, after.saturating_add(1), KEEP_ALIVE);
            let found = tokio::select! {
                found = news => found,
                () = ending.begun() => return None,
            };
            if ledger.engine().view.durable().poisoned && !found {
                return None;
            }
            if !found {
                return Some((
                    Ok::<_, std::io::Error>(bytes::Bytes::from_static(b": nothing new\n\n")),
                    (ledger, after, ending),
                ));
            }
            let records = ledger.reading.feed(book, after, STREAM_PAGE).ok()?;
            let mut out = Json::new();
            for record in &records {
                out.bytes.extend_from_slice(
                    format!("id: {}\nevent: {}\ndata: ", record.seq, kind(record)).as_bytes(),
                );
                render(&ledger, book, &mut out, record);
                out.bytes.extend_from_slice(b"\n\n");
            }
            let after = records.last().map_or(after, |record| record.seq);
            Some((Ok(out.done().into()), (ledger, after, ending)))
        },
    );
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    (headers, HttpBody::from_stream(events)).into_response()
}

/// The type of a record, as callers know it.
fn kind(record: &Record) -> &'static str {
    match &record.effect {
        Effect::Book { .. } => "book.opened",
        Effect::Asset(_) => "asset.registered",
        Effect::Pattern(_) => "pattern.set",
        Effect::Opened(_) => "account.opened",
        Effect::Changed { .. } => match &record.command {
            Some(Command::MoveAccount(_, Lifecycle::Freeze(_), _)) => "account.frozen",
            Some(Command::MoveAccount(_, Lifecycle::Thaw, _)) => "account.thawed",
            Some(Command::MoveAccount(_, Lifecycle::Close, _)) => "account.closed",
            _ => "account.changed",
        },
        Effect::Posted { .. } => "entry.posted",
        Effect::Reversed { .. } => "entry.reversed",
        Effect::Held { .. } => "hold.placed",
        Effect::HoldMoved { action, .. } => match action {
            HoldAction::Capture { .. } => "hold.captured",
            HoldAction::Void { .. } => "hold.voided",
            HoldAction::Increment { .. } => "hold.incremented",
            HoldAction::Extend { .. } => "hold.extended",
            HoldAction::Expire => "hold.expired",
        },
        Effect::Refused(_) => "command.refused",
        Effect::Batch(_) => "batch.recorded",
        Effect::Unit => "unit.recorded",
    }
}

fn render(ledger: &Ledger, book: BookNo, json: &mut Json, record: &Record) {
    let render = Render { reading: &ledger.reading, book };
    json.open(b'{');
    json.number("seq", record.seq);
    json.plain("type", kind(record));
    json.time("recorded_at", record.at);
    json.maybe("party", record.party.as_deref());
    json.number("party_seq", record.party_seq);
    match &record.effect {
        Effect::Posted { .. } | Effect::Reversed { .. } => {
            json.name("entry");
            render.entry(json, record, false);
        }
        Effect::Held { hold, .. } => {
            json.name("hold");
            render.hold(json, record, hold, record, false);
        }
        Effect::HoldMoved { hold_id, hold, .. } => {
            json.id("hold", *hold_id, prefix::HOLD);
            json.plain("hold_status", hold.state.as_str());
            json.name("entry");
            render.entry(json, record, false);
        }
        Effect::Opened(opened) => {
            json.id("account", opened.id, prefix::ACCOUNT);
            json.text("path", &opened.path);
            json.plain("account_type", opened.kind.as_str());
        }
        Effect::Changed { account, settings } => {
            let (id, path) = ledger.reading.name(*account);
            json.id("account", id, prefix::ACCOUNT);
            json.text("path", &path);
            json.number("version", settings.version.into());
        }
        Effect::Asset(asset) => {
            json.plain("code", asset.code.as_str());
            json.number("scale", asset.scale.into());
        }
        Effect::Pattern(pattern) => json.text("pattern", &pattern.pattern),
        Effect::Refused(problem) => refused(json, problem),
        Effect::Batch(batch) => {
            let refused =
                batch.outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Refused(_))).count();
            json.plain("mode", if batch.atomic { "atomic" } else { "independent" });
            json.number("commands", batch.outcomes.len() as u64);
            json.number("refused", refused as u64);
        }
        Effect::Book { tenant, .. } => json.text("tenant", tenant.as_str()),
        Effect::Unit => {}
    }
    json.close(b'}');
}

fn refused(json: &mut Json, problem: &Problem) {
    json.name("problem");
    write_problem(&mut json.bytes, problem, None, None);
}
