//! The thread of the projection. Round after round it reads the frames that became durable, and writes their labels
//! and how far it came in one transaction. It has a low priority and rests while others write; a round that finds
//! nothing to keep writes nothing.

use super::rows::put_rows;
use super::store::{LabelRow, MIGRATIONS, Reached, generation_insert, label_insert, place_find, place_put};
use super::{Progress, Shared, told};
use crate::journal::engine::Engine;
use crate::journal::frame::MAX_FRAME;
use crate::journal::keys::Keyed;
use crate::journal::rest::Rest;
use crate::journal::scan::{Place, Scanner};
use crate::journal::segments::Segments;
use crate::journal::snapshot::nothing;
use crate::journal::view::View as Durables;
use kernel::Clock;
use platform_store::{Error, View, ViewWriter};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Number of the layout and of what is projected: a file of another is made anew.
const LAYOUT: u32 = 1;
/// How often the thread looks for work when nobody asks.
const LOOK: Duration = Duration::from_millis(20);
/// How long it waits after a fault.
const FAULT_PAUSE: Duration = Duration::from_secs(1);
/// Labels of one transaction: sorted, they fill pages instead of touching one each.
const ROUND_LABELS: usize = 65_536;
/// Bytes of frames of one round: after so many without a label the place is written all the same.
const ROUND_BYTES: u64 = 32 << 20;
/// Labels of a generation: they and their inner pages stay in the writer's cache.
const GENERATION_LABELS: u64 = 1 << 18;
/// Labels written between two looks whether to rest or to stop.
const FEW: usize = 64;
/// What the thread's niceness is raised by: a tenth of the weight of those who answer.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Follows a journal.
pub(super) struct Follower {
    path: PathBuf,
    segments: Arc<Segments>,
    durables: Arc<Durables>,
    keyed: Keyed,
    rest: Arc<Rest>,
    shared: Arc<Shared>,
    writer: Option<ViewWriter>,
    reached: Reached,
    /// What the file says: behind what was read where that held nothing to keep.
    written: Reached,
    /// End of the journal at the round before.
    seen_end: u64,
}

/// Why a round was not finished.
enum Unfinished {
    Closing,
    Store(Error),
    Journal(io::Error),
}

impl From<Error> for Unfinished {
    fn from(fault: Error) -> Self {
        Self::Store(fault)
    }
}

impl From<io::Error> for Unfinished {
    fn from(fault: io::Error) -> Self {
        Self::Journal(fault)
    }
}

/// What a round read.
struct Round {
    place: Place,
    records: u64,
    rows: Vec<LabelRow>,
}

impl Follower {
    pub(super) fn new(path: PathBuf, engine: &Engine, clock: Arc<dyn Clock>, shared: Arc<Shared>) -> Self {
        let Engine { view, segments, keyed, .. } = engine;
        let start = beginning(keyed);
        Self {
            path,
            segments: segments.clone(),
            durables: view.clone(),
            keyed: keyed.clone(),
            rest: Rest::new(clock),
            shared,
            writer: None,
            reached: start,
            written: start,
            seen_end: 0,
        }
    }

    /// Opens the file, or says why not.
    pub(super) fn open_or_tell(&mut self) {
        if let Err(fault) = self.open() {
            self.tell(&fault);
        }
    }

    /// Runs until the projection is closed.
    pub(super) fn run(mut self) {
        lower_priority();
        while !self.is_closing() {
            let more = match self.round() {
                Ok(more) => more,
                Err(Unfinished::Closing) => break,
                Err(fault) => {
                    self.tell(&fault);
                    std::thread::park_timeout(FAULT_PAUSE);
                    continue;
                }
            };
            if !more && self.shared.wanted.load(Ordering::Acquire) <= self.reached.place.position {
                std::thread::park_timeout(LOOK);
                self.rest.rested();
            }
        }
        let reached = self.reached;
        if let Some(writer) = self.writer.as_mut().filter(|_| self.written != reached)
            && let Err(fault) = writer.write(|tx| place_put(tx, &reached))
        {
            tracing::warn!(fault = told(&fault), "the next start reads some of the journal again");
        }
    }

    fn is_closing(&self) -> bool {
        self.shared.closing.load(Ordering::Acquire)
    }

    fn tell(&mut self, fault: &Unfinished) {
        match fault {
            Unfinished::Closing => {}
            Unfinished::Journal(fault) => {
                tracing::error!(%fault, "the projection cannot read the journal on; filtered reads stay behind");
            }
            Unfinished::Store(fault) => {
                tracing::error!(
                    fault = told(fault),
                    "the projection stands still; filtered reads stay behind"
                );
                if fault.wants_new_file() {
                    self.shared.damaged.store(true, Ordering::Release);
                }
            }
        }
    }

    /// Opens the file and finds out how far it is; one that does not follow this journal is made anew.
    fn open(&mut self) -> Result<(), Unfinished> {
        let opened = View::open(&self.path, MIGRATIONS);
        let opened = opened.and_then(|(file, writer)| Ok((file.read(place_find)?, file, writer)));
        let (reached, file, writer) = match opened {
            Ok((Some(reached), file, writer)) if self.follows(&reached)? => (reached, file, writer),
            Ok((None, file, writer)) => (beginning(&self.keyed), file, writer),
            Ok((Some(_), file, writer)) => {
                drop((file, writer));
                self.make("it does not follow the journal")?
            }
            Err(fault) if fault.wants_new_file() => self.make(&told(&fault))?,
            Err(fault) => return Err(fault.into()),
        };
        (self.reached, self.written, self.writer) = (reached, reached, Some(writer));
        *self.shared.file.write() = Some(Arc::new(file));
        self.publish();
        Ok(())
    }

