//! Account numbers and places: in the database's records those of the database, in the state that a batch is decided
//! against its own. This file alone turns one into the other; it looks at every command and every effect there is.

use crate::accounts::model::{AccountNo, AccountRef};
use crate::command::Command;
use crate::effect::{Effect, Outcome};
use crate::entries::model::{Details, PostingCommand};
use crate::journal::record::{OriginAt, Record};

/// What numbers and places become.
pub trait Turn {
    /// An account's other number.
    fn account(&mut self, account: AccountNo) -> AccountNo;
    /// A record's other place; 0 is nowhere.
    fn place(&mut self, place: u64) -> u64;
}

/// Turns a command.
pub fn command(command: &mut Command, turn: &mut impl Turn) {
    match command {
        Command::PostEntry(entry) => {
            postings(&mut entry.postings, turn);
            details(entry.details.as_deref_mut(), turn);
        }
        Command::PlaceHold(hold) => {
            postings(&mut hold.postings, turn);
            details(hold.details.as_deref_mut(), turn);
        }
        Command::ReverseEntry(reversal) => details(reversal.details.as_deref_mut(), turn),
        Command::ActOnHold(act) => details(act.details.as_deref_mut(), turn),
        Command::ChangeAccount(account, _) | Command::MoveAccount(account, ..) => {
            *account = turn.account(*account);
        }
        Command::RegisterAsset(_) | Command::SetPattern(_) | Command::OpenAccount(_) => {}
    }
}

fn postings(postings: &mut [PostingCommand], turn: &mut impl Turn) {
    postings.iter_mut().for_each(|posting| named(&mut posting.account, turn));
}

fn details(details: Option<&mut Details>, turn: &mut impl Turn) {
    let conditions = details.into_iter().flat_map(|details| &mut details.conditions);
    conditions.for_each(|condition| named(&mut condition.account, turn));
}

fn named(account: &mut AccountRef, turn: &mut impl Turn) {
    match account {
        AccountRef::Known(no) => *no = turn.account(*no),
        AccountRef::Path(_) | AccountRef::Id(_) => {}
    }
}

/// Turns an effect.
pub fn effect(effect: &mut Effect, turn: &mut impl Turn) {
    match effect {
        Effect::Posted { .. } => {}
        Effect::Reversed { posted_at, .. } => *posted_at = turn.place(*posted_at),
        Effect::Held { hold, .. } | Effect::HoldMoved { hold, .. } => {
            hold.placed_at = turn.place(hold.placed_at);
            for posting in &mut hold.postings {
                posting.account = turn.account(posting.account);
            }
        }
        Effect::Changed { account, .. } => *account = turn.account(*account),
        Effect::Batch(batch) => batch.outcomes.iter_mut().for_each(outcome),
        Effect::Book { .. }
        | Effect::Asset(_)
        | Effect::Pattern(_)
        | Effect::Opened(_)
        | Effect::Refused(_)
        | Effect::Unit => {}
    }
    for posting in effect.postings_mut().into_iter().flatten() {
        posting.account = turn.account(posting.account);
    }
}

/// A record's number is its place in the database.
pub fn outcome(outcome: &mut Outcome) {
    match outcome {
        Outcome::Done { seq, position } | Outcome::Replayed { seq, position } => *position = *seq,
        Outcome::Refused(_) | Outcome::WouldDo => {}
    }
}

/// Turns a record, all but its own place and book.
pub fn record(record: &mut Record, turn: &mut impl Turn) {
    if let Some(own) = &mut record.command {
        command(own, turn);
    }
    effect(&mut record.effect, turn);
    if let OriginAt::At(first) = &mut record.origin {
        *first = turn.place(*first);
    }
}
