//! `packline-hub user`: for whoever sits at the hub's machine.

use super::actions;
use super::model::{Password, UserName};
use crate::app::App;
use anyhow::Context as _;
use clap::Subcommand;
use std::io::Read as _;

/// The most that is read as a password, in bytes.
const INPUT_MAX: u64 = 4 * 1024;

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Set an account's password, read from standard input; makes the account where there is none, and ends its sessions
    SetPassword {
        /// The account's name
        name: String,
    },
}

impl UserCommand {
    /// Does it on this hub's store.
    pub async fn run(self, app: &App) -> anyhow::Result<()> {
        let UserCommand::SetPassword { name } = self;
        let name = UserName::parse(&name)?;
        let mut typed = String::new();
        std::io::stdin()
            .take(INPUT_MAX)
            .read_to_string(&mut typed)
            .context("failed to read the password from standard input")?;
        actions::set_password(app, &name, &Password::new(typed.trim_end_matches(['\r', '\n']))).await?;
        crate::say::say(format!("the password of `{name}` is set"))?;
        Ok(())
    }
}
