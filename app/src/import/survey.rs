//! The first reading of a file: nothing is posted; accounts, commodities and their decimals are gathered, and
//! everything is judged that can be without the ledger.

use super::assertions::Sums;
use super::draft::{Draft, Known};
use super::source::Lines;
use crate::output::Failure;
use formats::hledger::Parser;
use formats::{AccountClass, Date, Item, Rejected, Transaction};
use kernel::AssetCode;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// Why entries fail their balance assertions, by the number of their first line.
type Failed = HashMap<u64, String>;

/// Lines between two looks at the clock.
const LOOK_EVERY: u64 = 1_024;

/// What a file has.
#[derive(Default)]
pub struct Survey {
    /// Accounts of entries that can be taken.
    pub accounts: HashSet<String>,
    /// What directives say accounts are.
    pub classes: HashMap<String, AccountClass>,
    /// Commodities in use or declared, with the most decimals seen.
    pub scales: HashMap<AssetCode, u8>,
    /// Entries that can be taken.
    pub entries: u64,
    /// Blocks that cannot.
    pub rejected: u64,
    /// Whether any posting says what a balance is.
    asserts: bool,
    /// Whether dates only grow.
    pub in_order: bool,
    /// Assertions that fail, where they had to be judged in another order than the file's.
    failed: Option<Failed>,
}

/// What is done with a file's items.
pub trait Visit {
    /// An entry that can be taken as far as is known.
    fn entry(
        &mut self,
        line: u64,
        text: String,
        draft: Draft,
        transaction: &Transaction,
    ) -> Result<(), Failure>;
    /// What cannot.
    fn rejected(&mut self, rejected: Rejected) -> Result<(), Failure>;
    /// What a directive says.
    fn directive(&mut self, item: Item);
}

/// Judges the items of a file: always the same ones in the same way.
pub struct Sieve<'a> {
    known: &'a Known,
    failed: Option<&'a Failed>,
    sums: Option<Sums>,
    asserts: bool,
    newest: Option<Date>,
    goes_back: bool,
}

impl<'a> Sieve<'a> {
    /// For the second reading.
    pub fn second(known: &'a Known, survey: &'a Survey) -> Self {
        let sums = (survey.asserts && survey.failed.is_none()).then(Sums::default);
        Self::new(known, survey.failed.as_ref(), sums)
    }

    fn new(known: &'a Known, failed: Option<&'a Failed>, sums: Option<Sums>) -> Self {
        Self { known, failed, sums, asserts: false, newest: None, goes_back: false }
    }

    /// Reads the whole file.
    pub fn run(&mut self, path: &Path, visit: &mut impl Visit) -> Result<(), Failure> {
        self.run_telling(path, visit, &mut |_, _| {})
    }

    fn run_telling(
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
        let (path, lines) = (path.to_owned(), Lines::open(path)?);
        Ok(Reader { sieve: self, path, lines, parser: Parser::default(), items: Vec::new() })
    }

    fn judge(&mut self, item: Item, visit: &mut impl Visit) -> Result<(), Failure> {
        let (line, text, transaction) = match item {
            Item::Transaction { line, text, transaction } => (line, text, transaction),
            Item::Rejected(rejected) => return visit.rejected(rejected),
            item @ (Item::Account { .. } | Item::Commodity { .. }) => {
                visit.directive(item);
                return Ok(());
            }
        };
        self.goes_back |= self.newest.is_some_and(|newest| newest > transaction.date);
        self.newest = self.newest.max(Some(transaction.date));
        self.asserts |= transaction.postings.iter().any(|posting| posting.assertion.is_some());
        let judged = self.known.draft(&transaction).and_then(|draft| {
            if let Some(why) = self.failed.and_then(|failed| failed.get(&line)) {
                return Err(why.clone());
            }
            self.sums.as_mut().map_or(Ok(()), |sums| sums.take(&transaction.postings)).map(|()| draft)
        });
        match judged {
            Ok(draft) => visit.entry(line, text, draft, &transaction),
            Err(reason) => visit.rejected(Rejected { line, text, reason }),
        }
    }
}

