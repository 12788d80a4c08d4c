//! All SQL of scans.

use super::decide::Position;
use super::model::{Conflict, ConflictKind, Entry, ScanKind, ScanRow};
use crate::store::{Statement, StoreError, Tx};
use crate::{rows, statements};
use packline_protocol::facts::Release;
use packline_protocol::id::{BootId, OrderId, ParcelId, ScanSeq, ScannerId, SiteId, StationEpoch, StationId};
use packline_protocol::record::ChainLink;
use packline_protocol::time::Timestamp;
use packline_protocol::verdict::{Outcome, Verdict};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool};
use std::collections::{BTreeMap, BTreeSet};

/// Columns of a listed record, in the order in which [`scan_row`] reads them.
macro_rules! listed {
    ($rest:literal) => {
        concat!(
            "SELECT id, station, station_epoch, seq, site, received_at, wall, wall_trusted, kind, outcome, reason, ",
            "code, scanner, parcel, order_id, is_repeat, refused, age_ms, is_withdrawn FROM scan_record ",
            $rest
        )
    };
}

/// Columns of a listed conflict, in the order in which [`conflict_row`] reads them.
macro_rules! conflicts {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, site, parcel, order_id, found_at, station, seq, released_at, other_station, other_at, ",
            "reasons, fact_at, age_ms, resolved_at FROM scan_conflict ",
            $rest
        )
    };
}

