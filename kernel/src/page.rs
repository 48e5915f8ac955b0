//! Keyset pages: a limit, an opaque cursor, and what came of them. Newest first unless a list says otherwise.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Rows of a page when the caller does not say.
pub const DEFAULT_LIMIT: u16 = 50;
/// Most rows of a page: what still renders in well under a millisecond.
pub const MAX_LIMIT: u16 = 500;

/// How many rows a page may hold: 1 to 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(u16);

/// A number outside 1–500.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from 1 to {MAX_LIMIT}")]
pub struct InvalidLimit;

impl Limit {
    /// Takes a number from 1 to 500.
    pub fn try_new(rows: u64) -> Result<Self, InvalidLimit> {
        match u16::try_from(rows) {
            Ok(rows) if (1..=MAX_LIMIT).contains(&rows) => Ok(Self(rows)),
            _ => Err(InvalidLimit),
        }
    }

    /// The number.
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(DEFAULT_LIMIT)
    }
}

/// Where a page ended: integers that only the list which made them understands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(Vec<u64>);

/// A text that no list gave out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a next_cursor that an earlier page of this list returned")]
pub struct InvalidCursor;

/// Most integers a cursor holds.
const MAX_PARTS: usize = 8;

impl Cursor {
    /// Wraps a place; `kind` tells one list's cursors from another's.
    pub fn new(kind: u64, place: &[u64]) -> Self {
        Self(std::iter::once(kind).chain(place.iter().copied()).collect())
    }

    /// Opens a cursor of this kind with `N` integers.
    pub fn open<const N: usize>(&self, kind: u64) -> Result<[u64; N], InvalidCursor> {
        match self.0.split_first() {
            Some((first, place)) if *first == kind => place.try_into().map_err(|_| InvalidCursor),
            _ => Err(InvalidCursor),
        }
    }

    /// The opaque text.
    pub fn show(&self) -> String {
        let bytes: Vec<u8> = self.0.iter().flat_map(|part| part.to_be_bytes()).collect();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads the opaque text.
    pub fn parse(text: &str) -> Result<Self, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let (words, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() || words.is_empty() || words.len() > MAX_PARTS {
            return Err(InvalidCursor);
        }
        Ok(Self(words.iter().map(|word| u64::from_be_bytes(*word)).collect()))
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Where the next page starts; none at the end.
    pub next: Option<Cursor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_open_only_where_they_were_made() {
        let cursor = Cursor::parse(&Cursor::new(3, &[17, u64::MAX]).show()).unwrap();
        assert_eq!(cursor.open::<2>(3), Ok([17, u64::MAX]));
        assert_eq!(cursor.open::<2>(4), Err(InvalidCursor));
        assert_eq!(cursor.open::<1>(3), Err(InvalidCursor));
        for text in ["", "x", "AAAA", "!!!", &"A".repeat(4096)] {
            assert!(Cursor::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn limits_are_bounded() {
        assert!(Limit::try_new(0).is_err());
        assert!(Limit::try_new(501).is_err());
        assert_eq!(Limit::try_new(500).unwrap().get(), 500);
    }
}
