//! Taking records from stations, each once, and listing them.

mod withdraw;

use super::decide::{self, Hinted, Position};
use super::model::{Arrival, Conflict, ConflictKind, Entry, ScanKind, ScanRow, ScansError};
use super::news;
use super::store::{self, Journal, NewConflict, NewRecord, Standing};
use crate::fleet;
use crate::notices;
use crate::orders;
use crate::orders::actions::ReleaseNoted;
use crate::orders::model::OrderError;
use crate::store::{Counter, Db, Retry, StoreError, Tx};
use crate::webhooks;
use packline_protocol::downlink::{Ack, REFUSED_FORK, Refusal, Welcome};
use packline_protocol::facts::{CodeClass, Facts, Parcel, Release, ScanFacts};
use packline_protocol::id::{OrderId, ParcelId, ScanSeq, SiteId, StationId};
use packline_protocol::record::{ChainLink, Event, ScanRecord};
use packline_protocol::rules::{Position as ReplicaPosition, RuleSet};
use packline_protocol::time::Timestamp;
use packline_protocol::uplink::{Batch, Hello, Hint};
use packline_protocol::verdict::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use tracing::warn;

/// The most refusals that one acknowledgement names.
const REFUSALS_MAX: usize = 100;

/// A batch and who sent it, its signature checked.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// Who.
    pub station: StationId,
    /// From where.
    pub site: SiteId,
    /// What.
    pub batch: Batch,
}

/// What came of batches.
#[derive(Debug, Default)]
pub struct Taken {
    /// What to answer, one per journal.
    pub acks: Vec<(SiteId, StationId, Ack)>,
    /// The records that are new, in the order in which they were taken.
    pub records: Vec<ScanRow>,
    /// Releases of before that their stations took back, as they are.
    pub withdrawn: Vec<ScanRow>,
    /// What does not fit together.
    pub conflicts: Vec<Conflict>,
}

/// Takes batches of any stations in one transaction. Acknowledge only after this has come back.
///
/// Any of them may be a repeat, come too early, or contain what nobody can read; each record is kept exactly once.
pub async fn take(db: &Db, arrived: &[Arrived], now: Timestamp) -> Result<Taken, ScansError> {
    // A note may carry another record.
    let count = arrived.iter().map(|arrived| 2 * arrived.batch.records.len()).sum();
    let failed = |cause| ScansError::Store { what: "take scan records", cause };
    let ids = db.ids(Counter::ScanRecord, count).await.map_err(failed)?;
    let mut retry = Retry::default();
    loop {
        match attempt(db, arrived, &ids, now).await {
            Err(error) if retry.again(&error).await => {}
            done => return done.map_err(failed),
        }
    }
}

async fn attempt(db: &Db, arrived: &[Arrived], ids: &[u64], now: Timestamp) -> Result<Taken, StoreError> {
    let mut tx = db.begin("scans.take").await?;
    let mut book = Book::open(&mut tx, arrived).await?;
    let mut new = Vec::new();
    let mut ids = ids.iter().copied();
    for arrived in arrived {
        for entry in book.enter(&mut tx, arrived).await? {
            let mut id = || {
                let id = ids.next().and_then(|id| i64::try_from(id).ok());
                id.ok_or_else(|| StoreError::row("scans.take", "more records than numbers"))
            };
            let mut note = noted(id()?, arrived, entry, now);
            let carried = carried(&mut tx, &mut note, &new, id).await?;
            new.push(note);
            new.extend(carried);
        }
    }
    if new.is_empty() {
        return Ok(Taken { acks: book.acks(), ..Taken::default() });
    }
    let withdrawn = withdraw::take(&mut tx, &mut new, now).await?;
    let conflicts = release(&mut tx, &new, now).await?;
    store::add_records(&mut tx, &new).await?;
    mark_stopped(&mut tx, &new).await?;
    store::add_conflicts(&mut tx, &conflicts).await?;
    store::put_positions(&mut tx, &book.moved(), now).await?;
    let rows: Vec<&ScanRow> = new.iter().map(|record| &record.row).filter(|row| !row.withdrawn).collect();
    let unfit: Vec<&Conflict> = conflicts.iter().map(|new| &new.conflict).collect();
    notices::actions::raise(&mut tx, &news::occurrences(&rows, &unfit), now).await?;
    webhooks::actions::emit(&mut tx, &news::events(&rows), now).await?;
    tx.commit().await?;
    Ok(Taken {
        acks: book.acks(),
        records: new.into_iter().map(|record| record.row).collect(),
        withdrawn,
        conflicts: conflicts.into_iter().map(|new| new.conflict).collect(),
    })
}

