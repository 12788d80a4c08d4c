//! The people of the demo: a shop that sells, and packers who scan what was sold.

use crate::api::Api;
use crate::dice::Dice;
use crate::sample::Sample;
use crate::station::Station;
use crate::story::cases::{Case, all};
use crate::world::SITE;
use anyhow::{Result, anyhow};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Orders that are there when the doors open.
const FIRST_ORDERS: usize = 40;
/// One parcel in this many has a story; the others are simply fine.
const STORY_ONE_IN: u64 = 3;
/// How long a packer takes from one parcel to the next, in milliseconds: from, and up to so much more.
const PACK_MS: (u64, u64) = (1_500, 2_500);
/// How long after an order its parcel comes to a table, at least: it was picked meanwhile.
const ON_THE_WAY: usize = 10;

/// The shop and the packers.
pub struct People {
    api: Api,
    shared: Mutex<Shared>,
}

struct Shared {
    dice: Dice,
    next: u64,
    /// The codes on parcels that were sold and not yet packed, oldest first.
    parcels: VecDeque<String>,
}

impl People {
    /// People who have not begun.
    pub fn new(api: Api, seed: u64) -> People {
        let mut dice = Dice::new(seed);
        let next = 1_000_000 * dice.below(90) + 1;
        People { api, shared: Mutex::new(Shared { dice, next, parcels: VecDeque::new() }) }
    }

    /// The first orders, all at once.
    pub async fn open_the_shop(&mut self) -> Result<()> {
        let mut orders = Vec::new();
        for _ in 0..FIRST_ORDERS {
            let (case, order) = self.shared().sell();
            self.shared().parcels.push_back(case.scan.text(&order));
            orders.push(order);
        }
        self.api.send(&orders).await
    }

    /// Sells and packs until something breaks.
    pub async fn work(&self, stations: &mut [Station]) -> Result<()> {
        let [one, two] = stations else { return Err(anyhow!("two stations work")) };
        tokio::try_join!(self.pack(one), self.pack(two)).map(|_| ())
    }

    /// One packer; for each parcel that is packed, one more is sold.
    async fn pack(&self, station: &mut Station) -> Result<()> {
        let mut gun = 0;
        loop {
            let pause = PACK_MS.0 + self.shared().dice.below(PACK_MS.1);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            self.sell_one().await?;
            let Some(code) = self.shared().next_parcel() else { continue };
            gun = 1 - gun;
            station.pull_trigger(gun, &code).await?;
        }
    }

    async fn sell_one(&self) -> Result<()> {
        let (case, order) = self.shared().sell();
        let code = case.scan.text(&order);
        self.api.send(std::slice::from_ref(&order)).await?;
        if let Some(then) = case.then {
            self.api.send(&[then(order.later())]).await?;
        }
        self.shared().parcels.push_back(code);
        Ok(())
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// A new order, most often one that nothing speaks against.
    fn sell(&mut self) -> (Case, Sample) {
        self.next += 1;
        let cases = all();
        let fine = cases.iter().filter(|case| case.reasons.is_empty() && case.then.is_none());
        let fine: Vec<Case> = fine.cloned().collect();
        let some = if self.dice.one_in(STORY_ONE_IN) { &cases } else { &fine };
        let case = self.dice.pick(some).expect("there are cases of both sorts").clone();
        let order = (case.order)(Sample::new(SITE, self.next));
        (case, order)
    }

    fn next_parcel(&mut self) -> Option<String> {
        if self.parcels.len() < ON_THE_WAY { None } else { self.parcels.pop_front() }
    }
}
