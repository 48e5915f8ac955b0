//! Every frame that was acknowledged, byte for byte, and whether a recovery found all of them.

use crate::evidence::{Evidence, names_place};
use crate::fold::{Fold, ensure};
use ledger::journal::frame::{HEAD, build, take_head};
use ledger::journal::group::Sealed;
use ledger::journal::recovery::Recovered;
use ledger::journal::scan::Scanner;
use ledger::journal::segments::FIRST_POSITION;
use ledger::journal::snapshot::nothing;

/// A frame as it was written.
#[derive(Clone, Debug)]
pub struct Note {
    /// Where it starts.
    pub position: u64,
    /// All its bytes.
    pub bytes: Vec<u8>,
    /// Its hash.
    pub hash: [u8; 32],
}

/// The acknowledged frames in order.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    /// Oldest first.
    pub notes: Vec<Note>,
}

/// What a recovery that succeeded found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Every acknowledged frame; the one in flight too, or not.
    Whole {
        /// The frame in flight is there.
        flight: bool,
    },
    /// Frames from this one on are gone, in the one way that no recovery can see.
    Unseen(usize),
    /// A frame before the snapshot is destroyed: the state is right, the record is reported when read.
    /// Frames from this one on are gone as in [`Finding::Unseen`], if there are any.
    Wounded(usize),
}

impl Chain {
    /// Hash that the next frame follows.
    pub fn hash(&self) -> [u8; 32] {
        self.notes.last().map_or([0; 32], |note| note.hash)
    }

    /// Where the next frame starts.
    pub fn end(&self) -> u64 {
        self.notes.last().map_or(FIRST_POSITION, |note| note.position + note.bytes.len() as u64)
    }

    /// The frame of a group that is handed over.
    pub fn note(&self, sealed: &Sealed) -> Note {
        let mut bytes = Vec::new();
        let hash =
            build(&mut bytes, &sealed.contents, &sealed.zeros, sealed.position, sealed.time, &self.hash());
        Note { position: sealed.position, bytes, hash }
    }

    /// Everything the frames come to.
    pub fn fold(&self) -> Result<Fold, String> {
        let mut fold = Fold::default();
        self.notes.iter().try_for_each(|note| note.fold_into(&mut fold))?;
        Ok(fold)
    }

    /// Judges what a recovery found, given what there was to find and the frame that was in flight.
    pub fn judge(
        &self,
        evidence: &Evidence,
        recovered: &Recovered,
        flight: Option<&Note>,
    ) -> Result<Finding, String> {
        let mut scanner = Scanner::new(&recovered.segments, nothing().place);
        let mut found = 0;
        let place = recovered.place.position;
        let fault = loop {
            match scanner.next() {
                Ok(Ok(frame)) => {
                    // Free text is not in the chain: its own hash tells.
                    if let Err(fault) = frame.each_record(|_| Ok(())) {
                        break Some(fault.to_string());
                    }
                    let expected = self.notes.get(found).or(flight.filter(|_| found == self.notes.len()));
                    let expected = expected.ok_or_else(|| {
                        format!("a frame stands at {} that was never written", frame.head.position)
                    })?;
                    expected.check_same(frame.head.position, frame.bytes)?;
                    found += 1;
                }
                Ok(Err(_)) => break None,
                Err(fault) => break Some(fault.to_string()),
            }
        };
        let end = self.end();
        let flown = flight.filter(|note| place == note.position + note.bytes.len() as u64);
        if let Some(fault) = fault {
            ensure(!evidence.harm.is_empty(), || format!("nothing was destroyed, but: {fault}"))?;
            ensure(names_place(&fault), || format!("it names no place: {fault}"))?;
            if place != end && flown.is_none() {
                let from = self.notes.iter().position(|note| note.position == place);
                let from = from.ok_or_else(|| format!("recovery ended at {place}, where no frame does"))?;
                evidence.check_unseen(from)?;
                return Ok(Finding::Wounded(from));
            }
            return Ok(Finding::Wounded(self.notes.len()));
        }
        if scanner.place.position != place {
            return Err(format!("the journal ends at {}, recovery at {place}", scanner.place.position));
        }
        if found >= self.notes.len() {
            return Ok(Finding::Whole { flight: found > self.notes.len() });
        }
        evidence.check_unseen(found)?;
        Ok(Finding::Unseen(found))
    }
}

impl Note {
    /// Adds its records to the books.
    pub fn fold_into(&self, fold: &mut Fold) -> Result<(), String> {
        let head = take_head(&self.bytes).ok_or("the frame has no head")?;
        let frame = ledger::journal::scan::Frame { head: &head, bytes: &self.bytes };
        let mut records = Vec::new();
        frame
            .each_record(|record| {
                records.push(record);
                Ok(())
            })
            .map_err(|fault| fault.to_string())?;
        ensure(head.time > fold.time, || format!("the group at {} is not later", self.position))?;
        for record in records {
            ensure(record.at == head.time, || "a record has another time than its group".to_owned())?;
            fold.push(record)?;
        }
        Ok(())
    }

    fn check_same(&self, position: u64, bytes: &[u8]) -> Result<(), String> {
        // What pads the last sector says nothing and is under no checksum.
        let head = take_head(&self.bytes).ok_or("the frame has no head")?;
        let said = HEAD + head.records as usize;
        ensure(position == self.position && bytes.get(..said) == self.bytes.get(..said), || {
            format!("another frame stands at {position} than the one acknowledged for {}", self.position)
        })
    }
}
