//! Balances, now and at any past record or time: the newest posting at or before the bound, found by the
//! pointers in the records.

use super::{Reading, not_yet_visible, unreadable};
use crate::accounts::model::{AccountNo, BalanceNo, Counters};
use crate::books::model::{AssetNo, BookNo};
use crate::journal::group::MARK_EVERY;
use crate::journal::record::Record;
use crate::skew::{NOWHERE, Place};
use kernel::{Problem, Timestamp};
use std::io;
use std::time::Duration;

/// How long a read of a time that has just passed waits for groups that may still get it.
const SETTLES_WITHIN: Duration = Duration::from_secs(5);

/// A moment a reader asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// All that is durable.
    Now,
    /// Up to and including this record.
    Seq(u64),
    /// Up to and including this recorded time.
    Time(Timestamp),
}

/// The last record that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Its number; 0 for none.
    pub seq: u64,
    /// Where it stands.
    pub position: u64,
}

/// A balance as it stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BalanceSeen {
    /// Its asset.
    pub asset: AssetNo,
    /// Its counters.
    pub counters: Counters,
    /// The record that touched it last; 0 for none.
    pub last_seq: u64,
}

impl Reading {
    /// The last record that counts at a moment. A time is final only once no group can still get it.
    pub async fn bound(&self, book: BookNo, when: When) -> Result<Bound, Problem> {
        match when {
            When::Now => Ok(self.newest_bound(book)),
            When::Seq(seq) => {
                self.await_seq(book, seq).await?;
                if seq == 0 {
                    return Ok(Bound { seq: 0, position: 0 });
                }
                let record = self.record_of(book, seq).map_err(|fault| unreadable(&fault))?;
                Ok(Bound { seq, position: record.position })
            }
            When::Time(at) => {
                self.await_time(at).await?;
                self.bound_at(book, at, self.newest_bound(book)).map_err(|fault| unreadable(&fault))
            }
        }
    }

    /// The newest record that is durable.
    pub fn newest_bound(&self, book: BookNo) -> Bound {
        let books = self.shelf.view.books.read();
        let head = &books[book.0 as usize];
        Bound { seq: head.seq, position: head.newest }
    }

    /// Waits until every group that could have this time or an earlier one is durable.
    async fn await_time(&self, at: Timestamp) -> Result<(), Problem> {
        let mut durable = self.shelf.view.watch();
        let settled = async {
            loop {
                let poisoned = durable.borrow_and_update().poisoned;
                // Groups begun later get later times; those under way may have this one.
                let under_way = self.shelf.view.outstanding.lock().iter().any(|begun| *begun <= at);
                if !under_way || poisoned || durable.changed().await.is_err() {
                    return;
                }
            }
        };
        let settled = tokio::time::timeout(SETTLES_WITHIN, settled).await;
        settled.map_err(|_| not_yet_visible("Commands of that time are still being written."))
    }

    fn bound_at(&self, book: BookNo, at: Timestamp, head: Bound) -> io::Result<Bound> {
        let start = {
            let books = self.shelf.view.books.read();
            let marks = &books[book.0 as usize].marks;
            // The first mark later than the time: the bound is at most 32 records before it.
            marks.get(marks.partition_point(|mark| mark.at <= at)).map(|mark| mark.position)
        };
        let mut position = start.unwrap_or(head.position);
        while position != 0 {
            let record = self.shelf.segments.record(position)?;
            if record.at <= at {
                return Ok(Bound { seq: record.seq, position });
            }
            position = record.previous;
        }
        Ok(Bound { seq: 0, position: 0 })
    }

    /// The record of a number, which is visible.
    pub(super) fn record_of(&self, book: BookNo, seq: u64) -> io::Result<Record> {
        let mut position = {
            let books = self.shelf.view.books.read();
            let head = &books[book.0 as usize];
            let later = seq.div_ceil(MARK_EVERY) as usize;
            let exact =
                (seq % MARK_EVERY == 1).then(|| head.marks.get((seq / MARK_EVERY) as usize)).flatten();
            exact.or(head.marks.get(later)).map_or(head.newest, |mark| mark.position)
        };
        loop {
            let record = self.shelf.segments.record(position)?;
            if record.seq == seq {
                return Ok(record);
            }
            if record.seq < seq || record.previous == 0 {
                return Err(crate::journal::segments::damage(format_args!("record {seq} cannot be found")));
            }
            position = record.previous;
        }
    }

    /// All balances of an account at a bound; those not yet touched by then are left out.
    pub fn balances(&self, account: AccountNo, bound: Bound) -> Result<Vec<BalanceSeen>, Problem> {
        let balances: Vec<(BalanceNo, AssetNo)> = {
            let accounts = self.shelf.view.accounts.read();
            accounts.balances_of(account).map(|(no, seen)| (no, seen.asset)).collect()
        };
        let mut found = Vec::new();
        for (balance, asset) in balances {
            let seen = self.balance_at(balance, asset, bound).map_err(|fault| unreadable(&fault))?;
            found.extend(seen);
        }
        found.sort_by_key(|balance| balance.asset);
        Ok(found)
    }

    /// One balance at a bound.
    pub(super) fn balance_at(
        &self,
        balance: BalanceNo,
        asset: AssetNo,
        bound: Bound,
    ) -> io::Result<Option<BalanceSeen>> {
        let newest = self.shelf.view.newest_of(balance);
        let Some((place, record)) = self.newest_before(newest, |place| place.position() <= bound.position)?
        else {
            return Ok(None);
        };
        let counters = record.effect.postings()[place.posting()].after;
        Ok(Some(BalanceSeen { asset, counters, last_seq: record.seq }))
    }

    /// The newest posting of a balance for which `early_enough` holds; it holds for all earlier ones too.
    pub(super) fn newest_before(
        &self,
        newest: Place,
        early_enough: impl Fn(Place) -> bool,
    ) -> io::Result<Option<(Place, Record)>> {
        let mut place = newest;
        while place != NOWHERE {
            let record = self.shelf.segments.record(place.position())?;
            if early_enough(place) {
                return Ok(Some((place, record)));
            }
            let links = record.links[place.posting()];
            // The jump is taken if it does not pass what is looked for.
            place =
                if links.jump != NOWHERE && !early_enough(links.jump) { links.jump } else { links.previous };
        }
        Ok(None)
    }
}
