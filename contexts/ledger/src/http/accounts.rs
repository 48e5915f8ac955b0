//! Accounts: open, read, list, change, freeze, thaw, close.

use super::lists::{currency, list_end, list_start, open_cursor, wait_min_seq, wait_seq};
use super::parse::{self, MAX_WORD, METADATA, Resolver, account_segment, body, optional_body, own_id};
use super::render::Json;
use super::{Failure, READS, WRITES, book_of};
use crate::Ledger;
use crate::accounts::model::{
    AccountKind, AccountNo, AccountRef, ChangeAccount, Frozen, Lifecycle, Limits, MAX_PATH, OpenAccount,
    path_check,
};
use crate::books::model::{AssetNo, BookNo};
use crate::command::{Command, Manner};
use crate::effect::Effect;
use crate::journal::record::Record;
use crate::reading::{AccountFilter, AccountSeen};
use crate::refusal as slug;
use axum::extract::State;
use kernel::{Caller, Cursor, Problem, id::prefix};
use platform_http::json::Object;
use platform_http::{Answer, Body, By, Doc, Key, Parameter, Payload, Query, Routes, Segment, slugs};

/// Most assets an account's list names.
const MAX_ASSETS: usize = 100;
const CURSOR_ACCOUNTS: u64 = 1;

const KINDS: [(&str, AccountKind); 5] = [
    ("asset", AccountKind::Asset),
    ("liability", AccountKind::Liability),
    ("equity", AccountKind::Equity),
    ("income", AccountKind::Income),
    ("expense", AccountKind::Expense),
];

pub(super) const NAME: Parameter =
    Parameter { name: "account", about: "Its id, its path, or n for the path accounts:n.", kind: "string" };
pub(super) const CURRENCY: Parameter =
    Parameter { name: "currency", about: "Only this currency.", kind: "string" };
pub(super) const MIN_SEQ: Parameter =
    Parameter { name: "min_seq", about: "Wait until the record of this number is visible.", kind: "integer" };

const OPEN: Doc = Doc {
    name: "account_open",
    summary: "Open an account",
    body: Some(Body {
        schema: "AccountOpen",
        example: r#"{"path":"customers:ada:wallet","type":"liability","constraints":[{"currency":"EUR","floor":"0"}]}"#,
        lines: false,
    }),
    ok: (201, "Account"),
    problems: const { &[&slug::ACCOUNT_EXISTS, &slug::INVALID_LIMITS] },
    ..Doc::NONE
};

const LIST: Doc = Doc {
    name: "account_list",
    summary: "List accounts, newest first",
    query: &[
        Parameter { name: "prefix", about: "Paths that start so.", kind: "string" },
        Parameter { name: "type", about: "Only this type.", kind: "string" },
        Parameter { name: "status", about: "open, frozen or closed.", kind: "string" },
        CURRENCY,
        MIN_SEQ,
    ],
    detail: "Filter by metadata with `metadata.KEY=VALUE`. A page may end early with a cursor when a filter skips very many accounts.",
    ok: (200, "AccountList"),
    ..Doc::NONE
};

