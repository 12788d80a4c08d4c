//! The pages that people have open all day, on a hub with a year of orders: the order page, the list under every single
//! filter, and a whole list as a file. Times are those of whole HTTP requests to a hub of its own process.

use super::Args;
use super::measure::{Row, Samples};
use crate::api;
use crate::clock::instant;
use crate::hub::{Hub, HubPlan};
use crate::postgres::Postgres;
use crate::program::Programs;
use anyhow::{Context, Result, ensure};
use packline_hub::accounts::model::SessionToken;
use packline_hub::actor::Actor;
use packline_hub::config::{Config, Settings};
use packline_hub::orders::input::{AddressText, GiftInput, LineInput, OrderInput, ParcelInput, StockOutInput};
use packline_hub::orders::when::SourceTime;
use packline_hub::{orders, serve};
use packline_protocol::amount::Amount;
use packline_protocol::facts::{Approval, HoldState, OrderStatus, RefundState};
use packline_protocol::id::SiteId;
use packline_protocol::time::Timestamp;
use reqwest::Client;
use std::time::Duration;
use tempfile::TempDir;

/// The first order's time: 2025-11-01 in UTC+8.
const FIRST_MS: i64 = 1_761_926_400_000;
/// Between two orders.
const STEP_MS: i64 = 30_000;
/// Orders in one message.
const AT_ONCE: usize = 1_024;
/// Distinct articles.
const ARTICLES: u64 = 4_000;
/// How far apart the orders lie that are opened one after the other.
const STRIDE: u64 = 0x9E37_79B9_7F4A_7C15;

/// A hub with so many orders, and somebody who is logged in.
struct Shop {
    hub: Hub,
    client: Client,
    token: String,
    count: u64,
    _folder: TempDir,
    _cluster: Option<Postgres>,
}

/// One order with everything about it, on both databases.
pub async fn order_page(args: &Args) -> Result<Vec<Row>> {
    let (count, rounds) = (args.rows.unwrap_or(100_000), args.rounds.unwrap_or(1_000));
    let mut rows = Vec::new();
    for engine in engines(args) {
        let shop = Shop::open(engine, count).await?;
        let (mut page, mut search) = (Samples::default(), Samples::default());
        for round in 0..rounds as u64 {
            let number = round.wrapping_mul(STRIDE) % count;
            let text = shop.time(&format!("/orders/{}", number + 1), &mut page).await?;
            ensure!(text.contains("timeline"), "order {number} has no time line");
            let text = shop.time(&format!("/search?q={}", waybill(number)), &mut search).await?;
            ensure!(text.contains(&origin_no(number)), "waybill {number} does not lead to its order");
        }
        rows.push(Row::p99_to_goal(&format!("{engine}: page of one of {count} orders"), "µs", &page, 20_000.0));
        rows.push(Row::p99_to_goal(&format!("{engine}: search and page, by waybill"), "µs", &search, 50_000.0));
    }
    Ok(rows)
}

/// The list under each single filter, with its count, and a whole list as a workbook, on both databases.
pub async fn order_list(args: &Args) -> Result<Vec<Row>> {
    let (count, rounds) = (args.rows.unwrap_or(100_000), args.rounds.unwrap_or(50));
    let mut rows = Vec::new();
    for engine in engines(args) {
        let mut shop = Shop::open(engine, count).await?;
        for query in QUERIES {
            let mut list = Samples::default();
            for _ in 0..rounds {
                let text = shop.time(&format!("/orders?{query}"), &mut list).await?;
                ensure!(text.contains("<tbody>") || text.contains("class=\"empty\""), "{query} is no list");
            }
            let what = format!("{engine}: list of {count}, {}", if query.is_empty() { "all" } else { query });
            rows.push(Row::p99_to_goal(&what, "µs", &list, 50_000.0));
        }
        rows.extend(shop.export().await?);
    }
    Ok(rows)
}

