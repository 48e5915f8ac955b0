//! Many seeds on a few threads.

use crate::run::{Plan, Report, run};
use crate::world::Tally;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// Threads that share the seeds.
pub const THREADS: u64 = 2;

/// What many runs saw.
#[derive(Debug, Default)]
pub struct Sum {
    /// Seeds that ran.
    pub seeds: u64,
    /// Counts of all.
    pub tally: Tally,
    /// The first that failed, with its last steps.
    pub failure: Option<Box<Report>>,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.groups += other.groups;
        self.answers += other.answers;
        self.crashes += other.crashes;
        self.recoveries += other.recoveries;
        self.flown += other.flown;
        self.failed += other.failed;
        self.checkpoints += other.checkpoints;
        self.stopped += other.stopped;
        self.wounded += other.wounded;
        self.unseen += other.unseen;
        self.unreadable += other.unreadable;
    }
}

/// Runs seeds until all are done or one fails. `progress` hears how many are done, now and then.
pub fn run_many(first: u64, many: u64, plan: Plan, progress: impl Fn(u64) + Sync) -> Sum {
    let (next, done, failed) = (AtomicU64::new(first), AtomicU64::new(0), AtomicBool::new(false));
    let work = || {
        let mut sum = Sum::default();
        while !failed.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + many {
                break;
            }
            let report = run(Plan { seed, ..plan });
            sum.seeds += 1;
            sum.tally.add(&report.tally);
            if report.violation.is_some() {
                failed.store(true, Ordering::Relaxed);
                sum.failure = Some(Box::new(run(Plan { seed, trace: true, ..plan })));
                // A failure that does not come back is reported as it came.
                if sum.failure.as_ref().is_some_and(|again| again.violation.is_none()) {
                    sum.failure = Some(Box::new(report));
                }
            }
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        }
        sum
    };
    let parts: Vec<Sum> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a run does not panic")).collect()
    });
    let mut sum = Sum::default();
    for part in parts {
        sum.seeds += part.seeds;
        sum.tally.add(&part.tally);
        sum.failure = match (sum.failure, part.failure) {
            (Some(one), Some(other)) => Some(if one.plan.seed < other.plan.seed { one } else { other }),
            (one, other) => one.or(other),
        };
    }
    sum
}
