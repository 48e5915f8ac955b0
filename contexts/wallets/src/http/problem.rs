//! Refusals as problems: each with its class and what a program needs to react.

use crate::Error;
use crate::refusal::{self as slug, Refusal};
use axum::response::{IntoResponse, Response};
use kernel::money::print_minor;
use kernel::{Datum, Problem};
use ledger::refusal::INSUFFICIENT_FUNDS;
use platform_http::Refusal as Outgoing;
use platform_store::unit::RefusedBy;

/// What a caller is told.
pub fn problem(refusal: &Refusal) -> Problem {
    let told = |slug| Problem::new(slug, sentence(refusal));
    match refusal {
        Refusal::WalletNotFound { wallet } => told(&slug::WALLET_NOT_FOUND).with("wallet", number(*wallet)),
        Refusal::InsufficientFunds { wallet, available, requested, asset } => told(&INSUFFICIENT_FUNDS)
            .with("wallet", number(*wallet))
            .with("asset", asset.code.as_str())
            .with("available", print_minor(*available, asset.scale))
            .with("requested", print_minor(*requested, asset.scale)),
        Refusal::CustomerNotFound { customer } => {
            told(&slug::CUSTOMER_NOT_FOUND).with("customer", customer.as_str())
        }
        Refusal::LoginExists => told(&slug::LOGIN_EXISTS),
        Refusal::CustomerExists { customer } => {
            told(&slug::CUSTOMER_EXISTS).with("customer", customer.as_str())
        }
        Refusal::SameWallet { wallet } => told(&slug::SAME_WALLET).with("wallet", number(*wallet)),
        Refusal::WalletAsset { wallet, holds } => {
            told(&slug::WALLET_ASSET).with("wallet", number(*wallet)).with("holds", holds.as_str())
        }
        Refusal::LimitExceeded { wallet, period, headroom, requested, asset } => told(&slug::LIMIT_EXCEEDED)
            .with("wallet", number(*wallet))
            .with("period", period.as_str())
            .with("asset", asset.code.as_str())
            .with("headroom", print_minor((*headroom).into(), asset.scale))
            .with("requested", print_minor(*requested, asset.scale)),
        Refusal::WalletState { status } => told(&slug::WALLET_STATE).with("wallet_status", *status),
        Refusal::HoldNotFound => told(&slug::WALLET_HOLD_NOT_FOUND),
        Refusal::JobNotFound => told(&slug::JOB_NOT_FOUND),
        Refusal::JobEnded { status } => told(&slug::JOB_ENDED).with("order_status", *status),
    }
}

/// A wallet's number; one that is none stays what was sent.
fn number(wallet: i128) -> Datum {
    i64::try_from(wallet).map_or_else(|_| Datum::Text(wallet.to_string()), Datum::Integer)
}

fn sentence(refusal: &Refusal) -> String {
    let text = refusal.to_string();
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).chain(['.']).collect(),
        None => text,
    }
}

impl Error {
    /// What a caller is told, and whether they were told so before.
    pub fn into_refused(self) -> RefusedBy {
        match self {
            Self::Refused(refusal) => RefusedBy { problem: problem(&refusal), replayed: false },
            Self::Stopped(refused) => refused,
        }
    }
}

/// A refusal on its way out: replays say so.
pub struct Failure(RefusedBy);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error.into_refused())
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(RefusedBy { problem, replayed: false })
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = Outgoing::from(self.0.problem).into_response();
        if self.0.replayed {
            let yes = axum::http::HeaderValue::from_static("true");
            response.headers_mut().insert("idempotency-replayed", yes);
        }
        response
    }
}
