//! Judging what is said about accounts, assets and patterns.

use super::judge::Judge;
use crate::accounts::model::{
    AccountNo, AccountRef, ChangeAccount, Limits, OpenAccount, Settings, path_check,
};
use crate::accounts::rules::{Holdings, apply};
use crate::books::model::{AssetNo, Pattern};
use crate::books::rules::{pattern_check, pattern_matches, patterns_overlap};
use crate::command::Command;
use crate::effect::{Effect, Opened};
use crate::state::Book;
use std::collections::BTreeMap;

impl Judge<'_> {
    /// The account of a name, as far as the records before say.
    pub(super) fn find(&self, account: &AccountRef) -> Option<AccountNo> {
        match account {
            AccountRef::Known(no) => Some(*no),
            AccountRef::Path(path) => self.state.directory.by_path(self.record.book, path),
            AccountRef::Id(id) => self.state.directory.by_id(self.record.book, *id),
        }
    }

    pub(super) fn pattern(&mut self, book: &Book, pattern: &Pattern) {
        self.must(pattern_check(&pattern.pattern).is_ok(), "its pattern is none");
        let overlap =
            book.patterns.iter().any(|(other, _)| patterns_overlap(&other.pattern, &pattern.pattern));
        self.must(!overlap, "its pattern overlaps another");
        self.limits_fit(&pattern.limits);
    }

    fn limits_fit(&mut self, limits: &[(AssetNo, Limits)]) {
        let crossed = limits.iter().any(|(_, limits)| match (limits.floor, limits.ceiling) {
            (Some(floor), Some(ceiling)) => floor > ceiling,
            _ => false,
        });
        self.must(!crossed, "a floor lies above its ceiling");
    }

    pub(super) fn opened(&mut self, book: &Book, opened: &Opened, open: &OpenAccount) {
        let record = self.record;
        let directory = &self.state.directory;
        self.must(path_check(&opened.path).is_ok(), "its path is none");
        self.must(directory.by_path(record.book, &opened.path).is_none(), "its path was taken");
        self.must(directory.by_id(record.book, opened.id).is_none(), "its account's id was taken");
        self.must(open.by_pattern == opened.pattern.is_some(), "whether a pattern opened it is not clear");
        self.limits_fit(&opened.settings.limits);
        let Some((pattern, used)) = opened.pattern.map(|number| &book.patterns[number as usize]) else {
            return;
        };
        let alike = pattern_matches(&pattern.pattern, &opened.path)
            && pattern.kind == opened.kind
            && pattern.assets == opened.settings.assets
            && pattern.limits == opened.settings.limits;
        self.must(alike, "the account is not as its pattern says");
        self.must(*used < pattern.quota, "its pattern's quota was used up");
    }

    /// Settings after a change; whether the command is one of settings.
    pub(super) fn changed(&mut self, account: AccountNo, settings: &Settings, command: &Command) -> bool {
        let known = self.state.account(account);
        let before = self.segments.record(known.newest).ok().and_then(|record| match record.effect {
            Effect::Opened(opened) => Some(opened.settings),
            Effect::Changed { settings, .. } => Some(settings),
            _ => None,
        });
        let Some(before) = before else {
            self.wrong("the settings before it cannot be read");
            return true;
        };
        let expected = match command {
            Command::ChangeAccount(named, change) if *named == account => {
                let version = change.if_version.is_none_or(|version| version == before.version);
                (version && !before.closed).then(|| after(before, change))
            }
            Command::MoveAccount(named, change, _) if *named == account => {
                let holdings = Holdings {
                    settled: self.state.balances_of(account).all(|balance| balance.counters.is_settled()),
                    open_holds: known.open_holds,
                };
                apply(before, change, holdings).ok()
            }
            _ => return false,
        };
        self.limits_fit(&settings.limits);
        self.must(expected.as_ref() == Some(settings), "the settings are not what its command makes of them");
        true
    }
}

/// The settings after a change.
fn after(mut settings: Settings, change: &ChangeAccount) -> Settings {
    let mut limits: BTreeMap<_, _> = settings.limits.into_iter().collect();
    for (asset, new) in &change.limits {
        match *new == Limits::default() {
            true => limits.remove(asset),
            false => limits.insert(*asset, *new),
        };
    }
    let mut metadata: BTreeMap<_, _> = settings.text.metadata.into_iter().collect();
    for (name, value) in &change.metadata {
        match value {
            None => metadata.remove(name),
            Some(value) => metadata.insert(name.clone(), value.clone()),
        };
    }
    settings.limits = limits.into_iter().collect();
    settings.text.metadata = metadata.into_iter().collect();
    if let Some(description) = &change.description {
        settings.text.description = description.clone();
    }
    if let Some(assets) = &change.assets {
        settings.assets = assets.clone();
    }
    settings.version += 1;
    settings
}
