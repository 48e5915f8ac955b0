//! Writing groups: one frame, one write, one sync; then readers see it and callers are answered.
//! A write or sync that fails leaves what is on the disk unknown: nothing is written after it.

use super::frame::{MAX_FRAME, build};
use super::group::Handed;
use super::scan::Place;
use super::segments::{Identity, SEGMENT_HEAD, Segments};
use super::view::View;
use std::io;
use std::sync::Arc;

/// Bytes of a page of the page cache.
const PAGE: u64 = 4096;

/// Writes frames at the end of the journal.
pub struct Writer {
    segments: Arc<Segments>,
    identity: Identity,
    view: Arc<View>,
    place: Place,
    buffer: Vec<u8>,
}

impl Writer {
    /// Goes on at this place.
    pub fn new(segments: Arc<Segments>, identity: Identity, view: Arc<View>, place: Place) -> Self {
        Self { segments, identity, view, place, buffer: Vec::new() }
    }

    /// Makes a group durable and shows it. After an error nothing more may be written.
    pub fn commit(&mut self, handed: &Handed) -> io::Result<()> {
        let sealed = &handed.sealed;
        if handed.is_empty() {
            self.view.pass(sealed.time);
            return Ok(());
        }
        assert_eq!(sealed.position, self.place.position, "groups are written in order");
        assert!(sealed.extent <= MAX_FRAME as u64, "a group that no start could read is not written");
        let segment = self.segments.last();
        if sealed.position - segment.start + sealed.extent > segment.room {
            self.segments.activate(self.identity, sealed.position, sealed.extent)?;
        }
        let hash = build(
            &mut self.buffer,
            &sealed.contents,
            &sealed.zeros,
            sealed.position,
            sealed.time,
            &self.place.hash,
        );
        assert_eq!(self.buffer.len() as u64, sealed.extent, "a frame takes what was reckoned");
        let segment = self.segments.last();
        let offset = SEGMENT_HEAD + (sealed.position - segment.start);
        // What follows is zero: written along up to the end of the page, it spares reading the page first.
        let page_end = (offset + sealed.extent).next_multiple_of(PAGE).min(SEGMENT_HEAD + segment.room);
        self.buffer.resize((page_end - offset) as usize, 0);
        segment.file.write_at(&self.buffer, offset)?;
        segment.file.sync()?;
        let end = sealed.position + sealed.extent;
        self.place = Place { position: end, hash, last: sealed.position };
        // Names before the end that covers them: who sees the end finds what it covers.
        handed.name();
        self.view.publish(&handed.publication, end, hash, sealed.time);
        Ok(())
    }
}
