//! Entries and holds by id, key or ref: the record that made them, and the newest that speaks of them.

use super::{Reading, unreadable};
use crate::books::model::BookNo;
use crate::effect::Effect;
use crate::journal::keys::{KeyHash, Namespace};
use crate::journal::lookup::first_of;
use crate::journal::record::Record;
use kernel::{Id, Problem};
use std::io;

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// Its id.
    Id(Id),
    /// The `Idempotency-Key` it came under.
    Key(&'a str),
    /// Its `ref`.
    Ref(&'a str),
}

/// What is known of one thing.
#[derive(Clone, Debug)]
pub struct Story {
    /// The record that made it.
    pub first: Record,
    /// The newest record that speaks of it.
    pub newest: Record,
}

impl Reading {
    /// What is known under a name, as far as it is durable.
    pub async fn story(&self, book: BookNo, wanted: Wanted<'_>) -> Result<Option<Story>, Problem> {
        let keyed = &self.shelf.keyed;
        let hash = match wanted {
            Wanted::Id(id) => keyed.id(book, id),
            Wanted::Key(key) => keyed.text(book, Namespace::Key, key),
            Wanted::Ref(unique) => keyed.text(book, Namespace::Ref, unique),
        };
        let Some(position) = self.visible(hash).await.map_err(|fault| unreadable(&fault))? else {
            return Ok(None);
        };
        let mut found = self.record(position)?;
        if let Wanted::Key(_) | Wanted::Ref(_) = wanted {
            if !is_under(&found, wanted) || found.book != book {
                return Ok(None);
            }
            // The key leads to the first record; its id leads to the newest.
            if let Some(newest) =
                self.visible(keyed.id(book, found.id)).await.map_err(|fault| unreadable(&fault))?
            {
                let newest = self.record(newest)?;
                return Ok(Some(Story { first: found, newest }));
            }
            return Ok(Some(Story { first: found.clone(), newest: found }));
        }
        let Wanted::Id(id) = wanted else { return Ok(None) };
        if found.book != book {
            return Ok(None);
        }
        let newest = found.clone();
        match first_of(&found, id) {
            Some(first) if first != position => found = self.record(first)?,
            Some(_) => {}
            None => return Ok(None),
        }
        Ok(Some(Story { first: found, newest }))
    }

    /// The first record of the unit that came under a key, as far as it is durable.
    pub async fn unit(&self, book: BookNo, context: &str, key: &str) -> Result<Option<Record>, Problem> {
        let hash = self.shelf.keyed.unit(book, context, key);
        let found = self.visible(hash).await.map_err(|fault| unreadable(&fault))?;
        found.map(|position| self.record(position)).transpose()
    }

    /// What is known of an id without waiting for what is being written.
    pub fn story_now(&self, book: BookNo, id: Id) -> Result<Option<Story>, Problem> {
        let hash = self.shelf.keyed.id(book, id);
        let end = self.shelf.view.durable().end;
        let position = self.shelf.index.get(hash).map_err(|fault| unreadable(&fault))?;
        let Some(position) = position.filter(|position| *position < end) else { return Ok(None) };
        let newest = self.record(position)?;
        match first_of(&newest, id).filter(|_| newest.book == book) {
            Some(first) => Ok(Some(Story { first: self.record(first)?, newest })),
            None => Ok(None),
        }
    }

    /// The durable position of a name. One that is being written is waited for: it becomes durable, or
    /// goes back to what it was.
    async fn visible(&self, hash: KeyHash) -> io::Result<Option<u64>> {
        let mut durable = self.shelf.view.watch();
        loop {
            let position = self.shelf.index.get(hash)?;
            let state = *durable.borrow_and_update();
            match position {
                Some(position) if position >= state.end => {
                    if state.poisoned || durable.changed().await.is_err() {
                        return self.shelf.index.get(hash).map(|found| found.filter(|at| *at < state.end));
                    }
                }
                other => return Ok(other),
            }
        }
    }

    /// A durable record.
    pub fn record(&self, position: u64) -> Result<Record, Problem> {
        self.shelf.segments.record(position).map_err(|fault| unreadable(&fault))
    }
}

fn is_under(record: &Record, wanted: Wanted<'_>) -> bool {
    match wanted {
        Wanted::Id(id) => record.id == id,
        Wanted::Key(key) => {
            record.keys.key.as_deref() == Some(key) && !matches!(record.effect, Effect::Batch(_))
        }
        Wanted::Ref(unique) => {
            let details = record.command.as_ref().and_then(|command| command.details());
            details.and_then(|details| details.unique_ref.as_deref()) == Some(unique)
        }
    }
}
