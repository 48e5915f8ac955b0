//! Tables of commands: one a line, what it led to in the last column. Lines of one table see each other.
//!
//! ```text
//! open alice liability A>=0                        | ok
//! post e1: debit bank A 100, credit alice A 100    | ok
//! post debit alice A 101, credit bank A 101        | insufficient-funds path=alice …
//! hold h1: debit alice A 60, credit shop A 60 {ref=x} expires=60 tolerance=5,5 | ok
//! act h1 capture 20 | ok        reverse e1 10 | ok          balance alice A | 80/40
//! freeze alice debits | ok      thaw alice | ok             close alice | account-not-empty …
//! change alice A>=-5 | ok       pattern p:* liability 3 A>=0 | ok   asset PTS 2 | ok
//! wait 61 |                     restart |                   account alice | open v2
//! ```

use super::{Rig, line, own, words};
use kernel::{Asset, AssetCode, Clock, Id};
use ledger::accounts::model::{ChangeAccount, Frozen, Lifecycle};
use ledger::books::model::RegisterAsset;
use ledger::command::{Command, Manner, Request};
use ledger::effect::Outcome;
use std::fmt::Write;

/// Runs a table and compares every line's last column, all at once.
pub fn check(table: &str) {
    let mut rig = Rig::new(1);
    let (mut wanted, mut found) = (String::new(), String::new());
    for row in table.lines().map(str::trim).filter(|row| !row.is_empty() && !row.starts_with('#')) {
        let (command, expected) =
            row.rsplit_once('|').unwrap_or_else(|| panic!("{row:?} has no last column"));
        let said = run(&mut rig, command.trim());
        let _ = writeln!(wanted, "{} | {}", command.trim(), expected.trim());
        let _ = writeln!(found, "{} | {said}", command.trim());
    }
    assert!(wanted == found, "{}", differing(&wanted, &found));
}

fn differing(wanted: &str, found: &str) -> String {
    let mut text = String::from("\n");
    for (wanted, found) in wanted.lines().zip(found.lines()).filter(|(a, b)| a != b) {
        let _ = writeln!(text, "wanted {wanted}\n found {found}");
    }
    text
}

/// The id that a script's name stands for.
pub fn id(name: &str) -> Id {
    Id(name.bytes().fold(1 << 100, |sum: u128, byte| sum.wrapping_mul(31) + u128::from(byte)))
}

fn run(rig: &mut Rig, text: &str) -> String {
    let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
    match verb {
        "wait" => {
            rig.clock.advance_us(rest.parse::<i64>().unwrap() * 1_000_000);
            rig.commit();
            String::new()
        }
        "restart" => {
            rig.clock.advance_us(1_000);
            rig.restart();
            String::new()
        }
        "balance" => {
            let (path, asset) = rest.split_once(' ').unwrap();
            rig.balance(path, words::asset(asset))
        }
        "account" => account_line(rig, rest),
        "seq" => rig.seq().to_string(),
        _ => {
            let manner = Manner {
                may_override: !rest.contains("{forbidden"),
                dry_run: verb == "try",
                freeze_refusals: verb == "keep",
            };
            let text = if matches!(verb, "try" | "keep") { rest } else { text };
            let request = request(rig, &text.replace("{forbidden ", "{"));
            match rig.post(request, manner) {
                Outcome::Done { .. } => "ok".to_owned(),
                other => line(&other),
            }
        }
    }
}

fn account_line(rig: &Rig, path: &str) -> String {
    let Some(no) = rig.find(path) else { return "none".to_owned() };
    let account = rig.core.state.account(no);
    let status = match (account.closed, account.frozen.as_str()) {
        (true, _) => "closed",
        (false, Some(side)) => side,
        (false, None) => "open",
    };
    format!("{status} v{} holds={}", account.version, account.open_holds)
}

/// The request of a line; `name:` before its arguments is its own id.
pub fn request(rig: &Rig, text: &str) -> Request {
    let (verb, rest) = text.split_once(' ').unwrap_or_else(|| panic!("{text:?}"));
    let (name, rest) = match rest.split_once(": ") {
        Some((name, rest)) if !name.contains(' ') => (Some(name), rest),
        _ => (None, rest),
    };
    let command = command(rig, verb, rest);
    match name {
        Some(name) => own(id(name).0, command),
        None => rig.unnamed(command),
    }
}

fn command(rig: &Rig, verb: &str, rest: &str) -> Command {
    // Details in braces, wherever they stand.
    let (rest, more) = match rest.split_once('{') {
        Some((before, after)) => {
            let (more, after) = after.split_once('}').unwrap();
            (format!("{before}{after}"), more.to_owned())
        }
        None => (rest.to_owned(), String::new()),
    };
    let rest = rest.trim();
    let (first, others) = rest.split_once(' ').unwrap_or((rest, ""));
    match verb {
        "open" => {
            let (kind, limits) = others.split_once(' ').unwrap_or((others, ""));
            words::account(first, kind, limits)
        }
        "post" => words::entry(rest, &more),
        "hold" => hold(rig, rest, &more),
        "act" => with_details(words::act(id(first), others), &more),
        "reverse" => with_details(words::reverse(id(first), others), &more),
        "freeze" => {
            let frozen = Frozen { debits: others != "credits", credits: others != "debits" };
            Command::MoveAccount(rig.account(first), Lifecycle::Freeze(frozen), None)
        }
        "thaw" => Command::MoveAccount(rig.account(first), Lifecycle::Thaw, None),
        "close" => Command::MoveAccount(rig.account(first), Lifecycle::Close, None),
        "change" => change(rig, first, others),
        "pattern" => {
            let mut parts = others.splitn(3, ' ');
            let (kind, quota) = (parts.next().unwrap(), parts.next().unwrap().parse().unwrap());
            words::pattern(first, kind, parts.next().unwrap_or(""), quota)
        }
        "asset" => {
            let asset = Asset { code: AssetCode::parse(first).unwrap(), scale: others.parse().unwrap() };
            Command::RegisterAsset(RegisterAsset { asset, name: None })
        }
        other => panic!("{other:?} is no command"),
    }
}

fn with_details(mut command: Command, more: &str) -> Command {
    match &mut command {
        Command::ActOnHold(act) => act.details = words::details(more),
        Command::ReverseEntry(reversal) => reversal.details = words::details(more),
        _ => {}
    }
    command
}

fn hold(rig: &Rig, rest: &str, more: &str) -> Command {
    let (mut expires_at, mut tolerance, mut postings) = (None, Vec::new(), Vec::new());
    for word in rest.split(' ') {
        if let Some(seconds) = word.strip_prefix("expires=") {
            expires_at = Some(rig.clock.now().plus_us(seconds.parse::<i64>().unwrap() * 1_000_000));
        } else if let Some(amounts) = word.strip_prefix("tolerance=") {
            tolerance = amounts.split(',').map(words::number).collect();
        } else {
            postings.push(word);
        }
    }
    words::hold(&postings.join(" "), expires_at, &tolerance, more)
}

fn change(rig: &Rig, path: &str, rest: &str) -> Command {
    let mut change = ChangeAccount::default();
    let mut settings = Vec::new();
    for word in rest.split(' ') {
        if let Some(version) = word.strip_prefix("version=") {
            change.if_version = Some(version.parse().unwrap());
        } else {
            settings.push(word);
        }
    }
    let (assets, limits) = words::settings(&settings.join(" "));
    change.assets = assets.map(Some);
    change.limits = limits;
    Command::ChangeAccount(rig.account(path), change)
}
