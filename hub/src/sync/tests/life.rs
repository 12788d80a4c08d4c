//! Who leads, what is forgotten, and what happens when the database is put back.

use super::*;
use crate::sync::fold::{Seen, Standing, TOMBSTONE_KEEP_MS, standing};

/// After this time stations hear no more of what is over, in milliseconds.
const LONG_OVER_MS: i64 = 14 * 24 * 3_600_000 + 10;

#[tokio::test]
async fn one_hub_leads_and_another_takes_over_when_the_lease_runs_out() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let mut one = lead(&app, "one").await;
        fold_all(&app, &mut one).await;
        let two = Feed::lead(&app.db, &site(), "two", None, app.clock.now()).await.unwrap();
        assert!(two.is_none(), "{engine}: the lease is held");
        app.clock.advance_ms(LEASE_MS - 1);
        one.renew(app.clock.now()).await.unwrap();
        app.clock.advance_ms(LEASE_MS + 1);
        let mut two = lead(&app, "two").await;
        assert!(two.lease() > one.lease());
        assert_eq!(one.log().place, two.log().place);
        tell(&app, &[order(1, 1)]).await;
        let late = one.fold(app.clock.now()).await.unwrap_err();
        assert!(matches!(late, FeedError::Fenced { .. }), "{engine}: {late:?}");
        assert!(one.renew(app.clock.now()).await.is_err());
        let deltas = fold_all(&app, &mut two).await;
        assert_eq!(deltas.len(), 1, "what the old leader tried left nothing behind");
        let (old, new) = (one.head(app.clock.now()), two.head(app.clock.now()));
        assert!((new.lease, new.beat) > (old.lease, old.beat));
    }
}

#[tokio::test]
async fn a_hub_that_leaves_or_starts_again_does_not_wait_for_its_own_lease() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let first = lead(&app, "one").await;
        let mut again = lead(&app, "one").await;
        assert!(again.lease() > first.lease());
        again.leave().await.unwrap();
        app.clock.advance_ms(1);
        assert!(lead(&app, "two").await.lease() > again.lease(), "{engine}");
    }
}

#[tokio::test]
async fn a_database_that_was_put_back_begins_a_new_life_that_keeps_what_both_have() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        tell(&app, &(0..20).map(order_at_1).collect::<Vec<_>>()).await;
        let mut feed = lead(&app, "one").await;
        let mut replica = Replica::empty(&site());
        fold_all(&app, &mut feed).await.iter().for_each(|delta| replica.apply(delta));
        let old = feed.log().place.clone();
        let seen = Seen { epoch: old.epoch, seq: Seq(old.seq.0 + 5) };
        let now = app.clock.now();
        let mut feed = Feed::lead(&app.db, &site(), "one", Some(seen), now).await.unwrap().unwrap();
        let place = feed.log().place.clone();
        assert_ne!(place.epoch, old.epoch);
        assert_eq!(place.lineage[0].seq, old.seq);
        assert_eq!(standing(&place, old.epoch, old.seq), Standing::Follows);
        assert_eq!(range(&app, old.epoch, seen.seq).await, RangeAnswer::Snapshot, "it has seen what was lost");
        tell(&app, &[refund(3, 50)]).await;
        fold_all(&app, &mut feed).await;
        for delta in whole_range(&app, old.epoch, old.seq).await {
            replica.apply(&delta);
        }
        assert_eq!(replica.root(), feed.log().root(), "{engine}");
        let kept = Feed::lead(&app.db, &site(), "one", Some(Seen { epoch: old.epoch, seq: old.seq }), now).await;
        assert_eq!(kept.unwrap().unwrap().log().place.epoch, place.epoch, "a life that is known to be over is no news");
    }
}

