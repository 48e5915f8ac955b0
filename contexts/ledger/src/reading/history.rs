//! An account's history: every posting with the balance it left, in recorded order, either way.

use super::balances::Bound;
use super::{Reading, unreadable};
use crate::accounts::model::AccountNo;
use crate::books::model::AssetNo;
use crate::journal::record::Record;
use crate::skew::{NOWHERE, Place};
use kernel::Problem;
use std::io;

/// Which way a page runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Newest first.
    Descending,
    /// Oldest first.
    Ascending,
}

/// One posting of an account.
#[derive(Clone, Debug)]
pub struct HistoryRow {
    /// The record.
    pub record: Record,
    /// Which of its postings.
    pub posting: usize,
}

/// A page of a history.
#[derive(Clone, Debug)]
pub struct HistoryPage {
    /// Its rows.
    pub rows: Vec<HistoryRow>,
    /// The place of the last row, if more follow.
    pub next: Option<u64>,
}

impl HistoryRow {
    fn place(&self) -> Place {
        Place::new(self.record.position, self.posting)
    }
}

impl Reading {
    /// A page of an account's postings up to a bound, in one asset or all, after the row at `cursor`.
    pub fn history(
        &self,
        account: AccountNo,
        asset: Option<AssetNo>,
        bound: Bound,
        order: Order,
        limit: usize,
        cursor: Option<u64>,
    ) -> Result<HistoryPage, Problem> {
        let newest: Vec<Place> = {
            let accounts = self.shelf.view.accounts.read();
            let balances = accounts.balances_of(account);
            let wanted = balances.filter(|(_, seen)| asset.is_none_or(|asset| seen.asset == asset));
            wanted.map(|(no, _)| self.shelf.view.newest_of(no)).collect()
        };
        let mut rows = Vec::new();
        for newest in newest {
            // One more than the page holds tells whether there is another page.
            let more = match order {
                Order::Descending => self.descending(newest, bound, limit + 1, cursor),
                Order::Ascending => self.ascending(newest, bound, limit + 1, cursor),
            };
            rows.extend(more.map_err(|fault| unreadable(&fault))?);
        }
        rows.sort_by_key(HistoryRow::place);
        if order == Order::Descending {
            rows.reverse();
        }
        let next = (rows.len() > limit).then(|| rows[limit - 1].place().0);
        rows.truncate(limit);
        Ok(HistoryPage { rows, next })
    }

    fn descending(
        &self,
        newest: Place,
        bound: Bound,
        most: usize,
        cursor: Option<u64>,
    ) -> io::Result<Vec<HistoryRow>> {
        let fits =
            |place: Place| place.position() <= bound.position && cursor.is_none_or(|cursor| place.0 < cursor);
        let mut found = self.newest_before(newest, fits)?;
        let mut rows = Vec::new();
        while let Some((place, record)) = found {
            let previous = record.links[place.posting()].previous;
            rows.push(HistoryRow { record, posting: place.posting() });
            found = match previous {
                NOWHERE => None,
                _ if rows.len() == most => None,
                previous => Some((previous, self.shelf.segments.record(previous.position())?)),
            };
        }
        Ok(rows)
    }

    fn ascending(
        &self,
        newest: Place,
        bound: Bound,
        most: usize,
        cursor: Option<u64>,
    ) -> io::Result<Vec<HistoryRow>> {
        let number = |found: &Option<(Place, Record)>| {
            found.as_ref().map_or(0, |(place, record)| record.links[place.posting()].number)
        };
        let first = match cursor {
            None => 0,
            Some(cursor) => number(&self.newest_before(newest, |place| place.0 <= cursor)?),
        };
        let last = self.newest_before(newest, |place| place.position() <= bound.position)?;
        let until = number(&last).min(first + most as u64);
        let Some((mut place, mut record)) = last.filter(|_| until > first) else { return Ok(Vec::new()) };
        let mut rows = Vec::new();
        loop {
            let links = record.links[place.posting()];
            if links.number <= until {
                rows.push(HistoryRow { record: record.clone(), posting: place.posting() });
            }
            if links.number == first + 1 {
                break;
            }
            let far = match links.jump {
                NOWHERE => None,
                jump if links.number > until => Some((jump, self.shelf.segments.record(jump.position())?)),
                _ => None,
            };
            let jumped = far.filter(|(place, record)| record.links[place.posting()].number >= until);
            (place, record) = match jumped {
                Some(found) => found,
                None => (links.previous, self.shelf.segments.record(links.previous.position())?),
            };
        }
        rows.reverse();
        Ok(rows)
    }
}
