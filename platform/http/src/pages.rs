//! The pages that explain problems: Markdown in `api/problems/`, shown to programs as it is and to browsers as text.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};

/// A slug's code and its page.
pub type Page = (&'static str, &'static str);

macro_rules! pages {
    ($($code:literal),* $(,)?) => {
        /// The pages of this crate's own slugs.
        pub const PAGES: &[Page] =
            &[$(($code, include_str!(concat!("../../../api/problems/", $code, ".md")))),*];
    };
}

pages![
    "invalid-json",
    "invalid-request",
    "unauthenticated",
    "forbidden",
    "not-found",
    "method-not-allowed",
    "request-timeout",
    "payload-too-large",
    "unsupported-media-type",
    "rate-limited",
    "internal-fault",
    "unavailable",
];

/// A page in the form the reader prefers.
pub(crate) fn show(headers: &HeaderMap, code: &str, page: &'static str) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !accept.contains("text/html") {
        let media = [(header::CONTENT_TYPE, "text/markdown; charset=utf-8"), (header::VARY, "Accept")];
        return (media, page).into_response();
    }
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{code}</title>\
         <style>:root{{color-scheme:light dark}}body{{max-width:46rem;margin:3rem auto;padding:0 1rem;\
         font:16px/1.6 ui-monospace,monospace}}pre{{white-space:pre-wrap}}</style>\
         <pre>{}</pre><p><a href=\"/docs\">API reference</a></p></html>",
        page.replace('&', "&amp;").replace('<', "&lt;")
    );
    let media = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::VARY, "Accept")];
    (media, html).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slugs::SLUGS;

    fn status(code: &str) -> u16 {
        SLUGS.iter().find(|slug| slug.code == code).unwrap().status
    }

    #[test]
    fn every_slug_has_its_page() {
        let slugs: Vec<_> = SLUGS.iter().map(|slug| slug.code).collect();
        let pages: Vec<_> = PAGES.iter().map(|(code, _)| *code).collect();
        assert_eq!(slugs, pages);
        for (code, page) in PAGES {
            assert!(page.starts_with(&format!("# {code}\n")), "{code}");
            for part in
                ["## Cause", "## Members", "## Remedy", "## Example", &format!("HTTP {}", status(code))]
            {
                assert!(page.contains(part), "{code} lacks {part}");
            }
            let body = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(body["type"], format!("/problems/{code}"));
            assert_eq!(body["code"], *code);
            assert_eq!(body["status"], status(code));
        }
    }
}
