//! CSV as RFC 4180 has it: separators, double quotes where they are needed, lines that end in a line feed. The
//! reader is given lines and holds one row at a time, of bounded length; a quoted cell may have line feeds.

use crate::MAX_BLOCK;
use std::fmt::{self, Write};

/// Writes one row.
pub fn write_row<'a>(out: &mut impl Write, cells: impl IntoIterator<Item = &'a str>) -> fmt::Result {
    for (place, cell) in cells.into_iter().enumerate() {
        if place > 0 {
            out.write_char(',')?;
        }
        if cell.contains([',', '"', '\n', '\r']) || cell.trim() != cell {
            out.write_char('"')?;
            for (part, piece) in cell.split('"').enumerate() {
                if part > 0 {
                    out.write_str("\"\"")?;
                }
                out.write_str(piece)?;
            }
            out.write_char('"')?;
        } else {
            out.write_str(cell)?;
        }
    }
    out.write_char('\n')
}

/// A row, with its text for whoever must tell what was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Number of its first line, from 1.
    pub line: u64,
    /// Its lines.
    pub text: String,
    /// Its cells, or what is wrong.
    pub cells: Result<Vec<String>, &'static str>,
}

/// Where the reader stands in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before a cell's first character.
    #[default]
    Start,
    /// In a cell without quotes.
    Plain,
    /// Between quotation marks.
    Quoted,
    /// Behind a quotation mark that may be the first of two.
    Closed,
}

/// Reads rows line by line.
#[derive(Debug)]
pub struct Rows {
    separator: char,
    place: Place,
    text: String,
    cells: Vec<String>,
    cell: String,
    first: u64,
    line: u64,
    fault: Option<&'static str>,
}

impl Rows {
    /// A reader for cells that are separated so; not by a quotation mark or the end of a line.
    pub fn new(separator: char) -> Self {
        let (text, cells, cell) = (String::new(), Vec::new(), String::new());
        Self { separator, place: Place::Start, text, cells, cell, first: 0, line: 0, fault: None }
    }

    /// Whether a row is open: the next line goes on with a quoted cell.
    pub fn is_open(&self) -> bool {
        self.place == Place::Quoted
    }

    /// Passes over a line that is no row.
    pub fn pass(&mut self) {
        self.line += 1;
    }

    /// Takes the next line, without its line feed; gives the row that ends with it.
    pub fn line(&mut self, line: &str) -> Option<Row> {
        self.line += 1;
        if self.is_open() {
            self.cell.push('\n');
            self.text.push('\n');
        } else {
            self.first = self.line;
        }
        let bare = line.strip_suffix('\r').unwrap_or(line);
        self.text.push_str(bare);
        if self.text.len() > MAX_BLOCK {
            self.fault = Some("the row is longer than a megabyte");
            return Some(self.end());
        }
        self.scan(bare);
        if self.is_open() {
            // Between quotes a carriage return is part of the text.
            let ended = &line[bare.len()..];
            self.cell.push_str(ended);
            self.text.push_str(ended);
            return None;
        }
        Some(self.end())
    }

    /// There are no more lines; gives a row that was not closed.
    pub fn finish(&mut self) -> Option<Row> {
        self.is_open().then(|| {
            self.fault = Some("a quoted cell is not closed");
            self.end()
        })
    }

    fn scan(&mut self, line: &str) {
        if self.place == Place::Start && !line.contains('"') {
            let mut pieces = line.split(self.separator);
            self.cell.push_str(pieces.next_back().unwrap_or_default());
            self.cells.extend(pieces.map(str::to_owned));
            return;
        }
        for c in line.chars() {
            self.place = match (self.place, c) {
                (Place::Start, '"') => Place::Quoted,
                (Place::Quoted, '"') => Place::Closed,
                (Place::Closed, '"') => {
                    self.cell.push('"');
                    Place::Quoted
                }
                (Place::Start | Place::Plain | Place::Closed, c) if c == self.separator => {
                    self.cells.push(std::mem::take(&mut self.cell));
                    Place::Start
                }
                (Place::Closed, _) => {
                    self.fault = Some("text stands behind a closing quotation mark");
                    Place::Closed
                }
                (Place::Quoted, c) => {
                    self.cell.push(c);
                    Place::Quoted
                }
                (Place::Start | Place::Plain, c) => {
                    self.cell.push(c);
                    Place::Plain
                }
            };
        }
    }

    fn end(&mut self) -> Row {
        self.place = Place::Start;
        self.cells.push(std::mem::take(&mut self.cell));
        let cells = std::mem::take(&mut self.cells);
        let cells = match self.fault.take() {
            None => Ok(cells),
            Some(fault) => Err(fault),
        };
        Row { line: self.first, text: std::mem::take(&mut self.text), cells }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_needed() {
        let mut out = String::new();
        write_row(&mut out, ["a", "", "b,c", "say \"x\"", "two\nlines", " edge"]).unwrap();
        assert_eq!(out, "a,,\"b,c\",\"say \"\"x\"\"\",\"two\nlines\",\" edge\"\n");
    }

    fn rows(text: &str, separator: char) -> String {
        let mut reader = Rows::new(separator);
        let mut found: Vec<Row> = text.split('\n').filter_map(|line| reader.line(line)).collect();
        found.extend(reader.finish());
        let told = |row: Row| match row.cells {
            Ok(cells) => format!("{}:{}", row.line, cells.join("|").replace('\n', "/").replace('\r', "<")),
            Err(why) => format!("{}! {why}", row.line),
        };
        found.into_iter().map(told).collect::<Vec<String>>().join(" ; ")
    }

    #[test]
    fn rows_are_read() {
        for (text, separator, expected) in [
            ("a,b\r\nc,d", ',', "1:a|b ; 2:c|d"),
            ("\"a,\"\"b\"\"\",\"\",c\"d", ',', "1:a,\"b\"||c\"d"),
            ("\"a\r\nb\";c\r\nd;", ';', "1:a</b|c ; 3:d|"),
            ("\"a\"b,c\nd", ',', "1! text stands behind a closing quotation mark ; 2:d"),
            ("a,\"b\nc", ',', "1! a quoted cell is not closed"),
            ("a\tb c", '\t', "1:a|b c"),
            ("", ',', "1:"),
        ] {
            assert_eq!(rows(text, separator), expected, "{text:?}");
        }
        let long = format!("\"{}\nb", "y".repeat(MAX_BLOCK));
        assert_eq!(rows(&long, ','), "1! the row is longer than a megabyte ; 2:b");
    }

    #[test]
    fn what_is_written_reads_back() {
        for cells in [["a", "b,\"c\"", " d\r\ne\r", ""], ["\n", "\"", "\r", "'"], ["", "", "", "x\""]] {
            let mut text = String::new();
            write_row(&mut text, cells).unwrap();
            let mut reader = Rows::new(',');
            let rows: Vec<Row> =
                text.trim_end_matches('\n').split('\n').filter_map(|line| reader.line(line)).collect();
            assert_eq!(rows[0].cells.as_ref().unwrap(), &cells, "{text:?}");
        }
    }
}
