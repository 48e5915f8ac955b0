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
            let (mut version, mut calm) = (None, 0);
            while !flag.load(Ordering::Acquire) {
                std::thread::park_timeout(if calm > CALM { CALM_PAUSE } else { PAUSE });
                let now = connection.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0)).ok();
                calm = if now == version { calm + 1 } else { 0 };
                if calm <= 1 {
                    match copy(&connection) {
                        Ok(Some(cursor)) => synced(cursor),
                        Ok(None) => {}
                        Err(fault) => {
                            tracing::warn!(path = %path.display(), %fault, "the log could not be copied into the file");
                        }
                    }
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

/// Copies what there is; a log that has grown long is begun anew, for which the writer waits a moment: while it
/// commits without a pause, nothing else ever lets the log start over. Returns the cursor that was there before if
/// everything was copied, which is synced then.
fn copy(connection: &Connection) -> rusqlite::Result<Option<u64>> {
    let cursor = "SELECT position FROM store_cursor WHERE one = 1";
    let cursor: i64 = connection.prepare_cached(cursor)?.query_row([], |row| row.get(0))?;
    let (busy, frames, copied): (i64, i64, i64) =
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    if frames > LONG_FRAMES {
        // Busy readers are no fault: the next look tries again.
        connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))?;
    }
    let whole = busy == 0 && frames == copied;
    Ok(whole.then(|| u64::try_from(cursor).unwrap_or(0)))
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
