//! What is asked: commands of every kind on a handful of accounts, so that they meet often.

use crate::asked::Wanted;
use crate::chance::Chance;
use crate::fold::Fold;
use kernel::time::ManualClock;
use kernel::{Asset, AssetCode, Clock, Id, IdSource, Tenant};
use ledger::accounts::model::{
    AccountKind, AccountNo, AccountRef, ChangeAccount, Frozen, Lifecycle, Limits, OpenAccount, Text,
};
use ledger::books::model::{AssetNo, BookNo, Pattern, RegisterAsset};
use ledger::command::{Command, Keys, Manner, Request};
use ledger::effect::Effect;
use ledger::entries::model::{
    AmountCommand, BalanceWord, Comparison, Condition, Details, Direction, Override, PostEntry,
    PostingCommand, Postings, ReverseEntry, Share, Test,
};
use ledger::holds::model::{ActOnHold, HoldAction, HoldState, PlaceHold};
use std::sync::Arc;

/// Accounts that are opened by hand.
const PATHS: [&str; 6] = ["cash", "bank", "w:1", "w:2", "w:3", "fees"];
/// Most requests that are kept to be asked again.
const KEPT: usize = 200;
/// A minute in microseconds.
const MINUTE: i64 = 60_000_000;

/// Makes requests.
pub struct Workload {
    chance: Chance,
    ids: Arc<dyn IdSource>,
    clock: Arc<ManualClock>,
    keys: u64,
    asked: Vec<(BookNo, Wanted)>,
    fresh: Vec<Id>,
}

impl Workload {
    /// Requests that this chance decides.
    pub fn new(chance: Chance, ids: Arc<dyn IdSource>, clock: Arc<ManualClock>) -> Self {
        Self { chance, ids, clock, keys: 0, asked: Vec::new(), fresh: Vec::new() }
    }

    /// The next thing to ask.
    pub fn next(&mut self, fold: &Fold) -> (BookNo, Wanted) {
        if fold.books.is_empty() {
            return (BookNo(0), Wanted::Book(Tenant::default()));
        }
        let book =
            BookNo(if self.chance.one_in(8) { self.chance.below(fold.books.len() as u64) as u32 } else { 0 });
        let wanted = match self.chance.below(40) {
            0 if fold.books.len() < 3 => Wanted::Book(self.tenant()),
            1..=4 => return self.again(fold, book),
            5..=6 => return self.before(fold, book),
            7..=10 => self.batch(fold, book),
            _ => {
                let request = self.request(fold, book);
                let manner = self.manner(&request);
                Wanted::Single(Box::new(request), manner)
            }
        };
        self.keep(book, wanted.clone());
        (book, wanted)
    }

    fn keep(&mut self, book: BookNo, wanted: Wanted) {
        let dry = match &wanted {
            Wanted::Single(_, manner) | Wanted::Batch { manner, .. } => manner.dry_run,
            Wanted::Book(_) => true,
        };
        if !dry && self.asked.len() < KEPT {
            self.asked.push((book, wanted));
        }
    }

    fn tenant(&mut self) -> Tenant {
        let name = *self.chance.pick(&["default", "t1", "t2"]);
        Tenant::parse(name).expect("these are tenants")
    }

    /// Something that was asked before: the same, or another command under the same names.
    fn again(&mut self, fold: &Fold, book: BookNo) -> (BookNo, Wanted) {
        if self.asked.is_empty() {
            let request = self.request(fold, book);
            return (book, Wanted::Single(Box::new(request), Manner::default()));
        }
        let (book, mut wanted) = self.chance.pick(&self.asked).clone();
        if let Wanted::Batch { requests, .. } = &mut wanted {
            // An id that the caller did not give is new each time.
            let unnamed = requests.iter_mut().filter(|request| !request.keys.own_id);
            unnamed.for_each(|request| request.id = self.ids.next());
        }
        if let Wanted::Single(request, _) = &mut wanted {
            if !request.keys.own_id {
                request.id = self.ids.next();
            }
            if self.chance.one_in(6) && request.keys.key.is_some() {
                request.command = self.command(fold, book);
                if !request.keys.own_id {
                    request.id = self.ids.next();
                }
            }
        }
        (book, wanted)
    }

