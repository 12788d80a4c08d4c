//! The command line: what was asked for, and the exit code.
//!
//! 0: done. 1: failed. 2: wrong use or configuration.

mod journal;
mod offline;
mod outbox;
mod replay;
mod status;

use crate::config::{Config, LogFormat, Settings};
use crate::panel::scanner::release_all;
use crate::{enroll, explain, run};
use anyhow::{Context as _, anyhow};
use clap::{Parser, Subcommand};
use journal::JournalCommand;
use std::ffi::OsString;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// The arguments of `packline-edge`.
#[derive(Debug, Parser)]
#[command(
    name = "packline-edge",
    version,
    about = "The scanner station of Packline: judges parcels at the packing table"
)]
struct Cli {
    /// A TOML file with the same settings as the flags, written with `_`
    #[arg(long, env = "PACKLINE_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the station (what it does without a command)
    Run,
    /// Exchange a claim token for this station's credential
    Enroll {
        /// The token that `packline-hub station add` printed; without it, the service's credential is used
        #[arg(long, env = "PACKLINE_TOKEN", value_name = "TOKEN", hide_env_values = true)]
        token: Option<String>,
    },
    /// Check the settings and say what they come to
    CheckConfig,
    /// Say how the station on this machine does
    Status {
        /// As JSON, everything
        #[arg(long)]
        json: bool,
    },
    /// List scan records that the hub has not acknowledged
    Outbox {
        /// Write them to this file, one JSON object per line
        #[arg(long, value_name = "FILE")]
        export: Option<PathBuf>,
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Look after the journal of a station that does not run
    Journal {
        #[command(subcommand)]
        command: JournalCommand,
    },
    /// Judge the codes in a file by the present replica; nothing is written and nothing is shown
    Replay {
        /// One code per line, as a scanner would send it; `-` reads the standard input
        file: PathBuf,
        /// Judge as if the hub had just been heard
        #[arg(long)]
        fresh: bool,
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Say what codes mean, as one JSON object per line
    Explain {
        /// The codes; without any, the lines of the standard input
        codes: Vec<OsString>,
        /// Read them as typed by a person
        #[arg(long)]
        manual: bool,
    },
    /// Let every scanner scan again that a stopped station may have locked
    ReleaseScanners,
}

/// Why the program ends with something other than 0.
enum Failure {
    /// Wrong use or configuration: exit code 2.
    Usage(anyhow::Error),
    /// It was tried and failed: exit code 1.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::Failed(error)
    }
}

/// Runs the program with these arguments, the first being its own name.
pub fn main_with(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    // Two libraries may each bring a TLS provider; this names ours. A second call in one process keeps the first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let (code, error) = match obey(cli) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Failed(error)) => (1, error),
        Err(Failure::Usage(error)) => (2, error),
    };
    eprintln!("packline-edge: {error:#}");
    ExitCode::from(code)
}

fn obey(cli: Cli) -> Result<(), Failure> {
    let command = cli.command.unwrap_or(Command::Run);
    if let Command::Explain { codes, manual } = &command {
        return Ok(explain_all(codes, *manual)?);
    }
    let config = config(cli.config, cli.settings).map_err(Failure::Usage)?;
    match command {
        Command::Run => {
            log_to_stderr(&config).map_err(Failure::Usage)?;
            Ok(run::run(config)?)
        }
        Command::Enroll { token } => enroll(&config, token),
        Command::CheckConfig => Ok(say(&check(&config))?),
        Command::Status { json } => Ok(status::status(&config, json)?),
        Command::Outbox { export, json } => Ok(outbox::outbox(&config, export.as_deref(), json)?),
        Command::Journal { command } => Ok(journal::journal(&config, &command)?),
        Command::Replay { file, fresh, json } => Ok(replay::replay(&config, &file, fresh, json)?),
        Command::Explain { codes, manual } => Ok(explain_all(&codes, manual)?),
        Command::ReleaseScanners => Ok(release(&config)?),
    }
}