/// Lists of orders can ask for those that a station stopped.
async fn mark_stopped(tx: &mut Tx, new: &[NewRecord]) -> Result<(), StoreError> {
    let stopped = new.iter().filter(|record| record.row.outcome == Some(Outcome::Stop));
    let orders: BTreeSet<OrderId> = stopped.filter_map(|record| record.row.order).collect();
    let noted = orders::actions::mark_stopped(tx, &orders.into_iter().collect::<Vec<_>>()).await;
    noted.map_err(|OrderError::Store(cause)| cause)
}

/// A record as it arrived.
fn noted(id: i64, arrived: &Arrived, entry: Entry, now: Timestamp) -> NewRecord {
    let origin = (arrived.station.clone(), arrived.batch.station_epoch, entry.seq);
    NewRecord { row: listed(id, arrived, &entry, now), origin, chained: true, entry }
}

/// The record that a note carries over from a journal that ended, at the place that it had there, if the hub does not
/// have it. When another record has that place, since the journal was copied or set back, the note itself stands for it.
async fn carried(
    tx: &mut Tx,
    note: &mut NewRecord,
    new: &[NewRecord],
    id: impl FnOnce() -> Result<i64, StoreError>,
) -> Result<Option<NewRecord>, StoreError> {
    let Ok(record) = &note.entry.record else { return Ok(None) };
    let (epoch, entry) = match decide::carried(note.row.station_epoch, record) {
        None => return Ok(None),
        Some(Ok(carried)) => carried,
        Some(Err(unfit)) => {
            (note.row.kind, note.row.refused) = (ScanKind::Unfit, Some(unfit.to_string()));
            note.entry.record = Err(unfit);
            return Ok(None);
        }
    };
    let origin = (note.row.station.clone(), epoch, entry.seq);
    let beside = new
        .iter()
        .find(|new| (new.row.station_epoch, new.row.seq) == (epoch, entry.seq) && new.row.station == origin.0);
    let stored = match beside {
        Some(beside) => Some(beside.entry.body.clone()),
        None => store::find_at(tx, &origin).await?.map(|(_, body)| body),
    };
    match stored {
        Some(body) if body == entry.body => Ok(None),
        Some(_) => {
            note.origin = origin;
            if let Ok(record) = &entry.record {
                describe(&mut note.row, record);
            }
            note.entry.record = entry.record;
            Ok(None)
        }
        None => {
            let blank = ScanRow { id: id()?, station_epoch: epoch, seq: entry.seq, ..note.row.clone() };
            let mut row = blank;
            if let Ok(record) = &entry.record {
                describe(&mut row, record);
            }
            Ok(Some(NewRecord { row, origin, chained: false, entry }))
        }
    }
}

/// Where the hub stands with each journal while batches are taken.
struct Book {
    pages: BTreeMap<Journal, Page>,
}

struct Page {
    site: SiteId,
    position: Position,
    /// How far it is in a backup.
    safe: ScanSeq,
    moved: bool,
    refused: Vec<Refusal>,
}

