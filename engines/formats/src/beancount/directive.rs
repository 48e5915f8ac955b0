//! Directives: those that say what a balance is, those that carry nothing here, and those that mean more than an
//! import can do.

use super::cursor::{self, Cursor};
use super::expression;
use super::transaction::{Pushed, value};
use crate::Decimal;
use crate::model::{AccountClass, Amount, Balance, Date, Item};
use crate::settle::Reason;

/// Dated directives that carry nothing a book keeps.
const PASSED: [&str; 9] =
    ["open", "close", "commodity", "note", "document", "event", "query", "price", "custom"];
/// Undated ones.
const UNDATED: [&str; 7] = ["option", "plugin", "include", "pushtag", "poptag", "pushmeta", "popmeta"];
/// Options that say nothing about amounts.
const OPTIONS: [&str; 28] = [
    "account_current_conversions",
    "account_current_earnings",
    "account_previous_balances",
    "account_previous_conversions",
    "account_previous_earnings",
    "account_rounding",
    "account_unrealized_gains",
    "allow_deprecated_none_for_tags_and_links",
    "allow_pipe_separator",
    "booking_method",
    "conversion_currency",
    "display_precision",
    "documents",
    "experiment_explicit_tolerances",
    "filename",
    "include",
    "infer_tolerance_from_cost",
    "inferred_tolerance_default",
    "inferred_tolerance_multiplier",
    "insert_pythonpath",
    "long_string_maxlines",
    "operating_currency",
    "plugin_processing_mode",
    "render_commas",
    "title",
    "tolerance_multiplier",
    "unrealized_gains_account",
    "use_legacy_fixed_tolerances",
];

/// Whether a line starts a directive without a date.
pub(super) fn is_undated(line: &str) -> bool {
    let word = line.split(|c: char| c.is_whitespace() || c == '"').next().unwrap_or_default();
    UNDATED.contains(&word)
}

/// Judges a dated directive that is neither a transaction nor a balance.
pub(super) fn dated(word: &str) -> Result<Option<Item>, Reason> {
    match word {
        "pad" => {
            Err("a pad is not taken: its amount follows from a later balance; write it as an entry".into())
        }
        word if PASSED.contains(&word) => Ok(None),
        _ => Err("the directive is not known".into()),
    }
}

/// Reads a balance; the cursor stands behind the word.
pub(super) fn balance(
    date: Date,
    mut cursor: Cursor<'_>,
    line: u64,
    text: &str,
) -> Result<Option<Item>, Reason> {
    let wrong = || Reason::from("the balance is not understood");
    let account = cursor.account()?.to_owned();
    let number = expression::read(&mut cursor)?;
    let tolerance = if cursor.mark('~') { expression::read(&mut cursor)? } else { Decimal::ZERO };
    let commodity = cursor.commodity().ok_or_else(wrong)?.to_owned();
    if !cursor.is_end() || tolerance.units < 0 {
        return Err(wrong());
    }
    let amount = Amount { number, commodity };
    let text = text.to_owned();
    Ok(Some(Item::Balance(Balance { line, text, date, account, amount, tolerance })))
}

/// Reads a directive without a date.
pub(super) fn undated(text: &str, pushed: &mut Pushed) -> Result<Option<Item>, Reason> {
    let lines = cursor::lines(text);
    let mut cursor = Cursor::new(lines.first().copied().unwrap_or_default());
    match cursor.word() {
        "option" => option(cursor),
        "include" => Err("include is not followed: import the other file itself".into()),
        "plugin" => {
            Err("a plugin is not run: what it would check, change or add is left as it is written".into())
        }
        "pushtag" => {
            let tag = cursor.named('#').ok_or("the tag is not understood")?;
            pushed.tags.push(tag.to_owned());
            Ok(None)
        }
        "poptag" => {
            let place = cursor.named('#').and_then(|tag| pushed.tags.iter().rposition(|known| known == tag));
            pushed.tags.remove(place.ok_or("there is no pushed tag of this name")?);
            Ok(None)
        }
        "pushmeta" => {
            let key = cursor.key().ok_or("the metadata is not understood")?;
            pushed.metadata.push((key.to_owned(), value(cursor)?));
            Ok(None)
        }
        "popmeta" => {
            let known = |key| pushed.metadata.iter().rposition(|(known, _)| known == key);
            let place = cursor.key().and_then(known);
            pushed.metadata.remove(place.ok_or("there is no pushed metadata of this name")?);
            Ok(None)
        }
        _ => Err("the directive is not known".into()),
    }
}

/// Roots of accounts may have other names; everything else changes no amount.
fn option(mut cursor: Cursor<'_>) -> Result<Option<Item>, Reason> {
    let mut text = || cursor.text().unwrap_or_else(|| Err("the option is not understood".into()));
    let (name, value) = (text()?, text()?);
    let class = match name.as_str() {
        "name_assets" => AccountClass::Asset,
        "name_liabilities" => AccountClass::Liability,
        "name_equity" => AccountClass::Equity,
        "name_income" => AccountClass::Income,
        "name_expenses" => AccountClass::Expense,
        name if OPTIONS.contains(&name) => return Ok(None),
        _ => return Err("the option is not known".into()),
    };
    Ok(Some(Item::Account { name: value, class: Some(class) }))
}
