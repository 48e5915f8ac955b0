//! Journal entries: balanced, immutable sets of postings, and their reversals.

pub mod model;
pub mod rules;
