//! `packline-hub station`: for whoever sits at the hub's machine.

use super::actions;
use crate::actor::at_command_line;
use crate::app::App;
use crate::broker::mosquitto::{self, HubAccount, PasswordHash};
use crate::say::say;
use anyhow::Context as _;
use clap::Subcommand;
use packline_protocol::id::{SiteId, StationId};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// What can be done with stations.
#[derive(Debug, Subcommand)]
pub enum StationCommand {
    /// Invite a station: prints a token that lets one device enrol, good for half an hour
    Add {
        /// The station's site; it is made when it is new
        #[arg(long)]
        site: SiteId,
        /// The station's name: a-z, 0-9 and `-`
        #[arg(long)]
        station: StationId,
    },
    /// List the stations
    List,
    /// Shut a station out
    Revoke {
        /// The station's name
        station: StationId,
    },
    /// Write password and access files for an outside Mosquitto into a folder
    ExportMosquitto {
        /// The folder
        folder: PathBuf,
        /// The hub's user name there
        #[arg(long, default_value = "packline-hub")]
        hub_user: String,
        /// A file with the hub's password there, as for --broker-password-file
        #[arg(long)]
        hub_password_file: PathBuf,
    },
}

impl StationCommand {
    /// Does it on this hub's store. A hub that runs on the same store notices within a second.
    pub async fn run(self, app: &App) -> anyhow::Result<()> {
        match self {
            StationCommand::Add { site, station } => {
                let invitation = actions::invite(&app.db, &site, &station, &at_command_line(), app.clock.now()).await?;
                say(&invitation.token)?;
            }
            StationCommand::List => list(app).await?,
            StationCommand::Revoke { station } => {
                actions::revoke(&app.db, &station, &at_command_line(), app.clock.now()).await?;
                say(format!("station `{station}` is shut out"))?;
            }
            StationCommand::ExportMosquitto { folder, hub_user, hub_password_file } => {
                export(app, &folder, hub_user, &hub_password_file).await?;
            }
        }
        Ok(())
    }
}

async fn list(app: &App) -> anyhow::Result<()> {
    for station in actions::stations(&app.db).await? {
        say(format!("{}\t{}\t{}", station.site, station.station, station.status.word()))?;
    }
    Ok(())
}

async fn export(app: &App, folder: &Path, hub_user: String, hub_password_file: &Path) -> anyhow::Result<()> {
    let password = fs::read_to_string(hub_password_file)
        .with_context(|| format!("failed to read the hub's password from `{}`", hub_password_file.display()))?;
    let hubs = [HubAccount { name: hub_user, password: PasswordHash::new(password.trim_end()) }];
    let stations = actions::mosquitto_accounts(&actions::stations(&app.db).await?);
    fs::create_dir_all(folder).with_context(|| format!("failed to make the folder `{}`", folder.display()))?;
    write(&folder.join("passwords"), &mosquitto::password_file(&hubs, &stations))?;
    write(&folder.join("access"), &mosquitto::acl_file(&hubs, &stations))?;
    let done = format!("wrote `passwords` and `access` for {} stations; reload Mosquitto to use them", stations.len());
    Ok(say(done)?)
}

/// Written aside and moved into place, readable by its owner only.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let aside = path.with_extension("new");
    let failed = || format!("failed to write `{}`", path.display());
    let _ = fs::remove_file(&aside);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside).with_context(failed)?;
    file.write_all(text.as_bytes()).with_context(failed)?;
    file.sync_all().with_context(failed)?;
    fs::rename(&aside, path).with_context(failed)
}
