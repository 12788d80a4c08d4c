//! What must hold after every event, and what must have come right at the end.

use super::station::Daemon;
use super::truth::{Broken, check};
use super::world::World;
use packline_protocol::change::Row;

type Check = Result<(), Broken>;

impl World {
    pub(super) fn check_places(&mut self) -> Check {
        check(self.hub.objection().is_none(), || self.hub.objection().unwrap_or_default().to_owned())?;
        let (epoch, seq, root) = self.hub.stands_at();
        self.truth.proof("the hub", epoch, seq, root)?;
        for (number, station) in self.stations.iter().enumerate() {
            let Some(daemon) = &station.daemon else { continue };
            let state = daemon.replica.state();
            let is_head = (state.epoch, state.seq) == (epoch, seq);
            let sound = state.root == root || daemon.session.standing().in_doubt || !daemon.session.standing().open;
            check(!is_head || sound || self.garble_may_be_there(daemon), || {
                format!("station {number} at ({epoch}, {seq}) has {}, the hub {root}", state.root)
            })?;
        }
        Ok(())
    }

    /// A wrong row in the middle of a range is found at its end, not before.
    fn garble_may_be_there(&self, daemon: &Daemon) -> bool {
        daemon.session.standing().head.is_none_or(|head| head != daemon.replica.state().seq)
    }

    pub(super) fn is_level(&self) -> bool {
        self.level().is_ok()
    }

    fn level(&self) -> Check {
        let (epoch, seq, root) = self.hub.stands_at();
        for (number, station) in self.stations.iter().enumerate() {
            let daemon = station.daemon.as_ref();
            let daemon = daemon.ok_or_else(|| Broken(format!("station {number} is not up: {}", station.why)))?;
            let state = daemon.replica.state();
            check((state.epoch, state.seq, state.root) == (epoch, seq, root), || {
                format!("station {number} stands at {state:?}, the hub at ({epoch}, {seq}, {root})")
            })?;
            let head = daemon.journal.head();
            let upto = self.hub.upto(number, head.epoch);
            check(upto == head.newest, || format!("the hub has records of {number} up to {upto} of {}", head.newest))?;
            check(head.acked == head.newest, || format!("station {number} does not know it: {head:?}"))?;
            let age = daemon.replica.age_ms(station.now(self.at));
            check(age.is_some_and(|age| age < 10_000), || format!("station {number} is {age:?} old"))?;
        }
        Ok(())
    }

    pub(super) fn final_check(&mut self) -> Check {
        self.level().map_err(|Broken(why)| Broken(format!("after {} ms of calm: {why}", self.plan.calm_ms)))?;
        for station in &self.stations {
            let daemon = station.daemon.as_ref().expect("it is level");
            for (row, body) in self.hub.rows() {
                let Some(id) = row.as_parcel() else { continue };
                let seen = daemon.replica.view().parcel(id).ok().flatten();
                let equal = seen.is_some_and(|parcel| Row::Parcel(parcel).encode() == body);
                check(equal, || format!("{} has other facts of parcel {id} than the hub", station.id))?;
            }
        }
        let stations = &self.stations;
        self.truth.kept(&self.hub, |id| {
            let daemon = stations[id.0].daemon.as_ref();
            daemon.is_some_and(|daemon| daemon.journal.head().epoch == id.1 && daemon.journal.head().oldest <= id.2)
        })
    }
}
