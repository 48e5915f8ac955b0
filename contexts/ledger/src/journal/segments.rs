//! Segments: the files the journal is cut into. A position counts bytes of frames from the journal's
//! start; a segment's name is the position of its first frame, so the space a segment leaves unused at its
//! end has no positions. The next segment is made ahead, filled with zeros, so that a commit neither
//! allocates nor meets a full disk.

use super::disk::{Disk, File, NoDisk, read_exact};
use super::record::{self, Record};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;

/// Bytes of a segment's own head.
pub const SEGMENT_HEAD: u64 = 512;
/// The first segment is small, so that an empty ledger starts at once.
const FIRST_SEGMENT: u64 = 4 << 20;
/// Later ones grow up to this.
const LARGEST_SEGMENT: u64 = 64 << 20;
/// Positions start here, so that 0 can mean "nowhere".
pub const FIRST_POSITION: u64 = 512;
/// The segment that is being made ahead.
const SPARE: &str = "spare.tmp";
/// A segment made for one large frame is a multiple of this.
const ROUND: u64 = 1 << 20;
/// What is read of a record at first; longer ones take a second read.
const FIRST_READ: usize = 1 << 10;

const MAGIC: [u8; 8] = *b"CJSEG001";

/// What every file of one journal has in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Tells one journal's files from another's.
    pub journal: u128,
    /// Keys the hashes of client-made names, so that nobody outside can make two collide.
    pub secret: u128,
}

/// One file of the journal.
pub struct Segment {
    /// Position of its first frame.
    pub start: u64,
    /// Its file.
    pub file: Arc<dyn File>,
    /// Bytes of frames it has room for.
    pub room: u64,
}

/// All files of a journal, oldest first.
pub struct Segments {
    disk: Arc<dyn Disk>,
    list: ArcSwap<Vec<Arc<Segment>>>,
    /// Held while the spare is made or taken (what one thread zeroes, no other may be writing records to) and while
    /// the list changes.
    spare: Mutex<()>,
}

/// The name of a segment's file.
pub fn segment_name(start: u64) -> String {
    format!("journal-{start:016x}.seg")
}

fn segment_start(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("journal-")?.strip_suffix(".seg")?;
    (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

fn head(identity: Identity, start: u64) -> [u8; SEGMENT_HEAD as usize] {
    let mut bytes = [0; SEGMENT_HEAD as usize];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..24].copy_from_slice(&identity.journal.to_le_bytes());
    bytes[24..40].copy_from_slice(&identity.secret.to_le_bytes());
    bytes[40..48].copy_from_slice(&start.to_le_bytes());
    let sum = crc32c::crc32c(&bytes[..48]);
    bytes[48..52].copy_from_slice(&sum.to_le_bytes());
    bytes
}

fn take_head(bytes: &[u8; SEGMENT_HEAD as usize]) -> Option<(Identity, u64)> {
    let long = |place: usize| u128::from_le_bytes(*bytes[place..].first_chunk().expect("within the head"));
    let start = u64::from_le_bytes(*bytes[40..].first_chunk().expect("within the head"));
    let sum = u32::from_le_bytes(*bytes[48..].first_chunk().expect("within the head"));
    let right = bytes[..8] == MAGIC && sum == crc32c::crc32c(&bytes[..48]);
    right.then(|| (Identity { journal: long(8), secret: long(24) }, start))
}

/// An error that names a file and says what is wrong with it.
pub fn damage(what: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_string())
}

impl Segments {
    /// Opens every segment of a directory. `None` where there is none yet.
    pub fn open(disk: Arc<dyn Disk>) -> io::Result<Option<(Self, Identity)>> {
        let mut list = Vec::new();
        let mut identity = None;
        for name in disk.list()? {
            let Some(start) = segment_start(&name) else { continue };
            let file = disk.open(&name)?;
            let mut bytes = [0; SEGMENT_HEAD as usize];
            let read = file.read_at(&mut bytes, 0)?;
            let Some((own, named)) = take_head(&bytes).filter(|_| read == bytes.len()) else {
                return Err(damage(format_args!("{name}: the segment's head is damaged")));
            };
            if named != start || *identity.get_or_insert(own) != own {
                return Err(damage(format_args!("{name}: the segment belongs to another journal or place")));
            }
            let room = file.size()?.saturating_sub(SEGMENT_HEAD);
            list.push(Arc::new(Segment { start, file, room }));
        }
        list.sort_by_key(|segment| segment.start);
        let Some(identity) = identity else { return Ok(None) };
        if list[0].start != FIRST_POSITION {
            return Err(damage(format_args!(
                "{}: the journal's first segment is missing",
                segment_name(FIRST_POSITION)
            )));
        }
        Ok(Some((Self::of(disk, list), identity)))
    }

    /// Starts a journal: its first segment, durable.
    pub fn create(disk: Arc<dyn Disk>, identity: Identity) -> io::Result<Self> {
        let segments = Self::of(disk, Vec::new());
        segments.make_spare(FIRST_SEGMENT)?;
        segments.activate(identity, FIRST_POSITION, 0)?;
        Ok(segments)
    }

