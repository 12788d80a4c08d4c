//! Proves the chain, and seals its end.
//!
//! Three things stand behind an entry. The hash chain shows any change that does not rewrite everything after it. The
//! mark of each entry, with a key from the hub's key, shows a rewritten chain. The newest seal, signed and kept in a file
//! beside the hub's key, shows a chain that was cut off and ends earlier. Whoever holds database and hub key can do
//! everything; whoever holds the database alone can remove what was written since the newest seal, a minute at most.

use super::super::chain::{self, Walk};
use super::super::model::{Fault, FaultKind, Hash, Report, Seal};
use super::super::{model::Entry, model::Subject, store};
use super::record;
use crate::actor::Actor;
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::keys::{from_hex, to_hex};
use crate::store::StoreError;
use ed25519_dalek::SigningKey;
use packline_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tracing::{error, info};

/// The newest seal, beside the hub's key and outside the database.
pub const SEAL_FILE: &str = "audit.seal";

/// Entries that are read at a time.
const PAGE: i64 = 1_000;

/// What this process knows of the chain.
#[derive(Debug, Default)]
pub struct Watch(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    walk: Option<Walk>,
    report: Option<Report>,
}

impl Watch {
    /// What the last check came to.
    pub fn report(&self) -> Option<Report> {
        self.known().report.clone()
    }

    fn walk(&self) -> Option<Walk> {
        self.known().walk
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks the whole chain, entry by entry, and says the first thing that is wrong.
pub async fn verify(app: &App) -> Result<Report, StoreError> {
    check(app, Walk::start()).await
}

/// Checks what was added since the last check of this process, and signs the end when all is well. Says what it found.
pub async fn seal(app: &App) -> Result<Report> {
    let from = app.audit.walk().unwrap_or(Walk::start());
    let report = check(app, from).await?;
    let Some(walk) = app.audit.walk().filter(|walk| report.fault.is_none() && walk.seq > report.sealed) else {
        return Ok(report);
    };
    put_seal(app, walk).await?;
    Ok(Report { sealed: walk.seq, ..report })
}

async fn put_seal(app: &App, walk: Walk) -> Result<()> {
    let seal = chain::seal(walk, app.clock.now(), app.keys.hub_id(), &seal_key(app));
    let mut tx = app.db.begin("audit.seal").await?;
    store::put_seal(&mut tx, &seal).await?;
    tx.commit().await?;
    write_anchor(&app.config.data, &seal)
        .map_err(|cause| Error::internal(format!("failed to write the audit log's seal `{SEAL_FILE}`"), cause))?;
    if let Some(report) = &mut app.audit.known().report {
        report.sealed = seal.seq;
    }
    Ok(())
}

/// After a backup was restored, the newest seal is ahead of the chain, as it is when somebody cuts it off. This writes
/// down that it was a restore, by whom, and what was lost, and seals the shorter chain. Refused when anything else is
/// wrong with it.
pub async fn accept_restore(app: &App, actor: &Actor) -> Result<Report> {
    let report = verify(app).await?;
    let lost = match &report.fault {
        None => return seal(app).await,
        Some(Fault { kind: FaultKind::CutOff { last }, seq }) if *seq == report.entries + 1 => (*seq, *last),
        Some(fault) => return Err(Error::new(Kind::Conflict, format!("the audit log is not whole: {fault}"))),
    };
    let lost = serde_json::json!({ "first_lost": lost.0, "last_lost": lost.1 });
    let entry = Entry::new(app.clock.now(), actor, "audit.restored", Subject::new("audit", "chain")).before(lost);
    let mut tx = app.db.begin("audit.restored").await?;
    record(&mut tx, entry).await?;
    tx.commit().await?;
    let _ = fs::remove_file(app.config.data.join(SEAL_FILE));
    app.audit.known().walk = None;
    seal(app).await
}

async fn check(app: &App, from: Walk) -> Result<Report, StoreError> {
    // Read before the end of the chain: another process may move both on.
    let anchor = read_anchor(&app.config.data);
    let mut view = app.db.view("audit.verify").await?;
    let (head, end, last) = store::head(view.conn()).await?;
    drop(view);
    let mut checker = Checker { app, walk: from, sealed: 0, anchor };
    let fault = match checker.walk_to(head).await? {
        None => checker.end(head, &end, last).await?,
        fault => fault,
    };
    let Checker { walk, sealed, .. } = checker;
    let report =
        Report { verified: walk.seq, entries: last, sealed, head: to_hex(&walk.hash), at: app.clock.now(), fault };
    keep(app, walk, &report);
    Ok(report)
}

struct Checker<'a> {
    app: &'a App,
    walk: Walk,
    sealed: i64,
    anchor: Option<Seal>,
}

impl Checker<'_> {
    async fn walk_to(&mut self, head: i64) -> Result<Option<Fault>, StoreError> {
        let key = chain_key(self.app);
        if let Some(seal) = self.anchor.iter().find(|seal| seal.seq == self.walk.seq) {
            self.sealed = seal.seq;
        }
        loop {
            let read = self.app.db.read();
            let entries = store::entries_after(read, self.walk.seq, head, PAGE).await?;
            let Some(last) = entries.last() else { return Ok(None) };
            let mut seals = store::seals_after(read, self.walk.seq, last.seq, PAGE).await?;
            seals.extend(self.anchor.clone());
            for entry in &entries {
                if let Err(kind) = self.walk.step(entry, &key) {
                    return self.fault(kind).await.map(Some);
                }
                for seal in seals.iter().filter(|seal| seal.seq == entry.seq) {
                    if let Some(kind) = self.weigh(seal) {
                        return Ok(Some(Fault { seq: seal.seq, kind }));
                    }
                }
            }
        }
    }

