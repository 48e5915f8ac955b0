//! Bytes of a run file: a header block, blocks of sorted keys, first keys of the blocks, filter.
//! Everything is little-endian and under a CRC32C; a block's checksum covers its number too, so
//! that a block in the wrong place is damage like any other.
//!
//! | part   | bytes                  | checksum                |
//! |--------|------------------------|-------------------------|
//! | header | 4,096                  | in its last four bytes  |
//! | blocks | 4,096 each             | in its last four bytes  |
//! | fences | 16 for each block      | in the header           |
//! | filter | 64 for each line       | in the header           |

use std::io;

use super::filter::LINE_BYTES;
use super::keys::{KeyHash, Located, Span, Spans};

/// Bytes of a block: one page, one read.
pub(super) const BLOCK_BYTES: usize = 4096;
/// Bytes of a key with its position.
const LOCATED_BYTES: usize = 24;
/// Where the checksum of a block starts.
const CHECKSUM_AT: usize = BLOCK_BYTES - 4;
/// Keys in every block but the last.
pub(super) const BLOCK_KEYS: usize = CHECKSUM_AT / LOCATED_BYTES;
/// Bytes of a first key in the fences.
pub(super) const FENCE_BYTES: usize = 16;

/// "Concord's id run".
const MAGIC: u64 = u64::from_le_bytes(*b"CNCDIDRN");
/// Version of this layout and of the filter's mixing.
const VERSION: u64 = 1;
/// The number under which the header's checksum is taken; no block has it.
const HEADER_NUMBER: u64 = u64::MAX;
/// More keys than this in one run is no size a ledger reaches, and would overflow sums of sizes.
const KEYS_LIMIT: u64 = 1 << 48;

/// A run that does not hold what was written.
#[derive(Debug, thiserror::Error)]
#[error("index run {name} is damaged: {what}")]
pub struct Damage {
    /// File of the run.
    pub name: String,
    /// The part and what is wrong with it.
    pub what: String,
}

impl Damage {
    /// As a fault of reading.
    pub(super) fn fault(name: &str, what: impl Into<String>) -> io::Error {
        let damage = Self { name: name.to_owned(), what: what.into() };
        io::Error::new(io::ErrorKind::InvalidData, damage)
    }
}

/// A block of bytes in memory.
pub(super) type Block = [u8; BLOCK_BYTES];

/// Puts the checksum into a block.
pub(super) fn seal(block: &mut Block, number: u64) {
    let sum = checksum(block, number);
    block[CHECKSUM_AT..].copy_from_slice(&sum.to_le_bytes());
}

/// True if the block is the one that was sealed under this number.
pub(super) fn is_sealed(block: &Block, number: u64) -> bool {
    block[CHECKSUM_AT..] == checksum(block, number).to_le_bytes()
}

fn checksum(block: &Block, number: u64) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&number.to_le_bytes()), &block[..CHECKSUM_AT])
}

/// Writes one word; `at` counts words.
fn put(bytes: &mut [u8], at: usize, word: u64) {
    bytes[at * 8..at * 8 + 8].copy_from_slice(&word.to_le_bytes());
}

/// Reads one word; `at` counts words.
fn word(bytes: &[u8], at: usize) -> u64 {
    let (words, _) = bytes.as_chunks::<8>();
    u64::from_le_bytes(words[at])
}

/// Reads the key at this place of a block or of the fences.
pub(super) fn fence(bytes: &[u8; FENCE_BYTES]) -> KeyHash {
    [word(bytes, 0), word(bytes, 1)]
}

/// Bytes of a key in the fences.
pub(super) fn fence_bytes(key: KeyHash) -> [u8; FENCE_BYTES] {
    let mut bytes = [0; FENCE_BYTES];
    put(&mut bytes, 0, key[0]);
    put(&mut bytes, 1, key[1]);
    bytes
}

/// Puts a key and its position into a block.
pub(super) fn put_located(block: &mut Block, at: usize, located: Located) {
    let first = at * LOCATED_BYTES / 8;
    put(block, first, located.key[0]);
    put(block, first + 1, located.key[1]);
    put(block, first + 2, located.position);
}

/// Reads a key and its position from a block.
pub(super) fn located(block: &Block, at: usize) -> Located {
    let first = at * LOCATED_BYTES / 8;
    Located { key: [word(block, first), word(block, first + 1)], position: word(block, first + 2) }
}

/// What the first block of a run says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub level: u64,
    pub keys: u64,
    pub filter_lines: u64,
    pub fences_sum: u32,
    pub filter_sum: u32,
    pub spans: Spans,
}

impl Header {
    pub fn to_block(self) -> Block {
        let mut block = [0; BLOCK_BYTES];
        let sums = [u64::from(self.fences_sum), u64::from(self.filter_sum)];
        let fields = [MAGIC, VERSION, self.level, self.keys, self.filter_lines, sums[0], sums[1]];
        let spans = self.spans.0.iter().flat_map(|span| [span.low, span.high]).flatten();
        for (at, field) in fields.into_iter().chain(spans).enumerate() {
            put(&mut block, at, field);
        }
        seal(&mut block, HEADER_NUMBER);
        block
    }

    /// Reads a header, or says what is wrong with it.
    pub fn from_block(block: &Block) -> Result<Self, &'static str> {
        if word(block, 0) != MAGIC {
            return Err("the file does not start as a run");
        }
        if !is_sealed(block, HEADER_NUMBER) {
            return Err("the header fails its checksum");
        }
        if word(block, 1) != VERSION {
            return Err("the version of the layout is not known");
        }
        let key = |at| [word(block, at), word(block, at + 1)];
        let header = Self {
            level: word(block, 2),
            keys: word(block, 3),
            filter_lines: word(block, 4),
            fences_sum: word(block, 5) as u32,
            filter_sum: word(block, 6) as u32,
            spans: Spans([Span { low: key(7), high: key(9) }, Span { low: key(11), high: key(13) }]),
        };
        match header {
            Self { keys: 1..KEYS_LIMIT, filter_lines: 1..KEYS_LIMIT, .. } => Ok(header),
            _ => Err("the header counts what cannot be"),
        }
    }

    /// Blocks of keys.
    pub fn blocks(&self) -> u64 {
        self.keys.div_ceil(BLOCK_KEYS as u64)
    }

    /// Keys in this block.
    pub fn keys_in(&self, block: u64) -> usize {
        (self.keys - block * BLOCK_KEYS as u64).min(BLOCK_KEYS as u64) as usize
    }

    /// Where the first keys start.
    pub fn fences_at(&self) -> u64 {
        block_at(self.blocks())
    }

    /// Where the filter starts.
    pub fn filter_at(&self) -> u64 {
        self.fences_at() + self.blocks() * FENCE_BYTES as u64
    }

    /// Bytes of the whole file.
    pub fn file_bytes(&self) -> u64 {
        self.filter_at() + self.filter_lines * LINE_BYTES as u64
    }
}

/// Where a block of keys starts.
pub(super) fn block_at(block: u64) -> u64 {
    (block + 1) * BLOCK_BYTES as u64
}
