//! Keys as `platform/http` asks for them, and every refusal as a problem. Keys have no routes of their own yet:
//! they are managed by `concord admin keys`.

use crate::Keys;
use crate::model::Door;
use crate::refusal::Refusal;
use kernel::Problem;
use platform_http::{Authenticate, Identity, slugs};
use std::net::IpAddr;

/// Seconds after which keys that could not be read may be readable again: they are looked at on every request.
const RETRY_S: u32 = 1;

/// The keys behind the door of one server.
#[derive(Clone)]
pub struct Doorkeeper {
    keys: Keys,
    door: Door,
}

impl Doorkeeper {
    /// Stands at this door.
    pub fn new(keys: Keys, door: Door) -> Self {
        Self { keys, door }
    }
}

impl Authenticate for Doorkeeper {
    fn authenticate_now(&self, bearer: Option<&str>, peer: IpAddr) -> Option<Result<Identity, Problem>> {
        // Everything is in memory: there is never a need to wait.
        let identity = self.keys.identify(self.door, bearer, peer);
        let told =
            identity.map(|found| Identity { tenant: found.tenant, key: found.key, scopes: found.scopes });
        Some(told.map_err(|refusal| problem(&refusal)))
    }
}

/// What a caller is told.
pub fn problem(refusal: &Refusal) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        Refusal::MissingKey | Refusal::MalformedKey | Refusal::UnknownKey | Refusal::ExpiredKey => {
            slugs::unauthenticated(&detail)
        }
        Refusal::KeysUnreadable => {
            Problem { retry_after_s: Some(RETRY_S), ..Problem::new(&slugs::UNAVAILABLE, detail) }
        }
        Refusal::NoKeys => Problem::new(&slugs::UNAVAILABLE, detail),
        Refusal::NoSuchKey { .. } => Problem::new(&slugs::NOT_FOUND, detail),
        Refusal::InvalidName => slugs::invalid("/name", "invalid-value", detail),
        Refusal::NoScopes { .. } | Refusal::UnknownScope { .. } => {
            slugs::invalid("/scopes", "invalid-value", detail)
        }
        Refusal::ExpiryPast => slugs::invalid("/expires_at", "invalid-value", detail),
        Refusal::TooManyKeys { .. } => slugs::invalid("", "too-many-keys", detail),
        Refusal::InvalidCursor => slugs::invalid("?cursor", "invalid-value", detail),
    }
}
