//! The parser: it is given lines and gives items. It holds one block at a time, of bounded length, and what
//! directives said.

use super::block::{self, Rules};
use super::comment;
use super::directive::{self, Opened};
use crate::line::text_of;
use crate::model::{Item, MAX_BLOCK, Rejected, Tag};
use crate::settle::Reason;

/// What the lines so far belong to.
#[derive(Debug, Default)]
enum Open {
    #[default]
    Nothing,
    Entry,
    Passed,
    Account {
        name: String,
        tags: Vec<Tag>,
    },
    Commodity,
    Rejected(Reason),
    Comment,
}

/// Reads an hledger journal line by line.
#[derive(Debug, Default)]
pub struct Parser {
    rules: Rules,
    open: Open,
    veil: Option<&'static str>,
    /// The lines of the block that is open.
    text: String,
    /// Number of its first line.
    first: u64,
    /// Number of the last line that was given.
    line: u64,
    /// What is wrong with one of its lines, whatever they say.
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
                // Inside a comment nobody minds.
                if !matches!(self.open, Open::Comment | Open::Nothing) {
                    self.fault = Some("the text is not UTF-8");
                }
            }
        }
    }

    /// There are no more lines.
    pub fn finish(&mut self, take: &mut impl FnMut(Item)) {
        self.close(take);
        self.open = Open::Nothing;
    }

    fn judge(&mut self, line: &str, take: &mut impl FnMut(Item)) {
        if let Open::Comment = self.open {
            if line.trim_end() == "end comment" {
                self.open = Open::Nothing;
            }
            return;
        }
        let inside = line.trim();
        let indented = line.starts_with(char::is_whitespace);
        if inside.is_empty() {
            self.close(take);
        } else if indented && !matches!(self.open, Open::Nothing) {
            self.more(line, take);
        } else if line.starts_with(['#', '*', ';']) || indented && inside.starts_with(['#', '*', ';']) {
            self.close(take);
        } else {
            self.close(take);
            self.start(line, indented, take);
        }
    }

    fn start(&mut self, line: &str, indented: bool, take: &mut impl FnMut(Item)) {
        self.first = self.line;
        self.add(line);
        self.open = if indented {
            Open::Rejected("an indented line stands under nothing".into())
        } else if line.starts_with(|c: char| c.is_ascii_digit()) {
            match self.veil {
                Some(reason) => Open::Rejected(reason.into()),
                None => Open::Entry,
            }
        } else {
            self.directive(line, take)
        };
    }

    fn directive(&mut self, line: &str, take: &mut impl FnMut(Item)) -> Open {
        match directive::open(line, &mut self.rules) {
            Opened::Passed => Open::Passed,
            Opened::Account { name, tags } => Open::Account { name, tags },
            Opened::Commodity => Open::Commodity,
            Opened::Styled(item) => {
                take(item);
                Open::Passed
            }
            Opened::Comment => Open::Comment,
            Opened::Veiled(reason) => {
                self.veil = Some(reason);
                Open::Rejected("this changes the accounts of entries behind it, which are not taken".into())
            }
            Opened::Unveiled => {
                self.veil = None;
                Open::Passed
            }
            Opened::Rejected(reason) => Open::Rejected(reason),
        }
    }

    /// Another line of the open block.
    fn more(&mut self, line: &str, take: &mut impl FnMut(Item)) {
        match &mut self.open {
            Open::Entry | Open::Rejected(_) => self.add(line),
            Open::Account { tags, .. } => {
                if let Some(said) = line.trim().strip_prefix(';') {
                    comment::read(said, tags, &mut String::new());
                }
            }
            Open::Commodity => {
                if let Some(example) = line.trim().strip_prefix("format ") {
                    let example = example.split_once(';').map_or(example, |(example, _)| example);
                    if let Some(item) = directive::style(example.trim(), &mut self.rules) {
                        take(item);
                    }
                }
            }
            Open::Nothing | Open::Passed | Open::Comment => {}
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
        let fault = self.fault.take();
        let line = self.first;
        match std::mem::take(&mut self.open) {
            Open::Entry => {
                let read = match fault {
                    Some(fault) => Err(fault.into()),
                    None => block::read(&self.text, &self.rules),
                };
                let text = self.text.clone();
                take(match read {
                    Ok(transaction) => Item::Transaction { line, text, transaction },
                    Err(reason) => Item::Rejected(Rejected { line, text, reason: reason.into_owned() }),
                });
            }
            Open::Rejected(reason) => {
                let text = self.text.clone();
                take(Item::Rejected(Rejected { line, text, reason: reason.into_owned() }));
            }
            Open::Account { name, tags } => take(Item::Account { name, class: directive::class(&tags) }),
            Open::Nothing | Open::Passed | Open::Commodity | Open::Comment => {}
        }
        self.text.clear();
    }
}
