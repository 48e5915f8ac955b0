//! Problems as HTTP answers: RFC 9457, rendered here and nowhere else.
//! A handler returns a [`Refusal`]; the site writes it out once it knows the path and the request's id.

use crate::slugs;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use kernel::{Datum, Problem};
use std::error::Error;
use std::fmt::Write as _;

/// The media type of problems.
pub(crate) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A problem on its way out of a handler, so that `?` works on everything that becomes one.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub(crate) problem: Box<Problem>,
    /// What is logged and never told: the source of a fault.
    pub(crate) source: Option<String>,
    /// Status and JSON that a documented route of another system answers with instead of the problem.
    pub(crate) told: Option<(StatusCode, Bytes)>,
}

impl Refusal {
    /// A fault: a bug or an outage. It is logged with its sources; the caller learns an id and no more.
    pub fn fault(error: &dyn Error) -> Self {
        let mut source = error.to_string();
        let mut next = error.source();
        while let Some(cause) = next {
            let _ = write!(source, ": {cause}");
            next = cause.source();
        }
        Self::hidden(source)
    }

    pub(crate) fn hidden(source: String) -> Self {
        let problem = Problem::new(
            &slugs::INTERNAL_FAULT,
            "Something broke on our side; the log has it under this request's id.",
        );
        Self { problem: Box::new(problem), source: Some(source), told: None }
    }

    /// Lets the caller be told this instead: a documented route of another system keeps that system's error bodies.
    /// The problem itself is logged as ever.
    #[must_use]
    pub fn told_as(mut self, status: u16, json: impl Into<Bytes>) -> Self {
        let status = StatusCode::from_u16(status).expect("a context names real statuses");
        self.told = Some((status, json.into()));
        self
    }

    /// The problem that will be told.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem: Box::new(problem), source: None, told: None }
    }
}

impl IntoResponse for Refusal {
    /// Status and headers, with the refusal as an extension; the site adds the body.
    fn into_response(self) -> Response {
        let status = match &self.told {
            Some((status, _)) => Ok(*status),
            None => StatusCode::from_u16(self.problem.slug.status),
        };
        let mut response = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        if let Some(seconds) = self.problem.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.problem.slug.status == 401 {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.problem.slug.status == 408 || self.problem.slug.status == 413 {
            // The rest of the body will not be read.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Appends a problem as JSON. A problem inside a larger answer has no instance and no request id of its own.
pub fn write_problem(out: &mut Vec<u8>, problem: &Problem, instance: Option<&str>, request: Option<&str>) {
    let slug = problem.slug;
    out.extend_from_slice(b"{\"type\":\"/problems/");
    out.extend_from_slice(slug.code.as_bytes());
    out.extend_from_slice(b"\",\"title\":");
    write_text(out, slug.title);
    out.extend_from_slice(b",\"status\":");
    write_integer(out, i64::from(slug.status));
    write_member(out, "detail", &problem.detail);
    if let Some(instance) = instance {
        write_member(out, "instance", instance);
    }
    write_member(out, "code", slug.code);
    if let Some(param) = &problem.param {
        write_member(out, "param", param);
    }
    if let Some(request) = request {
        write_member(out, "request_id", request);
    }
    if !problem.faults.is_empty() {
        out.extend_from_slice(b",\"faults\":");
        write_list(out, &problem.faults, |out, fault| {
            out.extend_from_slice(b"{\"pointer\":");
            write_text(out, &fault.pointer);
            write_member(out, "code", fault.code);
            write_member(out, "detail", &fault.detail);
            out.push(b'}');
        });
    }
    for (name, datum) in &problem.data {
        out.push(b',');
        write_text(out, name);
        out.push(b':');
        write_datum(out, datum);
    }
    out.push(b'}');
}

/// Appends a text as JSON, with its quotation marks.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, text).expect("a text always serialises, and a Vec takes all");
    }
}

fn write_member(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    write_text(out, value);
}

fn write_integer(out: &mut Vec<u8>, number: i64) {
    serde_json::to_writer(out, &number).expect("a number always serialises, and a Vec takes all");
}

fn write_list<T>(out: &mut Vec<u8>, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

fn write_datum(out: &mut Vec<u8>, datum: &Datum) {
    match datum {
        Datum::Null => out.extend_from_slice(b"null"),
        Datum::Flag(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Datum::Integer(number) => write_integer(out, *number),
        Datum::Text(text) => write_text(out, text),
        Datum::List(items) => write_list(out, items, write_datum),
        Datum::Object(fields) => {
            out.push(b'{');
            for (index, (name, value)) in fields.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_text(out, name);
                out.push(b':');
                write_datum(out, value);
            }
            out.push(b'}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_its_members_on_top() {
        let mut problem = slugs::invalid("/a~1b", "too-long", "must be \"short\"\n");
        problem.param = Some("a/b".into());
        let list = Datum::List(vec![Datum::Null, Datum::Flag(true), Datum::Integer(-1)]);
        let problem = problem.with("nested", Datum::Object(vec![("list", list), ("text", "é".into())]));
        let mut out = Vec::new();
        write_problem(&mut out, &problem, Some("/v1/x"), Some("req_1"));
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let expected = serde_json::json!({
            "type": "/problems/invalid-request", "title": "The request has faults", "status": 422,
            "detail": "/a~1b: must be \"short\"\n.", "instance": "/v1/x", "code": "invalid-request",
            "param": "a/b", "request_id": "req_1",
            "faults": [{"pointer": "/a~1b", "code": "too-long", "detail": "must be \"short\"\n"}],
            "nested": {"list": [null, true, -1], "text": "é"},
        });
        assert_eq!(value, expected);
    }
}
