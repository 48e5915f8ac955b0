//! What is taken from outside, judged by deny.toml: licences, banned crates, sources, duplicates of crates that
//! must be one. It reads what Cargo resolved and uses no network; advisories need cargo-deny, which reads the
//! same file.

mod licences;
mod policy;

use crate::finding::Finding;
use licences::Expression;
use policy::Policy;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

const POLICY: &str = "deny.toml";
const LOCK: &str = "Cargo.lock";

/// A resolved package.
#[derive(Debug)]
struct Package {
    name: String,
    version: String,
    licence: Option<String>,
    /// Nothing for a crate of the workspace.
    source: Option<String>,
    /// Names of packages that use it directly.
    parents: BTreeSet<String>,
}

/// Checks the resolved packages of the workspace.
pub fn check(root: &Path) -> Result<Vec<Finding>, String> {
    let text = std::fs::read_to_string(root.join(POLICY))
        .map_err(|error| format!("cannot read {POLICY}: {error}"))?;
    let policy = Policy::parse(&text)?;
    let lock =
        std::fs::read_to_string(root.join(LOCK)).map_err(|error| format!("cannot read {LOCK}: {error}"))?;
    let mut packages = packages(&metadata(root)?)?;
    let built = built(root)?;
    packages.retain(|package| built.contains(&format!("{} v{}", package.name, package.version)));
    Ok(judge(&policy, &packages, &lock))
}

fn metadata(root: &Path) -> Result<Value, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let host = host(&cargo)?;
    let output = Command::new(cargo)
        .current_dir(root)
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", &host])
        .output()
        .map_err(|error| format!("cannot run cargo metadata: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo metadata failed; `cargo fetch --locked` may help:\n{}", said.trim()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata printed no JSON: {error}"))
}

/// What is really built, as `name vVERSION`: the resolved graph also has crates that only a feature would bring which
/// nobody turns on.
fn built(root: &Path) -> Result<BTreeSet<String>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root)
        .args(["tree", "--workspace", "--locked", "--offline", "--prefix", "none", "--format", "{p}"])
        .output()
        .map_err(|error| format!("cannot run cargo tree: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo tree failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let named = said.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "));
    Ok(named.collect())
}

