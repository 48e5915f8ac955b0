//! A file read through a sieve: what can be taken as far as is known, and what cannot. Every reading of the file
//! judges the same items in the same way.

use super::assertions::Sums;
use super::draft::{Draft, Known};
use super::layout::{Found, Layout, Reader as LayoutReader};
use super::source::Lines;
use super::survey::Survey;
use crate::output::Failure;
use formats::{Balance, Date, Item, Rejected, Transaction};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Why entries and balances fail, by the number of their first line.
pub type Failed = HashMap<u64, String>;

/// Lines between two looks at the clock.
const LOOK_EVERY: u64 = 1_024;

/// What is done with a file's items.
pub trait Visit {
    /// An entry that can be taken as far as is known.
    fn entry(&mut self, line: u64, text: String, draft: Draft) -> Result<(), Failure>;
    /// What cannot.
    fn rejected(&mut self, rejected: Rejected) -> Result<(), Failure>;
    /// The transaction of a journal from which the next entry comes.
    fn counted(&mut self, _line: u64, _transaction: &Transaction) {}
    /// What the file says a balance is.
    fn balance(&mut self, _balance: Balance) {}
    /// What a directive says.
    fn directive(&mut self, _item: Item) {}
}

/// Whether a sequence goes up, down, or both.
struct Course<T> {
    last: Option<T>,
    up: bool,
    down: bool,
}

impl<T: Ord> Course<T> {
    fn new() -> Self {
        Self { last: None, up: false, down: false }
    }

    fn see(&mut self, next: T) {
        if let Some(last) = &self.last {
            self.up |= *last < next;
            self.down |= *last > next;
        }
        self.last = Some(next);
    }
}

/// Judges the items of a file.
pub struct Sieve<'a> {
    layout: &'a Layout,
    known: &'a Known,
    failed: Option<&'a Failed>,
    sums: Option<Sums>,
    asserts: bool,
    dates: Course<Date>,
    days: Course<i64>,
}

impl<'a> Sieve<'a> {
    /// For the second reading.
    pub fn second(layout: &'a Layout, known: &'a Known, survey: &'a Survey) -> Self {
        let sums = (survey.asserts && survey.failed.is_none()).then(Sums::default);
        Self::new(layout, known, survey.failed.as_ref(), sums)
    }

    /// A sieve that passes over what is known to fail, and judges assertions if it is given sums.
    pub fn new(layout: &'a Layout, known: &'a Known, failed: Option<&'a Failed>, sums: Option<Sums>) -> Self {
        let (dates, days) = (Course::new(), Course::new());
        Self { layout, known, failed, sums, asserts: false, dates, days }
    }

    /// Whether any posting said what a balance is.
    pub fn asserts(&self) -> bool {
        self.asserts
    }

    /// Whether dates of transactions only grew.
    pub fn in_order(&self) -> bool {
        !self.dates.down
    }

    /// Whether days of entries only grew, or only fell.
    pub fn one_way(&self) -> bool {
        !(self.days.up && self.days.down)
    }

    /// Reads the whole file.
    pub fn run(
        &mut self,
        path: &Path,
        visit: &mut impl Visit,
        tell: &mut dyn FnMut(u64, u64),
    ) -> Result<(), Failure> {
        let mut reader = self.reader(path)?;
        while reader.step(visit)? {
            if reader.is_time() {
                tell(reader.read(), reader.size());
            }
        }
        Ok(())
    }

    /// Reads the file from its beginning, line by line.
    pub fn reader(&mut self, path: &Path) -> Result<Reader<'_, 'a>, Failure> {
        let (path, lines, reader) = (path.to_owned(), Lines::open(path)?, self.layout.reader());
        Ok(Reader { sieve: self, path, lines, reader, found: Vec::new() })
    }

    fn judge(&mut self, found: Found, visit: &mut impl Visit) -> Result<(), Failure> {
        let (line, text, draft) = match found {
            Found::Entry { line, text, said } => (line, text, self.known.draft(*said)),
            Found::Journal(Item::Transaction { line, text, transaction }) => {
                let draft = self.journal(line, &transaction);
                if draft.is_ok() {
                    visit.counted(line, &transaction);
                }
                (line, text, draft)
            }
            Found::Journal(Item::Rejected(rejected)) => return visit.rejected(rejected),
            Found::Journal(Item::Balance(balance)) => {
                let Balance { line, text, .. } = &balance;
                if let Some(reason) = self.failed.and_then(|failed| failed.get(line)) {
                    let (line, text, reason) = (*line, text.clone(), reason.clone());
                    return visit.rejected(Rejected { line, text, reason });
                }
                visit.balance(balance);
                return Ok(());
            }
            Found::Journal(item @ (Item::Account { .. } | Item::Commodity { .. })) => {
                visit.directive(item);
                return Ok(());
            }
        };
        match draft {
            Ok(draft) => {
                self.days.see(draft.time_ms().div_euclid(DAY_MS));
                visit.entry(line, text, draft)
            }
            Err(reason) => visit.rejected(Rejected { line, text, reason }),
        }
    }

    fn journal(&mut self, line: u64, transaction: &Transaction) -> Result<Draft, String> {
        self.dates.see(transaction.date);
        self.asserts |= transaction.postings.iter().any(|posting| posting.assertion.is_some());
        let draft = self.known.journal(transaction)?;
        if let Some(why) = self.failed.and_then(|failed| failed.get(&line)) {
            return Err(why.clone());
        }
        self.sums.as_mut().map_or(Ok(()), |sums| sums.take(&transaction.postings)).map(|()| draft)
    }
}

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// A file that is being read through a sieve.
pub struct Reader<'s, 'a> {
    sieve: &'s mut Sieve<'a>,
    path: PathBuf,
    lines: Lines,
    reader: LayoutReader,
    found: Vec<Found>,
}

impl Reader<'_, '_> {
    /// Takes the next line; whether there was one.
    pub fn step(&mut self, visit: &mut impl Visit) -> Result<bool, Failure> {
        let found = &mut self.found;
        let more = match self.lines.next().map_err(Failure::path("reading", &self.path))? {
            Some(line) => {
                self.reader.line(line, &mut |item| found.push(item));
                true
            }
            None => {
                self.reader.finish(&mut |item| found.push(item));
                false
            }
        };
        found.drain(..).try_for_each(|found| self.sieve.judge(found, visit))?;
        Ok(more)
    }

    /// Whether enough lines were read to look at the clock.
    pub fn is_time(&self) -> bool {
        self.lines.count.is_multiple_of(LOOK_EVERY)
    }

    /// Bytes read so far.
    pub fn read(&self) -> u64 {
        self.lines.read
    }

    /// Bytes there are.
    pub fn size(&self) -> u64 {
        self.lines.size
    }
}
