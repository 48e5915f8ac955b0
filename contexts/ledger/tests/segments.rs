//! The keeper makes the next segment ahead while the writer may need one at that very moment: each segment that
//! becomes part of the journal is whole, keeps what was written to it, and nobody is told that the disk is full.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use ledger::journal::disk::{Disk, RealDisk};
use ledger::journal::segments::{FIRST_POSITION, Identity, SEGMENT_HEAD, Segments};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const ROUNDS: u64 = 60;
/// More than what is made ahead, now and then, so that the writer makes its own.
const NEEDED: [u64; 3] = [4 << 10, 1 << 20, 3 << 20];
const SPARE_BYTES: u64 = 2 << 20;

#[test]
fn a_segment_made_ahead_and_one_made_in_need_do_not_meet() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::try_new(folder.path()).unwrap());
    let identity = Identity { journal: 1, secret: 2 };
    let segments = Arc::new(Segments::create(disk.clone(), identity).unwrap());
    let stop = Arc::new(AtomicBool::new(false));
    let keeper = std::thread::spawn({
        let (segments, stop) = (segments.clone(), stop.clone());
        move || {
            while !stop.load(Ordering::Relaxed) {
                segments.make_spare(SPARE_BYTES).unwrap();
            }
        }
    });
    let mut start = FIRST_POSITION;
    for round in 0..ROUNDS {
        let needed = NEEDED[round as usize % NEEDED.len()];
        start += 512;
        segments.activate(identity, start, needed).unwrap();
        let segment = segments.last();
        assert!(segment.room >= needed, "round {round}: room for {} of {needed}", segment.room);
        segment.file.write_at(&vec![0xa5; needed as usize], SEGMENT_HEAD).unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    keeper.join().unwrap();
    // As a start finds it: by name, not by the handles of the writer.
    let (found, _) = Segments::open(disk).unwrap().unwrap();
    let found = found.list();
    assert_eq!(found.len() as u64, ROUNDS + 1);
    for (round, segment) in found.iter().skip(1).enumerate() {
        let mut bytes = vec![0; NEEDED[round % NEEDED.len()] as usize];
        segment.file.read_at(&mut bytes, SEGMENT_HEAD).unwrap();
        assert!(bytes.iter().all(|byte| *byte == 0xa5), "round {round}: what was written is gone");
    }
}
