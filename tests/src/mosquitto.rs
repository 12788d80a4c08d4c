//! A Mosquitto as an operator would run it beside the hub: its accounts and rights are the files that the hub writes.

use crate::hub::{Hub, OutsideBroker};
use crate::program::free_port;
use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use packline_hub::broker::mosquitto::{HubAccount, PasswordHash, acl_file, password_file, settings};
use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The hub's user there.
const HUB: &str = "hub";
/// A port that was free may be taken a moment later; so often another one is tried.
const TRIES: u32 = 20;

/// A running Mosquitto. Dropping it stops it.
#[derive(Debug)]
pub struct Mosquitto {
    folder: PathBuf,
    port: u16,
    child: Child,
}

impl Mosquitto {
    /// Starts one in `folder` that lets nobody in but the hub, with this password.
    pub async fn start(folder: &Path, password: &str) -> Result<Mosquitto> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("hub-password"), password)?;
        let hub = [HubAccount { name: HUB.to_owned(), password: PasswordHash::new(password) }];
        fs::write(folder.join("passwords"), password_file(&hub, &[]))?;
        fs::write(folder.join("access"), acl_file(&hub, &[]))?;
        for _ in 0..TRIES {
            let port = free_port()?;
            write_settings(folder, port)?;
            let mut child = run(folder)?;
            let up = crate::clock::until("mosquitto to listen or to end", async || {
                let ended = child.try_wait()?.is_some();
                Ok((ended || TcpStream::connect(("127.0.0.1", port)).is_ok()).then_some(!ended))
            });
            if up.await? {
                return Ok(Mosquitto { folder: folder.to_owned(), port, child });
            }
        }
        bail!("mosquitto found no free port; its log is in {}", folder.join("log").display())
    }

    /// How the hub reaches it.
    pub fn for_hub(&self) -> OutsideBroker {
        OutsideBroker {
            url: format!("mqtt://127.0.0.1:{}", self.port),
            user: HUB.to_owned(),
            password_file: self.password_file(),
        }
    }

    /// Lets in exactly the stations that the hub knows, as its operator does after each enrolment.
    pub fn admit(&self, hub: &Hub) -> Result<()> {
        let (folder, password) = (self.folder.display().to_string(), self.password_file().display().to_string());
        hub.command(&["station", "export-mosquitto", &folder, "--hub-user", HUB, "--hub-password-file", &password])?;
        kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGHUP).context("failed to have mosquitto reload")
    }

    fn password_file(&self) -> PathBuf {
        self.folder.join("hub-password")
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write_settings(folder: &Path, port: u16) -> Result<()> {
    let place = |name: &str| folder.join(name).display().to_string();
    // Started by root it would become another user, who may not read this folder.
    let user = if nix::unistd::geteuid().is_root() { "user root\n" } else { "" };
    let config = format!(
        "{user}listener {port} 127.0.0.1\n{}password_file {}\nacl_file {}\n",
        settings(),
        place("passwords"),
        place("access")
    );
    fs::write(folder.join("mosquitto.conf"), config).context("failed to write mosquitto's settings")
}

fn run(folder: &Path) -> Result<Child> {
    // Debian puts the daemon where only root's path looks.
    let debian = Path::new("/usr/sbin/mosquitto");
    let program = if debian.exists() { debian } else { Path::new("mosquitto") };
    let log = File::options().create(true).append(true).open(folder.join("log"))?;
    Command::new(program)
        .arg("-c")
        .arg(folder.join("mosquitto.conf"))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("failed to start mosquitto (Debian package `mosquitto`)")
}
