//! Assets and patterns of a book, and the operator's word about the clock.

use super::accounts::{assets, limits};
use super::lists::{list_end, list_start, open_cursor};
use super::parse::{MAX_WORD, Resolver, body, optional_body};
use super::render::Json;
use super::{ADMIN, Failure, READS, WRITES, book_of};
use crate::Ledger;
use crate::accounts::model::{AccountKind, MAX_PATH};
use crate::books::model::{BookNo, DEFAULT_QUOTA, Pattern, RegisterAsset};
use crate::books::rules::pattern_check;
use crate::command::{Command, Manner};
use crate::refusal as slug;
use axum::extract::State;
use kernel::{Asset, AssetCode, Cursor, Problem};
use platform_http::{
    Access, Answer, Body, By, Doc, Key, Parameter, Payload, Query, Routes, Segment, slugs, write_text,
};

const CURSOR_ASSETS: u64 = 3;
const CURSOR_PATTERNS: u64 = 4;

const KINDS: [(&str, AccountKind); 5] = [
    ("asset", AccountKind::Asset),
    ("liability", AccountKind::Liability),
    ("equity", AccountKind::Equity),
    ("income", AccountKind::Income),
    ("expense", AccountKind::Expense),
];

pub(super) fn routes(routes: Routes<Ledger>) -> Routes<Ledger> {
    routes
        .post("/v1/assets", WRITES, asset_register, Doc {
            name: "asset_register",
            summary: "Register an asset",
            detail: "The ISO 4217 currencies are known from the start. A scale never changes.",
            body: Some(Body { schema: "AssetRegister", example: r#"{"code":"POINTS","scale":0,"name":"Loyalty points"}"#, lines: false }),
            ok: (201, "Asset"),
            problems: const { &[&slug::ASSET_EXISTS] },
            ..Doc::NONE
        })
        .list("/v1/assets", READS, asset_list, Doc {
            name: "asset_list",
            summary: "List assets, newest first",
            ok: (200, "AssetList"),
            ..Doc::NONE
        })
        .get("/v1/assets/{code}", READS, asset_read, Doc {
            name: "asset_read",
            summary: "Read an asset",
            path: &[Parameter { name: "code", about: "Its code.", kind: "string" }],
            ok: (200, "Asset"),
            ..Doc::NONE
        })
        .post("/v1/patterns", WRITES, pattern_set, Doc {
            name: "pattern_set",
            summary: "Let accounts open on first use",
            body: Some(Body {
                schema: "PatternSet",
                example: r#"{"pattern":"customers:*:wallet","type":"liability","constraints":[{"currency":"EUR","floor":"0"}]}"#,
                lines: false,
            }),
            ok: (201, "Pattern"),
            problems: const { &[&slug::PATTERN_OVERLAP, &slug::INVALID_LIMITS] },
            ..Doc::NONE
        })
        .list("/v1/patterns", READS, pattern_list, Doc {
            name: "pattern_list",
            summary: "List patterns, newest first",
            ok: (200, "PatternList"),
            ..Doc::NONE
        })
        .post("/v1/clock-confirmations", Access::Scope(ADMIN), clock_confirm, Doc {
            name: "clock_confirm",
            summary: "Confirm that the clock is right",
            detail: "After a jump of the clock nothing is decided until an operator has looked: one wrong time server must not expire every hold.",
            body: Some(Body { schema: "ClockConfirm", example: r#"{"reason":"the time server is right again"}"#, lines: false }),
            ok: (201, "ClockConfirmation"),
            ..Doc::NONE
        })
}

fn asset_json(json: &mut Json, asset: Asset) {
    json.open(b'{');
    json.plain("code", asset.code.as_str());
    json.number("scale", asset.scale.into());
    json.close(b'}');
}

async fn asset_register(
    State(ledger): State<Ledger>,
    By(by): By,
    Key(key): Key,
    payload: Payload,
) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    let register = body(&payload, |object| {
        let code = object.parsed("code", kernel::asset::MAX_CODE, AssetCode::parse);
        let scale = object.integer("scale");
        if scale > kernel::asset::MAX_SCALE.into() {
            object.fault("scale", "invalid-value", "must be a whole number from 0 to 18");
        }
        let name = object.optional_text("name", MAX_WORD).map(super::parse::boxed);
        Some(RegisterAsset { asset: Asset { code: code?, scale: scale as u8 }, name })
    })?;
    let (asset, name) = (register.asset, register.name.clone());
    let request = ledger.request(key, None, Command::RegisterAsset(register));
    let done = ledger.run(&by, book, request, Manner::default()).await?;
    let mut json = Json::new();
    json.open(b'{');
    json.plain("code", asset.code.as_str());
    json.number("scale", asset.scale.into());
    json.maybe("name", name.as_deref());
    json.number("seq", done.record.seq);
    json.close(b'}');
    Ok(Answer::created(json.done()).replayed(done.replayed))
}

async fn asset_list(State(ledger): State<Ledger>, By(by): By, query: Query) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    let assets = ledger.reading.assets(book);
    let (json, next) = page(&assets, query, CURSOR_ASSETS, |json, asset| asset_json(json, *asset))?;
    Ok(list_end(json, next))
}

/// A page of a list that is wholly in memory, newest first.
fn page<T>(
    all: &[T],
    query: Query,
    kind: u64,
    render: impl Fn(&mut Json, &T),
) -> Result<(Json, Option<Cursor>), Problem> {
    let (limit, cursor) = (query.limit(), query.cursor());
    let start = open_cursor::<1>(&query, cursor, kind).map(|[place]| place as usize);
    query.into_result()?;
    let end = start.unwrap_or(all.len()).min(all.len());
    let from = end.saturating_sub(limit.get());
    let mut json = list_start();
    for item in all[from..end].iter().rev() {
        json.next();
        render(&mut json, item);
    }
    Ok((json, (from > 0).then(|| Cursor::new(kind, &[from as u64]))))
}

async fn asset_read(
    State(ledger): State<Ledger>,
    By(by): By,
    Segment(code): Segment,
) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    let found = AssetCode::parse(&code).ok().and_then(|code| ledger.reading.asset_no(book, code));
    let Some((_, asset)) = found else {
        return Err(Problem::new(&slugs::NOT_FOUND, "There is no asset of this code.").into());
    };
    let mut json = Json::new();
    asset_json(&mut json, asset);
    Ok(Answer::ok(json.done()))
}

async fn pattern_set(
    State(ledger): State<Ledger>,
    By(by): By,
    Key(key): Key,
    payload: Payload,
) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    let resolver = Resolver { ledger: &ledger, book };
    let pattern = body(&payload, |object| {
        let pattern =
            object.parsed("pattern", MAX_PATH, |text| pattern_check(text).map(|()| Box::<str>::from(text)));
        let kind = object.choice("type", &KINDS);
        let assets = assets(&resolver, object);
        let limits = limits(&resolver, object);
        let quota = object.optional_integer("quota").unwrap_or(DEFAULT_QUOTA);
        Some(Pattern { pattern: pattern?, kind, assets: assets?, limits: limits?, quota })
    })?;
    let shown = pattern.clone();
    let request = ledger.request(key, None, Command::SetPattern(pattern));
    let done = ledger.run(&by, book, request, Manner::default()).await?;
    let mut json = Json::new();
    pattern_json(&ledger, book, &mut json, &shown);
    Ok(Answer::created(json.done()).replayed(done.replayed))
}

