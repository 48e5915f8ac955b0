//! A state machine answers every pair of state and command: in a function named `apply` of a model or rules
//! file no arm catches all, so that a new state or command fails to compile until it is answered.

use crate::finding::Finding;
use crate::functions;
use crate::source::Source;
use crate::tree::Tree;
use crate::words::is_word;

/// Checks every `apply`.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let machines = tree.sources.iter().filter(|source| {
        source.path.trim_end_matches(".rs").split('/').any(|room| room == "model" || room == "rules")
    });
    machines.flat_map(judge).collect()
}

fn judge(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for function in functions::of(source).into_iter().filter(|f| f.name == "apply" && !source.in_test(f.at)) {
        let (start, end) = function.body;
        for (at, _) in source.code[start..end].match_indices("=>") {
            if catches_all(&source.code[start..start + at]) {
                let remedy = "name every pair; several may share an arm with `|`";
                let line = source.line(start + at);
                findings.push(Finding::new(
                    &source.path,
                    line,
                    "states",
                    "an arm of `apply` catches all",
                    remedy,
                ));
            }
        }
    }
    findings
}

/// Whether the pattern that ends here is `_`, a bare binding, or a tuple of such; guards are looked through.
fn catches_all(before: &str) -> bool {
    let start = before.rfind(['{', '}', ';', '>']).map_or(0, |place| place + 1);
    let arm = &before[start..];
    // An arm without braces ends with a comma outside brackets.
    let mut depth = 0_i32;
    let mut pattern_start = 0;
    for (place, byte) in arm.bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b',' if depth == 0 => pattern_start = place + 1,
            _ => {}
        }
    }
    let pattern = arm[pattern_start..].split(" if ").next().unwrap_or_default().trim();
    let inside = pattern.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(pattern);
    !inside.is_empty() && inside.split(',').all(|part| is_binding(part.trim()))
}

fn is_binding(part: &str) -> bool {
    let lower = part.bytes().next().is_some_and(|byte| byte == b'_' || byte.is_ascii_lowercase());
    lower && part.bytes().all(is_word) && part != "true" && part != "false"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::places;

    #[test]
    fn catch_alls_are_found_in_apply_alone() {
        let text = "fn apply(self) -> R {\n match (self, c) {\n (A { .. }, B(_)) => x(1, 2),\n (A, B { x, .. }) => 1,\n\
                    (_, _) => 2,\n other => { 3 }\n _ if a => 4,\n A | B => 5,\n (A, _) => 6,\n }\n}\n\
                    fn other() { match a { _ => 1 } }\n";
        let found = ["c/src/rules.rs:5 states", "c/src/rules.rs:6 states", "c/src/rules.rs:7 states"];
        assert_eq!(places(check, &[("c/src/rules.rs", text), ("c/src/lib.rs", text)]), found);
    }
}