/// Each single filter, common values and rare ones; then some that go together.
const QUERIES: &[&str] = &[
    "",
    "platform=tmall",
    "shop=样板店 7",
    "site=east",
    "status=completed",
    "status=unpaid",
    "refund=none",
    "refund=requested",
    "gifts=issued",
    "gifts=none",
    "hold=valid",
    "hold=not_needed",
    "address=placeholder",
    "approval=pending",
    "must_not_ship=yes",
    "must_not_ship=no",
    "stopped=yes",
    "tag=vip",
    "tag=rare",
    "sku=SKU-0007",
    "sku=SKU-1",
    "text=大红袍",
    "text=茶",
    "text=样板店 7",
    "created_from=2026-02-01&created_until=2026-02-02",
    "paid_from=2026-02-01&paid_until=2026-02-02",
    "updated_from=2026-01-01",
    "amount_from=100&amount_until=101",
    "code=0000000000007",
    "code=4711",
    "contact=13800000007",
    "sort=updated",
    "sort=amount&platform=tmall",
    "status=paid&platform=tmall&text=大红袍",
    "refund=requested&gifts=issued&amount_from=500",
];

/// One engine where the arguments name it, else both.
fn engines(args: &Args) -> Vec<&'static str> {
    let all = ["SQLite", "PostgreSQL"];
    let wanted =
        |engine: &&str| args.db.as_ref().is_none_or(|db| engine.to_lowercase().starts_with(&db.to_lowercase()));
    all.into_iter().filter(wanted).collect()
}

impl Shop {
    async fn open(engine: &str, count: u64) -> Result<Shop> {
        let folder = tempfile::tempdir()?;
        let cluster = if engine == "PostgreSQL" { Some(Postgres::start()?) } else { None };
        let db = cluster.as_ref().map(Postgres::database).transpose()?;
        let plan = HubPlan { db: db.clone(), ..HubPlan::embedded(folder.path().join("hub")) };
        let settings = Settings { data: Some(plan.data.clone()), db, ..Settings::default() };
        fill(settings, count).await?;
        let hub = Hub::start(&Programs::this()?, plan).await?;
        let token = hub.api().token().to_owned();
        let client = api::client().timeout(Duration::from_secs(60)).build()?;
        let shop = Shop { hub, client, token, count, _folder: folder, _cluster: cluster };
        // The first request of a connection, and of a statement, is not what people wait for all day.
        for query in QUERIES {
            shop.get(&format!("/orders?{query}")).await?;
        }
        Ok(shop)
    }

    async fn get(&self, path: &str) -> Result<String> {
        let request = self.client.get(format!("{}{path}", self.hub.url())).bearer_auth(&self.token);
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{path} answers {status}: {}", text.chars().take(400).collect::<String>());
        Ok(text)
    }

    async fn time(&self, path: &str, samples: &mut Samples) -> Result<String> {
        let start = instant();
        let text = self.get(path).await?;
        samples.add(start.elapsed());
        Ok(text)
    }

    /// All orders as a workbook: how long it takes and how much memory the hub needs for it.
    async fn export(&mut self) -> Result<Vec<Row>> {
        let csrf = SessionToken::parse(&self.token).context("the token is one")?.csrf();
        let pid = self.hub.program().pid();
        let before = resident_mb(pid)?;
        let start = instant();
        let request = self.client.post(format!("{}/exports", self.hub.url())).bearer_auth(&self.token);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(format!("csrf={csrf}&format=xlsx&query=")).send().await?.error_for_status()?;
        let mut peak = before;
        while self.get("/exports/rows").await?.contains("data-open") {
            peak = peak.max(resident_mb(pid)?);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let (mut rate, mut memory) = (Samples::default(), Samples::default());
        rate.add_value(self.count as f64 / start.elapsed().as_secs_f64() / 1e3);
        memory.add_value(peak - before);
        let what = format!("{} orders as a workbook", self.count);
        Ok(vec![
            Row::median_to_goal(&what, "k rows/s", &rate, 5.0).higher(),
            Row::median_to_goal(&format!("{what}: memory at most, above {before:.0} MB before"), "MB", &memory, 100.0),
        ])
    }
}

fn resident_mb(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the kernel says VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<f64>()? / 1024.0)
}

async fn fill(settings: Settings, count: u64) -> Result<()> {
    let app = serve::open(Config::try_from(settings)?).await?;
    for first in (0..count).step_by(AT_ONCE) {
        let inputs: Vec<OrderInput> =
            (first..count).take(AT_ONCE).map(|number| input(number, count)).collect::<Result<_>>()?;
        orders::actions::receive(&app, &inputs, &Actor::Cli("bench".to_owned()), "bench").await?;
        mark_some(&app, first).await?;
    }
    app.db.close().await;
    Ok(())
}

