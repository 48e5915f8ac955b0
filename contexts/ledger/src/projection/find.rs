//! Finding entries that have several labels: each label's positions are in order, so the newest that all have is
//! found by leaping from one list to the next, generation by generation.

use super::store::{Span, generation_list, label_list};
use platform_store::{Error, Reader};
use std::ops::ControlFlow;

/// Work of one page: a look into the file counts as [`LOOK`] rows. About 20 ms, whatever is asked.
const WORK_PER_PAGE: usize = 32_768;
/// What finding a place in the file costs, in rows read on from there.
const LOOK: usize = 16;
/// Rows that are read on at first, and at most: a list that is leapt through is not read.
const FEW: usize = 16;
const MANY: usize = 512;

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Everything was looked at.
    All,
    /// Only what stands at or behind this position: the next page goes on before it.
    DownTo(u64),
}

/// Shows the positions in a span that have all of these labels, newest first, until told to stop; then the position
/// that was shown last is where it stopped.
pub fn find<E: From<Error>>(
    reader: &Reader<'_>,
    labels: &[u64],
    span: Span,
    mut show: impl FnMut(u64) -> Result<ControlFlow<()>, E>,
) -> Result<Found, E> {
    let mut search = Search { reader, after: span.after, work: 0 };
    let mut before = span.before;
    loop {
        // A few generations at a time: there is one for each quarter of a million labels.
        let generations = generation_list(reader, before, FEW).map_err(E::from)?;
        search.work += LOOK;
        if generations.is_empty() {
            return Ok(Found::All);
        }
        for (generation, first) in generations {
            if before <= span.after.saturating_add(1) {
                return Ok(Found::All);
            }
            if let Some(stopped) = search.generation(generation, labels, before, &mut show)? {
                return Ok(Found::DownTo(stopped));
            }
            before = first;
        }
    }
}

struct Search<'a, 'b> {
    reader: &'a Reader<'b>,
    after: u64,
    work: usize,
}

/// One label's positions in one generation.
struct List {
    label: u64,
    /// What was read, oldest first.
    ahead: Vec<u64>,
    /// How much to read next.
    most: usize,
    /// There is nothing behind what was read.
    ended: bool,
}

impl Search<'_, '_> {
    /// Where it stopped, if it did.
    fn generation<E: From<Error>>(
        &mut self,
        generation: u64,
        labels: &[u64],
        before: u64,
        show: &mut impl FnMut(u64) -> Result<ControlFlow<()>, E>,
    ) -> Result<Option<u64>, E> {
        let list = |label: &u64| List { label: *label, ahead: Vec::new(), most: FEW, ended: false };
        let mut lists: Vec<List> = labels.iter().map(list).collect();
        let mut upto = before - 1;
        loop {
            let mut common = upto;
            let mut agreed = 0;
            // Round the lists until all have named the same position.
            for place in (0..lists.len()).cycle() {
                if self.work > WORK_PER_PAGE {
                    return Ok(Some(common + 1));
                }
                let Some(position) = self.newest(generation, &mut lists[place], common)? else {
                    return Ok(None);
                };
                agreed = if position == common { agreed + 1 } else { 1 };
                common = position;
                if agreed >= lists.len() {
                    break;
                }
            }
            if show(common)?.is_break() {
                return Ok(Some(common));
            }
            upto = common - 1;
        }
    }

    /// The newest position of a list at or before one.
    fn newest(&mut self, generation: u64, list: &mut List, upto: u64) -> Result<Option<u64>, Error> {
        self.work += 1;
        let had = list.ahead.len();
        list.ahead.truncate(list.ahead.partition_point(|position| *position <= upto));
        if list.ahead.is_empty() && !list.ended {
            // A list that was read to its end is read on in larger pieces, one that was leapt over in small ones.
            list.most = if had <= 1 { (list.most * 2).min(MANY) } else { FEW };
            let read = label_list(self.reader, generation, list.label, upto, self.after, list.most)?;
            self.work += LOOK + read.len();
            list.ended = read.len() < list.most;
            list.ahead = read;
            list.ahead.reverse();
        }
        Ok(list.ahead.last().copied())
    }
}
