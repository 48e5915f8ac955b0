//! All checks, each a function from the tree to what it found.

mod arrows;
mod banned;
mod headers;
mod layouts;
mod links;
mod names;
mod purity;
mod sizes;
mod slugs;
mod sql;
mod states;

use crate::finding::Finding;
use crate::tree::Tree;

type Check = fn(&Tree) -> Vec<Finding>;

const CHECKS: &[Check] = &[
    arrows::check,
    banned::check,
    headers::check,
    layouts::check,
    links::check,
    names::check,
    purity::check,
    sizes::check,
    slugs::check,
    sql::check,
    states::check,
];

/// Runs every check.
pub fn all(tree: &Tree) -> Vec<Finding> {
    CHECKS.iter().flat_map(|check| check(tree)).collect()
}

/// What a check says of a few files, one `path:line rule` a finding.
#[cfg(test)]
pub fn places(check: Check, files: &[(&str, &str)]) -> Vec<String> {
    let mut findings = check(&Tree::of(files));
    findings.sort();
    findings.iter().map(|finding| format!("{}:{} {}", finding.path, finding.line, finding.rule)).collect()
}
