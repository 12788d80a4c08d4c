//! The journal in the hands of an administrator.

use super::{offline, say};
use crate::clock;
use crate::config::Config;
use crate::credential::Credential;
use crate::journal::{Birth, Opened, Store};
use anyhow::{Context as _, bail};
use clap::Subcommand;
use packline_protocol::id::{BootId, StationEpoch};

/// What can be done with it.
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Begin a new life of the journal, after its card was copied or set back and the hub refuses it
    ///
    /// The station must not run. Records that the hub has not acknowledged go along, and the old file is kept beside
    /// the new one. Make sure first that only one device is this station: of two, each would be refused again.
    Renew,
}

/// Does it.
pub fn journal(config: &Config, command: &JournalCommand) -> anyhow::Result<()> {
    let JournalCommand::Renew = command;
    let credential = Credential::load(&config.state)?;
    let disk = offline::disk(config)?;
    let birth =
        Birth { epoch: StationEpoch(clock::random_u64()), boot: BootId(clock::random_u64()), now: clock::now() };
    let renewed = Store::renew(&disk, birth, "renewed by command");
    let renewed = renewed.context("failed to renew the journal; stop the station first")?;
    let Opened::Rebuilt { aside, salvaged, .. } = renewed else { bail!("there is no journal to renew") };
    say(&format!(
        "the journal of station `{}` begins a new life; {salvaged} records that the hub may not have go along, the old \
         file is `{aside}`",
        credential.station
    ))
}
