//! The same rows on PostgreSQL: a schema per context, any number of processes. `read`, `once_rows`, `number` and
//! `copy_in` promise what they promise on a file; the conformance suite (tests/conformance) runs on both.
//!
//! | file | what |
//! |---|---|
//! | dialect | one text of statements and schemas for both engines |
//! | cells | values in and out |
//! | database | connections and migrations |
//! | tls | what a URL says of encryption |
//! | reading | snapshots for closures that wait |
//! | commit | one rows unit, one transaction |
//! | batch | one transaction of many statements in few round trips, for the ledger |
//! | jobs | jobs of many processes, under leases |
//! | store | key, read, decide, commit; numbers; many rows at once |
//!
//! Leaves out for now: units that touch the books.

mod batch;
mod cells;
mod commit;
mod database;
pub mod dialect;
mod jobs;
pub(crate) mod reading;
mod store;
pub mod tls;

pub use batch::{Ask, Batch, Parameter};
pub use commit::Failed;
pub use database::Database;
pub use store::RowStore;
