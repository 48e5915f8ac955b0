//! Applying records that were written before: recovery, folding and verification share it.

use super::group::{MARK_EVERY, Mark};
use super::record::{Glance, Record};
use crate::books::model::BookNo;
use crate::effect::Effect;
use crate::skew::Place;
use crate::state::{State, party_key};
use kernel::Timestamp;

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
        self.pass(record.book, record.seq, record.position, record.at);
    }

    /// Applies the next entries and forgets them. What they touch is fetched at once.
    pub fn settle_all(&mut self, entries: &mut Vec<Glance>) {
        let touched = entries.iter().flat_map(|entry| &entry.postings);
        self.state.fetch(touched.map(|posting| posting.account));
        entries.iter().for_each(|entry| self.settle(entry));
        entries.clear();
    }

    fn settle(&mut self, entry: &Glance) {
        let state = &mut self.state;
        for (number, posting) in entry.postings.iter().enumerate() {
            let balance = state.balance_for(posting.account, posting.asset);
            state.settle(balance, posting.after, entry.seq);
            state.balances[balance.0 as usize].stack.push(Place::new(entry.position, number));
        }
        state.books[entry.book.0 as usize].partyless = entry.party_seq;
        self.pass(entry.book, entry.seq, entry.position, entry.at);
    }

    /// This record is the newest of its book.
    fn pass(&mut self, book: BookNo, seq: u64, position: u64, at: Timestamp) {
        let head = &mut self.state.books[book.0 as usize];
        (head.seq, head.newest) = (seq, position);
        self.state.last_time = at;
        self.marks.resize_with(self.state.books.len(), Vec::new);
        if seq % MARK_EVERY == 1 {
            self.marks[book.0 as usize].push(Mark { position, at });
        }
    }
}
