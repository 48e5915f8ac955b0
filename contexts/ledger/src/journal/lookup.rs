//! What the sequencer looks up besides its resident state: records by name, and facts of entries that are
//! not resident. It may see its own groups before they are durable; nobody else may.

use super::frame::{Contents, HEAD};
use super::group::Sealed;
use super::index::Index;
use super::keys::{KeyHash, Keyed};
use super::names::Names;
use super::record::{Record, decode_record};
use super::segments::{Segments, damage};
use crate::accounts::model::{AccountNo, Settings};
use crate::books::model::BookNo;
use crate::decide::Facts;
use crate::effect::{Decision, Effect};
use crate::entries::model::{EntryFacts, EntryPosting, Posting};
use crate::holds::model::{HoldAction, HoldState};
use crate::state::State;
use hashbrown::HashMap;
use kernel::Id;
use std::cell::RefCell;
use std::io;
use std::sync::Arc;

/// The sequencer's way to records.
pub struct Lookup {
    /// The files.
    pub segments: Arc<Segments>,
    /// Names to positions.
    pub index: Arc<Index>,
    /// Hashes of names.
    pub keyed: Keyed,
    /// Names that the index does not know yet.
    pub names: Names,
    /// Where the group being filled starts.
    pub start: u64,
    /// Its contents so far.
    pub contents: Contents,
    /// The group being written.
    pub in_flight: Option<Arc<Sealed>>,
    /// Facts of an atomic batch whose commands are decided and not yet written.
    pub overlay: RefCell<Option<Overlay>>,
}

/// Entries, closed holds and settings of the batch being decided.
#[derive(Default)]
pub struct Overlay {
    entries: HashMap<Id, EntryFacts>,
    closed: HashMap<Id, HoldState>,
    settings: HashMap<AccountNo, Settings>,
}

impl Lookup {
    /// The newest position of a name, durable or not.
    pub fn find(&self, key: KeyHash) -> io::Result<Option<u64>> {
        self.names.find(&self.index, key)
    }

    /// The record at a position, durable or not.
    pub fn record(&self, position: u64) -> io::Result<Record> {
        if position >= self.start {
            let place = (position - self.start) as usize - HEAD;
            let bytes = self.contents.records.get(place..).unwrap_or_default();
            return decode_record(bytes, position).map_err(damage);
        }
        match self.in_flight.as_ref().and_then(|group| group.record(position)) {
            Some(record) => Ok(record),
            None => self.segments.record(position),
        }
    }

    /// Notes what a decision of an atomic batch will be known by.
    pub fn note(&self, decision: &Decision, state: &State) {
        let mut overlay = self.overlay.borrow_mut();
        let Some(overlay) = overlay.as_mut() else { return };
        let facts = |postings: &[Posting], is_reversal| EntryFacts {
            is_reversal,
            postings: postings.iter().map(|posting| fact(posting, 0)).collect(),
            party: decision.party.clone(),
            posted_at: 0,
        };
        match &decision.effect {
            Effect::Posted { postings } => {
                overlay.entries.insert(decision.id, facts(postings, false));
            }
            Effect::Reversed { entry, postings, reversed, .. } => {
                overlay.entries.insert(decision.id, facts(postings, true));
                if let Some(original) = overlay.entries.get_mut(entry) {
                    set_reversed(original, reversed);
                }
            }
            Effect::HoldMoved { hold_id, action, hold, postings } => {
                if matches!(action, HoldAction::Capture { .. }) {
                    overlay.entries.insert(decision.id, facts(postings, false));
                }
                if hold.state != HoldState::Open {
                    overlay.closed.insert(*hold_id, hold.state);
                }
            }
            Effect::Opened(opened) => {
                let account = state.directory.by_id(decision.book, opened.id).expect("it was just opened");
                overlay.settings.insert(account, opened.settings.clone());
            }
            Effect::Changed { account, settings } => {
                overlay.settings.insert(*account, settings.clone());
            }
            _ => {}
        }
    }

