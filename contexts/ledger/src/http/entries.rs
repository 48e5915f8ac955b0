//! Entries: post, read by any name, search, reverse.

mod search;

use super::parse::{MAX_WORD, Resolver, body, optional_body, own_id, path_id};
use super::render::{Json, Render};
use super::{Failure, OVERRIDE, READS, WRITES, book_of};
use crate::books::model::BookNo;
use crate::command::{Command, Manner};
use crate::effect::Effect;
use crate::entries::model::{PostEntry, ReverseEntry};
use crate::reading::{Story, Wanted};
use crate::refusal as slug;
use crate::{Done, Ledger};
use axum::extract::State;
use kernel::{Asset, Caller, Problem, id::prefix};
use platform_http::json::Object;
use platform_http::{Answer, Body, By, Doc, Key, Parameter, Payload, Query, Routes, Segment, slugs};

const ENTRY: Parameter = Parameter { name: "entry", about: "Its id: ent_… or a UUID.", kind: "string" };

const POST_PROBLEMS: &[&kernel::Slug] = &[
    &slug::IDEMPOTENCY_CONFLICT,
    &slug::UNKNOWN_ACCOUNT,
    &slug::ACCOUNT_CLOSED,
    &slug::ACCOUNT_FROZEN,
    &slug::ASSET_NOT_ALLOWED,
    &slug::SAME_ACCOUNT,
    &slug::CONDITION_FAILED,
    &slug::NOTHING_AVAILABLE,
    &slug::MAX_NEEDS_BOUND,
    &slug::UNBALANCED_ENTRY,
    &slug::AMOUNT_OVERFLOW,
    &slug::INSUFFICIENT_FUNDS,
    &slug::CEILING_EXCEEDED,
    &slug::EFFECTIVE_IN_FUTURE,
    &slug::OVERRIDE_FORBIDDEN,
    &slug::QUOTA_EXCEEDED,
    &slug::CLOCK_SUSPECT,
    &slug::OUTCOME_UNKNOWN,
    &slug::LEDGER_UNAVAILABLE,
    &slug::LEDGER_BUSY,
];

pub(super) fn routes(routes: Routes<Ledger>) -> Routes<Ledger> {
    routes
        .post("/v1/entries", WRITES, entry_post, Doc {
            name: "entry_post",
            summary: "Post a journal entry",
            detail: "Two to a thousand postings; debits and credits are equal in every currency. Bring your own UUID as `id` and repeating the request is safe.",
            body: Some(Body {
                schema: "EntryPost",
                example: r#"{"postings":[{"account":"bank","direction":"debit","amount":"25.00","currency":"EUR"},{"account":"customers:ada:wallet","direction":"credit","amount":"25.00","currency":"EUR"}],"description":"top-up"}"#,
                lines: false,
            }),
            ok: (201, "Entry"),
            problems: POST_PROBLEMS,
            ..Doc::NONE
        })
        .list("/v1/entries", READS, entry_find, search::DOC)
        .get("/v1/entries/{entry}", READS, entry_read, Doc {
            name: "entry_read",
            summary: "Read an entry",
            path: &[ENTRY],
            query: &[Parameter { name: "min_seq", about: "Wait until the record of this number is visible.", kind: "integer" }],
            ok: (200, "Entry"),
            ..Doc::NONE
        })
        .post("/v1/entries/{entry}/reversals", WRITES, entry_reverse, Doc {
            name: "entry_reverse",
            summary: "Reverse an entry or capture, in whole or part",
            path: &[ENTRY],
            body: Some(Body { schema: "Share", example: r#"{"amount":"5.00","description":"partial refund"}"#, lines: false }),
            ok: (201, "Entry"),
            problems: const { &[&slug::REVERSAL_EXCEEDS_ENTRY, &slug::REVERSAL_OF_REVERSAL, &slug::INVALID_SHARE, &slug::INSUFFICIENT_FUNDS] },
            ..Doc::NONE
        })
}

/// What a caller may ask of any command on amounts.
pub(super) fn manner(by: &Caller, object: &Object<'_>) -> Manner {
    Manner {
        dry_run: object.flag("dry_run"),
        freeze_refusals: object.flag("freeze_refusals"),
        may_override: by.scopes.allow(OVERRIDE),
    }
}

/// The fields of an entry.
pub(super) fn entry(resolver: &Resolver<'_>, object: &Object<'_>) -> Option<PostEntry> {
    let postings = resolver.postings(object);
    let details = resolver.details(object);
    Some(PostEntry { postings: postings?, details })
}

async fn entry_post(
    State(ledger): State<Ledger>,
    By(by): By,
    Key(key): Key,
    payload: Payload,
) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    let resolver = Resolver { ledger: &ledger, book };
    let (own, manner, entry) = body(&payload, |object| {
        let own = own_id(object, prefix::ENTRY);
        let entry = entry(&resolver, object);
        let manner = manner(&by, object);
        Some((own, manner, entry?))
    })?;
    let request = ledger.request(key, own, Command::PostEntry(entry));
    let done = ledger.run(&by, book, request, manner).await?;
    Ok(answer(&ledger, book, &done))
}

/// The answer that shows what a command wrote.
pub(super) fn answer(ledger: &Ledger, book: BookNo, done: &Done) -> Answer {
    let mut json = Json::new();
    let render = Render { reading: &ledger.reading, book };
    render.entry(&mut json, &done.record, done.dry_run);
    let status = if done.dry_run { 200 } else { 201 };
    Answer::ok(json.done()).with_status(status).replayed(done.replayed)
}

/// What is not there.
pub(super) fn missing(what: &str) -> Problem {
    Problem::new(&slugs::NOT_FOUND, format!("There is no such {what} in this book."))
}

async fn entry_find(State(ledger): State<Ledger>, By(by): By, query: Query) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    let key = query.text("key", MAX_WORD).map(str::to_owned);
    let unique = query.text("ref", MAX_WORD).map(str::to_owned);
    let wanted = match (&key, &unique) {
        (None, None) => return search::entry_list(&ledger, book, query).await,
        (Some(key), _) => Wanted::Key(key),
        (None, Some(unique)) => Wanted::Ref(unique),
    };
    if key.is_some() && unique.is_some() {
        query.fault("key", "invalid-value", "give either key or ref");
    }
    super::lists::wait_min_seq(&ledger, book, query).await?;
    let story = ledger.reading.story(book, wanted).await?.ok_or_else(|| missing("entry"))?;
    show(&ledger, book, &story)
}

