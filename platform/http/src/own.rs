//! The routes every process has: health, readiness, figures, the document and its page, the problem pages.

use crate::answer::Answer;
use crate::authenticate::Access;
use crate::extract::Segment;
use crate::pages::{self, Page};
use crate::problem::Refusal;
use crate::routes::{Declared, Doc, Parameter, Routes};
use crate::slugs;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, header};
use kernel::Problem;
use prometheus_client::registry::Registry;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The reference page: one file, no downloads. It reads `/openapi.json`.
const DOCS: &str = include_str!("docs.html");
const DOCS_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                           connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Says whether a part is ready, or why not.
pub(crate) type Check = Box<dyn Fn() -> Result<(), String> + Send + Sync>;
/// Brings figures up to date before they are read.
pub(crate) type Refresh = Box<dyn Fn() + Send + Sync>;

/// What the own routes show.
#[derive(Default)]
pub(crate) struct Own {
    pub checks: Vec<(&'static str, Check)>,
    pub registry: Registry,
    pub refresh: Vec<Refresh>,
    pub document: Bytes,
    pub pages: BTreeMap<&'static str, &'static str>,
}

impl Own {
    pub fn add_pages(&mut self, pages: &[Page]) {
        self.pages.extend(pages.iter().copied());
    }
}

/// What the own routes declare, for the document.
pub(crate) fn declared() -> Vec<Declared> {
    routes().declared()
}

pub(crate) fn routes() -> Routes<Arc<Own>> {
    let doc = |name, summary| Doc { name, summary, ..Doc::NONE };
    let code = &[Parameter { name: "code", about: "A problem's code.", kind: "string" }];
    Routes::new("Operations")
        .get(
            "/health",
            Access::Public,
            health,
            Doc { answer: "\"ok\"", ..doc("health", "Is the process alive?") },
        )
        .get(
            "/ready",
            Access::Public,
            ready,
            Doc {
                problems: const { &[&slugs::UNAVAILABLE] },
                ..doc("ready", "Can it serve? 503 names what cannot.")
            },
        )
        .get("/metrics", Access::Public, metrics, doc("metrics", "Figures in Prometheus' text format."))
        .get("/openapi.json", Access::Public, document, doc("openapi", "This document."))
        .get("/docs", Access::Public, docs, doc("docs", "The reference as a page."))
        .get(
            "/problems/{code}",
            Access::Public,
            problem,
            Doc {
                path: code,
                problems: const { &[&slugs::NOT_FOUND] },
                ..doc("problem_get", "What a problem means and what to do.")
            },
        )
}

async fn health() -> Answer {
    Answer::ok(Bytes::from_static(b"\"ok\""))
}

async fn ready(State(own): State<Arc<Own>>) -> Answer {
    let mut is_ready = true;
    let mut checks = serde_json::Map::new();
    for (name, check) in &own.checks {
        let found = check();
        is_ready &= found.is_ok();
        checks.insert((*name).to_owned(), found.err().map_or_else(|| "ok".into(), Into::into));
    }
    let status = if is_ready { "ready" } else { "not ready" };
    let answer = Answer::of(&json!({ "status": status, "checks": checks }));
    answer.with_status(if is_ready { 200 } else { 503 })
}

async fn metrics(State(own): State<Arc<Own>>) -> Result<Response, Refusal> {
    own.refresh.iter().for_each(|refresh| refresh());
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &own.registry)
        .map_err(|error| Refusal::fault(&error))?;
    let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, media)], text).into_response())
}

async fn document(State(own): State<Arc<Own>>) -> Answer {
    Answer::ok(own.document.clone())
}

async fn docs() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, DOCS_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, DOCS).into_response()
}

async fn problem(
    State(own): State<Arc<Own>>,
    headers: HeaderMap,
    Segment(code): Segment,
) -> Result<Response, Refusal> {
    match own.pages.get_key_value(code.as_str()) {
        Some((code, page)) => Ok(pages::show(&headers, code, page)),
        None => Err(Problem::new(&slugs::NOT_FOUND, "There is no problem of this code.").into()),
    }
}
