//! The transaction of a context's file, step by step: units of one kind go in, one COMMIT ends them.
//!
//! | step | money units | rows units |
//! |---|---|---|
//! | begin | `synchronous=NORMAL`: the journal's records are their durability, and the file follows | `FULL`: COMMIT is their durability |
//! | a unit | savepoint, rows with their guards, the sequencer decides and appends, release; refused: rolled back to the savepoint | savepoint, key, rows with their guards, release |
//! | end | the records are durable, the cursor moves to there by compare-and-set, COMMIT | one more transaction of rows is counted, COMMIT |
//!
//! Invariant: a transaction holds units of one kind. Mixed, a power cut loses rows units that were answered, or
//! redo doubles money units that the file has.
//! Invariant: nothing leaves before COMMIT. The driver holds every verdict back until [`Committer::commit`] returns.
//! After a decision nothing may refuse: what fails then is [`Fatal`], the process ends, and the next start redoes.

use super::beside::first_answer;
use super::image::{Image, Images};
use super::shape::Shapes;
use crate::books::{Books, Deciding, Place, Then, Verdict};
use crate::error::{Class, Error};
use crate::statements::Reader;
use crate::unit::{Change, Command, MoneyUnit, RowsPart, RowsUnit, Value};
use kernel::{Caller, Timestamp};
use rusqlite::{Connection, params};

/// Which units a transaction holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Units that may touch the books.
    Money,
    /// Units that never do.
    Rows,
}

/// What was decided may not be in the file, or the file may not be what it was: the process has to end.
#[derive(Debug, thiserror::Error)]
#[error("{context}: {what}")]
pub struct Fatal {
    /// Whose file.
    pub context: &'static str,
    /// What happened.
    pub what: String,
}

/// What became of a rows unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowsVerdict {
    /// Done.
    Done(Vec<u8>),
    /// Its key was used by the same command.
    Replayed(Vec<u8>),
    /// Its key was used by another command, which differs in these fields.
    Conflict(Vec<String>),
    /// A guard failed.
    Stale,
    /// A dry run: it would be done.
    WouldDo(Vec<u8>),
}

/// Why a unit was undone without a verdict.
#[derive(Debug)]
pub enum Undone {
    /// A guard failed.
    Stale,
    /// The store failed; nothing of the unit is there.
    Fault(Error),
    /// The process has to end.
    Fatal(Fatal),
}

impl From<Fatal> for Undone {
    fn from(fatal: Fatal) -> Self {
        Self::Fatal(fatal)
    }
}

/// Who asks what, and when it is written.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Who.
    pub by: Caller,
    /// What.
    pub command: Command,
    /// When.
    pub at: Timestamp,
}

/// The transaction of one file.
pub struct Committer {
    pub(super) connection: Connection,
    pub(super) context: &'static str,
    pub(super) cursor: Place,
    pub(super) rows_transactions: u64,
    pub(super) schema: u32,
    shapes: Shapes,
    images: Vec<Image>,
    open: Option<Kind>,
    decided: bool,
    upto: Option<u64>,
    pub(super) next_event: i64,
    pub(super) next_audit: i64,
}

impl Committer {
    pub(super) fn new(
        connection: Connection,
        context: &'static str,
        (cursor, rows_transactions, schema): (Place, u64, u32),
    ) -> Result<Self, Error> {
        let newest = |table: &str| {
            let sql = format!("SELECT coalesce(max(id), 0) + 1 FROM {table}");
            connection.query_row(&sql, [], |row| row.get(0))
        };
        let (next_event, next_audit) = (newest("store_outbox")?, newest("store_audit")?);
        Ok(Self {
            connection,
            context,
            cursor,
            rows_transactions,
            schema,
            shapes: Shapes::default(),
            images: Vec::new(),
            open: None,
            decided: false,
            upto: None,
            next_event,
            next_audit,
        })
    }

