//! A Bloom filter whose bits for one key share a cache line: a lookup costs one miss of the cache.
//! The mixing is part of the file format; to change it is to change the version of runs.

use super::keys::{KeyHash, fold};

/// Bits for each key: about four false answers in a thousand. A false answer reads a block, so that
/// with ten runs fewer bits would cost more in reads than they spare in memory.
const BITS_PER_KEY: u64 = 12;
/// Bits set by each key: the most that one 64-bit hash can choose, and near the best.
const PROBES: u32 = 7;
/// Bits that choose one bit of a line.
const PROBE_BITS: u32 = 9;
/// Bits of a line.
const LINE_BITS: u64 = 1 << PROBE_BITS;
/// Bytes of a line, in memory and in the file.
pub(super) const LINE_BYTES: usize = 64;
/// Words of a line.
const LINE_WORDS: usize = LINE_BYTES / 8;

/// Digits of the fraction of pi: numbers with nothing up their sleeve.
const MIX: [u64; 4] =
    [0x243F_6A88_85A3_08D3, 0x1319_8A2E_0370_7344, 0xA409_3822_299F_31D0, 0x082E_FA98_EC4E_6C89];

/// A key as the filters see it; made once for all runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    line: u64,
    mask: Line,
}

impl Probe {
    pub fn new(key: KeyHash) -> Self {
        let line = fold(key[0] ^ MIX[0], key[1] ^ MIX[1]);
        let bits = fold(line ^ MIX[2], MIX[3]);
        let mut mask = Line([0; LINE_WORDS]);
        for probe in 0..PROBES {
            let bit = (bits >> (probe * PROBE_BITS)) % LINE_BITS;
            mask.0[(bit / 64) as usize] |= 1 << (bit % 64);
        }
        Self { line, mask }
    }

    fn line(&self, lines: usize) -> usize {
        ((u128::from(self.line) * lines as u128) >> 64) as usize
    }
}

/// The filter of one run, resident.
#[derive(Debug)]
pub(super) struct Filter {
    lines: Box<[Line]>,
}

/// One line of the processor's cache.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([u64; LINE_WORDS]);

impl Filter {
    /// An empty filter for this many keys.
    pub fn new(keys: u64) -> Self {
        let lines = (keys * BITS_PER_KEY).div_ceil(LINE_BITS).max(1) as usize;
        Self { lines: vec![Line([0; LINE_WORDS]); lines].into_boxed_slice() }
    }

    pub fn add(&mut self, probe: &Probe) {
        let line = &mut self.lines[probe.line(self.lines.len())];
        line.0.iter_mut().zip(probe.mask.0).for_each(|(word, mask)| *word |= mask);
    }

    /// False if the key was certainly not added.
    pub fn may_hold(&self, probe: &Probe) -> bool {
        let line = &self.lines[probe.line(self.lines.len())];
        // One branch for all bits, nearly always the same: the processor goes on to the next run
        // while this line is still on its way from memory.
        line.0.iter().zip(probe.mask.0).fold(0, |missing, (word, mask)| missing | (!word & mask)) == 0
    }

    pub fn lines(&self) -> usize {
        self.lines.len()
    }

    /// The lines as the file has them.
    pub fn to_bytes(&self) -> impl Iterator<Item = [u8; 8]> {
        self.lines.iter().flat_map(|line| line.0.map(u64::to_le_bytes))
    }

    /// Reads back what `to_bytes` wrote: a whole number of lines, at least one.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let (lines, _) = bytes.as_chunks::<LINE_BYTES>();
        let line = |bytes: &[u8; LINE_BYTES]| {
            let (words, _) = bytes.as_chunks::<8>();
            Line(std::array::from_fn(|word| u64::from_le_bytes(words[word])))
        };
        Self { lines: lines.iter().map(line).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn false_answers(key: impl Fn(u64) -> KeyHash) -> usize {
        let mut filter = Filter::new(100_000);
        (0..100_000).for_each(|number| filter.add(&Probe::new(key(number))));
        assert!((0..100_000).all(|number| filter.may_hold(&Probe::new(key(number)))));
        (100_000..200_000).filter(|number| filter.may_hold(&Probe::new(key(*number)))).count()
    }

    #[test]
    fn false_answers_are_rare() {
        let uniform = false_answers(|number| [fold(number ^ MIX[0], MIX[2]), fold(number ^ MIX[3], MIX[1])]);
        let counted_low = false_answers(|number| [7, number]);
        let counted_high = false_answers(|number| [number << 16, 0]);
        for answers in [uniform, counted_low, counted_high] {
            assert!(answers < 600, "{answers} of 100,000");
        }
    }
}
