//! Codes from a file, judged by the present replica through the same core as a scan. Nothing is written.

use super::say;
use crate::clock;
use crate::config::Config;
use crate::credential::Credential;
use crate::disk::RealDisk;
use crate::replica::{self, Opened, Replica};
use crate::scan::config::{MANUAL, ScannerConfig};
use crate::scan::intake::Intake;
use crate::scan::source::Frame;
use crate::station::{Answer, Output, Station, StationSettings};
use anyhow::{Context as _, bail};
use packline_protocol::id::{BootId, ScanSeq, ScannerId};
use packline_protocol::time::Now;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// So that no code is taken for a double read of the one before, or for a burst.
const APART_MS: u64 = 10_000;
/// A copy of a file that is being written may be torn; then another one is made.
const COPIES: u32 = 3;

/// Prints one verdict per line of the file.
pub fn replay(config: &Config, file: &Path, fresh: bool, json: bool) -> anyhow::Result<()> {
    let credential = Credential::load(&config.state)?;
    let copy = Copy::open(config, &credential)?;
    let start = clock::now();
    if fresh {
        let state = copy.replica.state();
        copy.replica.heard(state.epoch, state.seq, state.root, start);
    }
    let mut player = Player::new(config, credential, copy.replica.clone(), start);
    for line in lines(file)? {
        let line = line.with_context(|| format!("failed to read `{}`", file.display()))?;
        let frame = line.strip_suffix(b"\r").unwrap_or(&line);
        for answer in player.scan(frame) {
            say(&if json { serde_json::to_string(&answer)? } else { sentence(&answer) })?;
        }
    }
    Ok(())
}

fn lines(file: &Path) -> anyhow::Result<impl Iterator<Item = std::io::Result<Vec<u8>>>> {
    let reader: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        let opened = std::fs::File::open(file).with_context(|| format!("failed to open `{}`", file.display()))?;
        Box::new(BufReader::new(opened))
    };
    Ok(reader.split(b'\n'))
}

/// A copy of the replica, so that a running station is not disturbed; removed when it is dropped.
struct Copy {
    replica: Replica,
    folder: PathBuf,
}

impl Copy {
    fn open(config: &Config, credential: &Credential) -> anyhow::Result<Copy> {
        let original = config.state.join("replica.redb");
        if !original.is_file() {
            bail!("`{}` is not there; the station has no replica yet", original.display());
        }
        let folder = config.state.join(format!("replay-{}", std::process::id()));
        for _ in 0..COPIES {
            let disk = RealDisk::open(&folder).with_context(|| format!("failed to make `{}`", folder.display()))?;
            std::fs::copy(&original, disk.path("replica.redb")).context("failed to copy the replica")?;
            let settings = replica::Settings { site: credential.site.clone(), cache_bytes: config.cache_bytes };
            let (replica, opened) = Replica::open(Arc::new(disk), settings)?;
            if opened == Opened::Whole {
                return Ok(Copy { replica, folder });
            }
        }
        let _ = std::fs::remove_dir_all(&folder);
        bail!("the replica changes too fast to be copied; try again, or stop the station first")
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A station whose disk is always in time and never written to.
struct Player {
    station: Station,
    intake: Intake,
    scanner: ScannerId,
    replica: Replica,
    now: Now,
    written: u64,
}

impl Player {
    fn new(config: &Config, credential: Credential, replica: Replica, now: Now) -> Self {
        let settings = StationSettings {
            station: credential.station,
            boot: BootId(0),
            lock_on_stop: false,
            language: config.language,
        };
        let scanner = ScannerId::parse("replay").expect("the name is well formed");
        debug_assert_ne!(scanner.as_str(), MANUAL);
        let scanners = [ScannerConfig::serial(scanner.clone(), "/dev/null")];
        Self { station: Station::new(settings), intake: Intake::new(&scanners), scanner, replica, now, written: 0 }
    }

    fn scan(&mut self, bytes: &[u8]) -> Vec<Answer> {
        self.now.moment = self.now.moment.plus_ms(APART_MS);
        let frame = Frame { scanner: self.scanner.clone(), bytes: bytes.to_vec(), at: self.now.moment };
        let Some(scan) = self.intake.take(frame) else { return Vec::new() };
        // The clock stands still for the age of the data: a long file must not make it stale.
        let now = Now { moment: clock::moment(), ..self.now };
        let mut outputs = self.station.on_scan(scan, &self.replica, now);
        let mut said = Vec::new();
        while !outputs.is_empty() {
            let mut next = Vec::new();
            for output in outputs {
                match output {
                    Output::Append { ticket, .. } => {
                        self.written += 1;
                        let written = Ok(ScanSeq(self.written));
                        next.extend(self.station.on_durable(ticket, written, &self.replica, now));
                    }
                    Output::Said(answer) => said.push(*answer),
                    _ => {}
                }
            }
            outputs = next;
        }
        said
    }
}

fn sentence(answer: &Answer) -> String {
    let reasons: Vec<&str> = answer.reasons.iter().map(|reason| reason.code).collect();
    let repeat = if answer.repeat { " (again)" } else { "" };
    format!("{:8} {:24} {}{repeat}", answer.outcome.en(), answer.code, reasons.join(","))
}
