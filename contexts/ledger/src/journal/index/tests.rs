//! The index against a map that never forgets, against damage, and under readers that never wait.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use proptest::prelude::*;

use super::layout::{BLOCK_BYTES, BLOCK_KEYS};
use super::test_disk::TestDisk;
use super::*;

/// Keys of all kinds: hashes, time-ordered ids, ids counted up in either word.
fn key(number: u64) -> KeyHash {
    let uniform = keys::fold(number ^ 0x9E37_79B9_7F4A_7C15, 0xD6E8_FEB8_6659_FD93);
    match number % 4 {
        0 => [uniform, keys::fold(uniform, 0xA076_1D64_78BD_642F)],
        1 => [(0x0199_0000_0000 + number) << 16 | 0x7000, uniform],
        2 => [0, number],
        _ => [number << 32, 0],
    }
}

fn name(number: u64) -> String {
    format!("{number:08}.run")
}

/// Writes the generation now open as a run.
fn flush(index: &Index, disk: &TestDisk, run: u64) {
    let generation = index.rotate();
    let flushed = index.flush(generation, disk, &name(run)).unwrap();
    index.publish(flushed);
}

/// Inserts a range of keys.
fn insert_range(index: &Index, numbers: Range<u64>, position: impl Fn(u64) -> u64) {
    for number in numbers {
        index.insert(key(number), position(number));
    }
}

/// A run of this many keys, each at its own number.
fn one_run(disk: &TestDisk, keys: u64) -> Index {
    let index = Index::new(keys as usize);
    insert_range(&index, 0..keys, |number| number);
    flush(&index, disk, 0);
    index
}

#[derive(Debug, Clone)]
enum Step {
    /// Inserts these keys.
    Insert(Vec<u64>),
    Rotate,
    /// Flushes and publishes the oldest frozen generation.
    Flush,
    /// A flush on a disk that is full after this many writes.
    FlushFails(u64),
    Merge,
    /// Forgets the memory, opens the runs, inserts again what they miss.
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let keys = || prop::collection::vec(0..600_u64, 1..120);
    let step = prop_oneof![
        6 => keys().prop_map(Step::Insert),
        5 => Just(Step::Rotate),
        6 => Just(Step::Flush),
        1 => (0..3_u64).prop_map(Step::FlushFails),
        3 => Just(Step::Merge),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..120)
}

/// The index with what it should answer.
struct Checked {
    disk: TestDisk,
    index: Index,
    model: BTreeMap<u64, u64>,
    position: u64,
    files: u64,
    /// Frozen generations, oldest first.
    frozen: Vec<u64>,
    /// Inserts of each generation not yet a run, oldest first, the newest last.
    unwritten: Vec<Vec<(u64, u64)>>,
}

impl Checked {
    fn new() -> Self {
        Self {
            disk: TestDisk::default(),
            index: Index::new(64),
            model: BTreeMap::new(),
            position: 0,
            files: 0,
            frozen: Vec::new(),
            unwritten: vec![Vec::new()],
        }
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Insert(numbers) => {
                let positions = self.position + 1..;
                let new: Vec<(u64, u64)> = numbers.iter().copied().zip(positions).collect();
                self.position += new.len() as u64;
                self.index.insert_all(new.iter().map(|(number, position)| (key(*number), *position)));
                self.model.extend(new.iter().copied());
                self.unwritten.last_mut().unwrap().extend(new);
            }
            Step::Rotate => {
                self.frozen.push(self.index.rotate());
                self.unwritten.push(Vec::new());
            }
            Step::Flush => self.flush(),
            Step::FlushFails(writes) => self.flush_fails(*writes),
            Step::Merge => {
                let merged = self.index.merge_step(&self.disk, || name(self.files)).unwrap();
                self.files += 1;
                for name in merged.into_iter().flat_map(|merged| merged.removed) {
                    self.disk.remove(&name).unwrap();
                }
            }
            Step::Reopen => self.reopen(),
        }
    }

    fn flush(&mut self) {
        if self.frozen.is_empty() {
            return;
        }
        let flushed = self.index.flush(self.frozen.remove(0), &self.disk, &name(self.files)).unwrap();
        let written = self.unwritten.remove(0);
        assert_eq!(flushed.meta().is_some(), !written.is_empty());
        self.index.publish(flushed);
        self.files += 1;
    }

    /// The generation stays in memory, and no file is left.
    fn flush_fails(&mut self, writes: u64) {
        let Some(oldest) = self.frozen.first().filter(|_| !self.unwritten[0].is_empty()) else { return };
        let files = self.disk.list().unwrap();
        self.disk.allow_writes(Some(writes));
        let flushed = self.index.flush(*oldest, &self.disk, "full.run");
        self.disk.allow_writes(None);
        match flushed {
            // Few keys take two writes.
            Ok(_) => self.disk.remove("full.run").unwrap(),
            Err(fault) => assert_eq!(fault.kind(), io::ErrorKind::StorageFull),
        }
        assert_eq!(self.disk.list().unwrap(), files);
    }

    fn reopen(&mut self) {
        let names: Vec<_> = self.index.runs().into_iter().map(|run| run.name).collect();
        let before = self.index.runs();
        self.index = Index::open(&self.disk, &names, 64).unwrap();
        assert_eq!(self.index.runs(), before);
        self.frozen.clear();
        self.unwritten = vec![self.unwritten.concat()];
        for (number, position) in &self.unwritten[0] {
            self.index.insert(key(*number), *position);
        }
    }

    fn check(&self) {
        for number in 0..600 {
            let found = self.index.get(key(number)).unwrap();
            assert_eq!(found, self.model.get(&number).copied(), "key {number}");
        }
        let mut named: Vec<_> = self.index.runs().into_iter().map(|run| run.name).collect();
        named.sort();
        assert_eq!(self.disk.list().unwrap(), named, "files without a run, or the reverse");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_index_answers_as_a_map(steps in steps()) {
        let mut checked = Checked::new();
        for step in &steps {
            checked.run(step);
            checked.check();
        }
    }
}

