//! What the books say of one wallet over time: pages of its history, and its statement.

use super::life::WalletSeen;
use crate::history::{counterpart, kind_of};
use crate::model::{Balance, Kind, WalletNo};
use crate::{Error, Wallets};
use kernel::{Asset, Id, Problem, Timestamp};
use ledger::entries::model::Direction;
use ledger::reading::{Bound, HistoryRow, Order, Reading, When};
use ledger::skew::Place;

/// Lines that are looked at for one page; then it ends early with a cursor.
const LOOKED_AT: usize = 5_000;
/// Lines whose records are read at once.
const AT_ONCE: usize = 100;
/// The last posting a record can have: a cursor behind it is behind the whole record.
const LAST_POSTING: usize = 1_023;

/// What a history is narrowed to.
#[derive(Clone, Copy, Debug, Default)]
pub struct HistoryFilter {
    /// Recorded then or later.
    pub from: Option<Timestamp>,
    /// Recorded before.
    pub to: Option<Timestamp>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// At least so much.
    pub min: Option<i128>,
    /// At most so much.
    pub max: Option<i128>,
    /// In or out.
    pub incoming: Option<bool>,
}

/// One line of a wallet's history.
#[derive(Clone, Debug)]
pub struct Line {
    /// The entry, or the hold.
    pub id: Id,
    /// Its number in the book.
    pub seq: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// What it is.
    pub kind: Kind,
    /// Into the wallet.
    pub incoming: bool,
    /// How much.
    pub amount: i128,
    /// The wallet after it.
    pub balance: Balance,
    /// The wallet on the other side.
    pub counterpart: Option<WalletNo>,
    /// The caller's own.
    pub reference: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// Where it stands, for cursors.
    pub place: u64,
}

/// What a statement covers.
#[derive(Clone, Copy, Debug)]
pub struct Covered {
    /// Its first moment; none for the beginning.
    pub from: Option<Timestamp>,
    /// The first moment after it.
    pub to: Timestamp,
    /// The last record before it.
    pub opening: Bound,
    /// Its last record.
    pub closing: Bound,
}

impl Line {
    fn of(reading: &Reading, row: &HistoryRow) -> Self {
        let (record, posting) = (&row.record, &row.record.effect.postings()[row.posting]);
        let details = record.command.as_ref().and_then(|command| command.details());
        Self {
            id: record.id,
            seq: record.seq,
            at: record.at,
            kind: kind_of(reading, record),
            incoming: posting.direction == Direction::Credit,
            amount: posting.amount,
            balance: posting.after.into(),
            counterpart: counterpart(reading, record, posting.account),
            reference: details.and_then(|details| details.reference.as_deref()).map(str::to_owned),
            description: details.and_then(|details| details.text.description.as_deref()).map(str::to_owned),
            place: Place::new(record.position, row.posting).0,
        }
    }
}

impl HistoryFilter {
    fn fits(&self, line: &Line) -> bool {
        self.kind.is_none_or(|kind| kind == line.kind)
            && self.min.is_none_or(|min| min <= line.amount)
            && self.max.is_none_or(|max| line.amount <= max)
            && self.incoming.is_none_or(|incoming| incoming == line.incoming)
    }
}

impl Wallets {
    /// A page of a wallet's history, newest first, and where the next one starts.
    pub async fn history(
        &self,
        seen: &WalletSeen,
        book: ledger::books::model::BookNo,
        filter: HistoryFilter,
        limit: usize,
        cursor: Option<u64>,
    ) -> Result<(Vec<Line>, Option<u64>), Error> {
        let when = filter.to.map_or(When::Now, |to| When::Time(to.plus_us(-1)));
        let bound = self.ledger.reading.bound(book, when).await?;
        let (reading, account, asset) = (self.ledger.reading.clone(), seen.account, Some(seen.asset.0));
        off_thread(move || {
            let (mut lines, mut cursor, mut looked_at) = (Vec::new(), cursor, 0);
            loop {
                let page = reading.history(account, asset, bound, Order::Descending, AT_ONCE, cursor)?;
                for row in &page.rows {
                    if filter.from.is_some_and(|from| row.record.at < from) {
                        return Ok((lines, None));
                    }
                    let line = Line::of(&reading, row);
                    if lines.len() == limit {
                        return Ok((lines, cursor));
                    }
                    cursor = Some(line.place);
                    if filter.fits(&line) {
                        lines.push(line);
                    }
                }
                looked_at += page.rows.len();
                match page.next {
                    None => return Ok((lines, None)),
                    Some(_) if looked_at >= LOOKED_AT => return Ok((lines, cursor)),
                    Some(next) => cursor = Some(next),
                }
            }
        })
        .await
    }

    /// What a statement of a time covers; `end` is that of an earlier page.
    pub async fn covered(
        &self,
        book: ledger::books::model::BookNo,
        (from, to): (Option<Timestamp>, Option<Timestamp>),
        end: Option<(u64, Timestamp)>,
    ) -> Result<Covered, Error> {
        let opening = match from {
            Some(from) => self.ledger.reading.bound(book, When::Time(from.plus_us(-1))).await?,
            None => Bound { seq: 0, position: 0 },
        };
        // One without an end covers all that is durable and says up to when: the next one goes on from there.
        let newest = self.ledger.now().max(self.ledger.reading.durable_time().plus_us(1));
        let (to, until) = match end {
            Some((seq, to)) => (to, When::Seq(seq)),
            None => {
                let to = to.unwrap_or(newest);
                (to, When::Time(to.plus_us(-1)))
            }
        };
        Ok(Covered { from, to, opening, closing: self.ledger.reading.bound(book, until).await? })
    }

    /// A wallet's balance at a bound.
    pub fn balance_at(&self, seen: &WalletSeen, bound: Bound) -> Result<Balance, Error> {
        let balances = self.ledger.reading.balances(seen.account, bound)?;
        let own = balances.iter().find(|balance| balance.asset == seen.asset.0);
        Ok(own.map(|balance| balance.counters.into()).unwrap_or_default())
    }

    /// Lines of a statement, oldest first, at most so many, and whether there are more.
    pub async fn lines(
        &self,
        seen: &WalletSeen,
        covered: Covered,
        limit: usize,
        after: Option<u64>,
    ) -> Result<(Vec<Line>, Option<u64>), Error> {
        let (reading, account, asset) = (self.ledger.reading.clone(), seen.account, Some(seen.asset.0));
        off_thread(move || {
            let mut lines = Vec::new();
            let mut after = after.unwrap_or(Place::new(covered.opening.position, LAST_POSTING).0);
            loop {
                let few = AT_ONCE.min(limit - lines.len());
                let (bound, order) = (covered.closing, Order::Ascending);
                let page = reading.history(account, asset, bound, order, few, Some(after))?;
                lines.extend(page.rows.iter().map(|row| Line::of(&reading, row)));
                match page.next {
                    None => return Ok((lines, None)),
                    Some(next) if lines.len() >= limit => return Ok((lines, Some(next))),
                    Some(next) => after = next,
                }
            }
        })
        .await
    }
}

/// Reads many records: off the threads that answer others.
async fn off_thread<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Error> {
    let read = tokio::task::spawn_blocking(read).await;
    let fault = |fault| ledger::reading::unreadable(&std::io::Error::other(fault));
    Ok(read.map_err(fault)??)
}

/// What an amount is in an asset, as text.
pub fn amount_text(minor: i128, asset: Asset) -> String {
    kernel::money::print_minor(minor, asset.scale)
}
