//! The vocabulary every context shares: money and assets, ids, time, pages, secrets, problems.
//! Pure: no I/O, no clock of its own, no serde. A type enters once three contexts need it and none owns it.

pub mod asset;
pub mod caller;
pub mod id;
pub mod money;
pub mod page;
pub mod problem;
pub mod secret;
pub mod time;

pub use asset::{Asset, AssetCode};
pub use caller::{Caller, Scopes, Tenant};
pub use id::{Id, IdSource, RandomIds};
pub use money::{Money, Rounding};
pub use page::{Cursor, Limit, Page};
pub use problem::{Datum, Fault, Problem, Slug};
pub use secret::Secret;
pub use time::{Clock, SystemClock, Timestamp};
