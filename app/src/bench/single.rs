//! Single: one entry per request over many connections, beside `/health` of the same server and a bare echo.

use super::Bench;
use super::bulk::{ACCOUNTS, UNIFORM, prepared};
use super::host::{self, Usage};
use super::load::{Drive, Pace, Tally};
use super::report::{Target, median, spread};
use super::requests::{Entries, Requests, Writer};
use super::server::Server;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Requests prebuilt per second of a phase: more than a server answers.
pub const PER_SECOND: u64 = 150_000;
/// What is driven before anything is timed.
pub const WARM_UP: Duration = Duration::from_secs(1);

/// A timed phase.
pub struct Run {
    /// What was answered.
    pub tally: Tally,
    server: Usage,
    generator: Duration,
}

/// As the single workloads drive: closed, for so long.
pub fn drive<'a>(
    bench: &Bench<'_>,
    address: SocketAddr,
    requests: &'a Requests,
    limit: Duration,
) -> Drive<'a> {
    Drive {
        address,
        requests,
        connections: bench.flags.connections,
        threads: bench.flags.threads,
        pace: Pace::Closed,
        limit: Some(limit),
        cycle: false,
    }
}

/// Drives, and tells what it took.
pub fn timed(server: &Server, drive: &Drive<'_>) -> io::Result<Run> {
    let (before, own) = (server.usage()?, host::usage(std::process::id())?);
    let tally = drive.run()?.sound()?;
    let (after, own) = (server.usage()?, host::usage(std::process::id())?.since(&own));
    Ok(Run { tally, server: after.since(&before), generator: own.cpu })
}

fn entries(bench: &Bench<'_>, entries: Entries, seed: u64, time: Duration) -> Requests {
    let count = bench.flags.seconds.min(time.as_secs()).max(1) * PER_SECOND;
    Writer::new(entries, seed).singles(count as usize)
}

/// Beside `/health` and the echo, in turns, each at its own maximum; then at half the ledger's.
pub fn beside_health(bench: &mut Bench<'_>) -> io::Result<()> {
    let server = prepared(bench, ACCOUNTS)?;
    let bare = Server::launch(&["bench", "bare-server"], &bench.place.fresh(), "/")?;
    let mut health = Requests::default();
    health.get_of("/health");
    let mut echo = Requests::default();
    let first = Writer::new(UNIFORM, 9).singles(1);
    let text = String::from_utf8_lossy(first.get(0).bytes).into_owned();
    echo.post("/", text.split_once("\r\n\r\n").map_or("", |(_, body)| body), 1);
    let time = bench.seconds();
    drive(bench, server.address, &entries(bench, UNIFORM, 3, WARM_UP), WARM_UP).run()?.sound()?;
    let (mut rates, mut healths, mut echoes, mut ratios) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut last = None;
    for number in 0..bench.flags.runs.max(1) {
        let cycling = |server: &Server, requests| {
            timed(server, &Drive { cycle: true, ..drive(bench, server.address, requests, time) })
        };
        let healthy = cycling(&server, &health)?;
        let requests = entries(bench, UNIFORM, 10 + number as u64, time);
        let run = timed(&server, &drive(bench, server.address, &requests, time))?;
        drop(requests);
        echoes.push(cycling(&bare, &echo)?.tally.requests_per_s());
        rates.push(run.tally.requests_per_s());
        healths.push(healthy.tally.requests_per_s());
        ratios.push(run.tally.requests_per_s() / healthy.tally.requests_per_s());
        last = Some((run, healthy));
    }
    bare.discard()?;
    let how = format!("{} connections, closed loop, {} s", bench.flags.connections, bench.flags.seconds);
    let report = &mut bench.report;
    let maximum = median(&rates);
    report
        .add("single", "entries, one per request", maximum, "/s")
        .noted(format!("{how}; {}", spread(&rates)));
    report.add("single", "/health of the same server", median(&healths), "/s").noted(spread(&healths));
    report.add("single", "bare axum echo", median(&echoes), "/s").noted(spread(&echoes));
    report
        .add("single", "ratio to /health", median(&ratios), "")
        .noted(spread(&ratios))
        .wanted(Target::AtLeast(0.45, Some(0.6)));
    if let Some((run, healthy)) = last {
        let work = |run: &Run| (run.server.cpu + run.generator).as_secs_f64() / run.tally.answered as f64;
        report
            .add("single", "the same by processor time", work(&healthy) / work(&run), "")
            .noted("server and generator, last run: less moved by other work on the machine");
        details(bench, "single", &run, "");
        details(bench, "single", &healthy, "/health: ");
    }
    half(bench, &server, maximum)?;
    server.discard()
}

