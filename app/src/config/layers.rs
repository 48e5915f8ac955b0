//! Settings as they are laid over each other, each with where it came from.
//! The defaults say which keys there are and of which type; nothing else may be set.

use super::fault::Fault;
use super::{DEFAULTS, Shown};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use toml::Value;

/// How a variable of ours starts.
const VARIABLE_PREFIX: &str = "CONCORD__";
/// How many letters may be wrong, missing or swapped for a name still to be suggested.
const SLIPS: usize = 3;

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The compiled-in file.
    Default,
    /// The operator's file.
    File(String),
    /// A variable of this name.
    Variable(String),
    /// The command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => f.write_str(path),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// The settings so far, and the mistakes.
pub struct Layers {
    settings: BTreeMap<String, (Value, Origin)>,
    order: Vec<String>,
    faults: Vec<Fault>,
}

impl Layers {
    /// The compiled-in settings.
    pub fn defaults() -> Self {
        let table: toml::Table = DEFAULTS.parse().expect("a test reads config.default.toml");
        let flat = flatten(table);
        let order = in_order(&flat);
        let settings = flat.into_iter().map(|(key, value)| (key, (value, Origin::Default))).collect();
        Self { settings, order, faults: Vec::new() }
    }

    /// Lays a file over them.
    pub fn file(&mut self, path: &Path) {
        let name = path.display().to_string();
        let read = std::fs::read_to_string(path).map_err(|fault| fault.to_string());
        match read.and_then(|text| text.parse::<toml::Table>().map_err(|fault| fault.to_string())) {
            Ok(table) => {
                for (key, value) in flatten(table) {
                    self.set(&key, value, Origin::File(name.clone()));
                }
            }
            Err(what) => {
                self.faults.push(Fault { key: "--config".to_owned(), what: format!("{name}: {what}") })
            }
        }
    }

    /// Lays variables `CONCORD__SECTION__KEY` over them.
    pub fn variables<'a>(&mut self, variables: impl Iterator<Item = (&'a str, &'a str)>) {
        for (name, text) in variables {
            if let Some(rest) = name.strip_prefix(VARIABLE_PREFIX) {
                let key = rest.to_ascii_lowercase().replace("__", ".");
                self.text(&key, text, Origin::Variable(name.to_owned()));
            }
        }
    }

    /// The port of another system's `PORT`: the address stays as it is.
    pub fn port(&mut self, port: u16) {
        let so_far = self.settings.get("server.listen").and_then(|(value, _)| value.as_str());
        // An address that makes no sense is reported where it is read, not replaced.
        if let Some(mut listen) = so_far.and_then(|text| text.parse::<SocketAddr>().ok()) {
            listen.set_port(port);
            self.text("server.listen", &listen.to_string(), Origin::Variable("PORT".to_owned()));
        }
    }

    /// Sets a key from a text, read as its default's type.
    pub fn text(&mut self, key: &str, text: &str, origin: Origin) {
        let value = match self.settings.get(key) {
            Some((Value::Integer(_), _)) => text.parse().map(Value::Integer).ok(),
            Some((Value::Boolean(_), _)) => text.parse().map(Value::Boolean).ok(),
            _ => None,
        };
        self.set(key, value.unwrap_or_else(|| Value::String(text.to_owned())), origin);
    }

    fn set(&mut self, key: &str, value: Value, origin: Origin) {
        let Some(place) = self.settings.get_mut(key) else {
            let nearest = nearest(key, &self.order);
            self.fault(key, format!("there is no such key ({origin}){nearest}"));
            return;
        };
        if place.0.same_type(&value) {
            *place = (value, origin);
        } else {
            let wanted = place.0.type_str();
            let what = format!("must be of type {wanted}, not {} ({origin})", value.type_str());
            self.fault(key, what);
        }
    }

    /// A setting that is a text, read by `parse`.
    pub fn parse<T>(&mut self, key: &str, form: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let (value, origin) = self.settings.get(key).expect("a test reads every key");
        let parsed = value.as_str().and_then(parse);
        if parsed.is_none() {
            let what = format!("must be {form}, not {value} ({origin})");
            self.fault(key, what);
        }
        parsed
    }

    /// A setting that is a whole number within bounds.
    pub fn number(&mut self, key: &str, least: i64, most: i64) -> Option<u64> {
        let (value, origin) = self.settings.get(key).expect("a test reads every key");
        let number = value.as_integer().filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let what = format!("must be a whole number from {least} to {most}, not {value} ({origin})");
            self.fault(key, what);
        }
        number.and_then(|number| u64::try_from(number).ok())
    }

    /// A setting that is on or off; its type is that of the default.
    pub fn flag(&self, key: &str) -> Option<bool> {
        let (value, _) = self.settings.get(key).expect("a test reads every key");
        value.as_bool()
    }

    /// Every setting, in the order of the compiled-in file.
    pub fn shown(&self) -> Vec<Shown> {
        let show = |key: &String| {
            let (value, origin) = &self.settings[key];
            Shown { key: key.clone(), value: value.clone(), origin: origin.to_string() }
        };
        self.order.iter().map(show).collect()
    }

    /// The mistakes.
    pub fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    fn fault(&mut self, key: &str, what: String) {
        self.faults.push(Fault { key: key.to_owned(), what });
    }
}

/// Tables of tables as `section.key`.
fn flatten(table: toml::Table) -> Vec<(String, Value)> {
    let mut flat = Vec::new();
    for (name, value) in table {
        match value {
            Value::Table(inner) if !inner.is_empty() => {
                flat.extend(flatten(inner).into_iter().map(|(key, value)| (format!("{name}.{key}"), value)));
            }
            other => flat.push((name, other)),
        }
    }
    flat
}

/// The keys as they stand in the compiled-in file, which tables do not remember.
fn in_order(flat: &[(String, Value)]) -> Vec<String> {
    let mut order: Vec<String> = flat.iter().map(|(key, _)| key.clone()).collect();
    let place = |key: &str| {
        let (section, name) = key.split_once('.').expect("every key has a section");
        let start = DEFAULTS.find(&format!("\n[{section}]")).unwrap_or(0);
        (start, DEFAULTS[start..].find(&format!("\n{name} =")).unwrap_or(0))
    };
    order.sort_by_key(|key| place(key));
    order
}

/// The known key that was probably meant.
fn nearest(key: &str, known: &[String]) -> String {
    let slips = |known: &str| strsim::osa_distance(key, known);
    // A key put into the wrong section, or into none, is found by its last name.
    let last = key.rsplit('.').next().unwrap_or(key);
    let moved = known.iter().find(|known| known.rsplit('.').next() == Some(last));
    let alike = known.iter().min_by_key(|known| slips(known)).filter(|known| slips(known) <= SLIPS);
    match moved.or(alike) {
        Some(known) => format!("; did you mean {known}?"),
        None => "; `concord config` prints those there are".to_owned(),
    }
}