    /// A record that is durable, asked for again under its names.
    pub fn before(&mut self, fold: &Fold, book: BookNo) -> (BookNo, Wanted) {
        if fold.books.is_empty() {
            return (BookNo(0), Wanted::Book(Tenant::default()));
        }
        for _ in 0..8 {
            let record = self.chance.pick(&fold.records);
            let Some(command) = record.command.clone() else { continue };
            let named = record.keys.own_id
                || record.keys.key.is_some()
                || command.details().is_some_and(|details| details.unique_ref.is_some());
            if named {
                let request = Request { id: record.id, keys: record.keys.clone(), command };
                return (record.book, Wanted::Single(Box::new(request), Manner::default()));
            }
        }
        let request = self.request(fold, book);
        (book, Wanted::Single(Box::new(request), Manner::default()))
    }

    fn manner(&mut self, request: &Request) -> Manner {
        let named = request.keys.key.is_some() || request.keys.own_id;
        Manner {
            dry_run: self.chance.one_in(16),
            freeze_refusals: named && self.chance.one_in(3),
            may_override: true,
        }
    }

    fn batch(&mut self, fold: &Fold, book: BookNo) -> Wanted {
        let many = self.chance.within(1, 6);
        let requests: Vec<Request> = (0..many).map(|_| self.request(fold, book)).collect();
        let key = self.chance.one_in(2).then(|| {
            self.keys += 1;
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&self.keys.to_le_bytes());
            (format!("batch-{}", self.keys).into_boxed_str(), digest)
        });
        let manner = Manner { dry_run: self.chance.one_in(20), ..Manner::default() };
        Wanted::Batch { atomic: self.chance.one_in(2), key, requests, manner }
    }

    /// A new command under new names.
    pub fn request(&mut self, fold: &Fold, book: BookNo) -> Request {
        let id = self.ids.next();
        let command = self.command(fold, book);
        if matches!(command, Command::PostEntry(_) | Command::PlaceHold(_)) {
            self.fresh.push(id);
        }
        let key = self.chance.one_in(3).then(|| {
            self.keys += 1;
            format!("key-{}", self.keys).into_boxed_str()
        });
        Request { id, keys: Keys { key, own_id: self.chance.one_in(2) }, command }
    }

    fn command(&mut self, fold: &Fold, book: BookNo) -> Command {
        let accounts = fold.accounts.iter().filter(|account| account.book == book).count();
        // A book has two accounts from the start.
        let early = accounts < 6;
        match self.chance.below(if early { 14 } else { 32 }) {
            0..=7 if early => self.open(),
            8 => self.pattern(),
            9 => self.change(fold, book),
            10 => self.lifecycle(fold, book),
            11 if self.chance.one_in(3) => self.asset(),
            12..=15 => self.hold(),
            16..=20 => self.act(fold),
            21..=23 => self.reverse(fold),
            _ => self.entry(fold),
        }
    }

    /// Opens one of the accounts.
    pub fn open(&mut self) -> Command {
        let path = *self.chance.pick(&PATHS);
        let kind = match path {
            "cash" | "bank" => AccountKind::Asset,
            "fees" => AccountKind::Income,
            _ => AccountKind::Liability,
        };
        let floor = path.starts_with("w:") && self.chance.odds(2, 3);
        Command::OpenAccount(OpenAccount {
            path: path.into(),
            kind,
            assets: None,
            limits: if floor { self.limits() } else { Vec::new() },
            text: self.text(),
            by_pattern: false,
        })
    }

    fn limits(&mut self) -> Vec<(AssetNo, Limits)> {
        let floor = *self.chance.pick(&[0, 0, -500]);
        let ceiling = self.chance.one_in(4).then_some(10_000);
        vec![(AssetNo(0), Limits { floor: Some(floor), ceiling })]
    }

    fn text(&mut self) -> Text {
        if self.chance.odds(3, 4) {
            return Text::default();
        }
        let long = match self.chance.below(12) {
            0 => "x".repeat(self.chance.within(400, 3000) as usize),
            // Whole sectors of zeros are rightly zero.
            1 => "\0".repeat(self.chance.within(600, 2000) as usize),
            _ => "a word".to_owned(),
        };
        Text { description: Some(long.into()), metadata: vec![("k".into(), "v".into())] }
    }

    fn pattern(&mut self) -> Command {
        let name = self.chance.below(2);
        Command::SetPattern(Pattern {
            pattern: format!("auto{name}:*").into(),
            kind: AccountKind::Liability,
            assets: None,
            limits: if self.chance.one_in(2) { self.limits() } else { Vec::new() },
            quota: 4,
        })
    }

    fn asset(&mut self) -> Command {
        let name = self.chance.below(3);
        let code = AssetCode::parse(&format!("PTS{name}")).expect("that is a code");
        Command::RegisterAsset(RegisterAsset { asset: Asset { code, scale: 2 }, name: None })
    }

    /// One of the book's accounts: callers name them by path or id, and the façade finds the number.
    fn known(&mut self, fold: &Fold, book: BookNo) -> Option<AccountNo> {
        let own = fold.accounts.iter().enumerate().filter(|(_, account)| account.book == book);
        let own: Vec<u32> = own.map(|(no, _)| no as u32).collect();
        (!own.is_empty()).then(|| AccountNo(*self.chance.pick(&own)))
    }

    fn change(&mut self, fold: &Fold, book: BookNo) -> Command {
        let Some(account) = self.known(fold, book) else { return self.open() };
        let change = ChangeAccount {
            limits: if self.chance.one_in(2) { self.limits() } else { Vec::new() },
            description: self.chance.one_in(2).then(|| Some("changed".into())),
            if_version: self.chance.one_in(3).then_some(1),
            ..ChangeAccount::default()
        };
        Command::ChangeAccount(account, change)
    }

    fn lifecycle(&mut self, fold: &Fold, book: BookNo) -> Command {
        let Some(account) = self.known(fold, book) else { return self.open() };
        let frozen = Frozen { debits: self.chance.one_in(2), credits: self.chance.one_in(2) };
        let change = match self.chance.below(8) {
            0..=2 => Lifecycle::Freeze(frozen),
            3..=6 => Lifecycle::Thaw,
            _ => Lifecycle::Close,
        };
        Command::MoveAccount(account, change, Some("because".into()))
    }

    fn account(&mut self) -> AccountRef {
        let path = match self.chance.below(10) {
            0 => format!("auto{}:{}", self.chance.below(2), self.chance.below(3)),
            1 => "accounts:1".to_owned(),
            2 => "accounts:2".to_owned(),
            _ => (*self.chance.pick(&PATHS)).to_owned(),
        };
        AccountRef::Path(path.into())
    }

    fn posting(&mut self, direction: Direction, amount: AmountCommand) -> PostingCommand {
        let asset = AssetNo(if self.chance.one_in(12) { 1 } else { 0 });
        PostingCommand { account: self.account(), direction, asset, amount }
    }

    fn postings(&mut self) -> Postings {
        let minor = i128::from(self.chance.within(1, 900));
        let exact = AmountCommand::Exact;
        let (debit, credit) = (Direction::Debit, Direction::Credit);
        let mut postings: Postings = match self.chance.below(6) {
            0 => {
                let up_to = self.chance.odds(2, 3).then_some(minor);
                let max = self.posting(debit, AmountCommand::Max { up_to });
                let rest = self.posting(credit, AmountCommand::Remaining);
                [max, rest].into_iter().collect()
            }
            1 => {
                let parts = [minor + 7, minor, 7];
                let first = self.posting(debit, exact(parts[0]));
                let second = self.posting(credit, exact(parts[1]));
                let third = self.posting(credit, exact(parts[2]));
                [first, second, third].into_iter().collect()
            }
            2 => {
                let first = self.posting(debit, exact(minor + 5));
                let fee = self.posting(credit, exact(5));
                let rest = self.posting(credit, AmountCommand::Remaining);
                [first, fee, rest].into_iter().collect()
            }
            _ => {
                [self.posting(debit, exact(minor)), self.posting(credit, exact(minor))].into_iter().collect()
            }
        };
        let asset = postings[0].asset;
        postings.iter_mut().for_each(|posting| posting.asset = asset);
        postings
    }

    fn details(&mut self, fold: &Fold) -> Option<Box<Details>> {
        if self.chance.odds(2, 3) {
            return None;
        }
        let mut details = Details { text: self.text(), ..Details::default() };
        details.party = self.chance.one_in(3).then(|| format!("party-{}", self.chance.below(3)).into());
        details.unique_ref = self.chance.one_in(3).then(|| {
            self.keys += 1;
            format!("ref-{}", self.keys).into()
        });
        details.reference = self.chance.one_in(3).then(|| "an order".into());
        if self.chance.one_in(4) {
            details.effective_at = Some(self.clock.now().plus_us(-MINUTE));
        }
        if self.chance.one_in(3) {
            let test = match self.chance.below(3) {
                0 => Test::Version(1),
                1 => Test::LastSeq(AssetNo(0), fold.books[0].seq / 2),
                _ => Test::Balance(AssetNo(0), BalanceWord::Available, Comparison::Gte, -300),
            };
            details.conditions.push(Condition { account: self.account(), test });
        }
        if self.chance.one_in(6) {
            details.override_ = Some(Override { floor: true, ceiling: true, reason: "told to".into() });
        }
        Some(Box::new(details))
    }

    fn entry(&mut self, fold: &Fold) -> Command {
        Command::PostEntry(PostEntry { postings: self.postings(), details: self.details(fold) })
    }

    fn hold(&mut self) -> Command {
        let postings = self.postings();
        let expires_at = self
            .chance
            .odds(2, 3)
            .then(|| self.clock.now().plus_us(self.chance.within(1, 10) as i64 * MINUTE));
        let expires_in_s = if expires_at.is_none() && self.chance.one_in(2) {
            Some(self.chance.within(30, 900))
        } else {
            None
        };
        let tolerance = if self.chance.one_in(4) { vec![10; postings.len()] } else { Vec::new() };
        Command::PlaceHold(PlaceHold { postings, expires_at, expires_in_s, tolerance, details: None })
    }

    fn share(&mut self) -> Share {
        match self.chance.below(4) {
            0 => Share::Amount(i128::from(self.chance.within(1, 400))),
            1 => Share::Postings(vec![(0, 3), (1, 3)]),
            _ => Share::Rest,
        }
    }

    fn act(&mut self, fold: &Fold) -> Command {
        let open: Vec<Id> =
            fold.holds.iter().filter(|(_, hold)| hold.state == HoldState::Open).map(|(id, _)| *id).collect();
        let hold =
            if open.is_empty() || self.chance.one_in(6) { self.any_id() } else { *self.chance.pick(&open) };
        let action = match self.chance.below(6) {
            0..=2 => HoldAction::Capture { share: self.share(), last: self.chance.one_in(3) },
            3 => HoldAction::Void { share: self.share() },
            4 => HoldAction::Increment { share: Share::Amount(i128::from(self.chance.within(1, 50))) },
            _ => HoldAction::Extend { expires_at: self.clock.now().plus_us(20 * MINUTE) },
        };
        Command::ActOnHold(ActOnHold { hold, action, details: None })
    }

    fn any_id(&mut self) -> Id {
        if self.fresh.is_empty() { Id(1) } else { *self.chance.pick(&self.fresh) }
    }

    fn reverse(&mut self, fold: &Fold) -> Command {
        let entries: Vec<Id> = fold
            .records
            .iter()
            .filter(|record| matches!(record.effect, Effect::Posted { .. } | Effect::HoldMoved { .. }))
            .map(|record| record.id)
            .collect();
        let recent = self.chance.one_in(4) || entries.is_empty();
        let entry = if recent { self.any_id() } else { *self.chance.pick(&entries) };
        Command::ReverseEntry(ReverseEntry { entry, share: self.share(), details: None })
    }
}
