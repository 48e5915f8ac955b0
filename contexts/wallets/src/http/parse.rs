//! What the routes under /v1 read in the same way: wallets in paths, amounts with their currency, reasons, reasons'
//! lengths, and the canonical fields of a command.

use crate::model::WalletNo;
use crate::postings::Words;
use crate::{Error, Refusal, Wallets};
use kernel::{Asset, Caller, Problem};
use ledger::books::model::{AssetNo, BookNo};
use ledger::http::{MAX_WORD, METADATA, Resolver, word};
use platform_http::json::Object;
use platform_http::slugs;
use platform_store::unit::Command;

/// Longest login, name and label, in bytes: 256 characters, as the documented API has them.
pub const MAX_NAME: usize = 1_024;
/// Longest own id of a customer.
pub const MAX_CUSTOMER: usize = 128;

/// A wallet in a path. What is no number names none.
pub fn wallet_no(segment: &str) -> Result<WalletNo, Error> {
    let plain = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
    if !plain {
        return Err(slugs::invalid("path", "invalid-value", "must be a wallet's number").into());
    }
    let wallet: i128 = segment.parse().unwrap_or(i128::MAX);
    i64::try_from(wallet).map(WalletNo).map_err(|_| Refusal::WalletNotFound { wallet }.into())
}

/// A wallet that a field names.
pub fn wallet(object: &Object<'_>, name: &str) -> Option<i128> {
    object.required(name).map(|value| object.reader().integer(value).into())
}

/// Reads fields of a caller's own book.
pub async fn book(wallets: &Wallets, by: &Caller) -> Result<BookNo, Problem> {
    wallets.ledger().book(&by.tenant).await
}

/// `amount` and `currency`.
pub fn money(resolver: &Resolver<'_>, object: &Object<'_>) -> Option<(i128, (AssetNo, Asset))> {
    let amount = object.required("amount");
    let asset = resolver.asset(object, "currency");
    let minor = resolver.amount(object.reader(), amount?, asset?.1)?;
    Some((minor, asset?))
}

/// What a movement says besides its amount.
pub fn words(object: &Object<'_>) -> Words {
    let text = ledger::http::text(object);
    Words {
        reference: word(object, "reference").map(Into::into),
        description: text.description.map(Into::into),
        metadata: text.metadata.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
    }
}

/// Why; it is kept.
pub fn reason(object: &Object<'_>) -> String {
    let reason = object.text("reason", MAX_WORD);
    if reason.trim().is_empty() && object.optional("reason").is_some() {
        object.fault("reason", "invalid-value", "must say why");
    }
    reason.into_owned()
}

/// A name that may be there.
pub fn name(object: &Object<'_>, field: &str) -> Option<String> {
    object.optional_text(field, MAX_NAME).map(|text| named(object, field, text.into_owned()))
}

/// A name that may be changed or taken away.
pub fn name_change(object: &Object<'_>, field: &str) -> Option<Option<String>> {
    object.given(field).map(|value| {
        (!value.is_null()).then(|| named(object, field, object.reader().text(value, MAX_NAME).into_owned()))
    })
}

fn named(object: &Object<'_>, field: &str, text: String) -> String {
    if text.trim().is_empty() {
        object.fault(field, "invalid-value", "must not be empty; leave it out instead");
    }
    text
}

/// Named values, in name order.
pub fn metadata(object: &Object<'_>) -> Vec<(String, String)> {
    let entries = object.map("metadata", METADATA).into_iter();
    let mut metadata: Vec<_> = entries.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    metadata.sort();
    metadata
}

/// A command in canonical form.
pub struct Canonical(Command);

impl Canonical {
    /// One of this name.
    pub fn new(name: &'static str, key: Option<String>) -> Self {
        Self(Command { name, fields: Vec::new(), key, dry_run: false })
    }

    /// With a field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.0.fields.push((name, value.to_string()));
        self
    }

    /// With a field that may be missing.
    #[must_use]
    pub fn maybe(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// With what a movement says.
    #[must_use]
    pub fn words(self, words: &Words) -> Self {
        self.maybe("reference", words.reference.as_deref())
            .maybe("description", words.description.as_deref())
            .metadata(&words.metadata)
    }

    /// With named values.
    #[must_use]
    pub fn metadata(self, metadata: &[(String, String)]) -> Self {
        let object: serde_json::Map<String, serde_json::Value> =
            metadata.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        self.maybe("metadata", (!object.is_empty()).then(|| serde_json::Value::from(object)))
    }

    /// Only rehearsed.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.0.dry_run = dry_run;
        self
    }

    /// The command.
    pub fn done(self) -> Command {
        self.0
    }
}
