//! Settings of the whole hub that people change while it runs: typed, checked, each change with its history and a way
//! back.
//!
//! What the hub needs before it can open its database (addresses, folders, brokers) is configuration and not here.

pub mod actions;
pub mod api;
mod decide;
pub mod jobs;
pub mod model;
pub mod pages;
mod store;
#[cfg(test)]
mod tests;
pub mod text;

pub(crate) use store::STATEMENTS;

use model::HubSettings;
use std::sync::{Arc, PoisonError, RwLock};

/// The settings as this process knows them, for reading at any moment. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<RwLock<Arc<HubSettings>>>);

impl Board {
    /// The settings in force.
    pub fn now(&self) -> Arc<HubSettings> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on these are in force.
    pub fn put(&self, settings: HubSettings) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }
}
