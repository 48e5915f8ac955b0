//! One entry: its header, its postings, the amount that was left out, and whether all of it balances.

use super::escape::{self, Unescaped};
use super::{amount, comment};
use crate::model::{Amount, Assertion, Date, Status, Transaction};
use crate::settle::{Draft, Reason, settle};
use std::collections::HashMap;

/// What directives so far said about how to read.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// The year of dates without one.
    pub year: Option<u16>,
    /// The decimal mark of all numbers.
    pub mark: Option<char>,
    /// Decimal marks of single commodities.
    pub marks: HashMap<String, char>,
    /// What a number without a commodity counts.
    pub commodity: Option<String>,
}

impl Rules {
    fn mark_of(&self, commodity: &str) -> Option<char> {
        let commodity =
            if commodity.is_empty() { self.commodity.as_deref().unwrap_or("") } else { commodity };
        self.mark.or_else(|| self.marks.get(commodity).copied())
    }

    fn amount(&self, text: &str) -> Result<Amount, Reason> {
        let mut amount = amount::read(text, |commodity| self.mark_of(commodity))?.amount;
        if amount.commodity.is_empty()
            && let Some(commodity) = &self.commodity
        {
            amount.commodity.clone_from(commodity);
        }
        Ok(amount)
    }
}

/// Reads a block: a line that starts with a date, and the indented lines behind it.
pub(super) fn read(text: &str, rules: &Rules) -> Result<Transaction, Reason> {
    let mut lines = text.split('\n');
    let mut transaction = header(lines.next().unwrap_or_default(), rules)?;
    let mut drafts: Vec<Draft> = Vec::new();
    for line in lines {
        let line = line.trim();
        if let Some(said) = line.strip_prefix(';') {
            match drafts.last_mut() {
                Some(draft) => remark(draft, said)?,
                None => comment::read(said, &mut transaction.tags, &mut transaction.comment),
            }
        } else {
            drafts.push(posting(line, rules)?);
        }
    }
    transaction.postings = settle(drafts)?;
    restore(&mut transaction);
    Ok(transaction)
}

fn header(line: &str, rules: &Rules) -> Result<Transaction, Reason> {
    let end = line.find(char::is_whitespace).unwrap_or(line.len());
    let (day, rest) = line.split_at(end);
    if day.contains('=') {
        return Err("an entry with two dates is not taken".into());
    }
    let date = date(day, rules.year)?;
    let (rest, said) = rest.split_once(';').unwrap_or((rest, ""));
    let (status, rest) = status(rest.trim());
    let (code, description) = match rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((code, rest)) => ((!code.is_empty()).then(|| code.trim().to_owned()), rest.trim()),
        None => (None, rest),
    };
    let (mut tags, mut text) = (Vec::new(), String::new());
    comment::read(said, &mut tags, &mut text);
    let (description, postings) = (description.to_owned(), Vec::new());
    Ok(Transaction { date, status, code, description, comment: text, tags, postings })
}

/// A date with `-`, `/` or `.`, its year left out where a directive gave one.
pub(super) fn date(text: &str, year: Option<u16>) -> Result<Date, Reason> {
    let wrong = || Reason::from("the date is not understood");
    let separator = text.find(['-', '/', '.']).map(|at| char::from(text.as_bytes()[at])).ok_or_else(wrong)?;
    let mut parts = [0_u16; 3];
    let mut count = 0;
    for part in text.split(separator) {
        let long = if count == 0 && part.len() == 4 { 4 } else { 2 };
        let digits = (1..=long).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        let slot = parts.get_mut(count).filter(|_| digits).ok_or_else(wrong)?;
        *slot = part.parse().map_err(|_| wrong())?;
        count += 1;
    }
    let small = |part: u16| u8::try_from(part).unwrap_or(u8::MAX);
    let found = match (count, parts) {
        (3, [full, month, day]) if text.len() > 7 && text.as_bytes()[4] == separator as u8 => {
            Date::try_new(full, small(month), small(day))
        }
        (2, [month, day, _]) => {
            let year = year.ok_or("the date has no year, and no Y directive gives one")?;
            Date::try_new(year, small(month), small(day))
        }
        _ => return Err(wrong()),
    };
    found.ok_or_else(|| "the calendar has no such day".into())
}

