//! Seeds: whatever goes wrong on the disk, no acknowledged record is silently lost or doubled.

use sim::run::Plan;
use sim::seeds::{Sum, run_many};

/// Seeds of `make test`.
const SEEDS: u64 = 10_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// `SIM_SEEDS`, else ten thousand times `PROOF_SCALE`.
fn seeds() -> u64 {
    number("SIM_SEEDS").unwrap_or_else(|| SEEDS * number("PROOF_SCALE").unwrap_or(1))
}

fn check(sum: &Sum) {
    println!("{} seeds: {:?}", sum.seeds, sum.tally);
    if let Some(report) = &sum.failure {
        report.trace.iter().for_each(|step| println!("{step}"));
        panic!("seed {}: {}", report.plan.seed, report.violation.clone().unwrap_or_default());
    }
}

#[test]
fn nothing_acknowledged_is_silently_lost() {
    let sum = run_many(0, seeds(), Plan::default(), |_| {});
    check(&sum);
    let tally = &sum.tally;
    let seen = [
        tally.crashes,
        tally.flown,
        tally.failed,
        tally.checkpoints,
        tally.stopped,
        tally.wounded,
        tally.unseen,
    ];
    assert!(
        sum.seeds < SEEDS || seen.iter().all(|count| *count > 0),
        "a kind of trouble never came: {tally:?}"
    );
}
