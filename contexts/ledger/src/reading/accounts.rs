//! Accounts: one by any of its names, and lists of them.

use super::{Reading, unreadable};
use crate::accounts::model::{AccountKind, AccountNo, AccountRef, Settings};
use crate::books::model::{AssetNo, BookNo, Pattern};
use crate::directory::Name;
use crate::effect::Effect;
use crate::refusal::Names;
use kernel::{Asset, AssetCode, Id, Problem, Timestamp};

/// Names looked at for one page of a filtered list; then the page ends early with a cursor.
const NAMES_PER_PAGE: u32 = 200_000;
/// Records read for one page of a filtered list.
const RECORDS_PER_PAGE: usize = 5_000;

/// An account as it stands.
#[derive(Clone, Debug)]
pub struct AccountSeen {
    /// Its number.
    pub no: AccountNo,
    /// Its names.
    pub name: Name,
    /// Its type.
    pub kind: AccountKind,
    /// Its settings.
    pub settings: Settings,
    /// When they were last changed.
    pub updated_at: Timestamp,
    /// The record that changed them.
    pub seq: u64,
}

/// What a list of accounts is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct AccountFilter {
    /// Paths that start so.
    pub prefix: Option<String>,
    /// Of this type.
    pub kind: Option<AccountKind>,
    /// `open`, `frozen` or `closed`.
    pub status: Option<&'static str>,
    /// With a balance in this asset.
    pub asset: Option<AssetNo>,
    /// With these metadata.
    pub metadata: Vec<(String, String)>,
}

impl AccountSeen {
    /// `open`, `frozen` or `closed`.
    pub fn status(&self) -> &'static str {
        match (self.settings.closed, self.settings.frozen.as_str()) {
            (true, _) => "closed",
            (false, Some(_)) => "frozen",
            (false, None) => "open",
        }
    }
}

impl Reading {
    /// The account a caller named, in this book only.
    pub fn find(&self, book: BookNo, account: &AccountRef) -> Option<AccountNo> {
        let accounts = self.shelf.view.accounts.read();
        match account {
            AccountRef::Known(no) => Some(*no),
            AccountRef::Path(path) => accounts.directory.by_path(book, path),
            AccountRef::Id(id) => accounts.directory.by_id(book, *id),
        }
    }

    /// An account as it stands.
    pub fn account(&self, no: AccountNo) -> Result<AccountSeen, Problem> {
        let (name, kind) = {
            let accounts = self.shelf.view.accounts.read();
            (accounts.directory.name(no).clone(), accounts.accounts[no.0 as usize].kind)
        };
        let position = self.shelf.view.settings_at(no);
        let record = self.shelf.segments.record(position).map_err(|fault| unreadable(&fault))?;
        let settings = match record.effect {
            Effect::Opened(opened) => opened.settings,
            Effect::Changed { settings, .. } => settings,
            _ => return Err(unreadable(&crate::journal::segments::damage("a record holds no settings"))),
        };
        Ok(AccountSeen { no, name, kind, settings, updated_at: record.at, seq: record.seq })
    }

    /// Accounts of a book, newest first, before `cursor`; and where the next page starts.
    pub fn accounts(
        &self,
        book: BookNo,
        filter: &AccountFilter,
        limit: usize,
        cursor: Option<u32>,
    ) -> Result<(Vec<AccountSeen>, Option<u32>), Problem> {
        let total = self.shelf.view.accounts.read().accounts.len() as u32;
        let mut place = cursor.unwrap_or(total).min(total);
        let stop = place.saturating_sub(NAMES_PER_PAGE);
        let mut found = Vec::new();
        let mut records = 0;
        while place > stop && found.len() < limit && records < RECORDS_PER_PAGE {
            place -= 1;
            let no = AccountNo(place);
            if !self.name_fits(book, filter, no) {
                continue;
            }
            records += 1;
            let account = self.account(no)?;
            if fits(filter, &account) {
                found.push(account);
            }
        }
        Ok((found, (place > 0).then_some(place)))
    }

    fn name_fits(&self, book: BookNo, filter: &AccountFilter, no: AccountNo) -> bool {
        let accounts = self.shelf.view.accounts.read();
        let name = accounts.directory.name(no);
        name.book == book
            && filter.prefix.as_ref().is_none_or(|prefix| name.path.starts_with(prefix))
            && filter.kind.is_none_or(|kind| accounts.accounts[no.0 as usize].kind == kind)
            && filter.asset.is_none_or(|asset| accounts.balances_of(no).any(|(_, seen)| seen.asset == asset))
    }

    /// Names for numbers, in one book.
    pub fn naming(&self, book: BookNo) -> Naming<'_> {
        Naming { reading: self, book }
    }

    /// An asset of a book.
    pub fn asset(&self, book: BookNo, asset: AssetNo) -> Asset {
        self.shelf.view.books.read()[book.0 as usize].assets[asset.0 as usize]
    }

    /// The number and scale of a code in a book.
    pub fn asset_no(&self, book: BookNo, code: AssetCode) -> Option<(AssetNo, Asset)> {
        let books = self.shelf.view.books.read();
        let book = &books[book.0 as usize];
        let no = *book.codes.get(&code)?;
        Some((no, book.assets[no.0 as usize]))
    }

    /// All assets of a book, in registration order.
    pub fn assets(&self, book: BookNo) -> Vec<Asset> {
        self.shelf.view.books.read()[book.0 as usize].assets.clone()
    }

    /// All patterns of a book, in the order they were set.
    pub fn patterns(&self, book: BookNo) -> Vec<Pattern> {
        self.shelf.view.books.read()[book.0 as usize].patterns.clone()
    }
}

fn fits(filter: &AccountFilter, account: &AccountSeen) -> bool {
    let has = |(name, value): &(String, String)| {
        let metadata = &account.settings.text.metadata;
        metadata.iter().any(|(known, stored)| **known == **name && **stored == **value)
    };
    filter.status.is_none_or(|status| account.status() == status) && filter.metadata.iter().all(has)
}

/// Names of accounts and assets of one book, as readers know them.
pub struct Naming<'a> {
    reading: &'a Reading,
    book: BookNo,
}

impl Names for Naming<'_> {
    fn account(&self, account: AccountNo) -> (Id, String) {
        let accounts = self.reading.shelf.view.accounts.read();
        let name = accounts.directory.name(account);
        (name.id, name.path.to_string())
    }

    fn asset(&self, asset: AssetNo) -> Asset {
        self.reading.asset(self.book, asset)
    }
}

impl Reading {
    /// Id and path of an account.
    pub fn name(&self, account: AccountNo) -> (Id, std::sync::Arc<str>) {
        let accounts = self.shelf.view.accounts.read();
        let name = accounts.directory.name(account);
        (name.id, name.path.clone())
    }

    /// Where an account's newest settings stand: a fact that a unit may trust ([`crate::journal::unit::Fact`]).
    pub fn settings_at(&self, account: AccountNo) -> u64 {
        self.shelf.view.settings_at(account)
    }

    /// Type of an account.
    pub fn kind(&self, account: AccountNo) -> AccountKind {
        self.shelf.view.accounts.read().accounts[account.0 as usize].kind
    }
}
