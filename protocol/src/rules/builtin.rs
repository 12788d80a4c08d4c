//! The rules that every site starts with: orders and gifts, as data.

use super::condition::{Condition, Field, Op, Test, Value};
use super::{Rule, RuleSet};
use crate::id::{Revision, RuleId};
use crate::verdict::ReasonCode;

/// A release needs a replica no older than this: half an hour, in milliseconds. Offline work goes on that long; a
/// site that lives with longer cuts publishes its own.
pub const MAX_AGE_MS: u64 = 30 * 60_000;

/// The built-in rule set, revision 0.
pub fn rule_set() -> RuleSet {
    let rules = vec![
        rule("order-cancelled", ReasonCode::Cancelled, text(Field::OrderStatus, "cancelled")),
        rule("refund-done", ReasonCode::RefundDone, text(Field::OrderRefund, "done")),
        rule("refund-requested", ReasonCode::RefundRequested, text(Field::OrderRefund, "requested")),
        rule("must-not-ship", ReasonCode::MustNotShip, yes(Field::MustNotShip)),
        rule("unpaid", ReasonCode::Unpaid, text(Field::OrderStatus, "unpaid")),
        rule("approval-pending", ReasonCode::ApprovalPending, text(Field::OrderApproval, "pending")),
        rule("approval-refused", ReasonCode::ApprovalRefused, text(Field::OrderApproval, "refused")),
        rule("hold-lapsed", ReasonCode::HoldLapsed, text(Field::Hold, "lapsed")),
        rule("already-dispatched", ReasonCode::AlreadyDispatched, dispatched()),
        rule("released-elsewhere", ReasonCode::ReleasedElsewhere, yes(Field::ReleasedElsewhere)),
        rule("parcel-void", ReasonCode::ParcelVoid, text(Field::ParcelStatus, "void")),
        rule("address-changed", ReasonCode::AddressChanged, text(Field::Address, "changed_since_print")),
        rule("refunded-lines", ReasonCode::RefundedLines, some(Field::LineRefunded)),
        rule("gift-not-issued", ReasonCode::GiftNotIssued, some(Field::GiftPending)),
        rule("gift-short", ReasonCode::GiftShort, some(Field::GiftShort)),
        rule(
            "gift-issued-though-cancelled",
            ReasonCode::GiftIssuedThoughCancelled,
            some(Field::GiftIssuedThoughCancelled),
        ),
        rule("wrong-gift", ReasonCode::WrongGift, some(Field::GiftWrong)),
        rule("wrong-item", ReasonCode::WrongItem, some(Field::LineWrong)),
        rule("surplus-item", ReasonCode::SurplusItem, some(Field::LineSurplus)),
        rule("missing-item", ReasonCode::MissingItem, some(Field::LineMissing)),
        rule("address-placeholder", ReasonCode::AddressPlaceholder, text(Field::Address, "placeholder")),
        rule("courier-mismatch", ReasonCode::CourierMismatch, yes(Field::CourierMismatch)),
        rule("part-waiting", ReasonCode::PartWaiting, yes(Field::PartWaiting)),
        rule("burst", ReasonCode::Burst, yes(Field::Burst)),
    ];
    RuleSet { revision: Revision(0), max_age_ms: MAX_AGE_MS, rules }
}

/// A parcel of a shipped or completed order left, whether or not anybody marked the parcel itself.
fn dispatched() -> Condition {
    let left = ["shipped", "completed"].map(str::to_owned).to_vec();
    Condition::Any(vec![
        text(Field::ParcelStatus, "dispatched"),
        test(Field::OrderStatus, Op::OneOf, Value::Texts(left)),
    ])
}

fn rule(id: &str, reason: ReasonCode, when: Condition) -> Rule {
    let id = RuleId::parse(id).expect("built-in names are well formed");
    Rule { id, when, outcome: reason.outcome(), reason, say: None, max_age_ms: None }
}

fn text(field: Field, word: &str) -> Condition {
    test(field, Op::Is, Value::Text(word.to_owned()))
}

fn yes(field: Field) -> Condition {
    test(field, Op::Is, Value::Flag(true))
}

fn some(field: Field) -> Condition {
    test(field, Op::Above, Value::Number(0))
}

fn test(field: Field, op: Op, value: Value) -> Condition {
    Condition::Test(Test { field, op, value })
}
