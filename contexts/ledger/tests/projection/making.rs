//! A ledger with a projection in a directory of its own, and random entries for it.

use super::dice::Dice;
use kernel::{Caller, Id, RandomIds, Tenant, Timestamp, time::ManualClock};
use ledger::Ledger;
use ledger::accounts::model::{AccountKind, AccountNo, AccountRef, OpenAccount, Text};
use ledger::books::model::{AssetNo, BookNo};
use ledger::command::{Command, Manner};
use ledger::effect::Outcome;
use ledger::entries::model::{
    AmountCommand, Details, Direction, PostEntry, PostingCommand, ReverseEntry, Share,
};
use ledger::holds::model::{ActOnHold, HoldAction, PlaceHold};
use ledger::journal::disk::RealDisk;
use ledger::journal::engine::Settings;
use ledger::journal::record::Record;
use ledger::projection::{FILE, Progress};
use std::path::PathBuf;
use std::sync::Arc;

pub const A: AssetNo = AssetNo(0);
pub const B: AssetNo = AssetNo(1);
pub const ACCOUNTS: [&str; 4] = ["bank", "ada", "eve", "fees"];
pub const REFERENCES: [&str; 4] = ["r1", "r2", "r3", "r4"];
pub const PARTIES: [&str; 3] = ["p1", "p2", "p3"];
pub const SHOPS: [&str; 3] = ["s1", "s2", "s3"];
pub const TIERS: [&str; 2] = ["gold", "r1"];
const START: Timestamp = Timestamp(1_767_225_600_000_000);

/// A ledger, where it is, and its clock.
pub struct Bench {
    pub ledger: Ledger,
    pub book: BookNo,
    pub folder: Arc<tempfile::TempDir>,
    pub clock: Arc<ManualClock>,
    entries: Vec<Id>,
    holds: Vec<Id>,
}

impl Bench {
    /// With a projection and four accounts.
    pub async fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let bench = Self::open(folder, Arc::new(ManualClock::new(START)), true).await;
        for path in ACCOUNTS {
            bench
                .post(Command::OpenAccount(OpenAccount {
                    path: path.into(),
                    kind: AccountKind::Liability,
                    assets: None,
                    limits: Vec::new(),
                    text: Text::default(),
                    by_pattern: false,
                }))
                .await;
        }
        bench
    }

    /// What a directory holds.
    pub async fn open(folder: Arc<tempfile::TempDir>, clock: Arc<ManualClock>, projected: bool) -> Self {
        let disk = Arc::new(RealDisk::try_new(&folder.path().join("journal")).unwrap());
        let settings = Settings::default();
        let mut ledger = Ledger::open(disk, clock.clone(), Arc::new(RandomIds), settings).unwrap();
        if projected {
            ledger = ledger.projected(folder.path().join(FILE)).unwrap();
        }
        let book = ledger.book(&Tenant::default()).await.unwrap();
        Self { ledger, book, folder, clock, entries: Vec::new(), holds: Vec::new() }
    }

    /// Closed, and what opens it again.
    pub fn close(self) -> (Arc<tempfile::TempDir>, Arc<ManualClock>) {
        self.ledger.close();
        (self.folder, self.clock)
    }

    /// The projection's file.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join(FILE)
    }

    pub fn account(&self, path: &str) -> Option<AccountNo> {
        self.ledger.reading.find(self.book, &AccountRef::Path(path.into()))
    }

    pub fn head(&self) -> u64 {
        self.ledger.reading.head_seq(self.book)
    }

    /// Every record of the book.
    pub fn records(&self) -> Vec<Record> {
        self.ledger.reading.feed(self.book, 0, usize::MAX >> 1).unwrap()
    }

    /// Once everything is projected.
    pub async fn caught_up(&self) -> Progress {
        let projection = self.ledger.projection().unwrap();
        let head = self.ledger.reading.newest(self.book, self.head(), 1).unwrap();
        projection.await_position(head[0].position).await;
        projection.progress()
    }

    /// Carries out a command; its record's number.
    pub async fn post(&self, command: Command) -> u64 {
        self.run(command).await.unwrap().seq
    }

    async fn run(&self, command: Command) -> Result<Record, kernel::Problem> {
        self.clock.advance_us(1_000);
        let request = self.ledger.request(None, None, command);
        let by = Caller::house(Tenant::default());
        let done = self.ledger.run(&by, self.book, request, Manner::default()).await;
        done.map(|done| done.record).map_err(|not_done| not_done.problem)
    }

    /// Carries out commands together; the number of the first record.
    pub async fn post_all(&self, commands: Vec<Command>) -> u64 {
        self.clock.advance_us(1_000);
        let commands = commands.into_iter().map(|command| Ok(self.ledger.request(None, None, command)));
        let batch = ledger::BatchRequest {
            atomic: false,
            commands: commands.collect(),
            key: None,
            manner: Manner::default(),
        };
        let by = Caller::house(Tenant::default());
        let answer = self.ledger.run_batch(&by, self.book, batch).await.unwrap();
        let seqs = answer.outcomes.iter().map(|outcome| match outcome {
            Outcome::Done { seq, .. } => *seq,
            other => panic!("{other:?}"),
        });
        seqs.min().unwrap()
    }

    /// Random commands of every kind; some are refused.
    pub async fn fill(&mut self, dice: &mut Dice, count: usize) {
        for _ in 0..count {
            let details = some_details(dice);
            let command = match dice.below(10) {
                0..5 => Command::PostEntry(PostEntry { postings: some_postings(dice), details }),
                5 => Command::PlaceHold(PlaceHold {
                    postings: some_postings(dice),
                    expires_at: None,
                    expires_in_s: None,
                    tolerance: Vec::new(),
                    details,
                }),
                6 if !self.entries.is_empty() => {
                    let share = if dice.percent(50) { Share::Rest } else { Share::Amount(1) };
                    Command::ReverseEntry(ReverseEntry { entry: *dice.pick(&self.entries), share, details })
                }
                7.. if !self.holds.is_empty() => {
                    let share = if dice.percent(30) { Share::Rest } else { Share::Amount(1) };
                    let action = match dice.below(4) {
                        0 => HoldAction::Void { share },
                        1 => HoldAction::Increment { share: Share::Amount(2) },
                        _ => HoldAction::Capture { share, last: false },
                    };
                    Command::ActOnHold(ActOnHold { hold: *dice.pick(&self.holds), action, details })
                }
                _ => entry("bank", "ada", 5, details),
            };
            if let Ok(record) = self.run(command).await {
                match &record.effect {
                    ledger::effect::Effect::Posted { .. } => self.entries.push(record.id),
                    ledger::effect::Effect::Held { .. } => self.holds.push(record.id),
                    _ => {}
                }
            }
        }
    }
}

