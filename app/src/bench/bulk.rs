//! Bulk: batches of 8,192 independent entries, client-made ids, durable when answered.

use super::Bench;
use super::host::{self, Usage};
use super::load::{Drive, Pace, Tally};
use super::null::NULL_ROUTE;
use super::report::{Target, median, spread};
use super::requests::{BATCH, Entries, Form, Ids, Requests, Writer};
use super::server::Server;
use crate::wiring::World;
use kernel::Timestamp;
use std::io;
use std::time::Duration;

/// Accounts of the uniform workloads.
pub const ACCOUNTS: u64 = 10_000;
/// Entries after which a rate of its own is told.
const MILLION: u64 = 1_000_000;
/// What goes before a timed run: connections, caches and the first segments are no part of a rate.
const WARM_UP: usize = 10 * BATCH;
/// A run that is one of many, and whose size changes nothing: enough for the rate to settle.
const SHORT: usize = 2_000_000;

/// Uniform entries in their usual form.
pub const UNIFORM: Entries = Entries { form: Form::Entry, ids: Ids::Ordered, accounts: ACCOUNTS };

/// A timed run.
pub struct Run {
    /// What came back.
    pub tally: Tally,
    server: Usage,
    generator: Duration,
    bytes_each: f64,
}

impl Run {
    /// Seconds of processor time, the generator's too.
    pub fn work(&self) -> f64 {
        (self.server.cpu + self.generator).as_secs_f64()
    }

    /// Those of one of the server's threads.
    pub fn work_of(&self, thread: &str) -> f64 {
        let own = self.server.threads.iter().filter(|(name, _)| name == thread);
        own.map(|(_, cpu)| cpu.as_secs_f64()).sum()
    }
}

/// A server with entries in its books, and when they came.
pub struct Filled {
    /// The server.
    pub server: Server,
    /// Between these times.
    pub span: (Timestamp, Timestamp),
}

/// Bulk requests over as many connections as the flags say, each as soon as it can.
pub fn drive<'a>(bench: &Bench<'_>, server: &Server, requests: &'a Requests) -> Drive<'a> {
    Drive {
        address: server.address,
        requests,
        connections: bench.flags.bulk_connections,
        threads: 1,
        pace: Pace::Closed,
        limit: None,
        cycle: false,
    }
}

/// Starts a server with its accounts, warm.
pub fn prepared(bench: &Bench<'_>, accounts: u64) -> io::Result<Server> {
    let server = Server::start(&bench.place.fresh())?;
    server.open_accounts(0, accounts)?;
    Ok(server)
}

/// Posts so many entries, after some that are not timed.
pub fn timed(
    bench: &Bench<'_>,
    server: &Server,
    path: &str,
    entries: Entries,
    count: usize,
) -> io::Result<Run> {
    let mut writer = Writer::new(entries, 1);
    drive(bench, server, &writer.batches(path, WARM_UP, BATCH)).run()?.sound()?;
    let requests = writer.batches(path, count, BATCH);
    let (position, before, own) =
        (server.journal_bytes()?, server.usage()?, host::usage(std::process::id())?);
    let tally = drive(bench, server, &requests).run()?.sound()?;
    let (after, own) = (server.usage()?, host::usage(std::process::id())?.since(&own));
    let bytes = server.journal_bytes()? - position;
    Ok(Run {
        bytes_each: bytes as f64 / count as f64,
        tally,
        server: after.since(&before),
        generator: own.cpu,
    })
}

/// Beside the null ledger, in turns: the ratio of each pair of runs, and their median.
pub fn beside_null(bench: &mut Bench<'_>) -> io::Result<()> {
    let count = bench.flags.entries;
    let (mut rates, mut nulls, mut ratios, mut late) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut last: Option<(Run, Run)> = None;
    for _ in 0..bench.flags.runs.max(1) {
        let server = prepared(bench, ACCOUNTS)?;
        let run = timed(bench, &server, "/v1/batches", UNIFORM, count)?;
        server.discard()?;
        let each = format!("{:.0}", run.bytes_each);
        let null =
            Server::launch(&["bench", "null-server", "--bytes-each", &each], &bench.place.fresh(), "/ready")?;
        null.open_accounts(0, ACCOUNTS)?;
        let baseline = timed(bench, &null, NULL_ROUTE, UNIFORM, count)?;
        null.discard()?;
        rates.push(run.tally.entries_per_s());
        nulls.push(baseline.tally.entries_per_s());
        ratios.push(run.tally.entries_per_s() / baseline.tally.entries_per_s());
        late.extend(fading(&run.tally));
        last = Some((run, baseline));
    }
    let Some((run, baseline)) = last else { return Ok(()) };
    let how = format!(
        "{count} entries, batches of {BATCH}, {} connections, {ACCOUNTS} accounts uniform, UUIDv7",
        bench.flags.bulk_connections
    );
    let report = &mut bench.report;
    report
        .add("bulk", "entries, `entry` form", median(&rates), "/s")
        .noted(format!("{how}; {}", spread(&rates)))
        .wanted(Target::AtLeast(500_000.0, Some(900_000.0)));
    report.add("bulk", "null ledger", median(&nulls), "/s").noted(spread(&nulls));
    report
        .add("bulk", "ratio to the null ledger", median(&ratios), "")
        .noted(spread(&ratios))
        .wanted(Target::AtLeast(0.6, Some(0.8)));
    report
        .add("bulk", "the same by processor time", baseline.work() / run.work(), "")
        .noted("server and generator, last run: less moved by other work on the machine");
    if !late.is_empty() {
        report
            .add("bulk", "last full million to the first", median(&late), "")
            .noted(spread(&late))
            .wanted(Target::AtLeast(0.85, None));
    }
    details(bench, "bulk", &run, "");
    details(bench, "bulk", &baseline, "null ledger: ");
    millions(bench, &run.tally);
    posting_form(bench)
}

