//! Reading the files of a station that does not run. Nothing is created and nothing is repaired that could be lost.

use crate::clock;
use crate::config::Config;
use crate::credential::Credential;
use crate::disk::{Disk as _, RealDisk};
use crate::journal::{self, Store};
use crate::panel::ReplicaShown;
use crate::replica::{self, Replica};
use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use std::sync::Arc;

/// What the files say.
pub fn status(config: &Config) -> anyhow::Result<Value> {
    let credential = Credential::load(&config.state)?;
    let journal = journal(config)?.map(|store| store.head());
    let replica = replica(config, &credential)?;
    Ok(json!({
        "running": false,
        "station": credential.station,
        "site": credential.site,
        "link": {
            "up": false,
            "doing": "the station does not run",
            "age_ms": replica.as_ref().and_then(|replica| replica.age_ms(clock::now())),
        },
        "replica": replica.as_ref().map(|replica| ReplicaShown::new(&replica.state())),
        "journal": journal.map(|head| json!({
            "to": head.newest,
            "acked": head.acked,
            "backlog": head.backlog(),
            "percent": head.percent(),
        })),
    }))
}

/// The journal; `None` when there is none. A damaged one is left for the station to save.
pub fn journal(config: &Config) -> anyhow::Result<Option<Store>> {
    let disk = disk(config)?;
    if !disk.exists("journal.redb").context("failed to look for the journal")? {
        return Ok(None);
    }
    let settings = journal::Settings { bytes_max: config.journal_bytes, ..journal::Settings::default() };
    Ok(Some(Store::open_whole(Arc::new(disk), settings)?))
}

fn replica(config: &Config, credential: &Credential) -> anyhow::Result<Option<Replica>> {
    let disk = disk(config)?;
    if !disk.exists("replica.redb").context("failed to look for the replica")? {
        return Ok(None);
    }
    let settings = replica::Settings { site: credential.site.clone(), cache_bytes: config.cache_bytes };
    let (replica, _) = Replica::open(Arc::new(disk), settings)?;
    Ok(Some(replica))
}

pub(super) fn disk(config: &Config) -> anyhow::Result<RealDisk> {
    if !config.state.is_dir() {
        bail!("state folder `{}` is not there; give --state DIR", config.state.display());
    }
    RealDisk::open(&config.state).with_context(|| format!("failed to open `{}`", config.state.display()))
}
