//! Rows and receipts as JSON.

use crate::commands::life::WalletSeen;
use crate::model::{Balance, Customer, Limits, PeriodKind, Running, Wallet, WalletNo};
use crate::receipt::{Receipt, Side};
use kernel::{Asset, id::prefix};
use ledger::http::Json;

/// A customer.
pub fn customer(customer: &Customer) -> Vec<u8> {
    let mut json = Json::new();
    customer_in(&mut json, customer);
    json.done()
}

/// A customer, in something larger.
pub fn customer_in(json: &mut Json, customer: &Customer) {
    json.open(b'{');
    json.text("id", &customer.customer);
    json.maybe("login", customer.login.as_deref());
    json.maybe("name", customer.name.as_deref());
    json.time("created_at", customer.created);
    json.time("updated_at", customer.changed);
    json.close(b'}');
}

/// A wallet as a command left it; its balance is read, not told here.
pub fn wallet(wallet: &Wallet, asset: Asset) -> Vec<u8> {
    let mut json = Json::new();
    json.open(b'{');
    wallet_fields(&mut json, wallet, asset);
    json.close(b'}');
    json.done()
}

/// A wallet with its balance.
pub fn wallet_seen(json: &mut Json, seen: &WalletSeen) {
    json.open(b'{');
    wallet_fields(json, &seen.wallet, seen.asset.1);
    json.name("balance");
    balance(json, seen.balance, seen.asset.1);
    json.close(b'}');
}

fn wallet_fields(json: &mut Json, wallet: &Wallet, asset: Asset) {
    json.raw("id", &wallet.no.0.to_string());
    json.text("customer", &wallet.customer);
    json.plain("currency", asset.code.as_str());
    json.text("account", &crate::postings::path(wallet.no));
    json.plain("status", wallet.state.as_str());
    json.maybe("reason", wallet.state.reason());
    json.time("since", wallet.state.since());
    json.maybe("label", wallet.label.as_deref());
    json.name("metadata");
    json.open(b'{');
    for (name, value) in &wallet.metadata {
        json.next();
        platform_http::write_text(&mut json.bytes, name);
        json.bytes.push(b':');
        platform_http::write_text(&mut json.bytes, value);
    }
    json.close(b'}');
    json.time("created_at", wallet.created);
}

/// `{"posted":…,"pending":…,"available":…}`
pub fn balance(json: &mut Json, balance: Balance, asset: Asset) {
    json.open(b'{');
    json.amount("posted", balance.posted, asset);
    json.amount("pending", balance.pending, asset);
    json.amount("available", balance.available, asset);
    json.close(b'}');
}

/// A movement, a hold, a capture, a release.
pub fn receipt(receipt: &Receipt) -> Vec<u8> {
    let mut json = Json::new();
    json.open(b'{');
    let prefix = if receipt.kind == crate::model::Kind::Hold { prefix::HOLD } else { prefix::ENTRY };
    json.id("id", receipt.id, prefix);
    match receipt.dry_run {
        true => json.raw("seq", "null"),
        false => json.number("seq", receipt.seq),
    }
    json.plain("type", receipt.kind.as_str());
    json.plain("status", if receipt.dry_run { "rehearsed" } else { "recorded" });
    json.time("recorded_at", receipt.at);
    json.amount("amount", receipt.amount, receipt.asset);
    json.plain("currency", receipt.asset.code.as_str());
    side(&mut json, "source", receipt.source, receipt.asset);
    side(&mut json, "target", receipt.target, receipt.asset);
    json.maybe("reference", receipt.reference.as_deref());
    json.close(b'}');
    json.done()
}

fn side(json: &mut Json, name: &str, side: Option<Side>, asset: Asset) {
    let Some(side) = side else { return json.raw(name, "null") };
    json.name(name);
    json.open(b'{');
    json.raw("wallet", &side.wallet.0.to_string());
    json.name("balance");
    balance(json, side.balance, asset);
    json.close(b'}');
}

/// Limits, with what is left of them in the running periods.
pub fn limits(no: WalletNo, limits: &Limits, running: &[Running], asset: Asset) -> Vec<u8> {
    let mut json = Json::new();
    json.open(b'{');
    json.raw("wallet", &no.0.to_string());
    json.plain("currency", asset.code.as_str());
    json.raw("version", &limits.version.to_string());
    for kind in PeriodKind::ALL {
        let Some(of) = running.iter().find(|running| running.period.kind == kind) else {
            json.raw(kind.as_str(), "null");
            continue;
        };
        json.name(kind.as_str());
        json.open(b'{');
        json.amount("limit", of.cap.into(), asset);
        json.amount("used", of.used.unwrap_or(0).into(), asset);
        json.amount("headroom", of.headroom().into(), asset);
        json.time("from", of.period.start);
        json.time("to", of.period.end);
        json.close(b'}');
    }
    json.close(b'}');
    json.done()
}

/// `{"data":[`
pub fn list_start() -> Json {
    let mut json = Json::new();
    json.open(b'{');
    json.name("data");
    json.open(b'[');
    json
}

/// `],"next_cursor":…}`
pub fn list_end(mut json: Json, next: Option<kernel::Cursor>) -> platform_http::Answer {
    json.close(b']');
    json.maybe("next_cursor", next.map(|cursor| cursor.show()).as_deref());
    json.close(b'}');
    platform_http::Answer::ok(json.done())
}
