//! A file's lines, one at a time and never more of one than a block may have.

use crate::output::Failure;
use formats::MAX_BLOCK;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

/// Bytes read at once.
const BUFFER: usize = 1 << 18;

/// Bytes at the start of a file by which it is judged whether it is a text at all.
const LOOKED_AT: usize = 8_192;

/// Why a file that starts so is no text; a byte 0 further behind is told with its block.
fn no_text(start: &[u8]) -> Option<&'static str> {
    match start {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("is UTF-16; convert it to UTF-8 first"),
        _ if start.contains(&0) => Some("is no text: it has a byte 0 near its start"),
        _ => None,
    }
}

/// A file that is read line by line.
pub struct Lines {
    input: BufReader<File>,
    line: Vec<u8>,
    /// Bytes read so far.
    pub read: u64,
    /// Bytes there are.
    pub size: u64,
    /// Lines read so far.
    pub count: u64,
}

impl Lines {
    /// Opens a regular file: it is read twice.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(Failure::path("opening", path))?;
        let facts = file.metadata().map_err(Failure::path("opening", path))?;
        if !facts.is_file() {
            let what = format!("{} is no regular file; an import reads it twice", path.display());
            return Err(Failure::Refused(what));
        }
        let mut input = BufReader::with_capacity(BUFFER, file);
        let start = input.fill_buf().map_err(Failure::path("reading", path))?;
        if let Some(what) = no_text(&start[..start.len().min(LOOKED_AT)]) {
            return Err(Failure::Refused(format!("{} {what}", path.display())));
        }
        Ok(Self { input, line: Vec::new(), read: 0, size: facts.len(), count: 0 })
    }

    /// The next line without its line feed. What a line has beyond the longest block is passed over.
    pub fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        self.count += 1;
        let mut any = false;
        loop {
            let bytes = self.input.fill_buf()?;
            if bytes.is_empty() {
                return Ok(any.then_some(&self.line));
            }
            any = true;
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let piece = &bytes[..end.unwrap_or(bytes.len())];
            let room = (MAX_BLOCK + 1).saturating_sub(self.line.len());
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            let used = piece.len() + usize::from(end.is_some());
            self.input.consume(used);
            self.read += used as u64;
            if end.is_some() {
                return Ok(Some(&self.line));
            }
        }
    }
}
