//! What a file is and how it is read: a layout is chosen by a flag or the file's ending, and each reading of the
//! file gets a reader of its own, which is given lines and gives what it found.

use super::draft::Said;
use super::mapped::{self, Mapped};
use super::mapping::Mapping;
use super::ndjson::Ndjson;
use super::rows::{self, Rows};
use super::source::Lines;
use crate::cli::{ImportFlags, ImportFormat};
use crate::output::Failure;
use formats::csv;
use formats::{Encoding, Item, MAX_BLOCK, Rejected, beancount, hledger};
use ledger::accounts::model::AccountKind;
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

/// How a file of rejects marks a reason in a layout that has no comments; an import passes over such a line.
const REASON: &str = "# line ";

/// What a reader found.
pub enum Found {
    /// Something of a journal.
    Journal(Item),
    /// An entry of rows or lines: the number of its first line, its lines, what they say.
    Entry {
        /// Number of the first line, from 1.
        line: u64,
        /// The lines.
        text: String,
        /// What they say.
        said: Box<Said>,
    },
}

impl Found {
    /// What was not taken.
    pub fn rejected(line: u64, text: String, reason: impl Into<String>) -> Self {
        Self::Journal(Item::Rejected(Rejected { line, text, reason: reason.into() }))
    }
}

impl From<Rejected> for Found {
    fn from(rejected: Rejected) -> Self {
        Self::Journal(Item::Rejected(rejected))
    }
}

/// A layout, with what it needs to know of the file.
pub struct Layout {
    form: Form,
    /// What ids are derived under.
    pub under: String,
    /// What stands before a reason among the rejects.
    pub mark: &'static str,
    /// What stands before all rejects, so that they can be imported.
    pub head: String,
    /// What accounts are, as far as it says so.
    pub kinds: Vec<(String, AccountKind)>,
}

enum Form {
    Hledger,
    Beancount,
    Ndjson,
    Rows(Arc<rows::Columns>),
    Mapped(Arc<Mapped>),
}

impl Layout {
    /// The layout of the file that the flags name.
    pub fn of(flags: &ImportFlags) -> Result<Self, Failure> {
        let format = format(flags)?;
        let name = |form, under: &str, mark| Self {
            form,
            under: under.to_owned(),
            mark,
            head: String::new(),
            kinds: Vec::new(),
        };
        match (format, &flags.mapping) {
            (ImportFormat::Csv, Some(mapping)) => Self::mapped(&flags.file, mapping),
            (ImportFormat::Csv, None) => {
                let head = Head::read(&flags.file, ',', 0, Encoding::Utf8)?;
                let cells = head.cells.as_deref().unwrap_or_default();
                let columns =
                    rows::Columns::find(cells).map_err(|what| Failure::Flag { flag: "FILE", what })?;
                Ok(Self { head: head.text, ..name(Form::Rows(Arc::new(columns)), "csv", "#") })
            }
            (_, Some(_)) => {
                let what = "goes with CSV; --format csv says that the file is".to_owned();
                Err(Failure::Flag { flag: "--mapping", what })
            }
            (ImportFormat::Hledger, None) => Ok(name(Form::Hledger, "hledger", ";")),
            (ImportFormat::Beancount, None) => Ok(name(Form::Beancount, "beancount", ";")),
            (ImportFormat::Ndjson, None) => Ok(name(Form::Ndjson, "ndjson", "#")),
        }
    }

    fn mapped(file: &Path, path: &Path) -> Result<Self, Failure> {
        let wrong = |what| Failure::Flag { flag: "--mapping", what: format!("{}: {what}", path.display()) };
        let text = std::fs::read_to_string(path).map_err(Failure::path("reading", path))?;
        let mut mapping = Mapping::read(&text).map_err(wrong)?;
        let head = Head::read(file, mapping.separator, mapping.skip_lines, mapping.encoding)?;
        let kinds = std::mem::take(&mut mapping.kinds);
        // Equal rows of two accounts are two entries.
        let under = format!("csv\0{}", mapping.account.as_deref().unwrap_or_default());
        let text = if mapping.heading { head.text } else { head.skipped };
        let mapped = Mapped::try_new(mapping, head.cells.as_deref()).map_err(wrong)?;
        Ok(Self { form: Form::Mapped(Arc::new(mapped)), under, mark: "#", head: text, kinds })
    }

    /// A reader for one reading of the file.
    pub fn reader(&self) -> Reader {
        match &self.form {
            Form::Hledger => Reader::Hledger(hledger::Parser::default()),
            Form::Beancount => Reader::Beancount(beancount::Parser::default()),
            Form::Ndjson => Reader::Ndjson(Ndjson::default()),
            Form::Rows(columns) => Reader::Rows(Rows::new(columns.clone())),
            Form::Mapped(mapped) => Reader::Mapped(mapped::Reader::new(mapped.clone())),
        }
    }
}

