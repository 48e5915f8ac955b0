//! Figures of the ledger, of the contexts and of the process, read when they are asked for.

use ledger::Ledger;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::fmt;
use wallets::Wallets;

/// Where Linux tells a process its size.
const STATUS: &str = "/proc/self/status";

struct Figures(Ledger, Wallets);

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("figures of the contexts")
    }
}

/// Adds the figures to what is scraped.
pub fn register(ledger: &Ledger, wallets: &Wallets) -> impl FnOnce(&mut Registry) + use<> {
    let figures = Figures(ledger.clone(), wallets.clone());
    |registry| registry.register_collector(Box::new(figures))
}

impl Figures {
    fn counters(&self) -> [(&'static str, &'static str, u64); 2] {
        let engine = self.0.engine();
        let records = engine.view.books.read().iter().map(|book| book.seq).sum();
        [
            ("ledger_records", "Records in all books, since the journal began", records),
            ("ledger_groups", "Commit groups made durable since the start", engine.groups()),
        ]
    }

    /// How far the projection is; nothing where there is none.
    fn projection(&self) -> Vec<(&'static str, &'static str, u64)> {
        let Some(projection) = self.0.projection() else { return Vec::new() };
        let lag = self.0.projection_lag().unwrap_or_default();
        let projected = projection.progress();
        let behind = self.0.engine().view.durable().end.saturating_sub(projected.position);
        vec![
            ("ledger_projection_lag_records", "Durable records that are not projected yet", lag),
            ("ledger_projection_lag_bytes", "Bytes of the journal with them", behind),
            ("ledger_projection_labels", "References, parties and metadata projected", projected.labels),
        ]
    }

    fn gauges(&self) -> Vec<(&'static str, &'static str, u64)> {
        let engine = self.0.engine();
        let (end, checkpoint, index) =
            (engine.view.durable().end, engine.checkpoint_at(), engine.index_stats());
        let accounts = engine.view.accounts.read();
        let (accounts, balances) = (accounts.accounts.len() as u64, accounts.balances.len() as u64);
        vec![
            ("ledger_accounts", "Accounts in all books", accounts),
            ("ledger_balances", "Balances in all books", balances),
            ("ledger_open_holds", "Holds that are open in all books", engine.open_holds()),
            ("ledger_waiting_commands", "Commands that wait to be decided", engine.waiting() as u64),
            ("ledger_journal_bytes", "Bytes of the journal that are durable", end),
            (
                "ledger_checkpoint_position_bytes",
                "Where in the journal the newest snapshot stands",
                checkpoint,
            ),
            (
                "ledger_checkpoint_lag_bytes",
                "Bytes of the journal that a start would replay",
                end.saturating_sub(checkpoint),
            ),
            ("ledger_index_memory_keys", "Keys of the index in memory", index.memory_keys),
            ("ledger_index_memory_bytes", "Bytes of those keys", index.memory_bytes),
            ("ledger_index_runs", "Runs of the index on disk", index.runs as u64),
            ("ledger_index_run_keys", "Keys in runs", index.run_keys),
            ("ledger_index_run_memory_bytes", "Bytes of their filters and fences in memory", index.run_bytes),
            ("ledger_index_file_bytes", "Bytes of their files", index.file_bytes),
            ("ledger_poisoned", "1 after a failed write, until a restart", engine.is_poisoned().into()),
            ("ledger_disk_full", "1 while writes wait for space", engine.is_disk_full().into()),
            ("ledger_clock_suspect", "1 until an operator confirms the clock", engine.clock_suspect().into()),
            (
                "wallets_waiting_units",
                "Commands of wallets that wait for their rows",
                self.1.waiting() as u64,
            ),
            ("ledger_damage", "1 after a background check found damage", engine.damage().is_some().into()),
        ]
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, value) in self.counters() {
            let counter = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            { counter }.encode_counter::<NoLabelSet, u64, u64>(&value, None)?;
        }
        let resident = resident_bytes()
            .map(|bytes| ("process_resident_memory_bytes", "Memory of the process that is in RAM", bytes));
        for (name, help, value) in self.gauges().into_iter().chain(self.projection()).chain(resident) {
            let gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            { gauge }.encode_gauge(&value)?;
        }
        Ok(())
    }
}

/// Resident memory, where the system tells.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string(STATUS).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
