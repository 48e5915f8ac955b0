//! The trial balance: every account's debits and credits, and totals that must be equal.

use super::balances::Bound;
use super::{Reading, unreadable};
use crate::accounts::model::{AccountKind, AccountNo, BalanceNo, Counters};
use crate::books::model::{AssetNo, BookNo};
use crate::directory::Name;
use kernel::Problem;
use std::collections::BTreeMap;

/// One account in one asset.
#[derive(Clone, Debug)]
pub struct TrialRow {
    /// Its names.
    pub name: Name,
    /// Its type.
    pub kind: AccountKind,
    /// Its asset.
    pub asset: AssetNo,
    /// Its counters.
    pub counters: Counters,
}

/// Sums over a whole book in one asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Posted debits.
    pub debits: i128,
    /// Posted credits.
    pub credits: i128,
}

/// A page of a trial balance.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Its rows, in the order in which the balances were first touched.
    pub rows: Vec<TrialRow>,
    /// Sums over all accounts, whatever the page; on a first page only.
    pub totals: BTreeMap<AssetNo, Total>,
    /// The balance the next page starts after.
    pub next: Option<u32>,
}

impl Reading {
    /// A page of a book's balances at a bound. The first page also sums the whole book, which reads every
    /// balance once.
    pub fn trial(
        &self,
        book: BookNo,
        asset: Option<AssetNo>,
        bound: Bound,
        limit: usize,
        cursor: Option<u32>,
    ) -> Result<Trial, Problem> {
        let mut trial = Trial { rows: Vec::new(), totals: BTreeMap::new(), next: None };
        let total = self.shelf.view.accounts.read().balances.len() as u32;
        for no in cursor.unwrap_or(0)..total {
            if trial.rows.len() == limit && (cursor.is_some() || trial.next.is_none()) {
                trial.next = Some(no);
                if cursor.is_some() {
                    break;
                }
            }
            let Some((account, of)) = self.balance_of(book, asset, BalanceNo(no)) else { continue };
            let seen = self.balance_at(BalanceNo(no), of, bound).map_err(|fault| unreadable(&fault))?;
            let Some(seen) = seen else { continue };
            if cursor.is_none() {
                let sum = trial.totals.entry(of).or_default();
                sum.debits = sum.debits.saturating_add(seen.counters.debits);
                sum.credits = sum.credits.saturating_add(seen.counters.credits);
            }
            if trial.rows.len() < limit {
                trial.rows.push(self.trial_row(account, of, seen.counters));
            }
        }
        Ok(trial)
    }

    fn balance_of(
        &self,
        book: BookNo,
        asset: Option<AssetNo>,
        no: BalanceNo,
    ) -> Option<(AccountNo, AssetNo)> {
        let accounts = self.shelf.view.accounts.read();
        let seen = accounts.balances[no.0 as usize];
        let fits = accounts.directory.name(seen.account).book == book
            && asset.is_none_or(|asset| asset == seen.asset);
        fits.then_some((seen.account, seen.asset))
    }

    fn trial_row(&self, account: AccountNo, asset: AssetNo, counters: Counters) -> TrialRow {
        let accounts = self.shelf.view.accounts.read();
        let name = accounts.directory.name(account).clone();
        TrialRow { name, kind: accounts.accounts[account.0 as usize].kind, asset, counters }
    }
}
