//! What deny.toml says, as far as this tool checks it. The file is cargo-deny's own format.

use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// The rules.
#[derive(Debug, Default)]
pub struct Policy {
    /// Licences that anything may have.
    pub allow: BTreeSet<String>,
    /// Licences that one crate may have besides.
    pub exceptions: BTreeMap<String, BTreeSet<String>>,
    /// Banned crates.
    pub bans: BTreeMap<String, Ban>,
    /// Crates of which there may be one version.
    pub single: BTreeSet<String>,
    /// Registries.
    pub registries: BTreeSet<String>,
}

/// Why a crate is banned.
#[derive(Debug, Default)]
pub struct Ban {
    /// Crates that may use it all the same.
    pub wrappers: BTreeSet<String>,
    /// What to take.
    pub instead: Option<String>,
    /// Why.
    pub reason: String,
}

impl Policy {
    /// Reads the file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let table: Table = text.parse().map_err(|error| format!("unreadable deny.toml: {error}"))?;
        let mut policy = Self {
            allow: texts(part(&table, "licenses", "allow")),
            registries: texts(part(&table, "sources", "allow-registry")),
            ..Self::default()
        };
        if policy.allow.is_empty() || policy.registries.is_empty() {
            return Err("deny.toml must state [licenses].allow and [sources].allow-registry".to_owned());
        }
        for exception in items(part(&table, "licenses", "exceptions")) {
            policy.exceptions.insert(name(exception)?, texts(exception.get("allow")));
        }
        for ban in items(part(&table, "bans", "deny")) {
            let crate_name = name(ban)?;
            if ban.get("deny-multiple-versions").and_then(Value::as_bool) == Some(true) {
                policy.single.insert(crate_name);
                continue;
            }
            let text = |key: &str| ban.get(key).and_then(Value::as_str).map(str::to_owned);
            let reason = text("reason").unwrap_or_else(|| "banned by deny.toml".to_owned());
            let ban = Ban { wrappers: texts(ban.get("wrappers")), instead: text("use-instead"), reason };
            policy.bans.insert(crate_name, ban);
        }
        Ok(policy)
    }
}

fn part<'a>(table: &'a Table, section: &str, key: &str) -> Option<&'a Value> {
    table.get(section)?.get(key)
}

fn items(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}

fn texts(list: Option<&Value>) -> BTreeSet<String> {
    items(list).filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The crate an item is about: `crate = "name"`, without a version requirement.
fn name(item: &Value) -> Result<String, String> {
    let stated = item.get("crate").and_then(Value::as_str).or_else(|| item.as_str());
    let stated = stated.ok_or_else(|| format!("an item of deny.toml names no crate: {item}"))?;
    Ok(stated.split(['@', ':']).next().unwrap_or(stated).to_owned())
}
