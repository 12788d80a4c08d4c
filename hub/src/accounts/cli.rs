//! `packline-hub user`: for whoever sits at the hub's machine, who may do everything.

use super::actions::{passwords, people, role};
use super::model::{Manager, Password, UserName};
use crate::app::App;
use crate::say::say;
use anyhow::Context as _;
use clap::Subcommand;
use std::io::Read as _;

/// The most that is read as a password, in bytes.
const INPUT_MAX: u64 = 4 * 1024;

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// List accounts with their roles
    List,
    /// Add an account and print a one-time invitation for its owner
    Add {
        /// The account's name
        name: String,
        /// The account's role: boss, operations, service, warehouse, finance, it, integrator, or one of your own
        #[arg(long)]
        role: String,
    },
    /// Set an account's password, read from standard input, and end its sessions
    SetPassword {
        /// The account's name
        name: String,
    },
    /// Take an account's password, second step and sessions away, and print a new one-time invitation
    Reset {
        /// The account's name
        name: String,
    },
    /// Give an account another role
    Role {
        /// The account's name
        name: String,
        /// The role
        role: String,
    },
    /// Shut an account: its sessions end and its tokens do nothing
    Disable {
        /// The account's name
        name: String,
    },
    /// Open an account that was shut
    Enable {
        /// The account's name
        name: String,
    },
}

impl UserCommand {
    /// Does it on this hub's store.
    pub async fn run(self, app: &App) -> anyhow::Result<()> {
        let manager = Manager::operator(std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned()));
        match self {
            UserCommand::List => list(app).await?,
            UserCommand::Add { name, role } => {
                let name = UserName::parse(&name)?;
                say_invitation(&name, &people::add(app, &manager, &name, &role).await?)?;
            }
            UserCommand::SetPassword { name } => {
                let name = UserName::parse(&name)?;
                passwords::set(app, &manager, &name, &typed_password()?).await?;
                say(format!("the password of `{name}` is set"))?;
            }
            UserCommand::Reset { name } => {
                let name = UserName::parse(&name)?;
                say_invitation(&name, &people::reset(app, &manager, &name).await?)?;
            }
            UserCommand::Role { name, role } => {
                let name = UserName::parse(&name)?;
                people::give_role(app, &manager, &name, &role).await?;
                say(format!("`{name}` has the role `{role}`"))?;
            }
            UserCommand::Disable { name } => {
                let name = UserName::parse(&name)?;
                people::disable(app, &manager, &name).await?;
                say(format!("`{name}` is shut"))?;
            }
            UserCommand::Enable { name } => {
                let name = UserName::parse(&name)?;
                people::enable(app, &manager, &name).await?;
                say(format!("`{name}` is open"))?;
            }
        }
        Ok(())
    }
}

async fn list(app: &App) -> anyhow::Result<()> {
    let roles = role::list(app).await?;
    for person in people::list(app).await? {
        let title = roles.iter().find(|role| role.name == person.role).map_or("", |role| &role.title_en);
        let state = match (person.disabled_at, person.is_waiting) {
            (Some(_), _) => "shut",
            (None, true) => "invited",
            (None, false) => "active",
        };
        say(format!("{}\t{}\t{title}\t{state}", person.name, person.role))?;
    }
    Ok(())
}

fn say_invitation(name: &UserName, invitation: &people::Invitation) -> anyhow::Result<()> {
    say(format!("`{name}` chooses a password at this path of the hub, once, within 72 hours:"))?;
    say(format!("/invite/{}", invitation.token.reveal()))?;
    Ok(())
}

fn typed_password() -> anyhow::Result<Password> {
    let mut typed = String::new();
    std::io::stdin()
        .take(INPUT_MAX)
        .read_to_string(&mut typed)
        .context("failed to read the password from standard input")?;
    Ok(Password::new(typed.trim_end_matches(['\r', '\n'])))
}
