//! `concord ledger verify`: reads the whole journal, also beside a live server, and prints what is wrong with it
//! and the digest of every book.

use crate::config::Config;
use crate::output::{Failure, Output, Printed};
use crate::progress::{Progress, grouped};
use crate::wiring::journal_disk;
use ledger::journal::verify::{Finding, Report, verify};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Verifies the journal of the data directory.
pub fn run(config: &Config, output: Output) -> Result<(), Failure> {
    let (report, took_ms) = report(config, output)?;
    output.answer(Printed { text: text(&report, took_ms), json: view(&report, took_ms) })?;
    match report.findings.count {
        0 => Ok(()),
        1 => Err(Failure::Refused("the journal has a mistake".to_owned())),
        count => Err(Failure::Refused(format!("the journal has {} mistakes", grouped(count.into())))),
    }
}

/// Reads the whole journal of the data directory; what it found, and in how many milliseconds.
pub fn report(config: &Config, output: Output) -> Result<(Report, u64), Failure> {
    let disk = journal_disk(&config.data.dir)?;
    let mut progress = Progress::new(output, "verifying", "records");
    let report = verify(&disk, &mut |at| progress.tell(at.records, at.position, at.end));
    let report = report.map_err(|source| Failure::io("reading the journal", source))?;
    let report = report.ok_or_else(|| Failure::Refused("the journal has no segment yet".to_owned()))?;
    let took_ms = u64::try_from(progress.took().as_millis()).unwrap_or(u64::MAX);
    Ok((report, took_ms))
}

/// For people.
pub fn text(report: &Report, took_ms: u64) -> String {
    let number = |number: u64| grouped(number.into());
    let mut text = String::new();
    let rate = u128::from(report.records) * 1_000 / u128::from(took_ms.max(1));
    let _ = writeln!(
        text,
        "{} records in {} frames, {} bytes, in {}.{:03} s ({}/s)",
        number(report.records),
        number(report.frames),
        number(report.end),
        took_ms / 1_000,
        took_ms % 1_000,
        grouped(rate),
    );
    let [accounts, balances, holds] = report.counts.map(number);
    let _ = writeln!(text, "{accounts} accounts, {balances} balances, {holds} open holds");
    if let Some(at) = report.snapshot_at {
        let asked = number(report.names_asked);
        let _ = writeln!(text, "the snapshot at {at} was compared, its index asked for {asked} names");
    }
    if report.in_flight {
        text.push_str(
            "the newest frame is in flight: it is being written, or was cut and never acknowledged\n",
        );
    }
    for book in &report.books {
        let (records, digest) = (number(book.records), hex(&book.digest));
        let _ = writeln!(text, "book {}: {records} records, digest {digest}", book.tenant.as_str());
    }
    for finding in &report.findings.told {
        let _ = writeln!(text, "WRONG {}", sentence(finding));
    }
    let untold = report.findings.count - report.findings.told.len() as u64;
    if untold > 0 {
        let _ = writeln!(text, "and {} more", number(untold));
    }
    if report.findings.count == 0 {
        text.push_str("everything holds\n");
    }
    text
}

fn sentence(finding: &Finding) -> String {
    let mut place = format!("at {}", finding.position);
    if let Some(tenant) = &finding.tenant {
        place.push_str(&format!(", book {}", tenant.as_str()));
    }
    if let Some(seq) = finding.seq {
        place.push_str(&format!(", record {seq}"));
    }
    format!("{place}: {}", finding.what)
}

/// For programs.
pub fn view(report: &Report, took_ms: u64) -> Value {
    let books = report.books.iter().map(
        |book| json!({"tenant": book.tenant.as_str(), "records": book.records, "digest": hex(&book.digest)}),
    );
    let findings = report.findings.told.iter().map(|finding| {
        json!({
            "position": finding.position,
            "tenant": finding.tenant.as_ref().map(|tenant| tenant.as_str()),
            "seq": finding.seq,
            "what": finding.what,
        })
    });
    let [accounts, balances, holds] = report.counts;
    json!({
        "holds": report.findings.count == 0,
        "findings": findings.collect::<Vec<_>>(),
        "findings_count": report.findings.count,
        "books": books.collect::<Vec<_>>(),
        "records": report.records,
        "frames": report.frames,
        "end": report.end,
        "in_flight": report.in_flight,
        "accounts": accounts,
        "balances": balances,
        "open_holds": holds,
        "snapshot_at": report.snapshot_at,
        "names_asked": report.names_asked,
        "took_ms": took_ms,
    })
}

/// As hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
