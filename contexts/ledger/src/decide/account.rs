//! Accounts, assets and patterns.

use super::{Judge, Stop};
use crate::accounts::model::{
    AccountKind, AccountNo, ChangeAccount, Lifecycle, Limits, OpenAccount, Settings, Text,
};
use crate::accounts::rules::{Holdings, apply};
use crate::books::model::{AssetNo, Pattern, RegisterAsset};
use crate::books::rules::{pattern_matches, patterns_overlap};
use crate::effect::{Effect, Opened};
use crate::refusal::{AccountStatus, Refusal};
use kernel::Id;

/// An account without limits or text.
pub(super) fn plain(path: &str, kind: AccountKind) -> OpenAccount {
    OpenAccount {
        path: path.into(),
        kind,
        assets: None,
        limits: Vec::new(),
        text: Text::default(),
        by_pattern: false,
    }
}

impl Judge<'_> {
    pub(super) fn open_account(&mut self, id: Id, open: &OpenAccount) -> Result<(), Refusal> {
        if let Some(account) = self.state.directory.by_path(self.moment.book, &open.path) {
            return Err(Refusal::AccountExists { account });
        }
        if let Some(account) = self.state.directory.by_id(self.moment.book, id) {
            return Err(Refusal::AccountExists { account });
        }
        check_limits(&open.limits)?;
        self.open(id, open.clone(), None);
        Ok(())
    }

    /// Opens an account whose path and id are new.
    pub(super) fn open(&mut self, id: Id, open: OpenAccount, pattern: Option<u32>) -> AccountNo {
        let settings = Settings {
            assets: open.assets,
            limits: open.limits,
            frozen: Default::default(),
            closed: false,
            version: 1,
            opened_at: self.moment.now,
            text: open.text,
        };
        let opened = Opened { id, path: open.path.into(), kind: open.kind, settings, pattern };
        self.settle_now(id, Effect::Opened(opened));
        AccountNo((self.state.accounts.len() - 1) as u32)
    }

    /// Opens the account of a path that one of the book's patterns matches.
    pub(super) fn open_by_pattern(&mut self, path: &str) -> Result<Option<AccountNo>, Refusal> {
        let patterns = &self.state.book(self.moment.book).patterns;
        let found = patterns.iter().position(|(pattern, _)| pattern_matches(&pattern.pattern, path));
        let Some(number) = found else { return Ok(None) };
        let (pattern, opened) = &patterns[number];
        if *opened >= pattern.quota {
            return Err(Refusal::QuotaExceeded { pattern: pattern.pattern.clone(), quota: pattern.quota });
        }
        let open = OpenAccount {
            path: path.into(),
            kind: pattern.kind,
            assets: pattern.assets.clone(),
            limits: pattern.limits.clone(),
            text: Text::default(),
            by_pattern: true,
        };
        self.state.remember();
        let id = self.moment.ids.next();
        Ok(Some(self.open(id, open, Some(number as u32))))
    }

    pub(super) fn change_account(
        &mut self,
        id: Id,
        account: AccountNo,
        change: &ChangeAccount,
    ) -> Result<(), Stop> {
        let known = self.state.account(account);
        if let Some(version) = change.if_version
            && version != known.version
        {
            return Err(Refusal::VersionMismatch { version: known.version }.into());
        }
        if known.closed {
            return Err(Refusal::AccountState { status: AccountStatus::Closed }.into());
        }
        let mut settings = self.settings(account)?;
        change_text(&mut settings.text, change);
        settings.version += 1;
        if let Some(assets) = &change.assets {
            settings.assets = assets.clone();
        }
        for (asset, limits) in &change.limits {
            settings.limits.retain(|(of, _)| of != asset);
            if *limits != Limits::default() {
                settings.limits.push((*asset, *limits));
            }
        }
        settings.limits.sort_by_key(|(asset, _)| *asset);
        check_limits(&settings.limits)?;
        self.settle_now(id, Effect::Changed { account, settings });
        Ok(())
    }

    pub(super) fn move_account(
        &mut self,
        id: Id,
        account: AccountNo,
        change: &Lifecycle,
    ) -> Result<(), Stop> {
        let holdings = Holdings {
            settled: self.state.balances_of(account).all(|balance| balance.counters.is_settled()),
            open_holds: self.state.account(account).open_holds,
        };
        let settings = apply(self.settings(account)?, change, holdings)?;
        self.settle_now(id, Effect::Changed { account, settings });
        Ok(())
    }

    /// The settings as they stand, text and all.
    fn settings(&self, account: AccountNo) -> Result<Settings, Stop> {
        Ok(self.moment.facts.settings(account, self.state.account(account).newest)?)
    }

    pub(super) fn register_asset(&mut self, id: Id, register: &RegisterAsset) -> Result<(), Refusal> {
        let book = self.state.book(self.moment.book);
        if let Some(no) = book.asset_no(register.asset.code) {
            return Err(Refusal::AssetExists { scale: book.assets[no.0 as usize].scale });
        }
        self.settle_now(id, Effect::Asset(register.asset));
        Ok(())
    }

    pub(super) fn set_pattern(&mut self, id: Id, pattern: &Pattern) -> Result<(), Refusal> {
        check_limits(&pattern.limits)?;
        let patterns = &self.state.book(self.moment.book).patterns;
        let other = patterns.iter().find(|(other, _)| patterns_overlap(&other.pattern, &pattern.pattern));
        if let Some((other, _)) = other {
            return Err(Refusal::PatternOverlap { with: other.pattern.clone() });
        }
        self.settle_now(id, Effect::Pattern(pattern.clone()));
        Ok(())
    }
}

fn check_limits(limits: &[(AssetNo, Limits)]) -> Result<(), Refusal> {
    let crossed = limits.iter().any(|(_, limits)| match (limits.floor, limits.ceiling) {
        (Some(floor), Some(ceiling)) => floor > ceiling,
        _ => false,
    });
    if crossed { Err(Refusal::InvalidLimits) } else { Ok(()) }
}

/// Sets and removes metadata, keeping name order.
fn change_text(text: &mut Text, change: &ChangeAccount) {
    if let Some(description) = &change.description {
        text.description = description.clone();
    }
    for (name, value) in &change.metadata {
        text.metadata.retain(|(known, _)| known != name);
        if let Some(value) = value {
            text.metadata.push((name.clone(), value.clone()));
        }
    }
    text.metadata.sort();
}