impl Book {
    async fn open(tx: &mut Tx, arrived: &[Arrived]) -> Result<Self, StoreError> {
        let stations: BTreeSet<&StationId> = arrived.iter().map(|arrived| &arrived.station).collect();
        let stations: Vec<&StationId> = stations.into_iter().collect();
        let known = store::positions(tx, &stations).await?;
        let mut pages = BTreeMap::new();
        for arrived in arrived {
            let journal = (arrived.station.clone(), arrived.batch.station_epoch);
            let Standing { position, safe } = known.get(&journal).copied().unwrap_or(Standing::START);
            let page = || Page { site: arrived.site.clone(), position, safe, moved: false, refused: Vec::new() };
            pages.entry(journal).or_insert_with(page);
        }
        Ok(Self { pages })
    }

    /// The new records of a batch, now counted as taken.
    async fn enter(&mut self, tx: &mut Tx, arrived: &Arrived) -> Result<Vec<Entry>, StoreError> {
        let journal = (arrived.station.clone(), arrived.batch.station_epoch);
        let Some(page) = self.pages.get_mut(&journal) else { return Ok(Vec::new()) };
        let last = arrived.batch.first.0.saturating_add(arrived.batch.records.len() as u64).saturating_sub(1);
        let known =
            if last < page.position.upto.0 { store::find_link(tx, &journal, ScanSeq(last)).await? } else { None };
        match decide::take(page.position, &arrived.batch, known) {
            Arrival::New(entries) => match unheard(tx, &journal, entries.clone()).await? {
                Some(unheard) => {
                    page.count(&entries);
                    Ok(unheard)
                }
                None => {
                    page.fork(arrived);
                    Ok(Vec::new())
                }
            },
            Arrival::Forked => {
                page.fork(arrived);
                Ok(Vec::new())
            }
            Arrival::Repeat | Arrival::Gap | Arrival::Nothing => Ok(Vec::new()),
        }
    }

    fn moved(&self) -> Vec<(Journal, Position)> {
        let moved = self.pages.iter().filter(|(_, page)| page.moved);
        moved.map(|(journal, page)| (journal.clone(), page.position)).collect()
    }

    fn acks(self) -> Vec<(SiteId, StationId, Ack)> {
        let ack = |((station, station_epoch), page): (Journal, Page)| {
            let upto = page.position.upto;
            let ack = Ack { station_epoch, upto, safe_upto: page.safe.min(upto), refused: page.refused };
            (page.site, station, ack)
        };
        self.pages.into_iter().map(ack).collect()
    }
}

impl Page {
    fn count(&mut self, entries: &[Entry]) {
        let Some(last) = entries.last() else { return };
        self.position = Position { upto: last.seq, link: Some(last.link) };
        self.moved = true;
        let unfit = entries.iter().filter_map(|entry| Some((entry.seq, entry.record.as_ref().err()?)));
        let room = REFUSALS_MAX.saturating_sub(self.refused.len());
        self.refused.extend(unfit.take(room).map(|(seq, why)| Refusal { seq, why: why.to_string() }));
    }

    fn fork(&mut self, arrived: &Arrived) {
        let seq = arrived.batch.first;
        warn!(
            station.id = %arrived.station, scan.seq = %seq,
            "The journal of station `{}` tells another history than before: it was copied or set back", arrived.station
        );
        self.refused.push(Refusal { seq, why: format!("{REFUSED_FORK}: another record was here before") });
    }
}

/// The entries that no later life of the journal carried over before; `None` when it carried over others under their
/// numbers.
async fn unheard(tx: &mut Tx, journal: &Journal, entries: Vec<Entry>) -> Result<Option<Vec<Entry>>, StoreError> {
    let newest = store::newest_of(tx, journal).await?;
    let mut unheard = Vec::with_capacity(entries.len());
    for entry in entries {
        let place = (journal.0.clone(), journal.1, entry.seq);
        match if entry.seq <= newest { store::find_at(tx, &place).await? } else { None } {
            None => unheard.push(entry),
            Some((_, body)) if body == entry.body => {}
            Some(_) => return Ok(None),
        }
    }
    Ok(Some(unheard))
}

