//! States as files and systems write them, in Chinese and English.

use super::words::Word;
use packline_protocol::facts::{Approval, HoldState, OrderStatus, ParcelStatus, RefundState};

/// A state that people and systems write in several ways.
pub trait Synonyms: Word {
    /// Other writings, in lower case without blanks and `_`.
    const OTHERS: &'static [(Self, &'static [&'static str])];

    /// The state that this text says.
    fn read(text: &str) -> Option<Self> {
        let bare = bare(text);
        let known = Self::ALL.iter().find(|(_, word)| self::bare(word) == bare).map(|(state, _)| *state);
        let other = || Self::OTHERS.iter().find(|(_, words)| words.contains(&bare.as_str())).map(|(state, _)| *state);
        known.or_else(other)
    }

    /// What is accepted, for errors.
    fn accepted() -> String {
        let example = |state: &Self| Self::OTHERS.iter().find(|(other, _)| other.word() == state.word());
        let one = |(state, word): &(Self, &str)| match example(state).and_then(|(_, words)| words.first()) {
            Some(other) => format!("{word} ({other})"),
            None => (*word).to_owned(),
        };
        let words: Vec<String> = Self::ALL.iter().map(one).collect();
        format!("one of {}", words.join(", "))
    }
}

/// Lower case, without blanks, `_` and `-`.
fn bare(text: &str) -> String {
    text.trim().to_lowercase().chars().filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-')).collect()
}

impl Synonyms for OrderStatus {
    const OTHERS: &'static [(Self, &'static [&'static str])] = &[
        (OrderStatus::Unpaid, &["待付款", "未付款", "待支付", "未支付", "等待买家付款", "waitbuyerpay", "new"]),
        (
            OrderStatus::Paid,
            &[
                "已付款",
                "已支付",
                "待发货",
                "未发货",
                "买家已付款",
                "等待卖家发货",
                "waitsellersendgoods",
                "toship",
                "待出库",
            ],
        ),
        (
            OrderStatus::Shipped,
            &["已发货", "卖家已发货", "待收货", "等待买家确认收货", "waitbuyerconfirmgoods", "dispatched", "已出库"],
        ),
        (
            OrderStatus::Completed,
            &["已完成", "交易成功", "已签收", "已收货", "tradefinished", "finished", "complete", "done", "delivered"],
        ),
        (
            OrderStatus::Cancelled,
            &["已取消", "已关闭", "交易关闭", "取消", "关闭", "tradeclosed", "canceled", "closed", "已作废"],
        ),
    ];
}

impl Synonyms for RefundState {
    const OTHERS: &'static [(Self, &'static [&'static str])] = &[
        (RefundState::None, &["无退款", "无", "未退款", "没有退款", "norefund", "no", "0"]),
        (
            RefundState::Requested,
            &["退款中", "申请退款", "退款申请中", "已申请退款", "售后中", "refunding", "requested"],
        ),
        (RefundState::Done, &["已退款", "退款成功", "退款完成", "全额退款", "refunded", "success"]),
    ];
}

impl Synonyms for ParcelStatus {
    const OTHERS: &'static [(Self, &'static [&'static str])] = &[
        (ParcelStatus::Open, &["待打包", "待发货", "未发货", "待出库", "打包中", "new"]),
        (ParcelStatus::Dispatched, &["已发货", "已出库", "已揽收", "运输中", "已签收", "shipped", "sent"]),
        (ParcelStatus::Void, &["作废", "已作废", "已取消", "cancelled", "canceled"]),
    ];
}

impl Synonyms for Approval {
    const OTHERS: &'static [(Self, &'static [&'static str])] = &[
        (Approval::NotNeeded, &["无需审批", "无", "不需要", "none", "no"]),
        (Approval::Pending, &["待审批", "审批中", "待审核", "审核中"]),
        (Approval::Granted, &["已审批", "已通过", "审核通过", "approved", "已审核"]),
        (Approval::Refused, &["已驳回", "已拒绝", "不通过", "rejected"]),
    ];
}

impl Synonyms for HoldState {
    const OTHERS: &'static [(Self, &'static [&'static str])] = &[
        (HoldState::NotNeeded, &["无需冻结", "无", "none", "no"]),
        (HoldState::Valid, &["已冻结", "有效", "冻结中", "held", "reserved"]),
        (HoldState::Lapsed, &["已失效", "失效", "已过期", "expired", "released"]),
    ];
}

/// What is accepted as yes or no, for errors.
pub const FLAG: &str = "yes or no (是, 否, true, false, 1, 0)";

/// Yes or no.
pub fn flag(text: &str) -> Option<bool> {
    match bare(text).as_str() {
        "yes" | "y" | "true" | "1" | "是" | "有" => Some(true),
        "no" | "n" | "false" | "0" | "否" | "无" => Some(false),
        _ => None,
    }
}

/// What is accepted as a number of pieces, for errors.
pub const PIECES: &str = "a whole number such as 2";

/// A number of pieces: `2`, `２`, `2.0`, `2 件`.
pub fn pieces(text: &str) -> Option<u32> {
    let narrow = text.trim().chars().map(|c| match c {
        '\u{FF10}'..='\u{FF19}' | '．' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        c => c,
    });
    let narrow: String = narrow.collect();
    let number =
        ["件", "个", "只", "盒", "pcs"].iter().find_map(|unit| narrow.strip_suffix(unit)).unwrap_or(&narrow).trim();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_whole = !fraction.is_empty() && fraction.bytes().all(|digit| digit == b'0');
    let is_digits = !whole.is_empty() && whole.bytes().all(|digit| digit.is_ascii_digit());
    if is_whole && is_digits { whole.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn states_are_read_in_both_languages() {
        assert_eq!(OrderStatus::read(" 已付款 "), Some(OrderStatus::Paid));
        assert_eq!(OrderStatus::read("WAIT_SELLER_SEND_GOODS"), Some(OrderStatus::Paid));
        assert_eq!(OrderStatus::read("Shipped"), Some(OrderStatus::Shipped));
        assert_eq!(OrderStatus::read("Not Needed"), None);
        assert_eq!(Approval::read("Not Needed"), Some(Approval::NotNeeded));
        assert_eq!(Approval::read("not-needed"), Some(Approval::NotNeeded));
        assert_eq!(RefundState::read("退款中"), Some(RefundState::Requested));
        assert_eq!(OrderStatus::read(""), None);
        let accepted = OrderStatus::accepted();
        assert!(accepted.starts_with("one of unpaid (待付款), paid (已付款), shipped (已发货)"), "{accepted}");
    }

    /// A writing that says two states would be read as whichever comes first.
    fn check_distinct<S: Synonyms>() {
        let mut seen = BTreeSet::new();
        for word in S::ALL.iter().map(|(_, word)| *word).map(bare) {
            assert!(seen.insert(word));
        }
        let others = S::OTHERS.iter().flat_map(|(state, words)| words.iter().map(move |word| (state.word(), *word)));
        for (state, word) in others.filter(|(state, word)| bare(state) != *word) {
            assert_eq!(bare(word), word, "{state}");
            assert!(seen.insert(word.to_owned()), "{word} says two things");
        }
    }

    #[test]
    fn every_writing_says_one_thing() {
        check_distinct::<OrderStatus>();
        check_distinct::<RefundState>();
        check_distinct::<ParcelStatus>();
        check_distinct::<Approval>();
        check_distinct::<HoldState>();
    }

    #[test]
    fn pieces_are_whole_numbers() {
        for (text, expected) in [
            ("2", Some(2)),
            (" ２ ", Some(2)),
            ("2.0", Some(2)),
            ("2.00", Some(2)),
            ("3 件", Some(3)),
            ("5pcs", Some(5)),
            ("0", Some(0)),
            ("2.5", None),
            ("-1", None),
            ("", None),
            ("2.", None),
            ("two", None),
            ("99999999999", None),
        ] {
            assert_eq!(pieces(text), expected, "{text:?}");
        }
    }
}
