//! The rules as tables: one case a row, the outcome in the last column; the whole matrix of a wallet's life.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use kernel::{Asset, AssetCode, Timestamp};
use ledger::accounts::model::AccountNo;
use ledger::books::model::AssetNo;
use wallets::model::{Change, Limits, Movement, PeriodKind, Place, Running, WalletNo, WalletState};
use wallets::rules::{Found, movement, period, running};

fn place(no: i64, asset: u32) -> Place {
    Place { no: WalletNo(no), account: AccountNo(no as u32), asset: AssetNo(asset), settings_at: 0 }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// A row: source, target (with `*` of another asset, `-` for missing), available, limit left, amount, outcome.
fn check(row: &str) {
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    let [source, target, available, headroom, amount, expected] = cells.as_slice() else { panic!("{row}") };
    let wallet = |text: &str| text.trim_matches(['-', '*']).parse::<i64>().unwrap();
    let found_of =
        |text: &str| (!text.starts_with('-')).then(|| place(wallet(text), u32::from(text.ends_with('*'))));
    let limit = headroom.parse().ok().map(|cap| Running {
        period: period(PeriodKind::Day, at("2026-03-15T12:00:00Z")),
        cap,
        used: Some(0),
    });
    let found = Found {
        source: found_of(source),
        target: found_of(target),
        available: available.parse().ok(),
        running: limit.into_iter().collect(),
    };
    let ends = Movement::Transfer { from: wallet(source).into(), to: wallet(target).into() };
    let code = AssetCode::parse("UNIT").unwrap();
    let asset = (AssetNo(0), Asset { code, scale: 0 });
    let decided = movement(&found, ends, amount.parse().unwrap(), asset, |_| code);
    let told = match decided {
        Ok(agreed) => format!("ok, {} counted", agreed.counted.len()),
        Err(refusal) => refusal.to_string(),
    };
    assert_eq!(told, *expected, "{row}");
}

#[test]
fn movements_are_refused_in_documented_order() {
    for row in [
        "1  | 2  |   | .  | 5  | ok, 0 counted",
        "1  | 2  | 9 | 5  | 5  | ok, 1 counted",
        "-1 | -2 | 0 | 0  | 5  | Wallet id 1 not found",
        "-1 | 2* | 0 | 0  | 5  | Wallet id 1 not found",
        "1  | -2 | 4 | 0  | 5  | There are not enough balance in wallet id 1",
        "1  | -2 | 5 | 0  | 5  | Wallet id 2 not found",
        "1  | 2* | 4 | 0  | 5  | There are not enough balance in wallet id 1",
        "1  | 2* | 5 | 0  | 5  | wallet 2 holds UNIT",
        "1* | 2  | 1 | 0  | 5  | wallet 1 holds UNIT",
        "1  | 1  | 5 | 0  | 5  | source and target are wallet 1",
        "1  | 2  | 4 | 4  | 5  | There are not enough balance in wallet id 1",
        "1  | 2  | 5 | 4  | 5  | the limit of wallet 1 per day leaves too little",
        "1  | 2  |   | 9  | 99999999999999999999 | the limit of wallet 1 per day leaves too little",
    ] {
        check(row);
    }
}

#[test]
fn periods_are_days_and_calendar_months_of_utc() {
    for (now, day, month, next) in [
        ("2026-03-15T12:00:00Z", "2026-03-15", "2026-03-01", "2026-04-01"),
        ("2026-12-31T23:59:59.999999Z", "2026-12-31", "2026-12-01", "2027-01-01"),
        ("2027-01-01T00:00:00Z", "2027-01-01", "2027-01-01", "2027-02-01"),
        ("2024-02-29T00:00:00Z", "2024-02-29", "2024-02-01", "2024-03-01"),
        ("2100-02-28T23:00:00Z", "2100-02-28", "2100-02-01", "2100-03-01"),
        ("2000-02-29T01:00:00Z", "2000-02-29", "2000-02-01", "2000-03-01"),
        ("1970-01-01T00:00:00Z", "1970-01-01", "1970-01-01", "1970-02-01"),
        ("1969-12-31T23:59:59Z", "1969-12-31", "1969-12-01", "1970-01-01"),
    ] {
        let [today, this_month] = PeriodKind::ALL.map(|kind| period(kind, at(now)));
        let midnight = |day: &str| at(&format!("{day}T00:00:00Z"));
        assert_eq!((today.start, today.end), (midnight(day), midnight(day).plus_us(86_400_000_000)), "{now}");
        assert_eq!((this_month.start, this_month.end), (midnight(month), midnight(next)), "{now}");
        assert!(this_month.start <= today.start && today.end <= this_month.end, "{now}");
    }
    let limits = Limits { day: None, month: Some(5), version: 1 };
    assert_eq!(running(&limits, at("2026-03-15T12:00:00Z")).len(), 1);
}

#[test]
fn every_state_against_every_change() {
    let since = at("2026-03-15T12:00:00Z");
    let why = || "why".to_owned();
    let states = [
        WalletState::Open { since },
        WalletState::Frozen { reason: why(), since },
        WalletState::Closed { reason: why(), since },
    ];
    let changes = [
        ("freeze", Change::Freeze { reason: why() }),
        ("thaw", Change::Thaw { reason: why() }),
        ("close", Change::Close { reason: why() }),
    ];
    let mut matrix = String::new();
    for state in &states {
        for (name, change) in &changes {
            let outcome = match state.clone().apply(change.clone(), since) {
                Ok(next) => next.as_str().to_owned(),
                Err(refusal) => format!("refused: {refusal}"),
            };
            matrix.push_str(&format!("{:<7} {name:<7} {outcome}\n", state.as_str()));
        }
    }
    insta::assert_snapshot!(matrix);
}
