//! A glance at a record: what an entry left behind on its balances, without its command and without an
//! allocation. Most records are entries posted as commanded, and a checkpoint needs no more of them than this;
//! of any other record a glance shows nothing, and it is read in full.

use super::{FIXED, HAS_COMMAND, HAS_KEY, ORIGIN_BACK, ORIGIN_HERE, OWN_ID, SHORT, lengths};
use crate::accounts::model::{AccountNo, Counters};
use crate::books::model::{AssetNo, BookNo};
use crate::journal::codec::{Malformed, Reader};
use crate::journal::commands::POST_ENTRY;
use crate::journal::effects::{POSTED, counters_of};
use kernel::Timestamp;
use smallvec::SmallVec;

/// What a record may have besides an entry's postings for a glance to be enough.
const PASSED_OVER: u16 = HAS_KEY | OWN_ID | ORIGIN_HERE | ORIGIN_BACK;

/// What one posting left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Whose balance.
    pub account: AccountNo,
    /// In which asset.
    pub asset: AssetNo,
    /// Its counters after the posting.
    pub after: Counters,
}

/// What an entry left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glance {
    /// Where its record stands.
    pub position: u64,
    /// The record's length in bytes.
    pub length: u32,
    /// Recorded time.
    pub at: Timestamp,
    /// Its book.
    pub book: BookNo,
    /// Its number in the book.
    pub seq: u64,
    /// Its number among the book's records without a party.
    pub party_seq: u64,
    /// One per posting.
    pub postings: SmallVec<[Settled; 2]>,
}

/// Glances at a record whose bytes start here and are right. `None` where that is not enough.
pub fn glance(bytes: &[u8], position: u64) -> Result<Option<Glance>, Malformed> {
    let (length, core) = lengths(bytes).ok_or(Malformed("no record starts here"))?;
    let core =
        bytes.get(..core).filter(|_| length <= bytes.len()).ok_or(Malformed("the record ends early"))?;
    let flags = u16::from_le_bytes([core[13], core[14]]);
    if core[12] != POSTED || flags & !PASSED_OVER != HAS_COMMAND | SHORT {
        return Ok(None);
    }
    let at = Timestamp(i64::from_le_bytes(*core[15..].first_chunk().expect("within the head")));
    let mut reader = Reader::new(&core[FIXED..], &[]);
    let [book, seq, _, apart] = reader.group::<4>()?.map(|number| number as u64);
    if flags & HAS_KEY != 0 {
        reader.word()?;
    }
    if flags & ORIGIN_HERE != 0 {
        pass_origin(&mut reader)?;
    } else if flags & ORIGIN_BACK != 0 {
        reader.uint()?;
    }
    if reader.byte()? != POST_ENTRY {
        return Ok(None);
    }
    let count = reader.count()?;
    let mut postings: SmallVec<[Settled; 2]> = SmallVec::with_capacity(count);
    for _ in 0..count {
        // Side only: an account by number, an amount as it stands.
        if reader.byte()? > 1 {
            return Ok(None);
        }
        let (account, asset) = (AccountNo(reader.number()?), AssetNo(reader.number()?));
        reader.minor()?;
        postings.push(Settled { account, asset, after: Counters::default() });
    }
    let has_details = reader.byte()? != 0;
    if has_details {
        return Ok(None);
    }
    for posting in &mut postings {
        posting.after = counters_of(reader.group()?)?;
    }
    if !reader.is_done() {
        return Err(Malformed("something is left over"));
    }
    let book = BookNo(u32::try_from(book).map_err(|_| Malformed("a number is too large"))?);
    let party_seq = seq.wrapping_sub(apart);
    Ok(Some(Glance { position, length: length as u32, at, book, seq, party_seq, postings }))
}

fn pass_origin(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    reader.option(Reader::id)?;
    match reader.byte()? {
        0 => {}
        4 => reader.fixed::<4>().map(|_| ())?,
        6 => reader.fixed::<16>().map(|_| ())?,
        _ => return Err(Malformed("no address")),
    }
    for _ in 0..3 {
        reader.option(Reader::word)?;
    }
    Ok(())
}
