//! Searching entries: what they have in common as query parameters, and the page of them.

use super::super::accounts::{MIN_SEQ, NAME};
use super::super::lists::{currency, list_end, list_start, moment, open_cursor, wait_seq};
use super::super::parse::{MAX_WORD, METADATA, account_segment};
use super::super::render::{Json, Render};
use super::super::{Failure, holds};
use crate::Ledger;
use crate::accounts::model::{AccountNo, MAX_PATH};
use crate::books::model::BookNo;
use crate::projection::Span;
use crate::reading::{EntryFilter, EntrySeen, Story, When};
use crate::refusal as slug;
use kernel::money::parse_minor;
use kernel::{Asset, Cursor};
use platform_http::{Answer, Doc, Parameter, Query};

const CURSOR_ENTRIES: u64 = 8;
/// Longest amount: all digits that a balance can have, a sign and a point.
const MAX_AMOUNT: usize = 64;

const fn text(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, about, kind: "string" }
}

pub(super) const DOC: Doc = Doc {
    name: "entry_find",
    summary: "Search entries, newest first, or find one by key or ref",
    detail: "With `key` or `ref`, the one entry of that name and nothing else. Without, a page of posted entries, reversals, captures and holds, all parameters together; by metadata with `metadata.NAME=VALUE`. `reference`, `party` and metadata are searched in a projection that follows the journal by moments: `min_seq` waits for it. A page looks at 1,000 entries at most, so it may end early with a cursor where few of them fit.",
    query: &[
        text("key", "The Idempotency-Key it was posted under."),
        text("ref", "Its ref."),
        text("account", "Entries with a posting on it: its id, its path, or n for the path accounts:n."),
        text("reference", "Entries with this reference."),
        text("party", "Entries of this party."),
        text("from", "Recorded from this time on."),
        text("to", "Recorded up to this time, not including it."),
        text("currency", "Entries with a posting in this currency."),
        text("min", "The largest posting in that currency is at least so much, in major units."),
        text("max", "The largest posting in that currency is at most so much."),
        MIN_SEQ,
    ],
    ok: (200, "EntryFound"),
    problems: const { &[&slug::NOT_YET_VISIBLE, &slug::PROJECTION_OFF] },
    ..Doc::NONE
};

pub(super) async fn entry_list(ledger: &Ledger, book: BookNo, query: Query) -> Result<Answer, Failure> {
    let (limit, cursor, min_seq) = (query.limit(), query.cursor(), query.integer("min_seq"));
    let filter = filter(ledger, book, &query);
    let (from, to) = (moment(ledger, &query, "from"), moment(ledger, &query, "to"));
    if matches!((from, to), (Some(from), Some(to)) if from > to) {
        query.fault("from", "invalid-value", "must not be later than `to`");
    }
    let cursor = open_cursor::<1>(&query, cursor, CURSOR_ENTRIES);
    query.into_result()?;
    wait_seq(ledger, book, min_seq).await?;
    let after = match from {
        Some(from) => ledger.reading.bound(book, When::Time(from.plus_us(-1))).await?.position,
        None => 0,
    };
    let before = match (cursor, to) {
        (Some([place]), _) => place,
        (None, Some(to)) => ledger.reading.bound(book, When::Time(to.plus_us(-1))).await?.position + 1,
        (None, None) => u64::MAX,
    };
    let page = ledger.entries(book, filter, Span { after, before }, limit.get(), min_seq).await?;
    let render = Render { reading: &ledger.reading, book };
    let mut json = list_start();
    for entry in page.entries {
        json.next();
        show(&render, &mut json, entry);
    }
    Ok(list_end(json, page.next.map(|place| Cursor::new(CURSOR_ENTRIES, &[place]))))
}

/// An entry as it was written, a hold as it stands: each as reading it by its id shows it.
fn show(render: &Render<'_>, json: &mut Json, entry: EntrySeen) {
    match entry {
        EntrySeen { record, newest: Some(newest) } => {
            holds::render_story(render, json, &Story { first: record, newest });
        }
        EntrySeen { record, newest: None } => render.entry(json, &record, false),
    }
}

fn filter(ledger: &Ledger, book: BookNo, query: &Query) -> EntryFilter {
    let word = |name| query.text(name, MAX_WORD).map(str::to_owned);
    let asset = currency(ledger, book, query);
    let unit = asset.map(|asset| ledger.reading.asset(book, asset));
    let (min, max) = (amount(query, "min", unit), amount(query, "max", unit));
    if matches!((min, max), (Some(min), Some(max)) if min > max) {
        query.fault("min", "invalid-value", "must not be more than `max`");
    }
    EntryFilter {
        account: account(ledger, book, query),
        reference: word("reference"),
        party: word("party"),
        metadata: metadata(query),
        asset,
        min,
        max,
    }
}

fn account(ledger: &Ledger, book: BookNo, query: &Query) -> Option<AccountNo> {
    let name = query.text(NAME.name, MAX_PATH)?;
    let found = account_segment(name).map(|name| ledger.reading.find(book, &name));
    match found {
        Ok(Some(account)) => return Some(account),
        Ok(None) => query.fault(NAME.name, "unknown-account", "is no account of this book"),
        Err(fault) => query.fault(NAME.name, "invalid-value", fault),
    }
    None
}

fn metadata(query: &Query) -> Vec<(String, String)> {
    let mut wanted = Vec::new();
    for (name, value) in query.prefixed("metadata.") {
        let known = format!("metadata.{name}");
        if name.is_empty() || name.len() > METADATA.key_bytes {
            query.fault(&known, "invalid-value", format_args!("must name 1 to {} bytes", METADATA.key_bytes));
        }
        if value.len() > METADATA.value_bytes {
            query.fault(
                &known,
                "too-long",
                format_args!("must be at most {} bytes long", METADATA.value_bytes),
            );
        }
        wanted.push((name.to_owned(), value.to_owned()));
    }
    wanted
}

/// An amount in major units, which only a currency gives a scale.
fn amount(query: &Query, name: &str, unit: Option<Asset>) -> Option<i128> {
    let text = query.text(name, MAX_AMOUNT)?;
    let Some(unit) = unit else {
        query.fault(name, "missing-field", "needs `currency`");
        return None;
    };
    parse_minor(text, unit.scale).map_err(|fault| query.fault(name, "invalid-value", fault)).ok()
}
