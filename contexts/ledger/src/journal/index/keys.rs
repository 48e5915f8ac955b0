//! Keys of the index, their mixing, and the spans of keys that let a lookup skip a whole run.
//! Time-ordered ids and hashes are kept in separate spans: one hash among a million ids would
//! otherwise stretch the span over everything, and new ids could no longer be told from old ones.

/// A 128-bit key: the high word, then the low word (a UUID in network byte order).
pub type KeyHash = [u64; 2];

/// Where the version nibble of a UUID sits in the high word (RFC 9562 §4.2).
const VERSION_SHIFT: u32 = 12;
/// The version of time-ordered UUIDs.
const VERSION_TIMED: u64 = 7;
/// The version for ids made by a rule of one's own, here hashes.
const VERSION_HASHED: u64 = 8;

/// True if the key carries the mark of a time-ordered UUID.
#[must_use]
pub const fn is_timed(key: KeyHash) -> bool {
    (key[0] >> VERSION_SHIFT) & 0xF == VERSION_TIMED
}

/// Marks a uniform hash as such (as UUID version 8), at the price of four of its bits.
/// Unmarked hashes are found as well, but they widen the span of the time-ordered ids.
#[must_use]
pub const fn hashed(key: KeyHash) -> KeyHash {
    [(key[0] & !(0xF << VERSION_SHIFT)) | (VERSION_HASHED << VERSION_SHIFT), key[1]]
}

/// Multiplies to 128 bits and folds the halves: each bit of both words reaches the whole result.
pub(super) const fn fold(left: u64, right: u64) -> u64 {
    let product = left as u128 * right as u128;
    (product as u64) ^ ((product >> 64) as u64)
}

/// A key and the newest journal position known for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Located {
    pub key: KeyHash,
    pub position: u64,
}

/// The lowest and the highest key of a set; empty while `low > high`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub low: KeyHash,
    pub high: KeyHash,
}

impl Span {
    const EMPTY: Self = Self { low: [u64::MAX; 2], high: [0; 2] };
}

/// One span for hashes, one for time-ordered ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spans(pub [Span; 2]);

impl Spans {
    pub const EMPTY: Self = Self([Span::EMPTY; 2]);

    /// Widens the span of the key's kind.
    pub fn add(&mut self, key: KeyHash) {
        let span = &mut self.0[usize::from(is_timed(key))];
        span.low = span.low.min(key);
        span.high = span.high.max(key);
    }

    /// The highest time-ordered id; zero for none.
    pub fn latest_timed(&self) -> KeyHash {
        self.0[1].high
    }

    /// False if the key is certainly not in the set.
    pub fn may_hold(&self, key: KeyHash) -> bool {
        let span = &self.0[usize::from(is_timed(key))];
        span.low <= key && key <= span.high
    }
}
