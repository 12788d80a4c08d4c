//! From the last byte on the port to what the packer hears and sees.

use super::Args;
use super::measure::{Row, Samples};
use super::memory::{enrolled, start};
use super::replica::{fill, open};
use super::sample::waybill;
use crate::clock::{PATIENCE, instant};
use crate::scanner::Scanner;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

/// Parcels in the replica.
const PARCELS: u64 = 200_000;
/// Between two scans: everybody has fallen asleep again.
const REST: Duration = Duration::from_millis(10);
/// The scanner beeps as the light changes, by the same step of the station.
const FEEDBACK: &str = "feedback = \"symbol-bel\"\n";

/// A station that works offline asks about every parcel, at once and without the disk: what remains is the way from the
/// port to the answer.
pub async fn light(args: &Args) -> Result<Vec<Row>> {
    let (count, rounds) = (args.rows.unwrap_or(PARCELS), args.rounds.unwrap_or(1_000));
    let folder = tempfile::tempdir()?;
    let state = folder.path().join("state");
    std::fs::create_dir(&state)?;
    let replica = open(&state)?;
    fill(&replica, count)?;
    drop(replica);
    enrolled(&state)?;
    let mut scanners = [Scanner::plug_in(folder.path().join("gun-1"))?];
    let (mut program, _) = start(folder.path(), &state, &scanners, FEEDBACK).await?;
    let mut bare = Scanner::plug_in(folder.path().join("bare"))?;
    let echo = echo(bare.path())?;
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    // The first scans wait until the station has opened its port.
    tokio::time::sleep(Duration::from_secs(2)).await;
    for round in 0..rounds as u64 {
        let code = waybill((round * 7_919) % count + 1);
        ours.add(answered(&mut scanners[0], &code)?);
        tokio::time::sleep(REST).await;
        theirs.add(answered(&mut bare, &code)?);
        tokio::time::sleep(REST).await;
    }
    program.kill()?;
    drop(bare);
    echo.join().ok().context("the echo broke")?;
    Ok(vec![
        Row::p99_to_goal("last byte on the port to beep and light, without the disk", "µs", &ours, 300.0),
        Row::p99_beside("the same, p99", "µs", &ours, "p99 of an echo over the same kind of line", &theirs),
    ])
}

/// How long after the last byte the first byte came back; what follows it is let go.
fn answered(scanner: &mut Scanner, code: &str) -> Result<Duration> {
    scanner.heard()?;
    scanner.scan(code)?;
    let sent = instant();
    while scanner.heard()?.is_empty() {
        if sent.elapsed() > PATIENCE {
            bail!("the scan of `{code}` was not answered");
        }
    }
    Ok(sent.elapsed())
}

/// The bare way there and back: somebody who waits for the last byte and answers with one.
fn echo(path: &Path) -> Result<std::thread::JoinHandle<()>> {
    let port = serialport::new(path.to_string_lossy(), 9_600).timeout(PATIENCE).open_native()?;
    drop(port);
    let mut line = File::options().read(true).write(true).open(path)?;
    // The port was opened once as a serial port, so that it is raw: no echo and no lines.
    Ok(std::thread::spawn(move || {
        let mut bytes = [0; 256];
        while let Ok(count @ 1..) = line.read(&mut bytes) {
            if bytes[..count].contains(&b'\r') && line.write_all(&[7]).is_err() {
                return;
            }
        }
    }))
}
