//! Reading query strings in the manner of bodies: every fault at once, unknown and repeated parameters among them.
//! Pointers are `?name`.

use crate::problem::Refusal;
use crate::slugs;
use axum::extract::FromRequestParts;
use http::request::Parts;
use kernel::{Cursor, Fault, Limit, Problem};
use percent_encoding::percent_decode_str;
use std::cell::{Cell, RefCell};
use std::fmt::Display;

/// Most parameters of a query: several times what any list takes.
const MAX_PARAMETERS: usize = 64;

/// The parameters of a query. Getters note faults and go on; [`Query::into_result`] ends the reading.
#[derive(Debug, Default)]
pub struct Query {
    parameters: Vec<Parameter>,
    faults: RefCell<Vec<Fault>>,
}

#[derive(Debug)]
struct Parameter {
    name: String,
    value: String,
    asked: Cell<bool>,
}

impl Query {
    /// Splits and decodes what stands after the question mark.
    pub fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if query.parameters.len() == MAX_PARAMETERS {
                query.fault("", "too-many", format_args!("must have at most {MAX_PARAMETERS} parameters"));
                break;
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (decode(name), decode(value)) {
                (Some(name), Some(value)) => {
                    if query.parameters.iter().any(|parameter| parameter.name == name) {
                        query.fault(&name, "duplicate-field", "stands more than once");
                    }
                    query.parameters.push(Parameter { name, value, asked: Cell::new(false) });
                }
                _ => query.fault(name, "invalid-value", "must be percent-encoded UTF-8 without NUL"),
            }
        }
        query
    }

    /// Notes a fault of a parameter.
    pub fn fault(&self, name: &str, code: &'static str, detail: impl Display) {
        let fault = Fault { pointer: format!("?{name}"), code, detail: detail.to_string() };
        self.faults.borrow_mut().push(fault);
    }

    fn given(&self, name: &str) -> Option<&str> {
        let parameter = self.parameters.iter().find(|parameter| parameter.name == name)?;
        parameter.asked.set(true);
        Some(&parameter.value)
    }

    /// A text of at most so many bytes, if there is one.
    pub fn text(&self, name: &str, max_bytes: usize) -> Option<&str> {
        let value = self.given(name)?;
        if value.len() > max_bytes {
            self.fault(name, "too-long", format_args!("must be at most {max_bytes} bytes long"));
        }
        Some(value)
    }

    /// What `parse` makes of a parameter, if it is there; its error becomes the fault.
    pub fn parsed<T, E: Display>(&self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let value = self.given(name)?;
        parse(value).map_err(|error| self.fault(name, "invalid-value", error)).ok()
    }

    /// A whole number from 0 to 2^64−1, if there is one.
    pub fn integer(&self, name: &str) -> Option<u64> {
        self.parsed(name, |text| whole(text).ok_or("must be a whole number from 0 to 18446744073709551615"))
    }

    /// `true` or `false`; absent is `false`.
    pub fn flag(&self, name: &str) -> bool {
        self.choice(name, &[("true", true), ("false", false)]).unwrap_or(false)
    }

    /// One of the named choices, if there is one.
    pub fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        self.parsed(name, |text| {
            let found = choices.iter().find(|(choice, _)| *choice == text);
            found.map(|(_, choice)| *choice).ok_or_else(|| {
                let names: Vec<_> = choices.iter().map(|(choice, _)| *choice).collect();
                format!("must be one of: {}", names.join(", "))
            })
        })
    }

    /// `limit`: 1 to 500, 50 if absent.
    pub fn limit(&self) -> Limit {
        let read = |text: &str| Limit::try_new(whole(text).unwrap_or(0));
        self.parsed("limit", read).unwrap_or_default()
    }

    /// `cursor`, if there is one.
    pub fn cursor(&self) -> Option<Cursor> {
        self.parsed("cursor", Cursor::parse)
    }

    /// All parameters whose names start so: `metadata.` gives `("k", "v")` for `metadata.k=v`.
    pub fn prefixed<'q>(&'q self, prefix: &'q str) -> impl Iterator<Item = (&'q str, &'q str)> {
        self.parameters.iter().filter_map(move |parameter| {
            let name = parameter.name.strip_prefix(prefix)?;
            parameter.asked.set(true);
            Some((name, parameter.value.as_str()))
        })
    }

    /// Ends the reading: `invalid-request` if there was a fault, or a parameter nobody asked for.
    pub fn into_result(self) -> Result<(), Problem> {
        for parameter in self.parameters.iter().filter(|parameter| !parameter.asked.get()) {
            let is_asked = |other: &Parameter| other.asked.get() && other.name == parameter.name;
            if !self.parameters.iter().any(is_asked) {
                self.fault(&parameter.name, "unknown-field", "is not a parameter of this route");
            }
        }
        let faults = self.faults.into_inner();
        if faults.is_empty() { Ok(()) } else { Err(slugs::invalid_request(faults)) }
    }
}

fn whole(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    (!decoded.contains('\0')).then(|| decoded.into_owned())
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(query: Query) -> Vec<(String, &'static str)> {
        let faults = query.into_result().map(|()| Vec::new()).unwrap_or_else(|problem| problem.faults);
        faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect()
    }

    #[test]
    fn parameters_are_read() {
        let query = Query::parse("limit=7&prefix=a%3Ab+c&metadata.k=v&n=18446744073709551615&flag=true&");
        assert_eq!(query.limit().get(), 7);
        assert_eq!(query.text("prefix", 10), Some("a:b c"));
        assert_eq!(query.prefixed("metadata.").collect::<Vec<_>>(), [("k", "v")]);
        assert_eq!(query.integer("n"), Some(u64::MAX));
        assert!(query.flag("flag"));
        assert_eq!(query.cursor(), None);
        assert_eq!(faults(query), []);
    }

    #[test]
    fn all_faults_at_once() {
        let query = Query::parse("limit=0&cursor=x&x=1&x=2&n=-1&bad=%ff&nul=%00&kind=z&long=abc&limit=5");
        query.limit();
        query.cursor();
        query.integer("n");
        query.choice("kind", &[("a", 1)]);
        query.text("long", 2);
        let expected = [
            ("?x", "duplicate-field"),
            ("?bad", "invalid-value"),
            ("?nul", "invalid-value"),
            ("?limit", "duplicate-field"),
            ("?limit", "invalid-value"),
            ("?cursor", "invalid-value"),
            ("?n", "invalid-value"),
            ("?kind", "invalid-value"),
            ("?long", "too-long"),
            ("?x", "unknown-field"),
            ("?x", "unknown-field"),
        ];
        let expected: Vec<_> =
            expected.iter().map(|(pointer, code)| ((*pointer).to_owned(), *code)).collect();
        assert_eq!(faults(query), expected);
    }

    #[test]
    fn parameters_are_bounded() {
        let query = Query::parse(&"a=1&".repeat(100_000));
        assert!(faults(query).len() < 200);
    }
}
