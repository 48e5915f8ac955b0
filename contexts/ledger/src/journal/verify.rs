//! Verifying a journal: every record is read and judged again against what the records before it made, so
//! that a wrong counter, limit, hold, pointer or number is found, whoever wrote it. Nothing is written;
//! a live server may go on beside it.
//!
//! | what | how |
//! |---|---|
//! | bytes | chain and frame hashes, record checksums, hashes of free text |
//! | numbers | seq and party_seq gapless, record chain, times rising, every name used once |
//! | money | postings balance, counters move by exactly what the record moves, limits, statuses |
//! | lives | holds, reversals, settings: as the rules and the command before them say |
//! | pointers | numbers, previous and jump pointers of every posting |
//! | what a start makes of it | snapshot and tail give the same state; the index finds a sample of names |
//!
//! After a finding it goes on from what the record says, so one mistake is told once where that can be.

mod books;
mod compare;
mod holds;
mod judge;
mod movement;
mod names;

use self::judge::Judge;
use self::names::Names;
use super::beside::Follower;
use super::digest::BookDigest;
use super::disk::Disk;
use super::keys::Keyed;
use super::record::{Record, lengths, take_record};
use super::replay::Replayed;
use super::scan::{End, Frame};
use super::segments::{Segments, segment_name};
use super::snapshot::{nothing, snapshot_position};
use crate::books::model::BookNo;
use hashbrown::HashMap;
use kernel::{Id, Tenant, Timestamp};
use std::fmt::Display;
use std::io;
use std::sync::Arc;

/// Findings that are told one by one; more are counted.
pub const TOLD: usize = 100;

/// How far it has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Records so far.
    pub records: u64,
    /// Position so far.
    pub position: u64,
    /// Position where the files end; the journal may end before.
    pub end: u64,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where in the journal.
    pub position: u64,
    /// In whose book.
    pub tenant: Option<Tenant>,
    /// At which record.
    pub seq: Option<u64>,
    /// What.
    pub what: String,
}

/// What was found, the first [`TOLD`] of it in words.
#[derive(Debug, Default)]
pub struct Findings {
    /// The first ones.
    pub told: Vec<Finding>,
    /// How many in all.
    pub count: u64,
}

impl Findings {
    fn add(&mut self, finding: impl FnOnce() -> Finding) {
        self.count += 1;
        if self.told.len() < TOLD {
            self.told.push(finding());
        }
    }

    /// A finding about a place and no record.
    fn at(&mut self, position: u64, what: impl Display) {
        self.add(|| Finding { position, tenant: None, seq: None, what: what.to_string() });
    }

    /// A finding about a record.
    fn about(&mut self, record: &Record, what: impl Display) {
        self.add(|| Finding {
            position: record.position,
            tenant: None,
            seq: Some(record.seq),
            what: what.to_string(),
        });
    }
}

/// A book, and what proves that it is the same as another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookProof {
    /// Whose.
    pub tenant: Tenant,
    /// How many records.
    pub records: u64,
    /// See [`super::digest`].
    pub digest: [u8; 32],
}

/// What a verification came to.
#[derive(Debug)]
pub struct Report {
    /// What is wrong.
    pub findings: Findings,
    /// Every book.
    pub books: Vec<BookProof>,
    /// Frames that hold.
    pub frames: u64,
    /// Records in them.
    pub records: u64,
    /// Where they end.
    pub end: u64,
    /// The newest frame was being written, or its write was cut; it is no part of this.
    pub in_flight: bool,
    /// Accounts, balances and open holds at the end.
    pub counts: [u64; 3],
    /// The snapshot whose state and index were compared; none where there is none.
    pub snapshot_at: Option<u64>,
    /// Names that the index was asked for.
    pub names_asked: u64,
}

/// Verifies the journal of a directory. `None` where there is none.
pub fn verify(disk: &Arc<dyn Disk>, progress: &mut dyn FnMut(Progress)) -> io::Result<Option<Report>> {
    let Some((segments, identity)) = Segments::open(disk.clone())? else { return Ok(None) };
    let mut verifier = Verifier::new(&segments, Keyed::new(identity));
    let mut follower = Follower::new(&segments, nothing().place);
    let (sound, in_flight) = loop {
        match verifier.read(&mut follower, progress)? {
            None => break (false, false),
            // A snapshot that was made meanwhile is compared at its own place or later.
            Some(end) if newest_snapshot(&**disk)? <= follower.place().position => {
                break (true, end == End::Torn);
            }
            Some(_) => {}
        }
    };
    verifier.names.judge(&segments, &mut verifier.findings);
    let end = follower.place();
    let mut report = verifier.report(end.position, in_flight);
    if sound {
        let verifier = &verifier;
        compare::with_start(disk, verifier, end, &mut report)?;
    }
    let replayed = &verifier.replayed;
    for finding in report.findings.told.iter_mut().filter(|finding| finding.seq.is_some()) {
        let record = segments.record(finding.position).ok();
        let book = record.and_then(|record| replayed.state.books.get(record.book.0 as usize));
        finding.tenant = book.map(|book| book.tenant.clone());
    }
    Ok(Some(report))
}

