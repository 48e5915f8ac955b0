//! The ledger on PostgreSQL as a side of the model test: a schema of its own, one batch for each turn. What stands is
//! made of the records alone; the tables are compared with it.

use super::side::Side;
use crate::rig::{Awaited, BOOK, START};
use kernel::id::SeededIds;
use kernel::time::ManualClock;
use kernel::{Clock, IdSource, Tenant, Timestamp};
use ledger::BatchRequest;
use ledger::accounts::model::{AccountNo, AccountRef};
use ledger::command::{Command, Manner, Request};
use ledger::journal::group::Reply;
use ledger::journal::job::BatchJob;
use ledger::journal::record::{Record, take_record};
use ledger::journal::replay::Replayed;
use ledger::postgres::{Job, Several, Single, Store};
use ledger::state::{State, party_key};
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio_postgres::{Client, NoTls};

/// The server's URL; `None` where there is none, which CI does not allow.
pub fn server() -> Option<String> {
    let url = std::env::var("CONCORD_TEST_POSTGRES").ok();
    assert!(url.is_some() || std::env::var_os("CI").is_none(), "CONCORD_TEST_POSTGRES names no server");
    if url.is_none() {
        eprintln!("NOT RUN: CONCORD_TEST_POSTGRES names no PostgreSQL server");
    }
    url
}

/// A schema that no other run has, and a connection that looks into it past the store.
pub fn schema(runtime: &Runtime, url: &str, name: &str) -> (&'static str, Client) {
    let random = kernel::RandomIds.next().0 as u32;
    let schema: &'static str = Box::leak(format!("{name}_{random:08x}").into_boxed_str());
    let client = runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("SET search_path = {schema}")).await.unwrap();
        client
    });
    (schema, client)
}

/// Numbers of accounts that only a rehearsal opened are this near the end.
const REHEARSED: u32 = 1_000;

pub struct Tables {
    url: String,
    schema: &'static str,
    clock: ManualClock,
    ids: Arc<SeededIds>,
    runtime: Runtime,
    store: Store,
    client: Client,
    jobs: Vec<Job>,
    replies: Vec<Reply>,
    replayed: Replayed,
    last: Timestamp,
}

impl Tables {
    pub fn new(url: &str, seed: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ids = Arc::new(SeededIds::new(seed));
        let (schema, client) = schema(&runtime, url, "model");
        let store = runtime.block_on(Store::open(url, schema, ids.clone())).unwrap();
        assert_eq!(runtime.block_on(store.book(&Tenant::default(), Some(START))).unwrap(), BOOK);
        assert_eq!(runtime.block_on(store.book(&Tenant::default(), Some(START))).unwrap(), BOOK);
        let mut tables = Self {
            url: url.to_owned(),
            schema,
            clock: ManualClock::new(START),
            ids,
            runtime,
            store,
            client,
            jobs: Vec::new(),
            replies: Vec::new(),
            replayed: Replayed::default(),
            last: START,
        };
        tables.follow();
        tables
    }

    /// Reads what was written since.
    fn follow(&mut self) {
        let from = self.replayed.state.books.first().map_or(0, |book| book.seq);
        for mut record in self.records(from) {
            self.replayed.apply(&mut record);
        }
    }

    fn records(&self, after: u64) -> Vec<Record> {
        let sql = "SELECT seq, bytes FROM record WHERE book = 0 AND seq > $1 ORDER BY seq";
        let rows = self.runtime.block_on(self.client.query(sql, &[&(after as i64)])).unwrap();
        rows.iter().map(|row| take_record(row.get(1), row.get::<_, i64>(0) as u64).unwrap()).collect()
    }

    fn lines(&self, sql: &str) -> Vec<String> {
        lines(&self.runtime, &self.client, sql)
    }

