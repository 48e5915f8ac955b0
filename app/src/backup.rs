//! Backups: a directory with a copy of every part and, written last, a list of them.
//! A directory without the list is no backup: taking it stopped half way. A restore appears under its name only
//! when all of it is there, checked and synced.

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::output::{Failure, Output, Printed};
use crate::wiring::{self, PARTS, Part, PartKind, World};
use ledger::journal::copy::Turn;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The list's name.
const MANIFEST: &str = "backup.json";
/// The form of a backup.
const FORMAT: u64 = 1;

/// Copies everything that is kept into a new directory.
pub async fn take(config: &Config, to: &Path, output: Output) -> Result<(), Failure> {
    let data = DataDir::find(&config.data.dir)?;
    let strangers = wiring::strangers(&data)?;
    if !strangers.is_empty() {
        let what = format!(
            "{} has what this program does not know and a backup would miss: {}",
            data.path().display(),
            strangers.join(", ")
        );
        return Err(Failure::Refused(what));
    }
    let target = empty_directory(to)?;
    let present: Vec<&Part> = PARTS.iter().filter(|part| data.join(part.name).exists()).collect();
    let names: Vec<_> = present.iter().map(|part| part.name).collect();
    let listed = copy_instant(&data, &target, &present, output)?;
    if names.is_empty() {
        return Err(Failure::Refused(format!("there is nothing to back up in {}", data.path().display())));
    }
    let made_at = World::real().clock.now().to_string();
    let made_by = env!("CARGO_PKG_VERSION");
    let manifest =
        json!({"format": FORMAT, "made_at": made_at, "made_by": made_by, "parts": names, "listed": listed});
    write_manifest(&target, &manifest)?;
    let text = format!("backed up {} to {}\n", names.join(", "), to.display());
    output.answer(Printed { text, json: manifest })
}

/// Copies all parts as they are at one instant, and reads each copy back. The journal is copied first, all but
/// its newest end; then every writer of rows is held still behind its last COMMIT for as long as the rest of the
/// journal takes: no file has a command that the journal lacks, nor lacks one that the journal has.
fn copy_instant(
    data: &DataDir,
    target: &DataDir,
    parts: &[&Part],
    output: Output,
) -> Result<serde_json::Map<String, Value>, Failure> {
    let of_kind = |kind| parts.iter().filter(move |part| part.kind == kind);
    let files: Vec<PathBuf> = of_kind(PartKind::Rows).map(|part| data.join(part.name)).collect();
    let (mut held, mut instant) = (None, None);
    let mut listed = serde_json::Map::new();
    for part in of_kind(PartKind::Journal) {
        let mut turn = |turn: Turn| match turn {
            Turn::CaughtUp => platform_store::hold(files.iter().cloned()).and_then(|still| {
                let cursor = still.cursor();
                held = Some(still);
                cursor
            }),
            Turn::Ended => {
                let taken = held.take().map(platform_store::Held::snapshot).transpose();
                taken.map(|taken| {
                    instant = taken;
                    0
                })
            }
        };
        let mut turn = |at| turn(at).map_err(std::io::Error::other);
        let facts = wiring::copy_journal(&data.join(part.name), &target.join(part.name), output, &mut turn)?;
        listed.insert(part.name.to_owned(), facts);
    }
    let instant = match instant {
        Some(instant) => instant,
        // There is no journal yet.
        None => platform_store::hold(files)?.snapshot()?,
    };
    for part in of_kind(PartKind::Rows) {
        instant.copy(&data.join(part.name), &target.join(part.name))?;
        listed.insert(part.name.to_owned(), Value::Null);
    }
    for part in parts {
        part.check(&target.join(part.name), &listed[part.name], output)?;
    }
    Ok(listed)
}

/// Makes a data directory from a backup.
pub fn restore(from: &Path, to: &Path, output: Output) -> Result<(), Failure> {
    let (parts, listed) = read_manifest(from)?;
    if to.exists() {
        empty_directory(to)?;
    }
    let building = building_name(to);
    let target = match building.exists() {
        true => {
            let what = format!("{} is left from a restore that stopped; remove it first", building.display());
            return Err(Failure::Refused(what));
        }
        false => empty_directory(&building)?,
    };
    let copied = parts.iter().try_for_each(|part| {
        part.copy(&from.join(part.name), &target.join(part.name), output)?;
        part.check(&target.join(part.name), &listed[part.name], output)
    });
    let placed = copied.and_then(|()| {
        sync_directory(target.path())?;
        fs::rename(&building, to).map_err(Failure::path("putting the restored directory to", to))?;
        sync_directory(to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
    });
    if let Err(failure) = placed {
        let _ = fs::remove_dir_all(&building);
        return Err(failure);
    }
    let names: Vec<_> = parts.iter().map(|part| part.name).collect();
    let text = format!("restored {} to {}\n", names.join(", "), to.display());
    output.answer(Printed { text, json: json!({"data_dir": to.display().to_string(), "parts": names}) })
}

/// Copies all that is kept into an empty directory, as it is at one instant.
pub fn copy_all(data: &DataDir, target: &DataDir, output: Output) -> Result<(), Failure> {
    let present: Vec<&Part> = PARTS.iter().filter(|part| data.join(part.name).exists()).collect();
    copy_instant(data, target, &present, output).map(drop)
}

/// A directory that is new or empty, for its owner alone.
pub fn empty_directory(path: &Path) -> Result<DataDir, Failure> {
    let directory = DataDir::make(path)?;
    let first = fs::read_dir(path).map_err(Failure::path("reading", path))?.next();
    if first.is_some() {
        return Err(Failure::Refused(format!("{} is not empty; name a new directory", path.display())));
    }
    Ok(directory)
}

/// Where a restore is put together: beside its place, so that one rename finishes it.
fn building_name(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".restoring");
    to.with_file_name(name)
}

fn write_manifest(target: &DataDir, manifest: &Value) -> Result<(), Failure> {
    let (path, draft) = (target.join(MANIFEST), target.join("backup.json.draft"));
    let writing = || Failure::path("writing", &path);
    fs::write(&draft, format!("{manifest:#}\n")).map_err(writing())?;
    File::open(&draft).and_then(|file| file.sync_all()).map_err(writing())?;
    fs::rename(&draft, &path).map_err(writing())?;
    sync_directory(target.path())
}

/// The parts that a backup says it has, and what it says of each.
fn read_manifest(from: &Path) -> Result<(Vec<&'static Part>, Value), Failure> {
    let path = from.join(MANIFEST);
    let refuse = |what: &str| Failure::Refused(format!("{} {what}", from.display()));
    let text = match fs::read_to_string(&path) {
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => {
            return Err(refuse("is no backup, or one that stopped half way: it has no backup.json"));
        }
        other => other.map_err(Failure::path("reading", &path))?,
    };
    let manifest: Value =
        serde_json::from_str(&text).map_err(|_| refuse("has a backup.json that is no JSON"))?;
    if manifest["format"] != json!(FORMAT) {
        return Err(refuse("was made by a newer program; restore it with that one"));
    }
    let names = manifest["parts"].as_array().ok_or_else(|| refuse("has a backup.json without parts"))?;
    let part_of = |name: &Value| PARTS.iter().find(|part| Some(part.name) == name.as_str());
    let parts = names
        .iter()
        .map(|name| part_of(name).ok_or_else(|| refuse(&format!("has an unknown part {name}"))))
        .collect::<Result<_, _>>()?;
    Ok((parts, manifest["listed"].clone()))
}

fn sync_directory(path: &Path) -> Result<(), Failure> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(Failure::path("syncing", path))
}
