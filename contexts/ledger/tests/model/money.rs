//! The naive ledger's money: entries, holds, reversals.

use super::naive::{Entry, Hold, Leg, Naive, No, Reserved, Say, Tally, Undoable};
use kernel::Id;
use kernel::money::MINOR_LIMIT;
use ledger::command::Manner;
use ledger::entries::model::{
    AmountCommand, BalanceWord, Comparison, Condition, Details, Direction, PostEntry, PostingCommand,
    ReverseEntry, Share, Test,
};
use ledger::holds::model::{HoldAction, PlaceHold};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A posting with its account and amount known.
#[derive(Clone, Copy)]
struct Want {
    account: usize,
    asset: u32,
    debit: bool,
    amount: i128,
}

/// What happens to one balance.
struct Step {
    want: Want,
    posted: i128,
    held: i128,
}

/// What is judged besides the account's status.
struct Judged<'a> {
    floors: bool,
    ceilings: bool,
    conditions: &'a [Condition],
}

const NOTHING: Judged<'static> = Judged { floors: false, ceilings: false, conditions: &[] };

fn judged(details: Option<&Details>) -> Judged<'_> {
    let passes = details.and_then(|details| details.override_.as_ref());
    Judged {
        floors: !passes.is_some_and(|passes| passes.floor),
        ceilings: !passes.is_some_and(|passes| passes.ceiling),
        conditions: details.map_or(&[], |details| &details.conditions),
    }
}

impl Naive {
    pub fn post(&mut self, id: Id, entry: &PostEntry, manner: Manner) -> Result<Say, No> {
        let details = entry.details.as_deref();
        self.check_details(details, manner)?;
        let wants = self.wants(&entry.postings, details, false)?;
        let steps: Vec<Step> =
            wants.iter().map(|want| Step { want: *want, posted: want.amount, held: 0 }).collect();
        let party = details.and_then(|details| details.party.as_deref());
        let said = self.step(&steps, judged(details), party)?;
        self.keep_entry(id, false, party, &wants);
        Ok(said)
    }

    fn keep_entry(&mut self, id: Id, reversal: bool, party: Option<&str>, wants: &[Want]) {
        let postings = wants.iter().map(|w| {
            let Want { account, asset, debit, amount } = *w;
            Undoable { account, asset, debit, amount, undone: 0 }
        });
        let party = party.map(str::to_owned);
        self.entries.insert(id, Rc::new(Entry { reversal, party, postings: postings.collect() }));
    }

    fn check_details(&self, details: Option<&Details>, manner: Manner) -> Result<(), No> {
        let Some(details) = details else { return Ok(()) };
        if details.effective_at.is_some_and(|at| at > self.now) {
            return Err(format!("effective-in-future now={}", self.now));
        }
        if details.override_.is_some() && !manner.may_override {
            return Err("override-forbidden".to_owned());
        }
        Ok(())
    }

    fn status(&self, account: usize, debit: bool) -> Result<(), No> {
        let known = &self.accounts[account];
        if known.closed {
            return Err(format!("account-closed path={}", known.path));
        }
        if if debit { known.no_debits } else { known.no_credits } {
            let side = if debit { "debit" } else { "credit" };
            return Err(format!("account-frozen path={} direction={side}", known.path));
        }
        Ok(())
    }

    fn allowed(&self, account: usize, asset: u32) -> Result<(), No> {
        let known = &self.accounts[account];
        match &known.only {
            Some(only) if !only.contains(&asset) => {
                Err(format!("asset-not-allowed path={}{}", known.path, self.amounts(asset, &[])))
            }
            _ => Ok(()),
        }
    }

