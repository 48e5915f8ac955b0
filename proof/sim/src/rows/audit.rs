//! After a start: the rows of each context equal the books, and whatever was answered is there, once.

use super::asked::{What, path};
use crate::fold::ensure;
use crate::life::Life;
use ledger::books::model::BookNo;
use rusqlite::{Connection, OptionalExtension as _};

/// What a caller was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Done, now or before.
    Done,
    /// Refused, and nothing is stored.
    Refused,
    /// Refused, and that is recorded.
    Declined,
}

fn number(connection: &Connection, sql: &str, id: i64) -> Result<Option<i64>, String> {
    let found = connection.query_row(sql, [id], |row| row.get(0)).optional();
    found.map(Option::flatten).map_err(|fault| fault.to_string())
}

/// Compares a context's rows with the books.
pub fn rows_equal_books(connection: &Connection, life: &Life, context: &str) -> Result<(), String> {
    let state = &life.core.state;
    let mut pots = connection.prepare("SELECT id, used, cap FROM pots").map_err(|fault| fault.to_string())?;
    let pots: Vec<(i64, i64, i64)> = pots
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .and_then(Iterator::collect)
        .map_err(|fault| fault.to_string())?;
    for (pot, used, cap) in &pots {
        let account = state.directory.by_path(BookNo(0), &path(context, *pot));
        let account = account.ok_or_else(|| format!("{context}: pot {pot} has a row and no account"))?;
        let posted: i128 = state
            .balances_of(account)
            .map(|balance| balance.counters.posted(ledger::entries::model::Direction::Credit))
            .sum();
        let moved = number(connection, "SELECT sum(amount) FROM moves WHERE pot = ?1", *pot)?.unwrap_or(0);
        ensure(i128::from(*used) == posted && moved == *used && used <= cap, || {
            format!("{context}: pot {pot}: row {used}, moves {moved}, books {posted}, cap {cap}")
        })?;
        let moves = number(connection, "SELECT count(*) FROM moves WHERE pot = ?1", *pot)?;
        let events = "SELECT count(*) FROM store_outbox WHERE CAST(key AS INTEGER) = ?1";
        let newest = "SELECT coalesce(max(sequence), 0) FROM store_outbox WHERE CAST(key AS INTEGER) = ?1";
        let (events, newest) = (number(connection, events, *pot)?, number(connection, newest, *pot)?);
        ensure(moves == events && events == newest, || {
            format!("{context}: pot {pot}: {moves:?} moves, {events:?} events up to {newest:?}")
        })?;
    }
    let rows = pots.len();
    let accounts = (1..=super::asked::POTS)
        .filter(|pot| state.directory.by_path(BookNo(0), &path(context, *pot)).is_some())
        .count();
    ensure(rows == accounts, || format!("{context}: {rows} rows of pots, {accounts} accounts"))
}

/// Whether what a caller was told still holds.
pub fn still_holds(connection: &Connection, what: &What, told: &Told) -> Result<(), String> {
    let moved = "SELECT amount FROM moves WHERE id = ?1";
    let declined = "SELECT id FROM declines WHERE id = ?1";
    let right = match (what, told) {
        (What::Open(pot), Told::Done) => {
            number(connection, "SELECT id FROM pots WHERE id = ?1", *pot)?.is_some()
        }
        (What::Open(_), _) => true,
        (What::Move { id, amount, .. }, Told::Done) => number(connection, moved, *id)? == Some(*amount),
        (What::Move { id, .. }, Told::Refused) => {
            number(connection, moved, *id)?.is_none() && number(connection, declined, *id)?.is_none()
        }
        (What::Move { id, .. }, Told::Declined) => {
            number(connection, moved, *id)?.is_none() && number(connection, declined, *id)?.is_some()
        }
        (What::Note(id), Told::Done) => {
            number(connection, "SELECT id FROM notes WHERE id = ?1", *id)?.is_some()
        }
        (What::Revise(id, revision), Told::Done) => {
            number(connection, "SELECT revision FROM notes WHERE id = ?1", *id)?
                .is_some_and(|now| now >= *revision)
        }
        (What::Note(_) | What::Revise(..), _) => true,
    };
    ensure(right, || format!("{what:?} was told {told:?} and is not so"))
}
