//! The configuration: one struct per concern, read once and passed down.
//! Sources, each stronger than the one before: `config.default.toml`, a file, variables, flags.
//! All faults of all sources are reported at once.

mod fault;
mod layers;
#[cfg(test)]
mod tests;

pub use fault::{Fault, Invalid};

use crate::aliases;
use crate::output::{Failure, Output, Printed};
use kernel::asset::MAX_SCALE;
use kernel::{Asset, AssetCode};
use layers::{Layers, Origin};
use ledger::journal::engine::Settings as LedgerSettings;
use platform_http::{Limits, RateLimit, ServerSettings};
use platform_telemetry::Format;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The documentation of every key, and its default.
pub const DEFAULTS: &str = include_str!("../../config.default.toml");
/// Longest drain: a supervisor would have killed the process long before.
const MAX_DRAIN_S: i64 = 600;
/// Most connections: as many as a process may usually have files open, and then some.
const MAX_CONNECTIONS: i64 = 1_000_000;
/// Longest wait for a client or a handler: an hour.
const MAX_WAIT_S: i64 = 3_600;
/// Largest body: everything in a body is in memory at once.
const MAX_BODY_BYTES: i64 = 1 << 30;
/// Highest rate: no server answers more.
const MAX_RATE: i64 = 10_000_000;

/// Fewest entries between two checkpoints: each rewrites the state of every account.
const MIN_CHECKPOINT_ENTRIES: i64 = 1_000;
/// Most: at 30 bytes each these are 3 GB of memory.
const MAX_CHECKPOINT_ENTRIES: i64 = 100_000_000;
/// Fewest bytes between two checkpoints, for the same reason.
const MIN_CHECKPOINT_BYTES: i64 = 1 << 20;
/// Most: a start reads this much.
const MAX_CHECKPOINT_BYTES: i64 = 1 << 40;
/// Most that a disk may be asked to keep free: a tebibyte.
const MAX_RESERVE_BYTES: i64 = 1 << 40;
/// Longest pause between two checks: a year.
const MAX_SCRUB_HOURS: i64 = 366 * 24;

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The HTTP API.
    pub server: ServerConfig,
    /// What a request may cost.
    pub limits: Limits,
    /// What is kept.
    pub data: DataConfig,
    /// The ledger's journal.
    pub ledger: LedgerSettings,
    /// What stands behind the wallets of the documented API, which knows no currency.
    pub wallets: Asset,
    /// The log.
    pub log: LogConfig,
    shown: Vec<Shown>,
}

impl Config {
    /// What the contexts are told of it.
    pub fn settings(&self) -> crate::wiring::Settings {
        crate::wiring::Settings { ledger: self.ledger, asset: self.wallets }
    }
}

/// The HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What connections may cost.
    pub settings: ServerSettings,
}

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataConfig {
    /// Where.
    pub dir: PathBuf,
}

/// The log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// How it is written.
    pub format: Format,
    /// The least severe that is written, as a filter.
    pub level: String,
}

/// One setting as `concord config` prints it.
#[derive(Debug, Clone, PartialEq)]
struct Shown {
    key: String,
    value: toml::Value,
    origin: String,
}

/// The variables of the process that are text.
#[derive(Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Takes the variables. One that is no text cannot be meant for us, unless it has our prefix; then it is
    /// kept with its odd bytes replaced, and refused by whoever reads its value.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let text = |text: OsString| text.to_string_lossy().into_owned();
        Self(variables.into_iter().map(|(name, value)| (text(name), text(value))).collect())
    }

    /// A variable's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// A configuration, and what to tell the operator about how it came to be.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Sentences for the log.
    pub notices: Vec<String>,
}

