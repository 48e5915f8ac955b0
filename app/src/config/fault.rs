//! What is wrong with a configuration, said so that it can be mended.

use std::fmt;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `server.listen`, or the name of a variable.
    pub key: String,
    /// What is wrong and where it was said.
    pub what: String,
}

impl Fault {
    /// A mistake in a variable of a system that Concord replaces.
    pub fn alias(name: &str, what: &str) -> Self {
        Self { key: name.to_owned(), what: what.to_owned() }
    }
}

/// A configuration that cannot be used: every mistake in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The mistakes, at least one.
    pub faults: Vec<Fault>,
}

impl std::error::Error for Invalid {}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is not usable")?;
        self.faults.iter().try_for_each(|fault| write!(f, "\n  {}: {}", fault.key, fault.what))
    }
}
