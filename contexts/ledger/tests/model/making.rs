//! Random commands: mostly sensible ones, some that must be refused, many that come again.

use super::dice::Dice;
use super::naive::{Hold, Naive, Reserved};
use crate::rig::words::{account, pattern};
use kernel::{Asset, AssetCode, Id, Timestamp};
use ledger::accounts::model::{AccountNo, AccountRef, ChangeAccount, Frozen, Lifecycle, Limits};
use ledger::books::model::{AssetNo, RegisterAsset};
use ledger::command::{Command, Keys, Manner, Request};
use ledger::entries::model::{
    AmountCommand, BalanceWord, Comparison, Condition, Details, Direction, Override, PostEntry,
    PostingCommand, Postings, ReverseEntry, Share, Test,
};
use ledger::holds::model::{ActOnHold, HoldAction, PlaceHold};

/// Assets that commands use; the preloaded ones are there from the start.
const ASSETS: usize = 3;
/// Patterns that are tried; some overlap.
const PATTERNS: [(&str, &str, &str, u64); 6] = [
    ("p:*:wallet", "liability", "A>=0", 12),
    ("p:u1:*", "liability", "", 5),
    ("q:*", "asset", "only=A+B A<=5000", 4),
    ("*:wallet", "liability", "A>=-50 B>=0", 3),
    ("q:*", "asset", "", 4),
    ("r:*:*", "income", "A>=5 A<=4", 4),
];

/// Makes commands.
pub struct Maker {
    pub dice: Dice,
    /// Ids of things that were asked for, whether they came to be or not.
    made: Vec<Id>,
    /// Requests that had a name.
    named: Vec<(Request, Manner)>,
    count: u64,
}

impl Maker {
    pub fn new(seed: u64) -> Self {
        Self { dice: Dice(seed), made: Vec::new(), named: Vec::new(), count: 0 }
    }

    /// A new id, client-made or not: the ledger takes either.
    pub fn id(&mut self) -> Id {
        self.count += 1;
        Id(u128::from(self.count) << 64 | u128::from(self.dice.roll()))
    }

    /// A request: new, or one that came before.
    pub fn request(&mut self, naive: &Naive, in_batch: bool) -> (Request, Manner) {
        if !self.named.is_empty() && self.dice.percent(14) {
            return self.again(naive, in_batch);
        }
        let command = self.command(naive, in_batch);
        let request = self.name(command);
        let manner = Manner {
            dry_run: !in_batch && self.dice.percent(4),
            freeze_refusals: self.dice.percent(25),
            may_override: self.dice.percent(60),
        };
        if matches!(
            request.command,
            Command::PostEntry(_) | Command::PlaceHold(_) | Command::ActOnHold(_) | Command::ReverseEntry(_)
        ) {
            self.made.push(request.id);
        }
        if request != self.unnamed(&request) && !manner.dry_run {
            self.named.push((request.clone(), manner));
        }
        (request, manner)
    }

    fn unnamed(&self, request: &Request) -> Request {
        let mut request = request.clone();
        request.keys = Keys::default();
        request
    }

    fn name(&mut self, command: Command) -> Request {
        let key = self.dice.percent(25).then(|| format!("key-{}", self.count).into());
        let own_id = self.dice.percent(40);
        Request { id: self.id(), keys: Keys { key, own_id }, command }
    }

    /// An earlier request: as it was, spelled otherwise, or another one under its name.
    fn again(&mut self, naive: &Naive, in_batch: bool) -> (Request, Manner) {
        let place = match self.dice.percent(50) {
            true => self.dice.below(self.named.len()),
            false => self.named.len() - 1 - self.dice.below(self.named.len().min(30)),
        };
        let (mut request, manner) = self.named[place].clone();
        self.respell(naive, &mut request.command);
        match self.dice.below(10) {
            0..=5 => {}
            6..=7 => self.alter(&mut request.command),
            8 => request.command = self.command(naive, in_batch),
            _ => {
                // The name of another request beside its own.
                let other = self.dice.pick(&self.named).0.clone();
                request.keys.key = other.keys.key.or(request.keys.key);
            }
        }
        if !request.keys.own_id {
            request.id = self.id();
        }
        let settings = matches!(request.command, Command::ChangeAccount(..) | Command::MoveAccount(..));
        if in_batch && settings {
            request.command = self.entry(naive);
        }
        (request, Manner { dry_run: false, ..manner })
    }

