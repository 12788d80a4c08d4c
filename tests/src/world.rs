//! A site: one hub, its stations, and the questions that only somebody who sees all of them can ask.

use crate::clock::until;
use crate::hub::{BrokerTls, Hub, HubPlan};
use crate::mosquitto::Mosquitto;
use crate::program::Programs;
use crate::station::{Station, StationPlan};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

/// The site's name.
pub const SITE: &str = "demo";
/// The hub's password at a Mosquitto; the broker listens on this machine alone and lives as long as a story.
const BROKER_PASSWORD: &str = "sample-password-of-a-story";

/// Which hub a site has.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Another database than the embedded SQLite.
    pub db: Option<String>,
    /// A Mosquitto instead of the embedded broker.
    pub mosquitto: bool,
    /// Where the hub's pages listen; port 0 takes any.
    pub http: String,
    /// Where the embedded broker listens; port 0 takes any.
    pub mqtt: String,
    /// For how many hours a change log keeps what went, where it is not the usual time.
    pub log_keep_hours: Option<u32>,
    /// The certificate of the embedded broker, where stations connect by TLS.
    pub tls: Option<BrokerTls>,
}

impl Setup {
    /// Everything embedded, on free ports.
    pub fn embedded() -> Setup {
        let any = "127.0.0.1:0".to_owned();
        Setup { db: None, mosquitto: false, http: any.clone(), mqtt: any, log_keep_hours: None, tls: None }
    }
}

/// A running site in a folder of its own, which goes when the site goes.
#[derive(Debug)]
pub struct World {
    /// Its stations. Before the hub, so that they are stopped first.
    pub stations: Vec<Station>,
    /// Its hub; `None` while it is down.
    hub: Option<Hub>,
    /// The broker, where it is not the hub's own.
    pub mosquitto: Option<Mosquitto>,
    programs: Programs,
    folder: TempDir,
}

impl World {
    /// A site with a hub and no station.
    pub async fn open(programs: Programs, setup: &Setup) -> Result<World> {
        let folder = tempfile::Builder::new().prefix("packline-site-").tempdir()?;
        let mosquitto = match setup.mosquitto {
            true => Some(Mosquitto::start(&folder.path().join("mosquitto"), BROKER_PASSWORD).await?),
            false => None,
        };
        let plan = HubPlan {
            db: setup.db.clone(),
            broker: mosquitto.as_ref().map(Mosquitto::for_hub),
            http: setup.http.clone(),
            mqtt: setup.mqtt.clone(),
            site: SITE.to_owned(),
            log_keep_hours: setup.log_keep_hours,
            tls: setup.tls.clone(),
            ..HubPlan::embedded(folder.path().join("hub"))
        };
        let hub = Some(Hub::start(&programs, plan).await?);
        Ok(World { stations: Vec::new(), hub, mosquitto, programs, folder })
    }

    /// The hub.
    pub fn hub(&self) -> &Hub {
        self.hub.as_ref().expect("the hub is only taken while it is down")
    }

    /// Takes the hub out, for whoever kills it while the stations go on.
    pub fn take_hub(&mut self) -> Result<Hub> {
        self.hub.take().context("the hub is there")
    }

    /// Puts the hub back.
    pub fn put_hub(&mut self, hub: Hub) {
        self.hub = Some(hub);
    }

    /// The programs that play here.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// The site's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The station of this name.
    pub fn station(&mut self, name: &str) -> Result<&mut Station> {
        let found = self.stations.iter_mut().find(|station| station.name() == name);
        found.with_context(|| format!("there is no station `{name}`"))
    }

    /// Adds a station and waits until it knows what the hub knows.
    pub async fn add_station(&mut self, plan: StationPlan) -> Result<()> {
        let mut station = Station::enrolled(&self.programs, self.hub(), self.folder.path(), plan).await?;
        if let Some(broker) = &self.mosquitto {
            broker.admit(self.hub())?;
        }
        station.boot().await?;
        station.is_fresh().await?;
        self.stations.push(station);
        self.settle().await
    }

    /// Kills the hub without warning and starts it again.
    pub async fn crash_hub(&mut self) -> Result<()> {
        let hub = self.take_hub()?;
        self.hub = Some(hub.restart().await?);
        Ok(())
    }

    /// Waits until every running station has exactly the hub's rows, and the hub every record of theirs.
    pub async fn settle(&self) -> Result<()> {
        let settled = until("stations and hub to agree", async || {
            // A program that is just coming back does not answer yet.
            let agreed = async { anyhow::Ok(self.replicas_equal().await? && self.backlog().await? == 0) };
            Ok(agreed.await.unwrap_or(false).then_some(()))
        });
        match settled.await {
            Ok(()) => Ok(()),
            Err(error) => bail!("{error}: {}", self.standing().await),
        }
    }

    /// Whether everything that happened is in the change log, and every running station's replica is the hub's, proof
    /// for proof.
    pub async fn replicas_equal(&self) -> Result<bool> {
        let log = self.hub().log(SITE).await?;
        let head = Position::of(&log)?;
        if log["is_waiting"] != false {
            return Ok(false);
        }
        for station in &self.stations {
            if Position::of(&station.status().await?["replica"])? != head {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Records that running stations hold and the hub has not acknowledged.
    pub async fn backlog(&self) -> Result<u64> {
        let mut backlog = 0;
        for station in &self.stations {
            backlog += number(&station.status().await?["journal"], "backlog")?;
        }
        Ok(backlog)
    }

    /// Every scan record that the hub has, oldest first.
    pub async fn records(&self) -> Result<Vec<Value>> {
        let mut records = self.hub().list("/api/v1/scans").await?;
        records.reverse();
        Ok(records)
    }

    /// Where everybody stands, for an error.
    async fn standing(&self) -> String {
        let mut standing = format!("hub {:?}", self.hub().log(SITE).await);
        for station in &self.stations {
            match station.status().await {
                Ok(status) => {
                    let (replica, journal, link) = (&status["replica"], &status["journal"], &status["link"]);
                    standing += &format!("; {} replica {replica} journal {journal} link {link}", station.name());
                }
                Err(error) => standing += &format!("; {} does not answer: {error:#}", station.name()),
            }
        }
        standing
    }
}

/// Where a replica or the hub's log stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The log's life.
    pub epoch: String,
    /// The newest change.
    pub seq: u64,
    /// The proof of the state there.
    pub root: String,
}

impl Position {
    /// The position in what a program says of itself.
    pub fn of(value: &Value) -> Result<Position> {
        Ok(Position {
            epoch: crate::api::text(value, "epoch")?,
            seq: number(value, "seq")?,
            root: crate::api::text(value, "root")?,
        })
    }
}

/// A whole number that must be there.
pub fn number(value: &Value, key: &str) -> Result<u64> {
    value[key].as_u64().with_context(|| format!("`{key}` is missing in {value}"))
}
