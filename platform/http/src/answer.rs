//! What handlers answer with: a status and a body that is JSON already, or is made JSON here.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
const CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8");
const LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// A successful answer.
#[derive(Clone, Debug)]
pub struct Answer {
    status: StatusCode,
    media: HeaderValue,
    body: Bytes,
    replayed: bool,
}

impl Answer {
    /// 200 with JSON that was written by hand.
    pub fn ok(json: impl Into<Bytes>) -> Self {
        Self { status: StatusCode::OK, media: JSON, body: json.into(), replayed: false }
    }

    /// 201 with JSON that was written by hand.
    pub fn created(json: impl Into<Bytes>) -> Self {
        Self { status: StatusCode::CREATED, ..Self::ok(json) }
    }

    /// 200 with a value made JSON.
    pub fn of(value: &impl Serialize) -> Self {
        Self::ok(serde_json::to_vec(value).expect("views have text keys and no failing parts"))
    }

    /// Another status: 200 where a create found its thing already there.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = StatusCode::from_u16(status).expect("a context names real statuses");
        self
    }

    /// One JSON value a line.
    #[must_use]
    pub fn lines(mut self) -> Self {
        self.media = LINES;
        self
    }

    /// Values separated by commas, a record a line (RFC 4180), in UTF-8.
    #[must_use]
    pub fn csv(mut self) -> Self {
        self.media = CSV;
        self
    }

    /// Whether this is an earlier answer given again.
    #[must_use]
    pub fn replayed(mut self, replayed: bool) -> Self {
        self.replayed = replayed;
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, self.media);
        if self.replayed {
            headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
        }
        response
    }
}
