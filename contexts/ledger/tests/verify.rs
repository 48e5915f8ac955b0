//! Verification finds what is wrong and nothing else; digests tell books apart and not how they are stored;
//! copies hold what was acknowledged.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "verify/forge.rs"]
mod forge;
#[path = "verify/story.rs"]
mod story;

use forge::{Group, disk};
use kernel::{Id, Timestamp};
use ledger::command::Command;
use ledger::effect::{Effect, Outcome};
use ledger::entries::model::{AmountCommand, Direction, Posting};
use ledger::holds::model::{HoldAction, HoldState};
use ledger::journal::copy::{check, copy};
use ledger::journal::engine::Settings;
use ledger::journal::record::Record;
use ledger::journal::segments::segment_name;
use ledger::journal::verify::{Report, verify};
use ledger::skew::{NOWHERE, Place};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use story::Story;

fn verified(path: &Path) -> Report {
    verify(&disk(path), &mut |_| {}).unwrap().expect("there is a journal")
}

fn told(report: &Report) -> String {
    let line = |finding: &ledger::journal::verify::Finding| format!("{:?} {}\n", finding.seq, finding.what);
    report.findings.told.iter().map(line).collect()
}

/// The groups of a journal with everything in it, one record a group or so.
static GROUPS: LazyLock<Vec<Group>> = LazyLock::new(|| {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let mut story = Story::begin(folder.path(), Settings::default()).await;
        story.everything().await;
        drop(story);
        forge::read(folder.path())
    })
});

fn forged(groups: &[Group]) -> Report {
    let folder = tempfile::tempdir().unwrap();
    forge::write(folder.path(), groups);
    verified(folder.path())
}

