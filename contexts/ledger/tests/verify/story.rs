//! A journal with something of every kind in it, written through the engine.

use kernel::time::ManualClock;
use kernel::{Asset, AssetCode, Id, IdSource as _, RandomIds, Tenant, Timestamp};
use ledger::accounts::model::{
    AccountKind, AccountNo, AccountRef, ChangeAccount, Frozen, Lifecycle, Limits, OpenAccount, Text,
};
use ledger::books::model::{AssetNo, BookNo, Pattern, RegisterAsset};
use ledger::command::{Command, Keys, Manner, Request};
use ledger::effect::Outcome;
use ledger::entries::model::{
    AmountCommand, Details, Direction, Override, PostEntry, PostingCommand, ReverseEntry, Share,
};
use ledger::holds::model::{ActOnHold, HoldAction, PlaceHold};
use ledger::journal::disk::RealDisk;
use ledger::journal::engine::{Engine, Settings};
use ledger::journal::job::{BatchJob, SingleJob};
use std::path::Path;
use std::sync::Arc;

pub const SECOND: i64 = 1_000_000;

pub struct Story {
    pub engine: Engine,
    pub clock: Arc<ManualClock>,
    pub book: BookNo,
}

pub fn open(path: &Path, settings: Settings) -> (Engine, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(Timestamp(1_700_000_000 * SECOND)));
    let disk = Arc::new(RealDisk::try_new(path).unwrap());
    (Engine::open(disk, clock.clone(), Arc::new(RandomIds), settings).unwrap(), clock)
}

pub fn account(path: &str, floor: Option<i128>) -> Command {
    let limits = floor.map(|floor| (AssetNo(0), Limits { floor: Some(floor), ceiling: None }));
    Command::OpenAccount(OpenAccount {
        path: path.into(),
        kind: AccountKind::Liability,
        assets: None,
        limits: limits.into_iter().collect(),
        text: Text { description: Some(format!("the account {path}").into()), metadata: Vec::new() },
        by_pattern: false,
    })
}

pub fn leg(path: &str, direction: Direction, amount: AmountCommand) -> PostingCommand {
    PostingCommand { account: AccountRef::Path(path.into()), direction, asset: AssetNo(0), amount }
}

pub fn entry(from: &str, to: &str, minor: i128, details: Option<Details>) -> Command {
    let amount = AmountCommand::Exact(minor);
    let postings = [leg(from, Direction::Debit, amount), leg(to, Direction::Credit, amount)];
    let details = details.map(Box::new);
    Command::PostEntry(PostEntry { postings: postings.into_iter().collect(), details })
}

fn hold(from: &str, to: &str, minor: i128, expires_in_s: Option<u64>) -> Command {
    let Command::PostEntry(entry) = entry(from, to, minor, None) else { unreachable!() };
    let details = Details { party: Some("ada".into()), ..Details::default() };
    Command::PlaceHold(PlaceHold {
        postings: entry.postings,
        expires_at: None,
        expires_in_s,
        tolerance: vec![10, 10],
        details: Some(Box::new(details)),
    })
}

fn act(hold: Id, action: HoldAction) -> Command {
    Command::ActOnHold(ActOnHold { hold, action, details: None })
}

fn reverse(entry: Id, share: Share) -> Command {
    Command::ReverseEntry(ReverseEntry { entry, share, details: None })
}

pub fn request(command: Command, key: Option<&str>) -> Request {
    let keys = Keys { key: key.map(Box::from), own_id: key.is_none() };
    Request { id: RandomIds.next(), keys, command }
}

impl Story {
    pub async fn begin(path: &Path, settings: Settings) -> Self {
        let (engine, clock) = open(path, settings);
        let book = engine.book(&Tenant::default()).await.unwrap();
        Self { engine, clock, book }
    }

    pub async fn ask(&self, request: Request, manner: Manner) -> Outcome {
        self.clock.advance_us(1_000);
        let book = self.book;
        let answer = self
            .engine
            .single(|reply| SingleJob { book, request, manner, origin: None, reply })
            .await
            .unwrap();
        answer.outcomes[0].clone()
    }

    /// Does it, and returns the id of what it made.
    pub async fn tell(&self, command: Command) -> Id {
        let request = request(command, None);
        let id = request.id;
        let manner = Manner { may_override: true, ..Manner::default() };
        match self.ask(request, manner).await {
            Outcome::Done { .. } => id,
            other => panic!("{other:?}"),
        }
    }

    pub async fn batch(&self, atomic: bool, key: &str, commands: Vec<Command>) {
        self.clock.advance_us(1_000);
        let commands = commands.into_iter().map(|command| Ok(request(command, None))).collect();
        let key = Some((Box::from(key), [7; 32]));
        let (book, manner, origin) = (self.book, Manner::default(), None);
        let job = |reply| BatchJob { book, atomic, commands, key, manner, origin, reply };
        self.engine.batch(job).await.unwrap();
    }