    fn respell(&mut self, naive: &Naive, command: &mut Command) {
        let postings: &mut [PostingCommand] = match command {
            Command::PostEntry(entry) => &mut entry.postings,
            Command::PlaceHold(hold) => &mut hold.postings,
            _ => return,
        };
        for posting in postings {
            if let Some(no) = naive.find(&posting.account) {
                posting.account = self.spell(naive, no);
            }
        }
    }

    fn spell(&mut self, naive: &Naive, no: usize) -> AccountRef {
        match (self.dice.below(3), naive.accounts[no].id) {
            (0, _) => AccountRef::Known(AccountNo(no as u32)),
            (1, Some(id)) => AccountRef::Id(id),
            _ => AccountRef::Path(naive.accounts[no].path.as_str().into()),
        }
    }

    fn alter(&mut self, command: &mut Command) {
        let which = self.dice.below(4);
        let details = match command {
            Command::PostEntry(entry) => {
                if which == 0 {
                    entry.postings[0].asset.0 = (entry.postings[0].asset.0 + 1) % ASSETS as u32;
                    return;
                }
                &mut entry.details
            }
            Command::PlaceHold(hold) => {
                if which == 0 {
                    hold.expires_at = hold.expires_at.map_or(Some(Timestamp(1)), |at| Some(at.plus_us(1)));
                    return;
                }
                &mut hold.details
            }
            Command::ReverseEntry(reversal) => &mut reversal.details,
            Command::ActOnHold(act) => &mut act.details,
            Command::OpenAccount(open) => {
                open.text.description = Some("another".into());
                return;
            }
            Command::ChangeAccount(_, change) => {
                change.metadata.push(("other".into(), None));
                return;
            }
            Command::MoveAccount(_, _, why) => {
                *why = Some("for another reason".into());
                return;
            }
            Command::RegisterAsset(register) => {
                register.asset.scale += 1;
                return;
            }
            Command::SetPattern(pattern) => {
                pattern.quota += 1;
                return;
            }
        };
        let details = details.get_or_insert_default();
        match which {
            1 => details.reference = Some("another".into()),
            2 => details.text.description = Some("another".into()),
            _ => details.party = Some("another".into()),
        }
    }

    fn command(&mut self, naive: &Naive, in_batch: bool) -> Command {
        match self.dice.below(1000) {
            0..=499 => self.entry(naive),
            500..=619 => self.hold(naive),
            620..=789 => self.act(naive),
            790..=879 => self.reverse(naive),
            880..=919 => self.open(),
            920..=929 => self.pattern(),
            930..=934 => self.asset(),
            _ if in_batch => self.entry(naive),
            935..=959 => self.change(naive),
            _ => self.life(naive),
        }
    }

    fn open(&mut self) -> Command {
        let path = format!("a:{}", self.dice.below(48));
        let kinds = ["asset", "liability", "equity", "income", "expense", "liability"];
        let limits =
            ["", "", "A>=0", "A>=0 B>=-500", "A<=9000", "A>=-200 A<=4000", "only=A+B A>=0", "A>=9 A<=1"];
        let (kind, limits) = (*self.dice.pick(&kinds), *self.dice.pick(&limits));
        let mut command = account(&path, kind, limits);
        if let Command::OpenAccount(open) = &mut command
            && self.dice.percent(30)
        {
            open.text.description = Some(format!("account {}", self.count).into());
            open.text.metadata = vec![("colour".into(), "red".into())];
        }
        command
    }

    fn pattern(&mut self) -> Command {
        let (text, kind, limits, quota) = *self.dice.pick(&PATTERNS);
        pattern(text, kind, limits, quota)
    }

    fn asset(&mut self) -> Command {
        let code = *self.dice.pick(&["EUR", "PTS", "MILES", "GOLD.G"]);
        let asset = Asset { code: AssetCode::parse(code).unwrap(), scale: self.dice.below(5) as u8 };
        Command::RegisterAsset(RegisterAsset { asset, name: None })
    }

