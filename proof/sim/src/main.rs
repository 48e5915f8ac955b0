//! `sim [--seeds N] [--from S] [--seed S --trace]`: runs seeds, and shows the last steps of one that fails.

use sim::run::{Plan, run};
use sim::seeds::run_many;
use std::process::ExitCode;
use std::time::Instant;

/// How often progress is printed, in seeds.
const PROGRESS: u64 = 1000;
/// Seeds when nobody says how many.
const SEEDS: u64 = 10_000;

const USAGE: &str = "sim: the ledger's engine on a simulated disk

  sim                       10,000 seeds, or SIM_SEEDS
  sim --seeds N --from S    N seeds from S on
  sim --seed S [--trace]    one seed, with its last steps";

fn main() -> ExitCode {
    let (mut seeds, mut from, mut one, mut trace) = (None, 0, None, false);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|word| word.replace('_', "").parse::<u64>().ok());
        let taken = match word.as_str() {
            "--seeds" => number().map(|number| seeds = Some(number)),
            "--from" => number().map(|number| from = number),
            "--seed" => number().map(|number| one = Some(number)),
            "--trace" => {
                trace = true;
                Some(())
            }
            _ => None,
        };
        if taken.is_none() {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    if let Some(seed) = one {
        let report = run(Plan { seed, trace, ..Plan::default() });
        report.trace.iter().for_each(|step| println!("{step}"));
        println!("{:?}", report.tally);
        return match report.violation {
            None => ExitCode::SUCCESS,
            Some(why) => {
                println!("seed {seed}: {why}");
                ExitCode::FAILURE
            }
        };
    }
    let asked = std::env::var("SIM_SEEDS").ok().and_then(|text| text.parse().ok());
    many(from, seeds.or(asked).unwrap_or(SEEDS))
}

fn many(from: u64, seeds: u64) -> ExitCode {
    let start = Instant::now();
    let rate = |done: u64| u128::from(done) * 1000 / start.elapsed().as_millis().max(1);
    let sum = run_many(from, seeds, Plan::default(), |done| {
        if done.is_multiple_of(PROGRESS) {
            println!("{done} of {seeds} seeds, {} a second", rate(done));
        }
    });
    println!(
        "{} seeds in {} s, {} a second: {:?}",
        sum.seeds,
        start.elapsed().as_secs(),
        rate(sum.seeds),
        sum.tally
    );
    let Some(report) = sum.failure else { return ExitCode::SUCCESS };
    report.trace.iter().for_each(|step| println!("{step}"));
    println!("seed {}: {}", report.plan.seed, report.violation.unwrap_or_default());
    println!("again with: sim --seed {} --trace", report.plan.seed);
    ExitCode::FAILURE
}
