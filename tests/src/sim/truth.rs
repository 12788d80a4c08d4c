//! What must hold, whatever happens: a small model beside the world.

use super::facts::{MAX_AGE_MS, forbid};
use super::hub::{Hub, RecordId};
use packline_protocol::change::{Row, RowId};
use packline_protocol::facts::Parcel;
use packline_protocol::id::{Epoch, ParcelId, Seq, StationId};
use packline_protocol::proof::Root;
use packline_protocol::record::Judged;
use packline_protocol::uplink::ReplicaState;
use packline_protocol::verdict::Outcome;
use std::collections::BTreeMap;

/// How long a message may be under way, in milliseconds: by so much a station may be wrong about its age.
pub const UNDER_WAY_MAX_MS: u64 = 1_500;

/// A promise that was broken: what, where, when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken(pub String);

type Check = Result<(), Broken>;

/// A row's body and the moment since which the hub had it.
type Since = (u64, Option<Vec<u8>>);

/// What the hub had, what stations promised, and where replicas stood.
#[derive(Debug, Default)]
pub struct Truth {
    /// Every body that a row had at the hub, with the moment since which.
    history: BTreeMap<RowId, Vec<Since>>,
    /// Records that a station was told are durable.
    promised: BTreeMap<RecordId, Vec<u8>>,
    /// Proofs by position, of whoever was there first.
    roots: BTreeMap<(Epoch, Seq), Root>,
    /// Where each station's replica stood last.
    stood: BTreeMap<usize, ReplicaState>,
    /// Greens shown.
    pub greens: u64,
    /// Verdicts written.
    pub verdicts: u64,
}

impl Truth {
    /// The hub's rows are as they are now.
    pub fn hub_moved(&mut self, hub: &Hub, at: u64) {
        let live: BTreeMap<RowId, &[u8]> = hub.rows().collect();
        for (row, states) in &mut self.history {
            if !live.contains_key(row) && states.last().is_some_and(|(_, body)| body.is_some()) {
                states.push((at, None));
            }
        }
        for (row, body) in live {
            let states = self.history.entry(row).or_default();
            if states.last().and_then(|(_, body)| body.as_deref()) != Some(body) {
                states.push((at, Some(body.to_vec())));
            }
        }
    }

    /// The hub's log has this proof; the same place never has two.
    pub fn proof(&mut self, whose: &str, epoch: Epoch, seq: Seq, root: Root) -> Check {
        let known = *self.roots.entry((epoch, seq)).or_insert(root);
        check(known == root, || format!("{whose}: the proof at ({epoch}, {seq}) is {root}, elsewhere {known}"))
    }

    /// A station judged. A release must rest on facts that do not forbid it, and that the hub had no longer ago than
    /// the station says.
    pub fn judged(&mut self, station: &StationId, judged: &Judged, seen: Option<&Parcel>, at: u64) -> Check {
        self.verdicts += 1;
        let verdict = &judged.verdict;
        if verdict.outcome != Outcome::Release {
            return Ok(());
        }
        let Some(parcel) = seen else {
            return Err(Broken(format!("{station} at {at}: a release of a parcel that is not in the replica")));
        };
        check(!forbid(parcel, station), || format!("{station} at {at}: a release that the facts forbid: {parcel:?}"))?;
        let age = verdict.age_ms.unwrap_or(u64::MAX);
        check(age <= MAX_AGE_MS, || format!("{station} at {at}: a release on facts of age {age}"))?;
        let since = at.saturating_sub(age + UNDER_WAY_MAX_MS);
        let row = RowId::parcel(parcel.id);
        let body = Row::Parcel(Box::new(parcel.clone())).encode();
        check(self.was(row, &body, since, at), || {
            format!("{station} at {at}: a release of {} on facts that the hub did not have since {since}", parcel.id)
        })
    }

    /// Whether the hub had this body for the row at some moment between `since` and `until`.
    fn was(&self, row: RowId, body: &[u8], since: u64, until: u64) -> bool {
        let Some(states) = self.history.get(&row) else { return false };
        states.iter().enumerate().any(|(number, (from, state))| {
            let to = states.get(number + 1).map_or(u64::MAX, |(next, _)| *next);
            state.as_deref() == Some(body) && *from <= until && to >= since
        })
    }

    /// A station was told that its record is durable.
    pub fn durable(&mut self, record: RecordId, body: Vec<u8>) {
        self.promised.insert(record, body);
    }

    /// A green is shown for this record.
    pub fn green(&mut self, record: Option<RecordId>, parcel: Option<ParcelId>, at: u64) -> Check {
        self.greens += 1;
        let promised = record.is_some_and(|record| self.promised.contains_key(&record));
        check(promised, || format!("a green for {parcel:?} at {at} without a durable record"))
    }

    /// A replica stands here. Within one life of the log it never goes back, but for a rebuild `in_doubt`.
    pub fn stands(&mut self, station: usize, state: ReplicaState, in_doubt: bool) -> Check {
        let before = self.stood.insert(station, state).unwrap_or_default();
        let back = before.epoch == state.epoch && state.seq < before.seq;
        check(!back || in_doubt, || format!("station {station} went back from {before:?} to {state:?}"))
    }

    /// The station lost its replica with its disk, or began a new one.
    pub fn stands_anew(&mut self, station: usize, state: ReplicaState) {
        self.stood.insert(station, state);
    }

    /// Every promised record is at the hub, once and as promised, or still in its journal.
    pub fn kept(&self, hub: &Hub, has: impl Fn(&RecordId) -> bool) -> Check {
        for (id, kept) in hub.records() {
            check(kept.times == 1, || format!("record {id:?} was taken {} times", kept.times))?;
            if let Some(promised) = self.promised.get(id) {
                check(*promised == kept.body, || format!("record {id:?} is not what was promised"))?;
            }
        }
        let lost = self.promised.keys().find(|id| !hub.records().contains_key(*id) && !has(id));
        check(lost.is_none(), || format!("record {lost:?} is lost"))
    }

    /// How many records were promised.
    pub fn promises(&self) -> usize {
        self.promised.len()
    }

    /// The promised records of one station.
    pub fn promised_by(&self, station: usize) -> impl Iterator<Item = (&RecordId, &Vec<u8>)> {
        self.promised.iter().filter(move |((of, ..), _)| *of == station)
    }
}

/// The promise holds, or is broken as `why` says.
pub fn check(holds: bool, why: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(Broken(why())) }
}
