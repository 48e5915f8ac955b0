//! Redo: the images of the rows that units of contexts changed, a section of its own in each frame; and its end.
//! Rows hold personal data and the journal is kept for ever, so redo goes as soon as no file of rows needs it.
//!
//! | bytes of one unit's redo | what |
//! |---|---|
//! | 8 | position of the unit's first record |
//! | 4, n | length of the context's name, the name |
//! | 4, n | length of the images, the images; every bit of them is one once they are destroyed |
//!
//! Destroyed redo keeps saying whose it was and where, so that a start can tell a file that never had anything there
//! from one that lacks something for good. A segment's redo is destroyed at once: the segment is written again
//! beside itself and takes its own name, so that a crash leaves one or the other. The newest segment keeps its redo
//! until the next one begins. How far that has come stands in the name of an empty file; it may be lost, what
//! it says is found again by looking.

use super::disk::read_exact;
use super::frame::{HEAD, Head, SECTOR, take_head};
use super::keeper::Keeper;
use super::scan::{Frame, Place, Scanner};
use super::segments::{FIRST_POSITION, SEGMENT_HEAD, Segment, damage, segment_name};
use std::io;

/// What every byte of images is once they are destroyed. No images begin like this.
const DESTROYED: u8 = 0xff;
/// A segment that is being written again.
const DRAFT: &str = "rewritten.tmp";

/// Appends the redo of a unit whose first record stands here.
pub fn put_redo(out: &mut Vec<u8>, position: u64, context: &str, images: &[u8]) {
    out.extend_from_slice(&position.to_le_bytes());
    out.extend_from_slice(&(context.len() as u32).to_le_bytes());
    out.extend_from_slice(context.as_bytes());
    out.extend_from_slice(&(images.len() as u32).to_le_bytes());
    out.extend_from_slice(images);
}

/// The redo of one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedoOf<'a> {
    /// Where its first record stands.
    pub position: u64,
    /// Whose rows.
    pub context: &'a str,
    /// Their images; none once they are destroyed.
    pub images: Option<&'a [u8]>,
}

impl Frame<'_> {
    /// Shows the redo of every unit in the frame, in order.
    pub fn each_redo(&self, mut take: impl FnMut(RedoOf<'_>) -> io::Result<()>) -> io::Result<()> {
        let start = HEAD + self.head.records as usize;
        each(&self.bytes[start..start + self.head.redo as usize], self.head.position, &mut take)
    }
}

fn each(mut rest: &[u8], frame: u64, take: &mut dyn FnMut(RedoOf<'_>) -> io::Result<()>) -> io::Result<()> {
    while !rest.is_empty() {
        let redo = take_redo(&mut rest)
            .ok_or_else(|| damage(format_args!("frame at {frame}: its redo does not decode")))?;
        take(redo)?;
    }
    Ok(())
}

fn take_redo<'a>(rest: &mut &'a [u8]) -> Option<RedoOf<'a>> {
    let (position, behind) = rest.split_first_chunk()?;
    *rest = behind;
    let context = std::str::from_utf8(take_bytes(rest)?).ok()?;
    let images = take_bytes(rest)?;
    let images = images.iter().any(|byte| *byte != DESTROYED).then_some(images);
    Some(RedoOf { position: u64::from_le_bytes(*position), context, images })
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk()?;
    let (bytes, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = behind;
    Some(bytes)
}

/// Whether this section of a frame was destroyed on purpose.
pub(super) fn is_destroyed(mut section: &[u8]) -> bool {
    while !section.is_empty() {
        if take_redo(&mut section).is_none_or(|redo| redo.images.is_some()) {
            return false;
        }
    }
    true
}

/// Destroys the images in a section of a frame.
pub fn destroy(section: &mut [u8]) -> io::Result<()> {
    let (mut rest, length) = (&*section, section.len());
    let mut images = Vec::new();
    while !rest.is_empty() {
        let redo = take_redo(&mut rest).ok_or_else(|| damage("redo does not decode"))?;
        let end = length - rest.len();
        images.extend(redo.images.map(|images| end - images.len()..end));
    }
    images.into_iter().for_each(|range| section[range].fill(DESTROYED));
    Ok(())
}

/// What the redo of a segment is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    /// There is none, or it is destroyed.
    Nothing,
    /// Every file has what it says.
    Unneeded,
    /// A file may need it.
    Needed,
}

