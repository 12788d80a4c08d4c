//! Numbers for new rows, taken from the database in blocks.

use super::{Db, Retry, StoreError};
use crate::statements;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is numbered. The names are in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counter {
    /// Orders.
    Order,
    /// Parcels; they stay below 2^56.
    Parcel,
    /// Order events.
    OrderEvent,
    /// Import jobs.
    ImportJob,
    /// Scan records, in the order in which they came.
    ScanRecord,
    /// Scan conflicts.
    ScanConflict,
    /// Backups.
    BackupRun,
    /// Changes of settings.
    SettingChange,
    /// Rules of notices.
    NoticeRule,
    /// Targets of notices.
    NoticeTarget,
    /// Webhooks.
    Webhook,
    /// Saved views.
    SavedView,
    /// Exports.
    ExportJob,
}

impl Counter {
    fn name(self) -> &'static str {
        match self {
            Counter::Order => "order",
            Counter::Parcel => "parcel",
            Counter::OrderEvent => "order_event",
            Counter::ImportJob => "import_job",
            Counter::ScanRecord => "scan_record",
            Counter::ScanConflict => "scan_conflict",
            Counter::BackupRun => "backup_run",
            Counter::SettingChange => "setting_change",
            Counter::NoticeRule => "notice_rule",
            Counter::NoticeTarget => "notice_target",
            Counter::Webhook => "webhook",
            Counter::SavedView => "saved_view",
            Counter::ExportJob => "export_job",
        }
    }
}

/// What is left of the blocks that this process took.
#[derive(Debug, Default)]
pub(super) struct IdBlocks(Mutex<BTreeMap<Counter, Range<u64>>>);

/// Numbers taken at a time: one write for a few hundred orders.
const BLOCK: u64 = 1024;

statements! {
    /// Moves a counter and says where it stands now; a counter that is not there yet starts at 1.
    MOVE_COUNTER = "INSERT INTO counter (name, next_value) VALUES ($1, $2 + 1) \
        ON CONFLICT (name) DO UPDATE SET next_value = counter.next_value + $2 RETURNING next_value";
}

pub(super) async fn take(db: &Db, counter: Counter, count: usize) -> Result<Vec<u64>, StoreError> {
    let mut taken = db.blocks.take(counter, count);
    let missing = u64::try_from(count - taken.len()).unwrap_or(u64::MAX);
    if missing > 0 {
        let block = fetch_block(db, counter, missing.max(BLOCK)).await?;
        db.blocks.give(counter, block);
        // Another task may have taken some of it meanwhile, and then a further block is fetched.
        let rest = Box::pin(take(db, counter, count - taken.len())).await?;
        taken.extend(rest);
    }
    Ok(taken)
}

async fn fetch_block(db: &Db, counter: Counter, size: u64) -> Result<Range<u64>, StoreError> {
    let mut retry = Retry::default();
    loop {
        match move_counter(db, counter, size).await {
            Err(error) if retry.again(&error).await => {}
            done => return done,
        }
    }
}

async fn move_counter(db: &Db, counter: Counter, size: u64) -> Result<Range<u64>, StoreError> {
    let mut tx = db.begin("store.ids").await?;
    let step = i64::try_from(size).unwrap_or(i64::MAX);
    let row = MOVE_COUNTER.query().bind(counter.name()).bind(step);
    let next: i64 = MOVE_COUNTER.one(&mut tx, row).await?;
    tx.commit().await?;
    let next = u64::try_from(next).map_err(|_| StoreError::row("MOVE_COUNTER", "a counter below zero"))?;
    Ok(next.saturating_sub(size)..next)
}

impl IdBlocks {
    fn take(&self, counter: Counter, count: usize) -> Vec<u64> {
        let mut blocks = self.blocks();
        let block = blocks.entry(counter).or_insert(0..0);
        block.by_ref().take(count).collect()
    }

    /// Keeps the newer block; numbers of the older one are lost, which is allowed.
    fn give(&self, counter: Counter, block: Range<u64>) {
        self.blocks().insert(counter, block);
    }

    fn blocks(&self) -> MutexGuard<'_, BTreeMap<Counter, Range<u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
