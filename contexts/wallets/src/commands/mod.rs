//! Commands of wallets, each in four steps: read, decide, commit, answer.

pub mod customers;
pub mod movements;
