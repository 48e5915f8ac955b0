//! The first reading of a file: nothing is posted; accounts, commodities and their decimals are gathered, and
//! everything is judged that can be without the ledger.

use super::assertions::Sums;
use super::balances::Balances;
use super::draft::{Draft, Known};
use super::layout::Layout;
use super::sieve::{Failed, Sieve, Visit};
use crate::books;
use crate::output::Failure;
use formats::{Balance, Item, Rejected, Transaction};
use kernel::AssetCode;
use ledger::accounts::model::AccountKind;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// What a file has.
#[derive(Default)]
pub struct Survey {
    /// Accounts of entries that can be taken.
    pub accounts: HashSet<String>,
    /// What the file says accounts are.
    pub kinds: HashMap<String, AccountKind>,
    /// Commodities in use or declared, with the most decimals seen.
    pub scales: HashMap<AssetCode, u8>,
    /// Blocks that cannot be taken.
    pub rejected: u64,
    /// Whether any posting says what a balance is.
    pub asserts: bool,
    /// Whether days only grow, or only fall.
    pub one_way: bool,
    /// What fails, where it had to be judged in another order than the file's.
    pub failed: Option<Failed>,
}

/// Surveys a file.
pub fn survey(
    path: &Path,
    layout: &Layout,
    known: &Known,
    tell: &mut dyn FnMut(u64, u64),
) -> Result<Survey, Failure> {
    let begin = || Survey { kinds: layout.kinds.iter().cloned().collect(), ..Survey::default() };
    let mut surveyor = Surveyor { known, survey: begin(), balances: Balances::default() };
    let mut sieve = Sieve::new(layout, known, None, Some(Sums::default()));
    sieve.run(path, &mut surveyor, tell)?;
    let (asserts, in_order, one_way) = (sieve.asserts(), sieve.in_order(), sieve.one_way());
    let mut balances = std::mem::take(&mut surveyor.balances);
    if !balances.is_empty() {
        // Only now it is known of which days balances are asked for.
        Sieve::new(layout, known, None, None).run(path, &mut balances, tell)?;
        let failed = balances.failed();
        let rejected = surveyor.survey.rejected + failed.len() as u64;
        return Ok(Survey { asserts, one_way, rejected, failed: Some(failed), ..surveyor.survey });
    }
    if !asserts || in_order {
        return Ok(Survey { asserts, one_way, ..surveyor.survey });
    }
    // hledger judges assertions by date: all entries are held for it, this once.
    let failed = by_date(path, layout, known)?;
    surveyor.survey = begin();
    let mut sieve = Sieve::new(layout, known, Some(&failed), None);
    sieve.run(path, &mut surveyor, tell)?;
    let one_way = sieve.one_way();
    Ok(Survey { asserts, one_way, failed: Some(failed), ..surveyor.survey })
}

struct Surveyor<'a> {
    known: &'a Known,
    survey: Survey,
    balances: Balances,
}

impl Surveyor<'_> {
    fn seen(&mut self, code: AssetCode, scale: u8) {
        let most = self.survey.scales.entry(code).or_default();
        *most = scale.max(*most);
    }
}

impl Visit for Surveyor<'_> {
    fn entry(&mut self, _: u64, _: String, draft: Draft) -> Result<(), Failure> {
        for side in draft.sides {
            self.seen(side.code, side.number.scale);
            if let Some(kind) = side.kind
                && !self.survey.kinds.contains_key(&side.path)
            {
                self.survey.kinds.insert(side.path.clone(), kind);
            }
            if !self.survey.accounts.contains(&side.path) {
                self.survey.accounts.insert(side.path);
            }
        }
        Ok(())
    }

    fn rejected(&mut self, _: Rejected) -> Result<(), Failure> {
        self.survey.rejected += 1;
        Ok(())
    }

    fn balance(&mut self, balance: Balance) {
        self.balances.ask(balance);
    }

    fn directive(&mut self, item: Item) {
        match item {
            Item::Account { name, class: Some(class) } => {
                self.survey.kinds.insert(name, books::kind_of(class));
            }
            Item::Commodity { commodity, scale } => {
                if let Ok(code) = self.known.code(&commodity) {
                    self.seen(code, scale);
                }
            }
            _ => {}
        }
    }
}

/// Judges assertions in the order of the dates.
fn by_date(path: &Path, layout: &Layout, known: &Known) -> Result<Failed, Failure> {
    let mut held = Held(Vec::new());
    Sieve::new(layout, known, None, None).run(path, &mut held, &mut |_, _| {})?;
    held.0.sort_by_key(|(_, transaction)| transaction.date);
    let mut sums = Sums::default();
    let judged = held
        .0
        .iter()
        .filter_map(|(line, transaction)| sums.take(&transaction.postings).err().map(|why| (*line, why)));
    Ok(judged.collect())
}

struct Held(Vec<(u64, Transaction)>);

impl Visit for Held {
    fn entry(&mut self, _: u64, _: String, _: Draft) -> Result<(), Failure> {
        Ok(())
    }

    fn rejected(&mut self, _: Rejected) -> Result<(), Failure> {
        Ok(())
    }

    fn counted(&mut self, line: u64, transaction: &Transaction) {
        self.0.push((line, transaction.clone()));
    }
}
