//! PostgreSQL's own programs for copying a database out and in. A password never stands on a command line.

use crate::backup::model::BackupError;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;
use url::Url;

/// What a failed program said is cut to so many characters.
const SAID_MAX: usize = 600;

/// Writes the hub's tables as they were at `moment` to `to`.
pub async fn dump(url: &str, moment: &str, to: &Path) -> Result<(), BackupError> {
    let mut command = tool("pg_dump", Some(url))?;
    command.args(["--format=custom", "--compress=0", "--no-owner", "--no-privileges", "--snapshot", moment]);
    for table in crate::store::tables().into_iter().chain(["_sqlx_migrations"]) {
        command.arg(format!("--table=public.{table}"));
    }
    command.arg("--file").arg(to);
    run("pg_dump", command).await
}

/// Reads a dump from its beginning to its end.
pub async fn check(dump: &Path) -> Result<(), BackupError> {
    script(dump, Path::new("/dev/null")).await
}

/// Writes a dump as SQL.
pub async fn script(dump: &Path, to: &Path) -> Result<(), BackupError> {
    let mut command = tool("pg_restore", None)?;
    command.args(["--no-owner", "--no-privileges", "--file"]).arg(to).arg(dump);
    run("pg_restore", command).await
}

/// Runs SQL files in one transaction: all of them, or nothing.
pub async fn run_scripts(url: &str, scripts: &[&Path]) -> Result<(), BackupError> {
    let mut command = tool("psql", Some(url))?;
    command.args(["--no-psqlrc", "--quiet", "--single-transaction", "--set", "ON_ERROR_STOP=1"]);
    for script in scripts {
        command.arg("--file").arg(script);
    }
    run("psql", command).await
}

async fn run(tool: &'static str, mut command: Command) -> Result<(), BackupError> {
    let output = command.output().await.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => BackupError::NoTool { tool },
        _ => BackupError::Tool { tool, said: error.to_string() },
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said: String = String::from_utf8_lossy(&output.stderr).trim().chars().take(SAID_MAX).collect();
    Err(BackupError::Tool { tool, said })
}

fn tool(name: &'static str, url: Option<&str>) -> Result<Command, BackupError> {
    let mut command = Command::new(find(name));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    if let Some(url) = url {
        let (bare, password) = without_password(url)?;
        command.arg("--dbname").arg(bare);
        if let Some(password) = password {
            command.env("PGPASSWORD", password);
        }
    }
    Ok(command)
}

/// The program on the path, or Debian's newest one.
fn find(name: &str) -> OsString {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&on_path).map(|folder| folder.join(name)).filter(|path| path.is_file());
    let newest = || {
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
        let programs = versions.map(|version| version.path().join("bin").join(name)).filter(|path| path.is_file());
        programs.max_by_key(|path| version_of(path))
    };
    found.next().or_else(newest).map_or_else(|| name.into(), PathBuf::into_os_string)
}

fn version_of(program: &Path) -> u32 {
    let version = program.parent().and_then(Path::parent).and_then(Path::file_name);
    version.and_then(|name| name.to_str()?.parse().ok()).unwrap_or_default()
}

fn without_password(url: &str) -> Result<(String, Option<String>), BackupError> {
    let unfit = || BackupError::Unfit { why: "the database's URL cannot be read".to_owned() };
    let mut url = Url::parse(url).map_err(|_| unfit())?;
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut password = url.password().map(decode);
    if password.is_some() {
        url.set_password(None).map_err(|()| unfit())?;
    }
    let pairs: Vec<(String, String)> =
        url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
    if let Some((_, value)) = pairs.iter().find(|(key, _)| key == "password") {
        password = Some(value.clone());
        let others = pairs.iter().filter(|(key, _)| key != "password");
        url.query_pairs_mut().clear().extend_pairs(others);
    }
    Ok((url.into(), password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, bare: &str, password: Option<&str>) {
        assert_eq!(without_password(url).unwrap(), (bare.to_owned(), password.map(str::to_owned)));
    }

    #[test]
    fn a_password_leaves_the_address() {
        check("postgres://hub@db/packline", "postgres://hub@db/packline", None);
        check("postgres://hub:s%40mple@db/packline", "postgres://hub@db/packline", Some("s@mple"));
        check(
            "postgres:///packline?host=/run/pg&password=sample&user=hub",
            "postgres:///packline?host=%2Frun%2Fpg&user=hub",
            Some("sample"),
        );
    }
}