fn pattern_json(ledger: &Ledger, book: BookNo, json: &mut Json, pattern: &Pattern) {
    json.open(b'{');
    json.text("pattern", &pattern.pattern);
    json.plain("type", pattern.kind.as_str());
    json.name("assets");
    match &pattern.assets {
        None => json.bytes.extend_from_slice(b"null"),
        Some(assets) => {
            json.open(b'[');
            for asset in assets {
                json.next();
                write_text(&mut json.bytes, ledger.reading.asset(book, *asset).code.as_str());
            }
            json.close(b']');
        }
    }
    json.name("constraints");
    json.open(b'[');
    for (asset, limits) in &pattern.limits {
        let asset = ledger.reading.asset(book, *asset);
        json.next();
        json.open(b'{');
        json.plain("currency", asset.code.as_str());
        for (name, limit) in [("floor", limits.floor), ("ceiling", limits.ceiling)] {
            match limit {
                Some(minor) => json.amount(name, minor, asset),
                None => json.raw(name, "null"),
            }
        }
        json.close(b'}');
    }
    json.close(b']');
    json.number("quota", pattern.quota);
    json.close(b'}');
}

async fn pattern_list(State(ledger): State<Ledger>, By(by): By, query: Query) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    let patterns = ledger.reading.patterns(book);
    let render = |json: &mut Json, pattern: &Pattern| pattern_json(&ledger, book, json, pattern);
    let (json, next) = page(&patterns, query, CURSOR_PATTERNS, render)?;
    Ok(list_end(json, next))
}

async fn clock_confirm(
    State(ledger): State<Ledger>,
    By(by): By,
    // Confirming twice is confirming once; a key that is none is refused all the same.
    _: Key,
    payload: Payload,
) -> Result<Answer, Failure> {
    let reason = optional_body(&payload, |object| {
        Some(object.optional_text("reason", MAX_WORD).map(super::parse::boxed).unwrap_or_default())
    })?;
    ledger.engine().confirm_clock();
    let (tenant, request) = (by.tenant.as_str(), &*by.request);
    tracing::warn!(tenant, request, reason = &*reason, "an operator confirmed the clock");
    let mut json = Json::new();
    json.open(b'{');
    json.time("confirmed_at", ledger.now());
    json.close(b'}');
    Ok(Answer::created(json.done()))
}
