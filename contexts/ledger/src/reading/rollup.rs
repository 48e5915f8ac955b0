//! Roll-ups: balances summed by the first segments of their paths, at one moment.

use super::balances::Bound;
use super::{Reading, unreadable};
use crate::accounts::model::{BalanceNo, Counters};
use crate::books::model::{AssetNo, BookNo};
use kernel::Problem;
use std::collections::BTreeMap;

/// Most rows of one roll-up: what a page of it needs is summed as a whole.
pub const MAX_ROWS: usize = 100_000;

/// Everything at and below one path in one asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rolled {
    /// Accounts with a balance in this asset.
    pub accounts: u64,
    /// Sums of their counters.
    pub sums: Counters,
}

/// Rows by path and asset, in order.
pub type RollUp = BTreeMap<(Box<str>, AssetNo), Rolled>;

impl Reading {
    /// Balances at a bound of the accounts at and below `prefix` (all of them where it is empty), summed by their
    /// next `depth` segments. `None` where there would be more than [`MAX_ROWS`]. Reads every balance once.
    pub fn roll_up(
        &self,
        book: BookNo,
        prefix: &str,
        depth: usize,
        asset: Option<AssetNo>,
        bound: Bound,
    ) -> Result<Option<RollUp>, Problem> {
        let mut rows = RollUp::new();
        let total = self.shelf.view.accounts.read().balances.len() as u32;
        for no in (0..total).map(BalanceNo) {
            let Some((path, of)) = self.rolled_under(book, prefix, depth, asset, no) else { continue };
            let Some(seen) = self.balance_at(no, of, bound).map_err(|fault| unreadable(&fault))? else {
                continue;
            };
            let row = rows.entry((path, of)).or_default();
            row.accounts += 1;
            row.sums = sum(row.sums, seen.counters);
            if rows.len() > MAX_ROWS {
                return Ok(None);
            }
        }
        Ok(Some(rows))
    }

    fn rolled_under(
        &self,
        book: BookNo,
        prefix: &str,
        depth: usize,
        asset: Option<AssetNo>,
        no: BalanceNo,
    ) -> Option<(Box<str>, AssetNo)> {
        let accounts = self.shelf.view.accounts.read();
        let seen = accounts.balances[no.0 as usize];
        let name = accounts.directory.name(seen.account);
        if name.book != book || asset.is_some_and(|asset| asset != seen.asset) {
            return None;
        }
        rolled_path(&name.path, prefix, depth).map(|path| (path.into(), seen.asset))
    }
}

/// The first segments of a path: those of the prefix and `depth` more. `None` for paths elsewhere.
fn rolled_path<'a>(path: &'a str, prefix: &str, depth: usize) -> Option<&'a str> {
    let below = match path.strip_prefix(prefix)? {
        "" => return Some(path),
        rest if prefix.is_empty() => rest,
        rest => rest.strip_prefix(':')?,
    };
    let start = path.len() - below.len();
    let end = below.match_indices(':').map(|(place, _)| place).nth(depth.checked_sub(1)?);
    Some(&path[..start + end.unwrap_or(below.len())])
}

/// Counters are far below what 128 bits hold; a sum of very many that is not stays at the largest.
fn sum(a: Counters, b: Counters) -> Counters {
    Counters {
        debits: a.debits.saturating_add(b.debits),
        credits: a.credits.saturating_add(b.credits),
        debits_pending: a.debits_pending.saturating_add(b.debits_pending),
        credits_pending: a.credits_pending.saturating_add(b.credits_pending),
    }
}

#[cfg(test)]
mod tests {
    use super::rolled_path;

    #[test]
    fn paths_are_cut_at_segments() {
        let rows = [
            ("a:b:c", "", 1, Some("a")),
            ("a:b:c", "", 2, Some("a:b")),
            ("a:b:c", "", 9, Some("a:b:c")),
            ("a:b:c", "a", 1, Some("a:b")),
            ("a:b:c", "a:b", 1, Some("a:b:c")),
            ("a:b:c", "a:b:c", 1, Some("a:b:c")),
            ("a:b:c", "a:bb", 1, None),
            ("ab:c", "a", 1, None),
            ("a", "", 1, Some("a")),
        ];
        for (path, prefix, depth, rolled) in rows {
            assert_eq!(rolled_path(path, prefix, depth), rolled, "{path} under {prefix:?} by {depth}");
        }
    }
}
