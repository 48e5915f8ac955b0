//! Judging what a record moved: postings balance and are those commanded, every counter moves by exactly
//! what the record moves, limits and statuses held, pointers lead where they should.

use super::judge::Judge;
use crate::accounts::model::{AccountNo, Counters, Limits};
use crate::accounts::rules::judge;
use crate::books::model::AssetNo;
use crate::effect::Effect;
use crate::entries::model::{
    AmountCommand, Details, Direction, EntryFacts, PostEntry, Posting, PostingCommand, ReverseEntry,
};
use crate::entries::rules::{balanced, reversal_amounts};
use crate::journal::lookup::facts_of;
use crate::skew::{Place, Stack};
use smallvec::SmallVec;

/// What a posting should be and do.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// Which account.
    pub account: AccountNo,
    /// Which asset.
    pub asset: AssetNo,
    /// Which side.
    pub direction: Direction,
    /// What it shows.
    pub amount: i128,
    /// Change of the posted counter.
    pub posted: i128,
    /// Change of the pending counter.
    pub pending: i128,
}

/// A balance while a record moves it.
struct Moving {
    account: AccountNo,
    asset: AssetNo,
    limits: Limits,
    before: Counters,
    now: Counters,
    stack: Stack,
}

type Moved = SmallVec<[Moving; 2]>;

/// Which limits are judged.
#[derive(Clone, Copy)]
pub struct Judged {
    /// Floors.
    pub floor: bool,
    /// Ceilings.
    pub ceiling: bool,
}

impl Judged {
    /// All but those that the command may pass, with its reason in the record.
    pub fn of(details: Option<&Details>) -> Self {
        let passes = details.and_then(|details| details.override_.as_ref());
        Self {
            floor: !passes.is_some_and(|passes| passes.floor),
            ceiling: !passes.is_some_and(|passes| passes.ceiling),
        }
    }

    /// None: what only gives back is never stopped.
    pub const NONE: Self = Self { floor: false, ceiling: false };
}

