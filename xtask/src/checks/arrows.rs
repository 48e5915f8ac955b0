//! Crate arrows: kernel ← engines ← platform ← contexts/ledger ← other contexts ← app.
//! Connectors serve one context, the sandbox stays outside the wall, proof and clients may use anything.

use crate::finding::Finding;
use crate::tree::Tree;
use std::collections::BTreeMap;

const RULE: &str = "arrows";

/// A place in the house, told by the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tier {
    Kernel,
    Engine,
    Platform,
    Ledger,
    Context,
    Connector,
    App,
    Sandbox,
    Client,
    Proof,
    Xtask,
}

impl Tier {
    fn of(folder: &str) -> Option<Self> {
        let mut rooms = folder.split('/');
        match (rooms.next()?, rooms.next()) {
            ("kernel", None) => Some(Self::Kernel),
            ("engines", Some(_)) => Some(Self::Engine),
            ("platform", Some(_)) => Some(Self::Platform),
            ("contexts", Some("ledger")) => Some(Self::Ledger),
            ("contexts", Some(_)) => Some(Self::Context),
            ("connectors", Some(_)) => Some(Self::Connector),
            ("app", None) => Some(Self::App),
            ("sandbox", _) => Some(Self::Sandbox),
            ("clients", Some(_)) => Some(Self::Client),
            ("proof", Some(_)) => Some(Self::Proof),
            ("xtask", None) => Some(Self::Xtask),
            _ => None,
        }
    }

    /// Whether a crate of this tier may use a crate of that one.
    fn may_use(self, other: Self) -> bool {
        use Tier::{
            App, Client, Connector, Context, Engine, Kernel, Ledger, Platform, Proof, Sandbox, Xtask,
        };
        match self {
            Kernel | Xtask => false,
            Engine => matches!(other, Kernel | Engine),
            Platform => matches!(other, Kernel | Engine | Platform),
            Ledger | Context => matches!(other, Kernel | Engine | Platform | Ledger),
            Connector => matches!(other, Kernel | Engine | Platform | Ledger | Context),
            App => matches!(other, Kernel | Engine | Platform | Ledger | Context | Connector | Client),
            Sandbox => matches!(other, Kernel | Engine | Client | Sandbox),
            Client => !matches!(other, Proof | Xtask),
            Proof => other != Xtask,
        }
    }
}

/// A crate: its folder, and what of the workspace it uses, with lines.
struct Member {
    folder: String,
    uses: Vec<(usize, String)>,
}

/// Checks every dependency between crates of the workspace.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut members: BTreeMap<String, Member> = BTreeMap::new();
    for (path, text) in &tree.texts {
        let Some(folder) = path.strip_suffix("/Cargo.toml") else { continue };
        match read(folder, text) {
            Ok(Some((name, member))) => {
                members.insert(name, member);
            }
            Ok(None) => {}
            Err(error) => findings.push(Finding::new(path, 1, RULE, error, "mend the manifest")),
        }
    }
    for member in members.values() {
        findings.extend(judge(member, &members));
    }
    findings
}

fn judge(member: &Member, members: &BTreeMap<String, Member>) -> Vec<Finding> {
    let path = format!("{}/Cargo.toml", member.folder);
    let Some(tier) = Tier::of(&member.folder) else {
        let what = format!("the folder {} has no place in the house", member.folder);
        return vec![Finding::new(
            &path,
            1,
            RULE,
            what,
            "put the crate under one of the rooms of ARCHITECTURE.md",
        )];
    };
    let mut findings = Vec::new();
    let mut owner: Option<&str> = None;
    for (line, name) in &member.uses {
        let Some((other, to)) = members.get(name).and_then(|other| Some((other, Tier::of(&other.folder)?)))
        else {
            continue;
        };
        if !tier.may_use(to) {
            let what = format!("{} must not depend on {}", member.folder, other.folder);
            findings.push(Finding::new(&path, *line, RULE, what, remedy(tier, to)));
        }
        if tier == Tier::Connector && to == Tier::Context {
            if owner.is_some_and(|owner| owner != other.folder) {
                let what = format!("{} serves two contexts", member.folder);
                findings.push(Finding::new(&path, *line, RULE, what, "a connector has one owner: make two"));
            }
            owner = Some(&other.folder);
        }
    }
    findings
}

