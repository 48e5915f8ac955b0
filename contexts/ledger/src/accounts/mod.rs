//! Accounts: a place that holds balances, its type, its limits and its life.

pub mod model;
pub mod rules;