    /// Tables that later batches are decided from, against the state that the records make.
    fn compare_tables(&self) {
        let state = self.state();
        let mut balances: Vec<String> = state
            .balances
            .iter()
            .map(|balance| {
                let c = &balance.counters;
                let limits = balance.limits.as_deref().copied().unwrap_or_default();
                let limit = |limit: Option<i128>| limit.map_or("-".to_owned(), |limit| limit.to_string());
                format!(
                    "{} {} {} {} {} {} {} {} {}",
                    balance.account.0,
                    balance.asset.0,
                    c.debits,
                    c.credits,
                    c.debits_pending,
                    c.credits_pending,
                    balance.last_seq,
                    limit(limits.floor),
                    limit(limits.ceiling)
                )
            })
            .collect();
        balances.sort();
        let mut found = self.lines(
            "SELECT concat_ws(' ', account, asset, debits, credits, debits_pending, credits_pending, last_seq,
                coalesce(floor::text, '-'), coalesce(ceiling::text, '-')) FROM balance",
        );
        found.sort();
        assert_eq!(found, balances);
        let accounts: Vec<String> = (0..state.accounts.len())
            .map(|no| {
                let (account, name) = (&state.accounts[no], state.directory.name(AccountNo(no as u32)));
                format!("{no} {} {} {} {}", name.path, account.version, account.open_holds, account.newest)
            })
            .collect();
        let sql = "SELECT concat_ws(' ', no, path, version, open_holds, newest) FROM account ORDER BY no";
        assert_eq!(self.lines(sql), accounts);
        let mut holds: Vec<String> = state
            .holds
            .iter()
            .map(|(id, hold)| {
                let at = hold.expires_at.map_or("-".to_owned(), |at| at.0.to_string());
                format!("{:032x} {at} {}", id.0, hold.placed_at)
            })
            .collect();
        holds.sort();
        let sql = "SELECT concat_ws(' ', replace(id::text, '-', ''), coalesce(expires_at::text, '-'), placed)
            FROM hold ORDER BY id";
        assert_eq!(self.lines(sql), holds);
        for row in self.runtime.block_on(self.client.query("SELECT party, count FROM party", &[])).unwrap() {
            let count = state.parties.get(&party_key(BOOK, row.get(0))).copied();
            assert_eq!(count, Some(row.get::<_, i64>(1) as u64));
        }
    }
}

/// The first column of a query.
pub fn lines(runtime: &Runtime, client: &Client, sql: &str) -> Vec<String> {
    let rows = runtime.block_on(client.query(sql, &[])).unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// What must hold of the tables of any book, asked in SQL alone. Each query shows what is wrong.
pub fn audit(runtime: &Runtime, client: &Client) {
    let rows = [
        // Debits are credits in each asset.
        "SELECT 'asset ' || asset FROM balance JOIN account ON no = account GROUP BY book, asset
         HAVING sum(debits) <> sum(credits)",
        // Each balance is what its newest posting left.
        "SELECT 'balance ' || b.account || ' ' || b.asset FROM balance b LEFT JOIN LATERAL (
             SELECT * FROM posting p WHERE p.account = b.account AND p.asset = b.asset
             ORDER BY p.seq DESC, p.n DESC LIMIT 1) p ON true
         WHERE (b.debits, b.credits, b.debits_pending, b.credits_pending, b.last_seq) IS DISTINCT FROM
             (coalesce(p.debits, 0), coalesce(p.credits, 0), coalesce(p.debits_pending, 0),
              coalesce(p.credits_pending, 0), coalesce(p.seq, 0))",
        // Numbers have no gaps, and the head has the newest.
        "SELECT 'head ' || h.book FROM head h LEFT JOIN LATERAL (
             SELECT max(seq) AS newest, count(*) AS count, max(recorded_at) AS at FROM record r
             WHERE r.book = h.book) r ON true
         WHERE (h.seq, h.seq, h.recorded_at) IS DISTINCT FROM (r.newest, r.count, r.at)",
        // Time does not go back.
        "SELECT 'time ' || seq FROM (SELECT seq, recorded_at - lag(recorded_at) OVER (PARTITION BY book ORDER BY seq)
             AS step FROM record) steps WHERE step < 0",
        // Every posting is of a record, and every record's party is counted.
        "SELECT 'posting ' || p.seq FROM posting p LEFT JOIN record r USING (book, seq) WHERE r.seq IS NULL",
        "SELECT 'party ' || p.party FROM party p WHERE p.count <>
             (SELECT count(*) FROM record r WHERE r.book = p.book AND r.party = p.party)",
    ];
    for sql in rows {
        assert_eq!(lines(runtime, client, sql), Vec::<String>::new(), "{sql}");
    }
}

