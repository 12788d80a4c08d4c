//! A throw-away PostgreSQL cluster on a free loopback port.

use anyhow::{Context, Result, bail};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// A running cluster. Dropping it stops and removes it.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    databases: std::sync::atomic::AtomicU32,
}

impl Postgres {
    /// Starts one for tests. Durability is off: these databases live as long as a test, and what is tested is our SQL.
    pub fn start() -> Result<Postgres> {
        Self::launch("-c fsync=off -c synchronous_commit=off -c full_page_writes=off")
    }

    /// Starts one for measuring, as durable as PostgreSQL is by itself.
    pub fn start_durable() -> Result<Postgres> {
        Self::launch("")
    }

    /// PostgreSQL refuses to run as root, so root runs it as user `postgres`.
    fn launch(options: &str) -> Result<Postgres> {
        let folder = tempfile::Builder::new().prefix("packline-pg-").tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let cluster = Postgres { folder, programs: programs()?, port, databases: 0.into() };
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(cluster.folder.path()))?;
        }
        let data = cluster.data();
        run(cluster.command("initdb").arg("-D").arg(&data).args([
            "-U",
            "test",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "-N",
        ]))?;
        let folder = cluster.folder.path().display();
        let options = format!("-k {folder} -p {port} -c listen_addresses=127.0.0.1 {options}");
        let log = cluster.folder.path().join("log");
        run(cluster
            .command("pg_ctl")
            .arg("-D")
            .arg(&data)
            .arg("-w")
            .arg("-l")
            .arg(log)
            .arg("-o")
            .arg(options)
            .arg("start"))?;
        Ok(cluster)
    }

    /// The address of a new, empty database.
    pub fn database(&self) -> Result<String> {
        let name = format!("site{}", self.databases.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let port = self.port.to_string();
        run(self.command("createdb").args(["-h", "127.0.0.1", "-p", &port, "-U", "test", &name]))?;
        Ok(format!("postgres://test@127.0.0.1:{port}/{name}"))
    }

    /// Everything that is in a database, as text; bytes are written in hexadecimal digits.
    pub fn dump(&self, url: &str) -> Result<Vec<u8>> {
        let output = self.command("pg_dump").args(["--dbname", url]).output().context("failed to run pg_dump")?;
        if !output.status.success() {
            bail!("pg_dump ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        Ok(output.stdout)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        if !is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program).current_dir(self.folder.path());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = run(self.command("pg_ctl").arg("-D").arg(self.data()).args(["-m", "immediate", "stop"]));
    }
}

/// Debian keeps them in a folder per version; elsewhere they are on the path.
fn programs() -> Result<PathBuf> {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    versions.sort();
    versions.pop().context("no PostgreSQL server is installed; install the Debian package `postgresql`")
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("failed to run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
