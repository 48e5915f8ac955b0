//! Effects as bytes. What a command already says is not said again: an entry posted as commanded stores
//! only the counters after each posting and the pointers to earlier ones.

use super::codec::{Malformed, Pen, Reader};
use super::commands::{
    frozen_code, frozen_of, put_action, put_asset, put_assets, put_limits, put_text, take_action, take_asset,
    take_assets, take_limits, take_text,
};
use super::problems::{put_problem, take_problem};
use crate::accounts::model::AccountRef;
use crate::accounts::model::{AccountNo, Counters, Settings};
use crate::books::model::{AssetNo, BookNo};
use crate::command::Command;
use crate::effect::{Batch, Effect, Opened, Outcome};
use crate::entries::model::{AmountCommand, Direction, Posting, PostingCommand, Written};
use crate::holds::model::{HeldPosting, Hold, HoldState};
use crate::refusal::NO_BALANCE;
use crate::skew::{Links, NOWHERE, Place};
use kernel::{Id, Tenant, Timestamp};
use smallvec::SmallVec;

/// Pointers of a record's postings.
pub type AllLinks = SmallVec<[Links; 2]>;

/// The kind of a record that posted an entry.
pub const POSTED: u8 = 6;

/// What kind of record it is; the code in its head.
pub fn kind_code(effect: &Effect) -> u8 {
    match effect {
        Effect::Book { .. } => 1,
        Effect::Asset(_) => 2,
        Effect::Pattern(_) => 3,
        Effect::Opened(_) => 4,
        Effect::Changed { .. } => 5,
        Effect::Posted { .. } => POSTED,
        Effect::Reversed { .. } => 7,
        Effect::Held { .. } => 8,
        Effect::HoldMoved { .. } => 9,
        Effect::Refused(_) => 10,
        Effect::Batch(_) => 11,
        Effect::Unit => 12,
    }
}

/// Whether the postings written are those commanded, so that only counters and pointers need storing.
pub fn as_commanded(command: Option<&Command>, postings: &[Posting]) -> bool {
    let commanded = match command {
        Some(Command::PostEntry(entry)) => &entry.postings,
        Some(Command::PlaceHold(hold)) => &hold.postings,
        _ => return false,
    };
    let same = |(command, posting): (&PostingCommand, &Posting)| {
        command.account == AccountRef::Known(posting.account)
            && command.amount == AmountCommand::Exact(posting.amount)
    };
    commanded.len() == postings.len() && commanded.iter().zip(postings).all(same)
}

/// Appends an effect. `at` is the record's position; pointers are stored relative to it.
pub fn put_effect(pen: &mut Pen<'_>, effect: &Effect, links: &[Links], at: u64, short: bool) {
    match effect {
        Effect::Book { tenant, assets } => {
            pen.word(tenant.as_str());
            pen.list(assets, |pen, asset| put_asset(pen, *asset));
        }
        Effect::Asset(_) | Effect::Pattern(_) | Effect::Unit => {}
        Effect::Opened(opened) => pen.option(opened.pattern, |pen, number| pen.uint(number.into())),
        Effect::Changed { account, settings } => {
            pen.uint(account.0.into());
            put_settings(pen, settings);
        }
        Effect::Posted { postings } => put_postings(pen, postings, links, at, short),
        Effect::Reversed { entry, postings, reversed, posted_at } => {
            pen.id(*entry);
            pen.uint(*posted_at);
            pen.list(reversed, |pen, minor| pen.minor(*minor));
            put_postings(pen, postings, links, at, short);
        }
        Effect::Held { hold, postings, .. } => {
            put_hold(pen, hold);
            put_postings(pen, postings, links, at, short);
        }
        Effect::HoldMoved { hold_id, action, hold, postings } => {
            pen.id(*hold_id);
            put_action(pen, action);
            put_hold(pen, hold);
            put_postings(pen, postings, links, at, short);
        }
        Effect::Refused(problem) => put_problem(pen, problem),
        Effect::Batch(batch) => {
            pen.byte(batch.atomic.into());
            pen.core.extend_from_slice(&batch.digest);
            pen.list(&batch.outcomes, |pen, outcome| put_outcome(pen, outcome));
        }
    }
}

/// What reading an effect needs to know from the record's head and command.
pub struct Around<'a> {
    /// The record's kind.
    pub kind: u8,
    /// Its position.
    pub at: u64,
    /// Its recorded time.
    pub time: Timestamp,
    /// Its id.
    pub id: Id,
    /// Its book.
    pub book: BookNo,
    /// Whether the postings are those commanded.
    pub short: bool,
    /// The command, where the record has one.
    pub command: Option<&'a Command>,
    /// Its party.
    pub party: Option<&'a str>,
}

