//! The source system's three requests, as it documents them: `POST /clients`, `/resupplies`, `/transfers`. Bodies are
//! read as its validation read them, faults are told in its words. `POST /resupplies` with a `walletFromId`, as its
//! README misprints, is a transfer. What it left open: unreadable JSON is 400, a field that stands twice is 422.

mod fields;

use super::WRITES;
use crate::model::{Customer, Movement, Wallet};
use crate::postings::Words;
use crate::receipt::{Receipt, Side};
use crate::refusal::{self as slug, Refusal};
use crate::{Error, NewCustomer, Order, Wallets};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use fields::{Fields, Number};
use kernel::money::print_minor;
use kernel::{Asset, Problem};
use ledger::http::Json;
use ledger::refusal::INSUFFICIENT_FUNDS;
use platform_http::json::{Document, Reader};
use platform_http::{Answer, Body, By, Doc, Key, Payload, Refusal as Outgoing, Routes, slugs, write_text};
use platform_store::unit::Command;

/// What every fault is answered with.
const FAULT: &str = r#"{"detail":"Something went wrong!"}"#;

const CLIENT: Doc = Doc {
    name: "client_create",
    summary: "Make a client with a wallet",
    detail: "As the source system documents it. Field names in camelCase or snake_case. Refusals are 400 with `detail`; faults of the body are 422 with a list of them.",
    body: Some(Body { schema: "Client", example: r#"{"login":"ivan","name":"Ivan Ivanov"}"#, lines: false }),
    ok: (201, "ClientMade"),
    problems: const { &[&slug::LOGIN_EXISTS] },
    fault: FAULT,
    ..Doc::NONE
};

const RESUPPLY: Doc = Doc {
    name: "resupply_create",
    summary: "Top up a wallet",
    detail: "As the source system documents it. With `walletFromId` and `walletToId` it is a transfer.",
    body: Some(Body { schema: "Resupply", example: r#"{"walletId":1,"amount":"123.123"}"#, lines: false }),
    ok: (201, "ResupplyMade"),
    problems: const { &[&slug::WALLET_NOT_FOUND] },
    fault: FAULT,
    ..Doc::NONE
};

const TRANSFER: Doc = Doc {
    name: "transfer_create",
    summary: "Move money between wallets",
    detail: "As the source system documents it.",
    body: Some(Body {
        schema: "Transfer",
        example: r#"{"walletFromId":1,"walletToId":2,"amount":"23.123"}"#,
        lines: false,
    }),
    ok: (201, "TransferMade"),
    problems: const { &[&slug::WALLET_NOT_FOUND, &INSUFFICIENT_FUNDS, &slug::LIMIT_EXCEEDED] },
    fault: FAULT,
    ..Doc::NONE
};

pub(super) fn routes(routes: Routes<Wallets>) -> Routes<Wallets> {
    routes
        .post("/clients", WRITES, client_create, CLIENT)
        .post("/resupplies", WRITES, resupply_create, RESUPPLY)
        .post("/transfers", WRITES, transfer_create, TRANSFER)
}

/// A refusal in the source system's words.
struct Told(Box<Response>);

impl IntoResponse for Told {
    fn into_response(self) -> Response {
        *self.0
    }
}

impl From<Outgoing> for Told {
    fn from(refusal: Outgoing) -> Self {
        Self(Box::new(refusal.into_response()))
    }
}

/// `{"detail":"…"}` with a status.
fn detail(problem: Problem, status: u16, text: &str) -> Outgoing {
    let mut json = b"{\"detail\":".to_vec();
    write_text(&mut json, text);
    json.push(b'}');
    Outgoing::from(problem).told_as(status, json)
}

impl Told {
    /// What is refused about a movement out of this wallet.
    fn of(error: Error, source: Option<i128>) -> Self {
        let text = match &error {
            Error::Refused(
                refusal @ (Refusal::WalletNotFound { .. }
                | Refusal::InsufficientFunds { .. }
                | Refusal::LoginExists),
            ) => Some(refusal.to_string()),
            Error::Stopped(refused) if refused.problem.slug == &INSUFFICIENT_FUNDS => {
                source.map(|wallet| format!("There are not enough balance in wallet id {wallet}"))
            }
            Error::Refused(_) | Error::Stopped(_) => None,
        };
        let refused = error.into_refused();
        let problem = refused.problem;
        let text = text.unwrap_or_else(|| problem.detail.clone());
        let status = match problem.slug.status {
            status @ (503 | 409) => status,
            500.. => return Outgoing::from(problem).told_as(500, FAULT).into(),
            _ => 400,
        };
        // A key that was used for another request is no answer of the source system's: it has no keys.
        let status = if status == 409 && problem.slug.code != "idempotency-conflict" { 400 } else { status };
        let mut response = detail(problem, status, &text).into_response();
        if refused.replayed {
            let yes = axum::http::HeaderValue::from_static("true");
            response.headers_mut().insert("idempotency-replayed", yes);
        }
        Self(Box::new(response))
    }
}

/// Reads a body. Unreadable JSON is 400 in its words; what is wrong with fields is told all at once.
fn body<T>(payload: &Payload, read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> Result<T, Told> {
    let empty: &[u8] = b"null";
    let bytes: &[u8] = if payload.bytes.is_empty() { empty } else { &payload.bytes };
    let unreadable = |problem| Told::from(detail(problem, 400, "There was an error parsing the body"));
    let bytes = fields::without_odd_numbers(bytes);
    let document = Document::parse(&bytes).map_err(unreadable)?;
    let reader = Reader::new();
    let mut fields = Fields::read(document.root(), &reader);
    let value = read(&mut fields);
    match (value, fields.faults()) {
        (Some(value), None) => Ok(value),
        (_, faults) => {
            let problem = slugs::invalid("", "invalid-value", "is not as documented");
            let told = Outgoing::from(problem).told_as(422, faults.unwrap_or_default());
            Err(told.into())
        }
    }
}

fn command(name: &'static str, fields: Vec<(&'static str, String)>, key: Option<String>) -> Command {
    Command { name, fields, key, dry_run: false }
}

async fn client_create(
    State(wallets): State<Wallets>,
    By(by): By,
    Key(key): Key,
    payload: Payload,
) -> Result<Answer, Told> {
    let (login, name) = body(&payload, |fields| {
        let (login, name) = (fields.text("login"), fields.text("name"));
        Some((login?, name?))
    })?;
    let command = command("client-create", vec![("login", login.clone()), ("name", name.clone())], key);
    let new = NewCustomer { customer: None, login: Some(login), name: Some(name) };
    let answered = wallets.make_client(&by, &new, &command, client_view).await;
    let answered = answered.map_err(|error| Told::of(error, None))?;
    Ok(Answer::created(answered.answer).replayed(answered.replayed))
}

fn client_view(customer: &Customer, wallet: &Wallet) -> Vec<u8> {
    let mut json = Json::new();
    json.open(b'{');
    json.text("login", customer.login.as_deref().unwrap_or_default());
    json.text("name", customer.name.as_deref().unwrap_or_default());
    // Only customers whose number was drawn are made here.
    json.raw("id", &customer.customer);
    json.raw("walletId", &wallet.no.0.to_string());
    json.close(b'}');
    json.done()
}

async fn resupply_create(
    State(wallets): State<Wallets>,
    By(by): By,
    Key(key): Key,
    payload: Payload,
) -> Result<Answer, Told> {
    let (no, asset) = wallets.default_asset(&by).await.map_err(|error| Told::of(error, None))?;
    let (movement, amount) = body(&payload, |fields| {
        if fields.has("walletFromId", "wallet_from_id") {
            return transfer(fields, asset);
        }
        let to = fields.integer("walletId", "wallet_id");
        let amount = fields.amount("amount", asset);
        Some((Movement::TopUp { to: to? }, amount?))
    })?;
    move_money(&wallets, &by, (movement, amount, (no, asset)), key).await
}

async fn transfer_create(
    State(wallets): State<Wallets>,
    By(by): By,
    Key(key): Key,
    payload: Payload,
) -> Result<Answer, Told> {
    let (no, asset) = wallets.default_asset(&by).await.map_err(|error| Told::of(error, None))?;
    let (movement, amount) = body(&payload, |fields| transfer(fields, asset))?;
    move_money(&wallets, &by, (movement, amount, (no, asset)), key).await
}

fn transfer(fields: &mut Fields<'_>, asset: Asset) -> Option<(Movement, i128)> {
    let from = fields.integer("walletFromId", "wallet_from_id");
    let to = fields.integer("walletToId", "wallet_to_id");
    let amount = fields.amount("amount", asset);
    if from.is_some() && from == to {
        fields.fault_of_all("wallets must be different");
    }
    Some((Movement::Transfer { from: from?, to: to? }, amount?))
}

async fn move_money(
    wallets: &Wallets,
    by: &kernel::Caller,
    (movement, amount, asset): (Movement, i128, (ledger::books::model::AssetNo, Asset)),
    key: Option<String>,
) -> Result<Answer, Told> {
    let name = if movement.source().is_some() { "transfer-create" } else { "resupply-create" };
    let mut canonical = Vec::with_capacity(3);
    for (name, wallet) in [("walletFromId", movement.source()), ("walletToId", movement.target())] {
        canonical.extend(wallet.map(|wallet| (name, wallet.to_string())));
    }
    canonical.push(("amount", print_minor(amount, asset.1.scale)));
    let command = command(name, canonical, key);
    let order = Order { movement, amount, asset, words: Words::default(), command };
    let answered = wallets.move_money(by, &order, movement_view).await;
    let answered = answered.map_err(|error| Told::of(error, movement.source()))?;
    Ok(Answer::created(answered.answer).replayed(answered.replayed))
}

fn movement_view(receipt: &Receipt) -> Vec<u8> {
    let mut json = Json::new();
    let number = |minor| Number { minor, scale: receipt.asset.scale }.to_string();
    let wallet = |side: Option<Side>| side.map(|side| side.wallet.0.to_string()).unwrap_or_default();
    let balance = |side: Option<Side>| number(side.map(|side| side.balance.posted).unwrap_or_default());
    json.open(b'{');
    match receipt.source {
        None => json.raw("walletId", &wallet(receipt.target)),
        Some(_) => {
            json.raw("walletFromId", &wallet(receipt.source));
            json.raw("walletToId", &wallet(receipt.target));
        }
    }
    json.raw("amount", &number(receipt.amount));
    json.plain("transactionNumber", &uuid::Uuid::from_u128(receipt.id.0).to_string());
    match receipt.source {
        None => json.raw("walletBalance", &balance(receipt.target)),
        Some(_) => {
            json.raw("walletFromBalance", &balance(receipt.source));
            json.raw("walletToBalance", &balance(receipt.target));
        }
    }
    json.close(b'}');
    json.done()
}
