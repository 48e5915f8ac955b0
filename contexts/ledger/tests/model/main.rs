//! The model test: random commands go to the ledger's core and to a naive ledger that was written from the
//! semantics page alone. Same answers, same balances after every group; after every thousand commands a
//! restart, and every record read again from the first. `MODEL_COMMANDS` says how many (a soak takes a
//! million), `MODEL_SEED` where to start; a failure prints its seed. The same on PostgreSQL, with
//! `MODEL_COMMANDS_POSTGRES`, on the server that CONCORD_TEST_POSTGRES names.

#![allow(clippy::unwrap_used)]

mod dice;
mod driving;
mod making;
mod money;
mod naive;
#[path = "../rig/mod.rs"]
mod rig;
mod side;
mod spelling;
mod tables;
mod verifying;

use driving::{Driver, Seen};
use rig::Rig;
use side::Side;
use std::sync::atomic::{AtomicU64, Ordering};

/// Commands when nobody says.
const COMMANDS: u64 = 60_000;
/// Commands under one seed.
const PER_SEED: u64 = 5_000;
/// Commands between two restarts.
const BETWEEN_RESTARTS: u64 = 1_000;
/// Threads; each has its seeds for itself.
const THREADS: u64 = 2;

/// Commands on PostgreSQL when nobody says, and how many of them under one seed.
const COMMANDS_ON_POSTGRES: u64 = 30_000;
const PER_SEED_ON_POSTGRES: u64 = 3_000;

/// What every run must have met, so that a test that tests nothing is seen.
const MUST_BE_SEEN: [&str; 46] = [
    "account-closed",
    "account-exists",
    "account-frozen",
    "account-not-empty",
    "account-state",
    "again",
    "asset-exists",
    "asset-not-allowed",
    "batch: account-exists",
    "batch: insufficient-funds",
    "batch: not-found",
    "batch: reversal-exceeds-entry",
    "capture-exceeds-hold",
    "ceiling-exceeded",
    "condition-failed",
    "done account",
    "done asset",
    "done change",
    "done entry",
    "done hold",
    "done hold command",
    "done pattern",
    "done reversal",
    "effective-in-future",
    "expiry-in-past",
    "hold-expired",
    "hold-not-open",
    "idempotency-conflict",
    "insufficient-funds",
    "invalid-extension",
    "invalid-limits",
    "invalid-share",
    "max-needs-bound",
    "not-found",
    "nothing-available",
    "override-forbidden",
    "pattern-overlap",
    "quota-exceeded",
    "reversal-exceeds-entry",
    "reversal-of-reversal",
    "same-account",
    "unbalanced-entry",
    "unknown-account",
    "version-mismatch",
    "void-exceeds-hold",
    "would",
];

fn wanted(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Says which seed failed.
struct Naming(u64);

impl Drop for Naming {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("MODEL_SEED={} MODEL_COMMANDS={PER_SEED} shows it again", self.0);
        }
    }
}

fn run<S: Side>(rig: S, seed: u64, commands: u64) -> (Seen, u64) {
    let _naming = Naming(seed);
    let mut driver = Driver::new(rig, seed);
    let mut restarts = 0;
    while driver.commands < commands {
        driver.step();
        if driver.commands / BETWEEN_RESTARTS > restarts {
            restarts += 1;
            // Every second start goes on from a snapshot, the others from the first record or an old one.
            driver.restart(restarts % 2 == 0);
        }
    }
    driver.restart(false);
    (driver.seen, driver.commands)
}

#[test]
fn the_ledger_is_the_naive_one() {
    let commands = wanted("MODEL_COMMANDS", COMMANDS);
    let first = wanted("MODEL_SEED", 1);
    let seeds = commands.div_ceil(PER_SEED);
    let next = AtomicU64::new(0);
    let work = || {
        let (mut seen, mut count) = (Seen::new(), 0);
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return (seen, count);
            }
            let (of_seed, commands) = run(Rig::new(first + seed), first + seed, PER_SEED);
            of_seed.into_iter().for_each(|(name, times)| *seen.entry(name).or_default() += times);
            count += commands;
        }
    };
    let (mut seen, mut count) = (Seen::new(), 0);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            let (of_thread, commands) = thread.join().expect("the seed that failed is printed above");
            of_thread.into_iter().for_each(|(name, times)| *seen.entry(name).or_default() += times);
            count += commands;
        }
    });
    println!("{count} commands of {seeds} seeds: {seen:#?}");
    if commands >= COMMANDS {
        assert_all_seen(&seen);
    }
}

fn assert_all_seen(seen: &Seen) {
    for name in MUST_BE_SEEN {
        assert!(seen.contains_key(name), "{name} was never seen: {seen:#?}");
    }
}

#[test]
fn the_ledger_on_postgresql_is_the_naive_one() {
    let Some(url) = tables::server() else { return };
    let first = wanted("MODEL_SEED", 1);
    let commands = wanted("MODEL_COMMANDS_POSTGRES", COMMANDS_ON_POSTGRES);
    let seeds = commands.div_ceil(PER_SEED_ON_POSTGRES);
    let (mut seen, mut count) = (Seen::new(), 0);
    for seed in first..first + seeds {
        let (of_seed, commands) = run(tables::Tables::new(&url, seed), seed, PER_SEED_ON_POSTGRES);
        of_seed.into_iter().for_each(|(name, times)| *seen.entry(name).or_default() += times);
        count += commands;
    }
    println!("{count} commands of {seeds} seeds on PostgreSQL: {seen:#?}");
    if commands >= COMMANDS_ON_POSTGRES {
        assert_all_seen(&seen);
    }
}
