//! Wallets: transfers beside plain postings of the same server, and transfers under a limit, each of which changes
//! rows and books in one unit.

use super::Bench;
use super::bulk::ACCOUNTS;
use super::load::{Drive, Pace};
use super::report::{Target, median, spread};
use super::requests::{Chance, FIRST_ACCOUNT, Requests};
use super::server::Server;
use super::single::{PER_SECOND, WARM_UP, drive, timed};
use std::io;
use std::time::Duration;

/// Wallets that take part.
const WALLETS: u64 = ACCOUNTS;

/// Requests of one kind.
type Write = fn(&mut Requests, &mut Chance);

fn two(chance: &mut Chance, count: u64) -> (u64, u64) {
    let one = chance.below(count);
    (one, (one + 1 + chance.below(count - 1)) % count)
}

fn posting(requests: &mut Requests, chance: &mut Chance) {
    let (debit, credit) = two(chance, ACCOUNTS);
    let body = format!(
        r#"{{"debit_account":{},"credit_account":{},"amount":{}.25,"currency":"EUR"}}"#,
        FIRST_ACCOUNT + debit,
        FIRST_ACCOUNT + credit,
        chance.below(9)
    );
    requests.post("/v1/postings", &body, 1);
}

fn transfer(requests: &mut Requests, chance: &mut Chance) {
    let (from, to) = two(chance, WALLETS);
    let amount = chance.below(9);
    let body = format!(r#"{{"walletFromId":{},"walletToId":{},"amount":{amount}.25}}"#, from + 1, to + 1);
    requests.post("/transfers", &body, 1);
}

fn many(write: Write, seed: u64, count: u64) -> Requests {
    let (mut requests, mut chance) = (Requests::default(), Chance::new(seed));
    (0..count).for_each(|_| write(&mut requests, &mut chance));
    requests
}

/// Runs prepared requests in their order, on so many connections.
fn prepare(server: &Server, requests: &Requests, connections: usize) -> io::Result<()> {
    let drive = Drive {
        address: server.address,
        requests,
        connections,
        threads: 1,
        pace: Pace::Closed,
        limit: None,
        cycle: false,
    };
    drive.run()?.sound().map(drop)
}

/// A server with accounts, and wallets numbered from 1, each with plenty.
fn furnished(bench: &Bench<'_>) -> io::Result<Server> {
    let server = Server::start(&bench.place.fresh())?;
    server.open_accounts(0, ACCOUNTS)?;
    let (mut clients, mut fillings) = (Requests::default(), Requests::default());
    for number in 1..=WALLETS {
        clients.post("/clients", &format!(r#"{{"login":"user{number}","name":"User {number}"}}"#), 1);
        fillings.post("/resupplies", &format!(r#"{{"walletId":{number},"amount":1000000000}}"#), 1);
    }
    // One after another, so that the numbers come in order.
    prepare(&server, &clients, 1)?;
    prepare(&server, &fillings, bench.flags.connections)?;
    Ok(server)
}

/// Transfers beside postings, then under limits.
pub fn measure(bench: &mut Bench<'_>) -> io::Result<()> {
    let server = furnished(bench)?;
    let time = bench.seconds();
    let count = bench.flags.seconds.max(1) * PER_SECOND;
    drive(bench, server.address, &many(transfer, 1, PER_SECOND), WARM_UP).run()?.sound()?;
    let (mut postings, mut transfers, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..bench.flags.runs.max(1) as u64 {
        let rate = |write, seed| -> io::Result<f64> {
            let requests = many(write, seed, count);
            Ok(timed(&server, &drive(bench, server.address, &requests, time))?.tally.requests_per_s())
        };
        let posted = rate(posting, 10 + number)?;
        let moved = rate(transfer, 20 + number)?;
        ratios.push(moved / posted);
        postings.push(posted);
        transfers.push(moved);
    }
    let report = &mut bench.report;
    let how = format!("{} connections, closed loop, {} s", bench.flags.connections, bench.flags.seconds);
    report.add("wallets", "POST /v1/postings", median(&postings), "/s").noted(spread(&postings));
    let figure = report.add("wallets", "POST /transfers", median(&transfers), "/s");
    figure.noted(format!("{how}; {}", spread(&transfers)));
    let figure = report.add("wallets", "ratio", median(&ratios), "");
    figure.noted(spread(&ratios)).wanted(Target::AtLeast(0.7, None));
    under_limits(bench, &server)?;
    server.discard()
}

/// Every transfer counts against a limit: a row changes with the entry.
fn under_limits(bench: &mut Bench<'_>, server: &Server) -> io::Result<()> {
    let mut limits = Requests::default();
    for number in 1..=WALLETS {
        let body = r#"{"day":"100000000","currency":"UNIT"}"#;
        limits.put(&format!("/v1/wallets/{number}/limits"), body);
    }
    prepare(server, &limits, bench.flags.connections)?;
    let time = bench.seconds();
    let count = bench.flags.seconds.max(1) * PER_SECOND;
    drive(bench, server.address, &many(transfer, 2, PER_SECOND), WARM_UP).run()?.sound()?;
    let mut rates = Vec::new();
    let mut used = None;
    for number in 0..bench.flags.runs.max(1) as u64 {
        let requests = many(transfer, 30 + number, count);
        let run = timed(server, &drive(bench, server.address, &requests, time))?;
        rates.push(run.tally.requests_per_s());
        used = Some(run);
    }
    let maximum = median(&rates);
    let figure = bench.report.add("wallets", "transfers under a limit", maximum, "/s");
    figure.noted(spread(&rates)).wanted(Target::AtLeast(15_000.0, Some(40_000.0)));
    if let Some(run) = used {
        super::single::details(bench, "wallets", &run, "under a limit: ");
    }
    let pause = Duration::from_secs_f64(2.0 / maximum);
    let requests = many(transfer, 99, count);
    let open = Drive { pace: Pace::Every(pause), ..drive(bench, server.address, &requests, time) };
    let run = timed(server, &open)?;
    let p99 = run.tally.latency.value_at_quantile(0.99) as f64 / 1000.0;
    let figure = bench.report.add("wallets", "under a limit, half the maximum: p99", p99, "ms");
    figure.noted("open loop, latency from the intended time").wanted(Target::AtMost(15.0));
    Ok(())
}
