//! Keys before a real route: who gets in at an open door, who at a keyed one, and what the others are told.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use http::Request;
use identity::{Door, Doorkeeper, Keys, NewKey, Setting};
use kernel::id::SeededIds;
use kernel::time::ManualClock;
use kernel::{Tenant, Timestamp};
use platform_http::{Access, Answer, By, Doc, Info, Limits, Routes, Site};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

async fn read(_: By) -> Answer {
    Answer::of(&"read")
}

async fn ask(site: &Site, key: Option<&str>) -> u16 {
    let mut request = Request::get("/v1/things").body(String::new()).unwrap();
    if let Some(key) = key {
        request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    }
    site.answer(request, IpAddr::V4(Ipv4Addr::LOCALHOST)).await.status().as_u16()
}

#[tokio::test]
async fn a_route_lets_in_whom_its_scope_allows() {
    let folder = tempfile::tempdir().unwrap();
    let start = Timestamp::parse("2026-01-31T12:00:00Z").unwrap();
    let (clock, ids) = (Arc::new(ManualClock::new(start)), Arc::new(SeededIds::new(1)));
    let scopes: &'static [&'static str] = &["ledger:read", "ledger:write"];
    let setting = Setting { scopes, clock: clock.clone(), ids: ids.clone() };
    let keys = Keys::open(&folder.path().join(identity::FILE), setting).unwrap();
    let routes = Routes::<()>::new("Things").get(
        "/v1/things",
        Access::Scope("ledger:read"),
        read,
        Doc { name: "things", summary: "Things.", ..Doc::NONE },
    );
    let info = Info { title: "t", version: "1", about: "" };
    let doorkeeper = Arc::new(Doorkeeper::new(keys.clone(), Door::OpenUntilKeyed));
    let site = Site::builder(info, Limits::default(), doorkeeper, ids).routes(routes).build();

    let wrong = identity::rules::key_text(1, 2);
    assert_eq!(ask(&site, None).await, 200);
    assert_eq!(ask(&site, Some(&wrong)).await, 401);

    let mut texts = Vec::new();
    for scope in scopes {
        let (tenant, scopes) = (Tenant::default(), vec![(*scope).to_owned()]);
        let wanted = NewKey { tenant, name: (*scope).to_owned(), scopes, expires_at: None };
        texts.push(keys.create(wanted).await.unwrap().text);
    }
    clock.advance_us(1_000_000);
    assert_eq!(ask(&site, None).await, 401);
    assert_eq!(ask(&site, Some("cut")).await, 401);
    assert_eq!(ask(&site, Some(texts[0].reveal())).await, 200);
    assert_eq!(ask(&site, Some(texts[1].reveal())).await, 403);
}