#[tokio::test]
async fn a_position_ahead_of_the_log_is_told_apart() {
    let app = TestApp::on(Engine::Sqlite).await;
    let mut feed = lead(&app, "one").await;
    fold_all(&app, &mut feed).await;
    let place = feed.log().place.clone();
    assert_eq!(range(&app, place.epoch, Seq(place.seq.0 + 1)).await, RangeAnswer::Ahead);
}

#[tokio::test]
async fn tombstones_go_when_they_are_old_and_a_replica_behind_them_takes_a_snapshot() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        tell(&app, &(0..30).map(order_at_1).collect::<Vec<_>>()).await;
        let mut feed = lead(&app, "one").await;
        fold_all(&app, &mut feed).await;
        let (epoch, before) = (feed.log().place.epoch, feed.log().place.seq);
        tell(&app, &(0..10).map(|number| over(number, 5)).collect::<Vec<_>>()).await;
        app.clock.advance_ms(LONG_OVER_MS);
        assert_eq!(orders::actions::retire_parcels(&app).await.unwrap(), 10);
        fold_all(&app, &mut feed).await;
        assert_eq!((feed.log().place.gone, feed.log().place.live), (10, 22));
        assert_eq!(feed.compact(TOMBSTONE_KEEP_MS, app.clock.now()).await.unwrap(), 0, "they are young and few");
        app.clock.advance_ms(TOMBSTONE_KEEP_MS + 1);
        tell(&app, &[over(10, 6)]).await;
        fold_all(&app, &mut feed).await;
        assert_eq!(feed.compact(TOMBSTONE_KEEP_MS, app.clock.now()).await.unwrap(), 10, "{engine}");
        let place = feed.log().place.clone();
        assert_eq!((place.gone, place.floor), (1, Seq(before.0 + 10)));
        assert_eq!(range(&app, epoch, Seq(place.floor.0 - 1)).await, RangeAnswer::Snapshot);
        assert!(matches!(range(&app, epoch, place.floor).await, RangeAnswer::Deltas(_)));
        assert!(feed.verify(app.clock.now()).await.unwrap());
        let again = lead(&app, "one").await;
        assert_eq!(again.log().place, place, "all of it is stored");
    }
}

#[tokio::test]
async fn a_proof_that_does_not_match_its_rows_is_made_anew() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        tell(&app, &(0..30).map(order_at_1).collect::<Vec<_>>()).await;
        let mut feed = lead(&app, "one").await;
        fold_all(&app, &mut feed).await;
        let right = feed.log().root();
        let spoil = async |statement: &'static str| {
            let mut tx = app.db.begin("test").await.unwrap();
            sqlx::query(statement).execute(tx.conn()).await.unwrap();
            tx.commit().await.unwrap();
        };
        spoil("DELETE FROM replica_bucket WHERE bucket < 512").await;
        let mut feed = lead(&app, "one").await;
        assert_eq!(feed.log().root(), right, "{engine}: found at the start");
        fold_all(&app, &mut feed).await;
        spoil("UPDATE replica_row SET seq = 9999 WHERE seq = 5").await;
        assert!(!feed.verify(app.clock.now()).await.unwrap(), "{engine}: found by counting");
        assert_ne!(feed.log().root(), right);
        assert!(feed.verify(app.clock.now()).await.unwrap());
    }
}

#[tokio::test]
async fn a_rebuild_looks_at_everything_again_and_begins_a_new_life() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        tell(&app, &(0..30).map(order_at_1).collect::<Vec<_>>()).await;
        let mut feed = lead(&app, "one").await;
        fold_all(&app, &mut feed).await;
        let before = feed.log().clone();
        let mut tx = app.db.begin("test").await.unwrap();
        let spoil = "UPDATE replica_row SET body = NULL WHERE seq BETWEEN 5 AND 9";
        sqlx::query(spoil).execute(tx.conn()).await.unwrap();
        let lose = "DELETE FROM replica_row WHERE seq = 12";
        sqlx::query(lose).execute(tx.conn()).await.unwrap();
        tx.commit().await.unwrap();
        feed.rebuild(app.clock.now()).await.unwrap();
        let deltas = fold_all(&app, &mut feed).await;
        assert_eq!(deltas.iter().map(|delta| delta.changes.len()).sum::<usize>(), 6, "{engine}: only what was wrong");
        assert_eq!(feed.log().place.live, before.place.live);
        assert_ne!(feed.log().place.epoch, before.place.epoch);
        assert!(feed.verify(app.clock.now()).await.unwrap());
    }
}

