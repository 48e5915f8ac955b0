//! Who may call: the trait that the keys' owner implements, and what a route asks of its callers.

use crate::slugs;
use futures_util::future::BoxFuture;
use kernel::{Id, Problem, Scopes, Tenant};
use std::net::IpAddr;

/// What a credential stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Whose data it is about.
    pub tenant: Tenant,
    /// The API key; none for an open loopback address.
    pub key: Option<Id>,
    /// What it may do.
    pub scopes: Scopes,
}

/// Tells who stands behind a bearer token.
pub trait Authenticate: Send + Sync {
    /// The answer, if it is known without waiting: a key that was seen before, an open address. None means: ask
    /// [`Authenticate::authenticate`].
    fn authenticate_now(&self, bearer: Option<&str>, peer: IpAddr) -> Option<Result<Identity, Problem>>;

    /// The answer, with I/O where it takes some. Only called after `authenticate_now` returned none.
    fn authenticate<'a>(
        &'a self,
        bearer: Option<&'a str>,
        peer: IpAddr,
    ) -> BoxFuture<'a, Result<Identity, Problem>> {
        let answer = self.authenticate_now(bearer, peer);
        let unknown = || Err(slugs::unauthenticated("The API key is not known."));
        Box::pin(std::future::ready(answer.unwrap_or_else(unknown)))
    }
}

/// Lets everybody in as the default tenant with every scope: tests, and processes without keys on a loopback.
#[derive(Debug)]
pub struct Open(Identity);

impl Default for Open {
    fn default() -> Self {
        Self(Identity { tenant: Tenant::default(), key: None, scopes: Scopes::all() })
    }
}

impl Authenticate for Open {
    fn authenticate_now(&self, _: Option<&str>, _: IpAddr) -> Option<Result<Identity, Problem>> {
        Some(Ok(self.0.clone()))
    }
}

/// What a route asks of its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing: health, documentation.
    Public,
    /// A known caller who holds this scope.
    Scope(&'static str),
}
