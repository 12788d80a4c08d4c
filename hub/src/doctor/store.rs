//! What the checks ask of the database. They read all of it, page by page where tables are big.

use super::decide::{Standing, Stored};
use crate::statements;
use crate::store::{Connection, StoreError, Tx};
use packline_protocol::id::{OrderId, ScanSeq, StationEpoch, StationId};
use packline_protocol::record::ChainLink;
use packline_protocol::time::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row as _};

statements! {
    /// Orders by rising number, with what is derived of them.
    ORDERS_AFTER: Walk = "SELECT id, order_code, code_tail, site, gift_status, parcel_count, piece_count FROM orders \
        WHERE id > $1 ORDER BY id LIMIT $2";
    /// Codes by rising parcel.
    CODES_AFTER: Walk = "SELECT parcel_id, code, code_tail FROM parcel_code WHERE parcel_id > $1 \
        ORDER BY parcel_id, code LIMIT $2";
    /// Every journal and where the hub stands with it.
    JOURNALS: All = "SELECT station, station_epoch, upto, link, last_at FROM ingest_position \
        ORDER BY station, station_epoch";
    /// Journals of which records are stored without a word of how far they are.
    STRAY_JOURNALS: All = "SELECT DISTINCT station, station_epoch FROM scan_record WHERE NOT EXISTS \
        (SELECT 1 FROM ingest_position p WHERE p.station = scan_record.station \
        AND p.station_epoch = scan_record.station_epoch)";
    /// Records of a journal in their order.
    RECORDS_AFTER: Walk = "SELECT seq, link, body FROM scan_record \
        WHERE station = $1 AND station_epoch = $2 AND seq > $3 ORDER BY seq LIMIT $4";
    /// Records of a journal that nobody has any more.
    GAPS_OF = "SELECT from_seq, to_seq FROM ingest_gap WHERE station = $1 AND station_epoch = $2 ORDER BY from_seq";
    /// Raises where the hub stands with a journal to what is stored.
    RAISE_POSITION = "UPDATE ingest_position SET upto = $3, link = $4 \
        WHERE station = $1 AND station_epoch = $2 AND upto < $3";
    /// Contacts by rising order.
    CONTACTS_AFTER: Walk = "SELECT order_id FROM order_contact WHERE order_id > $1 ORDER BY order_id LIMIT $2";
    /// What each counter gives next.
    COUNTERS: All = "SELECT name, next_value FROM counter ORDER BY name";
    /// Makes a counter go on after a number.
    RAISE_COUNTER = "INSERT INTO counter (name, next_value) VALUES ($1, $2) \
        ON CONFLICT (name) DO UPDATE SET next_value = excluded.next_value WHERE counter.next_value < excluded.next_value";
    /// The largest number of an order.
    LAST_ORDER: All = "SELECT MAX(id) FROM orders";
    /// The largest number of a parcel.
    LAST_PARCEL: All = "SELECT MAX(id) FROM parcel";
    /// The largest number of an event.
    LAST_EVENT: All = "SELECT MAX(id) FROM order_event";
    /// The largest number of an import.
    LAST_IMPORT: All = "SELECT MAX(id) FROM import_job";
    /// The largest number of a scan record.
    LAST_RECORD: All = "SELECT MAX(id) FROM scan_record";
    /// The largest number of a backup.
    LAST_BACKUP: All = "SELECT MAX(id) FROM backup_run";
    /// The largest number of a change of settings.
    LAST_CHANGE: All = "SELECT MAX(id) FROM setting_change";
}

/// A table, what its rows hang on, and the SQL that finds those that hang on nothing.
#[derive(Debug)]
pub struct Hanging {
    /// The table.
    pub table: &'static str,
    /// What its rows hang on.
    pub parent: &'static str,
    sql: &'static str,
}

macro_rules! hanging {
    ($($table:literal . $column:literal -> $parent:literal . $key:literal;)+) => {
        /// Every table whose rows hang on another's.
        pub const HANGING: &[Hanging] = &[$(Hanging {
            table: $table,
            parent: $parent,
            sql: concat!(
                "SELECT CAST(c.", $column, " AS TEXT) FROM ", $table, " c WHERE NOT EXISTS (SELECT 1 FROM ", $parent,
                " p WHERE p.", $key, " = c.", $column, ") LIMIT 100"
            ),
        }),+];
    };
}

hanging! {
    "order_line"."order_id" -> "orders"."id";
    "gift_line"."order_id" -> "orders"."id";
    "stock_out"."order_id" -> "orders"."id";
    "order_event"."order_id" -> "orders"."id";
    "order_contact"."order_id" -> "orders"."id";
    "parcel"."order_id" -> "orders"."id";
    "parcel_code"."parcel_id" -> "parcel"."id";
    "import_error"."job_id" -> "import_job"."id";
    "session"."account" -> "account"."name";
    "station"."site" -> "site"."site";
    "station_state"."station" -> "station"."station";
    "replica_row"."site" -> "replica_site"."site";
    "replica_bucket"."site" -> "replica_site"."site";
}

