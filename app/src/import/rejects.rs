//! What was not taken: told on standard error, and kept in a file in the form in which it came, so that it can be
//! mended and imported.

use super::layout::Layout;
use crate::output::{Failure, Output};
use formats::Rejected;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

/// Blocks that are told one by one; more are counted, and are in the file.
const TOLD: u64 = 20;

/// Bytes of a block that are told; the file has all of it.
const TOLD_BYTES: usize = 4_096;

/// Characters of a block's first line that people are shown.
const SHOWN: usize = 240;

/// The rejects of one run.
pub struct Rejects {
    output: Output,
    path: PathBuf,
    mark: &'static str,
    head: String,
    file: Option<BufWriter<File>>,
    /// How many.
    pub count: u64,
    /// The first ones.
    pub told: Vec<Value>,
}

impl Rejects {
    /// Makes the file once there is something to put into it.
    pub fn new(path: PathBuf, layout: &Layout, output: Output) -> Self {
        let (mark, head) = (layout.mark, layout.head.clone());
        Self { output, path, mark, head, file: None, count: 0, told: Vec::new() }
    }

    /// Keeps a block.
    pub fn add(&mut self, rejected: &Rejected) -> Result<(), Failure> {
        let Rejected { line, text, reason } = rejected;
        if self.file.is_none() {
            let file = File::create(&self.path).map_err(Failure::path("creating", &self.path))?;
            let mut file = BufWriter::new(file);
            file.write_all(self.head.as_bytes()).map_err(Failure::path("writing", &self.path))?;
            self.file = Some(file);
        }
        let file = self.file.as_mut().expect("it was just made");
        // A reason has one line: control characters of the file itself are not repeated.
        let reason = reason.replace(char::is_control, " ");
        let mark = self.mark;
        writeln!(file, "{mark} line {line}: {reason}\n{text}\n")
            .map_err(Failure::path("writing", &self.path))?;
        self.count += 1;
        if self.count <= TOLD {
            let end = text.char_indices().map(|(place, _)| place).find(|place| *place >= TOLD_BYTES);
            let text = &text[..end.unwrap_or(text.len())];
            let first: String = text.lines().next().unwrap_or_default().chars().take(SHOWN).collect();
            if !self.output.json {
                self.output
                    .aside(&format!("line {line}: {reason}: {}", first.replace(char::is_control, " ")));
            }
            self.told.push(json!({"line": line, "reason": reason, "text": text}));
        }
        Ok(())
    }

    /// Everything is in the file.
    pub fn finish(&mut self) -> Result<(), Failure> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.flush().map_err(Failure::path("writing", &self.path))
    }

    /// What an import with rejects ends with.
    pub fn failure(&self, what: &str) -> Failure {
        let blocks = if self.count == 1 { "block was" } else { "blocks were" };
        Failure::Refused(format!(
            "{} {blocks} rejected and put into {}{what}",
            self.count,
            self.path.display()
        ))
    }
}