fn newest_snapshot(disk: &dyn Disk) -> io::Result<u64> {
    Ok(disk.list()?.iter().filter_map(|name| snapshot_position(name)).max().unwrap_or(0))
}

/// What the records so far made.
struct Verifier<'a> {
    segments: &'a Segments,
    replayed: Replayed,
    digests: Vec<BookDigest>,
    names: Names,
    /// What was reversed of entries, as far as anything was.
    reversed: HashMap<(BookNo, Id), Vec<i128>, foldhash::quality::RandomState>,
    findings: Findings,
    frames: u64,
    records: u64,
    time: Option<Timestamp>,
}

impl<'a> Verifier<'a> {
    fn new(segments: &'a Segments, keyed: Keyed) -> Self {
        Self {
            segments,
            replayed: Replayed::default(),
            digests: Vec::new(),
            names: Names::new(keyed),
            reversed: HashMap::default(),
            findings: Findings::default(),
            frames: 0,
            records: 0,
            time: None,
        }
    }

    /// Reads to the end. `None` where damage lies before it.
    fn read(
        &mut self,
        follower: &mut Follower<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> io::Result<Option<End>> {
        loop {
            match follower.advance() {
                Ok(None) => {}
                Ok(Some(end)) => return Ok(Some(end)),
                Err(fault) if fault.kind() == io::ErrorKind::InvalidData => {
                    self.findings.at(follower.place().position, fault);
                    return Ok(None);
                }
                Err(fault) => return Err(fault),
            }
            if let Some(frame) = follower.frame() {
                self.frame(&frame);
            }
            let newest = self.segments.last();
            let end = newest.start + newest.room;
            progress(Progress { records: self.records, position: follower.place().position, end });
        }
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        let head = frame.head;
        self.frames += 1;
        if self.time.is_some_and(|before| before >= head.time) {
            self.findings.at(head.position, "the frame's time is not later than that of the frame before");
        }
        self.time = Some(head.time);
        let records = head.records_of(frame.bytes);
        let (mut place, mut count) = (0, 0);
        while place < records.len() {
            let position = head.position + (super::frame::HEAD + place) as u64;
            let length = lengths(&records[place..]).map_or(records.len(), |(length, _)| length);
            match take_record(&records[place..], position) {
                Ok(record) => self.record(record, head.time),
                Err(why) => {
                    let name = self.segments.holding(position).map(|segment| segment_name(segment.start));
                    let name = name.unwrap_or_default();
                    self.findings.at(position, format_args!("{name}: a record does not hold: {why}"));
                }
            }
            place += length;
            count += 1;
        }
        if count != head.count {
            let what = format_args!("the frame says {} records and holds {count}", head.count);
            self.findings.at(head.position, what);
        }
    }

    fn record(&mut self, mut record: Record, time: Timestamp) {
        self.records += 1;
        if record.at != time {
            self.findings.about(&record, "its time is not its group's");
        }
        let mut judge = Judge {
            state: &self.replayed.state,
            segments: self.segments,
            reversed: &mut self.reversed,
            record: &record,
            findings: &mut self.findings,
        };
        // What names an account or asset that does not exist cannot be applied.
        if !judge.record() {
            return;
        }
        self.names.note(&record);
        self.replayed.apply(&mut record);
        self.digests.resize_with(self.replayed.state.books.len(), BookDigest::new);
        self.digests[record.book.0 as usize].add(&record, &self.replayed.state);
    }

    fn report(&mut self, end: u64, in_flight: bool) -> Report {
        let state = &self.replayed.state;
        let book = |(book, digest): (&crate::state::Book, &BookDigest)| BookProof {
            tenant: book.tenant.clone(),
            records: book.seq,
            digest: digest.value(),
        };
        Report {
            findings: std::mem::take(&mut self.findings),
            books: state.books.iter().zip(&self.digests).map(book).collect(),
            frames: self.frames,
            records: self.records,
            end,
            in_flight,
            counts: [state.accounts.len(), state.balances.len(), state.holds.len()].map(|n| n as u64),
            snapshot_at: None,
            names_asked: 0,
        }
    }
}
