//! The promises, one a test.

use crate::house::House;
use kernel::{Id, IdSource as _, RandomIds, Tenant, Timestamp};
use platform_store::jobs::{Status, job_end, job_find, job_list, job_list_due, job_next_due, job_put_off};
use platform_store::unit::{Answered, Change, Command, Event, NewJob, RowsUnit};
use platform_store::{Error, Stopped, Value, params};
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::task::JoinSet;

fn command(key: Option<&str>, field: &str) -> Command {
    let fields = vec![("name", field.to_owned())];
    Command { name: "things.do", fields, key: key.map(str::to_owned), dry_run: false }
}

fn note(name: &str, text: &str) -> Change {
    let insert = "INSERT INTO things_notes (name, text) VALUES (?1, ?2)";
    Change::one(insert, params![name, text])
}

async fn write(house: &House, command: &Command, unit: impl Fn() -> RowsUnit) -> Result<Answered, Stopped> {
    house.once(command, || std::future::ready(Ok(unit()))).await
}

const NOTES: &str = "SELECT count(*) FROM things_notes";

pub async fn a_repeat_gets_the_first_answer_and_another_command_a_conflict(house: House) {
    let unit = || RowsUnit::answering(b"first".to_vec()).change(note("a", "1"));
    let done = write(&house, &command(Some("k"), "a"), unit).await.unwrap();
    assert!(!done.replayed && done.answer == b"first");
    let other = || RowsUnit::answering(b"second".to_vec()).change(note("b", "2"));
    let again = write(&house, &command(Some("k"), "a"), other).await.unwrap();
    assert!(again.replayed && again.answer == b"first");
    let Err(Stopped::Refused(refused)) = write(&house, &command(Some("k"), "other"), other).await else {
        panic!("another command under the same key is a conflict")
    };
    assert_eq!(refused.problem.slug.code, "idempotency-conflict");
    assert!(refused.problem.detail.contains("name"), "{}", refused.problem.detail);
    assert_eq!(house.count(NOTES).await, 1);
}

pub async fn one_of_many_with_the_same_key_is_carried_out(house: House) {
    let mut racing = JoinSet::new();
    for runner in 0..16 {
        let house = house.clone();
        racing.spawn(async move {
            let answer = format!("runner {runner}");
            let unit = || RowsUnit::answering(answer.clone().into_bytes()).change(note(&answer, "x"));
            write(&house, &command(Some("race"), "a"), unit).await.unwrap()
        });
    }
    let answers = racing.join_all().await;
    assert_eq!(answers.iter().filter(|answered| !answered.replayed).count(), 1);
    assert!(answers.iter().all(|answered| answered.answer == answers[0].answer));
    assert_eq!(house.count(NOTES).await, 1);
}

pub async fn a_guard_on_a_counter_is_never_passed(house: House) {
    let start = || {
        let insert = "INSERT INTO things_counters (id, used) VALUES (1, 0)";
        RowsUnit::answering(Vec::new()).change(Change::one(insert, []))
    };
    write(&house, &command(None, "start"), start).await.unwrap();
    let mut racing = JoinSet::new();
    for _ in 0..32 {
        let house = house.clone();
        racing.spawn(async move {
            let make = || async {
                let used: i64 = house.count("SELECT used FROM things_counters WHERE id = 1").await;
                let full = kernel::Problem::new(&platform_store::slugs::CONTENTION, "full");
                if used + 3 > 50 {
                    return Err(Stopped::Unanswered(full));
                }
                let update = "UPDATE things_counters SET used = used + ?1 WHERE id = 1 AND used + ?1 <= ?2";
                Ok(RowsUnit::answering(Vec::new()).change(Change::one(update, params![3_i64, 50_i64])))
            };
            house.once(&command(None, "take"), make).await.is_ok()
        });
    }
    let taken = racing.join_all().await.into_iter().filter(|taken| *taken).count();
    assert_eq!(taken, 16, "no headroom is lost, and none is taken twice");
    assert_eq!(house.count("SELECT used FROM things_counters WHERE id = 1").await, 48);
}

pub async fn a_taken_key_of_a_table_has_its_command_read_again(house: House) {
    write(&house, &command(None, "a"), || RowsUnit::answering(Vec::new()).change(note("a", "1")))
        .await
        .unwrap();
    let rounds = AtomicU32::new(0);
    let make = || async {
        // It looked too early once; then it sees what is there.
        let name = if rounds.fetch_add(1, Ordering::Relaxed) == 0 { "a" } else { "b" };
        Ok(RowsUnit::answering(Vec::new()).change(note("half", "1")).change(note(name, "2")))
    };
    house.once(&command(None, "b"), make).await.unwrap();
    assert_eq!(rounds.load(Ordering::Relaxed), 2);
    assert_eq!(house.count(NOTES).await, 3, "what was undone left nothing");
    let never = || RowsUnit::answering(Vec::new()).change(note("a", "3"));
    let Err(Stopped::Unanswered(problem)) = write(&house, &command(None, "c"), never).await else {
        panic!("it can never be done")
    };
    assert_eq!(problem.slug.code, "contention");
}