    pub async fn everything(&mut self) {
        self.settings().await;
        self.entries().await;
        self.holds().await;
        self.batches().await;
        self.book = self.engine.book(&Tenant::parse("acme").unwrap()).await.unwrap();
        self.tell(account("bank", None)).await;
        self.tell(entry("bank", "accounts:2", 5, None)).await;
    }

    /// Posts until a checkpoint was made after this.
    pub async fn checkpoint(&self) {
        let before = self.engine.checkpoint_at();
        while self.engine.checkpoint_at() == before {
            self.tell(entry("bank", "accounts:2", 1, None)).await;
        }
    }

    async fn settings(&self) {
        let points = Asset { code: AssetCode::parse("POINTS").unwrap(), scale: 0 };
        self.tell(Command::RegisterAsset(RegisterAsset { asset: points, name: Some("Points".into()) })).await;
        self.tell(Command::SetPattern(Pattern {
            pattern: "customers:*".into(),
            kind: AccountKind::Liability,
            assets: None,
            limits: vec![(AssetNo(0), Limits { floor: Some(0), ceiling: Some(1_000) })],
            quota: 2,
        }))
        .await;
        self.tell(account("bank", None)).await;
        self.tell(account("wallet", Some(0))).await;
        self.tell(account("shop", None)).await;
        self.tell(account("old", None)).await;
        // The book's own two come first.
        let (bank, wallet, old) = (AccountNo(2), AccountNo(3), AccountNo(5));
        let tags = vec![("tier".into(), Some("gold".into()))];
        let change = ChangeAccount { metadata: tags, ..ChangeAccount::default() };
        self.tell(Command::ChangeAccount(wallet, change)).await;
        let both = Frozen { debits: true, credits: true };
        self.tell(Command::MoveAccount(bank, Lifecycle::Freeze(both), Some("why".into()))).await;
        self.tell(Command::MoveAccount(bank, Lifecycle::Thaw, None)).await;
        self.tell(Command::MoveAccount(old, Lifecycle::Close, None)).await;
    }

    async fn entries(&self) {
        let details = Details {
            reference: Some("order-1".into()),
            unique_ref: Some("ref-1".into()),
            party: Some("ada".into()),
            text: Text { description: Some("secret words".into()), metadata: Vec::new() },
            ..Details::default()
        };
        let first = self.tell(entry("bank", "wallet", 1_000, Some(details))).await;
        self.tell(entry("bank", "customers:ada", 300, None)).await;
        let passes = Override { floor: true, ceiling: false, reason: "agreed".into() };
        let details = Details { override_: Some(passes), ..Details::default() };
        self.tell(entry("customers:ada", "shop", 400, Some(details))).await;
        let most = [
            leg("wallet", Direction::Debit, AmountCommand::Max { up_to: Some(50) }),
            leg("shop", Direction::Credit, AmountCommand::Remaining),
        ];
        let postings = most.into_iter().collect();
        self.tell(Command::PostEntry(PostEntry { postings, details: None })).await;
        self.tell(reverse(first, Share::Amount(100))).await;
        self.tell(reverse(first, Share::Amount(50))).await;
        let refused = request(entry("wallet", "shop", 1_000_000, None), Some("frozen"));
        let manner = Manner { freeze_refusals: true, ..Manner::default() };
        assert!(matches!(self.ask(refused, manner).await, Outcome::Refused(_)));
    }

    async fn holds(&self) {
        let capture = |minor, last| HoldAction::Capture { share: Share::Amount(minor), last };
        let one = self.tell(hold("wallet", "shop", 100, Some(3_600))).await;
        let captured = self.tell(act(one, capture(30, false))).await;
        self.tell(act(one, HoldAction::Increment { share: Share::Amount(20) })).await;
        let expires_at = Timestamp(1_800_000_000 * SECOND);
        self.tell(act(one, HoldAction::Extend { expires_at })).await;
        self.tell(act(one, HoldAction::Void { share: Share::Amount(5) })).await;
        self.tell(act(one, capture(90, true))).await;
        self.tell(reverse(captured, Share::Rest)).await;
        let two = self.tell(hold("wallet", "shop", 40, None)).await;
        self.tell(reverse(two, Share::Rest)).await;
        self.tell(hold("wallet", "shop", 60, Some(1))).await;
        self.tell(hold("wallet", "shop", 70, None)).await;
        self.clock.advance_us(2 * SECOND);
        self.tell(entry("wallet", "shop", 1, None)).await;
    }

    async fn batches(&self) {
        let some = || vec![entry("bank", "wallet", 7, None), hold("wallet", "shop", 3, Some(9_999))];
        self.batch(true, "batch-1", some()).await;
        let mut more = some();
        more.push(entry("wallet", "shop", 1_000_000, None));
        self.batch(false, "batch-2", more).await;
    }
}
