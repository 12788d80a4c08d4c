//! The answer a packer gets, and why.

use crate::facts::FactsDigest;
use crate::id::{Epoch, ParcelId, Revision, RuleId, Seq};
use serde::{Deserialize, Serialize};

/// One of three answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// 放行: it may leave.
    Release,
    /// 确认: somebody has to look.
    Ask,
    /// 拦截: it must not leave.
    Stop,
}

impl Outcome {
    /// The word in Chinese.
    pub fn zh(self) -> &'static str {
        match self {
            Outcome::Release => "放行",
            Outcome::Ask => "确认",
            Outcome::Stop => "拦截",
        }
    }

    /// The word in English.
    pub fn en(self) -> &'static str {
        match self {
            Outcome::Release => "Release",
            Outcome::Ask => "Ask",
            Outcome::Stop => "Stop",
        }
    }
}

/// What a station said to one scan, and on which knowledge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The answer.
    pub outcome: Outcome,
    /// Why, the gravest first; empty only for a release.
    pub reasons: Vec<Reason>,
    /// The parcel, when the code stands for one.
    pub parcel: Option<ParcelId>,
    /// The same answer was given for the same parcel here before: a second look, not a second parcel.
    pub repeat: bool,
    /// The rule set that said so.
    pub revision: Revision,
    /// The fingerprint of the facts it rests on.
    pub facts: FactsDigest,
    /// The life of the change log that the replica followed.
    pub epoch: Epoch,
    /// How far the replica had followed it.
    pub position: Seq,
    /// Milliseconds since the hub was last heard; `None` when that is not known.
    pub age_ms: Option<u64>,
}

/// One reason against a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// What is the matter.
    pub code: ReasonCode,
    /// The rule that found it.
    pub rule: RuleId,
    /// What it is about, for example the gift's title; may be empty.
    pub about: String,
    /// The rule's own sentence, when it brought one.
    pub say: Option<Say>,
}

/// A sentence in both languages, written by whoever wrote the rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Say {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

macro_rules! reasons {
    ($( $(#[$doc:meta])* $name:ident = $key:literal, $outcome:ident,
        $zh:literal, $en:literal, do $do_zh:literal, $do_en:literal, clears $clears_zh:literal, $clears_en:literal; )*) => {
        /// What is the matter with a parcel. Only appended to: the number is on the wire.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ReasonCode { $( $(#[$doc])* $name, )* }

        impl ReasonCode {
            /// Every code, in wire order.
            pub const ALL: &'static [ReasonCode] = &[$(ReasonCode::$name,)*];

            /// The stable name for APIs and logs.
            pub fn key(self) -> &'static str { match self { $(ReasonCode::$name => $key,)* } }

            /// The outcome that the built-in rules give it.
            pub fn outcome(self) -> Outcome { match self { $(ReasonCode::$name => Outcome::$outcome,)* } }

            /// The sentences in Chinese.
            pub fn zh(self) -> ReasonText {
                match self { $(ReasonCode::$name => ReasonText { sentence: $zh, action: $do_zh, clears: $clears_zh },)* }
            }

            /// The sentences in English.
            pub fn en(self) -> ReasonText {
                match self { $(ReasonCode::$name => ReasonText { sentence: $en, action: $do_en, clears: $clears_en },)* }
            }
        }
    };
}

/// A reason's sentences in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReasonText {
    /// What is the matter.
    pub sentence: &'static str,
    /// What the packer does.
    pub action: &'static str,
    /// What would have to change for a release.
    pub clears: &'static str,
}

