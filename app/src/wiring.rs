//! Which contexts there are, what each keeps in the data directory, and how they are put together.
//! The only file that knows them all: a new context adds its scopes, its part and its opening here.

use crate::data_dir::{DataDir, LOCK};
use crate::output::Failure;
use crate::problems;
use identity::{Door, Doorkeeper, Keys, Setting};
use kernel::{Clock, IdSource, RandomIds, SystemClock};
use ledger::Ledger;
use ledger::journal::disk::RealDisk;
use ledger::journal::engine::Settings as LedgerSettings;
use platform_http::{Declared, Info, Limits, Open, Schema, Site, openapi as document};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

/// Every scope that a route asks for, and `*` for all.
pub const SCOPES: &[&str] = &["ledger:read", "ledger:write", "ledger:override", "admin", "*"];

/// What may be in a data directory, and is in a backup unless it is made anew at every start.
pub const PARTS: [Part; 1] = [Part { name: identity::FILE, copy: copy_keys, check: check_keys }];

/// What is beside the parts and a copy needs not: a start makes it anew, or a file system's root has it.
const NOT_KEPT: [&str; 4] = [LOCK, "identity.sqlite-wal", "identity.sqlite-shm", "lost+found"];

/// One thing in the data directory: a file or a directory of one context.
pub struct Part {
    /// Its name there, and in a backup.
    pub name: &'static str,
    /// Copies it, possibly from under a live server, to a path where nothing is yet; synced when it returns.
    pub copy: fn(from: &Path, to: &Path) -> Result<(), Failure>,
    /// Whether a copy is sound.
    pub check: fn(copy: &Path) -> Result<(), Failure>,
}

/// Where the ledger keeps its journal in the data directory.
pub const JOURNAL: &str = "journal";

/// What the API's description says of the whole.
const INFO: Info = Info {
    title: "Concord",
    version: env!("CARGO_PKG_VERSION"),
    about: "A double-entry money core. Amounts are decimal strings with a currency; every write takes an \
            `Idempotency-Key`; every refusal is a problem document (RFC 9457) with a page of its own.",
};

/// Time and chance of the real program.
#[derive(Clone)]
pub struct World {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The id source.
    pub ids: Arc<dyn IdSource>,
}

impl World {
    /// The system's.
    pub fn real() -> Self {
        Self { clock: Arc::new(SystemClock::default()), ids: Arc::new(RandomIds) }
    }
}

/// Everything a server has open. The contexts are opened in the order of their fields and dropped in it too.
pub struct House {
    /// The keys.
    pub keys: Keys,
    /// How requests get in.
    pub door: Door,
    /// The books.
    pub ledger: Ledger,
}

impl House {
    /// Opens what the directory keeps, for a server that listens on this address. The caller holds the lock.
    pub fn open(
        data: &DataDir,
        listen: IpAddr,
        world: &World,
        settings: LedgerSettings,
    ) -> Result<Self, Failure> {
        let keys = open_keys(data, world)?;
        // An IPv4 address in IPv6 clothes is judged as what it is.
        let door = keys.door(listen.to_canonical().is_loopback()).map_err(identity::Error::from)?;
        let opening = |source| Failure::io("opening the journal", source);
        let disk = RealDisk::try_new(&data.join(JOURNAL)).map_err(opening)?;
        let ledger = Ledger::open(Arc::new(disk), world.clock.clone(), world.ids.clone(), settings);
        Ok(Self { keys, door, ledger: ledger.map_err(opening)? })
    }

    /// All routes, ready to answer.
    pub fn site(&self, limits: Limits, world: &World) -> Site {
        let doorkeeper = Arc::new(Doorkeeper::new(self.keys.clone(), self.door));
        let keys = self.keys.clone();
        Site::builder(INFO, limits, doorkeeper, world.ids.clone())
            .routes(ledger::http::routes().with_state(self.ledger.clone()))
            .schemas(schemas())
            .problems(problems::PAGES)
            .ready("ledger", ready(&self.ledger))
            .ready("identity", move || keys.ready().map_err(|refusal| refusal.to_string()))
            .build()
    }
}

/// Whether the ledger takes commands.
fn ready(ledger: &Ledger) -> impl Fn() -> Result<(), String> + Send + Sync + 'static {
    let engine = ledger.engine().clone();
    move || match (engine.refuses(), engine.clock_suspect()) {
        (Some(problem), _) => Err(problem.detail),
        (None, true) => Err("the clock jumped and an operator has not confirmed it".to_owned()),
        (None, false) => Ok(()),
    }
}

/// The API's description, without opening anything.
pub fn openapi() -> serde_json::Value {
    document::document(&INFO, &declared(), &schemas())
}

/// Every route: those of the contexts, then those that every process has.
pub fn declared() -> Vec<Declared> {
    let bare = Site::builder(INFO, Limits::default(), Arc::new(Open::default()), Arc::new(RandomIds)).build();
    ledger::http::routes().declared().into_iter().chain(bare.declared().iter().copied()).collect()
}

/// The shapes that the routes name.
pub fn schemas() -> Vec<Schema> {
    ledger::http::schemas()
}

/// Opens the keys of a data directory.
pub fn open_keys(data: &DataDir, world: &World) -> Result<Keys, Failure> {
    let setting = Setting { scopes: SCOPES, clock: world.clock.clone(), ids: world.ids.clone() };
    Ok(Keys::open(&data.join(identity::FILE), setting)?)
}

/// Whatever is in a data directory and belongs to no part this program knows.
pub fn strangers(data: &DataDir) -> Result<Vec<String>, Failure> {
    let reading = || Failure::path("reading", data.path());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(data.path()).map_err(reading())? {
        let name = entry.map_err(reading())?.file_name().to_string_lossy().into_owned();
        if !PARTS.iter().any(|part| part.name == name) && !NOT_KEPT.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn copy_keys(from: &Path, to: &Path) -> Result<(), Failure> {
    Ok(platform_store::backup_file(from, to)?)
}

fn check_keys(copy: &Path) -> Result<(), Failure> {
    Ok(platform_store::check_file(copy)?)
}
