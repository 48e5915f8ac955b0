//! The end of the journal where a crash or a lying disk left less than it should hold, and checkpoints that are
//! tried again.

use kernel::time::ManualClock;
use kernel::{Id, RandomIds, Timestamp};
use ledger::books::model::BookNo;
use ledger::command::{Command, Keys};
use ledger::effect::{Decision, Effect};
use ledger::entries::model::{Details, PostEntry};
use ledger::journal::copy::copy;
use ledger::journal::disk::{Disk, File, RealDisk};
use ledger::journal::frame::{Contents, HEAD, SECTOR, build, extent};
use ledger::journal::keeper::Keeper;
use ledger::journal::record::{Draft, OriginAt, put_record};
use ledger::journal::recovery::recover;
use ledger::journal::rest::Rest;
use ledger::journal::scan::{End, Place, Scanner};
use ledger::journal::segments::{FIRST_POSITION, Identity, SEGMENT_HEAD, Segments};
use ledger::journal::snapshot::{Snapshot, nothing, save};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A frame at the journal's start, of one record with this much free text.
fn frame(text: usize) -> (Vec<u8>, [u8; 32]) {
    let mut details = Details::default();
    details.text.description = Some("x".repeat(text).into());
    let command =
        Command::PostEntry(PostEntry { postings: Default::default(), details: Some(Box::new(details)) });
    let (keys, origin) = (Keys::default(), OriginAt::Nobody);
    let draft = Draft {
        at: Timestamp(5),
        keys: &keys,
        origin: &origin,
        command: Some(&command),
        party: None,
        unit: None,
        previous: 0,
        salt: 42,
    };
    let effect = Effect::Posted { postings: Default::default() };
    let decision = Decision { book: BookNo(0), seq: 1, party: None, party_seq: 1, id: Id(9), effect };
    let mut contents = Contents { count: 1, ..Contents::default() };
    let position = FIRST_POSITION + HEAD as u64;
    put_record(&mut contents.records, &mut Vec::new(), position, &draft, &decision, &Default::default());
    let mut bytes = Vec::new();
    let zeros = extent(&contents).1;
    let hash = build(&mut bytes, &contents, &zeros, FIRST_POSITION, Timestamp(5), &[0; 32]);
    (bytes, hash)
}

fn journal() -> (tempfile::TempDir, Segments) {
    let directory = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk::try_new(directory.path()).unwrap());
    let segments = Segments::create(disk, Identity { journal: 1, secret: 2 }).unwrap();
    (directory, segments)
}

#[test]
fn a_cut_in_the_free_text_is_a_cut() {
    let (mut bytes, _) = frame(3000);
    bytes[3 * SECTOR..4 * SECTOR].fill(0);
    let (_directory, segments) = journal();
    segments.last().file.write_at(&bytes, SEGMENT_HEAD).unwrap();
    let mut scanner = Scanner::new(&segments, nothing().place);
    assert!(matches!(scanner.next(), Ok(Err(End::Torn))));
}

#[test]
fn a_frame_that_was_written_elsewhere_is_damage() {
    let (bytes, _) = frame(10);
    let (_directory, segments) = journal();
    segments.last().file.write_at(&bytes, SEGMENT_HEAD + 20 * SECTOR as u64).unwrap();
    let mut scanner = Scanner::new(&segments, nothing().place);
    let fault = scanner.next().map(|_| ()).unwrap_err();
    assert!(fault.to_string().contains("journal-0000000000000200.seg at byte 512"), "{fault}");
}

#[test]
fn a_snapshot_that_the_journal_does_not_reach_stops_the_start() {
    let (bytes, hash) = frame(10);
    let directory = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::try_new(directory.path()).unwrap());
    let recovered = recover(&disk, &RandomIds).unwrap();
    let place = Place { position: FIRST_POSITION + bytes.len() as u64, hash, last: FIRST_POSITION };
    save(&*disk, recovered.identity, &Snapshot { place, ..nothing() }).unwrap();
    let fault = recover(&disk, &RandomIds).map(|_| ()).unwrap_err();
    assert!(fault.to_string().contains("journal-0000000000000200.seg at byte 512"), "{fault}");
    recovered.segments.last().file.write_at(&bytes, SEGMENT_HEAD).unwrap();
    assert_eq!(recover(&disk, &RandomIds).unwrap().place, place);
}

/// A disk on which the first renames fail.
struct Stubborn(RealDisk, AtomicU32);

impl Disk for Stubborn {
    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        self.0.open(name)
    }
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        self.0.create(name)
    }
    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let left = self.1.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_ok() { Err(io::ErrorKind::StorageFull.into()) } else { self.0.rename(from, to) }
    }
    fn sync_names(&self) -> io::Result<()> {
        self.0.sync_names()
    }
    fn free_bytes(&self) -> io::Result<u64> {
        self.0.free_bytes()
    }
}

#[test]
fn a_checkpoint_that_failed_is_tried_again() {
    let directory = tempfile::tempdir().unwrap();
    let real = RealDisk::try_new(directory.path()).unwrap();
    let recovered = recover(&(Arc::new(real.clone()) as Arc<dyn Disk>), &RandomIds).unwrap();
    let index = recovered.index;
    let keeper = Keeper {
        disk: Arc::new(Stubborn(real, AtomicU32::new(2))),
        segments: recovered.segments,
        identity: recovered.identity,
        index: index.clone(),
        rest: Rest::new(Arc::new(ManualClock::new(Timestamp(5)))),
    };
    index.insert([1, 2], 3);
    let generation = index.rotate();
    for _ in 0..2 {
        assert!(keeper.checkpoint(FIRST_POSITION, generation).is_err(), "the snapshot's rename fails");
    }
    keeper.checkpoint(FIRST_POSITION, generation).unwrap();
    assert_eq!(index.get([1, 2]).unwrap(), Some(3));
}

#[test]
fn a_snapshot_further_on_shows_that_the_journal_lost_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk::try_new(directory.path()).unwrap()) as Arc<dyn Disk>;
    recover(&disk, &RandomIds).unwrap();
    let name = ledger::journal::snapshot::snapshot_name(FIRST_POSITION + 1024);
    // It does not hold itself; that it has its name is enough.
    std::fs::write(directory.path().join(&name), b"torn").unwrap();
    let fault = recover(&disk, &RandomIds).err().expect("the start stops");
    assert_eq!(fault.kind(), io::ErrorKind::InvalidData);
    assert!(fault.to_string().contains(&name), "{fault}");
    let elsewhere = tempfile::tempdir().unwrap();
    let to = RealDisk::try_new(elsewhere.path()).unwrap();
    let fault = copy(&disk, &to, &mut |_| {}, &mut |_| Ok(0)).expect_err("a copy would hide the loss");
    assert!(fault.to_string().contains("a copy would hide it"), "{fault}");
    std::fs::remove_file(directory.path().join(&name)).unwrap();
    recover(&disk, &RandomIds).unwrap();
}