impl Judge<'_> {
    pub(super) fn posted(&mut self, entry: &PostEntry, postings: &[Posting]) {
        self.commanded(&entry.postings, postings);
        self.fresh(postings);
        let expected: SmallVec<[Expected; 2]> = postings.iter().map(posts).collect();
        self.moves(&expected, postings, Judged::of(entry.details.as_deref()));
    }

    /// What every new entry or hold keeps: balance, positive amounts, statuses, assets.
    pub(super) fn fresh(&mut self, postings: &[Posting]) {
        self.must(postings.len() >= 2, "it has fewer than two postings");
        self.must(postings.iter().all(|posting| posting.amount > 0), "an amount is not positive");
        self.balances(postings);
        for posting in postings {
            self.status(posting.account, posting.direction);
            let allowed = self.state.account(posting.account).allowed.as_deref();
            let allows = allowed.is_none_or(|allowed| allowed.contains(&posting.asset));
            self.must(allows, "an account may not hold its asset");
        }
    }

    pub(super) fn balances(&mut self, postings: &[Posting]) {
        let legs = postings.iter().map(|posting| (posting.asset, posting.direction, posting.amount));
        self.must(balanced(legs).is_ok(), "its debits and credits differ");
    }

    pub(super) fn status(&mut self, account: AccountNo, direction: Direction) {
        let known = self.state.account(account);
        self.must(!known.closed, "it posts to a closed account");
        self.must(!known.frozen.stops(direction), "it posts to a frozen side");
    }

    /// Whether the postings are those commanded; balancing amounts that came to zero are left out.
    pub(super) fn commanded(&mut self, commands: &[PostingCommand], postings: &[Posting]) {
        if let [one, other] = commands
            && self.find(&one.account) == self.find(&other.account)
        {
            self.wrong("both sides are one account");
        }
        let exact = |(command, posting): (&PostingCommand, &Posting)| {
            (self.find(&command.account), command.direction, command.asset, command.amount)
                == (
                    Some(posting.account),
                    posting.direction,
                    posting.asset,
                    AmountCommand::Exact(posting.amount),
                )
        };
        if commands.len() == postings.len() && commands.iter().zip(postings).all(exact) {
            return;
        }
        // Which postings a command stands for is open where amounts balance: every way is followed.
        let mut ends = vec![false; postings.len() + 1];
        ends[0] = true;
        for command in commands {
            let account = self.find(&command.account);
            let mut next = vec![false; postings.len() + 1];
            for place in (0..ends.len()).filter(|place| ends[*place]) {
                let fits = postings.get(place).is_some_and(|posting| {
                    Some(posting.account) == account
                        && posting.direction == command.direction
                        && posting.asset == command.asset
                        && match command.amount {
                            AmountCommand::Exact(amount) => posting.amount == amount,
                            AmountCommand::Max { up_to } => up_to.is_none_or(|most| posting.amount <= most),
                            AmountCommand::Remaining => true,
                        }
                });
                if fits {
                    next[place + 1] = true;
                }
                if !matches!(command.amount, AmountCommand::Exact(_)) {
                    next[place] = true;
                }
            }
            ends = next;
        }
        self.must(ends[postings.len()], "its postings are not those its command asks for");
    }

    /// Judges counters, limits and pointers of the postings that a record should have made.
    pub(super) fn moves(&mut self, expected: &[Expected], postings: &[Posting], judged: Judged) {
        let same = expected.len() == postings.len()
            && expected.iter().zip(postings).all(|(expected, posting)| {
                (expected.account, expected.asset, expected.direction, expected.amount)
                    == (posting.account, posting.asset, posting.direction, posting.amount)
            });
        if !same {
            return self.wrong("its postings are not what it should move");
        }
        let mut moved = Moved::new();
        for (number, (expected, posting)) in expected.iter().zip(postings).enumerate() {
            let place = self.place(&mut moved, expected.account, expected.asset);
            let moving = &mut moved[place];
            let (posted, pending) = match expected.direction {
                Direction::Debit => (&mut moving.now.debits, &mut moving.now.debits_pending),
                Direction::Credit => (&mut moving.now.credits, &mut moving.now.credits_pending),
            };
            *posted = posted.saturating_add(expected.posted);
            *pending = pending.saturating_add(expected.pending);
            let (now, links) = (moving.now, moving.stack.push(Place::new(self.record.position, number)));
            if now != posting.after {
                let told =
                    format_args!("posting {number} leaves {:?}, {now:?} is what it moves", posting.after);
                self.wrong(told);
            }
            let least = [now.debits, now.credits, now.debits_pending, now.credits_pending];
            self.must(least.into_iter().all(|counter| counter >= 0), "a counter falls below zero");
            if self.record.links.get(number) != Some(&links) {
                self.wrong(format_args!("posting {number} points to other postings than those before it"));
            }
        }
        for moving in &moved {
            let kind = self.state.account(moving.account).kind;
            let limits = Limits {
                floor: moving.limits.floor.filter(|_| judged.floor),
                ceiling: moving.limits.ceiling.filter(|_| judged.ceiling),
            };
            if let Some(breach) = judge(kind, &limits, &moving.before, &moving.now) {
                self.wrong(format_args!("a balance passes its limit: {breach:?}"));
            }
        }
    }

    fn place(&self, moved: &mut Moved, account: AccountNo, asset: AssetNo) -> usize {
        let same = |moving: &Moving| moving.account == account && moving.asset == asset;
        if let Some(place) = moved.iter().position(same) {
            return place;
        }
        let balance = self.state.find_balance(account, asset).map(|no| self.state.balance(no));
        let before = balance.map(|balance| balance.counters).unwrap_or_default();
        moved.push(Moving {
            account,
            asset,
            limits: balance.and_then(|balance| balance.limits.as_deref().copied()).unwrap_or_default(),
            before,
            now: before,
            stack: balance.map(|balance| balance.stack.clone()).unwrap_or_default(),
        });
        moved.len() - 1
    }

    pub(super) fn reversed(&mut self, reversal: &ReverseEntry) {
        let Effect::Reversed { entry, postings, reversed, posted_at } = &self.record.effect else { return };
        self.must(*entry == reversal.entry, "it reverses another entry than its command names");
        let Some(mut facts) = self.entry(*posted_at, *entry) else {
            return self.wrong("what it reverses is no entry that stands before it");
        };
        let key = (self.record.book, *entry);
        let before = self.reversed.get(&key);
        for (place, posting) in facts.postings.iter_mut().enumerate() {
            posting.reversed = before.and_then(|before| before.get(place).copied()).unwrap_or(0);
        }
        let details = reversal.details.as_deref();
        let party = details.and_then(|details| details.party.as_deref()).or(facts.party.as_deref());
        self.must(self.record.party.as_deref() == party, "its party is neither its own nor its entry's");
        match reversal_amounts(&facts, &reversal.share) {
            Err(refusal) => self.wrong(format_args!("it should have been refused: {refusal}")),
            Ok(amounts) => {
                let sums =
                    facts.postings.iter().zip(&amounts).map(|(posting, amount)| posting.reversed + amount);
                self.must(sums.eq(reversed.iter().copied()), "its totals are not what was reversed so far");
                let back = facts.postings.iter().zip(&amounts).filter(|(_, amount)| **amount > 0);
                let expected: Vec<Expected> = back
                    .map(|(posting, amount)| Expected {
                        account: posting.account,
                        asset: posting.asset,
                        direction: posting.direction.other(),
                        amount: *amount,
                        posted: *amount,
                        pending: 0,
                    })
                    .collect();
                self.moves(&expected, postings, Judged::of(details));
            }
        }
        for posting in postings {
            self.status(posting.account, posting.direction);
        }
        self.balances(postings);
        self.reversed.insert(key, reversed.clone());
    }

    /// The entry or capture at a position, nothing of it reversed.
    fn entry(&self, position: u64, id: kernel::Id) -> Option<EntryFacts> {
        if position >= self.record.position {
            return None;
        }
        let first = self.segments.record(position).ok()?;
        (first.id == id && first.book == self.record.book).then(|| facts_of(&first, &first)).flatten()
    }
}

fn posts(posting: &Posting) -> Expected {
    let Posting { account, asset, direction, amount, .. } = *posting;
    Expected { account, asset, direction, amount, posted: amount, pending: 0 }
}