/// The first rows of a table that hang on nothing.
pub async fn orphans(db: &AnyPool, hanging: &Hanging) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query(hanging.sql).fetch_all(db).await.map_err(|cause| StoreError::sql("ORPHANS", cause))?;
    let key = |row: &AnyRow| row.try_get::<Option<String>, _>(0).map_err(|cause| StoreError::sql("ORPHANS", cause));
    rows.iter().map(|row| Ok(key(row)?.unwrap_or_default())).collect()
}

/// The schema that the database is at.
pub async fn schema(db: &AnyPool) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(db).await;
    let version = row.and_then(|row| row.try_get::<Option<i64>, _>(0));
    Ok(version.map_err(|cause| StoreError::sql("SCHEMA", cause))?.unwrap_or_default())
}

/// What SQLite itself finds wrong with its file.
pub async fn sqlite_faults(db: &AnyPool) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query("PRAGMA quick_check(20)").fetch_all(db).await;
    let rows = rows.map_err(|cause| StoreError::sql("QUICK_CHECK", cause))?;
    Ok(rows.iter().filter_map(|row| row.try_get::<String, _>(0).ok()).filter(|said| said != "ok").collect())
}

/// What is derived of an order, as it is stored with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// Which order.
    pub id: OrderId,
    /// Its number as scanners and searches compare it.
    pub code: String,
    /// The end of that.
    pub tail: String,
    /// Where it ships from.
    pub site: String,
    /// The worst of its gifts.
    pub gift_status: Option<String>,
    /// Its listed parcels.
    pub parcels: i64,
    /// Its pieces of goods.
    pub pieces: i64,
}

/// Up to `limit` orders after `after`, by number.
pub async fn orders_after(conn: &mut Connection, after: OrderId, limit: i64) -> Result<Vec<Derived>, StoreError> {
    let query = ORDERS_AFTER.query().bind(after.0.cast_signed()).bind(limit);
    let rows = ORDERS_AFTER.all(conn, query).await?;
    let derived = |row: &AnyRow| {
        Ok(Derived {
            id: OrderId(ORDERS_AFTER.get::<i64>(row, 0)?.cast_unsigned()),
            code: ORDERS_AFTER.get(row, 1)?,
            tail: ORDERS_AFTER.get(row, 2)?,
            site: ORDERS_AFTER.get(row, 3)?,
            gift_status: ORDERS_AFTER.get(row, 4)?,
            parcels: ORDERS_AFTER.get(row, 5)?,
            pieces: ORDERS_AFTER.get(row, 6)?,
        })
    };
    rows.iter().map(derived).collect()
}

/// A journal and where the hub stands with it.
pub type Journal = (StationId, StationEpoch, Standing);

/// Every journal.
pub async fn journals(conn: &mut Connection) -> Result<Vec<Journal>, StoreError> {
    let rows = JOURNALS.all(conn, JOURNALS.query()).await?;
    let journal = |row: &AnyRow| {
        let link: Option<Vec<u8>> = JOURNALS.get(row, 3)?;
        let standing = Standing {
            upto: seq(row, 2)?,
            link: link.map(link_of).transpose()?,
            last_at: Timestamp(JOURNALS.get(row, 4)?),
        };
        let (station, epoch) = journal_at(JOURNALS, row)?;
        Ok((station, epoch, standing))
    };
    rows.iter().map(journal).collect()
}

/// Journals of which records are stored without a position.
pub async fn stray_journals(conn: &mut Connection) -> Result<Vec<(StationId, StationEpoch)>, StoreError> {
    let rows = STRAY_JOURNALS.all(conn, STRAY_JOURNALS.query()).await?;
    rows.iter().map(|row| journal_at(STRAY_JOURNALS, row)).collect()
}

fn journal_at(statement: crate::store::Statement, row: &AnyRow) -> Result<(StationId, StationEpoch), StoreError> {
    let station: String = statement.get(row, 0)?;
    let station = StationId::parse(&station).map_err(|why| StoreError::row(statement.name, why))?;
    Ok((station, StationEpoch(statement.get::<i64>(row, 1)?.cast_unsigned())))
}

