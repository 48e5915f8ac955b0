//! Refusals as callers see them: data with names for numbers.

use super::{Found, Names, Refusal};
use crate::accounts::model::AccountNo;
use crate::books::model::AssetNo;
use kernel::problem::Datum;

impl Refusal {
    /// The problem a caller sees, with names for numbers.
    pub fn problem(&self, names: &dyn Names) -> kernel::Problem {
        let mut problem = kernel::Problem::new(self.slug(), capitalised(&self.to_string()));
        problem.data = self.data(names);
        problem
    }

    fn data(&self, names: &dyn Names) -> Vec<(&'static str, Datum)> {
        let amounts = |account, asset, first: (&'static str, i128), second: (&'static str, i128)| {
            let mut data = account_data(names, account);
            data.extend(asset_data(names, asset, &[first, second]));
            data
        };
        match self {
            Self::IdempotencyConflict { namespace, fields } => vec![
                ("namespace", (*namespace).into()),
                ("differing_fields", Datum::List(fields.iter().map(|field| (*field).into()).collect())),
            ],
            Self::KeyInBatch { namespace } => vec![("namespace", (*namespace).into())],
            Self::UnknownAccount { named } => vec![("account", (&**named).into())],
            Self::AccountClosed { account }
            | Self::AmountOverflow { account }
            | Self::AccountExists { account } => account_data(names, *account),
            Self::AccountFrozen { account, direction } => {
                also(account_data(names, *account), vec![("direction", direction.as_str().into())])
            }
            Self::AssetNotAllowed { account, asset } => {
                also(account_data(names, *account), asset_data(names, *asset, &[]))
            }
            Self::Unbalanced { asset, debits, credits } => {
                asset_data(names, *asset, &[("debits", *debits), ("credits", *credits)])
            }
            Self::MaxNeedsBound { posting } => vec![("posting", i64::from(*posting).into())],
            Self::ConditionFailed { condition, found } => {
                let mut data = vec![("condition", i64::from(*condition).into())];
                data.extend(found.data(names));
                data
            }
            Self::InsufficientFunds { account, asset, available, requested } => {
                amounts(*account, *asset, ("available", *available), ("requested", *requested))
            }
            Self::CeilingExceeded { account, asset, room, requested } => {
                amounts(*account, *asset, ("room", *room), ("requested", *requested))
            }
            Self::EffectiveInFuture { now } | Self::ExpiryInPast { now } => {
                vec![("now", now.to_string().into())]
            }
            Self::HoldNotOpen { status } => vec![("hold_status", status.as_str().into())],
            Self::CaptureExceedsHold { posting, capturable: left, requested, asset }
            | Self::VoidExceedsHold { posting, remaining: left, requested, asset }
            | Self::ReversalExceedsEntry { posting, remaining: left, requested, asset } => {
                let mut data = vec![("posting", i64::from(*posting).into())];
                data.extend(asset_data(names, *asset, &[("remaining", *left), ("requested", *requested)]));
                data
            }
            Self::InvalidExtension { expires_at } => {
                vec![("expires_at", expires_at.map_or(Datum::Null, |at| at.to_string().into()))]
            }
            Self::VersionMismatch { version } => vec![("version", i64::from(*version).into())],
            Self::AccountState { status } => vec![("account_status", status.as_str().into())],
            Self::AccountNotEmpty { open_holds } => vec![("open_holds", i64::from(*open_holds).into())],
            Self::PatternOverlap { with } => vec![("pattern", (&**with).into())],
            Self::QuotaExceeded { pattern, quota } => {
                vec![("pattern", (&**pattern).into()), ("quota", (*quota as i64).into())]
            }
            Self::AssetExists { scale } => vec![("scale", i64::from(*scale).into())],
            Self::BatchRefused { index, cause } => batch_data(*index, cause, names),
            Self::NotFound(_)
            | Self::SameAccount
            | Self::NothingAvailable
            | Self::OverrideForbidden
            | Self::InvalidShare(_)
            | Self::ReversalOfReversal
            | Self::InvalidLimits => Vec::new(),
        }
    }
}

fn batch_data(index: u32, cause: &Refusal, names: &dyn Names) -> Vec<(&'static str, Datum)> {
    let mut inner = vec![
        ("code", cause.slug().code.into()),
        ("title", cause.slug().title.into()),
        ("detail", capitalised(&cause.to_string()).into()),
    ];
    inner.extend(cause.data(names));
    vec![("index", i64::from(index).into()), ("cause", Datum::Object(inner))]
}

fn also(
    mut data: Vec<(&'static str, Datum)>,
    more: Vec<(&'static str, Datum)>,
) -> Vec<(&'static str, Datum)> {
    data.extend(more);
    data
}

fn account_data(names: &dyn Names, account: AccountNo) -> Vec<(&'static str, Datum)> {
    let (id, path) = names.account(account);
    vec![("account", id.show(kernel::id::prefix::ACCOUNT).into()), ("path", path.into())]
}

fn asset_data(
    names: &dyn Names,
    asset: AssetNo,
    amounts: &[(&'static str, i128)],
) -> Vec<(&'static str, Datum)> {
    let asset = names.asset(asset);
    let mut data = vec![("asset", asset.code.as_str().into())];
    for (name, minor) in amounts {
        data.push((name, kernel::money::print_minor(*minor, asset.scale).into()));
    }
    data
}

impl Found {
    fn data(self, names: &dyn Names) -> Vec<(&'static str, Datum)> {
        match self {
            Self::Version(version) => vec![("version", i64::from(version).into())],
            Self::Seq(seq) => vec![("last_seq", (seq as i64).into())],
            Self::Amount(asset, minor) => asset_data(names, asset, &[("found", minor)]),
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).chain(['.']).collect(),
        None => String::new(),
    }
}
