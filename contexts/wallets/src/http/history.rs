//! A wallet's history with its filters, and its statement as JSON, CSV or a page to print.

use super::parse::{book, wallet_no};
use super::problem::Failure;
use super::views::{self, list_end, list_start};
use super::wallets::WALLET;
use super::{READS, open_cursor, page};
use crate::Wallets;
use crate::commands::life::WalletSeen;
use crate::commands::reading::{Covered, HistoryFilter, Line, amount_text};
use crate::model::Kind;
use crate::refusal as slug;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use formats::csv::write_row;
use kernel::money::parse_minor;
use kernel::{Asset, Cursor, Limit, Timestamp, id::prefix};
use ledger::http::Json;
use ledger::refusal::NOT_YET_VISIBLE;
use platform_http::{Answer, By, Doc, Parameter, Query, Routes, Segment, slugs};
use std::borrow::Cow;

const CURSOR_HISTORY: u64 = 103;
const CURSOR_STATEMENT: u64 = 104;
/// Most lines of a statement that has no pages.
const MAX_LINES: usize = 50_000;
const FROM: Parameter = Parameter { name: "from", about: "Recorded at this time or later.", kind: "string" };
const TO: Parameter = Parameter { name: "to", about: "Recorded before this time.", kind: "string" };
const CSV_HEAD: &str =
    "recorded_at,entry,seq,type,direction,amount,currency,balance,counterpart,reference,description\n";

pub(super) fn routes(routes: Routes<Wallets>) -> Routes<Wallets> {
    routes
        .list("/v1/wallets/{wallet}/history", READS, history, Doc {
            name: "wallet_history",
            summary: "What moved a wallet, newest first, with the balance after each line",
            detail: "A page may end early with a cursor when a filter skips very many lines.",
            path: &[WALLET],
            query: &[
                FROM,
                TO,
                Parameter { name: "kind", about: "top-up, withdrawal, payout, transfer, hold, capture, release, reversal or entry.", kind: "string" },
                Parameter { name: "min", about: "At least this amount.", kind: "string" },
                Parameter { name: "max", about: "At most this amount.", kind: "string" },
                Parameter { name: "direction", about: "in or out.", kind: "string" },
            ],
            ok: (200, "WalletHistory"),
            problems: const { &[&slug::WALLET_NOT_FOUND, &NOT_YET_VISIBLE] },
            ..Doc::NONE
        })
        .list("/v1/wallets/{wallet}/statement", READS, statement, Doc {
            name: "wallet_statement",
            summary: "A wallet's statement",
            detail: "By recorded time, oldest line first. `format=csv` and `format=html`, a page to print, give all lines at once, up to 50,000.",
            path: &[WALLET],
            query: &[
                FROM,
                TO,
                Parameter { name: "format", about: "json, csv or html.", kind: "string" },
            ],
            ok: (200, "WalletStatement"),
            problems: const { &[&slug::WALLET_NOT_FOUND, &NOT_YET_VISIBLE] },
            ..Doc::NONE
        })
}

/// A time that has passed.
fn moment(wallets: &Wallets, query: &Query, name: &str) -> Option<Timestamp> {
    let at = query.parsed(name, Timestamp::parse)?;
    if at > wallets.ledger().now() {
        query.fault(name, "invalid-value", "must lie in the past");
    }
    Some(at)
}

fn filter_of(wallets: &Wallets, query: &Query, asset: Asset) -> HistoryFilter {
    let amount = |name| query.parsed(name, |text| parse_minor(text, asset.scale));
    HistoryFilter {
        from: moment(wallets, query, "from"),
        to: moment(wallets, query, "to"),
        kind: query.choice("kind", &Kind::ALL),
        min: amount("min"),
        max: amount("max"),
        incoming: query.choice("direction", &[("in", true), ("out", false)]),
    }
}

async fn history(
    State(wallets): State<Wallets>,
    By(by): By,
    Segment(segment): Segment,
    query: Query,
) -> Result<Answer, Failure> {
    let no = wallet_no(&segment)?;
    let seen = wallets.wallet_seen(&by.tenant, no).await?;
    let (limit, cursor) = (query.limit(), query.cursor());
    let filter = filter_of(&wallets, &query, seen.asset.1);
    let cursor = open_cursor::<1>(&query, cursor, CURSOR_HISTORY);
    query.into_result()?;
    let book = book(&wallets, &by).await?;
    let cursor = cursor.map(|[place]| place);
    let (lines, next) = wallets.history(&seen, book, filter, limit.get(), cursor).await?;
    let mut json = list_start();
    for row in &lines {
        json.next();
        line(&mut json, row, seen.asset.1);
    }
    Ok(list_end(json, next.map(|place| Cursor::new(CURSOR_HISTORY, &[place]))))
}

fn prefix_of(line: &Line) -> &'static str {
    if line.kind == Kind::Hold { prefix::HOLD } else { prefix::ENTRY }
}

