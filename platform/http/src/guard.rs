//! What stands before every handler: authentication, scope, rate and body size, and the time a request may take.
//! One guard per route, so that what is declared is what is enforced.

use crate::authenticate::{Access, Authenticate, Identity};
use crate::metrics::RouteMetrics;
use crate::problem::Refusal;
use crate::query::Query;
use crate::rate::{Counted, Rate};
use crate::routes::{Declared, Kind};
use crate::settings::Limits;
use crate::slugs;
use crate::visit::{Visit, traceparent};
use axum::extract::Request;
use axum::handler::Handler;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use http::header;
use hyper::body::Body as _;
use kernel::{Caller, Problem};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::watch;

/// What all guards share.
pub(crate) struct Gate {
    pub authenticate: Arc<dyn Authenticate>,
    pub rate: Option<Rate>,
    pub limits: Limits,
    /// Becomes true when the server is told to stop.
    pub ending: watch::Sender<bool>,
}

pub(crate) struct Guard {
    pub declared: Declared,
    pub metrics: Arc<RouteMetrics>,
    pub gate: Arc<Gate>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guard({} {})", self.declared.method, self.declared.path)
    }
}

impl Guard {
    pub fn body_limit(&self) -> usize {
        self.declared.doc.body_limit.unwrap_or(self.gate.limits.body_bytes)
    }

    async fn admit(&self, visit: &Visit, headers: HeaderView) -> Result<(), Problem> {
        let identity = match self.declared.access {
            Access::Public => return self.check_size(&headers),
            Access::Scope(_) => self.identify(visit, &headers).await,
        };
        let counted = match &identity {
            Ok(Identity { key: Some(key), .. }) => Counted::Key(*key),
            _ => Counted::Address(visit.peer),
        };
        if let Some(rate) = &self.gate.rate {
            rate.check(counted)?;
        }
        let identity = identity?;
        if let (None, Some(host)) = (identity.key, &headers.elsewhere) {
            // A page in a browser can have its own name lead here: the open door is for this machine alone.
            let detail = format!(
                "Without an API key this server answers this machine alone, and this request was sent to or from \
                 {host}. Ask under localhost or 127.0.0.1, or bring a key made with `concord admin keys create`."
            );
            return Err(slugs::unauthenticated(&detail));
        }
        if let Access::Scope(scope) = self.declared.access
            && !identity.scopes.allow(scope)
        {
            return Err(slugs::forbidden(scope));
        }
        self.check_size(&headers)?;
        self.check_query(&headers)?;
        let caller = Caller {
            tenant: identity.tenant,
            key: identity.key,
            scopes: identity.scopes,
            address: Some(visit.peer),
            request: Arc::from(visit.request_id()),
            traceparent: headers.traceparent,
        };
        visit.caller.set(caller).expect("a request passes one guard, once");
        Ok(())
    }

    async fn identify(&self, visit: &Visit, headers: &HeaderView) -> Result<Identity, Problem> {
        let bearer = headers.bearer.as_deref();
        match self.gate.authenticate.authenticate_now(bearer, visit.peer) {
            Some(known) => known,
            None => self.gate.authenticate.authenticate(bearer, visit.peer).await,
        }
    }

    /// Refuses a body by its declared length, before any of it is read.
    fn check_size(&self, headers: &HeaderView) -> Result<(), Problem> {
        let limit = self.body_limit();
        match headers.length {
            Some(length) if length > limit as u64 => Err(slugs::payload_too_large(limit)),
            _ => Ok(()),
        }
    }

    /// Refuses every parameter where none is declared; other routes read theirs and refuse the rest.
    fn check_query(&self, headers: &HeaderView) -> Result<(), Problem> {
        match &headers.query {
            Some(query) if self.declared.kind != Kind::List && self.declared.doc.query.is_empty() => {
                Query::parse(query).into_result()
            }
            _ => Ok(()),
        }
    }

    fn too_slow(&self, visit: &Visit, has_body: bool) -> Problem {
        if has_body && visit.body_arrived.get().is_none() {
            return Problem::new(&slugs::REQUEST_TIMEOUT, "The body did not arrive in time.");
        }
        let detail = "The answer took too long; repeat a write with the same Idempotency-Key.";
        Problem { retry_after_s: Some(1), ..Problem::new(&slugs::UNAVAILABLE, detail) }
    }
}

/// What admission needs of a request's head, taken out because a request cannot be borrowed while waiting.
struct HeaderView {
    query: Option<String>,
    bearer: Option<String>,
    /// The host it was sent to, or the page it comes from, where that is not on this machine.
    elsewhere: Option<String>,
    length: Option<u64>,
    traceparent: Option<Arc<str>>,
}

impl HeaderView {
    fn read(request: &Request) -> Self {
        let headers = request.headers();
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        // Credentials of another kind are no key; they must not pass for none.
        let bearer = headers.get(header::AUTHORIZATION).map(|value| {
            let parts = value.to_str().ok().and_then(|value| value.split_once(' '));
            let token = parts.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
            token.map_or(String::new(), |(_, token)| token.trim().to_owned())
        });
        let host = headers.get(header::HOST).map(|host| host.to_str().unwrap_or("an unreadable name"));
        // A page's own origin comes along with what it sends; `null` is nobody's.
        let origin =
            headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or("an unreadable origin"));
        let origin = origin.map(|origin| origin.split_once("://").map_or(origin, |(_, host)| host));
        let places = host.or(request.uri().host()).into_iter().chain(origin);
        let elsewhere = places.into_iter().find(|place| !is_loopback(place)).map(str::to_owned);
        let length = text(header::CONTENT_LENGTH).and_then(|value| value.parse().ok());
        let query = request.uri().query().map(str::to_owned);
        Self { query, bearer, elsewhere, length, traceparent: traceparent(headers) }
    }
}

/// Whether a `Host` names this machine itself.
fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').unwrap_or(("", host)),
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let is_port = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let address = name.parse::<IpAddr>().map(|address| address.to_canonical());
    let is_local = name.trim_end_matches('.').eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.is_loopback());
    is_local && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// A handler behind its guard.
#[derive(Clone)]
pub(crate) struct Guarded<H> {
    pub handler: H,
    pub guard: Arc<Guard>,
}

impl<H, T, S> Handler<T, S> for Guarded<H>
where
    H: Handler<T, S>,
    T: 'static,
    S: Send + Sync + 'static,
{
    type Future = BoxFuture<'static, Response>;

    fn call(self, request: Request, state: S) -> Self::Future {
        let Self { handler, guard } = self;
        let visit = request.extensions().get::<Arc<Visit>>().cloned();
        let visit = visit.expect("the site puts a visit into every request");
        let headers = HeaderView::read(&request);
        let has_body = !request.body().is_end_stream();
        Box::pin(async move {
            visit.guard.set(Arc::clone(&guard)).expect("a request passes one guard, once");
            let limit = guard.declared.doc.time_limit.unwrap_or(guard.gate.limits.request_time);
            let work = async {
                if let Err(problem) = guard.admit(&visit, headers).await {
                    return Refusal::from(problem).into_response();
                }
                handler.call(request, state).await
            };
            match tokio::time::timeout(limit, work).await {
                Ok(response) => response,
                Err(_) => Refusal::from(guard.too_slow(&visit, has_body)).into_response(),
            }
        })
    }
}
