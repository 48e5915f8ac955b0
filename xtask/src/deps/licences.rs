//! SPDX licence expressions: identifiers, `WITH`, `AND`, `OR`, brackets, and the slash that older crates
//! write for `OR`. `AND` binds closer than `OR`.

/// A licence expression.
#[derive(Debug, PartialEq, Eq)]
pub enum Expression {
    /// One licence, its exception included: `Apache-2.0 WITH LLVM-exception`.
    One(String),
    /// All must be met.
    All(Vec<Expression>),
    /// One may be chosen.
    Any(Vec<Expression>),
}

impl Expression {
    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Self, String> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut rest = words.as_slice();
        let expression = any(&mut rest)?;
        if rest.is_empty() { Ok(expression) } else { Err(format!("unexpected {:?}", rest[0])) }
    }

    /// Whether it can be met with the licences that are allowed.
    pub fn holds(&self, allowed: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::One(id) => allowed(id),
            Self::All(parts) => parts.iter().all(|part| part.holds(allowed)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(allowed)),
        }
    }
}

fn any(words: &mut &[&str]) -> Result<Expression, String> {
    list(words, "OR", &all, Expression::Any)
}

fn all(words: &mut &[&str]) -> Result<Expression, String> {
    list(words, "AND", &one, Expression::All)
}

type Reader<'a> = &'a dyn Fn(&mut &[&str]) -> Result<Expression, String>;

fn list(
    words: &mut &[&str],
    between: &str,
    read: Reader<'_>,
    join: fn(Vec<Expression>) -> Expression,
) -> Result<Expression, String> {
    let first = read(words)?;
    let mut parts = vec![first];
    while words.first() == Some(&between) {
        *words = &words[1..];
        parts.push(read(words)?);
    }
    Ok(if parts.len() == 1 { parts.remove(0) } else { join(parts) })
}

fn one(words: &mut &[&str]) -> Result<Expression, String> {
    let (&first, rest) = words.split_first().ok_or("it ends too early")?;
    *words = rest;
    match (first, rest) {
        ("(", _) => {
            let inner = any(words)?;
            match words.split_first() {
                Some((&")", rest)) => *words = rest,
                _ => return Err("a bracket is not closed".to_owned()),
            }
            Ok(inner)
        }
        (")" | "AND" | "OR" | "WITH", _) => Err(format!("unexpected {first:?}")),
        (id, ["WITH", exception, rest @ ..]) => {
            *words = rest;
            Ok(Expression::One(format!("{id} WITH {exception}")))
        }
        (id, _) => Ok(Expression::One(id.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_hold_by_what_is_allowed() {
        let allowed = |id: &str| ["MIT", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"].contains(&id);
        let table = [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0-only OR MIT AND ISC", false),
            ("(GPL-3.0-only OR MIT) AND Unicode-3.0", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("Apache-2.0", false),
        ];
        for (text, holds) in table {
            assert_eq!(Expression::parse(text).map(|e| e.holds(&allowed)), Ok(holds), "{text}");
        }
        for text in ["", "MIT OR", "(MIT", "MIT ISC", "AND"] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }
}
