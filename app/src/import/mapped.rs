//! Rows of somebody's CSV, each an entry of two postings, as a mapping says.

use super::draft::{Said, SaidSide, midnight};
use super::layout::{Found, Plain, is_reason};
use super::mapping::{AmountColumns, Column, Keyed, Mapping};
use formats::{Decimal, csv, read_number};
use ledger::accounts::model::Text;
use ledger::entries::model::Details;
use std::sync::Arc;

/// A mapping whose columns were found in a file.
pub struct Mapped {
    mapping: Mapping,
    width: usize,
    date: usize,
    amount: Amount,
    currency: Option<usize>,
    account: Option<usize>,
    counter: Option<usize>,
    description: Vec<usize>,
    reference: Option<usize>,
    party: Option<usize>,
    metadata: Vec<(String, usize)>,
}

enum Amount {
    Signed { place: usize, out: bool },
    Split { money_in: usize, money_out: usize },
}

/// Finds columns, noting those that are not there.
struct Finder<'a> {
    /// Cells of the first row.
    cells: &'a [String],
    heading: bool,
    faults: Vec<String>,
}

impl Finder<'_> {
    fn find(&mut self, (key, column): &Keyed) -> usize {
        let found = match column {
            Column::Number(number) if *number <= self.cells.len() => Ok(number - 1),
            Column::Number(number) => {
                Err(format!("there is no column {number}: the first row has {}", self.cells.len()))
            }
            Column::Name(name) if !self.heading => {
                Err(format!("must be a column's number and not {name:?}: file.heading is false"))
            }
            Column::Name(name) => {
                let mut places = self.cells.iter().enumerate().filter(|(_, cell)| *cell == name);
                match (places.next(), places.next()) {
                    (Some((place, _)), None) => Ok(place),
                    (Some(_), Some(_)) => {
                        Err(format!("there are two columns {name:?}; name one by its number"))
                    }
                    (None, _) => {
                        Err(format!("there is no column {name:?}; the heading has {:?}", self.cells))
                    }
                }
            }
        };
        found.unwrap_or_else(|what| {
            self.faults.push(format!("{key} {what}"));
            0
        })
    }

    fn maybe(&mut self, column: Option<&Keyed>) -> Option<usize> {
        column.map(|column| self.find(column))
    }
}

impl Mapped {
    /// Finds a mapping's columns in the first row of a file.
    pub fn try_new(mapping: Mapping, cells: Option<&[String]>) -> Result<Self, String> {
        let cells = cells.ok_or("file.skip_lines: the file ends before its first row")?;
        let width = cells.len();
        let mut finder = Finder { cells, heading: mapping.heading, faults: Vec::new() };
        let date = finder.find(&mapping.date);
        let amount = match &mapping.amount {
            AmountColumns::Signed { amount, out } => Amount::Signed { place: finder.find(amount), out: *out },
            AmountColumns::Split { money_in, money_out } => {
                Amount::Split { money_in: finder.find(money_in), money_out: finder.find(money_out) }
            }
        };
        let currency = finder.maybe(mapping.currency_column.as_ref());
        let account = finder.maybe(mapping.account_column.as_ref());
        let counter = finder.maybe(mapping.counter_column.as_ref());
        let description = mapping.description.iter().map(|column| finder.find(column)).collect();
        let (reference, party) =
            (finder.maybe(mapping.reference.as_ref()), finder.maybe(mapping.party.as_ref()));
        let metadata = mapping.metadata.iter().map(|(name, column)| (name.clone(), finder.find(column)));
        let metadata = metadata.collect();
        if !finder.faults.is_empty() {
            return Err(finder.faults.join("; "));
        }
        Ok(Self {
            mapping,
            width,
            date,
            amount,
            currency,
            account,
            counter,
            description,
            reference,
            party,
            metadata,
        })
    }

