//! Text that hledger's comments and descriptions cannot carry as it is travels in a tag whose name ends in `%`
//! and whose value has `%41` for the bytes it could not have: `description%:two%0Alines`.

use crate::model::Tag;

/// The end of the name of a tag whose name and value are escaped.
const MARK: char = '%';
/// Texts with a place of their own.
const PLACES: [&str; 3] = ["description", "code", "comment"];

/// Whether a value is read back as it is.
pub(super) fn is_plain(text: &str) -> bool {
    let allowed = |c: char| match c {
        ' ' => true,
        ',' => false,
        _ => c.is_ascii_graphic() || c.is_alphanumeric(),
    };
    text.chars().all(allowed) && text.trim() == text
}

/// Whether a tag's name is read back as it is.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && is_plain(name) && !name.contains([' ', ':', MARK])
}

/// A tag in a form that is read back the same.
pub(super) fn tag(name: &str, value: &str) -> Tag {
    match is_plain_name(name) && is_plain(value) {
        true => (name.to_owned(), value.to_owned()),
        false => escaped(name, value),
    }
}

/// A tag with everything unusual escaped, whether it must be or not.
pub(super) fn escaped(name: &str, value: &str) -> Tag {
    let mut marked = match PLACES.contains(&name) {
        // The bare word would be taken for the place.
        true => format!("{MARK}{:02x}{}", name.as_bytes()[0], &name[1..]),
        false => encode(name),
    };
    marked.push(MARK);
    (marked, encode(value))
}

/// The text of a description, code or comment that its own place cannot carry, as a tag.
pub(super) fn place(name: &'static str, value: &str) -> Tag {
    (format!("{name}{MARK}"), encode(value))
}

/// What an escaped tag was.
pub(super) enum Unescaped {
    /// The text of one of the places.
    Place(&'static str, String),
    /// A tag.
    Tag(Tag),
}

/// A tag as it was before it was escaped.
pub(super) fn unescaped((name, value): Tag) -> Unescaped {
    if let Some(marked) = name.strip_suffix(MARK)
        && let (Some(plain), Some(said)) = (decode(marked), decode(&value))
    {
        return match PLACES.iter().find(|place| **place == marked) {
            Some(place) => Unescaped::Place(place, said),
            None => Unescaped::Tag((plain, said)),
        };
    }
    Unescaped::Tag((name, value))
}

fn encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => out.push(char::from(byte)),
            _ => {
                out.push(MARK);
                let digit = |half: u8| char::from_digit(u32::from(half), 16).expect("half a byte is a digit");
                out.push(digit(byte >> 4));
                out.push(digit(byte & 15));
            }
        }
        out
    })
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut half = || char::from(rest.next()?).to_digit(16);
            let (high, low) = (half()?, half()?);
            bytes.push((high * 16 + low) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
