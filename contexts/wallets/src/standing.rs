//! What a movement needs to know of a wallet, kept in memory for as long as its account's settings stand where they
//! stood: its asset, and its limits. Every change of limits changes the account's settings, so what is kept is never
//! older than what the books check in the unit.

use crate::model::{Limits, WalletNo};
use kernel::Tenant;
use ledger::accounts::model::AccountNo;
use ledger::books::model::AssetNo;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

/// Wallets kept in each of two generations: about 20 MB, and a busy day of a large installation.
const KEPT: usize = 100_000;

/// A wallet as it stood.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Where its account's settings stood.
    pub settings_at: u64,
    /// Whose, and its number.
    pub of: (Tenant, WalletNo),
    /// Its only asset.
    pub asset: AssetNo,
    /// What may leave it; none for no limit.
    pub limits: Option<Arc<Limits>>,
    /// Start of the shortest running period in which every count is known to have its row; 0 for none.
    pub counts_from: Arc<AtomicI64>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<AccountNo, Standing>,
    old: HashMap<AccountNo, Standing>,
}

/// Wallets as they stood, at most so many.
#[derive(Default)]
pub struct Standings(RwLock<Generations>);

impl Standings {
    /// A wallet, if it is kept and its account's settings still stand there.
    pub fn get(&self, account: AccountNo, settings_at: u64) -> Option<Standing> {
        let kept = self.0.read();
        let standing = kept.young.get(&account).or_else(|| kept.old.get(&account))?;
        (standing.settings_at == settings_at).then(|| standing.clone())
    }

    /// Keeps a wallet. The oldest generation goes when the young one is full.
    pub fn put(&self, account: AccountNo, standing: Standing) {
        let mut kept = self.0.write();
        if kept.young.len() >= KEPT {
            kept.old = std::mem::take(&mut kept.young);
        }
        kept.young.insert(account, standing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_not_found_and_what_is_kept_is_bounded() {
        let standings = Standings::default();
        let standing = |at| Standing {
            settings_at: at,
            of: (Tenant::default(), WalletNo(1)),
            asset: AssetNo(0),
            limits: None,
            counts_from: Arc::default(),
        };
        standings.put(AccountNo(0), standing(7));
        assert!(standings.get(AccountNo(0), 7).is_some());
        assert!(standings.get(AccountNo(0), 8).is_none());
        for no in 1..=(2 * KEPT as u32) {
            standings.put(AccountNo(no), standing(7));
        }
        assert!(standings.get(AccountNo(0), 7).is_none());
        let kept = standings.0.read();
        assert!(kept.young.len() + kept.old.len() <= 2 * KEPT);
    }
}
