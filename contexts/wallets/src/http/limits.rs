//! Limits of a wallet: set, and read with what is left of them.

use super::parse::{Canonical, book, wallet_no};
use super::problem::Failure;
use super::views;
use super::wallets::WALLET;
use super::{READS, WRITES};
use crate::Wallets;
use crate::refusal as slug;
use axum::extract::State;
use kernel::Asset;
use ledger::http::{Resolver, body};
use platform_http::json::Object;
use platform_http::{Answer, Body, By, Doc, Key, Payload, Routes, Segment};
use platform_store::slugs::CONTENTION;

pub(super) fn routes(routes: Routes<Wallets>) -> Routes<Wallets> {
    routes
        .put("/v1/wallets/{wallet}/limits", WRITES, limits_set, Doc {
            name: "wallet_limits_set",
            summary: "Set what may leave a wallet in a day and in a calendar month",
            detail: "Periods are of UTC. A limit counts the whole running period, what left before it was set included. Transfers, withdrawals, payouts and captures count; placing a hold does not. Without a field, or with null, there is no such limit.",
            path: &[WALLET],
            body: Some(Body {
                schema: "LimitsSet",
                example: r#"{"day":"100","month":"1000","currency":"UNIT"}"#,
                lines: false,
            }),
            ok: (200, "Limits"),
            problems: const { &[&slug::WALLET_NOT_FOUND, &slug::WALLET_ASSET, &CONTENTION] },
            ..Doc::NONE
        })
        .get("/v1/wallets/{wallet}/limits", READS, limits_read, Doc {
            name: "wallet_limits_read",
            summary: "Read a wallet's limits and what is left of them",
            path: &[WALLET],
            ok: (200, "Limits"),
            problems: const { &[&slug::WALLET_NOT_FOUND] },
            ..Doc::NONE
        })
}

/// A limit: zero or more, and few enough to count.
fn cap(resolver: &Resolver<'_>, object: &Object<'_>, name: &str, asset: Asset) -> Option<i64> {
    let value = object.optional(name)?;
    let minor = resolver.signed(object.reader(), value, asset)?;
    let cap = i64::try_from(minor).ok().filter(|cap| *cap >= 0);
    if cap.is_none() {
        let most = kernel::money::print_minor(i64::MAX.into(), asset.scale);
        object.fault(name, "invalid-value", format_args!("must be from 0 to {most}"));
    }
    cap
}

async fn limits_set(
    State(wallets): State<Wallets>,
    By(by): By,
    Key(key): Key,
    Segment(segment): Segment,
    payload: Payload,
) -> Result<Answer, Failure> {
    let no = wallet_no(&segment)?;
    let book = book(&wallets, &by).await?;
    let resolver = Resolver { ledger: wallets.ledger(), book };
    let (day, month, asset) = body(&payload, |object| {
        let (_, asset) = resolver.asset(object, "currency")?;
        let (day, month) = (cap(&resolver, object, "day", asset), cap(&resolver, object, "month", asset));
        Some((day, month, asset))
    })?;
    let seen = wallets.wallet_seen(&by.tenant, no).await?;
    if seen.asset.1 != asset {
        let refusal = crate::Refusal::WalletAsset { wallet: no.0.into(), holds: seen.asset.1.code };
        return Err(crate::Error::from(refusal).into());
    }
    let command =
        Canonical::new("limits-set", key).with("wallet", no.0).maybe("day", day).maybe("month", month).done();
    let answered = wallets.set_limits(&by, no, (day, month), &command, views::limits).await?;
    Ok(Answer::ok(answered.answer).replayed(answered.replayed))
}

async fn limits_read(
    State(wallets): State<Wallets>,
    By(by): By,
    Segment(segment): Segment,
) -> Result<Answer, Failure> {
    let no = wallet_no(&segment)?;
    let (limits, running, asset) = wallets.limits(&by.tenant, no).await?;
    Ok(Answer::ok(views::limits(no, &limits, &running, asset)))
}
