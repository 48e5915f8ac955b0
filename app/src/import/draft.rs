//! A transaction as the ledger could take it: every text and number within the ledger's limits, or why not.

use crate::books;
use formats::Decimal;
use formats::{Date, Transaction};
use kernel::{AssetCode, Id, Timestamp};
use ledger::accounts::model::path_check;
use ledger::entries::model::{Details, MAX_POSTINGS};
use ledger::http::{MAX_DESCRIPTION, MAX_WORD, METADATA};
use std::collections::HashMap;

/// Codes of symbols that everybody writes.
const SYMBOLS: [(&str, &str); 4] = [("$", "USD"), ("€", "EUR"), ("£", "GBP"), ("¥", "JPY")];

/// One side: an account, what, and how much is added.
pub struct Side {
    /// The account's path.
    pub path: String,
    /// The asset.
    pub code: AssetCode,
    /// Above zero for a debit; never zero.
    pub number: Decimal,
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
    pub fn draft(&self, transaction: &Transaction) -> Result<Draft, String> {
        let mut sides = Vec::with_capacity(transaction.postings.len());
        for posting in transaction.postings.iter().filter(|posting| posting.amount.number.units != 0) {
            let path = &posting.account;
            path_check(path).map_err(|why| format!("the account {path:?} cannot be opened: {why}"))?;
            let (code, number) = (self.code(&posting.amount.commodity)?, posting.amount.number);
            if let Some(&scale) = self.assets.get(&code)
                && number.at_scale(scale).is_none()
            {
                return Err(format!("{number} has more decimals than {code}, which has {scale}"));
            }
            sides.push(Side { path: path.clone(), code, number });
        }
        match &sides[..] {
            [] => return Err("the entry moves nothing".to_owned()),
            [one, other] if one.path == other.path => {
                return Err("both postings have the same account".to_owned());
            }
            _ if sides.len() > MAX_POSTINGS => {
                return Err(format!("the entry has more than {MAX_POSTINGS} postings"));
            }
            _ => {}
        }
        let told = books::read(transaction);
        let mut details = told.details;
        check_texts(&details)?;
        let midnight = midnight(transaction.date)?;
        let same_day = |at: &Timestamp| at.0.div_euclid(DAY_US) == midnight.0.div_euclid(DAY_US);
        details.effective_at = Some(details.effective_at.filter(same_day).unwrap_or(midnight));
        if details.effective_at.is_some_and(|at| at > self.now) {
            return Err("the date lies in the future".to_owned());
        }
        Ok(Draft { own_id: told.id, details, sides })
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

fn midnight(date: Date) -> Result<Timestamp, String> {
    Timestamp::parse(&format!("{date}T00:00:00Z")).map_err(|why| why.to_string())
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
