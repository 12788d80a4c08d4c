//! Looks everything up.

use super::decide;
use super::model::{Disk, Facts, HealthError, Item, SiteFacts, State, StationFacts};
use super::store;
use crate::app::App;
use crate::backup;
use crate::clock;
use crate::effects;
use crate::fleet;
use crate::fleet::model::{Digest, StationStatus, StationView};
use crate::store::{StoreError, schema_version};
use std::path::Path;

/// The gauge that says whether the hub is connected to its broker.
pub const BROKER_CONNECTED: &str = "packline_broker_connected";
/// What that gauge means.
pub const BROKER_HELP: &str = "Whether the hub is connected to its broker, 1 or 0.";

/// Everything that is known now.
pub async fn facts(app: &App) -> Result<Facts, HealthError> {
    let failed = HealthError;
    let started = clock::instant();
    let answered = app.db.ping().await.is_ok();
    let database_ms = answered.then(|| u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
    let (db, now, engine) = (app.db.read(), app.clock.now(), app.db.engine());
    let settings = app.settings.now();
    let runs = backup::actions::recent(app, 1).await.map_err(|error| failed(other(error)))?;
    let done = backup::actions::last_done(app).await.map_err(|error| failed(other(error)))?;
    let stations = fleet::actions::views(app).await.map_err(|error| failed(other(error)))?;
    let sites = store::sites(db).await.map_err(failed)?;
    let effects = effects::actions::counts(&app.db).await.map_err(|error| failed(other(error)))?;
    let clock_at = store::clock(db, engine).await.map_err(failed)?;
    Ok(Facts {
        now,
        version: env!("CARGO_PKG_VERSION"),
        engine: engine.to_string(),
        schema: schema_version(),
        database_ms,
        database_bytes: store::size(db, engine).await.map_err(failed)?,
        database_ahead_ms: clock_at.map(|at| at.since_ms(app.clock.now())),
        broker_up: app.metrics.gauge(BROKER_CONNECTED, BROKER_HELP, &[]).get() > 0,
        imports_waiting: store::imports_waiting(db).await.map_err(failed)?,
        marks_waiting: store::marks_waiting(db).await.map_err(failed)?,
        effects_waiting: effects.waiting.unsigned_abs(),
        effects_failing: effects.failing.unsigned_abs() + effects.given_up.unsigned_abs(),
        disk: disk_of(&app.config.data),
        disk_warn_percent: settings.disk_warn_percent.unsigned_abs(),
        backup_at: done.map(|run| run.started_at),
        backup_failed: runs.first().is_some_and(|run| run.status == "failed"),
        backup_daily: settings.backup_daily,
        uptime_ms: clock::moment().0,
        memory_bytes: memory(),
        sites: sites
            .into_iter()
            .map(|row| SiteFacts { is_led: row.led_until >= now, site: row.site, seq: row.seq, rows: row.rows })
            .collect(),
        stations: stations.iter().filter(|view| view.status == StationStatus::Active).map(station).collect(),
    })
}

/// The facts, judged, and the worst of them.
pub async fn judged(app: &App) -> Result<(Facts, Vec<Item>, State), HealthError> {
    let facts = facts(app).await?;
    let items = decide::judge(&facts);
    let worst = decide::worst(&items);
    Ok((facts, items, worst))
}

fn other(error: impl std::error::Error) -> StoreError {
    StoreError::row("health.facts", crate::error::chain(&error))
}

fn station(view: &StationView) -> StationFacts {
    let lag = match view.digest {
        Digest::Equal => Some(0),
        Digest::Behind { changes, .. } => Some(changes),
        Digest::Different | Digest::OtherLife | Digest::Unknown => None,
    };
    StationFacts {
        station: view.station.clone(),
        site: view.site.clone(),
        online: view.online,
        lag,
        differs: view.digest == Digest::Different,
        backlog: view.backlog.unwrap_or_default(),
        journal_percent: view.journal_percent.unwrap_or_default(),
        clock_ahead_ms: view.clock_ahead_ms,
        frames: view.scanners.iter().map(|scanner| scanner.frames).sum(),
        refused: view.scanners.iter().map(|scanner| scanner.refused).sum(),
        alarms: view.alarms.len() as u64,
    }
}

fn disk_of(folder: &Path) -> Option<Disk> {
    let stat = nix::sys::statvfs::statvfs(folder).ok()?;
    let block = stat.fragment_size();
    Some(Disk { free: stat.blocks_available().saturating_mul(block), size: stat.blocks().saturating_mul(block) })
}

/// Resident memory of this process, as Linux counts it.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024)
}
