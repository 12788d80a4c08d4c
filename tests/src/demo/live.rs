//! A site to look at: it runs until somebody stops it.

use super::people::People;
use super::show::scan_line;
use crate::api::Api;
use crate::hub::ADMIN;
use crate::packer::outcome_of;
use crate::program::Programs;
use crate::station::StationPlan;
use crate::world::{SITE, Setup, World};
use anyhow::{Result, bail};
use serde_json::Value;
use std::io::IsTerminal as _;

/// Runs the site until something breaks; dropping this stops it.
pub async fn run(programs: Programs, http_port: u16, bench_ports: [u16; 2], seed: u64) -> Result<()> {
    println!("starting a hub and two stations …");
    let setup = Setup { http: format!("127.0.0.1:{http_port}"), ..Setup::embedded() };
    let mut world = World::open(programs, &setup).await?;
    let mut people = People::new(world.hub().api().clone(), seed);
    people.open_the_shop().await?;
    for (name, port) in ["pack-1", "pack-2"].into_iter().zip(bench_ports) {
        let plan = StationPlan { panel: format!("127.0.0.1:{port}"), scanners: 2, ..StationPlan::new(SITE, name) };
        world.add_station(plan).await?;
    }
    welcome(&world, seed)?;
    let log = log(world.hub().api().clone());
    tokio::select! {
        ended = log => ended,
        ended = people.work(&mut world.stations) => ended,
    }
}

fn welcome(world: &World, seed: u64) -> Result<()> {
    let hub = world.hub();
    println!();
    println!("  hub          {}    user {ADMIN}, password {}", hub.url(), hub.password()?);
    println!("               the first log-in asks for a name and a password of your own");
    for station in &world.stations {
        println!("  bench page   {}    station {}", station.panel(), station.name());
    }
    println!("  MQTT         {}    site {SITE}, seed {seed}", hub.mqtt_address());
    println!("  files        {}", world.folder().display());
    println!();
    println!("Orders come in and scanners scan by themselves. Type a waybill at a bench page to scan it yourself.");
    println!("Ctrl-C stops everything and removes the files.");
    println!();
    Ok(())
}

/// Prints every scan that the hub gets, whoever made it.
async fn log(api: Api) -> Result<()> {
    let colours = std::io::stdout().is_terminal();
    let mut events = api.events("/api/v1/events").await?;
    let mut shown = std::collections::VecDeque::new();
    while let Some((name, scan)) = events.next().await? {
        // A scan that is announced ahead of its record comes again with it.
        if name == "scan" && !shown.contains(&scan["key"]) {
            println!("{}", line(&scan, colours));
            shown.push_front(scan["key"].clone());
            shown.truncate(100);
        }
    }
    bail!("the hub is gone")
}

fn line(scan: &Value, colours: bool) -> String {
    let text = |key: &str| scan[key].as_str().unwrap_or_default();
    let reason = format!("{} {}", text("reason_zh"), text("reason_en"));
    match outcome_of(text("outcome")) {
        Ok(outcome) => scan_line(text("station"), text("code"), outcome, Some(&reason), colours),
        Err(_) => format!("{}  {}  {}", text("station"), text("code"), reason),
    }
}