    fn wants(
        &mut self,
        commands: &[PostingCommand],
        details: Option<&Details>,
        hold: bool,
    ) -> Result<Vec<Want>, No> {
        let mut wants = Vec::new();
        for command in commands {
            let account = self.find_or_open(&command.account)?;
            let debit = command.direction == Direction::Debit;
            wants.push(Want { account, asset: command.asset.0, debit, amount: 0 });
        }
        // In documented order: any closed account before any frozen one before any unfit asset.
        let closed = wants.iter().find(|want| self.accounts[want.account].closed);
        if let Some(want) = closed {
            self.status(want.account, want.debit)?;
        }
        for want in &wants {
            self.status(want.account, want.debit)?;
        }
        for want in &wants {
            self.allowed(want.account, want.asset)?;
        }
        if wants.len() == 2 && wants[0].account == wants[1].account {
            return Err("same-account".to_owned());
        }
        self.before(details.map_or(&[], |details| &details.conditions))?;
        self.resolve(commands, &mut wants, hold)?;
        balanced(self, &wants)?;
        Ok(wants)
    }

    fn before(&self, conditions: &[Condition]) -> Result<(), No> {
        for (place, condition) in conditions.iter().enumerate() {
            let account = self.find_or_say(&condition.account)?;
            match condition.test {
                Test::Version(wanted) => {
                    let version = self.accounts[account].version;
                    if version != wanted {
                        return Err(format!("condition-failed condition={place} version={version}"));
                    }
                }
                Test::LastSeq(asset, wanted) => {
                    let seq = self.tally(account, asset.0).last_seq;
                    if seq != wanted {
                        return Err(format!("condition-failed condition={place} last_seq={seq}"));
                    }
                }
                Test::Balance(..) => {}
            }
        }
        Ok(())
    }

    fn resolve(&self, commands: &[PostingCommand], wants: &mut Vec<Want>, hold: bool) -> Result<(), No> {
        let mut balancing = false;
        for place in 0..wants.len() {
            wants[place].amount = match commands[place].amount {
                AmountCommand::Exact(amount) => amount,
                AmountCommand::Remaining => {
                    balancing = true;
                    0
                }
                AmountCommand::Max { up_to } => {
                    balancing = true;
                    self.most(&wants[..=place], up_to, hold)
                        .ok_or_else(|| format!("max-needs-bound posting={place}"))?
                }
            };
            // A later posting is not yet there when an earlier one takes the most.
        }
        if !balancing {
            return Ok(());
        }
        for place in 0..wants.len() {
            if commands[place].amount != AmountCommand::Remaining {
                continue;
            }
            let want = wants[place];
            let sum = |debit: bool| -> i128 {
                let of_side = wants.iter().filter(|w| w.asset == want.asset && w.debit == debit);
                of_side.map(|w| w.amount).sum()
            };
            let (own, other) = (sum(want.debit), sum(!want.debit));
            if own > other {
                let amounts = [("debits", sum(true)), ("credits", sum(false))];
                return Err(format!("unbalanced-entry{}", self.amounts(want.asset, &amounts)));
            }
            wants[place].amount = other - own;
        }
        if wants.iter().all(|want| want.amount == 0) {
            return Err("nothing-available".to_owned());
        }
        wants.retain(|want| want.amount > 0);
        Ok(())
    }

    /// What the last of these postings may take or bring, the ones before it counted in.
    fn most(&self, wants: &[Want], up_to: Option<i128>, hold: bool) -> Option<i128> {
        let (last, earlier) = wants.split_last()?;
        let mut tally = self.tally(last.account, last.asset);
        for want in earlier.iter().filter(|w| w.account == last.account && w.asset == last.asset) {
            *match (want.debit, hold) {
                (true, false) => &mut tally.debits,
                (false, false) => &mut tally.credits,
                (true, true) => &mut tally.held_debits,
                (false, true) => &mut tally.held_credits,
            } += want.amount;
        }
        let account = &self.accounts[last.account];
        let up = last.debit == (account.kind.normal_side() == Direction::Debit);
        let room = if up {
            let ceiling = account.ceilings.get(&last.asset);
            ceiling.map(|ceiling| ceiling - self.reach(last.account, &tally))
        } else {
            let floor = account.floors.get(&last.asset);
            floor.map(|floor| self.available(last.account, &tally) - floor)
        };
        let most = match (room, up_to) {
            (Some(room), Some(up_to)) => room.min(up_to),
            (Some(room), None) => room,
            (None, up_to) => up_to?,
        };
        Some(most.clamp(0, MINOR_LIMIT - 1))
    }

