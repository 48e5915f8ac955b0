//! The embedded committer: units on a context's SQLite file, beside the journal that decides the money in them.
//!
//! | file | what |
//! |---|---|
//! | shape | what a statement does to which table, read once from its text |
//! | image | rows as a unit left them: redo, written and applied |
//! | beside | keys, audit and outbox: what the store writes with every unit |
//! | committer | one transaction of one kind of units, step by step, without threads |
//! | opening | cursor, redo, migrations: what happens to a file before it is served |
//! | desk | the thread that owns a file, and the queue before it |
//! | once | key, read, decide, commit; again after a failed guard |
//! | rows | the same for units of rows alone, on either engine |

pub(crate) mod beside;
pub mod committer;
mod desk;
pub mod image;
mod once;
pub mod opening;
pub(crate) mod rows;
mod shape;

pub use desk::OnFatal;
pub use once::{Setting, UnitStore};
pub use rows::{Stopped, conflict};
