//! `kill -9` at a random moment under mixed load, again and again on one directory: what was acknowledged is there
//! once, nothing is there in part, and what was not acknowledged is there whole or not at all.

use crate::chance::{Chance, kills};
use crate::client::Client;
use crate::json::{account, decimal, entry, list, minor, text};
use crate::server::Server;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Tasks that post at once.
const CLIENTS: usize = 6;
/// Accounts they post between.
const ACCOUNTS: u64 = 20;
/// Longest and shortest life of a server, from its first request.
const LIFE_MS: std::ops::Range<u64> = 30..700;
/// Commands of a batch.
const BATCH: u64 = 20;

/// What one request would write.
#[derive(Clone, Debug)]
struct Wanted {
    path: String,
    body: String,
    /// Its own ids with their amounts; of one request all or none are there if `atomic`.
    ids: Vec<(String, u64)>,
    atomic: bool,
}

/// An acknowledged write: id as the server writes it, number, amount.
type Acknowledged = (String, u64, u64);

#[derive(Default)]
struct Diary {
    acknowledged: Vec<Acknowledged>,
    unanswered: Vec<Wanted>,
}

fn pair(chance: &mut Chance) -> (String, String) {
    let debit = chance.below(ACCOUNTS);
    let credit = (debit + 1 + chance.below(ACCOUNTS - 1)) % ACCOUNTS;
    (format!("kills:{debit}"), format!("kills:{credit}"))
}

