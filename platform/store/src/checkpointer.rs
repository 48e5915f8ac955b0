//! Copies a file's write-ahead log into the file, on a thread of its own, so that no commit pauses for it; and says
//! up to where in the journal the file has everything for good.

use crate::connection::{Access, connect};
use crate::error::Error;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Pause between two looks: short, so that each copies little.
const PAUSE: Duration = Duration::from_millis(20);
/// Looks without a change after which the pause grows.
const CALM: u32 = 50;
/// Frames of a log that is begun anew: 256 MB. Each time the writer waits for a sync of the file, which takes 10 ms
/// and more on a disk that has much to write; a log this long makes that rare, and is read in a third of a second.
const LONG_FRAMES: i64 = 65_536;
/// How long beginning it anew may wait for others.
const PATIENCE: Duration = Duration::from_millis(200);
/// Pause while nothing changes.
const CALM_PAUSE: Duration = Duration::from_secs(1);

/// The thread; dropped, it ends.
pub struct Checkpointer {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts it for a file. `synced` is told how far the file has come with the journal, whenever all of that
    /// outlives a power cut.
    pub fn start(path: &Path, synced: impl Fn(u64) + Send + 'static) -> Result<Self, Error> {
        let connection = connect(path, Access::Write)?;
        connection.execute_batch("PRAGMA synchronous = NORMAL")?;
        connection.busy_timeout(PATIENCE)?;
        let ends = Arc::new(AtomicBool::new(false));
        let (flag, path) = (ends.clone(), path.to_owned());
        let work = move || {
            let (mut version, mut calm, mut rests) = (None, 0, false);
            while !flag.load(Ordering::Acquire) {
                std::thread::park_timeout(if calm > CALM && rests { CALM_PAUSE } else { PAUSE });
                let now = connection.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0)).ok();
                calm = if now == version { calm + 1 } else { 0 };
                // A reader may have kept it from being whole: it is looked at again until it is.
                if calm <= 1 || !rests {
                    rests = look(&connection, &path, &synced);
                }
                version = now;
            }
        };
        let thread = std::thread::Builder::new().name("rows-checkpoint".to_owned()).spawn(work);
        let thread = thread
            .map_err(|source| Error::Io { doing: "starting the checkpoint's thread".into(), source })?;
        Ok(Self { ends, thread: Some(thread) })
    }
}

/// Copies what there is, and says how far the file is if that was everything; whether it was, or nothing is gained by
/// looking again at once. A log that has grown
/// long is begun anew, for which the writer waits a moment: while it commits without a pause, nothing else ever lets
/// the log start over.
fn look(connection: &Connection, path: &Path, synced: &impl Fn(u64)) -> bool {
    let copied = copy(connection);
    if let Ok(Copied { whole: Some(cursor), .. }) = copied {
        synced(cursor);
    }
    let is_long = copied.as_ref().is_ok_and(|copied| copied.frames > LONG_FRAMES);
    let begun_anew = match is_long {
        // Busy readers are no fault: the next look tries again.
        true => connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())),
        false => Ok(()),
    };
    match copied.and_then(|copied| begun_anew.map(|()| copied.whole.is_some())) {
        Ok(whole) => whole,
        Err(fault) => {
            tracing::warn!(path = %path.display(), %fault, "the log could not be copied into the file");
            // The next change is soon enough for another word of it.
            true
        }
    }
}

/// What was copied.
struct Copied {
    frames: i64,
    /// The cursor that was there before, if everything was copied: it is synced then.
    whole: Option<u64>,
}

fn copy(connection: &Connection) -> rusqlite::Result<Copied> {
    let cursor = "SELECT position FROM store_cursor WHERE one = 1";
    let cursor: i64 = connection.prepare_cached(cursor)?.query_row([], |row| row.get(0))?;
    let (busy, frames, copied): (i64, i64, i64) =
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let whole = busy == 0 && frames == copied;
    Ok(Copied { frames, whole: whole.then(|| u64::try_from(cursor).unwrap_or(0)) })
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It holds nothing that a panic could leave half done.
            let _ = thread.join();
        }
    }
}
