//! The journal as a feed: every record of a book in order.

use super::{Reading, unreadable};
use crate::books::model::BookNo;
use crate::journal::record::Record;
use kernel::Problem;
use std::time::Duration;

impl Reading {
    /// Waits at most so long until the feed shows a record; whether it does. A record whose rows are not committed
    /// yet is not shown, and never will be by a journal that was poisoned meanwhile.
    pub async fn await_shown(&self, book: BookNo, seq: u64, within: Duration) -> bool {
        let mut durable = self.shelf.view.watch();
        let shown = async {
            loop {
                let poisoned = durable.borrow_and_update().poisoned;
                if self.is_shown(book, seq) {
                    return true;
                }
                if poisoned || durable.changed().await.is_err() {
                    return false;
                }
            }
        };
        tokio::time::timeout(within, shown).await.unwrap_or(false)
    }

    fn is_shown(&self, book: BookNo, seq: u64) -> bool {
        if self.head_seq(book) < seq {
            return false;
        }
        match self.shelf.view.held_from(None) {
            None => true,
            Some(held) => self.record_of(book, seq).is_ok_and(|record| record.position < held),
        }
    }

    /// The records after a number, at most `limit`, oldest first.
    pub fn feed(&self, book: BookNo, after: u64, limit: usize) -> Result<Vec<Record>, Problem> {
        let last = self.head_seq(book).min(after.saturating_add(limit as u64));
        if last <= after {
            return Ok(Vec::new());
        }
        let mut record = self.record_of(book, last).map_err(|fault| unreadable(&fault))?;
        let mut records = Vec::with_capacity((last - after) as usize);
        while record.seq > after + 1 {
            let previous = self.record(record.previous)?;
            records.push(std::mem::replace(&mut record, previous));
        }
        records.push(record);
        records.reverse();
        // Nobody meets a posting before the rows that belong to it.
        if let Some(held) = self.shelf.view.held_from(None) {
            records.retain(|record| record.position < held);
        }
        Ok(records)
    }

    /// The newest records up to a number, newest first.
    pub fn newest(&self, book: BookNo, upto: u64, limit: usize) -> Result<Vec<Record>, Problem> {
        let mut records = self.feed(book, upto.saturating_sub(limit as u64), limit)?;
        records.reverse();
        Ok(records)
    }
}
