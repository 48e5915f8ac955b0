//! Which contexts there are, what each keeps in the data directory, and how they are put together.
//! The only file that knows them all: a new context adds its scopes, its part and its opening here, above the marks
//! `new-context`, which `cargo xtask new-context` finds.

use crate::data_dir::{DataDir, LOCK};
use crate::metrics;
use crate::output::{Failure, Output};
use crate::page;
use crate::problems;
use crate::progress::Progress;
use identity::{Door, Doorkeeper, Keys, Setting};
use kernel::{Asset, AssetCode, Clock, IdSource, RandomIds, SystemClock};
use ledger::Ledger;
use ledger::journal::copy::{self, Turn};
use ledger::journal::disk::{Disk, RealDisk};
use ledger::journal::engine::Settings as LedgerSettings;
use ledger::projection;
use platform_http::{Declared, Info, Limits, Open, Schema, Site, openapi as document};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use wallets::Wallets;

/// Every scope that a route asks for, and `*` for all.
pub const SCOPES: &[&str] = &[
    "ledger:read",
    "ledger:write",
    "ledger:override",
    "wallets:read",
    "wallets:write",
    // new-context: scopes
    "admin",
    "*",
];

/// What may be in a data directory, and is in a backup unless it is made anew at every start.
pub const PARTS: &[Part] = &[
    Part { name: identity::FILE, kind: PartKind::Rows },
    Part { name: wallets::FILE, kind: PartKind::Rows },
    // new-context: parts
    Part { name: JOURNAL, kind: PartKind::Journal },
];

/// The contexts that a process serves.
pub const CONTEXTS: &[&str] = &[
    "identity",
    "ledger",
    wallets::CONTEXT,
    // new-context: contexts
];

/// What is beside the parts and a copy needs not: a start makes it anew, or a file system's root has it.
/// The projection is such a thing: read from the journal again, it is what it was.
const NOT_KEPT: [&str; 3] = [LOCK, projection::FILE, "lost+found"];
/// What SQLite keeps beside a file of rows while it is open.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// One thing in the data directory: a file or a directory of one context.
pub struct Part {
    /// Its name there, and in a backup.
    pub name: &'static str,
    /// What it is.
    pub kind: PartKind,
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// A file of rows.
    Rows,
    /// The journal.
    Journal,
}

impl Part {
    /// Copies it, nobody using it, to a path where nothing is yet; synced when it returns.
    pub fn copy(&self, from: &Path, to: &Path, output: Output) -> Result<(), Failure> {
        match self.kind {
            PartKind::Rows => Ok(platform_store::backup_file(from, to)?),
            PartKind::Journal => copy_journal(from, to, output, &mut |_| Ok(0)).map(drop),
        }
    }

    /// Whether a copy is sound and what the backup's list says of it.
    pub fn check(&self, copy: &Path, listed: &Value, output: Output) -> Result<(), Failure> {
        match self.kind {
            PartKind::Rows => Ok(platform_store::check_file(copy)?),
            PartKind::Journal => check_journal(copy, listed, output),
        }
    }
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

/// What the contexts are told by the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The journal.
    pub ledger: LedgerSettings,
    /// What stands behind the wallets of the documented API.
    pub asset: Asset,
}

impl Default for Settings {
    fn default() -> Self {
        let code = AssetCode::parse("UNIT").expect("it is a code");
        Self { ledger: LedgerSettings::default(), asset: Asset { code, scale: 8 } }
    }
}

/// The status of a process that ends itself because a file may not be what it was: the next start redoes it.
const FATAL: i32 = 70;

/// Everything a server has open. The contexts are opened in the order of their fields and dropped in it too.
pub struct House {
    /// The keys.
    pub keys: Keys,
    /// How requests get in.
    pub door: Door,
    /// The wallets.
    pub wallets: Wallets,
    // new-context: fields
    /// The books.
    pub ledger: Ledger,
}

