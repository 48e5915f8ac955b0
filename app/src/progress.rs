//! Progress of long work, on standard error, once a second after the first.

use crate::output::Output;
use std::time::{Duration, Instant};

/// Between two lines; work that takes less says nothing.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells how far something has come.
pub struct Progress {
    output: Output,
    what: &'static str,
    unit: &'static str,
    began: Instant,
    told: Instant,
}

impl Progress {
    /// Starts now.
    pub fn new(output: Output, what: &'static str, unit: &'static str) -> Self {
        let now = Instant::now();
        Self { output, what, unit, began: now, told: now }
    }

    /// Tells, if it is time: `count` units done; `done` of at most `most` bytes gives the time left.
    pub fn tell(&mut self, count: u64, done: u64, most: u64) {
        if self.told.elapsed() < PAUSE {
            return;
        }
        self.told = Instant::now();
        let took = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = u128::from(count) * 1_000 / u128::from(took);
        let left = u128::from(most.saturating_sub(done)) * u128::from(took) / u128::from(done.max(1)) / 1_000;
        let (count, rate) = (grouped(count.into()), grouped(rate));
        self.output.aside(&format!("{}: {count} {}, {rate}/s, at most {left} s left", self.what, self.unit));
    }

    /// How long it has taken.
    pub fn took(&self) -> Duration {
        self.began.elapsed()
    }
}

/// A number with commas.
pub fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(grouped(number), text);
        }
    }
}
