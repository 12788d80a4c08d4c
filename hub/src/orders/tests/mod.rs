//! The order master through its actions, on both engines.

mod convergence;
mod lists;

use super::actions::{self, ReleaseNoted};
use super::facts::Told;
use super::filter::Filter;
use super::input::{AddressText, GiftInput, LineInput, OrderInput, ParcelInput, StockOutInput};
use super::model::{Effect, Order, Outcome};
use super::when::SourceTime;
use crate::actor::Actor;
use crate::store::testing::{ENGINES, START, TestApp};
use packline_protocol::facts::{AddressState, GiftStatus, OrderStatus, ParcelStatus, RefundState, Release};
use packline_protocol::id::{OrderId, ParcelId, SiteId, StationId};
use packline_protocol::time::Timestamp;

fn site(name: &str) -> SiteId {
    SiteId::parse(name).unwrap()
}

/// A paid order with one line and one waybill, told `at` milliseconds after the clock's start.
fn order(origin_no: &str, at: i64) -> OrderInput {
    OrderInput {
        platform: "pos".into(),
        origin_no: origin_no.into(),
        version: Some(START.plus_ms(at)),
        status: Some(OrderStatus::Paid),
        lines: Some(vec![LineInput { sku: "TEA-01".into(), title: "茶叶".into(), quantity: 2, refunded: 0 }]),
        parcels: Some(vec![parcel(&format!("SF{origin_no}"))]),
        ..OrderInput::default()
    }
}

/// Only what stands in `change`, told `at` milliseconds after the clock's start.
fn about(origin_no: &str, at: i64, change: impl FnOnce(&mut OrderInput)) -> OrderInput {
    let mut input = OrderInput {
        platform: "pos".into(),
        origin_no: origin_no.into(),
        version: Some(START.plus_ms(at)),
        ..OrderInput::default()
    };
    change(&mut input);
    input
}

fn parcel(waybill: &str) -> ParcelInput {
    ParcelInput { waybills: vec![waybill.into()], courier: Some("顺丰速运".into()), ..ParcelInput::default() }
}

fn gift(sku: &str, quantity: u32) -> GiftInput {
    GiftInput { sku: sku.into(), quantity, ..GiftInput::default() }
}

fn picked(parcel: Option<&str>, pieces: &[(&str, u32)]) -> StockOutInput {
    let picked = pieces.iter().map(|(sku, pieces)| ((*sku).to_owned(), *pieces)).collect();
    StockOutInput { parcel: parcel.map(str::to_owned), picked }
}

async fn take(app: &TestApp, inputs: &[OrderInput]) -> Vec<Outcome> {
    for input in inputs {
        assert_eq!(input.faults(START), [], "{input:?}");
    }
    actions::receive(app, inputs, &Actor::Channel("test".into()), "test").await.unwrap()
}

async fn effects(app: &TestApp, inputs: &[OrderInput]) -> Vec<Effect> {
    take(app, inputs).await.into_iter().map(|outcome| outcome.effect).collect()
}

async fn stored(app: &TestApp, origin_no: &str) -> Order {
    let id = actions::find(&app.db, "pos", origin_no).await.unwrap().expect("the order is there");
    actions::get(&app.db, id).await.unwrap().expect("the order is there")
}

async fn told(app: &TestApp, at: &str, parcels: &[ParcelId]) -> Vec<packline_protocol::facts::Parcel> {
    let mut view = app.db.view("test").await.unwrap();
    actions::parcels_for_sync(view.conn(), &site(at), parcels).await.unwrap()
}

/// What a site may be told of these parcels, in short.
async fn told_at(app: &TestApp, at: &str, parcels: &[ParcelId]) -> Vec<String> {
    let mut view = app.db.view("test").await.unwrap();
    let told = actions::told_for_sync(view.conn(), &site(at), parcels).await.unwrap();
    let short = |told: Told| match told {
        Told::Here(parcel) => format!("here {}", parcel.codes[0].text),
        Told::Sibling(other) => format!("sibling at {}: {}", other.site, other.codes.join(" ")),
        Told::Away(other) => format!("away at {}: {}", other.site, other.codes.join(" ")),
    };
    told.into_values().map(short).collect()
}