    /// Whose file it is.
    pub fn context(&self) -> &'static str {
        self.context
    }

    /// Up to where the file has every money unit.
    pub fn cursor(&self) -> Place {
        self.cursor
    }

    /// Which units the open transaction holds.
    pub fn is_open(&self) -> Option<Kind> {
        self.open
    }

    /// Whether a unit was appended whose rows are in the open transaction.
    pub fn decided(&self) -> bool {
        self.decided
    }

    /// Beyond where the journal has to be durable before any verdict of the open transaction may be told.
    pub fn upto(&self) -> Option<u64> {
        self.upto
    }

    fn decide<B: Books>(&mut self, books: &B, unit: Deciding<B>) -> Verdict {
        let (verdict, upto) = books.decide(unit);
        self.upto = self.upto.max(Some(upto));
        self.decided |= matches!(verdict, Verdict::Done { .. } | Verdict::Recorded { .. });
        verdict
    }

    /// Says that the open transaction is of another kind: for the proof that this must never be.
    #[doc(hidden)]
    pub fn pretend(&mut self, kind: Kind) {
        self.open = self.open.map(|_| kind);
    }

    /// The connection, for reads between transactions.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Begins a transaction for units of one kind.
    pub fn begin(&mut self, kind: Kind) -> Result<(), Error> {
        assert!(self.open.is_none(), "one transaction at a time");
        let synchronous = match kind {
            Kind::Money => "PRAGMA synchronous = NORMAL",
            Kind::Rows => "PRAGMA synchronous = FULL",
        };
        self.connection.execute_batch(synchronous)?;
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        (self.open, self.decided, self.upto) = (Some(kind), false, None);
        Ok(())
    }

    /// Runs a money unit: its rows, then the decision, and what a refusal has to record.
    pub fn money<B: Books>(
        &mut self,
        asked: &Asked,
        unit: MoneyUnit<B>,
        books: &B,
    ) -> Result<Verdict, Undone> {
        assert_eq!(self.open, Some(Kind::Money), "a transaction holds units of one kind");
        self.savepoint()?;
        let MoneyUnit { rows, commands, trusted, within, refused, answer } = unit;
        if let Err(undone) = self.rows_part(asked, &rows) {
            return self.undo(undone);
        }
        let redo = self.redo();
        let deciding = Deciding {
            by: asked.by.clone(),
            context: self.context,
            command: asked.command.clone(),
            commands,
            trusted,
            within,
            then: Then::Answer(answer),
            redo,
        };
        let verdict = self.decide(books, deciding);
        match (verdict, refused) {
            (Verdict::Done { position, answer }, _) => {
                self.release()?;
                Ok(Verdict::Done { position, answer })
            }
            (Verdict::Refused(problem), Some(arm)) if !asked.command.dry_run => {
                self.roll_back()?;
                self.record(asked, &arm.rows, problem, books)
            }
            (verdict, ..) => {
                self.roll_back()?;
                self.release()?;
                Ok(verdict)
            }
        }
    }

    /// Records a refusal with the rows of its arm. If another command took the key meanwhile, that one counts.
    fn record<B: Books>(
        &mut self,
        asked: &Asked,
        arm: &RowsPart,
        problem: kernel::Problem,
        books: &B,
    ) -> Result<Verdict, Undone> {
        if let Err(undone) = self.rows_part(asked, arm) {
            return self.undo(undone);
        }
        let redo = self.redo();
        let deciding = Deciding {
            by: asked.by.clone(),
            context: self.context,
            command: asked.command.clone(),
            commands: Vec::new(),
            trusted: Vec::new(),
            within: None,
            then: Then::Record(problem.clone()),
            redo,
        };
        let verdict = self.decide(books, deciding);
        if !matches!(verdict, Verdict::Recorded { .. }) {
            self.roll_back()?;
        }
        self.release()?;
        match verdict {
            Verdict::Recorded { .. } => Ok(Verdict::Refused(problem)),
            other => Ok(other),
        }
    }

    /// Runs a rows unit: its key, its rows, its audit.
    pub fn rows(&mut self, asked: &Asked, unit: &RowsUnit) -> Result<RowsVerdict, Undone> {
        assert_eq!(self.open, Some(Kind::Rows), "a transaction holds units of one kind");
        match self.first(&asked.by, &asked.command).map_err(|fault| self.fault(fault)) {
            Ok(None) => {}
            Ok(Some(verdict)) => return Ok(verdict),
            Err(undone) => return Err(undone),
        }
        self.savepoint()?;
        let done = self.rows_part(asked, &unit.rows).and_then(|()| self.sign(asked, &unit.answer));
        if let Err(undone) = done {
            return match self.undo(undone) {
                Ok(_) => unreachable!("an undone unit has no verdict"),
                Err(undone) => Err(undone),
            };
        }
        if asked.command.dry_run {
            self.roll_back()?;
        }
        self.release()?;
        let answer = unit.answer.clone();
        Ok(if asked.command.dry_run { RowsVerdict::WouldDo(answer) } else { RowsVerdict::Done(answer) })
    }

    /// The first answer under a rows unit's key.
    fn first(&self, by: &Caller, command: &Command) -> Result<Option<RowsVerdict>, Error> {
        let Some(key) = &command.key else { return Ok(None) };
        first_answer(&Reader::on_sqlite(&self.connection), by, key, command)
    }

    /// Rows, outbox and jobs of a unit; what they changed is kept as images.
    fn rows_part(&mut self, asked: &Asked, part: &RowsPart) -> Result<(), Undone> {
        self.images.clear();
        for change in &part.changes {
            self.run(change)?;
        }
        for event in &part.events {
            self.put_event(asked, event)?;
        }
        for job in &part.jobs {
            let change = crate::jobs::job_insert(asked, job);
            self.run(&change)?;
        }
        Ok(())
    }

    /// Runs a change of the house's own tables, outside of any unit.
    pub(super) fn change(&mut self, change: &Change) -> Result<(), Undone> {
        self.images.clear();
        self.run(change)
    }

    /// Runs a change and keeps the rows it left. Its guard is that it touches as many rows as it says.
    pub(super) fn run(&mut self, change: &Change) -> Result<(), Undone> {
        let ran = self.changed_rows(change);
        match ran {
            Ok(rows) if rows == change.rows => Ok(()),
            Ok(_) => Err(Undone::Stale),
            Err(fault) => {
                let fault = Error::from(fault);
                if fault.class() == Class::Unique && !self.connection.is_autocommit() {
                    return Err(Undone::Stale);
                }
                Err(self.fault(fault))
            }
        }
    }

    fn changed_rows(&mut self, change: &Change) -> rusqlite::Result<usize> {
        let shape = self.shapes.of(&self.connection, change.sql)?;
        let mut statement = self.connection.prepare_cached(&shape.sql)?;
        let columns = statement.column_count();
        assert_eq!(
            columns,
            shape.table.columns.len(),
            "{}: a generated column is not redone",
            shape.table.name
        );
        let mut rows = statement.query(rusqlite::params_from_iter(&change.values))?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let columns = 0..shape.table.columns.len();
            let row = columns.map(|column| Value::of(row.get_ref(column)?)).collect::<Result<_, _>>()?;
            self.images.push(Image { verb: shape.verb, table: shape.table.name.clone(), row });
            count += 1;
        }
        Ok(count)
    }

    /// The images of the unit so far, as the journal keeps them; none if it changed nothing.
    fn redo(&mut self) -> Option<Vec<u8>> {
        let images = std::mem::take(&mut self.images);
        let (schema, rows_transactions) = (self.schema, self.rows_transactions);
        (!images.is_empty()).then(|| Images { schema, rows_transactions, images }.encode())
    }

    /// Ends the transaction: money units once their records are durable up to `place`, rows units as they are.
    pub fn commit(&mut self, place: Option<Place>) -> Result<(), Fatal> {
        let kind = self.open.take().expect("a transaction is open");
        let (cursor, counted) = match (kind, place) {
            (Kind::Money, Some(place)) => (place, self.rows_transactions),
            (Kind::Rows, None) => (self.cursor, self.rows_transactions + 1),
            _ => unreachable!("money units have a place in the journal, rows units have none"),
        };
        let update = "UPDATE store_cursor SET position = ?1, hash = ?2, rows_transactions = ?3
             WHERE one = 1 AND position = ?4 AND hash = ?5 AND rows_transactions = ?6";
        let values = params![
            cursor.position as i64,
            cursor.hash,
            counted as i64,
            self.cursor.position as i64,
            self.cursor.hash,
            self.rows_transactions as i64
        ];
        let moved = self.connection.prepare_cached(update).and_then(|mut moving| moving.execute(values));
        match moved {
            Ok(1) => {}
            Ok(rows) => return Err(self.fatal(format!("the cursor is not where it was left ({rows} rows)"))),
            Err(fault) => return Err(self.fatal(format!("the cursor could not be moved: {fault}"))),
        }
        if let Err(fault) = self.connection.execute_batch("COMMIT") {
            return Err(self.fatal(format!("a transaction could not be committed: {fault}")));
        }
        (self.cursor, self.rows_transactions) = (cursor, counted);
        (self.decided, self.upto) = (false, None);
        Ok(())
    }

    /// Gives the transaction up. For money units only while none is decided.
    pub fn abandon(&mut self) {
        (self.open, self.decided, self.upto) = (None, false, None);
        if !self.connection.is_autocommit() {
            // A transaction that cannot be rolled back ends with the connection.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    fn savepoint(&mut self) -> Result<(), Undone> {
        let made = self.cached("SAVEPOINT unit");
        made.map_err(|fault| self.fault(fault.into()))
    }

    fn roll_back(&self) -> Result<(), Fatal> {
        let done = self.cached("ROLLBACK TO unit");
        done.map_err(|fault| self.fatal(format!("a unit could not be undone: {fault}")))
    }

    fn release(&self) -> Result<(), Fatal> {
        let done = self.cached("RELEASE unit");
        done.map_err(|fault| self.fatal(format!("a unit's savepoint could not be released: {fault}")))
    }

    fn cached(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    /// Undoes a unit that did not get as far as a decision.
    fn undo(&mut self, undone: Undone) -> Result<Verdict, Undone> {
        if !matches!(undone, Undone::Fatal(_)) && self.open.is_some() {
            self.roll_back()?;
            self.release()?;
        }
        Err(undone)
    }

    /// A failed statement. SQLite rolls the whole transaction back on some of them and goes on without one: if
    /// something was decided in it, the file has to be redone.
    pub(super) fn fault(&mut self, fault: Error) -> Undone {
        if !self.connection.is_autocommit() {
            return Undone::Fault(fault);
        }
        self.open = None;
        match self.decided {
            false => Undone::Fault(fault),
            true => {
                let why =
                    std::error::Error::source(&fault).map_or_else(|| fault.to_string(), ToString::to_string);
                Undone::Fatal(self.fatal(format!("the transaction vanished: {why}")))
            }
        }
    }

    fn fatal(&self, what: String) -> Fatal {
        Fatal { context: self.context, what }
    }
}
