//! Power goes at random moments, again and again, while people pack: what must hold then.
//!
//! Hub and stations are killed with SIGKILL wherever they are, starting up included. Eyes watch every bench page.
//! In the end every green light that was seen has its record at the hub, everything that was acknowledged is there
//! exactly once, and all replicas are equal. What a real power cut does to a disk is the simulation's business.

mod crowd;
mod report;

pub use report::Report;

use crate::clock::instant;
use crate::dice::Dice;
use crate::program::{Lifeline, Programs};
use crate::station::StationPlan;
use crate::watch::Greens;
use crate::world::{SITE, Setup, World};
use anyhow::{Result, anyhow};
use crowd::{Crowd, Shift};
use std::time::Duration;

/// The longest pause before the next plug is pulled, in milliseconds.
const PAUSE_MS: u64 = 150;
/// Now and then people get some work done, for this long in milliseconds.
const PEACE_MS: u64 = 1_500;

/// Pulls plugs `kills` times on a site of its own and says what it came to.
pub async fn run(programs: Programs, seed: u64, kills: u64, mut tell: impl FnMut(String)) -> Result<Report> {
    let start = instant();
    let mut dice = Dice::new(seed);
    let mut world = World::open(programs, &Setup::embedded()).await?;
    for name in ["pack-1", "pack-2"] {
        // Hands here are faster than any packer's: what comes fast is neither a double read nor a burst.
        let scanner_config = "debounce_ms = 0\nburst_gap_ms = 0\n".to_owned();
        world.add_station(StationPlan { scanners: 2, scanner_config, ..StationPlan::new(SITE, name) }).await?;
    }
    let greens = Greens::default();
    let crowd = Crowd::new(world.hub().api().clone(), &mut dice);
    let work = shift(&mut world, &crowd, &greens, dice, kills, &mut tell).await?;
    tell("the last plug was pulled; everybody catches up".to_owned());
    world.settle().await?;
    let report = report::compare(&mut world, work, &crowd, &greens).await?;
    Ok(Report { seed, seconds: start.elapsed().as_secs(), ..report })
}

/// One shift: the feeder, the packers and whoever mends the hub work until the last plug was pulled.
async fn shift(
    world: &mut World,
    crowd: &Crowd,
    greens: &Greens,
    mut dice: Dice,
    kills: u64,
    tell: &mut impl FnMut(String),
) -> Result<Shift> {
    let mut hub = world.take_hub()?;
    let mut stations = std::mem::take(&mut world.stations);
    let lines: Vec<(String, Lifeline)> = stations
        .iter()
        .map(|station| (station.name().to_owned(), station.lifeline().clone()))
        .chain([("hub".to_owned(), hub.lifeline().clone())])
        .collect();
    let [one, two] = &mut stations[..] else { return Err(anyhow!("two stations work")) };
    let killer = async {
        let pulled = pull_plugs(&lines, &mut dice, kills, tell).await;
        crowd.go_home();
        pulled
    };
    let done =
        tokio::try_join!(killer, crowd.feed(), crowd.mend(&mut hub), crowd.pack(one, greens), crowd.pack(two, greens),);
    crowd.go_home();
    let (kills_of, (), (), first, second) = done?;
    world.put_hub(hub);
    world.stations = stations;
    Ok(Shift { kills_of, scans: [first, second].concat() })
}

/// How often each plug was pulled.
async fn pull_plugs(
    lines: &[(String, Lifeline)],
    dice: &mut Dice,
    kills: u64,
    tell: &mut impl FnMut(String),
) -> Result<std::collections::BTreeMap<String, u64>> {
    let mut kills_of = std::collections::BTreeMap::new();
    for number in 1..=kills {
        let (name, line) = dice.pick(lines).ok_or_else(|| anyhow!("somebody has a plug"))?;
        let pause = if dice.one_in(5) { dice.below(PEACE_MS) } else { dice.below(PAUSE_MS) };
        tokio::time::sleep(Duration::from_millis(pause)).await;
        crate::clock::until(&format!("{name} to be on"), async || Ok(line.cut().then_some(()))).await?;
        *kills_of.entry(name.clone()).or_default() += 1;
        if number % 10 == 0 {
            tell(format!("pulled {number} plugs of {kills}"));
        }
    }
    Ok(kills_of)
}
