//! What the disk has of the acknowledged frames after a crash: whether a recovery can find them, and what it
//! must not miss.

use crate::chain::{Chain, Note};
use crate::disk::{SECTOR, SimDisk};
use crate::fold::ensure;
use ledger::journal::frame::take_head;
use ledger::journal::segments::{FIRST_POSITION, Identity, SEGMENT_HEAD, segment_name};
use ledger::journal::snapshot::{load, snapshot_position};
use std::collections::BTreeSet;

/// What the disk has of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remains {
    /// A sector is zero that should not be.
    pub cut: bool,
    /// A sector has bytes that it should not have.
    pub changed: bool,
    /// Faults of the disk explain every such sector.
    pub explained: bool,
    /// In its place starts another frame of the same chain: one that was cut and never acknowledged, and that a
    /// start wiped away, though the disk lost the wiping too. It is torn as any other, and nothing tells of this one.
    pub supplanted: bool,
}

impl Remains {
    /// Nothing is missing or wrong.
    pub fn right(self) -> bool {
        !self.cut && !self.changed
    }
}

/// What there is to find, looked at before recovery changes anything.
pub struct Evidence {
    frames: Vec<(u64, Remains, bool)>,
    acknowledged: usize,
    starts: Vec<u64>,
    snapshots: Vec<u64>,
    strayed: Vec<bool>,
    /// Sectors of the journal that a fault spoilt and reads can see.
    pub harm: Vec<String>,
}

impl Evidence {
    /// Looks at the disk.
    pub fn gather(disk: &SimDisk, identity: Identity, chain: &Chain, flight: Option<&Note>) -> Self {
        let starts = segment_starts(disk);
        let look = |note: &Note| {
            let head = note.remains_of(disk, &starts, 1);
            (note.position, note.remains(disk, &starts), head.right())
        };
        let snapshots = disk.names().into_iter().filter_map(|name| {
            let position = snapshot_position(&name)?;
            load(&*disk.as_dyn(), &name, identity).ok().map(|_| position)
        });
        Self {
            frames: chain.notes.iter().chain(flight).map(look).collect(),
            acknowledged: chain.notes.len(),
            snapshots: snapshots.collect(),
            strayed: chain.notes.iter().map(|note| note.strayed(disk, &starts)).collect(),
            harm: harm(disk, &starts),
            starts,
        }
    }

    /// Acknowledged frames that faults of the disk destroyed.
    pub fn destroyed(&self) -> impl Iterator<Item = u64> {
        let acknowledged = self.frames[..self.acknowledged].iter();
        let gone = acknowledged.filter(|(_, remains, _)| !remains.right() && remains.explained);
        gone.map(|(position, ..)| *position)
    }

    /// Of these frames more may be gone than faults destroyed: a start that took one for a torn write had begun to
    /// wipe what was left of it when it was interrupted.
    pub fn excuse(&mut self, destroyed: &BTreeSet<u64>) {
        for (position, remains, _) in &mut self.frames {
            remains.explained |= remains.cut && !remains.changed && destroyed.contains(position);
        }
    }

    /// Acknowledged bytes are on the disk, or a fault of the disk destroyed them.
    pub fn check_durable(&self) -> Result<(), String> {
        for (position, remains, _) in &self.frames[..self.acknowledged] {
            ensure(remains.right() || remains.explained, || {
                format!("the acknowledged frame at {position} is not on the disk: {remains:?}")
            })?;
        }
        Ok(())
    }

    /// A lost tail cannot be seen where sectors of it are missing, nothing durable stands behind it and no
    /// snapshot knows of it. Anything else that recovery left out is silent loss.
    pub fn check_unseen(&self, from: usize) -> Result<(), String> {
        let (at, remains, _) = self.frames[from];
        let silent = |what: &str| format!("the acknowledged frame at {at} is silently lost: {what}");
        ensure(remains.cut || remains.supplanted, || silent("nothing of it is missing"))?;
        let behind = self.frames[from + 1..].iter().any(|(_, _, head)| *head);
        ensure(!behind, || silent("another stands behind it"))?;
        ensure(self.starts.iter().all(|start| *start <= at), || silent("a later segment is there"))?;
        ensure(self.snapshots.iter().all(|position| *position <= at), || silent("a snapshot knows of it"))?;
        ensure(!self.strayed[from], || silent("it stands in another place"))
    }
}

impl Note {
    /// What reads see of it.
    fn remains(&self, disk: &SimDisk, segments: &[u64]) -> Remains {
        self.remains_of(disk, segments, usize::MAX)
    }

    fn remains_of(&self, disk: &SimDisk, segments: &[u64], sectors: usize) -> Remains {
        let mut remains = Remains { cut: false, changed: false, explained: true, supplanted: false };
        let start = segments.iter().rev().find(|start| **start <= self.position).copied();
        let name = segment_name(start.unwrap_or(FIRST_POSITION));
        let first = (SEGMENT_HEAD + self.position - start.unwrap_or(FIRST_POSITION)) / SECTOR as u64;
        let looked = disk.look(&name, |file| {
            for (number, wanted) in self.bytes.chunks(SECTOR).enumerate().take(sectors) {
                let sector = first + number as u64;
                let found = file.cache.sector(sector);
                let zero = found.is_none();
                // What pads the last sector says nothing; a flip there is even written again.
                let said = wanted.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                let said = if (number + 1) * SECTOR < self.bytes.len() { wanted.len() } else { said };
                let same = match found {
                    Some(ref found) => found[..said] == wanted[..said],
                    None => said == 0 || wanted.iter().all(|byte| *byte == 0),
                };
                if !same && number == 0 {
                    let head = found.and_then(|found| take_head(&found[..]));
                    remains.supplanted = head.is_some_and(|head| head.position == self.position);
                }
                if !same {
                    remains.cut |= zero;
                    remains.changed |= !zero;
                    remains.explained &= file.is_spoilt(sector);
                }
            }
        });
        if looked.is_none() {
            remains = Remains { cut: true, changed: false, explained: false, supplanted: false };
        }
        remains
    }

    /// Whether a copy of its head stands behind its own place: the write went astray, and shows.
    fn strayed(&self, disk: &SimDisk, segments: &[u64]) -> bool {
        let Some(start) = segments.iter().rev().find(|start| **start <= self.position) else { return false };
        let own = (SEGMENT_HEAD + self.position - start) / SECTOR as u64;
        let looked = disk.look(&segment_name(*start), |file| {
            let head = &self.bytes[..SECTOR];
            file.cache.written().any(|number| {
                number > own && file.cache.sector(number).is_some_and(|sector| sector[..] == *head)
            })
        });
        looked.unwrap_or(false)
    }
}

/// Positions of the segments that are there.
pub fn segment_starts(disk: &SimDisk) -> Vec<u64> {
    let start = |name: &String| {
        let digits = name.strip_prefix("journal-")?.strip_suffix(".seg")?;
        u64::from_str_radix(digits, 16).ok()
    };
    disk.names().iter().filter_map(start).collect()
}

/// Sectors of the journal that a fault spoilt and reads can see.
fn harm(disk: &SimDisk, starts: &[u64]) -> Vec<String> {
    let mut harm = Vec::new();
    for start in starts {
        let name = segment_name(*start);
        let seen = disk.look(&name, |file| file.visible_spoilt().collect::<Vec<_>>());
        harm.extend(seen.into_iter().flatten().map(|sector| format!("{name}/{sector}")));
    }
    harm
}

/// Whether an error says which file it is about.
pub fn names_place(fault: &str) -> bool {
    fault.contains("journal-") || fault.contains("position") || fault.contains("index-")
}
