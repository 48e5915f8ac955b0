//! A statement as a page to print: one file without scripts, nothing loaded from anywhere, every text escaped.

use crate::commands::life::WalletSeen;
use crate::commands::reading::{Covered, Line, amount_text};
use crate::model::Balance;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use kernel::Timestamp;
use std::fmt::Write as _;

/// It styles itself and does nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = "@page{margin:18mm}:root{color-scheme:light}body{font:14px/1.5 system-ui,sans-serif;\
max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111}h1{font-size:1.4rem;margin:0 0 .3rem}\
dl{display:grid;grid-template-columns:max-content auto;gap:.1rem 1.2rem;margin:1rem 0}dt{color:#555}dd{margin:0}\
table{width:100%;border-collapse:collapse}th,td{padding:.3rem .5rem;text-align:left;vertical-align:top;\
border-bottom:1px solid #ddd}th{border-bottom:2px solid #111}.n{text-align:right;white-space:nowrap;\
font-variant-numeric:tabular-nums}tr{break-inside:avoid}thead{display:table-header-group}\
.t td{border-top:2px solid #111;font-weight:600}@media print{body{margin:0;max-width:none}}";

/// A statement with all its lines.
pub fn statement(
    seen: &WalletSeen,
    covered: &Covered,
    (opening, closing): (Balance, Balance),
    lines: &[Line],
) -> Response {
    let (wallet, asset) = (&seen.wallet, seen.asset.1);
    let mut html = String::with_capacity(4_096 + lines.len() * 256);
    let title = format!("Statement of wallet {}", wallet.no.0);
    let from = covered.from.map_or_else(|| "the beginning".to_owned(), day);
    let _ = write!(
        html,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><h1>{title}</h1><dl><dt>Customer</dt><dd>{}</dd>",
        escaped(&wallet.customer)
    );
    if let Some(label) = &wallet.label {
        let _ = write!(html, "<dt>Label</dt><dd>{}</dd>", escaped(label));
    }
    let _ = write!(
        html,
        "<dt>Currency</dt><dd>{}</dd><dt>From</dt><dd>{from}</dd><dt>To</dt><dd>{}</dd></dl>\
         <table><thead><tr><th>Time (UTC)<th>What<th>Wallet<th>Reference<th class=\"n\">In<th class=\"n\">Out\
         <th class=\"n\">Balance</tr></thead><tbody><tr class=\"t\"><td colspan=\"6\">Opening balance\
         <td class=\"n\">{}</tr>",
        asset.code,
        day(covered.to),
        amount_text(opening.posted, asset)
    );
    for line in lines {
        row(&mut html, line, asset);
    }
    let _ = writeln!(
        html,
        "<tr class=\"t\"><td colspan=\"6\">Closing balance<td class=\"n\">{}</tr></tbody></table></body></html>",
        amount_text(closing.posted, asset)
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, html).into_response()
}

fn row(html: &mut String, line: &Line, asset: kernel::Asset) {
    let amount = amount_text(line.amount, asset);
    let (into, out) = if line.incoming { (amount.as_str(), "") } else { ("", amount.as_str()) };
    let other = line.counterpart.map(|wallet| wallet.0.to_string()).unwrap_or_default();
    let words = [line.reference.as_deref(), line.description.as_deref()];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    let _ = write!(
        html,
        "<tr><td>{}<td>{}<td>{other}<td>{}<td class=\"n\">{into}<td class=\"n\">{out}<td class=\"n\">{}</tr>",
        day(line.at),
        line.kind.as_str(),
        escaped(&words.join(" · ")),
        amount_text(line.balance.posted, asset)
    );
}

/// A time to the second.
fn day(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(..19).unwrap_or(&text).replace('T', " ")
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(letter),
        }
    }
    out
}
