//! What happens to a batch of a station's records, decided without looking anything up.

use super::model::{Arrival, Conflict, ConflictKind, Entry, Unfit};
use super::store::Place;
use packline_protocol::facts::Release;
use packline_protocol::id::{ParcelId, ScanSeq, StationEpoch};
use packline_protocol::record::{ChainLink, Event, Note, RAW_MAX, ScanRecord};
use packline_protocol::time::Timestamp;
use packline_protocol::uplink::{Batch, Hello};
use packline_protocol::verdict::{Outcome, ReasonCode, Verdict};
use std::collections::{BTreeMap, VecDeque};

/// Where the hub stands with one journal of one station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The newest record that the hub has, all before it included.
    pub upto: ScanSeq,
    /// The chain there; `None` after a gap that nobody can fill, where the next batch is believed.
    pub link: Option<ChainLink>,
}

impl Position {
    /// Nothing yet.
    pub const START: Position = Position { upto: ScanSeq(0), link: Some(ChainLink::START) };
}

/// The records of `batch` that are new at `position`.
///
/// `known` is the stored link of the batch's last record, when the hub already has that record.
pub fn take(position: Position, batch: &Batch, known: Option<ChainLink>) -> Arrival {
    let Some(last) = last_of(batch) else { return Arrival::Nothing };
    if batch.first.0 > position.upto.0 + 1 {
        return Arrival::Gap;
    }
    let links = links_of(batch);
    let old = usize::try_from(position.upto.0 + 1 - batch.first.0).unwrap_or(usize::MAX);
    if last <= position.upto {
        let ours = if last == position.upto { position.link } else { known };
        let same = ours.is_none() || ours == links.last().copied();
        return if same { Arrival::Repeat } else { Arrival::Forked };
    }
    let before = old.checked_sub(1).and_then(|at| links.get(at)).copied().unwrap_or(batch.before);
    if position.link.is_some_and(|ours| ours != before) {
        return Arrival::Forked;
    }
    let numbered = (batch.first.0..).zip(batch.records.iter().zip(links));
    let entries = numbered.skip(old).map(|(seq, (body, link))| entry(ScanSeq(seq), body, link));
    Arrival::New(entries.collect())
}

/// The place of the batch's last record; `None` for an empty batch or numbers that no journal reaches.
fn last_of(batch: &Batch) -> Option<ScanSeq> {
    let count = u64::try_from(batch.records.len()).ok().filter(|count| *count > 0)?;
    let last = batch.first.0.checked_add(count - 1)?;
    (batch.first.0 > 0 && i64::try_from(last).is_ok()).then_some(ScanSeq(last))
}

/// The newest record that a station no longer holds although the hub never had it.
pub fn missing(position: Position, hello: &Hello) -> Option<ScanSeq> {
    let sane =
        hello.journal_from.0 <= hello.journal_to.0.saturating_add(1) && i64::try_from(hello.journal_to.0).is_ok();
    let to = ScanSeq(hello.journal_from.0.checked_sub(1)?);
    (sane && to > position.upto).then_some(to)
}

/// A record on its own, outside of any chain.
pub fn lone(seq: ScanSeq, body: &[u8]) -> Entry {
    entry(seq, body, ChainLink::START)
}

fn links_of(batch: &Batch) -> Vec<ChainLink> {
    let links = batch.records.iter().scan(batch.before, |link, record| {
        *link = link.next(record);
        Some(*link)
    });
    links.collect()
}

fn entry(seq: ScanSeq, body: &[u8], link: ChainLink) -> Entry {
    let record = ScanRecord::decode(body).map_err(|error| Unfit::Unreadable(describe(&error)));
    let record = record.and_then(|record| match unfit(seq, &record) {
        Some(unfit) => Err(unfit),
        None => Ok(record),
    });
    Entry { seq, link, body: body.to_vec(), record }
}

/// Parcel numbers stay below this, so that they fit a row's number.
const PARCEL_END: u64 = 1 << 56;

/// What is wrong with a record that decodes.
fn unfit(seq: ScanSeq, record: &ScanRecord) -> Option<Unfit> {
    if record.seq != seq {
        return Some(Unfit::Misnumbered { says: record.seq });
    }
    let Event::Judged(judged) = &record.event else { return None };
    if judged.raw.len() > RAW_MAX || judged.code.len() > RAW_MAX {
        return Some(Unfit::CodeTooLong);
    }
    let parcel_fits = judged.verdict.parcel.is_none_or(|parcel| parcel.0 < PARCEL_END);
    let order_fits = judged.order.is_none_or(|order| i64::try_from(order.0).is_ok());
    (!parcel_fits || !order_fits).then_some(Unfit::NoSuchNumber)
}