/// The platform that is built for: packages of others are neither fetched nor shipped.
fn host(cargo: &std::ffi::OsStr) -> Result<String, String> {
    let output =
        Command::new(cargo).arg("-vV").output().map_err(|error| format!("cannot run cargo -vV: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "cargo -vV names no host".to_owned())
}

fn packages(metadata: &Value) -> Result<Vec<Package>, String> {
    let text = |value: &Value, key: &str| value[key].as_str().map(str::to_owned);
    let listed = metadata["packages"].as_array().ok_or("cargo metadata has no packages")?;
    let mut packages = BTreeMap::new();
    for package in listed {
        let missing = "a package of cargo metadata has no id, name or version";
        packages.insert(
            text(package, "id").ok_or(missing)?,
            Package {
                name: text(package, "name").ok_or(missing)?,
                version: text(package, "version").ok_or(missing)?,
                licence: text(package, "license"),
                source: text(package, "source"),
                parents: BTreeSet::new(),
            },
        );
    }
    let nodes = metadata["resolve"]["nodes"].as_array().ok_or("cargo metadata has no resolved graph")?;
    let mut reached = BTreeSet::new();
    for node in nodes {
        let parent = text(node, "id").ok_or("a node of cargo metadata has no id")?;
        reached.insert(parent.clone());
        let name = packages.get(&parent).map(|package| package.name.clone()).unwrap_or_default();
        for dependency in node["deps"].as_array().into_iter().flatten() {
            if let Some(child) = dependency["pkg"].as_str().and_then(|id| packages.get_mut(id)) {
                child.parents.insert(name.clone());
            }
        }
    }
    Ok(packages.into_iter().filter(|(id, _)| reached.contains(id)).map(|(_, package)| package).collect())
}

fn judge(policy: &Policy, packages: &[Package], lock: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let outside = packages.iter().filter(|package| package.source.is_some());
    for package in outside {
        let faults = [licence(policy, package), source(policy, package), ban(policy, package)];
        findings.extend(
            faults
                .into_iter()
                .flatten()
                .map(|(rule, what, remedy)| Finding::new(LOCK, line_of(lock, package), rule, what, remedy)),
        );
    }
    for name in &policy.single {
        let same: Vec<&Package> = packages.iter().filter(|package| package.name == *name).collect();
        if same.len() > 1 {
            let versions: Vec<&str> = same.iter().map(|package| package.version.as_str()).collect();
            let what = format!("{name} is there {} times: {}", same.len(), versions.join(", "));
            let remedy = "bring its users to one version, or say in DECISIONS.md why two are harmless";
            findings.push(Finding::new(LOCK, line_of(lock, same[0]), "duplicates", what, remedy));
        }
    }
    findings
}

type Fault = (&'static str, String, String);

fn licence(policy: &Policy, package: &Package) -> Option<Fault> {
    let named = format!("{} {}", package.name, package.version);
    let allowed = |id: &str| {
        policy.allow.contains(id) || policy.exceptions.get(&package.name).is_some_and(|ids| ids.contains(id))
    };
    let remedy =
        || format!("take another crate, or add it to [licenses] of {POLICY} with the reason in DECISIONS.md");
    let Some(text) = &package.licence else {
        return Some(("licences", format!("{named} states no licence"), remedy()));
    };
    match Expression::parse(text) {
        Err(error) => Some(("licences", format!("{named} states {text:?}: {error}"), remedy())),
        Ok(expression) if !expression.holds(&allowed) => {
            Some(("licences", format!("{named} is licensed {text}"), remedy()))
        }
        Ok(_) => None,
    }
}

fn source(policy: &Policy, package: &Package) -> Option<Fault> {
    let source = package.source.as_deref()?;
    let registry = source.split_once('+').map_or(source, |(_, address)| address);
    if policy.registries.contains(registry) {
        return None;
    }
    let what = format!("{} {} comes from {source}", package.name, package.version);
    Some(("sources", what, "take a release from crates.io".to_owned()))
}

fn ban(policy: &Policy, package: &Package) -> Option<Fault> {
    let ban = policy.bans.get(&package.name)?;
    let strangers: Vec<&str> =
        package.parents.iter().map(String::as_str).filter(|parent| !ban.wrappers.contains(*parent)).collect();
    if !ban.wrappers.is_empty() && strangers.is_empty() {
        return None;
    }
    let what = format!("{} {} is banned and used by {}", package.name, package.version, strangers.join(", "));
    let remedy = ban
        .instead
        .as_ref()
        .map_or_else(|| ban.reason.clone(), |other| format!("use {other}: {}", ban.reason));
    Some(("bans", what, remedy))
}

fn line_of(lock: &str, package: &Package) -> usize {
    let (name, version) =
        (format!("name = \"{}\"", package.name), format!("version = \"{}\"", package.version));
    let lines: Vec<&str> = lock.lines().collect();
    lines.windows(2).position(|pair| pair[0] == name && pair[1] == version).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"
        [licenses]
        allow = ["MIT"]
        exceptions = [{ crate = "free", allow = ["ISC"] }]
        [bans]
        deny = [
            { crate = "ring", use-instead = "aws-lc-rs", reason = "one provider" },
            { crate = "lazy", wrappers = ["old"] },
            { crate = "twice", deny-multiple-versions = true },
        ]
        [sources]
        allow-registry = ["https://index"]
    "#;

    fn package(name: &str, version: &str, licence: &str, parent: &str) -> Package {
        Package {
            name: name.to_owned(),
            version: version.to_owned(),
            licence: (!licence.is_empty()).then(|| licence.to_owned()),
            source: Some("registry+https://index".to_owned()),
            parents: BTreeSet::from([parent.to_owned()]),
        }
    }

    fn said(packages: &[Package]) -> Vec<String> {
        let policy = Policy::parse(POLICY).expect("it is well-formed");
        let lock = "[[package]]\nname = \"ring\"\nversion = \"1\"\n";
        judge(&policy, packages, lock).iter().map(|f| format!("{}:{} {}", f.line, f.rule, f.what)).collect()
    }

    #[test]
    fn the_house_policy_is_read_whole() {
        let policy = Policy::parse(include_str!("../../../deny.toml")).expect("it is well-formed");
        assert!(
            policy.allow.contains("MIT")
                && policy.bans.contains_key("ring")
                && policy.single.contains("tokio")
        );
        assert!(policy.bans.values().all(|ban| ban.reason != "banned by deny.toml"), "every ban says why");
    }

    #[test]
    fn what_is_allowed_passes() {
        let fine = [
            package("a", "1", "MIT OR GPL-3.0-only", "ledger"),
            package("free", "1", "ISC AND MIT", "ledger"),
            package("lazy", "1", "MIT", "old"),
            package("twice", "1", "MIT", "ledger"),
            Package { source: None, licence: None, ..package("ledger", "1", "", "app") },
        ];
        assert!(said(&fine).is_empty());
    }

    #[test]
    fn every_rule_can_fail() {
        let mut foreign = package("foreign", "1", "MIT", "ledger");
        foreign.source = Some("git+https://elsewhere".to_owned());
        let bad = [
            package("a", "1", "GPL-3.0-only", "ledger"),
            package("b", "1", "", "ledger"),
            package("ring", "1", "MIT", "ledger"),
            package("lazy", "1", "MIT", "ledger"),
            package("twice", "1", "MIT", "ledger"),
            package("twice", "2", "MIT", "ledger"),
            foreign,
        ];
        assert_eq!(
            said(&bad),
            [
                "1:licences a 1 is licensed GPL-3.0-only",
                "1:licences b 1 states no licence",
                "2:bans ring 1 is banned and used by ledger",
                "1:bans lazy 1 is banned and used by ledger",
                "1:sources foreign 1 comes from git+https://elsewhere",
                "1:duplicates twice is there 2 times: 1, 2",
            ]
        );
    }
}
