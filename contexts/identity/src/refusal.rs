//! Why a key was not made, not found or not accepted.

/// A refusal, in the caller's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Name out of bounds.
    #[error("a key's name is 1 to {} printable characters", crate::rules::MAX_NAME)]
    InvalidName,
    /// A key that could do nothing.
    #[error("a key needs at least one scope of: {}", known.join(", "))]
    NoScopes {
        /// Those there are.
        known: &'static [&'static str],
    },
    /// A scope that nothing checks.
    #[error("there is no scope {scope:?}; there are: {}", known.join(", "))]
    UnknownScope {
        /// The one asked for.
        scope: String,
        /// Those there are.
        known: &'static [&'static str],
    },
    /// The key would never work.
    #[error("a key must expire in the future")]
    ExpiryPast,
    /// More keys than are kept resident.
    #[error("there are {limit} keys in use; revoke some first")]
    TooManyKeys {
        /// The limit.
        limit: u64,
    },
    /// No such key of this tenant.
    #[error("this tenant has no key {id}")]
    NoSuchKey {
        /// The one asked for.
        id: String,
    },
    /// A cursor of another list.
    #[error("must be a next_cursor that an earlier page of this list returned")]
    InvalidCursor,
    /// No key was sent.
    #[error("send an API key in the header \"Authorization: Bearer ck_…\"")]
    MissingKey,
    /// Not the text of a key, or a mistyped one.
    #[error("this is not the text of an API key, or it was cut or mistyped")]
    MalformedKey,
    /// Nobody's key.
    #[error("this API key is unknown or was revoked")]
    UnknownKey,
    /// Its time is over.
    #[error("this API key has expired")]
    ExpiredKey,
    /// The file of keys cannot be read at present, and what is known is too old to rely on.
    #[error("API keys cannot be checked at present")]
    KeysUnreadable,
    /// A server that others can reach needs a key before it starts.
    #[error(
        "listening on an address that is not loopback needs at least one API key: \
         make one with `concord admin keys create`"
    )]
    NoKeys,
}
