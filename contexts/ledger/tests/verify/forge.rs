//! Journals as nobody should write them: records of a real one, changed, in frames whose every sum is right.

use ledger::effect::{Decision, Effect, Outcome};
use ledger::journal::disk::{Disk, RealDisk};
use ledger::journal::frame::{Contents, HEAD, build, extent};
use ledger::journal::record::{Draft, OriginAt, Record, put_record};
use ledger::journal::scan::Scanner;
use ledger::journal::segments::{Identity, SEGMENT_HEAD, Segments};
use ledger::journal::snapshot::nothing;
use ledger::skew::{Links, Place};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// A commit group.
#[derive(Clone)]
pub struct Group {
    pub time: kernel::Timestamp,
    pub records: Vec<Record>,
}

pub fn disk(path: &Path) -> Arc<dyn Disk> {
    Arc::new(RealDisk::try_new(path).unwrap())
}

/// Every group of a journal.
pub fn read(path: &Path) -> Vec<Group> {
    let (segments, _) = Segments::open(disk(path)).unwrap().unwrap();
    let mut scanner = Scanner::new(&segments, nothing().place);
    let mut groups = Vec::new();
    while let Ok(frame) = scanner.next().unwrap() {
        let mut records = Vec::new();
        let each = frame.each_record(|record| {
            records.push(record);
            Ok(())
        });
        each.unwrap();
        groups.push(Group { time: frame.head.time, records });
    }
    groups
}

/// Where things stand in the new journal.
#[derive(Default)]
struct Moved(HashMap<u64, u64>);

impl Moved {
    fn to(&self, old: u64) -> u64 {
        self.0.get(&old).copied().unwrap_or(old)
    }

    fn place(&self, old: Place) -> Place {
        match old.position() {
            0 => old,
            position => Place::new(self.to(position), old.posting()),
        }
    }

    fn effect(&self, effect: &Effect) -> Effect {
        let mut effect = effect.clone();
        match &mut effect {
            Effect::Reversed { posted_at, .. } => *posted_at = self.to(*posted_at),
            Effect::Held { hold, .. } | Effect::HoldMoved { hold, .. } => {
                hold.placed_at = self.to(hold.placed_at);
            }
            Effect::Batch(batch) => {
                for outcome in &mut batch.outcomes {
                    if let Outcome::Done { position, .. } | Outcome::Replayed { position, .. } = outcome {
                        *position = self.to(*position);
                    }
                }
            }
            _ => {}
        }
        effect
    }
}

/// Writes groups as a journal of their own; every pointer follows what it pointed to.
pub fn write(path: &Path, groups: &[Group]) {
    let segments = Segments::create(disk(path), Identity { journal: 1, secret: 2 }).unwrap();
    let segment = segments.last();
    let (mut position, mut previous) = (nothing().place.position, [0; 32]);
    let mut moved = Moved::default();
    for group in groups {
        let mut contents = Contents::default();
        for record in &group.records {
            let at = position + (HEAD + contents.records.len()) as u64;
            moved.0.insert(record.position, at);
            put(&mut contents, record, at, &moved);
        }
        let (_, zeros) = extent(&contents);
        let mut frame = Vec::new();
        previous = build(&mut frame, &contents, &zeros, position, group.time, &previous);
        segment.file.write_at(&frame, SEGMENT_HEAD + position - segment.start).unwrap();
        position += frame.len() as u64;
    }
    segment.file.sync().unwrap();
}

fn put(contents: &mut Contents, record: &Record, at: u64, moved: &Moved) {
    let effect = moved.effect(&record.effect);
    let links = record.links.iter().map(|links| Links {
        number: links.number,
        previous: moved.place(links.previous),
        jump: moved.place(links.jump),
    });
    let origin = match &record.origin {
        OriginAt::At(first) => OriginAt::At(moved.to(*first)),
        other => other.clone(),
    };
    let decision = Decision {
        book: record.book,
        seq: record.seq,
        party: record.party.clone(),
        party_seq: record.party_seq,
        id: record.id,
        effect,
    };
    let draft = Draft {
        at: record.at,
        keys: &record.keys,
        origin: &origin,
        command: record.command.as_ref(),
        party: record.party.as_deref(),
        unit: record.unit.as_deref(),
        previous: moved.to(record.previous),
        salt: 42,
    };
    put_record(&mut contents.records, &mut Vec::new(), at, &draft, &decision, &links.collect());
    contents.count += 1;
}
