//! Names of records that are not durable yet. The sequencer finds its own records by them; the index, and
//! with it everybody else, learns a group's names once the group is durable, all of them at once.

use super::index::{Index, KeyHash, is_timed};
use hashbrown::HashMap;
use std::io;

type Positions = HashMap<KeyHash, u64, foldhash::quality::RandomState>;

/// Names of the group being filled and of the one being written. The maps are never read by another
/// thread: memory that two processors take turns to write is slow.
pub struct Names {
    filling: Positions,
    in_flight: Positions,
    /// What was inserted into `filling`, in order.
    inserted: Vec<(KeyHash, u64)>,
    /// No time-ordered id is known above this one.
    latest: KeyHash,
}

impl Names {
    /// Beside this index.
    pub fn new(index: &Index) -> Self {
        Self {
            filling: Positions::default(),
            in_flight: Positions::default(),
            inserted: Vec::new(),
            latest: index.latest_timed(),
        }
    }

    /// The newest position of a name, durable or not.
    pub fn find(&self, index: &Index, key: KeyHash) -> io::Result<Option<u64>> {
        // New ids are nearly always above all others: one comparison instead of three look-ups.
        if is_timed(key) && key > self.latest {
            return Ok(None);
        }
        match self.filling.get(&key).or_else(|| self.in_flight.get(&key)) {
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
        self.inserted.push((key, position));
    }

    /// Closes the group that is being filled and returns its names and their positions.
    pub fn hand_over(&mut self) -> Vec<(KeyHash, u64)> {
        std::mem::swap(&mut self.filling, &mut self.in_flight);
        self.filling.clear();
        let next = Vec::with_capacity(self.inserted.len());
        std::mem::replace(&mut self.inserted, next)
    }

    /// The group that was handed over is durable, and the index knows its names.
    pub fn settled(&mut self) {
        self.in_flight.clear();
    }
}
