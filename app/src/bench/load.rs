//! The load generator: prebuilt requests over HTTP/1.1 connections that stay open, one request at a time on each.
//! It shares the machine with the server it measures, so it does as little as it can: edge-triggered epoll, and of
//! an answer only its status, its length and the number of its objects.

use super::requests::Requests;
use hdrhistogram::Histogram;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use rustix::time::{timerfd_create, timerfd_settime};
use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What is read at once: most of a batch's answer.
const READ: usize = 256 << 10;
/// Events taken at once.
const EVENTS: usize = 256;
/// Longest latency that is told apart, in microseconds: a minute.
const LONGEST: u64 = 60_000_000;
/// What is due within this time is sent together: one wake-up for each request would cost the machine more than
/// the request does. Latency counts from the moment it was due all the same.
const TICK: Duration = Duration::from_micros(200);
/// Longest head of an answer.
const MAX_HEAD: usize = 8 << 10;
/// The timer among the connections.
const TIMER: u64 = u64::MAX;

/// When requests are sent.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// As soon as a connection is free.
    Closed,
    /// One every so often, whether or not earlier ones were answered; latency counts from that moment.
    Every(Duration),
}

/// What to send, how, and when to stop.
#[derive(Clone, Copy)]
pub struct Drive<'a> {
    /// Where to.
    pub address: SocketAddr,
    /// What.
    pub requests: &'a Requests,
    /// Over how many connections.
    pub connections: usize,
    /// From how many threads.
    pub threads: usize,
    /// How fast.
    pub pace: Pace,
    /// Nothing is sent after this time.
    pub limit: Option<Duration>,
    /// Whether to start again at the end of the requests.
    pub cycle: bool,
}

/// What came back.
pub struct Tally {
    /// Answers.
    pub answered: u64,
    /// Entries in requests that were answered.
    pub entries: u64,
    /// Answers, or commands in them, that were not successes.
    pub failed: u64,
    /// The beginning of the first answer that was no success.
    pub sample: Option<String>,
    /// From the first request to the last answer.
    pub took: Duration,
    /// Microseconds.
    pub latency: Histogram<u64>,
    /// When batches were answered, with their entries, in order.
    pub marks: Vec<(Duration, u32)>,
}

impl Tally {
    fn new() -> Self {
        let latency = Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are sound");
        Self {
            answered: 0,
            entries: 0,
            failed: 0,
            sample: None,
            took: Duration::ZERO,
            latency,
            marks: Vec::new(),
        }
    }

    fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.entries += other.entries;
        self.failed += other.failed;
        self.sample = self.sample.take().or(other.sample);
        self.took = self.took.max(other.took);
        self.latency.add(&other.latency).expect("the bounds are the same");
        self.marks.extend(other.marks);
    }

    /// Answers per second.
    pub fn requests_per_s(&self) -> f64 {
        self.answered as f64 / self.took.as_secs_f64()
    }

    /// Entries per second.
    pub fn entries_per_s(&self) -> f64 {
        self.entries as f64 / self.took.as_secs_f64()
    }

    /// Entries per second between two counts of entries.
    pub fn rate_between(&self, from: u64, to: u64) -> Option<f64> {
        let took = self.reached(to)?.checked_sub(self.reached(from)?)?;
        Some((to - from) as f64 / took.as_secs_f64())
    }

    /// When so many entries had been answered.
    fn reached(&self, count: u64) -> Option<Duration> {
        let mut before = (Duration::ZERO, 0);
        for (at, weight) in &self.marks {
            let sum = before.1 + u64::from(*weight);
            if sum >= count {
                let share = (count - before.1) as f64 / f64::from(*weight);
                return Some(before.0 + (*at - before.0).mul_f64(share));
            }
            before = (*at, sum);
        }
        None
    }

    /// An error if anything was refused: a measurement counts successes only.
    pub fn sound(self) -> io::Result<Self> {
        match self.failed {
            0 => Ok(self),
            count => {
                let sample = self.sample.unwrap_or_default();
                Err(io::Error::other(format!("{count} answers were no successes; the first: {sample}")))
            }
        }
    }
}

