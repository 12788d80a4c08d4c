//! An order as the hub knows it.

use super::claims::{AddressMark, Claims};
use super::when::SourceTime;
use crate::contacts::model::ContactError;
use crate::error::Error;
use crate::store::StoreError;
use packline_protocol::amount::Amount;
use packline_protocol::facts::{
    AddressState, Approval, CodeRole, GiftStatus, HoldState, OrderStatus, ParcelStatus, RefundState, Release,
};
use packline_protocol::id::{OrderId, ParcelId, SiteId};
use packline_protocol::time::Timestamp;
use std::collections::BTreeMap;

/// An order with everything that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The hub's number of it.
    pub id: OrderId,
    /// The sales platform.
    pub platform: String,
    /// The order number as the platform gave it.
    pub origin_no: String,
    /// The shop.
    pub shop: Option<String>,
    /// The site that its source gave.
    pub own_site: Option<SiteId>,
    /// Where it stands.
    pub status: OrderStatus,
    /// Where a refund of the whole order stands.
    pub refund: RefundState,
    /// What it is worth.
    pub amount: Option<Amount>,
    /// When it was made.
    pub created: Option<SourceTime>,
    /// When it was paid.
    pub paid: Option<SourceTime>,
    /// Paid, but somebody said it must not ship.
    pub must_not_ship: bool,
    /// Whether somebody must approve.
    pub approval: Approval,
    /// The stock reserved for it.
    pub hold: HoldState,
    /// Labels by people, sorted.
    pub tags: Vec<String>,
    /// What was bought.
    pub lines: Vec<OrderLine>,
    /// What is given on top.
    pub gifts: Vec<GiftLine>,
    /// All parcels that were ever listed; void ones too.
    pub parcels: Vec<OrderParcel>,
    /// What the WMS says it picked; the key is a code of the parcel, empty for the whole order.
    pub stock_out: BTreeMap<String, BTreeMap<String, u32>>,
    /// Which source version said what.
    pub claims: Claims,
    /// Moves by one with each write.
    pub revision: i64,
    /// When it was first received.
    pub received_at: Timestamp,
    /// When it last changed here.
    pub updated_at: Timestamp,
}

/// Goods that were bought.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderLine {
    /// The seller's article number.
    pub sku: String,
    /// What the packer calls it.
    pub title: String,
    /// Pieces.
    pub quantity: u32,
    /// Pieces of these that were refunded, or for which a refund was asked.
    pub refunded: u32,
}

/// A gift that was promised. The fields up to `parcel_ref` are told, the rest is derived.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GiftLine {
    /// The seller's article number.
    pub sku: String,
    /// What the packer calls it.
    pub title: String,
    /// Pieces promised.
    pub quantity: u32,
    /// It is not to be given any more.
    pub cancelled: bool,
    /// The article that may be issued in its place, by decision.
    pub substitute_sku: Option<String>,
    /// A code of the parcel that carries it; `None` is the first one.
    pub parcel_ref: Option<String>,
    /// Pieces that the stock-out record shows.
    pub issued: u32,
    /// Derived from promise and stock-out record; never typed.
    pub status: GiftStatus,
}

/// A parcel of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderParcel {
    /// The hub's number of it.
    pub id: ParcelId,
    /// What tells it apart within its order.
    pub key: String,
    /// Its place in the newest list that had it, from 1.
    pub place: u16,
    /// Whether the newest list of parcels has it.
    pub listed: bool,
    /// Where it stands; void when it is not listed any more.
    pub status: ParcelStatus,
    /// The site that it ships from.
    pub site: SiteId,
    /// The site that the source gave for this parcel itself.
    pub own_site: Option<SiteId>,
    /// The courier's short name.
    pub courier: Option<String>,
    /// The parcels of this order leave together, and another one is not ready.
    pub waiting: bool,
    /// What is inside, when the source says: pieces per article number.
    pub contents: Option<BTreeMap<String, u32>>,
    /// When its label was printed, when the source says.
    pub printed_at: Option<Timestamp>,
    /// The first version that told it with a waybill.
    pub labelled_at: Option<Timestamp>,
    /// Every code that it was told with, in canonical form.
    pub codes: Vec<Code>,
    /// The newest version that described it.
    pub version: Timestamp,
    /// The station that let it go.
    pub released: Option<Release>,
    /// When there was nothing left to do with it.
    pub closed_at: Option<Timestamp>,
    /// Whether stations are told of it.
    pub on_stations: bool,
}

/// A code of a parcel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code {
    /// What kind of number it is.
    pub role: CodeRole,
    /// The number in canonical form.
    pub text: String,
    /// Whether it stands for this parcel; false when a newer parcel of the order has it.
    pub held: bool,
}

