//! A hub with its broker in this process, and links of stations to it: real MQTT over loopback.

use super::sample::body;
use crate::clock::{until, wall_ms};
use anyhow::{Context, Result};
use packline_edge::disk::RealDisk;
use packline_edge::hub_time::HubTime;
use packline_edge::journal::{self, Birth, Journal, Store};
use packline_edge::link::{self, Running, mqtt};
use packline_edge::replica::{Replica, Settings as ReplicaSettings};
use packline_hub::actor::Actor;
use packline_hub::app::App;
use packline_hub::config::{Config, Settings};
use packline_hub::fleet::actions::{EnrolRequest, enrol, invite};
use packline_hub::sync::{feed::Feed, service};
use packline_hub::{keys, serve};
use packline_protocol::change::RowId;
use packline_protocol::envelope::{Opener, Sealer};
use packline_protocol::id::{BootId, ParcelId, SiteId, StationEpoch, StationId};
use packline_protocol::time::Timestamp;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::task::JoinSet;

/// Rows per insert while a log is filled by hand.
const FILL_ROWS: usize = 250;

/// A running hub.
pub struct Site {
    /// The hub.
    pub app: App,
    /// Its only site.
    pub site: SiteId,
    parts: JoinSet<Result<()>>,
    broker: Option<SocketAddr>,
    folder: TempDir,
}

/// What opens the broker for a station.
pub struct Pass {
    station: StationId,
    key: [u8; 32],
    secret: String,
}

/// A station's journal, replica and link.
pub struct Member {
    /// What it knows.
    pub replica: Replica,
    link: Running,
    journal: Journal,
    _folder: TempDir,
}

impl Site {
    /// A hub that is not connected yet.
    pub async fn open() -> Result<Site> {
        let folder = tempfile::tempdir()?;
        let settings = Settings {
            data: Some(folder.path().join("hub")),
            mqtt_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            ..Settings::default()
        };
        let app = serve::open(Config::try_from(settings)?).await?;
        Ok(Site { app, site: SiteId::parse("bench")?, parts: JoinSet::new(), broker: None, folder })
    }

    /// Puts parcels 1 to `count` into the change log as if each had come by itself; the hub proves them when it leads.
    pub async fn fill(&self, count: u64) -> Result<()> {
        Feed::lead(&self.app.db, &self.site, "filler", None, now()).await?.context("nobody else leads")?;
        let mut tx = self.app.db.begin("bench.fill").await?;
        for first in (1..=count).step_by(FILL_ROWS) {
            let mut insert =
                sqlx::QueryBuilder::<sqlx::Any>::new("INSERT INTO replica_row (site, row_id, seq, body, updated_at) ");
            insert.push_values(first..=count.min(first + FILL_ROWS as u64 - 1), |mut row, number| {
                row.push_bind(self.site.to_string())
                    .push_bind(RowId::parcel(ParcelId(number)).0.cast_signed())
                    .push_bind(number.cast_signed())
                    .push_bind(body(number, number))
                    .push_bind(0_i64);
            });
            insert.build().execute(tx.conn()).await?;
        }
        sqlx::query("UPDATE replica_site SET seq = $1, lease_until = 0")
            .bind(count.cast_signed())
            .execute(tx.conn())
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Starts broker, feed and everything else that stations need.
    pub async fn start(&mut self) -> Result<()> {
        self.broker = service::start(&self.app, &mut self.parts).await?;
        Ok(())
    }

    /// Lets a station in.
    pub async fn enrol(&self, number: u64) -> Result<Pass> {
        let station = StationId::parse(&format!("bench-{number}"))?;
        let mut key = [7; 32];
        key[..8].copy_from_slice(&number.to_le_bytes());
        let by = Actor::Cli("bench".to_owned());
        let token = invite(&self.app.db, &self.site, &station, &by, now()).await?.token;
        let secret = keys::to_hex(&key);
        let public_key = keys::to_hex(&Sealer::new(&key).public());
        enrol(&self.app.db, &EnrolRequest { token, public_key, mqtt_secret: secret.clone() }, now()).await?;
        Ok(Pass { station, key, secret })
    }

    /// How a station reaches the broker. Whoever was let in before is known there.
    pub async fn way(&self, pass: &Pass) -> Result<mqtt::Config> {
        self.app.fleet.reload(&self.app.db).await?;
        let broker = self.broker.context("the hub was started")?;
        Ok(mqtt::Config {
            host: broker.ip().to_string(),
            port: broker.port(),
            tls: None,
            client_id: pass.station.to_string(),
            password: pass.secret.clone(),
            filters: link::filters(&self.site, &pass.station),
            backoff: mqtt::Backoff::default(),
        })
    }

    /// A new station with an empty replica, on its way to the hub.
    pub async fn join(&self, pass: &Pass) -> Result<Member> {
        let folder = tempfile::tempdir()?;
        let disk = Arc::new(RealDisk::open(folder.path())?);
        let birth = Birth { epoch: StationEpoch(1), boot: BootId(1), now: packline_edge::clock::now() };
        let journal = Journal::start(Store::open(disk.clone(), journal::Settings::default(), birth)?.0);
        let settings = ReplicaSettings { site: self.site.clone(), cache_bytes: super::replica::CACHE_BYTES };
        let replica = Replica::open(disk, settings)?.0;
        let hub = Sealer::new(self.app.keys.signing().as_bytes()).public();
        let link = Running::start(link::Parts {
            mqtt: self.way(pass).await?,
            site: self.site.clone(),
            station: pass.station.clone(),
            sealer: Arc::new(Sealer::new(&pass.key)),
            hub_key: Opener::new(&hub)?,
            boot: BootId(1),
            journal: journal.clone(),
            replica: replica.clone(),
            hub_time: HubTime::known(Timestamp(0)),
        });
        Ok(Member { replica, link, journal, _folder: folder })
    }

    /// Waits until a leader has proven the log and folded what waits.
    pub async fn settle(&self, rows: u64) -> Result<()> {
        until("the change log to be level", async || {
            let count = "SELECT live FROM replica_site WHERE lease_owner <> 'filler' AND live >= $1 \
                AND NOT EXISTS (SELECT 1 FROM replica_dirty)";
            let found = sqlx::query(count).bind(rows.cast_signed()).fetch_optional(self.app.db.read()).await?;
            Ok(found.map(drop))
        })
        .await
    }

    /// Where the hub keeps what it has ready for new stations.
    pub fn snapshots(&self) -> PathBuf {
        self.folder.path().join("hub/snapshots")
    }

    /// Stops the hub; its data is still there.
    pub async fn stop(mut self) -> TempDir {
        self.app.stop();
        while self.parts.join_next().await.is_some() {}
        self.app.db.close().await;
        self.folder
    }
}

impl Member {
    /// Ends the link and closes the journal.
    pub async fn leave(self) {
        self.link.stop().await;
        self.journal.close();
    }
}

/// The wall clock.
pub fn now() -> Timestamp {
    Timestamp(wall_ms())
}
