//! Statements: what an account held, what moved it in a time, what it held then; as JSON in pages or as one CSV.

use super::accounts::{MIN_SEQ, NAME, named};
use super::balances::history_row;
use super::lists::{currency, moment, open_cursor, wait_seq};
use super::render::{Json, entry_type};
use super::{Failure, READS, book_of};
use crate::Ledger;
use crate::accounts::model::{AccountNo, Counters};
use crate::books::model::{AssetNo, BookNo};
use crate::entries::model::Direction;
use crate::reading::{Bound, HistoryRow, Order, When};
use crate::refusal as slug;
use axum::extract::State;
use formats::csv::write_row;
use kernel::money::print_minor;
use kernel::{Asset, Cursor, Limit, Problem, Timestamp, id::prefix};
use platform_http::{Answer, By, Doc, Parameter, Query, Routes, Segment, slugs};
use std::borrow::Cow;

const CURSOR_STATEMENT: u64 = 7;
/// Most lines of a statement in CSV, which has no pages.
const MAX_LINES: usize = 50_000;
/// Lines of it whose records are read at once.
const LINES_AT_ONCE: usize = 100;
/// The last posting a record can have: a cursor behind it is behind the whole record.
const LAST_POSTING: usize = 1_023;
const CSV_HEAD: &str =
    "recorded_at,effective_at,entry,seq,type,direction,amount,currency,balance,reference,description\n";

pub(super) fn routes(routes: Routes<Ledger>) -> Routes<Ledger> {
    routes.list(
        "/v1/accounts/{account}/statement",
        READS,
        statement,
        Doc {
            name: "account_statement",
            summary: "An account's statement in one currency",
            detail: "By recorded time, oldest line first. `format=csv` gives all lines at once, up to 50,000.",
            path: &[NAME],
            query: &[
                Parameter {
                    name: "currency",
                    about: "Which; needed where the account has several.",
                    kind: "string",
                },
                Parameter {
                    name: "from",
                    about: "From this time on; from the beginning without it.",
                    kind: "string",
                },
                Parameter {
                    name: "to",
                    about: "Up to this time, not including it; up to now without it.",
                    kind: "string",
                },
                Parameter { name: "format", about: "json or csv.", kind: "string" },
                MIN_SEQ,
            ],
            ok: (200, "Statement"),
            problems: const { &[&slug::NOT_YET_VISIBLE] },
            ..Doc::NONE
        },
    )
}

/// A statement that was asked for.
struct Asked {
    account: AccountNo,
    asset: AssetNo,
    from: Option<Timestamp>,
    to: Timestamp,
    opening: Bound,
    closing: Bound,
}

async fn statement(
    State(ledger): State<Ledger>,
    By(by): By,
    Segment(name): Segment,
    query: Query,
) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    let (limit, cursor, min_seq) = (query.limit(), query.cursor(), query.integer("min_seq"));
    let only = currency(&ledger, book, &query);
    let csv = query.choice("format", &[("json", false), ("csv", true)]).unwrap_or(false);
    let cursor = open_cursor::<3>(&query, cursor, CURSOR_STATEMENT);
    if csv && cursor.is_some() {
        query.fault("cursor", "invalid-value", "a CSV has no pages");
    }
    let (from, to) = (moment(&ledger, &query, "from"), moment(&ledger, &query, "to"));
    if matches!((from, to), (Some(from), Some(to)) if from > to) {
        query.fault("from", "invalid-value", "must not be later than `to`");
    }
    query.into_result()?;
    wait_seq(&ledger, book, min_seq).await?;
    let account = named(&ledger, book, &name)?;
    let opening = match from {
        Some(from) => ledger.reading.bound(book, When::Time(from.plus_us(-1))).await?,
        None => Bound { seq: 0, position: 0 },
    };
    // A later page ends where the first one did. One without an end covers all that is durable, and says up to when:
    // the next statement goes on from there without a line lost or repeated.
    let newest = ledger.now().max(ledger.reading.durable_time().plus_us(1));
    let (to, until) = match cursor {
        Some([seq, _, to]) => (Timestamp(to as i64), When::Seq(seq)),
        None => {
            let to = to.unwrap_or(newest);
            (to, When::Time(to.plus_us(-1)))
        }
    };
    let closing = ledger.reading.bound(book, until).await?;
    let asset = asset_of(&ledger, account, only, closing)?;
    let asked = Asked { account, asset, from, to, opening, closing };
    if csv {
        // Reads up to fifty thousand records: off the threads that answer others.
        let written = tokio::task::spawn_blocking(move || as_csv(&ledger, book, &asked)).await;
        let fault = |fault| crate::reading::unreadable(&std::io::Error::other(fault));
        return Ok(written.map_err(fault)??);
    }
    as_json(&ledger, book, &asked, limit, cursor.map(|[_, place, _]| place))
}

fn asset_of(
    ledger: &Ledger,
    account: AccountNo,
    only: Option<AssetNo>,
    closing: Bound,
) -> Result<AssetNo, Problem> {
    if let Some(asset) = only {
        return Ok(asset);
    }
    match ledger.reading.balances(account, closing)?.as_slice() {
        [one] => Ok(one.asset),
        several => {
            let what = if several.is_empty() { "no balance yet" } else { "balances in several currencies" };
            let detail = format!("the account has {what}: say which currency");
            Err(slugs::invalid("?currency", "missing-field", detail))
        }
    }
}

