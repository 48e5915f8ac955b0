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

/// How often the keeper looks how much is free.
const ROOM_PAUSE: Duration = Duration::from_secs(1);
/// How often it looks for redo that nothing needs any more: it reads the heads of a segment's frames for that.
const REDO_PAUSE: Duration = Duration::from_secs(5);
/// How long it leaves redo alone after a fault.
const REDO_FAULT_PAUSE: Duration = Duration::from_secs(60);

/// Runs the keeper until the engine closes.
pub(super) fn keep_house(keeper: &Keeper, shared: &Shared, settings: Settings, clock: &dyn Clock) {
    let mut spare_for = 0;
    let mut scrubbed_us = clock.monotonic_us();
    let reserve_bytes = settings.disk_reserve_bytes;
    let mut round = Round { reserve_bytes, room_at_us: scrubbed_us, redo_at_us: scrubbed_us };
    loop {
        if shared.queue.lock().closing {
            return;
        }
        round.look_at_room(keeper, shared, clock);
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
        round.destroy_redo(keeper, shared, clock);
        let since_us = u64::try_from(clock.monotonic_us() - scrubbed_us).unwrap_or(0);
        if settings.scrub_pause.is_some_and(|pause| Duration::from_micros(since_us) >= pause) {
            scrub(keeper, shared, &mut round, clock);
            scrubbed_us = clock.monotonic_us();
        }
        std::thread::park_timeout(KEEPER_PAUSE);
    }
}

/// When the keeper looks next.
struct Round {
    reserve_bytes: u64,
    room_at_us: i64,
    redo_at_us: i64,
}

impl Round {
    /// Whether less is free than the reserve, looked at now and then; a disk that cannot say is taken for one with
    /// room.
    fn look_at_room(&mut self, keeper: &Keeper, shared: &Shared, clock: &dyn Clock) {
        let now_us = clock.monotonic_us();
        if now_us < self.room_at_us {
            return;
        }
        self.room_at_us = now_us + micros(ROOM_PAUSE);
        let reserve_bytes = self.reserve_bytes;
        let low = keeper.disk.free_bytes().is_ok_and(|free| free < reserve_bytes);
        if low != shared.low_disk.swap(low, Ordering::AcqRel) {
            match low {
                true => {
                    tracing::error!(reserve_bytes, "the disk is nearly full; commands that change rows wait");
                }
                false => tracing::info!("the disk has room again"),
            }
        }
    }

    /// Destroys the redo of one segment if no file needs it, when it is time to.
    fn destroy_redo(&mut self, keeper: &Keeper, shared: &Shared, clock: &dyn Clock) {
        if clock.monotonic_us() < self.redo_at_us {
            return;
        }
        let synced = shared.synced.lock().clone();
        let upto = |context: &str| synced.get(context).copied().unwrap_or(0);
        let pause = match keeper.destroy_redo(self.reserve_bytes, &upto) {
            // There may be more.
            Ok(true) => Duration::ZERO,
            Ok(false) => REDO_PAUSE,
            Err(fault) => {
                tracing::error!(%fault, "redo that no file needs could not be destroyed; tried again in a minute");
                note_damage(shared, &fault);
                REDO_FAULT_PAUSE
            }
        };
        self.redo_at_us = clock.monotonic_us() + micros(pause);
    }
}

/// A fault that says what was written is not there any more is shown to operators until the process ends.
fn note_damage(shared: &Shared, fault: &std::io::Error) {
    if fault.kind() == std::io::ErrorKind::InvalidData {
        *shared.damage.lock() = Some(fault.to_string());
    }
}

fn micros(pause: Duration) -> i64 {
    i64::try_from(pause.as_micros()).unwrap_or(i64::MAX)
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
            note_damage(shared, &fault);
            false
        }
    }
}

fn scrub(keeper: &Keeper, shared: &Shared, round: &mut Round, clock: &dyn Clock) {
    let end = shared.view.durable().end;
    let go_on = |_| {
        // It takes long: the room is looked at meanwhile.
        round.look_at_room(keeper, shared, clock);
        !shared.queue.lock().closing
    };
    if let Err(fault) = keeper.scrub(end, go_on) {
        tracing::error!(%fault, "the background check found damage");
        *shared.damage.lock() = Some(fault.to_string());
    }
}