const CHANGE: Doc = Doc {
    name: "account_change",
    summary: "Change an account's settings",
    path: &[NAME],
    body: Some(Body { schema: "AccountChange", example: r#"{"metadata":{"tier":"gold"}}"#, lines: false }),
    ok: (200, "Account"),
    problems: const { &[&slug::VERSION_MISMATCH, &slug::ACCOUNT_STATE, &slug::INVALID_LIMITS] },
    ..Doc::NONE
};

pub(super) fn routes(routes: Routes<Ledger>) -> Routes<Ledger> {
    let moved = |name, summary, example| Doc {
        name,
        summary,
        path: &[NAME],
        body: Some(Body { schema: "AccountMove", example, lines: false }),
        ok: (201, "Account"),
        problems: const { &[&slug::ACCOUNT_STATE, &slug::ACCOUNT_NOT_EMPTY] },
        ..Doc::NONE
    };
    routes
        .post("/v1/accounts", WRITES, account_open, OPEN)
        .list("/v1/accounts", READS, account_list, LIST)
        .get(
            "/v1/accounts/{account}",
            READS,
            account_read,
            Doc {
                name: "account_read",
                summary: "Read an account",
                path: &[NAME],
                query: &[MIN_SEQ],
                ok: (200, "Account"),
                ..Doc::NONE
            },
        )
        .patch("/v1/accounts/{account}", WRITES, account_change, CHANGE)
        .post(
            "/v1/accounts/{account}/freezes",
            WRITES,
            account_freeze,
            moved("account_freeze", "Freeze an account", r#"{"side":"debits","reason":"lost card"}"#),
        )
        .post(
            "/v1/accounts/{account}/thaws",
            WRITES,
            account_thaw,
            moved("account_thaw", "Thaw an account", r#"{"reason":"card found"}"#),
        )
        .post(
            "/v1/accounts/{account}/closures",
            WRITES,
            account_close,
            moved("account_close", "Close an account for good", r#"{"reason":"customer left"}"#),
        )
}

/// The account a path names, or 404.
pub(super) fn named(ledger: &Ledger, book: BookNo, segment: &str) -> Result<AccountNo, Problem> {
    let name = account_segment(segment).map_err(|why| slugs::invalid("path", "invalid-value", why))?;
    ledger
        .reading
        .find(book, &name)
        .ok_or_else(|| Problem::new(&slugs::NOT_FOUND, "There is no such account.").with("account", segment))
}

async fn account_open(
    State(ledger): State<Ledger>,
    By(by): By,
    Key(key): Key,
    payload: Payload,
) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    let resolver = Resolver { ledger: &ledger, book };
    let (own, open) = body(&payload, |object| {
        let own = own_id(object, prefix::ACCOUNT);
        Some((own, open(&resolver, object, "type")?))
    })?;
    let request = ledger.request(key, own, Command::OpenAccount(open));
    answer_settings(&ledger, &by, book, request, 201).await
}

/// The fields of an account to be opened; `type` has the name that the place leaves free.
pub(super) fn open(resolver: &Resolver<'_>, object: &Object<'_>, type_name: &str) -> Option<OpenAccount> {
    let path = object.parsed("path", MAX_PATH, |path| path_check(path).map(|()| Box::<str>::from(path)));
    let kind = object.choice(type_name, &KINDS);
    let assets = assets(resolver, object);
    let limits = limits(resolver, object);
    let text = parse::text(object);
    Some(OpenAccount { path: path?, kind, assets: assets?, limits: limits?, text, by_pattern: false })
}

/// `assets`: a list, or none for all.
pub(super) fn assets(resolver: &Resolver<'_>, object: &Object<'_>) -> Option<Option<Vec<AssetNo>>> {
    let Some(items) = object.optional_items("assets", 1..=MAX_ASSETS) else { return Some(None) };
    let mut assets = Vec::new();
    for value in items {
        assets.push(resolver.asset_of(object.reader(), value)?.0);
    }
    assets.sort();
    assets.dedup();
    Some(Some(assets))
}

/// `constraints`: floor and ceiling per currency.
pub(super) fn limits(resolver: &Resolver<'_>, object: &Object<'_>) -> Option<Vec<(AssetNo, Limits)>> {
    let reader = object.reader();
    let mut limits: Vec<(AssetNo, Limits)> = Vec::new();
    for value in object.optional_items("constraints", 0..=MAX_ASSETS).into_iter().flatten() {
        let limit = reader.object(value);
        let asset = resolver.asset(&limit, "currency");
        let (floor, ceiling) = (limit.optional("floor"), limit.optional("ceiling"));
        limit.finish();
        let (no, asset) = asset?;
        let read = |value: Option<_>| match value {
            None => Some(None),
            Some(value) => resolver.signed(reader, value, asset).map(Some),
        };
        if limits.iter().any(|(known, _)| *known == no) {
            reader.fault(value, "invalid-value", "this currency has a constraint already");
        }
        limits.push((no, Limits { floor: read(floor)?, ceiling: read(ceiling)? }));
    }
    limits.sort_by_key(|(asset, _)| *asset);
    Some(limits)
}

async fn account_read(
    State(ledger): State<Ledger>,
    By(by): By,
    Segment(name): Segment,
    query: Query,
) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    wait_min_seq(&ledger, book, query).await?;
    let account = ledger.reading.account(named(&ledger, book, &name)?)?;
    let mut json = Json::new();
    render(&ledger, book, &mut json, &account);
    Ok(Answer::ok(json.done()))
}

/// An account as JSON.
fn render(ledger: &Ledger, book: BookNo, json: &mut Json, account: &AccountSeen) {
    let settings = &account.settings;
    json.open(b'{');
    json.id("id", account.name.id, prefix::ACCOUNT);
    json.text("path", &account.name.path);
    json.plain("type", account.kind.as_str());
    json.plain("normal_side", account.kind.normal_side().as_str());
    json.plain("status", account.status());
    json.maybe("frozen", settings.frozen.as_str());
    match &settings.assets {
        None => json.raw("assets", "null"),
        Some(assets) => {
            json.name("assets");
            json.open(b'[');
            for asset in assets {
                json.next();
                platform_http::write_text(&mut json.bytes, ledger.reading.asset(book, *asset).code.as_str());
            }
            json.close(b']');
        }
    }
    json.name("constraints");
    json.open(b'[');
    for (asset, limits) in &settings.limits {
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
    json.words(&settings.text);
    json.number("version", settings.version.into());
    json.time("opened_at", settings.opened_at);
    json.time("updated_at", account.updated_at);
    json.number("seq", account.seq);
    json.close(b'}');
}

/// Carries out a command on an account and answers with its settings as that command left them.
async fn answer_settings(
    ledger: &Ledger,
    by: &Caller,
    book: BookNo,
    request: crate::command::Request,
    status: u16,
) -> Result<Answer, Failure> {
    let done = ledger.run(by, book, request, Manner::default()).await?;
    let mut json = Json::new();
    render_record(ledger, book, &mut json, done.record);
    Ok(Answer::ok(json.done()).with_status(status).replayed(done.replayed))
}

/// An account with its settings as this record left them.
pub(super) fn render_record(ledger: &Ledger, book: BookNo, json: &mut Json, record: Record) {
    let (no, settings) = match record.effect {
        Effect::Opened(opened) => {
            let no = ledger.reading.find(book, &AccountRef::Id(opened.id));
            (no.expect("an account that was opened is visible"), opened.settings)
        }
        Effect::Changed { account, settings } => (account, settings),
        _ => unreachable!("a command on an account writes its settings"),
    };
    let (id, path) = ledger.reading.name(no);
    let account = AccountSeen {
        no,
        name: crate::directory::Name { id, book, path },
        kind: ledger.reading.kind(no),
        settings,
        updated_at: record.at,
        seq: record.seq,
    };
    render(ledger, book, json, &account);
}

async fn account_list(State(ledger): State<Ledger>, By(by): By, query: Query) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    let (limit, cursor, min_seq) = (query.limit(), query.cursor(), query.integer("min_seq"));
    let filter = AccountFilter {
        prefix: query.text("prefix", MAX_PATH).map(str::to_owned),
        kind: query.choice("type", &KINDS),
        status: query.choice("status", &[("open", "open"), ("frozen", "frozen"), ("closed", "closed")]),
        asset: currency(&ledger, book, &query),
        metadata: query
            .prefixed("metadata.")
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
    };
    let cursor = open_cursor::<1>(&query, cursor, CURSOR_ACCOUNTS);
    query.into_result()?;
    wait_seq(&ledger, book, min_seq).await?;
    let start = cursor.map(|[place]| u32::try_from(place).unwrap_or(u32::MAX));
    let (accounts, next) = ledger.reading.accounts(book, &filter, limit.get(), start)?;
    let next = next.map(|place| Cursor::new(CURSOR_ACCOUNTS, &[place.into()]));
    let mut json = list_start();
    for account in &accounts {
        json.next();
        render(&ledger, book, &mut json, account);
    }
    Ok(list_end(json, next))
}

async fn account_change(
    State(ledger): State<Ledger>,
    By(by): By,
    Key(key): Key,
    Segment(name): Segment,
    payload: Payload,
) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    let account = named(&ledger, book, &name)?;
    let resolver = Resolver { ledger: &ledger, book };
    let change = body(&payload, |object| {
        let assets = match object.given("assets") {
            None => None,
            Some(value) if value.is_null() => Some(None),
            Some(_) => Some(assets(&resolver, object)?),
        };
        let description = object.given("description").map(|value| {
            (!value.is_null()).then(|| object.reader().text(value, parse::MAX_DESCRIPTION).into())
        });
        let metadata = object.map_changes("metadata", METADATA).into_iter();
        let if_version = object.optional_integer("if_version");
        Some(ChangeAccount {
            assets,
            limits: limits(&resolver, object)?,
            description,
            metadata: metadata.map(|(key, value)| (key.into(), value.map(Into::into))).collect(),
            if_version: if_version.map(|version| u32::try_from(version).unwrap_or(u32::MAX)),
        })
    })?;
    let request = ledger.request(key, None, Command::ChangeAccount(account, change));
    answer_settings(&ledger, &by, book, request, 200).await
}

async fn account_freeze(
    state: State<Ledger>,
    by: By,
    key: Key,
    name: Segment,
    payload: Payload,
) -> Result<Answer, Failure> {
    let sides = [
        ("both", Frozen { debits: true, credits: true }),
        ("debits", Frozen { debits: true, credits: false }),
        ("credits", Frozen { debits: false, credits: true }),
    ];
    let read = |object: &Object<'_>| {
        Some(Lifecycle::Freeze(object.optional_choice("side", &sides).unwrap_or(sides[0].1)))
    };
    account_move(state, by, key, name, &payload, read).await
}

async fn account_thaw(
    state: State<Ledger>,
    by: By,
    key: Key,
    name: Segment,
    payload: Payload,
) -> Result<Answer, Failure> {
    account_move(state, by, key, name, &payload, |_| Some(Lifecycle::Thaw)).await
}

async fn account_close(
    state: State<Ledger>,
    by: By,
    key: Key,
    name: Segment,
    payload: Payload,
) -> Result<Answer, Failure> {
    account_move(state, by, key, name, &payload, |_| Some(Lifecycle::Close)).await
}

async fn account_move(
    State(ledger): State<Ledger>,
    By(by): By,
    Key(key): Key,
    Segment(name): Segment,
    payload: &Payload,
    read: impl FnOnce(&Object<'_>) -> Option<Lifecycle>,
) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    let account = named(&ledger, book, &name)?;
    let (change, reason) = optional_body(payload, |object| {
        let reason = object.optional_text("reason", MAX_WORD).map(parse::boxed);
        Some((read(object)?, reason))
    })?;
    let request = ledger.request(key, None, Command::MoveAccount(account, change, reason));
    answer_settings(&ledger, &by, book, request, 201).await
}
