//! The demo's command line: a site to look at, the fixed story, or power that goes at random moments.
//!
//! 0: everything held. 1: something did not. 2: wrong use, or a port that is taken.

mod live;
mod people;
mod show;

use crate::clock::random_seed;
use crate::program::Programs;
use crate::world::Setup;
use crate::{kills, story};
use anyhow::{Context as _, Result, bail};
use clap::Parser;
use serde::Serialize;
use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Packline's demo: a hub, two stations with scanners, and orders that keep coming, on this machine
///
/// Without arguments it runs until Ctrl-C and leaves nothing behind. With --once or --kills it checks itself, on free
/// ports, and ends; the exit code is 0 only if every expectation held.
#[derive(Debug, Parser)]
#[command(name = "demo", version)]
struct Args {
    /// Play the fixed story and check every answer: releases, every reason to stop or ask, a cut network, lost power
    #[arg(long, conflicts_with = "kills")]
    once: bool,
    /// Kill hub and stations (SIGKILL) this many times at random moments while scans keep coming; nothing that was
    /// acknowledged may be lost, and no green light may be without its record
    #[arg(long, value_name = "N")]
    kills: Option<u64>,
    /// What everything random follows from [default: from the clock, and shown]
    #[arg(long, value_name = "N", env = "PACKLINE_DEMO_SEED")]
    seed: Option<u64>,
    /// Print the figures as one JSON object on the last line
    #[arg(long)]
    json: bool,
    /// The port of the hub's pages
    #[arg(long, value_name = "PORT", default_value_t = 8080, env = "PACKLINE_DEMO_HTTP_PORT")]
    http_port: u16,
    /// The port of the first bench page; the second one has the next port
    #[arg(long, value_name = "PORT", default_value_t = 8181, env = "PACKLINE_DEMO_BENCH_PORT")]
    bench_port: u16,
}

/// Runs the demo with these arguments, the first being its own name.
pub fn main_with(args: Vec<OsString>) -> ExitCode {
    // Two libraries may each bring a TLS provider; this names ours.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let done = tokio::runtime::Runtime::new().context("failed to start the runtime").and_then(|runtime| {
        // What still runs when this returns is stopped with it.
        runtime.block_on(obey(&args))
    });
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::from(1)
        }
    }
}

/// Does what was asked for until it is done or told to stop; whatever runs then is stopped and its folder removed.
async fn obey(args: &Args) -> Result<u8> {
    tokio::select! {
        done = play(args) => done,
        told = told_to_stop() => {
            told?;
            println!("stopping …");
            // A site to look at runs until it is stopped; a check that was stopped has shown nothing.
            Ok(u8::from(args.once || args.kills.is_some()))
        }
    }
}

async fn told_to_stop() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.context("failed to wait for Ctrl-C"),
        _ = terminate.recv() => Ok(()),
    }
}

async fn play(args: &Args) -> Result<u8> {
    let seed = args.seed.unwrap_or_else(random_seed);
    let programs = Programs::this()?;
    if args.once {
        let mut show = show::Show::new();
        let summary = story::play(programs, &Setup::embedded(), seed, &mut show).await;
        let summary = summary.with_context(|| format!("the story broke off; its seed is {seed}"))?;
        return conclude(args, summary.ok, &summary.failures, &summary);
    }
    if let Some(kills) = args.kills {
        println!("seed {seed}; {kills} plugs will be pulled");
        let report = kills::run(programs, seed, kills, |line| println!("{line}")).await;
        let report = report.with_context(|| format!("the run broke off; its seed is {seed}"))?;
        return conclude(args, report.ok, &report.failures, &report);
    }
    let bench_ports = [args.bench_port, args.bench_port.checked_add(1).context("bench-port has no next port")?];
    let ports = [(args.http_port, "--http-port"), (bench_ports[0], "--bench-port"), (bench_ports[1], "--bench-port")];
    if let Err(error) = ports.iter().try_for_each(|(port, flag)| is_free(*port, flag)) {
        eprintln!("demo: {error:#}");
        return Ok(2);
    }
    live::run(programs, args.http_port, bench_ports, seed).await?;
    Ok(0)
}

/// Says what a run came to; the exit code.
fn conclude(args: &Args, ok: bool, failures: &[String], figures: &impl Serialize) -> Result<u8> {
    for failure in failures {
        eprintln!("FAILED: {failure}");
    }
    if args.json {
        println!("{}", serde_json::to_string(figures)?);
    } else {
        println!("{}", serde_json::to_string_pretty(figures)?);
        println!("{}", if ok { "every expectation held" } else { "NOT every expectation held" });
    }
    Ok(u8::from(!ok))
}

fn is_free(port: u16, flag: &str) -> Result<()> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(error) => bail!("port {port} on 127.0.0.1 cannot be used ({error}); give another one with {flag}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_well_formed() {
        use clap::CommandFactory as _;
        Args::command().debug_assert();
    }

    #[test]
    fn a_port_that_is_taken_is_named_with_its_flag() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = is_free(port, "--http-port").unwrap_err().to_string();
        assert!(error.contains(&port.to_string()) && error.contains("--http-port"), "{error}");
    }
}
