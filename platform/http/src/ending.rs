//! The end of the server, for handlers that wait for long: polls and streams end with it instead of holding it up.

use crate::problem::Refusal;
use crate::slugs;
use crate::visit::Visit;
use axum::extract::FromRequestParts;
use http::request::Parts;
use std::sync::Arc;
use tokio::sync::watch;

/// Tells when the server has been told to stop. Only on routes with a guard, which all are.
#[derive(Clone, Debug)]
pub struct Ending(watch::Receiver<bool>);

impl Ending {
    /// Returns once the server has been told to stop.
    pub async fn begun(&mut self) {
        // An error means that the site itself is gone.
        let _ = self.0.wait_for(|is_ending| *is_ending).await;
    }
}

impl<S: Sync> FromRequestParts<S> for Ending {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let guard = parts.extensions.get::<Arc<Visit>>().and_then(|visit| visit.guard.get());
        match guard {
            Some(guard) => Ok(Self(guard.gate.ending.subscribe())),
            None => Err(slugs::unauthenticated("This route has no guard.").into()),
        }
    }
}
