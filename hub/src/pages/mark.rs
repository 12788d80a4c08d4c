//! States as marks: a word and a tone, so that no page invents its own.

use super::text::Language;
use packline_protocol::facts::{
    AddressState, Approval, CodeClass, GiftStatus, HoldState, OrderStatus, ParcelStatus, RefundState,
};
use packline_protocol::verdict::Outcome;

/// A word with a tone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// `good`, `bad`, `warn`, `plain`, or an outcome.
    pub tone: &'static str,
    /// What it says.
    pub word: String,
}

impl Mark {
    /// A mark of this tone.
    pub fn new(tone: &'static str, word: impl Into<String>) -> Mark {
        Mark { tone, word: word.into() }
    }
}

/// A state that pages can show.
pub trait Show {
    /// Tone, Chinese, English.
    fn words(&self) -> (&'static str, &'static str, &'static str);

    /// The mark in this language.
    fn mark(&self, language: Language) -> Mark {
        let (tone, zh, en) = self.words();
        Mark::new(tone, language.pick(zh, en))
    }
}

macro_rules! show {
    ($($kind:ident: $($variant:ident = $tone:literal, $zh:literal, $en:literal);+ .)*) => {$(
        impl Show for $kind {
            fn words(&self) -> (&'static str, &'static str, &'static str) {
                match self { $($kind::$variant => ($tone, $zh, $en)),+ }
            }
        }
    )*};
}

show! {
    OrderStatus: Unpaid = "warn", "待付款", "Unpaid"; Paid = "good", "已付款", "Paid"; Shipped = "plain", "已发货", "Shipped";
        Completed = "plain", "已完成", "Completed"; Cancelled = "bad", "已取消", "Cancelled" .
    RefundState: None = "plain", "无", "None"; Requested = "bad", "申请中", "Requested"; Done = "bad", "已退款", "Refunded" .
    ParcelStatus: Open = "plain", "待打包", "Open"; Dispatched = "good", "已发出", "Dispatched"; Void = "bad", "已作废", "Void" .
    Approval: NotNeeded = "plain", "无需审批", "No approval needed"; Pending = "warn", "待审批", "Approval pending";
        Granted = "good", "已审批", "Approved"; Refused = "bad", "已驳回", "Approval refused" .
    HoldState: NotNeeded = "plain", "无需冻结", "No hold needed"; Valid = "good", "已冻结", "Held"; Lapsed = "bad", "冻结失效", "Hold lapsed" .
    AddressState: Fine = "plain", "地址正常", "Address fine"; ChangedSincePrint = "bad", "打单后变更", "Changed since print";
        Placeholder = "warn", "地址待定", "Placeholder" .
    GiftStatus: Pending = "warn", "待发放", "Pending"; Issued = "good", "已发放", "Issued"; Cancelled = "plain", "已取消", "Cancelled";
        Short = "bad", "数量不足", "Short"; Substituted = "good", "已替换", "Substituted"; Wrong = "bad", "发错", "Wrong" .
    Outcome: Release = "release", "放行", "Release"; Ask = "ask", "确认", "Ask"; Stop = "stop", "拦截", "Stop" .
    CodeClass: Parcel = "plain", "包裹", "Parcel"; Unknown = "ask", "查无", "Unknown"; Item = "ask", "商品", "Article";
        Ambiguous = "ask", "有歧义", "Ambiguous"; NoRead = "ask", "未读到", "No read"; NotAParcel = "ask", "非面单", "Not a waybill";
        OtherSite = "ask", "其他仓", "Other site" .
}

/// The gift state of a whole order.
pub fn gifts(worst: Option<GiftStatus>, language: Language) -> Mark {
    worst.map_or_else(|| Mark::new("plain", language.pick("无赠品", "No gifts")), |status| status.mark(language))
}
