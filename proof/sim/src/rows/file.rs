//! A context's file as a disk keeps it: every committed state, and up to which a power cut leaves it. SQLite itself
//! is trusted to commit all or nothing and to lose the newest transactions first.

use crate::chance::Chance;
use crate::disk::Crash;
use rusqlite::{Connection, MAIN_DB};

/// A file through all of a run.
#[derive(Default)]
pub struct File {
    states: Vec<Vec<u8>>,
    synced: usize,
}

impl File {
    /// Opens the newest state.
    pub fn open(&self) -> Connection {
        let mut connection = Connection::open_in_memory().expect("memory is there");
        if let Some(state) = self.states.last() {
            let length = state.len();
            connection
                .deserialize_read_exact(MAIN_DB, state.as_slice(), length, false)
                .expect("it was a database");
        }
        connection
    }

    /// A transaction was committed; synced, it outlives the power.
    pub fn committed(&mut self, connection: &mut Connection, synced: bool) {
        self.states.push(connection.serialize(MAIN_DB).expect("a database serializes").to_vec());
        if synced {
            self.synced = self.states.len() - 1;
        }
    }

    /// The log was copied into the file.
    pub fn sync(&mut self) {
        self.synced = self.states.len().saturating_sub(1);
    }

    /// The process is gone, perhaps with the power.
    pub fn crash(&mut self, crash: Crash, chance: &mut Chance) {
        if crash == Crash::Power && !self.states.is_empty() {
            let kept = chance.within(self.synced as u64, self.states.len() as u64 - 1) as usize;
            self.states.truncate(kept + 1);
        }
        self.synced = self.states.len().saturating_sub(1);
    }

    /// Somebody puts an older state back: the file alone, of all that belongs together.
    pub fn put_back(&mut self, chance: &mut Chance) -> bool {
        let back = chance.within(1, 6) as usize;
        let kept = self.states.len().saturating_sub(back);
        if kept == 0 {
            return false;
        }
        self.states.truncate(kept);
        self.synced = kept - 1;
        true
    }
}