/// Two of a hundred orders were stopped at a station.
async fn mark_some(app: &packline_hub::app::App, first: u64) -> Result<()> {
    let stopped = (first + 1..=first + AT_ONCE as u64).filter(|id| id % 50 == 0);
    let stopped: Vec<_> = stopped.map(packline_protocol::id::OrderId).collect();
    let mut tx = app.db.begin("bench.stop").await?;
    orders::actions::mark_stopped(&mut tx, &stopped).await?;
    Ok(tx.commit().await?)
}

/// Order `number`: most are over, some are of today, and a few of everything that goes wrong.
fn input(number: u64, count: u64) -> Result<OrderInput> {
    let dice = number.wrapping_mul(STRIDE) >> 33;
    let share = |part: u64, of: u64| dice % of < part;
    let made = Timestamp(FIRST_MS + i64::try_from(number)? * STEP_MS);
    let is_new = number + count / 20 > count;
    let status = match (is_new, dice % 20) {
        (true, 0..4) => OrderStatus::Unpaid,
        (true, _) => OrderStatus::Paid,
        (false, 0) => OrderStatus::Cancelled,
        (false, 1..4) => OrderStatus::Shipped,
        (false, _) => OrderStatus::Completed,
    };
    let item = |number: u64| {
        let article = (number * number) % ARTICLES;
        let kind =
            ["武夷山大红袍", "西湖龙井", "样品杯", "帆布袋", "坚果礼盒"][usize::try_from(article % 5).unwrap_or(0)];
        (format!("SKU-{article:04}"), format!("{kind} 第{article}款"))
    };
    let (sku, title) = item(dice % ARTICLES);
    let picked = vec![(sku.clone(), 2), ("GIFT-1".to_owned(), 1)];
    let gifts = share(1, 3).then(|| vec![GiftInput { sku: "GIFT-1".into(), quantity: 1, ..GiftInput::default() }]);
    let time = |at: Timestamp| SourceTime { at, text: at.to_string() };
    let address = AddressText {
        name: format!("测试{}", dice % 5_000),
        phone: format!("138{:08}", dice % 300_000),
        address: Some(if share(1, 500) { "待定".into() } else { format!("样板市样板路 {dice} 号") }),
    };
    let mut tags = Vec::new();
    tags.extend(share(1, 20).then(|| "vip".to_owned()));
    tags.extend((number % 100_000 == 7).then(|| "rare".to_owned()));
    Ok(OrderInput {
        platform: ["tmall", "douyin", "jd", "pos"][usize::try_from(dice % 4)?].to_owned(),
        origin_no: origin_no(number),
        version: Some(made.plus_ms(60_000)),
        shop: Some(format!("样板店 {}", dice % 15)),
        site: Some(SiteId::parse(if share(1, 3) { "east" } else { "main" })?),
        status: Some(status),
        refund: Some(if share(1, 25) { RefundState::Requested } else { RefundState::None }),
        hold: Some(if share(1, 2) { HoldState::Valid } else { HoldState::NotNeeded }),
        approval: Some(if share(1, 300) { Approval::Pending } else { Approval::NotNeeded }),
        must_not_ship: Some(share(1, 700)),
        amount: Some(Amount::cny(i64::try_from(990 + dice % 100_000)?)),
        created: Some(time(made)),
        paid: (status != OrderStatus::Unpaid).then(|| time(made.plus_ms(i64::try_from(dice % 600_000).unwrap_or(0)))),
        tags: Some(tags),
        lines: Some(vec![LineInput { sku, title, quantity: 2, refunded: 0 }]),
        gifts,
        parcels: Some(vec![ParcelInput {
            number: Some(format!("WMS-{number:08}")),
            waybills: vec![waybill(number)],
            ..ParcelInput::default()
        }]),
        stock_out: Some(vec![StockOutInput { parcel: None, picked }]),
        address: Some(address),
        ..OrderInput::default()
    })
}

fn origin_no(number: u64) -> String {
    format!("TEST-{number:08}")
}

fn waybill(number: u64) -> String {
    format!("SF{number:013}")
}
