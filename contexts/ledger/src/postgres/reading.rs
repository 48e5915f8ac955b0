//! Reading what a batch needs, under the lock of its book's head. The first flight locks the head and reads what the
//! commands name; a second one, sent only if need be, reads what the records they speak of name in turn.

use super::numeric::{Amount, Uuid};
use super::wanted::Wanted;
use super::{Fault, damaged};
use crate::accounts::model::{AccountKind, Counters, Frozen, Limits};
use crate::books::model::{AssetNo, Pattern};
use crate::effect::Effect;
use crate::journal::record::decode_record;
use hashbrown::{HashMap, HashSet};
use kernel::{Asset, AssetCode, Id, Timestamp};
use platform_store::postgres::{Ask, Batch, Database, Parameter};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_postgres::Row;

/// Most holds that one batch expires on its own: as many as a commit group of the journal does.
pub const EXPIRIES_PER_BATCH: i64 = 512;

const LOCK: &str = "SELECT seq, partyless, recorded_at FROM head WHERE book = $1 FOR UPDATE";
/// A statement of its own behind the lock: the time is that of whoever has the lock, not of whoever waits for it.
const CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
const ASSETS: &str = "SELECT code, scale FROM asset WHERE book = $1 AND no >= $2 ORDER BY no";
const PATTERNS: &str = "SELECT r.seq, r.bytes, p.opened FROM pattern p
    JOIN record r ON r.book = p.book AND r.seq = p.seq WHERE p.book = $1 ORDER BY p.no";
const DUE: &str = "SELECT h.id, p.seq, p.bytes, n.seq, n.bytes FROM hold h
    JOIN record p ON p.book = h.book AND p.seq = h.placed
    JOIN record n ON n.book = h.book AND n.seq = h.newest
    WHERE h.book = $1 AND h.expires_at <= greatest(
        coalesce($2, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint),
        (SELECT recorded_at + 1 FROM head WHERE book = $1))
    ORDER BY h.expires_at, h.id LIMIT $3";
// A plan is made once, perhaps while a table is empty and any plan looks as good: these statements leave no choice but
// to probe the index of what is asked for. `+ 0` keeps the book out of the choice, OFFSET 0 keeps balances behind it.

const ACCOUNTS: &str = "SELECT a.no, a.id, a.path, a.type, a.frozen, a.closed, a.version, a.open_holds, a.allowed,
        a.newest, b.asset, b.debits, b.credits, b.debits_pending, b.credits_pending, b.last_seq, b.floor, b.ceiling
    FROM account a LEFT JOIN LATERAL (SELECT * FROM balance WHERE account = a.no OFFSET 0) b ON true
    WHERE a.no = ANY($2) AND a.book + 0 = $1";
const PATHS: &str = "SELECT a.no, a.id, a.path, a.type, a.frozen, a.closed, a.version, a.open_holds, a.allowed,
        a.newest, b.asset, b.debits, b.credits, b.debits_pending, b.credits_pending, b.last_seq, b.floor, b.ceiling
    FROM account a LEFT JOIN LATERAL (SELECT * FROM balance WHERE account = a.no OFFSET 0) b ON true
    WHERE a.path = ANY($2) AND a.book + 0 = $1";
const IDS: &str = "SELECT a.no, a.id, a.path, a.type, a.frozen, a.closed, a.version, a.open_holds, a.allowed,
        a.newest, b.asset, b.debits, b.credits, b.debits_pending, b.credits_pending, b.last_seq, b.floor, b.ceiling
    FROM account a LEFT JOIN LATERAL (SELECT * FROM balance WHERE account = a.no OFFSET 0) b ON true
    WHERE a.id = ANY($2) AND a.book + 0 = $1";
const SETTINGS: &str = "SELECT r.seq, r.bytes FROM account a
    JOIN record r ON r.book = a.book AND r.seq = a.newest WHERE a.no = ANY($2) AND a.book + 0 = $1";
const THINGS: &str = "SELECT r.id, r.seq, r.bytes, n.seq, n.bytes FROM record r
    LEFT JOIN newest w ON w.book = r.book AND w.id = r.id
    LEFT JOIN record n ON n.book = w.book AND n.seq = w.seq
    WHERE r.id = ANY($2) AND r.book + 0 = $1";
const NAMES: &str = "SELECT k.hash, r.seq, r.bytes FROM key k
    JOIN record r ON r.book = k.book AND r.seq = k.seq WHERE k.hash = ANY($2) AND k.book + 0 = $1";
const PARTIES: &str = "SELECT party, count FROM party WHERE party = ANY($2) AND book + 0 = $1";

/// An account's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    pub no: i64,
    pub id: Id,
    pub path: Arc<str>,
    pub kind: AccountKind,
    pub frozen: Frozen,
    pub closed: bool,
    pub version: u32,
    pub open_holds: u32,
    pub allowed: Option<Vec<AssetNo>>,
    pub newest: u64,
}

