//! Routes that another system documents: their error bodies are that system's, and so is what a fault is told as.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use axum::body::{Body, to_bytes};
use http::Request;
use kernel::{Problem, RandomIds};
use platform_http::{Access, Answer, Doc, Info, Limits, Media, Open, Payload, Refusal, Routes, Site, slugs};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

const WRONG: &str = r#"{"detail":"Something went wrong!"}"#;

async fn breaks() -> Answer {
    panic!("as bugs do")
}

async fn refuses() -> Result<Answer, Refusal> {
    Err(Refusal::from(Problem::new(&slugs::NOT_FOUND, "Told in our way."))
        .told_as(400, r#"{"detail":"theirs"}"#))
}

async fn takes(payload: Payload) -> Answer {
    Answer::ok(if payload.media == Media::Csv { "\"csv\"" } else { "\"json\"" })
}

async fn ask(path: &str, media: &str) -> (u16, String, String) {
    let doc = |name| Doc { name, ..Doc::NONE };
    let routes = Routes::new("t")
        .get("/bug", Access::Public, breaks, Doc { fault: WRONG, ..doc("bug") })
        .get("/own-bug", Access::Public, breaks, doc("own_bug"))
        .get("/refusal", Access::Public, refuses, Doc { fault: WRONG, ..doc("refusal") })
        .put("/file", Access::Public, takes, Doc { csv: true, ..doc("file") })
        .put("/json", Access::Public, takes, doc("json"));
    let info = Info { title: "t", version: "0", about: "t" };
    let site = Site::builder(info, Limits::default(), Arc::new(Open::default()), Arc::new(RandomIds))
        .routes(routes)
        .build();
    let method = if matches!(path, "/file" | "/json") { "PUT" } else { "GET" };
    let request = Request::builder().method(method).uri(path).header("content-type", media);
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let (parts, body) = site.answer(request.body(Body::empty()).unwrap(), local).await.into_parts();
    let body = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    (parts.status.as_u16(), parts.headers["content-type"].to_str().unwrap().to_owned(), body)
}

#[tokio::test]
async fn error_bodies_are_those_of_whoever_documents_the_route() {
    let json = "application/json".to_owned();
    assert_eq!(ask("/bug", "").await, (500, json.clone(), WRONG.to_owned()));
    assert_eq!(ask("/refusal", "").await, (400, json, r#"{"detail":"theirs"}"#.to_owned()));
    let (status, media, body) = ask("/own-bug", "").await;
    assert_eq!((status, media.as_str()), (500, "application/problem+json"));
    assert!(body.contains("internal-fault"), "{body}");
}

#[tokio::test]
async fn csv_is_taken_where_it_is_declared() {
    assert_eq!(ask("/file", "text/csv").await.2, "\"csv\"");
    assert_eq!(ask("/file", "application/json").await.2, "\"json\"");
    assert_eq!(ask("/json", "text/csv").await.0, 415);
}