pub async fn a_dry_run_answers_and_stores_nothing(house: House) {
    let asked = Command { dry_run: true, ..command(Some("dry"), "a") };
    let unit = || RowsUnit::answering(b"would".to_vec()).change(note("a", "1"));
    let answered = write(&house, &asked, unit).await.unwrap();
    assert!(answered.dry_run && answered.answer == b"would");
    assert_eq!(house.count(NOTES).await, 0);
    assert_eq!(house.count("SELECT count(*) FROM store_keys").await, 0);
    assert_eq!(house.count("SELECT count(*) FROM store_audit").await, 0);
    assert!(!write(&house, &command(Some("dry"), "a"), unit).await.unwrap().replayed);
}

pub async fn events_of_a_key_are_numbered_without_gaps(house: House) {
    let mut racing = JoinSet::new();
    for place in 0..40_u32 {
        let house = house.clone();
        racing.spawn(async move {
            let key = format!("key {}", place % 2);
            let event = || Event { stream: "things", kind: "done", key: key.clone(), payload: vec![1] };
            let first = AtomicU32::new(0);
            let make = || {
                let unit = RowsUnit::answering(Vec::new()).event(event());
                // A first try that fails after its event has to give its number back.
                let spoilt = place % 5 == 0 && first.fetch_add(1, Ordering::Relaxed) == 0;
                let update = "UPDATE things_counters SET used = 1 WHERE id = ?1";
                let unit = if spoilt { unit.change(Change::one(update, params![9_i64])) } else { unit };
                std::future::ready(Ok(unit))
            };
            house.once(&command(None, "event"), make).await.unwrap();
        });
    }
    racing.join_all().await;
    let query = "SELECT key, sequence FROM store_outbox ORDER BY key, sequence";
    let found: Vec<(String, i64)> =
        house.read(move |reader| reader.rows(query, [], |row| Ok((row.get(0)?, row.get(1)?)))).await;
    let wanted: Vec<(String, i64)> =
        (0..2).flat_map(|key| (1..=20).map(move |number| (format!("key {key}"), number))).collect();
    assert_eq!(found, wanted);
}

pub async fn jobs_that_are_due_come_most_urgent_first(house: House) {
    let at = |us: i64| Timestamp(1_000_000_000 + us);
    let job = |priority, due| NewJob {
        id: RandomIds.next(),
        kind: "things.job",
        priority,
        due,
        payload: b"{}".to_vec(),
    };
    let jobs = [job(0, at(5)), job(9, at(7)), job(0, at(1)), job(9, at(99))];
    let ids: Vec<Id> = jobs.iter().map(|job| job.id).collect();
    let unit = || jobs.iter().cloned().fold(RowsUnit::answering(Vec::new()), RowsUnit::job);
    write(&house, &command(None, "jobs"), unit).await.unwrap();
    let due = |now| house.read(move |reader| job_list_due(reader, now, 10));
    let order: Vec<Id> = due(at(10)).await.iter().map(|job| job.id).collect();
    assert_eq!(order, [ids[1], ids[2], ids[0]]);
    assert_eq!(house.read(job_next_due).await, Some(at(1)));
    let found = due(at(10)).await;
    let end = || RowsUnit::answering(Vec::new()).change(job_end(&found[0], Status::Done, "{}", at(11)));
    write(&house, &command(None, "end"), end).await.unwrap();
    let put_off = || RowsUnit::answering(Vec::new()).change(job_put_off(&found[1], "not now", at(11)));
    write(&house, &command(None, "put off"), put_off).await.unwrap();
    let order: Vec<Id> = due(at(12)).await.iter().map(|job| job.id).collect();
    assert_eq!(order, [ids[0]]);
    let id = ids[1];
    let ended = house.read(move |reader| job_find(reader, &Tenant::default(), id)).await.unwrap();
    assert_eq!((ended.status, ended.due, ended.finished), (Status::Done, None, Some(at(11))));
    let waiting = Some(Status::Waiting);
    let all = house.read(move |reader| job_list(reader, &Tenant::default(), "things.job", waiting, None, 10));
    assert_eq!(all.await.len(), 3);
    // Twice done is a failed guard.
    assert!(write(&house, &command(None, "again"), end).await.is_err());
}

pub async fn numbers_are_never_given_twice(house: House) {
    let mut racing = JoinSet::new();
    for _ in 0..8 {
        let house = house.clone();
        racing.spawn(async move {
            let mut drawn = Vec::new();
            for _ in 0..50 {
                drawn.push(house.number("thing").await);
            }
            assert!(drawn.is_sorted(), "they grow");
            drawn
        });
    }
    let mut all: Vec<i64> = racing.join_all().await.concat();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 400);
    assert!(all[0] >= 1);
    assert_eq!(house.number("another").await, 1, "each name counts by itself");
}

