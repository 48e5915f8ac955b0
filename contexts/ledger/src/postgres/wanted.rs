//! What a batch's commands can touch, as far as they say so themselves; the records they speak of say the rest.

use super::Job;
use super::numeric::Uuid;
use super::translate::{self, Turn};
use crate::accounts::model::{AccountNo, AccountRef};
use crate::books::model::BookNo;
use crate::command::{Command, Request};
use crate::entries::model::PostingCommand;
use crate::journal::earlier::text_names;
use crate::journal::keys::{KeyHash, Keyed, Namespace};
use crate::journal::record::Record;
use std::collections::BTreeSet;

/// The book of every scratch state: there is one.
pub const HERE: BookNo = BookNo(0);

/// What is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Accounts by number, path and id.
    pub accounts: BTreeSet<i64>,
    pub paths: BTreeSet<Box<str>>,
    pub ids: BTreeSet<Uuid>,
    /// Accounts whose settings are to be changed.
    pub settings: BTreeSet<i64>,
    /// Entries, holds, and what came under an id of its caller's.
    pub things: BTreeSet<Uuid>,
    /// Keys and refs.
    pub names: BTreeSet<Uuid>,
    /// Parties whose records are counted.
    pub parties: BTreeSet<Box<str>>,
}

/// A hash as a column has it.
pub fn column([high, low]: KeyHash) -> Uuid {
    Uuid(u128::from(high) << 64 | u128::from(low))
}

impl Wanted {
    /// What these jobs name.
    pub fn of(jobs: &[Job], keyed: &Keyed) -> Self {
        let mut wanted = Self::default();
        for job in jobs {
            match job {
                Job::Single(single) => wanted.request(&single.request, keyed),
                Job::Batch(several) => {
                    let batch = &several.batch;
                    if let Some((key, _)) = &batch.key {
                        wanted.names.insert(column(keyed.text(HERE, Namespace::BatchKey, key)));
                    }
                    batch.commands.iter().flatten().for_each(|request| wanted.request(request, keyed));
                }
            }
        }
        wanted
    }

    fn request(&mut self, request: &Request, keyed: &Keyed) {
        if request.keys.own_id {
            self.things.insert(request.id.into());
        }
        for (namespace, text) in text_names(request) {
            self.names.insert(column(keyed.text(HERE, namespace, text)));
        }
        match &request.command {
            Command::PostEntry(entry) => self.postings(&entry.postings),
            Command::PlaceHold(hold) => self.postings(&hold.postings),
            Command::ReverseEntry(reversal) => {
                self.things.insert(reversal.entry.into());
            }
            Command::ActOnHold(act) => {
                self.things.insert(act.hold.into());
            }
            Command::OpenAccount(open) => {
                self.paths.insert(open.path.clone());
                self.ids.insert(request.id.into());
            }
            Command::ChangeAccount(account, _) | Command::MoveAccount(account, ..) => {
                self.accounts.insert(account.0.into());
                self.settings.insert(account.0.into());
            }
            Command::RegisterAsset(_) | Command::SetPattern(_) => {}
        }
        if let Some(details) = request.command.details() {
            self.parties.extend(details.party.clone());
            details.conditions.iter().for_each(|condition| self.account(&condition.account));
        }
    }

    fn postings(&mut self, postings: &[PostingCommand]) {
        postings.iter().for_each(|posting| self.account(&posting.account));
    }

    fn account(&mut self, account: &AccountRef) {
        match account {
            AccountRef::Known(no) => {
                self.accounts.insert(no.0.into());
            }
            AccountRef::Path(path) => {
                self.paths.insert(path.clone());
            }
            AccountRef::Id(id) => {
                self.ids.insert((*id).into());
            }
        }
    }

    /// What a record speaks of: deciding about it, or comparing with it, takes its accounts and its party.
    pub fn record(&mut self, record: &Record) {
        self.parties.extend(record.party.clone());
        translate::record(&mut record.clone(), self);
    }

    /// Whether nothing is to be read.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Turns nothing, and notes what it was shown.
impl Turn for Wanted {
    fn account(&mut self, account: AccountNo) -> AccountNo {
        self.accounts.insert(account.0.into());
        account
    }

    fn place(&mut self, place: u64) -> u64 {
        place
    }
}
