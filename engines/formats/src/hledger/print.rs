//! Printing an entry so that hledger and the parser read back the same. What a place cannot carry goes into an
//! escaped tag; an account that no journal can name is refused.

use super::{amount, block, comment, escape};
use crate::model::{AccountClass, Amount, Posting, Status, Tag, Transaction};
use std::fmt::{self, Write};

/// An account's name that an hledger journal cannot carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unprintable(pub String);

impl fmt::Display for Unprintable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an hledger journal cannot name the account {:?}", self.0)
    }
}

impl std::error::Error for Unprintable {}

/// Whether an account's name is read back as it is.
pub fn check_account(name: &str) -> Result<(), Unprintable> {
    let spaced = name.chars().any(|c| c != ' ' && c.is_whitespace() || c.is_control());
    let marked = name.starts_with(['(', '[', '*', '!', ';']);
    let whole = block::account_end(name) == name.len() && name.trim() == name;
    match name.is_empty() || spaced || marked || !whole {
        true => Err(Unprintable(name.to_owned())),
        false => Ok(()),
    }
}

/// Prints the directive that says what an account is.
pub fn print_account(out: &mut impl Write, name: &str, class: AccountClass) -> fmt::Result {
    let letter = match class {
        AccountClass::Asset => 'A',
        AccountClass::Liability => 'L',
        AccountClass::Equity => 'E',
        AccountClass::Income => 'R',
        AccountClass::Expense => 'X',
    };
    writeln!(out, "account {name}  ; type: {letter}")
}

/// Prints the directive that says how a commodity is written.
pub fn print_commodity(out: &mut impl Write, commodity: &str, scale: u8) -> fmt::Result {
    out.write_str("commodity 1000.")?;
    for _ in 0..scale {
        out.write_char('0')?;
    }
    print_symbol(out, commodity)?;
    out.write_char('\n')
}

/// Prints an entry and an empty line behind it. Its accounts were checked.
pub fn print(out: &mut impl Write, transaction: &Transaction) -> fmt::Result {
    let Transaction { date, status, code, description, comment, tags, postings } = transaction;
    write!(out, "{date}")?;
    match status {
        Status::Unmarked => {}
        Status::Pending => out.write_str(" !")?,
        Status::Cleared => out.write_str(" *")?,
    }
    let mut escaped: Vec<Tag> = Vec::new();
    if let Some(code) = code {
        if escape::is_plain(code) && !code.is_empty() && !code.contains(['(', ')', ';']) {
            write!(out, " ({code})")?;
        } else {
            escaped.push(escape::place("code", code));
        }
    }
    if escape::is_plain(&description.replace(',', "")) && is_description(description) {
        if !description.is_empty() {
            write!(out, " {description}")?;
        }
    } else {
        escaped.push(escape::place("description", description));
    }
    out.write_char('\n')?;
    print_comment(out, "    ", comment)?;
    for (name, value) in tags.iter().map(|(name, value)| tag(name, value)).chain(escaped) {
        writeln!(out, "    ; {name}:{value}")?;
    }
    for posting in postings {
        print_posting(out, posting)?;
    }
    out.write_char('\n')
}

fn is_description(text: &str) -> bool {
    text.trim() == text && !text.starts_with(['(', '*', '!', '=']) && !text.contains(';')
}

/// A tag of an entry or a posting; what would move a posting to another day is escaped.
fn tag(name: &str, value: &str) -> Tag {
    match name {
        "date" | "date2" => escape::escaped(name, value),
        _ if value.contains('[') => escape::escaped(name, value),
        _ => escape::tag(name, value),
    }
}

fn print_comment(out: &mut impl Write, indent: &str, text: &str) -> fmt::Result {
    if text.is_empty() {
        return Ok(());
    }
    let is_plain = text.split('\n').all(|line| {
        let (mut tags, mut read) = (Vec::new(), String::new());
        comment::read(line, &mut tags, &mut read);
        !line.is_empty() && tags.is_empty() && read == line && escape::is_plain(line) && !line.contains('[')
    });
    if is_plain {
        return text.split('\n').try_for_each(|line| writeln!(out, "{indent}; {line}"));
    }
    let (name, value) = escape::place("comment", text);
    writeln!(out, "{indent}; {name}:{value}")
}

fn print_posting(out: &mut impl Write, posting: &Posting) -> fmt::Result {
    write!(out, "    {}  ", posting.account)?;
    print_amount(out, &posting.amount)?;
    if let Some(assertion) = &posting.assertion {
        let (sole, inclusive) =
            (if assertion.sole { "=" } else { "" }, if assertion.inclusive { "*" } else { "" });
        write!(out, " ={sole}{inclusive} ")?;
        print_amount(out, &assertion.amount)?;
    }
    out.write_char('\n')?;
    print_comment(out, "        ", &posting.comment)?;
    posting.tags.iter().try_for_each(|(name, value)| {
        let (name, value) = tag(name, value);
        writeln!(out, "        ; {name}:{value}")
    })
}

fn print_amount(out: &mut impl Write, amount: &Amount) -> fmt::Result {
    write!(out, "{}", amount.number)?;
    print_symbol(out, &amount.commodity)
}

/// A commodity behind its number, in quotes where it needs them.
fn print_symbol(out: &mut impl Write, commodity: &str) -> fmt::Result {
    if commodity.is_empty() {
        Ok(())
    } else if commodity.chars().all(|c| amount::is_simple(c) && c.is_alphabetic()) {
        write!(out, " {commodity}")
    } else {
        write!(out, " \"{commodity}\"")
    }
}