fn config(file: Option<PathBuf>, flags: Settings) -> anyhow::Result<Config> {
    let file = file.map(|path| Settings::read(&path)).transpose()?.unwrap_or_default();
    Ok(Config::try_from(flags.or(file))?)
}

fn log_to_stderr(config: &Config) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log)
        .with_context(|| format!("log is `{}`; give levels as in RUST_LOG, for example info", config.log))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let colour = std::io::stderr().is_terminal();
    let done = match config.log_format {
        LogFormat::Text => builder.with_ansi(colour).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    // A second station in one process logs where the first one does.
    let _ = done;
    Ok(())
}

fn enroll(config: &Config, token: Option<String>) -> Result<(), Failure> {
    let hub = config.hub.as_deref().ok_or_else(|| anyhow!("hub is not set; give --hub http://HOST:PORT"));
    let hub = hub.map_err(Failure::Usage)?;
    let token = token.or_else(run::claim).ok_or_else(|| anyhow!("token is not set; give --token TOKEN"));
    let token = token.map_err(Failure::Usage)?;
    crate::disk::RealDisk::open(&config.state)
        .with_context(|| format!("failed to make `{}`", config.state.display()))?;
    let credential =
        enroll::enroll(&config.state, hub, &token, config.ca_file.as_deref()).map_err(anyhow::Error::from)?;
    let text = format!(
        "enrolled as station `{}` of site `{}` at hub `{}`, broker {}",
        credential.station, credential.site, credential.hub_id, credential.mqtt_url
    );
    Ok(say(&text)?)
}

/// What the settings come to, a line each.
fn check(config: &Config) -> String {
    let mut lines = vec![
        format!("state         {}", config.state.display()),
        format!("panel_listen  {}", config.panel_listen),
        format!("hub           {}", config.hub.as_deref().unwrap_or("(not set)")),
        format!("mqtt          {}", config.mqtt.as_deref().unwrap_or("(as the hub says)")),
        format!("cache_mb      {}", config.cache_bytes >> 20),
        format!("journal_mb    {}", config.journal_bytes >> 20),
        format!("lock_on_stop  {}", config.lock_on_stop),
    ];
    for scanner in &config.scanners {
        let place = scanner.device_paths().next().map(|path| path.display().to_string());
        let place = place.or_else(|| scanner.connect.clone()).or_else(|| scanner.listen.clone()).unwrap_or_default();
        lines.push(format!("scanner       {} {place}", scanner.id));
    }
    if let Some(light) = &config.light {
        lines.push(format!("light         {}", light.chip.display()));
    }
    lines.push("the configuration is fine".to_owned());
    lines.join("\n")
}

fn explain_all(codes: &[OsString], manual: bool) -> anyhow::Result<()> {
    use std::os::unix::ffi::OsStrExt as _;
    let explain = |line: &[u8]| if manual { explain::explain_manual(line) } else { explain::explain(line) };
    if !codes.is_empty() {
        return codes.iter().try_for_each(|code| say(&explain(code.as_bytes()).to_string()));
    }
    for line in std::io::stdin().lock().split(b'\n') {
        let line = line.context("failed to read the standard input")?;
        say(&explain(line.strip_suffix(b"\r").unwrap_or(&line)).to_string())?;
    }
    Ok(())
}

fn release(config: &Config) -> anyhow::Result<()> {
    let released = release_all(&config.scanners);
    for scanner in &released {
        match &scanner.result {
            Ok(()) => say(&format!("{}: released", scanner.scanner))?,
            Err(reason) => say(&format!("{}: {reason}", scanner.scanner))?,
        }
    }
    let failed = released.iter().filter(|scanner| scanner.result.is_err()).count();
    if failed == 0 { Ok(()) } else { Err(anyhow!("{failed} of {} scanners were not reached", released.len())) }
}

/// Prints a line. A reader that went away, as `head` does, is no failure worth a panic.
fn say(line: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout().lock(), "{line}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        done => done.context("failed to print"),
    }
}
