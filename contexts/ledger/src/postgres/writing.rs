//! Writing what was decided: one statement for each table that changes, each with the number of rows it has to touch.

use super::deciding::Decided;
use super::numeric::{Amount, Uuid};
use super::reading::{BalanceRow, Loaded, value};
use super::scratch::put;
use super::wanted::column;
use crate::accounts::model::{AccountKind, AccountNo, Limits};
use crate::books::model::AssetNo;
use crate::effect::Effect;
use crate::entries::model::Direction;
use crate::holds::model::{Hold, HoldState};
use crate::journal::commands::frozen_code;
use crate::journal::effects::kind_code;
use crate::journal::record::Record;
use crate::state::{Account, Balance};
use kernel::{Id, IdSource};
use platform_store::postgres::Ask;
use std::collections::BTreeMap;

/// Numbers for accounts that a batch opens.
pub const DRAW: &str = "SELECT nextval('account_no') FROM generate_series(1, $1::bigint)";
const RECORDS: &str = "INSERT INTO record (book, recorded_at, seq, id, kind, reference, party, bytes)
    SELECT $1, $2, v.* FROM unnest(
        $3::bigint[], $4::uuid[], $5::smallint[], $6::text[], $7::text[], $8::bytea[]) v";
const POSTINGS: &str = "INSERT INTO posting (book, seq, n, account, asset, direction, amount,
        debits, credits, debits_pending, credits_pending)
    SELECT $1, v.* FROM unnest($2::bigint[], $3::smallint[], $4::bigint[], $5::int[], $6::smallint[], $7::numeric[],
        $8::numeric[], $9::numeric[], $10::numeric[], $11::numeric[]) v";
const BALANCES_NEW: &str = "INSERT INTO balance (account, asset, debits, credits, debits_pending, credits_pending,
        last_seq, floor, ceiling)
    SELECT v.* FROM unnest($1::bigint[], $2::int[], $3::numeric[], $4::numeric[], $5::numeric[], $6::numeric[],
        $7::bigint[], $8::numeric[], $9::numeric[]) v";
const BALANCES: &str = "UPDATE balance b SET debits = v.debits, credits = v.credits,
        debits_pending = v.debits_pending, credits_pending = v.credits_pending, last_seq = v.last_seq,
        floor = v.floor, ceiling = v.ceiling
    FROM unnest($1::bigint[], $2::int[], $3::numeric[], $4::numeric[], $5::numeric[], $6::numeric[], $7::bigint[],
        $8::numeric[], $9::numeric[])
        v (account, asset, debits, credits, debits_pending, credits_pending, last_seq, floor, ceiling)
    WHERE b.account = v.account AND b.asset = v.asset";
const ACCOUNTS_NEW: &str = "INSERT INTO account (book, no, id, path, type, frozen, closed, version, open_holds,
        allowed, newest)
    SELECT $1, v.no, v.id, v.path, v.type, v.frozen, v.closed, v.version, v.open_holds, v.allowed::int[], v.newest
    FROM unnest($2::bigint[], $3::uuid[], $4::text[], $5::smallint[], $6::smallint[], $7::boolean[], $8::bigint[],
        $9::bigint[], $10::text[], $11::bigint[])
        v (no, id, path, type, frozen, closed, version, open_holds, allowed, newest)";
const ACCOUNTS: &str = "UPDATE account a SET frozen = v.frozen, closed = v.closed, version = v.version,
        open_holds = v.open_holds, allowed = v.allowed::int[], newest = v.newest
    FROM unnest($2::bigint[], $3::smallint[], $4::boolean[], $5::bigint[], $6::bigint[], $7::text[], $8::bigint[])
        v (no, frozen, closed, version, open_holds, allowed, newest)
    WHERE a.no = v.no AND a.book + 0 = $1";
const HOLDS_NEW: &str = "INSERT INTO hold (book, id, expires_at, placed, newest)
    SELECT $1, v.* FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[]) v";
const HOLDS: &str = "UPDATE hold h SET expires_at = v.expires_at, newest = v.newest
    FROM unnest($2::uuid[], $3::bigint[], $4::bigint[]) v (id, expires_at, newest)
    WHERE h.id = v.id AND h.book = $1";
