//! Who said what when: what makes the order of arrival not matter.
//!
//! For most facts the newest version wins, and between two different facts of the same version the greater one does,
//! so that every hub chooses the same. Statuses may only move certain ways; for them every claim is kept and the state
//! is worked out from all of them in the order of their versions, so that a late claim takes its proper place.

use packline_protocol::facts::{OrderStatus, RefundState};
use packline_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A fact that is replaced as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Facet {
    /// The shop.
    Shop,
    /// The site that the order ships from.
    Site,
    /// What it is worth.
    Amount,
    /// When it was made.
    Created,
    /// When it was paid.
    Paid,
    /// What was bought.
    Lines,
    /// What is given on top.
    Gifts,
    /// The list of parcels.
    Parcels,
    /// Labels by people.
    Tags,
    /// Whether somebody must approve.
    Approval,
    /// Whether it must stay.
    MustNotShip,
    /// The stock reserved for it.
    Hold,
}

/// Everything that sources have claimed about one order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// The newest version that told each fact.
    pub seen: BTreeMap<Facet, Timestamp>,
    /// Claims of the order's status.
    pub status: Track<OrderStatus>,
    /// Claims of its refund.
    pub refund: Track<RefundState>,
    /// Addresses, as fingerprints.
    pub address: Track<AddressMark>,
    /// The newest version of the stock-out record of each parcel; the key is the parcel's code, empty for the order.
    pub stock_out: BTreeMap<String, Timestamp>,
}

/// An address of which only this is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AddressMark {
    /// Nothing that a courier could find.
    #[serde(rename = "p")]
    pub placeholder: bool,
    /// Tells two addresses apart; cannot be turned back without the hub's key.
    #[serde(rename = "f")]
    pub fingerprint: u64,
    /// It came masked: its fingerprint says nothing about one that came clear.
    #[serde(rename = "m", default, skip_serializing_if = "std::ops::Not::not")]
    pub masked: bool,
}

/// Claims of one state, in the order of their versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Track<S>(Vec<(Timestamp, S)>);

impl<S> Default for Track<S> {
    fn default() -> Self {
        Track(Vec::new())
    }
}

/// A move that a state does not make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedMove<S> {
    /// The version that claimed it.
    pub at: Timestamp,
    /// Where it stood.
    pub from: S,
    /// Where it was to go.
    pub to: S,
}

/// Up to so many claims all are kept; beyond, those inside a run of equal ones are not.
const EXACT_MAX: usize = 16;
/// Claims kept per track; beyond that the oldest two are merged into where they lead.
const TRACK_MAX: usize = 32;

impl<S: Copy + Ord> Track<S> {
    /// Adds a claim; says whether it is a new one. `may_move` is that of [`Track::settle`].
    pub fn add(&mut self, at: Timestamp, state: S, may_move: impl Fn(S, S) -> bool) -> bool {
        let Err(place) = self.0.binary_search(&(at, state)) else { return false };
        self.0.insert(place, (at, state));
        if self.0.len() > EXACT_MAX {
            self.shorten_runs();
        }
        let is_new = self.0.binary_search(&(at, state)).is_ok();
        while self.0.len() > TRACK_MAX {
            let (_, first) = self.0.remove(0);
            if !may_move(first, self.0[0].1) {
                self.0[0].1 = first;
            }
        }
        is_new
    }

    /// Within a run of equal claims only the first and the last can matter to where the claims lead: whatever comes
    /// between two others of the run, the last one has the same say again.
    fn shorten_runs(&mut self) {
        let mut kept: Vec<(Timestamp, S)> = Vec::with_capacity(self.0.len());
        for claim in self.0.drain(..) {
            let is_inside = kept.len() >= 2 && kept[kept.len() - 2..].iter().all(|(_, state)| *state == claim.1);
            if is_inside {
                kept.pop();
            }
            kept.push(claim);
        }
        self.0 = kept;
    }

