//! Bytes of the journal: LEB128 integers and length-prefixed texts, in two streams: the core of a record,
//! and its free text, which may one day be erased.

use kernel::{AssetCode, Id, Timestamp};

/// Bytes that do not say what they should. Checksums come first, so this is a bug or a foreign file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record's bytes do not decode: {0}")]
pub struct Malformed(pub &'static str);

/// Writes both streams.
pub struct Pen<'a> {
    /// What is chained as it is.
    pub core: &'a mut Vec<u8>,
    /// What is chained by its salted hash.
    pub text: &'a mut Vec<u8>,
}

/// Integers below this are eight bytes at most, and are packed as one word without a branch per byte.
const WORD_LIMIT: u64 = 1 << 56;
/// Numbers that one group can hold.
const MOST_GROUPED: usize = 8;
/// Bytes of their lengths, at most.
const GROUP_HEAD: usize = 4;
/// Bytes of the widest number.
const WIDEST: usize = 16;
/// The length of numbers that are stored whole: of fifteen bytes or more.
const WIDE: u32 = 15;
/// The low bits that numbers of each length have.
const KEPT: [u128; WIDEST + 1] = {
    let mut kept = [u128::MAX; WIDEST + 1];
    let mut length = 0;
    while length < WIDEST {
        kept[length] = (1 << (8 * length)) - 1;
        length += 1;
    }
    kept
};
/// Seven bits of every byte.
const SEVENS: u64 = 0x7f7f_7f7f_7f7f_7f7f;

/// Puts each seven bits of an integer below `WORD_LIMIT` into a byte of their own.
const fn spread(value: u64) -> u64 {
    let halves = (value & 0x0fff_ffff) | (value & 0x00ff_ffff_f000_0000) << 4;
    let quarters = (halves & 0x0000_3fff_0000_3fff) | (halves & 0x0fff_c000_0fff_c000) << 2;
    (quarters & 0x007f_007f_007f_007f) | (quarters & 0x3f80_3f80_3f80_3f80) << 1
}

/// Undoes [`spread`].
const fn gather(bytes: u64) -> u64 {
    let quarters = (bytes & 0x007f_007f_007f_007f) | (bytes & 0x7f00_7f00_7f00_7f00) >> 1;
    let halves = (quarters & 0x0000_3fff_0000_3fff) | (quarters & 0x3fff_0000_3fff_0000) >> 2;
    (halves & 0x0fff_ffff) | (halves & 0x0fff_ffff_0000_0000) >> 4
}

/// Appends an unsigned integer, seven bits a byte.
#[inline]
pub fn put_u64(out: &mut Vec<u8>, value: u64) {
    if value < 0x80 {
        out.push(value as u8);
    } else if value < WORD_LIMIT {
        let last = value.ilog2() / 7;
        let marks = !SEVENS & ((1 << (8 * last)) - 1);
        out.extend_from_slice(&(spread(value) | marks).to_le_bytes());
        out.truncate(out.len() - 7 + last as usize);
    } else {
        put_long(out, value.into());
    }
}

#[cold]
fn put_long(out: &mut Vec<u8>, mut value: u128) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends an unsigned 128-bit integer, seven bits a byte.
#[inline]
pub fn put_u128(out: &mut Vec<u8>, value: u128) {
    match u64::try_from(value) {
        Ok(value) => put_u64(out, value),
        Err(_) => put_long(out, value),
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u64(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

impl Pen<'_> {
    /// One byte.
    pub fn byte(&mut self, value: u8) {
        self.core.push(value);
    }

    /// A small or large unsigned integer.
    pub fn uint(&mut self, value: u64) {
        put_u64(self.core, value);
    }

    /// An amount or counter, never negative.
    pub fn minor(&mut self, value: i128) {
        debug_assert!(value >= 0);
        put_u128(self.core, value as u128);
    }

    /// A signed amount, zigzag.
    pub fn signed(&mut self, value: i128) {
        put_u128(self.core, ((value << 1) ^ (value >> 127)) as u128);
    }

    /// Up to eight numbers at once: four bits each for their lengths, then their bytes. Zero takes no byte.
    /// As short as one after another, and much quicker.
    pub fn group<const N: usize>(&mut self, numbers: [u128; N]) {
        const { assert!(N <= MOST_GROUPED) };
        let mut bytes = [0; GROUP_HEAD + MOST_GROUPED * WIDEST];
        let head = N.div_ceil(2);
        let (mut lengths, mut end) = (0_u32, head);
        for (place, number) in numbers.into_iter().enumerate() {
            let code = (128 - number.leading_zeros()).div_ceil(8).min(WIDE);
            lengths |= code << (4 * place);
            bytes[end..end + WIDEST].copy_from_slice(&number.to_le_bytes());
            end += if code == WIDE { WIDEST } else { code as usize };
        }
        bytes[..head].copy_from_slice(&lengths.to_le_bytes()[..head]);
        self.core.extend_from_slice(&bytes[..end]);
    }

    /// Sixteen bytes.
    pub fn id(&mut self, id: Id) {
        self.core.extend_from_slice(&id.0.to_le_bytes());
    }

    /// Eight bytes.
    pub fn time(&mut self, at: Timestamp) {
        self.core.extend_from_slice(&at.0.to_le_bytes());
    }

    /// A name, key or code.
    pub fn word(&mut self, text: &str) {
        put_bytes(self.core, text.as_bytes());
    }

    /// Free text.
    pub fn free(&mut self, text: &str) {
        put_bytes(self.text, text.as_bytes());
    }

    /// A count in the text stream.
    pub fn free_uint(&mut self, value: u64) {
        put_u64(self.text, value);
    }

    /// A flag, then the value if there is one.
    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            None => self.byte(0),
            Some(value) => {
                self.byte(1);
                write(self, value);
            }
        }
    }

    /// A count, then each.
    pub fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.uint(items.len() as u64);
        for item in items {
            write(self, item);
        }
    }
}