impl Drive<'_> {
    /// Drives the load; returns when everything that was sent is answered.
    pub fn run(&self) -> io::Result<Tally> {
        let next = AtomicUsize::new(0);
        let mut workers = Vec::new();
        for number in 0..self.threads {
            let own = (self.connections + number) / self.threads;
            workers.push(Worker::new(self, &next, own.max(1))?);
        }
        let start = Instant::now();
        let tallies = std::thread::scope(|scope| {
            let threads: Vec<_> =
                workers.into_iter().map(|worker| scope.spawn(move || worker.run(start))).collect();
            threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect::<Vec<_>>()
        });
        let mut whole = Tally::new();
        for tally in tallies {
            whole.add(tally?);
        }
        whole.marks.sort();
        Ok(whole)
    }
}

struct Worker<'a> {
    drive: &'a Drive<'a>,
    next: &'a AtomicUsize,
    epoll: OwnedFd,
    timer: OwnedFd,
    connections: Vec<Connection>,
    idle: VecDeque<usize>,
    /// A request whose time has not come, or that waits for a connection.
    due: Option<(usize, Instant)>,
    ended: bool,
    start: Instant,
    tally: Tally,
    scratch: Vec<u8>,
}

impl<'a> Worker<'a> {
    fn new(drive: &'a Drive<'a>, next: &'a AtomicUsize, connections: usize) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        let edge = EventFlags::IN | EventFlags::ET;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), edge)?;
        let mut list = Vec::new();
        for place in 0..connections {
            let connection = Connection::open(drive.address)?;
            let data = EventData::new_u64(place as u64);
            epoll::add(&epoll, &connection.stream, data, edge | EventFlags::OUT)?;
            list.push(connection);
        }
        Ok(Self {
            drive,
            next,
            epoll,
            timer,
            idle: (0..connections).collect(),
            connections: list,
            due: None,
            ended: false,
            start: Instant::now(),
            tally: Tally::new(),
            scratch: vec![0; READ],
        })
    }

    fn run(mut self, start: Instant) -> io::Result<Tally> {
        self.start = start;
        let mut events = [MaybeUninit::uninit(); EVENTS];
        loop {
            self.launch()?;
            if self.ended && self.idle.len() == self.connections.len() {
                return Ok(self.tally);
            }
            let (ready, _) = match epoll::wait(&self.epoll, &mut events, None) {
                Err(rustix::io::Errno::INTR) => continue,
                other => other?,
            };
            for event in ready {
                let (data, flags) = (event.data.u64(), event.flags);
                if data != TIMER {
                    self.progress(data as usize, flags)?;
                }
            }
        }
    }

    /// Sends what is due over connections that are free.
    fn launch(&mut self) -> io::Result<()> {
        while !self.idle.is_empty() {
            let Some((place, at)) = self.due.take().or_else(|| self.claim()) else { return Ok(()) };
            let now = Instant::now();
            if at > now {
                self.due = Some((place, at));
                return self.wake_in((at - now).max(TICK));
            }
            let slot = self.idle.pop_front().expect("there is one");
            let connection = &mut self.connections[slot];
            connection.begin(place, at);
            connection.flush(self.drive.requests.get(place).bytes)?;
        }
        Ok(())
    }

