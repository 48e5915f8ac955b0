//! What goes wrong on a simulated disk, and how often.

use crate::chance::Chance;

/// How often each fault strikes: once in this many operations of its kind, 0 for never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// A read that fails.
    pub read_error: u64,
    /// A write that fails before its first byte.
    pub write_error: u64,
    /// A write that fails after some of its bytes.
    pub short_write: u64,
    /// A sync that fails: what it did not write is not tried again.
    pub sync_error: u64,
    /// A write that is reported done and never gets to the platter.
    pub lost_write: u64,
    /// A write that lands elsewhere in its file.
    pub stray_write: u64,
    /// Making a durable list of names fails; it is tried again by the next.
    pub names_error: u64,
}

impl Rates {
    /// A mixture: most lives see one kind of fault or none, a few see several.
    pub fn draw(chance: &mut Chance) -> Self {
        let mut rates = Self::default();
        for _ in 0..[0, 0, 1, 1, 1, 2][chance.place(6)] {
            let often = chance.within(8, 60);
            match chance.below(7) {
                0 => rates.read_error = often * 4,
                1 => rates.write_error = often,
                2 => rates.short_write = often,
                3 => rates.sync_error = often / 3 + 2,
                4 => rates.lost_write = often,
                5 => rates.stray_write = often,
                _ => rates.names_error = often / 4 + 2,
            }
        }
        rates
    }
}

/// How a broken engine or disk of a test behaves; everything off for the real one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Broken {
    /// Syncs of the journal's segments report success and do nothing.
    pub segments_never_synced: bool,
    /// Recovery writes and syncs nothing.
    pub recovery_mends_nothing: bool,
}

/// How the power goes, or only the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The page cache is gone.
    Power,
    /// The process is gone; the page cache stays, but clean pages may have left it.
    Process,
}
