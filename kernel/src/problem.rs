//! Problems: what a refusal or a fault tells the caller, before any transport renders it (RFC 9457 over HTTP).
//! A slug is a stable name with a page of its own; the data say what a program needs to react.

/// A class of problem. Never renamed once released.
#[derive(Debug, PartialEq, Eq)]
pub struct Slug {
    /// `insufficient-funds`.
    pub code: &'static str,
    /// The HTTP status it answers with.
    pub status: u16,
    /// One line for people, the same for every instance.
    pub title: &'static str,
}

/// A value in a problem's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Datum {
    /// Nothing.
    Null,
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A text; amounts are decimal texts.
    Text(String),
    /// Several.
    List(Vec<Datum>),
    /// Named values.
    Object(Vec<(&'static str, Datum)>),
}

impl From<&str> for Datum {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Datum {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Datum {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Datum {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// One fault of a request: where (a JSON pointer, RFC 6901), what, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `/postings/0/amount`; empty for the whole body; `?limit` for a query parameter, `Name` for a header.
    pub pointer: String,
    /// `too-many-decimals`.
    pub code: &'static str,
    /// A sentence that names the remedy.
    pub detail: String,
}

/// One instance of a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its class.
    pub slug: &'static Slug,
    /// What happened this time, for people.
    pub detail: String,
    /// The parameter it is about, if one.
    pub param: Option<String>,
    /// What a program needs, as top-level members.
    pub data: Vec<(&'static str, Datum)>,
    /// All faults at once, where the request was invalid.
    pub faults: Vec<Fault>,
    /// Seconds after which the same request may succeed.
    pub retry_after_s: Option<u32>,
}

impl Problem {
    /// A problem without data.
    pub fn new(slug: &'static Slug, detail: impl Into<String>) -> Self {
        Self {
            slug,
            detail: detail.into(),
            param: None,
            data: Vec::new(),
            faults: Vec::new(),
            retry_after_s: None,
        }
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &'static str, datum: impl Into<Datum>) -> Self {
        self.data.push((name, datum.into()));
        self
    }
}