impl Asked {
    fn counters(&self, ledger: &Ledger, bound: Bound) -> Result<Counters, Problem> {
        let balances = ledger.reading.balances(self.account, bound)?;
        let own = balances.iter().find(|balance| balance.asset == self.asset);
        Ok(own.map(|balance| balance.counters).unwrap_or_default())
    }

    fn page(
        &self,
        ledger: &Ledger,
        limit: usize,
        after: Option<u64>,
    ) -> Result<(Vec<HistoryRow>, Option<u64>), Problem> {
        let behind_opening = crate::skew::Place::new(self.opening.position, LAST_POSTING).0;
        let after = after.unwrap_or(behind_opening);
        let asset = Some(self.asset);
        let page = ledger.reading.history(
            self.account,
            asset,
            self.closing,
            Order::Ascending,
            limit,
            Some(after),
        )?;
        Ok((page.rows, page.next))
    }
}

fn as_json(
    ledger: &Ledger,
    book: BookNo,
    asked: &Asked,
    limit: Limit,
    after: Option<u64>,
) -> Result<Answer, Failure> {
    let (before, then) = (asked.counters(ledger, asked.opening)?, asked.counters(ledger, asked.closing)?);
    let (rows, next) = asked.page(ledger, limit.get(), after)?;
    let (id, path) = ledger.reading.name(asked.account);
    let (asset, normal) =
        (ledger.reading.asset(book, asked.asset), ledger.reading.kind(asked.account).normal_side());
    let mut json = Json::new();
    json.open(b'{');
    json.id("account", id, prefix::ACCOUNT);
    json.text("path", &path);
    json.plain("currency", asset.code.as_str());
    match asked.from {
        Some(from) => json.time("from", from),
        None => json.raw("from", "null"),
    }
    json.time("to", asked.to);
    stand(&mut json, "opening", &before, asset, normal);
    json.amount("debits", then.debits - before.debits, asset);
    json.amount("credits", then.credits - before.credits, asset);
    stand(&mut json, "closing", &then, asset, normal);
    json.name("data");
    json.open(b'[');
    for row in &rows {
        json.next();
        history_row(ledger, book, &mut json, row, normal);
    }
    json.close(b']');
    let next =
        next.map(|place| Cursor::new(CURSOR_STATEMENT, &[asked.closing.seq, place, asked.to.0 as u64]));
    json.maybe("next_cursor", next.map(|cursor| cursor.show()).as_deref());
    json.close(b'}');
    Ok(Answer::ok(json.done()))
}

fn stand(json: &mut Json, name: &str, counters: &Counters, asset: Asset, normal: Direction) {
    json.name(name);
    json.open(b'{');
    json.amount("posted", counters.posted(normal), asset);
    json.amount("pending", counters.pending(normal), asset);
    json.amount("available", counters.available(normal), asset);
    json.close(b'}');
}

fn as_csv(ledger: &Ledger, book: BookNo, asked: &Asked) -> Result<Answer, Problem> {
    let (asset, normal) =
        (ledger.reading.asset(book, asked.asset), ledger.reading.kind(asked.account).normal_side());
    let mut text = String::from(CSV_HEAD);
    let (mut after, mut lines) = (None, 0);
    // Records can be large, lines are not: few records at a time.
    loop {
        let (rows, next) = asked.page(ledger, LINES_AT_ONCE, after)?;
        rows.iter().for_each(|row| csv_line(&mut text, row, asset, normal));
        lines += rows.len();
        if next.is_none() {
            return Ok(Answer::ok(text).csv());
        }
        if lines >= MAX_LINES {
            let detail = format!("there are more than {MAX_LINES} lines in this time; ask for a shorter one");
            return Err(slugs::invalid("?from", "invalid-value", detail));
        }
        after = next;
    }
}

fn csv_line(text: &mut String, row: &HistoryRow, asset: Asset, normal: Direction) {
    let record = &row.record;
    let posting = &record.effect.postings()[row.posting];
    let details = record.command.as_ref().and_then(|command| command.details());
    let effective = record.command.as_ref().and_then(|command| command.effective_at());
    let is_hold = matches!(record.effect, crate::effect::Effect::Held { .. });
    let fields = [
        record.at.to_string(),
        effective.unwrap_or(record.at).to_string(),
        record.id.show(if is_hold { prefix::HOLD } else { prefix::ENTRY }),
        record.seq.to_string(),
        entry_type(record).to_owned(),
        posting.direction.as_str().to_owned(),
        print_minor(posting.amount, asset.scale),
        asset.code.as_str().to_owned(),
        print_minor(posting.after.posted(normal), asset.scale),
        details.and_then(|details| details.reference.as_deref()).unwrap_or_default().to_owned(),
        details.and_then(|details| details.text.description.as_deref()).unwrap_or_default().to_owned(),
    ];
    let cells = fields.iter().enumerate().map(|(place, field)| {
        // A free text that a spreadsheet would take for a formula is shown as text.
        let is_formula = place >= FREE_TEXT && field.starts_with(['=', '+', '-', '@']);
        if is_formula { Cow::Owned(format!("'{field}")) } else { Cow::Borrowed(field.as_str()) }
    });
    let cells: Vec<Cow<'_, str>> = cells.collect();
    write_row(text, cells.iter().map(AsRef::as_ref)).expect("a text takes everything");
}

/// The fields from this one on are the callers' own words.
const FREE_TEXT: usize = 9;
