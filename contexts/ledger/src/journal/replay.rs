//! Applying records that were written before: recovery, folding and verification share it.

use super::group::{MARK_EVERY, Mark};
use super::record::Record;
use crate::effect::Effect;
use crate::skew::Place;
use crate::state::{State, party_key};

/// A state and the marks of its books, as the records up to a place made them.
#[derive(Default)]
pub struct Replayed {
    /// Resident state.
    pub state: State,
    /// Every thirty-second record of each book.
    pub marks: Vec<Vec<Mark>>,
}

impl Replayed {
    /// Applies the next records and forgets them. What they touch is fetched at once.
    pub fn apply_all(&mut self, records: &mut Vec<Record>) {
        let touched = records.iter().flat_map(|record| record.effect.postings());
        self.state.fetch(touched.map(|posting| posting.account));
        records.iter_mut().for_each(|record| self.apply(record));
        records.clear();
    }

    /// Applies the next record. It was decided once; nothing is decided again.
    pub fn apply(&mut self, record: &mut Record) {
        let state = &mut self.state;
        for posting in record.effect.postings_mut().into_iter().flatten() {
            posting.balance = state.balance_for(posting.account, posting.asset);
        }
        state.apply(record.book, record.seq, &record.effect);
        match &record.effect {
            Effect::Opened(opened) => {
                let account = state.directory.by_id(record.book, opened.id).expect("it was just opened");
                state.accounts[account.0 as usize].newest = record.position;
            }
            Effect::Changed { account, .. } => state.accounts[account.0 as usize].newest = record.position,
            Effect::Held { hold_id, .. } => {
                if let Some(hold) = state.holds.get_mut(hold_id) {
                    hold.placed_at = record.position;
                }
            }
            _ => {}
        }
        for (number, posting) in record.effect.postings().iter().enumerate() {
            let place = Place::new(record.position, number);
            state.balances[posting.balance.0 as usize].stack.push(place);
        }
        match &record.party {
            Some(party) => {
                state.parties.insert(party_key(record.book, party), record.party_seq);
            }
            None => state.books[record.book.0 as usize].partyless = record.party_seq,
        }
        let book = &mut state.books[record.book.0 as usize];
        (book.seq, book.newest) = (record.seq, record.position);
        state.last_time = record.at;
        self.marks.resize_with(state.books.len(), Vec::new);
        if record.seq % MARK_EVERY == 1 {
            self.marks[record.book.0 as usize].push(Mark { position: record.position, at: record.at });
        }
    }
}
