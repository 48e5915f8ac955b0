//! What handlers take from a request besides the caller: the body, the idempotency key, a path segment.

use crate::problem::Refusal;
use crate::slugs;
use crate::visit::Visit;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use kernel::Problem;
use std::sync::Arc;

/// Longest idempotency key: what fits the journal's key field.
const MAX_KEY: usize = 255;
/// Room set aside at once for a body of declared length; more is taken as it arrives.
const MAX_RESERVED: u64 = 1 << 20;

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// One JSON value.
    Json,
    /// One JSON value a line.
    Lines,
    /// Values separated by commas, a record a line.
    Csv,
}

/// The whole body, within the route's limit.
#[derive(Clone, Debug)]
pub struct Payload {
    /// Its bytes.
    pub bytes: Bytes,
    /// How they are written.
    pub media: Media,
}

impl<S: Sync> FromRequest<S> for Payload {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let visit = request.extensions().get::<Arc<Visit>>().cloned();
        let visit = visit.expect("the site puts a visit into every request");
        let guard = visit.guard.get().expect("a handler runs behind its guard");
        let lines = guard.declared.doc.body.is_some_and(|body| body.lines);
        let media = media(request.headers(), lines, guard.declared.doc.csv)?;
        let bytes = read(request, guard.body_limit(), guard.gate.limits.body_idle).await?;
        let _ = visit.body_arrived.set(());
        Ok(Self { bytes, media })
    }
}

/// The body's media type; none given is JSON.
fn media(headers: &HeaderMap, lines: bool, csv: bool) -> Result<Media, Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(Media::Json) };
    let value = value.to_str().unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(Media::Json);
    }
    if lines && essence.eq_ignore_ascii_case("application/x-ndjson") {
        return Ok(Media::Lines);
    }
    if csv && essence.eq_ignore_ascii_case("text/csv") {
        return Ok(Media::Csv);
    }
    let known = match (lines, csv) {
        (true, true) => "application/json, application/x-ndjson or text/csv",
        (true, false) => "application/json or application/x-ndjson",
        (false, true) => "application/json or text/csv",
        (false, false) => "application/json",
    };
    Err(Problem::new(&slugs::UNSUPPORTED_MEDIA_TYPE, format!("Send the body as Content-Type: {known}.")))
}

async fn read(request: Request, limit: usize, idle: std::time::Duration) -> Result<Bytes, Problem> {
    let length =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut body = request.into_body();
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    loop {
        let frame = match tokio::time::timeout(idle, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => break,
            Ok(Some(Err(_))) => {
                let detail = "The body ended early, or was not framed as HTTP asks.";
                return Err(Problem::new(&slugs::INVALID_JSON, detail));
            }
            Err(_) => return Err(Problem::new(&slugs::REQUEST_TIMEOUT, "The body stopped arriving.")),
        };
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + whole.len() + data.len() > limit {
            return Err(slugs::payload_too_large(limit));
        }
        if first.is_empty() && whole.is_empty() {
            // Most bodies come in one piece and are not copied.
            first = data;
            continue;
        }
        if whole.is_empty() {
            whole.reserve(usize::try_from(length.unwrap_or(0).min(MAX_RESERVED)).unwrap_or(0));
            whole.extend_from_slice(&std::mem::take(&mut first));
        }
        whole.extend_from_slice(&data);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

/// The `Idempotency-Key`, if one was sent: 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(pub Option<String>);

impl<S: Sync> FromRequestParts<S> for Key {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let mut values = parts.headers.get_all("idempotency-key").iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        let text = std::str::from_utf8(value.as_bytes()).unwrap_or_default();
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_plain || text.len() > MAX_KEY || values.next().is_some() {
            let detail = "must be sent once, with 1 to 255 visible ASCII characters";
            return Err(slugs::invalid("Idempotency-Key", "invalid-value", detail).into());
        }
        Ok(Self(Some(text.to_owned())))
    }
}

/// The value of the path's only parameter, percent signs decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let bad = || Refusal::from(slugs::invalid("path", "invalid-value", "must be UTF-8 without NUL"));
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| bad())?;
        let (_, value) = params.iter().next().ok_or_else(bad)?;
        if value.contains('\0') { Err(bad()) } else { Ok(Self(value.to_owned())) }
    }
}
