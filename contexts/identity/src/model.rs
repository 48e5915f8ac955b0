//! What an API key is.

use kernel::{Id, Scopes, Secret, Tenant, Timestamp};

/// An API key, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// `key_…`.
    pub id: Id,
    /// Whose data it opens.
    pub tenant: Tenant,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// The last four characters of its text, to tell it from others.
    pub last_four: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself, if it does.
    pub expires_at: Option<Timestamp>,
    /// Whether it was revoked.
    pub standing: Standing,
}

/// Whether a key was revoked. Nothing undoes that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was not.
    Active,
    /// It was.
    Revoked {
        /// When.
        at: Timestamp,
    },
}

/// A key that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// Whose data it opens.
    pub tenant: Tenant,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it ends by itself, if it does.
    pub expires_at: Option<Timestamp>,
}

/// A key that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The key.
    pub key: ApiKey,
    /// Its text, for the only time.
    pub text: Secret<String>,
}

/// Who a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Whose data it is about.
    pub tenant: Tenant,
    /// The key; none at an open door.
    pub key: Option<Id>,
    /// What it may do.
    pub scopes: Scopes,
}

/// How a server lets requests in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Without a key, as the default tenant with every scope, until the first key is made.
    OpenUntilKeyed,
    /// With a key.
    Keyed,
}
