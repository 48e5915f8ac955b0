//! The living keys in memory, and how far behind the file they may be.
//! Past 250 ms one request asks SQLite's `data_version` (microseconds) while the others go on; past one second
//! every request waits for that answer, and none is let in without it. So no timer and no thread is needed, and a
//! key revoked by another process opens nothing after one second. All keys are here, so an unknown one is answered
//! from memory as well and nothing grows with wrong guesses.

use crate::model::Identity;
use crate::refusal::Refusal;
use crate::store::{self, LiveKey};
use arc_swap::{ArcSwap, Guard};
use kernel::{Clock, Timestamp};
use parking_lot::Mutex;
use platform_store::{Error, Reader, Store, Watch};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use subtle::ConstantTimeEq;

/// After this one request looks whether the file changed: four times a second costs nothing.
const LOOK_US: i64 = 250_000;
/// After this nobody is let in before somebody looked: what `admin keys revoke` promises.
const STALE_US: i64 = 1_000_000;

/// The keys as of one look at the file.
pub struct Snapshot {
    keys: HashMap<u128, LiveKey>,
    /// Whether a key was ever made.
    pub any: bool,
}

/// The newest snapshot and its age.
pub struct Cache {
    snapshot: ArcSwap<Snapshot>,
    watch: Mutex<Watch>,
    looked_us: AtomicI64,
    failing: AtomicBool,
    clock: Arc<dyn Clock>,
}

impl Cache {
    /// Loads the keys.
    pub fn open(store: &Store, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let mut watch = store.watch()?;
        let looked_us = AtomicI64::new(clock.monotonic_us());
        let snapshot = watch.look(Snapshot::load)?.expect("the first look reads");
        Ok(Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            watch: Mutex::new(watch),
            looked_us,
            failing: AtomicBool::new(false),
            clock,
        })
    }

    /// The keys, at most one second behind the file.
    pub fn current(&self) -> Result<Guard<Arc<Snapshot>>, Refusal> {
        match self.age_us() {
            ..LOOK_US => {}
            LOOK_US..STALE_US => {
                if let Some(mut watch) = self.watch.try_lock() {
                    // A failure here shows once the snapshot is too old to serve.
                    let _ = self.look(&mut watch);
                }
            }
            STALE_US.. => {
                let mut watch = self.watch.lock();
                if self.age_us() >= LOOK_US {
                    self.look(&mut watch).map_err(|()| Refusal::KeysUnreadable)?;
                }
            }
        }
        Ok(self.snapshot.load())
    }

    fn age_us(&self) -> i64 {
        self.clock.monotonic_us() - self.looked_us.load(Ordering::Acquire)
    }

    fn look(&self, watch: &mut Watch) -> Result<(), ()> {
        // Taken before the look: what is committed during it belongs to the next.
        let now_us = self.clock.monotonic_us();
        match watch.look(Snapshot::load) {
            Ok(changed) => {
                if let Some(snapshot) = changed {
                    self.snapshot.store(Arc::new(snapshot));
                }
                self.looked_us.store(now_us, Ordering::Release);
                self.failing.store(false, Ordering::Relaxed);
                Ok(())
            }
            Err(fault) => {
                // Said once: at full load this would be said thousands of times a second.
                if !self.failing.swap(true, Ordering::Relaxed) {
                    tracing::error!(
                        error = &fault as &dyn std::error::Error,
                        "the file of API keys cannot be read"
                    );
                }
                Err(())
            }
        }
    }
}

impl Snapshot {
    fn load(reader: &Reader<'_>) -> Result<Self, Error> {
        let any = store::key_any(reader)?;
        let live = store::key_load_live(reader)?;
        Ok(Self { keys: live.into_iter().map(|key| (place(&key.hash), key)).collect(), any })
    }

    /// Whose key has this hash.
    pub fn find(&self, hash: &[u8; 32], now: Timestamp) -> Result<Identity, Refusal> {
        let key = self.keys.get(&place(hash)).ok_or(Refusal::UnknownKey)?;
        if !bool::from(key.hash.ct_eq(hash)) {
            return Err(Refusal::UnknownKey);
        }
        if key.expires_at.is_some_and(|end| end <= now) {
            return Err(Refusal::ExpiredKey);
        }
        Ok(Identity { tenant: key.tenant.clone(), key: Some(key.id), scopes: key.scopes.clone() })
    }
}

/// Where a hash stands in the map: its first half. A caller cannot choose hashes, so the time of the search tells
/// nothing about a key's text; the whole hash is then compared in constant time.
fn place(hash: &[u8; 32]) -> u128 {
    let (half, _) = hash.split_first_chunk().expect("32 bytes have a first half");
    u128::from_be_bytes(*half)
}
