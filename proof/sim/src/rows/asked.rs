//! What is asked of a context: pots that fill up to a cap from a purse that may be empty, and notes.

use kernel::{Caller, Id, Tenant};
use ledger::accounts::model::{AccountKind, AccountRef, Limits, OpenAccount};
use ledger::command::{Command as LedgerCommand, Keys, Request};
use ledger::entries::model::{AmountCommand, Direction, PostEntry, PostingCommand};
use ledger::journal::unit::UnitDone;
use platform_store::Migration;
use platform_store::books::Books;
use platform_store::unit::{Change, Command, Event, MoneyUnit, RefusedArm, RowsUnit, Value};
use platform_store::units::committer::Asked;

/// The schema of a context.
pub const MIGRATIONS: [Migration; 1] = [Migration {
    file: "0001_pots.sql",
    sql: "CREATE TABLE pots (id INTEGER PRIMARY KEY, used INTEGER NOT NULL, cap INTEGER NOT NULL) STRICT;
          CREATE TABLE moves (id INTEGER PRIMARY KEY, pot INTEGER NOT NULL, amount INTEGER NOT NULL, filler BLOB NOT NULL) STRICT;
          CREATE TABLE declines (id INTEGER PRIMARY KEY) STRICT;
          CREATE TABLE notes (id INTEGER PRIMARY KEY, revision INTEGER NOT NULL) STRICT;",
}];

/// A pot's cap: reached now and then.
pub const CAP: i64 = 400;
/// Bytes that a move takes besides.
const FILLER: usize = 900;
/// Pots of a context.
pub const POTS: i64 = 3;

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A pot and its account.
    Open(i64),
    /// From the purse into a pot; `declines` if a refusal is to be recorded.
    Move { id: i64, pot: i64, amount: i64, declines: bool },
    /// A note: rows alone.
    Note(i64),
    /// A note again.
    Revise(i64, i64),
}

impl What {
    /// Whether it may touch the books.
    pub fn is_money(&self) -> bool {
        matches!(self, Self::Open(_) | Self::Move { .. })
    }

    /// Its key.
    pub fn key(&self) -> String {
        match self {
            Self::Open(pot) => format!("open-{pot}"),
            Self::Move { id, .. } => format!("move-{id}"),
            Self::Note(id) => format!("note-{id}"),
            Self::Revise(id, revision) => format!("note-{id}-{revision}"),
        }
    }

    /// As the committer takes it.
    pub fn asked(&self, at: kernel::Timestamp) -> Asked {
        let fields = vec![("what", format!("{self:?}"))];
        let command = Command { name: "sim", fields, key: Some(self.key()), dry_run: false };
        Asked { by: Caller::house(Tenant::default()), command, at }
    }

    /// What it answers.
    pub fn answer(&self) -> Vec<u8> {
        format!("{self:?}").into_bytes()
    }

    /// As a money unit. `asset` is that of the book's amounts.
    pub fn money<B>(
        &self,
        context: &'static str,
        asset: ledger::books::model::AssetNo,
        id: Id,
    ) -> MoneyUnit<B>
    where
        B: Books<Command = Request, Done = UnitDone>,
    {
        let answer = self.answer();
        let unit = MoneyUnit::answering(move |_: &UnitDone| answer);
        match *self {
            Self::Open(pot) => {
                let open = OpenAccount {
                    path: path(context, pot),
                    kind: AccountKind::Liability,
                    assets: None,
                    limits: Vec::new(),
                    text: Default::default(),
                    by_pattern: false,
                };
                let insert = "INSERT INTO pots (id, used, cap) VALUES (?1, 0, ?2)";
                let values: [Value; 2] = [pot.into(), CAP.into()];
                unit.change(Change::one(insert, values)).post(request(id, LedgerCommand::OpenAccount(open)))
            }
            Self::Move { id: number, pot, amount, declines } => {
                let side = |path: Box<str>, direction| PostingCommand {
                    account: AccountRef::Path(path),
                    direction,
                    asset,
                    amount: AmountCommand::Exact(amount.into()),
                };
                let postings =
                    [side("purse".into(), Direction::Debit), side(path(context, pot), Direction::Credit)];
                let entry = PostEntry { postings: postings.into_iter().collect(), details: None };
                let fill = "UPDATE pots SET used = used + ?1 WHERE id = ?2 AND used + ?1 <= cap";
                let insert = "INSERT INTO moves (id, pot, amount, filler) VALUES (?1, ?2, ?3, ?4)";
                // Rows that need pages, so that a full disk is met in mid-transaction.
                let filler = Value::Bytes(vec![7; FILLER]);
                let event =
                    Event { stream: "sim", kind: "moved", key: pot.to_string(), payload: b"{}".to_vec() };
                let mut unit = unit
                    .change(Change::one(fill, [amount.into(), pot.into()]))
                    .change(Change::one(insert, [number.into(), pot.into(), amount.into(), filler]))
                    .event(event)
                    .post(request(id, LedgerCommand::PostEntry(entry)));
                if declines {
                    let mut arm = RefusedArm::default();
                    let insert = "INSERT INTO declines (id) VALUES (?1)";
                    arm.rows.changes.push(Change::one(insert, [number.into()]));
                    unit.refused = Some(arm);
                }
                unit
            }
            Self::Note(_) | Self::Revise(..) => unreachable!("notes are rows alone"),
        }
    }

    /// As a rows unit.
    pub fn rows(&self) -> RowsUnit {
        let unit = RowsUnit::answering(self.answer());
        match *self {
            Self::Note(id) => {
                unit.change(Change::one("INSERT INTO notes (id, revision) VALUES (?1, 0)", [id.into()]))
            }
            Self::Revise(id, revision) => {
                let update = "UPDATE notes SET revision = ?2 WHERE id = ?1 AND revision = ?2 - 1";
                unit.change(Change::one(update, [id.into(), revision.into()]))
            }
            Self::Open(_) | Self::Move { .. } => unreachable!("money is no rows unit"),
        }
    }
}

/// A pot's account.
pub fn path(context: &str, pot: i64) -> Box<str> {
    format!("pots:{context}:{pot}").into()
}

fn request(id: Id, command: LedgerCommand) -> Request {
    Request { id, keys: Keys::default(), command }
}

/// An entry that fills the purse.
pub fn fill(id: Id, asset: ledger::books::model::AssetNo, amount: i128) -> Request {
    let side = |path: &str, direction| PostingCommand {
        account: AccountRef::Path(path.into()),
        direction,
        asset,
        amount: AmountCommand::Exact(amount),
    };
    let postings = [side("world", Direction::Debit), side("purse", Direction::Credit)];
    request(
        id,
        LedgerCommand::PostEntry(PostEntry { postings: postings.into_iter().collect(), details: None }),
    )
}

/// Opens the purse, which never goes below zero, and the world it is filled from.
pub fn open_purse(
    core: &mut ledger::journal::core::Core,
    ids: &dyn kernel::IdSource,
    asset: ledger::books::model::AssetNo,
) {
    let floor = Limits { floor: Some(0), ceiling: None };
    for (path, limits) in [("world", Vec::new()), ("purse", vec![(asset, floor)])] {
        let open = OpenAccount {
            path: path.into(),
            kind: AccountKind::Liability,
            assets: None,
            limits,
            text: Default::default(),
            by_pattern: false,
        };
        let (reply, _) = tokio::sync::oneshot::channel();
        core.single(ledger::journal::job::SingleJob {
            book: ledger::books::model::BookNo(0),
            request: request(ids.next(), LedgerCommand::OpenAccount(open)),
            manner: Default::default(),
            origin: None,
            reply,
        });
    }
}