const HOLDS_GONE: &str = "DELETE FROM hold WHERE id = ANY($2) AND book + 0 = $1";
const NEWEST: &str =
    "INSERT INTO newest (book, id, seq) SELECT $1, v.* FROM unnest($2::uuid[], $3::bigint[]) v
    ON CONFLICT (book, id) DO UPDATE SET seq = excluded.seq";
const KEYS: &str = "INSERT INTO key (book, hash, seq) SELECT $1, v.* FROM unnest($2::uuid[], $3::bigint[]) v";
const PARTIES: &str =
    "INSERT INTO party (book, party, count) SELECT $1, v.* FROM unnest($2::text[], $3::bigint[]) v
    ON CONFLICT (book, party) DO UPDATE SET count = excluded.count";
const ASSETS_NEW: &str = "INSERT INTO asset (book, no, code, scale)
    SELECT $1, v.* FROM unnest($2::int[], $3::text[], $4::smallint[]) v";
const PATTERNS_NEW: &str = "INSERT INTO pattern (book, no, seq, pattern, opened)
    SELECT $1, v.* FROM unnest($2::int[], $3::bigint[], $4::text[], $5::bigint[]) v";
const PATTERNS: &str =
    "UPDATE pattern p SET opened = v.opened FROM unnest($2::int[], $3::bigint[]) v (no, opened)
    WHERE p.book = $1 AND p.no = v.no";
const HEAD: &str = "UPDATE head SET seq = $3, partyless = $4, recorded_at = $5 WHERE book = $1 AND seq = $2";

/// Statements, and how many rows each has to touch.
#[derive(Default)]
pub struct Writes {
    pub asks: Vec<Ask>,
    pub rows: Vec<u64>,
    /// The bytes of the newest record: they tell this batch from any other.
    pub newest: Vec<u8>,
}

macro_rules! columns {
    ($($column:expr),* $(,)?) => { vec![$(value($column)),*] };
}

impl Writes {
    /// Everything that a batch changes; its records have the database's numbers already.
    pub fn of(book: i32, loaded: &Loaded, decided: &Decided, ids: &dyn IdSource) -> Self {
        let mut writes = Self::default();
        writes.records(book, decided, ids);
        writes.postings(book, &decided.records);
        writes.balances(loaded, decided);
        writes.accounts(book, loaded, decided);
        writes.holds(book, &decided.records);
        writes.names(book, decided);
        writes.book(book, loaded, decided);
        writes
    }

    fn add(
        &mut self,
        sql: &'static str,
        rows: usize,
        values: impl FnOnce() -> Vec<platform_store::postgres::Parameter>,
    ) {
        if rows > 0 {
            self.asks.push(Ask { sql, values: values() });
            self.rows.push(rows as u64);
        }
    }

    fn records(&mut self, book: i32, decided: &Decided, ids: &dyn IdSource) {
        let records = &decided.records;
        let bytes: Vec<Vec<u8>> = records
            .iter()
            .map(|record| {
                let mut bytes = Vec::new();
                let salt = if record.text_hash.is_some() { ids.random() } else { 0 };
                put(&mut bytes, record.seq, record.clone(), salt);
                bytes
            })
            .collect();
        self.newest = bytes.last().cloned().unwrap_or_default();
        let found = |record: &Record| decided.found.contains(&record.position).then(|| Uuid::from(record.id));
        let reference = |record: &Record| {
            let details = record.command.as_ref().and_then(|command| command.details());
            details.and_then(|details| details.reference.as_deref()).map(str::to_owned)
        };
        let each = || records.iter();
        let at = each().next().map_or(0, |record| record.at.0);
        self.add(RECORDS, records.len(), || {
            columns![
                book,
                at,
                each().map(|record| record.seq as i64).collect::<Vec<_>>(),
                each().map(found).collect::<Vec<_>>(),
                each().map(|record| i16::from(kind_code(&record.effect))).collect::<Vec<_>>(),
                each().map(reference).collect::<Vec<_>>(),
                each().map(|record| record.party.as_deref().map(str::to_owned)).collect::<Vec<_>>(),
                bytes,
            ]
        });
    }

