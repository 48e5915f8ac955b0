//! Moving balances: the part that entries, holds and what becomes of them have in common.
//! Computes every counter first, judges every limit, and only then changes anything.

use super::Judge;
use crate::accounts::model::{AccountNo, AccountRef, Counters, Limits};
use crate::accounts::rules::{Breach, judge};
use crate::books::model::{AssetNo, BookNo};
use crate::entries::model::{BalanceWord, Condition, Direction, Posting, Test, Written};
use crate::refusal::{Found, NO_BALANCE, Refusal};
use crate::state::State;

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

impl Judge<'_> {
    /// Moves balances, or says which limit or condition forbids it. The newest decision, whose effect has no
    /// postings yet, gets them. Creates missing balances last.
    pub(super) fn move_balances(&mut self, touches: &[Touch], checks: Checks<'_>) -> Result<(), Refusal> {
        let Judge { state, moment, out } = self;
        let written = out.last_mut().and_then(|decision| decision.effect.postings_mut());
        let written = written.expect("an effect with postings was proposed");
        for touch in touches {
            add_posting(state, written, touch)?;
        }
        // Any floor that is passed is named before any ceiling.
        let mut ceiling = None;
        for (place, posting) in written.iter().enumerate() {
            match judge_limits(state, written, place, posting, checks) {
                Ok(()) => {}
                Err(refusal @ Refusal::CeilingExceeded { .. }) => ceiling = ceiling.or(Some(refusal)),
                Err(refusal) => return Err(refusal),
            }
        }
        if let Some(refusal) = ceiling {
            return Err(refusal);
        }
        judge_afterwards(state, moment.book, written, checks.conditions)?;
        for posting in written.iter_mut().filter(|posting| posting.balance == NO_BALANCE) {
            posting.balance = state.balance_for(posting.account, posting.asset);
        }
        Ok(())
    }

    /// Conditions on versions and record numbers look at what stands before the entry.
    pub(super) fn judge_before(&self, conditions: &[Condition]) -> Result<(), Refusal> {
        for (number, condition) in conditions.iter().enumerate() {
            let account = condition_account(self.state, self.moment.book, condition)?;
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
}

/// Adds the posting of a touch, which follows those written before it.
fn add_posting(state: &State, written: &mut Written, touch: &Touch) -> Result<(), Refusal> {
    let Touch { account, asset, direction, amount, .. } = *touch;
    // Entries of many postings name many accounts; those of two are the common case.
    let (balance, before) = match newest_of(written, account, asset) {
        Some(earlier) => (earlier.balance, earlier.after),
        None => match state.find_balance(account, asset) {
            Some(no) => (no, state.balance(no).counters),
            None => (NO_BALANCE, Counters::default()),
        },
    };
    let after = advance(before, touch).ok_or(Refusal::AmountOverflow { account })?;
    written.push(Posting { balance, account, asset, direction, amount, after });
    Ok(())
}

/// The newest of these postings of one balance.
fn newest_of(written: &[Posting], account: AccountNo, asset: AssetNo) -> Option<&Posting> {
    written.iter().rfind(|posting| posting.account == account && posting.asset == asset)
}

/// Judges a balance once, at its first posting, on what the last one leaves.
fn judge_limits(
    state: &State,
    written: &[Posting],
    place: usize,
    posting: &Posting,
    checks: Checks<'_>,
) -> Result<(), Refusal> {
    if posting.balance == NO_BALANCE {
        return Ok(());
    }
    let balance = state.balance(posting.balance);
    let Some(limits) = balance.limits.as_deref() else { return Ok(()) };
    let (account, asset) = (posting.account, posting.asset);
    if newest_of(&written[..place], account, asset).is_some() {
        return Ok(());
    }
    let judged = Limits {
        floor: limits.floor.filter(|_| checks.floor),
        ceiling: limits.ceiling.filter(|_| checks.ceiling),
    };
    let after = newest_of(written, account, asset).map_or(posting.after, |last| last.after);
    match judge(state.account(account).kind, &judged, &balance.counters, &after) {
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
fn judge_afterwards(
    state: &State,
    book: BookNo,
    written: &[Posting],
    conditions: &[Condition],
) -> Result<(), Refusal> {
    for (number, condition) in conditions.iter().enumerate() {
        let Test::Balance(asset, word, comparison, bound) = condition.test else { continue };
        let account = condition_account(state, book, condition)?;
        let counters = match newest_of(written, account, asset) {
            Some(posting) => posting.after,
            None => {
                let balance = state.find_balance(account, asset);
                balance.map_or(Counters::default(), |no| state.balance(no).counters)
            }
        };
        let normal = state.account(account).kind.normal_side();
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

fn condition_account(state: &State, book: BookNo, condition: &Condition) -> Result<AccountNo, Refusal> {
    find_account(state, book, &condition.account)
        .ok_or_else(|| Refusal::UnknownAccount { named: named(&condition.account) })
}

/// The account a caller named, if it exists in this book.
pub(super) fn find_account(state: &State, book: BookNo, account: &AccountRef) -> Option<AccountNo> {
    match account {
        AccountRef::Known(no) => {
            assert_eq!(state.account(*no).book, book, "a reader resolves names in its own book only");
            Some(*no)
        }
        AccountRef::Path(path) => state.directory.by_path(book, path),
        AccountRef::Id(id) => state.directory.by_id(book, *id),
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
