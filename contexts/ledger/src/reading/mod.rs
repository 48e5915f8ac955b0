//! Reading what is durable: accounts, balances now and then, history, entries, the journal, the trial
//! balance. Every answer comes from records; the view only says where the newest ones stand.

mod accounts;
mod balances;
mod entries;
mod entry_list;
mod feed;
mod history;
mod rollup;
mod trial;

pub use accounts::{AccountFilter, AccountSeen, Naming};
pub use balances::{BalanceSeen, Bound, When};
pub use entries::{Story, Wanted};
pub use entry_list::{EntryFilter, EntryPage, EntrySeen, MAX_LOOKED};
pub use history::{HistoryPage, HistoryRow, Order};
pub use rollup::{MAX_ROWS as MAX_ROLLED, RollUp, Rolled};
pub use trial::{Total, Trial, TrialRow};

use crate::books::model::BookNo;
use crate::journal::beside::Seen;
use crate::journal::engine::Engine;
use crate::journal::index::Index;
use crate::journal::keys::Keyed;
use crate::journal::segments::Segments;
use crate::journal::view::{Durable, View};
use crate::refusal::{LEDGER_UNAVAILABLE, NOT_YET_VISIBLE};
use kernel::{Problem, Tenant, Timestamp};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Longest that a read waits for a record to become visible.
pub const VISIBLE_WITHIN: Duration = Duration::from_secs(5);

/// Where durable records stand and how they are found.
struct Shelf {
    view: Arc<View>,
    segments: Arc<Segments>,
    index: Arc<Index>,
    keyed: Keyed,
}

/// Reads of one journal.
#[derive(Clone)]
pub struct Reading {
    shelf: Arc<Shelf>,
}

impl Reading {
    /// Reads what this engine has made durable.
    pub fn new(engine: &Engine) -> Self {
        let Engine { view, segments, index, keyed, .. } = engine;
        let (view, segments) = (view.clone(), segments.clone());
        Self { shelf: Arc::new(Shelf { view, segments, index: index.clone(), keyed: keyed.clone() }) }
    }

    /// Reads a journal as it was seen beside the server that owns it; it stays as it was.
    pub fn of(seen: Seen) -> Self {
        let Seen { segments, identity, index, replayed, place, .. } = seen;
        let durable = Durable {
            end: place.position,
            hash: place.hash,
            time: replayed.state.last_time,
            poisoned: false,
        };
        let view = Arc::new(View::new(&replayed.state, &replayed.marks, durable));
        Self { shelf: Arc::new(Shelf { view, segments, index, keyed: Keyed::new(identity) }) }
    }

    /// The book of a tenant, if it was ever used.
    pub fn book(&self, tenant: &Tenant) -> Option<BookNo> {
        self.shelf.view.book_of(tenant)
    }

    /// Time of the newest durable group.
    pub fn durable_time(&self) -> Timestamp {
        self.shelf.view.durable().time
    }

    /// Number of a book's newest durable record.
    pub fn head_seq(&self, book: BookNo) -> u64 {
        self.shelf.view.books.read()[book.0 as usize].seq
    }

    /// Waits until a record of this number is visible.
    pub async fn await_seq(&self, book: BookNo, seq: u64) -> Result<(), Problem> {
        self.await_seq_for(book, seq, VISIBLE_WITHIN).await.then_some(()).ok_or_else(|| {
            not_yet_visible("The record of this number is not visible yet.")
                .with("seq", self.head_seq(book) as i64)
        })
    }

    /// Waits at most so long; whether the record is visible.
    pub async fn await_seq_for(&self, book: BookNo, seq: u64, within: Duration) -> bool {
        let mut durable = self.shelf.view.watch();
        let visible = async {
            while self.head_seq(book) < seq {
                if durable.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(within, visible).await.is_ok() && self.head_seq(book) >= seq
    }
}

/// What is asked for will be there in a moment.
pub fn not_yet_visible(detail: &str) -> Problem {
    let mut problem = Problem::new(&NOT_YET_VISIBLE, detail);
    problem.retry_after_s = Some(1);
    problem
}

/// A record that should be there could not be read.
pub fn unreadable(fault: &io::Error) -> Problem {
    tracing::error!(%fault, "a record could not be read");
    Problem::new(&LEDGER_UNAVAILABLE, "A record could not be read; the operator's log names the place.")
}