    pub fn place(&mut self, id: Id, place: &PlaceHold, manner: Manner) -> Result<Say, No> {
        let details = place.details.as_deref();
        self.check_details(details, manner)?;
        let after = |seconds: u64| self.now.plus_us(seconds as i64 * 1_000_000);
        let expires_at = place.expires_at.or(place.expires_in_s.map(after));
        if expires_at.is_some_and(|at| at <= self.now) {
            return Err(format!("expiry-in-past now={}", self.now));
        }
        let wants = self.wants(&place.postings, details, true)?;
        if !place.tolerance.is_empty() && place.tolerance.len() != wants.len() {
            return Err("invalid-share".to_owned());
        }
        let steps: Vec<Step> =
            wants.iter().map(|want| Step { want: *want, posted: 0, held: want.amount }).collect();
        let party = details.and_then(|details| details.party.as_deref());
        let said = self.step(&steps, judged(details), party)?;
        let reserved = |(number, want): (usize, &Want)| Reserved {
            account: want.account,
            asset: want.asset,
            debit: want.debit,
            held: want.amount,
            captured: 0,
            released: 0,
            tolerance: place.tolerance.get(number).copied().unwrap_or(0),
        };
        let postings = wants.iter().enumerate().map(reserved).collect();
        let party = party.map(str::to_owned);
        self.keep_hold(id, Hold { state: "open", expires_at, party, postings });
        Ok(said)
    }

    pub fn act(
        &mut self,
        id: Id,
        hold_id: Id,
        action: &HoldAction,
        details: Option<&Details>,
        manner: Manner,
    ) -> Result<Say, No> {
        self.check_details(details, manner)?;
        let Some(hold) = self.holds.get(&hold_id).cloned() else { return Err("not-found".to_owned()) };
        if hold.state != "open" {
            return Err(not_open(hold.state));
        }
        let mut after = Hold::clone(&hold);
        let left: Vec<i128> = hold.postings.iter().map(Reserved::left).collect();
        let mut shown = vec![0; left.len()];
        match action {
            HoldAction::Capture { share, last } => {
                shown = shares(share, &left)?;
                for (place, (posting, amount)) in after.postings.iter_mut().zip(&shown).enumerate() {
                    let most =
                        (posting.held + posting.tolerance - posting.captured - posting.released).max(0);
                    if *amount > most {
                        let amounts = [("remaining", most), ("requested", *amount)];
                        let asset = self.amounts(posting.asset, &amounts);
                        return Err(format!("capture-exceeds-hold posting={place}{asset}"));
                    }
                    posting.captured += amount;
                    posting.released += if *last { (left[place] - amount).max(0) } else { 0 };
                }
                self.positive_and_balanced(&hold, &shown)?;
            }
            HoldAction::Void { share } => {
                shown = shares(share, &left)?;
                for (place, (posting, amount)) in after.postings.iter_mut().zip(&shown).enumerate() {
                    if *amount > left[place] {
                        let amounts = [("remaining", left[place]), ("requested", *amount)];
                        let asset = self.amounts(posting.asset, &amounts);
                        return Err(format!("void-exceeds-hold posting={place}{asset}"));
                    }
                    posting.released += amount;
                }
                // All of it can always be released.
                if *share != Share::Rest {
                    self.positive_and_balanced(&hold, &shown)?;
                }
            }
            HoldAction::Increment { share } => {
                let held: Vec<i128> = hold.postings.iter().map(|posting| posting.held).collect();
                shown = shares(share, &held)?;
                self.positive_and_balanced(&hold, &shown)?;
                for (posting, amount) in after.postings.iter_mut().zip(&shown) {
                    posting.held += amount;
                }
            }
            HoldAction::Extend { expires_at } => match hold.expires_at {
                Some(present) if *expires_at > present && *expires_at > self.now => {
                    after.expires_at = Some(*expires_at);
                }
                Some(present) => return Err(format!("invalid-extension expires_at={present}")),
                None => return Err("invalid-extension expires_at=null".to_owned()),
            },
            HoldAction::Expire => unreachable!("nobody asks for it"),
        }
        let steps = self.hold_steps(action, &hold, &after, &shown)?;
        let judged = match action {
            HoldAction::Capture { .. } | HoldAction::Increment { .. } => judged(details),
            _ => NOTHING,
        };
        let said = self.step(&steps, judged, hold.party.as_deref())?;
        if after.postings.iter().all(|posting| posting.left() == 0) {
            let captured = after.postings.iter().any(|posting| posting.captured > 0);
            after.state = if captured { "captured" } else { "voided" };
        }
        if matches!(action, HoldAction::Capture { .. }) {
            let wants: Vec<Want> = steps.iter().map(|step| step.want).collect();
            self.keep_entry(id, false, hold.party.as_deref(), &wants);
        }
        self.keep_hold(hold_id, after);
        Ok(said)
    }

