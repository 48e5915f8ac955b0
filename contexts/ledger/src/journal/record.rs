//! A record: one thing that happened in one book, whole and self-contained. Layout, little endian:
//!
//! | bytes | what |
//! |---|---|
//! | 0–3 | CRC32C of the rest of the core |
//! | 4–7 | length of the record, free text included |
//! | 8–11 | length of the core |
//! | 12, 13–14 | kind, flags |
//! | 15–22, 23–38 | recorded time, id |
//! | 39– | book, seq, distance to the book's previous record, seq less the number of its party |
//! | … | optional head fields |
//! | … | command in canonical form, effect with counters and pointers, BLAKE3 of the free text |
//! | core end – length | salt and free text |
//!
//! The chain of frames covers the core only: the text can be erased while every hash still holds.

mod glance;

pub use glance::{Glance, Settled, glance};

use super::codec::{Malformed, Pen, Reader};
use super::commands::{put_command, take_command};
use super::effects::{AllLinks, Around, as_commanded, kind_code, put_effect, take_effect};
use super::unit::UnitHead;
use crate::books::model::BookNo;
use crate::command::{Command, Keys, Origin};
use crate::effect::{Decision, Effect};
use kernel::{Id, Timestamp};
use std::net::IpAddr;

/// Bytes before the variable part.
pub const FIXED: usize = 39;
/// Longest record: an entry of 1,000 postings with all its text, or a batch's outcomes, with room.
pub const MAX_RECORD: usize = 64 << 20;

const HAS_COMMAND: u16 = 1;
const SHORT: u16 = 1 << 1;
const HAS_KEY: u16 = 1 << 2;
const OWN_ID: u16 = 1 << 3;
const ORIGIN_HERE: u16 = 1 << 4;
const ORIGIN_BACK: u16 = 1 << 5;
const HAS_TEXT: u16 = 1 << 6;
const IN_UNIT: u16 = 1 << 7;
const HAS_PARTY: u16 = 1 << 8;

/// Bytes of the salt before the free text.
const SALT: usize = 16;
/// Bytes of the hash that stands for it in the core.
const HASH: usize = 32;

/// Where a record's origin stands.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum OriginAt {
    /// The ledger itself, or nobody that needs naming.
    #[default]
    Nobody,
    /// In this record.
    Here(Origin),
    /// In the record at this position: the first of the same request.
    At(u64),
}

/// What a record says besides its decision.
pub struct Draft<'a> {
    /// Recorded time.
    pub at: Timestamp,
    /// Its keys.
    pub keys: &'a Keys,
    /// Who asked.
    pub origin: &'a OriginAt,
    /// The command in canonical form.
    pub command: Option<&'a Command>,
    /// Its party.
    pub party: Option<&'a str>,
    /// What it says of the unit that it begins.
    pub unit: Option<&'a UnitHead>,
    /// Position of the book's previous record.
    pub previous: u64,
    /// Random salt, used if there is free text.
    pub salt: u128,
}

/// A record as read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub position: u64,
    /// Its length in bytes.
    pub length: u32,
    /// Recorded time.
    pub at: Timestamp,
    /// Its id.
    pub id: Id,
    /// Its book.
    pub book: BookNo,
    /// Its number in the book.
    pub seq: u64,
    /// Position of the book's previous record; 0 for the first.
    pub previous: u64,
    /// Its number among those of its party, else among the book's without one.
    pub party_seq: u64,
    /// Its party.
    pub party: Option<Box<str>>,
    /// Its keys.
    pub keys: Keys,
    /// Who asked.
    pub origin: OriginAt,
    /// What it says of the unit that it begins.
    pub unit: Option<Box<UnitHead>>,
    /// The command in canonical form.
    pub command: Option<Command>,
    /// The change it made.
    pub effect: Effect,
    /// Pointers of its postings.
    pub links: AllLinks,
    /// BLAKE3 of salt and free text, if it has any.
    pub text_hash: Option<[u8; HASH]>,
}

/// Appends a record, its checksum included, and returns the length of its free text (with salt).
/// `scratch` is a buffer that is kept between calls.
pub fn put_record(
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
    position: u64,
    draft: &Draft<'_>,
    decision: &Decision,
    links: &AllLinks,
) -> usize {
    let start = out.len();
    let text = put_unsealed(out, scratch, position, draft, decision, links);
    seal(&mut out[start..]).expect("one whole record was written");
    text
}

