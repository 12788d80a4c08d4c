//! The chapters in which something breaks: network, power, patience.

use super::Story;
use super::book::Expected;
use crate::clock::until;
use anyhow::{Result, ensure};
use packline_protocol::rules::RuleSet;
use packline_protocol::verdict::ReasonCode as R;
use std::time::Duration;

/// Short enough for a story, longer than two of the hub's beats.
const SHORT_AGE_MS: u64 = 5_000;
/// Within this many milliseconds of a scan the power goes: before, while and after its record is written.
const POWER_MS: u64 = 40;

impl Story<'_> {
    /// A station works on alone, on what it knew; what happened meanwhile comes to light when it is back.
    pub(super) async fn the_network_goes(&mut self) -> Result<()> {
        self.audience.chapter("the network of pack-2 is cut, and a refund comes in");
        let [plain, refunded, both, bad] = self.good_orders().await?;
        let bad = bad.later().with("/must_not_ship", true);
        self.send(std::slice::from_ref(&bad)).await?;
        self.world.settle().await?;
        self.world.stations[1].cut_off().await?;
        let [unheard] = std::array::from_fn(|_| self.sample());
        let refund = refunded.clone().later().with("/refund", "requested");
        self.send(&[unheard.clone(), refund]).await?;
        self.scan(0, 0, &both.waybill(), "packed at pack-1 meanwhile", Expected::first(&[])).await?;
        self.scan(1, 0, &plain.waybill(), "offline", Expected::first(&[])).await?;
        self.scan(1, 1, &bad.waybill(), "offline, known to be bad", Expected::first(&[R::MustNotShip])).await?;
        // Right on what the station can know; the hub will find both when it hears of them.
        self.scan(1, 0, &refunded.waybill(), "offline, refunded unheard", Expected::first(&[])).await?;
        self.scan(1, 1, &both.waybill(), "offline, packed elsewhere unheard", Expected::first(&[])).await?;
        self.scan(1, 0, &unheard.waybill(), "offline, ordered unheard", Expected::first(&[R::Unknown])).await?;

        self.audience.chapter("the network of pack-2 is back");
        self.world.stations[1].reconnect().await?;
        self.world.settle().await?;
        let stop = Expected::first(&[R::RefundRequested]);
        self.scan(1, 1, &refunded.waybill(), "the refund is known", stop).await?;
        let stop = Expected::first(&[R::ReleasedElsewhere]);
        self.scan(1, 0, &both.waybill(), "the other release is known", stop).await?;
        self.scan(1, 1, &unheard.waybill(), "the order is known", Expected::first(&[])).await?;
        self.conflicts(&[("late_fact", &refunded.waybill()), ("two_stations", &both.waybill())]).await
    }

    /// Facts that are too old release nothing, but still stop what was bad.
    pub(super) async fn facts_grow_old(&mut self) -> Result<()> {
        self.audience.chapter("the network of pack-2 is cut for longer than its facts may be old");
        let [good, bad] = self.good_orders().await?;
        let bad = bad.later().with("/refund", "requested");
        self.send(std::slice::from_ref(&bad)).await?;
        let usual = self.rules().await?;
        self.publish(RuleSet { max_age_ms: SHORT_AGE_MS, ..usual.clone() }).await?;
        self.world.stations[1].cut_off().await?;
        let station = &self.world.stations[1];
        until("its facts to be too old", async || Ok((station.view().await?["stale"] == true).then_some(()))).await?;
        self.scan(1, 0, &good.waybill(), "on old facts", Expected::first(&[R::Stale])).await?;
        self.scan(1, 1, &bad.waybill(), "bad on old facts too", Expected::first(&[R::RefundRequested])).await?;
        self.world.stations[1].reconnect().await?;
        self.publish(usual).await?;
        self.world.stations[1].is_fresh().await?;
        self.scan(1, 1, &good.waybill(), "on new facts", Expected::first(&[])).await
    }

    /// Power goes around a scan. The packer saw nothing and scans again; nothing is lost and nothing counts twice.
    pub(super) async fn a_station_loses_power(&mut self) -> Result<()> {
        for round in 1..=3 {
            self.audience.chapter(&format!("pack-1 loses power while it scans ({round} of 3)"));
            let [order] = self.good_orders().await?;
            let pause = Duration::from_millis(self.dice.below(POWER_MS));
            let station = &mut self.world.stations[0];
            station.pull_trigger(0, &order.waybill()).await?;
            tokio::time::sleep(pause).await;
            station.kill()?;
            station.boot().await?;
            station.is_fresh().await?;
            let expected = Expected::first(&[]).whether_again_or_not();
            self.scan(0, 0, &order.waybill(), "scanned again after the power was back", expected).await?;
        }
        self.audience.chapter("pack-1 loses power with records that the hub does not have yet");
        let [order] = self.good_orders().await?;
        self.world.stations[0].cut_off().await?;
        self.scan(0, 1, &order.waybill(), "offline, before the power went", Expected::first(&[])).await?;
        let station = &mut self.world.stations[0];
        station.kill()?;
        station.boot().await?;
        station.reconnect().await?;
        station.is_fresh().await?;
        self.scan(0, 0, &order.waybill(), "and afterwards", Expected::first(&[]).again()).await?;
        self.world.settle().await
    }

    /// The hub goes right after it took orders; stations go on without it.
    pub(super) async fn the_hub_loses_power(&mut self) -> Result<()> {
        self.audience.chapter("the hub loses power");
        let [here, there] = self.good_orders().await?;
        let accepted: Vec<_> = (0..20).map(|_| self.sample()).collect();
        self.send(&accepted).await?;
        let mut hub = self.world.take_hub()?;
        hub.program().kill()?;
        self.scan(0, 0, &here.waybill(), "without a hub", Expected::first(&[])).await?;
        self.scan(1, 0, &there.waybill(), "without a hub", Expected::first(&[])).await?;
        self.audience.chapter("the hub is back");
        self.world.put_hub(hub.restart().await?);
        self.world.settle().await?;
        for station in &self.world.stations {
            station.is_fresh().await?;
        }
        self.scan(0, 1, &accepted[0].waybill(), "accepted right before", Expected::first(&[])).await?;
        self.scan(1, 1, &there.waybill(), "packed without a hub", Expected::first(&[]).again()).await
    }

    /// The hub has found exactly these contradictions so far.
    async fn conflicts(&mut self, expected: &[(&str, &str)]) -> Result<()> {
        let found = self.world.hub().list("/api/v1/scans/conflicts").await?;
        ensure!(found.iter().all(|conflict| conflict["kind"].is_string()), "conflicts have kinds: {found:?}");
        for (kind, waybill) in expected {
            let parcel = self.world.hub().parcel(waybill).await?;
            let is_it = |conflict: &&serde_json::Value| conflict["kind"] == *kind && conflict["parcel"] == parcel;
            let times = found.iter().filter(is_it).count();
            self.expect(times == 1, || format!("{kind} of `{waybill}` was found {times} times: {found:?}"));
        }
        self.expect(found.len() == expected.len(), || format!("the hub found {found:?}, expected {expected:?}"));
        Ok(())
    }
}
