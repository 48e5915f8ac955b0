//! NDJSON: an entry a line, as an export writes it or as `POST /v1/entries` takes it. What needs a running ledger to
//! be decided (amounts that are worked out, conditions, overrides) is not taken.

use super::draft::{Said, SaidSide};
use super::layout::{Found, Plain, is_reason};
use crate::books::{CAPTURES, REVERSES};
use formats::{Decimal, Encoding};
use kernel::{Id, Problem, Timestamp, id::prefix};
use ledger::accounts::model::{AccountKind, MAX_PATH, Text};
use ledger::entries::model::{Details, MAX_POSTINGS};
use ledger::http::{MAX_DESCRIPTION, MAX_WORD, METADATA};
use platform_http::json::{Document, Object, Reader, Shape, Value};
use platform_http::slugs;

/// Longest text of an id or a time that is looked at.
const MAX_ID: usize = 64;
/// Faults that one reason names.
const MAX_TOLD: usize = 3;
/// Reads lines.
#[derive(Default)]
pub struct Ndjson {
    plain: Plain,
}

impl Ndjson {
    /// Takes the next line.
    pub fn line(&mut self, bytes: &[u8], take: &mut impl FnMut(Found)) {
        let text = match self.plain.next(bytes, Encoding::Utf8) {
            Ok(text) => text,
            Err(rejected) => return take(rejected.into()),
        };
        let (line, text) = (self.plain.line, text.trim_end_matches('\r'));
        if text.trim().is_empty() || is_reason(text) {
            return;
        }
        take(match read(text) {
            Ok(said) => Found::Entry { line, text: text.to_owned(), said: Box::new(said) },
            Err(problem) => Found::rejected(line, text.to_owned(), reason(&problem)),
        });
    }
}

/// What is wrong with a line, in one.
pub fn reason(problem: &Problem) -> String {
    if problem.slug.code == slugs::INVALID_JSON.code {
        let what = problem.detail.trim_start_matches("At line 1, ").trim_end_matches('.');
        return format!("it is not JSON: {what}");
    }
    let told = problem.faults.iter().take(MAX_TOLD).map(|fault| {
        let place = if fault.pointer.is_empty() { "the line" } else { &fault.pointer };
        format!("{place} {}", fault.detail)
    });
    let mut told = told.collect::<Vec<String>>().join("; ");
    if problem.faults.len() > MAX_TOLD {
        told.push_str(&format!("; and {} more", problem.faults.len() - MAX_TOLD));
    }
    told
}

fn read(text: &str) -> Result<Said, Problem> {
    let document = Document::parse(text.as_bytes())?;
    let reader = Reader::new();
    let object = reader.object(document.root());
    let id = object.optional_parsed("id", MAX_ID, |text| Id::parse(text, prefix::ENTRY));
    let sides: Vec<SaidSide> =
        object.items("postings", 2..=MAX_POSTINGS).filter_map(|value| side(&reader, value)).collect();
    let details = details(&object);
    // Numbers and times of the book it came from; it gets its own here.
    let _ = (object.optional("seq"), object.optional("recorded_at"));
    for name in ["conditions", "override"] {
        if object.optional(name).is_some() {
            object.fault(name, "invalid-value", "is not taken by an import");
        }
    }
    for name in ["dry_run", "freeze_refusals"] {
        if object.flag(name) {
            object.fault(name, "invalid-value", "is not taken by an import");
        }
    }
    object.finish();
    if reader.is_clean() { Ok(Said { id, details, sides }) } else { Err(reader.into_problem()) }
}

fn details(object: &Object<'_>) -> Details {
    let word = |name| {
        let text = object.optional_text(name, MAX_WORD)?;
        if text.is_empty() {
            object.fault(name, "invalid-value", "must not be empty; leave it out instead");
        }
        Some(text.into())
    };
    let mut metadata: Vec<(Box<str>, Box<str>)> =
        object.map("metadata", METADATA).into_iter().map(|(key, value)| (key.into(), value.into())).collect();
    let kinds = [("entry", None), ("reversal", Some(REVERSES)), ("capture", Some(CAPTURES))];
    let kind = object.optional_choice("type", &kinds).flatten();
    let of = object.optional_text("of", MAX_ID);
    // A reversal or a capture becomes an entry here that says of what it was one.
    if let (Some(kind), Some(of)) = (kind, of)
        && metadata.iter().all(|(name, _)| **name != *kind)
    {
        metadata.push((kind.into(), of.into()));
    }
    metadata.sort();
    Details {
        reference: word("reference"),
        unique_ref: word("ref"),
        party: word("party"),
        effective_at: object.optional_parsed("effective_at", MAX_ID, Timestamp::parse),
        text: Text {
            description: object.optional_text("description", MAX_DESCRIPTION).map(Into::into),
            metadata,
        },
        ..Details::default()
    }
}

fn side(reader: &Reader, value: Value<'_>) -> Option<SaidSide> {
    let object = reader.object(value);
    let path = object.required("account").and_then(|value| account(reader, value));
    let kind = object.optional_choice("account_type", &AccountKind::ALL.map(|kind| (kind.as_str(), kind)));
    let debit = object.choice("direction", &[("debit", true), ("credit", false)]);
    let amount = object.required("amount").and_then(|value| amount(reader, value));
    let commodity = object.text("currency", kernel::asset::MAX_CODE).into_owned();
    if object.optional("up_to").is_some() {
        object.fault("up_to", "invalid-value", "is not taken by an import");
    }
    object.finish();
    let number = if debit { amount? } else { amount?.negated() };
    Some(SaidSide { path: path?, commodity, number, kind })
}

/// An account by its path, or by the source platform's number.
fn account(reader: &Reader, value: Value<'_>) -> Option<String> {
    let digits = value.source();
    if value.shape() == Shape::Number && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(format!("accounts:{digits}"));
    }
    let path = reader.text(value, MAX_PATH);
    if path.len() == 30 && path.starts_with("acc_") {
        reader.fault(value, "invalid-value", "must be a path: an id names an account of one book only");
        return None;
    }
    Some(path.into_owned())
}

fn amount(reader: &Reader, value: Value<'_>) -> Option<Decimal> {
    let text = reader.decimal(value);
    let found = Decimal::parse(&text);
    match found {
        Some(number) if number.units > 0 => return found,
        Some(_) => {
            let detail = "must be greater than zero; the direction says which way it goes";
            reader.fault(value, "not-positive", detail);
        }
        None if text == "max" || text == "remaining" => {
            reader.fault(value, "invalid-value", "must be a number: an import works no amounts out");
        }
        None => {
            let detail = "must be a decimal such as \"12.34\", below 10^36 and with at most 18 decimals";
            reader.fault(value, "not-decimal", detail);
        }
    }
    None
}
