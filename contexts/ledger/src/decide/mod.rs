//! The one decision function of the ledger: resident state and a command in, numbered effects or a
//! refusal out. Pure but for the state it is given; both stores use it, so both refuse alike.
//!
//! Decides one command at a time. Keys are looked up before; what is written, and where, comes after.

mod account;
mod entry;
mod hold;
mod movement;

use crate::accounts::model::AccountNo;
use crate::accounts::model::Settings;
use crate::books::model::BookNo;
use crate::command::{Command, Manner, Request};
use crate::effect::{Decision, Effect};
use crate::entries::model::EntryFacts;
use crate::holds::model::{HoldAction, HoldState};
use crate::refusal::Refusal;
use crate::state::State;
use kernel::{Id, IdSource, Timestamp};
use std::io;

/// What is not resident: entries that were posted, holds that are closed.
pub trait Facts {
    /// What is known of an entry (or capture) of this book.
    fn entry(&self, book: BookNo, id: Id) -> io::Result<Option<EntryFacts>>;
    /// The state of a hold of this book that is no longer open.
    fn closed_hold(&self, book: BookNo, id: Id) -> io::Result<Option<HoldState>>;
    /// An account's settings, as the record where its newest ones stand has them, or a command of the same batch.
    fn settings(&self, account: AccountNo, newest: u64) -> io::Result<Settings>;
}

/// Why a command was not decided for the caller.
#[derive(Debug)]
pub enum Stop {
    /// The rules say no.
    Refused(Refusal),
    /// A fact could not be read.
    Fault(io::Error),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<io::Error> for Stop {
    fn from(fault: io::Error) -> Self {
        Self::Fault(fault)
    }
}

/// Where and when a command is decided.
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    /// In which book.
    pub book: BookNo,
    /// The commit group's time.
    pub now: Timestamp,
    /// New ids, for accounts that patterns open.
    pub ids: &'a dyn IdSource,
    /// What is not resident.
    pub facts: &'a dyn Facts,
}

/// A state at a moment.
pub struct Judge<'a> {
    state: &'a mut State,
    moment: Moment<'a>,
    out: &'a mut Vec<Decision>,
}

/// Decides a command: changes the state, and appends its decisions (accounts that patterns opened come
/// first, the command's own last). A refusal changes nothing and appends nothing.
#[inline]
pub fn decide(
    state: &mut State,
    moment: Moment<'_>,
    request: &Request,
    manner: Manner,
    out: &mut Vec<Decision>,
) -> Result<(), Stop> {
    let (mark, remembering, length) = (state.mark(), state.is_remembering(), out.len());
    let mut judge = Judge { state, moment, out };
    let decided = judge.command(request, manner);
    if decided.is_err() {
        out.truncate(length);
        if state.is_remembering() {
            state.roll_back(mark);
        }
    }
    if !remembering {
        state.keep();
    }
    decided
}

/// Expires a hold that is due; it is open.
pub fn expire(state: &mut State, moment: Moment<'_>, hold: Id, out: &mut Vec<Decision>) -> Result<(), Stop> {
    let id = moment.ids.next();
    Judge { state, moment, out }.act_on_hold(id, hold, &HoldAction::Expire, None, Manner::default())
}

/// Opens the book of a tenant, with its first assets and accounts.
pub fn open_book(
    state: &mut State,
    moment: Moment<'_>,
    tenant: kernel::Tenant,
    assets: Vec<kernel::Asset>,
    out: &mut Vec<Decision>,
) {
    let effect = Effect::Book { tenant, assets };
    state.apply(moment.book, 0, &effect);
    let mut judge = Judge { state, moment, out };
    let (seq, party_seq) = judge.state.number(moment.book, None);
    judge.out.push(Decision {
        book: moment.book,
        seq,
        party: None,
        party_seq,
        id: moment.ids.next(),
        effect,
    });
    for (path, kind) in crate::books::model::FIRST_ACCOUNTS {
        let id = moment.ids.next();
        judge.open(id, crate::decide::account::plain(path, kind), None);
    }
}

impl Judge<'_> {
    fn command(&mut self, request: &Request, manner: Manner) -> Result<(), Stop> {
        let id = request.id;
        match &request.command {
            Command::PostEntry(entry) => self.post_entry(id, entry, manner),
            Command::ReverseEntry(reversal) => self.reverse_entry(id, reversal, manner),
            Command::PlaceHold(hold) => self.place_hold(id, hold, manner),
            Command::ActOnHold(act) => {
                self.act_on_hold(id, act.hold, &act.action, act.details.as_deref(), manner)
            }
            Command::OpenAccount(open) => Ok(self.open_account(id, open)?),
            Command::ChangeAccount(account, change) => self.change_account(id, *account, change),
            Command::MoveAccount(account, change, _) => self.move_account(id, *account, change),
            Command::RegisterAsset(register) => Ok(self.register_asset(id, register)?),
            Command::SetPattern(pattern) => Ok(self.set_pattern(id, pattern)?),
        }
    }

    /// Adds an effect to the decisions; its postings may still be missing. Inlined, so that a large effect
    /// is made where it stays.
    #[inline(always)]
    fn propose(&mut self, id: Id, party: Option<&str>, effect: Effect) {
        let party = party.map(Box::from);
        self.out.push(Decision { book: self.moment.book, seq: 0, party, party_seq: 0, id, effect });
    }

    /// Numbers the newest decision and applies it.
    fn settle(&mut self) {
        let decision = self.out.last_mut().expect("an effect was proposed");
        let numbers = self.state.number(decision.book, decision.party.as_deref());
        (decision.seq, decision.party_seq) = numbers;
        self.state.apply(decision.book, decision.seq, &decision.effect);
    }

    /// Proposes an effect without postings and settles it.
    fn settle_now(&mut self, id: Id, effect: Effect) {
        self.propose(id, None, effect);
        self.settle();
    }
}