    /// What an action does to balances. Sides that are frozen stop what takes more than was reserved.
    fn hold_steps(
        &self,
        action: &HoldAction,
        hold: &Hold,
        after: &Hold,
        shown: &[i128],
    ) -> Result<Vec<Step>, No> {
        let mut steps = Vec::new();
        for ((before, after), shown) in hold.postings.iter().zip(&after.postings).zip(shown) {
            let (posted, held) = (after.captured - before.captured, after.left() - before.left());
            if posted == 0 && held == 0 {
                continue;
            }
            let Reserved { account, asset, debit, .. } = *before;
            match action {
                HoldAction::Increment { .. } => {
                    self.status(account, debit)?;
                    self.allowed(account, asset)?;
                }
                HoldAction::Capture { .. } if posted > -held => self.status(account, debit)?,
                _ => {}
            }
            steps.push(Step { want: Want { account, asset, debit, amount: *shown }, posted, held });
        }
        Ok(steps)
    }

    fn positive_and_balanced(&self, hold: &Hold, amounts: &[i128]) -> Result<(), No> {
        if amounts.iter().all(|amount| *amount == 0) {
            return Err("invalid-share".to_owned());
        }
        let want = |(posting, amount): (&Reserved, &i128)| {
            let Reserved { account, asset, debit, .. } = *posting;
            Want { account, asset, debit, amount: *amount }
        };
        let wants: Vec<Want> = hold.postings.iter().zip(amounts).map(want).collect();
        balanced(self, &wants)
    }

