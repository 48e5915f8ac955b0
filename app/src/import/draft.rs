//! An entry as the ledger could take it: every text and number within the ledger's limits, or why not.

use crate::books;
use formats::Decimal;
use formats::{Date, Transaction};
use kernel::{AssetCode, Id, Timestamp};
use ledger::accounts::model::{AccountKind, path_check};
use ledger::entries::model::{Details, MAX_POSTINGS};
use ledger::http::{MAX_DESCRIPTION, MAX_WORD, METADATA};
use std::collections::HashMap;

/// Codes of symbols that everybody writes.
const SYMBOLS: [(&str, &str); 4] = [("$", "USD"), ("€", "EUR"), ("£", "GBP"), ("¥", "JPY")];

/// One side as a file says it.
pub struct SaidSide {
    /// The account.
    pub path: String,
    /// The commodity.
    pub commodity: String,
    /// Above zero for a debit.
    pub number: Decimal,
    /// What the account is, where the file says so.
    pub kind: Option<AccountKind>,
}

/// An entry as a file says it, whatever its layout.
pub struct Said {
    /// The id that the file gives.
    pub id: Option<Id>,
    /// Details, the effective time among them.
    pub details: Details,
    /// Its sides.
    pub sides: Vec<SaidSide>,
}

/// One side: an account, what, and how much is added.
pub struct Side {
    /// The account's path.
    pub path: String,
    /// The asset.
    pub code: AssetCode,
    /// Above zero for a debit; never zero.
    pub number: Decimal,
    /// What the account is, where the file says so.
    pub kind: Option<AccountKind>,
}

/// What the ledger could take.
pub struct Draft {
    /// The id that the file gives.
    pub own_id: Option<Id>,
    /// Details, the effective time among them.
    pub details: Details,
    /// Two sides or more.
    pub sides: Vec<Side>,
}

impl Draft {
    /// Milliseconds of its effective time; 0 where it counts from when it is posted.
    pub fn time_ms(&self) -> i64 {
        self.details.effective_at.map_or(0, |at| at.0.div_euclid(1_000))
    }
}

/// What is known before the file is read.
pub struct Known {
    /// Commodities of the file that have another code here.
    pub codes: HashMap<String, AssetCode>,
    /// Assets of the book, or those that a new book has.
    pub assets: HashMap<AssetCode, u8>,
    /// The time.
    pub now: Timestamp,
}

impl Known {
    /// Turns a transaction into what the ledger could take.
    pub fn journal(&self, transaction: &Transaction) -> Result<Draft, String> {
        let told = books::read(transaction);
        let mut details = told.details;
        let midnight = midnight(transaction.date)?;
        let same_day = |at: &Timestamp| at.0.div_euclid(DAY_US) == midnight.0.div_euclid(DAY_US);
        details.effective_at = Some(details.effective_at.filter(same_day).unwrap_or(midnight));
        let sides = transaction.postings.iter().map(|posting| SaidSide {
            path: posting.account.clone(),
            commodity: posting.amount.commodity.clone(),
            number: posting.amount.number,
            kind: None,
        });
        self.draft(Said { id: told.id, details, sides: sides.collect() })
    }

    /// Turns an entry as it is said into what the ledger could take.
    pub fn draft(&self, said: Said) -> Result<Draft, String> {
        let mut sides = Vec::with_capacity(said.sides.len());
        for SaidSide { path, commodity, number, kind } in said.sides {
            if number.units == 0 {
                continue;
            }
            path_check(&path).map_err(|why| format!("the account {path:?} cannot be opened: {why}"))?;
            let code = self.code(&commodity)?;
            if let Some(&scale) = self.assets.get(&code)
                && number.at_scale(scale).is_none()
            {
                return Err(format!("{number} has more decimals than {code}, which has {scale}"));
            }
            sides.push(Side { path, code, number, kind });
        }
        match &sides[..] {
            [] => return Err("the entry moves nothing".to_owned()),
            [one, other] if one.path == other.path => {
                return Err("both postings have the same account".to_owned());
            }
            _ if sides.len() > MAX_POSTINGS => {
                return Err(format!("the entry has more than {MAX_POSTINGS} postings"));
            }
            _ => check_balance(&sides)?,
        }
        check_texts(&said.details)?;
        if said.details.effective_at.is_some_and(|at| at > self.now) {
            return Err("the date lies in the future".to_owned());
        }
        Ok(Draft { own_id: said.id, details: said.details, sides })
    }

    /// The code of a commodity.
    pub fn code(&self, commodity: &str) -> Result<AssetCode, String> {
        if let Some(code) = self.codes.get(commodity) {
            return Ok(*code);
        }
        let symbol = SYMBOLS.iter().find(|(symbol, _)| *symbol == commodity);
        let text = symbol.map_or(commodity, |(_, code)| code);
        AssetCode::parse(text).map_err(|why| match commodity {
            "" => "the amount has no commodity; --commodity =EUR, say, gives it one".to_owned(),
            _ => format!("{commodity:?} is no code: {why}; --commodity '{commodity}=CODE' gives it one"),
        })
    }
}

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;

/// The moment from which a day counts.
pub fn midnight(date: Date) -> Result<Timestamp, String> {
    Timestamp::parse(&format!("{date}T00:00:00Z")).map_err(|why| why.to_string())
}

/// Journals were judged by their reader; rows and lines were not.
fn check_balance(sides: &[Side]) -> Result<(), String> {
    let mut sums: Vec<(AssetCode, Decimal)> = Vec::new();
    for side in sides {
        let slot = match sums.iter().position(|(code, _)| *code == side.code) {
            Some(slot) => slot,
            None => {
                sums.push((side.code, Decimal::ZERO));
                sums.len() - 1
            }
        };
        let sum = sums[slot].1.checked_add(side.number);
        sums[slot].1 = sum.ok_or("the amounts are too large to be added")?;
    }
    match sums.iter().find(|(_, sum)| sum.units != 0) {
        None => Ok(()),
        Some((code, sum)) => Err(format!("the entry does not balance: {sum} {code} is left")),
    }
}

fn check_texts(details: &Details) -> Result<(), String> {
    let words =
        [("reference", &details.reference), ("unique_ref", &details.unique_ref), ("party", &details.party)];
    for (name, word) in words {
        fits(name, word.as_deref().unwrap_or_default(), MAX_WORD)?;
    }
    let text = &details.text;
    fits("description", text.description.as_deref().unwrap_or_default(), MAX_DESCRIPTION)?;
    if text.metadata.len() > METADATA.entries {
        return Err(format!("the entry has more than {} tags", METADATA.entries));
    }
    for (name, value) in &text.metadata {
        if name.is_empty() {
            return Err("a tag has no name".to_owned());
        }
        fits("name of a tag", name, METADATA.key_bytes)?;
        fits(name, value, METADATA.value_bytes)?;
    }
    Ok(())
}

fn fits(name: &str, text: &str, most: usize) -> Result<(), String> {
    match text.len() > most {
        true => Err(format!("the {name} is longer than {most} bytes")),
        false if text.contains('\0') => Err(format!("the {name} has a NUL")),
        false => Ok(()),
    }
}
