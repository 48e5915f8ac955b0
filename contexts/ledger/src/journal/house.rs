//! The thread behind the commits: keeps a segment ahead, writes checkpoints, destroys redo that nothing needs, reads
//! everything again now and then.

use super::engine::Settings;
use super::keeper::Keeper;
use super::threads::Shared;
use kernel::Clock;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often the keeper looks for work.
const KEEPER_PAUSE: Duration = Duration::from_millis(20);
/// How long the keeper waits after a fault, a full disk above all, before it tries again.
const FAULT_PAUSE: Duration = Duration::from_secs(1);

/// How often the keeper looks for redo that nothing needs any more.
const REDO_PAUSE: Duration = Duration::from_secs(1);
/// How long it leaves redo alone after a fault.
const REDO_FAULT_PAUSE: Duration = Duration::from_secs(60);

/// Runs the keeper until the engine closes.
pub(super) fn keep_house(keeper: &Keeper, shared: &Shared, settings: Settings, clock: &dyn Clock) {
    let mut spare_for = 0;
    let mut scrubbed_us = clock.monotonic_us();
    let mut redo = RedoRound { at_us: clock.monotonic_us() };
    loop {
        if shared.queue.lock().closing {
            return;
        }
        let segments = keeper.segments.list().len();
        if spare_for != segments {
            match keeper.segments.make_spare(keeper.segments.next_size()) {
                Ok(()) => {
                    spare_for = segments;
                    shared.full_disk.store(false, Ordering::Release);
                }
                Err(fault) => {
                    tracing::error!(%fault, "the journal's next segment cannot be made; writes wait for space");
                    shared.full_disk.store(true, Ordering::Release);
                    std::thread::park_timeout(FAULT_PAUSE);
                    continue;
                }
            }
        }
        if !checkpoint_if_due(keeper, shared) {
            std::thread::park_timeout(FAULT_PAUSE);
            continue;
        }
        redo.go(keeper, shared, clock);
        let since_us = u64::try_from(clock.monotonic_us() - scrubbed_us).unwrap_or(0);
        if settings.scrub_pause.is_some_and(|pause| Duration::from_micros(since_us) >= pause) {
            scrub(keeper, shared);
            scrubbed_us = clock.monotonic_us();
        }
        std::thread::park_timeout(KEEPER_PAUSE);
    }
}

/// When redo is looked at next.
struct RedoRound {
    at_us: i64,
}

impl RedoRound {
    /// Destroys the redo of one segment, if it is time to and no file needs it.
    fn go(&mut self, keeper: &Keeper, shared: &Shared, clock: &dyn Clock) {
        let now_us = clock.monotonic_us();
        if now_us < self.at_us {
            return;
        }
        let synced = shared.synced.lock().clone();
        let pause = match keeper.destroy_redo(&|context| synced.get(context).copied().unwrap_or(0)) {
            // There may be more.
            Ok(true) => Duration::ZERO,
            Ok(false) => REDO_PAUSE,
            Err(fault) => {
                tracing::error!(%fault, "redo that no file needs could not be destroyed; tried again in a minute");
                REDO_FAULT_PAUSE
            }
        };
        self.at_us = now_us + i64::try_from(pause.as_micros()).unwrap_or(i64::MAX);
    }
}

/// Writes a checkpoint if one was begun; whether nothing went wrong. One that failed is tried again.
fn checkpoint_if_due(keeper: &Keeper, shared: &Shared) -> bool {
    let Some((position, generation)) = *shared.checkpoint.lock() else { return true };
    match keeper.checkpoint(position, generation) {
        Ok(()) => {
            shared.checkpoint_at.store(position, Ordering::Relaxed);
            *shared.checkpoint.lock() = None;
            true
        }
        Err(fault) => {
            tracing::error!(%fault, "a checkpoint failed; a restart replays more of the journal");
            if fault.kind() == std::io::ErrorKind::InvalidData {
                *shared.damage.lock() = Some(fault.to_string());
            }
            false
        }
    }
}

fn scrub(keeper: &Keeper, shared: &Shared) {
    let end = shared.view.durable().end;
    if let Err(fault) = keeper.scrub(end, |_| !shared.queue.lock().closing) {
        tracing::error!(%fault, "the background check found damage");
        *shared.damage.lock() = Some(fault.to_string());
    }
}
