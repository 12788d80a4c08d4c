//! The command line: what was asked for, and the exit code.
//!
//! 0: done. 1: failed. 2: wrong use or configuration.

use crate::accounts::cli::UserCommand;
use crate::audit::cli::AuditCommand;
use crate::backup::cli::{BackupArgs, KeysCommand, RestoreArgs};
use crate::channels::import::cli::ImportArgs;
use crate::config::{Config, Settings};
use crate::doctor::cli::DoctorArgs;
use crate::fleet::cli::StationCommand;
use crate::privacy::cli::DataKeyCommand;
use crate::say::say;
use crate::store::Db;
use crate::{serve, sync, telemetry};
use anyhow::Context as _;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// The arguments of `packline-hub`.
#[derive(Debug, Parser)]
#[command(name = "packline-hub", version, about = "The central server of Packline: orders, stations, pages and API")]
pub struct Cli {
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
    /// Run the hub (what it does without a command)
    Serve,
    /// Check the settings and say what they come to
    CheckConfig,
    /// Bring the database to this program's schema
    Migrate,
    /// Take orders from a CSV or JSON file
    Import(ImportArgs),
    /// Copy the whole database into one checked file; the hub may run meanwhile
    Backup(BackupArgs),
    /// Put a backup in the database's place; the hub must not run meanwhile
    Restore(RestoreArgs),
    /// Keep the hub's keys apart from its backups
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Prove that what is stored fits together; the hub may run meanwhile
    Doctor(DoctorArgs),
    /// Add to the keys that personal data is sealed with
    #[command(subcommand)]
    DataKey(DataKeyCommand),
    /// Check the audit log
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Manage accounts
    #[command(subcommand)]
    User(UserCommand),
    /// Look at everything that stations know again, and begin new change logs; the hub must not run meanwhile
    Rebuild,
    /// Manage stations
    #[command(subcommand)]
    Station(StationCommand),
}

/// Why the program ends with something other than 0.
#[derive(Debug)]
pub enum Failure {
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
    let (code, error) = match run(cli) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Failed(error)) => (1, error),
        Err(Failure::Usage(error)) => (2, error),
    };
    eprintln!("packline-hub: {error:#}");
    ExitCode::from(code)
}

fn run(cli: Cli) -> Result<(), Failure> {
    let config = config(&cli).map_err(Failure::Usage)?;
    telemetry::init(&config.log, config.log_format).map_err(|error| Failure::Usage(anyhow::Error::msg(error)))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("failed to start the runtime")
        .map_err(Failure::Failed)?;
    runtime.block_on(async {
        match cli.command.unwrap_or(Command::Serve) {
            Command::Serve => Ok(serve::run(config).await?),
            Command::CheckConfig => Ok(say(format!("{config:#?}")).context("failed to print")?),
            Command::Migrate => migrate(&config).await,
            Command::Import(args) => args.run(config).await,
            Command::Backup(args) => Ok(args.run(&serve::open(config).await?).await?),
            Command::Restore(args) => Ok(args.run(&config).await?),
            Command::Doctor(args) => Ok(args.run(&serve::open(config).await?).await?),
            Command::Keys(command) => Ok(command.run(&config)?),
            Command::DataKey(command) => Ok(command.run(&config)?),
            Command::Audit(command) => Ok(command.run(&serve::open(config).await?).await?),
            Command::User(command) => Ok(command.run(&serve::open(config).await?).await?),
            Command::Rebuild => Ok(sync::service::rebuild(&serve::open(config).await?).await?),
            Command::Station(command) => Ok(command.run(&serve::open(config).await?).await?),
        }
    })
}

fn config(cli: &Cli) -> anyhow::Result<Config> {
    let file = match &cli.config {
        Some(path) => Settings::read(path)?,
        None => Settings::default(),
    };
    Ok(Config::try_from(cli.settings.clone().or(file))?)
}

async fn migrate(config: &Config) -> Result<(), Failure> {
    serve::make_data_folder(config)?;
    let db = Db::open(&config.db_url()).await.map_err(anyhow::Error::new)?;
    let version = db.migrate().await.map_err(anyhow::Error::new)?;
    Ok(say(format!("the database is at version {version}")).context("failed to print")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_are_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_shows_every_default_as_it_is() {
        let help = Cli::command().render_long_help().to_string();
        for default in [config::HTTP_LISTEN, config::MQTT_LISTEN, config::DATA, config::LOG, config::SITE] {
            assert!(help.contains(&format!("[default: {default}]")), "{default} is missing in\n{help}");
        }
    }

    #[test]
    fn every_flag_has_an_environment_variable() {
        for argument in Cli::command().get_arguments().filter(|argument| argument.get_long().is_some()) {
            let name = argument.get_long().unwrap();
            if !matches!(name, "help" | "version") {
                let variable = format!("PACKLINE_{}", name.replace('-', "_").to_uppercase());
                assert_eq!(argument.get_env().and_then(|env| env.to_str()), Some(variable.as_str()), "--{name}");
            }
        }
    }
}