    /// The next request, and when it is to be sent.
    fn claim(&mut self) -> Option<(usize, Instant)> {
        if self.ended {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let at = match self.drive.pace {
            Pace::Closed => Instant::now(),
            Pace::Every(pause) => self.start + pause.mul_f64(number as f64),
        };
        let late = self.drive.limit.is_some_and(|limit| at > self.start + limit);
        if late || (number >= self.drive.requests.len() && !self.drive.cycle) {
            self.ended = true;
            return None;
        }
        Some((number % self.drive.requests.len(), at))
    }

    fn wake_in(&self, pause: Duration) -> io::Result<()> {
        let value = Timespec {
            tv_sec: pause.as_secs().cast_signed(),
            tv_nsec: i64::from(pause.subsec_nanos().max(1)),
        };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }

    fn progress(&mut self, slot: usize, flags: EventFlags) -> io::Result<()> {
        let connection = &mut self.connections[slot];
        let Some(place) = connection.request else { return Ok(()) };
        let request = self.drive.requests.get(place);
        if flags.contains(EventFlags::OUT) {
            connection.flush(request.bytes)?;
        }
        if !flags.contains(EventFlags::IN) {
            return Ok(());
        }
        loop {
            let read = match connection.stream.read(&mut self.scratch) {
                Ok(0) => return Err(io::Error::other("the server closed a connection")),
                Ok(read) => read,
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(fault) => return Err(fault),
            };
            if connection.absorb(&self.scratch[..read])? {
                break;
            }
            if read < self.scratch.len() {
                return Ok(());
            }
        }
        self.settle(slot, request.weight);
        Ok(())
    }

    fn settle(&mut self, slot: usize, weight: u32) {
        let connection = &mut self.connections[slot];
        connection.request = None;
        self.idle.push_back(slot);
        let now = Instant::now();
        self.tally.took = now - self.start;
        self.tally.answered += 1;
        self.tally.entries += u64::from(weight);
        let micros = u64::try_from((now - connection.since).as_micros()).unwrap_or(LONGEST);
        self.tally.latency.saturating_record(micros);
        // A refused command answers with an object inside its own.
        let whole = weight == 1 || connection.objects == weight as usize + 1;
        if weight > 1 {
            self.tally.marks.push((self.tally.took, weight));
        }
        if !(200..300).contains(&connection.status) || !whole {
            self.tally.failed += 1;
            self.tally.sample.get_or_insert_with(|| String::from_utf8_lossy(&connection.head).into_owned());
        }
    }
}

struct Connection {
    stream: TcpStream,
    request: Option<usize>,
    since: Instant,
    written: usize,
    /// The head of the answer, and what came with it.
    head: Vec<u8>,
    status: u16,
    /// Bytes of the body that are still to come, once the head is known.
    left: Option<usize>,
    objects: usize,
}

impl Connection {
    fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let since = Instant::now();
        let head = Vec::with_capacity(1 << 10);
        Ok(Self { stream, request: None, since, written: 0, head, status: 0, left: None, objects: 0 })
    }

    fn begin(&mut self, place: usize, at: Instant) {
        (self.request, self.since, self.written) = (Some(place), at, 0);
        (self.status, self.left, self.objects) = (0, None, 0);
        self.head.clear();
    }

    fn flush(&mut self, bytes: &[u8]) -> io::Result<()> {
        while self.written < bytes.len() {
            match self.stream.write(&bytes[self.written..]) {
                Ok(written) => self.written += written,
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => break,
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    /// Takes bytes of an answer; true at its end.
    fn absorb(&mut self, bytes: &[u8]) -> io::Result<bool> {
        if let Some(left) = self.left {
            return Ok(self.body(bytes, left));
        }
        let searched = self.head.len().saturating_sub(3);
        let kept = self.head.len();
        self.head.extend_from_slice(&bytes[..bytes.len().min(MAX_HEAD)]);
        let Some(end) = self.head[searched..].windows(4).position(|four| four == b"\r\n\r\n") else {
            let fits = self.head.len() < MAX_HEAD;
            return if fits { Ok(false) } else { Err(io::Error::other("an answer has an endless head")) };
        };
        let end = searched + end + 4;
        let length = self.read_head(end).ok_or_else(|| io::Error::other("an answer has no length"))?;
        Ok(self.body(&bytes[end - kept..], length))
    }

    fn read_head(&mut self, end: usize) -> Option<usize> {
        const LENGTH: &[u8] = b"\r\ncontent-length: ";
        let head = &self.head[..end];
        self.status = std::str::from_utf8(head.get(9..12)?).ok()?.parse().ok()?;
        let at = head.windows(LENGTH.len()).position(|name| name == LENGTH)? + LENGTH.len();
        let digits = head[at..].iter().take_while(|byte| byte.is_ascii_digit());
        Some(digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0')))
    }

    fn body(&mut self, bytes: &[u8], left: usize) -> bool {
        self.objects += bytes.iter().filter(|byte| **byte == b'{').count();
        let left = left.saturating_sub(bytes.len());
        self.left = Some(left);
        left == 0
    }
}

/// One call over a connection of its own: for preparing, never timed.
pub fn call(address: SocketAddr, method: &str, path: &str, body: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    match (status, body) {
        (Some(status), Some(body)) => Ok((status, body)),
        _ => Err(io::Error::other("that was no answer")),
    }
}
