//! The sequencer's core on one thread, over a disk in memory, a clock that stands and ids by a seed: what
//! the engine's threads do, step by step. A group may be in flight while the next one fills.
#![allow(dead_code, clippy::unwrap_used)]

pub mod disk;
pub mod script;
pub mod words;

use disk::MemoryDisk;
use kernel::id::SeededIds;
use kernel::time::ManualClock;
use kernel::{Id, IdSource, Problem, Tenant, Timestamp};
use ledger::accounts::model::AccountNo;
use ledger::books::model::{AssetNo, BookNo};
use ledger::command::{Command, Keys, Manner, Request};
use ledger::effect::Outcome;
use ledger::journal::core::{Core, Parts};
use ledger::journal::disk::Disk;
use ledger::journal::engine::new_lookup;
use ledger::journal::group::{Answer, Handed, Reply, Unanswered};
use ledger::journal::job::{BatchJob, OpenBatch, SingleJob};
use ledger::journal::keeper::Keeper;
use ledger::journal::record::{OriginAt, Record};
use ledger::journal::recovery::{Recovered, recover};
use ledger::journal::replay::Replayed;
use ledger::journal::rest::Rest;
use ledger::journal::scan::Scanner;
use ledger::journal::segments::Segments;
use ledger::journal::snapshot::nothing;
use ledger::journal::view::{Durable, View};
use ledger::journal::writer::Writer;
use ledger::state::State;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The only book of a rig.
pub const BOOK: BookNo = BookNo(0);
/// When a rig's clock starts: 2026-01-01T00:00:00Z.
pub const START: Timestamp = Timestamp(1_767_225_600_000_000);

/// Where an answer will be.
pub type Awaited = oneshot::Receiver<Result<Answer, Unanswered>>;

/// A ledger that is driven by hand.
pub struct Rig {
    pub disk: Arc<dyn Disk>,
    pub clock: Arc<ManualClock>,
    pub ids: Arc<SeededIds>,
    pub core: Core,
    pub segments: Arc<Segments>,
    pub view: Arc<View>,
    writer: Writer,
    keeper: Keeper,
    in_flight: Option<Handed>,
}

impl Rig {
    /// A ledger with one book.
    pub fn new(seed: u64) -> Self {
        let clock = Arc::new(ManualClock::new(START));
        let ids = Arc::new(SeededIds::new(seed));
        let mut rig = Self::open(Arc::new(MemoryDisk::default()), clock, ids);
        let (reply, _) = oneshot::channel();
        rig.core.book(Tenant::default(), reply);
        rig.commit();
        rig
    }

    fn open(disk: Arc<dyn Disk>, clock: Arc<ManualClock>, ids: Arc<SeededIds>) -> Self {
        let recovered = recover(&disk, &*ids).expect("the journal is whole");
        let Recovered { segments, identity, index, replayed, place, .. } = recovered;
        let durable = Durable {
            end: place.position,
            hash: place.hash,
            time: replayed.state.last_time,
            poisoned: false,
        };
        let view = Arc::new(View::new(&replayed.state, &replayed.marks, durable));
        let lookup = new_lookup(&segments, &index, identity, place.position);
        let parts = Parts { lookup, clock: clock.clone(), ids: ids.clone(), view: view.clone() };
        let core = Core::new(replayed.state, parts);
        let writer = Writer::new(segments.clone(), identity, view.clone(), place);
        let keeper = Keeper {
            disk: disk.clone(),
            segments: segments.clone(),
            identity,
            index,
            rest: Rest::new(clock.clone()),
        };
        Self { disk, clock, ids, core, segments, view, writer, keeper, in_flight: None }
    }

    /// Hands one command over.
    pub fn single(&mut self, request: Request, manner: Manner) -> Awaited {
        let (reply, answer) = oneshot::channel();
        self.core.single(SingleJob { book: BOOK, request, manner, origin: None, reply });
        answer
    }

    /// Hands a batch over; an independent one is taken `most` commands at a time.
    pub fn batch(&mut self, most: usize, job: impl FnOnce(Reply) -> BatchJob) -> Awaited {
        let (reply, answer) = oneshot::channel();
        let job = job(reply);
        let mut open =
            Box::new(OpenBatch { job, outcomes: Vec::new(), origin: OriginAt::Nobody, looked_up: false });
        while let Some(rest) = self.core.batch(open, most) {
            open = rest;
        }
        answer
    }

    /// Makes the group in flight durable and hands over the one being filled.
    pub fn turn(&mut self) {
        if let Some(mut handed) = self.in_flight.take() {
            self.writer.commit(&handed).expect("a disk in memory takes everything");
            handed.answer();
            self.core.settled();
        }
        self.core.tick();
        if self.core.has_group() {
            self.in_flight = Some(self.core.hand_over());
        }
    }

    /// Nothing is in flight and nothing waits.
    pub fn is_idle(&self) -> bool {
        self.in_flight.is_none() && !self.core.has_group()
    }

    /// Makes everything durable and answers everybody.
    pub fn commit(&mut self) {
        self.turn();
        self.turn();
        while !self.is_idle() {
            self.turn();
        }
    }

    /// One command, one group, one outcome.
    pub fn post(&mut self, request: Request, manner: Manner) -> Outcome {
        let answer = self.single(request, manner);
        self.commit();
        answered(answer).outcomes[0].clone()
    }

