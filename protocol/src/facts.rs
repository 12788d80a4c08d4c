//! What a station knows of a parcel and its order. Only what rules read: no name, no phone, no address.
//!
//! These types are on the wire and in replicas. They are frozen per schema, see [`crate::envelope`].

use crate::amount::Amount;
use crate::id::{OrderId, ParcelId, StationId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The most lines, gifts, codes, tags or picked goods that one parcel carries.
pub const LIST_MAX: usize = 256;

/// What a packer holds, with everything the rules may ask about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// The hub's number of this parcel.
    pub id: ParcelId,
    /// The hub's number of its order.
    pub order: OrderId,
    /// The order number as the sales platform gave it.
    pub order_no: String,
    /// The sales platform, for example `tmall`, `douyin`, `pos`.
    pub platform: String,
    /// Every code that stands for this parcel, each in canonical form.
    pub codes: Vec<ParcelCode>,
    /// Where the order stands.
    pub order_status: OrderStatus,
    /// Where a refund of the whole order stands.
    pub refund: RefundState,
    /// Where the parcel stands.
    pub status: ParcelStatus,
    /// The station that released it, if one did.
    pub released: Option<Release>,
    /// Paid, but somebody said it must not ship (risk control, a complaint, a recall).
    pub must_not_ship: bool,
    /// Whether the order waits for somebody's approval.
    pub approval: Approval,
    /// The stock reserved for it.
    pub hold: HoldState,
    /// The delivery address against the printed label.
    pub address: AddressState,
    /// The courier whose label it should carry, for example `sf`.
    pub courier: Option<String>,
    /// Which parcel of how many.
    pub part: Part,
    /// What the order is worth.
    pub amount: Amount,
    /// The goods that belong inside.
    pub lines: Vec<Line>,
    /// The gifts that belong inside.
    pub gifts: Vec<Gift>,
    /// What the WMS says it picked for this parcel; `None` while there is no stock-out record.
    pub picked: Option<Vec<Picked>>,
    /// Labels that business people put on the order.
    pub tags: Vec<String>,
    /// When the newest fact in here came to be at its source.
    pub changed_at: Timestamp,
}

/// One code of a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParcelCode {
    /// What kind of number it is.
    pub kind: CodeRole,
    /// The number in canonical form ([`crate::code::canonical`]).
    pub text: String,
}

/// What a parcel's code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeRole {
    /// The courier's waybill number.
    Waybill,
    /// The warehouse system's number.
    Wms,
    /// The order number.
    Order,
}

/// Where an order stands, the same for all channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// 待付款
    Unpaid,
    /// 已付款
    Paid,
    /// 已发货
    Shipped,
    /// 已完成
    Completed,
    /// 已取消
    Cancelled,
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// None was asked for, or it was refused or withdrawn.
    None,
    /// 退款申请中
    Requested,
    /// 已退款
    Done,
}

/// Where a parcel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParcelStatus {
    /// To be packed.
    Open,
    /// Handed to the courier.
    Dispatched,
    /// Void: merged, split or re-labelled; this parcel must not leave.
    Void,
}

/// A station let the parcel go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Which station.
    pub station: StationId,
    /// When, by the station's wall clock.
    pub at: Timestamp,
}

/// Whether somebody must approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// Nobody has to.
    NotNeeded,
    /// 待审批
    Pending,
    /// 已审批
    Granted,
    /// 已驳回
    Refused,
}

/// The stock reserved for a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldState {
    /// It needs no reservation.
    NotNeeded,
    /// Reserved.
    Valid,
    /// The reservation has lapsed or was taken by another.
    Lapsed,
}

/// The delivery address against the printed label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressState {
    /// Nothing known against it.
    Fine,
    /// Changed after the label was printed.
    ChangedSincePrint,
    /// A placeholder such as 待定, or empty.
    Placeholder,
}

/// Which parcel of an order this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// From 1.
    pub number: u16,
    /// How many parcels the order has; at least 1.
    pub of: u16,
    /// The parcels of this order leave together, and another one is not ready.
    pub waiting: bool,
}

impl Part {
    /// The only parcel of its order.
    pub const ONLY: Part = Part { number: 1, of: 1, waiting: false };
}

/// Goods that were bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The seller's article number.
    pub sku: String,
    /// What the packer calls it.
    pub title: String,
    /// Pieces in this parcel.
    pub quantity: u32,
    /// Pieces of these that were refunded, or for which a refund was asked.
    pub refunded: u32,
}

/// A gift that was promised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gift {
    /// The seller's article number.
    pub sku: String,
    /// What the packer calls it.
    pub title: String,
    /// Pieces promised.
    pub quantity: u32,
    /// Pieces that the stock-out record shows.
    pub issued: u32,
    /// Derived from promise and stock-out record; never typed.
    pub status: GiftStatus,
}

/// 赠品状态
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GiftStatus {
    /// 待发放
    Pending,
    /// 已发放
    Issued,
    /// 已取消
    Cancelled,
    /// 数量不足
    Short,
    /// 已替换: another gift was issued in its place, by decision.
    Substituted,
    /// 发错: another article was issued in its place, by mistake.
    Wrong,
}

/// Goods that the WMS says it picked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picked {
    /// The seller's article number.
    pub sku: String,
    /// Pieces.
    pub quantity: u32,
}

/// What a station knows at the moment of a scan, beside the parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanFacts {
    /// What the code turned out to be.
    pub class: CodeClass,
    /// This station; a parcel released elsewhere is told apart by it.
    pub station: StationId,
    /// Milliseconds since the hub was last heard; `None` when that is not known.
    pub age_ms: Option<u64>,
    /// The scan came in a burst faster than a hand: a reader that stored scans and sent them at once.
    pub burst: bool,
    /// Couriers whose numbers look like this one. A hint, never a proof.
    pub courier_hints: Vec<String>,
}

/// What a scanned code turned out to be, once the replica was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeClass {
    /// It stands for exactly one parcel.
    Parcel,
    /// A number that no parcel here has.
    Unknown,
    /// An article, not a parcel.
    Item,
    /// It stands for more than one thing.
    Ambiguous,
    /// The reader saw a parcel and read nothing.
    NoRead,
    /// A code that is no parcel number at all: an advertisement, a link.
    NotAParcel,
    /// A parcel of another site.
    OtherSite,
}

/// Everything a verdict rests on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The parcel, when the code stands for one.
    pub parcel: Option<&'a Parcel>,
    /// The scan.
    pub scan: &'a ScanFacts,
}

/// A fingerprint of the facts: BLAKE3, first 16 bytes, over their postcard bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FactsDigest(pub [u8; 16]);

impl std::fmt::Debug for FactsDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Facts<'_> {
    /// The fingerprint that a scan record keeps, so that its verdict can be worked out again later.
    pub fn digest(&self) -> FactsDigest {
        let mut hasher = blake3::Hasher::new();
        let bytes = postcard::to_allocvec(&(self.parcel, self.scan)).expect("plain data always encodes");
        hasher.update(&bytes);
        let mut digest = [0; 16];
        digest.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        FactsDigest(digest)
    }
}
