//! Writing what was decided: the record with its pointers, its names, and what readers will see of it; and handing
//! a filled group over.

use super::core::Core;
use super::frame::{HEAD, extent};
use super::group::{Handed, MARK_EVERY, Mark, Sealed};
use super::keys::KeyHash;
use super::lookup::Lookup;
use super::record::{Draft, OriginAt, put_unsealed};
use super::redo::put_redo;
use super::unit::{Beginning, UnitHead};
use crate::accounts::model::AccountNo;
use crate::command::{Command, Keys, Request};
use crate::effect::{Decision, Effect};
use crate::skew::Place;
use kernel::Id;
use std::sync::Arc;

impl Core {
    /// Writes one decision as a record, findable by its names, and returns its position.
    pub(super) fn write(
        &mut self,
        decision: &mut Decision,
        request: Option<&Request>,
        origin: &OriginAt,
    ) -> u64 {
        let nobody = Keys::default();
        let keys = request.map_or(&nobody, |request| &request.keys);
        match self.beginning.take() {
            None => self.write_keyed(decision, keys, request, origin, None),
            Some(unit) => self.write_first(decision, keys, request, origin, *unit),
        }
    }

    /// Writes the first record of a unit: it carries the unit's key and head, and its redo goes with it.
    fn write_first(
        &mut self,
        decision: &mut Decision,
        keys: &Keys,
        request: Option<&Request>,
        origin: &OriginAt,
        unit: Beginning,
    ) -> u64 {
        let keys = Keys { key: unit.key, own_id: keys.own_id };
        let position = self.write_keyed(decision, &keys, request, origin, unit.head.as_ref());
        if let (Some(key), Some(head)) = (&keys.key, &unit.head) {
            self.insert(self.lookup.keyed.unit(decision.book, &head.context, key), position);
        }
        if let Some((context, images)) = unit.redo {
            put_redo(&mut self.lookup.contents.redo, position, context, &images);
            self.view.hold(context, position);
        }
        position
    }

    /// As [`Core::write`], under keys that are not the request's: a batch's, or a unit's.
    pub(super) fn write_keyed(
        &mut self,
        decision: &mut Decision,
        keys: &Keys,
        request: Option<&Request>,
        origin: &OriginAt,
        unit: Option<&UnitHead>,
    ) -> u64 {
        let position = self.lookup.start + (HEAD + self.lookup.contents.records.len()) as u64;
        self.complete(decision, position);
        self.links.clear();
        for (number, posting) in decision.effect.postings().iter().enumerate() {
            let place = Place::new(position, number);
            self.publication.touched.push((posting.balance, place));
            self.links.push(self.state.balances[posting.balance.0 as usize].stack.push(place));
        }
        let book = &mut self.state.books[decision.book.0 as usize];
        let previous = std::mem::replace(&mut book.newest, position);
        let implied = implied_command(decision);
        let salt = if unit.is_some() || request.is_some_and(|request| has_text(&request.command)) {
            self.ids.random()
        } else {
            0
        };
        let draft = Draft {
            at: self.time.expect("records are written within a group"),
            keys,
            origin,
            command: request.map(|request| &request.command).or(implied.as_ref()),
            party: decision.party.as_deref(),
            unit,
            previous,
            salt,
        };
        let out = &mut self.lookup.contents.records;
        put_unsealed(out, &mut self.scratch, position, &draft, decision, &self.links);
        self.lookup.contents.count += 1;
        self.publish(decision, position);
        self.name(decision, request, position);
        position
    }

    /// Fills in positions that a decision could not know.
    fn complete(&mut self, decision: &mut Decision, position: u64) {
        let book = decision.book;
        let first = |lookup: &Lookup, id: Id| {
            let found = lookup.by_id(book, id);
            found.ok().flatten().map_or(0, |(first, _)| first.position)
        };
        match &mut decision.effect {
            Effect::Held { hold_id, .. } => {
                if let Some(hold) = self.state.holds.get_mut(hold_id) {
                    hold.placed_at = position;
                }
            }
            Effect::HoldMoved { hold_id, hold, .. } if hold.placed_at == 0 => {
                hold.placed_at = first(&self.lookup, *hold_id);
                if let Some(open) = self.state.holds.get_mut(hold_id) {
                    open.placed_at = hold.placed_at;
                }
            }
            Effect::Reversed { entry, posted_at, .. } if *posted_at == 0 => {
                *posted_at = first(&self.lookup, *entry);
            }
            Effect::Opened(opened) => {
                let account =
                    self.state.directory.by_id(decision.book, opened.id).expect("it was just opened");
                self.state.accounts[account.0 as usize].newest = position;
                self.publication.settings.push((account, position));
            }
            Effect::Changed { account, .. } => {
                self.state.accounts[account.0 as usize].newest = position;
                self.publication.settings.push((*account, position));
            }
            _ => {}
        }
    }

