//! The change log through its own functions, on both engines, with orders as its source.

mod life;
mod post;
mod replica;

use super::answer::{self, RangeAnswer, RowsAnswer};
use super::feed::{FOLD_MARKS_MAX, Feed, FeedError, LEASE_MS};
use super::snapshot::Snapshots;
use super::store;
use crate::actor::Actor;
use crate::fleet;
use crate::orders;
use crate::orders::actions::receive;
use crate::orders::input::{LineInput, OrderInput, ParcelInput};
use crate::store::testing::{ENGINES, START, TestApp};
use crate::store::{Engine, changelog};
use packline_protocol::change::{Row, RowId};
use packline_protocol::downlink::{Chunk, Delta, Downlink, SnapshotOffer};
use packline_protocol::envelope::{Opener, Sealer};
use packline_protocol::facts::{OrderStatus, RefundState};
use packline_protocol::id::{Epoch, Seq, SiteId};
use replica::{Dice, Replica};
use std::sync::Arc;

fn site() -> SiteId {
    SiteId::parse("main").unwrap()
}

/// A paid order with one parcel, told `at` milliseconds after the clock's start.
fn order(number: u64, at: i64) -> OrderInput {
    OrderInput {
        platform: "pos".into(),
        origin_no: format!("A{number}"),
        version: Some(START.plus_ms(at)),
        status: Some(OrderStatus::Paid),
        lines: Some(vec![LineInput { sku: "TEA-01".into(), title: "茶叶".into(), quantity: 2, refunded: 0 }]),
        parcels: Some(vec![ParcelInput { waybills: vec![format!("SF{number:012}")], ..ParcelInput::default() }]),
        ..OrderInput::default()
    }
}

/// A refund of that order.
fn refund(number: u64, at: i64) -> OrderInput {
    OrderInput {
        platform: "pos".into(),
        origin_no: format!("A{number}"),
        version: Some(START.plus_ms(at)),
        refund: Some(RefundState::Requested),
        ..OrderInput::default()
    }
}

/// The order's parcel now ships from elsewhere, so that the site's stations lose it.
fn moved(number: u64, at: i64) -> OrderInput {
    OrderInput { site: Some(SiteId::parse("east").unwrap()), ..refund(number, at) }
}

/// The order is completed: nothing more is to be done with its parcel.
fn over(number: u64, at: i64) -> OrderInput {
    OrderInput { status: Some(OrderStatus::Completed), refund: None, ..refund(number, at) }
}

async fn tell(app: &TestApp, inputs: &[OrderInput]) {
    receive(app, inputs, &Actor::Channel("test".into()), "test").await.unwrap();
}

async fn lead(app: &TestApp, owner: &str) -> Feed {
    let feed = Feed::lead(&app.db, &site(), owner, None, app.clock.now()).await.unwrap();
    feed.expect("the site is free")
}

/// Folds until nothing is left.
async fn fold_all(app: &TestApp, feed: &mut Feed) -> Vec<Delta> {
    let mut deltas = Vec::new();
    loop {
        let step = feed.fold(app.clock.now()).await.unwrap();
        deltas.extend(step.deltas);
        if !step.more {
            return deltas;
        }
    }
}

async fn range(app: &TestApp, epoch: Epoch, from: Seq) -> RangeAnswer {
    answer::range(&app.db, &site(), epoch, from).await.unwrap()
}

/// All deltas that a station at this position gets, asking stage by stage.
async fn whole_range(app: &TestApp, epoch: Epoch, from: Seq) -> Vec<Delta> {
    let (mut deltas, mut at) = (Vec::new(), from);
    loop {
        let RangeAnswer::Deltas(stage) = range(app, epoch, at).await else { panic!("no range from {at}") };
        at = stage.last().unwrap().to;
        let complete = stage.last().unwrap().root.is_some();
        deltas.extend(stage);
        if complete {
            return deltas;
        }
    }
}