    fn change(&mut self, naive: &Naive) -> Command {
        let no = self.dice.below(naive.accounts.len());
        let mut change = ChangeAccount::default();
        if self.dice.percent(40) {
            let floor = self.dice.percent(60).then(|| self.dice.between(-500, 100));
            let ceiling = self.dice.percent(40).then(|| self.dice.between(50, 9000));
            change.limits = vec![(self.an_asset(), Limits { floor, ceiling })];
        }
        if self.dice.percent(15) {
            let only = self.dice.percent(50).then(|| vec![AssetNo(self.dice.below(2) as u32), AssetNo(2)]);
            change.assets = Some(only);
        }
        if self.dice.percent(30) {
            change.description = Some(self.dice.percent(70).then(|| "what it is for".into()));
        }
        if self.dice.percent(30) {
            let value = self.dice.percent(70).then(|| format!("{}", self.dice.below(100)).into());
            change.metadata = vec![("colour".into(), value)];
        }
        if self.dice.percent(30) {
            let off = u32::from(self.dice.percent(30));
            change.if_version = Some(naive.accounts[no].version + off);
        }
        Command::ChangeAccount(AccountNo(no as u32), change)
    }

    fn life(&mut self, naive: &Naive) -> Command {
        let frozen: Vec<usize> = (0..naive.accounts.len())
            .filter(|no| naive.accounts[*no].no_debits || naive.accounts[*no].no_credits)
            .collect();
        let any = self.dice.below(naive.accounts.len());
        let (no, change) = match self.dice.below(10) {
            0..=5 if !frozen.is_empty() => (*self.dice.pick(&frozen), Lifecycle::Thaw),
            0..=2 => (any, Lifecycle::Thaw),
            3..=7 => {
                let (debits, credits) = *self.dice.pick(&[(true, false), (false, true), (true, true)]);
                (any, Lifecycle::Freeze(Frozen { debits, credits }))
            }
            _ => (any, Lifecycle::Close),
        };
        let why = self.dice.percent(50).then(|| "asked for".into());
        Command::MoveAccount(AccountNo(no as u32), change, why)
    }

    fn an_asset(&mut self) -> AssetNo {
        AssetNo(if self.dice.percent(70) { 0 } else { self.dice.below(ASSETS) as u32 })
    }

    fn an_amount(&mut self) -> i128 {
        match self.dice.below(100) {
            0 => 10_i128.pow(30),
            1..=4 => self.dice.between(1_000, 100_000),
            _ => self.dice.between(1, 400),
        }
    }

    fn an_account(&mut self, naive: &Naive) -> AccountRef {
        match self.dice.below(100) {
            0 => AccountRef::Path(format!("none:{}", self.dice.below(9)).into()),
            1 => AccountRef::Id(self.id()),
            2..=6 => AccountRef::Path(format!("p:u{}:wallet", self.dice.below(20)).into()),
            7..=8 => AccountRef::Path(format!("q:{}", self.dice.below(7)).into()),
            9 => AccountRef::Path(format!("a:{}", self.dice.below(60)).into()),
            _ => {
                let no = self.dice.below(naive.accounts.len());
                self.spell(naive, no)
            }
        }
    }

    fn entry(&mut self, naive: &Naive) -> Command {
        Command::PostEntry(PostEntry { postings: self.postings(naive), details: self.details(naive) })
    }

    fn postings(&mut self, naive: &Naive) -> Postings {
        let mut postings = Postings::new();
        let groups = if self.dice.percent(90) { 1 } else { 2 };
        for _ in 0..groups {
            let asset = self.an_asset();
            let of_group = match self.dice.below(100) {
                0..=17 => self.balancing(naive, asset),
                18..=34 => self.several(naive, asset),
                _ => self.pair(naive, asset),
            };
            postings.extend(of_group);
        }
        if self.dice.percent(3) {
            let place = self.dice.below(postings.len());
            if let AmountCommand::Exact(amount) = &mut postings[place].amount {
                *amount += 1;
            }
        }
        if self.dice.percent(2) {
            postings[1].account = postings[0].account.clone();
        }
        postings
    }

    fn posting(
        &mut self,
        naive: &Naive,
        debit: bool,
        asset: AssetNo,
        amount: AmountCommand,
    ) -> PostingCommand {
        let direction = if debit { Direction::Debit } else { Direction::Credit };
        PostingCommand { account: self.an_account(naive), direction, asset, amount }
    }

