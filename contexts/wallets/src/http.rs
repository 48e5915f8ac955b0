//! Wallets over HTTP: which routes there are, and what each takes and answers. No rule lives here.

mod documented;
mod problem;
mod schemas;

pub use schemas::schemas;

use crate::Wallets;
use platform_http::{Access, Routes};

/// May read.
pub const READ: &str = "wallets:read";
/// May write.
pub const WRITE: &str = "wallets:write";

const WRITES: Access = Access::Scope(WRITE);

/// Every route of wallets; they still need them.
pub fn routes() -> Routes<Wallets> {
    documented::routes(Routes::new("Wallets"))
}
