//! The site: all routes of a process, and what happens around each request — its id, its figures, its log line,
//! the rendering of problems, the catching of panics. Works without a socket, so that tests and simulations call it.

use crate::authenticate::Authenticate;
use crate::guard::{Gate, Guard};
use crate::metrics::{self, Labelled, RouteMetrics};
use crate::openapi::{self, Info, Schema};
use crate::own::{self, Own};
use crate::pages::{PAGES, Page};
use crate::problem::{PROBLEM_JSON, Refusal, write_problem};
use crate::rate::Rate;
use crate::routes::{Declared, Routes};
use crate::settings::Limits;
use crate::slugs;
use crate::visit::{RequestIds, Visit};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::{BoxError, Router};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderName, Method, Request, StatusCode, Uri, header};
use kernel::{IdSource, Problem};
use prometheus_client::registry::Registry;
use std::any::Any;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;
use tower::Service as _;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Collects what a site is made of.
pub struct SiteBuilder {
    info: Info,
    limits: Limits,
    authenticate: Arc<dyn Authenticate>,
    ids: Arc<dyn IdSource>,
    routes: Vec<Routes>,
    schemas: Vec<Schema>,
    own: Own,
}

impl SiteBuilder {
    /// Adds routes.
    #[must_use]
    pub fn routes(mut self, routes: Routes) -> Self {
        self.routes.push(routes);
        self
    }

    /// Adds component schemas.
    #[must_use]
    pub fn schemas(mut self, schemas: Vec<Schema>) -> Self {
        self.schemas.extend(schemas);
        self
    }

    /// Adds pages of problems; this crate's own are there already.
    #[must_use]
    pub fn problems(mut self, pages: &[Page]) -> Self {
        self.own.add_pages(pages);
        self
    }

    /// Adds a readiness check: cheap, as it runs with every probe.
    #[must_use]
    pub fn ready(
        mut self,
        name: &'static str,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.own.checks.push((name, Box::new(check)));
        self
    }

    /// Lets a part register its figures.
    #[must_use]
    pub fn metrics(mut self, register: impl FnOnce(&mut Registry)) -> Self {
        register(&mut self.own.registry);
        self
    }

    /// Runs before each scrape, to bring gauges up to date.
    #[must_use]
    pub fn before_scrape(mut self, refresh: impl Fn() + Send + Sync + 'static) -> Self {
        self.own.refresh.push(Box::new(refresh));
        self
    }

    /// Puts it together.
    pub fn build(mut self) -> Site {
        let declared: Vec<Declared> =
            self.routes.iter().flat_map(Routes::declared).chain(own::declared()).collect();
        let document = openapi::document(&self.info, &declared, &self.schemas);
        self.own.document = Bytes::from(document.to_string());

        let rate = Rate::try_new(self.limits.rate);
        let gate = Arc::new(Gate {
            authenticate: self.authenticate,
            rate,
            limits: self.limits,
            ending: watch::Sender::new(false),
        });
        let shared = Arc::clone(&gate);
        let figures = |method, route| Labelled { method, route, metrics: Arc::new(RouteMetrics::default()) };
        let unmatched = figures("any", "unmatched");
        let figures: Vec<_> = declared.iter().map(|route| figures(route.method, route.path)).collect();
        let mut guards = declared.iter().zip(&figures).map(|(declared, figures)| {
            let (metrics, gate) = (Arc::clone(&figures.metrics), Arc::clone(&gate));
            Arc::new(Guard { declared: *declared, metrics, gate })
        });
        // Routes mount in the order in which they were declared, the own ones last.
        let guards: Vec<_> = guards.by_ref().collect();
        let mut guards = guards.into_iter();
        let mut next = |_: Declared| guards.next().expect("as many guards as declared routes");
        let mut router = Router::new();
        for routes in self.routes {
            router = routes.mount(router, &mut next);
        }
        let unmatched_metrics = Arc::clone(&unmatched.metrics);
        metrics::register(&mut self.own.registry, figures.into_iter().chain([unmatched]).collect());
        router = own::routes().with_state(Arc::new(self.own)).mount(router, &mut next);
        let router = router.fallback(unknown_route).method_not_allowed_fallback(wrong_method);
        Site(Arc::new(Inner {
            router,
            ids: RequestIds::new(self.ids),
            unmatched: unmatched_metrics,
            declared,
            gate: shared,
        }))
    }
}

struct Inner {
    router: Router,
    ids: RequestIds,
    unmatched: Arc<RouteMetrics>,
    declared: Vec<Declared>,
    gate: Arc<Gate>,
}

/// All routes of a process, ready to answer.
#[derive(Clone)]
pub struct Site(Arc<Inner>);