    pub fn reverse(&mut self, id: Id, reversal: &ReverseEntry, manner: Manner) -> Result<Say, No> {
        let details = reversal.details.as_deref();
        self.check_details(details, manner)?;
        if let Some(hold) = self.holds.get(&reversal.entry) {
            if hold.state == "open" {
                let void = HoldAction::Void { share: reversal.share.clone() };
                return self.act(id, reversal.entry, &void, details, manner);
            }
            return Err(not_open(hold.state));
        }
        let Some(entry) = self.entries.get(&reversal.entry).cloned() else {
            return Err("not-found".to_owned());
        };
        if entry.reversal {
            return Err("reversal-of-reversal".to_owned());
        }
        let left: Vec<i128> = entry.postings.iter().map(|posting| posting.amount - posting.undone).collect();
        let amounts = shares(&reversal.share, &left)?;
        let exceeds = |place: usize, requested: i128| {
            let amounts = [("remaining", left[place]), ("requested", requested)];
            let asset = self.amounts(entry.postings[place].asset, &amounts);
            format!("reversal-exceeds-entry posting={place}{asset}")
        };
        if let Some(place) = (0..left.len()).find(|place| amounts[*place] > left[*place]) {
            return Err(exceeds(place, amounts[place]));
        }
        if amounts.iter().all(|amount| *amount == 0) {
            return Err(exceeds(0, entry.postings[0].amount));
        }
        let mut undone = Entry::clone(&entry);
        let mut wants = Vec::new();
        for (posting, amount) in undone.postings.iter_mut().zip(&amounts) {
            posting.undone += amount;
            let Undoable { account, asset, debit, .. } = *posting;
            wants.push(Want { account, asset, debit, amount: *amount });
        }
        balanced(self, &wants)?;
        wants.retain(|want| want.amount > 0);
        wants.iter_mut().for_each(|want| want.debit = !want.debit);
        for want in &wants {
            self.status(want.account, want.debit)?;
        }
        let steps: Vec<Step> =
            wants.iter().map(|want| Step { want: *want, posted: want.amount, held: 0 }).collect();
        let own = details.and_then(|details| details.party.clone());
        let party = own.map(String::from).or(entry.party.clone());
        let said = self.step(&steps, judged(details), party.as_deref())?;
        self.entries.insert(reversal.entry, Rc::new(undone));
        self.keep_entry(id, true, party.as_deref(), &wants);
        Ok(said)
    }

    /// Moves balances, all or none, and takes the next number.
    fn step(&mut self, steps: &[Step], judged: Judged<'_>, party: Option<&str>) -> Result<Say, No> {
        let mut touched: Vec<(usize, u32)> = Vec::new();
        let mut new: BTreeMap<(usize, u32), Tally> = BTreeMap::new();
        let mut legs = Vec::new();
        for Step { want, posted, held } in steps {
            let place = (want.account, want.asset);
            if !touched.contains(&place) {
                touched.push(place);
            }
            let tally = new.entry(place).or_insert_with(|| self.tally(place.0, place.1));
            let (counter, pending) = match want.debit {
                true => (&mut tally.debits, &mut tally.held_debits),
                false => (&mut tally.credits, &mut tally.held_credits),
            };
            *counter += posted;
            *pending += held;
            let Want { account, asset, debit, amount } = *want;
            legs.push(Leg { account, asset, debit, amount, after: *tally });
        }
        self.limits(&touched, &new, &judged)?;
        self.after(&new, judged.conditions)?;
        let (seq, party_seq) = self.number(party);
        for (place, mut tally) in new {
            tally.last_seq = seq;
            self.tallies.insert(place, tally);
        }
        for leg in &mut legs {
            leg.after.last_seq = seq;
        }
        Ok(Say::Done(seq, party.map(str::to_owned), party_seq, legs))
    }

    fn limits(
        &mut self,
        touched: &[(usize, u32)],
        new: &BTreeMap<(usize, u32), Tally>,
        judged: &Judged<'_>,
    ) -> Result<(), No> {
        let mut passed = Vec::new();
        for place in touched {
            let (account, old) = (&self.accounts[place.0], self.tally(place.0, place.1));
            let (old, now) = (self.available(place.0, &old), self.available(place.0, &new[place]));
            match account.floors.get(&place.1) {
                Some(floor) if now < *floor && now < old && judged.floors => {
                    let amounts = [("available", (old - floor).max(0)), ("requested", old - now)];
                    let asset = self.amounts(place.1, &amounts);
                    return Err(format!("insufficient-funds path={}{asset}", account.path));
                }
                Some(floor) if now < *floor => passed.push(*place),
                _ => {}
            }
        }
        for place in touched {
            let (account, old) = (&self.accounts[place.0], self.tally(place.0, place.1));
            let (old, now) = (self.reach(place.0, &old), self.reach(place.0, &new[place]));
            match account.ceilings.get(&place.1) {
                Some(ceiling) if now > *ceiling && now > old && judged.ceilings => {
                    let amounts = [("room", (ceiling - old).max(0)), ("requested", now - old)];
                    let asset = self.amounts(place.1, &amounts);
                    return Err(format!("ceiling-exceeded path={}{asset}", account.path));
                }
                _ => {}
            }
        }
        self.overridden.extend(passed);
        Ok(())
    }

