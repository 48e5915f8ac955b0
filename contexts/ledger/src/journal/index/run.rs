//! One immutable file of sorted keys, with what of it stays in memory: header, fences and filter.
//! A lookup that the spans and the filter let through reads one block and checks it.

use std::io;
use std::sync::Arc;

use super::filter::{Filter, LINE_BYTES, Probe};
use super::keys::KeyHash;
use super::layout::{self, BLOCK_BYTES, Block, Damage, FENCE_BYTES, Header};
use crate::journal::disk::{Disk, File, read_exact};

/// What the manifest and the metrics say of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunMeta {
    /// File of the run.
    pub name: String,
    /// How often its keys were merged.
    pub level: u64,
    /// Keys it holds.
    pub keys: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
}

/// A run, open for lookups.
pub(super) struct Run {
    name: String,
    file: Arc<dyn File>,
    header: Header,
    /// First key of each block.
    fences: Box<[KeyHash]>,
    filter: Filter,
}

impl Run {
    /// A run whose file was just written.
    pub fn new(
        name: String,
        file: Arc<dyn File>,
        header: Header,
        fences: Vec<KeyHash>,
        filter: Filter,
    ) -> Self {
        Self { name, file, header, fences: fences.into_boxed_slice(), filter }
    }

    /// Reads header, fences and filter, each against its checksum.
    pub fn open(disk: &dyn Disk, name: &str) -> io::Result<Self> {
        Self::load(disk, name).map_err(|fault| named(name, fault))
    }

    fn load(disk: &dyn Disk, name: &str) -> io::Result<Self> {
        let damage = |what: &str| Damage::fault(name, what);
        let file = disk.open(name)?;
        let mut block = [0; BLOCK_BYTES];
        let bytes = file.size()?;
        if bytes < BLOCK_BYTES as u64 {
            return Err(damage("the file is too short for a header"));
        }
        read_exact(&*file, &mut block, 0)?;
        let header = Header::from_block(&block).map_err(damage)?;
        if bytes != header.file_bytes() {
            return Err(damage("the length of the file is not what the header says"));
        }
        let mut fences = vec![0; header.blocks() as usize * FENCE_BYTES];
        read_exact(&*file, &mut fences, header.fences_at())?;
        if crc32c::crc32c(&fences) != header.fences_sum {
            return Err(damage("the first keys of the blocks fail their checksum"));
        }
        let mut filter = vec![0; header.filter_lines as usize * LINE_BYTES];
        read_exact(&*file, &mut filter, header.filter_at())?;
        if crc32c::crc32c(&filter) != header.filter_sum {
            return Err(damage("the filter fails its checksum"));
        }
        let fences = fences.as_chunks::<FENCE_BYTES>().0.iter().map(layout::fence).collect();
        Ok(Self { name: name.to_owned(), file, header, fences, filter: Filter::from_bytes(&filter) })
    }

    /// The position of the key, if the run has it.
    #[inline]
    pub fn get(&self, key: KeyHash, probe: &Probe) -> io::Result<Option<u64>> {
        if self.header.spans.may_hold(key) && self.filter.may_hold(probe) {
            self.search(key)
        } else {
            Ok(None)
        }
    }

    /// Reads the one block that may hold the key.
    #[inline(never)]
    fn search(&self, key: KeyHash) -> io::Result<Option<u64>> {
        let after = self.fences.partition_point(|first| *first <= key);
        let Some(number) = after.checked_sub(1) else { return Ok(None) };
        let mut block = [0; BLOCK_BYTES];
        read_exact(&*self.file, &mut block, layout::block_at(number as u64))
            .map_err(|fault| named(&self.name, fault))?;
        self.check(&block, number)?;
        let (mut low, mut high) = (0, self.header.keys_in(number as u64));
        while low < high {
            let middle = usize::midpoint(low, high);
            let found = layout::located(&block, middle);
            match found.key.cmp(&key) {
                std::cmp::Ordering::Equal => return Ok(Some(found.position)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    /// Refuses a block that is not the one written in this place of this run.
    fn check(&self, block: &Block, number: usize) -> io::Result<()> {
        if !layout::is_sealed(block, number as u64) {
            return Err(Damage::fault(&self.name, format!("block {number} fails its checksum")));
        }
        if layout::located(block, 0).key != self.fences[number] {
            return Err(Damage::fault(&self.name, format!("block {number} is of another run")));
        }
        Ok(())
    }

    /// Reads as many whole blocks as the buffer takes, from this block on, and checks them.
    pub fn read_blocks(&self, first: u64, buffer: &mut Vec<u8>, most: usize) -> io::Result<()> {
        let blocks = (self.header.blocks() - first).min(most as u64) as usize;
        buffer.resize(blocks * BLOCK_BYTES, 0);
        read_exact(&*self.file, buffer, layout::block_at(first)).map_err(|fault| named(&self.name, fault))?;
        let (read, _) = buffer.as_chunks::<BLOCK_BYTES>();
        read.iter().zip(first as usize..).try_for_each(|(block, number)| self.check(block, number))
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn meta(&self) -> RunMeta {
        RunMeta {
            name: self.name.clone(),
            level: self.header.level,
            keys: self.header.keys,
            file_bytes: self.header.file_bytes(),
        }
    }

    /// Bytes in memory: the filter and the fences.
    pub fn resident_bytes(&self) -> u64 {
        (self.filter.lines() * LINE_BYTES + self.fences.len() * FENCE_BYTES) as u64
    }
}

/// Adds the file's name to a fault that lacks it.
fn named(name: &str, fault: io::Error) -> io::Error {
    match fault.get_ref() {
        Some(inner) if inner.is::<Damage>() => fault,
        _ => io::Error::new(fault.kind(), format!("index run {name}: {fault}")),
    }
}
