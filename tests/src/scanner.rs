//! A barcode scanner on a serial line: a pseudo-terminal behind a link that keeps its name over replugging.

use anyhow::{Context, Result};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The scanner's end of the line. Dropping it is pulling the cable.
#[derive(Debug)]
pub struct Scanner {
    link: PathBuf,
    line: Option<PtyMaster>,
}

impl Scanner {
    /// A scanner whose port appears as `link`.
    pub fn plug_in(link: impl Into<PathBuf>) -> Result<Scanner> {
        let mut scanner = Scanner { link: link.into(), line: None };
        scanner.replug()?;
        Ok(scanner)
    }

    /// The path that a station opens.
    pub fn path(&self) -> &Path {
        &self.link
    }

    /// Pulls the cable.
    pub fn unplug(&mut self) {
        self.line = None;
        let _ = std::fs::remove_file(&self.link);
    }

    /// Plugs it in again; the port has a new number behind the same name.
    pub fn replug(&mut self) -> Result<()> {
        self.unplug();
        let line =
            posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).context("failed to open a terminal")?;
        grantpt(&line)?;
        unlockpt(&line)?;
        std::os::unix::fs::symlink(ptsname_r(&line)?, &self.link)
            .with_context(|| format!("failed to link {}", self.link.display()))?;
        self.line = Some(line);
        Ok(())
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let line = self.line.as_mut().context("the scanner is unplugged")?;
        line.write_all(bytes).context("failed to write to the line")
    }

    /// Scans a code: its text and a carriage return.
    pub fn scan(&mut self, code: &str) -> Result<()> {
        self.send(format!("{code}\r").as_bytes())
    }

    /// What the station has sent to the scanner so far: beeps, locks.
    pub fn heard(&mut self) -> Result<Vec<u8>> {
        let line = self.line.as_mut().context("the scanner is unplugged")?;
        fcntl(&*line, FcntlArg::F_SETFL(OFlag::O_RDWR | OFlag::O_NONBLOCK))?;
        let mut bytes = vec![0; 4_096];
        // Nothing there, or nobody at the other end: nothing was heard.
        let heard = line.read(&mut bytes).unwrap_or(0);
        fcntl(&*line, FcntlArg::F_SETFL(OFlag::O_RDWR))?;
        bytes.truncate(heard);
        Ok(bytes)
    }
}

impl Drop for Scanner {
    fn drop(&mut self) {
        self.unplug();
    }
}