    /// What is wrong with a seal at the last entry that was walked over.
    fn weigh(&mut self, seal: &Seal) -> Option<FaultKind> {
        if !chain::is_ours(seal, &seal_key(self.app).verifying_key()) {
            return Some(FaultKind::BadSeal);
        }
        if seal.hash != self.walk.hash {
            return Some(FaultKind::NotAsSealed);
        }
        self.sealed = self.sealed.max(seal.seq);
        None
    }

    /// When the entry that belongs here stands somewhere else, that is said.
    async fn fault(&self, kind: FaultKind) -> Result<Fault, StoreError> {
        let seq = self.walk.seq + 1;
        let kind = match store::find_follower(self.app.db.read(), &self.walk.hash).await? {
            Some(found) if found != seq => FaultKind::Moved { found },
            _ => kind,
        };
        Ok(Fault { seq, kind })
    }

    /// Whether the chain ends where it should.
    async fn end(&self, head: i64, end: &Hash, last: i64) -> Result<Option<Fault>, StoreError> {
        let sealed = store::last_seal(self.app.db.read()).await?;
        // A seal in the database may be newer than this look at the end of the chain; the walk cannot.
        let sealed = sealed.filter(|seal| chain::is_ours(seal, &seal_key(self.app).verifying_key()));
        let known = sealed.map(|seal| seal.seq).filter(|seq| *seq > last);
        let still = match known {
            Some(_) => store::head(self.app.db.view("audit.verify").await?.conn()).await?.2,
            None => last,
        };
        let known = known.filter(|seq| *seq > still);
        let anchor = self.anchor.as_ref().map(|seal| seal.seq);
        let most = [known, anchor, Some(head), Some(self.walk.seq)].into_iter().flatten().max().unwrap_or(0);
        let fault = |seq, kind| Ok(Some(Fault { seq, kind }));
        if most > last {
            return fault(last + 1, FaultKind::CutOff { last: most });
        }
        if last > head {
            return fault(head + 1, FaultKind::Beyond);
        }
        if self.walk.hash != *end {
            return fault(head, FaultKind::WrongEnd);
        }
        Ok(None)
    }
}

/// Remembers how far the chain is right, and says so when it is not.
fn keep(app: &App, walk: Walk, report: &Report) {
    let gauge = app.metrics.gauge("packline_audit_faults", "Whether the audit log is found not whole: 0 or 1.", &[]);
    gauge.set(i64::from(report.fault.is_some()));
    app.metrics.gauge("packline_audit_entries", "Entries of the audit log.", &[]).set(report.entries);
    let mut known = app.audit.known();
    let was = known.report.as_ref().and_then(|report| report.fault.clone());
    match &report.fault {
        Some(fault) if was.as_ref() != Some(fault) => {
            error!(audit.entry = fault.seq, "The audit log is not whole: {fault}");
        }
        None if was.is_some() => info!(audit.entries = report.entries, "The audit log is whole again"),
        _ => {}
    }
    known.walk = Some(walk).filter(|_| report.fault.is_none());
    known.report = Some(report.clone());
}

fn chain_key(app: &App) -> crate::store::ChainKey {
    crate::store::ChainKey { id: app.keys.hub_id(), secret: app.keys.derive("audit chain") }
}

fn seal_key(app: &App) -> SigningKey {
    SigningKey::from_bytes(&app.keys.derive("audit seal"))
}

/// A seal as it stands in the file.
#[derive(Serialize, Deserialize)]
struct SealFile {
    seq: i64,
    hash: String,
    at: i64,
    key_id: String,
    signature: String,
}

/// The seal in the file. None, or one that does not read, stands behind nothing: whoever can write there has the key.
fn read_anchor(data: &Path) -> Option<Seal> {
    let file: SealFile = serde_json::from_slice(&fs::read(data.join(SEAL_FILE)).ok()?).ok()?;
    let signature: [u8; 64] = from_hex(&file.signature)?;
    let hash = from_hex(&file.hash)?;
    Some(Seal { seq: file.seq, hash, at: Timestamp(file.at), key_id: file.key_id, signature: signature.to_vec() })
}

fn write_anchor(data: &Path, seal: &Seal) -> io::Result<()> {
    let (hash, signature) = (to_hex(&seal.hash), to_hex(&seal.signature));
    let file = SealFile { seq: seal.seq, hash, at: seal.at.0, key_id: seal.key_id.clone(), signature };
    let path: PathBuf = data.join(SEAL_FILE);
    let aside = path.with_extension("seal-new");
    let mut open = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    open.write_all(&serde_json::to_vec(&file)?)?;
    open.write_all(b"\n")?;
    open.sync_all()?;
    fs::rename(&aside, &path)
}
