//! Names of records that are not durable yet. The sequencer finds its own records by them; the index, and
//! with it everybody else, learns a group's names once the group is durable, all of them at once.

use super::index::{Index, KeyHash, is_timed};
use hashbrown::HashMap;
use std::io;
use std::sync::Arc;

/// A group's names and the newest position of each.
pub type GroupNames = HashMap<KeyHash, u64, foldhash::quality::RandomState>;

/// Names of the group being filled and of the one being written.
pub struct Names {
    filling: GroupNames,
    in_flight: Option<Arc<GroupNames>>,
    /// A map that has grown to what groups need, empty.
    spare: GroupNames,
    /// No time-ordered id is known above this one.
    latest: KeyHash,
}

impl Names {
    /// Beside this index.
    pub fn new(index: &Index) -> Self {
        Self {
            filling: GroupNames::default(),
            in_flight: None,
            spare: GroupNames::default(),
            latest: index.latest_timed(),
        }
    }

    /// The newest position of a name, durable or not.
    pub fn find(&self, index: &Index, key: KeyHash) -> io::Result<Option<u64>> {
        // New ids are nearly always above all others: one comparison instead of three look-ups.
        if is_timed(key) && key > self.latest {
            return Ok(None);
        }
        let in_flight = || self.in_flight.as_ref().and_then(|names| names.get(&key));
        match self.filling.get(&key).or_else(in_flight) {
            Some(position) => Ok(Some(*position)),
            None => index.get(key),
        }
    }

    /// Notes the newest position of a name.
    pub fn insert(&mut self, key: KeyHash, position: u64) {
        if is_timed(key) {
            self.latest = self.latest.max(key);
        }
        self.filling.insert(key, position);
    }

    /// Closes the group that is being filled.
    pub fn hand_over(&mut self) -> Arc<GroupNames> {
        let closed = Arc::new(std::mem::replace(&mut self.filling, std::mem::take(&mut self.spare)));
        self.in_flight = Some(closed.clone());
        closed
    }

    /// The group that was handed over is durable, and the index knows its names.
    pub fn settled(&mut self) {
        if let Some(mut names) = self.in_flight.take().and_then(Arc::into_inner) {
            names.clear();
            self.spare = names;
        }
    }
}
