//! The ledger: accounts, entries and holds in double entry, over an embedded journal.
//! An answer means durable; refusals are values; nothing that could still be lost is ever read.

pub mod accounts;
pub mod books;
pub mod command;
pub mod decide;
pub mod directory;
pub mod effect;
pub mod entries;
pub mod holds;
pub mod http;
pub mod journal;
pub mod postgres;
pub mod projection;
pub mod reading;
pub mod refusal;
pub mod skew;
pub mod state;
pub mod units;

use books::model::BookNo;
use command::{Keys, Manner, Origin, Request};
use effect::Outcome;
use journal::disk::Disk;
use journal::engine::{Engine, Settings};
use journal::group::{Answer, Unanswered};
use journal::job::{BatchJob, SingleJob};
use journal::record::Record;
use kernel::{Caller, Clock, Id, IdSource, Problem, Tenant, Timestamp};
use projection::{Projection, Span};
use reading::{EntryFilter, EntryPage, Reading, VISIBLE_WITHIN, When, not_yet_visible, unreadable};
use refusal::PROJECTION_OFF;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// The ledger of one data directory.
#[derive(Clone)]
pub struct Ledger {
    engine: Arc<Engine>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    /// What entries are searched by, where it is kept.
    projection: Option<Arc<Projection>>,
    /// Reads of what is durable.
    pub reading: Reading,
}

/// A command that was carried out.
#[derive(Clone, Debug)]
pub struct Done {
    /// The record that says so.
    pub record: Record,
    /// It was carried out before, and this is the first answer again.
    pub replayed: bool,
    /// It was only rehearsed.
    pub dry_run: bool,
}

/// A command that was not carried out.
#[derive(Clone, Debug)]
pub struct NotDone {
    /// Why.
    pub problem: Problem,
    /// It was refused before, and this is the first answer again.
    pub replayed: bool,
}

impl From<Problem> for NotDone {
    fn from(problem: Problem) -> Self {
        Self { problem, replayed: false }
    }
}

/// A batch as a caller asks for it.
#[derive(Clone)]
pub struct BatchRequest {
    /// All or nothing.
    pub atomic: bool,
    /// Commands, or why one could not be read.
    pub commands: Vec<Result<Request, Arc<Problem>>>,
    /// The batch's own `Idempotency-Key`, with the digest of what was sent under it.
    pub key: Option<(Box<str>, [u8; 32])>,
    /// How to handle it.
    pub manner: Manner,
}

impl Ledger {
    /// Recovers the journal of a directory, starts it, and has the default tenant's book opened.
    pub fn open(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        settings: Settings,
    ) -> io::Result<Self> {
        let engine = Arc::new(Engine::open(disk, clock.clone(), ids.clone(), settings)?);
        engine.prepare_book(&Tenant::default());
        Ok(Self { reading: Reading::new(&engine), engine, clock, ids, projection: None })
    }

    /// Keeps a projection in this file, so that entries can be searched by reference, party and metadata.
    pub fn projected(mut self, path: PathBuf) -> io::Result<Self> {
        self.projection = Some(Arc::new(Projection::open(path, &self.engine, self.clock.clone())?));
        Ok(self)
    }

    /// The projection, if there is one.
    pub fn projection(&self) -> Option<&Projection> {
        self.projection.as_deref()
    }

    /// A page of entries in a span of the journal, newest first; those of a label only as far as the projection is.
    /// With `min_seq` the answer has everything up to that record.
    pub async fn entries(
        &self,
        book: BookNo,
        filter: EntryFilter,
        span: Span,
        limit: usize,
        min_seq: Option<u64>,
    ) -> Result<EntryPage, Problem> {
        let projection = match (filter.labels().next(), &self.projection) {
            (None, _) => None,
            (Some(_), Some(projection)) => Some(projection.clone()),
            (Some(_), None) => {
                let detail = "This server keeps no projection, by which entries are searched.";
                return Err(Problem::new(&PROJECTION_OFF, detail));
            }
        };
        if let (Some(seq), Some(projection)) = (min_seq, &projection) {
            let position = self.reading.bound(book, When::Seq(seq)).await?.position;
            let waited = tokio::time::timeout(VISIBLE_WITHIN, projection.await_position(position)).await;
            waited.map_err(|_| not_yet_visible("The record of this number is not projected yet."))?;
        }
        let reading = self.reading.clone();
        // Reads up to thousands of records: off the threads that answer others.
        let page = tokio::task::spawn_blocking(move || {
            reading.entries(book, &filter, span, limit, projection.as_deref())
        });
        page.await.map_err(|fault| unreadable(&io::Error::other(fault)))?
    }

