//! What a station takes of a Pi's memory: a real process with a real replica, scanning on four serial lines.

use super::Args;
use super::measure::{Row, Samples};
use super::replica::{fill, open, site};
use super::sample::waybill;
use crate::api;
use crate::clock::until;
use crate::program::{Lifeline, Program, Programs, Role};
use crate::scanner::Scanner;
use anyhow::{Context, Result};
use packline_edge::credential::{Credential, FILE, Hex32};
use packline_protocol::envelope::Sealer;
use packline_protocol::id::StationId;
use serde_json::Value;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;

const SCANNERS: usize = 4;
/// The station may take this much, in MB of proportional set size.
const GOAL_MB: f64 = 16.0;

/// Memory of a station with 200,000 parcels and four scanners, while it scans.
pub async fn station(args: &Args) -> Result<Vec<Row>> {
    let (count, rounds) = (args.rows.unwrap_or(200_000), args.rounds.unwrap_or(500));
    let folder = tempfile::tempdir()?;
    let state = folder.path().join("state");
    std::fs::create_dir(&state)?;
    let replica = open(&state)?;
    fill(&replica, count)?;
    drop(replica);
    enrolled(&state)?;
    let mut scanners: Vec<Scanner> =
        (1..=SCANNERS).map(|n| Scanner::plug_in(folder.path().join(format!("gun-{n}")))).collect::<Result<_>>()?;
    let (mut program, panel) = start(folder.path(), &state, &scanners, "").await?;
    let client = api::client().build()?;
    let mut pss = Samples::default();
    for round in 0..rounds {
        for (n, scanner) in (0_u64..).zip(&mut scanners) {
            scanner.scan(&waybill((round as u64 * 7_919 + n * 104_729) % count + 1))?;
        }
        let wanted = ((round + 1) * SCANNERS) as u64;
        until("every scan to be recorded", async || {
            let status: Value = client.get(format!("{panel}/api/status")).send().await?.json().await?;
            Ok((status["journal"]["to"].as_u64() >= Some(wanted)).then_some(()))
        })
        .await?;
        pss.add_value(pss_mb(program.pid())?);
    }
    program.kill()?;
    Ok(vec![Row::p99_to_goal(
        &format!("memory of a station, {count} parcels, {SCANNERS} scanners (PSS)"),
        "MB",
        &pss,
        GOAL_MB,
    )])
}

/// As if enrolled at a hub that is not there: the station works offline.
pub fn enrolled(state: &Path) -> Result<()> {
    let credential = Credential {
        site: site()?,
        station: StationId::parse("bench-1")?,
        mqtt_url: "mqtt://127.0.0.1:9".to_owned(),
        hub_public_key: Hex32(Sealer::new(&[7; 32]).public()),
        hub_id: "bench".to_owned(),
        secret_key: Hex32([8; 32]),
        mqtt_secret: "made-up".to_owned(),
    };
    credential.save(state).with_context(|| format!("failed to write {FILE}"))
}

/// A station on these scanners, each with `more` in its settings; answers the address of its bench page too.
pub async fn start(folder: &Path, state: &Path, scanners: &[Scanner], more: &str) -> Result<(Program, String)> {
    let mut config = "panel_listen = \"127.0.0.1:0\"\n".to_owned();
    for (n, scanner) in scanners.iter().enumerate() {
        let path = scanner.path().display();
        write!(config, "\n[[scanner]]\nid = \"gun-{}\"\nkind = \"serial\"\npath = \"{path}\"\n{more}", n + 1)?;
    }
    let (file, ready) = (folder.join("edge.toml"), folder.join("ready.json"));
    std::fs::write(&file, config)?;
    let args: [&OsStr; 7] = [
        "run".as_ref(),
        "--config".as_ref(),
        file.as_ref(),
        "--state".as_ref(),
        state.as_ref(),
        "--ready-file".as_ref(),
        ready.as_ref(),
    ];
    // As the unit sets it: with more arenas, each thread keeps pages of its own.
    let env = [("MALLOC_ARENA_MAX", "2"), ("PACKLINE_LOG", "warn")];
    let _ = std::fs::remove_file(&ready);
    let mut program = programs()?.start(Role::Edge, &args, &env, &folder.join("log"), &Lifeline::default())?;
    let panel = crate::api::text(&program.ready(&ready).await?, "panel")?;
    Ok((program, format!("http://{panel}")))
}

/// The station's own program where it was built beside this one: what carries the hub too has more pages in memory.
fn programs() -> Result<Programs> {
    let this = std::env::current_exe().context("failed to find the running executable")?;
    let edge = this.with_file_name("packline-edge");
    Ok(if edge.exists() { Programs::new(this).with_edge(edge) } else { Programs::new(this) })
}

/// The process's proportional set size, in MB.
fn pss_mb(pid: u32) -> Result<f64> {
    let rollup =
        std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).context("failed to read the station's memory")?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).context("the kernel says Pss")?;
    let kb: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kb * 1024.0 / 1e6)
}