#[tokio::test]
async fn a_parcel_that_went_to_another_site_stays_known_as_one_until_it_is_long_over() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        tell(&app, &[order(1, 1), OrderInput { site: moved(2, 1).site, ..order(2, 1) }]).await;
        let mut feed = lead(&app, "one").await;
        fold_all(&app, &mut feed).await;
        let before = feed.log().place.clone();
        assert_eq!(before.live, 3, "{engine}: rules, settings, and the one parcel that was ever here");
        tell(&app, &[moved(1, 5), refund(2, 5)]).await;
        let deltas = fold_all(&app, &mut feed).await;
        let change = &deltas[0].changes[0];
        let row = Row::decode(change.row, change.body.as_ref().unwrap()).unwrap();
        let Row::Elsewhere(elsewhere) = row else { panic!("{row:?}") };
        assert_eq!((elsewhere.site.as_str(), elsewhere.codes[0].as_str()), ("east", "SF000000000001"), "{engine}");
        assert_eq!((deltas.len(), feed.log().place.live), (1, 3));
        // What was changed after a position tells how old a replica at that position is.
        let site = site();
        let since = |seq| store::first_change_after(app.db.read(), &site, seq);
        assert_eq!(since(before.seq).await.unwrap(), Some(app.clock.now()), "{engine}");
        assert_eq!(since(feed.log().place.seq).await.unwrap(), None, "{engine}");
        tell(&app, &[over(1, 6)]).await;
        app.clock.advance_ms(LONG_OVER_MS);
        orders::actions::retire_parcels(&app).await.unwrap();
        let deltas = fold_all(&app, &mut feed).await;
        assert_eq!(deltas.last().unwrap().changes[0].body, None, "{engine}: nobody looks for it any more");
    }
}

#[tokio::test]
async fn a_parcel_that_cannot_be_read_is_taken_from_the_stations_and_all_others_go_on() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        tell(&app, &(0..30).map(order_at_1).collect::<Vec<_>>()).await;
        let mut feed = lead(&app, "one").await;
        let mut replica = Replica::empty(&site());
        fold_all(&app, &mut feed).await.iter().for_each(|delta| replica.apply(delta));
        let before = replica.rows();
        tell(&app, &(0..30).map(|number| refund(number, 50)).collect::<Vec<_>>()).await;
        for spoil in [
            "UPDATE orders SET status = 'burnt' WHERE origin_no = 'A7'",
            "UPDATE parcel SET contents = '{' WHERE order_id = (SELECT id FROM orders WHERE origin_no = 'A20')",
        ] {
            let mut tx = app.db.begin("test").await.unwrap();
            sqlx::query(spoil).execute(tx.conn()).await.unwrap();
            tx.commit().await.unwrap();
        }
        let step = feed.fold(app.clock.now()).await.unwrap();
        assert_eq!((step.unreadable, step.more), (2, false), "{engine}");
        let changes: Vec<_> = step.deltas.iter().flat_map(|delta| &delta.changes).collect();
        let gone = changes.iter().filter(|change| change.body.is_none()).count();
        assert_eq!((changes.len(), gone), (30, 2), "{engine}: the others get their refunds");
        step.deltas.iter().for_each(|delta| replica.apply(delta));
        assert_eq!(replica.rows(), before - 2);
        tell(&app, &[refund(3, 60), order(40, 60)]).await;
        assert_eq!(feed.fold(app.clock.now()).await.unwrap().unreadable, 0, "{engine}: it is told once");
    }
}
