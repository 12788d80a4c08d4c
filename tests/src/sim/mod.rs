//! The seeded simulation: stations as they are, a small hub in memory, invented time, network, disks and trouble.
//!
//! One thread, one seed, no waiting: minutes pass in a moment, and a run that breaks a promise is repeated exactly by
//! its seed. What must hold is in `truth`; whether that would notice anything is tried with `sabotage`.

mod disk;
mod event;
mod facts;
mod hub;
mod life;
mod network;
mod promise;
mod sabotage;
mod station;
mod trace;
mod trouble;
mod truth;
mod world;

pub use sabotage::Sabotage;
pub use truth::Broken;
pub use world::{Plan, World};

use std::collections::BTreeMap;

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Everything that happened, as one number.
    pub hash: u64,
    /// How much happened.
    pub events: u64,
    /// Scans judged.
    pub verdicts: u64,
    /// Greens shown.
    pub greens: u64,
    /// Records that stations were told are durable.
    pub records: u64,
    /// How often what happened and went wrong.
    pub kinds: BTreeMap<&'static str, u64>,
}

/// A run that broke a promise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed} breaks a promise: {why}\n{last}")]
pub struct Failure {
    /// Repeats it.
    pub seed: u64,
    /// Which promise.
    pub why: String,
    /// What happened just before.
    pub last: String,
}

/// Runs the world of one seed.
pub fn run(seed: u64, plan: Plan) -> Result<Summary, Failure> {
    let mut world = World::new(seed, plan);
    let broken = world.run();
    let trace = &world.trace;
    match broken {
        Ok(()) => Ok(Summary {
            hash: trace.hash(),
            events: trace.events(),
            verdicts: world.truth.verdicts,
            greens: world.truth.greens,
            records: world.truth.promises() as u64,
            kinds: trace.kinds().clone(),
        }),
        Err(Broken(why)) => {
            let last: Vec<&str> = trace.last().collect();
            Err(Failure { seed, why, last: last.join("\n") })
        }
    }
}
