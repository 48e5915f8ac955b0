//! One pass over a JSON text (RFC 8259) that checks its syntax and notes where every value starts and ends.
//! Nothing is converted: texts, numbers and keys stay slices of the source until somebody asks for them, so that
//! no number ever passes through a float and a batch of thousands is read once, not once per level.

/// Deepest nesting that is read: several times what any documented body has, and safe for the stack.
pub(super) const MAX_DEPTH: usize = 32;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    True,
    False,
    Number,
    /// A text without escapes: its source is its value.
    Plain,
    /// A text with escapes.
    Escaped,
    Array,
    Object,
}

/// One value. The nodes of a document stand in source order; a member of an object is two nodes, key and value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    /// First byte; for texts the one after the quotation mark.
    pub start: u32,
    /// One past the last byte; for texts the closing quotation mark.
    pub end: u32,
    /// The node after this one and all it contains.
    pub next: u32,
    /// What it is.
    pub kind: Kind,
}

/// Where and why a text stopped being JSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub at: usize,
    pub what: &'static str,
}

type Scanned = Result<(), SyntaxError>;

/// Scans a text of less than 4 GiB into its nodes.
pub(super) fn scan(text: &str) -> Result<Vec<Node>, SyntaxError> {
    // A value and its separator take about eight bytes in ordinary bodies.
    let nodes = Vec::with_capacity(text.len() / 8 + 4);
    let mut scanner = Scanner { source: text.as_bytes(), at: 0, nodes };
    if u32::try_from(text.len()).is_err() {
        return Err(scanner.error("the text is too long"));
    }
    scanner.skip_space();
    scanner.value(0)?;
    scanner.skip_space();
    if scanner.at < scanner.source.len() {
        return Err(scanner.error("there is more text after the value"));
    }
    Ok(scanner.nodes)
}

struct Scanner<'a> {
    source: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
}

