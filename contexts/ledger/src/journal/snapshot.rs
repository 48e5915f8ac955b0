//! Snapshots: the resident state at a place of the journal, and the manifest of the index's runs there.
//! Everything in one can be made again from the journal; one that does not hold is passed over.

use super::codec::{Malformed, Pen, Reader};
use super::commands::{
    frozen_code, frozen_of, kind_code, put_asset, put_assets, put_pattern, take_asset, take_assets,
    take_kind, take_pattern,
};
use super::disk::{Disk, File};
use super::group::Mark;
use super::replay::Replayed;
use super::scan::Place;
use super::segments::{Identity, damage};
use crate::accounts::model::{AccountNo, BalanceNo, Counters, Limits};
use crate::books::model::{AssetNo, BookNo};
use crate::directory::Name;
use crate::effect::Effect;
use crate::entries::model::Direction;
use crate::holds::model::{HeldPosting, Hold, HoldState};
use crate::refusal::NO_BALANCE;
use crate::skew::Stack;
use crate::state::{Account, Balance, State};
use kernel::Tenant;
use std::io;
use std::sync::Arc;

const MAGIC: [u8; 8] = *b"CJSNAP01";
/// Magic, identity, position, hash of the last frame, its place, length of the body, BLAKE3 of the body.
const HEAD: usize = 8 + 32 + 8 + 32 + 8 + 8 + 32;
/// The body is written in pieces of about this size.
const PIECE: usize = 1 << 20;
/// A snapshot while it is being written.
const HALF_MADE: &str = "snapshot.tmp";

/// The name of a snapshot's file.
pub fn snapshot_name(position: u64) -> String {
    format!("snapshot-{position:016x}.snap")
}

