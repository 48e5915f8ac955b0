//! The first page: a read-only look at the books for browsers at `/`, and links there for everything else.
//! Plain files of `app/page/`, compiled in; what they show they ask from the public API with the visitor's key, so
//! nothing of any tenant is served here. The console will replace it.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use kernel::Problem;
use platform_http::{Access, Answer, Doc, Parameter, Refusal, Routes, Segment, slugs};
use serde_json::json;

const PAGE: &str = include_str!("../page/index.html");

/// What a browser may do with the page: run and show its own files, ask its own server, nothing else. The key of
/// the visitor is in reach of the scripts, so none may stand in the page itself.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! files {
    ($($name:literal: $media:ident),* $(,)?) => {
        /// The page's parts: name, media type, text.
        const FILES: &[(&str, &str, &str)] = &[$(($name, $media, include_str!(concat!("../page/", $name)))),*];
    };
}

files![
    "style.css": STYLE,
    "page.js": SCRIPT,
    "api.js": SCRIPT,
    "books.js": SCRIPT,
    "tree.js": SCRIPT,
    "entries.js": SCRIPT,
    "history.js": SCRIPT,
    "show.js": SCRIPT,
];

/// The page and its parts.
pub fn routes() -> Routes {
    let file = &[Parameter { name: "file", about: "A part's name.", kind: "string" }];
    Routes::new("Page")
        .get(
            "/",
            Access::Public,
            page,
            Doc {
                name: "page",
                summary: "The books as a page, for browsers; links for everything else",
                answer: r#"{"name":"concord","links":{"reference":"/docs","openapi":"/openapi.json","health":"/health","accounts":"/v1/accounts"}}"#,
                ..Doc::NONE
            },
        )
        .get(
            "/page/{file}",
            Access::Public,
            part,
            Doc {
                name: "page_part",
                summary: "A script or the style of the page",
                path: file,
                problems: const { &[&slugs::NOT_FOUND] },
                ..Doc::NONE
            },
        )
}

async fn page(headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut response = if accept.contains("text/html") {
        shown("text/html; charset=utf-8", PAGE)
    } else {
        let links = json!({
            "reference": "/docs", "openapi": "/openapi.json", "health": "/health", "accounts": "/v1/accounts",
        });
        Answer::of(&json!({ "name": "concord", "links": links })).into_response()
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    response
}

async fn part(Segment(name): Segment) -> Result<Response, Refusal> {
    match FILES.iter().find(|(file, ..)| *file == name) {
        Some((_, media, text)) => Ok(shown(media, text)),
        None => Err(Problem::new(&slugs::NOT_FOUND, "The page has no such part.").into()),
    }
}

/// A text with what keeps it harmless. It is asked for anew each time, so that a new program shows its own page.
fn shown(media: &'static str, text: &'static str) -> Response {
    let headers: [(HeaderName, &'static str); 5] = [
        (header::CONTENT_TYPE, media),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_compiled_in_and_small() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/page");
        let there = std::fs::read_dir(folder).unwrap();
        let mut there: Vec<String> =
            there.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        let mut known: Vec<&str> = FILES.iter().map(|(name, ..)| *name).chain(["index.html"]).collect();
        there.sort_unstable();
        known.sort_unstable();
        assert_eq!(there, known);
        for (name, _, text) in FILES.iter().chain(&[("index.html", "", PAGE)]) {
            assert!(text.lines().count() <= 500, "{name} answers more than one question");
        }
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere_and_puts_in_no_markup() {
        for (name, _, text) in FILES.iter().chain(&[("index.html", "", PAGE)]) {
            for banned in [
                "http://",
                "https://",
                "//cdn",
                "@import",
                "url(",
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "localStorage",
                "parseFloat",
            ] {
                assert!(!text.contains(banned), "{name} has {banned}");
            }
        }
        for inline in ["<style", "style=", "onclick=", "<script>"] {
            assert!(!PAGE.contains(inline), "the policy forbids {inline}");
        }
    }
}
