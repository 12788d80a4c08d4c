//! Figures and how they are said.

use crate::clock::instant;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// Measured values of one kind.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds a duration, in microseconds.
    pub fn add(&mut self, took: Duration) {
        self.0.push(took.as_secs_f64() * 1e6);
    }

    /// Adds a value in any unit.
    pub fn add_value(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Does something and adds how long it took.
    pub fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = instant();
        let done = work();
        self.add(start.elapsed());
        done
    }

    /// The same values in another unit.
    pub fn scaled(&self, factor: f64) -> Samples {
        Samples(self.0.iter().map(|value| value * factor).collect())
    }

    /// The value below which this share (0 to 1) of all lie; 0 without any.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = (sorted.len().saturating_sub(1)) as f64 * share;
        sorted.get(place.round() as usize).copied().unwrap_or(0.0)
    }

    /// The middle value.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Which way a figure improves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Times, bytes, memory.
    Lower,
    /// Rates.
    Higher,
}

/// One measured line.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// In which unit.
    pub unit: &'static str,
    /// How often.
    pub n: usize,
    /// The middle of all.
    pub median: f64,
    /// What 99 of 100 keep to.
    pub p99: f64,
    /// What it is compared with: a limit or a peer measured in the same run, or a goal.
    pub peer: String,
    /// The peer's middle.
    pub peer_median: f64,
    /// Ours by the peer's.
    pub ratio: f64,
    /// Which way it improves.
    pub better: Better,
}

impl Row {
    /// A line of our samples beside a peer's.
    pub fn beside(what: &str, unit: &'static str, ours: &Samples, peer: &str, theirs: &Samples) -> Row {
        Row::new(what, unit, ours, peer, theirs.median(), ours.median())
    }

    /// Our 99 of 100 beside a peer's.
    pub fn p99_beside(what: &str, unit: &'static str, ours: &Samples, peer: &str, theirs: &Samples) -> Row {
        Row::new(what, unit, ours, peer, theirs.quantile(0.99), ours.quantile(0.99))
    }

    /// Our 99 of 100 beside a goal that they should keep to.
    pub fn p99_to_goal(what: &str, unit: &'static str, ours: &Samples, goal: f64) -> Row {
        Row::new(what, unit, ours, "goal for p99", goal, ours.quantile(0.99))
    }

    /// Our middle beside a goal.
    pub fn median_to_goal(what: &str, unit: &'static str, ours: &Samples, goal: f64) -> Row {
        Row::new(what, unit, ours, "goal", goal, ours.median())
    }

    /// The same line for a figure that should be high.
    pub fn higher(self) -> Row {
        Row { better: Better::Higher, ..self }
    }

    fn new(what: &str, unit: &'static str, ours: &Samples, peer: &str, peer_median: f64, compared: f64) -> Row {
        Row {
            what: what.to_owned(),
            unit,
            n: ours.count(),
            median: ours.median(),
            p99: ours.quantile(0.99),
            peer: peer.to_owned(),
            peer_median,
            ratio: compared / peer_median,
            better: Better::Lower,
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { what, unit, n, median, p99, peer, peer_median, ratio, better } = self;
        let way = if *better == Better::Higher { "  (higher is better)" } else { "" };
        write!(
            f,
            "{what}: median {median:.2} {unit}, p99 {p99:.2} {unit}, n {n}; {peer}: {peer_median:.2} {unit}; ratio {ratio:.2}{way}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_sorted_values() {
        let mut samples = Samples::default();
        (0..=100).rev().for_each(|value| samples.add_value(f64::from(value)));
        assert_eq!((samples.median(), samples.quantile(0.99), samples.quantile(0.0)), (50.0, 99.0, 0.0));
        assert_eq!(Samples::default().median(), 0.0);
    }
}
