//! The chapters in which nothing breaks.

use super::Story;
use super::book::Expected;
use super::cases::{Case, all};
use super::desk::STATIONS;
use crate::sample::{Sample, waybill, wms_no};
use crate::station::StationPlan;
use crate::world::SITE;
use anyhow::{Context, Result};
use packline_protocol::id::{Revision, RuleId};
use packline_protocol::rules::condition::{Condition, Field, Op, Test, Value as Word};
use packline_protocol::rules::{Rule, RuleSet};
use packline_protocol::verdict::{Outcome, ReasonCode as R, Say};
use serde_json::json;

/// A case with the order it is about, and where it is scanned.
pub(super) struct Parcel {
    case: Case,
    /// The order as its source first told it.
    first: Sample,
    at: usize,
    gun: usize,
}

impl Story<'_> {
    /// Some orders are there before the stations and reach them as a snapshot, the others one by one as changes.
    pub(super) async fn orders_come_in(&mut self) -> Result<Vec<Parcel>> {
        let mut parcels: Vec<Parcel> = all().into_iter().map(|case| self.parcel(case)).collect();
        self.dice.shuffle(&mut parcels);
        let (early, late) = parcels.split_at(parcels.len() / 2);
        self.audience.chapter("orders come in, two stations fill");
        self.send(&firsts(early)).await?;
        for name in STATIONS {
            // Hands here are faster than a packer's; a scanner that sends what it stored is faster still.
            let scanner_config = "burst_gap_ms = 5\n".to_owned();
            let plan = StationPlan { scanners: 2, scanner_config, ..StationPlan::new(SITE, name) };
            self.world.add_station(plan).await?;
        }
        self.send(&firsts(late)).await?;
        let then = |parcel: &Parcel| parcel.case.then.map(|then| then(parcel.first.clone().later()));
        let changes: Vec<Sample> = parcels.iter().filter_map(then).collect();
        self.send(&changes).await?;
        self.world.settle().await?;
        Ok(parcels)
    }

    fn parcel(&mut self, case: Case) -> Parcel {
        let first = (case.order)(self.sample());
        let (at, gun) = (self.dice.below(2) as usize, self.dice.below(2) as usize);
        Parcel { case, first, at, gun }
    }

    pub(super) async fn every_case(&mut self, parcels: &[Parcel]) -> Result<()> {
        self.audience.chapter("every reason to stop or to ask, and releases by every code");
        for Parcel { case, first, at, gun } in parcels {
            self.scan(*at, *gun, &case.scan.text(first), case.name, Expected::first(case.reasons)).await?;
        }
        Ok(())
    }

    /// The same parcel again at the same station is a second look, not a second parcel.
    pub(super) async fn second_looks(&mut self, parcels: &[Parcel]) -> Result<()> {
        self.audience.chapter("the same parcels again");
        let of = |outcome| parcels.iter().filter(move |parcel: &&Parcel| parcel.case.outcome() == outcome);
        for Parcel { case, first, at, gun } in of(Outcome::Release).take(3).chain(of(Outcome::Stop).take(3)) {
            let expected = Expected::first(case.reasons).again();
            // With the other scanner: the same one takes the same code so soon for a double read.
            self.scan(*at, 1 - gun, &case.scan.text(first), case.name, expected).await?;
        }
        Ok(())
    }

    pub(super) async fn two_stations_one_parcel(&mut self) -> Result<()> {
        self.audience.chapter("one parcel at two stations");
        let [order] = self.good_orders().await?;
        self.scan(0, 0, &order.waybill(), "packed here", Expected::first(&[])).await?;
        self.world.settle().await?;
        let there = Expected::first(&[R::ReleasedElsewhere]);
        self.scan(1, 0, &order.waybill(), "and scanned there", there).await
    }

    pub(super) async fn a_new_label(&mut self) -> Result<()> {
        self.audience.chapter("a parcel gets a new label");
        let [old] = self.good_orders().await?;
        let number = self.sample().number;
        let parcel = json!([{"number": wms_no(number), "waybills": [waybill(number)], "courier": "sf"}]);
        let picked = json!([{"parcel": wms_no(number), "picked": old.body()["stock_out"][0]["picked"]}]);
        let new = old.clone().later().with("/parcels", parcel).with("/stock_out", picked);
        self.send(std::slice::from_ref(&new)).await?;
        self.world.settle().await?;
        self.scan(0, 0, &old.waybill(), "the old label", Expected::first(&[R::ParcelVoid])).await?;
        self.scan(1, 0, &new.waybill(), "the new label", Expected::first(&[])).await
    }

    /// A cordless scanner that comes back into range sends what it stored: nothing of that is released unseen.
    pub(super) async fn a_burst(&mut self) -> Result<()> {
        self.audience.chapter("a scanner sends what it stored");
        let orders: [Sample; 5] = self.good_orders().await?;
        let before = self.world.stations[0].newest_answer().await?;
        let codes: Vec<String> = orders.iter().map(Sample::waybill).collect();
        self.world.stations[0].pull_trigger(0, &codes.join("\r")).await?;
        for (place, seen) in self.world.stations[0].answers_after(before, codes.len()).await?.into_iter().enumerate() {
            // Nobody can know that the first two belong to a burst.
            let reasons: &[R] = if place < 2 { &[] } else { &[R::Burst] };
            self.note(0, seen, "stored in the scanner", Expected::first(reasons));
        }
        self.scan(0, 1, &codes[4], "scanned by hand", Expected::first(&[])).await
    }

    /// The site publishes rules of its own, and takes them back.
    pub(super) async fn rules_change(&mut self) -> Result<()> {
        self.audience.chapter("the site changes its rules");
        let tagged = [self.sample().with("/tags", json!(["recall"])), self.sample().with("/tags", json!(["vip"]))];
        self.send(&tagged).await?;
        let [recalled, precious] = tagged.map(|order| order.waybill());
        let usual = self.rules().await?;
        let mut rules = usual.clone();
        rules.rules.push(tag_rule("recall", Outcome::Stop, R::RuleStop));
        rules.rules.push(tag_rule("vip", Outcome::Ask, R::RuleAsk));
        self.publish(rules).await?;
        self.scan(0, 0, &recalled, "recalled", Expected::first(&[R::RuleStop])).await?;
        self.scan(1, 0, &precious, "a precious order", Expected::first(&[R::RuleAsk])).await?;
        self.publish(usual).await?;
        self.scan(0, 1, &recalled, "no longer recalled", Expected::first(&[])).await?;
        self.scan(1, 1, &precious, "as any other order", Expected::first(&[])).await
    }

    /// The rules that the site has.
    pub(super) async fn rules(&self) -> Result<RuleSet> {
        let rules = self.world.hub().get(&format!("/api/v1/sites/{SITE}/rules")).await?;
        serde_json::from_value(rules).context("the hub's rules are rules")
    }

    /// Publishes these rules under the next revision and waits until every station that can be reached has them.
    pub(super) async fn publish(&mut self, rules: RuleSet) -> Result<()> {
        let revision = Revision(self.rules().await?.revision.0 + 1);
        let rules = RuleSet { revision, ..rules };
        self.world.hub().put(&format!("/api/v1/sites/{SITE}/rules"), &serde_json::to_value(&rules)?).await?;
        self.world.settle().await
    }
}

fn firsts(parcels: &[Parcel]) -> Vec<Sample> {
    parcels.iter().map(|parcel| parcel.first.clone()).collect()
}

/// Orders with a tag are stopped or asked about.
fn tag_rule(tag: &str, outcome: Outcome, reason: R) -> Rule {
    let when = Test { field: Field::OrderTags, op: Op::Has, value: Word::Text(tag.to_owned()) };
    Rule {
        id: RuleId::parse(&format!("tag-{tag}")).expect("the name is well formed"),
        when: Condition::Test(when),
        outcome,
        reason,
        say: Some(Say { zh: format!("标签 {tag}"), en: format!("It is tagged {tag}") }),
        max_age_ms: None,
    }
}