async fn entry_read(
    State(ledger): State<Ledger>,
    By(by): By,
    Segment(id): Segment,
    query: Query,
) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    super::lists::wait_min_seq(&ledger, book, query).await?;
    let id = match id.starts_with("hold_") {
        true => path_id(&id, prefix::HOLD)?,
        false => path_id(&id, prefix::ENTRY)?,
    };
    let story = ledger.reading.story(book, Wanted::Id(id)).await?.ok_or_else(|| missing("entry"))?;
    show(&ledger, book, &story)
}

fn show(ledger: &Ledger, book: BookNo, story: &Story) -> Result<Answer, Failure> {
    let render = Render { reading: &ledger.reading, book };
    let mut json = Json::new();
    match &story.first.effect {
        Effect::Held { .. } => super::holds::render_story(&render, &mut json, story),
        Effect::Posted { .. } | Effect::Reversed { .. } | Effect::HoldMoved { .. } => {
            render.entry(&mut json, &story.first, false);
        }
        _ => return Err(missing("entry").into()),
    }
    Ok(Answer::ok(json.done()))
}

/// The assets of the postings of an entry or hold: what amounts of a share are read in.
pub(super) fn scales(ledger: &Ledger, book: BookNo, story: &Story) -> Vec<Asset> {
    let asset = |asset| ledger.reading.asset(book, asset);
    match &story.first.effect {
        Effect::Held { hold, .. } => hold.postings.iter().map(|posting| asset(posting.asset)).collect(),
        other => other.postings().iter().map(|posting| asset(posting.asset)).collect(),
    }
}

async fn entry_reverse(
    State(ledger): State<Ledger>,
    By(by): By,
    Key(key): Key,
    Segment(id): Segment,
    payload: Payload,
) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    let entry = match id.starts_with("hold_") {
        true => path_id(&id, prefix::HOLD)?,
        false => path_id(&id, prefix::ENTRY)?,
    };
    let story = ledger.reading.story(book, Wanted::Id(entry)).await?.ok_or_else(|| missing("entry"))?;
    let scales = scales(&ledger, book, &story);
    let resolver = Resolver { ledger: &ledger, book };
    let (own, manner, share, details) = optional_body(&payload, |object| {
        let own = own_id(object, prefix::ENTRY);
        let share = resolver.share(object, &scales);
        let details = resolver.details(object);
        Some((own, manner(&by, object), share?, details))
    })?;
    let command = Command::ReverseEntry(ReverseEntry { entry, share, details });
    let request = ledger.request(key, own, command);
    let done = ledger.run(&by, book, request, manner).await?;
    Ok(answer(&ledger, book, &done))
}
