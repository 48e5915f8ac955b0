//! The parser: it is given lines and gives items. It holds one block at a time, of bounded length, and what was
//! pushed.

use super::cursor::{self, ends_quoted};
use super::transaction::{self, FLAGS, Pushed, behind_date};
use super::{directive, transaction::flag};
use crate::line::text_of;
use crate::model::{Date, Item, MAX_BLOCK, Rejected};
use crate::settle::Reason;

/// Longest text in quotes, in lines: beyond it a closing quotation mark was forgotten, and what follows is read as
/// what it looks like.
const MAX_QUOTED_LINES: u32 = 64;

/// What the lines so far belong to.
#[derive(Debug, Default)]
enum Open {
    #[default]
    Nothing,
    Dated,
    Undated,
    Unknown(&'static str),
}

/// Reads a beancount journal line by line.
#[derive(Debug, Default)]
pub struct Parser {
    pushed: Pushed,
    open: Open,
    /// The lines of the block that is open.
    text: String,
    /// Number of its first line.
    first: u64,
    /// Number of the last line that was given.
    line: u64,
    /// Lines since a quotation mark was opened and not closed; 0 where none is.
    quoted: u32,
    /// What is wrong with one of the lines, whatever they say.
    fault: Option<&'static str>,
}

impl Parser {
    /// Takes the next line, without its line feed.
    pub fn line(&mut self, bytes: &[u8], take: &mut impl FnMut(Item)) {
        self.line += 1;
        match text_of(bytes, self.line) {
            Ok(line) => self.judge(line, take),
            Err(line) => {
                self.judge(&line, take);
                // In a line that is passed over nobody minds.
                if !matches!(self.open, Open::Nothing) {
                    self.fault = Some("the text is not UTF-8");
                }
            }
        }
    }

    /// There are no more lines.
    pub fn finish(&mut self, take: &mut impl FnMut(Item)) {
        if self.quoted > 0 {
            self.fault = self.fault.or(Some("a text in quotes is not closed"));
        }
        self.close(take);
    }

    fn judge(&mut self, line: &str, take: &mut impl FnMut(Item)) {
        if self.quoted > 0 {
            self.add(line);
            return self.quote(line);
        }
        let inside = line.trim_start();
        let indented = inside.len() < line.len();
        if inside.is_empty() {
            self.close(take);
        } else if indented && !matches!(self.open, Open::Nothing) {
            self.add(line);
            self.quote(line);
        } else {
            self.close(take);
            if !inside.starts_with(';') && (indented || !line.starts_with(|c| c == ':' || FLAGS.contains(c)))
            {
                self.start(line, indented);
            }
        }
    }

    fn start(&mut self, line: &str, indented: bool) {
        self.first = self.line;
        self.add(line);
        self.open = if indented {
            Open::Unknown("an indented line stands under nothing")
        } else if line.starts_with(|c: char| c.is_ascii_digit()) {
            Open::Dated
        } else if directive::is_undated(line) {
            Open::Undated
        } else {
            Open::Unknown("the directive is not known")
        };
        self.quote(line);
    }

    /// Follows the quotation marks of a block that is understood: a text may go on in the next line.
    fn quote(&mut self, line: &str) {
        if matches!(self.open, Open::Unknown(_)) {
            return;
        }
        // Of a line that is too long the end is not known.
        if self.fault.is_some() {
            self.quoted = 0;
            return;
        }
        self.quoted = if ends_quoted(line, self.quoted > 0) { self.quoted + 1 } else { 0 };
        if self.quoted > MAX_QUOTED_LINES {
            self.quoted = 0;
            self.fault = Some("a text in quotes is not closed within 64 lines");
        }
    }

    fn add(&mut self, line: &str) {
        if self.text.len() + line.len() >= MAX_BLOCK {
            self.fault = Some("the block is longer than a megabyte");
            return;
        }
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(line);
    }

    /// The open block is whole.
    fn close(&mut self, take: &mut impl FnMut(Item)) {
        self.quoted = 0;
        let fault = self.fault.take();
        let open = std::mem::take(&mut self.open);
        if matches!(open, Open::Nothing) {
            return;
        }
        let found = match (fault, open) {
            (Some(fault), _) | (None, Open::Unknown(fault)) => Err(fault.into()),
            (None, Open::Dated) => self.dated(),
            (None, Open::Undated) => directive::undated(&self.text, &mut self.pushed),
            (None, Open::Nothing) => Ok(None),
        };
        let (line, text) = (self.first, std::mem::take(&mut self.text));
        match found {
            Ok(None) => {}
            Ok(Some(Item::Transaction { line, transaction, .. })) => {
                take(Item::Transaction { line, text, transaction });
            }
            Ok(Some(item)) => take(item),
            Err(reason) => take(Item::Rejected(Rejected { line, text, reason: reason.into_owned() })),
        }
    }

    fn dated(&self) -> Result<Option<Item>, Reason> {
        let (line, lines) = (self.first, cursor::lines(&self.text));
        let Some((header, rest)) = lines.split_first() else { return Ok(None) };
        let date = date(header)?;
        let mut cursor = behind_date(header);
        if flag(&cursor).is_none() {
            match cursor.word() {
                "txn" => {}
                "balance" => return directive::balance(date, cursor, line, &self.text),
                word => return directive::dated(word),
            }
        }
        let transaction = transaction::read(date, header, rest, &self.pushed)?;
        Ok(Some(Item::Transaction { line, text: String::new(), transaction }))
    }
}

/// The date that a block starts with: year, month and day with `-` or `/`.
fn date(text: &str) -> Result<Date, Reason> {
    let wrong = || Reason::from("the date is not understood");
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '-' && c != '/').unwrap_or(text.len());
    let separator = if text[..end].contains('/') { '/' } else { '-' };
    let mut parts = text[..end].split(separator);
    let mut part = |most: usize| {
        let part = parts.next().filter(|part| part.len() <= most)?;
        part.parse::<u16>().ok()
    };
    let (year, month, day) =
        (part(4).ok_or_else(wrong)?, part(2).ok_or_else(wrong)?, part(2).ok_or_else(wrong)?);
    if parts.next().is_some() || year < 1_000 {
        return Err(wrong());
    }
    let small = |part: u16| u8::try_from(part).unwrap_or(u8::MAX);
    Date::try_new(year, small(month), small(day)).ok_or_else(|| "the calendar has no such day".into())
}
