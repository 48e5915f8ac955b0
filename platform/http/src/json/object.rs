//! The fields of one object. Duplicates are found when it is opened, unknown fields when it is finished.
//! `text`, `integer` and the like want the field; `optional_…` take an absent one and `null` alike as none.

use super::{Items, Reader, Shape, Value};
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt::Display;
use std::ops::RangeInclusive;

/// Most fields of an object with documented fields: one bit each, and over twice what any has.
const MAX_FIELDS: usize = 64;

/// An object being read.
#[derive(Debug)]
pub struct Object<'d> {
    reader: &'d Reader,
    value: Value<'d>,
    /// Fields it has; 0 as well where the value was no object at all.
    fields: usize,
    /// False where the value was no object: then nothing is reported missing.
    is_object: bool,
    /// A bit for each field that was asked for.
    asked: Cell<u64>,
    /// Where the search goes on: fields mostly come in the order in which they are asked for.
    next: Cell<(usize, u32)>,
}

/// How large a map of texts may be.
#[derive(Clone, Copy, Debug)]
pub struct MapLimits {
    /// Most entries.
    pub entries: usize,
    /// Most bytes of a key; a key has at least one.
    pub key_bytes: usize,
    /// Most bytes of a value.
    pub value_bytes: usize,
}

/// Key and value of the members of an object.
fn members(value: Value<'_>) -> impl Iterator<Item = (Value<'_>, Value<'_>)> {
    let end = value.node().next;
    let mut at = value.node + 1;
    std::iter::from_fn(move || {
        (at < end).then(|| {
            let member = (value.at(at), value.at(at + 1));
            at = member.1.node().next;
            member
        })
    })
}

impl<'d> Object<'d> {
    pub(super) fn read(reader: &'d Reader, value: Value<'d>) -> Self {
        let start = Cell::new((0, value.node + 1));
        let mut object = Self { reader, value, fields: 0, is_object: true, asked: Cell::new(0), next: start };
        if value.shape() != Shape::Object {
            reader.fault(value, "wrong-type", "must be an object");
            object.is_object = false;
            return object;
        }
        let fields = members(value).take(MAX_FIELDS + 1).count();
        if fields > MAX_FIELDS {
            reader.fault(value, "too-many", format_args!("must have at most {MAX_FIELDS} fields"));
            object.is_object = false;
            return object;
        }
        object.fields = fields;
        object.refuse_duplicates();
        object
    }

    fn refuse_duplicates(&self) {
        for (index, (key, _)) in members(self.value).enumerate().skip(1) {
            let name = key.characters();
            if members(self.value).take(index).any(|(earlier, _)| earlier.is_key(&name)) {
                self.reader.fault(key, "duplicate-field", "stands more than once");
            }
        }
    }

