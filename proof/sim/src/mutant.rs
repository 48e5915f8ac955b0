//! Engines that are broken on purpose, by what is around them: the checks have to catch each.

use crate::disk::{Broken, SECTOR, SimDisk};
use kernel::IdSource;
use ledger::journal::recovery::{Recovered, recover};
use ledger::journal::scan::Scanner;
use ledger::journal::segments::{SEGMENT_HEAD, Segments, segment_name};
use ledger::journal::snapshot::{nothing, snapshot_position};
use std::io;
use std::sync::Arc;

/// How the engine is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mutant {
    /// Not at all.
    #[default]
    Right,
    /// Recovery does not make durable what it accepts, and does not wipe what it does not.
    MendsNothing,
    /// The writer's syncs are skipped.
    NeverSyncs,
    /// Recovery takes damage for the end of the journal.
    DamageIsTheEnd,
    /// Recovery passes a snapshot over that the journal does not reach.
    SnapshotAheadIsIgnored,
    /// Recovery forgets the names of what it replays.
    ForgetsNames,
    /// Answers go out before the group is durable.
    AnswersEarly,
}

impl Mutant {
    /// All that are broken.
    pub const BROKEN: [Self; 6] = [
        Self::MendsNothing,
        Self::NeverSyncs,
        Self::DamageIsTheEnd,
        Self::SnapshotAheadIsIgnored,
        Self::ForgetsNames,
        Self::AnswersEarly,
    ];

    /// What of it the disk does.
    pub fn broken(self) -> Broken {
        Broken {
            segments_never_synced: self == Self::NeverSyncs,
            recovery_mends_nothing: self == Self::MendsNothing,
        }
    }

    /// Recovers, as badly as this mutant does.
    pub fn recover(self, disk: &SimDisk, ids: &dyn IdSource) -> io::Result<Recovered> {
        disk.set_recovering(true);
        let mut recovered = recover(&disk.as_dyn(), ids);
        disk.set_recovering(false);
        let is_damage = recovered.as_ref().is_err_and(|fault| fault.kind() == io::ErrorKind::InvalidData);
        match self {
            Self::DamageIsTheEnd if is_damage => {
                disk.calmly(|| cut_at_damage(disk))?;
                recovered = recover(&disk.as_dyn(), ids);
            }
            Self::SnapshotAheadIsIgnored if is_damage => {
                disk.calmly(|| remove_snapshots(disk))?;
                recovered = recover(&disk.as_dyn(), ids);
            }
            Self::ForgetsNames => {
                if let Ok(found) = &mut recovered {
                    found.index = Arc::new(ledger::journal::index::Index::new(1000));
                }
            }
            _ => {}
        }
        recovered
    }
}

fn cut_at_damage(disk: &SimDisk) -> io::Result<()> {
    let Some((segments, _)) = Segments::open(disk.as_dyn())? else { return Ok(()) };
    let mut scanner = Scanner::new(&segments, nothing().place);
    while let Ok(Ok(_)) = scanner.next() {}
    let position = scanner.place.position;
    for segment in segments.list().iter() {
        let name = segment_name(segment.start);
        if segment.start > position {
            ledger::journal::disk::Disk::remove(disk, &name)?;
        } else if segment.start + segment.room > position {
            let from = (SEGMENT_HEAD + position - segment.start) / SECTOR as u64;
            disk.meddle(&name, |file| file.wipe(from));
        }
    }
    remove_snapshots(disk)
}

fn remove_snapshots(disk: &SimDisk) -> io::Result<()> {
    for name in disk.names() {
        if snapshot_position(&name).is_some() {
            ledger::journal::disk::Disk::remove(disk, &name)?;
        }
    }
    Ok(())
}