#[tokio::test]
async fn a_site_is_told_where_the_other_parcels_of_its_orders_are_packed() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let apart = |north: &str, south: &str| {
            about("A1", 10, |input| {
                let at = |waybill: &str, at: &str| ParcelInput { site: Some(site(at)), ..parcel(waybill) };
                input.status = Some(OrderStatus::Paid);
                input.parcels = Some(vec![at("SF1", north), at("SF2", south)]);
            })
        };
        take(&app, &[apart("north", "south")]).await;
        let ids: Vec<ParcelId> = stored(&app, "A1").await.parcels.iter().map(|parcel| parcel.id).collect();
        assert_eq!(dirty(&app).await.len(), 4, "{engine}: each site hears of both");
        assert_eq!(told_at(&app, "north", &ids).await, ["here SF1", "sibling at south: SF2 A1"], "{engine}");
        assert_eq!(told_at(&app, "south", &ids).await, ["sibling at north: SF1 A1", "here SF2"], "{engine}");
        assert_eq!(told_at(&app, "east", &ids).await, ["away at north: SF1 A1", "away at south: SF2 A1"]);
        assert_eq!(told(&app, "north", &ids).await.len(), 1, "only its own are its parcels");
    }
}

async fn dirty(app: &TestApp) -> Vec<String> {
    use sqlx::Row as _;
    let rows = sqlx::query("SELECT DISTINCT site, row_id FROM replica_dirty ORDER BY site, row_id");
    let rows = rows.fetch_all(app.db.read()).await.unwrap();
    let mut tx = app.db.begin("test").await.unwrap();
    sqlx::query("DELETE FROM replica_dirty").execute(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
    rows.iter().map(|row| format!("{} {}", row.get::<String, _>(0), row.get::<i64, _>(1) & 0xFF_FFFF)).collect()
}

#[tokio::test]
async fn an_order_is_made_once_and_a_repeat_changes_nothing() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let inputs = [order("A1", 10), order("A2", 10), order("A1", 10)];
        assert_eq!(effects(&app, &inputs).await, [Effect::Created, Effect::Created, Effect::Unchanged]);
        let before = stored(&app, "A1").await;
        assert_eq!(effects(&app, &inputs).await, [Effect::Unchanged; 3]);
        assert_eq!(stored(&app, "A1").await, before, "{engine}");
        assert_eq!(before.revision, 1);
        let events = actions::events_of(&app.db, before.id, None, 10).await.unwrap();
        let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, ["created"]);
        assert_eq!(events[0].actor, "channel:test");
    }
}

#[tokio::test]
async fn everything_that_was_told_is_read_back() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let mut input = order("A1", 10);
        input.shop = Some("样板店".into());
        input.amount = super::money::parse("128.50", "CNY");
        input.created = SourceTime::parse("2026-02-18 23:59:59");
        input.paid = SourceTime::parse("2026/2/19");
        input.tags = Some(vec!["vip".into(), "live".into(), "vip".into()]);
        input.must_not_ship = Some(true);
        input.gifts = Some(vec![gift("CUP", 1)]);
        input.parcels.as_mut().unwrap()[0].contents = Some(vec![("TEA-01".into(), 2)]);
        input.stock_out = Some(vec![picked(Some("sfa1"), &[("TEA-01", 2), ("CUP", 1)])]);
        take(&app, &[input]).await;
        let order = stored(&app, "A1").await;
        assert_eq!(order.shop.as_deref(), Some("样板店"));
        assert_eq!(order.amount.as_ref().map(|amount| amount.minor), Some(12_850));
        assert_eq!(order.created.as_ref().map(|time| time.text.as_str()), Some("2026-02-18 23:59:59"));
        assert_eq!(order.tags, ["live", "vip"]);
        assert!(order.must_not_ship);
        assert_eq!(order.gifts[0].status, GiftStatus::Issued);
        let parcel = &order.parcels[0];
        assert_eq!(
            (parcel.key.as_str(), parcel.courier.as_deref(), parcel.site.as_str()),
            ("SFA1", Some("sf"), "main")
        );
        let facts = told(&app, "main", &[parcel.id]).await.pop().unwrap();
        let codes: Vec<&str> = facts.codes.iter().map(|code| code.text.as_str()).collect();
        assert_eq!(codes, ["SFA1", "A1"]);
        assert_eq!(facts.picked.as_ref().map(Vec::len), Some(2));
        assert!(told(&app, "other", &[parcel.id]).await.is_empty());
    }
}