/// A file that is being read through a sieve.
pub struct Reader<'s, 'a> {
    sieve: &'s mut Sieve<'a>,
    path: PathBuf,
    lines: Lines,
    parser: Parser,
    items: Vec<Item>,
}

impl Reader<'_, '_> {
    /// Takes the next line; whether there was one.
    pub fn step(&mut self, visit: &mut impl Visit) -> Result<bool, Failure> {
        let items = &mut self.items;
        let more = match self.lines.next().map_err(Failure::path("reading", &self.path))? {
            Some(line) => {
                self.parser.line(line, &mut |item| items.push(item));
                true
            }
            None => {
                self.parser.finish(&mut |item| items.push(item));
                false
            }
        };
        items.drain(..).try_for_each(|item| self.sieve.judge(item, visit))?;
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

/// Surveys a file.
pub fn survey(path: &Path, known: &Known, read: &mut dyn FnMut(u64, u64)) -> Result<Survey, Failure> {
    let mut surveyor = Surveyor { known, survey: Survey::default() };
    let mut sieve = Sieve::new(known, None, Some(Sums::default()));
    sieve.run_telling(path, &mut surveyor, read)?;
    let (asserts, in_order) = (sieve.asserts, !sieve.goes_back);
    if !asserts || in_order {
        return Ok(Survey { asserts, in_order, ..surveyor.survey });
    }
    // hledger judges assertions by date: all entries are held for it, this once.
    let failed = by_date(path, known)?;
    surveyor.survey = Survey::default();
    Sieve::new(known, Some(&failed), None).run_telling(path, &mut surveyor, read)?;
    Ok(Survey { asserts, in_order, failed: Some(failed), ..surveyor.survey })
}

struct Surveyor<'a> {
    known: &'a Known,
    survey: Survey,
}

impl Surveyor<'_> {
    fn seen(&mut self, code: AssetCode, scale: u8) {
        let most = self.survey.scales.entry(code).or_default();
        *most = scale.max(*most);
    }
}

impl Visit for Surveyor<'_> {
    fn entry(&mut self, _: u64, _: String, draft: Draft, _: &Transaction) -> Result<(), Failure> {
        for side in draft.sides {
            self.seen(side.code, side.number.scale);
            if !self.survey.accounts.contains(&side.path) {
                self.survey.accounts.insert(side.path);
            }
        }
        self.survey.entries += 1;
        Ok(())
    }

    fn rejected(&mut self, _: Rejected) -> Result<(), Failure> {
        self.survey.rejected += 1;
        Ok(())
    }

    fn directive(&mut self, item: Item) {
        match item {
            Item::Account { name, class: Some(class) } => {
                self.survey.classes.insert(name, class);
            }
            Item::Commodity { commodity, scale } => {
                if let Ok(code) = self.known.code(&commodity) {
                    self.seen(code, scale);
                }
            }
            Item::Account { class: None, .. } | Item::Transaction { .. } | Item::Rejected(_) => {}
        }
    }
}

/// Judges assertions in the order of the dates.
fn by_date(path: &Path, known: &Known) -> Result<Failed, Failure> {
    let mut held = Held(Vec::new());
    Sieve::new(known, None, None).run(path, &mut held)?;
    held.0.sort_by_key(|(_, transaction)| transaction.date);
    let mut sums = Sums::default();
    let judged = held
        .0
        .iter()
        .filter_map(|(line, transaction)| sums.take(&transaction.postings).err().map(|why| (*line, why)));
    Ok(judged.collect())
}

struct Held(Vec<(u64, Transaction)>);

impl Visit for Held {
    fn entry(&mut self, line: u64, _: String, _: Draft, transaction: &Transaction) -> Result<(), Failure> {
        self.0.push((line, transaction.clone()));
        Ok(())
    }

    fn rejected(&mut self, _: Rejected) -> Result<(), Failure> {
        Ok(())
    }

    fn directive(&mut self, _: Item) {}
}
