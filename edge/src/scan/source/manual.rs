//! Codes typed or pasted on the bench page.

use super::{EventSender, Frame, SourceEvent};
use crate::scan::config::MANUAL;
use packline_protocol::id::ScannerId;
use packline_protocol::time::Moment;

/// The longest text a person may enter, in bytes. Longer codes are scanned.
pub const ENTRY_BYTES_MAX: usize = 512;

/// The entry box of the bench page. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ManualEntry {
    scanner: ScannerId,
    events: EventSender,
}

/// Why an entered text is no scan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Nothing but blanks.
    #[error("the entry is empty; give a code")]
    Empty,
    /// Longer than a person types.
    #[error("the entry has {len} bytes; give at most {ENTRY_BYTES_MAX}")]
    TooLong {
        /// How many bytes were given.
        len: usize,
    },
    /// A control character other than the group separator of GS1 codes.
    #[error("the entry has the control character `{character}`; give printable text")]
    Control {
        /// The character, escaped.
        character: String,
    },
    /// The station is stopping.
    #[error("the station takes no more entries, it is stopping")]
    Closed,
}

impl ManualEntry {
    /// An entry box that sends to `events`.
    pub fn new(events: impl Into<EventSender>) -> Self {
        Self { scanner: ScannerId::parse(MANUAL).expect("the name is a scanner name"), events: events.into() }
    }

    /// Enters a text as if it had been scanned at `at`; blanks around it are dropped.
    pub fn enter(&self, text: &str, at: Moment) -> Result<(), EntryError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(EntryError::Empty);
        }
        if text.len() > ENTRY_BYTES_MAX {
            return Err(EntryError::TooLong { len: text.len() });
        }
        if let Some(control) = text.chars().find(|character| character.is_control() && *character != '\u{1d}') {
            return Err(EntryError::Control { character: control.escape_default().to_string() });
        }
        let frame = Frame { scanner: self.scanner.clone(), bytes: text.as_bytes().to_vec(), at };
        self.events.send(SourceEvent::Frame(frame)).map_err(|_| EntryError::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn what_a_person_types_is_a_frame_of_its_own_scanner() {
        let (events, received) = channel();
        ManualEntry::new(events).enter(" (01)04006381333931 \n", Moment(7)).unwrap();
        let frame =
            Frame { scanner: ScannerId::parse(MANUAL).unwrap(), bytes: b"(01)04006381333931".to_vec(), at: Moment(7) };
        assert_eq!(received.recv().unwrap(), SourceEvent::Frame(frame));
    }

    #[test]
    fn what_cannot_be_a_code_is_refused_with_the_reason() {
        let (events, received) = channel();
        let entry = ManualEntry::new(events);
        let refusal = |text: &str| entry.enter(text, Moment(0)).unwrap_err().to_string();
        assert_eq!(refusal(" \t"), "the entry is empty; give a code");
        assert_eq!(refusal(&"7".repeat(513)), "the entry has 513 bytes; give at most 512");
        assert_eq!(refusal("A\u{7}B"), "the entry has the control character `\\u{7}`; give printable text");
        drop(received);
        assert_eq!(refusal("A"), "the station takes no more entries, it is stopping");
    }
}