    /// Where the claims lead, and the moves that were refused on the way.
    pub fn settle(&self, may_move: impl Fn(S, S) -> bool) -> Option<(S, Vec<RefusedMove<S>>)> {
        let (first, rest) = self.0.split_first()?;
        let mut state = first.1;
        let mut refused = Vec::new();
        for &(at, to) in rest {
            if may_move(state, to) {
                state = to;
            } else if state != to {
                refused.push(RefusedMove { at, from: state, to });
            }
        }
        Some((state, refused))
    }

    /// The newest claim.
    pub fn last(&self) -> Option<(Timestamp, S)> {
        self.0.last().copied()
    }

    /// The newest claim of those that `fits`.
    pub fn last_of(&self, fits: impl Fn(S) -> bool) -> Option<S> {
        self.0.iter().rev().map(|(_, state)| *state).find(|state| fits(*state))
    }

    /// Among the claims that `fits`: the one that held at this time, or the first one when all are later.
    pub fn at_of(&self, time: Timestamp, fits: impl Fn(S) -> bool) -> Option<S> {
        let mut fitting = self.0.iter().filter(|(_, state)| fits(*state));
        let before = fitting.clone().rev().find(|(at, _)| *at <= time);
        before.or_else(|| fitting.next()).map(|(_, state)| *state)
    }

    /// The version of the first claim of `state` after which it was never anything else.
    pub fn since(&self, state: S) -> Option<Timestamp> {
        self.0.iter().rev().take_while(|(_, claimed)| *claimed == state).last().map(|(at, _)| *at)
    }
}

impl Claims {
    /// Whether a fact of version `at` takes the place of the one there is, and notes it. `dated` is false when the
    /// source gave no version: the same again is then no news.
    pub fn wins<T: Ord>(&mut self, facet: Facet, at: Timestamp, dated: bool, old: &T, new: &T) -> bool {
        let wins = match self.seen.get(&facet) {
            None => true,
            Some(_) if !dated && old == new => false,
            Some(seen) => at > *seen || at == *seen && new > old,
        };
        if wins {
            self.seen.insert(facet, at);
        }
        wins
    }

    /// The newest version of anything.
    pub fn newest(&self) -> Timestamp {
        let facets = self.seen.values().chain(self.stock_out.values()).copied();
        let tracks = [
            self.status.last().map(|(at, _)| at),
            self.refund.last().map(|(at, _)| at),
            self.address.last().map(|(at, _)| at),
        ];
        facets.chain(tracks.into_iter().flatten()).max().unwrap_or_default()
    }

    /// Short JSON for the table: most facts of an order have one version, which is written once.
    pub fn to_json(&self) -> String {
        let mut counts: BTreeMap<Timestamp, usize> = BTreeMap::new();
        for at in self.seen.values() {
            *counts.entry(*at).or_default() += 1;
        }
        let common = counts.into_iter().max_by_key(|(_, count)| *count).map(|(at, _)| at);
        let (usual, other): (Vec<_>, Vec<_>) = self.seen.iter().partition(|(_, at)| Some(**at) == common);
        let kept = Kept {
            v: common,
            u: usual.into_iter().map(|(facet, _)| *facet).collect(),
            x: other.into_iter().map(|(facet, at)| (*facet, *at)).collect(),
            s: self.status.clone(),
            r: self.refund.clone(),
            a: self.address.clone(),
            o: self.stock_out.clone(),
        };
        serde_json::to_string(&kept).expect("plain data always encodes")
    }

