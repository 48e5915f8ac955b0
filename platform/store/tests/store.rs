//! The store's promises on a real file: all or nothing, one snapshot, migrations once, copies of a live file.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use platform_store::{Class, Error, Migration, Store, check_file, params};
use std::path::PathBuf;
use tempfile::TempDir;

const FIRST: Migration = Migration {
    file: "0001_things.sql",
    sql: "CREATE TABLE things (name TEXT PRIMARY KEY, size INTEGER NOT NULL) STRICT;",
};
const SECOND: Migration =
    Migration { file: "0002_colour.sql", sql: "ALTER TABLE things ADD COLUMN colour TEXT;" };
const EDITED: Migration =
    Migration { file: "0001_things.sql", sql: "CREATE TABLE things (name TEXT) STRICT;" };
const BROKEN: Migration =
    Migration { file: "0002_colour.sql", sql: "CREATE TABLE half (a INTEGER) STRICT; ALTER TABLE no ADD b;" };

static ONE: [Migration; 1] = [FIRST];
static TWO: [Migration; 2] = [FIRST, SECOND];
static OTHER: [Migration; 1] = [EDITED];
static HALF: [Migration; 2] = [FIRST, BROKEN];

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("things.sqlite");
    (folder, path)
}

async fn add(store: &Store, name: &'static str) -> Result<(), Error> {
    let insert = "INSERT INTO things (name, size) VALUES (?1, 1)";
    store.write(move |tx| tx.execute(insert, params![name]).map(drop)).await
}

async fn count(store: &Store) -> i64 {
    let counted = |reader: &platform_store::Reader<'_>| {
        reader.row("SELECT count(*) FROM things", [], |row| row.get::<i64>(0))
    };
    store.read::<_, Error>(counted).await.unwrap().unwrap()
}

#[tokio::test]
async fn writes_are_kept_and_failed_ones_leave_nothing() {
    let (_folder, path) = place();
    let store = Store::open(&path, &ONE).unwrap();
    add(&store, "a").await.unwrap();
    let failed: Result<(), Error> = store
        .write(|tx| {
            tx.execute("INSERT INTO things (name, size) VALUES ('b', 1)", [])?;
            tx.execute("INSERT INTO things (name, size) VALUES ('a', 1)", []).map(drop)
        })
        .await;
    assert_eq!(failed.unwrap_err().class(), Class::Unique);
    assert_eq!(count(&store).await, 1);
    drop(store);
    assert_eq!(count(&Store::open(&path, &ONE).unwrap()).await, 1);
}

#[tokio::test]
async fn a_panicking_closure_loses_its_write_and_nothing_else() {
    let (_folder, path) = place();
    let store = Store::open(&path, &ONE).unwrap();
    let lost: Result<(), Error> = store
        .write(|tx| {
            tx.execute("INSERT INTO things (name, size) VALUES ('b', 1)", [])?;
            panic!("on purpose")
        })
        .await;
    assert!(matches!(lost, Err(Error::Stopped { .. })));
    for _ in 0..8 {
        let lost: Result<(), Error> = store.read(|_| panic!("on purpose")).await;
        assert!(matches!(lost, Err(Error::Stopped { .. })));
    }
    add(&store, "a").await.unwrap();
    assert_eq!(count(&store).await, 1);
}

#[tokio::test]
async fn readers_cannot_write() {
    let (_folder, path) = place();
    let store = Store::open(&path, &ONE).unwrap();
    let refused: Result<_, Error> =
        store.read(|reader| reader.rows("DELETE FROM things RETURNING name", [], |_| Ok(()))).await;
    assert!(refused.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_queue_for_the_one() {
    let (_folder, path) = place();
    let store = Store::open(&path, &ONE).unwrap();
    let tasks: Vec<_> = (0..64)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let insert = "INSERT INTO things (name, size) VALUES (?1, 1)";
                store.write::<_, Error>(move |tx| tx.execute(insert, params![number.to_string()])).await
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), 1);
    }
    assert_eq!(count(&store).await, 64);
}

#[tokio::test]
async fn migrations_run_once_forward_and_unedited() {
    let (_folder, path) = place();
    add(&Store::open(&path, &ONE).unwrap(), "a").await.unwrap();
    let store = Store::open(&path, &TWO).unwrap();
    assert_eq!(count(&store).await, 1);
    drop(store);
    let newer = Store::open(&path, &ONE).err().unwrap();
    assert!(matches!(newer, Error::NewerSchema { found: 2, known: 1, .. }), "{newer}");
    assert!(newer.to_string().contains("run the newer program"));
}

#[tokio::test]
async fn an_edited_or_broken_migration_changes_nothing() {
    let (_folder, path) = place();
    drop(Store::open(&path, &ONE).unwrap());
    let edited = Store::open(&path, &OTHER).err().unwrap();
    assert!(edited.to_string().contains("not the one that was applied"), "{edited}");
    let broken = Store::open(&path, &HALF).err().unwrap();
    assert!(broken.to_string().contains("0002_colour.sql"), "{broken}");
    let store = Store::open(&path, &TWO).unwrap();
    let half = |reader: &platform_store::Reader<'_>| {
        reader.row("SELECT 1 FROM sqlite_schema WHERE name = 'half'", [], |_| Ok(()))
    };
    assert_eq!(store.read::<_, Error>(half).await.unwrap(), None);
}

#[test]
fn two_starts_at_once_both_succeed() {
    let (_folder, path) = place();
    std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| Store::open(&path, &TWO).map(drop))).collect();
        for start in starts {
            start.join().unwrap().unwrap();
        }
    });
}

#[tokio::test]
async fn a_live_file_is_copied_whole() {
    let (folder, path) = place();
    let store = Store::open(&path, &ONE).unwrap();
    add(&store, "a").await.unwrap();
    let copy = folder.path().join("copy.sqlite");
    store.backup(copy.clone()).await.unwrap();
    add(&store, "b").await.unwrap();
    check_file(&copy).unwrap();
    assert_eq!(count(&Store::open(&copy, &ONE).unwrap()).await, 1);
    let again = store.backup(copy).await.unwrap_err();
    assert!(again.to_string().starts_with("creating"), "{again}");
}

#[test]
fn a_damaged_file_is_called_corrupt() {
    let (_folder, path) = place();
    std::fs::write(&path, [0x5a; 8192]).unwrap();
    assert_eq!(Store::open(&path, &ONE).err().unwrap().class(), Class::Corrupt);
    assert_eq!(check_file(&path).unwrap_err().class(), Class::Corrupt);
}

#[tokio::test]
async fn a_watch_sees_what_another_opener_committed() {
    let (_folder, path) = place();
    let store = Store::open(&path, &ONE).unwrap();
    let other = Store::open(&path, &ONE).unwrap();
    let mut watch = store.watch().unwrap();
    let mut look = || {
        watch.look(|reader| reader.row("SELECT count(*) FROM things", [], |row| row.get::<i64>(0))).unwrap()
    };
    assert_eq!(look(), Some(Some(0)));
    assert_eq!(look(), None);
    add(&store, "a").await.unwrap();
    assert_eq!(look(), Some(Some(1)));
    add(&other, "b").await.unwrap();
    assert_eq!(look(), Some(Some(2)));
    assert_eq!(look(), None);
}
