//! The hub: taking scans, taking orders, showing them.

use super::Args;
use super::measure::{Row, Samples};
use crate::clock::{instant, wall_ms};
use crate::postgres::Postgres;
use anyhow::{Result, bail};
use packline_hub::actor::Actor;
use packline_hub::app::App;
use packline_hub::config::{Config, Settings};
use packline_hub::orders::input::{AddressText, GiftInput, LineInput, OrderInput, ParcelInput, StockOutInput};
use packline_hub::scans::actions::Arrived;
use packline_hub::{fleet, orders, scans, serve};
use packline_protocol::facts::{CodeClass, Facts, OrderStatus};
use packline_protocol::id::{BootId, OrderId, ScanSeq, SiteId, StationEpoch, StationId};
use packline_protocol::record::{ChainLink, Event, Judged, ScanRecord};
use packline_protocol::rules::{Position, builtin};
use packline_protocol::samples;
use packline_protocol::time::{Moment, Timestamp};
use packline_protocol::uplink::{BATCH_RECORDS_MAX, Batch};
use tempfile::TempDir;

/// Stations that send at once.
const STATIONS: u64 = 10;
/// Orders in one message.
const ORDERS_AT_ONCE: usize = 200;

/// Scan records of ten stations, durable, beside raw inserts of the same bytes; on both engines.
pub async fn ingest(args: &Args) -> Result<Vec<Row>> {
    on_both(async |db, engine| ingest_on(args, db, engine).await).await
}

async fn ingest_on(args: &Args, db: Option<String>, engine: &str) -> Result<Vec<Row>> {
    let rounds = args.rounds.unwrap_or(50);
    let (app, _folder) = hub(db).await?;
    let site = SiteId::parse("bench")?;
    let mut senders = Vec::new();
    for number in 1..=STATIONS {
        let station = StationId::parse(&format!("bench-{number}"))?;
        fleet::actions::invite(&app.db, &site, &station, &Actor::Cli("bench".to_owned()), now()).await?;
        senders.push(Sender { station, site: site.clone(), sent: 0, link: ChainLink::START });
    }
    bare_table(&app).await?;
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    for _ in 0..rounds {
        let arrived: Vec<Arrived> = senders.iter_mut().map(Sender::batch).collect();
        let records: usize = arrived.iter().map(|arrived| arrived.batch.records.len()).sum();
        let start = instant();
        let taken = scans::actions::take(&app.db, &arrived, now()).await?;
        ours.add_value(records as f64 / start.elapsed().as_secs_f64() / 1e3);
        if taken.records.len() != records || taken.acks.len() != arrived.len() {
            bail!("the hub took {} of {records} records", taken.records.len());
        }
        let bodies: Vec<Vec<u8>> = arrived.into_iter().flat_map(|arrived| arrived.batch.records).collect();
        theirs.add_value(bare_insert(&app, bodies).await? / 1e3);
    }
    let (what, raw) =
        (format!("scans taken, durable, {engine}"), "raw SQL inserts of the same records, one transaction");
    Ok(vec![
        Row::median_to_goal(&what, "k/s", &ours, 5.0).higher(),
        Row::beside("the same", "k/s", &ours, raw, &theirs).higher(),
    ])
}

/// Orders into the order master, durable, beside raw inserts of as many rows; on both engines.
pub async fn import(args: &Args) -> Result<Vec<Row>> {
    on_both(async |db, engine| import_on(args, db, engine).await).await
}

async fn import_on(args: &Args, db: Option<String>, engine: &str) -> Result<Vec<Row>> {
    let rounds = args.rounds.unwrap_or(50);
    let (app, _folder) = hub(db).await?;
    bare_table(&app).await?;
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    for round in 0..rounds {
        let inputs = inputs(round as u64 * ORDERS_AT_ONCE as u64, ORDERS_AT_ONCE)?;
        let start = instant();
        orders::actions::receive(&app, &inputs, &Actor::Cli("bench".to_owned()), "bench").await?;
        ours.add_value(inputs.len() as f64 / start.elapsed().as_secs_f64() / 1e3);
        let rows = inputs.iter().flat_map(|input| vec![format!("{input:?}").into_bytes(); ROWS_OF_AN_ORDER]).collect();
        theirs.add_value(bare_insert(&app, rows).await? / ROWS_OF_AN_ORDER as f64 / 1e3);
    }
    let (what, raw) =
        (format!("orders taken, durable, {engine}"), "raw SQL inserts of eight rows per order, one transaction");
    Ok(vec![
        Row::median_to_goal(&what, "k/s", &ours, 2.0).higher(),
        Row::beside("the same", "k/s", &ours, raw, &theirs).higher(),
    ])
}

/// The embedded SQLite, then a PostgreSQL that is as durable.
async fn on_both(measure: impl AsyncFn(Option<String>, &str) -> Result<Vec<Row>>) -> Result<Vec<Row>> {
    let embedded = measure(None, "SQLite").await?;
    let cluster = Postgres::start_durable()?;
    let served = measure(Some(cluster.database()?), "PostgreSQL").await?;
    Ok([embedded, served].concat())
}

