//! Moving balances: the part that entries, holds and what becomes of them have in common.
//! Computes every counter first, judges every limit, and only then changes anything.

use super::Judge;
use crate::accounts::model::{AccountNo, AccountRef, BalanceNo, Counters, Limits};
use crate::accounts::rules::{Breach, judge};
use crate::books::model::AssetNo;
use crate::entries::model::{BalanceWord, Condition, Direction, Posting, Test, Written};
use crate::refusal::{Found, Refusal};
use smallvec::SmallVec;

/// What one posting does to its balance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touch {
    pub account: AccountNo,
    pub asset: AssetNo,
    pub direction: Direction,
    /// What the record shows as its amount.
    pub amount: i128,
    /// Change of the posted counter, ≥ 0.
    pub posted: i128,
    /// Change of the pending counter.
    pub pending: i128,
}

/// Limits that are judged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Checks<'a> {
    pub floor: bool,
    pub ceiling: bool,
    pub conditions: &'a [Condition],
}

/// A balance while it is being moved.
struct Moving {
    balance: Option<BalanceNo>,
    account: AccountNo,
    asset: AssetNo,
    before: Counters,
    now: Counters,
}

type Moved = SmallVec<[Moving; 2]>;

impl Judge<'_> {
    /// Moves balances, or says which limit or condition forbids it. Creates missing balances last.
    pub(super) fn move_balances(
        &mut self,
        touches: &[Touch],
        checks: Checks<'_>,
    ) -> Result<Written, Refusal> {
        let mut moved: Moved = SmallVec::new();
        let mut after: SmallVec<[(usize, Counters); 2]> = SmallVec::new();
        for touch in touches {
            let place = self.place(&mut moved, touch);
            let counters =
                advance(moved[place].now, touch).ok_or(Refusal::AmountOverflow { account: touch.account })?;
            moved[place].now = counters;
            after.push((place, counters));
        }
        for moving in &moved {
            self.judge_limits(moving, checks)?;
        }
        self.judge_afterwards(&moved, checks.conditions)?;
        let write = |(touch, (place, counters)): (&Touch, (usize, Counters))| {
            let balance = match moved[place].balance {
                Some(balance) => balance,
                None => self.state.balance_for(touch.account, touch.asset),
            };
            Posting {
                balance,
                account: touch.account,
                asset: touch.asset,
                direction: touch.direction,
                amount: touch.amount,
                after: counters,
            }
        };
        Ok(touches.iter().zip(after).map(write).collect())
    }

    fn place(&self, moved: &mut Moved, touch: &Touch) -> usize {
        let same = |moving: &Moving| moving.account == touch.account && moving.asset == touch.asset;
        // Entries of many postings name many accounts; those of two are the common case.
        if let Some(place) = moved.iter().position(same) {
            return place;
        }
        let balance = self.state.find_balance(touch.account, touch.asset);
        let counters = balance.map_or(Counters::default(), |no| self.state.balance(no).counters);
        let (account, asset) = (touch.account, touch.asset);
        moved.push(Moving { balance, account, asset, before: counters, now: counters });
        moved.len() - 1
    }

    fn judge_limits(&self, moving: &Moving, checks: Checks<'_>) -> Result<(), Refusal> {
        let limits = moving.balance.and_then(|no| self.state.balance(no).limits.as_deref());
        let Some(limits) = limits else { return Ok(()) };
        let judged = Limits {
            floor: limits.floor.filter(|_| checks.floor),
            ceiling: limits.ceiling.filter(|_| checks.ceiling),
        };
        let (account, asset) = (moving.account, moving.asset);
        match judge(self.state.account(account).kind, &judged, &moving.before, &moving.now) {
            None => Ok(()),
            Some(Breach::Floor { available, requested }) => {
                Err(Refusal::InsufficientFunds { account, asset, available, requested })
            }
            Some(Breach::Ceiling { room, requested }) => {
                Err(Refusal::CeilingExceeded { account, asset, room, requested })
            }
        }
    }

    /// Conditions on balances look at what the entry leaves behind.
    fn judge_afterwards(&self, moved: &Moved, conditions: &[Condition]) -> Result<(), Refusal> {
        for (number, condition) in conditions.iter().enumerate() {
            let Test::Balance(asset, word, comparison, bound) = condition.test else { continue };
            let account = self.condition_account(condition)?;
            let same = |moving: &&Moving| moving.account == account && moving.asset == asset;
            let counters = match moved.iter().find(same) {
                Some(moving) => moving.now,
                None => self
                    .state
                    .find_balance(account, asset)
                    .map_or(Counters::default(), |no| self.state.balance(no).counters),
            };
            let normal = self.state.account(account).kind.normal_side();
            let value = match word {
                BalanceWord::Posted => counters.posted(normal),
                BalanceWord::Pending => counters.pending(normal),
                BalanceWord::Available => counters.available(normal),
            };
            if !comparison.holds(value, bound) {
                let found = Found::Amount(asset, value);
                return Err(Refusal::ConditionFailed { condition: number as u32, found });
            }
        }
        Ok(())
    }

    /// Conditions on versions and record numbers look at what stands before the entry.
    pub(super) fn judge_before(&self, conditions: &[Condition]) -> Result<(), Refusal> {
        for (number, condition) in conditions.iter().enumerate() {
            let account = self.condition_account(condition)?;
            let (holds, found) = match condition.test {
                Test::Version(version) => {
                    let found = self.state.account(account).version;
                    (found == version, Found::Version(found))
                }
                Test::LastSeq(asset, seq) => {
                    let balance = self.state.find_balance(account, asset);
                    let found = balance.map_or(0, |no| self.state.balance(no).last_seq);
                    (found == seq, Found::Seq(found))
                }
                Test::Balance(..) => continue,
            };
            if !holds {
                return Err(Refusal::ConditionFailed { condition: number as u32, found });
            }
        }
        Ok(())
    }

    fn condition_account(&self, condition: &Condition) -> Result<AccountNo, Refusal> {
        self.find_account(&condition.account)
            .ok_or_else(|| Refusal::UnknownAccount { named: named(&condition.account) })
    }

    /// The account a caller named, if it exists in this book.
    pub(super) fn find_account(&self, account: &AccountRef) -> Option<AccountNo> {
        let book = self.moment.book;
        match account {
            AccountRef::Known(no) => {
                assert_eq!(
                    self.state.account(*no).book,
                    book,
                    "a reader resolves names in its own book only"
                );
                Some(*no)
            }
            AccountRef::Path(path) => self.state.directory.by_path(book, path),
            AccountRef::Id(id) => self.state.directory.by_id(book, *id),
        }
    }
}

/// How a caller named an account, for a message.
pub(super) fn named(account: &AccountRef) -> Box<str> {
    match account {
        AccountRef::Known(no) => no.0.to_string().into(),
        AccountRef::Path(path) => path.clone(),
        AccountRef::Id(id) => id.show(kernel::id::prefix::ACCOUNT).into(),
    }
}

/// The counters after a touch; `None` where 128 bits do not hold them.
fn advance(mut counters: Counters, touch: &Touch) -> Option<Counters> {
    let (posted, pending) = match touch.direction {
        Direction::Debit => (&mut counters.debits, &mut counters.debits_pending),
        Direction::Credit => (&mut counters.credits, &mut counters.credits_pending),
    };
    *posted = posted.checked_add(touch.posted).filter(|sum| *sum < COUNTER_LIMIT)?;
    *pending = pending.checked_add(touch.pending).filter(|sum| *sum < COUNTER_LIMIT)?;
    assert!(*pending >= 0, "a hold releases no more than it reserved");
    Some(counters)
}

/// Counters stay below a quarter of what 128 bits hold, so that any two can be added and subtracted.
const COUNTER_LIMIT: i128 = i128::MAX / 4;