fn status(text: &str) -> (Status, &str) {
    match text.as_bytes().first() {
        Some(b'*') => (Status::Cleared, text[1..].trim_start()),
        Some(b'!') => (Status::Pending, text[1..].trim_start()),
        _ => (Status::Unmarked, text),
    }
}

/// A comment about a posting; one that moves it to another day is not taken.
fn remark(draft: &mut Draft, said: &str) -> Result<(), Reason> {
    let from = draft.tags.len();
    comment::read(said, &mut draft.tags, &mut draft.comment);
    let named = draft.tags[from..].iter().any(|(name, _)| name == "date" || name == "date2");
    let dated = |inside: &str| {
        let inside = inside.split_once(']').map_or("", |(inside, _)| inside);
        let fits = |byte: u8| byte.is_ascii_digit() || b"-/.=".contains(&byte);
        inside.len() > 2 && inside.bytes().all(fits)
    };
    if named || said.split('[').skip(1).any(dated) {
        return Err("a posting with a date of its own is not taken".into());
    }
    Ok(())
}

fn posting(line: &str, rules: &Rules) -> Result<Draft, Reason> {
    let (_, line) = status(line);
    let end = account_end(line);
    let account = line[..end].trim_end();
    if account.starts_with('(') && account.ends_with(')')
        || account.starts_with('[') && account.ends_with(']')
    {
        return Err("a virtual posting is not taken".into());
    }
    if account.is_empty() {
        return Err("a posting has no account".into());
    }
    let (rest, said) = cut(&line[end..], ';');
    let (rest, asserted) = cut(rest, '=');
    let rest = rest.trim();
    if rest.contains('@') && cut(rest, '@').1.is_some() {
        return Err("a cost (@ or @@) is not taken".into());
    }
    if rest.contains('{') && cut(rest, '{').1.is_some() {
        return Err("a lot's cost ({}) is not taken".into());
    }
    let amount = if rest.is_empty() { None } else { Some(rules.amount(rest)?) };
    let assertion = asserted.map(|text| assertion(text, rules)).transpose()?;
    if amount.is_none() && assertion.is_some() {
        return Err("an amount that is left to a balance (= without an amount) is not taken".into());
    }
    let mut draft =
        Draft { account: account.to_owned(), amount, assertion, comment: String::new(), tags: Vec::new() };
    remark(&mut draft, said.unwrap_or_default())?;
    Ok(draft)
}

/// Two spaces or tabs end an account's name.
pub(super) fn account_end(line: &str) -> usize {
    let mut before = false;
    for (place, c) in line.char_indices() {
        if before && c.is_whitespace() {
            return place;
        }
        before = c.is_whitespace();
    }
    line.len()
}

/// What stands before a mark and after it; a mark in quotes is none.
fn cut(text: &str, mark: char) -> (&str, Option<&str>) {
    let mut quoted = false;
    for (place, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            c if c == mark && !quoted => return (&text[..place], Some(&text[place + c.len_utf8()..])),
            _ => {}
        }
    }
    (text, None)
}

fn assertion(text: &str, rules: &Rules) -> Result<Assertion, Reason> {
    let (sole, text) = text.strip_prefix('=').map_or((false, text), |rest| (true, rest));
    let (inclusive, text) = text.strip_prefix('*').map_or((false, text), |rest| (true, rest));
    if text.contains(['@', '{']) && (cut(text, '@').1.is_some() || cut(text, '{').1.is_some()) {
        return Err("a cost in a balance assertion is not taken".into());
    }
    Ok(Assertion { amount: rules.amount(text)?, sole, inclusive })
}

/// Takes escaped tags back to what they were: description, code and comment to their places.
fn restore(transaction: &mut Transaction) {
    for tag in std::mem::take(&mut transaction.tags) {
        match escape::unescaped(tag) {
            Unescaped::Place("description", said) => transaction.description = said,
            Unescaped::Place("code", said) => transaction.code = Some(said),
            Unescaped::Place(_, said) => transaction.comment = said,
            Unescaped::Tag(tag) => transaction.tags.push(tag),
        }
    }
    for posting in &mut transaction.postings {
        for tag in std::mem::take(&mut posting.tags) {
            match escape::unescaped(tag) {
                Unescaped::Place(_, said) => posting.comment = said,
                Unescaped::Tag(tag) => posting.tags.push(tag),
            }
        }
    }
}