/// A balance's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalanceRow {
    /// Which of the accounts, in order of loading.
    pub account: usize,
    pub asset: AssetNo,
    pub counters: Counters,
    pub last_seq: u64,
    pub limits: Option<Limits>,
}

/// Everything that was read.
#[derive(Default)]
pub struct Loaded {
    /// The head: its newest number, its count of records without a party, and when the newest was recorded.
    pub seq: u64,
    pub partyless: u64,
    pub recorded_at: Timestamp,
    /// The server's clock behind the lock.
    pub clock: Timestamp,
    pub assets: Arc<Vec<Asset>>,
    pub patterns: Vec<(Pattern, u64)>,
    pub accounts: Vec<AccountRow>,
    /// Which of them has a number.
    pub by_no: HashMap<i64, usize>,
    pub balances: Vec<BalanceRow>,
    pub seen: HashSet<(usize, AssetNo)>,
    /// Records by number.
    pub records: BTreeMap<u64, Vec<u8>>,
    /// Things with the numbers of their first and newest record.
    pub things: BTreeMap<Uuid, (u64, u64)>,
    /// Keys and refs with their record.
    pub names: Vec<(Uuid, u64)>,
    pub parties: Vec<(Box<str>, u64)>,
}

/// What a statement's rows are.
#[derive(Clone, Copy)]
enum Kind {
    Account,
    Record,
    Thing,
    Name,
    Party,
}

/// A parameter.
pub fn value(value: impl tokio_postgres::types::ToSql + Sync + Send + 'static) -> Parameter {
    Box::new(value)
}

/// Begins the transaction of a batch: locks the head and reads what the commands name, and what that names.
/// `known` are assets read before, `now` a clock that is not the server's.
pub async fn begin(
    database: &Database,
    book: i32,
    wanted: &Wanted,
    known: Arc<Vec<Asset>>,
    now: Option<Timestamp>,
) -> Result<(Batch, Loaded), Fault> {
    let mut asks = vec![
        Ask { sql: LOCK, values: vec![value(book)] },
        Ask { sql: CLOCK, values: Vec::new() },
        Ask { sql: ASSETS, values: vec![value(book), value(known.len() as i32)] },
        Ask { sql: PATTERNS, values: vec![value(book)] },
        Ask { sql: DUE, values: vec![value(book), value(now.map(|now| now.0)), value(EXPIRIES_PER_BATCH)] },
    ];
    let fixed = asks.len();
    let kinds = ask(&mut asks, book, wanted);
    let (mut batch, rows) = database.batch(&asks).await?;
    let mut loaded = Loaded { assets: known, ..Loaded::default() };
    loaded.head(&rows, now)?;
    loaded.take(&kinds, &rows[fixed..])?;
    let missing = loaded.missing(wanted)?;
    if !missing.is_empty() {
        let mut asks = Vec::new();
        let kinds = ask(&mut asks, book, &missing);
        let rows = batch.query(&asks).await?;
        loaded.take(&kinds, &rows)?;
    }
    Ok((batch, loaded))
}

/// Statements for what is wanted.
fn ask(asks: &mut Vec<Ask>, book: i32, wanted: &Wanted) -> Vec<Kind> {
    let mut kinds = Vec::new();
    let mut add = |kind, sql, is_empty: bool, list: Parameter| {
        if !is_empty {
            asks.push(Ask { sql, values: vec![value(book), list] });
            kinds.push(kind);
        }
    };
    fn list<T: Clone>(set: &std::collections::BTreeSet<T>) -> Vec<T> {
        set.iter().cloned().collect()
    }
    let texts = |set: &std::collections::BTreeSet<Box<str>>| -> Vec<String> {
        set.iter().map(|text| text.to_string()).collect()
    };
    add(Kind::Account, ACCOUNTS, wanted.accounts.is_empty(), value(list(&wanted.accounts)));
    add(Kind::Account, PATHS, wanted.paths.is_empty(), value(texts(&wanted.paths)));
    add(Kind::Account, IDS, wanted.ids.is_empty(), value(list(&wanted.ids)));
    add(Kind::Record, SETTINGS, wanted.settings.is_empty(), value(list(&wanted.settings)));
    add(Kind::Thing, THINGS, wanted.things.is_empty(), value(list(&wanted.things)));
    add(Kind::Name, NAMES, wanted.names.is_empty(), value(list(&wanted.names)));
    add(Kind::Party, PARTIES, wanted.parties.is_empty(), value(texts(&wanted.parties)));
    kinds
}

