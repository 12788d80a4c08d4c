//! What goes wrong, by chance.

use super::event::Event;
use super::world::World;

impl World {
    /// One thing goes wrong now, and the next one later.
    pub(super) fn trouble(&mut self) {
        if self.calm {
            return;
        }
        let wait = 300 + self.dice.below(6_000);
        self.queue.put(self.at + wait, Event::Trouble);
        let station = self.dice.below(self.stations.len() as u64) as usize;
        match self.dice.below(16) {
            0..=2 => self.short_cut(station),
            3 => self.broker_restarts(),
            4..=6 => {
                let writes = self.dice.below(40);
                self.stations[station].disk.kill_after(writes);
            }
            7 => self.disk_fills(station),
            8 => self.clock_jumps(station),
            9 | 10 => self.hub_restarts(),
            11 => self.hub.back_up(),
            12 => self.hub_is_restored(),
            13 => self.hub_is_busy(),
            14 => self.garble = 1 + self.dice.below(2) as u32,
            _ => self.hub.compact(),
        }
    }

    fn short_cut(&mut self, station: usize) {
        self.trace.went_wrong("cut");
        let long = self.dice.below(6) == 0;
        let for_ms = if long { 70_000 } else { 100 + self.dice.below(9_000) };
        // The session only takes note of it.
        let _ = self.cut(station, for_ms);
    }

    fn broker_restarts(&mut self) {
        self.trace.went_wrong("broker restart");
        for station in 0..self.stations.len() {
            let for_ms = 200 + self.dice.below(4_000);
            let _ = self.cut(station, for_ms);
        }
    }

    fn disk_fills(&mut self, station: usize) {
        self.trace.went_wrong("disk full");
        self.stations[station].disk.set_full(true);
        let for_ms = 500 + self.dice.below(15_000);
        self.queue.put(self.at + for_ms, Event::Full { station, full: false });
    }

    fn clock_jumps(&mut self, station: usize) {
        self.trace.went_wrong("clock jump");
        let far = [-3_600_000, -60_000, 60_000, 3_600_000, 20 * 365 * 86_400_000];
        let jump = far[self.dice.below(far.len() as u64) as usize];
        // A clock that somebody set since the start is right; any other may say anything.
        let set = self.dice.below(2) == 0;
        self.stations[station].wall_off = if set { 0 } else { self.stations[station].wall_off + jump };
        self.stations[station].wall_trusted = set;
    }

    fn hub_restarts(&mut self) {
        self.trace.went_wrong("hub restart");
        if self.hub.is_up() {
            self.hub.kill();
            let after = 200 + self.dice.below(12_000);
            self.queue.put(self.at + after, Event::HubStart);
        }
    }

    fn hub_is_restored(&mut self) {
        self.trace.went_wrong("hub restored");
        if self.hub.is_up() {
            // A fresh copy has lost nothing: then replicas go on in the new life.
            if self.dice.below(2) == 0 {
                self.hub.back_up();
            }
            self.hub.kill();
            self.hub.restore();
            self.truth.hub_moved(&self.hub, self.at);
            let after = 500 + self.dice.below(8_000);
            self.queue.put(self.at + after, Event::HubStart);
        }
    }

    fn hub_is_busy(&mut self) {
        self.trace.went_wrong("hub busy");
        let busy = self.dice.below(2) == 0;
        self.hub.set_busy(busy);
    }
}
