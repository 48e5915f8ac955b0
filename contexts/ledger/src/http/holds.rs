//! Holds: place, read, capture, void, increment, extend.

use super::entries::{answer, manner, missing, scales};
use super::parse::{Resolver, body, optional_body, own_id, path_id};
use super::render::{Json, Render};
use super::{Failure, READS, WRITES, book_of};
use crate::Ledger;
use crate::command::{Command, Manner};
use crate::effect::Effect;
use crate::entries::model::{AmountCommand, Details};
use crate::holds::model::{ActOnHold, HoldAction, PlaceHold};
use crate::reading::{Story, Wanted};
use crate::refusal as slug;
use axum::extract::State;
use kernel::{Asset, Timestamp, id::prefix};
use platform_http::json::Object;
use platform_http::{Answer, Body, By, Doc, Key, Parameter, Payload, Query, Routes, Segment};

/// Longest `expires_in`: ten years, beyond which nobody means seconds.
const MAX_EXPIRES_IN_S: u64 = 10 * 366 * 24 * 3600;

const HOLD: Parameter = Parameter { name: "hold", about: "Its id: hold_… or a UUID.", kind: "string" };

pub(super) fn routes(routes: Routes<Ledger>) -> Routes<Ledger> {
    let act = |name, summary, example, problems| Doc {
        name,
        summary,
        path: &[HOLD],
        body: Some(Body { schema: "HoldAction", example, lines: false }),
        ok: (201, "Entry"),
        problems,
        ..Doc::NONE
    };
    routes
        .post("/v1/holds", WRITES, hold_place, Doc {
            name: "hold_place",
            summary: "Place a hold",
            body: Some(Body {
                schema: "HoldPlace",
                example: r#"{"postings":[{"account":"customers:ada:wallet","direction":"debit","amount":"10.00","currency":"EUR"},{"account":"merchants:books","direction":"credit","amount":"10.00","currency":"EUR"}],"expires_in":604800}"#,
                lines: false,
            }),
            ok: (201, "Hold"),
            problems: const { &[&slug::INSUFFICIENT_FUNDS, &slug::EXPIRY_IN_PAST, &slug::INVALID_SHARE] },
            ..Doc::NONE
        })
        .get("/v1/holds/{hold}", READS, hold_read, Doc {
            name: "hold_read",
            summary: "Read a hold as it stands",
            path: &[HOLD],
            query: &[Parameter { name: "min_seq", about: "Wait until the record of this number is visible.", kind: "integer" }],
            ok: (200, "Hold"),
            ..Doc::NONE
        })
        .post("/v1/holds/{hold}/captures", WRITES, hold_capture, act(
            "hold_capture", "Capture a hold, in whole or part", r#"{"amount":"8.00","final":true}"#,
            const { &[&slug::HOLD_NOT_OPEN, &slug::HOLD_EXPIRED, &slug::CAPTURE_EXCEEDS_HOLD, &slug::INVALID_SHARE] }))
        .post("/v1/holds/{hold}/voids", WRITES, hold_void, act(
            "hold_void", "Release a hold, in whole or part", r#"{}"#,
            const { &[&slug::HOLD_NOT_OPEN, &slug::HOLD_EXPIRED, &slug::VOID_EXCEEDS_HOLD, &slug::INVALID_SHARE] }))
        .post("/v1/holds/{hold}/increments", WRITES, hold_increment, act(
            "hold_increment", "Hold more", r#"{"amount":"2.00"}"#,
            const { &[&slug::HOLD_NOT_OPEN, &slug::HOLD_EXPIRED, &slug::INSUFFICIENT_FUNDS, &slug::INVALID_SHARE] }))
        .post("/v1/holds/{hold}/extensions", WRITES, hold_extend, act(
            "hold_extend", "Let a hold live longer", r#"{"expires_at":"2030-01-01T00:00:00Z"}"#,
            const { &[&slug::HOLD_NOT_OPEN, &slug::HOLD_EXPIRED, &slug::INVALID_EXTENSION] }))
}

/// The fields of a hold to be placed.
pub(super) fn place(resolver: &Resolver<'_>, object: &Object<'_>) -> Option<PlaceHold> {
    let postings = resolver.postings(object);
    let details = resolver.details(object);
    let expires_at = object.optional_parsed("expires_at", 64, Timestamp::parse);
    let expires_in = object.optional_integer("expires_in");
    if expires_at.is_some() && expires_in.is_some() {
        object.fault("expires_in", "invalid-value", "give either expires_at or expires_in");
    }
    if expires_in.is_some_and(|seconds| !(1..=MAX_EXPIRES_IN_S).contains(&seconds)) {
        object.fault("expires_in", "invalid-value", "must be from 1 second to ten years, in seconds");
    }
    let tolerance = object.optional("tolerance");
    let postings = postings?;
    let tolerance = match tolerance {
        None => Vec::new(),
        Some(value) if postings.len() == 2 => {
            let asset = resolver.ledger.reading.asset(resolver.book, postings[0].asset);
            let minor = resolver.amount(object.reader(), value, asset)?;
            vec![minor; 2]
        }
        Some(value) => {
            object.reader().fault(value, "invalid-value", "is for holds of two postings");
            return None;
        }
    };
    let exact = postings.iter().all(|posting| matches!(posting.amount, AmountCommand::Exact(_)));
    if !tolerance.is_empty() && !exact {
        object.fault(
            "tolerance",
            "invalid-value",
            "goes with amounts that are given, not with max or remaining",
        );
    }
    Some(PlaceHold { postings, expires_at, expires_in_s: expires_in, tolerance, details })
}

