//! `concord ledger trial-balance`: from a server, or from the files of one. Both come to the same JSON, which is
//! printed as a table for people.

use crate::cli::TrialFlags;
use crate::client::Client;
use crate::config::{Config, Environment};
use crate::output::{Failure, Output, Printed};
use crate::wiring::{World, journal_disk};
use kernel::money::print_minor;
use kernel::{AssetCode, Problem, Tenant, Timestamp, id::prefix};
use ledger::journal::beside::look;
use ledger::reading::{Reading, Trial, When};
use serde_json::{Value, json};

/// Rows of a page of the API: as many as it gives.
const PAGE: u16 = kernel::page::MAX_LIMIT;
/// The columns, and whether they are numbers.
const COLUMNS: [(&str, bool); 6] = [
    ("path", false),
    ("type", false),
    ("currency", false),
    ("debits", true),
    ("credits", true),
    ("balance", true),
];

/// Prints a trial balance.
pub async fn run(
    flags: TrialFlags,
    config: &Config,
    environment: &Environment,
    output: Output,
) -> Result<(), Failure> {
    let answer = match &flags.server {
        Some(url) => from_server(&Client::try_new(url, environment)?, &flags).await?,
        None => from_files(config, &flags).await?,
    };
    output.answer(Printed { text: table(&answer), json: answer })
}

async fn from_server(client: &Client, flags: &TrialFlags) -> Result<Value, Failure> {
    if flags.tenant != kernel::caller::DEFAULT_TENANT {
        let what = "goes with --data-dir; a server answers for the tenant of the key".to_owned();
        return Err(Failure::Flag { flag: "--tenant", what });
    }
    let mut query = format!("limit={PAGE}");
    for (name, value) in [("at", &flags.at), ("currency", &flags.currency)] {
        if let Some(value) = value {
            query.push_str(&format!("&{name}={}", encoded(value)));
        }
    }
    let mut whole = client.get(&format!("/v1/trial-balance?{query}")).await?;
    while let Some(cursor) = whole["next_cursor"].as_str() {
        let mut page = client.get(&format!("/v1/trial-balance?{query}&cursor={}", encoded(cursor))).await?;
        if let (Some(rows), Some(more)) = (whole["data"].as_array_mut(), page["data"].as_array_mut()) {
            rows.append(more);
        }
        whole["next_cursor"] = page["next_cursor"].take();
    }
    Ok(whole)
}

/// A value of a query, with everything but plain letters and digits escaped.
fn encoded(value: &str) -> String {
    value.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                text.push(char::from(byte))
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
        text
    })
}

async fn from_files(config: &Config, flags: &TrialFlags) -> Result<Value, Failure> {
    let tenant = Tenant::parse(&flags.tenant).map_err(|why| Failure::flag("--tenant")(&why))?;
    let when = flags.at.as_deref().map_or(Ok(When::Now), moment)?;
    let disk = journal_disk(&config.data.dir)?;
    let seen = look(&disk, None).map_err(|source| Failure::io("reading the journal", source))?;
    let seen = seen.ok_or_else(|| Failure::Refused("the journal has no segment yet".to_owned()))?;
    let reading = Reading::of(seen);
    let missing = || Failure::Refused(format!("tenant {} has no book", tenant.as_str()));
    let book = reading.book(&tenant).ok_or_else(missing)?;
    if let When::Seq(seq) = when
        && seq > reading.head_seq(book)
    {
        let head = reading.head_seq(book);
        return Err(Failure::Refused(format!(
            "the book's newest record is {head}; {seq} is not written yet"
        )));
    }
    let currency = flags.currency.as_deref().map(|code| {
        let asset = AssetCode::parse(code).ok().and_then(|code| reading.asset_no(book, code));
        let unknown = || Failure::Flag { flag: "--currency", what: format!("the book has no asset {code}") };
        asset.map(|(no, _)| no).ok_or_else(unknown)
    });
    let currency = currency.transpose()?;
    let told = |problem: Problem| Failure::Refused(problem.detail);
    let bound = reading.bound(book, when).await.map_err(told)?;
    let trial = reading.trial(book, currency, bound, usize::MAX, None).map_err(told)?;
    let mut answer = view(&reading, book, &trial);
    answer["at_seq"] = json!(bound.seq);
    Ok(answer)
}

fn moment(text: &str) -> Result<When, Failure> {
    if let Ok(seq) = text.parse() {
        return Ok(When::Seq(seq));
    }
    let wrong = |what: &str| Failure::Flag { flag: "--at", what: what.to_owned() };
    let form = "must be a record's number or an RFC 3339 time such as 2026-01-31T12:00:00Z";
    match Timestamp::parse(text) {
        // What is to come would make the answer another one.
        Ok(at) if at > World::real().clock.now() => Err(wrong("must lie in the past")),
        Ok(at) => Ok(When::Time(at)),
        Err(_) => Err(wrong(form)),
    }
}

fn view(reading: &Reading, book: ledger::books::model::BookNo, trial: &Trial) -> Value {
    let totals = trial.totals.iter().map(|(no, total)| {
        let asset = reading.asset(book, *no);
        json!({
            "currency": asset.code.as_str(),
            "debits": print_minor(total.debits, asset.scale),
            "credits": print_minor(total.credits, asset.scale),
        })
    });
    let rows = trial.rows.iter().map(|row| {
        let asset = reading.asset(book, row.asset);
        let balance = row.counters.posted(row.kind.normal_side());
        json!({
            "account": row.name.id.show(prefix::ACCOUNT),
            "path": &*row.name.path,
            "type": row.kind.as_str(),
            "currency": asset.code.as_str(),
            "debits": print_minor(row.counters.debits, asset.scale),
            "credits": print_minor(row.counters.credits, asset.scale),
            "balance": print_minor(balance, asset.scale),
        })
    });
    json!({"totals": totals.collect::<Vec<_>>(), "data": rows.collect::<Vec<_>>(), "next_cursor": null})
}

/// Rows under headings, then a total per currency.
fn table(answer: &Value) -> String {
    let cell = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let rows = answer["data"].as_array().into_iter().flatten();
    let mut lines: Vec<[String; 6]> = vec![COLUMNS.map(|(name, _)| name.to_owned())];
    lines.extend(rows.map(|row| COLUMNS.map(|(name, _)| cell(row, name))));
    let totals = answer["totals"].as_array().into_iter().flatten();
    lines.extend(totals.map(|row| {
        let mut line = COLUMNS.map(|(name, _)| cell(row, name));
        line[0] = "total".to_owned();
        line
    }));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        for ((cell, width), (_, is_number)) in line.iter().zip(&widths).zip(COLUMNS) {
            match is_number {
                true => text.push_str(&format!("  {cell:>width$}")),
                false => text.push_str(&format!(
                    "{}{cell:<width$}",
                    if text.ends_with('\n') || text.is_empty() { "" } else { "  " }
                )),
            }
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text.push_str(&format!("as of record {}\n", answer["at_seq"]));
    text
}
