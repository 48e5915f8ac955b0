//! `concord ledger export`: every entry of a book in its order, as an hledger journal, CSV or NDJSON. The files
//! are read, also beside a live server; the book is written as it stood when the command began.

mod hledger;
mod rows;

use crate::cli::{BookFormat, ExportFlags};
use crate::config::Config;
use crate::output::{Failure, Output, Printed};
use crate::progress::{Progress, grouped};
use crate::wiring::journal_disk;
use kernel::{Asset, Id, Problem, Tenant, Timestamp};
use ledger::accounts::model::AccountKind;
use ledger::books::model::BookNo;
use ledger::command::Command;
use ledger::effect::Effect;
use ledger::entries::model::{Details, Direction};
use ledger::holds::model::{HoldAction, HoldState};
use ledger::journal::beside::look;
use ledger::journal::record::Record;
use ledger::reading::{Bound, Reading, When};
use serde_json::json;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Records read at once.
const PAGE: usize = 2_048;
/// Bytes gathered before they are written.
const BUFFER: usize = 1 << 18;

/// One posting, in words.
struct Side {
    path: Arc<str>,
    kind: AccountKind,
    /// Minor units, debits above zero.
    amount: i128,
    asset: Asset,
}

/// One entry, in words.
struct Entry<'a> {
    record: &'a Record,
    /// `entry`, `reversal` or `capture`.
    kind: &'static str,
    /// The entry that it undoes, or the hold that it takes from.
    of: Option<Id>,
    details: Option<&'a Details>,
    /// When it counts.
    effective: Timestamp,
    sides: Vec<Side>,
}

/// Accounts with their types, and assets.
type InUse = (Vec<(Arc<str>, AccountKind)>, Vec<Asset>);

/// Writes a format.
trait Form {
    /// What stands before the first entry.
    fn head(&self, out: &mut String, book: &Book) -> Result<(), Failure>;
    /// One entry.
    fn entry(&self, out: &mut String, entry: &Entry<'_>) -> Result<(), Failure>;
}

/// A book as it is exported.
struct Book {
    reading: Reading,
    no: BookNo,
    /// Its newest record.
    bound: Bound,
    open_holds: usize,
}

/// Exports a book.
pub async fn run(flags: ExportFlags, config: &Config, output: Output) -> Result<(), Failure> {
    let tenant = Tenant::parse(&flags.tenant).map_err(|why| Failure::flag("--tenant")(&why))?;
    let book = Book::open(config, &tenant).await?;
    let form: &dyn Form = match flags.format.or_else(|| BookFormat::of(flags.output.as_deref()?)) {
        Some(BookFormat::Csv) => &rows::Csv,
        Some(BookFormat::Ndjson) => &rows::Ndjson,
        Some(BookFormat::Hledger) | None => &hledger::Hledger,
    };
    let mut target = Target::open(flags.output.as_deref())?;
    let written = write(&book, form, &mut target, output);
    let Some(count) = target.finish(written)? else { return Ok(()) };
    let holds = book.open_holds;
    let left = match holds {
        0 => String::new(),
        holds => format!("; {} open holds are left out", grouped(holds as u128)),
    };
    let text = format!("exported {} entries, up to record {}{left}\n", grouped(count.into()), book.bound.seq);
    let json = json!({"entries": count, "at_seq": book.bound.seq, "open_holds": holds});
    match flags.output {
        Some(_) => output.answer(Printed { text, json }),
        None => {
            output.aside(&if output.json { json.to_string() } else { text.trim_end().to_owned() });
            Ok(())
        }
    }
}

/// Writes a book; returns how many entries.
fn write(book: &Book, form: &dyn Form, target: &mut Target, output: Output) -> Result<u64, Failure> {
    let mut text = String::with_capacity(BUFFER + BUFFER / 4);
    form.head(&mut text, book)?;
    let mut progress = Progress::new(output, "exporting", "records");
    let (mut after, mut count) = (0, 0);
    while after < book.bound.seq {
        let limit = PAGE.min(usize::try_from(book.bound.seq - after).unwrap_or(PAGE));
        let records = book.reading.feed(book.no, after, limit).map_err(told)?;
        let Some(newest) = records.last() else { break };
        after = newest.seq;
        for record in &records {
            if let Some(entry) = book.entry(record) {
                form.entry(&mut text, &entry)?;
                count += 1;
            }
            if text.len() >= BUFFER {
                target.write(&mut text)?;
            }
        }
        progress.tell(after, after, book.bound.seq);
    }
    target.write(&mut text)?;
    Ok(count)
}

impl Book {
    async fn open(config: &Config, tenant: &Tenant) -> Result<Self, Failure> {
        let disk = journal_disk(&config.data.dir)?;
        let seen = look(&disk, None).map_err(|source| Failure::io("reading the journal", source))?;
        let seen = seen.ok_or_else(|| Failure::Refused("the journal has no segment yet".to_owned()))?;
        let holds: Vec<BookNo> = seen
            .replayed
            .state
            .holds
            .values()
            .filter(|hold| hold.state == HoldState::Open)
            .map(|hold| hold.book)
            .collect();
        let reading = Reading::of(seen);
        let missing = || Failure::Refused(format!("tenant {} has no book", tenant.as_str()));
        let no = reading.book(tenant).ok_or_else(missing)?;
        let open_holds = holds.iter().filter(|book| **book == no).count();
        let bound = reading.bound(no, When::Now).await.map_err(told)?;
        Ok(Self { bound, open_holds, reading, no })
    }

