//! What a person should know about this station, until it is over: one sentence under a short stable key.

use packline_protocol::uplink::Alarm;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The alarms that stand. Clones are handles on the same ones.
#[derive(Debug, Clone, Default)]
pub struct Alarms {
    standing: Arc<Mutex<BTreeMap<&'static str, String>>>,
}

impl Alarms {
    /// Raises an alarm, or changes its sentence. No personal data.
    pub fn raise(&self, key: &'static str, text: impl Into<String>) {
        self.lock().insert(key, text.into());
    }

    /// The matter is over.
    pub fn clear(&self, key: &'static str) {
        self.lock().remove(key);
    }

    /// Raises or clears.
    pub fn set(&self, key: &'static str, text: Option<String>) {
        match text {
            Some(text) => self.raise(key, text),
            None => self.clear(key),
        }
    }

    /// Everything that stands, by key.
    pub fn list(&self) -> Vec<Alarm> {
        self.lock().iter().map(|(key, text)| Alarm { key: (*key).to_owned(), text: text.clone() }).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
