//! The CSV that an export writes: a posting a row, rows of one entry behind each other. Held are the rows of one
//! entry.

use super::draft::{Said, SaidSide, midnight};
use super::layout::{Found, Plain, is_reason};
use super::ndjson::reason;
use crate::books::{CAPTURES, REVERSES};
use formats::{DateForm, Decimal, Encoding, MAX_BLOCK, csv};
use kernel::{Id, Timestamp, id::prefix};
use ledger::accounts::model::{AccountKind, Text};
use ledger::entries::model::Details;
use ledger::http::METADATA;
use platform_http::json::{Document, Reader};
use std::sync::{Arc, LazyLock};

/// What a row must have.
const NEEDED: [&str; 4] = ["entry", "account", "amount", "currency"];
/// What it may have besides, the same in all rows of an entry.
const SHARED: [&str; 8] =
    ["type", "of", "effective_at", "description", "reference", "ref", "party", "metadata"];
/// What an export writes and no import needs: the book has its own.
const PASSED: [&str; 2] = ["seq", "recorded_at"];

/// How a day is written where no moment is.
static DAYS: LazyLock<DateForm> = LazyLock::new(|| DateForm::parse("YYYY-MM-DD").expect("the form is whole"));

/// What is wrong with an entry next to a row that could not be read.
const TAINTED: &str = "a row next to it cannot be read and may belong to it";

/// Names and values of metadata.
type Pairs = Vec<(Box<str>, Box<str>)>;

/// Where the columns are.
pub struct Columns {
    needed: [usize; NEEDED.len()],
    shared: [Option<usize>; SHARED.len()],
    kind: Option<usize>,
    width: usize,
}

impl Columns {
    /// Finds them in a heading.
    pub fn find(heading: &[String]) -> Result<Self, String> {
        let place = |name: &str| heading.iter().position(|cell| cell == name);
        let shape = "a CSV of another shape needs --mapping";
        let mut needed = [0; NEEDED.len()];
        for (slot, name) in needed.iter_mut().zip(NEEDED) {
            *slot = place(name).ok_or_else(|| match heading {
                [] => "has no heading".to_owned(),
                _ => format!("has no column {name:?} in its heading; {shape}"),
            })?;
        }
        let known = |cell: &str| {
            [&NEEDED[..], &SHARED, &PASSED, &["account_type"]].iter().any(|names| names.contains(&cell))
        };
        if let Some(odd) = heading.iter().find(|cell| !known(cell)) {
            return Err(format!("has a column {odd:?} that no export writes; {shape}"));
        }
        let twice = |(at, cell): (usize, &String)| place(cell) != Some(at);
        if let Some((_, cell)) = heading.iter().enumerate().find(|pair| twice(*pair)) {
            return Err(format!("has two columns {cell:?}"));
        }
        Ok(Self { needed, shared: SHARED.map(place), kind: place("account_type"), width: heading.len() })
    }
}

/// The rows of one entry so far.
struct Open {
    line: u64,
    text: String,
    entry: String,
    shared: Vec<String>,
    sides: Vec<SaidSide>,
    fault: Option<String>,
}

/// Reads rows.
pub struct Rows {
    columns: Arc<Columns>,
    plain: Plain,
    rows: csv::Rows,
    heading: bool,
    open: Option<Open>,
    /// Whether a row was lost that may belong to the next entry.
    tainted: bool,
}

impl Rows {
    /// A reader for a file with these columns.
    pub fn new(columns: Arc<Columns>) -> Self {
        Self {
            columns,
            plain: Plain::default(),
            rows: csv::Rows::new(','),
            heading: false,
            open: None,
            tainted: false,
        }
    }

    /// Takes the next line.
    pub fn line(&mut self, bytes: &[u8], take: &mut impl FnMut(Found)) {
        let line = match self.plain.next(bytes, Encoding::Utf8) {
            Ok(line) => line,
            Err(rejected) => {
                self.rows.pass();
                self.taint();
                return take(rejected.into());
            }
        };
        if !self.rows.is_open() && (line.trim().is_empty() || is_reason(&line)) {
            return self.rows.pass();
        }
        if let Some(row) = self.rows.line(&line) {
            // The first row is the heading.
            if std::mem::replace(&mut self.heading, true) {
                self.row(row, take);
            }
        }
    }

    /// There are no more lines.
    pub fn finish(&mut self, take: &mut impl FnMut(Found)) {
        if let Some(row) = self.rows.finish() {
            self.row(row, take);
        }
        self.close(take);
    }

