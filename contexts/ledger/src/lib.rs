//! The ledger: accounts, entries and holds in double entry.

pub mod accounts;
pub mod books;
pub mod command;
pub mod decide;
pub mod directory;
pub mod effect;
pub mod entries;
pub mod holds;
pub mod journal;
pub mod reading;
pub mod refusal;
pub mod skew;
pub mod state;