    fn postings(&mut self, book: i32, records: &[Record]) {
        let each = || {
            let of_record = |record: &Record| (record.seq as i64, record.effect.postings().to_vec());
            let numbered = records.iter().map(of_record);
            numbered.flat_map(|(seq, postings)| {
                postings.into_iter().enumerate().map(move |(n, posting)| (seq, n as i16, posting))
            })
        };
        let pending = |amount: i128| (amount != 0).then_some(Amount(amount));
        self.add(POSTINGS, each().count(), || {
            columns![
                book,
                each().map(|(seq, ..)| seq).collect::<Vec<_>>(),
                each().map(|(_, n, _)| n).collect::<Vec<_>>(),
                each().map(|(.., posting)| i64::from(posting.account.0)).collect::<Vec<_>>(),
                each().map(|(.., posting)| posting.asset.0 as i32).collect::<Vec<_>>(),
                each().map(|(.., p)| i16::from(p.direction == Direction::Credit)).collect::<Vec<_>>(),
                each().map(|(.., posting)| Amount(posting.amount)).collect::<Vec<_>>(),
                each().map(|(.., posting)| Amount(posting.after.debits)).collect::<Vec<_>>(),
                each().map(|(.., posting)| Amount(posting.after.credits)).collect::<Vec<_>>(),
                each().map(|(.., posting)| pending(posting.after.debits_pending)).collect::<Vec<_>>(),
                each().map(|(.., posting)| pending(posting.after.credits_pending)).collect::<Vec<_>>(),
            ]
        });
    }

    fn balances(&mut self, loaded: &Loaded, decided: &Decided) {
        let (old, new) = decided.state.balances.split_at(loaded.balances.len());
        let changed = |(balance, row): &(&Balance, &BalanceRow)| {
            balance.counters != row.counters
                || balance.last_seq != row.last_seq
                || balance.limits.as_deref() != row.limits.as_ref()
        };
        let old: Vec<&Balance> =
            old.iter().zip(&loaded.balances).filter(changed).map(|(balance, _)| balance).collect();
        for (sql, balances) in [(BALANCES, old), (BALANCES_NEW, new.iter().collect())] {
            let each = || balances.iter();
            let limits = |balance: &&&Balance| balance.limits.as_deref().copied().unwrap_or_default();
            let limit = |limit: Option<i128>| limit.map(Amount);
            self.add(sql, balances.len(), || {
                columns![
                    each().map(|balance| decided.numbers.there(balance.account)).collect::<Vec<_>>(),
                    each().map(|balance| balance.asset.0 as i32).collect::<Vec<_>>(),
                    each().map(|balance| Amount(balance.counters.debits)).collect::<Vec<_>>(),
                    each().map(|balance| Amount(balance.counters.credits)).collect::<Vec<_>>(),
                    each().map(|balance| Amount(balance.counters.debits_pending)).collect::<Vec<_>>(),
                    each().map(|balance| Amount(balance.counters.credits_pending)).collect::<Vec<_>>(),
                    each().map(|balance| balance.last_seq as i64).collect::<Vec<_>>(),
                    each().map(|b| limits(&b)).map(|l: Limits| limit(l.floor)).collect::<Vec<_>>(),
                    each().map(|b| limits(&b)).map(|l: Limits| limit(l.ceiling)).collect::<Vec<_>>(),
                ]
            });
        }
    }

