//! `concord demo`: a server on a directory of its own, the documented examples of the source systems, a day of wallet
//! operations, and the proof that the books balance. Everything goes over HTTP; nothing is left behind.

use crate::bench::{Chance, Drive, Pace, Place, Requests, Server, call};
use crate::config::{Config, Environment};
use crate::output::{Failure, Output, Printed};
use crate::progress::grouped;
use crate::{agree, config};
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Customers of the day, each with a wallet.
const CUSTOMERS: u64 = 500;
/// Of so many wallets one has a limit.
const LIMITED: u64 = 10;
/// Hours of a day.
const HOURS: u64 = 24;
/// Connections at once.
const CONNECTIONS: usize = 64;

/// How to play.
#[derive(Debug, Args)]
pub struct DemoFlags {
    /// Wallet operations of the day.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    operations: u64,
}

/// A request of the documents, and what is said of it.
struct Example {
    said: &'static str,
    path: &'static str,
    body: &'static str,
}

const EXAMPLES: [Example; 9] = [
    Example {
        said: "a client with a wallet",
        path: "/clients",
        body: r#"{"login":"ivan","name":"Ivan Ivanov"}"#,
    },
    Example { said: "another", path: "/clients", body: r#"{"login":"petr","name":"Petr Petrov"}"# },
    Example { said: "the login again", path: "/clients", body: r#"{"login":"ivan","name":"Ivan"}"# },
    Example { said: "a top-up", path: "/resupplies", body: r#"{"walletId":1,"amount":123.123}"# },
    Example {
        said: "a transfer",
        path: "/transfers",
        body: r#"{"walletFromId":1,"walletToId":2,"amount":23.123}"#,
    },
    Example {
        said: "the misprint of the documents",
        path: "/resupplies",
        body: r#"{"walletFromId":1,"walletToId":2,"amount":50}"#,
    },
    Example {
        said: "more than there is",
        path: "/transfers",
        body: r#"{"walletFromId":1,"walletToId":2,"amount":51}"#,
    },
    Example {
        said: "a sign-up bonus, posted",
        path: "/v1/postings",
        body: r#"{"debit_account":1,"credit_account":2,"amount":5.00,"currency":"USD","ref":"signup-u_demo"}"#,
    },
    Example {
        said: "the same once more",
        path: "/v1/postings",
        body: r#"{"debit_account":1,"credit_account":2,"amount":5.00,"currency":"USD","ref":"signup-u_demo"}"#,
    },
];

/// A kind of operation and its share of the day, in twentieths.
struct Kind {
    name: &'static str,
    share: u64,
    write: fn(&mut Requests, &mut Chance),
}

const KINDS: [Kind; 5] = [
    Kind { name: "transfers", share: 12, write: transfer },
    Kind { name: "top-ups", share: 4, write: top_up },
    Kind { name: "withdrawals", share: 2, write: withdrawal },
    Kind { name: "transfers of too much", share: 1, write: too_much },
    Kind { name: "transfers to nobody", share: 1, write: to_nobody },
];

/// What became of a kind.
#[derive(Clone, Copy, Default)]
struct Count {
    asked: u64,
    refused: u64,
    took: Duration,
}

/// Wallets of the day come behind those of the examples.
fn wallet(chance: &mut Chance) -> u64 {
    3 + chance.below(CUSTOMERS)
}

fn amount(chance: &mut Chance, most: u64) -> String {
    format!("{}.{:02}", chance.below(most), 1 + chance.below(99))
}

fn transfer(requests: &mut Requests, chance: &mut Chance) {
    let (from, amount) = (wallet(chance), amount(chance, 20));
    let to = 3 + (from - 3 + 1 + chance.below(CUSTOMERS - 1)) % CUSTOMERS;
    let body = format!(r#"{{"walletFromId":{from},"walletToId":{to},"amount":{amount}}}"#);
    requests.post("/transfers", &body, 1);
}

fn top_up(requests: &mut Requests, chance: &mut Chance) {
    let body = format!(r#"{{"walletId":{},"amount":{}}}"#, wallet(chance), amount(chance, 100));
    requests.post("/resupplies", &body, 1);
}

fn withdrawal(requests: &mut Requests, chance: &mut Chance) {
    let (from, amount) = (wallet(chance), amount(chance, 30));
    let body = format!(r#"{{"amount":"{amount}","currency":"UNIT"}}"#);
    requests.post(&format!("/v1/wallets/{from}/withdrawals"), &body, 1);
}

fn too_much(requests: &mut Requests, chance: &mut Chance) {
    let from = wallet(chance);
    let body = format!(r#"{{"walletFromId":{from},"walletToId":1,"amount":99999999}}"#);
    requests.post("/transfers", &body, 1);
}

fn to_nobody(requests: &mut Requests, chance: &mut Chance) {
    let from = wallet(chance);
    let body = format!(r#"{{"walletFromId":{from},"walletToId":999999999,"amount":0.01}}"#);
    requests.post("/transfers", &body, 1);
}

/// Plays everything and prints what happened.
pub async fn run(flags: &DemoFlags, environment: &Environment, output: Output) -> Result<(), Failure> {
    let playing = |source| Failure::io("playing the demo", source);
    let place = Place::make(&std::env::temp_dir())?;
    let server = Server::start(&place.fresh()).map_err(playing)?;
    output.aside(&format!("a server on a directory of its own, at http://{}", server.address));
    let mut told = Told::default();
    examples(server.address, &mut told, output).map_err(playing)?;
    let counts = day(server.address, flags.operations, output).map_err(playing)?;
    counts.iter().zip(&KINDS).for_each(|(count, kind)| told.count(kind.name, count));
    books(server.address, &mut told).map_err(playing)?;
    let data = server.data().to_owned();
    server.stop().map_err(playing)?;
    let flags = [("data.dir", data.display().to_string())];
    let config: Config = config::load(None, environment, &flags)?.config;
    let (holds, digest) = agree::proof(&config, output).await?;
    told.proof(holds, &digest);
    output.answer(Printed { text: told.text, json: told.json.into() })?;
    if holds { Ok(()) } else { Err(Failure::Refused("the books do not balance".to_owned())) }
}

fn examples(address: SocketAddr, told: &mut Told, output: Output) -> io::Result<()> {
    output.aside("the examples of the documents");
    told.text.push_str("the documented examples\n");
    for Example { said, path, body } in EXAMPLES {
        let (status, answer) = call(address, "POST", path, body)?;
        let answer = answer.trim();
        let _ = writeln!(told.text, "  {said}\n    POST {path} {body}\n    {status} {answer}");
        let answer: Value = serde_json::from_str(answer).unwrap_or_else(|_| json!(answer));
        let example = json!({"said": said, "path": path, "status": status, "answer": answer});
        told.list("examples").push(example);
    }
    Ok(())
}

/// Opens the customers, fills their wallets, sets limits, and lets the hours pass.
fn day(address: SocketAddr, operations: u64, output: Output) -> io::Result<[Count; KINDS.len()]> {
    output.aside(&format!("{CUSTOMERS} customers come"));
    let (mut clients, mut filled) = (Requests::default(), Requests::default());
    for number in 0..CUSTOMERS {
        clients.post("/clients", &format!(r#"{{"login":"user{number}","name":"User {number}"}}"#), 1);
        filled.post("/resupplies", &format!(r#"{{"walletId":{},"amount":1000}}"#, number + 3), 1);
        if number.is_multiple_of(LIMITED) {
            let path = format!("/v1/wallets/{}/limits", number + 3);
            filled.put(&path, r#"{"day":"600","currency":"UNIT"}"#);
        }
    }
    drive(address, &clients, 1)?.sound()?;
    drive(address, &filled, CONNECTIONS)?.sound()?;
    let mut counts = [Count::default(); KINDS.len()];
    let (mut chance, mut done) = (Chance::new(1), 0);
    for hour in 0..HOURS {
        for (count, kind) in counts.iter_mut().zip(&KINDS) {
            let upto = operations * kind.share * (hour + 1) / HOURS / 20;
            let mut requests = Requests::default();
            (count.asked..upto).for_each(|_| (kind.write)(&mut requests, &mut chance));
            if requests.len() > 0 {
                let tally = drive(address, &requests, CONNECTIONS)?;
                count.refused += tally.failed;
                count.took += tally.took;
                done += upto - count.asked;
                count.asked = upto;
            }
        }
        let all = u128::from(operations);
        output.aside(&format!("{:02}:59  {} of {} operations", hour, grouped(done.into()), grouped(all)));
    }
    Ok(counts)
}

fn drive(address: SocketAddr, requests: &Requests, connections: usize) -> io::Result<crate::bench::Tally> {
    let pace = Pace::Closed;
    Drive { address, requests, connections, threads: 1, pace, limit: None, cycle: false }.run()
}

/// What the books say in the end.
fn books(address: SocketAddr, told: &mut Told) -> io::Result<()> {
    let json = |path: &str| -> io::Result<Value> {
        let (_, body) = call(address, "GET", path, "")?;
        serde_json::from_str(&body).map_err(io::Error::other)
    };
    let trial = json("/v1/trial-balance?limit=1")?;
    told.text.push_str("\nthe books\n");
    for total in trial["totals"].as_array().into_iter().flatten() {
        let word = |name: &str| total[name].as_str().unwrap_or_default().to_owned();
        let (debits, credits) = (word("debits"), word("credits"));
        let equal = if debits == credits { "equal" } else { "NOT EQUAL" };
        let _ = writeln!(told.text, "  {:<6} debits {debits}, credits {credits}: {equal}", word("currency"));
    }
    told.json.insert("totals".to_owned(), trial["totals"].clone());
    Ok(())
}

/// What happened, for people and for programs.
#[derive(Default)]
struct Told {
    text: String,
    json: serde_json::Map<String, Value>,
}

impl Told {
    fn list(&mut self, name: &str) -> &mut Vec<Value> {
        let list = self.json.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        list.as_array_mut().expect("only lists are asked for")
    }

    fn count(&mut self, kind: &str, count: &Count) {
        if self.json.get("day").is_none() {
            let head = ["the day", "asked", "done", "refused", "a second"];
            let _ = writeln!(
                self.text,
                "\n{:<24} {:>10} {:>10} {:>10} {:>10}",
                head[0], head[1], head[2], head[3], head[4]
            );
        }
        let Count { asked, refused, took } = *count;
        let rate = u128::from(asked) * 1_000 / took.as_millis().max(1);
        let number = |number: u64| grouped(number.into());
        let (all, done, no) = (number(asked), number(asked - refused), number(refused));
        let _ = writeln!(self.text, "  {kind:<22} {all:>10} {done:>10} {no:>10} {:>10}", grouped(rate));
        let row = json!({"kind": kind, "asked": asked, "done": asked - refused, "refused": refused});
        self.list("day").push(row);
    }

    fn proof(&mut self, holds: bool, digest: &str) {
        let word = if holds { "rows and books agree, and every record holds" } else { "SOMETHING IS WRONG" };
        let _ = writeln!(self.text, "\n{word}\nthe book's digest is {digest}");
        self.json.insert("holds".to_owned(), holds.into());
        self.json.insert("digest".to_owned(), digest.into());
    }
}
