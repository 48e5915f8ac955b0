//! The ledger: accounts, entries and holds in double entry.

pub mod journal;
