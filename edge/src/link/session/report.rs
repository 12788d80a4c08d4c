//! When to say how the station does: every few seconds, and soon after something changed.

use super::event::StationState;
use packline_protocol::time::Moment;
use packline_protocol::uplink::Alarm;

const PERIOD_MS: u64 = 5_000;
/// Changes in quick succession are told together.
const SOON_MS: u64 = 500;

#[derive(Debug, Default)]
pub(super) struct Reporter {
    due: Option<Moment>,
    last: Option<Moment>,
    told: Telling,
}

/// What is told at once when it changes.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
struct Telling {
    revision: u64,
    alarms: Vec<Alarm>,
    online: Vec<bool>,
}

impl Reporter {
    pub(super) fn timer(&self) -> Option<Moment> {
        self.due
    }

    /// The hub has welcomed this connection and is told at once.
    pub(super) fn open(&mut self, now: Moment) {
        self.due = Some(now);
    }

    pub(super) fn close(&mut self) {
        *self = Self::default();
    }

    /// Whether to report now, seeing how the station does.
    pub(super) fn is_due(&mut self, station: &StationState, alarms: &[Alarm], now: Moment) -> bool {
        let Some(due) = self.due else { return false };
        let online = station.scanners.iter().map(|scanner| scanner.online).collect();
        let telling = Telling { revision: station.revision.0, alarms: alarms.to_vec(), online };
        let soon = self.last.map_or(now, |last| last.plus_ms(SOON_MS));
        let due = if telling == self.told { due } else { due.min(soon) };
        self.due = Some(due);
        if due > now {
            return false;
        }
        (self.due, self.last, self.told) = (Some(now.plus_ms(PERIOD_MS)), Some(now), telling);
        true
    }
}
