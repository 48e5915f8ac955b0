//! `concord verify`: the journal is read where it is, as `concord ledger verify` reads it; then a copy of one
//! instant is opened like a restored backup, and every row that repeats a fact of the books is compared with them.
//! `concord migrate`: what a start does to the files before it serves, and nothing else.

use crate::backup;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::output::{Failure, Output, Printed};
use crate::verify;
use crate::wiring::{self, House, World};
use serde_json::json;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

/// Findings that are printed; the rest is counted.
const TOLD: usize = 50;

/// A copy that is removed again, whatever happens.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left of it is named after this program and holds nothing that is not elsewhere.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether journal and rows hold, and the digest of the default tenant's book.
pub async fn proof(config: &Config, output: Output) -> Result<(bool, String), Failure> {
    let journal = verify::report(config, output)?.0;
    let findings = compare(config, None, output).await?;
    let digest = journal.books.first().map(|book| verify::hex(&book.digest)).unwrap_or_default();
    Ok((journal.findings.count == 0 && findings.is_empty(), digest))
}

/// Copies everything at one instant, and compares rows with books there.
async fn compare(config: &Config, scratch: Option<&Path>, output: Output) -> Result<Vec<String>, Failure> {
    let data = DataDir::find(&config.data.dir)?;
    let place = match scratch {
        Some(place) => place.to_owned(),
        None => beside(data.path()),
    };
    let target = backup::empty_directory(&place)?;
    let _scratch = Scratch(place);
    backup::copy_all(&data, &target, output)?;
    rows(&target, config).await
}

/// Verifies journal and rows.
pub async fn verify(config: &Config, scratch: Option<&Path>, output: Output) -> Result<(), Failure> {
    let journal = verify::report(config, output)?;
    let findings = compare(config, scratch, output).await?;
    let mut text = verify::text(&journal.0, journal.1);
    let mut json = verify::view(&journal.0, journal.1);
    for finding in findings.iter().take(TOLD) {
        let _ = writeln!(text, "WRONG {finding}");
    }
    if findings.len() > TOLD {
        let _ = writeln!(text, "and {} more", findings.len() - TOLD);
    }
    if findings.is_empty() {
        text.push_str("rows and books agree\n");
    }
    json["rows"] = json!({
        "agree": findings.is_empty(),
        "findings": findings.iter().take(TOLD).collect::<Vec<_>>(),
        "findings_count": findings.len(),
    });
    output.answer(Printed { text, json })?;
    match (journal.0.findings.count, findings.len()) {
        (0, 0) => Ok(()),
        (0, rows) => Err(Failure::Refused(format!("{rows} rows do not say what the books say"))),
        (mistakes, _) => Err(Failure::Refused(format!("the journal has {mistakes} mistakes"))),
    }
}

/// Where a copy is made: beside the data directory, so that it is on a disk with as much room.
fn beside(data: &Path) -> PathBuf {
    let data = data.canonicalize().unwrap_or_else(|_| data.to_owned());
    let mut name = data.file_name().unwrap_or_default().to_owned();
    name.push(format!(".verify-{}", std::process::id()));
    data.with_file_name(name)
}

/// Opens a copy and has every context compare its rows.
async fn rows(copy: &DataDir, config: &Config) -> Result<Vec<String>, Failure> {
    let (house, _lock) = open(copy, config)?;
    let findings = house.wallets.verify().await;
    house.close();
    findings.map_err(|why| match why {
        wallets::Error::Refused(refusal) => Failure::Refused(refusal.to_string()),
        wallets::Error::Stopped(stopped) => Failure::Refused(stopped.problem.detail),
    })
}

/// Opens a data directory as a server on a loopback address does.
fn open(data: &DataDir, config: &Config) -> Result<(House, crate::data_dir::Lock), Failure> {
    let lock = data.lock()?;
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let house = House::open(data, loopback, &World::real(), config.settings())?;
    Ok((house, lock))
}

/// Brings every file of a data directory up to date.
pub fn migrate(config: &Config, output: Output) -> Result<(), Failure> {
    let data = DataDir::make(&config.data.dir)?;
    let (house, _lock) = open(&data, config)?;
    house.close();
    drop(house);
    let files = wiring::migrations(&data)?;
    let text = files.iter().fold(String::new(), |mut text, (name, seen)| {
        let _ = writeln!(text, "{name}: {seen} migrations, up to date");
        text
    });
    let files: serde_json::Map<_, _> =
        files.into_iter().map(|(name, seen)| (name.to_owned(), json!({"migrations": seen}))).collect();
    output.answer(Printed { text, json: json!({ "files": files }) })
}