    fn after(&self, new: &BTreeMap<(usize, u32), Tally>, conditions: &[Condition]) -> Result<(), No> {
        for (place, condition) in conditions.iter().enumerate() {
            let Test::Balance(asset, word, comparison, bound) = condition.test else { continue };
            let account = self.find_or_say(&condition.account)?;
            let tally = new.get(&(account, asset.0)).copied().unwrap_or(self.tally(account, asset.0));
            let sign = if self.accounts[account].kind.normal_side() == Direction::Debit { 1 } else { -1 };
            let found = match word {
                BalanceWord::Posted => sign * (tally.debits - tally.credits),
                BalanceWord::Pending => sign * (tally.held_debits - tally.held_credits),
                BalanceWord::Available => self.available(account, &tally),
            };
            let holds = match comparison {
                Comparison::Gt => found > bound,
                Comparison::Gte => found >= bound,
                Comparison::Eq => found == bound,
                Comparison::Lte => found <= bound,
                Comparison::Lt => found < bound,
            };
            if !holds {
                let amounts = self.amounts(asset.0, &[("found", found)]);
                return Err(format!("condition-failed condition={place}{amounts}"));
            }
        }
        Ok(())
    }

    pub fn tally(&self, account: usize, asset: u32) -> Tally {
        self.tallies.get(&(account, asset)).copied().unwrap_or_default()
    }

    /// Posted, less what holds will take.
    pub fn available(&self, account: usize, tally: &Tally) -> i128 {
        match self.accounts[account].kind.normal_side() {
            Direction::Debit => tally.debits - tally.credits - tally.held_credits,
            Direction::Credit => tally.credits - tally.debits - tally.held_debits,
        }
    }

    /// Posted, with what holds will bring.
    fn reach(&self, account: usize, tally: &Tally) -> i128 {
        match self.accounts[account].kind.normal_side() {
            Direction::Debit => tally.debits - tally.credits + tally.held_debits,
            Direction::Credit => tally.credits - tally.debits + tally.held_credits,
        }
    }
}

fn not_open(state: &str) -> No {
    let slug = if state == "expired" { "hold-expired" } else { "hold-not-open" };
    format!("{slug} hold_status={state}")
}

/// Amounts that a share takes, one per posting.
fn shares(share: &Share, left: &[i128]) -> Result<Vec<i128>, No> {
    match share {
        Share::Rest => Ok(left.to_vec()),
        Share::Amount(amount) if left.len() == 2 => Ok(vec![*amount; 2]),
        Share::Amount(_) => Err("invalid-share".to_owned()),
        Share::Postings(named) => {
            let mut amounts = vec![0; left.len()];
            for (place, amount) in named {
                match amounts.get_mut(*place as usize) {
                    Some(slot) if *slot == 0 => *slot = *amount,
                    _ => return Err("invalid-share".to_owned()),
                }
            }
            Ok(amounts)
        }
    }
}

/// Debits and credits are equal in every asset.
fn balanced(naive: &Naive, wants: &[Want]) -> Result<(), No> {
    for want in wants {
        let sum = |debit: bool| -> i128 {
            let of_side = wants.iter().filter(|other| other.asset == want.asset && other.debit == debit);
            of_side.map(|other| other.amount).sum()
        };
        if sum(true) != sum(false) {
            let amounts = [("debits", sum(true)), ("credits", sum(false))];
            return Err(format!("unbalanced-entry{}", naive.amounts(want.asset, &amounts)));
        }
    }
    Ok(())
}