/// Reads both streams.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    core: &'a [u8],
    text: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of both.
    pub fn new(core: &'a [u8], text: &'a [u8]) -> Self {
        Self { core, text }
    }

    /// Whether both streams are used up.
    pub fn is_done(&self) -> bool {
        self.core.is_empty() && self.text.is_empty()
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.core.split_first().ok_or(Malformed("it ends early"))?;
        self.core = rest;
        Ok(*first)
    }

    /// An unsigned integer.
    pub fn uint(&mut self) -> Result<u64, Malformed> {
        take_u64(&mut self.core)
    }

    /// A number that must fit 32 bits.
    pub fn number(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.uint()?).map_err(|_| Malformed("a number is too large"))
    }

    /// How many of something, each of at least one byte.
    pub fn count(&mut self) -> Result<usize, Malformed> {
        let count = self.uint()? as usize;
        if count > self.core.len() { Err(Malformed("a count is too large")) } else { Ok(count) }
    }

    /// An amount or counter.
    pub fn minor(&mut self) -> Result<i128, Malformed> {
        i128::try_from(take_u128(&mut self.core)?).map_err(|_| Malformed("an amount is too large"))
    }

    /// A signed amount.
    pub fn signed(&mut self) -> Result<i128, Malformed> {
        let folded = take_u128(&mut self.core)?;
        Ok((folded >> 1) as i128 ^ -((folded & 1) as i128))
    }

    /// Bytes of a fixed length.
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (first, rest) = self.core.split_first_chunk::<N>().ok_or(Malformed("it ends early"))?;
        self.core = rest;
        Ok(*first)
    }

    /// Numbers that were written as a group.
    pub fn group<const N: usize>(&mut self) -> Result<[u128; N], Malformed> {
        let head = N.div_ceil(2);
        let (codes, mut rest) = self.core.split_at_checked(head).ok_or(Malformed("it ends early"))?;
        let mut lengths = [0; GROUP_HEAD];
        lengths[..head].copy_from_slice(codes);
        let lengths = u32::from_le_bytes(lengths);
        let mut numbers = [0; N];
        for (place, number) in numbers.iter_mut().enumerate() {
            let code = lengths >> (4 * place) & WIDE;
            let length = if code == WIDE { WIDEST } else { code as usize };
            *number = first_bytes(rest) & KEPT[length];
            rest = rest.get(length..).ok_or(Malformed("it ends early"))?;
        }
        self.core = rest;
        Ok(numbers)
    }

    /// An id.
    pub fn id(&mut self) -> Result<Id, Malformed> {
        Ok(Id(u128::from_le_bytes(self.fixed()?)))
    }

    /// A time.
    pub fn time(&mut self) -> Result<Timestamp, Malformed> {
        Ok(Timestamp(i64::from_le_bytes(self.fixed()?)))
    }

    /// A name, key or code.
    pub fn word(&mut self) -> Result<&'a str, Malformed> {
        take_text(&mut self.core)
    }

    /// An asset's code.
    pub fn code(&mut self) -> Result<AssetCode, Malformed> {
        AssetCode::parse(self.word()?).map_err(|_| Malformed("no asset code"))
    }

    /// Free text.
    pub fn free(&mut self) -> Result<&'a str, Malformed> {
        take_text(&mut self.text)
    }

    /// Bytes in the text stream.
    pub fn free_bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = take_u64(&mut self.text)? as usize;
        let (bytes, rest) = self.text.split_at_checked(length).ok_or(Malformed("it ends early"))?;
        self.text = rest;
        Ok(bytes)
    }

    /// A count in the text stream.
    pub fn free_count(&mut self) -> Result<usize, Malformed> {
        let count = take_u64(&mut self.text)? as usize;
        if count > self.text.len() { Err(Malformed("a count is too large")) } else { Ok(count) }
    }

    /// A flag, then the value if there is one.
    pub fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        match self.byte()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(Malformed("no flag")),
        }
    }

    /// A count, then each.
    pub fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.count()?;
        (0..count).map(|_| read(self)).collect()
    }
}

