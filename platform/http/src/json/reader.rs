//! The reader: takes typed values, collects faults, and says at the end whether there were any.
//! A value that is not as documented is replaced by a stand-in, so that reading goes on; [`Reader::into_result`]
//! keeps stand-ins from ever being used.

use super::scan::Kind;
use super::{Object, Shape, Value};
use crate::slugs;
use kernel::{Fault, Problem};
use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Display;
use std::ops::RangeInclusive;

/// Most faults told at once: more than anybody mends in one go.
const MAX_FAULTS: usize = 100;

/// Collects the faults of one command. Make one for a whole body, or one per element of a batch.
#[derive(Debug, Default)]
pub struct Reader {
    prefix: String,
    faults: RefCell<Vec<Fault>>,
}

impl Reader {
    /// For values whose pointers start at the document's root.
    pub fn new() -> Self {
        Self::default()
    }

    /// For a document that is a part of something larger: `/commands/17` for line 18 of an NDJSON body.
    pub fn under(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..Self::default() }
    }

    /// Notes a fault of a value.
    pub fn fault(&self, value: Value<'_>, code: &'static str, detail: impl Display) {
        self.note(value, None, code, &detail);
    }

    /// Notes a fault of something that is not in the document, such as a header.
    pub fn fault_elsewhere(&self, pointer: &str, code: &'static str, detail: impl Display) {
        self.push(Fault { pointer: pointer.to_owned(), code, detail: detail.to_string() });
    }

    pub(super) fn note(
        &self,
        value: Value<'_>,
        member: Option<&str>,
        code: &'static str,
        detail: &dyn Display,
    ) {
        if self.is_full() {
            // Pointers cost a walk; a body of nothing but faults must not make many.
            return;
        }
        let mut pointer = self.prefix.clone();
        pointer.push_str(&value.pointer());
        if let Some(name) = member {
            pointer.push('/');
            super::push_escaped(&mut pointer, name);
        }
        self.push(Fault { pointer, code, detail: detail.to_string() });
    }

    fn push(&self, fault: Fault) {
        if !self.is_full() {
            self.faults.borrow_mut().push(fault);
        }
    }

    fn is_full(&self) -> bool {
        self.faults.borrow().len() >= MAX_FAULTS
    }

    /// Whether no fault has been found so far.
    pub fn is_clean(&self) -> bool {
        self.faults.borrow().is_empty()
    }

    /// `invalid-request` with every fault, if there is one.
    pub fn into_result(self) -> Result<(), Problem> {
        if self.is_clean() { Ok(()) } else { Err(self.into_problem()) }
    }

    /// `invalid-request` with every fault found.
    pub fn into_problem(self) -> Problem {
        slugs::invalid_request(self.faults.into_inner())
    }

    /// Reads a value as an object.
    pub fn object<'d>(&'d self, value: Value<'d>) -> Object<'d> {
        Object::read(self, value)
    }

    /// Reads a value as a text of at most so many bytes.
    pub fn text<'d>(&self, value: Value<'d>, max_bytes: usize) -> Cow<'d, str> {
        if value.shape() != Shape::Text {
            self.fault(value, "wrong-type", "must be a text in quotation marks");
            return Cow::Borrowed("");
        }
        let text = value.characters();
        if text.len() > max_bytes {
            self.fault(value, "too-long", format_args!("must be at most {max_bytes} bytes long"));
        } else if value.node().kind == Kind::Escaped && text.contains('\0') {
            self.fault(value, "invalid-value", "must not contain the character NUL");
        }
        text
    }

    /// Reads a value as a text and hands it to `parse`, whose error becomes the fault.
    pub fn parsed<T, E: Display>(
        &self,
        value: Value<'_>,
        max_bytes: usize,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let found = self.faults.borrow().len();
        let text = self.text(value, max_bytes);
        if self.faults.borrow().len() > found {
            return None;
        }
        parse(&text).map_err(|error| self.fault(value, "invalid-value", error)).ok()
    }

    /// Reads a value as one of the named choices; the first stands in for a wrong one.
    pub fn choice<T: Copy>(&self, value: Value<'_>, choices: &[(&str, T)]) -> T {
        if value.shape() == Shape::Text {
            let text = value.characters();
            if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == text) {
                return *choice;
            }
        }
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        let code = if value.shape() == Shape::Text { "invalid-value" } else { "wrong-type" };
        self.fault(value, code, format_args!("must be one of: {}", names.join(", ")));
        choices[0].1
    }

    /// Reads a value as a whole number from 0 to 2^64−1.
    pub fn integer(&self, value: Value<'_>) -> u64 {
        let source = value.source();
        let is_whole = source.bytes().all(|byte| byte.is_ascii_digit());
        if value.shape() != Shape::Number {
            self.fault(value, "wrong-type", "must be a whole number");
        } else if !is_whole {
            self.fault(value, "invalid-value", "must be a whole number, not negative, without exponent");
        } else if let Ok(number) = source.parse() {
            return number;
        } else {
            self.fault(value, "invalid-value", "must be at most 18446744073709551615");
        }
        0
    }

    /// Reads a value as `true` or `false`.
    pub fn flag(&self, value: Value<'_>) -> bool {
        if value.shape() != Shape::Flag {
            self.fault(value, "wrong-type", "must be true or false");
        }
        value.node().kind == Kind::True
    }

    /// Reads a value as a decimal: the text of a JSON string or the digits of a JSON number, exactly as sent.
    /// Whether they are an amount is for the caller, who knows the asset.
    pub fn decimal<'d>(&self, value: Value<'d>) -> Cow<'d, str> {
        match value.shape() {
            Shape::Text | Shape::Number => value.characters(),
            _ => {
                self.fault(value, "wrong-type", "must be a decimal number, best as a text such as \"12.34\"");
                Cow::Borrowed("0")
            }
        }
    }

    /// Reads a value as an array with so many elements.
    pub fn items<'d>(&self, value: Value<'d>, count: RangeInclusive<usize>) -> Items<'d> {
        if value.shape() != Shape::Array {
            self.fault(value, "wrong-type", "must be an array");
            return Items { value, at: 0, end: 0 };
        }
        let items = Items { value, at: value.node + 1, end: value.node().next };
        // Counts no further than the limit.
        let found = items.clone().take(count.end().saturating_add(1)).count();
        if found < *count.start() {
            self.fault(value, "too-few", format_args!("must have at least {} elements", count.start()));
        } else if found > *count.end() {
            self.fault(value, "too-many", format_args!("must have at most {} elements", count.end()));
            return Items { value, at: 0, end: 0 };
        }
        items
    }
}

/// The elements of an array.
#[derive(Clone, Debug)]
pub struct Items<'d> {
    value: Value<'d>,
    at: u32,
    end: u32,
}

impl<'d> Iterator for Items<'d> {
    type Item = Value<'d>;

    fn next(&mut self) -> Option<Value<'d>> {
        if self.at >= self.end {
            return None;
        }
        let item = self.value.at(self.at);
        self.at = item.node().next;
        Some(item)
    }
}
