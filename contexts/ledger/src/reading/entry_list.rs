//! Lists of entries, newest first, by what they have in common. What has a label is found by the projection, what
//! touches an account by the pointers of its postings, anything else record by record; each page looks at a bounded
//! number of records and goes on where it stopped.

use super::{Reading, unreadable};
use crate::accounts::model::AccountNo;
use crate::books::model::{AssetNo, BookNo};
use crate::effect::Effect;
use crate::journal::keys::Label;
use crate::journal::record::Record;
use crate::projection::{Found, Projection, Span, is_listed, labels};
use crate::skew::{NOWHERE, Place};
use kernel::Problem;
use std::io;
use std::ops::ControlFlow;

/// Records that one page looks at: some 10 ms where they are in memory.
pub const MAX_LOOKED: usize = 1_000;

/// What entries must have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// A posting on this account.
    pub account: Option<AccountNo>,
    /// This `reference`.
    pub reference: Option<String>,
    /// This party.
    pub party: Option<String>,
    /// These names and values of metadata.
    pub metadata: Vec<(String, String)>,
    /// A posting in this asset.
    pub asset: Option<AssetNo>,
    /// The largest posting in it is at least so much,
    pub min: Option<i128>,
    /// and at most so much.
    pub max: Option<i128>,
}

/// An entry of a list.
#[derive(Clone, Debug)]
pub struct EntrySeen {
    /// The record that made it.
    pub record: Record,
    /// The newest record that speaks of it, where it is a hold.
    pub newest: Option<Record>,
}

/// A page of entries.
#[derive(Clone, Debug, Default)]
pub struct EntryPage {
    /// Its entries, newest first.
    pub entries: Vec<EntrySeen>,
    /// Only what stands before this position is left; none at the end.
    pub next: Option<u64>,
}

impl EntryFilter {
    /// What the projection finds entries by.
    pub fn labels(&self) -> impl Iterator<Item = Label<'_>> {
        let reference = self.reference.as_deref().map(Label::Reference);
        let party = self.party.as_deref().map(Label::Party);
        let metadata = self.metadata.iter().map(|(name, value)| Label::Metadata(name, value));
        reference.into_iter().chain(party).chain(metadata)
    }

    /// Whether a record is an entry of the list.
    pub fn fits(&self, book: BookNo, record: &Record) -> bool {
        let postings = record.effect.postings();
        is_listed(record)
            && record.book == book
            && self.account.is_none_or(|account| postings.iter().any(|posting| posting.account == account))
            && self.labels().all(|wanted| labels(record).any(|label| label == wanted))
            && self.asset.is_none_or(|asset| {
                let amounts = postings.iter().filter(|posting| posting.asset == asset);
                let largest = amounts.map(|posting| posting.amount).max();
                largest.is_some_and(|largest| {
                    self.min.is_none_or(|min| largest >= min) && self.max.is_none_or(|max| largest <= max)
                })
            })
    }
}

/// A page as it fills.
struct Filling<'a> {
    book: BookNo,
    filter: &'a EntryFilter,
    limit: usize,
    looked: usize,
    page: EntryPage,
}

impl Filling<'_> {
    /// Takes the next record; breaks when the page is done.
    fn take(&mut self, record: Record) -> ControlFlow<()> {
        let position = record.position;
        if self.filter.fits(self.book, &record) {
            if let Some(last) = self.page.entries.last().filter(|_| self.page.entries.len() == self.limit) {
                // One more than the page holds tells that there is another page.
                self.page.next = Some(last.record.position);
                return ControlFlow::Break(());
            }
            self.page.entries.push(EntrySeen { record, newest: None });
        }
        self.looked += 1;
        if self.looked < MAX_LOOKED {
            return ControlFlow::Continue(());
        }
        self.page.next = Some(position);
        ControlFlow::Break(())
    }
}

