//! Directives: those that say how to read, those that carry nothing here, and those that would change what the
//! entries mean and are therefore not taken.

use super::block::Rules;
use super::{amount, block, comment};
use crate::model::{AccountClass, Item, Tag};
use crate::settle::Reason;

/// Words that carry nothing a book keeps: prices, payees, tags, ignored commodities.
const PASSED: &[&str] = &["P", "payee", "tag", "N"];

/// What a directive's first line opens.
pub(super) enum Opened {
    /// Nothing more is to be known; indented lines below belong to it.
    Passed,
    /// An account, with what was said so far.
    Account { name: String, tags: Vec<Tag> },
    /// A commodity whose `format` may follow.
    Commodity,
    /// How a commodity is written.
    Styled(Item),
    /// A comment up to `end comment`.
    Comment,
    /// From here on entries mean something else: nothing is taken until the end of it.
    Veiled(&'static str),
    /// What veiled them ends.
    Unveiled,
    /// Not taken.
    Rejected(Reason),
}

/// Reads the first line of a directive.
pub(super) fn open(line: &str, rules: &mut Rules) -> Opened {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    match word {
        word if PASSED.contains(&word) => Opened::Passed,
        "account" => account(rest),
        "commodity" => commodity(rest, rules),
        "D" => default_commodity(rest, rules),
        "comment" if before_comment(rest).is_empty() => Opened::Comment,
        "decimal-mark" => match before_comment(rest) {
            mark @ ("." | ",") => {
                rules.mark = mark.chars().next();
                Opened::Passed
            }
            _ => Opened::Rejected("decimal-mark must be . or ,".into()),
        },
        "Y" | "year" => year(rest, rules),
        "apply" => match rest.split_once(char::is_whitespace).unwrap_or((rest, "")) {
            ("year", rest) => year(rest.trim(), rules),
            ("account", _) => Opened::Veiled("apply account changes the accounts of this entry"),
            _ => Opened::Rejected("this apply directive is not taken".into()),
        },
        "end" => match before_comment(rest) {
            "aliases" | "apply account" => Opened::Unveiled,
            "apply year" => Opened::Passed,
            _ => Opened::Rejected("there is nothing that this ends".into()),
        },
        "alias" => Opened::Veiled("an alias may change the accounts of this entry"),
        "include" | "!include" | "@include" => {
            Opened::Rejected("include is not followed: import the other file itself".into())
        }
        word if word.starts_with('=') => Opened::Rejected("an automatic posting rule is not taken".into()),
        word if word.starts_with('~') => Opened::Rejected("a periodic entry is not taken".into()),
        word if word.starts_with('Y') => year(&line[1..], rules),
        word if word.starts_with('D') => default_commodity(&line[1..], rules),
        _ => Opened::Rejected("the directive is not known".into()),
    }
}

fn before_comment(text: &str) -> &str {
    text.split_once(';').map_or(text, |(before, _)| before).trim()
}

fn year(text: &str, rules: &mut Rules) -> Opened {
    let text = before_comment(text);
    match text.parse() {
        Ok(year @ 1..=9999) if text.len() == 4 => {
            rules.year = Some(year);
            Opened::Passed
        }
        _ => Opened::Rejected("the year is not understood".into()),
    }
}

fn account(text: &str) -> Opened {
    let name = text[..block::account_end(text)].trim();
    let mut tags = Vec::new();
    if let Some((_, said)) = text[name.len()..].split_once(';') {
        comment::read(said, &mut tags, &mut String::new());
    }
    match name.is_empty() || name.starts_with(';') {
        true => Opened::Rejected("the account has no name".into()),
        false => Opened::Account { name: name.to_owned(), tags },
    }
}

fn commodity(text: &str, rules: &mut Rules) -> Opened {
    let text = before_comment(text);
    if let Some((_, "")) = amount::symbol(text) {
        return Opened::Commodity;
    }
    match style(text, rules) {
        Some(item) => Opened::Styled(item),
        None => Opened::Rejected("the commodity is not understood".into()),
    }
}

fn default_commodity(text: &str, rules: &mut Rules) -> Opened {
    match style(before_comment(text), rules) {
        Some(Item::Commodity { commodity, scale }) => {
            rules.commodity = Some(commodity.clone());
            Opened::Styled(Item::Commodity { commodity, scale })
        }
        _ => Opened::Rejected("the default commodity is not understood".into()),
    }
}

/// Learns from an example how a commodity is written.
pub(super) fn style(example: &str, rules: &mut Rules) -> Option<Item> {
    let written = amount::read(example, |_| rules.mark).ok()?;
    let (commodity, scale) = (written.amount.commodity, written.amount.number.scale);
    if let Some(mark) = written.mark {
        rules.marks.insert(commodity.clone(), mark);
    }
    Some(Item::Commodity { commodity, scale })
}

/// What tags say an account is: the last `type` counts.
pub(super) fn class(tags: &[Tag]) -> Option<AccountClass> {
    let (_, value) = tags.iter().rev().find(|(name, _)| name == "type")?;
    match value.to_ascii_lowercase().as_str() {
        "a" | "asset" | "assets" | "c" | "cash" => Some(AccountClass::Asset),
        "l" | "liability" | "liabilities" => Some(AccountClass::Liability),
        "e" | "equity" | "v" | "conversion" => Some(AccountClass::Equity),
        "r" | "revenue" | "revenues" | "income" => Some(AccountClass::Income),
        "x" | "expense" | "expenses" => Some(AccountClass::Expense),
        _ => None,
    }
}
