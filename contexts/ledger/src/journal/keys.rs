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

/// What entries are searched by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label<'a> {
    /// A `reference`.
    Reference(&'a str),
    /// A party.
    Party(&'a str),
    /// A name of metadata and its value.
    Metadata(&'a str, &'a str),
}

/// Low bits of an id to which its book's offset is added. The bits above them in that word mark the variant
/// of a UUID and take the carry, so that time-ordered ids keep their order.
const OFFSET_BITS: u32 = 62;

/// Hashes names of one journal.
#[derive(Clone, Debug)]
pub struct Keyed {
    secret: [u8; 32],
    offsets: Vec<u64>,
}

impl Keyed {
    /// For this journal.
    pub fn new(identity: Identity) -> Self {
        let mut secret = [0; 32];
        secret[..16].copy_from_slice(&identity.secret.to_le_bytes());
        secret[16..].copy_from_slice(&identity.journal.to_le_bytes());
        Self { secret, offsets: Vec::new() }
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

    fn offset(&self, book: BookNo) -> u64 {
        match self.offsets.get(book.0 as usize) {
            Some(offset) => *offset,
            None => self.half(&[b"id", &book.0.to_le_bytes()]) as u64 & ((1 << OFFSET_BITS) - 1),
        }
    }

    /// Remembers the offsets of this many books.
    pub fn prepare(&mut self, books: usize) {
        while self.offsets.len() < books {
            self.offsets.push(self.offset(BookNo(self.offsets.len() as u32)));
        }
    }

    /// An id of a book: its time stays in front, the rest is moved, so that ids of two books do not meet.
    pub fn id(&self, book: BookNo, id: Id) -> KeyHash {
        let [high, low] = split(id.0);
        [high, low.wrapping_add(self.offset(book))]
    }

    /// A key of a context's money units in a book.
    pub fn unit(&self, book: BookNo, context: &str, key: &str) -> KeyHash {
        let parts: [&[u8]; 5] = [b"unt", &book.0.to_le_bytes(), context.as_bytes(), b"\0", key.as_bytes()];
        super::index::hashed(split(self.half(&parts)))
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

    /// A label of a book's entries, in 64 bits: two may meet, so who finds an entry by it looks at its record. Without
    /// the journal's secret nobody can tell whether a guessed text is among the labels.
    pub fn label(&self, book: BookNo, label: Label<'_>) -> u64 {
        let book = &book.0.to_le_bytes();
        let half = match label {
            Label::Reference(text) => self.half(&[b"reference", book, text.as_bytes()]),
            Label::Party(text) => self.half(&[b"party", book, text.as_bytes()]),
            Label::Metadata(name, value) => {
                let length = (name.len() as u64).to_le_bytes();
                self.half(&[b"metadata", book, &length, name.as_bytes(), value.as_bytes()])
            }
        };
        half as u64
    }

    /// Tells files that follow this journal, in a layout of this number, from those of another.
    pub fn fingerprint(&self, layout: u32) -> u128 {
        self.half(&[b"follows", &layout.to_le_bytes()])
    }
}

fn split(value: u128) -> KeyHash {
    [(value >> 64) as u64, value as u64]
}
