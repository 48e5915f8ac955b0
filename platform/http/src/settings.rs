//! The settings of site and server. The app reads them from its configuration; the defaults are documented here.

use crate::rate::RateLimit;
use std::time::Duration;

/// What a request may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body where a route says nothing else. Default 1 MiB: hundreds of times an ordinary command.
    pub body_bytes: usize,
    /// From the head of a request to the head of its answer. Default 60 s: twice the longest poll.
    pub request_time: Duration,
    /// Between two pieces of a body. Default 10 s: no network that works pauses longer.
    pub body_idle: Duration,
    /// Requests a second per caller. Default: no limit.
    pub rate: RateLimit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            request_time: Duration::from_secs(60),
            body_idle: Duration::from_secs(10),
            rate: RateLimit::default(),
        }
    }
}

/// What connections may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// Connections at once; more wait in the listener's queue. Default 4,096: at about 30 KiB each 120 MiB.
    pub max_connections: u32,
    /// Until a request's head has arrived, counted from the end of the request before: also how long a connection
    /// may idle. Default 30 s.
    pub header_time: Duration,
    /// How long requests in flight may go on once the server is told to stop. Default 20 s.
    pub drain_time: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            header_time: Duration::from_secs(30),
            drain_time: Duration::from_secs(20),
        }
    }
}
