//! Reading JSON bodies so that every fault is found at once and no number passes through a float.
//! [`Document`] checks the syntax in one pass; [`Reader`] then takes typed values out of it, notes a fault with its
//! JSON pointer where one is not as documented, and goes on.

mod object;
mod reader;
mod scan;

pub use object::{MapLimits, Object};
pub use reader::{Items, Reader};

use crate::slugs;
use kernel::{Datum, Problem};
use scan::{Kind, Node};
use std::borrow::Cow;

/// A text that is JSON.
#[derive(Debug)]
pub struct Document<'s> {
    text: &'s str,
    nodes: Vec<Node>,
}

/// A value of a document.
#[derive(Clone, Copy, Debug)]
pub struct Value<'d> {
    document: &'d Document<'d>,
    node: u32,
}

/// What a value is, as its writer sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `null`
    Null,
    /// `true` or `false`
    Flag,
    /// `12.5`
    Number,
    /// `"…"`
    Text,
    /// `[…]`
    Array,
    /// `{…}`
    Object,
}

impl<'s> Document<'s> {
    /// Checks syntax, UTF-8 and nesting. What is wrong here is `invalid-json`, with line and column.
    pub fn parse(body: &'s [u8]) -> Result<Self, Problem> {
        let text = std::str::from_utf8(body)
            .map_err(|error| unreadable(body, error.valid_up_to(), "the body is not UTF-8"))?;
        if body.is_empty() {
            return Err(Problem::new(&slugs::INVALID_JSON, "The body is empty; it must be JSON."));
        }
        let nodes = scan::scan(text).map_err(|error| unreadable(body, error.at, error.what))?;
        Ok(Self { text, nodes })
    }

    /// The outermost value.
    pub fn root(&self) -> Value<'_> {
        Value { document: self, node: 0 }
    }
}

/// `invalid-json` at a byte of the body; columns count bytes from 1.
fn unreadable(body: &[u8], at: usize, what: &str) -> Problem {
    let before = &body[..at];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    let place = |number: usize| Datum::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    Problem::new(&slugs::INVALID_JSON, format!("At line {line}, column {column}: {what}."))
        .with("line", place(line))
        .with("column", place(column))
}

impl<'d> Value<'d> {
    fn node(self) -> Node {
        self.document.nodes[self.node as usize]
    }

    fn at(self, node: u32) -> Self {
        Self { node, ..self }
    }

    /// What it is.
    pub fn shape(self) -> Shape {
        match self.node().kind {
            Kind::Null => Shape::Null,
            Kind::True | Kind::False => Shape::Flag,
            Kind::Number => Shape::Number,
            Kind::Plain | Kind::Escaped => Shape::Text,
            Kind::Array => Shape::Array,
            Kind::Object => Shape::Object,
        }
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        self.node().kind == Kind::Null
    }

    /// Exactly what was sent: the digits of a number, what stands between the quotation marks of a text.
    pub fn source(self) -> &'d str {
        let node = self.node();
        &self.document.text[node.start as usize..node.end as usize]
    }

    /// The characters of a text, escapes resolved.
    fn characters(self) -> Cow<'d, str> {
        match self.node().kind {
            Kind::Escaped => Cow::Owned(unescape(self.source())),
            _ => Cow::Borrowed(self.source()),
        }
    }

    fn is_key(self, name: &str) -> bool {
        match self.node().kind {
            Kind::Plain => self.source() == name,
            _ => self.characters() == name,
        }
    }

    /// The JSON pointer to this value (RFC 6901). Walks from the root; only faults ask for it.
    pub fn pointer(self) -> String {
        let nodes = &self.document.nodes;
        let mut pointer = String::new();
        let mut here = 0;
        while here != self.node {
            let is_object = nodes[here as usize].kind == Kind::Object;
            let mut index = 0_usize;
            let mut child = here + 1;
            loop {
                let value = if is_object { child + 1 } else { child };
                let next = nodes[value as usize].next;
                if self.node < next {
                    pointer.push('/');
                    if is_object {
                        push_escaped(&mut pointer, &self.at(child).characters());
                    } else {
                        pointer.push_str(&index.to_string());
                    }
                    if self.node == child {
                        // An element, or a key: a key shares the pointer of its value.
                        return pointer;
                    }
                    here = value;
                    break;
                }
                index += 1;
                child = next;
            }
        }
        pointer
    }
}

/// Appends a name as one step of a JSON pointer.
fn push_escaped(pointer: &mut String, name: &str) {
    for letter in name.chars() {
        match letter {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            _ => pointer.push(letter),
        }
    }
}

/// Resolves escapes that the scan has found well-formed.
fn unescape(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let escape = rest.as_bytes()[at + 1];
        rest = &rest[at + 2..];
        text.push(match escape {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = unit(rest);
                rest = &rest[4..];
                if (0xD800..0xDC00).contains(&unit) {
                    let low = self::unit(&rest[2..]);
                    rest = &rest[6..];
                    letter(0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
                } else {
                    letter(unit)
                }
            }
            other => char::from(other),
        });
    }
    text.push_str(rest);
    text
}

fn unit(text: &str) -> u32 {
    u32::from_str_radix(&text[..4], 16).expect("the scan saw four hexadecimal digits")
}

fn letter(code: u32) -> char {
    char::from_u32(code).expect("the scan refuses unpaired surrogates")
}
