//! Time: microseconds since 1970 in UTC, and the clock as a parameter.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

/// A moment, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

/// A text that is no RFC 3339 time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an RFC 3339 time such as \"2026-01-31T12:00:00Z\"")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// Reads an RFC 3339 time with an offset; finer than a microsecond is cut off.
    pub fn parse(text: &str) -> Result<Self, InvalidTimestamp> {
        let stamp: jiff::Timestamp = text.parse().map_err(|_| InvalidTimestamp)?;
        Ok(Self(stamp.as_microsecond()))
    }

    /// This moment plus a number of microseconds, at the far end of time if it would pass it.
    pub fn plus_us(self, us: i64) -> Self {
        Self(self.0.saturating_add(us))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(stamp) => write!(f, "{stamp:.6}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where time comes from; a parameter, so that tests and the simulator move it by hand.
pub trait Clock: Send + Sync {
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// Microseconds that only ever grow, from an arbitrary start; tells a jump of the wall clock.
    fn monotonic_us(&self) -> i64;
}

/// The system's clocks.
#[derive(Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_microsecond())
    }

    fn monotonic_us(&self) -> i64 {
        i64::try_from(self.0.elapsed().as_micros()).unwrap_or(i64::MAX)
    }
}

/// A clock that stands until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    wall: AtomicI64,
    monotonic: AtomicI64,
}

impl ManualClock {
    /// Stands at `start`.
    pub fn new(start: Timestamp) -> Self {
        Self { wall: AtomicI64::new(start.0), monotonic: AtomicI64::new(0) }
    }

    /// Time passes: both clocks move.
    pub fn advance_us(&self, us: i64) {
        self.wall.fetch_add(us, Ordering::SeqCst);
        self.monotonic.fetch_add(us, Ordering::SeqCst);
    }

    /// The wall clock is set, no time passes: what a wrong time server does.
    pub fn jump_us(&self, us: i64) {
        self.wall.fetch_add(us, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.wall.load(Ordering::SeqCst))
    }

    fn monotonic_us(&self) -> i64 {
        self.monotonic.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back() {
        let stamp = Timestamp::parse("2026-01-31T13:00:00.123456+01:00").unwrap();
        assert_eq!(stamp.to_string(), "2026-01-31T12:00:00.123456Z");
        assert_eq!(Timestamp::parse(&stamp.to_string()), Ok(stamp));
        assert!(Timestamp::parse("2026-01-31").is_err());
        assert!(Timestamp::parse("yesterday").is_err());
    }
}
