//! Commands in canonical form: what a caller asked for, whatever spelling it came in.

use crate::accounts::model::{AccountNo, AccountRef, ChangeAccount, Lifecycle, OpenAccount};
use crate::books::model::{Pattern, RegisterAsset};
use crate::entries::model::{PostEntry, ReverseEntry};
use crate::holds::model::{ActOnHold, PlaceHold};
use kernel::{Id, Timestamp};
use std::net::IpAddr;
use std::sync::Arc;

/// One command of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Make an asset known.
    RegisterAsset(RegisterAsset),
    /// Let accounts open on first use.
    SetPattern(Pattern),
    /// Open an account.
    OpenAccount(OpenAccount),
    /// Change an account's settings.
    ChangeAccount(AccountNo, ChangeAccount),
    /// Freeze, thaw or close an account, and why.
    MoveAccount(AccountNo, Lifecycle, Option<Box<str>>),
    /// Post an entry.
    PostEntry(PostEntry),
    /// Undo an entry by a new one.
    ReverseEntry(ReverseEntry),
    /// Reserve amounts.
    PlaceHold(PlaceHold),
    /// Capture, void, increment or extend a hold.
    ActOnHold(ActOnHold),
}

/// Names under which a command may be repeated. Separate namespaces, kept for ever.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Keys {
    /// The caller's `Idempotency-Key`, per tenant.
    pub key: Option<Box<str>>,
    /// The id was given by the caller.
    pub own_id: bool,
}

/// A command with the names it came under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The id of what it makes.
    pub id: Id,
    /// Its keys.
    pub keys: Keys,
    /// What is asked.
    pub command: Command,
}

/// How a request is to be handled besides what it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Manner {
    /// Decide, answer, store nothing.
    pub dry_run: bool,
    /// Store a state-dependent refusal under the key.
    pub freeze_refusals: bool,
    /// The caller may pass limits.
    pub may_override: bool,
}

/// Who asked, from where, in the course of what; written once per request.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Origin {
    /// The API key.
    pub key: Option<Id>,
    /// The peer's address.
    pub address: Option<IpAddr>,
    /// The request's id.
    pub correlation: Option<Arc<str>>,
    /// The event or request that caused it.
    pub causation: Option<Arc<str>>,
    /// W3C trace context.
    pub traceparent: Option<Arc<str>>,
}

impl Command {
    /// The entry's details, where the command has them.
    pub fn details(&self) -> Option<&crate::entries::model::Details> {
        match self {
            Self::PostEntry(entry) => entry.details.as_deref(),
            Self::ReverseEntry(reversal) => reversal.details.as_deref(),
            Self::PlaceHold(hold) => hold.details.as_deref(),
            Self::ActOnHold(act) => act.details.as_deref(),
            Self::RegisterAsset(_)
            | Self::SetPattern(_)
            | Self::OpenAccount(_)
            | Self::ChangeAccount(..)
            | Self::MoveAccount(..) => None,
        }
    }

    /// Accounts of its postings, as far as they are named by number.
    pub fn accounts(&self) -> impl Iterator<Item = AccountNo> {
        let postings = match self {
            Self::PostEntry(entry) => &entry.postings[..],
            Self::PlaceHold(hold) => &hold.postings[..],
            _ => &[],
        };
        postings.iter().filter_map(|posting| match posting.account {
            AccountRef::Known(account) => Some(account),
            AccountRef::Path(_) | AccountRef::Id(_) => None,
        })
    }

    /// When it counts, if the caller said.
    pub fn effective_at(&self) -> Option<Timestamp> {
        self.details().and_then(|details| details.effective_at)
    }
}

/// Names of the top-level fields in which two commands differ; empty for the same command.
pub fn differences(one: &Command, other: &Command) -> Vec<&'static str> {
    let mut fields = Vec::new();
    let mut differ = |name, differs: bool| {
        if differs {
            fields.push(name);
        }
    };
    match (one, other) {
        (Command::PostEntry(a), Command::PostEntry(b)) => differ("postings", a.postings != b.postings),
        (Command::ReverseEntry(a), Command::ReverseEntry(b)) => {
            differ("entry", a.entry != b.entry);
            differ("postings", a.share != b.share);
        }
        (Command::PlaceHold(a), Command::PlaceHold(b)) => {
            differ("postings", a.postings != b.postings);
            differ("expires_at", a.expires_at != b.expires_at);
            differ("expires_in", a.expires_in_s != b.expires_in_s);
            differ("tolerance", a.tolerance != b.tolerance);
        }
        (Command::ActOnHold(a), Command::ActOnHold(b)) => {
            differ("hold", a.hold != b.hold);
            differ("action", a.action != b.action);
        }
        (Command::OpenAccount(a), Command::OpenAccount(b)) => {
            differ("path", a.path != b.path);
            differ("type", a.kind != b.kind);
            differ("assets", a.assets != b.assets);
            differ("constraints", a.limits != b.limits);
            differ("description", a.text.description != b.text.description);
            differ("metadata", a.text.metadata != b.text.metadata);
        }
        (Command::ChangeAccount(a, x), Command::ChangeAccount(b, y)) => {
            differ("account", a != b);
            differ("settings", x != y);
        }
        (Command::MoveAccount(a, x, why), Command::MoveAccount(b, y, because)) => {
            differ("account", a != b);
            differ("change", x != y);
            differ("reason", why != because);
        }
        (Command::RegisterAsset(a), Command::RegisterAsset(b)) => {
            differ("code", a.asset.code != b.asset.code);
            differ("scale", a.asset.scale != b.asset.scale);
            differ("name", a.name != b.name);
        }
        (Command::SetPattern(a), Command::SetPattern(b)) => differ("pattern", a != b),
        _ => differ("type", true),
    }
    detail_differences(one, other, &mut fields);
    fields
}

fn detail_differences(one: &Command, other: &Command, fields: &mut Vec<&'static str>) {
    let none = crate::entries::model::Details::default();
    let (a, b) = (one.details().unwrap_or(&none), other.details().unwrap_or(&none));
    let pairs = [
        ("reference", a.reference != b.reference),
        ("ref", a.unique_ref != b.unique_ref),
        ("party", a.party != b.party),
        ("effective_at", a.effective_at != b.effective_at),
        ("conditions", a.conditions != b.conditions),
        ("override", a.override_ != b.override_),
        ("description", a.text.description != b.text.description),
        ("metadata", a.text.metadata != b.text.metadata),
    ];
    fields.extend(pairs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name));
}