    fn pair(&mut self, naive: &Naive, asset: AssetNo) -> Vec<PostingCommand> {
        let amount = AmountCommand::Exact(self.an_amount());
        let first = self.dice.percent(80);
        vec![self.posting(naive, first, asset, amount), self.posting(naive, !first, asset, amount)]
    }

    fn several(&mut self, naive: &Naive, asset: AssetNo) -> Vec<PostingCommand> {
        let first = self.dice.percent(50);
        let parts: Vec<i128> = (0..self.dice.between(2, 6)).map(|_| self.an_amount()).collect();
        let mut postings = vec![self.posting(naive, first, asset, AmountCommand::Exact(parts.iter().sum()))];
        for part in parts {
            postings.push(self.posting(naive, !first, asset, AmountCommand::Exact(part)));
        }
        if self.dice.percent(30) {
            let place = self.dice.below(postings.len());
            postings.swap(0, place);
        }
        postings
    }

    /// One posting takes the most, perhaps beside exact ones on the same account; another takes the rest.
    fn balancing(&mut self, naive: &Naive, asset: AssetNo) -> Vec<PostingCommand> {
        let side = self.dice.percent(50);
        let up_to = self.dice.percent(60).then(|| self.an_amount());
        let mut postings = Vec::new();
        let most = self.posting(naive, side, asset, AmountCommand::Max { up_to });
        for _ in 0..self.dice.below(3) {
            let amount = AmountCommand::Exact(self.an_amount());
            let own = self.dice.percent(60);
            let mut exact = self.posting(naive, own == side, asset, amount);
            if self.dice.percent(50) {
                exact.account = most.account.clone();
            }
            postings.push(exact);
        }
        let place = self.dice.below(postings.len() + 1);
        postings.insert(place, most);
        if self.dice.percent(95) {
            let rest = self.posting(naive, !side, asset, AmountCommand::Remaining);
            let place = self.dice.below(postings.len() + 1);
            postings.insert(place, rest);
        }
        if postings.len() < 2 {
            let amount = AmountCommand::Exact(self.an_amount());
            postings.push(self.posting(naive, !side, asset, amount));
        }
        postings
    }

    fn details(&mut self, naive: &Naive) -> Option<Box<Details>> {
        if self.dice.percent(50) {
            return None;
        }
        let mut details = Details::default();
        self.count += 1;
        let count = self.count;
        let now = naive.now;
        details.unique_ref = self.dice.percent(25).then(|| format!("ref-{count}").into());
        details.reference = self.dice.percent(20).then(|| "order".into());
        details.party = self.dice.percent(40).then(|| format!("party-{}", self.dice.below(7)).into());
        if self.dice.percent(10) {
            let us = self.dice.between(-90_000_000, 5_000_000) as i64;
            details.effective_at = Some(now.plus_us(us));
        }
        if self.dice.percent(10) {
            let floor = self.dice.percent(80);
            details.override_ = Some(Override { floor, ceiling: self.dice.percent(50), reason: "so".into() });
        }
        for _ in 0..self.dice.below(20).saturating_sub(17) {
            details.conditions.push(self.condition(naive));
        }
        if self.dice.percent(20) {
            details.text.description = Some("a sentence".into());
            details.text.metadata = vec![("order".into(), format!("{count}").into())];
        }
        Some(Box::new(details))
    }

    fn condition(&mut self, naive: &Naive) -> Condition {
        let account = self.an_account(naive);
        let asset = self.an_asset();
        let no = naive.find(&account).unwrap_or(0);
        let tally = naive.tally(no, asset.0);
        let test = match self.dice.below(4) {
            0 => Test::Version(naive.accounts[no].version + u32::from(self.dice.percent(20))),
            1 => Test::LastSeq(asset, tally.last_seq + u64::from(self.dice.percent(20))),
            _ => {
                let words = [BalanceWord::Posted, BalanceWord::Pending, BalanceWord::Available];
                let comparisons =
                    [Comparison::Gt, Comparison::Gte, Comparison::Eq, Comparison::Lte, Comparison::Lt];
                let bound = self.dice.between(-400, 400) + naive.available(no, &tally);
                Test::Balance(asset, *self.dice.pick(&words), *self.dice.pick(&comparisons), bound)
            }
        };
        Condition { account, test }
    }

