//! Starts: on an empty directory, and again with entries in the books.

use super::Bench;
use super::report::{Target, median, spread};
use super::server::Server;
use std::io;
use std::time::Duration;

/// Starts on an empty directory; the median counts.
const STARTS: usize = 5;
/// Until memory is called idle.
const REST: Duration = Duration::from_secs(3);

const MIB: f64 = 1_048_576.0;

/// On an empty directory.
pub fn empty(bench: &mut Bench<'_>) -> io::Result<()> {
    let mut times = Vec::new();
    let mut idle = 0.0;
    for number in 0..STARTS {
        let server = Server::start(&bench.place.fresh())?;
        times.push(server.ready_in.as_secs_f64() * 1000.0);
        if number + 1 == STARTS {
            std::thread::sleep(REST);
            idle = server.usage()?.resident as f64 / MIB;
        }
        server.discard()?;
    }
    let report = &mut bench.report;
    let figure = report.add("startup", "empty directory to /ready", median(&times), "ms");
    figure.noted(spread(&times)).wanted(Target::AtMost(300.0));
    report.add("startup", "idle memory", idle, "MiB").wanted(Target::AtMost(57.2)).noted("60 MB");
    Ok(())
}

/// Again with entries in the books: once told to stop, once killed.
pub fn again(bench: &mut Bench<'_>, server: Server) -> io::Result<()> {
    let data = server.data().to_owned();
    let entries = bench.flags.entries;
    let before = server.usage()?.resident as f64 / MIB;
    server.kill()?;
    let server = Server::start(&data)?;
    let killed = server.ready_in.as_secs_f64() * 1000.0;
    std::thread::sleep(REST);
    let after = server.usage()?.resident as f64 / MIB;
    let stopped_in = server.stop()?;
    let server = Server::start(&data)?;
    let told = server.ready_in.as_secs_f64() * 1000.0;
    server.discard()?;
    let report = &mut bench.report;
    report
        .add("startup", format!("after kill -9, at {entries} entries"), killed, "ms")
        .wanted(Target::AtMost(3000.0));
    report
        .add("startup", "after SIGTERM, at the same", told, "ms")
        .noted(format!("stopping took {} ms", stopped_in.as_millis()));
    report
        .add("startup", "memory before that, writes and reads done", before, "MiB")
        .wanted(Target::AtMost(1536.0));
    report.add("startup", "memory after the restart", after, "MiB");
    Ok(())
}