/// As [`put_record`], its checksum still missing: [`seal`] puts in those of a whole frame.
pub fn put_unsealed(
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
    position: u64,
    draft: &Draft<'_>,
    decision: &Decision,
    links: &AllLinks,
) -> usize {
    let start = out.len();
    scratch.clear();
    scratch.extend_from_slice(&draft.salt.to_le_bytes());
    let short = as_commanded(draft.command, decision.effect.postings());
    let mut head = [0; FIXED];
    head[12] = kind_code(&decision.effect);
    let mut flags = head_flags(draft);
    flags |= if short { SHORT } else { 0 };
    head[13..15].copy_from_slice(&flags.to_le_bytes());
    head[15..23].copy_from_slice(&draft.at.0.to_le_bytes());
    head[23..39].copy_from_slice(&decision.id.0.to_le_bytes());
    out.extend_from_slice(&head);
    let mut pen = Pen { core: out, text: scratch };
    let back = if draft.previous == 0 { 0 } else { position - draft.previous };
    // Most records have no party, or most of a book have: the distance of the two numbers is short.
    let apart = decision.seq.wrapping_sub(decision.party_seq);
    pen.group([decision.book.0.into(), decision.seq.into(), back.into(), apart.into()]);
    put_head(&mut pen, draft, position);
    if let Some(command) = draft.command {
        put_command(&mut pen, command);
    }
    put_effect(&mut pen, &decision.effect, links, position, short);
    let text = if scratch.len() > SALT { scratch.len() } else { 0 };
    if text > 0 {
        out.extend_from_slice(blake3::hash(scratch).as_bytes());
        let flags = flags | HAS_TEXT;
        out[start + 13..start + 15].copy_from_slice(&flags.to_le_bytes());
    }
    let core = out.len() - start;
    if text > 0 {
        out.extend_from_slice(scratch);
    }
    let length = out.len() - start;
    let record = &mut out[start..];
    record[4..8].copy_from_slice(&(length as u32).to_le_bytes());
    record[8..12].copy_from_slice(&(core as u32).to_le_bytes());
    text
}

/// Puts the checksums into the records of a frame, all at once: bytes that were written a moment ago are
/// slow to read back. `None` where the records do not add up.
pub fn seal(records: &mut [u8]) -> Option<()> {
    let mut rest = records;
    while !rest.is_empty() {
        let (length, core) = lengths(rest)?;
        let (record, behind) = rest.split_at_mut_checked(length)?;
        let sum = checksum(&record[..core]);
        record[..4].copy_from_slice(&sum.to_le_bytes());
        rest = behind;
    }
    Some(())
}

fn checksum(core: &[u8]) -> u32 {
    crc32c::crc32c(&core[4..])
}

fn head_flags(draft: &Draft<'_>) -> u16 {
    let flag = |on: bool, bit: u16| if on { bit } else { 0 };
    flag(draft.command.is_some(), HAS_COMMAND)
        | flag(draft.keys.key.is_some(), HAS_KEY)
        | flag(draft.keys.own_id, OWN_ID)
        | flag(draft.party.is_some(), HAS_PARTY)
        | flag(draft.unit.is_some(), IN_UNIT)
        | match draft.origin {
            OriginAt::Nobody => 0,
            OriginAt::Here(_) => ORIGIN_HERE,
            OriginAt::At(_) => ORIGIN_BACK,
        }
}

fn put_head(pen: &mut Pen<'_>, draft: &Draft<'_>, position: u64) {
    if let Some(key) = &draft.keys.key {
        pen.word(key);
    }
    if let Some(party) = draft.party {
        pen.word(party);
    }
    match draft.origin {
        OriginAt::Nobody => {}
        OriginAt::Here(origin) => put_origin(pen, origin),
        OriginAt::At(first) => pen.uint(position - first),
    }
    if let Some(unit) = draft.unit {
        unit.put(pen);
    }
}

fn put_origin(pen: &mut Pen<'_>, origin: &Origin) {
    pen.option(origin.key, Pen::id);
    match origin.address {
        None => pen.byte(0),
        Some(IpAddr::V4(address)) => {
            pen.byte(4);
            pen.core.extend_from_slice(&address.octets());
        }
        Some(IpAddr::V6(address)) => {
            pen.byte(6);
            pen.core.extend_from_slice(&address.octets());
        }
    }
    for text in [&origin.correlation, &origin.causation, &origin.traceparent] {
        pen.option(text.as_deref(), Pen::word);
    }
}

