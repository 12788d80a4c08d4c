//! Lists: every field is asked alone and with others, on both engines, and each question follows an index.

use super::{ENGINES, TestApp, about, order, parcel, site, take};
use crate::actor::Actor;
use crate::orders::actions::bulk::{self, Change, ChangeResult};
use crate::orders::actions::{self, Found};
use crate::orders::filter::{Field, Filter};
use crate::orders::input::{LineInput, OrderInput};
use crate::orders::list::{Count, Cursor, Sort, SortBy};
use crate::orders::store::select::{Clause, Driver, Question, Sql};
use crate::orders::when::SourceTime;
use crate::orders::{grams, money};
use crate::store::Engine;
use packline_protocol::facts::{Approval, HoldState, OrderStatus, RefundState};
use packline_protocol::id::OrderId;
use sqlx::{AssertSqlSafe, Row as _};

/// Forty orders of which some differ in each field.
fn inputs() -> Vec<OrderInput> {
    let input = |n: i64| OrderInput {
        platform: if n % 4 == 0 { "tmall" } else { "pos" }.into(),
        shop: Some(if n % 5 == 0 { "茶叶旗舰店" } else { "样板店" }.into()),
        site: Some(site(if n % 3 == 0 { "east" } else { "main" })),
        status: Some(if n % 2 == 0 { OrderStatus::Paid } else { OrderStatus::Shipped }),
        refund: Some(if n % 8 == 0 { RefundState::Requested } else { RefundState::None }),
        hold: Some(if n % 10 == 0 { HoldState::Valid } else { HoldState::NotNeeded }),
        approval: Some(if n % 20 == 0 { Approval::Pending } else { Approval::NotNeeded }),
        must_not_ship: Some(n % 13 == 0),
        amount: money::parse(&format!("{}.50", 10 + n), "CNY"),
        created: SourceTime::parse(&format!("2026-02-{:02} 08:00:00", 1 + n / 2)),
        paid: (n % 2 == 0).then(|| SourceTime::parse(&format!("2026-02-{:02} 09:00:00", 1 + n / 2)).unwrap()),
        tags: Some(if n % 7 == 0 { vec!["直播 A".into()] } else { vec![] }),
        lines: Some(vec![LineInput {
            sku: format!("TEA-{:02}", n % 6),
            title: if n % 6 == 1 { "武夷山 大红袍".into() } else { "龙井 ＧＩＦＴ".into() },
            quantity: 1,
            refunded: 0,
        }]),
        parcels: Some(vec![parcel(&format!("SF{n:04}"))]),
        ..order(&format!("L{n:02}"), 10 + n)
    };
    (0..40).map(input).collect()
}

/// How many orders this address finds, walked page by page in every order.
async fn found(app: &TestApp, address: &str) -> usize {
    let pairs: Vec<_> = address.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let filter = Filter::read(pairs).unwrap();
    let mut counts = Vec::new();
    for sort in Sort::ALL {
        let (mut seen, mut after) = (Vec::new(), sort.start());
        loop {
            let counted = actions::count(app, &filter, sort, after, 7).await.unwrap();
            seen.extend(counted.page.rows.iter().map(|row| (sort.place(row), row.id)));
            match counted.page.next {
                Some(next) => after = next,
                None => break,
            }
        }
        let mut sorted = seen.clone();
        sorted.sort_by(|a, b| if sort.ascending { a.0.cmp(&b.0) } else { b.0.cmp(&a.0) });
        sorted.dedup();
        assert_eq!(seen, sorted, "{address} by {}", sort.word());
        // Orders that were not paid, or have no amount, are not in these.
        let is_part = matches!(sort.by, SortBy::Paid | SortBy::Amount);
        counts.extend((!is_part).then_some(seen.len()));
    }
    assert!(counts.iter().all(|count| *count == counts[0]), "{address}: {counts:?}");
    let count = actions::count(app, &filter, Sort::CREATED, Sort::CREATED.start(), 7).await.unwrap().count;
    assert_eq!(count, Count::Exactly(counts[0] as u64), "{address}");
    counts[0]
}