/// The rate of the last full million to that of the first.
fn fading(tally: &Tally) -> Option<f64> {
    let last = (tally.entries / MILLION).max(1);
    let (first, last) =
        (tally.rate_between(0, MILLION)?, tally.rate_between((last - 1) * MILLION, last * MILLION)?);
    Some(last / first)
}

fn millions(bench: &mut Bench<'_>, tally: &Tally) {
    for number in 0..tally.entries / MILLION {
        if let Some(rate) = tally.rate_between(number * MILLION, (number + 1) * MILLION) {
            bench.report.add("bulk", format!("million {}", number + 1), rate, "/s");
        }
    }
}

fn details(bench: &mut Bench<'_>, workload: &'static str, run: &Run, who: &str) {
    let millions = run.tally.entries as f64 / MILLION as f64;
    let threads: Vec<String> = run
        .server
        .threads
        .iter()
        .filter(|(_, cpu)| !cpu.is_zero())
        .map(|(name, cpu)| format!("{name} {:.2}", cpu.as_secs_f64() / millions))
        .collect();
    let report = &mut bench.report;
    report
        .add(workload, format!("{who}server CPU per million"), run.server.cpu.as_secs_f64() / millions, "s")
        .noted(threads.join(", "));
    report.add(
        workload,
        format!("{who}generator CPU per million"),
        run.generator.as_secs_f64() / millions,
        "s",
    );
    let latency = &run.tally.latency;
    let quantile = |share: f64| latency.value_at_quantile(share) as f64 / 1000.0;
    report.add(workload, format!("{who}batch latency p50"), quantile(0.5), "ms").noted(format!(
        "p99 {:.1} ms, longest {:.1} ms",
        quantile(0.99),
        latency.max() as f64 / 1000.0
    ));
    if who.is_empty() {
        report.add(workload, "journal bytes per entry", run.bytes_each, "B");
        report
            .add(workload, "resident memory after", run.server.resident as f64 / f64::from(1 << 20), "MiB")
            .noted(format!("peak {:.0} MiB", run.server.peak as f64 / f64::from(1 << 20)))
            .wanted(Target::AtMost(1536.0));
    }
}

fn posting_form(bench: &mut Bench<'_>) -> io::Result<()> {
    let server = prepared(bench, ACCOUNTS)?;
    let count = bench.flags.entries.min(SHORT);
    let run = timed(bench, &server, "/v1/batches", Entries { form: Form::Posting, ..UNIFORM }, count)?;
    server.discard()?;
    let rate = run.tally.entries_per_s();
    bench
        .report
        .add("bulk", "entries, `posting` form", rate, "/s")
        .noted(format!("{count} entries, one run"));
    Ok(())
}

/// Two accounts beside ten thousand, in turns.
pub fn hot(bench: &mut Bench<'_>) -> io::Result<()> {
    let count = bench.flags.entries.min(SHORT);
    let (mut hot, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..bench.flags.runs.max(1) {
        let rate = |accounts| -> io::Result<f64> {
            let server = prepared(bench, accounts)?;
            let run = timed(bench, &server, "/v1/batches", Entries { accounts, ..UNIFORM }, count)?;
            server.discard()?;
            Ok(run.tally.entries_per_s())
        };
        let uniform = rate(ACCOUNTS)?;
        hot.push(rate(2)?);
        ratios.push(hot.last().expect("just pushed") / uniform);
    }
    let note = format!("{count} entries; {}", spread(&hot));
    bench.report.add("hot", "bulk on two accounts", median(&hot), "/s").noted(note);
    let figure = bench.report.add("hot", "bulk, ratio to uniform", median(&ratios), "");
    figure.noted(spread(&ratios)).wanted(Target::AtLeast(0.95, None));
    Ok(())
}

/// Ids without order.
pub fn random(bench: &mut Bench<'_>) -> io::Result<()> {
    let server = prepared(bench, ACCOUNTS)?;
    let count = bench.flags.entries;
    let run = timed(bench, &server, "/v1/batches", Entries { ids: Ids::Random, ..UNIFORM }, count)?;
    server.discard()?;
    let rate = run.tally.entries_per_s();
    let figure = bench.report.add("random", "bulk under UUIDv4 ids", rate, "/s");
    figure.noted(format!("{count} entries, one run")).wanted(Target::AtLeast(200_000.0, None));
    if let Some(late) = fading(&run.tally) {
        bench.report.add("random", "last full million to the first", late, "");
    }
    details(bench, "random", &run, "");
    Ok(())
}

/// A server with the wanted entries in its books.
pub fn filled(bench: &Bench<'_>) -> io::Result<Filled> {
    let clock = World::real().clock;
    let server = prepared(bench, ACCOUNTS)?;
    let from = clock.now();
    let requests = Writer::new(UNIFORM, 2).batches("/v1/batches", bench.flags.entries, BATCH);
    drive(bench, &server, &requests).run()?.sound()?;
    Ok(Filled { server, span: (from, clock.now()) })
}
