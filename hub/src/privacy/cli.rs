//! `packline-hub data-key`: for whoever sits at the hub's machine.

use super::Vault;
use super::vault::KEY_FILE;
use crate::config::Config;
use crate::say::say;
use anyhow::Context as _;
use clap::Subcommand;

/// What can be done with the key that personal data is sealed with.
#[derive(Debug, Subcommand)]
pub enum DataKeyCommand {
    /// Add a new key: from its next start the hub seals with it, and reads what was sealed before with the older ones
    Add,
    /// List the numbers of the keys, the oldest first
    List,
}

impl DataKeyCommand {
    /// Does it in the data folder. With several hubs on one database, copy the file to all of them, then start them anew.
    pub fn run(self, config: &Config) -> anyhow::Result<()> {
        match self {
            DataKeyCommand::Add => {
                let id = Vault::add_key(&config.data)?;
                let file = config.data.join(KEY_FILE);
                let todo = "keep a copy in a safe place, and start the hub anew";
                say(format!("the key {id} is in `{}`; {todo}", file.display())).context("failed to print")
            }
            DataKeyCommand::List => {
                let vault = Vault::existing(&config.data)?;
                vault.key_ids().iter().try_for_each(|id| say(id).context("failed to print"))
            }
        }
    }
}