/// How an entry is listed.
fn listed(id: i64, arrived: &Arrived, entry: &Entry, now: Timestamp) -> ScanRow {
    let mut row = ScanRow {
        id,
        site: arrived.site.clone(),
        station: arrived.station.clone(),
        station_epoch: arrived.batch.station_epoch,
        seq: entry.seq,
        received_at: now,
        wall: None,
        wall_trusted: false,
        kind: ScanKind::Unfit,
        outcome: None,
        reason: None,
        code: String::new(),
        scanner: None,
        parcel: None,
        order: None,
        repeat: false,
        withdrawn: false,
        age_ms: None,
        refused: entry.record.as_ref().err().map(ToString::to_string),
    };
    if let Ok(record) = &entry.record {
        describe(&mut row, record);
    }
    row
}

/// Fills in what the record says.
fn describe(row: &mut ScanRow, record: &ScanRecord) {
    (row.wall, row.wall_trusted) = (Some(record.wall), record.wall_trusted);
    match &record.event {
        Event::Judged(judged) => {
            row.kind = ScanKind::Judged;
            row.outcome = Some(judged.verdict.outcome);
            row.reason = judged.verdict.reasons.first().map(|reason| reason.code.key().to_owned());
            // Text in the database has no zero character; the record's bytes keep it.
            row.code = judged.code.replace('\0', "");
            row.scanner = Some(judged.scanner.clone());
            // What no database can count is as good as not known.
            row.age_ms = judged.verdict.age_ms.filter(|age| i64::try_from(*age).is_ok());
            (row.parcel, row.order, row.repeat) = (judged.verdict.parcel, judged.order, judged.verdict.repeat);
        }
        Event::Acknowledged(acknowledged) => {
            row.kind = ScanKind::Acknowledged;
            (row.scanner, row.parcel) = (Some(acknowledged.scanner.clone()), acknowledged.parcel);
        }
        Event::Noted(_) => row.kind = ScanKind::Noted,
    }
}

/// A record that lets a parcel go.
struct Letting<'a> {
    new: &'a NewRecord,
    record: &'a ScanRecord,
    parcel: ParcelId,
}

impl<'a> Letting<'a> {
    fn of(new: &'a NewRecord) -> Option<Self> {
        let record = new.entry.record.as_ref().ok()?;
        let stands = !new.row.withdrawn;
        Some(Self { new, record, parcel: decide::let_go(record).filter(|_| stands)? })
    }

    fn release(&self) -> Release {
        Release { station: self.new.row.station.clone(), at: self.record.wall }
    }
}

/// Notes the releases among the records at their parcels, and finds those that should not have been.
async fn release(tx: &mut Tx, new: &[NewRecord], now: Timestamp) -> Result<Vec<NewConflict>, StoreError> {
    let lettings: Vec<Letting<'_>> = new.iter().filter_map(Letting::of).collect();
    if lettings.is_empty() {
        return Ok(Vec::new());
    }
    let known = Known::load(tx, &lettings).await?;
    let releases: Vec<(ParcelId, Release)> =
        lettings.iter().map(|letting| (letting.parcel, letting.release())).collect();
    let noted = orders::actions::mark_released(tx, &releases).await.map_err(of_orders)?;
    let found = lettings.iter().zip(noted).filter_map(|(letting, noted)| known.conflict(letting, noted, now));
    Ok(found.collect())
}

/// What the orders say to the store's failure: it is the same store and the same transaction.
pub(super) fn of_orders(OrderError::Store(cause): OrderError) -> StoreError {
    cause
}

/// What the hub knows when releases arrive.
struct Known {
    parcels: BTreeMap<ParcelId, Parcel>,
    rules: BTreeMap<SiteId, RuleSet>,
}

