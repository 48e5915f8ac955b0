//! The journal engine: the embedded store of the ledger.

pub mod disk;
pub mod index;
