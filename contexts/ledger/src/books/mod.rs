//! Books: one ledger of a tenant, with its assets and its account patterns.

pub mod model;
pub mod rules;