impl Side for Tables {
    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    fn single(&mut self, request: Request, manner: Manner) -> Awaited {
        let (reply, answer) = oneshot::channel();
        self.jobs.push(Job::Single(Box::new(Single { request, manner, origin: None })));
        self.replies.push(reply);
        answer
    }

    fn batch(&mut self, _: usize, job: impl FnOnce(Reply) -> BatchJob) -> Awaited {
        let (reply, answer) = oneshot::channel();
        let BatchJob { atomic, commands, key, manner, reply, .. } = job(reply);
        let batch = BatchRequest { atomic, commands, key, manner };
        self.jobs.push(Job::Batch(Box::new(Several { batch, origin: None })));
        self.replies.push(reply);
        answer
    }

    fn turn(&mut self) {
        let now = self.clock.now();
        let due = self.state().expiry.first().is_some_and(|(at, _)| *at <= now);
        if self.jobs.is_empty() && !due {
            return;
        }
        self.last = now.max(self.last.plus_us(1));
        let jobs = std::mem::take(&mut self.jobs);
        let answers = self.runtime.block_on(self.store.run(BOOK, jobs, Some(self.last)));
        self.follow();
        let accounts = self.state().accounts.len() as u32;
        for (reply, mut answer) in self.replies.drain(..).zip(answers) {
            for record in answer.iter_mut().flat_map(|answer| &mut answer.dry) {
                // The next numbers, as a journal has them.
                for posting in record.effect.postings_mut().into_iter().flatten() {
                    if posting.account.0 > u32::MAX - REHEARSED {
                        posting.account.0 = accounts + (u32::MAX - posting.account.0);
                    }
                }
            }
            let _ = reply.send(answer);
        }
    }

    fn is_idle(&self) -> bool {
        self.jobs.is_empty()
    }

    fn record(&self, position: u64) -> Record {
        self.runtime.block_on(self.store.record(BOOK, position)).unwrap().unwrap()
    }

    fn state(&self) -> &State {
        &self.replayed.state
    }

    fn knows(&self, command: &Command) -> bool {
        let accounts = self.state().accounts.len() as u32;
        let known = |account: &AccountRef| !matches!(account, AccountRef::Known(no) if no.0 >= accounts);
        let conditions = command.details().into_iter().flat_map(|details| &details.conditions);
        let own = match command {
            Command::ChangeAccount(account, _) | Command::MoveAccount(account, ..) => account.0 < accounts,
            _ => true,
        };
        own && command.accounts().all(|account| account.0 < accounts)
            && conditions.into_iter().all(|condition| known(&condition.account))
    }

    fn restart(&mut self, _: bool) -> State {
        self.store = self.runtime.block_on(Store::open(&self.url, self.schema, self.ids.clone())).unwrap();
        let before = std::mem::take(&mut self.replayed);
        self.follow();
        before.state
    }

    fn replay(&self, each: &mut dyn FnMut(&State, &Record)) -> Replayed {
        let mut replayed = Replayed::default();
        for mut record in self.records(0) {
            replayed.apply(&mut record);
            each(&replayed.state, &record);
        }
        replayed
    }

    fn verify(&self) {
        self.compare_tables();
        audit(&self.runtime, &self.client);
    }
}

impl Drop for Tables {
    fn drop(&mut self) {
        // What failed stays to be looked at.
        if !std::thread::panicking() {
            let drop = format!("DROP SCHEMA {} CASCADE", self.schema);
            let _ = self.runtime.block_on(self.client.batch_execute(&drop));
        }
    }
}