#[tokio::test]
async fn a_late_message_never_overwrites_a_newer_one() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        take(&app, &[order("A1", 20)]).await;
        let mut late = order("A1", 10);
        late.status = Some(OrderStatus::Unpaid);
        late.lines = Some(vec![LineInput { sku: "OLD".into(), quantity: 1, ..LineInput::default() }]);
        assert_eq!(effects(&app, &[late]).await, [Effect::Unchanged]);
        let order = stored(&app, "A1").await;
        assert_eq!((order.status, order.lines[0].sku.as_str()), (OrderStatus::Paid, "TEA-01"));
        let kinds: Vec<String> =
            actions::events_of(&app.db, order.id, None, 10).await.unwrap().into_iter().map(|e| e.kind).collect();
        assert_eq!(kinds, ["late", "created"]);
    }
}

#[tokio::test]
async fn an_impossible_move_is_refused_and_on_record() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        take(&app, &[order("A1", 10), about("A1", 20, |o| o.status = Some(OrderStatus::Cancelled))]).await;
        let outcome = take(&app, &[about("A1", 30, |o| o.status = Some(OrderStatus::Paid))]).await.remove(0);
        assert_eq!(outcome.refused, ["status: cancelled → paid"]);
        assert_eq!(outcome.effect, Effect::Unchanged);
        let order = stored(&app, "A1").await;
        assert_eq!(order.status, OrderStatus::Cancelled);
        let events = actions::events_of(&app.db, order.id, None, 10).await.unwrap();
        assert_eq!(events[0].kind, "refused");
        assert_eq!(events[0].detail["refused"][0], "status: cancelled → paid");
        assert_eq!(events[1].detail["changes"][0]["to"], "cancelled");
    }
}

#[tokio::test]
async fn a_message_about_one_thing_leaves_the_rest_as_it_was() {
    let app = TestApp::on(ENGINES[0]).await;
    take(&app, &[order("A1", 10)]).await;
    take(&app, &[about("A1", 20, |o| o.refund = Some(RefundState::Requested))]).await;
    let order = stored(&app, "A1").await;
    assert_eq!((order.status, order.refund, order.lines.len()), (OrderStatus::Paid, RefundState::Requested, 1));
    assert_eq!(order.parcels.len(), 1);
}

/// Gift status of a line of two cups after the WMS has picked `pieces`.
async fn gift_after(app: &TestApp, no: &str, gift: GiftInput, pieces: &[(&str, u32)]) -> (GiftStatus, u32) {
    let told = about(no, 20, |o| {
        o.gifts = Some(vec![gift]);
        o.stock_out = Some(vec![picked(None, pieces)]);
    });
    take(app, &[order(no, 10), told]).await;
    let order = stored(app, no).await;
    (order.gifts[0].status, order.gifts[0].issued)
}

