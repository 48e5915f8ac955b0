//! Entries and reversals.

use super::movement::{Checks, Touch, find_account, named};
use super::{Judge, Stop};
use crate::accounts::model::{AccountNo, AccountRef};
use crate::command::Manner;
use crate::effect::Effect;
use crate::entries::model::{
    AmountCommand, Details, Direction, PostEntry, PostingCommand, ReverseEntry, Written,
};
use crate::entries::rules::{Leg, balanced, fill_remaining, most, reversal_amounts};
use crate::holds::model::HoldAction;
use crate::refusal::{Missing, Refusal};
use kernel::Id;
use smallvec::SmallVec;

/// Accounts and amounts of an entry's postings after resolution; zero amounts are gone.
pub(super) type Resolved = SmallVec<[Touch; 2]>;

/// What postings are resolved for: what a hold would bring is not available to the same hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Entry,
    Hold,
}

impl Judge<'_> {
    pub(super) fn post_entry(&mut self, id: Id, entry: &PostEntry, manner: Manner) -> Result<(), Stop> {
        let details = entry.details.as_deref();
        self.check_details(details, manner)?;
        let mut touches = Resolved::new();
        self.resolve(&entry.postings, details, Purpose::Entry, &mut touches)?;
        for touch in &mut touches {
            touch.posted = touch.amount;
        }
        let party = details.and_then(|details| details.party.as_deref());
        self.propose(id, party, Effect::Posted { postings: Written::new() });
        self.move_balances(&touches, checks(details))?;
        self.settle();
        Ok(())
    }

    pub(super) fn reverse_entry(
        &mut self,
        id: Id,
        reversal: &ReverseEntry,
        manner: Manner,
    ) -> Result<(), Stop> {
        let details = reversal.details.as_deref();
        self.check_details(details, manner)?;
        if self.state.holds.contains_key(&reversal.entry) {
            let void = HoldAction::Void { share: reversal.share.clone() };
            return self.act_on_hold(id, reversal.entry, &void, details, manner);
        }
        let book = self.moment.book;
        let Some(facts) = self.moment.facts.entry(book, reversal.entry)? else {
            return Err(match self.moment.facts.closed_hold(book, reversal.entry)? {
                Some(status) => Refusal::HoldNotOpen { status }.into(),
                None => Refusal::NotFound(Missing::Entry).into(),
            });
        };
        let amounts = reversal_amounts(&facts, &reversal.share)?;
        let mut touches = Resolved::new();
        let mut reversed: Vec<i128> = facts.postings.iter().map(|posting| posting.reversed).collect();
        for (place, (posting, amount)) in facts.postings.iter().zip(&amounts).enumerate() {
            reversed[place] += amount;
            if *amount > 0 {
                let direction = posting.direction.other();
                let touch = Touch {
                    account: posting.account,
                    asset: posting.asset,
                    direction,
                    amount: *amount,
                    posted: *amount,
                    pending: 0,
                };
                self.check_status(touch.account, direction)?;
                touches.push(touch);
            }
        }
        let party = details.and_then(|details| details.party.as_deref()).or(facts.party.as_deref());
        let (entry, posted_at) = (reversal.entry, facts.posted_at);
        self.propose(id, party, Effect::Reversed { entry, postings: Written::new(), reversed, posted_at });
        self.move_balances(&touches, checks(details))?;
        self.settle();
        Ok(())
    }

    /// What is wrong with an entry's details before anything else is looked at.
    pub(super) fn check_details(&self, details: Option<&Details>, manner: Manner) -> Result<(), Refusal> {
        let Some(details) = details else { return Ok(()) };
        if details.effective_at.is_some_and(|at| at > self.moment.now) {
            return Err(Refusal::EffectiveInFuture { now: self.moment.now });
        }
        if details.override_.is_some() && !manner.may_override {
            return Err(Refusal::OverrideForbidden);
        }
        Ok(())
    }

    /// Resolves accounts and amounts. Order of refusals: unknown, closed, frozen, asset, same account,
    /// conditions on what stands before, nothing available, unbalanced.
    pub(super) fn resolve(
        &mut self,
        commands: &[PostingCommand],
        details: Option<&Details>,
        purpose: Purpose,
        touches: &mut Resolved,
    ) -> Result<(), Refusal> {
        for command in commands {
            let account = self.account_for(&command.account)?;
            let (asset, direction) = (command.asset, command.direction);
            touches.push(Touch { account, asset, direction, amount: 0, posted: 0, pending: 0 });
        }
        self.check_all_fit(touches)?;
        if let [one, other] = &touches[..]
            && one.account == other.account
        {
            return Err(Refusal::SameAccount);
        }
        self.judge_before(details.map_or(&[], |details| &details.conditions))?;
        self.resolve_amounts(commands, purpose, touches)?;
        balanced(touches.iter().map(|touch| (touch.asset, touch.direction, touch.amount)))
    }

    fn resolve_amounts(
        &mut self,
        commands: &[PostingCommand],
        purpose: Purpose,
        touches: &mut Resolved,
    ) -> Result<(), Refusal> {
        let mut plain = true;
        for (command, touch) in commands.iter().zip(touches.iter_mut()) {
            match command.amount {
                AmountCommand::Exact(amount) => touch.amount = amount,
                AmountCommand::Max { .. } | AmountCommand::Remaining => plain = false,
            }
        }
        if plain {
            return Ok(());
        }
        for place in 0..touches.len() {
            if let AmountCommand::Max { up_to } = commands[place].amount {
                touches[place].amount = self.most_of(touches, place, purpose, up_to)?;
            }
        }
        let leg = |(command, touch): (&PostingCommand, &Touch)| Leg {
            direction: touch.direction,
            asset: touch.asset,
            command: command.amount,
            amount: touch.amount,
        };
        let mut legs: Vec<Leg> = commands.iter().zip(touches.iter()).map(leg).collect();
        fill_remaining(&mut legs)?;
        for (touch, leg) in touches.iter_mut().zip(&legs) {
            touch.amount = leg.amount;
        }
        // The rest of many amounts may be more than one amount can be.
        if let Some(touch) = touches.iter().find(|touch| touch.amount >= kernel::money::MINOR_LIMIT) {
            return Err(Refusal::AmountOverflow { account: touch.account });
        }
        touches.retain(|touch| touch.amount > 0);
        Ok(())
    }

    /// What `max` resolves to, with the postings before it counted in.
    fn most_of(
        &self,
        touches: &Resolved,
        place: usize,
        purpose: Purpose,
        up_to: Option<i128>,
    ) -> Result<i128, Refusal> {
        let Touch { account, asset, direction, .. } = touches[place];
        let balance = self.state.find_balance(account, asset).map(|no| self.state.balance(no));
        let mut counters = balance.map(|balance| balance.counters).unwrap_or_default();
        let limits = balance.and_then(|balance| balance.limits.as_deref().copied()).unwrap_or_default();
        for earlier in &touches[..place] {
            if earlier.account == account && earlier.asset == asset {
                let side = match (purpose, earlier.direction) {
                    (Purpose::Entry, Direction::Debit) => &mut counters.debits,
                    (Purpose::Entry, Direction::Credit) => &mut counters.credits,
                    (Purpose::Hold, Direction::Debit) => &mut counters.debits_pending,
                    (Purpose::Hold, Direction::Credit) => &mut counters.credits_pending,
                };
                *side = side.saturating_add(earlier.amount);
            }
        }
        let kind = self.state.account(account).kind;
        let amount = most(kind, &limits, &counters, direction, up_to)
            .ok_or(Refusal::MaxNeedsBound { posting: place as u32 })?;
        Ok(amount.min(kernel::money::MINOR_LIMIT - 1))
    }

    fn check_status(&self, account: AccountNo, direction: Direction) -> Result<(), Refusal> {
        let known = self.state.account(account);
        if known.closed {
            return Err(Refusal::AccountClosed { account });
        }
        if known.frozen.stops(direction) {
            return Err(Refusal::AccountFrozen { account, direction });
        }
        Ok(())
    }

    /// Whether new postings may be on these accounts, sides and assets. Any closed account is named before
    /// any frozen one, and that before any asset that is not allowed.
    pub(super) fn check_all_fit(&self, touches: &[Touch]) -> Result<(), Refusal> {
        let mut fit = Ok(());
        for touch in touches {
            match self.check_fit(touch) {
                Ok(()) => {}
                Err(closed @ Refusal::AccountClosed { .. }) => return Err(closed),
                Err(frozen @ Refusal::AccountFrozen { .. }) if !is_frozen(&fit) => fit = Err(frozen),
                Err(other) => fit = fit.and(Err(other)),
            }
        }
        fit
    }

    fn check_fit(&self, touch: &Touch) -> Result<(), Refusal> {
        self.check_status(touch.account, touch.direction)?;
        let allowed = self.state.account(touch.account).allowed.as_deref();
        if allowed.is_some_and(|allowed| !allowed.contains(&touch.asset)) {
            return Err(Refusal::AssetNotAllowed { account: touch.account, asset: touch.asset });
        }
        Ok(())
    }

    /// For a capture that takes more than was reserved.
    pub(super) fn check_status_of(&self, touch: &Touch) -> Result<(), Refusal> {
        self.check_status(touch.account, touch.direction)
    }

    /// The account a posting names, opened by a pattern if one matches.
    fn account_for(&mut self, account: &AccountRef) -> Result<AccountNo, Refusal> {
        if let Some(no) = find_account(self.state, self.moment.book, account) {
            return Ok(no);
        }
        if let AccountRef::Path(path) = account
            && let Some(no) = self.open_by_pattern(path)?
        {
            return Ok(no);
        }
        Err(Refusal::UnknownAccount { named: named(account) })
    }
}

fn is_frozen(fit: &Result<(), Refusal>) -> bool {
    matches!(fit, Err(Refusal::AccountFrozen { .. }))
}

/// What an entry's details let be judged.
pub(super) fn checks(details: Option<&Details>) -> Checks<'_> {
    let Some(details) = details else { return Checks { floor: true, ceiling: true, conditions: &[] } };
    let passes = details.override_.as_ref();
    Checks {
        floor: !passes.is_some_and(|passes| passes.floor),
        ceiling: !passes.is_some_and(|passes| passes.ceiling),
        conditions: &details.conditions,
    }
}