fn describe(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

/// The parcel that this record lets go, be it a second look at it or not.
pub fn let_go(record: &ScanRecord) -> Option<ParcelId> {
    let Event::Judged(judged) = &record.event else { return None };
    judged.verdict.parcel.filter(|_| judged.verdict.outcome == Outcome::Release)
}

/// The parcel that this record lets go, if it does; a second look at the same parcel is none.
pub fn released(record: &ScanRecord) -> Option<ParcelId> {
    let Event::Judged(judged) = &record.event else { return None };
    let first = judged.verdict.outcome == Outcome::Release && !judged.verdict.repeat;
    judged.verdict.parcel.filter(|_| first)
}

/// The record that a note carries over from a journal that ended, and that journal's life. `own` is the note's journal.
pub fn carried(own: StationEpoch, record: &ScanRecord) -> Option<Result<(StationEpoch, Entry), Unfit>> {
    let Event::Noted(Note::Salvaged { epoch, seq, record }) = &record.event else { return None };
    if *epoch == own || seq.0 == 0 || i64::try_from(seq.0).is_err() {
        return Some(Err(Unfit::NoSuchNumber));
    }
    let entry = lone(*seq, record);
    Some(match &entry.record {
        Ok(_) => Ok((*epoch, entry)),
        Err(unfit) => Err(unfit.clone()),
    })
}

/// What becomes of a conflict when a release about its parcel was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It does not rest on that release.
    Stays,
    /// It was none.
    Resolved,
    /// It is another one: of this kind, with the release that came first of those that stand.
    About(ConflictKind, Option<Release>),
}

/// `seq` is the withdrawn record's, `next` the first release that stands and where it is.
pub fn settle(conflict: &Conflict, seq: ScanSeq, withdrawn: &Release, next: Option<&(Place, Release)>) -> Settled {
    let own = Release { station: conflict.station.clone(), at: conflict.released_at };
    if own == *withdrawn && conflict.seq == seq {
        return Settled::Resolved;
    }
    let other = conflict.other_station.clone().zip(conflict.other_at).map(|(station, at)| Release { station, at });
    if other.as_ref() != Some(withdrawn) {
        return Settled::Stays;
    }
    match next.filter(|(_, next)| next.station != conflict.station) {
        Some((_, next)) => Settled::About(ConflictKind::TwoStations, Some(next.clone())),
        None if conflict.reasons.is_empty() => Settled::Resolved,
        None => Settled::About(ConflictKind::LateFact, None),
    }
}

/// The reasons for which the hub would have stopped a parcel that a station let go at `at`.
///
/// `verdict` is the hub's own, from what it knows when the record arrives; `changed_at` is when the newest of those
/// facts came to be. That the parcel left is no objection to its release when it left after it.
pub fn late_facts(verdict: &Verdict, changed_at: Timestamp, at: Timestamp) -> Vec<ReasonCode> {
    let counts = |code: &ReasonCode| match code {
        ReasonCode::ReleasedElsewhere => false,
        ReasonCode::AlreadyDispatched => changed_at <= at,
        code => code.outcome() == Outcome::Stop,
    };
    let stops = verdict.reasons.iter().map(|reason| reason.code).filter(counts);
    if verdict.outcome == Outcome::Stop { stops.collect() } else { Vec::new() }
}

/// Releases that were hinted at lately, to find two stations with one parcel before their records are here.
#[derive(Debug, Default)]
pub struct Hinted {
    releases: BTreeMap<ParcelId, Release>,
    order: VecDeque<ParcelId>,
}

/// The most hinted releases that are remembered.
const HINTED_MAX: usize = 10_000;

impl Hinted {
    /// Remembers a release; answers the one by another station that came before it, if there was one.
    pub fn note(&mut self, parcel: ParcelId, release: &Release) -> Option<Release> {
        if let Some(before) = self.releases.get(&parcel) {
            return Some(before.clone()).filter(|before| before.station != release.station);
        }
        if self.order.len() >= HINTED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.releases.remove(&oldest);
        }
        self.order.push_back(parcel);
        self.releases.insert(parcel, release.clone());
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packline_protocol::id::{BootId, StationId};
    use packline_protocol::time::Moment;
    use proptest::prelude::*;

    /// A journal of `count` records; `hand` tells two journals apart.
    fn journal(count: u64, hand: &str) -> Vec<Vec<u8>> {
        let record = |seq| ScanRecord {
            seq: ScanSeq(seq),
            boot: BootId(1),
            moment: Moment(seq),
            wall: Timestamp(0),
            wall_trusted: true,
            event: Event::Noted(Note::Begun { salvaged: 0, why: hand.to_owned() }),
        };
        (1..=count).map(|seq| record(seq).encode()).collect()
    }

    fn batch(journal: &[Vec<u8>], first: u64, count: u64) -> Batch {
        let (from, to) = (first as usize - 1, (first + count) as usize - 1);
        let before = journal[..from].iter().fold(ChainLink::START, |link, record| link.next(record));
        let records = journal[from..to].to_vec();
        Batch { station_epoch: StationEpoch(1), first: ScanSeq(first), before, records }
    }

    fn at(journal: &[Vec<u8>], upto: u64) -> Position {
        let link = journal[..upto as usize].iter().fold(ChainLink::START, |link, record| link.next(record));
        Position { upto: ScanSeq(upto), link: Some(link) }
    }