/// A snapshot as a station gets it: opened and checked part by part.
async fn snapshot(app: &TestApp) -> (SnapshotOffer, Vec<Chunk>) {
    let sealer = Arc::new(Sealer::new(&[7; 32]));
    let opener = Opener::new(&sealer.public()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::open(folder.path(), sealer).unwrap();
    let built = snapshots.build(&app.db, &site(), crate::clock::moment()).await.unwrap();
    let open = |number| match Downlink::open(&built.part(number).unwrap().unwrap(), &opener).unwrap() {
        Downlink::Chunk(chunk) => chunk,
        other => panic!("{other:?}"),
    };
    assert_eq!(built.part(built.offer.chunks).unwrap(), None);
    (built.offer, (0..built.offer.chunks).map(open).collect())
}

#[tokio::test]
async fn every_delta_proves_itself_and_every_way_to_catch_up_ends_in_the_same_rows() {
    for engine in ENGINES {
        for seed in 0..3 {
            let app = TestApp::on(engine).await;
            let mut dice = Dice::new(seed);
            let mut feed = lead(&app, "one").await;
            let mut live = Replica::empty(&site());
            let mut left_at = Vec::new();
            for step in 0..12 {
                let inputs: Vec<OrderInput> = (0..1 + dice.below(30))
                    .map(|_| match dice.below(4) {
                        0 => refund(dice.below(60), step),
                        1 => moved(dice.below(60), step),
                        _ => order(dice.below(60), step),
                    })
                    .collect();
                tell(&app, &inputs).await;
                for delta in fold_all(&app, &mut feed).await {
                    live.apply(&delta);
                }
                left_at.push(live.clone());
            }
            assert_eq!(live.root(), feed.log().root(), "{engine} seed {seed}");
            assert!(feed.verify(app.clock.now()).await.unwrap(), "{engine} seed {seed}");
            for mut late in left_at {
                for delta in whole_range(&app, late.epoch, late.seq).await {
                    late.apply(&delta);
                }
                assert_eq!(late, live, "{engine} seed {seed}: by range");
            }
            let (offer, chunks) = snapshot(&app).await;
            tell(&app, &[order(1, 99), order(99, 99)]).await;
            fold_all(&app, &mut feed).await.iter().for_each(|delta| live.apply(delta));
            let mut fresh = Replica::of_snapshot(&site(), &offer, &chunks);
            for delta in whole_range(&app, fresh.epoch, fresh.seq).await {
                fresh.apply(&delta);
            }
            assert_eq!(fresh, live, "{engine} seed {seed}: by snapshot");
        }
    }
}

#[tokio::test]
async fn a_new_site_begins_with_its_rules_and_settings() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let mut feed = lead(&app, "one").await;
        let deltas = fold_all(&app, &mut feed).await;
        let rows: Vec<RowId> = deltas[0].changes.iter().map(|change| change.row).collect();
        assert_eq!(rows, [RowId::RULES, RowId::SETTINGS], "{engine}");
        let rules = fleet::actions::rules_of(&app.db, &site()).await.unwrap();
        let newer = packline_protocol::rules::RuleSet { revision: packline_protocol::id::Revision(3), ..rules };
        fleet::actions::publish_rules(&app.db, &site(), &newer, &by(), app.clock.now()).await.unwrap();
        let deltas = fold_all(&app, &mut feed).await;
        let body = deltas[0].changes[0].body.clone().unwrap();
        assert!(matches!(Row::decode(RowId::RULES, &body).unwrap(), Row::Rules(rules) if rules == newer));
        let again = fleet::actions::publish_rules(&app.db, &site(), &newer, &by(), app.clock.now()).await.unwrap_err();
        assert_eq!(again.to_string(), "the rule set has revision `3`; give one above 3");
    }
}

#[tokio::test]
async fn a_change_that_comes_back_to_what_it_was_before_the_fold_is_no_change() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let mut feed = lead(&app, "one").await;
        tell(&app, &[order(1, 1)]).await;
        assert_eq!(fold_all(&app, &mut feed).await.len(), 1);
        let mut tx = app.db.begin("test").await.unwrap();
        changelog::mark_rows(&mut tx, &site(), &[RowId::SETTINGS, RowId::RULES]).await.unwrap();
        tx.commit().await.unwrap();
        let before = feed.log().clone();
        assert_eq!(fold_all(&app, &mut feed).await, []);
        assert_eq!(*feed.log(), before);
        assert!(!store::any_dirty(app.db.read(), &site()).await.unwrap(), "the marks are gone all the same");
    }
}

/// On SQLite there is one writer at a time, so nothing can happen between a fold's reading and its writing.
#[tokio::test]
async fn a_mark_that_is_committed_while_the_feed_folds_is_not_lost() {
    let app = TestApp::on(Engine::Postgres).await;
    tell(&app, &[order(1, 1)]).await;
    let mut feed = lead(&app, "one").await;
    fold_all(&app, &mut feed).await;
    let settings = fleet::actions::sites(&app.db).await.unwrap()[0].settings.clone();
    let mut slow = app.db.begin("test").await.unwrap();
    changelog::mark_rows(&mut slow, &site(), &[RowId::SETTINGS]).await.unwrap();
    let rename = "UPDATE site SET title = '一号仓'";
    sqlx::query(rename).execute(slow.conn()).await.unwrap();
    let mut other = app.db.begin("test").await.unwrap();
    changelog::mark_rows(&mut other, &site(), &[RowId::SETTINGS]).await.unwrap();
    other.commit().await.unwrap();
    assert_eq!(fold_all(&app, &mut feed).await, [], "{settings:?} holds until the other has committed");
    slow.commit().await.unwrap();
    let deltas = fold_all(&app, &mut feed).await;
    assert_eq!(deltas[0].changes[0].row, RowId::SETTINGS);
}

