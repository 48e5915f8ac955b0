//! The thread behind the commits: keeps a segment ahead, writes checkpoints, reads everything again now and then.

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

/// Runs the keeper until the engine closes.
pub(super) fn keep_house(keeper: &Keeper, shared: &Shared, settings: Settings, clock: &dyn Clock) {
    let mut spare_for = 0;
    let mut scrubbed_us = clock.monotonic_us();
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
        let since_us = u64::try_from(clock.monotonic_us() - scrubbed_us).unwrap_or(0);
        if settings.scrub_pause.is_some_and(|pause| Duration::from_micros(since_us) >= pause) {
            scrub(keeper, shared);
            scrubbed_us = clock.monotonic_us();
        }
        std::thread::park_timeout(KEEPER_PAUSE);
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
