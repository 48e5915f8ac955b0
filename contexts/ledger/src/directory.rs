//! Names of accounts: number ↔ id and path. Lean tables of numbers; the names themselves stand once.

use crate::accounts::model::AccountNo;
use crate::books::model::BookNo;
use hashbrown::HashTable;
use kernel::Id;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

/// What names one account.
#[derive(Clone, Debug)]
pub struct Name {
    /// Its id.
    pub id: Id,
    /// Its book.
    pub book: BookNo,
    /// Its path, unique in the book.
    pub path: Arc<str>,
}

/// Every account's name, findable by path and by id.
#[derive(Default)]
pub struct Directory {
    names: Vec<Name>,
    by_path: HashTable<u32>,
    by_id: HashTable<u32>,
    hasher: foldhash::quality::RandomState,
}

impl Directory {
    /// How many accounts there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The name of an account.
    pub fn name(&self, account: AccountNo) -> &Name {
        &self.names[account.0 as usize]
    }

    /// The account with this path.
    pub fn by_path(&self, book: BookNo, path: &str) -> Option<AccountNo> {
        let matches = |no: &u32| {
            let name = &self.names[*no as usize];
            name.book == book && *name.path == *path
        };
        self.by_path.find(self.path_hash(book, path), matches).map(|no| AccountNo(*no))
    }

    /// The account with this id in this book.
    pub fn by_id(&self, book: BookNo, id: Id) -> Option<AccountNo> {
        let matches = |no: &u32| {
            let name = &self.names[*no as usize];
            name.id == id && name.book == book
        };
        self.by_id.find(self.hasher.hash_one(id), matches).map(|no| AccountNo(*no))
    }

    /// Adds the next account; its path and id are new.
    pub fn push(&mut self, name: Name) -> AccountNo {
        let no = self.names.len() as u32;
        let path_hash = self.path_hash(name.book, &name.path);
        let id_hash = self.hasher.hash_one(name.id);
        self.names.push(name);
        let (names, hasher) = (&self.names, &self.hasher);
        self.by_path.insert_unique(path_hash, no, |no| {
            let name = &names[*no as usize];
            hash_path(hasher, name.book, &name.path)
        });
        self.by_id.insert_unique(id_hash, no, |no| hasher.hash_one(names[*no as usize].id));
        AccountNo(no)
    }

    /// Takes the newest account away again.
    pub fn pop(&mut self) {
        let Some(name) = self.names.last().cloned() else { return };
        let no = (self.names.len() - 1) as u32;
        let path_hash = self.path_hash(name.book, &name.path);
        if let Ok(entry) = self.by_path.find_entry(path_hash, |other| *other == no) {
            entry.remove();
        }
        if let Ok(entry) = self.by_id.find_entry(self.hasher.hash_one(name.id), |other| *other == no) {
            entry.remove();
        }
        self.names.pop();
    }

    fn path_hash(&self, book: BookNo, path: &str) -> u64 {
        hash_path(&self.hasher, book, path)
    }
}

fn hash_path(hasher: &foldhash::quality::RandomState, book: BookNo, path: &str) -> u64 {
    let mut state = hasher.build_hasher();
    book.0.hash(&mut state);
    state.write(path.as_bytes());
    state.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_taken_away() {
        let mut directory = Directory::default();
        for no in 0..1000_u32 {
            let path = format!("a:{}", no / 2);
            directory.push(Name { id: Id(u128::from(no)), book: BookNo(no % 2), path: path.into() });
        }
        assert_eq!(directory.by_path(BookNo(1), "a:7"), Some(AccountNo(15)));
        assert_eq!(directory.by_id(BookNo(1), Id(15)), Some(AccountNo(15)));
        assert_eq!(directory.by_id(BookNo(0), Id(15)), None);
        directory.pop();
        assert_eq!(directory.by_path(BookNo(1), "a:499"), None);
        assert_eq!(directory.by_path(BookNo(0), "a:499"), Some(AccountNo(998)));
        assert_eq!(directory.by_id(BookNo(1), Id(999)), None);
    }
}