/// Loads the configuration.
pub fn load(
    file: Option<&Path>,
    environment: &Environment,
    flags: &[(&'static str, String)],
) -> Result<Loaded, Invalid> {
    let mut layers = Layers::defaults();
    if let Some(path) = file {
        layers.file(path);
    }
    let aliased = aliases::read(environment);
    if let Some(port) = aliased.port {
        layers.port(port);
    }
    layers.variables(environment.iter());
    for (key, text) in flags {
        layers.text(key, text, Origin::Flag);
    }
    let config = read(&mut layers);
    let mut faults = aliased.faults;
    faults.extend(layers.into_faults());
    match config {
        Some(config) if faults.is_empty() => Ok(Loaded { config, notices: aliased.notices }),
        _ => Err(Invalid { faults }),
    }
}

/// Turns settings into the structs that are passed down. `None` when a value made no sense.
fn read(layers: &mut Layers) -> Option<Config> {
    let listen =
        layers.parse("server.listen", "an IP address and a port such as \"127.0.0.1:8080\"", |text| {
            text.parse().ok()
        });
    let settings = server_settings(layers);
    let limits = limits(layers);
    let dir = layers.parse("data.dir", "a path", |text| (!text.is_empty()).then(|| PathBuf::from(text)));
    let ledger = ledger_settings(layers);
    let wallets = wallets_asset(layers);
    let format = layers.parse("log.format", "one of auto, pretty, json", |text| text.parse().ok());
    let level = layers.parse("log.level", "a filter such as \"info\" or \"info,ledger=debug\"", |text| {
        (!text.is_empty()).then(|| text.to_owned())
    });
    Some(Config {
        server: ServerConfig { listen: listen?, settings: settings? },
        limits: limits?,
        data: DataConfig { dir: dir? },
        ledger: ledger?,
        wallets: wallets?,
        log: LogConfig { format: format?, level: level? },
        shown: layers.shown(),
    })
}

fn server_settings(layers: &mut Layers) -> Option<ServerSettings> {
    let drain_s = layers.number("server.drain_s", 0, MAX_DRAIN_S);
    let max_connections = layers.number("server.max_connections", 1, MAX_CONNECTIONS);
    let header_time_s = layers.number("server.header_time_s", 1, MAX_WAIT_S);
    Some(ServerSettings {
        max_connections: u32::try_from(max_connections?).ok()?,
        header_time: Duration::from_secs(header_time_s?),
        drain_time: Duration::from_secs(drain_s?),
    })
}

fn ledger_settings(layers: &mut Layers) -> Option<LedgerSettings> {
    let (least, most) = (MIN_CHECKPOINT_ENTRIES, MAX_CHECKPOINT_ENTRIES);
    let checkpoint_names = layers.number("ledger.checkpoint_entries", least, most);
    let (least, most) = (MIN_CHECKPOINT_BYTES, MAX_CHECKPOINT_BYTES);
    let checkpoint_bytes = layers.number("ledger.checkpoint_bytes", least, most);
    let disk_reserve_bytes = layers.number("ledger.disk_reserve_bytes", 0, MAX_RESERVE_BYTES);
    let scrub_hours = layers.number("ledger.scrub_hours", 0, MAX_SCRUB_HOURS);
    let projection = layers.flag("ledger.projection");
    let scrub_pause = scrub_hours.map(|hours| (hours > 0).then(|| Duration::from_secs(hours * 3_600)));
    Some(LedgerSettings {
        checkpoint_names: checkpoint_names?,
        checkpoint_bytes: checkpoint_bytes?,
        disk_reserve_bytes: disk_reserve_bytes?,
        scrub_pause: scrub_pause?,
        projection: projection?,
    })
}

fn wallets_asset(layers: &mut Layers) -> Option<Asset> {
    let wanted = "an asset's code: 1 to 16 of A-Z, 0-9, '.', '_' and '-', a letter first";
    let code = layers.parse("wallets.asset", wanted, |text| AssetCode::parse(text).ok());
    let scale = layers.number("wallets.asset_scale", 0, i64::from(MAX_SCALE));
    Some(Asset { code: code?, scale: u8::try_from(scale?).ok()? })
}

fn limits(layers: &mut Layers) -> Option<Limits> {
    let body_bytes = layers.number("limits.body_bytes", 1, MAX_BODY_BYTES);
    let request_time_s = layers.number("limits.request_time_s", 1, MAX_WAIT_S);
    let body_idle_s = layers.number("limits.body_idle_s", 1, MAX_WAIT_S);
    let per_second = layers.number("limits.rate_per_second", 0, MAX_RATE);
    let burst = layers.number("limits.rate_burst", 0, MAX_RATE);
    Some(Limits {
        body_bytes: usize::try_from(body_bytes?).ok()?,
        request_time: Duration::from_secs(request_time_s?),
        body_idle: Duration::from_secs(body_idle_s?),
        rate: RateLimit { per_second: u32::try_from(per_second?).ok()?, burst: u32::try_from(burst?).ok()? },
    })
}

/// Prints the configuration in force: as a file that could be given to `--config`, or as JSON.
pub fn show(config: &Config, output: Output) -> Result<(), Failure> {
    let mut text = String::new();
    let mut json = serde_json::Map::new();
    let mut section = "";
    for shown in &config.shown {
        let (head, key) = shown.key.split_once('.').expect("every key has a section");
        if head != section {
            section = head;
            text.push_str(&format!("{}[{head}]\n", if text.is_empty() { "" } else { "\n" }));
        }
        let value = masked(key, &shown.value);
        text.push_str(&format!("{key} = {value}  # {}\n", shown.origin));
        let value: serde_json::Value = match &value {
            toml::Value::Integer(number) => (*number).into(),
            toml::Value::Boolean(flag) => (*flag).into(),
            toml::Value::String(text) => text.clone().into(),
            other => other.to_string().into(),
        };
        let entry = serde_json::json!({"value": value, "from": shown.origin});
        json.insert(shown.key.clone(), entry);
    }
    output.answer(Printed { text, json: json.into() })
}

/// What may be shown of a value: nothing of one whose name says that it is a secret.
fn masked(key: &str, value: &toml::Value) -> toml::Value {
    let secret = ["secret", "password", "token", "url"].iter().any(|end| key.ends_with(end));
    if secret { toml::Value::String("***".to_owned()) } else { value.clone() }
}