    fn accounts(&mut self, book: i32, loaded: &Loaded, decided: &Decided) {
        let state = &decided.state;
        let newest =
            |place: u64, before: u64| decided.numbers.seqs.get(&place).copied().unwrap_or(before) as i64;
        let row = |(here, account): (usize, &Account)| Written {
            no: decided.numbers.there(AccountNo(here as u32)),
            frozen: i16::from(frozen_code(account.frozen)),
            closed: account.closed,
            version: account.version.into(),
            open_holds: account.open_holds.into(),
            allowed: account.allowed.as_deref().map(list),
            newest: newest(account.newest, loaded.accounts.get(here).map_or(0, |known| known.newest)),
        };
        let rows: Vec<Written> = state.accounts.iter().enumerate().map(row).collect();
        let (old, new) = rows.split_at(loaded.accounts.len());
        let changed = |(row, known): &(&Written, &super::reading::AccountRow)| {
            let before = Written {
                no: known.no,
                frozen: i16::from(frozen_code(known.frozen)),
                closed: known.closed,
                version: known.version.into(),
                open_holds: known.open_holds.into(),
                allowed: known.allowed.as_deref().map(list),
                newest: known.newest as i64,
            };
            **row != before
        };
        let old: Vec<&Written> =
            old.iter().zip(&loaded.accounts).filter(changed).map(|(row, _)| row).collect();
        self.add(ACCOUNTS, old.len(), || {
            let each = || old.iter();
            columns![
                book,
                each().map(|row| row.no).collect::<Vec<_>>(),
                each().map(|row| row.frozen).collect::<Vec<_>>(),
                each().map(|row| row.closed).collect::<Vec<_>>(),
                each().map(|row| row.version).collect::<Vec<_>>(),
                each().map(|row| row.open_holds).collect::<Vec<_>>(),
                each().map(|row| row.allowed.clone()).collect::<Vec<_>>(),
                each().map(|row| row.newest).collect::<Vec<_>>(),
            ]
        });
        self.add(ACCOUNTS_NEW, new.len(), || {
            let each = || new.iter();
            let numbers = || (loaded.accounts.len()..state.accounts.len()).map(|here| AccountNo(here as u32));
            let kind = |account: AccountNo| code(state.account(account).kind);
            columns![
                book,
                each().map(|row| row.no).collect::<Vec<_>>(),
                numbers().map(|no| Uuid::from(state.name(no).id)).collect::<Vec<_>>(),
                numbers().map(|no| state.name(no).path.to_string()).collect::<Vec<_>>(),
                numbers().map(kind).collect::<Vec<_>>(),
                each().map(|row| row.frozen).collect::<Vec<_>>(),
                each().map(|row| row.closed).collect::<Vec<_>>(),
                each().map(|row| row.version).collect::<Vec<_>>(),
                each().map(|row| row.open_holds).collect::<Vec<_>>(),
                each().map(|row| row.allowed.clone()).collect::<Vec<_>>(),
                each().map(|row| row.newest).collect::<Vec<_>>(),
            ]
        });
    }

    /// Holds as the batch leaves them, whatever became of them in between.
    fn holds(&mut self, book: i32, records: &[Record]) {
        let mut holds: BTreeMap<Id, (bool, &Hold, &Record)> = BTreeMap::new();
        for record in records {
            match &record.effect {
                Effect::Held { hold_id, hold, .. } => {
                    holds.insert(*hold_id, (true, hold, record));
                }
                Effect::HoldMoved { hold_id, hold, .. } => {
                    let is_new = holds.get(hold_id).is_some_and(|(is_new, ..)| *is_new);
                    holds.insert(*hold_id, (is_new, hold, record));
                }
                _ => {}
            }
        }
        let is_open = |hold: &Hold| hold.state == HoldState::Open;
        for (sql, wanted) in [(HOLDS_NEW, true), (HOLDS, false)] {
            let rows: Vec<_> =
                holds.iter().filter(|(_, (is_new, hold, _))| *is_new == wanted && is_open(hold)).collect();
            let placed = |hold: &Hold, record: &Record| match &record.effect {
                Effect::Held { .. } => record.seq as i64,
                _ => hold.placed_at as i64,
            };
            self.add(sql, rows.len(), || {
                let each = || rows.iter();
                let mut values = columns![
                    book,
                    each().map(|(id, _)| Uuid::from(**id)).collect::<Vec<_>>(),
                    each().map(|(_, (_, hold, _))| hold.expires_at.map(|at| at.0)).collect::<Vec<_>>(),
                ];
                if wanted {
                    let placed = each().map(|(_, (_, hold, record))| placed(hold, record));
                    values.push(value(placed.collect::<Vec<_>>()));
                }
                values.push(value(each().map(|(_, (.., record))| record.seq as i64).collect::<Vec<_>>()));
                values
            });
        }
        let gone = holds.iter().filter(|(_, (is_new, hold, _))| !is_new && !is_open(hold));
        let gone: Vec<Uuid> = gone.map(|(id, _)| (*id).into()).collect();
        self.add(HOLDS_GONE, gone.len(), || columns![book, gone.clone()]);
    }