fn records(groups: &mut [Group]) -> impl Iterator<Item = &mut Record> {
    groups.iter_mut().flat_map(|group| &mut group.records)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_of_everything_is_clean_with_and_without_snapshots() {
    // A checkpoint after every few names, and none at all.
    for checkpoint_names in [5, u64::MAX] {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { checkpoint_names, ..Settings::default() };
        let mut story = Story::begin(folder.path(), settings).await;
        story.everything().await;
        if checkpoint_names == 5 {
            story.checkpoint().await;
        }
        let beside = verified(folder.path());
        assert_eq!(told(&beside), "");
        drop(story);
        let report = verified(folder.path());
        assert_eq!(told(&report), "");
        assert_eq!(report.snapshot_at.is_some(), checkpoint_names == 5);
        assert_eq!(report.books.len(), 2);
        assert_eq!(report.records, report.books.iter().map(|book| book.records).sum::<u64>());
        assert!(report.names_asked > 30 && !report.in_flight && report.frames > 20);
        assert_eq!(beside.books, report.books);
    }
    assert_eq!(told(&forged(&GROUPS)), "", "forged as it was written");
}

fn posting(record: &mut Record, number: usize) -> &mut Posting {
    match &mut record.effect {
        Effect::Posted { postings }
        | Effect::Reversed { postings, .. }
        | Effect::Held { postings, .. }
        | Effect::HoldMoved { postings, .. } => &mut postings[number],
        _ => panic!("it has no postings"),
    }
}

fn exact(record: &mut Record, minor: i128) {
    let Some(Command::PostEntry(entry)) = &mut record.command else { panic!("it is no entry") };
    entry.postings.iter_mut().for_each(|posting| posting.amount = AmountCommand::Exact(minor));
}

type Is = fn(&Record) -> bool;
type Spoil = fn(&mut Record);

fn is_posted(record: &Record) -> bool {
    matches!(record.effect, Effect::Posted { .. })
}
fn is_reversed(record: &Record) -> bool {
    matches!(record.effect, Effect::Reversed { .. })
}
fn is_held(record: &Record) -> bool {
    matches!(record.effect, Effect::Held { .. })
}
fn is_captured(record: &Record) -> bool {
    matches!(record.effect, Effect::HoldMoved { action: HoldAction::Capture { .. }, .. })
}
fn is_expired(record: &Record) -> bool {
    matches!(record.effect, Effect::HoldMoved { action: HoldAction::Expire, .. })
}
fn is_opened(record: &Record) -> bool {
    matches!(record.effect, Effect::Opened(_))
}
fn is_changed(record: &Record) -> bool {
    matches!(record.effect, Effect::Changed { .. })
}

const SPOILS: &[(&str, Is, Spoil)] = &[
    ("posting 0 leaves", is_posted, |record| posting(record, 0).after.debits += 1),
    ("posting 1 leaves", is_held, |record| posting(record, 1).after.credits_pending += 1),
    ("posting 0 leaves", is_captured, |record| posting(record, 0).after.debits_pending += 1),
    ("posting 0 leaves", is_reversed, |record| posting(record, 0).after.credits += 1),
    ("debits and credits differ", is_posted, |record| {
        let Some(Command::PostEntry(entry)) = &mut record.command else { panic!() };
        entry.postings[0].amount = AmountCommand::Exact(9);
        posting(record, 0).amount = 9;
    }),
    ("an amount is not positive", is_posted, |record| {
        exact(record, 0);
        posting(record, 0).amount = 0;
        posting(record, 1).amount = 0;
    }),
    ("not those its command asks for", is_posted, |record| exact(record, 77)),
    ("passes its limit", is_posted_from_wallet, |record| {
        exact(record, 1_000_000);
        posting(record, 0).amount = 1_000_000;
        posting(record, 1).amount = 1_000_000;
    }),
    ("passes its limit", is_override, |record| {
        let Some(Command::PostEntry(entry)) = &mut record.command else { panic!() };
        entry.details = None;
    }),
    ("points to other postings", is_posted, |record| record.links[0].number += 1),
    ("points to other postings", is_captured, |record| record.links[0].previous = NOWHERE),
    ("points to other postings", is_captured, |record| record.links[1].jump = Place::new(600, 0)),
    ("its number is", is_posted, |record| record.seq += 1),
    ("its number in its party is", is_posted, |record| record.party_seq += 1),
    ("its number in its party is", is_held, |record| record.party_seq += 1),
    ("its party is not its command's", is_posted, |record| record.party = Some("eve".into())),
    ("its party is not its hold's", is_captured, |record| record.party = None),
    ("does not lead to its book's previous", is_posted, |record| record.previous = 0),
    ("its time is not its group's", is_posted, |record| record.at = record.at.plus_us(-1)),
    ("the hold is not as it was placed", is_held, |record| {
        let Effect::Held { hold, .. } = &mut record.effect else { panic!() };
        hold.postings[0].held += 1;
    }),
    ("the hold is not what the action makes of it", is_captured, |record| {
        let Effect::HoldMoved { hold, .. } = &mut record.effect else { panic!() };
        hold.postings[0].captured += 1;
    }),
    ("the hold is not what the action makes of it", is_expired, |record| {
        let Effect::HoldMoved { hold, .. } = &mut record.effect else { panic!() };
        hold.state = HoldState::Voided;
    }),
    ("is not what its command asks", is_captured, |record| {
        let Some(Command::ActOnHold(act)) = &mut record.command else { panic!() };
        act.action = HoldAction::Expire;
    }),
    ("its hold is not open", is_captured, |record| {
        let Effect::HoldMoved { hold_id, .. } = &mut record.effect else { panic!() };
        *hold_id = Id(1);
    }),
    ("its totals are not", is_reversed, |record| {
        let Effect::Reversed { reversed, .. } = &mut record.effect else { panic!() };
        reversed[0] += 1;
    }),
    ("is no entry that stands before", is_reversed, |record| {
        let Effect::Reversed { posted_at, .. } = &mut record.effect else { panic!() };
        *posted_at = 0;
    }),
    ("it should have been refused", is_reversed, |record| {
        let Some(Command::ReverseEntry(reversal)) = &mut record.command else { panic!() };
        reversal.share = ledger::entries::model::Share::Amount(1_000_000);
    }),
    ("its path was taken", is_opened, |record| {
        let Some(Command::OpenAccount(open)) = &mut record.command else { panic!() };
        open.path = "accounts:1".into();
    }),
    ("the account is not as its pattern says", is_patterned, |record| {
        let Some(Command::OpenAccount(open)) = &mut record.command else { panic!() };
        open.limits.clear();
    }),
    ("the settings are not what its command makes", is_changed, |record| {
        let Effect::Changed { settings, .. } = &mut record.effect else { panic!() };
        settings.version += 1;
    }),
    ("the settings are not what its command makes", is_changed, |record| {
        let Effect::Changed { settings, .. } = &mut record.effect else { panic!() };
        settings.closed = !settings.closed;
    }),
    ("it counts in the future", is_override, |record| {
        let Some(Command::PostEntry(entry)) = &mut record.command else { panic!() };
        entry.details.as_mut().unwrap().effective_at = Some(record.at.plus_us(1));
    }),
    (
        "leads to no earlier record",
        |record| matches!(record.effect, Effect::Batch(_)),
        |record| {
            let Effect::Batch(batch) = &mut record.effect else { panic!() };
            batch.outcomes[0] = Outcome::Done { seq: 1_000_000, position: 600 };
        },
    ),
    ("names an account or asset", is_posted, |record| {
        let Some(Command::PostEntry(entry)) = &mut record.command else { panic!() };
        entry.postings[0].asset = ledger::books::model::AssetNo(999);
    }),
];

fn is_posted_from_wallet(record: &Record) -> bool {
    let floored = |posting: &Posting| posting.account.0 == 3 && posting.direction == Direction::Debit;
    is_posted(record) && record.effect.postings().iter().any(floored) && is_exact(record)
}

fn is_exact(record: &Record) -> bool {
    let Some(Command::PostEntry(entry)) = &record.command else { return false };
    entry.postings.iter().all(|posting| matches!(posting.amount, AmountCommand::Exact(_)))
}

fn is_override(record: &Record) -> bool {
    let details = record.command.as_ref().and_then(|command| command.details());
    is_posted(record) && details.is_some_and(|details| details.override_.is_some())
}

fn is_patterned(record: &Record) -> bool {
    matches!(&record.effect, Effect::Opened(opened) if opened.pattern.is_some())
}

#[test]
fn every_kind_of_mistake_is_found() {
    for (number, (what, is, spoil)) in SPOILS.iter().enumerate() {
        let mut groups = GROUPS.clone();
        // The last of its kind, after which little depends on it.
        let spoiled = records(&mut groups).filter(|record| is(record)).last();
        let spoiled = spoiled.unwrap_or_else(|| panic!("{number}: nothing to spoil for {what}"));
        spoil(spoiled);
        let report = forged(&groups);
        assert!(told(&report).contains(what), "{number}: {what}\n{}", told(&report));
        assert!(report.findings.count >= 1);
    }
}

#[test]
fn what_is_closed_frozen_or_used_up_is_known() {
    let mut groups = GROUPS.clone();
    // The closure of account 5 happens before a posting that then names it.
    let last = records(&mut groups).filter(|record| is_posted(record) && record.book.0 == 0).last().unwrap();
    let Some(Command::PostEntry(entry)) = &mut last.command else { panic!() };
    let closed = ledger::accounts::model::AccountNo(5);
    entry.postings[0].account = ledger::accounts::model::AccountRef::Known(closed);
    posting(last, 0).account = closed;
    assert!(told(&forged(&groups)).contains("it posts to a closed account"));

    let mut groups = GROUPS.clone();
    let freeze = |record: &&mut Record| matches!(&record.effect, Effect::Changed { settings, .. } if settings.frozen.debits);
    let frozen = records(&mut groups).find(freeze).map(|record| record.position).unwrap();
    // Without the thaw, the account stays frozen.
    for record in records(&mut groups).filter(|record| record.position > frozen) {
        if let Effect::Changed { settings, .. } = &mut record.effect
            && settings.version == 3
        {
            settings.frozen.debits = true;
        }
    }
    assert!(told(&forged(&groups)).contains("it posts to a frozen side"));
}

#[test]
fn names_are_used_once_and_times_rise() {
    type Twice = (&'static str, fn(&Record, &mut Record));
    let twice: [Twice; 3] = [
        ("its id is that of record", |one, other| other.id = one.id),
        ("its key is that of record", |_, other| other.keys.key = Some("frozen".into())),
        ("its ref is that of record", |one, other| {
            let details = one.command.as_ref().unwrap().details().unwrap().clone();
            let details = ledger::entries::model::Details { party: None, ..details };
            let Some(Command::PostEntry(entry)) = &mut other.command else { panic!() };
            entry.details = Some(Box::new(details));
        }),
    ];
    for (what, spoil) in twice {
        let mut groups = GROUPS.clone();
        let first = records(&mut groups).find(|record| is_posted(record)).unwrap().clone();
        let last =
            records(&mut groups).filter(|record| is_posted(record) && record.book == first.book).last();
        spoil(&first, last.unwrap());
        assert!(told(&forged(&groups)).contains(what), "{what}");
    }
    let mut groups = GROUPS.clone();
    let earlier = groups[3].time;
    groups[4].time = earlier;
    groups[4].records.iter_mut().for_each(|record| record.at = earlier);
    assert!(told(&forged(&groups)).contains("not later than that of the frame before"));
    let mut groups = GROUPS.clone();
    let half = groups.len() / 2;
    groups.remove(half);
    assert!(told(&forged(&groups)).contains("the next is"));
}

fn first_segment(folder: &Path) -> std::path::PathBuf {
    folder.join(segment_name(512))
}

#[test]
fn damaged_bytes_are_found_at_their_place() {
    let folder = tempfile::tempdir().unwrap();
    forge::write(folder.path(), &GROUPS);
    let whole = std::fs::read(first_segment(folder.path())).unwrap();
    let end = verified(folder.path()).end as usize;
    let mut clean = 0;
    for place in (512..end).step_by(997) {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x10;
        std::fs::write(first_segment(folder.path()), bytes).unwrap();
        let report = verified(folder.path());
        // Padding behind a frame says nothing and is covered by nothing.
        clean += usize::from(report.findings.count == 0);
        assert!(report.findings.count > 0 || whole[place] == 0, "byte {place}");
    }
    assert!(clean < end / 997 / 2, "{clean}");
    let mut bytes = whole.clone();
    let text = bytes.windows(12).position(|window| window == b"secret words").unwrap();
    bytes[text] = b'S';
    std::fs::write(first_segment(folder.path()), bytes).unwrap();
    assert!(told(&verified(folder.path())).contains("free text"));
}

#[test]
fn a_frame_that_is_being_written_is_in_flight_and_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    forge::write(folder.path(), &GROUPS);
    let before = {
        let folder = tempfile::tempdir().unwrap();
        forge::write(folder.path(), &GROUPS[..GROUPS.len() - 1]);
        verified(folder.path())
    };
    let whole = std::fs::read(first_segment(folder.path())).unwrap();
    let last = before.end as usize;
    let mut bytes = whole;
    // The frame is of several sectors; its last one is not there yet.
    let written = bytes[last..].iter().rposition(|byte| *byte != 0).unwrap() + last;
    let sector = written / 512 * 512;
    assert!(sector >= last, "{sector} {last}");
    bytes[sector..sector + 512].fill(0);
    std::fs::write(first_segment(folder.path()), bytes).unwrap();
    let report = verified(folder.path());
    assert_eq!(told(&report), "");
    assert_eq!((report.in_flight, report.end, report.books), (sector > last, before.end, before.books));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_says_something_else_is_found() {
    use ledger::journal::snapshot::{Snapshot, load, save, snapshot_position};
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { checkpoint_names: 20, ..Settings::default() };
    let mut story = Story::begin(folder.path(), settings).await;
    story.everything().await;
    story.checkpoint().await;
    drop(story);
    let disk = disk(folder.path());
    let (_, identity) = ledger::journal::segments::Segments::open(disk.clone()).unwrap().unwrap();
    let names = disk.list().unwrap();
    let name = names.iter().rfind(|name| snapshot_position(name).is_some()).unwrap();
    // Account 6 was opened by a pattern, and nothing touches it after the last checkpoint.
    fn ada(snapshot: &mut Snapshot) -> &mut i128 {
        let balances = &mut snapshot.replayed.state.balances;
        &mut balances.iter_mut().find(|balance| balance.account.0 == 6).unwrap().counters.debits
    }
    type Spoils = [(&'static str, fn(&mut Snapshot)); 4];
    let spoils: Spoils = [
        ("other balances", |snapshot| *ada(snapshot) += 1),
        ("other accounts", |snapshot| snapshot.replayed.state.accounts[0].version += 1),
        ("other books", |snapshot| snapshot.replayed.state.books[0].patterns[0].1 += 1),
        ("the index leads from a name", |snapshot| snapshot.runs.clear()),
    ];
    for (what, spoil) in spoils {
        let mut snapshot = load(&*disk, name, identity).unwrap();
        spoil(&mut snapshot);
        save(&*disk, identity, &snapshot).unwrap();
        let said = told(&verified(folder.path()));
        assert!(said.contains(what), "{what}: {said}");
        // As it was.
        let mut snapshot = load(&*disk, name, identity).unwrap();
        match what {
            "other balances" => *ada(&mut snapshot) -= 1,
            "other accounts" => snapshot.replayed.state.accounts[0].version -= 1,
            "other books" => snapshot.replayed.state.books[0].patterns[0].1 -= 1,
            _ => return,
        }
        save(&*disk, identity, &snapshot).unwrap();
    }
}

#[test]
fn a_digest_knows_no_grouping_and_no_positions() {
    let digests = |groups: &[Group]| forged(groups).books;
    let whole = digests(&GROUPS);
    assert_ne!(whole[0].digest, whole[1].digest);
    for size in [1, 2, 7, 1_000] {
        let groups: Vec<Group> = GROUPS
            .iter()
            .flat_map(|group| &group.records)
            .cloned()
            .collect::<Vec<_>>()
            .chunks(size)
            .map(|records| Group { time: records[0].at, records: records.to_vec() })
            .collect();
        assert_eq!(digests(&groups), whole, "{size} records a group");
    }
    // Who asked, and under which key, is not in it.
    let mut groups = GROUPS.clone();
    for record in records(&mut groups) {
        record.origin = ledger::journal::record::OriginAt::Here(ledger::command::Origin {
            correlation: Some(Arc::from("req_other")),
            ..Default::default()
        });
    }
    assert_eq!(digests(&groups), whole);
}

#[test]
fn any_changed_field_changes_the_digest() {
    let whole = forged(&GROUPS).books[0].digest;
    let changes: &[(&str, Is, Spoil)] = &[
        ("id", is_posted, |record| record.id = Id(5)),
        ("time", is_posted, |record| record.at = record.at.plus_us(1)),
        ("seq", is_posted, |record| record.seq += 1),
        ("command's amount", is_posted, |record| exact(record, 3)),
        ("command's asset", is_posted, |record| {
            let Some(Command::PostEntry(entry)) = &mut record.command else { panic!() };
            entry.postings[0].asset = ledger::books::model::AssetNo(1);
        }),
        ("posting's amount", is_posted, |record| {
            posting(record, 0).amount += 1;
        }),
        ("posting's side", is_reversed, |record| posting(record, 0).direction = Direction::Debit),
        ("reversed so far", is_reversed, |record| {
            let Effect::Reversed { reversed, .. } = &mut record.effect else { panic!() };
            reversed[0] += 1;
        }),
        ("hold's expiry", is_held, |record| {
            let Effect::Held { hold, .. } = &mut record.effect else { panic!() };
            hold.expires_at = Some(Timestamp(1));
        }),
        ("hold's state", is_expired, |record| {
            let Effect::HoldMoved { hold, .. } = &mut record.effect else { panic!() };
            hold.state = HoldState::Voided;
        }),
        ("path", is_opened, |record| {
            let Some(Command::OpenAccount(open)) = &mut record.command else { panic!() };
            open.path = "elsewhere".into();
        }),
        ("text", is_opened, |record| {
            let Some(Command::OpenAccount(open)) = &mut record.command else { panic!() };
            open.text.description = Some("other words".into());
        }),
        ("settings", is_changed, |record| {
            let Effect::Changed { settings, .. } = &mut record.effect else { panic!() };
            settings.version += 1;
        }),
        (
            "refusal",
            |record| matches!(record.effect, Effect::Refused(_)),
            |record| {
                let Effect::Refused(problem) = &mut record.effect else { panic!() };
                Arc::make_mut(problem).detail.push('!');
            },
        ),
        (
            "outcomes",
            |record| matches!(record.effect, Effect::Batch(_)),
            |record| {
                let Effect::Batch(batch) = &mut record.effect else { panic!() };
                batch.outcomes.pop();
            },
        ),
        ("override", is_override, |record| {
            let Some(Command::PostEntry(entry)) = &mut record.command else { panic!() };
            entry.details.as_mut().unwrap().override_.as_mut().unwrap().reason = "other".into();
        }),
    ];
    for (what, is, change) in changes {
        let mut groups = GROUPS.clone();
        let of_book = |record: &&mut Record| record.book.0 == 0 && is(record);
        change(records(&mut groups).filter(of_book).last().unwrap());
        assert_ne!(forged(&groups).books[0].digest, whole, "{what}");
    }
}

/// Posts until told to stop, and returns how many were acknowledged.
async fn posting_on(story: Arc<Story>, stop: Arc<AtomicBool>, acknowledged: Arc<AtomicU64>) {
    while !stop.load(Ordering::Relaxed) {
        story.tell(story::entry("bank", "shop", 1, None)).await;
        acknowledged.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_live_engine_it_is_verified_and_copied() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { checkpoint_names: 50, ..Settings::default() };
    let mut story = Story::begin(folder.path(), settings).await;
    let book = story.book;
    story.everything().await;
    story.book = book;
    let (story, stop) = (Arc::new(story), Arc::new(AtomicBool::new(false)));
    let acknowledged = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> =
        (0..4).map(|_| tokio::spawn(posting_on(story.clone(), stop.clone(), acknowledged.clone()))).collect();
    let path = folder.path().to_owned();
    let beside = tokio::task::spawn_blocking(move || {
        let mut frames = 0;
        for _ in 0..5 {
            let before = acknowledged.load(Ordering::SeqCst);
            let report = verified(&path);
            assert_eq!(told(&report), "");
            assert!(report.frames >= frames);
            frames = report.frames;
            let copied = tempfile::tempdir().unwrap();
            let target = disk(copied.path());
            let done = copy(&disk(&path), &*target, &mut |_| {}, &mut |_| Ok(0)).unwrap().unwrap();
            assert_eq!(check(&target, &mut |_| {}).unwrap(), done);
            let copy = verified(copied.path());
            assert_eq!(told(&copy), "");
            assert!(copy.end >= report.end);
            let entries = forge::read(copied.path()).iter().flat_map(|group| &group.records).count() as u64;
            assert!(entries >= before, "{entries} {before}");
            // A start from the copy goes on where it ends.
            let (engine, _) = story::open(copied.path(), Settings::default());
            assert_eq!(engine.view.durable().end, done.end);
        }
    });
    beside.await.unwrap();
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
}

#[test]
fn a_copy_of_nothing_is_nothing_and_a_damaged_one_is_told() {
    let (empty, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_eq!(copy(&disk(empty.path()), &*disk(target.path()), &mut |_| {}, &mut |_| Ok(0)).unwrap(), None);
    assert!(check(&disk(target.path()), &mut |_| {}).is_err());
    let source = tempfile::tempdir().unwrap();
    forge::write(source.path(), &GROUPS);
    copy(&disk(source.path()), &*disk(target.path()), &mut |_| {}, &mut |_| Ok(0)).unwrap().unwrap();
    let mut bytes = std::fs::read(first_segment(target.path())).unwrap();
    let text = bytes.windows(12).position(|window| window == b"secret words").unwrap();
    bytes[text] ^= 1;
    std::fs::write(first_segment(target.path()), bytes).unwrap();
    assert!(check(&disk(target.path()), &mut |_| {}).is_err());
}