/// Order, line, gift, parcel, two codes, stock-out, event.
const ROWS_OF_AN_ORDER: usize = 8;

async fn hub(db: Option<String>) -> Result<(App, TempDir)> {
    let folder = tempfile::tempdir()?;
    let settings = Settings { data: Some(folder.path().join("hub")), db, ..Settings::default() };
    let app = serve::open(Config::try_from(settings)?).await?;
    Ok((app, folder))
}

/// A station that keeps sending full batches of releases.
struct Sender {
    station: StationId,
    site: SiteId,
    sent: u64,
    link: ChainLink,
}

impl Sender {
    fn batch(&mut self) -> Arrived {
        let (before, first) = (self.link, ScanSeq(self.sent + 1));
        let records: Vec<Vec<u8>> = (0..BATCH_RECORDS_MAX).map(|_| self.record()).collect();
        let batch = Batch { station_epoch: StationEpoch(1), first, before, records };
        Arrived { station: self.station.clone(), site: self.site.clone(), batch }
    }

    fn record(&mut self) -> Vec<u8> {
        self.sent += 1;
        let (parcel, scan) = (samples::parcel(), samples::scan_facts());
        let verdict = builtin::rule_set().judge(&Facts { parcel: Some(&parcel), scan: &scan }, Position::default());
        let judged = Judged {
            scanner: "gun-1".parse().expect("a good name"),
            raw: b"SF0000000004711".to_vec(),
            code: "SF0000000004711".to_owned(),
            class: CodeClass::Parcel,
            order: Some(OrderId(815)),
            verdict,
        };
        let record = ScanRecord {
            seq: ScanSeq(self.sent),
            boot: BootId(1),
            moment: Moment(self.sent),
            wall: now(),
            wall_trusted: true,
            event: Event::Judged(Box::new(judged)),
        };
        let bytes = record.encode();
        self.link = self.link.next(&bytes);
        bytes
    }
}

/// So many orders, numbered from `first`.
pub fn inputs(first: u64, count: usize) -> Result<Vec<OrderInput>> {
    (first..).take(count).map(input).collect()
}

/// Somebody who is nobody: made up, and another one for each order.
fn buyer(number: u64) -> AddressText {
    AddressText {
        name: format!("样品人{number}"),
        phone: format!("199{:08}", number % 100_000_000),
        address: Some(format!("广东省深圳市南山区样品路 {number} 号")),
    }
}

fn input(number: u64) -> Result<OrderInput> {
    let line = LineInput { sku: "SKU-7".to_owned(), title: "样品杯".to_owned(), quantity: 2, refunded: 0 };
    let gift =
        GiftInput { sku: "GIFT-1".to_owned(), title: "样品贴纸".to_owned(), quantity: 1, ..GiftInput::default() };
    let parcel = ParcelInput {
        number: Some(format!("WMS-{number:08}")),
        waybills: vec![waybill(number)],
        ..ParcelInput::default()
    };
    let picked = vec![("SKU-7".to_owned(), 2), ("GIFT-1".to_owned(), 1)];
    Ok(OrderInput {
        platform: "pos".to_owned(),
        origin_no: origin_no(number),
        version: Some(now()),
        site: Some(SiteId::parse("bench")?),
        status: Some(OrderStatus::Paid),
        address: Some(buyer(number)),
        lines: Some(vec![line]),
        gifts: Some(vec![gift]),
        parcels: Some(vec![parcel]),
        stock_out: Some(vec![StockOutInput { parcel: None, picked }]),
        ..OrderInput::default()
    })
}

fn origin_no(number: u64) -> String {
    format!("TEST-{number:08}")
}

fn waybill(number: u64) -> String {
    format!("SF0000{number:09}")
}

fn now() -> Timestamp {
    Timestamp(wall_ms())
}

async fn bare_table(app: &App) -> Result<()> {
    let mut tx = app.db.begin("bench.bare_table").await?;
    sqlx::query("CREATE TABLE bench_bare (id BIGINT PRIMARY KEY, body BYTEA NOT NULL)").execute(tx.conn()).await?;
    tx.commit().await?;
    Ok(())
}

/// Rows per second of plain multi-row inserts into a table with a key, in one transaction.
async fn bare_insert(app: &App, bodies: Vec<Vec<u8>>) -> Result<f64> {
    let count = bodies.len();
    let start = instant();
    let mut tx = app.db.begin("bench.bare_insert").await?;
    let next: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) FROM bench_bare").fetch_one(tx.conn()).await?;
    let numbered: Vec<(i64, Vec<u8>)> = (next + 1..).zip(bodies).collect();
    for rows in numbered.chunks(250) {
        let mut insert = sqlx::QueryBuilder::<sqlx::Any>::new("INSERT INTO bench_bare (id, body) ");
        insert.push_values(rows, |mut row, (id, body)| {
            row.push_bind(*id).push_bind(body.clone());
        });
        insert.build().execute(tx.conn()).await?;
    }
    tx.commit().await?;
    Ok(count as f64 / start.elapsed().as_secs_f64())
}