    /// Every account with a balance, once, and every asset in use, in the order in which they were first used.
    fn in_use(&self) -> Result<InUse, Failure> {
        let trial = self.reading.trial(self.no, None, self.bound, usize::MAX, None).map_err(told)?;
        let mut seen = HashSet::new();
        let rows = trial.rows.into_iter().filter(|row| seen.insert(row.name.id));
        let accounts = rows.map(|row| (row.name.path, row.kind)).collect();
        let assets = trial.totals.keys().map(|no| self.reading.asset(self.no, *no)).collect();
        Ok((accounts, assets))
    }

    /// The entry that a record made, if it made one that counts.
    fn entry<'a>(&self, record: &'a Record) -> Option<Entry<'a>> {
        let (kind, of) = match &record.effect {
            Effect::Posted { .. } => ("entry", None),
            Effect::Reversed { entry, .. } => ("reversal", Some(*entry)),
            Effect::HoldMoved { hold_id, action: HoldAction::Capture { .. }, .. } => {
                ("capture", Some(*hold_id))
            }
            _ => return None,
        };
        let sides = record.effect.postings().iter().filter(|posting| posting.amount != 0);
        let sides = sides.map(|posting| Side {
            path: self.reading.name(posting.account).1,
            kind: self.reading.kind(posting.account),
            amount: match posting.direction {
                Direction::Debit => posting.amount,
                Direction::Credit => -posting.amount,
            },
            asset: self.reading.asset(self.no, posting.asset),
        });
        let sides: Vec<Side> = sides.collect();
        let details = record.command.as_ref().and_then(Command::details);
        let effective = details.and_then(|details| details.effective_at).unwrap_or(record.at);
        (!sides.is_empty()).then_some(Entry { record, kind, of, details, effective, sides })
    }
}

fn told(problem: Problem) -> Failure {
    Failure::Refused(problem.detail)
}

/// Where the text goes: standard output, or a file that has its name only once it is whole.
enum Target {
    Out { gone: bool },
    File { draft: PathBuf, path: PathBuf, file: BufWriter<File> },
}

impl Target {
    fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self::Out { gone: false }) };
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let draft = path.with_file_name(name);
        let file = BufWriter::new(File::create(&draft).map_err(Failure::path("creating", &draft))?);
        Ok(Self::File { draft, path: path.to_owned(), file })
    }

    /// Writes a text and empties it.
    fn write(&mut self, text: &mut String) -> Result<(), Failure> {
        match self {
            Self::Out { gone: true } => {}
            Self::Out { gone } => match io::stdout().lock().write_all(text.as_bytes()) {
                // Whoever reads us had enough.
                Err(fault) if fault.kind() == io::ErrorKind::BrokenPipe => *gone = true,
                other => other.map_err(|source| Failure::io("writing the answer", source))?,
            },
            Self::File { draft, file, .. } => {
                file.write_all(text.as_bytes()).map_err(Failure::path("writing", draft))?;
            }
        }
        text.clear();
        Ok(())
    }

    /// Gives the file its name, or removes what there is of it. `None` where nobody reads any more.
    fn finish(self, written: Result<u64, Failure>) -> Result<Option<u64>, Failure> {
        match self {
            Self::Out { gone: true } => written.map(|_| None),
            Self::Out { gone: false } => {
                let count = written?;
                io::stdout().lock().flush().map_err(|source| Failure::io("writing the answer", source))?;
                Ok(Some(count))
            }
            Self::File { draft, path, file } => {
                let placed = written.and_then(|count| {
                    let file = file.into_inner().map_err(|fault| fault.into_error());
                    let synced = file.and_then(|file| file.sync_all());
                    synced.map_err(Failure::path("writing", &draft))?;
                    fs::rename(&draft, &path).map_err(Failure::path("writing", &path))?;
                    Ok(Some(count))
                });
                if placed.is_err() {
                    let _ = fs::remove_file(&draft);
                }
                placed
            }
        }
    }
}