#[test]
fn merging_bounds_the_runs_and_keeps_the_newest() {
    let disk = TestDisk::default();
    let index = Index::new(100);
    let mut model = BTreeMap::new();
    let mut merges = 0;
    for run in 0..100_u64 {
        for number in run * 10..run * 10 + 300 {
            index.insert(key(number), run);
            model.insert(number, run);
        }
        flush(&index, &disk, run);
        while index.merge_step(&disk, || name(1_000 + merges)).unwrap().is_some() {
            merges += 1;
        }
    }
    assert_eq!(index.runs().iter().map(|run| run.level).collect::<Vec<_>>(), [0, 0, 0, 0, 1, 1, 1, 1, 2]);
    for (number, run) in model {
        assert_eq!(index.get(key(number)).unwrap(), Some(run));
    }
    assert_eq!(index.get(key(5_000)).unwrap(), None);
}

#[test]
fn a_damaged_block_is_told_when_it_is_read() {
    let disk = TestDisk::default();
    let index = one_run(&disk, 2_000);
    disk.damage(&name(0), 3 * BLOCK_BYTES + 100);
    let faults: Vec<_> = (0..2_000).filter_map(|number| index.get(key(number)).err()).collect();
    assert_eq!(faults.len(), BLOCK_KEYS);
    for fault in faults {
        assert_eq!(fault.kind(), io::ErrorKind::InvalidData);
        assert_eq!(fault.to_string(), "index run 00000000.run is damaged: block 2 fails its checksum");
    }
}

#[test]
fn a_block_in_the_wrong_place_is_damage() {
    let disk = TestDisk::default();
    let index = one_run(&disk, 2_000);
    let file = disk.open(&name(0)).unwrap();
    let mut block = [0; BLOCK_BYTES];
    file.read_at(&mut block, BLOCK_BYTES as u64).unwrap();
    file.write_at(&block, 2 * BLOCK_BYTES as u64).unwrap();
    assert_eq!((0..2_000).filter(|number| index.get(key(*number)).is_err()).count(), BLOCK_KEYS);
}

#[test]
fn damage_outside_the_blocks_is_told_at_open() {
    let blocks = 2_000_usize.div_ceil(BLOCK_KEYS);
    let fences = (1 + blocks) * BLOCK_BYTES;
    let filter = fences + blocks * 16;
    for (at, what) in [
        (0, "the file does not start as a run"),
        (24, "the header fails its checksum"),
        (fences + 20, "the first keys of the blocks fail their checksum"),
        (filter + 1, "the filter fails its checksum"),
    ] {
        let disk = TestDisk::default();
        drop(one_run(&disk, 2_000));
        disk.damage(&name(0), at);
        let fault = Index::open(&disk, &[name(0)], 10).err().unwrap();
        assert_eq!(fault.to_string(), format!("index run 00000000.run is damaged: {what}"));
    }
    let disk = TestDisk::default();
    drop(one_run(&disk, 2_000));
    disk.open(&name(0)).unwrap().resize(disk.len(&name(0)) as u64 - 1).unwrap();
    let cut = Index::open(&disk, &[name(0)], 10).err().unwrap();
    assert!(cut.to_string().contains("length"), "{cut}");
    let missing = Index::open(&disk, &[name(7)], 10).err().unwrap();
    assert!(missing.to_string().contains("00000007.run") && missing.kind() == io::ErrorKind::NotFound);
}

