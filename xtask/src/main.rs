//! The house's own checks: `cargo xtask tidy` for what compilers do not see, `cargo xtask deps` for what is
//! taken from outside, `cargo xtask new-context` for a new room. Everything is read from files alone; nothing is built
//! and no network is used.

mod checks;
mod deps;
mod finding;
mod functions;
mod ratchet;
mod scaffold;
mod source;
mod tree;
mod words;

use finding::Finding;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tree::Tree;

const USAGE: &str = "\
Usage: cargo xtask <COMMAND>

Commands:
  tidy                 check arrows, purity, sizes, banned calls, SQL, links and problem pages
  tidy --fix-ratchet   the same, and lower xtask/ratchet.toml to what the tree has now
  deps                 check licences, bans, sources and duplicates against deny.toml
  new-context NAME     make contexts/NAME, a context that works, and wire it; docs/recipes/add-a-context.md
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["tidy"] => tidy(false),
        ["tidy", "--fix-ratchet"] => tidy(true),
        ["deps"] => deps::check(&root()),
        ["new-context", name] => return tell(scaffold::new_context(&root(), name)),
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("xtask: unknown command {:?}\n\n{USAGE}", arguments.join(" "));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(findings) => report(&words.join(" "), findings),
        Err(fault) => {
            eprintln!("xtask: {fault}");
            ExitCode::from(2)
        }
    }
}

/// Prints what was done, or why nothing was.
fn tell(done: Result<String, String>) -> ExitCode {
    match done {
        Ok(told) => {
            print!("{told}");
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("xtask: {fault}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's folder: the one above this crate.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

fn tidy(lower: bool) -> Result<Vec<Finding>, String> {
    let root = root();
    if lower {
        let tree = Tree::read(&root)?;
        let lowered = ratchet::lowered(&tree)?;
        let path = root.join(ratchet::PATH);
        std::fs::write(&path, lowered)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(checks::all(&Tree::read(&root)?))
}

fn report(command: &str, mut findings: Vec<Finding>) -> ExitCode {
    findings.sort();
    findings.dedup();
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("{command}: clean");
        ExitCode::SUCCESS
    } else {
        println!("\n{command}: {} finding(s)", findings.len());
        ExitCode::FAILURE
    }
}