    /// Ends without a word and starts again from the disk.
    pub fn restart(&mut self) {
        assert!(self.is_idle(), "what is not durable would be lost");
        *self = Self::open(self.disk.clone(), self.clock.clone(), self.ids.clone());
    }

    /// Writes a run of the index and a snapshot, from which the next start goes on.
    pub fn checkpoint(&mut self) {
        assert!(self.is_idle(), "a checkpoint starts between groups");
        let generation = self.core.lookup.index.rotate();
        self.keeper
            .checkpoint(self.core.lookup.start, generation)
            .expect("a disk in memory takes everything");
    }

    /// Every record from the journal's start, and the state they make.
    pub fn replay(&self, mut each: impl FnMut(&State, &Record)) -> Replayed {
        let (mut replayed, mut folded) = (Replayed::default(), Replayed::default());
        let mut scanner = Scanner::new(&self.segments, nothing().place);
        while let Ok(frame) = scanner.next().expect("the journal is whole") {
            frame
                .each_record(|mut record| {
                    replayed.apply(&mut record);
                    each(&replayed.state, &record);
                    Ok(())
                })
                .expect("the frame is whole");
            frame.fold(&mut folded).expect("the frame is whole");
        }
        // A checkpoint gives most records no more than a glance.
        assert_same(&replayed.state, &folded.state);
        assert_eq!(replayed.marks, folded.marks);
        replayed
    }

    /// The durable record at a position.
    pub fn record(&self, position: u64) -> Record {
        self.segments.record(position).expect("an answered record is durable")
    }

    /// The account of a path.
    pub fn account(&self, path: &str) -> AccountNo {
        self.find(path).unwrap_or_else(|| panic!("there is no account {path}"))
    }

    /// The account of a path, if there is one.
    pub fn find(&self, path: &str) -> Option<AccountNo> {
        self.core.state.directory.by_path(BOOK, path)
    }

    /// Number of the book's newest record.
    pub fn seq(&self) -> u64 {
        self.core.state.book(BOOK).seq
    }

    /// A request under a new id that nobody named.
    pub fn unnamed(&self, command: Command) -> Request {
        Request { id: self.ids.next(), keys: Keys::default(), command }
    }

    /// `posted/available` of an account in an asset.
    pub fn balance(&self, path: &str, asset: AssetNo) -> String {
        let state = &self.core.state;
        let account = self.account(path);
        let normal = state.account(account).kind.normal_side();
        let counters =
            state.find_balance(account, asset).map(|no| state.balance(no).counters).unwrap_or_default();
        format!("{}/{}", counters.posted(normal), counters.available(normal))
    }
}

/// The answer, which is there.
pub fn answered(mut answer: Awaited) -> Answer {
    answer.try_recv().expect("its group is durable").expect("it was decided")
}

/// A request under the caller's own id.
pub fn own(id: u128, command: Command) -> Request {
    Request { id: Id(id), keys: Keys { key: None, own_id: true }, command }
}

/// What a refusal says, in a line: its slug and its data.
pub fn told(problem: &Problem) -> String {
    let mut text = problem.slug.code.to_owned();
    for (name, datum) in &problem.data {
        // Ids are the ledger's to choose; the path beside one says as much.
        if *name != "account" || problem.slug.code == "unknown-account" {
            words::put_datum(&mut text, name, datum);
        }
    }
    text
}

/// A position-free line for an outcome: `done 7`, `again 7`, or what a refusal says.
pub fn line(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done { seq, .. } => format!("done {seq}"),
        Outcome::Replayed { seq, .. } => format!("again {seq}"),
        Outcome::Refused(problem) => told(problem),
        Outcome::WouldDo => "would do".to_owned(),
    }
}

/// Panics where two states differ in anything that decisions look at. A state that undid something may
/// know parties that have no record; the time of a group without records is in no record either.
pub fn assert_same(one: &State, other: &State) {
    assert_eq!(one.books.len(), other.books.len());
    for (a, b) in one.books.iter().zip(&other.books) {
        assert_eq!(
            (&a.tenant, a.seq, a.partyless, &a.assets, &a.patterns, a.newest),
            (&b.tenant, b.seq, b.partyless, &b.assets, &b.patterns, b.newest),
            "the head of a book"
        );
    }
    assert_eq!(one.accounts.len(), other.accounts.len());
    for no in (0..one.accounts.len() as u32).map(AccountNo) {
        let (a, b) = (one.account(no), other.account(no));
        assert_eq!(format!("{a:?}"), format!("{b:?}"));
        assert_eq!(format!("{:?}", one.directory.name(no)), format!("{:?}", other.directory.name(no)));
    }
    assert_eq!(one.balances.len(), other.balances.len());
    for (a, b) in one.balances.iter().zip(&other.balances) {
        assert_eq!(
            (a.counters, a.account, a.asset, a.next, &a.limits, a.last_seq, &a.stack),
            (b.counters, b.account, b.asset, b.next, &b.limits, b.last_seq, &b.stack)
        );
    }
    assert_eq!(one.holds.len(), other.holds.len());
    for (id, hold) in &one.holds {
        assert_eq!(Some(hold), other.holds.get(id), "hold {id:?}");
    }
    assert_eq!(one.expiry, other.expiry);
    let parties = |state: &State| {
        let mut counts: Vec<_> = state.parties.iter().filter(|(_, count)| **count > 0).collect();
        counts.sort();
        format!("{counts:?}")
    };
    assert_eq!(parties(one), parties(other), "records per party");
}
