//! The seeded simulation, see [`packline_tests::sim`].
//!
//! `PACKLINE_SIM_SEEDS=1000` runs more seeds, `PACKLINE_SIM_SEED=7` repeats one.

use packline_tests::sim::{Failure, Plan, Sabotage, run};
use std::collections::BTreeMap;

/// As many as fit into half a minute on a small machine.
const SEEDS: u64 = 12;

/// What has to happen somewhere in the runs; else they try less than they seem to.
const TRIED: [&str; 16] = [
    "apply",
    "batch",
    "broker restart",
    "busy",
    "clock jump",
    "compare",
    "cut",
    "disk full",
    "garbled row",
    "hint",
    "hub restart",
    "hub restored",
    "mend",
    "power cut",
    "relabel",
    "swap",
];

fn env(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`; give a number")))
}

#[test]
fn no_promise_breaks_whatever_goes_wrong_and_afterwards_everything_comes_right() {
    let first = env("PACKLINE_SIM_SEED").unwrap_or(1);
    let seeds = env("PACKLINE_SIM_SEEDS").unwrap_or(if first == 1 { SEEDS } else { 1 });
    let (mut greens, mut records, mut tried) = (0, 0, BTreeMap::new());
    for seed in first..first + seeds {
        let summary = run(seed, Plan::default()).unwrap_or_else(|failure| panic!("{failure}"));
        greens += summary.greens;
        records += summary.records;
        summary.kinds.into_iter().for_each(|(kind, times)| *tried.entry(kind).or_insert(0) += times);
    }
    println!("{seeds} seeds: {greens} greens, {records} records, {tried:?}");
    if seeds < SEEDS {
        return;
    }
    let untried: Vec<_> = TRIED.iter().filter(|kind| !tried.contains_key(*kind)).collect();
    assert!(untried.is_empty(), "never happened: {untried:?}");
    assert!(greens > seeds && records > seeds * 20, "too little happened: {greens} greens, {records} records");
}

#[test]
fn a_seed_runs_the_same_every_time() {
    for seed in 1..4 {
        let plan = Plan { trouble_ms: 40_000, ..Plan::default() };
        assert_eq!(run(seed, plan), run(seed, plan), "seed {seed}");
    }
}

#[test]
fn the_simulation_notices_what_is_broken_on_purpose() {
    for sabotage in Sabotage::ALL {
        let plan = Plan { sabotage: Some(sabotage), calm_ms: 120_000, ..Plan::default() };
        let noticed: Option<Failure> = (1..30).find_map(|seed| run(seed, plan).err());
        assert!(noticed.is_some(), "nobody noticed {sabotage:?}");
    }
}
