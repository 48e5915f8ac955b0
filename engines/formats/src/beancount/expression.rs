//! Numbers of amounts, which may be sums, products and quotients with parentheses: `(10 + 2.50) * 3`. A quotient
//! that is not exact is none.

use super::cursor::Cursor;
use crate::Decimal;
use crate::settle::Reason;

/// Deepest nesting of parentheses and signs that is read: far more than anybody writes, and safe for the stack.
const MAX_DEPTH: u8 = 32;

/// Whether a number starts here.
pub(super) fn starts(cursor: &Cursor<'_>) -> bool {
    cursor.rest().starts_with(|c: char| c.is_ascii_digit() || "+-(".contains(c))
}

/// Reads a number.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Decimal, Reason> {
    sum(cursor, 0)
}

fn sum(cursor: &mut Cursor<'_>, depth: u8) -> Result<Decimal, Reason> {
    let mut found = product(cursor, depth)?;
    loop {
        let next = if cursor.mark('+') {
            product(cursor, depth)?
        } else if cursor.mark('-') {
            product(cursor, depth)?.negated()
        } else {
            return Ok(found);
        };
        found = found.checked_add(next).ok_or("the number is too long")?;
    }
}

fn product(cursor: &mut Cursor<'_>, depth: u8) -> Result<Decimal, Reason> {
    let mut found = single(cursor, depth)?;
    loop {
        if cursor.mark('*') {
            found = found.checked_mul(single(cursor, depth)?).ok_or("the number is too long")?;
        } else if cursor.mark('/') {
            let quotient = found.checked_div(single(cursor, depth)?);
            found = quotient.ok_or("the quotient is not exact, and money is not rounded here")?;
        } else {
            return Ok(found);
        }
    }
}

fn single(cursor: &mut Cursor<'_>, depth: u8) -> Result<Decimal, Reason> {
    if depth == MAX_DEPTH {
        return Err("the number is nested too deeply".into());
    }
    if cursor.mark('-') {
        return Ok(single(cursor, depth + 1)?.negated());
    }
    if cursor.mark('+') {
        return single(cursor, depth + 1);
    }
    if cursor.mark('(') {
        let found = sum(cursor, depth + 1)?;
        return if cursor.mark(')') { Ok(found) } else { Err("a parenthesis is not closed".into()) };
    }
    literal(cursor)
}

/// Digits, in groups of three by commas or in none, and a fraction behind a point.
fn literal(cursor: &mut Cursor<'_>) -> Result<Decimal, Reason> {
    let rest = cursor.rest();
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != ',' && c != '.').unwrap_or(rest.len());
    let text = &rest[..end];
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let grouped = whole.contains(',');
    let fits = !first.is_empty() && (!grouped || first.len() <= 3) && groups.all(|group| group.len() == 3);
    if !fits || fraction.contains([',', '.']) {
        return Err("the number is not understood".into());
    }
    let mut found = Decimal::ZERO;
    for (digits, behind) in [(whole, false), (fraction, true)] {
        for byte in digits.bytes().filter(u8::is_ascii_digit) {
            found = found.push(byte, behind).ok_or("the number is too long")?;
        }
    }
    cursor.skip(end);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_worked_out_exactly() {
        for (text, expected) in [
            ("1,000.50 EUR", "1000.50"),
            ("- 1 EUR", "-1"),
            ("1. EUR", "1"),
            ("1+2*3 EUR", "7"),
            ("(-3*2/2)USD", "-3"),
            ("10 / 4 - 0.5", "2.0"),
            ("10/3", "the quotient is not exact, and money is not rounded here"),
            ("1/0", "the quotient is not exact, and money is not rounded here"),
            ("10,00.5", "the number is not understood"),
            ("1.2.3", "the number is not understood"),
            ("(1", "a parenthesis is not closed"),
            ("EUR", "the number is not understood"),
            ("1 +", "the number is not understood"),
            ("0.1234567890123456789", "the number is too long"),
        ] {
            let found = read(&mut Cursor::new(text));
            assert_eq!(
                found.map_or_else(Reason::into_owned, |number| number.to_string()),
                expected,
                "{text}"
            );
        }
        assert!(read(&mut Cursor::new(&"(".repeat(100_000))).is_err());
        assert!(read(&mut Cursor::new(&"-".repeat(100_000))).is_err());
    }
}
