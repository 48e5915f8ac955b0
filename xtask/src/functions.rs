//! The functions of a file: names, places, bodies, lengths.

use crate::source::{Source, body_start};
use crate::words::{after_match, identifier, places, skip_space};

/// A function with a body.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Where `fn` stands.
    pub at: usize,
    /// Where its body opens and the place after it closes.
    pub body: (usize, usize),
    /// Lines from `fn` to the closing brace.
    pub lines: usize,
}

/// All functions with bodies, nested ones included.
pub fn of(source: &Source) -> Vec<Function> {
    let code = &source.code;
    let mut found = Vec::new();
    for at in places(code, "fn") {
        let name = identifier(code, skip_space(code, at + 2));
        if name.is_empty() {
            continue; // A function pointer, or a name made by a macro.
        }
        let Some(open) = body_start(code, at).filter(|&place| code.as_bytes()[place] == b'{') else {
            continue; // A signature of a trait.
        };
        let end = after_match(code, open);
        let lines = source.line(end.saturating_sub(1)) - source.line(at) + 1;
        found.push(Function { name: name.to_owned(), at, body: (open, end), lines });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_count_from_the_name_to_the_brace() {
        let text = "trait T { fn sign(&self) -> [u8; 3]; }\nfn one() { let f: fn(u8) = g; \"}\"; }\n\
                    fn three<const N: usize>(\n    a: [u8; N],\n) { if a { '{' } }\n";
        let functions = of(&Source::new("a.rs", text));
        let shown: Vec<(&str, usize)> = functions.iter().map(|f| (f.name.as_str(), f.lines)).collect();
        assert_eq!(shown, [("one", 1), ("three", 3)]);
    }
}