/// Where the processor's time went.
pub fn details(bench: &mut Bench<'_>, workload: &'static str, run: &Run, who: &str) {
    let each = run.tally.answered as f64 / 1e6;
    let threads: Vec<String> = run
        .server
        .threads
        .iter()
        .filter(|(_, cpu)| !cpu.is_zero())
        .map(|(name, cpu)| format!("{name} {:.1}", cpu.as_secs_f64() / each))
        .collect();
    let report = &mut bench.report;
    let cpu = run.server.cpu.as_secs_f64() / each;
    report.add(workload, format!("{who}server CPU per request"), cpu, "µs").noted(threads.join(", "));
    let cpu = run.generator.as_secs_f64() / each;
    report.add(workload, format!("{who}generator CPU per request"), cpu, "µs");
}

/// Open loop at half the maximum, latency from the moment a request should have been sent.
fn half(bench: &mut Bench<'_>, server: &Server, maximum: f64) -> io::Result<()> {
    let time = bench.seconds();
    let pause = Duration::from_secs_f64(2.0 / maximum);
    let requests = entries(bench, UNIFORM, 99, time);
    let open = Drive { pace: Pace::Every(pause), ..drive(bench, server.address, &requests, time) };
    let run = timed(server, &open)?;
    let quantile = |share: f64| run.tally.latency.value_at_quantile(share) as f64 / 1000.0;
    let rate = run.tally.requests_per_s();
    let report = &mut bench.report;
    report
        .add("single", "half the maximum: rate", rate, "/s")
        .noted("open loop, latency from the intended time");
    report.add("single", "half the maximum: p50", quantile(0.5), "ms");
    report.add("single", "half the maximum: p99", quantile(0.99), "ms").wanted(Target::AtMost(10.0));
    report
        .add("single", "half the maximum: p99.9", quantile(0.999), "ms")
        .noted(format!("longest {:.1} ms", run.tally.latency.max() as f64 / 1000.0));
    details(bench, "single", &run, "half the maximum: ");
    Ok(())
}

/// Two accounts beside ten thousand, in turns on one server.
pub fn hot(bench: &mut Bench<'_>) -> io::Result<()> {
    let server = prepared(bench, ACCOUNTS)?;
    let time = bench.seconds();
    drive(bench, server.address, &entries(bench, UNIFORM, 4, WARM_UP), WARM_UP).run()?.sound()?;
    let (mut rates, mut ratios) = (Vec::new(), Vec::new());
    for number in 0..bench.flags.runs.max(1) {
        let rate = |accounts, seed| -> io::Result<f64> {
            let requests = entries(bench, Entries { accounts, ..UNIFORM }, seed, time);
            let run = timed(&server, &drive(bench, server.address, &requests, time))?;
            Ok(run.tally.requests_per_s())
        };
        let uniform = rate(ACCOUNTS, 1000 + number as u64)?;
        rates.push(rate(2, 2000 + number as u64)?);
        ratios.push(rates.last().expect("just pushed") / uniform);
    }
    server.discard()?;
    bench.report.add("hot", "single on two accounts", median(&rates), "/s").noted(spread(&rates));
    let figure = bench.report.add("hot", "single, ratio to uniform", median(&ratios), "");
    figure.noted(spread(&ratios)).wanted(Target::AtLeast(0.95, None));
    Ok(())
}