fn posting(path: &str, direction: Direction, asset: AssetNo, minor: i128) -> PostingCommand {
    let amount = AmountCommand::Exact(minor);
    PostingCommand { account: AccountRef::Path(path.into()), direction, asset, amount }
}

fn some_postings(dice: &mut Dice) -> ledger::entries::model::Postings {
    let mut postings = ledger::entries::model::Postings::new();
    for asset in [A, B].into_iter().take(1 + usize::from(dice.percent(25))) {
        let minor = dice.between(2, 90);
        postings.push(posting(dice.pick::<&str>(&ACCOUNTS), Direction::Debit, asset, minor));
        // The other side in two parts now and then, an account more than once.
        let part = if dice.percent(30) { 1 } else { 0 };
        postings.push(posting(dice.pick::<&str>(&ACCOUNTS), Direction::Credit, asset, minor - part));
        if part > 0 {
            postings.push(posting(dice.pick::<&str>(&ACCOUNTS), Direction::Credit, asset, part));
        }
    }
    postings
}

fn some_details(dice: &mut Dice) -> Option<Box<Details>> {
    let mut word = |often, from: &[&'static str]| if dice.percent(often) { *dice.pick(from) } else { "" };
    let (reference, party) = (word(50, &REFERENCES), word(40, &PARTIES));
    let (shop, tier) = (word(40, &SHOPS), word(20, &TIERS));
    let mut details = details(reference, party, shop)?;
    if !tier.is_empty() {
        details.text.metadata.push(("tier".into(), tier.into()));
    }
    (*details != Details::default()).then_some(details)
}

/// What of these is not empty.
pub fn details(reference: &str, party: &str, shop: &str) -> Option<Box<Details>> {
    let some = |text: &str| (!text.is_empty()).then(|| text.into());
    let mut details = Details { reference: some(reference), party: some(party), ..Details::default() };
    details.text.metadata.extend(some(shop).map(|shop: Box<str>| ("shop".into(), shop)));
    Some(Box::new(details))
}

/// From one account to another.
pub fn entry(from: &str, to: &str, minor: i128, details: Option<Box<Details>>) -> Command {
    let postings = [posting(from, Direction::Debit, A, minor), posting(to, Direction::Credit, A, minor)];
    Command::PostEntry(PostEntry { postings: postings.into_iter().collect(), details })
}