impl Scanner<'_> {
    fn error(&self, what: &'static str) -> SyntaxError {
        SyntaxError { at: self.at.min(self.source.len()), what }
    }

    fn peek(&self) -> Option<u8> {
        self.source.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Notes a value that has just ended at `end`.
    fn leaf(&mut self, kind: Kind, start: usize, end: usize) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { start: start as u32, end: end as u32, next, kind });
    }

    fn value(&mut self, depth: usize) -> Scanned {
        match self.peek() {
            Some(b'"') => self.text(),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Kind::True),
            Some(b'f') => self.word("false", Kind::False),
            Some(b'n') => self.word("null", Kind::Null),
            Some(_) => Err(self.error("a value was expected")),
            None => Err(self.error("the text ends where a value was expected")),
        }
    }

    fn word(&mut self, word: &'static str, kind: Kind) -> Scanned {
        if !self.source[self.at..].starts_with(word.as_bytes()) {
            return Err(self.error("a value was expected"));
        }
        self.leaf(kind, self.at, self.at + word.len());
        self.at += word.len();
        Ok(())
    }

    fn open(&mut self, kind: Kind, depth: usize) -> Result<usize, SyntaxError> {
        if depth >= MAX_DEPTH {
            return Err(self.error("values are nested deeper than 32 levels"));
        }
        let node = self.nodes.len();
        self.leaf(kind, self.at, self.at);
        self.at += 1;
        self.skip_space();
        Ok(node)
    }

    fn close(&mut self, node: usize) {
        self.at += 1;
        self.nodes[node].end = self.at as u32;
        self.nodes[node].next = self.nodes.len() as u32;
    }

    fn object(&mut self, depth: usize) -> Scanned {
        let node = self.open(Kind::Object, depth)?;
        if self.peek() != Some(b'}') {
            loop {
                if self.peek() != Some(b'"') {
                    return Err(self.error("a field name in quotation marks was expected"));
                }
                self.text()?;
                self.skip_space();
                if self.peek() != Some(b':') {
                    return Err(self.error("':' was expected after a field name"));
                }
                self.at += 1;
                self.skip_space();
                self.value(depth + 1)?;
                if !self.more(b'}', "',' or '}' was expected")? {
                    break;
                }
            }
        }
        self.close(node);
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Scanned {
        let node = self.open(Kind::Array, depth)?;
        if self.peek() != Some(b']') {
            loop {
                self.value(depth + 1)?;
                if !self.more(b']', "',' or ']' was expected")? {
                    break;
                }
            }
        }
        self.close(node);
        Ok(())
    }

    /// After an element: true past a comma, false at the closing bracket.
    fn more(&mut self, close: u8, expected: &'static str) -> Result<bool, SyntaxError> {
        self.skip_space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.skip_space();
                Ok(true)
            }
            Some(byte) if byte == close => Ok(false),
            _ => Err(self.error(expected)),
        }
    }

    fn number(&mut self) -> Scanned {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.error("a digit was expected")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        self.leaf(Kind::Number, start, self.at);
        Ok(())
    }

    fn digits(&mut self) -> Scanned {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { Err(self.error("a digit was expected")) } else { Ok(()) }
    }

    fn text(&mut self) -> Scanned {
        self.at += 1;
        let start = self.at;
        let mut kind = Kind::Plain;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    kind = Kind::Escaped;
                    self.escape()?;
                }
                Some(0..0x20) => return Err(self.error("a control character stands unescaped in a text")),
                Some(_) => self.at += 1,
                None => return Err(self.error("the text ends inside quotation marks")),
            }
        }
        self.leaf(kind, start, self.at);
        self.at += 1;
        Ok(())
    }

    fn escape(&mut self) -> Scanned {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                match self.hex()? {
                    0xD800..0xDC00 => {
                        if !self.source[self.at..].starts_with(b"\\u") {
                            return Err(self.error("half of a surrogate pair stands alone"));
                        }
                        self.at += 2;
                        if !(0xDC00..0xE000).contains(&self.hex()?) {
                            return Err(self.error("half of a surrogate pair stands alone"));
                        }
                    }
                    0xDC00..0xE000 => return Err(self.error("half of a surrogate pair stands alone")),
                    _ => {}
                }
            }
            _ => return Err(self.error("an unknown escape follows '\\'")),
        }
        Ok(())
    }

    fn hex(&mut self) -> Result<u32, SyntaxError> {
        let digits = self.source.get(self.at..self.at + 4).unwrap_or_default();
        let value =
            digits.iter().try_fold(0, |value, byte| Some(value << 4 | char::from(*byte).to_digit(16)?));
        match value {
            Some(value) if digits.len() == 4 => {
                self.at += 4;
                Ok(value)
            }
            _ => Err(self.error("four hexadecimal digits were expected after '\\u'")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The judge: what serde_json takes for JSON, read from text so that number sizes do not matter.
    fn judge(text: &str) -> bool {
        serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
    }

    #[test]
    fn the_grammar_is_kept() {
        let rows = [
            ("{}", true),
            (" [1, -0, 0.5, 1e9, 1E-9, \"\\u00e4\\ud83d\\ude00\", null, true, false] ", true),
            ("\"\\ud83d\"", false),
            ("\"\\ude00\"", false),
            ("\"\\ud83d\\u0041\"", false),
            ("\"\\u12\"", false),
            ("\"\\x\"", false),
            ("\"a\nb\"", false),
            ("01", false),
            ("1.", false),
            (".5", false),
            ("+1", false),
            ("-", false),
            ("NaN", false),
            ("Infinity", false),
            ("[1,]", false),
            ("{\"a\":1,}", false),
            ("{a:1}", false),
            ("{\"a\" 1}", false),
            ("nul", false),
            ("", false),
            ("{} {}", false),
            ("\u{feff}{}", false),
            ("[1", false),
            ("\"a", false),
        ];
        for (text, good) in rows {
            assert_eq!(scan(text).is_ok(), good, "{text:?}: {:?}", scan(text));
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(scan(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(scan(&nested(MAX_DEPTH + 1)).unwrap_err().at, MAX_DEPTH);
        assert!(scan(&"[".repeat(1_000_000)).is_err());
        assert!(scan(&"{\"a\":".repeat(1_000_000)).is_err());
    }

    #[test]
    fn nodes_skip_what_they_contain() {
        let nodes = scan(r#"{"a":[1,{"b":2}],"c":"d"}"#).unwrap();
        let skips: Vec<_> = nodes.iter().map(|node| node.next).collect();
        assert_eq!(skips, [9, 2, 7, 4, 7, 6, 7, 8, 9]);
    }

    proptest! {
        #[test]
        fn a_second_opinion_agrees(text in r#"[\[\]{},:"\\ truefalsn0-9.eE+u\-äd]{0,24}"#) {
            // Unpaired surrogates are the one thing the judge leaves for later.
            prop_assume!(!text.contains("\\u"));
            prop_assert_eq!(scan(&text).is_ok(), judge(&text), "{}", text);
        }

        #[test]
        fn broken_bodies_are_seen_as_the_judge_sees_them(at in 0usize..110, put in 0u8..127) {
            let mut body = br#"{"id":"ent_1","postings":[{"account":7,"amount":-12.50e3,"up_to":null}],"dry_run":true,"text":"a\"b\\c\n"}"#.to_vec();
            let at = at.min(body.len() - 1);
            body[at] = put;
            let text = String::from_utf8(body).unwrap();
            prop_assume!(!text.contains("\\u"));
            prop_assert_eq!(scan(&text).is_ok(), judge(&text), "{}", text);
        }
    }
}
