//! A book as an hledger journal: what its commodities and accounts are, then its entries.

use super::{Book, Entry, Form};
use crate::books::{self, CAPTURES, REVERSES};
use crate::output::Failure;
use formats::Decimal;
use formats::hledger::{check_account, print, print_account, print_commodity};
use formats::{Amount, Date, Posting, Status, Transaction};
use kernel::Timestamp;
use kernel::id::prefix;

/// An hledger journal.
pub struct Hledger;

impl Form for Hledger {
    fn head(&self, out: &mut String, book: &Book) -> Result<(), Failure> {
        let (accounts, assets) = book.in_use()?;
        for asset in assets {
            print_commodity(out, asset.code.as_str(), asset.scale).map_err(|_| unwritten())?;
        }
        for (path, kind) in &accounts {
            check_account(path).map_err(|why| Failure::Refused(format!("{why}; export CSV or NDJSON")))?;
            print_account(out, path, books::class_of(*kind)).map_err(|_| unwritten())?;
        }
        out.push('\n');
        Ok(())
    }

    fn entry(&self, out: &mut String, entry: &Entry<'_>) -> Result<(), Failure> {
        let day = day_of(entry.effective)
            .ok_or_else(|| Failure::Refused(format!("record {} has no date", entry.record.seq)))?;
        let midnight = Timestamp::parse(&format!("{day}T00:00:00Z")).map_or(0, |at| at.0);
        let postings = entry.sides.iter().map(|side| Posting {
            account: side.path.to_string(),
            amount: Amount {
                number: Decimal { units: side.amount, scale: side.asset.scale },
                commodity: side.asset.code.as_str().to_owned(),
            },
            assertion: None,
            comment: String::new(),
            tags: Vec::new(),
        });
        let mut transaction = Transaction {
            date: day,
            status: Status::Unmarked,
            code: None,
            description: String::new(),
            comment: String::new(),
            tags: Vec::new(),
            postings: postings.collect(),
        };
        books::tell(&mut transaction, entry.record.id, entry.details, midnight);
        let named = match entry.kind {
            "reversal" => Some((REVERSES, prefix::ENTRY)),
            "capture" => Some((CAPTURES, prefix::HOLD)),
            _ => None,
        };
        if let (Some((name, prefix)), Some(of)) = (named, entry.of) {
            transaction.tags.push((name.to_owned(), of.show(prefix)));
        }
        print(out, &transaction).map_err(|_| unwritten())
    }
}

/// The day of a moment, UTC.
fn day_of(at: Timestamp) -> Option<Date> {
    let text = at.to_string();
    let (day, _) = text.split_once('T')?;
    let mut parts = day.split('-');
    let (year, month, day) =
        (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Date::try_new(year, month, day)
}

/// A text in memory takes everything; the layout itself may not.
fn unwritten() -> Failure {
    Failure::Refused("an entry could not be put into hledger's form".to_owned())
}
