//! Sizes of files and functions, and the list of those above the limits, which may only shrink.

use crate::functions;
use crate::source::Source;
use crate::tree::Tree;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Where the list is kept.
pub const PATH: &str = "xtask/ratchet.toml";
/// Beyond this a file answers more than one question.
pub const FILE_LINES: usize = 500;
/// Beyond this a function does not fit a screen.
pub const FUNCTION_LINES: usize = 70;

const HEADER: &str = "\
# Files above 500 lines and functions above 70, tests excluded. Numbers only go down:
# `cargo xtask tidy --fix-ratchet` lowers them and drops what fits.
";

/// Lines by name: a path, or a path and a function.
pub type Sizes = BTreeMap<String, usize>;

/// A measured file or function.
#[derive(Debug, Clone, Copy, Default)]
pub struct Measured {
    /// Its lines.
    pub lines: usize,
    /// Where it starts, from 1.
    pub start: usize,
}

/// The list.
#[derive(Debug, Default)]
pub struct Ratchet {
    /// Files above the limit.
    pub files: Sizes,
    /// Functions above the limit.
    pub functions: Sizes,
}

impl Ratchet {
    /// Reads the list; a missing file is an empty list.
    pub fn read(tree: &Tree) -> Result<Self, String> {
        let Some(text) = tree.texts.get(PATH) else { return Ok(Self::default()) };
        let table: toml::Table = text.parse().map_err(|error| format!("unreadable ratchet: {error}"))?;
        Ok(Self { files: sizes(&table, "files")?, functions: sizes(&table, "functions")? })
    }
}

fn sizes(table: &toml::Table, name: &str) -> Result<Sizes, String> {
    let Some(listed) = table.get(name).and_then(toml::Value::as_table) else { return Ok(Sizes::new()) };
    let read = |(key, value): (&String, &toml::Value)| {
        let lines = value.as_integer().and_then(|lines| usize::try_from(lines).ok());
        lines.map(|lines| (key.clone(), lines)).ok_or(format!("{name}.{key:?} must be a number of lines"))
    };
    listed.iter().map(read).collect()
}

/// Lines of every file, tests excluded.
pub fn files(tree: &Tree) -> BTreeMap<String, Measured> {
    let measure = |source: &Source| Measured { lines: source.lines_without_tests(), start: 1 };
    tree.sources.iter().map(|source| (source.path.clone(), measure(source))).collect()
}

/// Lines of every function, tests excluded; of several with one name in a file, the longest.
pub fn functions(tree: &Tree) -> BTreeMap<String, Measured> {
    let mut sizes = BTreeMap::<String, Measured>::new();
    for source in &tree.sources {
        for function in functions::of(source).into_iter().filter(|function| !source.in_test(function.at)) {
            let longest = sizes.entry(format!("{} fn {}", source.path, function.name)).or_default();
            if function.lines > longest.lines {
                *longest = Measured { lines: function.lines, start: source.line(function.at) };
            }
        }
    }
    sizes
}

/// The list's text with every number lowered to what the tree has; nothing is raised or added.
pub fn lowered(tree: &Tree) -> Result<String, String> {
    let ratchet = Ratchet::read(tree)?;
    let mut text = HEADER.to_owned();
    let parts = [
        ("files", &ratchet.files, files(tree), FILE_LINES),
        ("functions", &ratchet.functions, functions(tree), FUNCTION_LINES),
    ];
    for (name, listed, measured, limit) in parts {
        writeln!(text, "\n[{name}]").expect("a string takes all");
        for (key, &allowed) in listed {
            let lines = measured.get(key).map_or(0, |measured| measured.lines).min(allowed);
            if lines > limit {
                writeln!(text, "\"{key}\" = {lines}").expect("a string takes all");
            }
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lowering_never_raises_and_never_adds() {
        let long = "a();\n".repeat(600);
        let listed = "[files]\n\"a.rs\" = 700\n\"b.rs\" = 550\n\"gone.rs\" = 900\n";
        let tree = Tree::of(&[("a.rs", &long), ("b.rs", &long), ("c.rs", &long), (PATH, listed)]);
        let text = lowered(&tree).expect("the list can be read");
        assert_eq!(text, format!("{HEADER}\n[files]\n\"a.rs\" = 600\n\"b.rs\" = 550\n\n[functions]\n"));
    }
}
