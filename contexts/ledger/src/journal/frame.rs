//! A frame: all records of one commit group, written and made durable as one. Layout, little endian:
//!
//! | bytes | what |
//! |---|---|
//! | 0–3, 4–5, 6–7 | magic, version, flags |
//! | 8–15, 16–23 | position of the frame, time of the group |
//! | 24–27, 28–31, 32–35, 36–39 | number of records, bytes of records, bytes of redo, whole zero sectors |
//! | 40–71, 72–103 | hash of the previous frame, hash of the redo section |
//! | 104–135 | hash of bytes 0–103 and of every record's core |
//! | 136–139, 140–143 | CRC32C of bytes 0–135, a mark that is not zero |
//! | 144– | records, redo, list of zero sectors |
//!
//! A frame starts on a sector and owns its sectors, so a write that was cut leaves a whole sector zero.
//! The few sectors that are rightly zero are listed: a zero sector that is not listed means torn, anything
//! else that does not add up means damage.

use super::record::{lengths, seal};
use super::redo::is_destroyed;
use kernel::Timestamp;

/// The unit in which a disk writes all or nothing.
pub const SECTOR: usize = 512;
/// Bytes of a frame's head.
pub const HEAD: usize = 144;
/// Most bytes of one frame: the largest atomic batch with room.
pub const MAX_FRAME: usize = 256 << 20;
/// Version of the format.
pub const VERSION: u16 = 1;

const MAGIC: [u8; 4] = *b"CJF1";
const MARK: [u8; 4] = *b"head";

/// What a frame holds, before it has a place in the chain.
#[derive(Debug, Default)]
pub struct Contents {
    /// The records, one after another, without their checksums.
    pub records: Vec<u8>,
    /// How many.
    pub count: u32,
    /// Images of rows that units of contexts changed.
    pub redo: Vec<u8>,
}

/// A frame's head as read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Where the frame starts.
    pub position: u64,
    /// The group's recorded time.
    pub time: Timestamp,
    /// How many records.
    pub count: u32,
    /// Bytes of records.
    pub records: u32,
    /// Bytes of redo.
    pub redo: u32,
    zeros: u32,
    /// Hash of the previous frame.
    pub previous: [u8; 32],
    redo_hash: [u8; 32],
    /// Hash of this frame.
    pub hash: [u8; 32],
}

/// Bytes a frame with these contents takes on disk, and which of its sectors are rightly zero.
pub fn extent(contents: &Contents) -> (u64, Vec<u32>) {
    let mut zeros = Vec::new();
    let body = contents.records.len() + contents.redo.len();
    let byte = |place: usize| match place.checked_sub(HEAD) {
        None => 1,
        Some(place) if place < contents.records.len() => contents.records[place],
        Some(place) => contents.redo.get(place - contents.records.len()).copied().unwrap_or(0),
    };
    for sector in 1..(HEAD + body).div_ceil(SECTOR) {
        // One look at the first byte settles nearly every sector.
        if (sector * SECTOR..((sector + 1) * SECTOR).min(HEAD + body)).all(|place| byte(place) == 0) {
            zeros.push(sector as u32);
        }
    }
    let trailer = if zeros.is_empty() { 0 } else { zeros.len() * 4 + 4 };
    ((HEAD + body + trailer).next_multiple_of(SECTOR) as u64, zeros)
}

/// Writes a frame into `out` (which is cleared) and returns its hash.
pub fn build(
    out: &mut Vec<u8>,
    contents: &Contents,
    zeros: &[u32],
    position: u64,
    time: Timestamp,
    previous: &[u8; 32],
) -> [u8; 32] {
    out.clear();
    out.resize(HEAD, 0);
    out[0..4].copy_from_slice(&MAGIC);
    out[4..6].copy_from_slice(&VERSION.to_le_bytes());
    out[8..16].copy_from_slice(&position.to_le_bytes());
    out[16..24].copy_from_slice(&time.0.to_le_bytes());
    let sizes =
        [contents.count, contents.records.len() as u32, contents.redo.len() as u32, zeros.len() as u32];
    for (place, size) in sizes.iter().enumerate() {
        out[24 + 4 * place..28 + 4 * place].copy_from_slice(&size.to_le_bytes());
    }
    out[40..72].copy_from_slice(previous);
    out[72..104].copy_from_slice(blake3::hash(&contents.redo).as_bytes());
    out.extend_from_slice(&contents.records);
    let (head, records) = out.split_at_mut(HEAD);
    let hash = seal(records).and_then(|()| chain_hash(&head[..104], records));
    let hash = hash.expect("the sequencer wrote whole records");
    out[104..136].copy_from_slice(&hash);
    let sum = crc32c::crc32c(&out[..136]);
    out[136..140].copy_from_slice(&sum.to_le_bytes());
    out[140..144].copy_from_slice(&MARK);
    out.extend_from_slice(&contents.redo);
    if !zeros.is_empty() {
        let start = out.len();
        zeros.iter().for_each(|sector| out.extend_from_slice(&sector.to_le_bytes()));
        let sum = crc32c::crc32c(&out[start..]) | 1;
        out.extend_from_slice(&sum.to_le_bytes());
    }
    out.resize(out.len().next_multiple_of(SECTOR), 0);
    hash
}