#[tokio::test]
async fn every_field_finds_its_orders_alone_and_with_others_in_every_order() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let inputs = inputs();
        take(&app, &inputs).await;
        let of = |wanted: &dyn Fn(i64) -> bool| (0..40).filter(|n| wanted(*n)).count();
        for (address, expected) in [
            ("", 40),
            ("platform=tmall", of(&|n| n % 4 == 0)),
            ("shop=样板店", of(&|n| n % 5 != 0)),
            ("site=east", of(&|n| n % 3 == 0)),
            ("status=paid", of(&|n| n % 2 == 0)),
            ("refund=requested", of(&|n| n % 8 == 0)),
            ("refund=none", of(&|n| n % 8 != 0)),
            ("hold=valid", of(&|n| n % 10 == 0)),
            ("hold=not_needed", of(&|n| n % 10 != 0)),
            ("approval=pending", of(&|n| n % 20 == 0)),
            ("address=fine", 40),
            ("gifts=none", 40),
            ("gifts=short", 0),
            ("must_not_ship=yes", of(&|n| n % 13 == 0)),
            ("must_not_ship=no", of(&|n| n % 13 != 0)),
            ("stopped=yes", 0),
            ("tag=直播 A", of(&|n| n % 7 == 0)),
            ("tag=直播", 0),
            ("sku=a-01", of(&|n| n % 6 == 1)),
            ("sku=tea", 40),
            ("sku=红", 0),
            ("text=红袍", of(&|n| n % 6 == 1)),
            ("text=袍", of(&|n| n % 6 == 1)),
            ("text=gift", of(&|n| n % 6 != 1)),
            ("text=旗舰店", of(&|n| n % 5 == 0)),
            ("text=旗舰 大红袍", of(&|n| n % 5 == 0 && n % 6 == 1)),
            ("text=不存在", 0),
            ("created_from=2026-02-03&created_until=2026-02-04", 4),
            ("updated_from=2026-01-01", 40),
            ("amount_from=20&amount_until=25", 5),
            ("code=L07", 1),
            ("code=0007", 1),
            ("code=007", 0),
            ("status=paid&tag=直播 A&site=east", of(&|n| n % 2 == 0 && n % 7 == 0 && n % 3 == 0)),
            ("refund=requested&amount_from=30&text=样板", of(&|n| n % 8 == 0 && n >= 20 && n % 5 != 0)),
            ("must_not_ship=yes&status=shipped", of(&|n| n % 13 == 0 && n % 2 == 1)),
        ] {
            assert_eq!(found(&app, address).await, expected, "{engine} {address}");
        }
    }
}

#[tokio::test]
async fn a_stop_at_a_station_and_a_change_of_texts_are_found_at_once() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        take(&app, &[order("A1", 10), order("A2", 10)]).await;
        let a1 = actions::find(&app.db, "pos", "A1").await.unwrap().unwrap();
        let mut tx = app.db.begin("test").await.unwrap();
        actions::mark_stopped(&mut tx, &[a1, a1]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(found(&app, "stopped=yes").await, 1);
        assert_eq!(found(&app, "text=茶叶").await, 2);
        let cup = || LineInput { sku: "CUP".into(), title: "样品杯".into(), quantity: 1, refunded: 0 };
        take(&app, &[about("A1", 20, |input| input.lines = Some(vec![cup()]))]).await;
        assert_eq!((found(&app, "text=茶叶").await, found(&app, "text=品杯").await), (1, 1));
        let later = SourceTime::parse("2026-02-20 08:00:00");
        take(&app, &[about("A2", 30, |input| input.created = later.clone())]).await;
        assert_eq!(found(&app, "text=茶叶&created_until=2026-02-20").await, 1);
    }
}

#[tokio::test]
async fn the_search_box_leads_to_the_one_order_or_to_the_list() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        take(&app, &[order("20260001", 10), order("20260002", 10), order("77770001", 10)]).await;
        let one = actions::find(&app.db, "pos", "20260002").await.unwrap().unwrap();
        for (text, expected) in [
            ("20260002", Found::One(one)),
            (" sf20260002 ", Found::One(one)),
            ("0002", Found::One(one)),
            ("60002", Found::One(one)),
            ("0001", Found::Codes),
            ("茶叶", Found::Texts),
            ("9999", Found::Nothing),
            ("", Found::Nothing),
            ("' OR 1=1 --", Found::Nothing),
        ] {
            assert_eq!(actions::look_up(&app, text).await.unwrap(), expected, "{engine} {text}");
        }
    }
}

