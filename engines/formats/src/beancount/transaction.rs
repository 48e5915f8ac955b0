//! One transaction: its header, its metadata, its postings. Payee, tags and links become tags of the entry.

use super::cursor::Cursor;
use super::expression;
use crate::model::{Amount, Date, Status, Tag, Transaction};
use crate::settle::{Draft, Reason, settle};

/// What every transaction between a `pushtag` or `pushmeta` and its end has.
#[derive(Debug, Default)]
pub(super) struct Pushed {
    pub tags: Vec<String>,
    pub metadata: Vec<Tag>,
}

/// Marks of transactions and postings besides a capital letter.
pub(super) const FLAGS: &str = "*!&#?%";

/// Whether a mark stands here and not the beginning of something longer.
pub(super) fn flag(cursor: &Cursor<'_>) -> Option<char> {
    let mut letters = cursor.rest().chars();
    let first = letters.next()?;
    let alone = letters.next().is_none_or(|next| next.is_whitespace() || next == '"');
    (alone && (FLAGS.contains(first) || first.is_ascii_uppercase())).then_some(first)
}

/// Reads the lines of a block: the first has a date and a mark, or the word `txn`.
pub(super) fn read(date: Date, first: &str, rest: &[&str], pushed: &Pushed) -> Result<Transaction, Reason> {
    let mut transaction = header(date, behind_date(first))?;
    let mut drafts: Vec<Draft> = Vec::new();
    for line in rest {
        let mut cursor = Cursor::new(line);
        if let Some(key) = cursor.key() {
            let tag = (key.to_owned(), value(cursor)?);
            drafts.last_mut().map_or(&mut transaction.tags, |draft| &mut draft.tags).push(tag);
        } else if cursor.rest().starts_with(['#', '^']) && flag(&cursor).is_none() {
            names(&mut cursor, &mut transaction.tags)?;
        } else {
            drafts.push(posting(cursor)?);
        }
    }
    transaction.postings = settle(drafts)?;
    let tags = &mut transaction.tags;
    for tag in pushed.tags.iter().map(|tag| ("tags".to_owned(), tag.clone())) {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    // What the transaction says itself counts.
    for tag in &pushed.metadata {
        if !tags.iter().any(|(known, _)| *known == tag.0) {
            tags.push(tag.clone());
        }
    }
    Ok(transaction)
}

/// A line without the date that it starts with.
pub(super) fn behind_date(line: &str) -> Cursor<'_> {
    let end = line.find(|c: char| !c.is_ascii_digit() && c != '-' && c != '/').unwrap_or(line.len());
    Cursor::new(&line[end..])
}

fn header(date: Date, mut cursor: Cursor<'_>) -> Result<Transaction, Reason> {
    let mut tags: Vec<Tag> = Vec::new();
    let status = match flag(&cursor) {
        Some(mark) => {
            cursor.skip(mark.len_utf8());
            match mark {
                '*' => Status::Cleared,
                '!' => Status::Pending,
                other => {
                    tags.push(("status".to_owned(), other.to_string()));
                    Status::Unmarked
                }
            }
        }
        // The word means what the star means.
        None => {
            cursor.skip("txn".len());
            Status::Cleared
        }
    };
    let mut texts = Vec::new();
    while let Some(text) = cursor.text() {
        texts.push(text?);
    }
    let description = texts.pop().unwrap_or_default();
    if texts.len() > 1 {
        return Err("a header has a payee and a narration, and no third text".into());
    }
    tags.extend(texts.pop().filter(|payee| !payee.is_empty()).map(|payee| ("payee".to_owned(), payee)));
    names(&mut cursor, &mut tags)?;
    let (comment, postings) = (String::new(), Vec::new());
    Ok(Transaction { date, status, code: None, description, comment, tags, postings })
}

/// Takes tags and links to the end of the line.
fn names(cursor: &mut Cursor<'_>, tags: &mut Vec<Tag>) -> Result<(), Reason> {
    while !cursor.is_end() {
        if let Some(tag) = cursor.named('#') {
            tags.push(("tags".to_owned(), tag.to_owned()));
        } else if let Some(link) = cursor.named('^') {
            tags.push(("links".to_owned(), link.to_owned()));
        } else {
            return Err("the header is not understood".into());
        }
    }
    Ok(())
}

/// A value of metadata: the text in its quotes, anything else as it is written.
pub(super) fn value(mut cursor: Cursor<'_>) -> Result<String, Reason> {
    let written = cursor.rest().trim_end();
    match cursor.text() {
        None => Ok(written.to_owned()),
        Some(text) if cursor.is_end() => text,
        Some(_) => Err("the value of metadata is not understood".into()),
    }
}

fn posting(mut cursor: Cursor<'_>) -> Result<Draft, Reason> {
    if let Some(mark) = flag(&cursor) {
        cursor.skip(mark.len_utf8());
    }
    let account = cursor.account()?.to_owned();
    let amount = if cursor.is_end() { None } else { Some(amount(&mut cursor)?) };
    let rest = cursor.rest();
    if rest.starts_with('{') {
        return Err("a lot's cost ({}) is not taken".into());
    }
    if rest.starts_with('@') {
        return Err("a cost (@ or @@) is not taken".into());
    }
    if !rest.is_empty() {
        return Err("the posting is not understood".into());
    }
    Ok(Draft { account, amount, assertion: None, comment: String::new(), tags: Vec::new() })
}

/// A number and its commodity.
fn amount(cursor: &mut Cursor<'_>) -> Result<Amount, Reason> {
    let half = "a number without a commodity, or a commodity without a number, is not taken";
    if !expression::starts(cursor) {
        let known = cursor.commodity().is_some();
        return Err(if known { half } else { "the posting is not understood" }.into());
    }
    let number = expression::read(cursor)?;
    match cursor.commodity() {
        Some(commodity) => Ok(Amount { number, commodity: commodity.to_owned() }),
        None if cursor.is_end() || cursor.rest().starts_with(['{', '@']) => Err(half.into()),
        None => Err("the amount is not understood".into()),
    }
}
