//! What was measured, for people, for scripts and for the file that keeps it.

use super::host::Host;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// One figure.
pub struct Figure {
    /// The workload it belongs to.
    pub workload: &'static str,
    /// What it is.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what; empty for a ratio.
    pub unit: &'static str,
    /// What it has to be.
    pub target: Option<Target>,
    /// Under which circumstances.
    pub note: String,
}

/// What a figure has to be.
#[derive(Clone, Copy)]
pub enum Target {
    /// No less than this; better, the second.
    AtLeast(f64, Option<f64>),
    /// No more.
    AtMost(f64),
}

impl Target {
    fn verdict(self, value: f64) -> &'static str {
        match self {
            Self::AtLeast(must, _) if value < must => "MISSED",
            Self::AtLeast(_, Some(goal)) if value >= goal => "goal",
            Self::AtMost(most) if value > most => "MISSED",
            _ => "met",
        }
    }

    fn show(self, unit: &str) -> String {
        match self {
            Self::AtLeast(must, None) => format!("≥ {}", amount(must, unit)),
            Self::AtLeast(must, Some(goal)) => {
                format!("≥ {} (goal {})", amount(must, unit), amount(goal, unit))
            }
            Self::AtMost(most) => format!("≤ {}", amount(most, unit)),
        }
    }
}

/// Everything that was measured.
pub struct Report {
    /// When.
    pub at: String,
    /// Where.
    pub host: Host,
    /// What.
    pub figures: Vec<Figure>,
}

impl Report {
    /// Adds a figure.
    pub fn add(
        &mut self,
        workload: &'static str,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
    ) -> &mut Figure {
        let figure = Figure { workload, name: name.into(), value, unit, target: None, note: String::new() };
        self.figures.push(figure);
        self.figures.last_mut().expect("it was just pushed")
    }

    /// As text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.host.lines {
            let _ = writeln!(text, "{name:<12} {value}");
        }
        let mut workload = "";
        for figure in &self.figures {
            if figure.workload != workload {
                workload = figure.workload;
                let _ = writeln!(text, "\n{workload}");
            }
            let value = amount(figure.value, figure.unit);
            let verdict = match figure.target {
                Some(target) => format!("{} — {}", target.show(figure.unit), target.verdict(figure.value)),
                None => String::new(),
            };
            let _ = writeln!(text, "  {:<46} {value:>14}  {verdict:<26} {}", figure.name, figure.note);
        }
        text
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut text =
            format!("# Figures of the ledger\n\nMeasured by `concord bench ledger` at {}.\n\n", self.at);
        for (name, value) in &self.host.lines {
            let _ = writeln!(text, "- {name}: {value}");
        }
        let mut workload = "";
        for figure in &self.figures {
            if figure.workload != workload {
                workload = figure.workload;
                let _ = writeln!(
                    text,
                    "\n## {workload}\n\n| figure | measured | wanted | | how |\n|---|--:|---|---|---|"
                );
            }
            let (wanted, verdict) = match figure.target {
                Some(target) => (target.show(figure.unit), target.verdict(figure.value)),
                None => (String::new(), ""),
            };
            let value = amount(figure.value, figure.unit);
            let _ = writeln!(text, "| {} | {value} | {wanted} | {verdict} | {} |", figure.name, figure.note);
        }
        text
    }

    /// For scripts.
    pub fn json(&self) -> Value {
        let host: serde_json::Map<_, _> =
            self.host.lines.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let figure = |figure: &Figure| {
            json!({
                "workload": figure.workload, "name": figure.name, "value": figure.value, "unit": figure.unit,
                "target": figure.target.map(|target| target.show(figure.unit)),
                "verdict": figure.target.map(|target| target.verdict(figure.value)),
                "note": figure.note,
            })
        };
        json!({"at": self.at, "host": host, "figures": self.figures.iter().map(figure).collect::<Vec<_>>()})
    }
}

impl Figure {
    /// Says what it has to be.
    pub fn wanted(&mut self, target: Target) -> &mut Self {
        self.target = Some(target);
        self
    }

    /// Says how it came about.
    pub fn noted(&mut self, note: impl Into<String>) -> &mut Self {
        self.note = note.into();
        self
    }
}

/// A number with its unit: three digits that mean something, thousands apart.
fn amount(value: f64, unit: &str) -> String {
    let number = match value.abs() {
        size if size >= 1000.0 => thousands(value),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    if unit.is_empty() { number } else { format!("{number} {unit}") }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) && text != "-" {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The middle one; of an even number the lower.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// The lowest and highest, for a note.
pub fn spread(values: &[f64]) -> String {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    match values.len() {
        0 | 1 => String::new(),
        runs => format!("median of {runs} runs, {} to {}", amount(low, ""), amount(high, "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        let rows = [
            (0.612, "", "0.61"),
            (12.34, "ms", "12.3 ms"),
            (523_456.7, "/s", "523,457 /s"),
            (999.0, "", "999"),
        ];
        for (value, unit, expected) in rows {
            assert_eq!(amount(value, unit), expected);
        }
    }

    #[test]
    fn the_middle_of_an_even_number_is_the_lower() {
        assert_eq!(median(&[3.0, 1.0, 2.0, 4.0]).total_cmp(&2.0), std::cmp::Ordering::Equal);
    }

    #[test]
    fn verdicts_follow_the_targets() {
        let target = Target::AtLeast(0.6, Some(0.8));
        assert_eq!([0.5, 0.7, 0.8].map(|value| target.verdict(value)), ["MISSED", "met", "goal"]);
        assert_eq!([2.0, 2.1].map(|value| Target::AtMost(2.0).verdict(value)), ["met", "MISSED"]);
    }
}
