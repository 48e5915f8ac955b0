//! Words of a book: its number, its assets, its patterns.

use crate::accounts::model::{AccountKind, Limits};
use kernel::{Asset, AssetCode};
use std::sync::LazyLock;

/// A book's place in this store, dense from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BookNo(pub u32);

/// An asset's place in its book's list, dense from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssetNo(pub u32);

/// Command: make an asset known. A scale never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterAsset {
    /// Code and scale.
    pub asset: Asset,
    /// What people call it.
    pub name: Option<Box<str>>,
}

/// Accounts that open on first use: `customers:*:wallet`, where `*` stands for one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The pattern as written.
    pub pattern: Box<str>,
    /// Type of the accounts it opens.
    pub kind: AccountKind,
    /// Assets they may hold; none for all.
    pub assets: Option<Vec<AssetNo>>,
    /// Limits they open with.
    pub limits: Vec<(AssetNo, Limits)>,
    /// How many accounts it may open.
    pub quota: u64,
}

/// Accounts a pattern may open when its owner does not say.
pub const DEFAULT_QUOTA: u64 = 1_000_000;

/// The accounts every default book opens with: those the source platform's sign-up bonus names.
pub const FIRST_ACCOUNTS: [(&str, AccountKind); 2] =
    [("accounts:1", AccountKind::Expense), ("accounts:2", AccountKind::Liability)];

/// The ISO 4217 currencies a new book starts with, in code order.
pub fn preloaded() -> Vec<Asset> {
    static ISO: LazyLock<Vec<Asset>> = LazyLock::new(every_iso_currency);
    ISO.clone()
}

fn every_iso_currency() -> Vec<Asset> {
    let mut assets: Vec<Asset> = ('A'..='Z')
        .flat_map(|a| ('A'..='Z').flat_map(move |b| ('A'..='Z').map(move |c| [a, b, c])))
        .filter_map(|letters| AssetCode::parse(&String::from_iter(letters)).ok().and_then(Asset::iso))
        .collect();
    assets.sort_by_key(|asset| asset.code);
    assets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_book_knows_the_iso_currencies() {
        let assets = preloaded();
        assert!(assets.len() > 140, "{}", assets.len());
        assert!(assets.iter().any(|asset| asset.code.as_str() == "EUR" && asset.scale == 2));
    }
}
