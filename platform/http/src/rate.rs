//! The rate limit: so many requests a second for each API key, or for each address where there is no key.

use crate::slugs;
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use kernel::{Id, Problem};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

/// Checks between two sweeps of keys that have not been seen for a while.
const CHECKS_PER_SWEEP: u32 = 1 << 16;

/// The setting: off unless a number is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct RateLimit {
    /// Requests a second for each caller; 0 is no limit (the default).
    pub per_second: u32,
    /// Requests that may come at once; 0 is as many as a second allows.
    pub burst: u32,
}

/// Who is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Counted {
    Key(Id),
    Address(IpAddr),
}

pub(crate) struct Rate {
    limiter: RateLimiter<Counted, HashMapStateStore<Counted>, DefaultClock>,
    clock: DefaultClock,
    checks: AtomicU32,
}

impl Rate {
    /// None where there is no limit.
    pub fn try_new(limit: RateLimit) -> Option<Self> {
        let per_second = NonZeroU32::new(limit.per_second)?;
        let burst = NonZeroU32::new(limit.burst).unwrap_or(per_second);
        let quota = Quota::per_second(per_second).allow_burst(burst);
        let limiter = RateLimiter::hashmap(quota);
        Some(Self { limiter, clock: DefaultClock::default(), checks: AtomicU32::new(0) })
    }

    /// Counts one request.
    pub fn check(&self, counted: Counted) -> Result<(), Problem> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % CHECKS_PER_SWEEP == CHECKS_PER_SWEEP - 1 {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&counted).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            let seconds = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1);
            let detail = format!("Wait {seconds} s.");
            Problem { retry_after_s: Some(seconds), ..Problem::new(&slugs::RATE_LIMITED, detail) }
        })
    }
}