    /// Records that are durable and not projected yet.
    pub fn projection_lag(&self) -> Option<u64> {
        // What is projected comes first: it is never ahead of what is durable later.
        let projected = self.projection.as_ref()?.progress().records;
        let durable: u64 = self.engine.view.books.read().iter().map(|book| book.seq).sum();
        Some(durable.saturating_sub(projected))
    }

    /// The engine, for readiness, metrics and operators.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The book of a caller's tenant, opened on first use.
    pub async fn book(&self, tenant: &Tenant) -> Result<BookNo, Problem> {
        match self.reading.book(tenant) {
            Some(book) => Ok(book),
            None => self.engine.book(tenant).await.map_err(|Unanswered(problem)| problem),
        }
    }

    /// The time, for checks that need none of the group's.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A request under this key, with the caller's own id or a new one.
    pub fn request(&self, key: Option<String>, own: Option<Id>, command: command::Command) -> Request {
        let keys = Keys { key: key.map(String::into_boxed_str), own_id: own.is_some() };
        Request { id: own.unwrap_or_else(|| self.ids.next()), keys, command }
    }

    /// Carries out one command.
    pub async fn run(
        &self,
        by: &Caller,
        book: BookNo,
        request: Request,
        manner: Manner,
    ) -> Result<Done, NotDone> {
        let origin = Some(origin(by));
        let answer = self.engine.single(|reply| SingleJob { book, request, manner, origin, reply }).await;
        let mut answer = answer.map_err(|Unanswered(problem)| NotDone::from(problem))?;
        let replayed = answer.replayed;
        match answer.outcomes.pop() {
            Some(Outcome::Refused(problem)) => {
                Err(NotDone { problem: Arc::unwrap_or_clone(problem), replayed })
            }
            Some(Outcome::Done { position, .. } | Outcome::Replayed { position, .. }) => {
                let record = self.record(&answer, position)?;
                Ok(Done { record, replayed, dry_run: false })
            }
            Some(Outcome::WouldDo) if !answer.dry.is_empty() => {
                Ok(Done { record: answer.dry.swap_remove(0), replayed: false, dry_run: true })
            }
            Some(Outcome::WouldDo) | None => unreachable!("a single command has an outcome and its record"),
        }
    }

    /// Carries out a batch.
    pub async fn run_batch(&self, by: &Caller, book: BookNo, batch: BatchRequest) -> Result<Answer, Problem> {
        let origin = Some(origin(by));
        let BatchRequest { atomic, commands, key, manner } = batch;
        assert!(atomic || !manner.dry_run, "a caller rehearses atomic batches only");
        let job = |reply| BatchJob { book, atomic, commands, key, manner, origin, reply };
        self.engine.batch(job).await.map_err(|Unanswered(problem)| problem)
    }

    /// The record at a position, from the group that was just written or from the journal.
    pub fn record(&self, answer: &Answer, position: u64) -> Result<Record, Problem> {
        match answer.group.as_ref().and_then(|group| group.record(position)) {
            Some(record) => Ok(record),
            None => self.reading.record(position),
        }
    }

    /// Finishes what was handed over and stops.
    pub fn close(&self) {
        if let Some(projection) = &self.projection {
            projection.close();
        }
        self.engine.close();
    }
}

fn origin(by: &Caller) -> Origin {
    Origin {
        key: by.key,
        address: by.address,
        correlation: Some(by.request.clone()),
        causation: None,
        traceparent: by.traceparent.clone(),
    }
}