impl Site {
    /// Starts one.
    pub fn builder(
        info: Info,
        limits: Limits,
        authenticate: Arc<dyn Authenticate>,
        ids: Arc<dyn IdSource>,
    ) -> SiteBuilder {
        let mut own = Own::default();
        own.add_pages(PAGES);
        SiteBuilder { info, limits, authenticate, ids, routes: Vec::new(), schemas: Vec::new(), own }
    }

    /// Every route, the own ones included.
    pub fn declared(&self) -> &[Declared] {
        &self.0.declared
    }

    /// Lets what waits for long know that the server has been told to stop.
    pub(crate) fn end(&self) {
        self.0.gate.ending.send_replace(true);
    }

    /// Answers one request from this address.
    pub async fn answer<B>(&self, request: Request<B>, peer: IpAddr) -> Response
    where
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let began = Instant::now();
        let visit = Arc::new(Visit::new(request.headers(), &self.0.ids, peer));
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let mut request =
            request.map(|body| if body.is_end_stream() { Body::empty() } else { Body::new(body) });
        request.extensions_mut().insert(Arc::clone(&visit));
        let mut router = self.0.router.clone();
        let work = AssertUnwindSafe(async move { router.call(request).await });
        let mut response = match work.catch_unwind().await {
            Ok(Ok(response)) => response,
            Err(panic) => Refusal::hidden(format!("panic: {}", message(&*panic))).into_response(),
        };
        if response.status().is_client_error() || response.status().is_server_error() {
            response = tell(response, &visit, &method, &uri);
        }
        response.headers_mut().insert(REQUEST_ID, visit.request.clone());
        let metrics = visit.guard.get().map_or(&self.0.unmatched, |guard| &guard.metrics);
        let took = began.elapsed();
        metrics.record(response.status().as_u16(), took);
        tracing::debug!(
            request.id = visit.request_id(), %method, path = uri.path(), status = response.status().as_u16(),
            took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX), peer = %peer, "request answered",
        );
        response
    }
}

/// Logs a refusal and writes its body.
fn tell(mut response: Response, visit: &Visit, method: &Method, uri: &Uri) -> Response {
    let refusal = match response.extensions_mut().remove::<Refusal>() {
        Some(refusal) => refusal,
        None if is_plain(&response) => generic(response.status()),
        None => return response,
    };
    log(&refusal, visit, method, uri);
    if let Some(json) = told(&refusal, visit) {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, crate::answer::JSON);
        headers.remove(header::CONTENT_LENGTH);
        *response.body_mut() = Body::from(json);
        return response;
    }
    let mut body = Vec::with_capacity(384);
    write_problem(&mut body, &refusal.problem, Some(uri.path()), Some(visit.request_id()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
    headers.remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(body);
    response
}

/// What a route that another system documents tells instead of a problem.
fn told(refusal: &Refusal, visit: &Visit) -> Option<Bytes> {
    if let Some((_, json)) = &refusal.told {
        return Some(json.clone());
    }
    let fault = visit.guard.get().map_or("", |guard| guard.declared.doc.fault);
    let is_fault = refusal.problem.slug == &slugs::INTERNAL_FAULT;
    (is_fault && !fault.is_empty()).then(|| Bytes::from_static(fault.as_bytes()))
}

/// Whether an error came from a library and not from a handler: those are texts, or nothing.
fn is_plain(response: &Response) -> bool {
    let media = response.headers().get(header::CONTENT_TYPE);
    media.is_none_or(|media| media.as_bytes().starts_with(b"text/plain"))
}

fn generic(status: StatusCode) -> Refusal {
    let slug = slugs::SLUGS.iter().find(|slug| slug.status == status.as_u16()).copied();
    match slug {
        Some(slug) if status.is_client_error() => Problem::new(slug, slug.title).into(),
        _ if status.is_client_error() => slugs::invalid("", "invalid-value", "could not be read").into(),
        _ => Refusal::hidden(format!("a library answered {status}")),
    }
}

/// Refusals are news, faults are alarms.
fn log(refusal: &Refusal, visit: &Visit, method: &Method, uri: &Uri) {
    let (slug, id) = (refusal.problem.slug, visit.request_id());
    if slug == &slugs::INTERNAL_FAULT {
        let source = refusal.source.as_deref().unwrap_or("unknown");
        tracing::error!(request.id = id, %method, path = uri.path(), source, "request failed");
    } else if slug.status >= 500 {
        tracing::warn!(request.id = id, %method, path = uri.path(), slug = slug.code, "request not served");
    } else {
        tracing::info!(request.id = id, %method, path = uri.path(), slug = slug.code, "request refused");
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

async fn unknown_route() -> Refusal {
    Problem::new(&slugs::NOT_FOUND, "There is no such route; /docs lists those there are.").into()
}

async fn wrong_method() -> Refusal {
    Problem::new(&slugs::METHOD_NOT_ALLOWED, "The Allow header names the methods of this path.").into()
}