impl Order {
    /// The newest time at which anything in here came to be at its source.
    pub fn changed_at(&self) -> Timestamp {
        self.claims.newest()
    }

    /// When it was made; when its source does not say, when it was first received.
    pub fn created_at(&self) -> Timestamp {
        self.created.as_ref().map_or(self.received_at, |created| created.at)
    }

    /// Parcels that the newest list has, in its order.
    pub fn listed(&self) -> impl Iterator<Item = &OrderParcel> {
        self.parcels.iter().filter(|parcel| parcel.listed)
    }

    /// The worst of its gift lines; `None` without gifts.
    pub fn gift_status(&self) -> Option<GiftStatus> {
        self.gifts.iter().map(|gift| gift.status).min_by_key(|status| badness(*status))
    }

    /// The worst state of the address against the labels of its parcels.
    pub fn address(&self) -> AddressState {
        let states = self.listed().map(|parcel| self.address_of(parcel));
        states
            .max_by_key(|state| match state {
                AddressState::Fine => 0,
                AddressState::Placeholder => 1,
                AddressState::ChangedSincePrint => 2,
            })
            .unwrap_or(AddressState::Fine)
    }

    /// The address against the label of one parcel.
    pub fn address_of(&self, parcel: &OrderParcel) -> AddressState {
        let Some((_, newest)) = self.claims.address.last() else { return AddressState::Fine };
        let printed_at = parcel.printed_at.or(parcel.labelled_at);
        // A source that masks what it told in clear before has not changed the address.
        let is_changed =
            printed_at.is_some_and(|at| self.is_changed_since(at, false) || self.is_changed_since(at, true));
        match newest.placeholder {
            _ if is_changed => AddressState::ChangedSincePrint,
            true => AddressState::Placeholder,
            false => AddressState::Fine,
        }
    }

    fn is_changed_since(&self, at: Timestamp, masked: bool) -> bool {
        let fits = |mark: AddressMark| mark.masked == masked;
        let (then, now) = (self.claims.address.at_of(at, fits), self.claims.address.last_of(fits));
        then.zip(now).is_some_and(|(then, now)| then.fingerprint != now.fingerprint)
    }
}

/// The worst first.
fn badness(status: GiftStatus) -> u8 {
    match status {
        GiftStatus::Wrong => 0,
        GiftStatus::Short => 1,
        GiftStatus::Pending => 2,
        GiftStatus::Substituted => 3,
        GiftStatus::Issued => 4,
        GiftStatus::Cancelled => 5,
    }
}

/// Something that happened to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderEvent {
    /// Ascends with time.
    pub id: i64,
    /// Which order.
    pub order: OrderId,
    /// When the hub learned of it.
    pub at: Timestamp,
    /// `created`, `changed`, `late` (told by an older version), `refused` (only an impossible move), `released`.
    pub kind: String,
    /// Who told it, for example `cli:anna`.
    pub actor: String,
    /// Where it came from, for example `import:17 row 4`.
    pub source: String,
    /// The version that the source gave.
    pub version: Option<Timestamp>,
    /// What changed, as JSON.
    pub detail: serde_json::Value,
}

impl OrderEvent {
    /// The event for somebody who may not see money.
    pub fn without_money(mut self) -> OrderEvent {
        if let Some(changes) = self.detail.get_mut("changes").and_then(serde_json::Value::as_array_mut) {
            changes.retain(|change| change["field"] != "amount");
        }
        self
    }
}

/// A list that somebody keeps under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedView {
    /// Its number.
    pub id: i64,
    /// Whose.
    pub owner: String,
    /// What they call it.
    pub name: String,
    /// Whether everybody sees it.
    pub shared: bool,
    /// What is asked for, as the address of the list has it.
    pub query: String,
}

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The order that it was about.
    pub order: OrderId,
    /// What it did.
    pub effect: Effect,
    /// Moves that it asked for and the order does not make, for people: `status: cancelled → paid`.
    pub refused: Vec<String>,
}

/// What a message did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// It made the order.
    Created,
    /// It changed the order.
    Changed,
    /// It told nothing new, or nothing newer.
    Unchanged,
}

/// Why orders could not be taken or read.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The store failed.
    #[error("failed to read or write orders")]
    Store(#[from] StoreError),
}

impl From<ContactError> for OrderError {
    fn from(error: ContactError) -> OrderError {
        match error {
            ContactError::Store(error) => error.into(),
            error => StoreError::row("contacts", error).into(),
        }
    }
}

impl OrderError {
    /// What is wrong is one row that cannot be understood.
    pub fn is_of_a_row(&self) -> bool {
        let OrderError::Store(error) = self;
        error.is_of_a_row()
    }
}

impl From<OrderError> for Error {
    fn from(error: OrderError) -> Error {
        match error {
            OrderError::Store(error) => error.into(),
        }
    }
}
