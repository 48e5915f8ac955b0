//! The checks can fail: engines that are broken on purpose are caught, each within some seeds.

use sim::mutant::Mutant;
use sim::run::Plan;
use sim::seeds::run_many;

/// Seeds within which each is caught.
const WITHIN: u64 = 10_000;

fn caught(mutant: Mutant, says: &[&str]) {
    let sum = run_many(0, WITHIN, Plan { mutant, ..Plan::default() }, |_| {});
    let report = sum.failure.unwrap_or_else(|| panic!("{mutant:?} was not caught in {WITHIN} seeds"));
    let why = report.violation.unwrap_or_default();
    println!("{mutant:?}: seed {}: {why}", report.plan.seed);
    assert!(says.iter().any(|says| why.contains(says)), "{mutant:?} was caught for another reason: {why}");
}

#[test]
fn recovery_that_mends_nothing_is_caught() {
    caught(Mutant::MendsNothing, &["is not on the disk", "nothing was destroyed"]);
}

#[test]
fn a_sync_that_is_skipped_is_caught() {
    caught(Mutant::NeverSyncs, &["is not on the disk", "nothing was destroyed"]);
}

#[test]
fn damage_taken_for_the_end_is_caught() {
    caught(Mutant::DamageIsTheEnd, &["is silently lost"]);
}

#[test]
fn a_snapshot_ahead_that_is_ignored_is_caught() {
    caught(Mutant::SnapshotAheadIsIgnored, &["a snapshot knows of it"]);
}

#[test]
fn names_that_recovery_forgets_are_caught() {
    caught(
        Mutant::ForgetsNames,
        &["names records", "was acknowledged under its name", "two records have the id", "replays"],
    );
}

#[test]
fn an_answer_before_the_sync_is_caught() {
    caught(Mutant::AnswersEarly, &["is not on the disk", "readers see up to"]);
}
