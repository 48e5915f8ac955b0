//! Names under which records are found: 128-bit hashes, keyed by the journal's secret.

use super::segments::Identity;
use crate::books::model::BookNo;
use kernel::Id;

pub use super::index::KeyHash;

/// The separate namespaces of text keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// `Idempotency-Key` of a single command.
    Key,
    /// `Idempotency-Key` of a batch.
    BatchKey,
    /// `ref`.
    Ref,
}

/// Low bits of an id that are masked; above are its time, which keeps its order, and its version.
const MASKED_BITS: u32 = 76;

/// Hashes names of one journal.
#[derive(Clone, Debug)]
pub struct Keyed {
    secret: [u8; 32],
    masks: Vec<u128>,
}

impl Keyed {
    /// For this journal.
    pub fn new(identity: Identity) -> Self {
        let mut secret = [0; 32];
        secret[..16].copy_from_slice(&identity.secret.to_le_bytes());
        secret[16..].copy_from_slice(&identity.journal.to_le_bytes());
        Self { secret, masks: Vec::new() }
    }

    fn half(&self, parts: &[&[u8]]) -> u128 {
        let mut hasher = blake3::Hasher::new_keyed(&self.secret);
        parts.iter().for_each(|part| {
            hasher.update(part);
        });
        let mut half = [0; 16];
        half.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        u128::from_le_bytes(half)
    }

    fn mask(&self, book: BookNo) -> u128 {
        match self.masks.get(book.0 as usize) {
            Some(mask) => *mask,
            None => self.half(&[b"id", &book.0.to_le_bytes()]) & ((1 << MASKED_BITS) - 1),
        }
    }

    /// Remembers the masks of this many books.
    pub fn prepare(&mut self, books: usize) {
        while self.masks.len() < books {
            let mask = self.half(&[b"id", &(self.masks.len() as u32).to_le_bytes()]);
            self.masks.push(mask & ((1 << MASKED_BITS) - 1));
        }
    }

    /// An id of a book: its time stays in front, the rest is masked, so that ids of two books do not meet.
    pub fn id(&self, book: BookNo, id: Id) -> KeyHash {
        split(id.0 ^ self.mask(book))
    }

    /// A text key of a book.
    pub fn text(&self, book: BookNo, namespace: Namespace, text: &str) -> KeyHash {
        let space: &[u8] = match namespace {
            Namespace::Key => b"key",
            Namespace::BatchKey => b"bat",
            Namespace::Ref => b"ref",
        };
        super::index::hashed(split(self.half(&[space, &book.0.to_le_bytes(), text.as_bytes()])))
    }
}

fn split(value: u128) -> KeyHash {
    [(value >> 64) as u64, value as u64]
}
