//! Short ways to say bodies, and amounts as whole minor units.

use serde_json::Value;

/// A body of two postings.
pub fn entry(debit: &str, credit: &str, amount: &str, currency: &str, more: &str) -> String {
    format!(
        r#"{{"postings":[{{"account":"{debit}","direction":"debit","amount":"{amount}","currency":"{currency}"}},{{"account":"{credit}","direction":"credit","amount":"{amount}","currency":"{currency}"}}]{more}}}"#
    )
}

/// An account without limits.
pub fn account(path: &str, kind: &str) -> String {
    format!(r#"{{"path":"{path}","type":"{kind}"}}"#)
}

/// An account that is never overdrawn in EUR.
pub fn floored(path: &str) -> String {
    format!(r#"{{"path":"{path}","type":"liability","constraints":[{{"currency":"EUR","floor":"0"}}]}}"#)
}

/// A decimal of two places as minor units.
#[track_caller]
pub fn minor(value: &Value) -> i128 {
    let text = value.as_str().unwrap_or_else(|| panic!("an amount: {value}"));
    let (whole, cents) = text.split_once('.').unwrap_or_else(|| panic!("two decimals: {text}"));
    assert_eq!(cents.len(), 2, "{text}");
    format!("{whole}{cents}").parse().unwrap()
}

/// Minor units as a decimal of two places.
pub fn decimal(minor: u64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// The list at a member.
#[track_caller]
pub fn list<'v>(value: &'v Value, member: &str) -> &'v Vec<Value> {
    value[member].as_array().unwrap_or_else(|| panic!("no list {member} in {value}"))
}

/// The text at a member.
#[track_caller]
pub fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_else(|| panic!("no text {member} in {value}"))
}