    /// No file at all: for a store whose records are elsewhere.
    pub fn none() -> Self {
        Self::of(Arc::new(NoDisk), Vec::new())
    }

    fn of(disk: Arc<dyn Disk>, list: Vec<Arc<Segment>>) -> Self {
        Self { disk, list: ArcSwap::from_pointee(list), spare: Mutex::new(()) }
    }

    /// The files, oldest first.
    pub fn list(&self) -> Arc<Vec<Arc<Segment>>> {
        self.list.load_full()
    }

    /// The newest file.
    pub fn last(&self) -> Arc<Segment> {
        self.list.load().last().cloned().expect("a journal has at least one segment")
    }

    /// How large the next segment should be.
    pub fn next_size(&self) -> u64 {
        let doubled = FIRST_SEGMENT.checked_shl(self.list.load().len() as u32).unwrap_or(LARGEST_SEGMENT);
        doubled.min(LARGEST_SEGMENT)
    }

    /// Makes the next segment's file ahead: zeros, durable. Replaces one that was left half made.
    pub fn make_spare(&self, size: u64) -> io::Result<()> {
        let _spare = self.spare.lock();
        self.replace_spare(size)
    }

    fn replace_spare(&self, size: u64) -> io::Result<()> {
        if self.disk.list()?.iter().any(|name| name == SPARE) {
            self.disk.remove(SPARE)?;
        }
        self.disk.create_zeros(SPARE, size).map(|_| ())
    }

    /// Makes the spare the newest segment, its name and head durable. It must have room for `needed`.
    pub fn activate(&self, identity: Identity, start: u64, needed: u64) -> io::Result<()> {
        let _spare = self.spare.lock();
        let file = match self.disk.open(SPARE) {
            Ok(file) if file.size()? >= SEGMENT_HEAD + needed => file,
            Ok(_) | Err(_) => {
                self.replace_spare(self.next_size().max((SEGMENT_HEAD + needed).next_multiple_of(ROUND)))?;
                self.disk.open(SPARE)?
            }
        };
        file.write_at(&head(identity, start), 0)?;
        file.sync()?;
        self.disk.rename(SPARE, &segment_name(start))?;
        self.disk.sync_names()?;
        let room = file.size()?.saturating_sub(SEGMENT_HEAD);
        let mut list = Vec::clone(&self.list.load());
        list.push(Arc::new(Segment { start, file, room }));
        self.list.store(Arc::new(list));
        Ok(())
    }

    /// Takes a segment's file anew, which was written again under its name. Who holds the old one reads on in it.
    pub fn reopen(&self, start: u64) -> io::Result<()> {
        let file = self.disk.open(&segment_name(start))?;
        let room = file.size()?.saturating_sub(SEGMENT_HEAD);
        let _spare = self.spare.lock();
        let mut list = Vec::clone(&self.list.load());
        if let Ok(place) = list.binary_search_by_key(&start, |segment| segment.start) {
            list[place] = Arc::new(Segment { start, file, room });
        }
        self.list.store(Arc::new(list));
        Ok(())
    }

    /// Sees segments that another process has added since: for tools beside a live server.
    pub fn refresh(&self) -> io::Result<()> {
        if let Some((fresh, _)) = Self::open(self.disk.clone())? {
            self.list.store(fresh.list.load_full());
        }
        Ok(())
    }

    /// The segment that holds this position.
    pub fn holding(&self, position: u64) -> Option<Arc<Segment>> {
        let list = self.list.load();
        let after = list.partition_point(|segment| segment.start <= position);
        after.checked_sub(1).map(|place| list[place].clone())
    }

    /// Reads bytes at a position; fewer only at the end of its file.
    pub fn read(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let segment = self.holding(position).ok_or(io::ErrorKind::NotFound)?;
        segment.file.read_at(buffer, SEGMENT_HEAD + (position - segment.start))
    }

    /// Reads the record at a position, checking its sums.
    pub fn record(&self, position: u64) -> io::Result<Record> {
        let segment = self.holding(position).ok_or(io::ErrorKind::NotFound)?;
        let offset = SEGMENT_HEAD + (position - segment.start);
        let mut first = [0; FIRST_READ];
        let read = segment.file.read_at(&mut first, offset)?;
        let broken = |why: super::codec::Malformed| {
            damage(format_args!("{} at byte {offset}: {why}", segment_name(segment.start)))
        };
        let Some((length, _)) = record::lengths(&first[..read]) else {
            return Err(broken(super::codec::Malformed("no record starts here")));
        };
        if length <= read {
            return record::take_record(&first[..length], position).map_err(broken);
        }
        let mut whole = vec![0; length];
        read_exact(&*segment.file, &mut whole, offset)?;
        record::take_record(&whole, position).map_err(broken)
    }
}
