//! What accounts, balances and keys take in memory. The figures stated in the ledger's README are the bounds here.
//! `PROOF_SCALE=100` opens five million accounts.

use kernel::{IdSource, RandomIds, SystemClock, Tenant};
use ledger::accounts::model::{AccountKind, AccountRef, OpenAccount, Text};
use ledger::books::model::{AssetNo, BookNo};
use ledger::command::{Command, Keys, Manner, Request};
use ledger::effect::Outcome;
use ledger::entries::model::{AmountCommand, Direction, PostEntry, PostingCommand};
use ledger::journal::disk::RealDisk;
use ledger::journal::engine::{Engine, Settings};
use ledger::journal::job::BatchJob;
use std::sync::Arc;

/// Bytes of one account with a path of 25 characters, without a balance.
const PER_ACCOUNT: u64 = 420;
/// Bytes of one balance of few postings.
const PER_BALANCE: u64 = 320;
/// Accounts of an ordinary run.
const ACCOUNTS: u64 = 300_000;
/// Accounts of the longest run.
const MOST_ACCOUNTS: u64 = 5_000_000;

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

async fn run(engine: &Engine, book: BookNo, commands: Vec<Command>) {
    let request = |command| Request { id: RandomIds.next(), keys: Keys::default(), command };
    let answer = engine
        .batch(|reply| BatchJob {
            book,
            atomic: false,
            commands: commands.into_iter().map(|command| Ok(request(command))).collect(),
            key: None,
            manner: Manner::default(),
            origin: None,
            reply,
        })
        .await
        .unwrap();
    assert!(answer.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Done { .. })));
}

fn account(number: u64) -> Command {
    Command::OpenAccount(OpenAccount {
        path: format!("customers:u{number:08}:wallet").into(),
        kind: AccountKind::Liability,
        assets: None,
        limits: Vec::new(),
        text: Text::default(),
        by_pattern: false,
    })
}

fn entry(one: u64, other: u64) -> Command {
    let posting = |number: u64, direction| PostingCommand {
        account: AccountRef::Path(format!("customers:u{number:08}:wallet").into()),
        direction,
        asset: AssetNo(5),
        amount: AmountCommand::Exact(100),
    };
    let postings = [posting(one, Direction::Debit), posting(other, Direction::Credit)];
    Command::PostEntry(PostEntry { postings: postings.into_iter().collect(), details: None })
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_balances_take_what_is_stated() {
    let scale = std::env::var("PROOF_SCALE").ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(1);
    let accounts = (ACCOUNTS * scale).min(MOST_ACCOUNTS);
    let directory = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk::try_new(directory.path()).unwrap());
    let settings = Settings { checkpoint_bytes: u64::MAX, checkpoint_names: u64::MAX, ..Settings::default() };
    let engine = Engine::open(disk, Arc::new(SystemClock::default()), Arc::new(RandomIds), settings).unwrap();
    let book = engine.book(&Tenant::default()).await.unwrap();
    // The first batch pays for buffers that later ones use again.
    run(&engine, book, (0..10_000).map(account).collect()).await;
    let before = resident_bytes();
    for start in (10_000..10_000 + accounts).step_by(10_000) {
        run(&engine, book, (start..start + 10_000).map(account).collect()).await;
    }
    let with_accounts = resident_bytes();
    for start in (10_000..10_000 + accounts).step_by(10_000) {
        run(&engine, book, (start..start + 10_000).step_by(2).map(|one| entry(one, one + 1)).collect()).await;
    }
    let with_balances = resident_bytes();
    let per_account = with_accounts.saturating_sub(before) / accounts;
    // Each entry is also a key in memory, of 30 bytes; there is one for every two balances.
    let per_balance = with_balances.saturating_sub(with_accounts) / accounts;
    println!("{accounts} accounts: {per_account} bytes each, {per_balance} bytes for each balance");
    assert!(per_account <= PER_ACCOUNT, "{per_account} bytes an account, {PER_ACCOUNT} are stated");
    assert!(per_balance <= PER_BALANCE, "{per_balance} bytes a balance, {PER_BALANCE} are stated");
}