impl Known {
    async fn load(tx: &mut Tx, lettings: &[Letting<'_>]) -> Result<Self, StoreError> {
        let mut sites: BTreeMap<&SiteId, BTreeSet<ParcelId>> = BTreeMap::new();
        for letting in lettings {
            sites.entry(&letting.new.row.site).or_default().insert(letting.parcel);
        }
        let (mut parcels, mut rules) = (BTreeMap::new(), BTreeMap::new());
        for (site, ids) in sites {
            let ids: Vec<ParcelId> = ids.into_iter().collect();
            let told = orders::actions::parcels_for_sync(tx.conn(), site, &ids).await.map_err(of_orders)?;
            parcels.extend(told.into_iter().map(|parcel| (parcel.id, parcel)));
            rules.insert(site.clone(), fleet::actions::rules(tx, site).await?);
        }
        Ok(Self { parcels, rules })
    }

    /// What is wrong with a release.
    fn conflict(&self, letting: &Letting<'_>, noted: ReleaseNoted, now: Timestamp) -> Option<NewConflict> {
        let Letting { new: NewRecord { row, .. }, record, parcel: id } = letting;
        let Event::Judged(judged) = &record.event else { return None };
        let parcel = self.parcels.get(id);
        let (order, other) = match noted {
            ReleaseNoted::First { order, .. } => (order, None),
            // A second look at it is news only where the first one is not known.
            ReleaseNoted::Before { .. } if judged.verdict.repeat => return None,
            ReleaseNoted::Before { order, by } => (order, Some(by).filter(|by| by.station != row.station)),
            ReleaseNoted::Unknown => return None,
        };
        let reasons = match (parcel, self.rules.get(&row.site)) {
            (Some(parcel), Some(rules)) => objections(rules, parcel, row, record),
            _ => Vec::new(),
        };
        let kind = match (&other, reasons.is_empty()) {
            (Some(_), _) => ConflictKind::TwoStations,
            (None, false) => ConflictKind::LateFact,
            (None, true) => return None,
        };
        let fact_at = parcel.map(|parcel| parcel.changed_at);
        let found = Found { kind, order: Some(order), other, reasons, fact_at };
        let conflict = found.conflict(row, *id, record.wall, judged.verdict.age_ms, now);
        Some(NewConflict { conflict, station_epoch: row.station_epoch, verdict: judged.verdict.clone() })
    }
}

/// What is wrong with a release.
struct Found {
    kind: ConflictKind,
    order: Option<OrderId>,
    other: Option<Release>,
    reasons: Vec<String>,
    fact_at: Option<Timestamp>,
}

impl Found {
    /// As it is listed, under the number of the record.
    fn conflict(
        self,
        row: &ScanRow,
        parcel: ParcelId,
        released_at: Timestamp,
        age_ms: Option<u64>,
        now: Timestamp,
    ) -> Conflict {
        Conflict {
            id: row.id,
            kind: self.kind,
            site: row.site.clone(),
            parcel,
            order: self.order,
            found_at: now,
            station: row.station.clone(),
            seq: row.seq,
            released_at,
            other_station: self.other.as_ref().map(|release| release.station.clone()),
            other_at: self.other.map(|release| release.at),
            reasons: self.reasons,
            fact_at: self.fact_at,
            age_ms,
            resolved_at: None,
        }
    }
}

/// The keys of the reasons for which the hub would have stopped the parcel.
fn objections(rules: &RuleSet, parcel: &Parcel, row: &ScanRow, record: &ScanRecord) -> Vec<String> {
    let scan = ScanFacts {
        class: CodeClass::Parcel,
        station: row.station.clone(),
        age_ms: Some(0),
        burst: false,
        courier_hints: Vec::new(),
    };
    let verdict = rules.judge(&Facts { parcel: Some(parcel), scan: &scan }, ReplicaPosition::default());
    let late = decide::late_facts(&verdict, parcel.changed_at, record.wall);
    late.into_iter().map(|code| code.key().to_owned()).collect()
}

/// Answers a station's birth: from where its journal goes on. Records that the station no longer holds and the hub
/// never had are given up here, and remembered as missing.
pub async fn welcome(db: &Db, station: &StationId, hello: &Hello, now: Timestamp) -> Result<Welcome, ScansError> {
    let failed = |cause| ScansError::Store { what: "look up a station's journal", cause };
    let mut view = db.view("scans.welcome").await.map_err(failed)?;
    let known = store::find_position(view.conn(), station, hello.station_epoch).await.map_err(failed)?;
    drop(view);
    let Standing { position, safe } = known.unwrap_or(Standing::START);
    let position = match decide::missing(position, hello) {
        Some(to) => give_up(db, station, hello, to, now).await.map_err(failed)?,
        None => position,
    };
    let (session, station_epoch, upto) = (hello.session, hello.station_epoch, position.upto);
    Ok(Welcome { session, station_epoch, upto, safe_upto: safe.min(upto), wall: now })
}

async fn give_up(
    db: &Db,
    station: &StationId,
    hello: &Hello,
    to: ScanSeq,
    now: Timestamp,
) -> Result<Position, StoreError> {
    let journal = (station.clone(), hello.station_epoch);
    let mut tx = db.begin("scans.give_up").await?;
    let known = store::find_position(tx.conn(), station, hello.station_epoch).await?;
    let known = known.unwrap_or(Standing::START).position;
    if known.upto >= to {
        return Ok(known);
    }
    let from = ScanSeq(known.upto.0 + 1);
    let position = Position { upto: to, link: None };
    store::add_gap(&mut tx, &journal, from, to, now).await?;
    store::put_positions(&mut tx, &[(journal, position)], now).await?;
    tx.commit().await?;
    warn!(station.id = %station, "Records {from} to {to} of station `{station}` are neither here nor there any more");
    Ok(position)
}

/// A hint as it is shown: not stored, since its record comes again in a batch; and the conflict that it means, when
/// another station has let the same parcel go. `None` for what is no usable record.
pub async fn hint(
    db: &Db,
    hinted: &mut Hinted,
    station: &StationId,
    site: &SiteId,
    hint: &Hint,
    now: Timestamp,
) -> Result<Option<(ScanRow, Option<Conflict>)>, ScansError> {
    let Ok(record) = ScanRecord::decode(&hint.record) else { return Ok(None) };
    let batch =
        Batch { station_epoch: hint.station_epoch, first: record.seq, before: ChainLink::START, records: vec![] };
    let arrived = Arrived { station: station.clone(), site: site.clone(), batch };
    let row = listed(0, &arrived, &decide::lone(record.seq, &hint.record), now);
    let Some(parcel) = decide::released(&record).filter(|_| row.refused.is_none()) else {
        return Ok(Some(row).filter(|row| row.refused.is_none()).map(|row| (row, None)));
    };
    let release = Release { station: station.clone(), at: record.wall };
    let by_hint = hinted.note(parcel, &release);
    let failed = |cause| ScansError::Store { what: "look up a hinted parcel", cause };
    let mut view = db.view("scans.hint").await.map_err(failed)?;
    let told = orders::actions::parcels_for_sync(view.conn(), site, &[parcel]).await;
    let stored = told.map_err(|error| failed(of_orders(error)))?.pop().and_then(|parcel| parcel.released);
    let other = stored.or(by_hint).filter(|other| other.station != *station);
    let conflict = other.map(|other| {
        let age_ms = match &record.event {
            Event::Judged(judged) => judged.verdict.age_ms,
            _ => None,
        };
        let order = row.order;
        let found =
            Found { kind: ConflictKind::TwoStations, order, other: Some(other), reasons: vec![], fact_at: None };
        found.conflict(&row, parcel, record.wall, age_ms, now)
    });
    Ok(Some((row, conflict)))
}

/// Which records are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// Of all stations.
    All,
    /// Of one station.
    Station(StationId),
    /// About one parcel.
    Parcel(ParcelId),
}

