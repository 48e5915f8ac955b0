//! Memory: what each account, balance and thousand keys adds to what is resident.

use super::Bench;
use super::bulk::prepared;
use super::load::{Drive, Pace};
use super::requests::{BATCH, Entries, Form, Ids, Requests, Writer};
use super::server::Server;
use std::io;
use std::time::Duration;

/// Accounts opened between two looks: what their requests take is the generator's, not the server's.
const CHUNK: u64 = 500_000;
/// Until the keeper has done its work.
const REST: Duration = Duration::from_secs(3);

/// Opens accounts, touches each once in a pair, then posts as many entries again on few accounts.
pub fn measure(bench: &mut Bench<'_>) -> io::Result<()> {
    let count = bench.flags.accounts.max(CHUNK) / CHUNK * CHUNK;
    let server = prepared(bench, 0)?;
    let empty = resident(&server)?;
    for from in (0..count).step_by(CHUNK as usize) {
        server.open_accounts(from, CHUNK)?;
    }
    let opened = resident(&server)?;
    let pairs = Entries { form: Form::Posting, ids: Ids::Ordered, accounts: count };
    let entries = (count / 2) as usize;
    post(bench, &server, &Writer::in_turn(pairs).batches("/v1/batches", entries, BATCH))?;
    let touched = resident(&server)?;
    post(
        bench,
        &server,
        &Writer::new(Entries { accounts: 1000, ..pairs }, 8).batches("/v1/batches", entries, BATCH),
    )?;
    let keyed = resident(&server)?;
    let per_key = (keyed - touched) / entries as f64;
    let per_balance = (touched - opened - per_key * entries as f64) / count as f64;
    let note = format!("{count} accounts, RSS {:.0} MiB with them", opened / f64::from(1 << 20));
    let report = &mut bench.report;
    report
        .add("memory", "per account, its id and path included", (opened - empty) / count as f64, "B")
        .noted(note);
    let note = format!("{count} balances, {:.0} MiB with them", touched / f64::from(1 << 20));
    report.add("memory", "per balance", per_balance, "B").noted(note);
    report
        .add("memory", "per thousand keys", per_key * 1000.0, "B")
        .noted(format!("{entries} keys more, {:.0} MiB with them", keyed / f64::from(1 << 20)));
    server.kill()?;
    Ok(())
}

fn post(bench: &Bench<'_>, server: &Server, requests: &Requests) -> io::Result<()> {
    let drive = Drive {
        address: server.address,
        requests,
        connections: bench.flags.bulk_connections,
        threads: 1,
        pace: Pace::Closed,
        limit: None,
        cycle: false,
    };
    drive.run()?.sound().map(|_| ())
}

fn resident(server: &Server) -> io::Result<f64> {
    std::thread::sleep(REST);
    Ok(server.usage()?.resident as f64)
}