impl House {
    /// Opens what the directory keeps, for a server that listens on this address. The caller holds the lock.
    pub fn open(data: &DataDir, listen: IpAddr, world: &World, settings: Settings) -> Result<Self, Failure> {
        let keys = open_keys(data, world)?;
        // An IPv4 address in IPv6 clothes is judged as what it is.
        let door = keys.door(listen.to_canonical().is_loopback()).map_err(identity::Error::from)?;
        let ledger = open_ledger(data, world, settings.ledger)?;
        Ok(Self {
            keys,
            door,
            wallets: open_wallets(data, world, &ledger, settings.asset)?,
            // new-context: opened
            ledger,
        })
    }

    /// Finishes what was handed over: the contexts first, then the books that decide for them.
    pub fn close(&self) {
        self.wallets.close();
        // new-context: closed
        self.ledger.close();
    }

    /// All routes, ready to answer.
    pub fn site(&self, limits: Limits, world: &World) -> Site {
        let doorkeeper = Arc::new(Doorkeeper::new(self.keys.clone(), self.door));
        let keys = self.keys.clone();
        Site::builder(INFO, limits, doorkeeper, world.ids.clone())
            .routes(ledger::http::routes().with_state(self.ledger.clone()))
            .routes(wallets::http::routes().with_state(self.wallets.clone()))
            // new-context: routes
            .routes(page::routes())
            .schemas(schemas())
            .problems(problems::PAGES)
            .metrics(metrics::register(&self.ledger, &self.wallets))
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

/// Every route: those of the contexts, the page's, then those that every process has.
pub fn declared() -> Vec<Declared> {
    let bare = Site::builder(INFO, Limits::default(), Arc::new(Open::default()), Arc::new(RandomIds)).build();
    let contexts = ledger::http::routes().declared().into_iter();
    let contexts = contexts.chain(wallets::http::routes().declared());
    // new-context: declared
    contexts.chain(page::routes().declared()).chain(bare.declared().iter().copied()).collect()
}

/// The shapes that the routes name.
pub fn schemas() -> Vec<Schema> {
    let schemas = ledger::http::schemas().into_iter();
    let schemas = schemas.chain(wallets::http::schemas());
    // new-context: schemas
    schemas.collect()
}

/// Opens the books of a data directory. The caller holds the lock.
pub fn open_ledger(data: &DataDir, world: &World, settings: LedgerSettings) -> Result<Ledger, Failure> {
    let opening = |source| Failure::io("opening the journal", source);
    let disk = RealDisk::try_new(&data.join(JOURNAL)).map_err(opening)?;
    let ledger = Ledger::open(Arc::new(disk), world.clock.clone(), world.ids.clone(), settings);
    // What is damaged, where, and what to do about it stands in the fault.
    let ledger = ledger.map_err(opening)?;
    if !settings.projection {
        return Ok(ledger);
    }
    let projected = ledger.projected(data.join(projection::FILE));
    projected.map_err(|source| Failure::io("starting the projection", source))
}

/// Opens the wallets of a data directory: redo, then migrations.
fn open_wallets(data: &DataDir, world: &World, ledger: &Ledger, asset: Asset) -> Result<Wallets, Failure> {
    let (clock, ids) = (world.clock.clone(), world.ids.clone());
    let setting = wallets::Setting { ledger: ledger.clone(), clock, ids, asset, on_fatal: on_fatal() };
    Ok(Wallets::open(&data.join(wallets::FILE), setting)?)
}

/// What a context does whose file may not be what it was: it ends the process.
fn on_fatal() -> Arc<dyn Fn(&str) + Send + Sync> {
    Arc::new(|what: &str| {
        tracing::error!(what, "a context's file may not be what it was; the next start redoes it");
        std::process::exit(FATAL);
    })
}

/// Opens the keys of a data directory.
pub fn open_keys(data: &DataDir, world: &World) -> Result<Keys, Failure> {
    let setting = Setting { scopes: SCOPES, clock: world.clock.clone(), ids: world.ids.clone() };
    Ok(Keys::open(&data.join(identity::FILE), setting)?)
}

/// Migrations that each file of rows has seen.
pub fn migrations(data: &DataDir) -> Result<Vec<(&'static str, u32)>, Failure> {
    let files = PARTS.iter().filter(|part| part.kind == PartKind::Rows && data.join(part.name).exists());
    files.map(|part| Ok((part.name, platform_store::migrations_seen(&data.join(part.name))?))).collect()
}

/// Whatever is in a data directory and belongs to no part this program knows.
pub fn strangers(data: &DataDir) -> Result<Vec<String>, Failure> {
    let reading = || Failure::path("reading", data.path());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(data.path()).map_err(reading())? {
        let name = entry.map_err(reading())?.file_name().to_string_lossy().into_owned();
        if !belongs(&name) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Whether a name in a data directory is one this program knows.
fn belongs(name: &str) -> bool {
    let file = BESIDE.iter().find_map(|end| name.strip_suffix(end));
    PARTS.iter().any(|part| part.name == name || part.kind == PartKind::Rows && Some(part.name) == file)
        || NOT_KEPT.contains(&name)
        || file == Some(projection::FILE)
}

/// Refuses names that are none, and fewer than all: one process owns a data directory.
pub fn check_contexts(named: &[String]) -> Result<(), Failure> {
    let refuse = |what: String| Err(Failure::Flag { flag: "CONTEXT", what });
    let all = CONTEXTS.join(", ");
    if let Some(unknown) = named.iter().find(|name| !CONTEXTS.contains(&name.as_str())) {
        return refuse(format!("there is no context {unknown:?}; there are {all}"));
    }
    match CONTEXTS.iter().find(|context| !named.iter().any(|name| name == *context)) {
        Some(missing) if !named.is_empty() => refuse(format!(
            "one process serves all contexts of a data directory ({all}), {missing} too; name all or none"
        )),
        _ => Ok(()),
    }
}

/// The directory of a journal that is there, to be read.
pub fn journal_disk(data: &Path) -> Result<Arc<dyn Disk>, Failure> {
    let path = DataDir::find(data)?.join(JOURNAL);
    if !path.is_dir() {
        let what = format!("{} holds no journal: no server has run on it yet", data.display());
        return Err(Failure::Refused(what));
    }
    let disk = RealDisk::try_new(&path).map_err(Failure::path("opening", &path))?;
    Ok(Arc::new(disk))
}

/// Copies a journal, possibly from under a live server. Returns what the backup's list says of the copy.
pub fn copy_journal(
    from: &Path,
    to: &Path,
    output: Output,
    turn: &mut dyn FnMut(Turn) -> std::io::Result<u64>,
) -> Result<Value, Failure> {
    let disk = |path: &Path| RealDisk::try_new(path).map_err(Failure::path("opening", path));
    let source: Arc<dyn Disk> = Arc::new(disk(from)?);
    let target = disk(to)?;
    let mut progress = Progress::new(output, "copying the journal", "bytes");
    let copied = copy::copy(&source, &target, &mut |at| progress.tell(at.done, at.done, at.most), turn);
    match copied.map_err(Failure::path("copying the journal", from))? {
        Some(copied) => Ok(json!({"end": copied.end, "frames": copied.frames})),
        None => Ok(Value::Null),
    }
}

fn check_journal(copy: &Path, listed: &Value, output: Output) -> Result<(), Failure> {
    if listed.is_null() {
        return Ok(());
    }
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::try_new(copy).map_err(Failure::path("opening", copy))?);
    let mut progress = Progress::new(output, "reading the journal back", "bytes");
    let found = copy::check(&disk, &mut |at| progress.tell(at.done, at.done, at.most));
    let found = found.map_err(Failure::path("reading back", copy))?;
    if json!({"end": found.end, "frames": found.frames}) == *listed {
        return Ok(());
    }
    let (at, end) = (found.end, &listed["end"]);
    Err(Failure::Refused(format!("{} ends at {at} and the backup's list says {end}", copy.display())))
}