async fn hold_place(
    State(ledger): State<Ledger>,
    By(by): By,
    Key(key): Key,
    payload: Payload,
) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    let resolver = Resolver { ledger: &ledger, book };
    let (own, manner, hold) = body(&payload, |object| {
        let own = own_id(object, prefix::HOLD);
        let hold = place(&resolver, object);
        Some((own, manner(&by, object), hold?))
    })?;
    let request = ledger.request(key, own, Command::PlaceHold(hold));
    let done = ledger.run(&by, book, request, manner).await?;
    let mut json = Json::new();
    let render = Render { reading: &ledger.reading, book };
    let Effect::Held { hold, .. } = &done.record.effect else { unreachable!("a hold was placed") };
    render.hold(&mut json, &done.record, hold, &done.record, done.dry_run);
    let status = if done.dry_run { 200 } else { 201 };
    Ok(Answer::ok(json.done()).with_status(status).replayed(done.replayed))
}

/// A hold as it stands now.
pub(super) fn render_story(render: &Render<'_>, json: &mut Json, story: &Story) {
    let hold = match (&story.newest.effect, &story.first.effect) {
        (Effect::HoldMoved { hold, .. } | Effect::Held { hold, .. }, _) => hold,
        (_, Effect::Held { hold, .. }) => hold,
        _ => return,
    };
    render.hold(json, &story.first, hold, &story.newest, false);
}

async fn hold_read(
    State(ledger): State<Ledger>,
    By(by): By,
    Segment(id): Segment,
    query: Query,
) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    super::lists::wait_min_seq(&ledger, book, query).await?;
    let id = path_id(&id, prefix::HOLD)?;
    let story = ledger.reading.story(book, Wanted::Id(id)).await?;
    let story = story.filter(|story| matches!(story.first.effect, Effect::Held { .. }));
    let story = story.ok_or_else(|| missing("hold"))?;
    let mut json = Json::new();
    render_story(&Render { reading: &ledger.reading, book }, &mut json, &story);
    Ok(Answer::ok(json.done()))
}

/// What a capture asks.
pub(super) fn capture(resolver: &Resolver<'_>, object: &Object<'_>, scales: &[Asset]) -> Option<HoldAction> {
    let share = resolver.share(object, scales);
    let last = object.flag("final");
    Some(HoldAction::Capture { share: share?, last })
}

/// What a void asks.
pub(super) fn void(resolver: &Resolver<'_>, object: &Object<'_>, scales: &[Asset]) -> Option<HoldAction> {
    resolver.share(object, scales).map(|share| HoldAction::Void { share })
}

/// What an increment asks.
pub(super) fn increment(
    resolver: &Resolver<'_>,
    object: &Object<'_>,
    scales: &[Asset],
) -> Option<HoldAction> {
    let share = resolver.share(object, scales)?;
    if share == crate::entries::model::Share::Rest {
        object.fault("amount", "missing-field", "must be given: how much more to hold");
    }
    Some(HoldAction::Increment { share })
}

/// What an extension asks.
pub(super) fn extend(_: &Resolver<'_>, object: &Object<'_>, _: &[Asset]) -> Option<HoldAction> {
    let expires_at = object.parsed("expires_at", 64, Timestamp::parse)?;
    Some(HoldAction::Extend { expires_at })
}

type ReadAction = fn(&Resolver<'_>, &Object<'_>, &[Asset]) -> Option<HoldAction>;

async fn hold_capture(
    state: State<Ledger>,
    by: By,
    key: Key,
    id: Segment,
    payload: Payload,
) -> Result<Answer, Failure> {
    hold_act(state, by, key, id, &payload, capture).await
}

async fn hold_void(
    state: State<Ledger>,
    by: By,
    key: Key,
    id: Segment,
    payload: Payload,
) -> Result<Answer, Failure> {
    hold_act(state, by, key, id, &payload, void).await
}

async fn hold_increment(
    state: State<Ledger>,
    by: By,
    key: Key,
    id: Segment,
    payload: Payload,
) -> Result<Answer, Failure> {
    hold_act(state, by, key, id, &payload, increment).await
}

async fn hold_extend(
    state: State<Ledger>,
    by: By,
    key: Key,
    id: Segment,
    payload: Payload,
) -> Result<Answer, Failure> {
    hold_act(state, by, key, id, &payload, extend).await
}

async fn hold_act(
    State(ledger): State<Ledger>,
    By(by): By,
    Key(key): Key,
    Segment(id): Segment,
    payload: &Payload,
    read: ReadAction,
) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    let hold = path_id(&id, prefix::HOLD)?;
    let story = ledger.reading.story(book, Wanted::Id(hold)).await?;
    let story = story.filter(|story| matches!(story.first.effect, Effect::Held { .. }));
    let scales = scales(&ledger, book, &story.ok_or_else(|| missing("hold"))?);
    let resolver = Resolver { ledger: &ledger, book };
    type Read = (Option<kernel::Id>, Manner, HoldAction, Option<Box<Details>>);
    let (own, manner, action, details): Read = optional_body(payload, |object| {
        let own = own_id(object, prefix::ENTRY);
        let action = read(&resolver, object, &scales);
        let details = resolver.details(object);
        Some((own, manner(&by, object), action?, details))
    })?;
    let command = Command::ActOnHold(ActOnHold { hold, action, details });
    let request = ledger.request(key, own, command);
    let done = ledger.run(&by, book, request, manner).await?;
    Ok(answer(&ledger, book, &done))
}