impl Reading {
    /// A page of a book's entries in a span of the journal, newest first. Blocking. Without a projection there must be
    /// no label in the filter.
    pub fn entries(
        &self,
        book: BookNo,
        filter: &EntryFilter,
        span: Span,
        limit: usize,
        projection: Option<&Projection>,
    ) -> Result<EntryPage, Problem> {
        let page = EntryPage::default();
        let mut filling = Filling { book, filter, limit, looked: 0, page };
        match (projection, filter.account) {
            (Some(projection), _) => self.by_labels(projection, span, &mut filling)?,
            (None, Some(account)) => self.by_account(account, span, &mut filling)?,
            (None, None) => self.by_record(span, &mut filling).map_err(|fault| unreadable(&fault))?,
        }
        let mut page = filling.page;
        for entry in &mut page.entries {
            if let Effect::Held { hold_id, .. } = entry.record.effect {
                entry.newest = self.story_now(book, hold_id)?.map(|story| story.newest);
            }
        }
        Ok(page)
    }

    fn by_labels(
        &self,
        projection: &Projection,
        span: Span,
        filling: &mut Filling<'_>,
    ) -> Result<(), Problem> {
        let label = |label| self.shelf.keyed.label(filling.book, label);
        let labels: Vec<u64> = filling.filter.labels().map(label).collect();
        let found = projection.find(&labels, span, |position| Ok(filling.take(self.record(position)?)))?;
        if let Found::DownTo(position) = found {
            filling.page.next.get_or_insert(position);
        }
        Ok(())
    }

    /// Walks all balances of an account at once, the newest posting of any of them first.
    fn by_account(&self, account: AccountNo, span: Span, filling: &mut Filling<'_>) -> Result<(), Problem> {
        let newest: Vec<Place> = {
            let accounts = self.shelf.view.accounts.read();
            accounts.balances_of(account).map(|(no, _)| self.shelf.view.newest_of(no)).collect()
        };
        let mut heads = Vec::with_capacity(newest.len());
        for newest in newest {
            let found = self.newest_before(newest, |place| place.position() < span.before);
            heads.extend(found.map_err(|fault| unreadable(&fault))?);
        }
        while let Some(position) = heads.iter().map(|(place, _)| place.position()).max() {
            if position <= span.after {
                return Ok(());
            }
            let record = heads.iter().find(|(place, _)| place.position() == position);
            let record = record.expect("it is the newest of them").1.clone();
            // Every balance that this record touched goes on before it.
            let mut number = 0;
            while number < heads.len() {
                if heads[number].0.position() < position {
                    number += 1;
                    continue;
                }
                let head = heads.swap_remove(number);
                heads.extend(self.before(head, position).map_err(|fault| unreadable(&fault))?);
            }
            if filling.take(record).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The newest posting of a balance before a position, from one at or before it.
    fn before(&self, head: (Place, Record), position: u64) -> io::Result<Option<(Place, Record)>> {
        let (mut place, mut record) = head;
        while place.position() == position {
            match record.links[place.posting()].previous {
                NOWHERE => return Ok(None),
                // An entry may touch a balance more than once.
                previous if previous.position() == position => place = previous,
                previous => {
                    record = self.shelf.segments.record(previous.position())?;
                    place = previous;
                }
            }
        }
        Ok(Some((place, record)))
    }

    fn by_record(&self, span: Span, filling: &mut Filling<'_>) -> io::Result<()> {
        let mut position = {
            let books = self.shelf.view.books.read();
            let head = &books[filling.book.0 as usize];
            // The first mark at or behind the end: what is looked for is at most 32 records before it.
            let later = head.marks.partition_point(|mark| mark.position < span.before);
            head.marks.get(later).map_or(head.newest, |mark| mark.position)
        };
        while position > span.after {
            let record = self.shelf.segments.record(position)?;
            let previous = record.previous;
            if position < span.before && filling.take(record).is_break() {
                return Ok(());
            }
            position = previous;
        }
        Ok(())
    }
}
