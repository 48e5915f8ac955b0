//! The keys of a mapping file: each is asked for once with what it must be; what is wrong is gathered, and what
//! nobody asked for is a mistake.

use super::mapping::{Column, Keyed};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// The keys of a file.
pub struct Keys {
    sections: BTreeMap<String, Table>,
    /// What was asked for, by section.
    asked: BTreeMap<&'static str, Vec<&'static str>>,
    faults: Vec<(String, String)>,
}

impl Keys {
    /// Reads a file that has these sections and nothing beside them.
    pub fn read(text: &str, names: &[&'static str]) -> Result<Self, String> {
        let table: Table = text.parse().map_err(|fault: toml::de::Error| fault.to_string())?;
        let mut keys = Self { sections: BTreeMap::new(), asked: BTreeMap::new(), faults: Vec::new() };
        for (name, value) in table {
            match value {
                Value::Table(section) if names.contains(&name.as_str()) => {
                    keys.sections.insert(name, section);
                }
                _ => {
                    let known = names.iter().map(|name| format!("[{name}]")).collect::<Vec<_>>().join(", ");
                    keys.fault(&name, &format!("there is no such section; there are {known}"));
                }
            }
        }
        Ok(keys)
    }

    /// Notes a mistake.
    pub fn fault(&mut self, key: &str, what: &str) {
        self.faults.push((key.to_owned(), what.to_owned()));
    }

    /// Whether a mistake of this key is noted.
    pub fn has_fault(&self, key: &str) -> bool {
        self.faults.iter().any(|(known, _)| known == key)
    }

    fn take(&mut self, section: &'static str, key: &'static str) -> Option<Value> {
        self.asked.entry(section).or_default().push(key);
        self.sections.get_mut(section)?.remove(key)
    }

    /// A text that is not empty.
    pub fn text(&mut self, section: &'static str, key: &'static str) -> Option<String> {
        match self.take(section, key)? {
            Value::String(text) if !text.is_empty() => Some(text),
            _ => {
                self.fault(&format!("{section}.{key}"), "must be a text in quotation marks, and not empty");
                None
            }
        }
    }

    /// A text that `parse` understands.
    pub fn parsed<T>(
        &mut self,
        section: &'static str,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(section, key)?;
        parse(&text).map_err(|why| self.fault(&format!("{section}.{key}"), &why)).ok()
    }

    /// One of a few words.
    pub fn choice<T: Copy>(
        &mut self,
        section: &'static str,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        self.parsed(section, key, |text| chosen(text, choices))
    }

    /// True or false.
    pub fn flag(&mut self, section: &'static str, key: &'static str) -> Option<bool> {
        match self.take(section, key)? {
            Value::Boolean(flag) => Some(flag),
            _ => {
                self.fault(&format!("{section}.{key}"), "must be true or false");
                None
            }
        }
    }

    /// A whole number.
    pub fn count(&mut self, section: &'static str, key: &'static str, most: u64) -> Option<u64> {
        let number = self.take(section, key)?.as_integer().and_then(|number| u64::try_from(number).ok());
        let fits = number.filter(|number| *number <= most);
        if fits.is_none() {
            self.fault(&format!("{section}.{key}"), &format!("must be a whole number from 0 to {most}"));
        }
        fits
    }

    /// A column.
    pub fn column(&mut self, section: &'static str, key: &'static str) -> Option<Keyed> {
        let value = self.take(section, key)?;
        self.column_of(format!("{section}.{key}"), &value)
    }

    /// A column, or several in brackets.
    pub fn columns(&mut self, section: &'static str, key: &'static str) -> Vec<Keyed> {
        let values = match self.take(section, key) {
            None => return Vec::new(),
            Some(Value::Array(values)) => values,
            Some(value) => vec![value],
        };
        values.iter().filter_map(|value| self.column_of(format!("{section}.{key}"), value)).collect()
    }

    /// Everything in a section, each a column.
    pub fn all_columns(&mut self, section: &'static str) -> Vec<(String, Keyed)> {
        let all = self.sections.remove(section).unwrap_or_default().into_iter();
        all.filter_map(|(key, value)| {
            let column = self.column_of(format!("{section}.{key}"), &value)?;
            Some((key, column))
        })
        .collect()
    }

    /// Everything in a section, each one of a few words.
    pub fn all_choices<T: Copy>(&mut self, section: &'static str, choices: &[(&str, T)]) -> Vec<(String, T)> {
        let all = self.sections.remove(section).unwrap_or_default().into_iter();
        all.filter_map(|(key, value)| {
            let choice = chosen(value.as_str().unwrap_or_default(), choices);
            let choice = choice.map_err(|why| self.fault(&format!("{section}.{key}"), &why)).ok()?;
            Some((key, choice))
        })
        .collect()
    }

    fn column_of(&mut self, key: String, value: &Value) -> Option<Keyed> {
        let column = match value {
            Value::String(name) if !name.is_empty() => Some(Column::Name(name.trim().to_owned())),
            Value::Integer(number) => usize::try_from(*number).ok().filter(|at| *at > 0).map(Column::Number),
            _ => None,
        };
        match column {
            Some(column) => Some((key, column)),
            None => {
                self.fault(&key, "must be a column's name in quotation marks, or its number, counted from 1");
                None
            }
        }
    }

    /// Everything was asked for, and everything was right; else all that was wrong.
    pub fn finish(mut self) -> Result<(), String> {
        for (section, left) in std::mem::take(&mut self.sections) {
            let known = self.asked.get(section.as_str()).map(|keys| keys.join(", ")).unwrap_or_default();
            for (key, _) in left {
                let what = format!("there is no such key; [{section}] takes {known}");
                self.fault(&format!("{section}.{key}"), &what);
            }
        }
        if self.faults.is_empty() {
            return Ok(());
        }
        let told = self.faults.into_iter().map(|(key, what)| format!("{key} {what}"));
        Err(told.collect::<Vec<String>>().join("; "))
    }
}

fn chosen<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let choice = choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice);
    choice.ok_or_else(|| {
        let words = choices.iter().map(|(word, _)| format!("{word:?}")).collect::<Vec<String>>();
        format!("must be one of: {}", words.join(", "))
    })
}
