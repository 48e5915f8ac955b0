//! `concord bench ledger`: starts this program's server on a fresh directory, drives it over HTTP from this process,
//! and prints figures beside what they are measured against. Ratios count; absolute numbers belong to a machine.
// Measuring divides; money never passes here.
#![allow(clippy::float_arithmetic)]

mod bulk;
mod host;
mod load;
mod memory;
mod null;
mod reads;
mod report;
mod requests;
mod search;
mod server;
mod single;
mod start;
mod wallets;

use crate::config::Config;
use crate::output::{Failure, Output, Printed};
use crate::wiring::World;
use clap::{Args, Subcommand, ValueEnum};
pub(crate) use load::{Drive, Pace, Tally, call};
use report::Report;
pub(crate) use requests::{Chance, Requests};
pub(crate) use server::{Place, Server};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Measure the ledger on this machine.
    #[command(after_help = "\
A directory is made below --data-dir (default: the current one) and removed at the end; 10 million entries need 4 GB
of disk there and 4 GB of memory for prebuilt requests. Stop other work: the figures share the processor with it.

Examples:
  concord bench ledger
  concord bench ledger --workload bulk --entries 1000000
  concord bench ledger --report RESULTS.md --json > results.json")]
    Ledger(LedgerFlags),
    /// Serve the null ledger.
    #[command(hide = true)]
    NullServer {
        /// Bytes written per entry.
        #[arg(long)]
        bytes_each: u64,
        /// Where to listen.
        #[arg(long)]
        listen: String,
    },
    /// Serve an echo with axum alone.
    #[command(hide = true)]
    BareServer {
        /// Where to listen.
        #[arg(long)]
        listen: std::net::SocketAddr,
    },
}

/// How to measure.
#[derive(Debug, Args)]
pub struct LedgerFlags {
    /// What to measure.
    #[arg(long, value_enum, default_value_t = Workload::All)]
    workload: Workload,
    /// Entries of a bulk run, and in the books when reads and restarts are measured.
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    entries: usize,
    /// Connections of the single-entry workloads.
    #[arg(long, value_name = "N", default_value_t = 512)]
    connections: usize,
    /// Connections of the bulk workloads.
    #[arg(long, value_name = "N", default_value_t = 4)]
    bulk_connections: usize,
    /// Threads of the load generator.
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// Seconds of each timed phase.
    #[arg(long, value_name = "S", default_value_t = 10)]
    seconds: u64,
    /// How often ratios are measured; the median counts.
    #[arg(long, value_name = "N", default_value_t = 3)]
    runs: usize,
    /// Accounts of the memory workload.
    #[arg(long, value_name = "N", default_value_t = 5_000_000)]
    accounts: u64,
    /// Also write the figures to this file, as Markdown.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// What to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Batches of 8,192 entries, beside the null ledger.
    Bulk,
    /// One entry per request, beside /health and a bare echo.
    Single,
    /// Bulk and single on two accounts, beside uniform ones.
    Hot,
    /// Reads at --entries entries while 10,000 entries a second are written; restarts at that size.
    Reads,
    /// Batches under UUIDv4 ids.
    Random,
    /// Transfers beside postings, and under a limit.
    Wallets,
    /// Searches among --entries entries with labels; bulk with the projection and without.
    Search,
    /// Start on an empty directory, idle memory.
    Startup,
    /// Resident memory per account, balance and key.
    Memory,
    /// All of them.
    All,
}

/// What every workload needs.
struct Bench<'a> {
    flags: &'a LedgerFlags,
    place: &'a Place,
    report: Report,
}

impl Bench<'_> {
    fn seconds(&self) -> Duration {
        Duration::from_secs(self.flags.seconds)
    }

    fn wants(&self, workload: Workload) -> bool {
        self.flags.workload == Workload::All || self.flags.workload == workload
    }
}

/// Runs a measurement.
pub fn ledger(flags: &LedgerFlags, parent: Option<&Path>, output: Output) -> Result<(), Failure> {
    if flags.entries < requests::BATCH || flags.connections == 0 || flags.bulk_connections == 0 {
        let what = format!("needs at least {} entries and one connection", requests::BATCH);
        return Err(Failure::Refused(what));
    }
    let place = Place::make(parent.unwrap_or(Path::new(".")))?;
    let measuring = |source| Failure::io("measuring", source);
    let host = host::Host::describe(place.root()).map_err(measuring)?;
    let report = Report { at: World::real().clock.now().to_string(), host, figures: Vec::new() };
    let mut bench = Bench { flags, place: &place, report };
    let measured = measure(&mut bench, output);
    let Bench { report, .. } = bench;
    if let (Some(path), Ok(())) = (&flags.report, &measured) {
        std::fs::write(path, report.markdown()).map_err(Failure::path("writing", path))?;
    }
    // What was measured before something failed is worth telling.
    output.answer(Printed { text: report.text(), json: report.json() })?;
    measured.map_err(measuring)
}

fn measure(bench: &mut Bench<'_>, output: Output) -> std::io::Result<()> {
    if bench.wants(Workload::Startup) {
        output.aside("measuring: start");
        start::empty(bench)?;
    }
    if bench.wants(Workload::Single) {
        output.aside("measuring: single");
        single::beside_health(bench)?;
    }
    if bench.wants(Workload::Hot) {
        output.aside("measuring: hot");
        bulk::hot(bench)?;
        single::hot(bench)?;
    }
    if bench.wants(Workload::Wallets) {
        output.aside("measuring: wallets");
        wallets::measure(bench)?;
    }
    if bench.wants(Workload::Random) {
        output.aside("measuring: random ids");
        bulk::random(bench)?;
    }
    if bench.wants(Workload::Bulk) {
        output.aside("measuring: bulk, beside the null ledger");
        bulk::beside_null(bench)?;
    }
    if bench.wants(Workload::Reads) {
        output.aside("measuring: reads and restarts");
        let filled = bulk::filled(bench)?;
        let server = reads::measure(bench, filled)?;
        start::again(bench, server)?;
    }
    if bench.wants(Workload::Search) {
        output.aside("measuring: searches and what the projection costs");
        search::cost(bench)?;
        search::measure(bench)?;
    }
    if bench.wants(Workload::Memory) {
        output.aside("measuring: memory");
        memory::measure(bench)?;
    }
    Ok(())
}

/// Serves the null ledger until it is killed.
pub fn null_server(bytes_each: u64, config: &Config, output: Output) -> Result<(), Failure> {
    runtime()?.block_on(null::serve(bytes_each, config, output))
}

/// Serves the bare echo until it is killed.
pub fn bare_server(listen: std::net::SocketAddr, output: Output) -> Result<(), Failure> {
    runtime()?.block_on(null::serve_bare(listen, output))
}

/// The same kind of runtime as that of `concord serve`.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|source| Failure::io("starting the runtime", source))
}
