//! One Rust file, split into code, literals and tests. It knows strings, raw strings, characters, lifetimes and
//! nested comments, so that a brace or a word inside them is never taken for code. It leaves out macros: what
//! stands in a macro call is read as written.

use crate::words::{after_match, identifier, is_word, places, skip_space};
use std::ops::Range;

/// A string literal: where its text starts, and the text between the quotes as written.
#[derive(Debug)]
pub struct Literal {
    /// Byte offset of the text.
    pub at: usize,
    /// Between the quotes, escapes unread.
    pub text: String,
}

/// A Rust file.
#[derive(Debug)]
pub struct Source {
    /// From the workspace's root, with `/`.
    pub path: String,
    /// As it stands.
    pub text: String,
    /// Of the same length, with comments and the insides of literals blanked.
    pub code: String,
    /// All string literals, in order.
    pub literals: Vec<Literal>,
    /// Modules named by `#[cfg(test)] mod name;`.
    pub test_modules: Vec<String>,
    /// The whole file is test code.
    pub is_test: bool,
    tests: Vec<Range<usize>>,
}

impl Source {
    /// Splits a file.
    pub fn new(path: &str, text: &str) -> Self {
        let (code, literals) = mask(text);
        let (tests, test_modules) = test_items(&code);
        let is_test = path.contains("/tests/") || path.contains("/benches/");
        Self { path: path.to_owned(), text: text.to_owned(), code, literals, test_modules, is_test, tests }
    }

    /// The line of a byte offset, from 1.
    pub fn line(&self, at: usize) -> usize {
        self.text.as_bytes()[..at.min(self.text.len())].iter().filter(|&&byte| byte == b'\n').count() + 1
    }

    /// Whether a place is test code.
    pub fn in_test(&self, at: usize) -> bool {
        self.is_test || self.tests.iter().any(|range| range.contains(&at))
    }

    /// Whether a place is inside a string literal.
    pub fn in_literal(&self, at: usize) -> bool {
        self.literals.iter().any(|literal| (literal.at..literal.at + literal.text.len()).contains(&at))
    }

    /// Lines that are not test code.
    pub fn lines_without_tests(&self) -> usize {
        if self.is_test {
            return 0;
        }
        let tests: usize = self
            .tests
            .iter()
            .map(|range| self.line(range.end.saturating_sub(1)) - self.line(range.start) + 1)
            .sum();
        self.text.lines().count().saturating_sub(tests)
    }

    /// The file's name.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Every imported path, groups written out: `use std::{fs, net::TcpStream as T}` gives two.
    pub fn imports(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for at in places(&self.code, "use") {
            let body = at + "use".len();
            if !self.code[body..].starts_with(char::is_whitespace) {
                continue;
            }
            if let Some(end) = self.code[body..].find(';') {
                expand(at, "", self.code[body..body + end].trim(), &mut found);
            }
        }
        found
    }
}

/// Writes the groups of a use tree out.
fn expand(at: usize, prefix: &str, tree: &str, found: &mut Vec<(usize, String)>) {
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree).trim();
        found.push((at, format!("{prefix}{path}")));
        return;
    };
    let prefix = format!("{prefix}{}", tree[..open].trim());
    let inside = &tree[open + 1..after_match(tree, open).saturating_sub(1).max(open + 1)];
    let (mut start, mut depth) = (0, 0_usize);
    for (place, byte) in inside.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                expand(at, &prefix, inside[start..place].trim(), found);
                start = place + 1;
            }
            _ => {}
        }
    }
    if !inside[start..].trim().is_empty() {
        expand(at, &prefix, inside[start..].trim(), found);
    }
}

/// Blanks comments and the insides of literals; newlines stay.
fn mask(text: &str) -> (String, Vec<Literal>) {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut literals = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.starts_with(b"//") {
            let end = at + rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
            blank(&mut code, at..end);
            at = end;
        } else if rest.starts_with(b"/*") {
            let end = comment_end(bytes, at);
            blank(&mut code, at..end);
            at = end;
        } else if let Some((start, hashes)) = raw_start(bytes, at) {
            let end = raw_end(bytes, start, hashes);
            literals.push(Literal { at: start, text: text[start..end].to_owned() });
            blank(&mut code, start..end);
            at = (end + 1 + hashes).min(bytes.len());
        } else if bytes[at] == b'"' {
            let end = string_end(bytes, at + 1);
            literals.push(Literal { at: at + 1, text: text[at + 1..end].to_owned() });
            blank(&mut code, at + 1..end);
            at = end + 1;
        } else if bytes[at] == b'\'' {
            let end = character_end(text, at);
            blank(&mut code, at + 1..end.saturating_sub(1).max(at + 1));
            at = end;
        } else {
            at += 1;
        }
    }
    (String::from_utf8(code).expect("whole characters were blanked"), literals)
}

