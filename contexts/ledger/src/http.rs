//! The ledger over HTTP: which routes there are, and what each takes and answers. No rule lives here.

mod accounts;
mod balances;
mod batches;
mod books;
mod documented;
mod entries;
mod feed;
mod holds;
mod lists;
mod parse;
mod render;
mod rollups;
mod schemas;
mod statements;
mod trial;

pub use batches::Unrun;
pub use parse::{
    MAX_DESCRIPTION, MAX_WORD, METADATA, Resolver, body, optional_body, own_id, path_id, text, word,
};
pub use render::Json;
pub use schemas::schemas;

use crate::books::model::BookNo;
use crate::{Ledger, NotDone};
use axum::response::{IntoResponse, Response};
use kernel::{Caller, Problem};
use platform_http::{Access, Refusal, Routes};

/// May read.
pub const READ: &str = "ledger:read";
/// May write.
pub const WRITE: &str = "ledger:write";
/// May pass limits, with a reason.
pub const OVERRIDE: &str = "ledger:override";
/// May operate: confirm the clock.
pub const ADMIN: &str = "admin";

const READS: Access = Access::Scope(READ);
const WRITES: Access = Access::Scope(WRITE);

/// Every route of the ledger; they still need it.
pub fn routes() -> Routes<Ledger> {
    let routes = Routes::new("Ledger");
    let routes = balances::routes(accounts::routes(books::routes(routes)));
    let routes = holds::routes(entries::routes(routes));
    let routes = documented::routes(batches::routes(routes));
    let routes = statements::routes(rollups::routes(routes));
    trial::routes(feed::routes(routes))
}

/// A refusal on its way out: replays say so.
pub struct Failure(NotDone);

impl From<NotDone> for Failure {
    fn from(not_done: NotDone) -> Self {
        Self(not_done)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = Refusal::from(self.0.problem).into_response();
        if self.0.replayed {
            response.headers_mut().insert("idempotency-replayed", http_value("true"));
        }
        response
    }
}

fn http_value(text: &'static str) -> axum::http::HeaderValue {
    axum::http::HeaderValue::from_static(text)
}

/// The book a caller reads: opened on first use, like every tenant's.
async fn book_of(ledger: &Ledger, by: &Caller) -> Result<BookNo, Problem> {
    ledger.book(&by.tenant).await
}
