//! What happens to a context's file before it is served: it is the right file for this journal, it gets what the
//! journal says and it does not have yet, and then its schema is brought up to date. In this order: images fit the
//! schema they were taken under, so they are applied before a migration; a migration is a transaction of its own,
//! durable before anything is written under it.
//!
//! | the file's cursor | what happens |
//! |---|---|
//! | behind the journal's end | redo, in one transaction with the cursor |
//! | at the end | nothing |
//! | ahead, of another journal, of another history | the start stops and says what to do |

use super::committer::{Committer, Fatal};
use super::image::{Images, apply};
use super::shape::Shapes;
use crate::books::{Books, Place, Redo};
use crate::error::Error;
use crate::migrate::{self, Migration};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::path::Path;

/// The store's own tables come first in every file.
const OWN: [Migration; 2] = [
    Migration { file: "0001_store.sql", sql: include_str!("../../schema/0001_store.sql") },
    Migration { file: "0002_leases.sql", sql: include_str!("../../schema/0002_leases.sql") },
];

/// Redo that was applied at a start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redone {
    /// Units.
    pub units: u64,
}

struct Cursor {
    context: String,
    journal: [u8; 16],
    place: Place,
    rows_transactions: u64,
}

/// Redoes and migrates a file, and hands it over for serving. `path` is for messages.
pub fn open<B: Books>(
    mut connection: Connection,
    path: &Path,
    context: &'static str,
    migrations: &[Migration],
    books: &B,
) -> Result<(Committer, Redone), Error> {
    // What was acknowledged before a crash is durable before anything builds on it.
    connection.execute_batch("PRAGMA synchronous = FULL")?;
    let refuse = |what: String| Error::Schema { path: path.to_owned(), what };
    let found = match migrate::seen(&connection)? {
        0 => None,
        _ => cursor(&connection)?,
    };
    let is_new = found.is_none();
    let found = match found {
        Some(cursor) => cursor,
        None => {
            // A new file has everything the journal says of it, unless the journal says something.
            let nothing = Cursor {
                context: context.to_owned(),
                journal: books.identity().to_le_bytes(),
                place: Place { position: 0, hash: [0; 32] },
                rows_transactions: 0,
            };
            let mut known = false;
            let mut note = |_: Redo| {
                known = true;
                Ok(())
            };
            books.redo(context, nothing.place, &mut note).map_err(refuse)?;
            if known {
                return Err(refuse(format!(
                    "the journal has commands of {context} and this file is missing or empty: put back the file \
                     that belongs to this data directory, or restore the whole of a backup into a new one"
                )));
            }
            nothing
        }
    };
    check(&found, context, books).map_err(refuse)?;
    let (place, redone) = redo(&mut connection, &found, context, books).map_err(refuse)?;
    migrate::run_both(&mut connection, path, &OWN, migrations)?;
    if is_new {
        set_cursor(&connection, context, books.identity(), place)?;
    }
    let state = (place, found.rows_transactions, migrate::seen(&connection)?);
    Ok((Committer::new(connection, context, state)?, redone))
}

fn check<B: Books>(found: &Cursor, context: &str, books: &B) -> Result<(), String> {
    if found.context != context {
        return Err(format!("this is the file of {}, not of {context}", found.context));
    }
    if found.journal != books.identity().to_le_bytes() {
        return Err(
            "this file belongs to another journal: restore the whole of a backup, not one file".to_owned()
        );
    }
    if found.place.position > books.durable().position {
        return Err(format!(
            "this file has commands up to position {}, and the journal ends at {}: the journal lost something, or \
             one of the two was replaced. Restore the whole of a backup into a new directory",
            found.place.position,
            books.durable().position
        ));
    }
    Ok(())
}

fn cursor(connection: &Connection) -> Result<Option<Cursor>, Error> {
    let query = "SELECT context, journal, position, hash, rows_transactions FROM store_cursor WHERE one = 1";
    let found = connection.query_row(query, [], |row| {
        Ok(Cursor {
            context: row.get(0)?,
            journal: row.get(1)?,
            place: Place { position: row.get::<_, i64>(2)? as u64, hash: row.get(3)? },
            rows_transactions: row.get::<_, i64>(4)? as u64,
        })
    });
    Ok(found.optional()?)
}

/// Applies what the file has not, in one transaction with the cursor.
fn redo<B: Books>(
    connection: &mut Connection,
    found: &Cursor,
    context: &str,
    books: &B,
) -> Result<(Place, Redone), String> {
    let fault = |fault: rusqlite::Error| format!("redo failed: {fault}");
    let schema = migrate::seen(connection).map_err(fault)?;
    let transaction = connection.transaction().map_err(fault)?;
    let mut shapes = Shapes::default();
    let mut redone = Redone::default();
    let mut take = |redo: Redo| {
        let Redo { position, images } = redo;
        let images = Images::decode(&images)
            .ok_or_else(|| format!("the redo of the command at position {position} does not decode"))?;
        if images.rows_transactions != found.rows_transactions {
            return Err(format!(
                "the command at position {position} was carried out when this file had seen {} transactions of its \
                 own, and it has seen {}: it is not the file that belongs to this journal. Restore the whole of a \
                 backup, not one file",
                images.rows_transactions, found.rows_transactions
            ));
        }
        if images.schema != schema {
            return Err(format!(
                "the command at position {position} was carried out under schema {}, this file has {schema}",
                images.schema
            ));
        }
        redone.units += 1;
        let wrong = |why| format!("the command at position {position} cannot be redone: {why}");
        images.images.iter().try_for_each(|image| apply(&transaction, &mut shapes, image)).map_err(wrong)
    };
    let place = books.redo(context, found.place, &mut take)?;
    if redone.units > 0 {
        let update = "UPDATE store_cursor SET position = ?1, hash = ?2 WHERE one = 1 AND position = ?3";
        let values = params![place.position as i64, place.hash, found.place.position as i64];
        let moved = transaction.execute(update, values).map_err(fault)?;
        if moved != 1 {
            return Err("the cursor could not be moved".to_owned());
        }
        transaction.commit().map_err(fault)?;
        return Ok((place, redone));
    }
    drop(transaction);
    // Nothing to redo: the cursor stays, so that a start on a full disk has nothing to write.
    Ok((if found.place.position == 0 { place } else { found.place }, redone))
}

fn set_cursor(connection: &Connection, context: &str, journal: u128, place: Place) -> Result<(), Error> {
    let values = params![context, journal.to_le_bytes(), place.position as i64, place.hash];
    let set = "INSERT INTO store_cursor (one, context, journal, position, hash, rows_transactions)
         VALUES (1, ?1, ?2, ?3, ?4, 0)";
    connection.execute(set, values)?;
    Ok(())
}

impl From<Fatal> for Error {
    fn from(fatal: Fatal) -> Self {
        Self::Fatal { what: fatal.to_string() }
    }
}