fn posting(chance: &mut Chance, more: &str) -> (String, String, u64) {
    let (id, amount, (debit, credit)) = (chance.uuid(), 1 + chance.below(100_000), pair(chance));
    let body = entry(&debit, &credit, &decimal(amount), "EUR", &format!(r#","id":"{id}"{more}"#));
    (body, id, amount)
}

fn wish(chance: &mut Chance) -> Wanted {
    let one = |path: &str, (body, id, amount): (String, String, u64)| Wanted {
        path: path.to_owned(),
        body,
        ids: vec![(id, amount)],
        atomic: true,
    };
    match chance.below(4) {
        0 => one("/v1/entries", posting(chance, "")),
        1 => one("/v1/holds", posting(chance, "")),
        kind => {
            let atomic = kind == 2;
            let (mut commands, mut ids) = (Vec::new(), Vec::new());
            for _ in 0..BATCH {
                let word = if chance.below(4) == 0 { "hold" } else { "entry" };
                let (body, id, amount) = posting(chance, &format!(r#","type":"{word}""#));
                commands.push(body);
                ids.push((id, amount));
            }
            let mode = if atomic { "atomic" } else { "independent" };
            let body = format!(r#"{{"mode":"{mode}","commands":[{}]}}"#, commands.join(","));
            Wanted { path: "/v1/batches".to_owned(), body, ids, atomic }
        }
    }
}

fn acknowledged(wanted: &Wanted, answer: &Value) -> Vec<Acknowledged> {
    let one = |answer: &Value, amount: u64| {
        (text(answer, "id").to_owned(), answer["seq"].as_u64().expect("a number"), amount)
    };
    match answer.get("results").and_then(Value::as_array) {
        None => vec![one(answer, wanted.ids[0].1)],
        Some(results) => {
            assert_eq!(results.len(), wanted.ids.len());
            results.iter().zip(&wanted.ids).map(|(result, (_, amount))| one(result, *amount)).collect()
        }
    }
}

/// Posts until the server is gone.
fn load(address: &str, mut chance: Chance, diary: &Mutex<Diary>) {
    let mut client = Client::new(address);
    let mut open_holds: Vec<(String, u64)> = Vec::new();
    loop {
        let capture = if chance.below(3) == 0 { open_holds.pop() } else { None };
        let wanted = match capture {
            None => wish(&mut chance),
            Some((hold, amount)) => {
                let id = chance.uuid();
                let (path, body) = (format!("/v1/holds/{hold}/captures"), format!(r#"{{"id":"{id}"}}"#));
                Wanted { path, body, ids: vec![(id, amount)], atomic: true }
            }
        };
        let answer = client.try_call("POST", &wanted.path, &[], Some(wanted.body.as_bytes()));
        let Ok(answer) = answer else {
            diary.lock().unwrap().unanswered.push(wanted);
            return;
        };
        let done = acknowledged(&wanted, &answer.ok(201));
        if wanted.path == "/v1/holds" {
            open_holds.push((done[0].0.clone(), done[0].2));
        }
        diary.lock().unwrap().acknowledged.extend(done);
    }
}

/// The books as the feed tells them.
#[derive(Default)]
struct Books {
    after: u64,
    /// Number and amount of every entry, hold, capture.
    known: BTreeMap<String, (u64, u64)>,
    posted: BTreeMap<String, i128>,
}

impl Books {
    /// Takes in what the feed has beyond what was read before.
    fn follow(&mut self, client: &mut Client) {
        for record in client.records_after(self.after) {
            let seq = record["seq"].as_u64().unwrap();
            assert!(seq > self.after, "numbers grow: {seq} after {}", self.after);
            self.after = seq;
            let kind = text(&record, "type");
            let body = if kind == "hold.placed" { &record["hold"] } else { &record["entry"] };
            if body.is_null() {
                continue;
            }
            let postings = list(body, "postings");
            assert_eq!(postings.len(), 2, "no half entry: {record}");
            let amounts: BTreeSet<i128> = postings.iter().map(|posting| minor(&posting["amount"])).collect();
            assert_eq!(amounts.len(), 1, "both sides are equal: {record}");
            let amount = *amounts.first().unwrap();
            if matches!(kind, "entry.posted" | "hold.captured") {
                for posting in postings {
                    let sign = if posting["direction"] == "debit" { 1 } else { -1 };
                    *self.posted.entry(text(posting, "path").to_owned()).or_default() += sign * amount;
                }
            }
            let doubled =
                self.known.insert(text(body, "id").to_owned(), (seq, u64::try_from(amount).unwrap()));
            assert_eq!(doubled, None, "twice in the feed: {record}");
        }
    }

    /// Every balance is the sum of what the feed told, and debits equal credits.
    fn compare_balances(&self, client: &mut Client) {
        let trial = client.get("/v1/trial-balance?limit=500").ok(200);
        for total in list(&trial, "totals") {
            assert_eq!(total["debits"], total["credits"], "{total}");
        }
        let rows = list(&trial, "data").iter();
        let told: BTreeMap<String, i128> =
            rows.map(|row| (text(row, "path").to_owned(), minor(&row["balance"]))).collect();
        let mut posted = self.posted.clone();
        posted.retain(|path, _| told.contains_key(path));
        for (path, balance) in &told {
            assert_eq!(posted.get(path).copied().unwrap_or(0), *balance, "{path}");
        }
        assert!(self.posted.iter().all(|(path, sum)| *sum == 0 || told.contains_key(path)));
    }
}

fn check(client: &mut Client, books: &mut Books, diary: &Diary) {
    books.follow(client);
    books.compare_balances(client);
    for (id, seq, amount) in &diary.acknowledged {
        assert_eq!(books.known.get(id), Some(&(*seq, *amount)), "{id} was acknowledged");
    }
    // Reading each by its id asks the index instead of the feed.
    for (id, seq, _) in diary.acknowledged.iter().rev().take(200) {
        let found = client.get(&format!("/v1/entries/{id}")).ok(200);
        assert_eq!(found["id"], id.as_str());
        assert!(found["seq"].as_u64().unwrap() >= *seq, "{found}");
    }
    for wanted in &diary.unanswered {
        let seqs: Vec<Option<u64>> =
            wanted.ids.iter().map(|(id, _)| seq_of(client, &wanted.path, id)).collect();
        let there = seqs.iter().flatten().count();
        assert!(!wanted.atomic || there == 0 || there == seqs.len(), "in part: {seqs:?} of {wanted:?}");
        // What is there was told by the feed; what is not comes in by repeating the request, and only once.
        let answer = client.post(&wanted.path, &wanted.body).ok(201);
        for (now, before) in acknowledged(wanted, &answer).iter().zip(&seqs) {
            assert!(before.is_none_or(|before| before == now.1), "{before:?} became {now:?}");
        }
    }
    books.follow(client);
    books.compare_balances(client);
}

/// The number of an unanswered command's record, if it was written.
fn seq_of(client: &mut Client, path: &str, id: &str) -> Option<u64> {
    let mut found = client.get(&format!("/v1/entries/{id}"));
    if found.status == 404 && path != "/v1/entries" {
        found = client.get(&format!("/v1/holds/{id}"));
    }
    match found.status {
        404 => None,
        _ => found.ok(200)["seq"].as_u64(),
    }
}

#[test]
fn killed_under_load_nothing_acknowledged_is_lost_or_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let mut chance = Chance::of("kills");
    let mut server = Server::start(folder.path());
    for number in 0..ACCOUNTS {
        server.client().post("/v1/accounts", &account(&format!("kills:{number}"), "asset")).ok(201);
    }
    let mut books = Books::default();
    let (mut longest, mut total) = (Duration::ZERO, 0);
    for _ in 0..kills() {
        let diary = Mutex::new(Diary::default());
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                let (address, chance, diary) = (server.address.clone(), chance.fork(), &diary);
                scope.spawn(move || load(&address, chance, diary));
            }
            let life = Duration::from_millis(LIFE_MS.start + chance.below(LIFE_MS.end - LIFE_MS.start));
            let began = Instant::now();
            // Some work must have been done, and then the end comes at any moment.
            while began.elapsed() < life || diary.lock().unwrap().acknowledged.is_empty() {
                std::thread::sleep(Duration::from_millis(1));
            }
            server.kill();
        });
        server = server.again();
        longest = longest.max(server.took);
        let diary = diary.into_inner().unwrap();
        total += diary.acknowledged.len();
        check(&mut server.client(), &mut books, &diary);
    }
    // Once more from the first record: the feed that was read in pieces is the feed.
    let mut whole = Books::default();
    whole.follow(&mut server.client());
    assert_eq!(whole.known, books.known);
    println!("{} kills, {total} acknowledged writes, longest start {longest:?}", kills());
    server.stop();
}
