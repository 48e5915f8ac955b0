//! Reading a line of a block from left to right: texts in quotes, tags, links, words. Comments are cut off before,
//! and a text in quotes may have line feeds, so that a line here can be several lines of the file.

use crate::settle::Reason;

/// Where a line of the file leaves the quotes, given how it finds them; a comment has none.
pub(super) fn ends_quoted(line: &str, mut quoted: bool) -> bool {
    let mut bytes = line.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if quoted => {
                bytes.next();
            }
            b'"' => quoted = !quoted,
            b';' if !quoted => return false,
            _ => {}
        }
    }
    quoted
}

/// The lines of a block without comments; those with nothing else are left out.
pub(super) fn lines(text: &str) -> Vec<&str> {
    let (mut lines, mut start, mut end) = (Vec::new(), 0, None);
    let (mut quoted, mut escaped) = (false, false);
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if end.is_none() => quoted = !quoted,
            b';' if !quoted && end.is_none() => end = Some(place),
            b'\n' if !quoted => {
                lines.push(&text[start..end.take().unwrap_or(place)]);
                start = place + 1;
            }
            _ => {}
        }
    }
    lines.push(&text[start..end.unwrap_or(text.len())]);
    lines.retain(|line| !line.trim().is_empty());
    lines
}

/// What is left of a line.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub fn new(line: &'a str) -> Self {
        Self { rest: line.trim() }
    }

    /// Everything that is left.
    pub fn rest(&self) -> &'a str {
        self.rest
    }

    /// Whether nothing is left.
    pub fn is_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Passes over so many bytes and the space behind them.
    pub fn skip(&mut self, bytes: usize) {
        self.rest = self.rest[bytes..].trim_start();
    }

    /// Takes a character if it stands here.
    pub fn mark(&mut self, mark: char) -> bool {
        let here = self.rest.starts_with(mark);
        if here {
            self.skip(mark.len_utf8());
        }
        here
    }

    /// What stands here up to a space or a quotation mark.
    pub fn word(&mut self) -> &'a str {
        let end = self.rest.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        self.skip(end);
        word
    }

    /// A text in quotes, if one stands here.
    pub fn text(&mut self) -> Option<Result<String, Reason>> {
        let inside = self.rest.strip_prefix('"')?;
        let mut said = String::new();
        let mut places = inside.char_indices();
        while let Some((place, c)) = places.next() {
            match c {
                '"' => {
                    self.rest = inside[place + 1..].trim_start();
                    return Some(Ok(said));
                }
                '\\' => match places.next() {
                    Some((_, 'n')) => said.push('\n'),
                    Some((_, 't')) => said.push('\t'),
                    Some((_, 'r')) => said.push('\r'),
                    Some((_, 'b')) => said.push('\u{8}'),
                    Some((_, 'f')) => said.push('\u{c}'),
                    Some((_, other)) => said.push(other),
                    None => break,
                },
                c => said.push(c),
            }
        }
        Some(Err("a text in quotes is not closed".into()))
    }

    /// The name behind a `#` or a `^`, if such a tag or link stands here.
    pub fn named(&mut self, mark: char) -> Option<&'a str> {
        let inside = self.rest.strip_prefix(mark)?;
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_/.".contains(c);
        let end = inside.find(|c: char| !fits(c)).unwrap_or(inside.len());
        let name = &inside[..end];
        if name.is_empty() {
            return None;
        }
        self.skip(mark.len_utf8() + end);
        Some(name)
    }

    /// The name before a colon that starts a line of metadata.
    pub fn key(&mut self) -> Option<&'a str> {
        let (key, _) = self.rest.split_once(':')?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let good = key.len() > 1 && key.as_bytes()[0].is_ascii_lowercase() && key.bytes().all(fits);
        if !good {
            return None;
        }
        self.skip(key.len() + 1);
        Some(key)
    }

    /// An account: a word of two names or more, each with a capital, a digit or a letter beyond ASCII in front.
    pub fn account(&mut self) -> Result<&'a str, Reason> {
        let word = self.word();
        let starts = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || !c.is_ascii();
        let fits = |c: char| c.is_alphanumeric() || c == '-' || !c.is_ascii() && !c.is_control();
        let is_name = |name: &str| name.starts_with(starts) && name.chars().all(fits);
        let rooted = !word.starts_with(|c: char| c.is_ascii_digit());
        match rooted && word.contains(':') && word.split(':').all(is_name) {
            true => Ok(word),
            false => Err("the account is not understood".into()),
        }
    }

    /// A commodity, if one stands here.
    pub fn commodity(&mut self) -> Option<&'a str> {
        let starts = self.rest.starts_with(|c: char| c.is_ascii_uppercase() || c == '/');
        let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || "'._-/".contains(c);
        let end = self.rest.find(|c: char| !fits(c)).unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        let behind = self.rest[end..].chars().next();
        let ends = word.ends_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit());
        if !starts || !ends || behind.is_some_and(char::is_alphanumeric) {
            return None;
        }
        self.skip(end);
        Some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_end_lines_and_quotes_hide_them() {
        let text = "a \"x;\ny\" b ; c \"\n  ; only\n d \"\\\";\" ;";
        assert_eq!(lines(text), ["a \"x;\ny\" b ", " d \"\\\";\" "]);
        assert!(ends_quoted("a \"b", false) && !ends_quoted("b\" ; \"", true) && ends_quoted("\\\"", true));
    }
}
