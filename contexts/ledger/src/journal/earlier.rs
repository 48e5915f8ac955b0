//! Repeats: a key, id or ref that was used before leads to the first answer, or to a conflict.

use super::core::{Core, Stopped};
use super::keys::{KeyHash, Namespace};
use super::record::Record;
use crate::accounts::model::AccountRef;
use crate::books::model::BookNo;
use crate::command::{Command, Request, differences};
use crate::effect::{Effect, Outcome};
use crate::entries::model::PostingCommand;
use crate::refusal::Refusal;
use crate::state::State;

/// The text keys a request came under.
pub fn text_names(request: &Request) -> impl Iterator<Item = (Namespace, &str)> {
    let key = request.keys.key.as_deref().map(|key| (Namespace::Key, key));
    let unique = request.command.details().and_then(|details| details.unique_ref.as_deref());
    key.into_iter().chain(unique.map(|unique| (Namespace::Ref, unique)))
}

impl Core {
    /// The outcome of the first command under any of the request's names.
    pub(super) fn earlier(&self, book: BookNo, request: &Request) -> Result<Option<Outcome>, Stopped> {
        // Boxed: nearly no command was there before, and an empty record is a large thing to look at.
        let mut found: Option<Box<Record>> = None;
        for (name, hash) in self.names(book, request) {
            let position = self.lookup.find(hash).map_err(|fault| Stopped::fault(&fault))?;
            let Some(position) = position else { continue };
            let record = self.first_under(book, request, name, position)?;
            let conflict = |fields| {
                let refusal = Refusal::IdempotencyConflict { namespace: name, fields };
                Stopped::refusal(&refusal, &self.state, book)
            };
            match &found {
                Some(other) if other.position != record.position => return Err(conflict(vec![name])),
                _ => {}
            }
            let fields = self.compare(&record, request);
            if !fields.is_empty() {
                return Err(conflict(fields));
            }
            found = Some(Box::new(record));
        }
        let Some(record) = found else { return Ok(None) };
        match record.effect {
            Effect::Refused(problem) => Err(Stopped::Replayed(problem)),
            _ => Ok(Some(Outcome::Replayed { seq: record.seq, position: record.position })),
        }
    }

    /// Hashes of a request's names, each with its namespace as callers know it.
    pub(super) fn names(
        &self,
        book: BookNo,
        request: &Request,
    ) -> impl Iterator<Item = (&'static str, KeyHash)> {
        let own = request.keys.own_id.then(|| ("id", self.lookup.keyed.id(book, request.id)));
        let texts = text_names(request).map(move |(namespace, text)| {
            let word = if namespace == Namespace::Ref { "ref" } else { "Idempotency-Key" };
            (word, self.lookup.keyed.text(book, namespace, text))
        });
        own.into_iter().chain(texts)
    }

    /// The record that was first written under a name, confirmed on the record itself.
    fn first_under(
        &self,
        book: BookNo,
        request: &Request,
        name: &'static str,
        position: u64,
    ) -> Result<Record, Stopped> {
        let fault = |fault: std::io::Error| Stopped::fault(&fault);
        let mut record = self.lookup.record(position).map_err(fault)?;
        if name == "id" {
            let first = super::lookup::first_of(&record, request.id).unwrap_or(position);
            if first != position {
                record = self.lookup.record(first).map_err(fault)?;
            }
        }
        let unique = |request: Option<&Command>| {
            request.and_then(|command| command.details()).and_then(|details| details.unique_ref.clone())
        };
        let confirmed = record.book == book
            && match name {
                "id" => record.id == request.id,
                "ref" => unique(record.command.as_ref()) == unique(Some(&request.command)),
                _ => record.keys.key == request.keys.key,
            };
        if confirmed {
            Ok(record)
        } else {
            Err(Stopped::fault(&super::segments::damage("two names of the index have one hash")))
        }
    }

    /// Fields in which a request differs from the one that was written.
    fn compare(&self, record: &Record, request: &Request) -> Vec<&'static str> {
        let Some(stored) = &record.command else { return vec!["type"] };
        let stored = named(stored.clone(), record.book, &self.state);
        let asked = named(request.command.clone(), record.book, &self.state);
        let mut fields = differences(&stored, &asked);
        if request.keys.own_id && request.id != record.id {
            fields.push("id");
        }
        fields
    }
}

/// The command with every account by number where it exists: the same account under another spelling is
/// the same command.
fn named(mut command: Command, book: BookNo, state: &State) -> Command {
    let resolve = |account: &mut AccountRef| {
        let known = match account {
            AccountRef::Known(_) => None,
            AccountRef::Path(path) => state.directory.by_path(book, path),
            AccountRef::Id(id) => state.directory.by_id(book, *id),
        };
        if let Some(known) = known {
            *account = AccountRef::Known(known);
        }
    };
    let postings: &mut [PostingCommand] = match &mut command {
        Command::PostEntry(entry) => &mut entry.postings,
        Command::PlaceHold(hold) => &mut hold.postings,
        _ => &mut [],
    };
    postings.iter_mut().for_each(|posting| resolve(&mut posting.account));
    let details = match &mut command {
        Command::PostEntry(entry) => entry.details.as_deref_mut(),
        Command::PlaceHold(hold) => hold.details.as_deref_mut(),
        Command::ReverseEntry(reversal) => reversal.details.as_deref_mut(),
        Command::ActOnHold(act) => act.details.as_deref_mut(),
        _ => None,
    };
    if let Some(details) = details {
        details.conditions.iter_mut().for_each(|condition| resolve(&mut condition.account));
    }
    command
}
