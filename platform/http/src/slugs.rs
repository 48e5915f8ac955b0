//! The problems that any route may answer with. Each has a page in `api/problems/`.

use kernel::{Fault, Problem, Slug};

macro_rules! slugs {
    ($($name:ident $code:literal $status:literal $title:literal;)*) => {
        $(#[doc = $title] pub static $name: Slug = Slug { code: $code, status: $status, title: $title };)*
        /// All of them.
        pub const SLUGS: &[&Slug] = &[$(&$name),*];
    };
}

slugs! {
    INVALID_JSON "invalid-json" 400 "The body is not readable JSON";
    INVALID_REQUEST "invalid-request" 422 "The request has faults";
    UNAUTHENTICATED "unauthenticated" 401 "The caller is not known";
    FORBIDDEN "forbidden" 403 "The caller may not do this";
    NOT_FOUND "not-found" 404 "There is no such thing";
    METHOD_NOT_ALLOWED "method-not-allowed" 405 "The method is not for this path";
    REQUEST_TIMEOUT "request-timeout" 408 "The request took too long to arrive";
    PAYLOAD_TOO_LARGE "payload-too-large" 413 "The body is too large";
    UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" 415 "The media type is not understood";
    RATE_LIMITED "rate-limited" 429 "There are too many requests";
    INTERNAL_FAULT "internal-fault" 500 "Something broke on our side";
    UNAVAILABLE "unavailable" 503 "The service cannot answer now";
}

/// `invalid-request` with these faults.
pub fn invalid_request(faults: Vec<Fault>) -> Problem {
    let detail = match faults.as_slice() {
        [only] => format!("{}: {}.", place(&only.pointer), only.detail),
        many => format!("The request has {} faults; each is listed with its place.", many.len()),
    };
    Problem { faults, ..Problem::new(&INVALID_REQUEST, detail) }
}

fn place(pointer: &str) -> &str {
    if pointer.is_empty() { "The body" } else { pointer }
}

/// `invalid-request` with one fault.
pub fn invalid(pointer: &str, code: &'static str, detail: impl Into<String>) -> Problem {
    invalid_request(vec![Fault { pointer: pointer.to_owned(), code, detail: detail.into() }])
}

/// `unauthenticated`; `detail` must not say more than the caller may know.
pub fn unauthenticated(detail: &str) -> Problem {
    Problem::new(&UNAUTHENTICATED, detail)
}

/// `forbidden` for want of this scope.
pub fn forbidden(scope: &str) -> Problem {
    Problem::new(&FORBIDDEN, format!("This needs the scope {scope}.")).with("scope", scope)
}

/// `payload-too-large` with the limit.
pub fn payload_too_large(limit_bytes: usize) -> Problem {
    let limit = i64::try_from(limit_bytes).unwrap_or(i64::MAX);
    Problem::new(&PAYLOAD_TOO_LARGE, format!("A body may have at most {limit} bytes here."))
        .with("limit_bytes", limit)
}