#[tokio::test]
async fn a_bulk_change_says_what_became_of_each_order_and_is_written_down() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        take(&app, &[order("A1", 86_400_000), order("A2", 10)]).await;
        let id = async |no: &str| actions::find(&app.db, "pos", no).await.unwrap().unwrap();
        let orders = [id("A1").await, id("A2").await, OrderId(99_999)];
        let anna = Actor::User("anna".into());
        let run = async |change: &Change, reason: &str| {
            let done = bulk::change(&app, &orders, change, reason, &anna).await.unwrap();
            done.into_iter().map(|changed| changed.result).collect::<Vec<_>>()
        };
        let vip = Change::AddTag("vip".into());
        use ChangeResult::{Done, Unknown, WasSo};
        assert_eq!(run(&vip, "").await, [Done, Done, Unknown], "{engine}");
        assert_eq!(run(&vip, "").await, [WasSo, WasSo, Unknown]);
        assert_eq!(found(&app, "tag=vip").await, 2);
        assert_eq!(run(&Change::MustNotShip(true), "客户来电").await, [Done, Done, Unknown]);
        assert_eq!(found(&app, "must_not_ship=yes").await, 2);
        let event = &actions::events_of(&app.db, orders[0], None, 1).await.unwrap()[0];
        assert_eq!((event.actor.as_str(), &event.detail["reason"]), ("user:anna", &"客户来电".into()));
        let written = sqlx::query("SELECT COUNT(*) FROM audit_entry").fetch_one(app.db.read()).await.unwrap();
        assert_eq!(written.get::<i64, _>(0), 4, "one entry for each change");
        assert_eq!(run(&Change::RemoveTag("vip".into()), "").await, [Done, Done, Unknown]);
        assert_eq!(found(&app, "tag=vip").await, 0);
    }
}

/// Every single condition that an index serves, and the index.
fn singles() -> Vec<(Clause, &'static str)> {
    let word = |field, word: &str| Clause::Word(field, word.to_owned());
    vec![
        (word(Field::Platform, "pos"), "orders_by_platform"),
        (word(Field::Shop, "x"), "orders_by_shop"),
        (word(Field::Site, "main"), "orders_by_site"),
        (word(Field::Status, "paid"), "orders_by_status"),
        (word(Field::Refund, "done"), "orders_by_refund"),
        (word(Field::Gifts, "none"), "orders_by_gifts"),
        (word(Field::Hold, "valid"), "orders_by_hold"),
        (word(Field::Address, "placeholder"), "orders_by_address"),
        (word(Field::Approval, "pending"), "orders_by_approval"),
        (Clause::Flag(Field::MustNotShip, true), "orders_must_not_ship"),
        (Clause::Flag(Field::Stopped, true), "orders_stopped"),
        (Clause::Texts(vec![grams::text_id(grams::TextKind::Tag, "vip")]), "order_text_by_text"),
    ]
}

#[tokio::test]
async fn every_single_filter_follows_its_index_and_sorts_nothing() {
    let sqlite = TestApp::on(Engine::Sqlite).await;
    let postgres = TestApp::on(Engine::Postgres).await;
    let mut connection = postgres.db.read().acquire().await.unwrap();
    sqlx::raw_sql("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off")
        .execute(&mut *connection)
        .await
        .unwrap();
    for (clause, index) in singles() {
        let clauses = [clause];
        let question = Question { clauses: &clauses, sort: Sort::CREATED, driver: Driver::Clause(0) };
        let after = Cursor { key: 5, id: OrderId(5) };
        let text = |engine| Sql::rows(engine, &question, after, None, 50).literal();
        let explain = format!("EXPLAIN QUERY PLAN {}", text(Engine::Sqlite));
        let steps = sqlx::query(AssertSqlSafe(explain)).fetch_all(sqlite.db.read()).await.unwrap();
        let steps: Vec<String> = steps.iter().map(|row| row.get("detail")).collect();
        assert!(steps.iter().any(|step| step.contains(index) && step.starts_with("SEARCH")), "{index}: {steps:?}");
        assert!(
            !steps.iter().any(|step| step.contains("TEMP B-TREE") || step.starts_with("SCAN")),
            "{index}: {steps:?}"
        );
        let explain = format!("EXPLAIN {}", text(Engine::Postgres));
        let steps = sqlx::query(AssertSqlSafe(explain)).fetch_all(&mut *connection).await.unwrap();
        let steps: Vec<String> = steps.iter().map(|row| row.get(0)).collect();
        assert!(steps.iter().any(|step| step.contains(&format!("using {index} "))), "{index}: {steps:?}");
        assert!(!steps.iter().any(|step| step.contains("Sort") || step.contains("Seq Scan")), "{index}: {steps:?}");
    }
}