#[tokio::test]
async fn many_marks_are_folded_in_bounded_steps_that_chain() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let orders: Vec<OrderInput> = (0..FOLD_MARKS_MAX as u64 + 300).map(|number| order(number, 1)).collect();
        tell(&app, &orders).await;
        let mut feed = lead(&app, "one").await;
        let first = feed.fold(app.clock.now()).await.unwrap();
        assert!(first.more, "{engine}");
        assert_eq!(feed.head(app.clock.now()).beat, 0, "a hub that is behind does not sound fresh");
        let second = feed.fold(app.clock.now()).await.unwrap();
        assert!(!second.more, "{engine}");
        assert_eq!(feed.head(app.clock.now()).beat, 1);
        let mut replica = Replica::empty(&site());
        first.deltas.iter().chain(&second.deltas).for_each(|delta| replica.apply(delta));
        assert_eq!(replica.rows(), orders.len() + 2);
    }
}

#[tokio::test]
async fn a_long_range_comes_in_stages_and_a_longer_one_as_a_snapshot() {
    let app = TestApp::on(Engine::Sqlite).await;
    let mut feed = lead(&app, "one").await;
    let title = "很".repeat(60);
    let long = |number| {
        let line = |sku: u64| LineInput { sku: format!("S{sku}"), title: title.clone(), quantity: 1, refunded: 0 };
        OrderInput { lines: Some((0..20).map(line).collect()), ..order(number, 1) }
    };
    tell(&app, &(0..3_000).map(order_at_1).collect::<Vec<_>>()).await;
    fold_all(&app, &mut feed).await;
    let (epoch, before) = (feed.log().place.epoch, feed.log().place.seq);
    tell(&app, &(10_000..12_000).map(long).collect::<Vec<_>>()).await;
    fold_all(&app, &mut feed).await;
    let RangeAnswer::Deltas(stage) = range(&app, epoch, before).await else { panic!("a range") };
    assert_eq!(stage.len(), packline_protocol::downlink::RANGE_DELTAS_MAX);
    assert!(stage.iter().all(|delta| delta.root.is_none()), "more follows");
    let all = whole_range(&app, epoch, before).await;
    assert!(all.len() > stage.len());
    assert_eq!(all.last().unwrap().root, Some(feed.log().root()));
    let mut at = before;
    for delta in &all {
        assert_eq!(delta.prev, at);
        at = delta.to;
    }
    assert_eq!(range(&app, epoch, Seq(0)).await, RangeAnswer::Snapshot, "as many rows as there are");
    let RangeAnswer::Deltas(none) = range(&app, epoch, feed.log().place.seq).await else { panic!("a range") };
    assert_eq!((none.len(), none[0].changes.len(), none[0].root), (1, 0, Some(feed.log().root())));
}

fn order_at_1(number: u64) -> OrderInput {
    order(number, 1)
}

#[tokio::test]
async fn a_damaged_replica_is_found_by_its_buckets_and_mended_by_their_rows() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        tell(&app, &(0..200).map(order_at_1).collect::<Vec<_>>()).await;
        let mut feed = lead(&app, "one").await;
        let mut replica = Replica::empty(&site());
        fold_all(&app, &mut feed).await.iter().for_each(|delta| replica.apply(delta));
        let whole = replica.clone();
        replica.damage(3);
        assert_ne!(replica.root(), whole.root());
        let buckets = answer::buckets(&app.db, &site()).await.unwrap().unwrap();
        let differing = replica.proof().differing(&buckets.hashes);
        assert!((1..=3).contains(&differing.len()), "{differing:?}");
        let answer = answer::bucket_rows(&app.db, &site(), replica.epoch, &differing).await.unwrap();
        let RowsAnswer::Parts(parts) = answer else { panic!("rows") };
        assert_eq!(parts.last().unwrap().root, Some(whole.root()));
        replica.mend(&differing, &parts);
        assert_eq!(replica, whole, "{engine}");
        let foreign = answer::bucket_rows(&app.db, &site(), Epoch(1), &differing).await.unwrap();
        assert_eq!(foreign, RowsAnswer::Snapshot);
    }
}

#[tokio::test]
async fn a_site_without_a_log_is_said_to_have_none() {
    let app = TestApp::on(Engine::Sqlite).await;
    assert_eq!(range(&app, Epoch(1), Seq(1)).await, RangeAnswer::NoLog);
    assert_eq!(answer::buckets(&app.db, &site()).await.unwrap(), None);
    assert_eq!(answer::bucket_rows(&app.db, &site(), Epoch(1), &[1]).await.unwrap(), RowsAnswer::NoLog);
}

/// Whoever changes something here.
fn by() -> crate::actor::Actor {
    crate::actor::Actor::Cli("test".into())
}