    fn make(&self, why: &str) -> Result<(Reached, View, ViewWriter), Error> {
        tracing::warn!(why, "the projection is made anew from the journal");
        View::remove(&self.path)?;
        let (file, writer) = View::open(&self.path, MIGRATIONS)?;
        Ok((beginning(&self.keyed), file, writer))
    }

    /// Whether the frame that a file stands behind is in this journal, at this place, and durable.
    fn follows(&self, reached: &Reached) -> io::Result<bool> {
        let Place { position, last, .. } = reached.place;
        let start = beginning(&self.keyed);
        if reached.journal != start.journal || position > self.durables.durable().end {
            return Ok(false);
        }
        if last == 0 {
            return Ok(reached.place == start.place);
        }
        // Confirming reads as many bytes as the file says that the frame has.
        if last >= position || position - last > MAX_FRAME as u64 {
            return Ok(false);
        }
        match Scanner::new(&self.segments, reached.place).confirm() {
            Err(fault) if fault.kind() != io::ErrorKind::InvalidData => Err(fault),
            confirmed => Ok(confirmed.is_ok()),
        }
    }

    /// Forgets a damaged file, once nobody reads it any more.
    fn forget(&mut self) -> Result<(), Unfinished> {
        let file = self.shared.file.write().take();
        while file.as_ref().is_some_and(|file| Arc::strong_count(file) > 1) {
            std::thread::park_timeout(LOOK);
        }
        drop((file, self.writer.take()));
        View::remove(&self.path)?;
        self.shared.damaged.store(false, Ordering::Release);
        Ok(())
    }

    /// One round; whether there is more to read at once.
    fn round(&mut self) -> Result<bool, Unfinished> {
        if self.shared.damaged.load(Ordering::Acquire) {
            self.forget()?;
        }
        if self.writer.is_none() {
            self.open()?;
        }
        let end = self.durables.durable().end;
        if self.reached.place.position >= end {
            return Ok(false);
        }
        // Where nothing was written since the round before, nobody is in the way.
        self.rest.hurry(end == self.seen_end);
        self.seen_end = end;
        let round = self.read(end)?;
        let full = round.place.position < end;
        self.write(round)?;
        self.publish();
        Ok(full)
    }

    fn read(&self, end: u64) -> Result<Round, Unfinished> {
        let start = self.reached.place;
        let (mut records, mut rows) = (0, Vec::new());
        let mut scanner = Scanner::new(&self.segments, start);
        while scanner.place.position < end
            && scanner.place.position - start.position < ROUND_BYTES
            && rows.len() < ROUND_LABELS
        {
            if self.is_closing() {
                return Err(Unfinished::Closing);
            }
            let frame = scanner.next_durable()?;
            records += u64::from(frame.head.count);
            frame.each_beyond_glance(|record| put_rows(&mut rows, &self.keyed, record))?;
            self.rest.take();
        }
        rows.sort_unstable();
        // Two labels of one entry with the same hash are one row.
        rows.dedup();
        Ok(Round { place: scanner.place, records, rows })
    }

    fn write(&mut self, round: Round) -> Result<(), Unfinished> {
        let Round { place, records, rows } = round;
        let mut next = self.reached;
        (next.place, next.records) = (place, next.records + records);
        next.labels += rows.len() as u64;
        let fresh = !rows.is_empty() && (next.generation == 0 || next.generation_labels >= GENERATION_LABELS);
        if fresh {
            (next.generation, next.generation_labels) = (next.generation + 1, 0);
        }
        next.generation_labels += rows.len() as u64;
        let unwritten = place.position - self.written.place.position;
        if !rows.is_empty() || unwritten >= ROUND_BYTES {
            let first = self.reached.place.position;
            let writer = self.writer.as_mut().expect("it was opened at the start of the round");
            let (rest, shared) = (&self.rest, &self.shared);
            writer.write(|tx| {
                if fresh {
                    generation_insert(tx, next.generation, first)?;
                }
                for few in rows.chunks(FEW) {
                    label_insert(tx, next.generation, few)?;
                    if shared.closing.load(Ordering::Acquire) {
                        return Err(Unfinished::Closing);
                    }
                    rest.take();
                }
                Ok(place_put(tx, &next)?)
            })?;
            self.written = next;
        }
        self.reached = next;
        Ok(())
    }

    fn publish(&self) {
        let Reached { place, records, labels, .. } = self.reached;
        self.shared.progress.send_replace(Progress { position: place.position, records, labels });
    }
}

/// Nothing read yet.
fn beginning(keyed: &Keyed) -> Reached {
    Reached {
        journal: keyed.fingerprint(LAYOUT),
        place: nothing().place,
        records: 0,
        labels: 0,
        generation: 0,
        generation_labels: 0,
    }
}

/// Lets everybody else go first, where the system has a priority for each thread.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(fault) = rustix::process::nice(NICENESS) {
        tracing::debug!(%fault, "the projection runs with the priority of the others");
    }
}
