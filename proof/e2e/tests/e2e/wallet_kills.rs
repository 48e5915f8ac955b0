//! `kill -9` while rows and books change together: customers with their accounts, transfers that count against a
//! limit, limits that change, wallets that are frozen. After every start rows and books agree, what was answered is
//! answered again, and what was not is there whole or not at all.

use crate::chance::{Chance, kills};
use crate::client::Client;
use crate::json::text;
use crate::server::{Server, run};
use serde_json::Value;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Tasks that ask at once.
const CLIENTS: usize = 6;
/// Wallets they move money between; the first half has limits.
const WALLETS: u64 = 12;
/// Longest and shortest life of a server, from its first request.
const LIFE_MS: std::ops::Range<u64> = 30..500;
/// Acknowledged requests that are repeated after each start.
const REPEATED: usize = 60;
/// What each wallet starts with.
const FILLED: u64 = 100_000;

/// A request with its key.
#[derive(Clone, Debug)]
struct Wanted {
    method: &'static str,
    path: String,
    key: String,
    body: String,
}

#[derive(Default)]
struct Diary {
    answered: Vec<(Wanted, u16, Vec<u8>)>,
    unanswered: Vec<Wanted>,
}

fn wish(chance: &mut Chance) -> Wanted {
    let key = chance.uuid();
    let (one, other) = (1 + chance.below(WALLETS), 1 + chance.below(WALLETS));
    let amount = format!("{}.{:02}", chance.below(90), 1 + chance.below(99));
    let (method, path, body) = match chance.below(20) {
        0..=2 => ("POST", "/clients".to_owned(), format!(r#"{{"login":"{key}","name":"Ada"}}"#)),
        3 => ("POST", "/resupplies".to_owned(), format!(r#"{{"walletId":{one},"amount":{amount}}}"#)),
        4 => {
            let cap = 2_000 + chance.below(50_000);
            let limit = format!(r#"{{"day":"{cap}","month":"900000","currency":"UNIT"}}"#);
            ("PUT", format!("/v1/wallets/{}/limits", 1 + one / 2), limit)
        }
        5 => {
            let word = if chance.below(2) == 0 { "freezes" } else { "thaws" };
            ("POST", format!("/v1/wallets/{one}/{word}"), r#"{"reason":"a test"}"#.to_owned())
        }
        _ => {
            let to = if one == other { one % WALLETS + 1 } else { other };
            let body = format!(r#"{{"walletFromId":{one},"walletToId":{to},"amount":{amount}}}"#);
            ("POST", "/transfers".to_owned(), body)
        }
    };
    Wanted { method, path, key, body }
}

fn send(client: &mut Client, wanted: &Wanted) -> std::io::Result<crate::client::Answer> {
    let headers = [("Idempotency-Key", wanted.key.as_str())];
    client.try_call(wanted.method, &wanted.path, &headers, Some(wanted.body.as_bytes()))
}

/// Whether a problem speaks of the state of things and not of the request.
fn is_refusal(answer: &crate::client::Answer) -> bool {
    answer.status == 422 && answer.json()["code"].as_str().is_some_and(|code| !code.starts_with("invalid"))
}

/// Asks until the server is gone.
fn load(address: &str, mut chance: Chance, diary: &Mutex<Diary>) {
    let mut client = Client::new(address);
    loop {
        let wanted = wish(&mut chance);
        match send(&mut client, &wanted) {
            Ok(answer) => {
                let well_formed = answer.status < 500 && answer.status != 422 || is_refusal(&answer);
                assert!(well_formed, "{wanted:?}: {} {}", answer.status, answer.text());
                diary.lock().unwrap().answered.push((wanted, answer.status, answer.body));
            }
            Err(_) => {
                diary.lock().unwrap().unanswered.push(wanted);
                return;
            }
        }
    }
}

/// What the program says of journal and rows, beside the server.
fn agree(folder: &Path) {
    let (code, told, said) = run(folder, "verify --data-dir data --json");
    assert_eq!(code, 0, "{told}{said}");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["holds"], &told["rows"]["agree"]), (&Value::Bool(true), &Value::Bool(true)), "{told}");
}

fn check(client: &mut Client, diary: &Diary) {
    for (wanted, status, body) in
        diary.answered.iter().rev().filter(|(_, status, _)| *status < 300).take(REPEATED)
    {
        let again = send(client, wanted).unwrap();
        assert_eq!((again.status, &again.body), (*status, body), "{wanted:?}: {}", again.text());
        assert!(again.is_replay(), "{wanted:?}");
    }
    for wanted in &diary.unanswered {
        let first = send(client, wanted).unwrap();
        assert!(first.status < 500, "{wanted:?}: {}", first.text());
        if first.status < 300 {
            let again = send(client, wanted).unwrap();
            assert_eq!((again.status, &again.body, again.is_replay()), (first.status, &first.body, true));
        }
    }
}

#[test]
fn killed_under_load_rows_and_books_agree() {
    let folder = tempfile::tempdir().unwrap();
    let mut chance = Chance::of("wallet kills");
    let mut server = Server::start(folder.path());
    let mut client = server.client();
    for number in 1..=WALLETS {
        let body = format!(r#"{{"login":"first {number}","name":"Grace"}}"#);
        let made = client.post("/clients", &body).ok(201);
        assert_eq!(made["walletId"], number, "numbers come in order");
        client.post("/resupplies", &format!(r#"{{"walletId":{number},"amount":{FILLED}}}"#)).ok(201);
    }
    drop(client);
    let (mut longest, mut answered) = (Duration::ZERO, 0);
    for _ in 0..kills() {
        let diary = Mutex::new(Diary::default());
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                let (address, chance, diary) = (server.address.clone(), chance.fork(), &diary);
                scope.spawn(move || load(&address, chance, diary));
            }
            let life = Duration::from_millis(LIFE_MS.start + chance.below(LIFE_MS.end - LIFE_MS.start));
            let began = Instant::now();
            while began.elapsed() < life || diary.lock().unwrap().answered.is_empty() {
                std::thread::sleep(Duration::from_millis(1));
            }
            server.kill();
        });
        server = server.again();
        longest = longest.max(server.took);
        let diary = diary.into_inner().unwrap();
        answered += diary.answered.len();
        check(&mut server.client(), &diary);
        agree(folder.path());
    }
    let trial = server.client().get("/v1/trial-balance?limit=500").ok(200);
    for total in trial["totals"].as_array().unwrap() {
        assert_eq!(text(total, "debits"), text(total, "credits"));
    }
    println!("{} kills, {answered} answers, longest start {longest:?}", kills());
    server.stop();
}

/// A backup that is taken under load opens elsewhere, and its rows and books are of one instant.
#[test]
fn a_backup_under_load_is_one_instant() {
    let folder = tempfile::tempdir().unwrap();
    let mut chance = Chance::of("wallet backup");
    let mut server = Server::start(folder.path());
    let mut client = server.client();
    for number in 1..=WALLETS {
        client.post("/clients", &format!(r#"{{"login":"first {number}","name":"Grace"}}"#)).ok(201);
        client.post("/resupplies", &format!(r#"{{"walletId":{number},"amount":{FILLED}}}"#)).ok(201);
    }
    let diary = Mutex::new(Diary::default());
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            let (address, chance, diary) = (server.address.clone(), chance.fork(), &diary);
            scope.spawn(move || load(&address, chance, diary));
        }
        for number in 0..3 {
            let before = diary.lock().unwrap().answered.len();
            while diary.lock().unwrap().answered.len() < before + 200 {
                std::thread::sleep(Duration::from_millis(1));
            }
            let known = diary.lock().unwrap().answered.len();
            let (code, told, said) = run(folder.path(), &format!("backup copy-{number} --data-dir data"));
            assert_eq!(code, 0, "{told}{said}");
            let (code, told, said) =
                run(folder.path(), &format!("restore copy-{number} --data-dir there-{number}"));
            assert_eq!(code, 0, "{told}{said}");
            let (code, told, said) = run(folder.path(), &format!("verify --data-dir there-{number}"));
            assert_eq!(code, 0, "{told}{said}");
            let elsewhere = tempfile::tempdir().unwrap();
            std::fs::rename(folder.path().join(format!("there-{number}")), elsewhere.path().join("data"))
                .unwrap();
            let restored = Server::start(elsewhere.path());
            let mut client = restored.client();
            let diary = diary.lock().unwrap();
            // What was answered before the backup began is in it.
            for (wanted, status, body) in
                diary.answered[..known].iter().rev().filter(|told| told.1 < 300).take(REPEATED)
            {
                let again = send(&mut client, wanted).unwrap();
                assert_eq!(
                    (again.status, &again.body, again.is_replay()),
                    (*status, body, true),
                    "{wanted:?}"
                );
            }
            drop(diary);
            restored.stop();
        }
        server.kill();
    });
}