    fn publish(&mut self, decision: &Decision, position: u64) {
        let book = decision.book;
        match &decision.effect {
            Effect::Asset(asset) => self.publication.assets.push((book, *asset)),
            Effect::Pattern(pattern) => self.publication.patterns.push((book, pattern.clone())),
            Effect::Book { tenant, assets } => {
                self.publication.books.push((tenant.clone(), assets.clone()));
                self.lookup.keyed.prepare(self.state.books.len());
            }
            _ => {}
        }
        match self.publication.heads.last_mut() {
            Some(head) if head.0 == book => (head.1, head.2) = (decision.seq, position),
            _ => self.publication.heads.push((book, decision.seq, position)),
        }
        if decision.seq % MARK_EVERY == 1 {
            let at = self.time.expect("records are written within a group");
            self.publication.marks.push((book, Mark { position, at }));
        }
    }

    /// Makes a record findable by its names.
    fn name(&mut self, decision: &Decision, request: Option<&Request>, position: u64) {
        let book = decision.book;
        let own = request.is_some_and(|request| request.keys.own_id);
        let found_by_id = !matches!(
            decision.effect,
            Effect::Opened(_)
                | Effect::Changed { .. }
                | Effect::Asset(_)
                | Effect::Pattern(_)
                | Effect::Book { .. }
        );
        if own || found_by_id {
            self.insert(self.lookup.keyed.id(book, decision.id), position);
        }
        match &decision.effect {
            Effect::Reversed { entry, .. } => self.insert(self.lookup.keyed.id(book, *entry), position),
            Effect::HoldMoved { hold_id, .. } => self.insert(self.lookup.keyed.id(book, *hold_id), position),
            _ => {}
        }
        let Some(request) = request else { return };
        for (namespace, text) in super::earlier::text_names(request) {
            self.insert(self.lookup.keyed.text(book, namespace, text), position);
        }
    }

    pub(super) fn insert(&mut self, key: KeyHash, position: u64) {
        self.lookup.names.insert(key, position);
    }

    /// Whether there is something to hand over: records, somebody who waits, or a time that readers wait for.
    pub fn has_group(&self) -> bool {
        self.lookup.contents.count > 0 || self.is_awaited() || self.time.is_some()
    }

    /// Whether the group being filled may be handed over. Units of a writer alone wait for the writer to say that it
    /// waits for them: a sync for each of them would cost more than all they do.
    pub fn is_ready(&self) -> bool {
        self.has_group() && (self.is_awaited() || !self.unsettled)
    }

    /// A writer stands still until the group being filled is durable.
    pub fn settle(&mut self) {
        self.writer_waits = true;
    }

    /// Whether somebody waits for the group being filled.
    pub fn is_awaited(&self) -> bool {
        !self.waiters.is_empty() || !self.waiting_units.is_empty() || self.writer_waits
    }

    /// Bytes in the group being filled.
    pub fn group_bytes(&self) -> usize {
        self.lookup.contents.records.len() + self.lookup.contents.redo.len()
    }

    /// Closes the group and starts the next one behind it.
    pub fn hand_over(&mut self) -> Handed {
        self.show_new();
        (self.unsettled, self.writer_waits) = (false, false);
        let contents = std::mem::take(&mut self.lookup.contents);
        self.lookup.contents.records.reserve(contents.records.len().min(1 << 20));
        let (extent, zeros) = if contents.count == 0 { (0, Vec::new()) } else { extent(&contents) };
        let position = self.lookup.start;
        self.lookup.start += extent;
        let time = self.time.take().unwrap_or(self.state.last_time);
        let sealed = Arc::new(Sealed { position, extent, zeros, time, contents });
        self.lookup.in_flight = Some(sealed.clone());
        // The next group is likely to be as large as this one.
        let waiters = Vec::with_capacity(self.waiters.len());
        let publication = std::mem::take(&mut self.publication);
        self.publication.touched.reserve(publication.touched.len());
        Handed {
            sealed,
            publication,
            waiters: std::mem::replace(&mut self.waiters, waiters),
            units: std::mem::take(&mut self.waiting_units),
            names: self.lookup.names.hand_over(),
            index: self.lookup.index.clone(),
        }
    }

    /// Accounts and balances that this group made.
    fn show_new(&mut self) {
        let (accounts, balances, _) = self.shown;
        for no in accounts..self.state.directory.len() {
            let account = AccountNo(no as u32);
            let name = self.state.directory.name(account).clone();
            self.publication.accounts.push((name, self.state.account(account).kind));
        }
        let new = self.state.balances[balances..].iter();
        self.publication.balances.extend(new.map(|balance| (balance.account, balance.asset)));
        self.shown = (self.state.directory.len(), self.state.balances.len(), self.state.books.len());
    }

    /// The group that was handed over is durable.
    pub fn settled(&mut self) {
        self.lookup.in_flight = None;
        self.lookup.names.settled();
    }
}

fn has_text(command: &Command) -> bool {
    match command {
        Command::OpenAccount(open) => !open.text.is_empty(),
        Command::ChangeAccount(..) | Command::MoveAccount(..) => true,
        other => other.details().is_some_and(|details| !details.text.is_empty()),
    }
}

/// The command of a record that no caller asked for in so many words.
fn implied_command(decision: &Decision) -> Option<Command> {
    match &decision.effect {
        Effect::Opened(opened) => Some(Command::OpenAccount(crate::accounts::model::OpenAccount {
            path: (&*opened.path).into(),
            kind: opened.kind,
            assets: opened.settings.assets.clone(),
            limits: opened.settings.limits.clone(),
            text: opened.settings.text.clone(),
            by_pattern: opened.pattern.is_some(),
        })),
        _ => None,
    }
}
