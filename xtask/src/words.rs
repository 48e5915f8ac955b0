//! Finding words in code: whole identifiers and paths, never parts of longer names.

/// Whether a byte may stand in an identifier.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Every place where `needle` stands in `text` and is not part of a longer identifier.
pub fn places(text: &str, needle: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let starts_word = needle.bytes().next().is_some_and(is_word);
    let ends_word = needle.bytes().last().is_some_and(is_word);
    text.match_indices(needle)
        .map(|(at, _)| at)
        .filter(|&at| {
            let before = at.checked_sub(1).map(|place| bytes[place]);
            let after = bytes.get(at + needle.len()).copied();
            !(starts_word && before.is_some_and(is_word) || ends_word && after.is_some_and(is_word))
        })
        .collect()
}

/// Whether `needle` stands in `text` as a whole word or path.
pub fn contains(text: &str, needle: &str) -> bool {
    !places(text, needle).is_empty()
}

/// The identifier that starts at `at`, empty if none does.
pub fn identifier(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    let end = rest.bytes().position(|byte| !is_word(byte)).unwrap_or(rest.len());
    &rest[..end]
}

/// The place after the bracket that closes the one at `open`; the text's end if none does.
pub fn after_match(code: &str, open: usize) -> usize {
    let bytes = code.as_bytes();
    let (opening, closing) = match bytes[open] {
        b'(' => (b'(', b')'),
        b'[' => (b'[', b']'),
        _ => (b'{', b'}'),
    };
    let mut depth = 0_usize;
    for (place, &byte) in bytes.iter().enumerate().skip(open) {
        if byte == opening {
            depth += 1;
        } else if byte == closing {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return place + 1;
            }
        }
    }
    bytes.len()
}

/// The first place at or after `from` that is no white space.
pub fn skip_space(code: &str, from: usize) -> usize {
    code.bytes()
        .skip(from)
        .position(|byte| !byte.is_ascii_whitespace())
        .map_or(code.len(), |ahead| from + ahead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole() {
        assert_eq!(places("f64 xf64 f64x f64", "f64"), [0, 14]);
        assert!(contains("std::thread::sleep(d)", "thread::sleep"));
        assert!(!contains("thread::sleep_until", "thread::sleep"));
        assert!(contains("x.unwrap()", ".unwrap()"));
    }

    #[test]
    fn brackets_match() {
        assert_eq!(after_match("a{b{}c}d", 1), 7);
        assert_eq!(after_match("a[", 1), 2);
    }
}
