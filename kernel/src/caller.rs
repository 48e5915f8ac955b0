//! Who asks: tenant, key, scopes and where the request came from. Every command carries one.

use crate::id::Id;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// The tenant of installations that never named one.
pub const DEFAULT_TENANT: &str = "default";

/// A tenant's name: 1 to 64 of `a–z 0–9 - _`. Every row has one.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenant(Arc<str>);

/// A text that is no tenant's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a tenant's name is 1 to 64 characters of a-z, 0-9, '-' and '_'")]
pub struct InvalidTenant;

impl Tenant {
    /// Reads a name exactly as written.
    pub fn parse(text: &str) -> Result<Self, InvalidTenant> {
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidTenant)
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Tenant {
    fn default() -> Self {
        Self(DEFAULT_TENANT.into())
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a key may do: names such as `ledger:read`. `*` allows all.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Scopes(Arc<[Box<str>]>);

impl Scopes {
    /// Every scope.
    pub fn all() -> Self {
        Self(Arc::from([Box::from("*")]))
    }

    /// These scopes.
    pub fn new(names: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    /// Whether the scope is among them.
    pub fn allow(&self, scope: &str) -> bool {
        self.0.iter().any(|held| &**held == scope || &**held == "*")
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|name| &**name)
    }
}

/// Who asks, and in the course of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose data it is about.
    pub tenant: Tenant,
    /// The API key; none for a caller on an open loopback address, or the house itself.
    pub key: Option<Id>,
    /// What it may do.
    pub scopes: Scopes,
    /// The peer's address.
    pub address: Option<IpAddr>,
    /// The request: its `X-Request-Id`, at most 64 characters.
    pub request: Arc<str>,
    /// W3C trace context, if the caller sent one.
    pub traceparent: Option<Arc<str>>,
}

impl Caller {
    /// A caller of this tenant who may do everything: tests, the command line on its own files.
    pub fn house(tenant: Tenant) -> Self {
        Self {
            tenant,
            key: None,
            scopes: Scopes::all(),
            address: None,
            request: Arc::from(""),
            traceparent: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_exact() {
        let scopes = Scopes::new(["ledger:read"]);
        assert!(scopes.allow("ledger:read"));
        assert!(!scopes.allow("ledger:write"));
        assert!(Scopes::all().allow("ledger:write"));
    }

    #[test]
    fn tenants_are_plain_names() {
        assert!(Tenant::parse("acme-1").is_ok());
        for bad in ["", "Acme", "a b", &"a".repeat(65)] {
            assert!(Tenant::parse(bad).is_err(), "{bad}");
        }
    }
}
