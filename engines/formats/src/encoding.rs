//! Bytes of a text file to text, in the two encodings that tables come in.

use std::borrow::Cow;

/// What the bytes 0x80 to 0x9f are in Windows-1252; those that are nothing stand for themselves.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// How a file writes its characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Encoding {
    /// As nearly everything does.
    #[default]
    Utf8,
    /// As older programs do; Latin-1 is part of it.
    Windows1252,
}

impl Encoding {
    /// The text of these bytes; `None` where they are none.
    pub fn read(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            Self::Utf8 => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Self::Windows1252 if bytes.is_ascii() => Self::Utf8.read(bytes),
            Self::Windows1252 => Some(bytes.iter().map(|byte| character(*byte)).collect::<String>().into()),
        }
    }
}

fn character(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WINDOWS[usize::from(byte - 0x80)],
        byte => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_text() {
        assert_eq!(Encoding::Utf8.read("é€".as_bytes()).as_deref(), Some("é€"));
        assert_eq!(Encoding::Utf8.read(b"\xe9"), None);
        assert_eq!(Encoding::Windows1252.read(b"a\xe9\x80\x9f").as_deref(), Some("aé€Ÿ"));
        assert_eq!(Encoding::Windows1252.read(b"abc").as_deref(), Some("abc"));
    }
}
