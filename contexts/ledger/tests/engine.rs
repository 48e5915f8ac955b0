//! The engine through its own door: what is answered is durable, repeated keys replay, a restart shows
//! what was there.

use kernel::{Id, IdSource, RandomIds, SystemClock, Tenant};
use ledger::accounts::model::{AccountKind, AccountRef, Limits, OpenAccount, Text};
use ledger::books::model::{AssetNo, BookNo};
use ledger::command::{Command, Keys, Manner, Request};
use ledger::effect::Outcome;
use ledger::entries::model::{AmountCommand, Direction, PostEntry, PostingCommand};
use ledger::journal::disk::RealDisk;
use ledger::journal::engine::{Engine, Settings};
use ledger::journal::job::{BatchJob, SingleJob};
use std::sync::Arc;

fn open(path: &std::path::Path) -> Engine {
    let disk = Arc::new(RealDisk::try_new(path).unwrap());
    Engine::open(disk, Arc::new(SystemClock::default()), Arc::new(RandomIds), Settings::default()).unwrap()
}

fn account(path: &str, floor: Option<i128>) -> Command {
    Command::OpenAccount(OpenAccount {
        path: path.into(),
        kind: AccountKind::Liability,
        assets: None,
        limits: floor
            .map(|floor| (AssetNo(0), Limits { floor: Some(floor), ceiling: None }))
            .into_iter()
            .collect(),
        text: Text::default(),
        by_pattern: false,
    })
}

fn entry(from: &str, to: &str, minor: i128) -> Command {
    let posting = |path: &str, direction| PostingCommand {
        account: AccountRef::Path(path.into()),
        direction,
        asset: AssetNo(0),
        amount: AmountCommand::Exact(minor),
    };
    let postings = [posting(from, Direction::Debit), posting(to, Direction::Credit)];
    Command::PostEntry(PostEntry { postings: postings.into_iter().collect(), details: None })
}

fn request(command: Command, own: Option<u128>) -> Request {
    let id = own.map_or_else(|| RandomIds.next(), Id);
    Request { id, keys: Keys { key: None, own_id: own.is_some() }, command }
}

async fn post(engine: &Engine, book: BookNo, request: Request) -> Outcome {
    let answer = engine
        .single(|reply| SingleJob { book, request, manner: Manner::default(), origin: None, reply })
        .await
        .unwrap();
    answer.outcomes[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_posting_survives_a_restart_and_replays() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path());
    let book = engine.book(&Tenant::default()).await.unwrap();
    assert!(matches!(
        post(&engine, book, request(account("a", None), None)).await,
        Outcome::Done { seq: 4, .. }
    ));
    assert!(matches!(
        post(&engine, book, request(account("b", Some(0)), None)).await,
        Outcome::Done { seq: 5, .. }
    ));
    let first = post(&engine, book, request(entry("a", "b", 100), Some(77))).await;
    let Outcome::Done { seq: 6, position } = first else { panic!("{first:?}") };
    let Outcome::Refused(problem) = post(&engine, book, request(entry("b", "a", 101), None)).await else {
        panic!("it has only 100");
    };
    assert_eq!(problem.slug.code, "insufficient-funds");
    drop(engine);
    let engine = open(directory.path());
    let again = post(&engine, book, request(entry("a", "b", 100), Some(77))).await;
    assert_eq!(again, Outcome::Replayed { seq: 6, position });
    let Outcome::Refused(problem) = post(&engine, book, request(entry("a", "b", 99), Some(77))).await else {
        panic!("the id was used");
    };
    assert_eq!(problem.slug.code, "idempotency-conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_atomic_or_independent() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path());
    let book = engine.book(&Tenant::default()).await.unwrap();
    let commands = || {
        let own = |n: u128, command| Ok(request(command, Some(n)));
        vec![
            own(1, account("a", None)),
            own(2, account("b", Some(0))),
            own(3, entry("a", "b", 5)),
            own(4, entry("b", "a", 6)),
            own(5, entry("b", "a", 5)),
        ]
    };
    for (atomic, expected) in [(true, 1), (false, 5)] {
        let answer = engine
            .batch(|reply| BatchJob {
                book,
                atomic,
                commands: commands(),
                key: None,
                manner: Manner::default(),
                origin: None,
                reply,
            })
            .await
            .unwrap();
        assert_eq!(answer.outcomes.len(), expected, "{answer:?}");
        if atomic {
            let Outcome::Refused(problem) = &answer.outcomes[0] else { panic!() };
            assert_eq!(problem.slug.code, "batch-refused");
        } else {
            assert!(matches!(answer.outcomes[3], Outcome::Refused(_)));
            assert!(matches!(answer.outcomes[4], Outcome::Done { seq: 7, .. }), "{:?}", answer.outcomes[4]);
        }
    }
}
