//! Reads: while 10,000 entries a second are written, each kind of read 2,000 times a second, open loop.

use super::Bench;
use super::bulk::{ACCOUNTS, Filled, UNIFORM};
use super::load::{Drive, Pace, Tally};
use super::report::Target;
use super::requests::{Chance, FIRST_ACCOUNT, Requests, Writer};
use super::server::Server;
use kernel::Timestamp;
use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Entries written per second meanwhile, in batches of a hundred.
const WRITTEN: usize = 10_000;
const EACH: usize = 100;
/// Reads per second.
const RATE: u32 = 2_000;
/// Reads prepared of each kind.
const PREPARED: usize = 20_000;
/// Connections of the readers, and of the writer.
const READERS: usize = 16;
const WRITERS: usize = 4;
/// Reads before the timed ones.
const WARM_UP: Duration = Duration::from_secs(3);

/// Measures each kind of read, warm and cold, on a server that is full.
pub fn measure(bench: &mut Bench<'_>, filled: Filled) -> io::Result<Server> {
    let Filled { server, span } = filled;
    let kinds = [
        ("balance", balances(None)),
        ("balance at a past time", balances(Some(span))),
        ("page of 50 history rows", pages()),
    ];
    let time = bench.seconds();
    for (name, requests) in &kinds {
        let tally = beside_writes(&server, requests, WARM_UP, time)?;
        told(bench, &format!("{name}, warm"), &tally, Some(Target::AtMost(2.0)));
    }
    for (name, requests) in &kinds {
        if !dropped_caches() {
            let what = format!("{name}, cold: not measured, the page cache is root's to drop");
            bench.report.add("reads", what, f64::NAN, "");
            continue;
        }
        let tally = beside_writes(&server, requests, Duration::ZERO, time.min(WARM_UP))?;
        told(bench, &format!("{name}, cold"), &tally, None);
    }
    Ok(server)
}

fn told(bench: &mut Bench<'_>, name: &str, tally: &Tally, target: Option<Target>) {
    let quantile = |share: f64| tally.latency.value_at_quantile(share) as f64 / 1000.0;
    let entries = bench.flags.entries;
    let figure = bench.report.add("reads", format!("{name}: p99"), quantile(0.99), "ms");
    figure.target = target;
    figure.noted(format!(
        "p50 {:.2}, p99.9 {:.2}, longest {:.1} ms; {:.0} reads/s of {RATE} wanted, {WRITTEN} entries/s written, at {entries}",
        quantile(0.5),
        quantile(0.999),
        tally.latency.max() as f64 / 1000.0,
        tally.requests_per_s(),
    ));
}

fn beside_writes(server: &Server, reads: &Requests, warm_up: Duration, time: Duration) -> io::Result<Tally> {
    let seconds = (warm_up + time).as_secs() as usize + 2;
    let seed = server.journal_bytes()?;
    let writes = Writer::new(UNIFORM, seed).batches("/v1/batches", seconds * WRITTEN, EACH);
    let done = AtomicBool::new(false);
    let drive = |requests, connections, pause, limit| Drive {
        address: server.address,
        requests,
        connections,
        threads: 1,
        pace: Pace::Every(pause),
        limit: Some(limit),
        cycle: true,
    };
    let pause = Duration::from_secs(1) * EACH as u32 / WRITTEN as u32;
    std::thread::scope(|scope| {
        let write = || {
            let all = Drive { cycle: false, ..drive(&writes, WRITERS, pause, warm_up + time) };
            let tally = all.run().and_then(Tally::sound);
            done.store(true, Ordering::Relaxed);
            tally
        };
        let writing = scope.spawn(write);
        let read = |limit| drive(reads, READERS, Duration::from_secs(1) / RATE, limit).run()?.sound();
        if !warm_up.is_zero() {
            read(warm_up)?;
        }
        let tally = read(time)?;
        writing.join().expect("it does not panic")?;
        Ok(tally)
    })
}

fn balances(span: Option<(Timestamp, Timestamp)>) -> Requests {
    let mut chance = Chance::new(5);
    let mut requests = Requests::default();
    for _ in 0..PREPARED {
        let account = FIRST_ACCOUNT + chance.below(ACCOUNTS);
        let at = span.map(|(from, to)| {
            let length = to.0.abs_diff(from.0);
            format!("?at={}", from.plus_us(chance.below(length).cast_signed()))
        });
        requests.get_of(&format!("/v1/accounts/accounts:{account}/balances{}", at.unwrap_or_default()));
    }
    requests
}

fn pages() -> Requests {
    let mut chance = Chance::new(6);
    let mut requests = Requests::default();
    for _ in 0..PREPARED {
        requests.get_of(&format!(
            "/v1/accounts/accounts:{}/entries?limit=50",
            FIRST_ACCOUNT + chance.below(ACCOUNTS)
        ));
    }
    requests
}

/// Forgets the page cache of the whole machine, where that is allowed.
fn dropped_caches() -> bool {
    let synced = Command::new("sync").status().is_ok_and(|status| status.success());
    synced && std::fs::write("/proc/sys/vm/drop_caches", "3").is_ok()
}