    /// The record that made the thing of this id, and the newest that speaks of it.
    pub fn by_id(&self, book: BookNo, id: Id) -> io::Result<Option<(Record, Record)>> {
        let Some(position) = self.find(self.keyed.id(book, id))? else { return Ok(None) };
        let newest = self.record(position)?;
        if newest.book != book {
            return Err(damage(format_args!(
                "the index leads from an id to another book's record at {position}"
            )));
        }
        let first = match first_of(&newest, id) {
            Some(at) if at != position => self.record(at)?,
            Some(_) => newest.clone(),
            None => {
                return Err(damage(format_args!(
                    "the index leads from an id to a foreign record at {position}"
                )));
            }
        };
        Ok(Some((first, newest)))
    }
}

/// Where the record stands that made the thing of this id, as a record that speaks of it knows.
pub fn first_of(record: &Record, id: Id) -> Option<u64> {
    if record.id == id {
        return Some(record.position);
    }
    match &record.effect {
        Effect::Reversed { entry, posted_at, .. } if *entry == id => Some(*posted_at),
        Effect::HoldMoved { hold_id, hold, .. } if *hold_id == id => Some(hold.placed_at),
        _ => None,
    }
}

fn fact(posting: &Posting, reversed: i128) -> EntryPosting {
    let Posting { account, asset, direction, amount, .. } = *posting;
    EntryPosting { account, asset, direction, amount, reversed }
}

fn set_reversed(facts: &mut EntryFacts, reversed: &[i128]) {
    for (posting, reversed) in facts.postings.iter_mut().zip(reversed) {
        posting.reversed = *reversed;
    }
}

/// What later commands need to know of an entry, from the record that made it and the newest about it.
pub fn facts_of(first: &Record, newest: &Record) -> Option<EntryFacts> {
    let is_reversal = matches!(first.effect, Effect::Reversed { .. });
    let postings = match &first.effect {
        Effect::Posted { postings } | Effect::Reversed { postings, .. } => postings,
        Effect::HoldMoved { action: HoldAction::Capture { .. }, postings, .. } => postings,
        _ => return None,
    };
    let mut facts = EntryFacts {
        is_reversal,
        postings: postings.iter().map(|posting| fact(posting, 0)).collect(),
        party: first.party.clone(),
        posted_at: first.position,
    };
    if let Effect::Reversed { reversed, .. } = &newest.effect
        && newest.id != first.id
    {
        set_reversed(&mut facts, reversed);
    }
    Some(facts)
}

impl Facts for Lookup {
    fn entry(&self, book: BookNo, id: Id) -> io::Result<Option<EntryFacts>> {
        if let Some(facts) = self.overlay.borrow().as_ref().and_then(|overlay| overlay.entries.get(&id)) {
            return Ok(Some(facts.clone()));
        }
        let found = self.by_id(book, id)?.and_then(|(first, newest)| facts_of(&first, &newest));
        // A batch that reverses an older entry twice must see its first reversal: what is read is kept.
        if let (Some(overlay), Some(facts)) = (self.overlay.borrow_mut().as_mut(), &found) {
            overlay.entries.insert(id, facts.clone());
        }
        Ok(found)
    }

    fn closed_hold(&self, book: BookNo, id: Id) -> io::Result<Option<HoldState>> {
        if let Some(state) = self.overlay.borrow().as_ref().and_then(|overlay| overlay.closed.get(&id)) {
            return Ok(Some(*state));
        }
        Ok(self.by_id(book, id)?.and_then(|(first, newest)| match (&first.effect, &newest.effect) {
            (Effect::Held { .. }, Effect::Held { hold, .. } | Effect::HoldMoved { hold, .. }) => {
                (hold.state != HoldState::Open).then_some(hold.state)
            }
            _ => None,
        }))
    }

    fn settings(&self, account: AccountNo, newest: u64) -> io::Result<Settings> {
        let overlay = self.overlay.borrow();
        if let Some(settings) = overlay.as_ref().and_then(|overlay| overlay.settings.get(&account)) {
            return Ok(settings.clone());
        }
        match self.record(newest)?.effect {
            Effect::Opened(opened) => Ok(opened.settings),
            Effect::Changed { settings, .. } => Ok(settings),
            _ => Err(damage(format_args!("the record at {newest} holds no settings"))),
        }
    }
}