#[tokio::test]
async fn gift_status_follows_from_the_stock_out_record() {
    let app = TestApp::on(ENGINES[0]).await;
    let cups = || gift("CUP", 2);
    let with_substitute = GiftInput { substitute_sku: Some("MUG".into()), ..cups() };
    let cancelled = GiftInput { cancelled: true, ..cups() };
    type Case<'a> = (&'a str, GiftInput, &'a [(&'a str, u32)], (GiftStatus, u32));
    let cases: [Case<'_>; 10] = [
        ("1", cups(), &[("TEA-01", 2), ("CUP", 2)], (GiftStatus::Issued, 2)),
        ("2", cups(), &[("TEA-01", 2), ("CUP", 1)], (GiftStatus::Short, 1)),
        ("3", cups(), &[("TEA-01", 2)], (GiftStatus::Pending, 0)),
        ("4", cups(), &[("TEA-01", 2), ("SPOON", 2)], (GiftStatus::Wrong, 0)),
        ("5", with_substitute.clone(), &[("TEA-01", 2), ("MUG", 2)], (GiftStatus::Substituted, 2)),
        ("6", with_substitute, &[("TEA-01", 2), ("MUG", 1)], (GiftStatus::Short, 1)),
        ("7", cancelled.clone(), &[("TEA-01", 2)], (GiftStatus::Cancelled, 0)),
        ("8", cancelled, &[("TEA-01", 2), ("CUP", 2)], (GiftStatus::Cancelled, 2)),
        ("9", gift("TEA-01", 1), &[("TEA-01", 2)], (GiftStatus::Pending, 0)),
        ("10", gift("TEA-01", 1), &[("TEA-01", 3)], (GiftStatus::Issued, 1)),
    ];
    for (no, gift, pieces, expected) in cases {
        assert_eq!(gift_after(&app, no, gift, pieces).await, expected, "case {no}");
    }
}

#[tokio::test]
async fn a_waybill_that_fell_out_of_the_list_is_void_and_still_known() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        take(&app, &[order("A1", 10)]).await;
        take(&app, &[about("A1", 20, |o| o.parcels = Some(vec![parcel("SFNEW")]))]).await;
        let order = stored(&app, "A1").await;
        let shown: Vec<_> = order.parcels.iter().map(|p| (p.key.as_str(), p.status)).collect();
        assert_eq!(shown, [("SFNEW", ParcelStatus::Open), ("SFA1", ParcelStatus::Void)]);
        let ids: Vec<ParcelId> = order.parcels.iter().map(|parcel| parcel.id).collect();
        let facts = told(&app, "main", &ids).await;
        assert_eq!(facts.len(), 2);
        let void = facts.iter().find(|parcel| parcel.status == ParcelStatus::Void).unwrap();
        assert_eq!(void.codes.len(), 1, "the order number stands for the parcel that is to leave: {void:?}");
    }
}

#[tokio::test]
async fn an_order_without_parcels_is_known_by_its_number_and_keeps_its_place_when_it_gets_a_waybill() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        take(&app, &[about("b-1", 10, |o| o.status = Some(OrderStatus::Paid))]).await;
        let first = stored(&app, "b-1").await.parcels.remove(0);
        assert_eq!(told(&app, "main", &[first.id]).await[0].codes[0].text, "B-1");
        take(&app, &[about("b-1", 20, |o| o.parcels = Some(vec![parcel("SF9")]))]).await;
        let parcels = stored(&app, "b-1").await.parcels;
        assert_eq!((parcels.len(), parcels[0].id, parcels[0].key.as_str()), (1, first.id, "SF9"));
    }
}