fn take_origin(reader: &mut Reader<'_>) -> Result<Origin, Malformed> {
    let word = |reader: &mut Reader<'_>| Ok(reader.word()?.into());
    Ok(Origin {
        key: reader.option(Reader::id)?,
        address: match reader.byte()? {
            0 => None,
            4 => Some(IpAddr::from(reader.fixed::<4>()?)),
            6 => Some(IpAddr::from(reader.fixed::<16>()?)),
            _ => return Err(Malformed("no address")),
        },
        correlation: reader.option(word)?,
        causation: reader.option(word)?,
        traceparent: reader.option(word)?,
    })
}

/// The lengths a record claims: of all of it, and of its core. `None` where they cannot be right.
pub fn lengths(bytes: &[u8]) -> Option<(usize, usize)> {
    let length = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?) as usize;
    let core = u32::from_le_bytes(*bytes.get(8..)?.first_chunk()?) as usize;
    (core >= FIXED && core <= length && length <= MAX_RECORD).then_some((length, core))
}

/// Reads a record whose bytes start here, checking its sums.
pub fn take_record(bytes: &[u8], position: u64) -> Result<Record, Malformed> {
    let (_, core) = lengths(bytes).ok_or(Malformed("no record starts here"))?;
    let core = bytes.get(..core).ok_or(Malformed("the record ends early"))?;
    let sum = u32::from_le_bytes(*core.first_chunk().expect("a core is longer than its head"));
    if sum != checksum(core) {
        return Err(Malformed("its checksum is wrong"));
    }
    decode_record(bytes, position)
}

/// Reads a record whose bytes start here and are right: from a frame that was checked, or never written.
pub fn decode_record(bytes: &[u8], position: u64) -> Result<Record, Malformed> {
    let (length, core) = lengths(bytes).ok_or(Malformed("no record starts here"))?;
    let bytes = bytes.get(..length).ok_or(Malformed("the record ends early"))?;
    let (core, text) = bytes.split_at(core);
    let flags = u16::from_le_bytes([core[13], core[14]]);
    let has = |bit: u16| flags & bit != 0;
    let (core, text, text_hash) = if has(HAS_TEXT) { split_text(core, text)? } else { (core, text, None) };
    let mut reader = Reader::new(&core[15..], text);
    let (at, id) = (reader.time()?, reader.id()?);
    let numbers = reader.group::<4>()?.map(u64::try_from);
    let [Ok(book), Ok(seq), Ok(back), Ok(apart)] = numbers else {
        return Err(Malformed("a number is too large"));
    };
    let book = BookNo(u32::try_from(book).map_err(|_| Malformed("a number is too large"))?);
    let previous = match back {
        0 => 0,
        back => position.checked_sub(back).ok_or(Malformed("a pointer leads nowhere"))?,
    };
    let party_seq = seq.wrapping_sub(apart);
    let key = if has(HAS_KEY) { Some(reader.word()?.into()) } else { None };
    let party: Option<Box<str>> = if has(HAS_PARTY) { Some(reader.word()?.into()) } else { None };
    let origin = if has(ORIGIN_HERE) {
        OriginAt::Here(take_origin(&mut reader)?)
    } else if has(ORIGIN_BACK) {
        OriginAt::At(position.saturating_sub(reader.uint()?))
    } else {
        OriginAt::Nobody
    };
    let unit = if has(IN_UNIT) { Some(Box::new(UnitHead::take(&mut reader)?)) } else { None };
    let command = if has(HAS_COMMAND) { Some(take_command(&mut reader)?) } else { None };
    let around = Around {
        kind: bytes[12],
        at: position,
        time: at,
        id,
        book,
        short: has(SHORT),
        command: command.as_ref(),
        party: party.as_deref(),
    };
    let (effect, links) = take_effect(&mut reader, &around)?;
    if !reader.is_done() {
        return Err(Malformed("something is left over"));
    }
    Ok(Record {
        position,
        length: length as u32,
        at,
        id,
        book,
        seq,
        previous,
        party_seq,
        party,
        keys: Keys { key, own_id: has(OWN_ID) },
        origin,
        unit,
        command,
        effect,
        links,
        text_hash,
    })
}

type Parts<'a> = (&'a [u8], &'a [u8], Option<[u8; HASH]>);

fn split_text<'a>(core: &'a [u8], text: &'a [u8]) -> Result<Parts<'a>, Malformed> {
    let (core, hash) = core.split_last_chunk::<HASH>().ok_or(Malformed("it ends early"))?;
    if core.len() < FIXED || text.len() < SALT || blake3::hash(text).as_bytes() != hash {
        return Err(Malformed("its free text is not the text that was written"));
    }
    Ok((core, &text[SALT..], Some(*hash)))
}