fn blank(code: &mut [u8], range: Range<usize>) {
    for byte in &mut code[range] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

fn comment_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

/// Where the text of a raw string starts and how many hashes close it, if one starts here.
fn raw_start(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    if at > 0 && is_word(bytes[at - 1]) {
        return None;
    }
    let mut place = at;
    if matches!(bytes[place], b'b' | b'c') {
        place += 1;
    }
    if bytes.get(place) != Some(&b'r') {
        return None;
    }
    place += 1;
    let hashes = bytes[place..].iter().take_while(|&&byte| byte == b'#').count();
    (bytes.get(place + hashes) == Some(&b'"')).then_some((place + hashes + 1, hashes))
}

fn raw_end(bytes: &[u8], start: usize, hashes: usize) -> usize {
    (start..bytes.len())
        .find(|&place| {
            bytes[place] == b'"'
                && bytes[place + 1..].iter().take(hashes).filter(|&&byte| byte == b'#').count() == hashes
        })
        .unwrap_or(bytes.len())
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The place after a character literal, or after the quote of a lifetime.
fn character_end(text: &str, quote: usize) -> usize {
    let bytes = text.as_bytes();
    if bytes.get(quote + 1) == Some(&b'\\') {
        let from = (quote + 3).min(bytes.len());
        return bytes[from..]
            .iter()
            .position(|&byte| byte == b'\'')
            .map_or(bytes.len(), |ahead| from + ahead + 1);
    }
    let width = text[quote + 1..].chars().next().map_or(0, char::len_utf8);
    if width > 0 && bytes.get(quote + 1 + width) == Some(&b'\'') { quote + width + 2 } else { quote + 1 }
}

/// Items under `#[cfg(test)]`, and the names of test modules in files of their own.
fn test_items(code: &str) -> (Vec<Range<usize>>, Vec<String>) {
    let (mut ranges, mut modules) = (Vec::<Range<usize>>::new(), Vec::new());
    for start in places(code, "#[cfg(") {
        if ranges.iter().any(|range| range.contains(&start)) {
            continue;
        }
        let mut at = after_match(code, start + 1);
        let condition = &code[start..at];
        if places(condition, "test").is_empty() || condition.contains("not(test)") {
            continue;
        }
        at = skip_space(code, at);
        while code[at..].starts_with("#[") {
            at = skip_space(code, after_match(code, at + 1));
        }
        let end = item_end(code, at);
        let item = &code[at..end];
        if item.ends_with(';')
            && let Some(place) = places(item, "mod").first()
        {
            modules.push(identifier(item, skip_space(item, place + 3)).to_owned());
        }
        ranges.push(start..end);
    }
    (ranges, modules)
}

/// The end of the item that starts at `at`: its `;` or its closing brace.
pub fn item_end(code: &str, at: usize) -> usize {
    match body_start(code, at) {
        Some(open) if code.as_bytes()[open] == b'{' => after_match(code, open),
        Some(semicolon) => semicolon + 1,
        None => code.len(),
    }
}

/// The first `{` or `;` that is not inside round or square brackets.
pub fn body_start(code: &str, at: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (place, byte) in code.bytes().enumerate().skip(at) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' | b';' if depth == 0 => return Some(place),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_characters_and_comments_are_not_code() {
        let text = r##"let a = "}\"{"; let b = '{'; let c = '\''; /* { /* } */ */ fn f<'a>(x: &'a str) {} // {
let d = r#"{ "quoted" "#; let e = b"{"; let r#type = 'é'; let g = br"\";"##;
        let source = Source::new("a.rs", text);
        assert_eq!(source.code.len(), text.len());
        let braces: String = source.code.chars().filter(|letter| "{}".contains(*letter)).collect();
        assert_eq!(braces, "{}");
        let literals: Vec<&str> = source.literals.iter().map(|literal| literal.text.as_str()).collect();
        assert_eq!(literals, [r#"}\"{"#, r#"{ "quoted" "#, "{", r"\"]);
    }

    #[test]
    fn tests_are_told_from_code() {
        let text = "fn a() {}\n#[cfg(test)]\n#[path = \"x.rs\"]\nmod tests;\n#[cfg(test)]\nmod more {\n fn b() {}\n}\n\
                    #[cfg(not(test))]\nfn c() {}\n";
        let source = Source::new("src/a.rs", text);
        assert_eq!(source.test_modules, ["tests"]);
        assert!(source.in_test(text.find("fn b").expect("it is there")));
        assert!(!source.in_test(text.find("fn c").expect("it is there")));
        assert_eq!(source.lines_without_tests(), 3);
    }

    #[test]
    fn imports_are_written_out() {
        let source = Source::new("a.rs", "use std::{fs, net::{TcpStream as T, self}};\npub use a::b;\n");
        let paths: Vec<String> = source.imports().into_iter().map(|(_, path)| path).collect();
        assert_eq!(paths, ["std::fs", "std::net::TcpStream", "std::net::self", "a::b"]);
    }
}
