//! What a pattern matches, and when two of them would both match.

use crate::accounts::model::{InvalidPath, path_check};

/// Checks that a text is a pattern: a path whose segments may be `*`, at least one of which is.
pub fn pattern_check(pattern: &str) -> Result<(), InvalidPath> {
    path_check(pattern)?;
    if pattern.split(':').any(|segment| segment == "*") {
        Ok(())
    } else {
        Err(InvalidPath("a pattern has at least one segment that is *"))
    }
}

/// Whether a path is one of the pattern's.
pub fn pattern_matches(pattern: &str, path: &str) -> bool {
    let mut segments = path.split(':');
    for wanted in pattern.split(':') {
        match segments.next() {
            Some(segment) if wanted == "*" || wanted == segment => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

/// Whether some path would match both.
pub fn patterns_overlap(one: &str, other: &str) -> bool {
    one.split(':').count() == other.split(':').count()
        && one.split(':').zip(other.split(':')).all(|(a, b)| a == b || a == "*" || b == "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, path, expected) in [
            ("customers:*:wallet", "customers:u1:wallet", true),
            ("customers:*:wallet", "customers:u1:x:wallet", false),
            ("customers:*", "customers", false),
            ("customers:*", "customers:a b", true),
        ] {
            assert_eq!(pattern_matches(pattern, path), expected, "{pattern} {path}");
        }
        assert!(patterns_overlap("a:*:c", "a:b:*"));
        assert!(!patterns_overlap("a:*:c", "a:b:d"));
        assert!(!patterns_overlap("a:*", "a:*:*"));
        assert!(pattern_check("a:b").is_err());
    }
}
