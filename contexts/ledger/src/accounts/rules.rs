//! An account's life, and when a balance may move.

use super::model::{AccountKind, Counters, Frozen, Lifecycle, Limits, Settings};
use crate::refusal::{AccountStatus, Refusal};

/// What must be known of the balances before an account may close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holdings {
    /// Every balance is zero, posted and pending.
    pub settled: bool,
    /// Open holds that touch the account.
    pub open_holds: u32,
}

/// Moves an account through its life. Freezing again replaces the frozen sides.
pub fn apply(mut settings: Settings, change: &Lifecycle, holdings: Holdings) -> Result<Settings, Refusal> {
    match (settings.closed, change) {
        (true, Lifecycle::Freeze(_) | Lifecycle::Thaw | Lifecycle::Close) => {
            return Err(Refusal::AccountState { status: AccountStatus::Closed });
        }
        (false, Lifecycle::Freeze(sides)) => settings.frozen = *sides,
        (false, Lifecycle::Thaw) => {
            if settings.frozen == Frozen::default() {
                return Err(Refusal::AccountState { status: AccountStatus::Open });
            }
            settings.frozen = Frozen::default();
        }
        (false, Lifecycle::Close) => {
            if !holdings.settled || holdings.open_holds > 0 {
                return Err(Refusal::AccountNotEmpty { open_holds: holdings.open_holds });
            }
            settings.closed = true;
        }
    }
    settings.version += 1;
    Ok(settings)
}

/// Which limit a move breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// Would fall (further) below the floor.
    Floor {
        /// What could still be taken.
        available: i128,
        /// What the move takes.
        requested: i128,
    },
    /// Would rise (further) above the ceiling.
    Ceiling {
        /// What could still be added.
        room: i128,
        /// What the move adds.
        requested: i128,
    },
}

/// Judges a move from `before` to `after`. Only a move further past a limit breaks it, so an overdrawn
/// account can be topped up in part.
pub fn judge(kind: AccountKind, limits: &Limits, before: &Counters, after: &Counters) -> Option<Breach> {
    let normal = kind.normal_side();
    if let Some(floor) = limits.floor {
        let (old, new) = (before.available(normal), after.available(normal));
        if new < floor && new < old {
            return Some(Breach::Floor { available: (old - floor).max(0), requested: old - new });
        }
    }
    if let Some(ceiling) = limits.ceiling {
        let (old, new) = (before.reach(normal), after.reach(normal));
        if new > ceiling && new > old {
            return Some(Breach::Ceiling { room: (ceiling - old).max(0), requested: new - old });
        }
    }
    None
}
