//! A line of a text file as readers take it: without a mark of byte order before the first, without the carriage
//! return of other systems behind any, and readable whatever its bytes are.

use std::borrow::Cow;

/// The text of line `number`, counted from 1, given without its line feed; `Err` holds it with replacements where it
/// is not UTF-8.
pub fn text_of(bytes: &[u8], number: u64) -> Result<&str, Cow<'_, str>> {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let bytes = match number {
        1 => bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes),
        _ => bytes,
    };
    std::str::from_utf8(bytes).map_err(|_| String::from_utf8_lossy(bytes))
}
