//! How Concord is laid out over machines is wiring: contexts never name a layout or a broker.
//! The ledger's two stores are excepted, for there the layout is the subject.

use crate::finding::Finding;
use crate::source::Source;
use crate::tree::Tree;

/// Layouts and brokers.
const WORDS: &[&str] = &["embedded", "postgres", "kafka"];

/// The ledger's stores.
const EXCEPT: &[&str] = &["contexts/ledger/src/journal", "contexts/ledger/src/postgres"];

/// Where one of them is declared, and how.
const DECLARED: (&str, &str) = ("contexts/ledger/src/lib.rs", "pub mod postgres;");

/// Checks names and strings of every context; comments may explain.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let contexts = tree.sources.iter().filter(|source| {
        source.path.starts_with("contexts/") && !EXCEPT.iter().any(|prefix| source.path.starts_with(prefix))
    });
    contexts.flat_map(judge).collect()
}

fn judge(source: &Source) -> Vec<Finding> {
    let mut code = source.code.to_lowercase();
    if source.path == DECLARED.0 {
        code = code.replace(DECLARED.1, &" ".repeat(DECLARED.1.len()));
    }
    let mut findings = Vec::new();
    for word in WORDS {
        let named = code.match_indices(word).map(|(at, _)| at);
        let quoted = source.literals.iter().filter(|literal| literal.text.to_lowercase().contains(word));
        for at in named.chain(quoted.map(|literal| literal.at)).filter(|&at| !source.in_test(at)) {
            let what = format!("a context names the layout `{word}`");
            let remedy = "state the need as a trait; platform and app know the layout";
            findings.push(Finding::new(&source.path, source.line(at), "layouts", what, remedy));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::places;

    #[test]
    fn contexts_name_no_layout() {
        let text = "// kafka\nfn is_embedded() {}\nlet a = \"PostgreSQL\";\nlet b = KafkaSink;\n";
        let files = [
            ("contexts/a/src/lib.rs", text),
            ("contexts/ledger/src/journal/mod.rs", text),
            ("contexts/ledger/src/lib.rs", "pub mod postgres;\n"),
        ];
        let found = [
            "contexts/a/src/lib.rs:2 layouts",
            "contexts/a/src/lib.rs:3 layouts",
            "contexts/a/src/lib.rs:4 layouts",
        ];
        assert_eq!(places(check, &files), found);
    }
}