fn line(json: &mut Json, line: &Line, asset: Asset) {
    json.open(b'{');
    json.id("id", line.id, prefix_of(line));
    json.number("seq", line.seq);
    json.plain("type", line.kind.as_str());
    json.time("recorded_at", line.at);
    json.plain("direction", direction(line));
    json.amount("amount", line.amount, asset);
    json.plain("currency", asset.code.as_str());
    json.name("balance");
    views::balance(json, line.balance, asset);
    match line.counterpart {
        Some(wallet) => json.raw("counterpart", &wallet.0.to_string()),
        None => json.raw("counterpart", "null"),
    }
    json.maybe("reference", line.reference.as_deref());
    json.maybe("description", line.description.as_deref());
    json.close(b'}');
}

fn direction(line: &Line) -> &'static str {
    if line.incoming { "in" } else { "out" }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
    Html,
}

async fn statement(
    State(wallets): State<Wallets>,
    By(by): By,
    Segment(segment): Segment,
    query: Query,
) -> Result<Response, Failure> {
    let no = wallet_no(&segment)?;
    let (limit, cursor) = (query.limit(), query.cursor());
    let formats = [("json", Format::Json), ("csv", Format::Csv), ("html", Format::Html)];
    let format = query.choice("format", &formats).unwrap_or(Format::Json);
    let cursor = open_cursor::<3>(&query, cursor, CURSOR_STATEMENT);
    if format != Format::Json && cursor.is_some() {
        query.fault("cursor", "invalid-value", "this format has no pages");
    }
    let (from, to) = (moment(&wallets, &query, "from"), moment(&wallets, &query, "to"));
    if matches!((from, to), (Some(from), Some(to)) if from > to) {
        query.fault("from", "invalid-value", "must not be later than `to`");
    }
    query.into_result()?;
    let seen = wallets.wallet_seen(&by.tenant, no).await?;
    let book = book(&wallets, &by).await?;
    let end = cursor.map(|[seq, _, to]| (seq, Timestamp(to as i64)));
    let covered = wallets.covered(book, (from, to), end).await?;
    match format {
        Format::Json => {
            let after = cursor.map(|[_, place, _]| place);
            Ok(as_json(&wallets, &seen, covered, limit, after).await?.into_response())
        }
        Format::Csv | Format::Html => {
            let (lines, more) = wallets.lines(&seen, covered, MAX_LINES, None).await?;
            if more.is_some() {
                let detail =
                    format!("there are more than {MAX_LINES} lines in this time; ask for a shorter one");
                return Err(slugs::invalid("?from", "invalid-value", detail).into());
            }
            if format == Format::Csv {
                return Ok(as_csv(&lines, seen.asset.1).into_response());
            }
            let opening = wallets.balance_at(&seen, covered.opening)?;
            let closing = wallets.balance_at(&seen, covered.closing)?;
            Ok(page::statement(&seen, &covered, (opening, closing), &lines))
        }
    }
}

async fn as_json(
    wallets: &Wallets,
    seen: &WalletSeen,
    covered: Covered,
    limit: Limit,
    after: Option<u64>,
) -> Result<Answer, Failure> {
    let (lines, next) = wallets.lines(seen, covered, limit.get(), after).await?;
    let asset = seen.asset.1;
    let mut json = Json::new();
    json.open(b'{');
    json.raw("wallet", &seen.wallet.no.0.to_string());
    json.text("customer", &seen.wallet.customer);
    json.plain("currency", asset.code.as_str());
    match covered.from {
        Some(from) => json.time("from", from),
        None => json.raw("from", "null"),
    }
    json.time("to", covered.to);
    for (name, bound) in [("opening", covered.opening), ("closing", covered.closing)] {
        json.name(name);
        views::balance(&mut json, wallets.balance_at(seen, bound)?, asset);
    }
    json.name("data");
    json.open(b'[');
    for row in &lines {
        json.next();
        line(&mut json, row, asset);
    }
    json.close(b']');
    let place = |place| Cursor::new(CURSOR_STATEMENT, &[covered.closing.seq, place, covered.to.0 as u64]);
    json.maybe("next_cursor", next.map(place).map(|cursor| cursor.show()).as_deref());
    json.close(b'}');
    Ok(Answer::ok(json.done()))
}

fn as_csv(lines: &[Line], asset: Asset) -> Answer {
    let mut text = String::from(CSV_HEAD);
    for line in lines {
        let fields = [
            line.at.to_string(),
            line.id.show(prefix_of(line)),
            line.seq.to_string(),
            line.kind.as_str().to_owned(),
            direction(line).to_owned(),
            amount_text(line.amount, asset),
            asset.code.as_str().to_owned(),
            amount_text(line.balance.posted, asset),
            line.counterpart.map(|wallet| wallet.0.to_string()).unwrap_or_default(),
            plain(line.reference.as_deref()).into_owned(),
            plain(line.description.as_deref()).into_owned(),
        ];
        write_row(&mut text, fields.iter().map(String::as_str)).expect("a text takes everything");
    }
    Answer::ok(text).csv()
}

/// A free text that a spreadsheet would take for a formula is shown as text.
fn plain(text: Option<&str>) -> Cow<'_, str> {
    let text = text.unwrap_or_default();
    match text.starts_with(['=', '+', '-', '@']) {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}