    fn word(arrival: &Arrival) -> String {
        match arrival {
            Arrival::New(entries) => {
                let seqs: Vec<_> = entries.iter().map(|entry| entry.seq.0.to_string()).collect();
                format!("new {}", seqs.join(" "))
            }
            other => format!("{other:?}").to_lowercase(),
        }
    }

    #[test]
    fn a_batch_counts_from_where_the_hub_stands() {
        let ours = journal(20, "ours");
        for (upto, first, count, expected) in [
            (0, 1, 3, "new 1 2 3"),
            (3, 4, 2, "new 4 5"),
            (3, 2, 4, "new 4 5"),
            (3, 3, 2, "new 4"),
            (5, 3, 3, "repeat"),
            (5, 1, 2, "repeat"),
            (3, 5, 1, "gap"),
            (0, 2, 1, "gap"),
            (5, 3, 0, "nothing"),
        ] {
            let arrival = take(at(&ours, upto), &batch(&ours, first, count), None);
            assert_eq!(word(&arrival), expected, "upto {upto}, batch {first}+{count}");
        }
    }

    #[test]
    fn another_history_under_the_same_numbers_is_never_taken_for_a_repeat() {
        let (ours, theirs) = (journal(20, "ours"), journal(20, "theirs"));
        let known = at(&ours, 4).link;
        for (upto, first, count) in [(5, 3, 3), (5, 3, 2), (5, 3, 6), (5, 6, 2)] {
            let forked = take(at(&ours, upto), &batch(&theirs, first, count), known);
            assert_eq!(word(&forked), "forked", "upto {upto}, batch {first}+{count}");
            let same = take(at(&ours, upto), &batch(&ours, first, count), known);
            assert_ne!(word(&same), "forked", "upto {upto}, batch {first}+{count}");
        }
    }

    #[test]
    fn after_a_gap_that_nobody_can_fill_the_next_batch_is_believed() {
        let ours = journal(9, "ours");
        let position = Position { upto: ScanSeq(4), link: None };
        assert_eq!(word(&take(position, &batch(&ours, 5, 2), None)), "new 5 6");
    }

    #[test]
    fn numbers_that_no_journal_reaches_are_nothing() {
        for first in [0, u64::MAX, i64::MAX as u64] {
            let batch = Batch { first: ScanSeq(first), ..batch(&journal(3, "x"), 1, 3) };
            assert_eq!(word(&take(Position::START, &batch, None)), "nothing", "{first}");
        }
    }

    #[test]
    fn a_record_that_nobody_can_read_still_takes_its_place() {
        let mut ours = journal(4, "ours");
        ours[1] = b"garbage".to_vec();
        ours[2] = journal(9, "ours")[8].clone();
        let Arrival::New(entries) = take(Position::START, &batch(&ours, 1, 4), None) else { panic!("not taken") };
        let bad: Vec<_> = entries.iter().map(|entry| entry.record.is_err()).collect();
        assert_eq!(bad, [false, true, true, false]);
        assert_eq!(entries[2].record, Err(Unfit::Misnumbered { says: ScanSeq(9) }));
    }

    #[test]
    fn hints_tell_two_stations_with_one_parcel_apart_and_are_forgotten_in_time() {
        let by = |station: &str| Release { station: StationId::parse(station).unwrap(), at: Timestamp(5) };
        let mut hinted = Hinted::default();
        assert_eq!(hinted.note(ParcelId(1), &by("pack-1")), None);
        assert_eq!(hinted.note(ParcelId(1), &by("pack-1")), None);
        assert_eq!(hinted.note(ParcelId(1), &by("pack-2")), Some(by("pack-1")));
        for parcel in 0..HINTED_MAX as u64 {
            hinted.note(ParcelId(100 + parcel), &by("pack-1"));
        }
        assert_eq!(hinted.note(ParcelId(1), &by("pack-2")), None);
        assert_eq!((hinted.order.len(), hinted.releases.len()), (HINTED_MAX, HINTED_MAX));
    }

    proptest! {
        #[test]
        fn any_repeats_and_reordering_of_batches_take_each_record_once(
            wanted in prop::collection::vec((1..30u64, 1..8u64), 0..60)
        ) {
            let ours = journal(40, "ours");
            let (mut position, mut taken) = (Position::START, Vec::new());
            let in_order = (1..=20).map(|i| (i * 2 - 1, 2));
            for (first, count) in wanted.into_iter().chain(in_order) {
                let known = at(&ours, first + count - 1).link;
                if let Arrival::New(entries) = take(position, &batch(&ours, first, count), known) {
                    let last = entries.last().unwrap();
                    position = Position { upto: last.seq, link: Some(last.link) };
                    taken.extend(entries.iter().map(|entry| entry.seq.0));
                }
            }
            prop_assert_eq!(taken, (1..=40).collect::<Vec<_>>());
        }
    }
}
