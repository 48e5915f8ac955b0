//! Files of payouts as they are sent: CSV with a head, one JSON object a line, or one JSON document. Lines keep the
//! numbers that they have in the file, so that whoever sent it finds them.

use crate::commands::payouts::{FileLine, MAX_LINES};
use kernel::Problem;
use ledger::http::MAX_WORD;
use platform_http::json::{Document, Object, Reader};
use platform_http::{Media, Payload, slugs};

/// Longest text of a wallet or an amount that is kept.
const MAX_FIELD: usize = 64;
const COLUMNS: [&str; 3] = ["wallet", "amount", "reference"];

/// Every line of a file.
pub fn read(payload: &Payload) -> Result<Vec<FileLine>, Problem> {
    let lines = match payload.media {
        Media::Csv => csv(&payload.bytes),
        Media::Lines => json_lines(&payload.bytes),
        Media::Json => json(payload),
    }?;
    match lines.len() {
        1..=MAX_LINES => Ok(lines),
        0 => Err(slugs::invalid("", "too-few", "has no payout")),
        _ => Err(slugs::invalid("", "too-many", format!("has more than {MAX_LINES} payouts"))),
    }
}

fn json(payload: &Payload) -> Result<Vec<FileLine>, Problem> {
    ledger::http::body(payload, |object| {
        let reader = object.reader();
        let items = object.items("payouts", 1..=MAX_LINES).enumerate();
        Some(
            items
                .map(|(index, value)| {
                    let item = reader.object(value);
                    let line = line(&item, index as i64 + 1);
                    item.finish();
                    line
                })
                .collect(),
        )
    })
}

/// A wallet is a number or a text; what it says is judged with the line, not with the file.
fn line(object: &Object<'_>, number: i64) -> FileLine {
    let field = |name| object.required(name).map(|value| object.reader().decimal(value).into_owned());
    let (wallet, amount) = (field("wallet"), field("amount"));
    let reference = object.optional_text("reference", MAX_WORD);
    FileLine {
        line: number,
        wallet: cut(wallet.unwrap_or_default()),
        amount: cut(amount.unwrap_or_default()),
        reference: reference.unwrap_or_default().into_owned(),
    }
}

fn json_lines(bytes: &[u8]) -> Result<Vec<FileLine>, Problem> {
    let (mut lines, mut faults) = (Vec::new(), Vec::new());
    for (index, text) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if text.iter().all(u8::is_ascii_whitespace) || lines.len() > MAX_LINES {
            continue;
        }
        let document = Document::parse(text)?;
        let reader = Reader::under(format!("/lines/{index}"));
        let object = reader.object(document.root());
        lines.push(line(&object, index as i64 + 1));
        object.finish();
        if let Err(problem) = reader.into_result() {
            faults.extend(problem.faults);
        }
    }
    if faults.is_empty() { Ok(lines) } else { Err(slugs::invalid_request(faults)) }
}

fn csv(bytes: &[u8]) -> Result<Vec<FileLine>, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| slugs::invalid("", "invalid-value", "is not UTF-8"))?;
    let mut rows = rows(text.strip_prefix('\u{feff}').unwrap_or(text)).into_iter();
    let head = rows.next().map(|(_, cells)| cells).unwrap_or_default();
    let places = COLUMNS.map(|name| head.iter().position(|cell| cell.trim().eq_ignore_ascii_case(name)));
    let [Some(wallet), Some(amount), reference] = places else {
        let detail = "the first line has to name the columns wallet, amount and, if there is one, reference";
        return Err(slugs::invalid("", "invalid-value", detail));
    };
    let cell = |cells: &[String], place: usize| cells.get(place).cloned().unwrap_or_default();
    let lines = rows.filter(|(_, cells)| cells.iter().any(|cell| !cell.trim().is_empty()));
    Ok(lines
        .map(|(number, cells)| FileLine {
            line: number,
            wallet: cut(cell(&cells, wallet)),
            amount: cut(cell(&cells, amount)),
            reference: reference.map(|place| fitting(cell(&cells, place), MAX_WORD)).unwrap_or_default(),
        })
        .collect())
}

fn cut(text: String) -> String {
    fitting(text, MAX_FIELD)
}

/// A text of at most so many bytes, without NUL.
fn fitting(text: String, most: usize) -> String {
    let mut fitting = String::new();
    for letter in text.chars().filter(|letter| *letter != '\0') {
        if fitting.len() + letter.len_utf8() > most {
            break;
        }
        fitting.push(letter);
    }
    fitting
}

/// Rows of a CSV (RFC 4180) with the number of the line each begins on.
fn rows(text: &str) -> Vec<(i64, Vec<String>)> {
    let (mut rows, mut cells, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut began, mut quoted) = (1, 1, false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        line += i64::from(letter == '\n');
        match (quoted, letter) {
            (true, '"') if letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            (true, '"') => quoted = false,
            (true, _) => cell.push(letter),
            (false, '"') if cell.is_empty() => quoted = true,
            (false, ',') => cells.push(std::mem::take(&mut cell)),
            (false, '\r') if letters.peek() == Some(&'\n') => {}
            (false, '\n') => {
                cells.push(std::mem::take(&mut cell));
                rows.push((began, std::mem::take(&mut cells)));
                began = line;
            }
            (false, _) => cell.push(letter),
        }
    }
    if !cell.is_empty() || !cells.is_empty() {
        cells.push(cell);
        rows.push((began, cells));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_lines() {
        let text = "wallet,amount,reference\r\n1,2.5,\"a, \"\"b\"\"\nc\"\n\n3,4\n5,6,\"open";
        let lines = csv(text.as_bytes()).unwrap();
        let told: Vec<_> =
            lines.iter().map(|line| (line.line, &*line.wallet, &*line.amount, &*line.reference)).collect();
        assert_eq!(told, [(2, "1", "2.5", "a, \"b\"\nc"), (5, "3", "4", ""), (6, "5", "6", "open")]);
        assert!(csv(b"amount,reference\n1,2\n").is_err());
        assert!(csv(b"\xff").is_err());
        assert!(csv(b"").is_err());
    }
}
