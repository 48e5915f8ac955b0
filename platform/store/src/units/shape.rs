//! What a statement of a unit does to which table, read from its text once. Redo needs every changed row as the
//! statement left it, found by a primary key that stays: so a statement changes one table, replaces nothing
//! silently, and assigns no part of the primary key. One that does is a mistake of the program and stops it.

use rusqlite::Connection;
use std::collections::HashMap;
use std::sync::Arc;

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Adds rows.
    Insert,
    /// Changes rows.
    Update,
    /// Removes rows.
    Delete,
}

/// A table as redo knows it.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<String>,
    /// Which of them are the primary key.
    pub key: Vec<usize>,
}

/// A statement as it is run: with the rows it changed as its result.
#[derive(Debug)]
pub struct Shape {
    /// What it does.
    pub verb: Verb,
    /// To which table.
    pub table: Arc<Table>,
    /// Its text, returning every changed row.
    pub sql: String,
}

/// Shapes of statements and tables, each read once.
#[derive(Default)]
pub struct Shapes {
    statements: HashMap<&'static str, Arc<Shape>>,
    tables: HashMap<String, Arc<Table>>,
}

impl Shapes {
    /// The shape of a statement.
    pub fn of(&mut self, connection: &Connection, sql: &'static str) -> rusqlite::Result<Arc<Shape>> {
        if let Some(shape) = self.statements.get(sql) {
            return Ok(shape.clone());
        }
        let (verb, table) = read(sql);
        let table = self.table(connection, table)?;
        judge(sql, verb, &table);
        let shape = Arc::new(Shape { verb, table, sql: format!("{sql} RETURNING *") });
        self.statements.insert(sql, shape.clone());
        Ok(shape)
    }

    /// A table.
    pub fn table(&mut self, connection: &Connection, name: &str) -> rusqlite::Result<Arc<Table>> {
        if let Some(table) = self.tables.get(name) {
            return Ok(table.clone());
        }
        let mut statement = connection.prepare("SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid")?;
        let columns = statement.query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let columns: Vec<(String, i64)> = columns.collect::<Result<_, _>>()?;
        let keyed = columns.iter().enumerate().filter(|(_, (_, place))| *place > 0);
        let key: Vec<usize> = keyed.map(|(column, _)| column).collect();
        assert!(!key.is_empty(), "{name}: there is no such table, or it has no primary key of its own");
        let columns = columns.into_iter().map(|(name, _)| name).collect();
        let table = Arc::new(Table { name: name.to_owned(), columns, key });
        self.tables.insert(name.to_owned(), table.clone());
        Ok(table)
    }
}

fn read(sql: &str) -> (Verb, &str) {
    let mut words = sql.split_whitespace();
    let verb = match (words.next(), words.clone().next()) {
        (Some("INSERT"), Some("INTO")) => Verb::Insert,
        (Some("UPDATE"), Some(_)) => Verb::Update,
        (Some("DELETE"), Some("FROM")) => Verb::Delete,
        _ => panic!("a unit inserts into, updates or deletes from one table: {sql}"),
    };
    if verb != Verb::Update {
        words.next();
    }
    let table = words.next().unwrap_or_default();
    (verb, table.split('(').next().unwrap_or_default())
}

fn judge(sql: &str, verb: Verb, table: &Table) {
    let upper = sql.to_uppercase();
    for word in ["ON CONFLICT", "OR REPLACE", "OR IGNORE", "RETURNING"] {
        assert!(!upper.contains(word), "a unit says what it changes; {word} does not: {sql}");
    }
    if verb != Verb::Update {
        return;
    }
    let assigned = upper.split(" SET ").nth(1).unwrap_or_default();
    let assigned = assigned.split(" WHERE ").next().unwrap_or_default();
    let keyed = table.key.iter().map(|column| table.columns[*column].to_uppercase());
    for name in keyed {
        let assigns =
            assigned.split(',').any(|part| part.split('=').next().unwrap_or_default().trim() == name);
        assert!(!assigns, "a row keeps its primary key: {sql}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(sql: &'static str) -> (Verb, String) {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE a (x INTEGER PRIMARY KEY, y TEXT) STRICT").unwrap();
        let shape = Shapes::default().of(&connection, sql).unwrap();
        (shape.verb, shape.table.name.clone())
    }

    #[test]
    fn statements_say_what_they_change() {
        let table = "a".to_owned();
        assert_eq!(shapes("INSERT INTO a (x, y) VALUES (?1, ?2)"), (Verb::Insert, table.clone()));
        assert_eq!(shapes("INSERT INTO a(x, y) VALUES (?1, ?2)"), (Verb::Insert, table.clone()));
        assert_eq!(shapes("UPDATE a SET y = ?1 WHERE x = ?2"), (Verb::Update, table.clone()));
        assert_eq!(shapes("DELETE FROM a WHERE x = ?1"), (Verb::Delete, table));
    }

    #[test]
    fn what_redo_could_not_repeat_is_not_run() {
        for sql in [
            "UPDATE a SET x = 2 WHERE x = 1",
            "UPDATE a SET y = 2, x = 3 WHERE x = 1",
            "INSERT OR REPLACE INTO a (x) VALUES (1)",
            "INSERT INTO a (x) VALUES (1) ON CONFLICT DO NOTHING",
            "SELECT 1",
            "INSERT INTO missing (x) VALUES (1)",
        ] {
            assert!(std::panic::catch_unwind(|| shapes(sql)).is_err(), "{sql}");
        }
    }
}
