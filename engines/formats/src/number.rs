//! Numbers as tables have them: a decimal mark that is known, groups of three, a sign in front or behind.

use crate::Decimal;

/// What may stand between groups of three digits, besides the mark that is not the decimal one.
const GAPS: [char; 5] = [' ', '\u{a0}', '\u{202f}', '\'', '’'];

/// Reads a number with this decimal mark, `.` or `,`: `-1.234,50`, `1 234,50-`, `+7`. Anything that could be meant
/// otherwise is none: with the mark `.`, `1,50` has a group of two.
pub fn read_number(text: &str, mark: char) -> Option<Decimal> {
    let text = text.trim();
    let sign = |c: char| ['-', '+', '−'].contains(&c);
    let (first, last) = (text.chars().next()?, text.chars().next_back()?);
    let (signed, digits) = match (sign(first), sign(last)) {
        (true, _) => (first, text[first.len_utf8()..].trim_start()),
        (false, true) => (last, text[..text.len() - last.len_utf8()].trim_end()),
        (false, false) => ('+', text),
    };
    let (whole, fraction) = digits.split_at(digits.find(mark).unwrap_or(digits.len()));
    let other = if mark == ',' { '.' } else { ',' };
    let gap = whole.chars().find(|c| !c.is_ascii_digit());
    if gap.is_some_and(|gap| gap != other && !GAPS.contains(&gap)) {
        return None;
    }
    let mut plain = String::with_capacity(digits.len());
    for (place, group) in whole.split(|c| Some(c) == gap).enumerate() {
        let fits = match (place, gap) {
            (_, None) => !group.is_empty(),
            (0, Some(_)) => (1..=3).contains(&group.len()),
            (_, Some(_)) => group.len() == 3,
        };
        if !fits {
            return None;
        }
        plain.push_str(group);
    }
    plain.push_str(&fraction.replacen(mark, ".", 1));
    let number = Decimal::parse(&plain)?;
    Some(if signed == '+' { number } else { number.negated() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_tables_are_read_or_none() {
        for (text, mark, expected) in [
            ("1.234,50", ',', "1234.50"),
            ("-1.234.567,5", ',', "-1234567.5"),
            ("1,234.50", '.', "1234.50"),
            ("1 234,50-", ',', "-1234.50"),
            ("1\u{202f}234,50", ',', "1234.50"),
            ("1'234.50", '.', "1234.50"),
            ("+ 7", '.', "7"),
            ("−7", '.', "-7"),
            ("1,50", '.', "none"),
            ("1.50", ',', "none"),
            ("12,34,567", '.', "none"),
            ("1.234 567,0", ',', "none"),
            ("1,234", '.', "1234"),
            (",50", ',', "none"),
            ("1,", ',', "none"),
            ("1,5,0", ',', "none"),
            ("--1", '.', "none"),
            ("-1-", '.', "none"),
            ("1e3", '.', "none"),
            ("12 EUR", '.', "none"),
            ("", '.', "none"),
            ("-", '.', "none"),
        ] {
            let found = read_number(text, mark).map_or("none".to_owned(), |number| number.to_string());
            assert_eq!(found, expected, "{text:?} {mark}");
        }
    }
}
