//! Searches: pages of entries by what the projection knows of them, and what it costs the bulk rate to know it.

use super::Bench;
use super::bulk::{ACCOUNTS, Run, UNIFORM, drive, timed};
use super::load::{Drive, Pace, call};
use super::report::{Target, median, spread};
use super::requests::{BATCH, Chance, Entries, FIRST_ACCOUNT, Form, REFERENCES, Requests, SHOPS, Writer};
use super::server::Server;
use std::io;
use std::time::{Duration, Instant};

/// A run that is one of many, and a part of a long one: what is prepared is in memory.
const SHORT: usize = 2_000_000;
/// Searches per second, and over how many connections.
const RATE: u32 = 100;
const SEARCHERS: usize = 8;
/// Searches prepared of each kind.
const PREPARED: usize = 10_000;
/// Between two looks how far the projection is.
const LOOK_PAUSE: Duration = Duration::from_millis(50);
/// Longest that it may take to catch up.
const CATCH_UP: Duration = Duration::from_secs(1_800);
/// The projection's thread, and what its time is counted for.
const THREAD: &str = "ledger-project";
const MILLION: f64 = 1e6;
const OFF: &str = "[ledger]\nprojection = false\n";

fn prepared(bench: &Bench<'_>, settings: &str) -> io::Result<Server> {
    let server = Server::start_with(&bench.place.fresh(), settings)?;
    server.open_accounts(0, ACCOUNTS)?;
    Ok(server)
}

/// The bulk rate with the projection, to that without it.
pub fn cost(bench: &mut Bench<'_>) -> io::Result<()> {
    cost_of(bench, "entries with a reference", Form::Referenced)?;
    cost_of(bench, "plain entries", Form::Entry)
}

fn cost_of(bench: &mut Bench<'_>, what: &str, form: Form) -> io::Result<()> {
    let count = bench.flags.entries.min(SHORT);
    let (mut rates, mut ratios, mut lags, mut waits) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut works, mut own) = (Vec::new(), Vec::new());
    for _ in 0..bench.flags.runs.max(1) {
        let post = |settings| -> io::Result<(Run, Server)> {
            let server = prepared(bench, settings)?;
            let run = timed(bench, &server, "/v1/batches", Entries { form, ..UNIFORM }, count)?;
            Ok((run, server))
        };
        let (on, server) = post("")?;
        lags.push(figure(&server, LAG)?);
        waits.push(caught_up(&server)?.as_secs_f64());
        server.discard()?;
        let (off, server) = post(OFF)?;
        server.discard()?;
        rates.push(on.tally.entries_per_s());
        ratios.push(on.tally.entries_per_s() / off.tally.entries_per_s());
        works.push(off.work() / on.work());
        own.push(on.work_of(THREAD) * MILLION / count as f64);
    }
    let report = &mut bench.report;
    let note = format!("{count} entries; {}", spread(&rates));
    report.add("search", format!("bulk, {what}, projection on"), median(&rates), "/s").noted(note);
    let figure = report.add("search", format!("bulk, {what}, ratio to off"), median(&ratios), "");
    figure.noted(spread(&ratios)).wanted(Target::AtLeast(0.7, None));
    let note = format!("less moved by other work on the machine; {}", spread(&works));
    report.add("search", "the same by processor time", median(&works), "").noted(note);
    let note = format!("while they were posted; {}", spread(&own));
    report.add("search", "the projection's own, per million", median(&own), "s").noted(note);
    let note = format!("caught up {:.1} s later; {}", median(&waits), spread(&lags));
    report.add("search", format!("lag in records after {what}"), median(&lags), "").noted(note);
    Ok(())
}

/// Searches of each kind on a server that is full.
pub fn measure(bench: &mut Bench<'_>) -> io::Result<()> {
    let server = prepared(bench, "")?;
    let entries = bench.flags.entries;
    let mut writer = Writer::new(Entries { form: Form::Labelled, ..UNIFORM }, 3);
    for done in (0..entries).step_by(SHORT) {
        let part = writer.batches("/v1/batches", SHORT.min(entries - done), BATCH);
        drive(bench, &server, &part).run()?.sound()?;
    }
    let waited = caught_up(&server)?.as_secs_f64();
    let labels = figure(&server, LABELS)?;
    let bytes = std::fs::metadata(server.data().join(ledger::projection::FILE))?.len();
    let note =
        format!("{labels:.0} labels of {entries} entries; caught up {waited:.1} s after the last of them");
    bench.report.add("search", "file of the projection, per label", bytes as f64 / labels, "B").noted(note);
    for (name, requests) in kinds() {
        search(bench, &server, name, &requests)?;
    }
    server.discard()
}

fn kinds() -> Vec<(&'static str, Requests)> {
    let reference = |chance: &mut Chance| format!("reference=order-{}", chance.below(REFERENCES));
    let shop = |chance: &mut Chance| format!("metadata.shop={}", chance.below(SHOPS));
    let account =
        |chance: &mut Chance| format!("account=accounts:{}", FIRST_ACCOUNT + chance.below(ACCOUNTS));
    let mut chance = Chance::new(9);
    let mut of = |query: &dyn Fn(&mut Chance) -> String| {
        let mut requests = Requests::default();
        (0..PREPARED).for_each(|_| requests.get_of(&format!("/v1/entries?{}", query(&mut chance))));
        requests
    };
    vec![
        ("by reference", of(&reference)),
        ("by metadata, page of 50", of(&shop)),
        ("by reference and metadata", of(&|chance| format!("{}&{}", reference(chance), shop(chance)))),
        ("by account, page of 50", of(&account)),
        ("by account and metadata", of(&|chance| format!("{}&{}", account(chance), shop(chance)))),
        (
            "by metadata and an amount that few have",
            of(&|chance| format!("{}&currency=EUR&min=999.50", shop(chance))),
        ),
    ]
}

fn search(bench: &mut Bench<'_>, server: &Server, name: &str, requests: &Requests) -> io::Result<()> {
    let searches = Drive {
        address: server.address,
        requests,
        connections: SEARCHERS,
        threads: 1,
        pace: Pace::Every(Duration::from_secs(1) / RATE),
        limit: Some(bench.seconds()),
        cycle: true,
    };
    let tally = searches.run()?.sound()?;
    let quantile = |share: f64| tally.latency.value_at_quantile(share) as f64 / 1000.0;
    let note = format!(
        "p50 {:.2}, longest {:.1} ms; {:.0} searches/s of {RATE} wanted, at {}",
        quantile(0.5),
        tally.latency.max() as f64 / 1000.0,
        tally.requests_per_s(),
        bench.flags.entries,
    );
    let figure = bench.report.add("search", format!("{name}: p99"), quantile(0.99), "ms");
    figure.noted(note).wanted(Target::AtMost(50.0));
    Ok(())
}

const LAG: &str = "ledger_projection_lag_records";
const LABELS: &str = "ledger_projection_labels";

/// Waits until nothing is left to project; how long it took.
fn caught_up(server: &Server) -> io::Result<Duration> {
    let start = Instant::now();
    while figure(server, LAG)? > 0.0 {
        if start.elapsed() > CATCH_UP {
            return Err(io::Error::other("the projection does not catch up"));
        }
        std::thread::sleep(LOOK_PAUSE);
    }
    Ok(start.elapsed())
}

/// A figure that the server tells of itself.
fn figure(server: &Server, name: &str) -> io::Result<f64> {
    let (_, text) = call(server.address, "GET", "/metrics", "")?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = line.and_then(|value| value.trim().parse().ok());
    value.ok_or_else(|| io::Error::other(format!("the server tells no {name}")))
}