/// The next bytes as a number; zeros follow the last.
#[inline]
fn first_bytes(bytes: &[u8]) -> u128 {
    match bytes.first_chunk() {
        Some(whole) => u128::from_le_bytes(*whole),
        None => {
            let mut padded = [0; WIDEST];
            padded[..bytes.len()].copy_from_slice(bytes);
            u128::from_le_bytes(padded)
        }
    }
}

/// Takes an integer that ends within the next eight bytes, if there are that many.
#[inline]
fn take_word(from: &mut &[u8]) -> Option<u64> {
    let word = u64::from_le_bytes(*from.first_chunk()?);
    let ends = !word & !SEVENS;
    if ends == 0 {
        return None;
    }
    let bits = ends.trailing_zeros() + 1;
    *from = &from[(bits / 8) as usize..];
    Some(gather(word & SEVENS & (u64::MAX >> (64 - bits))))
}

#[inline]
fn take_u64(from: &mut &[u8]) -> Result<u64, Malformed> {
    match take_word(from) {
        Some(value) => Ok(value),
        None => take_long_u64(from),
    }
}

#[inline]
fn take_u128(from: &mut &[u8]) -> Result<u128, Malformed> {
    match take_word(from) {
        Some(value) => Ok(value.into()),
        None => take_long_u128(from),
    }
}

fn take_long_u64(from: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0_u64;
    for (place, byte) in from.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            *from = &from[place + 1..];
            return Ok(value);
        }
    }
    Err(Malformed("an integer does not end"))
}

fn take_long_u128(from: &mut &[u8]) -> Result<u128, Malformed> {
    let mut value = 0_u128;
    for (place, byte) in from.iter().enumerate().take(19) {
        value |= u128::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            *from = &from[place + 1..];
            return Ok(value);
        }
    }
    Err(Malformed("an integer does not end"))
}

fn take_text<'a>(from: &mut &'a [u8]) -> Result<&'a str, Malformed> {
    let length = take_u64(from)? as usize;
    let (text, rest) = from.split_at_checked(length).ok_or(Malformed("a text ends early"))?;
    *from = rest;
    std::str::from_utf8(text).map_err(|_| Malformed("a text is no UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn groups_of_every_length() {
        for bits in 0..=127 {
            for number in [(1_u128 << bits) - 1, 1 << bits, u128::MAX] {
                let (mut core, mut text) = (Vec::new(), Vec::new());
                Pen { core: &mut core, text: &mut text }.group([0, number, 7, number, number]);
                for tail in [0, 16] {
                    let mut longer = core.clone();
                    longer.extend_from_slice(&[0xff; 16][..tail]);
                    let mut reader = Reader::new(&longer, &[]);
                    assert_eq!(reader.group(), Ok([0, number, 7, number, number]));
                    assert_eq!(reader.is_done(), tail == 0);
                }
                for short in 0..core.len() {
                    assert!(Reader::new(&core[..short], &[]).group::<5>().is_err());
                }
            }
        }
    }

    #[test]
    fn integers_of_every_length() {
        for bits in 0..=127 {
            for value in [(1_u128 << bits) - 1, 1 << bits, (1 << bits) + 1] {
                let mut bytes = Vec::new();
                put_u128(&mut bytes, value);
                let significant = 128 - value.leading_zeros();
                assert_eq!(bytes.len() as u32, significant.div_ceil(7).max(1), "{value}");
                for tail in [0, 16] {
                    let mut longer = bytes.clone();
                    longer.extend_from_slice(&[0xff; 16][..tail]);
                    assert_eq!(take_u128(&mut &longer[..]), Ok(value));
                    if let Ok(value) = u64::try_from(value) {
                        assert_eq!(take_u64(&mut &longer[..]), Ok(value));
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn integers_read_back(unsigned in any::<u64>(), minor in 0..i128::MAX, signed in -(i128::MAX / 4)..i128::MAX / 4) {
            let (mut core, mut text) = (Vec::new(), Vec::new());
            let mut pen = Pen { core: &mut core, text: &mut text };
            pen.uint(unsigned);
            pen.minor(minor);
            pen.signed(signed);
            pen.free("§");
            let mut reader = Reader::new(&core, &text);
            prop_assert_eq!(reader.uint(), Ok(unsigned));
            prop_assert_eq!(reader.minor(), Ok(minor));
            prop_assert_eq!(reader.signed(), Ok(signed));
            prop_assert_eq!(reader.free(), Ok("§"));
            prop_assert!(reader.is_done());
        }

        #[test]
        fn any_bytes_are_an_error_or_a_value(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut reader = Reader::new(&bytes, &[]);
            while reader.minor().is_ok() && reader.word().is_ok() && reader.list(Reader::uint).is_ok() {}
        }
    }
}
