//! The rows of the projection. A label is a keyed hash of its book, so a query names the tenant by it.

use crate::journal::scan::Place;
use platform_store::{Error, Migration, Reader, Row, ViewTx, params};

/// The schema, step by step.
pub const MIGRATIONS: &[Migration] =
    &[Migration { file: "0001_projection.sql", sql: include_str!("../../migrations/0001_projection.sql") }];

/// How far the projection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Which journal it follows.
    pub journal: u128,
    /// Behind which frame it stands.
    pub place: Place,
    /// Records before that place.
    pub records: u64,
    /// Labels in the file.
    pub labels: u64,
    /// The generation that is being filled; 0 before the first.
    pub generation: u64,
    /// Labels in it.
    pub generation_labels: u64,
}

/// A label of the entry at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabelRow {
    /// The hash, as a column has it: rows are written in the order of the file.
    pub label: i64,
    /// Where the record stands.
    pub position: i64,
}

/// Positions between two others, neither included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Only behind this one.
    pub after: u64,
    /// Only before this one.
    pub before: u64,
}

/// Adds labels to a generation.
pub fn label_insert(tx: &ViewTx<'_>, generation: u64, rows: &[LabelRow]) -> Result<(), Error> {
    let insert = "INSERT INTO projection_labels (generation, label, position) VALUES (?1, ?2, ?3)";
    let generation = column(generation);
    tx.execute_each(insert, rows.iter().map(|row| [generation, row.label, row.position]))
}

/// Positions of a label in a generation at or below `upto` and behind `after`, newest first.
pub fn label_list(
    reader: &Reader<'_>,
    generation: u64,
    label: u64,
    upto: u64,
    after: u64,
    limit: usize,
) -> Result<Vec<u64>, Error> {
    let query = "SELECT position FROM projection_labels
        WHERE generation = ?1 AND label = ?2 AND position <= ?3 AND position > ?4
        ORDER BY position DESC LIMIT ?5";
    let range = params![column(generation), label as i64, column(upto), column(after), column(limit as u64)];
    reader.rows(query, range, |row| number(row, 0))
}

/// Starts a generation at a position.
pub fn generation_insert(tx: &ViewTx<'_>, generation: u64, first: u64) -> Result<(), Error> {
    let insert = "INSERT INTO projection_generations (generation, first) VALUES (?1, ?2)";
    tx.execute(insert, params![column(generation), column(first)]).map(drop)
}

/// The newest generations that start before a position, with the first position of each.
pub fn generation_list(reader: &Reader<'_>, before: u64, limit: usize) -> Result<Vec<(u64, u64)>, Error> {
    let query = "SELECT generation, first FROM projection_generations
        WHERE first < ?1 ORDER BY generation DESC LIMIT ?2";
    let range = params![column(before), column(limit as u64)];
    reader.rows(query, range, |row| Ok((number(row, 0)?, number(row, 1)?)))
}

/// How far the file says that it is.
pub fn place_find(reader: &Reader<'_>) -> Result<Option<Reached>, Error> {
    let query = "SELECT journal, position, frame_hash, frame, records, labels, generation, generation_labels
        FROM projection_place WHERE only = 1";
    reader.row(query, [], |row| {
        let place = Place { position: number(row, 1)?, hash: row.get(2)?, last: number(row, 3)? };
        Ok(Reached {
            journal: u128::from_be_bytes(row.get(0)?),
            place,
            records: number(row, 4)?,
            labels: number(row, 5)?,
            generation: number(row, 6)?,
            generation_labels: number(row, 7)?,
        })
    })
}

/// Says how far the file is.
pub fn place_put(tx: &ViewTx<'_>, reached: &Reached) -> Result<(), Error> {
    let put = "INSERT OR REPLACE INTO projection_place
        (only, journal, position, frame_hash, frame, records, labels, generation, generation_labels)
        VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let row = params![
        reached.journal.to_be_bytes(),
        column(reached.place.position),
        reached.place.hash,
        column(reached.place.last),
        column(reached.records),
        column(reached.labels),
        column(reached.generation),
        column(reached.generation_labels)
    ];
    tx.execute(put, row).map(drop)
}

/// A position or a count as a column has it: no journal has more bytes than that.
pub fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn number(row: &Row<'_>, column: usize) -> Result<u64, platform_store::RowError> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|fault| platform_store::unreadable(column, fault))
}