    fn names(&mut self, book: i32, decided: &Decided) {
        let mut newest: BTreeMap<Uuid, i64> = BTreeMap::new();
        let mut parties: BTreeMap<&str, i64> = BTreeMap::new();
        for record in &decided.records {
            match &record.effect {
                Effect::Reversed { entry: id, .. } | Effect::HoldMoved { hold_id: id, .. } => {
                    newest.insert((*id).into(), record.seq as i64);
                }
                _ => {}
            }
            if let Some(party) = &record.party {
                parties.insert(party, record.party_seq as i64);
            }
        }
        self.add(NEWEST, newest.len(), || {
            columns![
                book,
                newest.keys().copied().collect::<Vec<_>>(),
                newest.values().copied().collect::<Vec<_>>()
            ]
        });
        self.add(KEYS, decided.names.len(), || {
            let (hashes, seqs): (Vec<Uuid>, Vec<i64>) =
                decided.names.iter().map(|(name, seq)| (column(*name), *seq as i64)).unzip();
            columns![book, hashes, seqs]
        });
        self.add(PARTIES, parties.len(), || {
            let names: Vec<String> = parties.keys().map(|party| (*party).to_owned()).collect();
            columns![book, names, parties.values().copied().collect::<Vec<_>>()]
        });
    }

    /// Assets, patterns and, last, the head.
    fn book(&mut self, book: i32, loaded: &Loaded, decided: &Decided) {
        let Some(last) = decided.records.last() else { return };
        let now = &decided.state.books[0];
        let assets: Vec<(i32, String, i16)> = (loaded.assets.len()..now.assets.len())
            .map(|no| (no as i32, now.assets[no].code.as_str().to_owned(), i16::from(now.assets[no].scale)))
            .collect();
        self.add(ASSETS_NEW, assets.len(), || {
            columns![
                book,
                assets.iter().map(|(no, ..)| *no).collect::<Vec<_>>(),
                assets.iter().map(|(_, code, _)| code.clone()).collect::<Vec<_>>(),
                assets.iter().map(|(.., scale)| *scale).collect::<Vec<_>>(),
            ]
        });
        let (old, new) = now.patterns.split_at(loaded.patterns.len());
        let used: Vec<(i32, i64)> = (0..)
            .zip(old.iter().zip(&loaded.patterns))
            .filter(|(_, ((_, now), (_, before)))| now != before)
            .map(|(no, ((_, now), _))| (no, *now as i64))
            .collect();
        self.add(PATTERNS, used.len(), || {
            let (numbers, counts): (Vec<i32>, Vec<i64>) = used.iter().copied().unzip();
            columns![book, numbers, counts]
        });
        let set = decided.records.iter().filter(|record| matches!(record.effect, Effect::Pattern(_)));
        let seqs: Vec<i64> = set.map(|record| record.seq as i64).collect();
        self.add(PATTERNS_NEW, new.len(), || {
            let numbers: Vec<i32> = (old.len()..now.patterns.len()).map(|no| no as i32).collect();
            let texts: Vec<String> = new.iter().map(|(pattern, _)| pattern.pattern.to_string()).collect();
            columns![book, numbers, seqs, texts, new.iter().map(|(_, used)| *used as i64).collect::<Vec<_>>()]
        });
        self.add(HEAD, 1, || {
            columns![book, loaded.seq as i64, now.seq as i64, now.partyless as i64, last.at.0]
        });
    }
}

/// What of an account's row may change.
#[derive(PartialEq, Eq)]
struct Written {
    no: i64,
    frozen: i16,
    closed: bool,
    version: i64,
    open_holds: i64,
    allowed: Option<String>,
    newest: i64,
}

/// A list of assets as an array's text: arrays of arrays of several lengths are not sent.
fn list(assets: &[AssetNo]) -> String {
    let numbers: Vec<String> = assets.iter().map(|asset| asset.0.to_string()).collect();
    format!("{{{}}}", numbers.join(","))
}

fn code(kind: AccountKind) -> i16 {
    i16::from(crate::journal::commands::kind_code(kind))
}
