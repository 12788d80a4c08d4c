//! The people of a site on which the power keeps going: who feeds orders, who packs, who switches on again.

use crate::api::Api;
use crate::dice::Dice;
use crate::hub::Hub;
use crate::packer::Seen;
use crate::sample::Sample;
use crate::station::Station;
use crate::watch::{Greens, Watch};
use crate::world::SITE;
use anyhow::{Result, bail};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Orders in one message.
const BATCH: usize = 10;
/// Parcels that wait on the tables; beyond that the feeder rests.
const WAITING_MAX: usize = 60;
/// Between two looks at something that may have changed.
const GLANCE: Duration = Duration::from_millis(10);

/// One order in this many must not ship.
const BAD_ONE_IN: u64 = 6;
/// One scan in this many is of a parcel that was scanned before.
const AGAIN_ONE_IN: u64 = 5;

/// The people and what they share.
pub struct Crowd {
    api: Api,
    shared: Mutex<Shared>,
    home: watch::Sender<bool>,
}

struct Shared {
    dice: Dice,
    next: u64,
    /// Accepted by the hub.
    accepted: BTreeMap<u64, Accepted>,
    waiting: VecDeque<u64>,
}

/// An order that the hub acknowledged.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The code on its parcel.
    pub waybill: String,
    /// It must never be released.
    pub is_bad: bool,
}

/// What a shift came to.
pub struct Shift {
    /// How often each plug was pulled.
    pub kills_of: BTreeMap<String, u64>,
    /// Every scan that a packer saw answered, with its station.
    pub scans: Vec<(String, Seen)>,
}

impl Crowd {
    /// People who have not begun.
    pub fn new(api: Api, dice: &mut Dice) -> Crowd {
        let mut dice = dice.fork();
        let next = 1_000_000 * dice.below(90) + 1;
        let shared = Shared { dice, next, accepted: BTreeMap::new(), waiting: VecDeque::new() };
        Crowd { api, shared: Mutex::new(shared), home: watch::Sender::new(false) }
    }

    /// Ends the shift.
    pub fn go_home(&self) {
        self.home.send_replace(true);
    }

    /// Every order that the hub acknowledged, by its number.
    pub fn accepted(&self) -> BTreeMap<u64, Accepted> {
        self.shared().accepted.clone()
    }

    /// Sends orders, the same ones until the hub says that it has them.
    pub async fn feed(&self) -> Result<()> {
        while !self.is_over() {
            if self.shared().waiting.len() >= WAITING_MAX {
                tokio::time::sleep(GLANCE).await;
                continue;
            }
            let (orders, bad) = self.shared().batch();
            while self.api.send(&orders).await.is_err() {
                if self.is_over() {
                    // Not acknowledged, so nothing is promised about them.
                    return Ok(());
                }
                tokio::time::sleep(GLANCE).await;
            }
            self.shared().take_in(&orders, &bad);
        }
        Ok(())
    }

    /// Switches the hub on whenever it went off.
    pub async fn mend(&self, hub: &mut Hub) -> Result<()> {
        let mut was_down = 0;
        loop {
            if hub.program().is_running() {
                // One that was killed a moment ago may still look alive, but does not answer.
                if self.is_over() && hub.get("/api/v1/sites").await.is_ok() {
                    return Ok(());
                }
                was_down = 0;
                tokio::time::sleep(GLANCE).await;
            } else if let Err(error) = hub.revive().await {
                // It may have been killed while it started; a hub that never starts is another matter.
                was_down += 1;
                if was_down > 10 {
                    return Err(error);
                }
            }
        }
    }

    /// Packs at a station, switching it on whenever it went off; answers what was seen.
    pub async fn pack(&self, station: &mut Station, greens: &Greens) -> Result<Vec<(String, Seen)>> {
        let mut scans = Vec::new();
        let mut eyes = Vec::from_iter(Watch::open(station.panel(), greens).await.ok());
        let mut gun = 0;
        while !self.is_over() {
            let Some(number) = self.shared().pick() else {
                tokio::time::sleep(GLANCE).await;
                continue;
            };
            let waybill = self.shared().accepted[&number].waybill.clone();
            gun = 1 - gun;
            match station.scan(gun, &waybill).await {
                Ok(seen) => scans.push((station.name().to_owned(), seen)),
                Err(error) => {
                    self.switch_on(station, error).await?;
                    // One that was killed again already is noticed by its packer.
                    eyes.extend(Watch::open(station.panel(), greens).await.ok());
                    // Nobody saw an answer, so it is scanned again.
                    self.shared().waiting.push_front(number);
                }
            }
        }
        if let Err(error) = station.view().await {
            self.switch_on(station, error).await?;
        }
        Ok(scans)
    }

    /// Switches a station on that was killed; `error` is how its packer noticed.
    async fn switch_on(&self, station: &mut Station, error: anyhow::Error) -> Result<()> {
        let name = station.name().to_owned();
        let what = format!("{name} to be gone");
        if crate::clock::until(&what, async || Ok((!station.is_running()).then_some(()))).await.is_err() {
            return Err(error.context(format!("{name} did not answer though nobody killed it")));
        }
        for _ in 0..10 {
            if station.boot().await.is_ok() {
                return Ok(());
            }
        }
        bail!("{name} was started ten times and did not come up")
    }

    fn is_over(&self) -> bool {
        *self.home.borrow()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// New orders, and which of them are bad.
    fn batch(&mut self) -> (Vec<Sample>, Vec<bool>) {
        let mut order = || {
            self.next += 1;
            let sample = Sample::new(SITE, self.next);
            let is_bad = self.dice.one_in(BAD_ONE_IN);
            (if is_bad { sample.with("/must_not_ship", true) } else { sample }, is_bad)
        };
        (0..BATCH).map(|_| order()).unzip()
    }

    fn take_in(&mut self, orders: &[Sample], bad: &[bool]) {
        for (order, is_bad) in orders.iter().zip(bad) {
            self.accepted.insert(order.number, Accepted { waybill: order.waybill(), is_bad: *is_bad });
            self.waiting.push_back(order.number);
        }
    }

    /// What is scanned next: mostly a new parcel, now and then one that was scanned before, perhaps elsewhere.
    fn pick(&mut self) -> Option<u64> {
        if self.dice.one_in(AGAIN_ONE_IN) {
            let all: Vec<u64> = self.accepted.keys().copied().collect();
            return self.dice.pick(&all).copied();
        }
        self.waiting.pop_front()
    }
}
