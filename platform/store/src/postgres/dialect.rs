//! One text for both engines: statements and schemas are written once, as SQLite reads them, and this is how
//! PostgreSQL reads the same. Placeholders are `?1`, `?2`, …; a schema has the types INTEGER, TEXT and BLOB, and its
//! tables are `STRICT` or `STRICT, WITHOUT ROWID`; `length(…)` is asked of bytes alone. What the two do not have in common is not written.

/// What stands in a schema for SQLite, and for PostgreSQL. Longer words come before their parts.
const WORDS: [(&str, &str); 6] = [
    (" STRICT, WITHOUT ROWID", ""),
    (" STRICT", ""),
    (" INTEGER", " BIGINT"),
    (" BLOB", " BYTEA"),
    // Order and equality of texts are those of their bytes, as in a file, and no update of a system changes them.
    (" TEXT", " TEXT COLLATE \"C\""),
    ("length(", "octet_length("),
];

/// What names an index for SQLite, whose planner sometimes needs to be told.
const HINT: &str = " INDEXED BY ";

/// A statement with PostgreSQL's placeholders and without SQLite's hint of an index. Quoted text stays as it is.
pub fn statement(sql: &str) -> String {
    let unhinted = sql.split_once(HINT).map(|(before, behind)| {
        let end = behind.find(char::is_whitespace).unwrap_or(behind.len());
        format!("{before}{}", &behind[end..])
    });
    let sql = unhinted.as_deref().unwrap_or(sql);
    let mut out = String::with_capacity(sql.len() + 8);
    let mut quote = None;
    let mut rest = sql.chars().peekable();
    while let Some(letter) = rest.next() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, '?') if rest.peek().is_some_and(char::is_ascii_digit) => {
                out.push('$');
                continue;
            }
            _ => {}
        }
        out.push(letter);
    }
    out
}

/// A schema as PostgreSQL reads it. Comments go, so that none of their words is taken for a type.
pub fn schema(sql: &str) -> String {
    let lines = sql.lines().map(|line| line.split_once("--").map_or(line, |(code, _)| code).trim_end());
    let code = lines.collect::<Vec<_>>().join("\n");
    WORDS.iter().fold(code, |code, (ours, theirs)| code.replace(ours, theirs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_change_and_quoted_text_does_not() {
        let rows = [
            (
                "SELECT a FROM t WHERE b = ?1 AND (?12 IS NULL)",
                "SELECT a FROM t WHERE b = $1 AND ($12 IS NULL)",
            ),
            ("SELECT '?1', \"?2\", ?3", "SELECT '?1', \"?2\", $3"),
            ("SELECT 'it''s ?1' || ?1", "SELECT 'it''s ?1' || $1"),
            ("SELECT a ? b", "SELECT a ? b"),
            ("SELECT a FROM t INDEXED BY t_b WHERE b = ?1", "SELECT a FROM t WHERE b = $1"),
        ];
        for (ours, theirs) in rows {
            assert_eq!(statement(ours), theirs);
        }
    }

    #[test]
    fn a_schema_has_the_other_types() {
        let ours = "CREATE TABLE t ( -- INTEGER it is\n  id BLOB NOT NULL CHECK (length(id) = 16),\n  n INTEGER, t TEXT\n) STRICT, WITHOUT ROWID;";
        let theirs = "CREATE TABLE t (\n  id BYTEA NOT NULL CHECK (octet_length(id) = 16),\n  n BIGINT, t TEXT COLLATE \"C\"\n);";
        assert_eq!(schema(ours), theirs);
    }
}
