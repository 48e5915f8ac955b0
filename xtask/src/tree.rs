//! The tree as checks see it: paths and texts, read once.

use crate::source::Source;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Folders that hold no source of ours: builds, packages of other tools, version control.
const SKIPPED: &[&str] = &["target", "node_modules", "dist", ".git"];
/// What a running server leaves at the root.
const SKIPPED_AT_ROOT: &[&str] = &["data"];
/// Kinds of files whose text checks read.
const TEXTS: &[&str] = &["md", "toml", "sql"];

/// All files.
#[derive(Debug, Default)]
pub struct Tree {
    /// Rust files, by path.
    pub sources: Vec<Source>,
    /// Other texts, by path.
    pub texts: BTreeMap<String, String>,
    /// Every file and folder.
    pub paths: BTreeSet<String>,
}

impl Tree {
    /// Reads the workspace.
    pub fn read(root: &Path) -> Result<Self, String> {
        let mut tree = Self::default();
        tree.walk(root, "")?;
        tree.mark_tests();
        Ok(tree)
    }

    /// A tree of a few files, for tests.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            let mut folder = *path;
            while let Some((parent, _)) = folder.rsplit_once('/') {
                tree.paths.insert(parent.to_owned());
                folder = parent;
            }
            tree.add(path, text);
        }
        tree.mark_tests();
        tree
    }

    fn walk(&mut self, folder: &Path, inside: &str) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
        for item in std::fs::read_dir(folder).map_err(failed)? {
            let item = item.map_err(failed)?;
            let name = item.file_name().to_string_lossy().into_owned();
            let path = if inside.is_empty() { name.clone() } else { format!("{inside}/{name}") };
            let skipped = SKIPPED.contains(&name.as_str())
                || inside.is_empty() && SKIPPED_AT_ROOT.contains(&name.as_str());
            if skipped {
                continue;
            }
            if item.file_type().map_err(failed)?.is_dir() {
                self.walk(&item.path(), &path)?;
                self.paths.insert(path);
            } else if name.ends_with(".rs") || TEXTS.iter().any(|kind| name.ends_with(&format!(".{kind}"))) {
                let text = std::fs::read_to_string(item.path())
                    .map_err(|error| format!("cannot read {path} as text: {error}"))?;
                self.add(&path, &text);
            } else {
                self.paths.insert(path);
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &str, text: &str) {
        self.paths.insert(path.to_owned());
        if path.ends_with(".rs") {
            self.sources.push(Source::new(path, text));
        } else {
            self.texts.insert(path.to_owned(), text.to_owned());
        }
    }

    /// Files that a `#[cfg(test)] mod name;` brings in are test code.
    fn mark_tests(&mut self) {
        self.sources.sort_by(|a, b| a.path.cmp(&b.path));
        let mut prefixes = Vec::new();
        for source in &self.sources {
            let folder = match source.path.strip_suffix(".rs") {
                Some(path) if !["mod.rs", "lib.rs", "main.rs"].contains(&source.name()) => path,
                _ => source.path.rsplit_once('/').map_or("", |(folder, _)| folder),
            };
            prefixes.extend(source.test_modules.iter().map(|module| format!("{folder}/{module}")));
        }
        for source in &mut self.sources {
            source.is_test |= prefixes.iter().any(|prefix| {
                source
                    .path
                    .strip_prefix(prefix.as_str())
                    .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_module_in_a_file_of_its_own_is_test_code() {
        let tree = Tree::of(&[
            ("x/src/a/mod.rs", "#[cfg(test)] mod tests;"),
            ("x/src/a/tests.rs", ""),
            ("x/src/b.rs", "#[cfg(test)]\nmod disk;"),
            ("x/src/b/disk.rs", ""),
            ("x/src/c.rs", ""),
        ]);
        let tests: Vec<&str> = tree.sources.iter().filter(|s| s.is_test).map(|s| s.path.as_str()).collect();
        assert_eq!(tests, ["x/src/a/tests.rs", "x/src/b/disk.rs"]);
    }
}
