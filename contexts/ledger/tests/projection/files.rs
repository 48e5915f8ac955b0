//! The projection's file through restarts: it goes on where it stood, and one that is lost, damaged, of another
//! journal, ahead of its journal or of a journal that went another way is made anew.

use super::dice::Dice;
use super::making::{Bench, details, entry};
use super::{ALL, pages};
use ledger::projection::FILE;
use ledger::reading::EntryFilter;
use std::fs;
use std::path::Path;

fn by(reference: &str) -> EntryFilter {
    EntryFilter { reference: Some(reference.to_owned()), ..EntryFilter::default() }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// What is found must be what the records say, each entry once.
async fn right(bench: &Bench) -> u64 {
    let progress = bench.caught_up().await;
    assert_eq!(progress.records, bench.head());
    let records = bench.records();
    for reference in ["r1", "r2", "other"] {
        let filter = by(reference);
        let mut expected: Vec<u64> =
            records.iter().filter(|record| super::fits(&filter, record)).map(|record| record.seq).collect();
        expected.reverse();
        assert_eq!(pages(bench, &filter, ALL, 50).await, expected, "{reference}");
    }
    let labels = records.iter().filter(|record| ledger::projection::is_listed(record));
    let labels: usize = labels.map(|record| ledger::projection::labels(record).count()).sum();
    assert_eq!(progress.labels, labels as u64);
    progress.position
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_where_it_stood() {
    let mut dice = Dice(1);
    let mut bench = Bench::new().await;
    bench.fill(&mut dice, 100).await;
    let stood = right(&bench).await;
    let (folder, clock) = bench.close();
    // Entries that no projection saw.
    let mut bench = Bench::open(folder, clock, false).await;
    bench.fill(&mut dice, 100).await;
    let off = bench.ledger.entries(bench.book, by("r1"), ALL, 10, None).await;
    assert_eq!(off.unwrap_err().slug.code, "projection-off");
    let (folder, clock) = bench.close();
    let bench = Bench::open(folder, clock, true).await;
    assert!(bench.ledger.projection().unwrap().progress().position >= stood, "it goes on where it stood");
    right(&bench).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_lost_or_damaged_is_made_anew() {
    let mut bench = Bench::new().await;
    bench.fill(&mut Dice(2), 100).await;
    right(&bench).await;
    let damages: [fn(&Path); 3] = [
        |path| fs::remove_file(path).unwrap(),
        |path| {
            fs::write(path, "this is no database, and long enough that nobody takes it for an empty one")
                .unwrap()
        },
        |path| {
            let mut bytes = fs::read(path).unwrap();
            bytes[100..].fill(0xa5);
            fs::write(path, bytes).unwrap();
        },
    ];
    for damage in damages {
        let path = bench.file();
        let (folder, clock) = bench.close();
        damage(&path);
        bench = Bench::open(folder, clock, true).await;
        right(&bench).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_another_journal_is_not_believed() {
    let mut other = Bench::new().await;
    other.fill(&mut Dice(3), 50).await;
    right(&other).await;
    let foreign = other.file();
    let (_folder, _) = other.close();
    let mut bench = Bench::new().await;
    bench.fill(&mut Dice(4), 100).await;
    let own = bench.file();
    let (folder, clock) = bench.close();
    fs::copy(foreign, own).unwrap();
    right(&Bench::open(folder, clock, true).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_ahead_of_its_journal_is_made_anew() {
    let mut dice = Dice(5);
    let mut bench = Bench::new().await;
    bench.fill(&mut dice, 60).await;
    let (folder, clock) = bench.close();
    let journal = folder.path().join("journal");
    let older = tempfile::tempdir().unwrap();
    copy_all(&journal, older.path());
    let mut bench = Bench::open(folder, clock, true).await;
    bench.fill(&mut dice, 60).await;
    bench.post(entry("bank", "ada", 5, details("other", "", ""))).await;
    let ahead = right(&bench).await;
    let (folder, clock) = bench.close();
    // An older copy of the journal is put back; the projection knows of what is gone.
    fs::remove_dir_all(&journal).unwrap();
    copy_all(older.path(), &journal);
    let newer = tempfile::tempdir().unwrap();
    fs::copy(folder.path().join(FILE), newer.path().join(FILE)).unwrap();
    let mut bench = Bench::open(folder, clock, true).await;
    assert!(right(&bench).await < ahead);
    // The journal goes another way and passes the place where the projection stood.
    let mut dice = Dice(6);
    bench.fill(&mut dice, 150).await;
    let file = bench.file();
    let (folder, clock) = bench.close();
    fs::copy(newer.path().join(FILE), file).unwrap();
    let bench = Bench::open(folder, clock, true).await;
    assert!(right(&bench).await > ahead);
}
