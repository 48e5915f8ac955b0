//! A context is scaffolded into a copy of the tree: which files are made and changed, that no placeholder is left,
//! that the house's checks find nothing, and that a refusal writes nothing. That it builds and answers is shown by
//! `proof/new-context.sh`.

use super::*;
use crate::checks;
use crate::finding::Finding;
use crate::tree::Tree;
use std::collections::BTreeSet;

/// Files that checks and the scaffold read, without what is built.
const SKIPPED: &[&str] = &["target", ".git", "data", "node_modules"];

fn root() -> PathBuf {
    crate::root()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for item in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let name = item.file_name();
        if SKIPPED.iter().any(|skipped| name.as_encoded_bytes() == skipped.as_bytes()) {
            continue;
        }
        match item.file_type().unwrap().is_dir() {
            true => copy(&item.path(), &to.join(name)),
            false => drop(std::fs::copy(item.path(), to.join(name)).unwrap()),
        }
    }
}

/// A copy of the tree.
fn copied() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&root(), folder.path());
    folder
}

fn files(root: &Path) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    let mut waiting = vec![root.to_path_buf()];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(path).unwrap().map(|item| item.unwrap().path()));
        } else {
            let inside = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            texts.insert(inside, String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned());
        }
    }
    texts
}

#[test]
fn a_context_is_made_wired_and_tidy() {
    let folder = copied();
    let before = files(folder.path());
    let told = new_context(folder.path(), "gift_cards").unwrap();
    let after = files(folder.path());
    let made: Vec<&str> =
        after.keys().filter(|path| !before.contains_key(*path)).map(String::as_str).collect();
    assert_eq!(
        made,
        [
            "api/problems/gift-cards-item-exists.md",
            "api/problems/gift-cards-item-not-found.md",
            "contexts/gift_cards/Cargo.toml",
            "contexts/gift_cards/README.md",
            "contexts/gift_cards/migrations/0001_gift_cards.sql",
            "contexts/gift_cards/src/http.rs",
            "contexts/gift_cards/src/lib.rs",
            "contexts/gift_cards/src/model.rs",
            "contexts/gift_cards/src/refusal.rs",
            "contexts/gift_cards/src/rules.rs",
            "contexts/gift_cards/src/store.rs",
            "contexts/gift_cards/tests/api.rs",
            "contexts/gift_cards/tests/rules.rs",
        ]
    );
    let changed: Vec<(&str, String)> = before
        .iter()
        .filter(|(path, text)| after[*path] != **text)
        .map(|(path, text)| (path.as_str(), added(text, &after[path])))
        .collect();
    let paths: Vec<&str> = changed.iter().map(|(path, _)| *path).collect();
    assert_eq!(
        paths,
        [
            "Cargo.toml",
            "app/Cargo.toml",
            "app/src/problems.rs",
            "app/src/wiring.rs",
            "app/tests/surface.rs",
            "kernel/src/id.rs"
        ]
    );
    assert_eq!(changed[1].1, "gift_cards.workspace = true");
    assert!(changed[3].1.contains("self.gift_cards.close();"), "{}", changed[3].1);
    for (path, text) in made.iter().map(|path| (*path, &after[*path])).chain([("what is told", &told)]) {
        assert!(!text.contains("{{"), "a placeholder is left in {path}");
    }
    let found =
        |root: &Path| -> BTreeSet<Finding> { checks::all(&Tree::read(root).unwrap()).into_iter().collect() };
    // Only what the new context brings counts here; the tree's own state is judged by `tidy` itself.
    let own = found(&root());
    let brought: Vec<Finding> =
        found(folder.path()).into_iter().filter(|finding| !own.contains(finding)).collect();
    assert!(brought.is_empty(), "{brought:#?}");
    // A second one beside it finds the marks where they were.
    new_context(folder.path(), "parcels").unwrap();
}

/// The lines that a text has more; nothing may be gone or moved.
fn added(before: &str, after: &str) -> String {
    let mut old = before.lines().peekable();
    let new: Vec<&str> = after.lines().filter(|line| old.next_if_eq(line).is_none()).collect();
    assert_eq!(old.next(), None, "a line was changed");
    new.join("\n")
}

#[test]
fn names_that_are_taken_are_refused() {
    for (name, why) in [
        ("wallets", "contexts/wallets is there already"),
        ("bytes", "a crate has the name"),
        ("platform_store", "a crate has the name"),
        ("concord", "a crate has the name"),
        ("metrics", "a module has the name"),
        ("model", "a module has the name"),
        ("door", "a field"),
        ("customers", "the route /v1/customers"),
        ("bat", "prefix"),
        ("query", "a second `Query` in src/http.rs"),
        ("Parcels", "lower-case words"),
    ] {
        let fault = plan(&root(), name).expect_err(name);
        assert!(fault.contains(why), "{name}: {fault}");
    }
}

#[test]
fn every_mark_is_needed_and_without_one_nothing_is_written() {
    let name = Name::parse("parcels").unwrap();
    let list = read(&root().join(TEMPLATES).join("edits.toml")).unwrap();
    let edits = Edit::list(&list, &name).unwrap();
    assert!(edits.iter().all(|edit| !edit.lines().is_empty() && !edit.lines()[0].is_empty()));
    let folder = copied();
    let path = folder.path().join("app/src/wiring.rs");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("// new-context: parts\n", "// parts\n")).unwrap();
    let before = files(folder.path());
    let fault = new_context(folder.path(), "parcels").unwrap_err();
    assert!(fault.contains("app/src/wiring.rs has no line `// new-context: parts`"), "{fault}");
    assert!(files(folder.path()) == before, "something was written");
}