statements! {
    /// One journal's position.
    FIND_POSITION = "SELECT upto, link, safe_upto FROM ingest_position WHERE station = $1 AND station_epoch = $2";
    /// The chain after one record.
    FIND_LINK = "SELECT link FROM scan_record WHERE station = $1 AND station_epoch = $2 AND seq = $3";
    /// One record and its bytes, by its place.
    FIND_AT = "SELECT id, station, station_epoch, seq, site, received_at, wall, wall_trusted, kind, outcome, reason, \
        code, scanner, parcel, order_id, is_repeat, refused, age_ms, is_withdrawn, body FROM scan_record \
        WHERE station = $1 AND station_epoch = $2 AND seq = $3";
    /// The newest record of a journal that is here, whichever way it came.
    NEWEST_OF = "SELECT MAX(seq) FROM scan_record WHERE station = $1 AND station_epoch = $2";
    /// A release was withdrawn.
    MARK_WITHDRAWN = "UPDATE scan_record SET is_withdrawn = 1 WHERE station = $1 AND station_epoch = $2 AND seq = $3";
    /// The first release of a parcel that stands.
    NEXT_RELEASE: Walk = "SELECT station, station_epoch, seq, wall FROM scan_record \
        WHERE parcel = $1 AND outcome = 'release' AND is_withdrawn = 0 AND wall IS NOT NULL ORDER BY id LIMIT 1";
    /// Conflicts of a parcel that are not resolved.
    OPEN_CONFLICTS_OF: Walk = conflicts!("WHERE parcel = $1 AND resolved_at IS NULL ORDER BY id LIMIT 500");
    /// The newest conflicts that are not resolved.
    OPEN_CONFLICTS: Walk = conflicts!("WHERE resolved_at IS NULL ORDER BY id DESC LIMIT $1");
    /// A conflict turned out to be none.
    RESOLVE_CONFLICT = "UPDATE scan_conflict SET resolved_at = $2 WHERE id = $1";
    /// A conflict turned out to be another one.
    CHANGE_CONFLICT = "UPDATE scan_conflict SET kind = $2, other_station = $3, other_at = $4 WHERE id = $1";
    /// Remembers records that nobody has any more.
    ADD_GAP = "INSERT INTO ingest_gap (station, station_epoch, from_seq, to_seq, found_at) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (station, station_epoch, from_seq) DO NOTHING";
    /// The newest records below a number.
    RECENT: Walk = listed!("WHERE id < $1 ORDER BY id DESC LIMIT $2");
    /// The newest records of a station below a number.
    RECENT_OF_STATION: Walk = listed!("WHERE station = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    /// The newest records of a parcel below a number.
    RECENT_OF_PARCEL: Walk = listed!("WHERE parcel = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    /// The newest releases below a number: most records are.
    RELEASES: Walk = listed!("WHERE outcome = 'release' AND id < $1 ORDER BY id DESC LIMIT $2");
    /// The newest releases of a station below a number.
    RELEASES_OF_STATION: Walk =
        listed!("WHERE outcome = 'release' AND station = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    /// The newest stops or asks below a number: few records are, and an index has them alone.
    HELD: Walk = listed!("WHERE outcome <> 'release' AND outcome = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    /// The newest stops or asks of a station below a number.
    HELD_OF_STATION: Walk = listed!(
        "WHERE outcome <> 'release' AND station = $1 AND outcome = $2 AND id < $3 ORDER BY id DESC LIMIT $4"
    );
    /// The bytes of one record.
    FIND_BODY = "SELECT body FROM scan_record WHERE id = $1";
    /// The newest conflicts below a number.
    CONFLICTS: Walk = conflicts!("WHERE id < $1 ORDER BY id DESC LIMIT $2");
    /// The newest conflicts of a parcel below a number.
    CONFLICTS_OF_PARCEL: Walk = conflicts!("WHERE parcel = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    /// The newest of the oldest records that came before a time.
    OLD_RECORDS: Walk = "SELECT MAX(id) FROM \
        (SELECT id, received_at FROM scan_record ORDER BY id LIMIT $1) AS oldest WHERE received_at < $2";
    /// Forgets records up to a number that came before a time: each hub takes numbers in blocks, so that a low number
    /// may be a young record.
    DROP_RECORDS = "DELETE FROM scan_record WHERE id <= $1 AND received_at < $2";
}

rows! {
    /// Positions of all journals of these stations.
    POSITIONS [0; TEXT] = "SELECT station, station_epoch, upto, link, safe_upto FROM ingest_position \
        WHERE station IN (VALUES {rows})";
    /// Moves positions; one that would go back stays.
    PUT_POSITIONS [0, 6] = "INSERT INTO ingest_position (station, station_epoch, upto, link, first_at, last_at) \
        VALUES {rows} ON CONFLICT (station, station_epoch) DO UPDATE SET \
        upto = excluded.upto, link = excluded.link, last_at = excluded.last_at \
        WHERE ingest_position.upto < excluded.upto";
    /// Withdrawals of these stations whose release did not come yet.
    WAITING [0; TEXT] = "SELECT station, station_epoch, seq, boot FROM scan_withdrawal \
        WHERE station IN (VALUES {rows})";
    /// Keeps withdrawals until their release comes.
    ADD_WITHDRAWALS [0, 5] = "INSERT INTO scan_withdrawal (station, station_epoch, seq, boot, found_at) \
        VALUES {rows} ON CONFLICT (station, station_epoch, seq, boot) DO NOTHING";
    /// Keeps records.
    ADD_RECORDS [0, 21] = "INSERT INTO scan_record (id, station, station_epoch, seq, site, received_at, wall, \
        wall_trusted, kind, outcome, reason, code, scanner, parcel, order_id, is_repeat, refused, age_ms, \
        is_withdrawn, link, body) \
        VALUES {rows}";
    /// Keeps conflicts.
    ADD_CONFLICTS [0, 18] = "INSERT INTO scan_conflict (id, kind, site, parcel, order_id, found_at, station, \
        station_epoch, seq, released_at, other_station, other_at, reasons, fact_at, age_ms, replica_epoch, \
        replica_seq, row_seq) VALUES {rows}";
}

/// A journal of a station.
pub type Journal = (StationId, StationEpoch);

/// Where the hub stands with a journal, and how far that is in a backup.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// What the hub has.
    pub position: Position,
    /// What would survive this machine.
    pub safe: ScanSeq,
}

impl Standing {
    /// Nothing yet.
    pub const START: Standing = Standing { position: Position::START, safe: ScanSeq(0) };
}

/// Where the hub stands with the journals of these stations.
pub async fn positions(tx: &mut Tx, stations: &[&StationId]) -> Result<BTreeMap<Journal, Standing>, StoreError> {
    let rows = POSITIONS.fetch(tx.conn(), stations, |query, station| query.bind(station.as_str().to_owned())).await?;
    let position = |row: &AnyRow| {
        let of = POSITIONS.statement;
        let journal = (station_id(of, row, 0)?, StationEpoch(of.get::<i64>(row, 1)?.cast_unsigned()));
        Ok((journal, standing_at(of, row, 2)?))
    };
    rows.iter().map(position).collect()
}

/// Where the hub stands with one journal, if it knows it.
pub async fn find_position(
    conn: &mut AnyConnection,
    station: &StationId,
    epoch: StationEpoch,
) -> Result<Option<Standing>, StoreError> {
    let query = FIND_POSITION.query().bind(station.as_str()).bind(epoch.0.cast_signed());
    let row = FIND_POSITION.find(conn, query).await?;
    row.map(|row| standing_at(FIND_POSITION, &row, 0)).transpose()
}

/// The chain after one record that the hub has.
pub async fn find_link(tx: &mut Tx, (station, epoch): &Journal, seq: ScanSeq) -> Result<Option<ChainLink>, StoreError> {
    let query = FIND_LINK.query().bind(station.as_str()).bind(epoch.0.cast_signed()).bind(seq.0.cast_signed());
    let row = FIND_LINK.find(tx.conn(), query).await?;
    let link: Option<Vec<u8>> = row.map(|row| FIND_LINK.get(&row, 0)).transpose()?.flatten();
    link.map(|link| link_of(FIND_LINK, link)).transpose()
}

/// The record at a place, and its bytes.
pub async fn find_at(tx: &mut Tx, (station, epoch, seq): &Place) -> Result<Option<(ScanRow, Vec<u8>)>, StoreError> {
    let query = FIND_AT.query().bind(station.as_str()).bind(epoch.0.cast_signed()).bind(seq.0.cast_signed());
    let row = FIND_AT.find(tx.conn(), query).await?;
    row.map(|row| Ok((scan_row(FIND_AT, &row)?, FIND_AT.get(&row, 19)?))).transpose()
}

/// The newest record of a journal that is here, in its chain or carried over; 0 when there is none.
pub async fn newest_of(tx: &mut Tx, (station, epoch): &Journal) -> Result<ScanSeq, StoreError> {
    let query = NEWEST_OF.query().bind(station.as_str()).bind(epoch.0.cast_signed());
    let newest: Option<i64> = NEWEST_OF.one(tx, query).await?;
    Ok(ScanSeq(newest.unwrap_or_default().cast_unsigned()))
}

/// A release was withdrawn.
pub async fn mark_withdrawn(tx: &mut Tx, (station, epoch, seq): &Place) -> Result<(), StoreError> {
    let query = MARK_WITHDRAWN.query().bind(station.as_str()).bind(epoch.0.cast_signed()).bind(seq.0.cast_signed());
    MARK_WITHDRAWN.run(tx, query).await.map(drop)
}

/// The first release of a parcel that stands.
pub async fn next_release(tx: &mut Tx, parcel: ParcelId) -> Result<Option<(Place, Release)>, StoreError> {
    let of = NEXT_RELEASE;
    let Some(row) = of.find(tx.conn(), of.query().bind(parcel.0.cast_signed())).await? else { return Ok(None) };
    let station = station_id(of, &row, 0)?;
    let number = |place| Ok::<_, StoreError>(of.get::<i64>(&row, place)?.cast_unsigned());
    let place = (station.clone(), StationEpoch(number(1)?), ScanSeq(number(2)?));
    Ok(Some((place, Release { station, at: Timestamp(of.get(&row, 3)?) })))
}

/// Withdrawals of these stations whose release did not come yet.
pub async fn waiting_withdrawals(tx: &mut Tx, stations: &[StationId]) -> Result<BTreeSet<Waiting>, StoreError> {
    let rows = WAITING.fetch(tx.conn(), stations, |query, station| query.bind(station.as_str().to_owned())).await?;
    let waiting = |row: &AnyRow| {
        let of = WAITING.statement;
        let number = |place| Ok::<_, StoreError>(of.get::<i64>(row, place)?.cast_unsigned());
        let place = (station_id(of, row, 0)?, StationEpoch(number(1)?), ScanSeq(number(2)?));
        Ok((place, BootId(number(3)?)))
    };
    rows.iter().map(waiting).collect()
}

/// Keeps withdrawals until their release comes.
pub async fn add_withdrawals(tx: &mut Tx, waiting: &[Waiting], now: Timestamp) -> Result<(), StoreError> {
    ADD_WITHDRAWALS
        .write(tx, waiting, |query, ((station, epoch, seq), boot)| {
            query
                .bind(station.as_str().to_owned())
                .bind(epoch.0.cast_signed())
                .bind(seq.0.cast_signed())
                .bind(boot.0.cast_signed())
                .bind(now.0)
        })
        .await
        .map(drop)
}

/// Conflicts about a parcel that are not resolved, the oldest first.
pub async fn open_conflicts(tx: &mut Tx, parcel: ParcelId) -> Result<Vec<Conflict>, StoreError> {
    let query = OPEN_CONFLICTS_OF.query().bind(parcel.0.cast_signed());
    OPEN_CONFLICTS_OF.all(tx.conn(), query).await?.iter().map(|row| conflict_row(OPEN_CONFLICTS_OF, row)).collect()
}

/// A conflict turned out to be none.
pub async fn resolve_conflict(tx: &mut Tx, id: i64, now: Timestamp) -> Result<(), StoreError> {
    RESOLVE_CONFLICT.run(tx, RESOLVE_CONFLICT.query().bind(id).bind(now.0)).await.map(drop)
}

/// A conflict turned out to be another one.
pub async fn change_conflict(
    tx: &mut Tx,
    id: i64,
    kind: ConflictKind,
    other: Option<&Release>,
) -> Result<(), StoreError> {
    let query = CHANGE_CONFLICT.query().bind(id).bind(kind.word());
    let query = query.bind(other.map(|other| other.station.as_str().to_owned())).bind(other.map(|other| other.at.0));
    CHANGE_CONFLICT.run(tx, query).await.map(drop)
}

/// Moves positions.
pub async fn put_positions(tx: &mut Tx, moved: &[(Journal, Position)], now: Timestamp) -> Result<(), StoreError> {
    PUT_POSITIONS
        .write(tx, moved, |query, ((station, epoch), position)| {
            query
                .bind(station.as_str().to_owned())
                .bind(epoch.0.cast_signed())
                .bind(position.upto.0.cast_signed())
                .bind(position.link.map(|link| link.0.to_vec()))
                .bind(now.0)
                .bind(now.0)
        })
        .await?;
    Ok(())
}

/// Remembers that records `from` to `to` are gone for good.
pub async fn add_gap(
    tx: &mut Tx,
    (station, epoch): &Journal,
    from: ScanSeq,
    to: ScanSeq,
    now: Timestamp,
) -> Result<(), StoreError> {
    let query = ADD_GAP
        .query()
        .bind(station.as_str())
        .bind(epoch.0.cast_signed())
        .bind(from.0.cast_signed())
        .bind(to.0.cast_signed())
        .bind(now.0);
    ADD_GAP.run(tx, query).await?;
    Ok(())
}

/// Where a record is: whose, in which life of the journal, under which number.
pub type Place = (StationId, StationEpoch, ScanSeq);

/// A withdrawal: where its release was written first, and by which daemon.
pub type Waiting = (Place, BootId);

/// A record to keep: how it is listed, and what is kept besides.
#[derive(Debug)]
pub struct NewRecord {
    /// As it is listed.
    pub row: ScanRow,
    /// Where it was first.
    pub origin: Place,
    /// Whether it came in its journal's chain.
    pub chained: bool,
    /// Its place, chain and bytes.
    pub entry: Entry,
}

/// Keeps records.
pub async fn add_records(tx: &mut Tx, records: &[NewRecord]) -> Result<(), StoreError> {
    ADD_RECORDS
        .write(tx, records, |query, NewRecord { row, entry, chained, .. }| {
            query
                .bind(row.id)
                .bind(row.station.as_str().to_owned())
                .bind(row.station_epoch.0.cast_signed())
                .bind(row.seq.0.cast_signed())
                .bind(row.site.as_str().to_owned())
                .bind(row.received_at.0)
                .bind(row.wall.map(|wall| wall.0))
                .bind(i64::from(row.wall_trusted))
                .bind(row.kind.word())
                .bind(row.outcome.map(outcome_word))
                .bind(row.reason.clone())
                .bind(row.code.clone())
                .bind(row.scanner.as_ref().map(|scanner| scanner.as_str().to_owned()))
                .bind(row.parcel.map(|parcel| parcel.0.cast_signed()))
                .bind(row.order.map(|order| order.0.cast_signed()))
                .bind(i64::from(row.repeat))
                .bind(row.refused.clone())
                .bind(row.age_ms.map(u64::cast_signed))
                .bind(i64::from(row.withdrawn))
                .bind(chained.then(|| entry.link.0.to_vec()))
                .bind(entry.body.clone())
        })
        .await?;
    Ok(())
}

/// A conflict to keep, and the verdict it is about.
#[derive(Debug)]
pub struct NewConflict {
    /// As it is listed.
    pub conflict: Conflict,
    /// The journal of the release.
    pub station_epoch: StationEpoch,
    /// What the station said and on which knowledge.
    pub verdict: Verdict,
}

/// Keeps conflicts.
pub async fn add_conflicts(tx: &mut Tx, conflicts: &[NewConflict]) -> Result<(), StoreError> {
    ADD_CONFLICTS
        .write(tx, conflicts, |query, NewConflict { conflict, station_epoch, verdict }| {
            query
                .bind(conflict.id)
                .bind(conflict.kind.word())
                .bind(conflict.site.as_str().to_owned())
                .bind(conflict.parcel.0.cast_signed())
                .bind(conflict.order.map(|order| order.0.cast_signed()))
                .bind(conflict.found_at.0)
                .bind(conflict.station.as_str().to_owned())
                .bind(station_epoch.0.cast_signed())
                .bind(conflict.seq.0.cast_signed())
                .bind(conflict.released_at.0)
                .bind(conflict.other_station.as_ref().map(|station| station.as_str().to_owned()))
                .bind(conflict.other_at.map(|at| at.0))
                .bind(conflict.reasons.join(","))
                .bind(conflict.fact_at.map(|at| at.0))
                .bind(conflict.age_ms.map(|age| i64::try_from(age).unwrap_or(i64::MAX)))
                .bind(verdict.epoch.0.cast_signed())
                .bind(verdict.position.0.cast_signed())
                .bind(None::<i64>)
        })
        .await?;
    Ok(())
}

/// Up to `limit` records below `before`, the newest first.
pub async fn recent(db: &AnyPool, before: i64, limit: i64) -> Result<Vec<ScanRow>, StoreError> {
    let query = RECENT.query().bind(before).bind(limit);
    RECENT.all(db, query).await?.iter().map(|row| scan_row(RECENT, row)).collect()
}

/// Up to `limit` records of `station` below `before`, the newest first.
pub async fn recent_of_station(
    db: &AnyPool,
    station: &StationId,
    before: i64,
    limit: i64,
) -> Result<Vec<ScanRow>, StoreError> {
    let query = RECENT_OF_STATION.query().bind(station.as_str()).bind(before).bind(limit);
    RECENT_OF_STATION.all(db, query).await?.iter().map(|row| scan_row(RECENT_OF_STATION, row)).collect()
}

/// Up to `limit` answers of this kind below `before`, the newest first.
pub async fn recent_with(db: &AnyPool, outcome: Outcome, before: i64, limit: i64) -> Result<Vec<ScanRow>, StoreError> {
    let (of, query) = match outcome {
        Outcome::Release => (RELEASES, RELEASES.query()),
        Outcome::Ask | Outcome::Stop => (HELD, HELD.query().bind(outcome_word(outcome))),
    };
    of.all(db, query.bind(before).bind(limit)).await?.iter().map(|row| scan_row(of, row)).collect()
}

/// Up to `limit` answers of this kind of `station` below `before`, the newest first.
pub async fn recent_with_of_station(
    db: &AnyPool,
    station: &StationId,
    outcome: Outcome,
    before: i64,
    limit: i64,
) -> Result<Vec<ScanRow>, StoreError> {
    let station = station.as_str();
    let (of, query) = match outcome {
        Outcome::Release => (RELEASES_OF_STATION, RELEASES_OF_STATION.query().bind(station)),
        Outcome::Ask | Outcome::Stop => {
            (HELD_OF_STATION, HELD_OF_STATION.query().bind(station).bind(outcome_word(outcome)))
        }
    };
    of.all(db, query.bind(before).bind(limit)).await?.iter().map(|row| scan_row(of, row)).collect()
}

/// Up to `limit` records of `parcel` below `before`, the newest first.
pub async fn recent_of_parcel(
    db: &AnyPool,
    parcel: ParcelId,
    before: i64,
    limit: i64,
) -> Result<Vec<ScanRow>, StoreError> {
    let query = RECENT_OF_PARCEL.query().bind(parcel.0.cast_signed()).bind(before).bind(limit);
    RECENT_OF_PARCEL.all(db, query).await?.iter().map(|row| scan_row(RECENT_OF_PARCEL, row)).collect()
}

/// The bytes of one record.
pub async fn find_body(db: &AnyPool, id: i64) -> Result<Option<Vec<u8>>, StoreError> {
    let row = FIND_BODY.find(db, FIND_BODY.query().bind(id)).await?;
    row.map(|row| FIND_BODY.get(&row, 0)).transpose()
}

/// Up to `limit` conflicts below `before`, the newest first.
pub async fn conflicts(db: &AnyPool, before: i64, limit: i64) -> Result<Vec<Conflict>, StoreError> {
    let query = CONFLICTS.query().bind(before).bind(limit);
    CONFLICTS.all(db, query).await?.iter().map(|row| conflict_row(CONFLICTS, row)).collect()
}

/// Up to `limit` conflicts that are not resolved, the newest first.
pub async fn newest_open_conflicts(db: &AnyPool, limit: i64) -> Result<Vec<Conflict>, StoreError> {
    let rows = OPEN_CONFLICTS.all(db, OPEN_CONFLICTS.query().bind(limit)).await?;
    rows.iter().map(|row| conflict_row(OPEN_CONFLICTS, row)).collect()
}

/// Up to `limit` conflicts of `parcel` below `before`, the newest first.
pub async fn conflicts_of_parcel(
    db: &AnyPool,
    parcel: ParcelId,
    before: i64,
    limit: i64,
) -> Result<Vec<Conflict>, StoreError> {
    let query = CONFLICTS_OF_PARCEL.query().bind(parcel.0.cast_signed()).bind(before).bind(limit);
    CONFLICTS_OF_PARCEL.all(db, query).await?.iter().map(|row| conflict_row(CONFLICTS_OF_PARCEL, row)).collect()
}

/// Forgets some of the records that came before `before`, the oldest first; says how many.
pub async fn drop_old(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let query = OLD_RECORDS.query().bind(limit).bind(before.0);
    let newest: Option<i64> = OLD_RECORDS.one(tx, query).await?;
    let Some(newest) = newest else { return Ok(0) };
    DROP_RECORDS.run(tx, DROP_RECORDS.query().bind(newest).bind(before.0)).await
}

fn scan_row(statement: Statement, row: &AnyRow) -> Result<ScanRow, StoreError> {
    let kind: String = statement.get(row, 8)?;
    let outcome: Option<String> = statement.get(row, 9)?;
    let scanner: Option<String> = statement.get(row, 12)?;
    let number = |place| Ok::<_, StoreError>(statement.get::<Option<i64>>(row, place)?.map(i64::cast_unsigned));
    Ok(ScanRow {
        id: statement.get(row, 0)?,
        station: station_id(statement, row, 1)?,
        station_epoch: StationEpoch(statement.get::<i64>(row, 2)?.cast_unsigned()),
        seq: ScanSeq(statement.get::<i64>(row, 3)?.cast_unsigned()),
        site: site_id(statement, row, 4)?,
        received_at: Timestamp(statement.get(row, 5)?),
        wall: statement.get::<Option<i64>>(row, 6)?.map(Timestamp),
        wall_trusted: statement.get::<i64>(row, 7)? != 0,
        kind: ScanKind::from_word(&kind).ok_or_else(|| StoreError::row(statement.name, format!("kind `{kind}`")))?,
        outcome: outcome.as_deref().map(|word| outcome_of(statement, word)).transpose()?,
        reason: statement.get(row, 10)?,
        code: statement.get(row, 11)?,
        scanner: scanner
            .map(|name| ScannerId::parse(&name).map_err(|why| StoreError::row(statement.name, why)))
            .transpose()?,
        parcel: number(13)?.map(ParcelId),
        order: number(14)?.map(OrderId),
        repeat: statement.get::<i64>(row, 15)? != 0,
        refused: statement.get(row, 16)?,
        age_ms: number(17)?,
        withdrawn: statement.get::<i64>(row, 18)? != 0,
    })
}

fn conflict_row(statement: Statement, row: &AnyRow) -> Result<Conflict, StoreError> {
    let kind: String = statement.get(row, 1)?;
    let other: Option<String> = statement.get(row, 9)?;
    let reasons: String = statement.get(row, 11)?;
    let number = |place| statement.get::<Option<i64>>(row, place);
    Ok(Conflict {
        id: statement.get(row, 0)?,
        kind: ConflictKind::from_word(&kind)
            .ok_or_else(|| StoreError::row(statement.name, format!("kind `{kind}`")))?,
        site: site_id(statement, row, 2)?,
        parcel: ParcelId(statement.get::<i64>(row, 3)?.cast_unsigned()),
        order: number(4)?.map(|order| OrderId(order.cast_unsigned())),
        found_at: Timestamp(statement.get(row, 5)?),
        station: station_id(statement, row, 6)?,
        seq: ScanSeq(statement.get::<i64>(row, 7)?.cast_unsigned()),
        released_at: Timestamp(statement.get(row, 8)?),
        other_station: other
            .map(|name| StationId::parse(&name).map_err(|why| StoreError::row(statement.name, why)))
            .transpose()?,
        other_at: number(10)?.map(Timestamp),
        reasons: reasons.split(',').filter(|reason| !reason.is_empty()).map(str::to_owned).collect(),
        fact_at: number(12)?.map(Timestamp),
        age_ms: number(13)?.map(i64::cast_unsigned),
        resolved_at: number(14)?.map(Timestamp),
    })
}

fn standing_at(statement: Statement, row: &AnyRow, place: usize) -> Result<Standing, StoreError> {
    let link: Option<Vec<u8>> = statement.get(row, place + 1)?;
    let link = link.map(|link| link_of(statement, link)).transpose()?;
    let seq = |place| Ok::<_, StoreError>(ScanSeq(statement.get::<i64>(row, place)?.cast_unsigned()));
    Ok(Standing { position: Position { upto: seq(place)?, link }, safe: seq(place + 2)? })
}

fn link_of(statement: Statement, link: Vec<u8>) -> Result<ChainLink, StoreError> {
    link.try_into().map(ChainLink).map_err(|_| StoreError::row(statement.name, "a link is not 16 bytes"))
}

fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Release => "release",
        Outcome::Ask => "ask",
        Outcome::Stop => "stop",
    }
}

fn outcome_of(statement: Statement, word: &str) -> Result<Outcome, StoreError> {
    let all = [Outcome::Release, Outcome::Ask, Outcome::Stop];
    let found = all.into_iter().find(|outcome| outcome_word(*outcome) == word);
    found.ok_or_else(|| StoreError::row(statement.name, format!("outcome `{word}`")))
}

fn site_id(statement: Statement, row: &AnyRow, place: usize) -> Result<SiteId, StoreError> {
    SiteId::parse(&statement.get::<String>(row, place)?).map_err(|why| StoreError::row(statement.name, why))
}

fn station_id(statement: Statement, row: &AnyRow, place: usize) -> Result<StationId, StoreError> {
    StationId::parse(&statement.get::<String>(row, place)?).map_err(|why| StoreError::row(statement.name, why))
}
