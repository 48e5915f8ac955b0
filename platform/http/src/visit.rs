//! One request on its way through the house: its id, where it came from, who asks.

use crate::guard::Guard;
use crate::problem::Refusal;
use crate::slugs;
use axum::extract::FromRequestParts;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use kernel::id::prefix;
use kernel::{Caller, Id, IdSource};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock};

/// Longest `X-Request-Id` that is taken over.
const MAX_REQUEST_ID: usize = 64;
/// Request ids made from one of the id source, by counting up: a source may ask the system for chance each time.
const IDS_PER_DRAW: u32 = 1 << 10;

/// What is known of a request; shared by the site, the guard of its route and the extractors.
#[derive(Debug)]
pub(crate) struct Visit {
    pub request: HeaderValue,
    pub peer: IpAddr,
    pub guard: OnceLock<Arc<Guard>>,
    pub caller: OnceLock<Caller>,
    /// Set once the whole body has arrived: what is slow from then on is not the client.
    pub body_arrived: OnceLock<()>,
}

impl Visit {
    pub fn new(headers: &HeaderMap, ids: &RequestIds, peer: IpAddr) -> Self {
        let given = headers.get("x-request-id").filter(|value| is_request_id(value.as_bytes()));
        let request = given.cloned().unwrap_or_else(|| ids.next());
        Self { request, peer, guard: OnceLock::new(), caller: OnceLock::new(), body_arrived: OnceLock::new() }
    }

    pub fn request_id(&self) -> &str {
        self.request.to_str().expect("request ids are ASCII")
    }
}

fn is_request_id(text: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=MAX_REQUEST_ID).contains(&text.len()) && text.iter().all(plain)
}

/// Makes request ids.
pub(crate) struct RequestIds {
    source: Arc<dyn IdSource>,
    drawn: Mutex<(u128, u32)>,
}

impl RequestIds {
    pub fn new(source: Arc<dyn IdSource>) -> Self {
        Self { source, drawn: Mutex::new((0, IDS_PER_DRAW)) }
    }

    fn next(&self) -> HeaderValue {
        let id = {
            let mut drawn = self.drawn.lock().expect("no panic while held");
            if drawn.1 == IDS_PER_DRAW {
                *drawn = (self.source.next().0 & !u128::from(IDS_PER_DRAW - 1), 0);
            }
            drawn.1 += 1;
            Id(drawn.0 | u128::from(drawn.1 - 1))
        };
        let text = id.show(prefix::REQUEST);
        HeaderValue::from_maybe_shared(Bytes::from(text)).expect("ids are ASCII")
    }
}

/// The `traceparent` header, if it is a well-formed one of W3C Trace Context: `00-<32 hex>-<16 hex>-<2 hex>`.
pub(crate) fn traceparent(headers: &HeaderMap) -> Option<Arc<str>> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, parent, flags] = parts.as_slice() else { return None };
    let is_hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    let is_formed = *version == "00" && is_hex(trace, 32) && is_hex(parent, 16) && is_hex(flags, 2);
    (is_formed && !is_zero(trace) && !is_zero(parent)).then(|| Arc::from(text))
}

/// Extracts who asks. Only on routes with a scope.
#[derive(Clone, Debug)]
pub struct By(pub Caller);

impl<S: Sync> FromRequestParts<S> for By {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let caller = parts.extensions.get::<Arc<Visit>>().and_then(|visit| visit.caller.get());
        match caller {
            Some(caller) => Ok(Self(caller.clone())),
            None => Err(slugs::unauthenticated("This route knows no caller.").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_contexts_are_well_formed_or_ignored() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let zero = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
        for (text, expected) in [(good, true), (zero, false), (&good[1..], false), ("", false), ("x", false)]
        {
            let headers = HeaderMap::from_iter([("traceparent".parse().unwrap(), text.parse().unwrap())]);
            assert_eq!(traceparent(&headers).is_some(), expected, "{text}");
        }
    }

    #[test]
    fn request_ids_differ_and_sort() {
        let ids = RequestIds::new(Arc::new(kernel::id::SeededIds::new(1)));
        let made: Vec<_> = (0..5000).map(|_| ids.next().to_str().unwrap().to_owned()).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
        assert!(made.iter().all(|id| is_request_id(id.as_bytes())));
    }
}
