//! Commands of wallets, each in four steps: read, decide, commit, answer.

pub mod customers;
pub mod holds;
pub mod life;
pub mod limits;
pub mod movements;
pub mod payouts;
pub mod reading;
pub mod scheduled;
