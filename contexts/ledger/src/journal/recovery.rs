//! Starting: the newest snapshot that holds, the frames behind it, and an end that is mended.
//!
//! | found at the end | what happens |
//! |---|---|
//! | nothing | the journal ends here |
//! | a frame with a sector still zero | it was never acknowledged: it is wiped |
//! | anything else that does not add up | the start stops and names the place |

use super::disk::Disk;
use super::index::{GENERATION_KEYS, Index};
use super::keys::{KeyHash, Keyed, Namespace};
use super::record::Record;
use super::replay::Replayed;
use super::scan::{Place, Scanner};
use super::segments::{Identity, Segments, damage};
use super::snapshot::{Snapshot, load, nothing, snapshot_position};
use crate::effect::Effect;
use kernel::IdSource;
use std::io;
use std::sync::Arc;

/// What a start found.
pub struct Recovered {
    /// The files.
    pub segments: Arc<Segments>,
    /// Whose they are.
    pub identity: Identity,
    /// Names to positions.
    pub index: Arc<Index>,
    /// State and marks at the end.
    pub replayed: Replayed,
    /// The end.
    pub place: Place,
    /// Where the newest snapshot stands.
    pub snapshot_at: u64,
    /// Frames that were replayed.
    pub frames: u64,
}

/// Opens a journal, or starts one where there is none.
pub fn recover(disk: &Arc<dyn Disk>, ids: &dyn IdSource) -> io::Result<Recovered> {
    let (segments, identity) = match Segments::open(disk.clone())? {
        Some(found) => found,
        None => {
            if disk.list()?.iter().any(|name| snapshot_position(name).is_some()) {
                return Err(damage("there are snapshots and no journal: its segments are missing"));
            }
            let identity = Identity { journal: ids.random(), secret: ids.random() };
            (Segments::create(disk.clone(), identity)?, identity)
        }
    };
    let (snapshot, index) = newest_snapshot(&**disk, identity, u64::MAX)?;
    let snapshot_at = snapshot.place.position;
    let mut replayed = snapshot.replayed;
    let mut namer = Namer { keyed: Keyed::new(identity), index: &index, names: Vec::new() };
    let mut scanner = Scanner::new(&segments, snapshot.place);
    scanner.confirm()?;
    let mut frames = 0;
    while let Ok(frame) = scanner.next()? {
        frame.replay(&mut replayed, |record| namer.name(record))?;
        namer.settle(replayed.state.books.len());
        frames += 1;
    }
    reaches_snapshots(&**disk, scanner.place)?;
    scanner.mend(|| disk.sync_names())?;
    let place = scanner.place;
    Ok(Recovered {
        segments: Arc::new(segments),
        identity,
        index: Arc::new(index),
        replayed,
        place,
        snapshot_at,
        frames,
    })
}

/// A snapshot gets its name when the journal is durable up to there: a journal that ends before lost something,
/// though the snapshot itself, or the index it needs, may not hold any more and was passed over.
fn reaches_snapshots(disk: &dyn Disk, end: Place) -> io::Result<()> {
    let names = disk.list()?;
    match names.iter().find(|name| snapshot_position(name).is_some_and(|at| at > end.position)) {
        None => Ok(()),
        Some(name) => Err(damage(format_args!(
            "the journal ends at position {}, and {name} was made when it was longer: what the disk had \
             confirmed is missing (or this directory was copied file by file from a running server, which \
             `concord backup` is for). Nothing was changed. Restore the newest backup into a new directory, or \
             repair the file system and start again",
            end.position
        ))),
    }
}

/// The newest snapshot up to a position that holds, with its index. Where none does, the journal is read
/// from its start.
pub(super) fn newest_snapshot(
    disk: &dyn Disk,
    identity: Identity,
    upto: u64,
) -> io::Result<(Snapshot, Index)> {
    let names = disk.list()?;
    let snapshots = names.iter().filter(|name| snapshot_position(name).is_some_and(|at| at <= upto));
    for name in snapshots.rev() {
        let loaded = load(disk, name, identity)
            .and_then(|snapshot| Ok((Index::open(disk, &snapshot.runs, GENERATION_KEYS)?, snapshot)));
        match loaded {
            Ok((index, snapshot)) => return Ok((snapshot, index)),
            Err(fault) => tracing::warn!(snapshot = name, %fault, "a snapshot is passed over"),
        }
    }
    Ok((nothing(), Index::new(GENERATION_KEYS)))
}

/// Puts the names of records that were written before back into the index.
pub struct Namer<'a> {
    /// Hashes of names.
    pub keyed: Keyed,
    /// Where they go.
    pub index: &'a Index,
    /// Those of the frame being read.
    pub names: Vec<(KeyHash, u64)>,
}

impl Namer<'_> {
    /// Puts the names of a frame into the index; so many books are known now.
    pub fn settle(&mut self, books: usize) {
        self.index.insert_all(self.names.drain(..));
        self.keyed.prepare(books);
    }

    /// Adds a record's names, as the sequencer did when it was written.
    pub fn name(&mut self, record: &Record) {
        let (book, position) = (record.book, record.position);
        let found_by_id = !matches!(
            record.effect,
            Effect::Opened(_)
                | Effect::Changed { .. }
                | Effect::Asset(_)
                | Effect::Pattern(_)
                | Effect::Book { .. }
        );
        let mut insert = |key| self.names.push((key, position));
        if record.keys.own_id || found_by_id {
            insert(self.keyed.id(book, record.id));
        }
        match &record.effect {
            Effect::Reversed { entry, .. } => insert(self.keyed.id(book, *entry)),
            Effect::HoldMoved { hold_id, .. } => insert(self.keyed.id(book, *hold_id)),
            Effect::Batch(_) => {
                if let Some(key) = &record.keys.key {
                    insert(self.keyed.text(book, Namespace::BatchKey, key));
                }
                return;
            }
            _ => {}
        }
        if let (Some(unit), Some(key)) = (&record.unit, &record.keys.key) {
            insert(self.keyed.unit(book, &unit.context, key));
        }
        if let Some(command) = &record.command {
            let unique = command.details().and_then(|details| details.unique_ref.as_deref());
            let key = record.keys.key.as_deref().filter(|_| record.unit.is_none());
            let key = key.map(|key| (Namespace::Key, key));
            for (namespace, text) in key.into_iter().chain(unique.map(|unique| (Namespace::Ref, unique))) {
                insert(self.keyed.text(book, namespace, text));
            }
        }
    }
}
