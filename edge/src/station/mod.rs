//! One scan, top to bottom.
//!
//! [`Station`] is the core: scans, durable records, acknowledgements and time come in, what is to be said and written
//! goes out; it does no IO but look-ups in the replica. [`thread`] runs it on one thread fed by one queue. Red and amber
//! are said at once; green only when the record is durable and the facts still hold.
//! Deliberately absent: what scanners, lamps and pages do with an answer.

mod answer;
mod core;
mod identify;
#[cfg(test)]
mod tests;
pub mod thread;
mod view;

pub use self::core::{Judgement, Output, Station, StationSettings, Ticket};
pub use answer::{Answer, ParcelShown, ReasonShown, Sentences, Stage};
pub use identify::{Identified, identify};
pub use view::{Counts, Doing, Language, LinkView, Notice, PanelView, ScannerView};