    fn row(&mut self, row: csv::Row, take: &mut impl FnMut(Found)) {
        let csv::Row { line, text, cells } = row;
        let width = self.columns.width;
        let cells = match cells {
            Ok(cells) if cells.len() == width => cells,
            Ok(cells) => {
                let reason = format!("the row has {} cells and the heading {width}", cells.len());
                self.taint();
                return take(Found::rejected(line, text, reason));
            }
            Err(why) => {
                self.taint();
                return take(Found::rejected(line, text, why));
            }
        };
        let [entry, ..] = self.columns.needed;
        if self.open.as_ref().is_none_or(|open| open.entry != cells[entry] || open.entry.is_empty()) {
            self.close(take);
        }
        let fault = std::mem::take(&mut self.tainted).then(|| TAINTED.to_owned());
        let shared = || self.columns.shared.iter().map(|at| at.map_or(String::new(), |at| cells[at].clone()));
        let open = self.open.get_or_insert_with(|| Open {
            line,
            text: String::new(),
            entry: cells[entry].clone(),
            shared: shared().collect(),
            sides: Vec::new(),
            fault: None,
        });
        open.fault = open.fault.take().or(fault);
        if open.text.len() + text.len() > MAX_BLOCK {
            open.fault = Some("the rows of the entry are longer than a megabyte".to_owned());
            return;
        }
        if !open.text.is_empty() {
            open.text.push('\n');
        }
        open.text.push_str(&text);
        if open.shared.iter().zip(shared()).any(|(first, this)| *first != this) {
            open.fault = Some("rows of one entry say different things of it".to_owned());
        }
        match side(&self.columns, &cells) {
            Ok(side) => open.sides.push(side),
            Err(why) => open.fault = open.fault.take().or(Some(why)),
        }
    }

    /// A row was lost that may belong to the entry before it or to the one behind it: neither is whole for sure.
    fn taint(&mut self) {
        self.tainted = true;
        if let Some(open) = &mut self.open {
            open.fault = open.fault.take().or_else(|| Some(TAINTED.to_owned()));
        }
    }

    /// The rows of an entry are whole.
    fn close(&mut self, take: &mut impl FnMut(Found)) {
        let Some(Open { line, text, entry, shared, sides, fault }) = self.open.take() else { return };
        let said = match fault {
            Some(fault) => Err(fault),
            None if entry.is_empty() => Err("the row does not say to which entry it belongs".to_owned()),
            None => details(&shared).map(|details| Said {
                id: Id::parse(&entry, prefix::ENTRY).ok(),
                details,
                sides,
            }),
        };
        take(match said {
            Ok(said) => Found::Entry { line, text, said: Box::new(said) },
            Err(why) => Found::rejected(line, text, why),
        });
    }
}

fn side(columns: &Columns, cells: &[String]) -> Result<SaidSide, String> {
    let [_, account, amount, currency] = columns.needed.map(|at| cells[at].as_str());
    let number = Decimal::parse(amount).ok_or_else(|| format!("{amount:?} is no decimal number"))?;
    let kind = match columns.kind.map_or("", |at| cells[at].as_str()) {
        "" => None,
        word => Some(
            AccountKind::ALL
                .into_iter()
                .find(|kind| kind.as_str() == word)
                .ok_or_else(|| format!("{word:?} is no type of an account"))?,
        ),
    };
    Ok(SaidSide { path: account.to_owned(), commodity: currency.to_owned(), number, kind })
}

/// What the columns say that all rows of an entry share.
fn details(shared: &[String]) -> Result<Details, String> {
    let [kind, of, at, description, reference, unique, party, metadata] = shared else {
        unreachable!("a row was read with every shared column")
    };
    let some = |text: &str| (!text.is_empty()).then(|| text.into());
    let mut metadata = read_metadata(metadata)?;
    let kind = match kind.as_str() {
        "" | "entry" => None,
        "reversal" => Some(REVERSES),
        "capture" => Some(CAPTURES),
        other => return Err(format!("{other:?} is no type of an entry")),
    };
    if let Some(kind) = kind
        && !of.is_empty()
        && metadata.iter().all(|(name, _)| **name != *kind)
    {
        metadata.push((kind.into(), of.as_str().into()));
    }
    metadata.sort();
    Ok(Details {
        reference: some(reference),
        unique_ref: some(unique),
        party: some(party),
        effective_at: effective(at)?,
        text: Text { description: some(description), metadata },
        ..Details::default()
    })
}

/// A moment, or a day's midnight UTC.
fn effective(text: &str) -> Result<Option<Timestamp>, String> {
    match DAYS.read(text) {
        _ if text.is_empty() => Ok(None),
        Some(date) => midnight(date).map(Some),
        None => Timestamp::parse(text).map(Some).map_err(|why| format!("effective_at {why}")),
    }
}

/// A JSON object of texts, or nothing.
fn read_metadata(cell: &str) -> Result<Pairs, String> {
    if cell.is_empty() {
        return Ok(Vec::new());
    }
    let body = format!("{{\"metadata\":{cell}}}");
    let wrong = |problem| format!("the metadata cannot be read: {}", reason(&problem));
    let document = Document::parse(body.as_bytes()).map_err(wrong)?;
    let reader = Reader::new();
    let object = reader.object(document.root());
    let pairs = object.map("metadata", METADATA).into_iter();
    let pairs = pairs.map(|(name, value)| (name.into(), value.into())).collect();
    object.finish();
    reader.into_result().map_err(wrong)?;
    Ok(pairs)
}