    fn hold(&mut self, naive: &Naive) -> Command {
        let postings = self.postings(naive);
        let (mut expires_at, mut expires_in_s) = (None, None);
        match self.dice.below(10) {
            0..=3 => {
                let us = self.dice.between(-1_000_000, 120_000_000) as i64;
                expires_at = Some(naive.now.plus_us(us));
            }
            4..=5 => expires_in_s = Some(self.dice.between(0, 120) as u64),
            _ => {}
        }
        let mut tolerance = Vec::new();
        if self.dice.percent(35) {
            let most = self.dice.between(0, 60);
            tolerance = vec![most; postings.len() + usize::from(self.dice.percent(4))];
        }
        let details = self.details(naive);
        Command::PlaceHold(PlaceHold { postings, expires_at, expires_in_s, tolerance, details })
    }

    fn an_id(&mut self) -> Id {
        if self.made.is_empty() || self.dice.percent(2) {
            return self.id();
        }
        let last = self.made.len().min(150);
        match self.dice.percent(80) {
            true => self.made[self.made.len() - 1 - self.dice.below(last)],
            false => *self.dice.pick(&self.made),
        }
    }

    fn act(&mut self, naive: &Naive) -> Command {
        let open: Vec<Id> =
            naive.holds.iter().filter(|(_, hold)| hold.state == "open").map(|(id, _)| *id).collect();
        let id = match open.is_empty() || self.dice.percent(12) {
            true => self.an_id(),
            false => *self.dice.pick(&open),
        };
        let hold = naive.holds.get(&id).cloned();
        let share = match &hold {
            Some(hold) => self.share(hold),
            None => Share::Rest,
        };
        let action = match self.dice.below(10) {
            0..=2 => HoldAction::Capture { share, last: false },
            3..=4 => HoldAction::Capture { share, last: true },
            5..=6 => HoldAction::Void { share },
            7..=8 if share != Share::Rest => HoldAction::Increment { share },
            7..=8 => HoldAction::Void { share },
            _ => {
                let from = hold.and_then(|hold| hold.expires_at).unwrap_or(naive.now);
                HoldAction::Extend {
                    expires_at: from.plus_us(self.dice.between(-1_000_000, 60_000_000) as i64),
                }
            }
        };
        let details = if self.dice.percent(70) { None } else { self.details(naive) };
        let details = details.map(|mut details| {
            details.conditions.clear();
            details
        });
        Command::ActOnHold(ActOnHold { hold: id, action, details })
    }

    fn share(&mut self, hold: &Hold) -> Share {
        let left: Vec<(bool, u32, i128)> =
            hold.postings.iter().map(|p: &Reserved| (p.debit, p.asset, p.left() + p.tolerance)).collect();
        self.share_of(&left)
    }

    fn share_of(&mut self, left: &[(bool, u32, i128)]) -> Share {
        match self.dice.below(10) {
            0..=3 => Share::Rest,
            4..=6 if left.len() == 2 || self.dice.percent(10) => {
                Share::Amount(self.dice.between(1, left[0].2.clamp(1, 1000) * 11 / 10 + 1))
            }
            _ => {
                let (one, other) = (self.dice.below(left.len()), self.dice.below(left.len()));
                let fits = left[one].0 != left[other].0 && left[one].1 == left[other].1;
                let most = left[one].2.min(left[other].2).clamp(1, 1000);
                let amount = self.dice.between(1, most);
                match fits || self.dice.percent(10) {
                    true => Share::Postings(vec![(one as u32, amount), (other as u32, amount)]),
                    false => Share::Rest,
                }
            }
        }
    }

    fn reverse(&mut self, naive: &Naive) -> Command {
        let mut id = self.an_id();
        for _ in 0..12 {
            if self.dice.percent(5) || naive.entries.get(&id).is_some_and(|entry| !entry.reversal) {
                break;
            }
            id = self.an_id();
        }
        let share = match naive.entries.get(&id) {
            Some(entry) => {
                let left: Vec<_> =
                    entry.postings.iter().map(|p| (p.debit, p.asset, p.amount - p.undone)).collect();
                self.share_of(&left)
            }
            None => Share::Rest,
        };
        let details = self.details(naive).map(|mut details| {
            details.conditions.clear();
            details
        });
        Command::ReverseEntry(ReverseEntry { entry: id, share, details })
    }
}