/// Reads an effect and the pointers of its postings.
pub fn take_effect(reader: &mut Reader<'_>, around: &Around<'_>) -> Result<(Effect, AllLinks), Malformed> {
    let mut links = AllLinks::new();
    let effect = match (around.kind, around.command) {
        (1, _) => Effect::Book {
            tenant: Tenant::parse(reader.word()?).map_err(|_| Malformed("no tenant"))?,
            assets: reader.list(take_asset)?,
        },
        (2, Some(Command::RegisterAsset(register))) => Effect::Asset(register.asset),
        (3, Some(Command::SetPattern(pattern))) => Effect::Pattern(pattern.clone()),
        (4, Some(Command::OpenAccount(open))) => Effect::Opened(Opened {
            id: around.id,
            path: (&*open.path).into(),
            kind: open.kind,
            settings: Settings {
                assets: open.assets.clone(),
                limits: open.limits.clone(),
                frozen: Default::default(),
                closed: false,
                version: 1,
                opened_at: around.time,
                text: open.text.clone(),
            },
            pattern: reader.option(Reader::number)?,
        }),
        (5, _) => Effect::Changed { account: AccountNo(reader.number()?), settings: take_settings(reader)? },
        (POSTED, _) => Effect::Posted { postings: take_postings(reader, around, &mut links)? },
        (7, _) => {
            let (entry, posted_at) = (reader.id()?, reader.uint()?);
            let reversed = reader.list(Reader::minor)?;
            Effect::Reversed {
                entry,
                reversed,
                posted_at,
                postings: take_postings(reader, around, &mut links)?,
            }
        }
        (8, _) => {
            let hold = take_hold(reader, around)?;
            Effect::Held { hold_id: around.id, hold, postings: take_postings(reader, around, &mut links)? }
        }
        (9, _) => {
            let (hold_id, action) = (reader.id()?, take_action(reader)?);
            let hold = take_hold(reader, around)?;
            let postings = take_postings(reader, around, &mut links)?;
            Effect::HoldMoved { hold_id, action, hold, postings }
        }
        (10, _) => Effect::Refused(take_problem(reader)?.into()),
        (11, _) => Effect::Batch(Batch {
            atomic: reader.byte()? != 0,
            digest: reader.fixed()?,
            outcomes: reader.list(take_outcome)?,
        }),
        (12, _) => Effect::Unit,
        _ => return Err(Malformed("an unknown kind of record")),
    };
    Ok((effect, links))
}

fn put_settings(pen: &mut Pen<'_>, settings: &Settings) {
    put_assets(pen, settings.assets.as_deref());
    put_limits(pen, &settings.limits);
    pen.byte(frozen_code(settings.frozen));
    pen.byte(settings.closed.into());
    pen.uint(settings.version.into());
    pen.time(settings.opened_at);
    put_text(pen, &settings.text);
}

fn take_settings(reader: &mut Reader<'_>) -> Result<Settings, Malformed> {
    Ok(Settings {
        assets: take_assets(reader)?,
        limits: take_limits(reader)?,
        frozen: frozen_of(reader.byte()?)?,
        closed: reader.byte()? != 0,
        version: reader.number()?,
        opened_at: reader.time()?,
        text: take_text(reader)?,
    })
}

fn put_postings(pen: &mut Pen<'_>, postings: &[Posting], links: &[Links], at: u64, short: bool) {
    if !short {
        pen.uint(postings.len() as u64);
    }
    for (number, (posting, links)) in postings.iter().zip(links).enumerate() {
        if !short {
            let side = u64::from(posting.direction == Direction::Credit);
            pen.uint(u64::from(posting.account.0) << 1 | side);
            pen.uint(posting.asset.0.into());
            pen.minor(posting.amount);
        }
        let Counters { debits, credits, debits_pending, credits_pending } = posting.after;
        let Links { number: place, previous, jump } = *links;
        let pointers = [place, back(Place::new(at, number), previous), back_again(previous, jump)];
        let counters = [debits, credits, debits_pending, credits_pending];
        debug_assert!(counters.iter().all(|counter| *counter >= 0));
        let [debits, credits, debits_pending, credits_pending] = counters.map(|counter| counter as u128);
        let [place, previous, jump] = pointers.map(u128::from);
        pen.group([debits, credits, place, previous, jump, debits_pending, credits_pending]);
    }
}

/// The second pointer as seen from the first: most of them are the same, some lead nowhere. One that leads
/// forth is wrong, and is written for what it is.
fn back_again(previous: Place, jump: Place) -> u64 {
    match jump {
        same if same == previous => 0,
        NOWHERE => 1,
        other => previous.0.wrapping_sub(other.0).wrapping_add(1),
    }
}

fn forth_again(previous: Place, code: u128) -> Result<Place, Malformed> {
    match code {
        0 => Ok(previous),
        1 => Ok(NOWHERE),
        other => match u64::try_from(other) {
            Ok(code) => Ok(Place(previous.0.wrapping_sub(code - 1))),
            Err(_) => Err(Malformed("a pointer leads nowhere")),
        },
    }
}