    /// What [`Claims::to_json`] wrote.
    pub fn from_json(text: &str) -> Result<Claims, serde_json::Error> {
        let kept: Kept = serde_json::from_str(text)?;
        let usual = kept.u.into_iter().filter_map(|facet| Some((facet, kept.v?)));
        Ok(Claims {
            seen: usual.chain(kept.x).collect(),
            status: kept.s,
            refund: kept.r,
            address: kept.a,
            stock_out: kept.o,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    v: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    u: Vec<Facet>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    x: BTreeMap<Facet, Timestamp>,
    #[serde(default)]
    s: Track<OrderStatus>,
    #[serde(default)]
    r: Track<RefundState>,
    #[serde(default)]
    a: Track<AddressMark>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    o: BTreeMap<String, Timestamp>,
}

/// Whether an order goes from one status to the other. Steps may be skipped, and nothing comes back from the end.
pub fn may_move_status(from: OrderStatus, to: OrderStatus) -> bool {
    use OrderStatus::{Cancelled, Completed, Paid, Shipped, Unpaid};
    match from {
        Unpaid => true,
        Paid => matches!(to, Paid | Shipped | Completed | Cancelled),
        Shipped => matches!(to, Shipped | Completed | Cancelled),
        Completed | Cancelled => to == from,
    }
}

/// Whether a refund goes from one state to the other: paid back is paid back.
pub fn may_move_refund(from: RefundState, to: RefundState) -> bool {
    from != RefundState::Done || to == RefundState::Done
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn statuses() -> impl Strategy<Value = OrderStatus> {
        use OrderStatus::{Cancelled, Completed, Paid, Shipped, Unpaid};
        prop::sample::select(vec![Unpaid, Paid, Shipped, Completed, Cancelled])
    }

    fn settled(claims: &[(i64, OrderStatus)]) -> Option<OrderStatus> {
        let mut track = Track::default();
        for (at, status) in claims {
            track.add(Timestamp(*at), *status, may_move_status);
        }
        track.settle(may_move_status).map(|(state, _)| state)
    }

    #[test]
    fn a_late_claim_takes_its_place_and_an_impossible_move_is_refused() {
        use OrderStatus::{Cancelled, Paid, Shipped, Unpaid};
        assert_eq!(settled(&[]), None);
        assert_eq!(settled(&[(5, Paid), (1, Unpaid)]), Some(Paid));
        assert_eq!(settled(&[(5, Paid), (3, Cancelled)]), Some(Cancelled));
        assert_eq!(settled(&[(1, Shipped), (2, Paid)]), Some(Shipped));
        let mut track = Track::default();
        assert!(track.add(Timestamp(1), Cancelled, may_move_status));
        assert!(track.add(Timestamp(2), Paid, may_move_status));
        assert!(!track.add(Timestamp(2), Paid, may_move_status), "a repeat is no new claim");
        let (_, refused) = track.settle(may_move_status).unwrap();
        assert_eq!(refused, [RefusedMove { at: Timestamp(2), from: Cancelled, to: Paid }]);
    }

    #[test]
    fn a_cancelled_order_stays_cancelled_however_many_claims_follow() {
        use OrderStatus::{Cancelled, Paid};
        let claims: Vec<_> = (0..200).map(|at| (at, if at % 2 == 0 { Cancelled } else { Paid })).collect();
        assert_eq!(settled(&claims), Some(Cancelled));
    }

    proptest! {
        #[test]
        fn claims_lead_to_the_same_state_in_any_order_and_any_number(
            claims in prop::collection::vec((0i64..40, statuses()), 1..30), seed in any::<u64>()
        ) {
            let mut shuffled = claims.clone();
            shuffled.extend(claims.iter().take(3));
            let length = shuffled.len() as u64;
            for place in 0..length {
                let other = (seed.rotate_left(place as u32) % length) as usize;
                shuffled.swap(place as usize, other);
            }
            // Runs may be shortened differently; where they lead must not differ.
            let mut all: Vec<_> = claims.clone();
            all.sort();
            let mut state = all[0].1;
            for (_, to) in &all {
                if may_move_status(state, *to) { state = *to; }
            }
            prop_assert_eq!(settled(&claims), Some(state));
            prop_assert_eq!(settled(&shuffled), Some(state));
        }

        #[test]
        fn claims_survive_the_table(
            seen in prop::collection::btree_map(prop::sample::select(vec![Facet::Shop, Facet::Lines, Facet::Paid]), 0i64..3, 0..3),
            status in prop::collection::vec((0i64..9, statuses()), 0..5)
        ) {
            let mut claims = Claims { seen: seen.into_iter().map(|(f, at)| (f, Timestamp(at))).collect(), ..Claims::default() };
            for (at, state) in status {
                claims.status.add(Timestamp(at), state, may_move_status);
            }
            claims.stock_out.insert("SF1".into(), Timestamp(7));
            prop_assert_eq!(Claims::from_json(&claims.to_json()).unwrap(), claims);
        }
    }
}