pub async fn rows_are_copied_in_all_or_none(house: House) {
    let columns: &[&str] = &["id", "number", "text"];
    let rows = |ids: std::ops::Range<i64>| {
        ids.map(|id| vec![id.into(), Value::Null, "text".into()]).collect::<Vec<_>>()
    };
    assert_eq!(house.copy_in("things_values", columns, rows(0..3_000)).await.unwrap(), 3_000);
    assert!(house.copy_in("things_values", columns, rows(2_999..5_000)).await.is_err());
    assert_eq!(house.count("SELECT count(*) FROM things_values").await, 3_000);
}

pub async fn values_come_back_as_they_went(house: House) {
    type Read = (Option<i64>, Option<String>, Option<Vec<u8>>);
    let texts = ["", "plain", "it's ?1 \"quoted\" $2", "żółć 🦀 \u{1}\n", "a'; DROP TABLE things_values; --"];
    let mut wanted: Vec<Read> = vec![(None, None, None)];
    wanted.extend(
        [i64::MIN, -1, 0, i64::MAX].map(|number| (Some(number), None, Some(number.to_be_bytes().to_vec()))),
    );
    wanted.extend(texts.map(|text| (None, Some(text.to_owned()), Some(Vec::new()))));
    let insert = "INSERT INTO things_values (id, number, text, bytes) VALUES (?1, ?2, ?3, ?4)";
    let unit = || {
        wanted.iter().zip(0_i64..).fold(RowsUnit::answering(Vec::new()), |unit, (row, id)| {
            let (number, text, bytes) = row.clone();
            unit.change(Change::one(insert, params![id, number, text, bytes]))
        })
    };
    write(&house, &command(None, "values"), unit).await.unwrap();
    let query = "SELECT number, text, bytes FROM things_values ORDER BY id";
    let read =
        house.read(move |reader| reader.rows(query, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))));
    assert_eq!(read.await, wanted);
    // Found again by each of them; nothing is found by nothing.
    let query =
        "SELECT count(*) FROM things_values WHERE (number = ?1 OR ?1 IS NULL) AND (text = ?2 OR ?2 IS NULL)";
    for (number, text, _) in wanted.clone() {
        let all = number.is_none() && text.is_none();
        let found: Option<i64> =
            house.read(move |reader| reader.row(query, params![number, text], |row| row.get(0))).await;
        assert_eq!(found, Some(if all { wanted.len() as i64 } else { 1 }));
    }
    // A column of another kind is an error that names it.
    let wrong: Result<Option<i64>, Error> = house
        .read(
            |reader| Ok(reader.row("SELECT id, text FROM things_values WHERE id = 6", [], |row| row.get(1))),
        )
        .await;
    assert!(wrong.unwrap_err().why().contains("column 1"));
}

pub async fn a_read_sees_one_snapshot(house: House) {
    let (begun, begins) = std::sync::mpsc::sync_channel(1);
    let (go, goes) = std::sync::mpsc::sync_channel::<()>(1);
    let reading = {
        let house = house.clone();
        tokio::spawn(async move {
            house
                .read(move |reader| {
                    let count = || reader.row::<i64>(NOTES, [], |row| row.get(0));
                    let before = count()?;
                    begun.send(()).unwrap();
                    goes.recv().unwrap();
                    Ok((before, count()?))
                })
                .await
        })
    };
    tokio::task::spawn_blocking(move || begins.recv().unwrap()).await.unwrap();
    let unit = || RowsUnit::answering(Vec::new()).change(note("late", "1"));
    write(&house, &command(None, "late"), unit).await.unwrap();
    go.send(()).unwrap();
    assert_eq!(reading.await.unwrap(), (Some(0), Some(0)));
    assert_eq!(house.count(NOTES).await, 1);
}

pub async fn every_command_is_in_the_audit(house: House) {
    let before = house.clock().now();
    let unit = || RowsUnit::answering(Vec::new()).change(note("a", "1"));
    write(&house, &command(Some("k"), "a"), unit).await.unwrap();
    write(&house, &command(Some("k"), "a"), unit).await.unwrap();
    let query = "SELECT tenant, command, at, fields FROM store_audit ORDER BY id";
    let rows: Vec<(String, String, i64, Vec<u8>)> = house
        .read(move |reader| {
            reader.rows(query, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        })
        .await;
    let [(tenant, name, at, fields)] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((&**tenant, &**name), (Tenant::default().as_str(), "things.do"));
    assert!((before.0..=house.clock().now().0).contains(at));
    assert!(fields.windows(4).any(|part| part == b"name"));
}