/// Up to `limit` records of a journal after `after`.
pub async fn records_after(
    conn: &mut Connection,
    station: &StationId,
    epoch: StationEpoch,
    after: ScanSeq,
    limit: i64,
) -> Result<Vec<Stored>, StoreError> {
    let query = RECORDS_AFTER.query().bind(station.as_str().to_owned()).bind(epoch.0.cast_signed());
    let rows = RECORDS_AFTER.all(conn, query.bind(after.0.cast_signed()).bind(limit)).await?;
    let record = |row: &AnyRow| {
        Ok(Stored { seq: seq(row, 0)?, link: link_of(RECORDS_AFTER.get(row, 1)?)?, body: RECORDS_AFTER.get(row, 2)? })
    };
    rows.iter().map(record).collect()
}

/// Records of a journal that nobody has any more.
pub async fn gaps_of(
    conn: &mut Connection,
    station: &StationId,
    epoch: StationEpoch,
) -> Result<Vec<(ScanSeq, ScanSeq)>, StoreError> {
    let query = GAPS_OF.query().bind(station.as_str().to_owned()).bind(epoch.0.cast_signed());
    let rows = GAPS_OF.all(conn, query).await?;
    rows.iter().map(|row| Ok((seq(row, 0)?, seq(row, 1)?))).collect()
}

/// Raises where the hub stands with a journal to what is stored.
pub async fn raise_position(
    tx: &mut Tx,
    station: &StationId,
    epoch: StationEpoch,
    (upto, link): (ScanSeq, ChainLink),
) -> Result<(), StoreError> {
    let query = RAISE_POSITION.query().bind(station.as_str().to_owned()).bind(epoch.0.cast_signed());
    RAISE_POSITION.run(tx, query.bind(upto.0.cast_signed()).bind(link.0.to_vec())).await.map(|_| ())
}

/// A code as it is stored: of which parcel, the code, its end.
pub type CodeRow = (i64, String, String);

/// Up to about `limit` codes of parcels after `after`; those of the last parcel may be cut off when the page is full.
pub async fn codes_after(conn: &mut Connection, after: i64, limit: i64) -> Result<Vec<CodeRow>, StoreError> {
    let rows = CODES_AFTER.all(conn, CODES_AFTER.query().bind(after).bind(limit)).await?;
    let code = |row: &AnyRow| Ok((CODES_AFTER.get(row, 0)?, CODES_AFTER.get(row, 1)?, CODES_AFTER.get(row, 2)?));
    rows.iter().map(code).collect()
}

/// Up to `limit` orders with a contact, after `after`.
pub async fn contacts_after(conn: &mut Connection, after: OrderId, limit: i64) -> Result<Vec<OrderId>, StoreError> {
    let rows = CONTACTS_AFTER.all(conn, CONTACTS_AFTER.query().bind(after.0.cast_signed()).bind(limit)).await?;
    rows.iter().map(|row| CONTACTS_AFTER.get::<i64>(row, 0).map(|id| OrderId(id.cast_unsigned()))).collect()
}

/// A counter, what it gives next, and the largest number that is in use.
pub type CounterState = (&'static str, i64, i64);

/// Every counter.
pub async fn counters(conn: &mut Connection) -> Result<Vec<CounterState>, StoreError> {
    let rows = COUNTERS.all(&mut *conn, COUNTERS.query()).await?;
    let next = |name: &str| {
        let row = rows.iter().find(|row| COUNTERS.get::<String>(row, 0).is_ok_and(|found| found == name));
        row.map_or(Ok(1), |row| COUNTERS.get::<i64>(row, 1))
    };
    let mut counters = Vec::new();
    for (name, last) in [
        ("order", LAST_ORDER),
        ("parcel", LAST_PARCEL),
        ("order_event", LAST_EVENT),
        ("import_job", LAST_IMPORT),
        ("scan_record", LAST_RECORD),
        ("backup_run", LAST_BACKUP),
        ("setting_change", LAST_CHANGE),
    ] {
        let row = last.find(&mut *conn, last.query()).await?;
        let largest: Option<Option<i64>> = row.map(|row| last.get(&row, 0)).transpose()?;
        counters.push((name, next(name)?, largest.flatten().unwrap_or(0)));
    }
    Ok(counters)
}

/// Makes a counter go on at `next`.
pub async fn raise_counter(tx: &mut Tx, name: &str, next: i64) -> Result<(), StoreError> {
    RAISE_COUNTER.run(tx, RAISE_COUNTER.query().bind(name.to_owned()).bind(next)).await.map(|_| ())
}

fn seq(row: &AnyRow, place: usize) -> Result<ScanSeq, StoreError> {
    let number: i64 = row.try_get(place).map_err(|cause| StoreError::sql("SEQ", cause))?;
    Ok(ScanSeq(number.cast_unsigned()))
}

fn link_of(link: Vec<u8>) -> Result<ChainLink, StoreError> {
    link.try_into().map(ChainLink).map_err(|_| StoreError::row("LINK", "a link is not 16 bytes"))
}
