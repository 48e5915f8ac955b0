//! What an entry of the ledger is in a file: which field travels as which tag.

use formats::hledger::{AccountClass, Status, Transaction};
use kernel::{Id, id::prefix};
use ledger::accounts::model::AccountKind;
use ledger::entries::model::Details;

/// The entry's id.
const ENTRY: &str = "entry";
/// The entry that a reversal undoes.
pub const REVERSES: &str = "reverses";
/// The hold that a capture takes from.
pub const CAPTURES: &str = "captures";
/// The searchable reference.
const REFERENCE: &str = "reference";
/// The reference that is unique in its book.
const UNIQUE_REF: &str = "unique_ref";
/// Whose entry it is.
const PARTY: &str = "party";
/// The effective time, where the date alone does not say it.
const EFFECTIVE_AT: &str = "effective_at";
/// Metadata whose name is one of these, or starts so, is written behind this.
const META: &str = "meta.";
/// Names of metadata with a place of their own in a journal: its mark, its code, its comment.
const STATUS: &str = "status";
const CODE: &str = "code";
const COMMENT: &str = "comment";

const RESERVED: [&str; 7] = [ENTRY, REVERSES, CAPTURES, REFERENCE, UNIQUE_REF, PARTY, EFFECTIVE_AT];

/// Puts an entry's details and names into a transaction. `date_us` is midnight of the transaction's date.
pub fn tell(transaction: &mut Transaction, id: Id, details: Option<&Details>, date_us: i64) {
    let tags = &mut transaction.tags;
    tags.push((ENTRY.to_owned(), id.show(prefix::ENTRY)));
    let Some(details) = details else { return };
    let words = [(REFERENCE, &details.reference), (UNIQUE_REF, &details.unique_ref), (PARTY, &details.party)];
    for (name, word) in words {
        tags.extend(word.as_deref().map(|word| (name.to_owned(), word.to_owned())));
    }
    if let Some(at) = details.effective_at.filter(|at| at.0 != date_us) {
        tags.push((EFFECTIVE_AT.to_owned(), at.to_string()));
    }
    transaction.description = details.text.description.as_deref().unwrap_or_default().to_owned();
    for (name, value) in &details.text.metadata {
        match (&**name, &**value) {
            (STATUS, "*") => transaction.status = Status::Cleared,
            (STATUS, "!") => transaction.status = Status::Pending,
            (CODE, value) => transaction.code = Some(value.to_owned()),
            (COMMENT, value) if !value.is_empty() => transaction.comment = value.to_owned(),
            (name, value) if RESERVED.contains(&name) || name.starts_with(META) => {
                transaction.tags.push((format!("{META}{name}"), value.to_owned()));
            }
            (name, value) => transaction.tags.push((name.to_owned(), value.to_owned())),
        }
    }
}

/// What a directive says of an account of this type.
pub fn class_of(kind: AccountKind) -> AccountClass {
    match kind {
        AccountKind::Asset => AccountClass::Asset,
        AccountKind::Liability => AccountClass::Liability,
        AccountKind::Equity => AccountClass::Equity,
        AccountKind::Income => AccountClass::Income,
        AccountKind::Expense => AccountClass::Expense,
    }
}
