//! A book as CSV, a posting a row, and as NDJSON, an entry a line.

use super::{Book, Entry, Form};
use crate::output::Failure;
use formats::csv::write_row;
use kernel::id::prefix;
use kernel::money::print_minor;
use serde_json::{Map, Value, json};

/// CSV with a heading.
pub struct Csv;

/// JSON objects, one a line.
pub struct Ndjson;

/// The columns. Debits are above zero, credits below.
const COLUMNS: [&str; 15] = [
    "seq",
    "entry",
    "type",
    "of",
    "recorded_at",
    "effective_at",
    "account",
    "account_type",
    "amount",
    "currency",
    "description",
    "reference",
    "ref",
    "party",
    "metadata",
];

impl Form for Csv {
    fn head(&self, out: &mut String, _: &Book) -> Result<(), Failure> {
        row(out, &COLUMNS)
    }

    fn entry(&self, out: &mut String, entry: &Entry<'_>) -> Result<(), Failure> {
        let head = [
            entry.record.seq.to_string(),
            entry.record.id.show(prefix::ENTRY),
            entry.kind.to_owned(),
            of(entry).unwrap_or_default(),
            entry.record.at.to_string(),
            entry.effective.to_string(),
        ];
        let word = |name: &str| match words(entry).remove(name) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let metadata = metadata(entry);
        let metadata = if metadata.is_empty() { String::new() } else { Value::from(metadata).to_string() };
        let tail = [word("description"), word("reference"), word("ref"), word("party"), metadata];
        for side in &entry.sides {
            let amount = print_minor(side.amount, side.asset.scale);
            let middle = [&*side.path, side.kind.as_str(), &amount, side.asset.code.as_str()];
            let cells: Vec<&str> = head
                .iter()
                .map(String::as_str)
                .chain(middle)
                .chain(tail.iter().map(String::as_str))
                .collect();
            row(out, &cells)?;
        }
        Ok(())
    }
}

impl Form for Ndjson {
    fn head(&self, _: &mut String, _: &Book) -> Result<(), Failure> {
        Ok(())
    }

    fn entry(&self, out: &mut String, entry: &Entry<'_>) -> Result<(), Failure> {
        let postings = entry.sides.iter().map(|side| {
            json!({
                "account": &*side.path,
                "account_type": side.kind.as_str(),
                "direction": if side.amount < 0 { "credit" } else { "debit" },
                "amount": print_minor(side.amount.abs(), side.asset.scale),
                "currency": side.asset.code.as_str(),
            })
        });
        let mut line = json!({
            "seq": entry.record.seq,
            "id": entry.record.id.show(prefix::ENTRY),
            "type": entry.kind,
            "of": of(entry),
            "recorded_at": entry.record.at.to_string(),
            "effective_at": entry.effective.to_string(),
            "postings": postings.collect::<Vec<_>>(),
            "metadata": metadata(entry),
        });
        if let Some(line) = line.as_object_mut() {
            line.extend(words(entry));
        }
        out.push_str(&line.to_string());
        out.push('\n');
        Ok(())
    }
}

/// The entry that it undoes, or the hold that it takes from.
fn of(entry: &Entry<'_>) -> Option<String> {
    let prefix = if entry.kind == "capture" { prefix::HOLD } else { prefix::ENTRY };
    entry.of.map(|of| of.show(prefix))
}

fn words(entry: &Entry<'_>) -> Map<String, Value> {
    let none = Default::default();
    let details = entry.details.unwrap_or(&none);
    let pairs = [
        ("description", &details.text.description),
        ("reference", &details.reference),
        ("ref", &details.unique_ref),
        ("party", &details.party),
    ];
    pairs.into_iter().map(|(name, text)| (name.to_owned(), json!(text.as_deref()))).collect()
}

fn metadata(entry: &Entry<'_>) -> Map<String, Value> {
    let pairs = entry.details.iter().flat_map(|details| &details.text.metadata);
    pairs.map(|(name, value)| (name.to_string(), json!(&**value))).collect()
}

fn row(out: &mut String, cells: &[&str]) -> Result<(), Failure> {
    write_row(out, cells.iter().copied())
        .map_err(|_| Failure::Refused("a row could not be written".to_owned()))
}
