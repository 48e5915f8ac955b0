//! Money that moves: top-ups, withdrawals, transfers; holds, captured and voided.

use super::parse::{Canonical, book, money, wallet, wallet_no, words};
use super::problem::Failure;
use super::wallets::WALLET;
use super::{WRITES, views};
use crate::commands::holds::{HoldOrder, Lapse};
use crate::model::Movement;
use crate::refusal as slug;
use crate::{Order, Refusal, Wallets};
use axum::extract::State;
use kernel::money::print_minor;
use kernel::{Id, Timestamp, id::prefix};
use ledger::http::{Resolver, body, optional_body};
use ledger::refusal as books;
use platform_http::json::Object;
use platform_http::{Answer, Body, By, Doc, Key, Parameter, Payload, Routes, Segment};

/// Longest `expires_in`: ten years, beyond which nobody means seconds.
const MAX_EXPIRES_IN_S: u64 = 10 * 366 * 24 * 3_600;
const HOLD: Parameter = Parameter { name: "hold", about: "Its id: hold_…", kind: "string" };

pub(super) fn routes(routes: Routes<Wallets>) -> Routes<Wallets> {
    let moved = |name, summary, problems| Doc {
        name,
        summary,
        detail: "Answers with the balance after it. `dry_run` decides and stores nothing.",
        path: &[WALLET],
        body: Some(Body {
            schema: "Movement",
            example: r#"{"amount":"25.00","currency":"UNIT"}"#,
            lines: false,
        }),
        ok: (201, "Receipt"),
        problems,
        ..Doc::NONE
    };
    let routes = routes
        .post("/v1/wallets/{wallet}/top-ups", WRITES, top_up, moved(
            "wallet_top_up", "Bring money into a wallet",
            const { &[&slug::WALLET_NOT_FOUND, &slug::WALLET_ASSET, &books::ACCOUNT_FROZEN, &books::ACCOUNT_CLOSED] }))
        .post("/v1/wallets/{wallet}/withdrawals", WRITES, withdrawal, moved(
            "wallet_withdraw", "Take money out of a wallet",
            const { &[&slug::WALLET_NOT_FOUND, &books::INSUFFICIENT_FUNDS, &slug::WALLET_ASSET, &slug::LIMIT_EXCEEDED, &books::ACCOUNT_FROZEN, &books::ACCOUNT_CLOSED] }))
        .post("/v1/wallet-transfers", WRITES, transfer, Doc {
            name: "wallet_transfer",
            summary: "Move money between wallets",
            detail: "Of one asset. Refusals come in this order: source not found, insufficient, target not found, asset, limit. `dry_run` decides and stores nothing.",
            body: Some(Body { schema: "WalletTransfer", example: r#"{"source":1,"target":2,"amount":"25.00","currency":"UNIT"}"#, lines: false }),
            ok: (201, "Receipt"),
            problems: const { &[&slug::WALLET_NOT_FOUND, &books::INSUFFICIENT_FUNDS, &slug::WALLET_ASSET, &slug::SAME_WALLET, &slug::LIMIT_EXCEEDED, &books::ACCOUNT_FROZEN, &books::ACCOUNT_CLOSED] },
            ..Doc::NONE
        });
    hold_routes(routes)
}

fn hold_routes(routes: Routes<Wallets>) -> Routes<Wallets> {
    let act = |name, summary, example, problems| Doc {
        name,
        summary,
        path: &[HOLD],
        body: Some(Body { schema: "WalletHoldAction", example, lines: false }),
        ok: (201, "Receipt"),
        problems,
        ..Doc::NONE
    };
    routes
        .post("/v1/wallets/{wallet}/holds", WRITES, hold_place, Doc {
            name: "wallet_hold",
            summary: "Reserve money on a wallet",
            detail: "With `target` captures go to that wallet, without one they leave the house. The hold itself is read under `/v1/holds/{hold}`.",
            path: &[WALLET],
            body: Some(Body { schema: "WalletHold", example: r#"{"amount":"10.00","currency":"UNIT","target":2,"expires_in":3600}"#, lines: false }),
            ok: (201, "Receipt"),
            problems: const { &[&slug::WALLET_NOT_FOUND, &books::INSUFFICIENT_FUNDS, &slug::WALLET_ASSET, &slug::SAME_WALLET, &books::EXPIRY_IN_PAST, &books::ACCOUNT_FROZEN, &books::ACCOUNT_CLOSED] },
            ..Doc::NONE
        })
        .post("/v1/wallet-holds/{hold}/captures", WRITES, hold_capture, act(
            "wallet_hold_capture", "Use a hold, in whole or part", r#"{"amount":"4.00","final":true}"#,
            const { &[&slug::WALLET_HOLD_NOT_FOUND, &books::HOLD_NOT_OPEN, &books::HOLD_EXPIRED, &books::CAPTURE_EXCEEDS_HOLD, &slug::LIMIT_EXCEEDED] }))
        .post("/v1/wallet-holds/{hold}/voids", WRITES, hold_void, act(
            "wallet_hold_void", "Release a hold, in whole or part", r#"{}"#,
            const { &[&slug::WALLET_HOLD_NOT_FOUND, &books::HOLD_NOT_OPEN, &books::HOLD_EXPIRED, &books::VOID_EXCEEDS_HOLD] }))
}

/// Reads the common fields of a movement.
pub(super) fn order(
    resolver: &Resolver<'_>,
    object: &Object<'_>,
    name: &'static str,
    key: Option<String>,
    movement: Option<Movement>,
) -> Option<Order> {
    let money = money(resolver, object);
    let words = words(object);
    let dry_run = object.flag("dry_run");
    let ((amount, asset), movement) = (money?, movement?);
    let command = Canonical::new(name, key)
        .maybe("source", movement.source())
        .maybe("target", movement.target())
        .with("amount", print_minor(amount, asset.1.scale))
        .with("currency", asset.1.code)
        .words(&words)
        .dry_run(dry_run)
        .done();
    Some(Order { movement, amount, asset, words, command })
}

fn told(answered: platform_store::unit::Answered) -> Answer {
    let status = if answered.dry_run { 200 } else { 201 };
    Answer::ok(answered.answer).with_status(status).replayed(answered.replayed)
}

async fn moved(
    wallets: &Wallets,
    by: &kernel::Caller,
    payload: &Payload,
    read: impl FnOnce(&Resolver<'_>, &Object<'_>) -> Option<Order>,
) -> Result<Answer, Failure> {
    let book = book(wallets, by).await?;
    let resolver = Resolver { ledger: wallets.ledger(), book };
    let order = body(payload, |object| read(&resolver, object))?;
    Ok(told(wallets.move_money(by, &order, views::receipt).await?))
}

async fn top_up(
    State(wallets): State<Wallets>,
    By(by): By,
    Key(key): Key,
    Segment(segment): Segment,
    payload: Payload,
) -> Result<Answer, Failure> {
    let movement = Some(Movement::TopUp { to: wallet_no(&segment)?.0.into() });
    moved(&wallets, &by, &payload, |resolver, object| order(resolver, object, "top-up", key, movement)).await
}

async fn withdrawal(
    State(wallets): State<Wallets>,
    By(by): By,
    Key(key): Key,
    Segment(segment): Segment,
    payload: Payload,
) -> Result<Answer, Failure> {
    let movement = Some(Movement::Withdrawal { from: wallet_no(&segment)?.0.into() });
    moved(&wallets, &by, &payload, |resolver, object| order(resolver, object, "withdrawal", key, movement))
        .await
}

async fn transfer(
    State(wallets): State<Wallets>,
    By(by): By,
    Key(key): Key,
    payload: Payload,
) -> Result<Answer, Failure> {
    moved(&wallets, &by, &payload, |resolver, object| {
        let (from, to) = (wallet(object, "source"), wallet(object, "target"));
        let movement = from.zip(to).map(|(from, to)| Movement::Transfer { from, to });
        order(resolver, object, "transfer", key, movement)
    })
    .await
}

async fn hold_place(
    State(wallets): State<Wallets>,
    By(by): By,
    Key(key): Key,
    Segment(segment): Segment,
    payload: Payload,
) -> Result<Answer, Failure> {
    let from = wallet_no(&segment)?.0.into();
    let book = book(&wallets, &by).await?;
    let resolver = Resolver { ledger: wallets.ledger(), book };
    let (mut order, lapse) = body(&payload, |object| {
        let target = object.optional("target").map(|value| object.reader().integer(value).into());
        let movement = match target {
            Some(to) => Movement::Transfer { from, to },
            None => Movement::Withdrawal { from },
        };
        let lapse = lapse(object);
        Some((order(&resolver, object, "hold", key, Some(movement))?, lapse))
    })?;
    let fields = &mut order.command.fields;
    fields.extend(lapse.at.map(|at| ("expires_at", at.to_string())));
    fields.extend(lapse.in_s.map(|seconds| ("expires_in", seconds.to_string())));
    Ok(told(wallets.place_hold(&by, &order, lapse, views::receipt).await?))
}

fn lapse(object: &Object<'_>) -> Lapse {
    let at = object.optional_parsed("expires_at", 64, Timestamp::parse);
    let in_s = object.optional_integer("expires_in");
    if at.is_some() && in_s.is_some() {
        object.fault("expires_in", "invalid-value", "give either expires_at or expires_in");
    }
    if in_s.is_some_and(|seconds| !(1..=MAX_EXPIRES_IN_S).contains(&seconds)) {
        object.fault("expires_in", "invalid-value", "must be from 1 second to ten years, in seconds");
    }
    Lapse { at, in_s }
}

async fn hold_capture(
    state: State<Wallets>,
    by: By,
    key: Key,
    segment: Segment,
    payload: Payload,
) -> Result<Answer, Failure> {
    hold_act(state, by, key, segment, &payload, true).await
}

async fn hold_void(
    state: State<Wallets>,
    by: By,
    key: Key,
    segment: Segment,
    payload: Payload,
) -> Result<Answer, Failure> {
    hold_act(state, by, key, segment, &payload, false).await
}

async fn hold_act(
    State(wallets): State<Wallets>,
    By(by): By,
    Key(key): Key,
    Segment(segment): Segment,
    payload: &Payload,
    capture: bool,
) -> Result<Answer, Failure> {
    let book = book(&wallets, &by).await?;
    let hold = Id::parse(&segment, prefix::HOLD).map_err(|_| crate::Error::from(Refusal::HoldNotFound))?;
    let (_, asset) = wallets.hold(book, hold).await?.asset;
    let resolver = Resolver { ledger: wallets.ledger(), book };
    let (amount, last, dry_run) = optional_body(payload, |object| {
        let amount = match object.optional("amount") {
            Some(value) => Some(resolver.amount(object.reader(), value, asset)?),
            None => None,
        };
        let last = capture && object.flag("final");
        Some((amount, last, object.flag("dry_run")))
    })?;
    let name = if capture { "hold-capture" } else { "hold-void" };
    let command = Canonical::new(name, key)
        .with("hold", hold.show(prefix::HOLD))
        .maybe("amount", amount.map(|amount| print_minor(amount, asset.scale)))
        .maybe("final", last.then_some("true"))
        .dry_run(dry_run)
        .done();
    let order = HoldOrder { hold, capture, amount, last, command };
    Ok(told(wallets.act_on_hold(&by, &order, views::receipt).await?))
}