impl Loaded {
    /// The rows of the statements that every batch begins with.
    fn head(&mut self, rows: &[Vec<Row>], now: Option<Timestamp>) -> Result<(), Fault> {
        let head = rows[0].first().ok_or_else(|| damaged("there is no such book"))?;
        self.seq = number(head, 0)?;
        self.partyless = number(head, 1)?;
        self.recorded_at = Timestamp(head.try_get(2)?);
        let clock = rows[1].first().ok_or_else(|| damaged("the server has no clock"))?;
        self.clock = now.unwrap_or(Timestamp(clock.try_get(0)?));
        if !rows[2].is_empty() {
            let assets = Arc::make_mut(&mut self.assets);
            for row in &rows[2] {
                let code = AssetCode::parse(row.try_get(0)?).map_err(damaged)?;
                let scale: i16 = row.try_get(1)?;
                let scale = u8::try_from(scale).map_err(|_| damaged("a scale is too large"))?;
                assets.push(Asset { code, scale });
            }
        }
        for row in &rows[3] {
            let record = decode_record(row.try_get(1)?, number(row, 0)?)?;
            let Effect::Pattern(pattern) = record.effect else {
                return Err(damaged("a record sets no pattern"));
            };
            self.patterns.push((pattern, number(row, 2)?));
        }
        rows[4].iter().try_for_each(|row| self.thing(row))
    }

    fn take(&mut self, kinds: &[Kind], rows: &[Vec<Row>]) -> Result<(), Fault> {
        for (kind, rows) in kinds.iter().zip(rows) {
            for row in rows {
                match kind {
                    Kind::Account => self.account(row)?,
                    Kind::Record => self.record(row, 0)?,
                    Kind::Thing => self.thing(row)?,
                    Kind::Name => {
                        self.names.push((row.try_get(0)?, number(row, 1)?));
                        self.record(row, 1)?;
                    }
                    Kind::Party => {
                        let party: &str = row.try_get(0)?;
                        self.parties.push((party.into(), number(row, 1)?));
                    }
                }
            }
        }
        Ok(())
    }

    fn record(&mut self, row: &Row, column: usize) -> Result<(), Fault> {
        let bytes: &[u8] = row.try_get(column + 1)?;
        self.records.insert(number(row, column)?, bytes.to_vec());
        Ok(())
    }

    fn thing(&mut self, row: &Row) -> Result<(), Fault> {
        self.record(row, 1)?;
        let (first, newest) = (number(row, 1)?, row.try_get::<_, Option<i64>>(3)?);
        if newest.is_some() {
            self.record(row, 3)?;
        }
        self.things.insert(row.try_get(0)?, (first, newest.map_or(first, |newest| newest as u64)));
        Ok(())
    }

    /// A row of an account beside one of its balances, or beside none.
    fn account(&mut self, row: &Row) -> Result<(), Fault> {
        let no: i64 = row.try_get(0)?;
        let account = match self.by_no.get(&no) {
            Some(account) => *account,
            None => {
                self.accounts.push(account_row(no, row)?);
                self.by_no.insert(no, self.accounts.len() - 1);
                self.accounts.len() - 1
            }
        };
        let Some(asset) = row.try_get::<_, Option<i32>>(10)? else { return Ok(()) };
        let asset = AssetNo(asset as u32);
        // The same account under two names comes twice.
        if !self.seen.insert((account, asset)) {
            return Ok(());
        }
        let amount = |column| row.try_get::<_, Amount>(column).map(|amount| amount.0);
        let limit = |column| row.try_get::<_, Option<Amount>>(column).map(|limit| limit.map(|limit| limit.0));
        let limits = Limits { floor: limit(16)?, ceiling: limit(17)? };
        self.balances.push(BalanceRow {
            account,
            asset,
            counters: Counters {
                debits: amount(11)?,
                credits: amount(12)?,
                debits_pending: amount(13)?,
                credits_pending: amount(14)?,
            },
            last_seq: number(row, 15)?,
            limits: (limits != Limits::default()).then_some(limits),
        });
        Ok(())
    }

    /// What the records that were read name, and nobody has asked for yet.
    fn missing(&self, asked: &Wanted) -> Result<Wanted, Fault> {
        let mut missing = Wanted::default();
        for (seq, bytes) in &self.records {
            missing.record(&decode_record(bytes, *seq)?);
        }
        missing.accounts.retain(|no| !self.by_no.contains_key(no));
        missing.parties.retain(|party| !asked.parties.contains(party));
        Ok(missing)
    }
}

fn account_row(no: i64, row: &Row) -> Result<AccountRow, Fault> {
    let kind: i16 = row.try_get(3)?;
    let frozen: i16 = row.try_get(4)?;
    let allowed: Option<Vec<i32>> = row.try_get(8)?;
    Ok(AccountRow {
        no,
        id: Id(row.try_get::<_, Uuid>(1)?.0),
        path: row.try_get::<_, &str>(2)?.into(),
        kind: *AccountKind::ALL.get(kind as usize).ok_or_else(|| damaged("an unknown type of account"))?,
        frozen: Frozen { debits: frozen & 1 != 0, credits: frozen & 2 != 0 },
        closed: row.try_get(5)?,
        version: number(row, 6)? as u32,
        open_holds: number(row, 7)? as u32,
        allowed: allowed.map(|list| list.into_iter().map(|asset| AssetNo(asset as u32)).collect()),
        newest: number(row, 9)?,
    })
}

/// A count or number, never negative.
pub fn number(row: &Row, column: usize) -> Result<u64, Fault> {
    u64::try_from(row.try_get::<_, i64>(column)?).map_err(|_| damaged("a number is negative"))
}