    fn said(&self, cells: &[String]) -> Result<Said, String> {
        let mapping = &self.mapping;
        // A row that ends in separators is longer by nothing.
        if cells.len() < self.width || cells[self.width..].iter().any(|cell| !cell.trim().is_empty()) {
            return Err(format!("the row has {} cells and the first one {}", cells.len(), self.width));
        }
        let cell = |place: usize| cells[place].trim();
        let given = |place: Option<usize>| place.map(cell).filter(|text| !text.is_empty());
        let written = cell(self.date);
        let date = mapping.date_form.read(written);
        let date =
            date.ok_or_else(|| format!("{written:?} is no date as values.date_format describes it"))?;
        let number = self.number(&cell)?;
        let or_fixed = |place, fixed: &Option<String>, what: &str| {
            let named = given(place).map(str::to_owned).or_else(|| fixed.clone());
            named.ok_or_else(|| format!("the row has no {what}, and values.{what} gives none"))
        };
        let commodity = or_fixed(self.currency, &mapping.currency, "currency")?;
        let account = or_fixed(self.account, &mapping.account, "account")?;
        let counter = given(self.counter).map(|name| format!("{}{name}", mapping.counter_prefix));
        let counter =
            or_fixed(None, &counter.or_else(|| mapping.counter_account.clone()), "counter_account")?;
        let description: Vec<&str> =
            self.description.iter().filter_map(|place| given(Some(*place))).collect();
        let word = |place| given(place).map(Into::into);
        let pairs = self.metadata.iter().filter_map(|(name, place)| {
            given(Some(*place)).map(|value| (name.as_str().into(), value.into()))
        });
        let mut metadata: Vec<(Box<str>, Box<str>)> = pairs.collect();
        metadata.sort();
        let description = (!description.is_empty()).then(|| description.join(" ").into());
        let details = Details {
            reference: word(self.reference),
            party: word(self.party),
            effective_at: Some(midnight(date)?),
            text: Text { description, metadata },
            ..Details::default()
        };
        let side = |path, number| SaidSide { path, commodity: commodity.clone(), number, kind: None };
        Ok(Said { id: None, details, sides: vec![side(account, number), side(counter, number.negated())] })
    }

    /// What is added to the account: money that comes in is above zero.
    fn number<'c>(&self, cell: &impl Fn(usize) -> &'c str) -> Result<Decimal, String> {
        let mark = self.mapping.decimal_mark;
        let read = |place| {
            let text = cell(place);
            read_number(text, mark).ok_or_else(|| {
                format!("{text:?} is no number with the decimal mark {mark:?} (values.decimal_mark)")
            })
        };
        match self.amount {
            Amount::Signed { place, out } => {
                let number = read(place)?;
                Ok(if out { number.negated() } else { number })
            }
            Amount::Split { money_in, money_out } => {
                let part = |place: usize, name: &str| match cell(place) {
                    "" => Ok(Decimal::ZERO),
                    text => match read(place)? {
                        number if number.units < 0 => {
                            Err(format!("{text:?} in columns.{name} is below zero"))
                        }
                        number => Ok(number),
                    },
                };
                let (come, gone) = (part(money_in, "money_in")?, part(money_out, "money_out")?);
                match (come.units, gone.units) {
                    (_, 0) => Ok(come),
                    (0, _) => Ok(gone.negated()),
                    _ => Err("money comes in and goes out in one row".to_owned()),
                }
            }
        }
    }
}

/// Reads rows.
pub struct Reader {
    mapped: Arc<Mapped>,
    plain: Plain,
    rows: csv::Rows,
    /// Whether the heading is still to come.
    heading: bool,
}

impl Reader {
    /// A reader for a file in which the columns were found.
    pub fn new(mapped: Arc<Mapped>) -> Self {
        let (rows, heading) = (csv::Rows::new(mapped.mapping.separator), mapped.mapping.heading);
        Self { mapped, plain: Plain::default(), rows, heading }
    }

    /// Takes the next line.
    pub fn line(&mut self, bytes: &[u8], take: &mut impl FnMut(Found)) {
        let mapping = &self.mapped.mapping;
        let line = match self.plain.next(bytes, mapping.encoding) {
            Ok(line) => line,
            Err(rejected) => {
                self.rows.pass();
                return take(rejected.into());
            }
        };
        let passed = self.plain.line <= mapping.skip_lines || line.trim().is_empty() || is_reason(&line);
        if passed && !self.rows.is_open() {
            return self.rows.pass();
        }
        if let Some(row) = self.rows.line(&line)
            && !std::mem::replace(&mut self.heading, false)
        {
            take(self.found(row));
        }
    }

    /// There are no more lines.
    pub fn finish(&mut self, take: &mut impl FnMut(Found)) {
        if let Some(row) = self.rows.finish() {
            take(self.found(row));
        }
    }

    fn found(&self, csv::Row { line, text, cells }: csv::Row) -> Found {
        match cells.map_err(str::to_owned).and_then(|cells| self.mapped.said(&cells)) {
            Ok(said) => Found::Entry { line, text, said: Box::new(said) },
            Err(reason) => Found::rejected(line, text, reason),
        }
    }
}
