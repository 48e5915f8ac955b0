//! A crate is named after its folder, so that its place can be read from any `use`.

use crate::finding::Finding;
use crate::tree::Tree;

const RULE: &str = "names";

/// The name that a crate in this folder has; none where any fits.
fn wanted(folder: &str) -> Option<String> {
    let (room, name) = folder.split_once('/').unwrap_or((folder, ""));
    match room {
        "app" => Some("concord".to_owned()),
        "platform" => Some(format!("platform-{name}")),
        "connectors" => Some(format!("connector-{name}")),
        "clients" => None,
        _ if name.is_empty() => Some(room.to_owned()),
        _ => Some(name.replace('/', "-")),
    }
}

/// Checks the name of every package.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in &tree.texts {
        let Some(folder) = path.strip_suffix("/Cargo.toml") else { continue };
        let Ok(manifest) = text.parse::<toml::Table>() else { continue };
        let Some(name) = manifest.get("package").and_then(|package| package.get("name")?.as_str()) else {
            continue;
        };
        let Some(wanted) = wanted(folder).filter(|wanted| wanted != name) else { continue };
        let line = text.lines().position(|line| line.starts_with("name")).map_or(1, |index| index + 1);
        let what = format!("the package in {folder} is named {name}");
        findings.push(Finding::new(path, line, RULE, what, format!("name it {wanted}, after its folder")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::places;

    #[test]
    fn names_follow_folders() {
        let files = [
            ("app/Cargo.toml", "[package]\nname = \"app\"\n"),
            ("kernel/Cargo.toml", "[package]\nname = \"kernel\"\n"),
            ("platform/http/Cargo.toml", "[package]\nname = \"http\"\n"),
            ("contexts/ledger/Cargo.toml", "[package]\nname = \"ledger\"\n"),
            ("proof/sim/Cargo.toml", "[package]\nversion = \"1\"\nname = \"simulator\"\n"),
        ];
        let found =
            ["app/Cargo.toml:2 names", "platform/http/Cargo.toml:2 names", "proof/sim/Cargo.toml:3 names"];
        assert_eq!(places(check, &files), found);
    }
}
