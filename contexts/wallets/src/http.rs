//! Wallets over HTTP: which routes there are, and what each takes and answers. No rule lives here.

mod customers;
mod documented;
mod history;
mod limits;
mod movements;
mod page;
mod parse;
mod payout_file;
mod payouts;
mod problem;
mod scheduled;
mod schemas;
mod views;
mod wallets;

pub use schemas::schemas;

use crate::Wallets;
use kernel::Cursor;
use platform_http::{Access, Query, Routes};

/// May read.
pub const READ: &str = "wallets:read";
/// May write.
pub const WRITE: &str = "wallets:write";

const READS: Access = Access::Scope(READ);
const WRITES: Access = Access::Scope(WRITE);

/// Every route of wallets; they still need them.
pub fn routes() -> Routes<Wallets> {
    let routes = documented::routes(Routes::new("Wallets"));
    let routes = wallets::routes(customers::routes(routes));
    let routes = history::routes(limits::routes(movements::routes(routes)));
    payouts::routes(scheduled::routes(routes))
}

/// Opens a cursor of this list.
fn open_cursor<const N: usize>(query: &Query, cursor: Option<Cursor>, kind: u64) -> Option<[u64; N]> {
    match cursor?.open(kind) {
        Ok(place) => Some(place),
        Err(fault) => {
            query.fault("cursor", "invalid-value", fault);
            None
        }
    }
}
