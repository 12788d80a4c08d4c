//! Benchmarks: each figure beside a limit or a peer measured in the same run, because times on shared machines are noisy
//! and ratios are less so.

mod cold;
mod hub;
mod journal;
mod light;
mod measure;
mod memory;
mod replica;
mod sample;
mod site;
mod sync;
mod work;

pub use measure::{Better, Row, Samples};

use anyhow::Result;
use clap::{Parser, ValueEnum};
use serde::Serialize;

/// The arguments of `bench`.
#[derive(Debug, Parser)]
#[command(name = "bench", about = "Measures Packline beside a limit or a peer, in the same run")]
pub struct Args {
    /// What to measure
    #[arg(value_enum)]
    pub name: Name,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
    /// How many parcels, orders or changes the store holds; the default depends on the benchmark
    #[arg(long, visible_alias = "orders")]
    pub rows: Option<u64>,
    /// How often the measured step is done; the default depends on the benchmark
    #[arg(long)]
    pub rounds: Option<usize>,
    /// Only on this database, `sqlite` or `postgresql`, where a benchmark uses both one after the other
    #[arg(long)]
    pub db: Option<String>,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "kebab-case")]
pub enum Name {
    /// Frame complete to verdict computed, beside a bare look-up of the same row
    Verdict,
    /// A scan made durable, whole path, beside a bare append and fdatasync of the same bytes
    DurableScan,
    /// A snapshot checked, applied and proven, beside a copy of the same bytes; then over MQTT from a hub
    Snapshot,
    /// A backlog of changes checked, applied and proven, beside bare inserts of the same rows
    Changes,
    /// Scan records taken by the hub, beside raw inserts of the same rows
    Ingest,
    /// Orders taken by the hub, beside raw inserts of the same rows
    Import,
    /// The order page over HTTP, on both databases
    OrderPage,
    /// The list under every single filter and a whole list as a workbook, over HTTP, on both databases
    OrderList,
    /// A station's memory while it scans
    Memory,
    /// Last byte on the port to beep and light, beside an echo over the same kind of line
    Light,
    /// Hub commit to durable at ten stations while 2,000 changes a second come
    Lag,
    /// Hub commit to a thousand stations
    FanOut,
    /// Kill to ready, of a station and of a hub
    ColdStart,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    bench: String,
    rows: &'a [Row],
}

/// Runs one benchmark and prints it.
pub async fn run(args: &Args) -> Result<()> {
    let rows = match args.name {
        Name::Verdict => replica::verdict(args)?,
        Name::DurableScan => journal::durable_scan(args)?,
        Name::Snapshot => [replica::snapshot(args)?, sync::snapshot(args).await?].concat(),
        Name::Changes => replica::changes(args)?,
        Name::Ingest => hub::ingest(args).await?,
        Name::Import => hub::import(args).await?,
        Name::OrderPage => work::order_page(args).await?,
        Name::OrderList => work::order_list(args).await?,
        Name::Memory => memory::station(args).await?,
        Name::Light => light::light(args).await?,
        Name::Lag => sync::lag(args).await?,
        Name::FanOut => sync::fan_out(args).await?,
        Name::ColdStart => cold::cold_start(args).await?,
    };
    let bench = args.name.to_possible_value().expect("every name is shown").get_name().to_owned();
    if args.json {
        println!("{}", serde_json::to_string(&Report { bench, rows: &rows })?);
    } else {
        println!("{bench}");
        rows.iter().for_each(|row| println!("  {row}"));
    }
    Ok(())
}
