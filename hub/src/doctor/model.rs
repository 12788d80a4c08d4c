//! What is checked, and what was found.

use crate::store::StoreError;
use serde::Serialize;

/// Findings of one check that are listed; more are counted.
pub const LISTED_MAX: usize = 50;

macro_rules! checks {
    ($($(#[$doc:meta])+ $name:ident = $word:literal, $proves:literal;)+) => {
        /// One check.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Check {
            $($(#[$doc])+ $name,)+
        }

        impl Check {
            /// Every check, in the order in which they are made.
            pub const ALL: &[Check] = &[$(Check::$name),+];

            /// Its name on the command line.
            pub fn word(self) -> &'static str {
                match self { $(Check::$name => $word),+ }
            }

            /// What holds when it finds nothing.
            pub fn proves(self) -> &'static str {
                match self { $(Check::$name => $proves),+ }
            }
        }
    };
}

checks! {
    /// The schema is this program's.
    Schema = "schema", "the schema is this program's";
    /// The database's own check of its file.
    Database = "database", "the database's file is sound";
    /// Rows whose parent is gone.
    Orphans = "orphans", "every row hangs on a row that is there";
    /// What is derived of orders.
    Orders = "orders", "sums, gifts and states of orders follow from what was told";
    /// What codes are looked up by.
    Codes = "codes", "codes and their ends are as scanners and searches compare them";
    /// The chain over each journal's records.
    ScanChain = "scan-chain", "each journal's records are all there and follow from one another";
    /// How far the hub says it has each journal.
    Ingest = "ingest", "what was acknowledged to stations is what is stored";
    /// Each site's change log.
    ChangeLog = "change-log", "each change log proves its rows, and they say what the hub knows";
    /// The audit log's chain.
    Audit = "audit", "the audit log is whole and unchanged";
    /// Sealed personal data.
    Sealed = "sealed", "sealed personal data opens with the data key";
    /// Numbers for new rows.
    Counters = "counters", "new rows get numbers that no row has";
    /// Settings as they are stored.
    Settings = "settings", "every stored setting is one that is accepted";
}

/// Something that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// About what: an order, a journal, a table.
    pub about: String,
    /// What is wrong with it.
    pub what: String,
    /// Whether it is derived from something else and can be made anew.
    pub repairable: bool,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Which check.
    pub check: Check,
    /// How many things it looked at.
    pub looked_at: u64,
    /// How many it found.
    pub found: u64,
    /// The first of them.
    pub findings: Vec<Finding>,
    /// How many were repaired.
    pub repaired: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl Checked {
    /// Nothing looked at yet.
    pub fn new(check: Check) -> Checked {
        Checked { check, looked_at: 0, found: 0, findings: Vec::new(), repaired: 0, took_ms: 0 }
    }

    /// Adds what was found; a repair may mend it when `repairable`.
    pub fn add(&mut self, about: impl ToString, what: impl ToString, repairable: bool) {
        self.found += 1;
        if self.findings.len() < LISTED_MAX {
            self.findings.push(Finding { about: about.to_string(), what: what.to_string(), repairable });
        }
    }
}

/// What all checks found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether nothing is left that does not fit.
    pub ok: bool,
    /// Each check.
    pub checks: Vec<Checked>,
}

impl Report {
    /// The report of these checks.
    pub fn of(checks: Vec<Checked>) -> Report {
        Report { ok: checks.iter().all(|checked| checked.found == checked.repaired), checks }
    }
}

/// Why a check cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// The store failed.
    #[error("failed to check `{}`", check.word())]
    Store {
        /// Which check.
        check: Check,
        /// Why.
        #[source]
        cause: StoreError,
    },
    /// Something else failed.
    #[error("failed to check `{}`", check.word())]
    Other {
        /// Which check.
        check: Check,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}
