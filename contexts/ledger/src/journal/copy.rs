//! Copying a journal that may be growing: every segment up to the last frame that holds, and the newest
//! snapshot with its runs, so that a start from the copy is as quick as one from the original. What was
//! acknowledged before the copy began is in it. The copy is durable and was not yet read back: see [`check`].

use super::beside::Follower;
use super::disk::{Disk, File, read_exact};
use super::index::Index;
use super::scan::{End, Scanner};
use super::segments::{Identity, SEGMENT_HEAD, Segments, damage, segment_name};
use super::snapshot::{load, nothing, snapshot_position};
use std::io;
use std::sync::Arc;

/// Bytes that are copied or zeroed at once.
const PIECE: usize = 1 << 20;
/// Runs are opened to see that they hold; nothing is added to them.
const NO_KEYS: usize = 1;

/// How far it has come, in bytes of the journal; the end is where the files end.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Bytes so far.
    pub done: u64,
    /// Bytes there may be at most.
    pub most: u64,
}

/// What was copied or checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Where the journal ends.
    pub end: u64,
    /// Frames up to there.
    pub frames: u64,
    /// The snapshot that came along, if any.
    pub snapshot_at: Option<u64>,
}

/// One segment of the copy.
struct Target {
    file: Arc<dyn File>,
    start: u64,
    room: u64,
}

/// Where a copy has come to, for whoever copies other things of the same instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Everything that was there when the copy began is copied: others may be held still now, shortly.
    CaughtUp,
    /// The copy ends here; others may go on.
    Ended,
}

/// Copies the journal of one directory into another, which is empty. `None` where there is no journal.
/// Its first turn answers how far it has to come at least; it ends at the first frame there, or where nothing more
/// is written.
pub fn copy(
    from: &Arc<dyn Disk>,
    to: &dyn Disk,
    progress: &mut dyn FnMut(Progress),
    turn: &mut dyn FnMut(Turn) -> io::Result<u64>,
) -> io::Result<Option<Copied>> {
    let Some((segments, identity)) = Segments::open(from.clone())? else { return Ok(None) };
    // Its names say how far the journal was durable before the copy began.
    let durable = from.list()?.iter().filter_map(|name| snapshot_position(name)).max().unwrap_or(0);
    let mut follower = Follower::new(&segments, nothing().place);
    let mut target: Option<Target> = None;
    let mut frames = 0;
    let mut least = None;
    loop {
        if least.is_some_and(|least| follower.place().position >= least) {
            break;
        }
        match (follower.advance()?, least) {
            (None, _) => {}
            (Some(_), Some(_)) => break,
            (Some(_), None) => {
                least = Some(turn(Turn::CaughtUp)?);
                continue;
            }
        }
        let Some(frame) = follower.frame() else { break };
        let position = frame.head.position;
        let start = segments.holding(position).map_or(position, |segment| segment.start);
        let segment = match target.take() {
            Some(open) if open.start == start => open,
            finished => {
                finished.map_or(Ok(()), |open| open.file.sync())?;
                begin(from, to, start)?
            }
        };
        segment.file.write_at(frame.bytes, SEGMENT_HEAD + (position - segment.start))?;
        target = Some(segment);
        frames += 1;
        let newest = segments.last();
        progress(Progress { done: follower.place().position, most: newest.start + newest.room });
    }
    turn(Turn::Ended)?;
    let end = follower.place().position;
    if end < durable {
        return Err(damage(format_args!(
            "the journal ends at position {end}, and a snapshot was made at {durable}: what the disk had confirmed is \
             missing, and a copy would hide it"
        )));
    }
    let last = match target {
        Some(last) => last,
        // No frame yet: the first segment alone.
        None => begin(from, to, end)?,
    };
    // The start writes behind the end, so that room is really there, as in the original.
    zero(&*last.file, SEGMENT_HEAD + (end - last.start), SEGMENT_HEAD + last.room)?;
    last.file.sync()?;
    to.sync_names()?;
    let snapshot_at = copy_snapshot(&**from, to, identity, end)?;
    Ok(Some(Copied { end, frames, snapshot_at }))
}