    /// The field as it stands, `null` included.
    pub fn given(&self, name: &str) -> Option<Value<'d>> {
        let (mut index, mut node) = self.next.get();
        for _ in 0..self.fields {
            if index == self.fields {
                (index, node) = (0, self.value.node + 1);
            }
            let (key, value) = (self.value.at(node), self.value.at(node + 1));
            let (this, next) = (index, value.node().next);
            (index, node) = (index + 1, next);
            if key.is_key(name) {
                self.asked.set(self.asked.get() | 1 << this);
                self.next.set((index, node));
                return Some(value);
            }
        }
        None
    }

    /// The field, if it is there and not `null`.
    pub fn optional(&self, name: &str) -> Option<Value<'d>> {
        self.given(name).filter(|value| !value.is_null())
    }

    /// The field; its absence is a fault.
    pub fn required(&self, name: &str) -> Option<Value<'d>> {
        let value = self.given(name);
        if value.is_none() && self.is_object {
            self.reader.note(self.value, Some(name), "missing-field", &"must be given");
        }
        value
    }

    /// Notes a fault of a field, whether it is there or not.
    pub fn fault(&self, name: &str, code: &'static str, detail: impl Display) {
        self.reader.note(self.value, Some(name), code, &detail);
    }

    /// The reader it belongs to.
    pub fn reader(&self) -> &'d Reader {
        self.reader
    }

    /// A text of at most so many bytes.
    pub fn text(&self, name: &str, max_bytes: usize) -> Cow<'d, str> {
        self.required(name).map(|value| self.reader.text(value, max_bytes)).unwrap_or_default()
    }

    /// A text of at most so many bytes, if there is one.
    pub fn optional_text(&self, name: &str, max_bytes: usize) -> Option<Cow<'d, str>> {
        self.optional(name).map(|value| self.reader.text(value, max_bytes))
    }

    /// A text that `parse` understands. None only where a fault was noted.
    pub fn parsed<T, E: Display>(
        &self,
        name: &str,
        max_bytes: usize,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.reader.parsed(self.required(name)?, max_bytes, parse)
    }

    /// A text that `parse` understands, if there is one.
    pub fn optional_parsed<T, E: Display>(
        &self,
        name: &str,
        max_bytes: usize,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.reader.parsed(self.optional(name)?, max_bytes, parse)
    }

    /// One of the named choices.
    pub fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> T {
        self.required(name).map_or(choices[0].1, |value| self.reader.choice(value, choices))
    }

    /// One of the named choices, if there is one.
    pub fn optional_choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        self.optional(name).map(|value| self.reader.choice(value, choices))
    }

    /// A whole number from 0 to 2^64−1.
    pub fn integer(&self, name: &str) -> u64 {
        self.required(name).map_or(0, |value| self.reader.integer(value))
    }

    /// A whole number from 0 to 2^64−1, if there is one.
    pub fn optional_integer(&self, name: &str) -> Option<u64> {
        self.optional(name).map(|value| self.reader.integer(value))
    }

    /// `true` or `false`; absent is `false`.
    pub fn flag(&self, name: &str) -> bool {
        self.optional(name).is_some_and(|value| self.reader.flag(value))
    }

    /// A decimal, exactly as sent.
    pub fn decimal(&self, name: &str) -> Cow<'d, str> {
        self.required(name).map_or(Cow::Borrowed("0"), |value| self.reader.decimal(value))
    }

    /// A decimal, exactly as sent, if there is one.
    pub fn optional_decimal(&self, name: &str) -> Option<Cow<'d, str>> {
        self.optional(name).map(|value| self.reader.decimal(value))
    }

    /// An array with so many elements; none where a fault was noted.
    pub fn items(
        &self,
        name: &str,
        count: RangeInclusive<usize>,
    ) -> impl Iterator<Item = Value<'d>> + use<'d> {
        self.required(name).map(|value| self.reader.items(value, count)).into_iter().flatten()
    }

    /// An array with so many elements, if there is one.
    pub fn optional_items(&self, name: &str, count: RangeInclusive<usize>) -> Option<Items<'d>> {
        self.optional(name).map(|value| self.reader.items(value, count))
    }

    /// An object within this one.
    pub fn object(&self, name: &str) -> Option<Object<'d>> {
        self.required(name).map(|value| Object::read(self.reader, value))
    }

    /// An object within this one, if there is one.
    pub fn optional_object(&self, name: &str) -> Option<Object<'d>> {
        self.optional(name).map(|value| Object::read(self.reader, value))
    }

    /// A map of texts; empty where the field is absent.
    pub fn map(&self, name: &str, limits: MapLimits) -> Vec<(Cow<'d, str>, Cow<'d, str>)> {
        let entries = self.map_of_values(name, limits).into_iter();
        entries.map(|(key, value)| (key, self.reader.text(value, limits.value_bytes))).collect()
    }

    /// Changes to a map of texts: `null` removes a key.
    pub fn map_changes(&self, name: &str, limits: MapLimits) -> Vec<(Cow<'d, str>, Option<Cow<'d, str>>)> {
        let read = |value: Value<'d>| (!value.is_null()).then(|| self.reader.text(value, limits.value_bytes));
        self.map_of_values(name, limits).into_iter().map(|(key, value)| (key, read(value))).collect()
    }

    fn map_of_values(&self, name: &str, limits: MapLimits) -> Vec<(Cow<'d, str>, Value<'d>)> {
        let Some(map) = self.optional(name) else { return Vec::new() };
        if map.shape() != Shape::Object {
            self.reader.fault(map, "wrong-type", "must be an object of texts");
            return Vec::new();
        }
        if members(map).nth(limits.entries).is_some() {
            let most = limits.entries;
            self.reader.fault(map, "too-many", format_args!("must have at most {most} keys"));
            return Vec::new();
        }
        let mut entries: Vec<(Cow<'d, str>, Value<'d>)> = Vec::new();
        for (key, value) in members(map) {
            let text = self.reader.text(key, limits.key_bytes);
            if text.is_empty() {
                self.reader.fault(key, "invalid-value", "a key must not be empty");
            }
            if entries.iter().any(|(earlier, _)| *earlier == text) {
                self.reader.fault(key, "duplicate-field", "stands more than once");
            }
            entries.push((text, value));
        }
        entries
    }

    /// Ends the reading: fields nobody asked for are unknown.
    pub fn finish(self) {
        let fields = members(self.value).take(self.fields).enumerate();
        let all = if self.fields == MAX_FIELDS { u64::MAX } else { (1 << self.fields) - 1 };
        if self.asked.get() == all {
            return;
        }
        for (index, (key, _)) in fields {
            let name = key.characters();
            let has_twin = members(self.value).filter(|(other, _)| other.is_key(&name)).nth(1).is_some();
            if self.asked.get() & 1 << index == 0 && !has_twin {
                self.reader.fault(key, "unknown-field", "is not a field of this request");
            }
        }
    }
}
