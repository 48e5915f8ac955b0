//! Dates in a form that somebody chose: `DD.MM.YYYY`, `M/D/YY`. Only what the form says is taken.

use crate::Date;

/// A part of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Four digits.
    Year,
    /// Two digits of this century.
    ShortYear,
    /// One or two digits, or exactly two.
    Month { padded: bool },
    /// Likewise.
    Day { padded: bool },
    /// The character itself.
    Mark(char),
    /// Whatever follows.
    Rest,
}

/// How dates are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateForm {
    parts: Vec<Part>,
}

impl DateForm {
    /// Reads a form: `YYYY` or `YY`, `MM` or `M`, `DD` or `D`, each once, marks between them, and `*` at the end
    /// where a time may follow.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let run = rest.len() - rest.trim_start_matches(first).len();
            let (part, taken) = match (first, run) {
                ('Y', 4) => (Part::Year, 4),
                ('Y', 2) => (Part::ShortYear, 2),
                ('M', 1 | 2) => (Part::Month { padded: run == 2 }, run),
                ('D', 1 | 2) => (Part::Day { padded: run == 2 }, run),
                ('*', 1) if rest.len() == 1 => (Part::Rest, 1),
                (mark, _) if !mark.is_alphanumeric() && mark != '*' => (Part::Mark(mark), mark.len_utf8()),
                _ => {
                    return Err(
                        "is made of YYYY or YY, MM or M, DD or D, marks between them, and * at the end",
                    );
                }
            };
            parts.push(part);
            rest = &rest[taken..];
        }
        let count = |fits: fn(&Part) -> bool| parts.iter().filter(|part| fits(part)).count();
        let whole = count(|part| matches!(part, Part::Year | Part::ShortYear)) == 1
            && count(|part| matches!(part, Part::Month { .. })) == 1
            && count(|part| matches!(part, Part::Day { .. })) == 1;
        if whole { Ok(Self { parts }) } else { Err("has a year, a month and a day, each once") }
    }

    /// Reads a date; `None` where it is not written so or the calendar has no such day.
    pub fn read(&self, text: &str) -> Option<Date> {
        let (mut year, mut month, mut day) = (0, 0, 0);
        let mut rest = text.trim();
        for part in &self.parts {
            match *part {
                Part::Year => year = digits(&mut rest, 4, 4)?,
                Part::ShortYear => year = 2_000 + digits(&mut rest, 2, 2)?,
                Part::Month { padded } => month = digits(&mut rest, 1 + usize::from(padded), 2)?,
                Part::Day { padded } => day = digits(&mut rest, 1 + usize::from(padded), 2)?,
                Part::Mark(mark) => rest = rest.strip_prefix(mark)?,
                Part::Rest => rest = "",
            }
        }
        let small = |part: u16| u8::try_from(part).ok();
        if rest.is_empty() { Date::try_new(year, small(month)?, small(day)?) } else { None }
    }
}

/// So many digits, as a number.
fn digits(rest: &mut &str, least: usize, most: usize) -> Option<u16> {
    let end = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (number, behind) = rest.split_at(end);
    *rest = behind;
    if end < least { None } else { number.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_the_form_says() {
        for (form, text, expected) in [
            ("YYYY-MM-DD", "2024-02-29", "2024-02-29"),
            ("YYYY-MM-DD", " 2024-02-29 ", "2024-02-29"),
            ("YYYY-MM-DD", "2023-02-29", "none"),
            ("YYYY-MM-DD", "2024-2-9", "none"),
            ("YYYY-MM-DD", "2024-02-29T10:00:00", "none"),
            ("YYYY-MM-DD*", "2024-02-29T10:00:00", "2024-02-29"),
            ("DD.MM.YYYY", "29.02.2024", "2024-02-29"),
            ("M/D/YY", "2/9/24", "2024-02-09"),
            ("M/D/YY", "12/31/24", "2024-12-31"),
            ("YYYYMMDD", "20240229", "2024-02-29"),
            ("DD.MM.YYYY", "29/02/2024", "none"),
            ("DD.MM.YYYY", "", "none"),
            ("DD.MM.YYYY", "2é.02.2024", "none"),
        ] {
            let date = DateForm::parse(form).unwrap().read(text);
            assert_eq!(date.map_or("none".to_owned(), |date| date.to_string()), expected, "{form} {text}");
        }
        for bad in [
            "",
            "YYYY",
            "YYYY-MM",
            "YYYY-MM-DD-DD",
            "YYY-MM-DD",
            "YYYY-MM-DD HH",
            "*YYYY-MM-DD",
            "dd.mm.yyyy",
        ] {
            assert!(DateForm::parse(bad).is_err(), "{bad}");
        }
    }
}
