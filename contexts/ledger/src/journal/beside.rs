//! Reading a journal beside the server that owns it: nothing is written, mended or locked. What the server
//! is just writing looks like damage for a moment, so the end is looked at again before it is called that.

use super::disk::Disk;
use super::index::Index;
use super::keys::Keyed;
use super::recovery::{Namer, newest_snapshot};
use super::replay::Replayed;
use super::scan::{End, Frame, Place, Scanner};
use super::segments::{Identity, Segments};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How often the end is looked at again before it counts as damage.
const LOOKS: u32 = 20;
/// Pause between two looks: a frame is copied into the page cache in less.
const PAUSE: Duration = Duration::from_millis(25);
/// Tries to open a snapshot and its runs, which the server may be replacing.
const SNAPSHOT_TRIES: u32 = 5;

/// Follows the frames of a journal that may be growing.
pub struct Follower<'a> {
    segments: &'a Segments,
    scanner: Scanner<'a>,
}

impl<'a> Follower<'a> {
    /// From this place on.
    pub fn new(segments: &'a Segments, place: Place) -> Self {
        Self { segments, scanner: Scanner::new(segments, place) }
    }

    /// Where the next frame starts.
    pub fn place(&self) -> Place {
        self.scanner.place
    }

    /// Goes to the next frame, or says how the journal ends: torn is what is being written.
    pub fn advance(&mut self) -> io::Result<Option<End>> {
        let mut looks = 0;
        loop {
            let newest = self.segments.last().start;
            let found = self.scanner.next().map(|found| found.map(|_| ()));
            match found {
                Ok(Ok(())) => return Ok(None),
                Ok(Err(end)) => {
                    self.segments.refresh()?;
                    if self.segments.last().start == newest {
                        return Ok(Some(end));
                    }
                }
                Err(fault) if looks == LOOKS => return Err(fault),
                Err(_) => {
                    looks += 1;
                    std::thread::sleep(PAUSE);
                    self.segments.refresh()?;
                }
            }
        }
    }

    /// The frame that was come to.
    pub fn frame(&self) -> Option<Frame<'_>> {
        self.scanner.frame()
    }
}

/// A journal as it stood at a place.
pub struct Seen {
    /// The files.
    pub segments: Arc<Segments>,
    /// Whose they are.
    pub identity: Identity,
    /// Names to positions.
    pub index: Arc<Index>,
    /// State and marks there.
    pub replayed: Replayed,
    /// The place.
    pub place: Place,
    /// Where the snapshot stands that it was read from; the journal's start for none.
    pub snapshot_at: u64,
}

/// Reads the newest snapshot and the frames behind it, to the end or to a position that was an end before.
/// `None` where there is no journal.
pub fn look(disk: &Arc<dyn Disk>, upto: Option<u64>) -> io::Result<Option<Seen>> {
    let Some((segments, identity)) = Segments::open(disk.clone())? else { return Ok(None) };
    let upto = upto.unwrap_or(u64::MAX);
    let (snapshot, index) = steady_snapshot(&**disk, identity, upto)?;
    let snapshot_at = snapshot.place.position;
    let mut replayed = snapshot.replayed;
    let mut namer = Namer { keyed: Keyed::new(identity), index: &index, names: Vec::new() };
    let mut follower = Follower::new(&segments, snapshot.place);
    while follower.place().position < upto && follower.advance()?.is_none() {
        let Some(frame) = follower.frame() else { break };
        frame.replay(&mut replayed, |record| namer.name(record))?;
        namer.settle(replayed.state.books.len());
    }
    let place = follower.place();
    drop(follower);
    let (segments, index) = (Arc::new(segments), Arc::new(index));
    Ok(Some(Seen { segments, identity, index, replayed, place, snapshot_at }))
}

/// The newest snapshot up to a position. A server that checkpoints meanwhile removes what is being opened,
/// so while there are snapshots and none opens, it is tried again.
fn steady_snapshot(
    disk: &dyn Disk,
    identity: Identity,
    upto: u64,
) -> io::Result<(super::snapshot::Snapshot, Index)> {
    let mut tries = 0;
    loop {
        let (snapshot, index) = newest_snapshot(disk, identity, upto)?;
        tries += 1;
        let names = disk.list()?;
        let mut positions = names.iter().filter_map(|name| super::snapshot::snapshot_position(name));
        let newer = positions.any(|position| position <= upto && position > snapshot.place.position);
        if !newer || tries == SNAPSHOT_TRIES {
            return Ok((snapshot, index));
        }
    }
}
