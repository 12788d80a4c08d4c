//! The fixed story: a site fills, works, is cut off, loses power, and comes back; and every answer is checked.
//!
//! Everything goes over surfaces that a site has: orders over the API, codes over serial lines, answers from the bench
//! page. What must be said is written down here and not taken from the programs under test.

pub mod book;
pub mod cases;
mod chapters;
mod desk;
mod ending;
mod faults;
pub mod summary;

use crate::dice::Dice;
use crate::program::Programs;
use crate::world::{Setup, World};
use anyhow::Result;
use book::{Entry, Line};
use std::collections::BTreeSet;
use summary::Summary;

/// Whoever watches the story.
pub trait Audience {
    /// A chapter begins.
    fn chapter(&mut self, title: &str);
    /// A scan was answered.
    fn scan(&mut self, line: &Line);
}

/// Nobody watches.
#[derive(Debug)]
pub struct Nobody;

impl Audience for Nobody {
    fn chapter(&mut self, _: &str) {}
    fn scan(&mut self, _: &Line) {}
}

/// A story while it is told.
struct Story<'a> {
    world: World,
    dice: Dice,
    audience: &'a mut (dyn Audience + Send),
    /// The number of the next order; seeded, so that no two stories have the same codes.
    next: u64,
    /// The numbers of all orders that the hub took.
    sent: BTreeSet<u64>,
    entries: Vec<Entry>,
    /// Expectations beside verdicts that did not hold.
    failures: Vec<String>,
}

/// Plays the story on a site of its own and says what it came to.
///
/// An error is a site that does not work at all; what was answered wrongly is in the summary.
pub async fn play(
    programs: Programs,
    setup: &Setup,
    seed: u64,
    audience: &mut (dyn Audience + Send),
) -> Result<Summary> {
    let mut dice = Dice::new(seed);
    let next = 1_000_000 * dice.below(90) + 1;
    audience.chapter("the site opens");
    let world = World::open(programs, setup).await?;
    let mut story =
        Story { world, dice, audience, next, sent: BTreeSet::new(), entries: Vec::new(), failures: Vec::new() };
    let mut summary = story.tell().await?;
    summary.seed = seed;
    Ok(summary)
}

impl Story<'_> {
    async fn tell(&mut self) -> Result<Summary> {
        let parcels = self.orders_come_in().await?;
        self.every_case(&parcels).await?;
        self.second_looks(&parcels).await?;
        self.two_stations_one_parcel().await?;
        self.a_new_label().await?;
        self.a_burst().await?;
        self.rules_change().await?;
        self.the_network_goes().await?;
        self.facts_grow_old().await?;
        self.a_station_loses_power().await?;
        self.the_hub_loses_power().await?;
        self.close().await
    }
}
