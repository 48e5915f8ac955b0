//! What an entry of the ledger is in a file, and back: which field travels as which tag, the same way out and in.

use formats::{AccountClass, Status, Tag, Transaction};
use kernel::{Id, Timestamp, id::prefix};
use ledger::accounts::model::{AccountKind, Text};
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

/// What a transaction's tags and texts say of an entry.
#[derive(Debug, Default)]
pub struct Told {
    /// Its own id, where the file gives one.
    pub id: Option<Id>,
    /// Its details; the effective time only where a tag gives one.
    pub details: Details,
}

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

/// What a transaction says of an entry besides its postings. Tags of postings become the entry's own: the ledger
/// keeps texts for the whole entry.
pub fn read(transaction: &Transaction) -> Told {
    let mut told = Told::default();
    let mut metadata: Vec<Tag> = Vec::new();
    let postings = transaction.postings.iter().flat_map(|posting| &posting.tags);
    for (name, value) in transaction.tags.iter().chain(postings) {
        let some = || Some(value.as_str().into());
        let details = &mut told.details;
        match name.as_str() {
            ENTRY if Id::parse(value, prefix::ENTRY).is_ok() => {
                told.id = Id::parse(value, prefix::ENTRY).ok();
            }
            REFERENCE if details.reference.is_none() && !value.is_empty() => details.reference = some(),
            UNIQUE_REF if details.unique_ref.is_none() && !value.is_empty() => details.unique_ref = some(),
            PARTY if details.party.is_none() && !value.is_empty() => details.party = some(),
            EFFECTIVE_AT if details.effective_at.is_none() && Timestamp::parse(value).is_ok() => {
                details.effective_at = Timestamp::parse(value).ok();
            }
            name => note(&mut metadata, name.strip_prefix(META).unwrap_or(name), value),
        }
    }
    match transaction.status {
        Status::Unmarked => {}
        Status::Pending => note(&mut metadata, STATUS, "!"),
        Status::Cleared => note(&mut metadata, STATUS, "*"),
    }
    if let Some(code) = &transaction.code {
        note(&mut metadata, CODE, code);
    }
    let comments = transaction.postings.iter().map(|posting| &posting.comment);
    for comment in std::iter::once(&transaction.comment).chain(comments).filter(|text| !text.is_empty()) {
        note(&mut metadata, COMMENT, comment);
    }
    metadata.sort();
    let description = Some(transaction.description.as_str()).filter(|text| !text.is_empty());
    told.details.text = Text {
        description: description.map(Into::into),
        metadata: metadata.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
    };
    told
}

/// Adds a value under a name; a second one of the same name goes behind the first.
fn note(metadata: &mut Vec<Tag>, name: &str, value: &str) {
    match metadata.iter_mut().find(|(known, _)| known == name) {
        None => metadata.push((name.to_owned(), value.to_owned())),
        Some((_, known)) if known == value => {}
        Some((_, known)) => {
            known.push(if name == COMMENT { '\n' } else { ',' });
            known.push_str(value);
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

/// What type of account a directive means.
pub fn kind_of(class: AccountClass) -> AccountKind {
    match class {
        AccountClass::Asset => AccountKind::Asset,
        AccountClass::Liability => AccountKind::Liability,
        AccountClass::Equity => AccountKind::Equity,
        AccountClass::Income => AccountKind::Income,
        AccountClass::Expense => AccountKind::Expense,
    }
}
