//! Counters, gauges and histograms, and their text for Prometheus.
//!
//! Deliberately small: names and labels are few and known, values are integers. Durations are kept in microseconds
//! and written in seconds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Everything that this hub measures of itself. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Mutex<BTreeMap<&'static str, Family>>>);

/// A number that only grows.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<AtomicU64>);

/// A number that goes up and down.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<AtomicI64>);

/// How often durations fell below each of [`BOUNDS_US`].
#[derive(Debug, Clone, Default)]
pub struct Histogram(Arc<Buckets>);

/// The upper bounds of a histogram's buckets, in microseconds.
pub const BOUNDS_US: [u64; 12] =
    [100, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000];

#[derive(Debug, Default)]
struct Buckets {
    below: [AtomicU64; BOUNDS_US.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

#[derive(Debug)]
struct Family {
    help: &'static str,
    kind: &'static str,
    series: BTreeMap<String, Value>,
}

#[derive(Debug, Clone)]
enum Value {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
}

/// A label and its value. Values come from small closed sets: never a number that grows with the data.
pub type Label<'a> = (&'static str, &'a str);

impl Counter {
    /// One more.
    pub fn inc(&self) {
        self.add(1);
    }

    /// `n` more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Gauge {
    /// It is `value`.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// It moved by `by`.
    pub fn add(&self, by: i64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    /// What it is.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Histogram {
    /// Something took this long.
    pub fn observe(&self, duration: std::time::Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        if let Some(place) = BOUNDS_US.iter().position(|bound| us <= *bound) {
            self.0.below[place].fetch_add(1, Ordering::Relaxed);
        }
        self.0.count.fetch_add(1, Ordering::Relaxed);
        self.0.sum_us.fetch_add(us, Ordering::Relaxed);
    }
}

impl Metrics {
    /// The counter of this name and these labels, made on first use.
    pub fn counter(&self, name: &'static str, help: &'static str, labels: &[Label<'_>]) -> Counter {
        match self.series(name, help, "counter", labels, || Value::Counter(Counter::default())) {
            Value::Counter(counter) => counter,
            _ => Counter::default(),
        }
    }

    /// The gauge of this name and these labels, made on first use.
    pub fn gauge(&self, name: &'static str, help: &'static str, labels: &[Label<'_>]) -> Gauge {
        match self.series(name, help, "gauge", labels, || Value::Gauge(Gauge::default())) {
            Value::Gauge(gauge) => gauge,
            _ => Gauge::default(),
        }
    }

    /// The histogram of this name and these labels, made on first use.
    pub fn histogram(&self, name: &'static str, help: &'static str, labels: &[Label<'_>]) -> Histogram {
        match self.series(name, help, "histogram", labels, || Value::Histogram(Histogram::default())) {
            Value::Histogram(histogram) => histogram,
            _ => Histogram::default(),
        }
    }

    /// Everything in Prometheus' text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, family) in self.families().iter() {
            let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {}", family.help, family.kind);
            for (labels, value) in &family.series {
                write_series(&mut text, name, labels, value);
            }
        }
        text
    }

    fn series(
        &self,
        name: &'static str,
        help: &'static str,
        kind: &'static str,
        labels: &[Label<'_>],
        make: impl FnOnce() -> Value,
    ) -> Value {
        let mut families = self.families();
        let family = families.entry(name).or_insert_with(|| Family { help, kind, series: BTreeMap::new() });
        debug_assert_eq!(family.kind, kind, "{name} is one kind of metric");
        family.series.entry(label_text(labels)).or_insert_with(make).clone()
    }

    fn families(&self) -> MutexGuard<'_, BTreeMap<&'static str, Family>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn label_text(labels: &[Label<'_>]) -> String {
    let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    pairs.join(",")
}

fn write_series(text: &mut String, name: &str, labels: &str, value: &Value) {
    let braced = |extra: &str| match (labels, extra) {
        ("", "") => String::new(),
        (labels, "") => format!("{{{labels}}}"),
        ("", extra) => format!("{{{extra}}}"),
        (labels, extra) => format!("{{{labels},{extra}}}"),
    };
    // Writing to a string cannot fail.
    let _ = match value {
        Value::Counter(counter) => writeln!(text, "{name}{} {}", braced(""), counter.get()),
        Value::Gauge(gauge) => writeln!(text, "{name}{} {}", braced(""), gauge.get()),
        Value::Histogram(Histogram(buckets)) => {
            let mut below = 0;
            for (bound, bucket) in BOUNDS_US.iter().zip(&buckets.below) {
                below += bucket.load(Ordering::Relaxed);
                let le = format!("le=\"{}\"", seconds(*bound));
                let _ = writeln!(text, "{name}_bucket{} {below}", braced(&le));
            }
            let count = buckets.count.load(Ordering::Relaxed);
            let _ = writeln!(text, "{name}_bucket{} {count}", braced("le=\"+Inf\""));
            let _ = writeln!(text, "{name}_sum{} {}", braced(""), seconds(buckets.sum_us.load(Ordering::Relaxed)));
            writeln!(text, "{name}_count{} {count}", braced(""))
        }
    };
}

fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_text_has_each_family_once_and_escapes_labels() {
        let metrics = Metrics::default();
        metrics.counter("a_total", "As.", &[("kind", "x\"y")]).add(2);
        metrics.counter("a_total", "As.", &[("kind", "x\"y")]).inc();
        metrics.gauge("b", "Bs.", &[]).set(-4);
        assert_eq!(
            metrics.text(),
            "# HELP a_total As.\n# TYPE a_total counter\na_total{kind=\"x\\\"y\"} 3\n\
             # HELP b Bs.\n# TYPE b gauge\nb -4\n"
        );
    }

    #[test]
    fn a_histogram_counts_what_is_below_each_bound() {
        let metrics = Metrics::default();
        let histogram = metrics.histogram("t_seconds", "Time.", &[("step", "a")]);
        for us in [50, 400, 9_000_000] {
            histogram.observe(Duration::from_micros(us));
        }
        let text = metrics.text();
        for line in [
            "t_seconds_bucket{step=\"a\",le=\"0.000100\"} 1",
            "t_seconds_bucket{step=\"a\",le=\"0.000500\"} 2",
            "t_seconds_bucket{step=\"a\",le=\"5.000000\"} 2",
            "t_seconds_bucket{step=\"a\",le=\"+Inf\"} 3",
            "t_seconds_sum{step=\"a\"} 9.000450",
            "t_seconds_count{step=\"a\"} 3",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
        }
    }
}
