//! The network between hub and stations: late, twice, out of order, or not at all.

use super::event::Event;
use super::facts;
use super::hub::Mail;
use super::sabotage::Sabotage;
use super::truth::Broken;
use super::world::{World, body};
use packline_edge::link::session::Input;
use packline_protocol::downlink::Downlink;
use packline_protocol::id::ScanSeq;
use packline_protocol::uplink::Uplink;

type Check = Result<(), Broken>;

impl World {
    pub(super) fn hub_hears(&mut self, station: usize, connection: u64, message: &Uplink) -> Check {
        // What a broker holds when the link is cut may arrive or not.
        if self.links[station] != Some(connection) && self.dice.below(2) == 0 || !self.hub.is_up() {
            return Ok(());
        }
        let early = self.plan.sabotage == Some(Sabotage::EarlyAck) && self.dice.below(3) == 0;
        match message {
            Uplink::Batch(batch) if early => {
                let last = batch.first.0 + batch.records.len() as u64 - 1;
                self.hub.only_acknowledge(station, batch.station_epoch, ScanSeq(last));
            }
            message => self.hub.hear(station, message, self.wall()),
        }
        self.let_go();
        self.truth.hub_moved(&self.hub, self.at);
        self.deliver();
        Ok(())
    }

    pub(super) fn deliver(&mut self) {
        for mail in self.hub.mail() {
            match mail {
                Mail::Log(message) => {
                    for station in 0..self.stations.len() {
                        self.post(station, &message, self.network.lost_percent);
                    }
                }
                Mail::Head(message) => {
                    for station in 0..self.stations.len() {
                        self.post(station, &message, self.network.lost_percent / 2);
                    }
                }
                Mail::One(station, message) => self.post(station, &message, self.network.lost_percent / 4),
            }
        }
    }

    /// A message for a station: late, perhaps twice, perhaps not at all.
    fn post(&mut self, station: usize, message: &Downlink, lost_percent: u64) {
        let Some(connection) = self.links[station] else { return };
        if self.dice.below(100) < lost_percent {
            return;
        }
        let copies = 1 + u64::from(self.dice.below(100) < self.network.twice_percent);
        for _ in 0..copies {
            let mut message = message.clone();
            self.maybe_garble(&mut message);
            let after = self.delay();
            self.queue.put(self.at + after, Event::ToStation { station, connection, message });
        }
    }

    pub(super) fn delay(&mut self) -> u64 {
        let most = if self.dice.below(8) == 0 { self.network.delay_max_ms } else { 20 };
        1 + self.dice.below(most)
    }

    /// A fault in memory that no checksum on the way can see: only the proof does.
    fn maybe_garble(&mut self, message: &mut Downlink) {
        if self.garble == 0 {
            return;
        }
        let changes = match message {
            Downlink::Delta(delta) => &mut delta.changes,
            Downlink::Chunk(chunk) => &mut chunk.rows,
            Downlink::BucketRows(rows) => &mut rows.rows,
            _ => return,
        };
        let target = changes.iter_mut().find_map(|change| Some((change.row.as_parcel()?, change.body.as_mut()?)));
        if let Some((id, bytes)) = target {
            self.garble -= 1;
            self.trace.went_wrong("garbled row");
            *bytes = body(&facts::parcel(id.0));
        }
    }

    pub(super) fn connect(&mut self, station: usize) -> Check {
        let ready = self.links[station].is_none() && self.stations[station].daemon.is_some();
        if !ready {
            return Ok(());
        }
        self.connections += 1;
        self.links[station] = Some(self.connections);
        let session = self.dice.roll();
        self.tell(station, Input::Up { session })?;
        if self.hub.is_up() {
            // The broker has kept the last head.
            self.hub.tick(self.wall());
            self.deliver();
        }
        Ok(())
    }

    /// The link of a station is cut; it comes back some time later.
    pub(super) fn cut(&mut self, station: usize, for_ms: u64) -> Check {
        self.queue.put(self.at + for_ms, Event::Connect { station });
        if self.links[station].take().is_some() && self.stations[station].daemon.is_some() {
            return self.tell(station, Input::Down { twin: false });
        }
        Ok(())
    }

    pub(super) fn station_hears(&mut self, station: usize, connection: u64, mut message: Downlink) -> Check {
        if self.links[station] != Some(connection) {
            return Ok(());
        }
        let Some(daemon) = &self.stations[station].daemon else { return Ok(()) };
        if !daemon.session.wants_messages() {
            self.queue.put(self.at + 10, Event::ToStation { station, connection, message });
            return Ok(());
        }
        if let Some(sabotage) = self.plan.sabotage {
            sabotage.distort(&mut message, daemon.session.standing().replica);
        }
        self.tell(station, Input::Message(message))
    }
}
