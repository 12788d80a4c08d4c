//! Drivers that make a scanner say what the station decided, in the hand that scans.
//!
//! A driver turns a wish into bytes; who sends them and when is not its business. Every driver fails open: what it sends
//! at the start makes the scanner scan, whatever an earlier program left behind.

mod datalogic;
mod honeywell;
mod none;
mod release;
mod symbol_bel;
#[cfg(test)]
mod tests;
mod zebra_ssi;

pub use datalogic::Datalogic;
pub use honeywell::Honeywell;
pub use none::NoFeedback;
pub use release::{Released, release_all};
pub use symbol_bel::SymbolBel;
pub use zebra_ssi::ZebraSsi;

use crate::scan::config::FeedbackKind;

/// One family of scanners: what to send for which wish. Empty bytes mean that the scanner says nothing then.
pub trait ScannerDriver: Send + Sync {
    /// Sent each time the scanner comes online. Always releases a locked scanner.
    fn init(&self) -> Vec<u8>;
    /// The parcel may go: short and quiet, since the scanner has beeped for the read already.
    fn good(&self) -> Vec<u8>;
    /// The parcel must not go.
    fn bad(&self) -> Vec<u8>;
    /// A person has to look.
    fn attention(&self) -> Vec<u8>;
    /// How the scanner is kept from scanning until [`ScannerDriver::unlock`].
    fn lock(&self) -> Lock;
    /// Lets a locked scanner scan again; harmless when it is not locked.
    fn unlock(&self) -> Vec<u8>;
    /// Asks the scanner who it is; the answer comes back on the line.
    fn identify(&self) -> Vec<u8>;
}

/// How a scanner can be kept from scanning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lock {
    /// Send these bytes.
    Send(Vec<u8>),
    /// Send neither good nor bad: the scanner waits for either of them, but after `at_most_ms` it gives up waiting.
    Withhold {
        /// When the scanner scans again by itself, in milliseconds.
        at_most_ms: u64,
    },
    /// It cannot: the station ignores what it scans instead.
    Impossible,
}

/// The driver of a kind.
pub fn driver(kind: FeedbackKind) -> &'static dyn ScannerDriver {
    match kind {
        FeedbackKind::None => &NoFeedback,
        FeedbackKind::SymbolBel => &SymbolBel,
        FeedbackKind::ZebraSsi => &ZebraSsi,
        FeedbackKind::Honeywell => &Honeywell,
        FeedbackKind::Datalogic => &Datalogic,
    }
}
