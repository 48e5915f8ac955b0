//! The process dies between any two disk operations of a few whole runs.

use sim::run::{Plan, run};

/// Runs that are killed at every operation.
const RUNS: u64 = 4;

#[test]
fn killed_at_every_operation() {
    for seed in 1..=RUNS {
        let plan = Plan { seed, only_crash_at: Some(u64::MAX / 2), ..Plan::default() };
        let whole = run(plan);
        assert_eq!(whole.violation, None, "seed {seed}");
        assert!(whole.operations > 20, "a run of {} operations says little", whole.operations);
        for operation in 1..=whole.operations {
            let report = run(Plan { only_crash_at: Some(operation), ..plan });
            assert_eq!(report.violation, None, "seed {seed} killed at operation {operation}");
        }
    }
}

#[test]
fn a_seed_decides_everything() {
    for seed in [3, 77, 1234] {
        let plan = Plan { seed, trace: true, ..Plan::default() };
        let (one, other) = (run(plan), run(plan));
        assert_eq!((one.trace, one.operations), (other.trace, other.operations));
    }
}
