//! Every Rust file opens with `//!`: what it is, what it promises, what it leaves out.

use crate::finding::Finding;
use crate::tree::Tree;

/// Checks the first line of every file.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let bare = tree.sources.iter().filter(|source| !source.text.starts_with("//! "));
    bare.map(|source| {
        let remedy = "open it with `//!` and say in one to eight lines what it is and what it promises";
        Finding::new(&source.path, 1, "header", "the file does not open with `//!`", remedy)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::places;

    #[test]
    fn a_bare_file_is_found() {
        let files = [("a/src/lib.rs", "//! A.\n"), ("a/src/b.rs", "use x;\n"), ("a/src/c.rs", "")];
        assert_eq!(places(check, &files), ["a/src/b.rs:1 header", "a/src/c.rs:1 header"]);
    }
}
