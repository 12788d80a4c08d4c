//! `packline-hub backup`, `restore` and `keys`: for whoever sits at the hub's machine.

use super::actions::keys::{self, Passphrase};
use super::actions::{self, Order, restore};
use super::model::{Manifest, SealedKeys};
use crate::app::App;
use crate::config::Config;
use crate::keys::HubKeys;
use crate::serve;
use anyhow::Context as _;
use clap::{Args, Subcommand};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The arguments of `packline-hub backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file to write, or a folder that gets a file named after hub and time
    target: PathBuf,
    /// The file is on another machine or disk, or is copied there at once: stations may forget what is in it
    #[arg(long, env = "PACKLINE_OFF_MACHINE")]
    off_machine: bool,
    /// Put the hub's keys into the file, sealed with the passphrase
    #[arg(long, env = "PACKLINE_WITH_KEYS", requires = "passphrase_file")]
    with_keys: bool,
    /// A file with the passphrase on its first line, at least 12 characters
    #[arg(long, env = "PACKLINE_PASSPHRASE_FILE", value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl BackupArgs {
    /// Makes the backup, with the hub running or not.
    pub async fn run(self, app: &App) -> anyhow::Result<()> {
        let passphrase = match &self.passphrase_file {
            Some(file) if self.with_keys => Some(Passphrase::read(file)?),
            _ => None,
        };
        let (target, off_machine, actor) = (self.target, self.off_machine, crate::actor::at_command_line().to_string());
        let order = Order { target, actor, due: None, off_machine, passphrase };
        let made = actions::make(app, order).await?.context("another hub makes this backup")?;
        println!("made and checked `{}`, {} bytes", made.path.display(), made.bytes);
        describe(&made.manifest);
        if made.manifest.keys.is_none() {
            eprintln!(
                "The keys are NOT in it, and without them it cannot be used: stations believe only this hub's key, and \
                 personal data stays sealed. Keep them apart: `packline-hub keys seal FILE --passphrase-file FILE`."
            );
        }
        Ok(())
    }
}

/// The arguments of `packline-hub restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The backup
    source: PathBuf,
    /// Replace the data that is there; an SQLite file is kept under another name
    #[arg(long, env = "PACKLINE_REPLACE")]
    replace: bool,
    /// Only check the file and say what is in it
    #[arg(long, env = "PACKLINE_CHECK", conflicts_with_all = ["replace", "keys"])]
    check: bool,
    /// A file from `keys seal`; without it, keys that are in the backup
    #[arg(long, env = "PACKLINE_KEYS", value_name = "FILE")]
    keys: Option<PathBuf>,
    /// A file with the passphrase of the keys on its first line
    #[arg(long, env = "PACKLINE_PASSPHRASE_FILE", value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl RestoreArgs {
    /// Checks the backup, and puts it in the database's place.
    pub async fn run(self, config: &Config) -> anyhow::Result<()> {
        if self.check {
            describe(&actions::file::check(&self.source)?);
            println!("`{}` is whole", self.source.display());
            return Ok(());
        }
        serve::make_data_folder(config)?;
        let passphrase = self.passphrase_file.as_deref().map(Passphrase::read).transpose()?;
        let order = restore::Order { source: self.source, replace: self.replace, keys: self.keys, passphrase };
        let done = restore::restore(config, order).await?;
        describe(&done.manifest);
        println!("restored; {} change logs begin a new life, stations bring themselves up to date", done.lives);
        if let Some(kept) = done.kept {
            println!("what was there is in `{}`", kept.display());
        }
        if done.lacks_data_key {
            eprintln!(
                "The key to the personal data in it is missing: the hub does not start before `data.key` is back."
            );
        }
        if let Err(why) = done.audit {
            eprintln!("The audit log cannot go on: {why}");
        }
        eprintln!(
            "Everybody logs in anew. Look at accounts, tokens and stations: what was revoked after the backup was \
             made is in force again."
        );
        Ok(())
    }
}

/// What can be done with the hub's keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Seal the hub's keys with a passphrase into a file, to be kept apart from backups
    Seal {
        /// The file to write
        file: PathBuf,
        /// A file with the passphrase on its first line, at least 12 characters
        #[arg(long, env = "PACKLINE_PASSPHRASE_FILE", value_name = "FILE")]
        passphrase_file: PathBuf,
    },
    /// Put sealed keys into the data folder; a key that is there is never replaced
    Open {
        /// The file to read
        file: PathBuf,
        /// A file with the passphrase on its first line
        #[arg(long, env = "PACKLINE_PASSPHRASE_FILE", value_name = "FILE")]
        passphrase_file: PathBuf,
    },
}

impl KeysCommand {
    /// Does it.
    pub fn run(self, config: &Config) -> anyhow::Result<()> {
        serve::make_data_folder(config)?;
        match self {
            KeysCommand::Seal { file, passphrase_file } => {
                let hub_id = HubKeys::open(&config.data)?.hub_id();
                let sealed = keys::seal(&config.data, &hub_id, &Passphrase::read(&passphrase_file)?)?;
                write_new(&file, &sealed)?;
                println!("sealed the keys of hub `{hub_id}` into `{}`", file.display());
            }
            KeysCommand::Open { file, passphrase_file } => {
                let text = fs::read_to_string(&file).with_context(|| format!("failed to read `{}`", file.display()))?;
                let sealed: SealedKeys = serde_json::from_str(&text)
                    .with_context(|| format!("`{}` does not hold sealed keys", file.display()))?;
                keys::put(&config.data, &keys::open(&sealed, &Passphrase::read(&passphrase_file)?)?)?;
                println!("the keys of hub `{}` are in `{}`", sealed.hub_id, config.data.display());
            }
        }
        Ok(())
    }
}

fn write_new(path: &Path, sealed: &SealedKeys) -> anyhow::Result<()> {
    let text = serde_json::to_string(sealed).context("failed to write the sealed keys")?;
    let written = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).and_then(|mut file| {
        writeln!(file, "{text}")?;
        file.sync_all()
    });
    written.with_context(|| format!("failed to write `{}`", path.display()))
}

fn describe(manifest: &Manifest) {
    let Manifest { version, schema, engine, hub_id, made_at, .. } = manifest;
    println!("hub `{hub_id}`, packline-hub {version}, schema {schema}, {engine}, made at {made_at}");
    let rows: u64 = manifest.tables.values().sum();
    println!("{rows} rows in {} tables, {} bytes", manifest.tables.len(), manifest.content_bytes);
    for (site, log) in &manifest.logs {
        println!("change log of site `{site}` at {log}");
    }
}
