//! A file answers one question and a function fits a screen. What is larger stands in the ratchet, which turns
//! one way: `cargo xtask tidy --fix-ratchet` lowers it and never raises it.

use crate::finding::Finding;
use crate::ratchet::{self, FILE_LINES, FUNCTION_LINES, Measured, PATH, Ratchet, Sizes};
use crate::tree::Tree;
use std::collections::BTreeMap;

const RULE: &str = "sizes";

/// Checks sizes against the limits and the ratchet.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let ratchet = match Ratchet::read(tree) {
        Ok(ratchet) => ratchet,
        Err(error) => return vec![Finding::new(PATH, 1, RULE, error, "mend the file")],
    };
    let mut findings = compare(&ratchet.files, ratchet::files(tree), FILE_LINES, "split it by question");
    findings.extend(compare(
        &ratchet.functions,
        ratchet::functions(tree),
        FUNCTION_LINES,
        "split it by step",
    ));
    findings
}

fn compare(listed: &Sizes, measured: BTreeMap<String, Measured>, limit: usize, remedy: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, &Measured { lines, start }) in &measured {
        let path = name.split(' ').next().unwrap_or(name);
        let what = match listed.get(name) {
            None if lines > limit => format!("{name} has {lines} lines, the limit is {limit}"),
            Some(&allowed) if lines > allowed => {
                format!("{name} grew to {lines} lines, the ratchet allows {allowed}")
            }
            _ => continue,
        };
        findings.push(Finding::new(path, start, RULE, what, remedy));
    }
    for (name, &allowed) in listed {
        let lines = measured.get(name).map_or(0, |measured| measured.lines);
        if lines < allowed {
            let what = format!("{name} is listed with {allowed} lines and has {lines}");
            findings.push(Finding::new(PATH, 1, RULE, what, "run `cargo xtask tidy --fix-ratchet`"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn large_files_and_functions_are_found() {
        let long = format!("//! A.\nfn f() {{\n{}}}\n", "a();\n".repeat(600));
        let tested = format!("//! A.\n#[cfg(test)]\nmod tests {{\n{}}}\n", "a();\n".repeat(600));
        assert_eq!(
            said(&[("a/src/long.rs", &long), ("a/src/tested.rs", &tested), ("a/tests/long.rs", &long)]),
            [
                "a/src/long.rs has 603 lines, the limit is 500",
                "a/src/long.rs fn f has 602 lines, the limit is 70",
            ]
        );
    }

    #[test]
    fn the_ratchet_turns_one_way() {
        let long = format!("//! A.\n{}", "a();\n".repeat(600));
        let listed = |lines: usize| format!("[files]\n\"a/src/b.rs\" = {lines}\n");
        let with = |lines: usize| said(&[("a/src/b.rs", &long), ("xtask/ratchet.toml", &listed(lines))]);
        assert!(with(601).is_empty());
        assert_eq!(with(600), ["a/src/b.rs grew to 601 lines, the ratchet allows 600"]);
        assert_eq!(with(602), ["a/src/b.rs is listed with 602 lines and has 601"]);
    }
}
