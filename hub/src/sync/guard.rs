//! What this hub last saw of each log, in a small file beside the database.
//!
//! When the database is put back to an older state, this file says so. It is written without syncing: losing its last
//! seconds only means that stations, who remember too, are the ones to notice.

use super::fold::Seen;
use crate::clock;
use packline_protocol::id::SiteId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The name of the file in the data folder.
pub const GUARD_FILE: &str = "seen.json";

/// The file and what is in it.
#[derive(Debug)]
pub struct Guard {
    path: PathBuf,
    content: Mutex<Content>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    /// Tells the hubs on one database apart.
    instance: String,
    sites: BTreeMap<SiteId, Seen>,
}

impl Guard {
    /// Reads the file in `folder`, or makes it. A file that cannot be understood is taken for none.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join(GUARD_FILE);
        let content = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let guard = Self { path, content: Mutex::new(content.unwrap_or_else(Content::fresh)) };
        guard.save()?;
        Ok(guard)
    }

    /// This hub's name among the hubs on one database.
    pub fn instance(&self) -> String {
        self.lock().instance.clone()
    }

    /// What was last seen of the log of `site`.
    pub fn seen(&self, site: &SiteId) -> Option<Seen> {
        self.lock().sites.get(site).copied()
    }

    /// Remembers where the log of `site` stands.
    pub fn note(&self, site: &SiteId, seen: Seen) -> io::Result<()> {
        let before = self.lock().sites.insert(site.clone(), seen);
        if before == Some(seen) { Ok(()) } else { self.save() }
    }

    fn save(&self) -> io::Result<()> {
        let content = self.lock();
        let aside = self.path.with_extension("new");
        fs::write(&aside, serde_json::to_vec(&*content)?)?;
        fs::rename(&aside, &self.path)
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn fresh() -> Self {
        Self { instance: format!("{:016x}", clock::random_u64()), sites: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packline_protocol::id::{Epoch, Seq};

    #[test]
    fn what_was_seen_is_there_after_a_restart_and_a_broken_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let site = SiteId::parse("sz-1").unwrap();
        let seen = Seen { epoch: Epoch(u64::MAX), seq: Seq(9) };
        let first = Guard::open(folder.path()).unwrap();
        first.note(&site, seen).unwrap();
        let second = Guard::open(folder.path()).unwrap();
        assert_eq!((second.seen(&site), second.instance()), (Some(seen), first.instance()));
        fs::write(folder.path().join(GUARD_FILE), "{").unwrap();
        assert_eq!(Guard::open(folder.path()).unwrap().seen(&site), None);
    }
}