#[tokio::test]
async fn a_changed_address_counts_against_the_label_that_was_printed_before() {
    let app = TestApp::on(ENGINES[0]).await;
    let address = |text: &str| {
        let (name, phone) = ("测试甲".to_owned(), "00000000000".to_owned());
        Some(AddressText { name, phone, address: Some(text.to_owned()) })
    };
    let state = async |no: &str| stored(&app, no).await.address();
    for (no, text, expected) in [
        ("1", "样板路 1 号", AddressState::Fine),
        ("2", "待 定", AddressState::Placeholder),
        ("3", "（待定）", AddressState::Placeholder),
        ("4", "  ", AddressState::Placeholder),
        ("5", "地址待确定，先发", AddressState::Placeholder),
        ("6", "ＴＢＤ", AddressState::Placeholder),
    ] {
        take(&app, &[OrderInput { address: address(text), ..order(no, 10) }]).await;
        assert_eq!(state(no).await, expected, "{text}");
    }
    take(&app, &[about("1", 20, |o| o.address = address("样板路1号"))]).await;
    assert_eq!(state("1").await, AddressState::Fine, "another writing of the same address");
    take(&app, &[about("1", 30, |o| o.address = address("样板路 2 号"))]).await;
    assert_eq!(state("1").await, AddressState::ChangedSincePrint);
    take(&app, &[about("1", 40, |o| o.parcels = Some(vec![parcel("SFAGAIN")]))]).await;
    assert_eq!(state("1").await, AddressState::Fine, "a new label has the new address");
}

#[tokio::test]
async fn stations_hear_only_of_what_changed_for_them() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        take(&app, &[order("A1", 10), order("A2", 10)]).await;
        assert_eq!(dirty(&app).await.len(), 2);
        take(&app, &[order("A1", 10), order("A2", 30)]).await;
        assert_eq!(dirty(&app).await.len(), 0, "the same again, even told later, is no news");
        take(&app, &[about("A2", 40, |o| o.refund = Some(RefundState::Requested))]).await;
        let id = stored(&app, "A2").await.parcels[0].id;
        assert_eq!(dirty(&app).await, [format!("main {id}")]);
        take(&app, &[about("A2", 50, |o| o.site = Some(site("east")))]).await;
        assert_eq!(dirty(&app).await, [format!("east {id}"), format!("main {id}")]);
        assert!(told(&app, "main", &[id]).await.is_empty());
        assert_eq!(told(&app, "east", &[id]).await.len(), 1);
    }
}

#[tokio::test]
async fn the_first_release_stays_and_moves_to_the_same_box_under_its_new_number() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        take(&app, &[order("A1", 10)]).await;
        let id = stored(&app, "A1").await.parcels[0].id;
        let by = |station: &str, at| Release { station: StationId::parse(station).unwrap(), at: Timestamp(at) };
        dirty(&app).await;
        let mut tx = app.db.begin("test").await.unwrap();
        let releases = [(id, by("pack-1", 5)), (id, by("pack-2", 6)), (ParcelId(999_999), by("pack-2", 6))];
        for _ in 0..2 {
            let noted = actions::mark_released(&mut tx, &releases).await.unwrap();
            let [first, second, unknown] = noted.try_into().unwrap();
            assert!(matches!(first, ReleaseNoted::First { .. }), "{first:?}");
            assert!(matches!(second, ReleaseNoted::Before { by: before, .. } if before == by("pack-1", 5)));
            assert_eq!(unknown, ReleaseNoted::Unknown);
        }
        tx.commit().await.unwrap();
        assert_eq!(dirty(&app).await, [format!("main {id}")]);
        let numbered = ParcelInput { number: Some("WMS-1".into()), ..parcel("SFA1") };
        take(&app, &[about("A1", 20, |o| o.parcels = Some(vec![numbered]))]).await;
        let order = stored(&app, "A1").await;
        let listed = order.listed().next().unwrap();
        let facts = told(&app, "main", &[listed.id]).await.pop().unwrap();
        assert_eq!(facts.released, Some(by("pack-1", 5)));
    }
}

