//! Hub and station as processes of their own, started from one executable, so that they can be killed for real.

use crate::clock::until;
use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which program a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `packline-hub`.
    Hub,
    /// `packline-edge`.
    Edge,
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Role::Hub => "hub",
            Role::Edge => "edge",
        }
    }
}

/// When this process was started to play a role (`demo hub …`, `demo edge …`), the role and its arguments.
pub fn role_of(args: &[OsString]) -> Option<(Role, Vec<OsString>)> {
    let word = args.get(1)?;
    let role = [Role::Hub, Role::Edge].into_iter().find(|role| OsStr::new(role.word()) == word)?;
    let name = OsString::from(format!("packline-{}", role.word()));
    Some((role, std::iter::once(name).chain(args[2..].iter().cloned()).collect()))
}

/// Ties this process to the one that started it: when that one is killed, this one goes too.
pub fn end_with_parent() {
    // Only a convenience: whoever starts a role stops it as well.
    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
}

/// A loopback port that nobody listened on a moment ago.
pub fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("failed to find a free port")?;
    Ok(listener.local_addr()?.port())
}

/// A handle by which anybody can pull a program's plug, at any moment of its life and of the lives after it.
#[derive(Debug, Clone, Default)]
pub struct Lifeline(Arc<Mutex<Option<Pid>>>);

impl Lifeline {
    /// SIGKILL, if the program runs; says whether it did.
    pub fn cut(&self) -> bool {
        // While the lock is held nobody collects the process, so the number is still its own.
        self.hold().take().is_some_and(|pid| kill(pid, Signal::SIGKILL).is_ok())
    }

    fn hold(&self) -> MutexGuard<'_, Option<Pid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The executable that plays roles, and how to run stations built for another machine.
#[derive(Debug, Clone)]
pub struct Programs {
    player: PathBuf,
    edge: Option<(PathBuf, Vec<String>)>,
}

impl Programs {
    /// Roles are played by `player`. `PACKLINE_EDGE_BIN` names another station program and `PACKLINE_EDGE_RUNNER`
    /// what runs it, for example an emulator with its arguments.
    pub fn new(player: impl Into<PathBuf>) -> Programs {
        let runner = std::env::var("PACKLINE_EDGE_RUNNER").unwrap_or_default();
        let words = runner.split_whitespace().map(str::to_owned).collect();
        let edge = std::env::var_os("PACKLINE_EDGE_BIN").map(|bin| (PathBuf::from(bin), words));
        Programs { player: player.into(), edge }
    }

    /// The same, but stations are this program, unless the environment names one.
    pub fn with_edge(mut self, edge: PathBuf) -> Programs {
        self.edge = self.edge.or(Some((edge, Vec::new())));
        self
    }

    /// Roles are played by the running executable.
    pub fn this() -> Result<Programs> {
        Ok(Programs::new(std::env::current_exe().context("failed to find the running executable")?))
    }

    /// The program, untouched by settings that the caller's own environment has for another one.
    fn command(&self, role: Role) -> Command {
        let mut command = self.bare_command(role);
        // Ctrl-C is for whoever started the site; it stops its programs in its own order.
        command.process_group(0);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PACKLINE_") {
                command.env_remove(name);
            }
        }
        command
    }

    fn bare_command(&self, role: Role) -> Command {
        match (&self.edge, role) {
            (Some((bin, runner)), Role::Edge) => {
                let mut words = runner.iter().map(OsString::from).chain([bin.into()]);
                let mut command = Command::new(words.next().expect("the program itself is there"));
                command.args(words);
                command
            }
            _ => {
                let mut command = Command::new(&self.player);
                command.arg(role.word());
                command
            }
        }
    }

    /// Starts a program; what it prints goes to `log`.
    pub fn start(
        &self,
        role: Role,
        args: &[&OsStr],
        env: &[(&str, &str)],
        log: &Path,
        lifeline: &Lifeline,
    ) -> Result<Program> {
        let out = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("failed to open {}", log.display()))?;
        let mut held = lifeline.hold();
        let child = self
            .command(role)
            .args(args)
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("failed to start the {}", role.word()))?;
        *held = Some(Pid::from_raw(i32::try_from(child.id())?));
        Ok(Program { role, child, log: log.to_owned(), lifeline: lifeline.clone() })
    }

    /// Runs a program to its end; its standard output, or an error with everything it said.
    pub fn run(&self, role: Role, args: &[&OsStr], env: &[(&str, &str)]) -> Result<String> {
        let output = self.command(role).args(args).envs(env.iter().copied()).stdin(Stdio::null()).output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("packline-{} {args:?} ended with {}: {said}", role.word(), output.status);
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// A running program. Dropping it kills it.
#[derive(Debug)]
pub struct Program {
    role: Role,
    child: Child,
    log: PathBuf,
    lifeline: Lifeline,
}

impl Program {
    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.ended(), Ok(None))
    }

    /// The line may already hold the program's next life.
    fn let_go(&self, held: &mut Option<Pid>) {
        if held.is_some_and(|pid| u32::try_from(pid.as_raw()) == Ok(self.child.id())) {
            *held = None;
        }
    }

    /// How it ended, if it did.
    fn ended(&mut self) -> Result<Option<ExitStatus>> {
        let mut held = self.lifeline.hold();
        let ended = self.child.try_wait().context("failed to ask whether a program ended")?;
        if ended.is_some() {
            self.let_go(&mut held);
        }
        Ok(ended)
    }

    /// What it printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What it wrote to its ready file, once it is ready; an early end is an error that shows its log.
    pub async fn ready(&mut self, file: &Path) -> Result<serde_json::Value> {
        let what = format!("the {} to be ready", self.role.word());
        let answer = until(&what, async || {
            if let Some(status) = self.ended()? {
                bail!("the {} ended with {status} before it was ready:\n{}", self.role.word(), tail(&self.log()));
            }
            let text = std::fs::read(file).unwrap_or_default();
            Ok(serde_json::from_slice(&text).ok())
        });
        answer.await.with_context(|| {
            format!("the log ends:\n{}", tail(&std::fs::read_to_string(&self.log).unwrap_or_default()))
        })
    }

    /// Pulls the plug: SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) -> Result<()> {
        let mut held = self.lifeline.hold();
        self.let_go(&mut held);
        // A process that has just ended by itself is gone as well.
        let _ = self.child.kill();
        self.child.wait().context("failed to wait for a killed program")?;
        Ok(())
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(mut self) -> Result<ExitStatus> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)?;
        let what = format!("the {} to stop", self.role.word());
        until(&what, async || self.ended()).await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