fn back(from: Place, to: Place) -> u64 {
    if to == NOWHERE { 0 } else { from.0 - to.0 }
}

fn forth(from: Place, back: u128) -> Result<Place, Malformed> {
    match u64::try_from(back) {
        Ok(0) => Ok(NOWHERE),
        Ok(back) => from.0.checked_sub(back).map(Place).ok_or(Malformed("a pointer leads nowhere")),
        Err(_) => Err(Malformed("a pointer leads nowhere")),
    }
}

/// A counter or amount.
fn counter(number: u128) -> Result<i128, Malformed> {
    i128::try_from(number).map_err(|_| Malformed("an amount is too large"))
}

/// The counters among the numbers of a posting.
pub fn counters_of(numbers: [u128; 7]) -> Result<Counters, Malformed> {
    let [debits, credits, _, _, _, debits_pending, credits_pending] = numbers;
    Ok(Counters {
        debits: counter(debits)?,
        credits: counter(credits)?,
        debits_pending: counter(debits_pending)?,
        credits_pending: counter(credits_pending)?,
    })
}

fn take_postings(
    reader: &mut Reader<'_>,
    around: &Around<'_>,
    links: &mut AllLinks,
) -> Result<Written, Malformed> {
    let commanded: &[PostingCommand] = match around.command {
        Some(Command::PostEntry(entry)) if around.short => &entry.postings,
        Some(Command::PlaceHold(hold)) if around.short => &hold.postings,
        _ => &[],
    };
    let count = if around.short { commanded.len() } else { reader.count()? };
    let mut written = Written::with_capacity(count);
    for number in 0..count {
        let (account, direction, asset, amount) = match commanded.get(number) {
            Some(PostingCommand {
                account: AccountRef::Known(account),
                direction,
                asset,
                amount: AmountCommand::Exact(amount),
            }) => (*account, *direction, *asset, *amount),
            Some(_) => return Err(Malformed("postings are not as commanded")),
            None => {
                let word = reader.number()?;
                let direction = if word & 1 == 0 { Direction::Debit } else { Direction::Credit };
                (AccountNo(word >> 1), direction, AssetNo(reader.number()?), reader.minor()?)
            }
        };
        let numbers = reader.group()?;
        let (after, [_, _, place, previous, jump, ..]) = (counters_of(numbers)?, numbers);
        let previous = forth(Place::new(around.at, number), previous)?;
        let number = u64::try_from(place).map_err(|_| Malformed("a number is too large"))?;
        links.push(Links { number, previous, jump: forth_again(previous, jump)? });
        written.push(Posting { balance: NO_BALANCE, account, asset, direction, amount, after });
    }
    Ok(written)
}

fn put_hold(pen: &mut Pen<'_>, hold: &Hold) {
    let state = HoldState::ALL.iter().position(|state| *state == hold.state).unwrap_or(0);
    pen.byte(state as u8);
    pen.option(hold.expires_at, Pen::time);
    pen.uint(hold.placed_at);
    pen.list(&hold.postings, |pen, posting| {
        let side = u64::from(posting.direction == Direction::Credit);
        pen.uint(u64::from(posting.account.0) << 1 | side);
        pen.uint(posting.asset.0.into());
        for minor in [posting.held, posting.captured, posting.released, posting.tolerance] {
            pen.minor(minor);
        }
    });
}

fn take_hold(reader: &mut Reader<'_>, around: &Around<'_>) -> Result<Hold, Malformed> {
    let state = *HoldState::ALL.get(usize::from(reader.byte()?)).ok_or(Malformed("an unknown state"))?;
    Ok(Hold {
        book: around.book,
        state,
        expires_at: reader.option(Reader::time)?,
        party: around.party.map(Box::from),
        placed_at: reader.uint()?,
        postings: reader.list(|reader| {
            let word = reader.number()?;
            Ok(HeldPosting {
                account: AccountNo(word >> 1),
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

fn put_outcome(pen: &mut Pen<'_>, outcome: &Outcome) {
    match outcome {
        Outcome::Done { seq, position } => {
            pen.byte(0);
            pen.uint(*seq);
            pen.uint(*position);
        }
        Outcome::Replayed { seq, position } => {
            pen.byte(1);
            pen.uint(*seq);
            pen.uint(*position);
        }
        Outcome::Refused(problem) => {
            pen.byte(2);
            put_problem(pen, problem);
        }
        Outcome::WouldDo => pen.byte(3),
    }
}

fn take_outcome(reader: &mut Reader<'_>) -> Result<Outcome, Malformed> {
    Ok(match reader.byte()? {
        0 => Outcome::Done { seq: reader.uint()?, position: reader.uint()? },
        1 => Outcome::Replayed { seq: reader.uint()?, position: reader.uint()? },
        2 => Outcome::Refused(take_problem(reader)?.into()),
        3 => Outcome::WouldDo,
        _ => return Err(Malformed("an unknown outcome")),
    })
}
