//! What is known about the hub's own health.

use crate::store::StoreError;
use packline_protocol::id::{SiteId, StationId};
use packline_protocol::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// What was looked up, all at about the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The wall clock of the hub.
    pub now: Timestamp,
    /// The program's version.
    pub version: &'static str,
    /// The database's kind.
    pub engine: String,
    /// Its schema.
    pub schema: i64,
    /// How long it took to answer, in milliseconds; `None` when it did not.
    pub database_ms: Option<u64>,
    /// How large it is.
    pub database_bytes: u64,
    /// The database's own clock ahead of the hub's, in milliseconds, where it has one.
    pub database_ahead_ms: Option<i64>,
    /// Whether the hub is connected to its broker.
    pub broker_up: bool,
    /// Imports that wait or run.
    pub imports_waiting: u64,
    /// Marks of changes that no log has yet.
    pub marks_waiting: u64,
    /// Things that are wanted outside and wait.
    pub effects_waiting: u64,
    /// Of these, tried without success; and things that were given up.
    pub effects_failing: u64,
    /// The disk that the data folder is on.
    pub disk: Option<Disk>,
    /// From which share of use on it is to be warned, in percent.
    pub disk_warn_percent: u64,
    /// When the newest backup that is done was begun.
    pub backup_at: Option<Timestamp>,
    /// Whether the newest try failed.
    pub backup_failed: bool,
    /// Whether the hub is to back itself up daily.
    pub backup_daily: bool,
    /// How long this program runs, in milliseconds.
    pub uptime_ms: u64,
    /// Memory of this process that is in use, in bytes.
    pub memory_bytes: Option<u64>,
    /// Each site.
    pub sites: Vec<SiteFacts>,
    /// Each station that may work.
    pub stations: Vec<StationFacts>,
}

/// A disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Bytes that this program may still write.
    pub free: u64,
    /// All bytes.
    pub size: u64,
}

impl Disk {
    /// How full it is, in percent.
    pub fn used_percent(self) -> u64 {
        let used = self.size.saturating_sub(self.free);
        u64::try_from(u128::from(used) * 100 / u128::from(self.size.max(1))).unwrap_or(100)
    }
}

/// A site's change log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteFacts {
    /// Which site.
    pub site: SiteId,
    /// Its newest change.
    pub seq: u64,
    /// Rows that stations of it have.
    pub rows: u64,
    /// Whether a hub leads it.
    pub is_led: bool,
}

/// A station as the hub knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StationFacts {
    /// Which.
    pub station: StationId,
    /// Where.
    pub site: SiteId,
    /// Whether it is connected.
    pub online: bool,
    /// Changes that its replica does not have; `None` when that is not known.
    pub lag: Option<u64>,
    /// Whether its replica is proven to be another than the hub's.
    pub differs: bool,
    /// Records that the hub has not acknowledged.
    pub backlog: u64,
    /// How full its journal is, in percent.
    pub journal_percent: u8,
    /// Its clock ahead of the hub's, in milliseconds.
    pub clock_ahead_ms: Option<i64>,
    /// Frames that its scanners read since it started.
    pub frames: u64,
    /// Frames that were refused.
    pub refused: u64,
    /// Alarms that it or the hub raised.
    pub alarms: u64,
}

/// How good something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Good,
    /// A person should look at it soon.
    Warn,
    /// A person should come.
    Bad,
}

/// One thing that was looked at, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is about.
    pub topic: Topic,
    /// How good it is.
    pub state: State,
    /// The figure that says it.
    pub figure: Figure,
}

/// What an item is about. The words are in [`super::text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// The database answers.
    Database,
    /// The broker is connected.
    Broker,
    /// Files wait to be read.
    Imports,
    /// Changes wait for their log.
    Marks,
    /// Things to be done outside.
    Effects,
    /// The disk of the data folder.
    Disk,
    /// The newest backup.
    Backup,
    /// The clocks.
    Clock,
    /// Every site is led.
    Leaders,
    /// Stations hear the hub.
    Stations,
    /// Stations' replicas are those of the hub.
    Replicas,
    /// Records wait at stations.
    Backlog,
}

/// A figure, said in the reader's language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Figure {
    /// Milliseconds of an answer.
    Millis(u64),
    /// There is none.
    None,
    /// Yes or no.
    Is(bool),
    /// So many.
    Count(u64),
    /// So many of so many.
    Of(u64, u64),
    /// A share, with what is left in bytes.
    Used(u64, u64),
    /// An age in milliseconds.
    Age(u64),
    /// Milliseconds ahead.
    Ahead(i64),
}

/// Why health cannot be looked up.
#[derive(Debug, thiserror::Error)]
#[error("failed to look up how the hub is doing")]
pub struct HealthError(#[source] pub StoreError);
