//! Names are used once: ids, keys and refs of a book, each in its own namespace. Hashes of all of them are
//! kept and sorted; two that are equal are looked at in their records. A sample is kept whole, to ask the
//! index for.

use super::Findings;
use crate::effect::Effect;
use crate::journal::keys::{KeyHash, Keyed, Namespace};
use crate::journal::record::Record;
use crate::journal::segments::Segments;
use hashbrown::HashMap;
use std::hash::BuildHasher;

/// One name in so many is kept whole.
const SAMPLE: u64 = 64;
/// So many are, however few there are.
const LEAST_SAMPLE: usize = 10_000;
/// No more than so many are.
const MOST_SAMPLE: usize = 500_000;

/// All names so far.
pub struct Names {
    hasher: foldhash::quality::RandomState,
    keyed: Keyed,
    /// Hash of a name, and where it was given.
    given: Vec<(u64, u64)>,
    /// Names as the index knows them, and the newest record about each.
    sample: HashMap<KeyHash, u64, foldhash::quality::RandomState>,
}

/// A name of a record.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Name<'a> {
    Id(u128),
    Key(&'a str),
    BatchKey(&'a str),
    UnitKey(&'a str, &'a str),
    Ref(&'a str),
}

fn names_of(record: &Record) -> impl Iterator<Item = Name<'_>> {
    let key = record.keys.key.as_deref().map(|key| match (&record.unit, &record.effect) {
        (Some(unit), _) => Name::UnitKey(&unit.context, key),
        (None, Effect::Batch(_)) => Name::BatchKey(key),
        (None, _) => Name::Key(key),
    });
    let details = record.command.as_ref().and_then(|command| command.details());
    let unique = details.and_then(|details| details.unique_ref.as_deref()).map(Name::Ref);
    [Some(Name::Id(record.id.0)), key, unique].into_iter().flatten()
}

impl Names {
    /// Of a journal with these hashes.
    pub fn new(keyed: Keyed) -> Self {
        Self { hasher: Default::default(), keyed, given: Vec::new(), sample: HashMap::default() }
    }

    /// Notes the names a record gives, and those it speaks of.
    pub fn note(&mut self, record: &Record) {
        self.keyed.prepare(record.book.0 as usize + 1);
        for name in names_of(record) {
            self.given.push((self.hasher.hash_one((record.book.0, name)), record.position));
            let known = match name {
                Name::Id(_) if !is_found_by_id(record) => None,
                Name::Id(_) => Some(self.keyed.id(record.book, record.id)),
                Name::Key(key) => Some(self.keyed.text(record.book, Namespace::Key, key)),
                Name::UnitKey(context, key) => Some(self.keyed.unit(record.book, context, key)),
                Name::BatchKey(key) => Some(self.keyed.text(record.book, Namespace::BatchKey, key)),
                Name::Ref(unique) => Some(self.keyed.text(record.book, Namespace::Ref, unique)),
            };
            if let Some(hash) = known {
                self.keep(hash, record.position);
            }
        }
        match &record.effect {
            Effect::Reversed { entry: spoken_of, .. } | Effect::HoldMoved { hold_id: spoken_of, .. } => {
                self.keep(self.keyed.id(record.book, *spoken_of), record.position);
            }
            _ => {}
        }
    }

    fn keep(&mut self, hash: KeyHash, position: u64) {
        let wanted = self.sample.len() < LEAST_SAMPLE
            || (self.sample.len() < MOST_SAMPLE && self.hasher.hash_one(hash).is_multiple_of(SAMPLE));
        if wanted {
            self.sample.insert(hash, position);
        } else if let Some(newest) = self.sample.get_mut(&hash) {
            *newest = position;
        }
    }

    /// Some names, and the newest record about each.
    pub fn sample(&self) -> impl Iterator<Item = (KeyHash, u64)> {
        self.sample.iter().map(|(hash, position)| (*hash, *position))
    }

    /// Tells names that were given twice.
    pub fn judge(&mut self, segments: &Segments, findings: &mut Findings) {
        self.given.sort_unstable();
        for same in self.given.chunk_by(|one, other| one.0 == other.0).filter(|same| same.len() > 1) {
            let records: Vec<Record> = same.iter().filter_map(|(_, at)| segments.record(*at).ok()).collect();
            for (place, record) in records.iter().enumerate().skip(1) {
                let earlier = records[..place].iter().filter(|earlier| earlier.book == record.book);
                for first in earlier {
                    names_of(record).filter(|name| names_of(first).any(|other| other == *name)).for_each(
                        |name| {
                            let what = match name {
                                Name::Id(_) => "id",
                                Name::Key(_) | Name::BatchKey(_) | Name::UnitKey(..) => "key",
                                Name::Ref(_) => "ref",
                            };
                            findings
                                .about(record, format_args!("its {what} is that of record {}", first.seq));
                        },
                    );
                }
            }
        }
    }
}

/// Whether the index leads from the record's own id to it.
fn is_found_by_id(record: &Record) -> bool {
    record.keys.own_id
        || !matches!(
            record.effect,
            Effect::Opened(_)
                | Effect::Changed { .. }
                | Effect::Asset(_)
                | Effect::Pattern(_)
                | Effect::Book { .. }
        )
}
