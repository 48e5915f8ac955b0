//! Holds: pending entries that reserve now, then capture, void or expire.

pub mod model;
pub mod rules;