/// Whether a file is a snapshot, and of which place.
pub fn snapshot_position(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("snapshot-")?.strip_suffix(".snap")?;
    (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

/// A snapshot as loaded.
pub struct Snapshot {
    /// Where in the chain it stands.
    pub place: Place,
    /// The state there.
    pub replayed: Replayed,
    /// Runs of the index, newest first, that hold every name up to there.
    pub runs: Vec<String>,
}

/// A file that is written from front to back.
struct Stream {
    file: Arc<dyn File>,
    offset: u64,
    hasher: blake3::Hasher,
    buffer: Vec<u8>,
}

impl Stream {
    fn flush(&mut self, least: usize) -> io::Result<()> {
        if self.buffer.len() >= least {
            self.file.write_at(&self.buffer, self.offset)?;
            self.hasher.update(&self.buffer);
            self.offset += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }

    fn put(&mut self, write: impl FnOnce(&mut Pen<'_>)) -> io::Result<()> {
        let mut text = Vec::new();
        write(&mut Pen { core: &mut self.buffer, text: &mut text });
        self.flush(PIECE)
    }
}

/// Writes a snapshot, durable under its name.
pub fn save(disk: &dyn Disk, identity: Identity, snapshot: &Snapshot) -> io::Result<()> {
    if disk.list()?.iter().any(|name| name == HALF_MADE) {
        disk.remove(HALF_MADE)?;
    }
    let file = disk.create(HALF_MADE)?;
    let mut stream =
        Stream { file: file.clone(), offset: HEAD as u64, hasher: blake3::Hasher::new(), buffer: Vec::new() };
    stream.put(|pen| pen.list(&snapshot.runs, |pen, name| pen.word(name)))?;
    put_state(&mut stream, &snapshot.replayed)?;
    stream.flush(1)?;
    let mut head = Vec::with_capacity(HEAD);
    head.extend_from_slice(&MAGIC);
    head.extend_from_slice(&identity.journal.to_le_bytes());
    head.extend_from_slice(&identity.secret.to_le_bytes());
    head.extend_from_slice(&snapshot.place.position.to_le_bytes());
    head.extend_from_slice(&snapshot.place.hash);
    head.extend_from_slice(&snapshot.place.last.to_le_bytes());
    head.extend_from_slice(&(stream.offset - HEAD as u64).to_le_bytes());
    // The head is hashed last, so that it is covered too.
    stream.hasher.update(&head);
    head.extend_from_slice(stream.hasher.finalize().as_bytes());
    file.write_at(&head, 0)?;
    file.sync()?;
    disk.rename(HALF_MADE, &snapshot_name(snapshot.place.position))?;
    disk.sync_names()
}

/// The runs a snapshot names. Its sums are not checked: one that does not hold is passed over when it is loaded,
/// and then its runs are not needed either.
pub fn runs_of(disk: &dyn Disk, name: &str) -> io::Result<Vec<String>> {
    let file = disk.open(name)?;
    let mut bytes = vec![0; PIECE];
    let read = file.read_at(&mut bytes, HEAD as u64)?;
    let mut reader = Reader::new(&bytes[..read], &[]);
    let runs = reader.list(|reader| Ok(reader.word()?.to_owned()));
    runs.map_err(|fault| damage(format_args!("{name}: {fault}")))
}

/// Loads a snapshot; one that does not hold, or is another journal's, is an error.
pub fn load(disk: &dyn Disk, name: &str, identity: Identity) -> io::Result<Snapshot> {
    let file = disk.open(name)?;
    let mut bytes = vec![0; file.size()? as usize];
    super::disk::read_exact(&*file, &mut bytes, 0)?;
    let wrong = |what: &str| damage(format_args!("{name}: {what}"));
    let (head, body) = bytes.split_at_checked(HEAD).ok_or_else(|| wrong("it ends early"))?;
    let long = |place: usize| u64::from_le_bytes(*head[place..].first_chunk().expect("within the head"));
    let wide = |place: usize| u128::from_le_bytes(*head[place..].first_chunk().expect("within the head"));
    if head[..8] != MAGIC || (wide(8), wide(24)) != (identity.journal, identity.secret) {
        return Err(wrong("it belongs to another journal"));
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(body);
    hasher.update(&head[..HEAD - 32]);
    if long(88) != body.len() as u64 || hasher.finalize().as_bytes() != &head[HEAD - 32..] {
        return Err(wrong("its bytes are not those that were written"));
    }
    let place = Place {
        position: long(40),
        hash: *head[48..].first_chunk().expect("within the head"),
        last: long(80),
    };
    let mut reader = Reader::new(body, &[]);
    let malformed = |fault: Malformed| wrong(&fault.to_string());
    let runs = reader.list(|reader| Ok(reader.word()?.to_owned())).map_err(malformed)?;
    let replayed = take_state(&mut reader).map_err(malformed)?;
    Ok(Snapshot { place, replayed, runs })
}

fn put_state(stream: &mut Stream, replayed: &Replayed) -> io::Result<()> {
    let Replayed { state, marks } = replayed;
    stream.put(|pen| {
        pen.time(state.last_time);
        pen.uint(state.books.len() as u64);
    })?;
    for (no, book) in state.books.iter().enumerate() {
        stream.put(|pen| {
            pen.word(book.tenant.as_str());
            [book.seq, book.partyless, book.newest].into_iter().for_each(|word| pen.uint(word));
            pen.list(&book.assets, |pen, asset| put_asset(pen, *asset));
            pen.list(&book.patterns, |pen, (pattern, opened)| {
                put_pattern(pen, pattern);
                pen.uint(*opened);
            });
        })?;
        let marks = marks.get(no).map_or(&[][..], Vec::as_slice);
        stream.put(|pen| {
            pen.list(marks, |pen, mark| {
                pen.uint(mark.position);
                pen.time(mark.at);
            });
        })?;
    }
    stream.put(|pen| pen.uint(state.accounts.len() as u64))?;
    for (no, account) in state.accounts.iter().enumerate() {
        let name = state.directory.name(AccountNo(no as u32));
        stream.put(|pen| put_account(pen, name, account))?;
    }
    stream.put(|pen| pen.uint(state.balances.len() as u64))?;
    for balance in &state.balances {
        stream.put(|pen| put_balance(pen, balance))?;
    }
    stream.put(|pen| pen.uint(state.holds.len() as u64))?;
    for (id, hold) in &state.holds {
        stream.put(|pen| {
            pen.id(*id);
            put_hold(pen, hold);
        })?;
    }
    stream.put(|pen| pen.uint(state.parties.len() as u64))?;
    for (party, count) in &state.parties {
        stream.put(|pen| {
            pen.id(kernel::Id(*party));
            pen.uint(*count);
        })?;
    }
    Ok(())
}

fn take_state(reader: &mut Reader<'_>) -> Result<Replayed, Malformed> {
    let mut replayed = Replayed::default();
    let last_time = reader.time()?;
    for no in 0..reader.count()? {
        let book = BookNo(no as u32);
        let tenant = Tenant::parse(reader.word()?).map_err(|_| Malformed("no tenant"))?;
        let (seq, partyless, newest) = (reader.uint()?, reader.uint()?, reader.uint()?);
        let assets = reader.list(take_asset)?;
        replayed.state.apply(book, 0, &Effect::Book { tenant, assets });
        let patterns = reader.list(|reader| Ok((take_pattern(reader)?, reader.uint()?)))?;
        let head = &mut replayed.state.books[no];
        (head.seq, head.partyless, head.newest, head.patterns) = (seq, partyless, newest, patterns);
        let mark = |reader: &mut Reader<'_>| Ok(Mark { position: reader.uint()?, at: reader.time()? });
        replayed.marks.push(reader.list(mark)?);
    }
    let state = &mut replayed.state;
    for _ in 0..reader.count()? {
        take_account(reader, state)?;
    }
    for _ in 0..reader.count()? {
        take_balance(reader, state)?;
    }
    for _ in 0..reader.count()? {
        let id = reader.id()?;
        let hold = take_hold(reader)?;
        let effect = Effect::Held { hold_id: id, hold, postings: Default::default() };
        state.apply(BookNo(0), 0, &effect);
    }
    for _ in 0..reader.count()? {
        let (party, count) = (reader.id()?.0, reader.uint()?);
        state.parties.insert(party, count);
    }
    state.last_time = last_time;
    if reader.is_done() { Ok(replayed) } else { Err(Malformed("something is left over")) }
}

fn put_account(pen: &mut Pen<'_>, name: &Name, account: &Account) {
    pen.id(name.id);
    pen.uint(name.book.0.into());
    pen.word(&name.path);
    pen.byte(kind_code(account.kind));
    pen.byte(frozen_code(account.frozen) | u8::from(account.closed) << 2);
    pen.uint(account.version.into());
    put_assets(pen, account.allowed.as_deref());
    pen.uint(account.newest);
}

fn take_account(reader: &mut Reader<'_>, state: &mut State) -> Result<(), Malformed> {
    let (id, book) = (reader.id()?, BookNo(reader.number()?));
    state.directory.push(Name { id, book, path: reader.word()?.into() });
    let kind = take_kind(reader)?;
    let flags = reader.byte()?;
    state.accounts.push(Account {
        book,
        kind,
        frozen: frozen_of(flags & 3)?,
        closed: flags & 4 != 0,
        version: reader.number()?,
        open_holds: 0,
        first: NO_BALANCE,
        allowed: take_assets(reader)?.map(Vec::into_boxed_slice),
        newest: reader.uint()?,
    });
    Ok(())
}

fn put_balance(pen: &mut Pen<'_>, balance: &Balance) {
    pen.uint(balance.account.0.into());
    pen.uint(balance.asset.0.into());
    let Counters { debits, credits, debits_pending, credits_pending } = balance.counters;
    [debits, credits, debits_pending, credits_pending].into_iter().for_each(|minor| pen.minor(minor));
    pen.option(balance.limits.as_deref(), |pen, limits| {
        pen.option(limits.floor, Pen::signed);
        pen.option(limits.ceiling, Pen::signed);
    });
    pen.uint(balance.last_seq);
    pen.list(balance.stack.words(), |pen, word| pen.uint(*word));
}

fn take_balance(reader: &mut Reader<'_>, state: &mut State) -> Result<(), Malformed> {
    let (account, asset) = (AccountNo(reader.number()?), AssetNo(reader.number()?));
    let owner = state.accounts.get_mut(account.0 as usize).ok_or(Malformed("a balance of no account"))?;
    let next = std::mem::replace(&mut owner.first, BalanceNo(state.balances.len() as u32));
    let counters = Counters {
        debits: reader.minor()?,
        credits: reader.minor()?,
        debits_pending: reader.minor()?,
        credits_pending: reader.minor()?,
    };
    let limits = reader.option(|reader| {
        Ok(Box::new(Limits {
            floor: reader.option(Reader::signed)?,
            ceiling: reader.option(Reader::signed)?,
        }))
    })?;
    let last_seq = reader.uint()?;
    let stack = Stack::from_words(reader.list(Reader::uint)?);
    state.balances.push(Balance { counters, account, asset, next, limits, last_seq, stack });
    Ok(())
}

fn put_hold(pen: &mut Pen<'_>, hold: &Hold) {
    pen.uint(hold.book.0.into());
    pen.option(hold.expires_at, Pen::time);
    pen.option(hold.party.as_deref(), Pen::word);
    pen.uint(hold.placed_at);
    pen.list(&hold.postings, |pen, posting| {
        pen.uint(u64::from(posting.account.0) << 1 | u64::from(posting.direction == Direction::Credit));
        pen.uint(posting.asset.0.into());
        let amounts = [posting.held, posting.captured, posting.released, posting.tolerance];
        amounts.into_iter().for_each(|minor| pen.minor(minor));
    });
}

fn take_hold(reader: &mut Reader<'_>) -> Result<Hold, Malformed> {
    Ok(Hold {
        book: BookNo(reader.number()?),
        state: HoldState::Open,
        expires_at: reader.option(Reader::time)?,
        party: reader.option(|reader| Ok(reader.word()?.into()))?,
        placed_at: reader.uint()?,
        postings: reader.list(|reader| {
            let word = reader.uint()?;
            Ok(HeldPosting {
                account: AccountNo((word >> 1) as u32),
                direction: if word & 1 == 0 { Direction::Debit } else { Direction::Credit },
                asset: AssetNo(reader.number()?),
                held: reader.minor()?,
                captured: reader.minor()?,
                released: reader.minor()?,
                tolerance: reader.minor()?,
            })
        })?,
    })
}

/// A state at the journal's very start.
pub fn nothing() -> Snapshot {
    let place = Place { position: super::segments::FIRST_POSITION, hash: [0; 32], last: 0 };
    Snapshot { place, replayed: Replayed::default(), runs: Vec::new() }
}
