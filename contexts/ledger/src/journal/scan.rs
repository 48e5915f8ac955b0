//! Reading the journal from a place to its end, frame by frame, and judging what stands at the end:
//! a clean end, a write that was cut, or damage.

use super::codec::Malformed;
use super::frame::{Head, SECTOR, take_head};
use super::record::{Record, decode_record, glance, take_record};
use super::replay::Replayed;
use super::segments::{SEGMENT_HEAD, Segments, damage, segment_name};
use std::io;

/// Records that are applied together: as many as the first level of the processor's cache takes.
const FEW: usize = 32;
/// Pieces in which the rest of a segment is looked through.
const LOOK_AHEAD: usize = 1 << 20;

/// A frame that holds.
pub struct Frame<'a> {
    /// Its head.
    pub head: &'a Head,
    /// All its bytes.
    pub bytes: &'a [u8],
}

impl Frame<'_> {
    /// Applies its records; `see` is shown each of them first.
    pub fn replay(&self, replayed: &mut Replayed, mut see: impl FnMut(&Record)) -> io::Result<()> {
        let mut few = Vec::with_capacity(FEW);
        // The frame's hash covers what the records' own sums do.
        self.walk(|bytes, position| {
            let record = decode_record(bytes, position).map_err(broken(position))?;
            let length = record.length;
            see(&record);
            few.push(record);
            if few.len() == FEW {
                replayed.apply_all(&mut few);
            }
            Ok(length)
        })?;
        replayed.apply_all(&mut few);
        Ok(())
    }

    /// Applies its records as [`Frame::replay`] does, with no more than a glance at most of them.
    pub fn fold(&self, replayed: &mut Replayed) -> io::Result<()> {
        let mut few = Vec::with_capacity(FEW);
        self.walk(|bytes, position| {
            let Some(entry) = glance(bytes, position).map_err(broken(position))? else {
                replayed.settle_all(&mut few);
                let mut record = decode_record(bytes, position).map_err(broken(position))?;
                replayed.apply(&mut record);
                return Ok(record.length);
            };
            let length = entry.length;
            few.push(entry);
            if few.len() == FEW {
                replayed.settle_all(&mut few);
            }
            Ok(length)
        })?;
        replayed.settle_all(&mut few);
        Ok(())
    }

    /// Calls back with every record that a glance is not enough for: entries posted as commanded and without details
    /// are passed over.
    pub fn each_beyond_glance(&self, mut take: impl FnMut(&Record)) -> io::Result<()> {
        self.walk(|bytes, position| {
            if let Some(entry) = glance(bytes, position).map_err(broken(position))? {
                return Ok(entry.length);
            }
            let record = decode_record(bytes, position).map_err(broken(position))?;
            take(&record);
            Ok(record.length)
        })
    }

    /// Calls back with every record, its own sums checked too.
    pub fn each_record(&self, mut take: impl FnMut(Record) -> io::Result<()>) -> io::Result<()> {
        self.walk(|bytes, position| {
            let record = take_record(bytes, position).map_err(broken(position))?;
            let length = record.length;
            take(record).map(|()| length)
        })
    }

    /// Shows where each record starts, and is told how long it is.
    fn walk(&self, mut take: impl FnMut(&[u8], u64) -> io::Result<u32>) -> io::Result<()> {
        let records = self.head.records_of(self.bytes);
        let (mut place, mut count) = (0, 0);
        while place < records.len() {
            let position = self.head.position + (super::frame::HEAD + place) as u64;
            place += take(&records[place..], position)? as usize;
            count += 1;
        }
        if count != self.head.count {
            return Err(damage(format_args!("frame at {}: it holds {count} records", self.head.position)));
        }
        Ok(())
    }
}

fn broken(position: u64) -> impl Fn(Malformed) -> io::Error {
    move |why| damage(format_args!("record at position {position}: {why}"))
}

/// Whether nothing stands here.
fn is_zero(sector: &[u8]) -> bool {
    sector == &[0; SECTOR][..sector.len()]
}

/// How a scan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing was written behind.
    Clean,
    /// A write was cut; what there is of it was never acknowledged.
    Torn,
}

/// A place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where the next frame starts.
    pub position: u64,
    /// Hash of the frame before.
    pub hash: [u8; 32],
    /// Where that frame starts; 0 for none.
    pub last: u64,
}

/// Reads frames.
pub struct Scanner<'a> {
    segments: &'a Segments,
    /// Where it stands.
    pub place: Place,
    bytes: Vec<u8>,
    head: Option<Head>,
}

impl<'a> Scanner<'a> {
    /// Starts at a place.
    pub fn new(segments: &'a Segments, place: Place) -> Self {
        Self { segments, place, bytes: Vec::new(), head: None }
    }

    /// Confirms that the frame before the place is there: a snapshot may know of one that the disk lost.
    pub fn confirm(&self) -> io::Result<()> {
        let Place { position, hash, last } = self.place;
        if last == 0 {
            return Ok(());
        }
        let mut frame = vec![0; (position - last) as usize];
        let read = self.segments.read(last, &mut frame)?;
        let head = take_head(&frame[..read]).filter(|head| head.position == last && head.hash == hash);
        if head.is_some_and(|head| head.holds(&frame[..read])) {
            return Ok(());
        }
        Err(self.broken_at(last, "the frame that a snapshot follows is not the one that was written"))
    }