/// The most records or conflicts of one page.
pub const PAGE_MAX: usize = 500;

/// Up to `limit` records below number `before`, the newest first.
pub async fn recent(db: &Db, of: &Of, before: Option<i64>, limit: usize) -> Result<Vec<ScanRow>, ScansError> {
    let (before, limit) = (before.unwrap_or(i64::MAX), page(limit));
    let found = match of {
        Of::All => store::recent(db.read(), before, limit).await,
        Of::Station(station) => store::recent_of_station(db.read(), station, before, limit).await,
        Of::Parcel(parcel) => store::recent_of_parcel(db.read(), *parcel, before, limit).await,
    };
    found.map_err(|cause| ScansError::Store { what: "list scan records", cause })
}

/// Up to `limit` records below number `before`, the newest first; of one station and with one answer where given.
pub async fn matching(
    db: &Db,
    station: Option<StationId>,
    outcome: Option<Outcome>,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<ScanRow>, ScansError> {
    match (station, outcome) {
        (station, Some(outcome)) => recent_with(db, station.as_ref(), outcome, before, limit).await,
        (Some(station), None) => recent(db, &Of::Station(station), before, limit).await,
        (None, None) => recent(db, &Of::All, before, limit).await,
    }
}

async fn recent_with(
    db: &Db,
    station: Option<&StationId>,
    outcome: Outcome,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<ScanRow>, ScansError> {
    let (before, limit) = (before.unwrap_or(i64::MAX), page(limit));
    let found = match station {
        None => store::recent_with(db.read(), outcome, before, limit).await,
        Some(station) => store::recent_with_of_station(db.read(), station, outcome, before, limit).await,
    };
    found.map_err(|cause| ScansError::Store { what: "list scan records", cause })
}

/// The whole record with this number, as far as it can be read.
pub async fn find(db: &Db, id: i64) -> Result<Option<ScanRecord>, ScansError> {
    let body = store::find_body(db.read(), id).await;
    let body = body.map_err(|cause| ScansError::Store { what: "read a scan record", cause })?;
    Ok(body.and_then(|body| ScanRecord::decode(&body).ok()))
}

/// Up to `limit` conflicts below number `before`, the newest first; of one parcel if it is given.
pub async fn conflicts(
    db: &Db,
    parcel: Option<ParcelId>,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<Conflict>, ScansError> {
    let (before, limit) = (before.unwrap_or(i64::MAX), page(limit));
    let found = match parcel {
        None => store::conflicts(db.read(), before, limit).await,
        Some(parcel) => store::conflicts_of_parcel(db.read(), parcel, before, limit).await,
    };
    found.map_err(|cause| ScansError::Store { what: "list scan conflicts", cause })
}

/// Up to `limit` conflicts that are not resolved, the newest first.
pub async fn open_conflicts(db: &Db, limit: usize) -> Result<Vec<Conflict>, ScansError> {
    let found = store::newest_open_conflicts(db.read(), page(limit)).await;
    found.map_err(|cause| ScansError::Store { what: "list scan conflicts", cause })
}

fn page(limit: usize) -> i64 {
    i64::try_from(limit.clamp(1, PAGE_MAX)).unwrap_or(1)
}

/// Records dropped per transaction.
const DROP_AT_ONCE: i64 = 2_000;

/// Forgets records that came before `before`, some at once; says how many.
pub async fn forget_old(db: &Db, before: Timestamp) -> Result<u64, ScansError> {
    let failed = |cause| ScansError::Store { what: "forget old scan records", cause };
    let mut tx = db.begin("scans.forget_old").await.map_err(failed)?;
    let dropped = store::drop_old(&mut tx, before, DROP_AT_ONCE).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    Ok(dropped)
}