impl Keeper {
    /// Destroys the redo of the oldest segment that has any, if no file needs it: `synced` says up to where the file
    /// of a context has everything for good. Whether the next segment may be looked at. Nothing is begun unless
    /// `reserve_bytes` stay free beside the segment's second copy.
    pub fn destroy_redo(&self, reserve_bytes: u64, synced: &dyn Fn(&str) -> u64) -> io::Result<bool> {
        let (marks, below) = self.marks()?;
        let list = self.segments.list();
        let place = list.partition_point(|segment| segment.start < below);
        let (Some(segment), Some(next)) = (list.get(place), list.get(place + 1)) else { return Ok(false) };
        match self.look(segment, next.start, synced)? {
            Found::Needed => return Ok(false),
            Found::Nothing => {}
            Found::Unneeded => {
                let second = segment.file.size()?;
                if self.disk.free_bytes().is_ok_and(|free| free < reserve_bytes.saturating_add(second)) {
                    return Ok(false);
                }
                if let Err(fault) = self.write_again(segment, next.start) {
                    // What is half written only takes room; the fault says more than one of removing it would.
                    let _ = self.clear_draft();
                    return Err(fault);
                }
            }
        }
        self.disk.create(&mark(next.start))?;
        marks.iter().try_for_each(|old| self.disk.remove(old))?;
        self.disk.sync_names()?;
        Ok(true)
    }

    /// Removes a segment that was half written again: before a start gives room to anything else.
    pub fn clear_draft(&self) -> io::Result<()> {
        match self.disk.list()?.iter().any(|name| name == DRAFT) {
            true => self.disk.remove(DRAFT),
            false => Ok(()),
        }
    }

    /// The marks there are, and below which position the newest says that there is no redo.
    fn marks(&self) -> io::Result<(Vec<String>, u64)> {
        let mut names = self.disk.list()?;
        names.retain(|name| marked(name).is_some());
        let below = names.iter().filter_map(|name| marked(name)).max().unwrap_or(FIRST_POSITION);
        Ok((names, below))
    }

    /// Looks at the heads of a segment's frames and at their redo.
    fn look(&self, segment: &Segment, end: u64, synced: &dyn Fn(&str) -> u64) -> io::Result<Found> {
        let mut found = Found::Nothing;
        let mut position = segment.start;
        let mut section = Vec::new();
        while position < end && found != Found::Needed {
            let head = head_at(segment, position)?;
            section.resize(head.redo as usize, 0);
            let start = SEGMENT_HEAD + (position - segment.start) + HEAD as u64 + u64::from(head.records);
            read_exact(&*segment.file, &mut section, start)?;
            each(&section, position, &mut |redo| {
                if redo.images.is_some() && found != Found::Needed {
                    let needed = synced(redo.context) <= redo.position;
                    found = if needed { Found::Needed } else { Found::Unneeded };
                }
                Ok(())
            })?;
            position += head.extent();
            self.rest.take();
        }
        Ok(found)
    }

    /// Writes a segment again without the images of its redo. Every frame is checked on the way: what is damaged
    /// stays as it is.
    fn write_again(&self, segment: &Segment, end: u64) -> io::Result<()> {
        self.clear_draft()?;
        let draft = self.disk.create(DRAFT)?;
        let mut head = [0; SEGMENT_HEAD as usize];
        read_exact(&*segment.file, &mut head, 0)?;
        draft.write_at(&head, 0)?;
        draft.resize(segment.file.size()?)?;
        let previous = head_at(segment, segment.start)?.previous;
        let place = Place { position: segment.start, hash: previous, last: 0 };
        let mut scanner = Scanner::new(&self.segments, place);
        let mut bytes = Vec::new();
        while scanner.place.position < end {
            let position = scanner.place.position;
            let Ok(frame) = scanner.next()? else {
                return Err(damage(format_args!("the journal ends before {end}, which was durable")));
            };
            bytes.clear();
            bytes.extend_from_slice(frame.bytes);
            let start = HEAD + frame.head.records as usize;
            destroy(&mut bytes[start..start + frame.head.redo as usize])?;
            draft.write_at(&bytes, SEGMENT_HEAD + (position - segment.start))?;
            self.rest.take();
        }
        draft.sync()?;
        self.disk.rename(DRAFT, &segment_name(segment.start))?;
        self.disk.sync_names()?;
        self.segments.reopen(segment.start)
    }
}

/// The head of the frame that stands here.
fn head_at(segment: &Segment, position: u64) -> io::Result<Head> {
    let mut sector = [0; SECTOR];
    read_exact(&*segment.file, &mut sector, SEGMENT_HEAD + (position - segment.start))?;
    let head = take_head(&sector).filter(|head| head.position == position);
    head.ok_or_else(|| damage(format_args!("no frame starts at {position}, where one was durable")))
}

fn mark(position: u64) -> String {
    format!("redo-destroyed-{position:016x}.mark")
}

fn marked(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("redo-destroyed-")?.strip_suffix(".mark")?;
    (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}
