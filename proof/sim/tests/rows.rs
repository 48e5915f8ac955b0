//! Books and rows agree after every start, for every seed; and the simulation fails when a rule of the commit is broken.

use sim::rows::{Mutant, Plan, run};

/// Seeds of a usual run; `SIM_SEEDS` says how many more.
const SEEDS: u64 = 600;
/// Seeds within which a broken commit is found.
const FOUND_WITHIN: u64 = 3_000;

#[test]
fn rows_equal_books_for_every_seed() {
    let seeds = std::env::var("SIM_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS);
    let (mut done, mut starts, mut redone, mut refused, mut vanished, mut destroyed) = (0, 0, 0, 0, 0, 0);
    for seed in 0..seeds {
        let report = run(Plan { seed, ..Plan::default() });
        if let Some(why) = report.violation {
            panic!("seed {seed}: {why}\n{}", report.trace.join("\n"));
        }
        done += report.done;
        starts += report.starts;
        redone += report.redone;
        refused += report.refused;
        vanished += report.vanished;
        destroyed += report.destroyed;
    }
    println!(
        "{seeds} seeds: {done} done, {starts} starts, {redone} redone, {refused} refused a lone file, {vanished} \
         transactions vanished, the redo of {destroyed} segments destroyed"
    );
    let seen = done > seeds && redone > seeds / 10 && refused > 0 && vanished > 0 && destroyed > seeds / 20;
    assert!(seen, "the runs saw what they are for");
}

#[test]
fn every_broken_rule_is_found() {
    for mutant in Mutant::BROKEN {
        let found = (0..FOUND_WITHIN).find(|seed| run(Plan { seed: *seed, mutant }).violation.is_some());
        println!("{mutant:?}: seed {found:?}");
        assert!(found.is_some(), "{mutant:?} is not found within {FOUND_WITHIN} seeds");
    }
}