/// Makes a segment of the copy, as long as the original and with its head.
fn begin(from: &Arc<dyn Disk>, to: &dyn Disk, start: u64) -> io::Result<Target> {
    let name = segment_name(start);
    let original = from.open(&name)?;
    let size = original.size()?;
    let mut head = [0; SEGMENT_HEAD as usize];
    read_exact(&*original, &mut head, 0)?;
    let file = to.create(&name)?;
    file.write_at(&head, 0)?;
    file.resize(size)?;
    Ok(Target { file, start, room: size.saturating_sub(SEGMENT_HEAD) })
}

fn zero(file: &dyn File, from: u64, to: u64) -> io::Result<()> {
    let zeros = vec![0; PIECE];
    let mut place = from;
    while place < to {
        let piece = usize::try_from(to - place).unwrap_or(PIECE).min(PIECE);
        file.write_at(&zeros[..piece], place)?;
        place += piece as u64;
    }
    Ok(())
}

/// Copies the newest snapshot that lies within the copy and holds there with its runs; without one the
/// copy starts all the same, only more slowly.
fn copy_snapshot(from: &dyn Disk, to: &dyn Disk, identity: Identity, end: u64) -> io::Result<Option<u64>> {
    let names = from.list()?;
    let within = |name: &&String| snapshot_position(name).is_some_and(|position| position <= end);
    for name in names.iter().rev().filter(within) {
        let runs = match load(from, name, identity) {
            Ok(snapshot) => snapshot.runs,
            // Another one that holds is as good; a live server may also have removed it meanwhile.
            Err(_) => continue,
        };
        let mut copied = Vec::new();
        let files = runs.iter().chain([name]);
        let done = files.into_iter().try_for_each(|file| {
            copied.push(file);
            copy_file(from, to, file)
        });
        let opened = done.and_then(|()| {
            to.sync_names()?;
            load(to, name, identity)?;
            Index::open(to, &runs, NO_KEYS).map(drop)
        });
        match opened {
            Ok(()) => return Ok(snapshot_position(name)),
            Err(fault) if is_gone_or_damaged(&fault) => {
                let present = to.list()?;
                for file in copied.into_iter().filter(|file| present.contains(file)) {
                    to.remove(file)?;
                }
            }
            Err(fault) => return Err(fault),
        }
    }
    to.sync_names()?;
    Ok(None)
}

fn is_gone_or_damaged(fault: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
    matches!(fault.kind(), NotFound | InvalidData | UnexpectedEof)
}

fn copy_file(from: &dyn Disk, to: &dyn Disk, name: &str) -> io::Result<()> {
    let original = from.open(name)?;
    let copy = to.create(name)?;
    let mut piece = vec![0; PIECE];
    let mut place = 0;
    loop {
        let read = original.read_at(&mut piece, place)?;
        copy.write_at(&piece[..read], place)?;
        place += read as u64;
        if read < piece.len() {
            return copy.sync();
        }
    }
}

/// Reads a copy back: every frame and record holds, nothing stands behind the last, and the snapshot loads.
pub fn check(disk: &Arc<dyn Disk>, progress: &mut dyn FnMut(Progress)) -> io::Result<Copied> {
    let Some((segments, identity)) = Segments::open(disk.clone())? else {
        return Err(damage("there is no journal"));
    };
    let mut scanner = Scanner::new(&segments, nothing().place);
    let newest = segments.last();
    let most = newest.start + newest.room;
    let mut frames = 0;
    let end = loop {
        match scanner.next()? {
            Ok(frame) => frame.each_record(|_| Ok(()))?,
            Err(end) => break end,
        }
        frames += 1;
        progress(Progress { done: scanner.place.position, most });
    };
    if end == End::Torn {
        return Err(damage(format_args!("behind {} stands what is no frame", scanner.place.position)));
    }
    let mut snapshot_at = None;
    for name in disk.list()?.iter().filter(|name| snapshot_position(name).is_some()) {
        let snapshot = load(&**disk, name, identity)?;
        Index::open(&**disk, &snapshot.runs, NO_KEYS)?;
        snapshot_at = snapshot_position(name);
    }
    Ok(Copied { end: scanner.place.position, frames, snapshot_at })
}
