//! Wallets: make, read, list, describe, freeze, thaw, close; and what may leave them.

use super::parse::{Canonical, MAX_CUSTOMER, book, metadata, name, name_change, reason, wallet_no};
use super::problem::Failure;
use super::views::{self, list_end, list_start};
use super::{READS, WRITES, open_cursor};
use crate::commands::life::Described;
use crate::model::Change;
use crate::refusal as slug;
use crate::store::WalletFilter;
use crate::{NewWallet, Wallets};
use axum::extract::State;
use kernel::Cursor;
use ledger::http::{Json, METADATA, Resolver, body};
use ledger::refusal::ACCOUNT_NOT_EMPTY;
use platform_http::json::Object;
use platform_http::{Answer, Body, By, Doc, Key, Parameter, Payload, Query, Routes, Segment};

const CURSOR: u64 = 102;
pub(super) const WALLET: Parameter =
    Parameter { name: "wallet", about: "The wallet's number.", kind: "integer" };

pub(super) fn routes(routes: Routes<Wallets>) -> Routes<Wallets> {
    let moved = |name, summary| Doc {
        name,
        summary,
        path: &[WALLET],
        body: Some(Body { schema: "WalletMove", example: r#"{"reason":"lost phone"}"#, lines: false }),
        ok: (201, "Wallet"),
        problems: const { &[&slug::WALLET_NOT_FOUND, &slug::WALLET_STATE, &ACCOUNT_NOT_EMPTY] },
        ..Doc::NONE
    };
    kept(routes)
        .post("/v1/wallets/{wallet}/freezes", WRITES, wallet_freeze, moved("wallet_freeze", "Stop a wallet"))
        .post("/v1/wallets/{wallet}/thaws", WRITES, wallet_thaw, moved("wallet_thaw", "Let a wallet go on"))
        .post(
            "/v1/wallets/{wallet}/closures",
            WRITES,
            wallet_close,
            moved("wallet_close", "Close a wallet for good"),
        )
}

fn kept(routes: Routes<Wallets>) -> Routes<Wallets> {
    routes
        .post(
            "/v1/wallets",
            WRITES,
            wallet_create,
            Doc {
                name: "wallet_create",
                summary: "Make a wallet for a customer",
                detail: "One asset for all its life; a customer may have many.",
                body: Some(Body {
                    schema: "WalletCreate",
                    example: r#"{"customer":"1","currency":"EUR","label":"travel"}"#,
                    lines: false,
                }),
                ok: (201, "Wallet"),
                problems: const { &[&slug::CUSTOMER_NOT_FOUND] },
                ..Doc::NONE
            },
        )
        .list(
            "/v1/wallets",
            READS,
            wallet_list,
            Doc {
                name: "wallet_list",
                summary: "List wallets with their balances, newest first",
                query: &[
                    Parameter { name: "customer", about: "Only this customer's.", kind: "string" },
                    Parameter { name: "currency", about: "Only of this currency.", kind: "string" },
                    Parameter { name: "status", about: "open, frozen or closed.", kind: "string" },
                ],
                ok: (200, "WalletList"),
                ..Doc::NONE
            },
        )
        .get(
            "/v1/wallets/{wallet}",
            READS,
            wallet_read,
            Doc {
                name: "wallet_read",
                summary: "Read a wallet with its balance",
                path: &[WALLET],
                ok: (200, "Wallet"),
                problems: const { &[&slug::WALLET_NOT_FOUND] },
                ..Doc::NONE
            },
        )
        .patch(
            "/v1/wallets/{wallet}",
            WRITES,
            wallet_change,
            Doc {
                name: "wallet_change",
                summary: "Change a wallet's label or metadata",
                path: &[WALLET],
                body: Some(Body {
                    schema: "WalletChange",
                    example: r#"{"metadata":{"tier":"gold"}}"#,
                    lines: false,
                }),
                ok: (200, "Wallet"),
                problems: const { &[&slug::WALLET_NOT_FOUND] },
                ..Doc::NONE
            },
        )
}

async fn wallet_create(
    State(wallets): State<Wallets>,
    By(by): By,
    Key(key): Key,
    payload: Payload,
) -> Result<Answer, Failure> {
    let book = book(&wallets, &by).await?;
    // A wallet may be of the asset behind the documented ones.
    wallets.default_asset(&by).await?;
    let resolver = Resolver { ledger: wallets.ledger(), book };
    let new = body(&payload, |object| {
        let customer = object.text("customer", MAX_CUSTOMER).into_owned();
        let asset = resolver.asset(object, "currency");
        let (label, metadata) = (name(object, "label"), metadata(object));
        Some(NewWallet { customer, asset: asset?, label, metadata })
    })?;
    let command = Canonical::new("wallet-create", key)
        .with("customer", &new.customer)
        .with("currency", new.asset.1.code)
        .maybe("label", new.label.as_deref())
        .metadata(&new.metadata)
        .done();
    let answered = wallets.make_wallet(&by, &new, &command, views::wallet).await?;
    Ok(Answer::created(answered.answer).replayed(answered.replayed))
}

async fn wallet_list(State(wallets): State<Wallets>, By(by): By, query: Query) -> Result<Answer, Failure> {
    let (limit, cursor) = (query.limit(), query.cursor());
    let book = wallets.ledger().book(&by.tenant).await?;
    let code = query.parsed("currency", kernel::AssetCode::parse);
    if code.is_some_and(|code| wallets.ledger().reading.asset_no(book, code).is_none()) {
        query.fault("currency", "unknown-asset", "is not registered");
    }
    let filter = WalletFilter {
        customer: query.text("customer", MAX_CUSTOMER).map(str::to_owned),
        asset: code.map(|code| code.as_str().to_owned()),
        status: query.choice("status", &[("open", "open"), ("frozen", "frozen"), ("closed", "closed")]),
    };
    let cursor = open_cursor::<1>(&query, cursor, CURSOR);
    query.into_result()?;
    let before = cursor.map(|[place]| i64::try_from(place).unwrap_or(i64::MAX));
    let mut rows = wallets.wallets(&by.tenant, filter, before, limit.get() + 1).await?;
    let more = rows.len() > limit.get();
    rows.truncate(limit.get());
    let next = rows.last().filter(|_| more).map(|last| Cursor::new(CURSOR, &[last.no.0 as u64]));
    let mut json = list_start();
    for row in rows {
        let seen = wallets.see(&by.tenant, row).await?;
        json.next();
        views::wallet_seen(&mut json, &seen);
    }
    Ok(list_end(json, next))
}

async fn wallet_read(
    State(wallets): State<Wallets>,
    By(by): By,
    Segment(segment): Segment,
) -> Result<Answer, Failure> {
    let seen = wallets.wallet_seen(&by.tenant, wallet_no(&segment)?).await?;
    let mut json = Json::new();
    views::wallet_seen(&mut json, &seen);
    Ok(Answer::ok(json.done()))
}

async fn wallet_change(
    State(wallets): State<Wallets>,
    By(by): By,
    Key(key): Key,
    Segment(segment): Segment,
    payload: Payload,
) -> Result<Answer, Failure> {
    let no = wallet_no(&segment)?;
    let described = body(&payload, |object| {
        let label = name_change(object, "label");
        let metadata = object.map_changes("metadata", METADATA).into_iter();
        let owned = metadata.map(|(key, value)| (key.into_owned(), value.map(|value| value.into_owned())));
        let mut metadata: Vec<_> = owned.collect();
        metadata.sort();
        Some(Described { label, metadata })
    })?;
    let command = Canonical::new("wallet-change", key)
        .with("wallet", no.0)
        .maybe("label", described.label.as_ref().map(|label| format!("{label:?}")))
        .maybe("metadata", (!described.metadata.is_empty()).then(|| format!("{:?}", described.metadata)))
        .done();
    let answered = wallets.describe_wallet(&by, no, &described, &command, views::wallet).await?;
    Ok(Answer::ok(answered.answer).replayed(answered.replayed))
}

async fn wallet_freeze(
    state: State<Wallets>,
    by: By,
    key: Key,
    segment: Segment,
    payload: Payload,
) -> Result<Answer, Failure> {
    let read = |object: &Object<'_>| Change::Freeze { reason: reason(object) };
    wallet_move(state, by, key, segment, (&payload, "wallet-freeze"), read).await
}

async fn wallet_thaw(
    state: State<Wallets>,
    by: By,
    key: Key,
    segment: Segment,
    payload: Payload,
) -> Result<Answer, Failure> {
    let read = |object: &Object<'_>| Change::Thaw { reason: reason(object) };
    wallet_move(state, by, key, segment, (&payload, "wallet-thaw"), read).await
}

async fn wallet_close(
    state: State<Wallets>,
    by: By,
    key: Key,
    segment: Segment,
    payload: Payload,
) -> Result<Answer, Failure> {
    let read = |object: &Object<'_>| Change::Close { reason: reason(object) };
    wallet_move(state, by, key, segment, (&payload, "wallet-close"), read).await
}

async fn wallet_move(
    State(wallets): State<Wallets>,
    By(by): By,
    Key(key): Key,
    Segment(segment): Segment,
    (payload, name): (&Payload, &'static str),
    read: impl FnOnce(&Object<'_>) -> Change,
) -> Result<Answer, Failure> {
    let no = wallet_no(&segment)?;
    let change = body(payload, |object| Some(read(object)))?;
    let (Change::Freeze { reason } | Change::Thaw { reason } | Change::Close { reason }) = &change;
    let command = Canonical::new(name, key).with("wallet", no.0).with("reason", reason).done();
    let answered = wallets.move_wallet(&by, no, &change, &command, views::wallet).await?;
    Ok(Answer::created(answered.answer).replayed(answered.replayed))
}
