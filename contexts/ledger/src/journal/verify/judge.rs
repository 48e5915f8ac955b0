//! Judging one record against what the records before it made: what every record has in common, and what
//! kind it is.

use super::Findings;
use crate::accounts::model::AccountNo;
use crate::books::model::{AssetNo, BookNo};
use crate::command::Command;
use crate::effect::Effect;
use crate::holds::model::{HoldAction, HoldState};
use crate::journal::record::{OriginAt, Record};
use crate::journal::segments::Segments;
use crate::state::{Book, State, party_key};
use hashbrown::HashMap;
use kernel::Id;
use std::fmt::Display;

/// Judges one record.
pub struct Judge<'a> {
    /// What the records before it made.
    pub state: &'a State,
    /// Where earlier records stand.
    pub segments: &'a Segments,
    /// What was reversed of entries.
    pub reversed: &'a mut HashMap<(BookNo, Id), Vec<i128>, foldhash::quality::RandomState>,
    /// The record.
    pub record: &'a Record,
    /// What is wrong.
    pub findings: &'a mut Findings,
}

impl Judge<'_> {
    pub(super) fn wrong(&mut self, what: impl Display) {
        self.findings.about(self.record, what);
    }

    /// Says so if it does not hold.
    pub(super) fn must(&mut self, holds: bool, what: impl Display) {
        if !holds {
            self.wrong(what);
        }
    }

    /// Judges the record; whether it can be applied at all.
    pub fn record(&mut self) -> bool {
        if let Effect::Book { tenant, assets } = &self.record.effect {
            let next = self.record.book.0 as usize == self.state.books.len();
            self.must(next, "its book's number is not the next one");
            self.must(!self.state.tenants.contains_key(tenant), "its tenant has a book already");
            let codes: std::collections::BTreeSet<_> = assets.iter().map(|asset| asset.code).collect();
            self.must(codes.len() == assets.len(), "its book has an asset twice");
            self.numbers(None);
            return next;
        }
        let Some(book) = self.state.books.get(self.record.book.0 as usize) else {
            self.wrong("it is of a book that was not opened");
            return false;
        };
        self.numbers(Some(book));
        if !self.names_exist(book) {
            self.wrong("it names an account or asset that its book does not have");
            return false;
        }
        self.effect(book);
        true
    }

    /// Numbers and the way back.
    fn numbers(&mut self, book: Option<&Book>) {
        let record = self.record;
        let (seq, newest) = book.map_or((0, 0), |book| (book.seq, book.newest));
        self.must(
            record.seq == seq + 1,
            format_args!("its number is {}, the next is {}", record.seq, seq + 1),
        );
        self.must(record.previous == newest, "it does not lead to its book's previous record");
        let counted = match &record.party {
            Some(party) => self.state.parties.get(&party_key(record.book, party)).copied().unwrap_or(0),
            None => book.map_or(0, |book| book.partyless),
        };
        let told =
            format_args!("its number in its party is {}, the next is {}", record.party_seq, counted + 1);
        self.must(record.party_seq == counted + 1, told);
        if let OriginAt::At(first) = record.origin {
            self.must(first < record.position, "its origin does not stand before it");
        }
        self.must(record.at > self.state.last_time || self.is_in_group(), "its time is not later");
    }

    /// Records of a group share a time.
    fn is_in_group(&self) -> bool {
        self.record.at == self.state.last_time
    }

    /// Whether every number in it is that of something its book has.
    fn names_exist(&self, book: &Book) -> bool {
        let record = self.record;
        let account = |no: AccountNo| {
            self.state.accounts.get(no.0 as usize).is_some_and(|account| account.book == record.book)
        };
        let asset = |no: AssetNo| (no.0 as usize) < book.assets.len();
        let limits =
            |limits: &[(AssetNo, crate::accounts::model::Limits)]| limits.iter().all(|(no, _)| asset(*no));
        let postings = record.effect.postings();
        let named = postings.iter().all(|posting| account(posting.account) && asset(posting.asset));
        let commanded = record.command.as_ref().is_none_or(|command| {
            let assets = match command {
                Command::PostEntry(entry) => entry.postings.iter().all(|posting| asset(posting.asset)),
                Command::PlaceHold(hold) => hold.postings.iter().all(|posting| asset(posting.asset)),
                Command::ChangeAccount(no, change) => account(*no) && limits(&change.limits),
                Command::MoveAccount(no, ..) => account(*no),
                Command::OpenAccount(open) => {
                    limits(&open.limits) && open.assets.iter().flatten().all(|no| asset(*no))
                }
                Command::SetPattern(pattern) => {
                    limits(&pattern.limits) && pattern.assets.iter().flatten().all(|no| asset(*no))
                }
                Command::ReverseEntry(_) | Command::ActOnHold(_) | Command::RegisterAsset(_) => true,
            };
            assets && command.accounts().all(account)
        });
        let held = |hold: &crate::holds::model::Hold| {
            hold.postings.iter().all(|posting| account(posting.account) && asset(posting.asset))
        };
        named
            && commanded
            && match &record.effect {
                Effect::Opened(opened) => {
                    opened.pattern.is_none_or(|pattern| (pattern as usize) < book.patterns.len())
                }
                Effect::Changed { account: no, settings } => account(*no) && limits(&settings.limits),
                Effect::Held { hold, .. } | Effect::HoldMoved { hold, .. } => held(hold),
                _ => true,
            }
    }

    fn effect(&mut self, book: &Book) {
        let record = self.record;
        let command = record.command.as_ref();
        let details = command.and_then(Command::details);
        let party = details.and_then(|details| details.party.as_deref());
        let fits = match (&record.effect, command) {
            (Effect::Book { .. }, None) => true,
            (Effect::Asset(asset), Some(Command::RegisterAsset(register))) => {
                self.must(book.asset_no(asset.code).is_none(), "its asset was registered before");
                register.asset == *asset
            }
            (Effect::Pattern(pattern), Some(Command::SetPattern(set))) => {
                self.pattern(book, pattern);
                set == pattern
            }
            (Effect::Opened(opened), Some(Command::OpenAccount(open))) => {
                self.opened(book, opened, open);
                true
            }
            (Effect::Changed { account, settings }, Some(command)) => {
                self.changed(*account, settings, command)
            }
            (Effect::Posted { postings }, Some(Command::PostEntry(entry))) => {
                self.posted(entry, postings);
                true
            }
            (Effect::Reversed { .. }, Some(Command::ReverseEntry(reversal))) => {
                // Its party may be that of the entry; judged there.
                self.reversed(reversal);
                true
            }
            (Effect::Held { hold, postings, .. }, Some(Command::PlaceHold(place))) => {
                self.held(place, hold, postings);
                true
            }
            (Effect::HoldMoved { .. }, command) => self.hold_moved(command),
            (Effect::Refused(_), Some(_)) | (Effect::Unit, _) => true,
            (Effect::Batch(batch), None) => {
                self.outcomes(&batch.outcomes);
                true
            }
            _ => false,
        };
        self.must(fits, "what it did is not what its command asks");
        let own_party = !matches!(record.effect, Effect::Reversed { .. } | Effect::HoldMoved { .. });
        if own_party {
            self.must(record.party.as_deref() == party, "its party is not its command's");
        }
        let future = details.and_then(|details| details.effective_at).is_some_and(|at| at > record.at);
        let refused = matches!(record.effect, Effect::Refused(_));
        self.must(!future || refused, "it counts in the future");
    }

    fn outcomes(&mut self, outcomes: &[crate::effect::Outcome]) {
        use crate::effect::Outcome;
        let record = self.record;
        let fits = outcomes.iter().all(|outcome| match outcome {
            Outcome::Done { seq, position } | Outcome::Replayed { seq, position } => {
                *seq < record.seq && *position < record.position
            }
            Outcome::Refused(_) | Outcome::WouldDo => true,
        });
        self.must(fits, "an outcome of its batch leads to no earlier record");
    }

    /// What a hold may go through by itself.
    pub(super) fn own_action(&mut self, action: &HoldAction, due: bool, state: HoldState) -> bool {
        self.must(due, "its hold expired before its time");
        *action == HoldAction::Expire && state == HoldState::Expired
    }
}