/// The format that a flag or the file's ending says.
fn format(flags: &ImportFlags) -> Result<ImportFormat, Failure> {
    if let Some(format) = flags.format {
        return Ok(format);
    }
    if flags.mapping.is_some() {
        return Ok(ImportFormat::Csv);
    }
    match flags.file.extension().and_then(|ending| ending.to_str()).unwrap_or_default() {
        "beancount" | "bean" => Ok(ImportFormat::Beancount),
        "ndjson" | "jsonl" => Ok(ImportFormat::Ndjson),
        "csv" => Ok(ImportFormat::Csv),
        ending @ ("json" | "tsv" | "txt" | "xml" | "xlsx" | "ods" | "qif" | "ofx" | "pdf" | "zip" | "gz") => {
            let what = format!(
                "ends in .{ending}; an import reads hledger and beancount journals, CSV and NDJSON, and --format says which"
            );
            Err(Failure::Flag { flag: "FILE", what })
        }
        _ => Ok(ImportFormat::Hledger),
    }
}

/// A reader of some layout.
pub enum Reader {
    /// hledger's journal.
    Hledger(hledger::Parser),
    /// beancount's.
    Beancount(beancount::Parser),
    /// An entry a line.
    Ndjson(Ndjson),
    /// A posting a row.
    Rows(Rows),
    /// An entry a row, as a mapping says.
    Mapped(mapped::Reader),
}

impl Reader {
    /// Takes the next line, without its line feed.
    pub fn line(&mut self, bytes: &[u8], take: &mut impl FnMut(Found)) {
        match self {
            Self::Hledger(parser) => parser.line(bytes, &mut |item| take(Found::Journal(item))),
            Self::Beancount(parser) => parser.line(bytes, &mut |item| take(Found::Journal(item))),
            Self::Ndjson(reader) => reader.line(bytes, take),
            Self::Rows(reader) => reader.line(bytes, take),
            Self::Mapped(reader) => reader.line(bytes, take),
        }
    }

    /// There are no more lines.
    pub fn finish(&mut self, take: &mut impl FnMut(Found)) {
        match self {
            Self::Hledger(parser) => parser.finish(&mut |item| take(Found::Journal(item))),
            Self::Beancount(parser) => parser.finish(&mut |item| take(Found::Journal(item))),
            Self::Ndjson(_) => {}
            Self::Rows(reader) => reader.finish(take),
            Self::Mapped(reader) => reader.finish(take),
        }
    }
}

/// Lines of a layout without comments: what all of them have in common.
#[derive(Default)]
pub struct Plain {
    /// Number of the last line.
    pub line: u64,
}

impl Plain {
    /// The text of the next line, as far as it is one: a byte order mark is none, a reason among rejects neither.
    pub fn next<'b>(&mut self, bytes: &'b [u8], encoding: Encoding) -> Result<Cow<'b, str>, Rejected> {
        self.line += 1;
        let bytes = match self.line {
            1 => bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes),
            _ => bytes,
        };
        let wrong = |reason: &str| {
            let text = String::from_utf8_lossy(bytes).trim_end_matches('\r').to_owned();
            Rejected { line: self.line, text, reason: reason.to_owned() }
        };
        if bytes.len() > MAX_BLOCK {
            return Err(wrong("the line is longer than a megabyte; only its beginning is kept"));
        }
        encoding.read(bytes).ok_or_else(|| wrong("the text is not UTF-8"))
    }
}

/// Whether a line is a reason that an import wrote.
pub fn is_reason(line: &str) -> bool {
    line.starts_with(REASON)
}

/// What a table starts with.
struct Head {
    /// The lines before its first row.
    skipped: String,
    /// The same with the first row.
    text: String,
    /// Cells of the first row; none where the file ends before it.
    cells: Option<Vec<String>>,
}

impl Head {
    fn read(path: &Path, separator: char, skip: u64, encoding: Encoding) -> Result<Self, Failure> {
        let mut lines = Lines::open(path)?;
        let (mut plain, mut reader, mut skipped) =
            (Plain::default(), csv::Rows::new(separator), String::new());
        let refused = |what: &str| Failure::Refused(format!("{}: {what}", path.display()));
        let mut row = None;
        while row.is_none() {
            let Some(bytes) = lines.next().map_err(Failure::path("reading", path))? else { break };
            let line = plain.next(bytes, encoding).map_err(|_| {
                refused("the first lines are not UTF-8, or too long; a mapping may say file.encoding")
            })?;
            if plain.line <= skip {
                skipped.push_str(line.trim_end_matches('\r'));
                skipped.push('\n');
                continue;
            }
            if reader.is_open() || !line.trim().is_empty() && !is_reason(&line) {
                row = reader.line(&line);
            }
        }
        match row.or_else(|| reader.finish()) {
            None => Ok(Self { text: skipped.clone(), skipped, cells: None }),
            Some(row) => {
                let text = format!("{skipped}{}\n", row.text);
                let cells =
                    row.cells.map_err(|why| refused(&format!("the first row cannot be read: {why}")))?;
                let cells = cells.into_iter().map(|cell| cell.trim().to_owned()).collect();
                Ok(Self { skipped, text, cells: Some(cells) })
            }
        }
    }
}
