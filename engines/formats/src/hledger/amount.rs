//! Amounts: `-1,000.50 EUR`, `$10`, `10 "green apples"`. Which mark is the decimal one follows hledger: the last
//! of two different ones; one that stands once; what a directive says where there is one.

use crate::Decimal;
use crate::model::Amount;

/// What a symbol without quotes cannot have.
const NOT_SIMPLE: &[char] =
    &['-', '+', '.', ',', ';', ':', '=', '@', '*', '"', '{', '}', '(', ')', '[', ']', '/', '\\', '<', '>'];

/// An amount and the decimal mark it was written with.
pub(super) struct Written {
    pub amount: Amount,
    pub mark: Option<char>,
}

/// Reads an amount. `mark_of` tells the decimal mark of a commodity where a directive gave one.
pub(super) fn read(text: &str, mark_of: impl Fn(&str) -> Option<char>) -> Result<Written, &'static str> {
    let wrong = "the amount is not understood";
    let (outer, rest) = sign(text.trim());
    let starts = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == ',');
    let (number, commodity, negative) = if starts(rest) {
        let end = number_end(rest);
        let (commodity, left) = symbol(rest[end..].trim_start()).unwrap_or(("", rest[end..].trim_start()));
        if !left.is_empty() {
            return Err(wrong);
        }
        (&rest[..end], commodity, outer)
    } else {
        let (commodity, rest) = symbol(rest).ok_or(wrong)?;
        let (inner, rest) = sign(rest.trim_start());
        if !starts(rest) || number_end(rest) != rest.len() || outer.is_some() && inner.is_some() {
            return Err(wrong);
        }
        (rest, commodity, outer.or(inner))
    };
    let (number, mark) =
        decimal(number, mark_of(commodity)).ok_or("the number is not understood, or too long")?;
    let number = if negative == Some(true) { number.negated() } else { number };
    Ok(Written { amount: Amount { number, commodity: commodity.to_owned() }, mark })
}

/// Whether a sign stands here, and what follows it.
fn sign(text: &str) -> (Option<bool>, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (Some(true), text[1..].trim_start()),
        Some(b'+') => (Some(false), text[1..].trim_start()),
        _ => (None, text),
    }
}

/// Where a number ends: a space belongs to it between two digits.
fn number_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut end = 0;
    while let Some(byte) = bytes.get(end) {
        let digit = |place: usize| bytes.get(place).is_some_and(u8::is_ascii_digit);
        match byte {
            b'0'..=b'9' | b'.' | b',' => end += 1,
            b' ' if end > 0 && digit(end - 1) && digit(end + 1) => end += 1,
            _ => break,
        }
    }
    end
}

/// The symbol that starts here, and what follows it.
pub(super) fn symbol(text: &str) -> Option<(&str, &str)> {
    if let Some(rest) = text.strip_prefix('"') {
        let (symbol, rest) = rest.split_once('"')?;
        return Some((symbol, rest));
    }
    let end = text.find(|c: char| c.is_ascii_digit() || !is_simple(c)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// Whether a symbol may have this without quotes.
pub(super) fn is_simple(c: char) -> bool {
    !(c.is_numeric() || c.is_whitespace() || c.is_control() || NOT_SIMPLE.contains(&c))
}

/// Digits with marks, and which mark is the decimal one.
fn decimal(text: &str, given: Option<char>) -> Option<(Decimal, Option<char>)> {
    let marks: Vec<char> = text.chars().filter(|c| !c.is_ascii_digit()).collect();
    let mark = match (&marks[..], given) {
        ([], _) => None,
        (_, Some(given)) => marks.contains(&given).then_some(given),
        ([' '], None) => None,
        ([only], None) => Some(*only),
        ([first, .., last], None) => (first != last).then_some(*last),
    };
    let mut number = Decimal::ZERO;
    let (mut behind, mut digits, mut group) = (false, 0_usize, None);
    let bytes = text.as_bytes();
    for (place, byte) in bytes.iter().enumerate() {
        let c = char::from(*byte);
        if byte.is_ascii_digit() {
            number = number.push(*byte, behind)?;
            digits += 1;
        } else if Some(c) == mark && !behind {
            behind = true;
        } else {
            let inside = place > 0 && bytes[place - 1].is_ascii_digit();
            let followed = bytes.get(place + 1).is_some_and(u8::is_ascii_digit);
            if Some(c) == mark || behind || !inside || !followed || group.is_some_and(|group| group != c) {
                return None;
            }
            group = Some(c);
        }
    }
    (digits > 0).then_some((number, mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, given: Option<char>, expected: &str) {
        let got = match read(text, |_| given) {
            Ok(Written { amount, .. }) => format!("{} {}", amount.number, amount.commodity),
            Err(_) => "refused".to_owned(),
        };
        assert_eq!(got, expected, "{text:?}");
    }

    #[test]
    fn amounts_are_read_as_hledger_reads_them() {
        for (text, given, expected) in [
            ("10", None, "10 "),
            ("10 EUR", None, "10 EUR"),
            ("10EUR", None, "10 EUR"),
            ("-10.50 EUR", None, "-10.50 EUR"),
            ("$10", None, "10 $"),
            ("-$10", None, "-10 $"),
            ("- $10", None, "-10 $"),
            ("$ -1.", None, "-1 $"),
            ("+1 €", None, "1 €"),
            (".5 EUR", None, "0.5 EUR"),
            ("1,000", None, "1.000 "),
            ("1,000", Some('.'), "1000 "),
            ("1.000 EUR", Some(','), "1000 EUR"),
            ("1,000.50", None, "1000.50 "),
            ("1.000,50 EUR", None, "1000.50 EUR"),
            ("1,000,000", None, "1000000 "),
            ("1,2,3.5 EUR", None, "123.5 EUR"),
            ("1 000.50 EUR", None, "1000.50 EUR"),
            ("1 000", None, "1000 "),
            ("1 \"USDC.E-1\"", None, "1 USDC.E-1"),
            ("\"a b\" 1", None, "1 a b"),
            ("--1", None, "refused"),
            ("-$-1", None, "refused"),
            ("1 A.B", None, "refused"),
            ("1E3 EUR", None, "refused"),
            ("1_000", None, "refused"),
            ("1,000.000,0 EUR", None, "refused"),
            ("1.0.0", Some('.'), "refused"),
            (".", None, "refused"),
            ("EUR", None, "refused"),
            ("", None, "refused"),
            ("\"a", None, "refused"),
            ("1 EUR x", None, "refused"),
            ("0.1234567890123456789", None, "refused"),
            ("1000000000000000000000000000000000000", None, "refused"),
        ] {
            check(text, given, expected);
        }
    }
}