    /// The next frame, or how the journal ends. Damage is an error that names the place.
    #[expect(clippy::should_implement_trait, reason = "the frame is lent from the scanner")]
    pub fn next(&mut self) -> io::Result<Result<Frame<'_>, End>> {
        let position = self.place.position;
        let head = match self.head_here()? {
            Ok(head) => head,
            Err(end) => return Ok(Err(end)),
        };
        let holds = head.holds(&self.bytes);
        // Free text is outside of the hash: a frame holds though a sector of it was never written.
        let cut = head.is_torn(&self.bytes);
        if cut && !self.anything_behind(position)? {
            return Ok(Err(End::Torn));
        }
        if !holds {
            return Err(self.broken("the frame's bytes are not those that were written"));
        }
        Ok(Ok(self.arrive(head)))
    }

    /// The next frame, which this process has made durable: its head and its place in the chain are checked, its bytes
    /// are not hashed again. For those who follow along and answer by the records themselves.
    pub fn next_durable(&mut self) -> io::Result<Frame<'_>> {
        match self.head_here()? {
            Ok(head) if self.bytes.len() as u64 == head.extent() => Ok(self.arrive(head)),
            Ok(_) | Err(_) => Err(self.broken("the journal ends before what was durable")),
        }
    }

    /// Reads the frame that should stand here and checks its head, or says how the journal ends.
    fn head_here(&mut self) -> io::Result<Result<Head, End>> {
        let position = self.place.position;
        let mut sector = [0; SECTOR];
        let read = self.segments.read(position, &mut sector)?;
        let Some(head) = take_head(&sector[..read]) else {
            return self.judge_end(&sector[..read]).map(Err);
        };
        if head.position != position {
            return Err(self.broken("the frame belongs to another place"));
        }
        if head.previous != self.place.hash {
            return Err(self.broken("the frame does not follow the one before it"));
        }
        self.bytes.resize(head.extent() as usize, 0);
        let read = self.segments.read(position, &mut self.bytes)?;
        self.bytes.truncate(read);
        Ok(Ok(head))
    }

    fn arrive(&mut self, head: Head) -> Frame<'_> {
        let position = self.place.position;
        self.place = Place { position: position + head.extent(), hash: head.hash, last: position };
        let head = self.head.insert(head);
        Frame { head, bytes: &self.bytes }
    }

    /// The frame that was read last.
    pub fn frame(&self) -> Option<Frame<'_>> {
        self.head.as_ref().map(|head| Frame { head, bytes: &self.bytes })
    }

    fn judge_end(&self, sector: &[u8]) -> io::Result<End> {
        if !is_zero(sector) {
            return Err(self.broken("what stands here is no frame"));
        }
        if self.anything_behind(self.place.position)? {
            return Err(self.broken("a frame is missing, others stand behind it"));
        }
        Ok(if self.first_trace()?.is_some() { End::Torn } else { End::Clean })
    }

    /// Whether another segment, a whole frame's head, or that of the frame that should stand here and was
    /// written elsewhere, stands behind a position.
    fn anything_behind(&self, position: u64) -> io::Result<bool> {
        if self.segments.last().start > position {
            return Ok(true);
        }
        let mut found = false;
        self.look_through(position + SECTOR as u64, |at, sector| {
            found =
                take_head(sector).is_some_and(|head| head.position == at || head.previous == self.place.hash);
            found
        })?;
        Ok(found)
    }

    /// The first sector behind that is not zero.
    fn first_trace(&self) -> io::Result<Option<u64>> {
        let mut trace = None;
        self.look_through(self.place.position, |at, sector| {
            trace = (!is_zero(sector)).then_some(at);
            trace.is_some()
        })?;
        Ok(trace)
    }

    /// Shows every sector from a position to the end of its segment, until told to stop.
    fn look_through(&self, from: u64, mut stop: impl FnMut(u64, &[u8]) -> bool) -> io::Result<()> {
        let Some(segment) = self.segments.holding(from) else { return Ok(()) };
        let mut piece = vec![0; LOOK_AHEAD];
        let mut position = from;
        loop {
            let read = segment.file.read_at(&mut piece, SEGMENT_HEAD + (position - segment.start))?;
            for (number, sector) in piece[..read].chunks(SECTOR).enumerate() {
                if stop(position + (number * SECTOR) as u64, sector) {
                    return Ok(());
                }
            }
            if read < piece.len() {
                return Ok(());
            }
            position += read as u64;
        }
    }

    fn broken(&self, what: &str) -> io::Error {
        self.broken_at(self.place.position, what)
    }

    fn broken_at(&self, position: u64, what: &str) -> io::Error {
        let (name, offset) = match self.segments.holding(position) {
            Some(segment) => (segment_name(segment.start), SEGMENT_HEAD + (position - segment.start)),
            None => (segment_name(position), 0),
        };
        damage(format_args!(
            "{name} at byte {offset}: {what}. The journal is damaged; nothing was changed. \
             Restore the newest backup into a new directory, or repair the file system and start again"
        ))
    }

    /// Makes the end of the journal what it should be: what follows is zero, and the last frame that was
    /// accepted is on the disk and not only in the page cache.
    pub fn mend(&mut self, sync_names: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let Place { position, last, .. } = self.place;
        let segment = self.segments.last();
        let mut traces = Vec::new();
        if segment.start <= position {
            self.look_through(position, |at, sector| {
                if !is_zero(sector) {
                    traces.push((at, sector.len()));
                }
                false
            })?;
        }
        for (at, length) in traces {
            segment.file.write_at(&[0; SECTOR][..length], SEGMENT_HEAD + (at - segment.start))?;
        }
        if last > 0
            && let Some(segment) = self.segments.holding(last)
        {
            self.bytes.resize((position - last) as usize, 0);
            let offset = SEGMENT_HEAD + (last - segment.start);
            super::disk::read_exact(&*segment.file, &mut self.bytes, offset)?;
            segment.file.write_at(&self.bytes, offset)?;
            segment.file.sync()?;
        }
        segment.file.sync()?;
        sync_names()
    }
}