#[tokio::test]
async fn a_parcel_that_is_long_over_leaves_the_stations() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let shipped = |no, at| OrderInput { status: Some(OrderStatus::Shipped), ..order(no, at) };
        let day = 24 * 3_600_000;
        take(&app, &[order("OPEN", -90 * day), shipped("NEW", 0), shipped("OLD", -30 * day)]).await;
        let id = async |no: &str| stored(&app, no).await.parcels[0].id;
        let ids = [id("OPEN").await, id("NEW").await, id("OLD").await];
        assert_eq!(told(&app, "main", &ids).await.len(), 2, "old history never gets to stations");
        assert_eq!(actions::retire_parcels(&app).await.unwrap(), 0);
        app.clock.advance_ms(15 * day);
        dirty(&app).await;
        assert_eq!(actions::retire_parcels(&app).await.unwrap(), 1);
        assert_eq!(dirty(&app).await, [format!("main {}", ids[1])]);
        assert_eq!(told(&app, "main", &ids).await.len(), 1);
        let left = actions::parcels_of_site(&app.db, &site("main"), ParcelId(0), 10).await.unwrap();
        assert_eq!(left, [ids[0]]);
    }
}

#[tokio::test]
async fn pages_of_a_list_hold_every_order_once_and_filters_combine() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let inputs: Vec<OrderInput> = (0..25)
            .map(|n| OrderInput {
                created: SourceTime::parse(&format!("2026-02-{:02} 08:00:00", 1 + n / 3)),
                status: Some(if n % 2 == 0 { OrderStatus::Paid } else { OrderStatus::Shipped }),
                site: Some(site(if n % 5 == 0 { "east" } else { "main" })),
                ..order(&format!("N{n:02}"), 10 + n)
            })
            .collect();
        take(&app, &inputs).await;
        let all = walk(&app, &Filter::default()).await;
        assert_eq!(all.len(), 25);
        let mut sorted = all.clone();
        sorted.sort_by_key(|row| std::cmp::Reverse((row.0, row.1)));
        assert_eq!(all, sorted);
        let count = async |query: &str| {
            let pairs: Vec<_> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
            walk(&app, &Filter::read(pairs).unwrap()).await.len()
        };
        assert_eq!(count("status=paid").await, 13);
        assert_eq!(count("status=paid&platform=pos").await, 13);
        assert_eq!(count("platform=tmall").await, 0);
        assert_eq!(count("site=east").await, 5);
        assert_eq!(count("site=east&status=paid").await, 3);
        assert_eq!(count("created_from=2026-02-02&created_until=2026-02-03").await, 6);
        for code in ["SFN07", "sfn07", "N07"] {
            assert_eq!(count(&format!("code={code}")).await, 1, "{code}");
        }
        take(&app, &[order("LONG-123456", 10)]).await;
        for (end, found) in [("3456", 1), ("23456", 1), ("LONG123456", 0), ("9456", 0), ("456", 0)] {
            assert_eq!(count(&format!("code={end}")).await, found, "{end}");
        }
    }
}

async fn walk(app: &TestApp, filter: &Filter) -> Vec<(Timestamp, OrderId)> {
    let sort = filter.natural_sort();
    let (mut seen, mut after) = (Vec::new(), sort.start());
    loop {
        let page = actions::list(app, filter, sort, after, 4).await.unwrap();
        seen.extend(page.rows.iter().map(|row| (row.created_at, row.id)));
        match page.next {
            Some(next) => after = next,
            None => return seen,
        }
    }
}

#[tokio::test]
async fn many_deliveries_by_many_workers_end_in_one_row_each() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let messages: Vec<OrderInput> =
            (0..600).map(|n| order(&format!("M{:03}", n % 150), 10 + i64::from(n / 150) * 7 % 3)).collect();
        let workers = (0..8).map(|worker| {
            let (app, mut messages) = ((*app).clone(), messages.clone());
            messages.rotate_left(worker * 71);
            tokio::spawn(async move {
                for batch in messages.chunks(97) {
                    actions::receive(&app, batch, &Actor::Hub("test"), "test").await.unwrap();
                }
            })
        });
        for worker in workers.collect::<Vec<_>>() {
            worker.await.unwrap();
        }
        assert_eq!(walk(&app, &Filter::default()).await.len(), 150, "{engine}");
    }
}