/// Hash over the head and the cores of all records, texts left out. `None` where records do not add up.
fn chain_hash(head: &[u8], records: &[u8]) -> Option<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(head);
    let (mut from, mut place) = (0, 0);
    while place < records.len() {
        let (length, core) = lengths(&records[place..])?;
        if place + length > records.len() {
            return None;
        }
        if core < length {
            hasher.update(&records[from..place + core]);
            from = place + length;
        }
        place += length;
    }
    hasher.update(&records[from..]);
    Some(*hasher.finalize().as_bytes())
}

/// Reads a head from the first sector of a frame; `None` where none starts here.
pub fn take_head(bytes: &[u8]) -> Option<Head> {
    let head: &[u8; HEAD] = bytes.first_chunk()?;
    let word = |place: usize| u32::from_le_bytes(*head[place..].first_chunk().expect("within the head"));
    let long = |place: usize| u64::from_le_bytes(*head[place..].first_chunk().expect("within the head"));
    let hash = |place: usize| *head[place..].first_chunk::<32>().expect("within the head");
    let version = u16::from_le_bytes([head[4], head[5]]);
    let right = head[0..4] == MAGIC
        && head[140..144] == MARK
        && word(136) == crc32c::crc32c(&head[..136])
        && version == VERSION;
    let head = Head {
        position: long(8),
        time: Timestamp(long(16) as i64),
        count: word(24),
        records: word(28),
        redo: word(32),
        zeros: word(36),
        previous: hash(40),
        redo_hash: hash(72),
        hash: hash(104),
    };
    (right && head.extent() <= MAX_FRAME as u64).then_some(head)
}

impl Head {
    /// Bytes the frame takes on disk.
    pub fn extent(&self) -> u64 {
        let trailer = if self.zeros == 0 { 0 } else { u64::from(self.zeros) * 4 + 4 };
        let body = u64::from(self.records) + u64::from(self.redo);
        (HEAD as u64 + body + trailer).next_multiple_of(SECTOR as u64)
    }

    /// The records' bytes of a frame.
    pub fn records_of<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        &frame[HEAD..HEAD + self.records as usize]
    }

    /// Checks the whole frame. The images of its redo may have been destroyed on purpose once nothing needs them.
    pub fn holds(&self, frame: &[u8]) -> bool {
        if frame.len() as u64 != self.extent() {
            return false;
        }
        let records = self.records_of(frame);
        let redo_start = HEAD + self.records as usize;
        let redo = &frame[redo_start..redo_start + self.redo as usize];
        let redo_right = *blake3::hash(redo).as_bytes() == self.redo_hash || is_destroyed(redo);
        redo_right && chain_hash(&frame[..104], records).is_some_and(|hash| hash == self.hash)
    }

    /// Whether a frame that does not hold was cut in writing: a sector is zero that should not be.
    /// `frame` may end early, where the file does.
    pub fn is_torn(&self, frame: &[u8]) -> bool {
        if (frame.len() as u64) < self.extent() {
            return true;
        }
        let start = HEAD + self.records as usize + self.redo as usize;
        let end = start + self.zeros as usize * 4;
        let listed = match self.zeros {
            0 => Some(Vec::new()),
            _ => zero_list(&frame[start..end], &frame[end..end + 4]),
        };
        let mut zero_sectors = frame
            .chunks(SECTOR)
            .enumerate()
            .filter(|(_, sector)| sector.iter().all(|byte| *byte == 0))
            .map(|(place, _)| place);
        match listed {
            Some(listed) => zero_sectors.any(|place| !listed.contains(&(place as u32))),
            // A list that was written and does not add up says nothing of the others: that is damage. It was cut
            // only if a sector of its own is zero.
            None => zero_sectors.any(|place| (start / SECTOR..(end + 4).div_ceil(SECTOR)).contains(&place)),
        }
    }
}

/// The sectors a list names, if its sum is right.
fn zero_list(list: &[u8], sum: &[u8]) -> Option<Vec<u32>> {
    let right = (crc32c::crc32c(list) | 1).to_le_bytes() == *sum;
    let (words, _) = list.as_chunks::<4>();
    right.then(|| words.iter().map(|word| u32::from_le_bytes(*word)).collect())
}