reasons! {
    /// The order was cancelled.
    Cancelled = "cancelled", Stop, "订单已取消", "The order was cancelled",
        do "放到拦截区", "Put it on the hold shelf", clears "订单恢复", "the order is reinstated";
    /// A refund was asked for.
    RefundRequested = "refund_requested", Stop, "买家申请退款", "The buyer asked for a refund",
        do "放到拦截区，等客服处理", "Put it on the hold shelf until customer service decides", clears "退款撤销或被拒绝", "the refund is withdrawn or refused";
    /// The order was refunded.
    RefundDone = "refund_done", Stop, "订单已退款", "The order was refunded",
        do "拆包退回库存", "Unpack it and return the goods to stock", clears "不会放行", "nothing: it stays here";
    /// Some goods inside were refunded.
    RefundedLines = "refunded_lines", Stop, "包裹内有已退款商品", "Refunded goods are inside",
        do "取出已退款商品", "Take the refunded goods out", clears "明细更新为不含退款商品", "the lines no longer hold refunded goods";
    /// The WMS has not issued a promised gift.
    GiftNotIssued = "gift_not_issued", Stop, "赠品未发放", "A promised gift was not issued",
        do "去取赠品", "Fetch the gift", clears "出库记录包含赠品", "the stock-out record shows the gift";
    /// Fewer gifts than promised were issued.
    GiftShort = "gift_short", Stop, "赠品数量不足", "Fewer gifts than promised were issued",
        do "补齐赠品", "Fetch the missing gifts", clears "出库记录数量足够", "the stock-out record shows enough";
    /// A gift was issued though it was cancelled.
    GiftIssuedThoughCancelled = "gift_issued_though_cancelled", Stop, "赠品已取消但已出库", "A cancelled gift was issued",
        do "取出赠品", "Take the gift out", clears "出库记录冲回", "the stock-out record is taken back";
    /// Another article than the promised gift was issued.
    WrongGift = "wrong_gift", Stop, "赠品发错", "The wrong gift was issued",
        do "换成正确的赠品", "Swap it for the right gift", clears "出库记录为正确赠品", "the stock-out record shows the right gift";
    /// The WMS picked an article that is not on the order.
    WrongItem = "wrong_item", Stop, "拣错商品", "An article was picked that is not on the order",
        do "取出并换成正确商品", "Take it out and fetch the right one", clears "出库记录与订单一致", "the stock-out record matches the order";
    /// The WMS picked more than ordered.
    SurplusItem = "surplus_item", Stop, "多拣商品", "More was picked than ordered",
        do "取出多余商品", "Take the surplus out", clears "出库记录与订单一致", "the stock-out record matches the order";
    /// The WMS picked less than ordered.
    MissingItem = "missing_item", Stop, "少拣商品", "Less was picked than ordered",
        do "补齐商品", "Fetch what is missing", clears "出库记录与订单一致", "the stock-out record matches the order";
    /// The parcel left already.
    AlreadyDispatched = "already_dispatched", Stop, "包裹已发出", "The parcel has left already",
        do "叫主管：面单可能重复", "Call the supervisor: the label may be a copy", clears "发货被撤销", "the dispatch is taken back";
    /// Another station let it go.
    ReleasedElsewhere = "released_elsewhere", Stop, "其他工位已放行同一包裹", "Another station released this parcel",
        do "叫主管：面单可能重复", "Call the supervisor: the label may be a copy", clears "另一工位的放行被撤销", "the other release is taken back";
    /// The parcel was merged, split or re-labelled.
    ParcelVoid = "parcel_void", Stop, "包裹已作废", "This parcel is void",
        do "查找新面单", "Look for the new label", clears "不会放行", "nothing: use the new label";
    /// The address changed after the label was printed.
    AddressChanged = "address_changed", Stop, "打单后地址已变更", "The address changed after the label was printed",
        do "重新打印面单", "Print a new label", clears "新面单已打印", "a new label is printed";
    /// Paid, but it must not ship.
    MustNotShip = "must_not_ship", Stop, "已付款但禁止发货", "Paid, but it must not ship",
        do "放到拦截区", "Put it on the hold shelf", clears "禁止发货被解除", "the ban is lifted";
    /// Nobody has paid.
    Unpaid = "unpaid", Stop, "订单未付款", "The order is not paid",
        do "放到拦截区", "Put it on the hold shelf", clears "订单已付款", "the order is paid";
    /// Somebody has to approve first.
    ApprovalPending = "approval_pending", Stop, "等待审批", "An approval is pending",
        do "放到拦截区，等审批", "Put it on the hold shelf until it is approved", clears "审批通过", "it is approved";
    /// Approval was refused.
    ApprovalRefused = "approval_refused", Stop, "审批被驳回", "Approval was refused",
        do "放到拦截区", "Put it on the hold shelf", clears "重新审批通过", "it is approved after all";
    /// The reserved stock is no longer reserved.
    HoldLapsed = "hold_lapsed", Stop, "库存冻结已失效", "The stock reservation has lapsed",
        do "叫主管", "Call the supervisor", clears "库存重新冻结", "the stock is reserved again";
    /// A rule says stop.
    RuleStop = "rule_stop", Stop, "规则要求拦截", "A rule says stop",
        do "放到拦截区", "Put it on the hold shelf", clears "规则条件不再满足", "the rule no longer applies";
    /// No parcel here has this code.
    Unknown = "unknown", Ask, "查无此包裹", "No parcel here has this code",
        do "核对条码，或叫主管", "Check the code or call the supervisor", clears "包裹同步到本工位", "the parcel reaches this station";
    /// The replica is too old to say release.
    Stale = "stale", Ask, "数据过旧，不能放行", "The data is too old to release on",
        do "等网络恢复后再扫", "Scan again when the link is back", clears "恢复与中心的连接", "the hub is heard again";
    /// The reader read nothing.
    NoRead = "no_read", Ask, "没有读到条码", "Nothing was read",
        do "重新扫描", "Scan again", clears "读到条码", "a code is read";
    /// An article was scanned, not a parcel.
    ItemCode = "item_code", Ask, "这是商品条码，不是包裹", "This is an article, not a parcel",
        do "扫描面单条码", "Scan the waybill", clears "扫描面单", "the waybill is scanned";
    /// The code is no parcel number.
    NotAParcel = "not_a_parcel", Ask, "这不是面单条码", "This is not a waybill code",
        do "扫描面单条码", "Scan the waybill", clears "扫描面单", "the waybill is scanned";
    /// The code stands for more than one thing.
    Ambiguous = "ambiguous", Ask, "条码有歧义", "The code stands for more than one thing",
        do "扫描面单上的另一个条码", "Scan another code on the label", clears "扫描另一个条码", "another code is scanned";
    /// The parcel belongs to another site.
    OtherSite = "other_site", Ask, "其他仓的包裹", "A parcel of another site",
        do "放到转仓区", "Put it on the transfer shelf", clears "包裹转到本仓", "the parcel is moved to this site";
    /// The address is a placeholder.
    AddressPlaceholder = "address_placeholder", Ask, "地址待定", "The address is a placeholder",
        do "交给客服补全地址", "Hand it to customer service for an address", clears "地址补全", "the address is filled in";
    /// The label looks like another courier's.
    CourierMismatch = "courier_mismatch", Ask, "面单可能不是指定快递", "The label may be another courier's",
        do "核对快递公司", "Check the courier", clears "面单与指定快递一致", "the label is the courier's";
    /// Another parcel of the order is not ready.
    PartWaiting = "part_waiting", Ask, "同一订单的其他包裹未备齐", "Another parcel of this order is not ready",
        do "放到合单区等待", "Let it wait on the multi-parcel shelf", clears "其他包裹备齐", "the other parcels are ready";
    /// Scans came faster than a hand.
    Burst = "burst", Ask, "扫描枪一次送出多个条码", "The scanner sent several codes at once",
        do "逐个重新扫描", "Scan them one by one", clears "逐个扫描", "they are scanned one by one";
    /// The disk did not confirm the record in time.
    StorageSlow = "storage_slow", Ask, "存储缓慢，记录未确认", "Storage is slow: the record is not confirmed",
        do "稍等再扫", "Wait and scan again", clears "记录写入磁盘", "the record is on disk";
    /// A rule says ask.
    RuleAsk = "rule_ask", Ask, "规则要求确认", "A rule says ask",
        do "叫主管", "Call the supervisor", clears "规则条件不再满足", "the rule no longer applies";
    /// The disk has no space for the record, or does not work.
    StorageFull = "storage_full", Ask, "存储已满或损坏，无法记录", "Storage is full or broken: nothing can be recorded",
        do "暂停放行，叫主管", "Let nothing go and call the supervisor", clears "存储恢复", "the disk takes records again";
    /// The station cannot read its own copy of the orders.
    ReplicaUnreadable = "replica_unreadable", Ask, "本地数据无法读取", "The local order data cannot be read",
        do "叫主管，等待数据重新下载", "Call the supervisor and wait for the data to be fetched again", clears "数据重新下载完成", "the data is fetched again";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_says_what_why_and_what_clears_it_in_both_languages() {
        for code in ReasonCode::ALL {
            for text in [code.zh(), code.en()] {
                assert!(!text.sentence.is_empty() && !text.action.is_empty() && !text.clears.is_empty(), "{code:?}");
            }
            assert!(code.zh().sentence.chars().any(|c| c > '\u{2e7f}'), "{code:?} has Chinese");
            assert!(code.en().sentence.is_ascii(), "{code:?} has English");
            assert_ne!(code.outcome(), Outcome::Release, "{code:?} is a reason against a release");
        }
    }

    #[test]
    fn reason_keys_are_unique_and_match_their_json_names() {
        let mut keys: Vec<_> = ReasonCode::ALL.iter().map(|code| code.key()).collect();
        for code in ReasonCode::ALL {
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{}\"", code.key()));
        }
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), ReasonCode::ALL.len());
    }
}