#[test]
fn a_name_that_is_taken_is_left_alone() {
    let disk = TestDisk::default();
    let index = one_run(&disk, 500);
    index.insert(key(501), 501);
    let generation = index.rotate();
    let fault = index.flush(generation, &disk, &name(0)).err().unwrap();
    assert_eq!(fault.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(index.get(key(3)).unwrap(), Some(3));
    assert_eq!(index.get(key(501)).unwrap(), Some(501));
}

#[test]
fn damage_stops_a_merge_and_leaves_the_runs() {
    let disk = TestDisk::default();
    let index = Index::new(100);
    for run in 0..8 {
        insert_range(&index, 0..400, |_| run);
        flush(&index, &disk, run);
    }
    disk.damage(&name(5), BLOCK_BYTES + 9);
    let fault = index.merge_step(&disk, || name(99)).unwrap_err();
    assert!(fault.to_string().contains("00000005.run"), "{fault}");
    assert_eq!((index.runs().len(), disk.list().unwrap().len()), (8, 8));
    disk.damage(&name(5), BLOCK_BYTES + 9);
    assert_eq!(index.merge_step(&disk, || name(99)).unwrap().unwrap().added.keys, 400);
}

#[test]
#[should_panic(expected = "published oldest first")]
fn generations_are_published_in_order() {
    let disk = TestDisk::default();
    let index = Index::new(10);
    index.insert(key(1), 1);
    index.rotate();
    index.insert(key(1), 2);
    let newer = index.rotate();
    index.publish(index.flush(newer, &disk, &name(0)).unwrap());
}

/// Readers ask for keys at or below the mark the writer has passed, while generations become runs
/// and runs become one; each key must be there, at the position of its last insert or a later one.
#[test]
fn readers_never_miss_a_key() {
    const ROUNDS: u64 = 150;
    const KEYS: u64 = 200;
    let disk = TestDisk::default();
    let index = Index::new(KEYS as usize);
    let rounds = AtomicU64::new(0);
    let over = AtomicBool::new(false);
    // In round r the keys r*20 .. r*20+200 get position r.
    let floor = |number: u64, done: u64| (number / 20).min(done - 1);
    thread::scope(|scope| {
        for reader in 0..3_u64 {
            let (index, rounds, over) = (&index, &rounds, &over);
            scope.spawn(move || {
                let mut draw = reader;
                while !over.load(Ordering::Acquire) {
                    let done = rounds.load(Ordering::Acquire);
                    if done == 0 {
                        continue;
                    }
                    draw = keys::fold(draw ^ 0x9E37_79B9_7F4A_7C15, 0xD6E8_FEB8_6659_FD93);
                    let number = draw % ((done - 1) * 20 + KEYS);
                    let found = index.get(key(number)).unwrap();
                    assert!(found >= Some(floor(number, done)), "key {number} after {done}: {found:?}");
                }
            });
        }
        let mut files = 0;
        for round in 0..ROUNDS {
            insert_range(&index, round * 20..round * 20 + KEYS, |_| round);
            rounds.store(round + 1, Ordering::Release);
            flush(&index, &disk, files);
            files += 1;
            while let Some(merged) = index.merge_step(&disk, || name(files)).unwrap() {
                files += 1;
                merged.removed.iter().for_each(|name| disk.remove(name).unwrap());
            }
        }
        over.store(true, Ordering::Release);
    });
}

#[test]
fn memory_is_as_documented() {
    let disk = TestDisk::default();
    let index = Index::new(GENERATION_KEYS);
    assert!(index.stats().memory_bytes < 10_000, "an idle index is small");
    insert_range(&index, 0..GENERATION_KEYS as u64, |number| number);
    let first = index.stats();
    assert_eq!(first.memory_keys, GENERATION_KEYS as u64);
    // A few bytes at the end of a table depend on the processor.
    assert_eq!(first.memory_bytes * 10 / first.memory_keys, 297);
    flush(&index, &disk, 0);
    let run = index.stats();
    assert_eq!((run.memory_keys, run.generations, run.runs), (0, 1, 1));
    assert_eq!(run.run_bytes * 1_000 / run.run_keys, 1_594);
    assert_eq!(run.file_bytes, disk.len(&name(0)) as u64);
    assert_eq!(run.file_bytes * 1_000 / run.run_keys, 25_695);
    let reserved = run.memory_bytes;
    assert_eq!(reserved * 10 / first.memory_keys, 2 * 297 + 1, "the retired tables are the next spares");
    insert_range(&index, 0..GENERATION_KEYS as u64, |number| number);
    assert_eq!(index.stats().memory_bytes, reserved, "a table grew");
}