fn remedy(from: Tier, to: Tier) -> &'static str {
    match (from, to) {
        (Tier::Context, Tier::Context) | (Tier::Ledger, Tier::Context) => {
            "state what is needed as a trait in needs.rs and wire it in app/neighbours/"
        }
        (Tier::Sandbox, _) => "the sandbox speaks public protocols only",
        (Tier::Xtask, _) => "xtask checks the house from its files alone",
        _ => "arrows go kernel ← engines ← platform ← contexts/ledger ← other contexts ← app",
    }
}

/// Name and dependencies of a manifest; none where it has no package.
fn read(folder: &str, text: &str) -> Result<Option<(String, Member)>, String> {
    let manifest: toml::Table = text.parse().map_err(|error| format!("unreadable manifest: {error}"))?;
    let Some(name) =
        manifest.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str)
    else {
        return Ok(None);
    };
    let mut uses = Vec::new();
    collect(&manifest, text, &mut uses);
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    for target in targets.into_iter().flat_map(toml::Table::values).filter_map(toml::Value::as_table) {
        collect(target, text, &mut uses);
    }
    Ok(Some((name.to_owned(), Member { folder: folder.to_owned(), uses })))
}

fn collect(table: &toml::Table, text: &str, uses: &mut Vec<(usize, String)>) {
    for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let Some(dependencies) = table.get(kind).and_then(toml::Value::as_table) else { continue };
        for (key, value) in dependencies {
            let name = value.get("package").and_then(toml::Value::as_str).unwrap_or(key);
            uses.push((line_of(text, key), name.to_owned()));
        }
    }
}

fn line_of(text: &str, key: &str) -> usize {
    let starts = |line: &str| {
        line.strip_prefix(key).is_some_and(|rest| rest.starts_with([' ', '.', '=']))
            || line.ends_with(&format!("dependencies.{key}]"))
    };
    text.lines().position(|line| starts(line.trim())).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::places;

    fn manifest(name: &str, uses: &str) -> String {
        format!("[package]\nname = \"{name}\"\n[dependencies]\n{uses}")
    }

    #[test]
    fn arrows_point_inwards() {
        let files = [
            ("kernel/Cargo.toml", manifest("kernel", "platform-store.workspace = true\n")),
            ("platform/store/Cargo.toml", manifest("platform-store", "kernel = { path = \"x\" }\n")),
            ("contexts/ledger/Cargo.toml", manifest("ledger", "wallets = \"1\"\nplatform-store = \"1\"\n")),
            ("contexts/wallets/Cargo.toml", manifest("wallets", "ledger = \"1\"\nrisk = \"1\"\n")),
            ("contexts/risk/Cargo.toml", manifest("risk", "concord = \"1\"\n")),
            ("connectors/kafka/Cargo.toml", manifest("connector-kafka", "risk = \"1\"\nwallets = \"1\"\n")),
            ("app/Cargo.toml", manifest("concord", "wallets = \"1\"\nledger = \"1\"\n")),
            ("proof/sim/Cargo.toml", manifest("sim", "concord = \"1\"\nledger = \"1\"\n")),
            ("misc/Cargo.toml", manifest("misc", "")),
        ];
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        assert_eq!(
            places(check, &files),
            [
                "connectors/kafka/Cargo.toml:5 arrows",
                "contexts/ledger/Cargo.toml:4 arrows",
                "contexts/risk/Cargo.toml:4 arrows",
                "contexts/wallets/Cargo.toml:5 arrows",
                "kernel/Cargo.toml:4 arrows",
                "misc/Cargo.toml:1 arrows",
            ]
        );
    }

    #[test]
    fn renamed_and_targeted_dependencies_count() {
        let text = "[package]\nname = \"a\"\n[dev-dependencies]\nother = { package = \"b\", path = \"x\" }\n";
        let target = "[package]\nname = \"b\"\n[target.'cfg(unix)'.dependencies]\na = \"1\"\n";
        let found = places(check, &[("contexts/a/Cargo.toml", text), ("contexts/b/Cargo.toml", target)]);
        assert_eq!(found, ["contexts/a/Cargo.toml:4 arrows", "contexts/b/Cargo.toml:4 arrows"]);
    }
}
