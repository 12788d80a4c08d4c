//! What changes of orders give other programs reason to hear. Pure. No personal data, and no addresses.

use super::model::Order;
use super::words::Word as _;
use crate::webhooks::model::{Event, EventKind};
use serde_json::json;

/// That an order is new or has changed, and that its gift status has.
pub fn events(before: Option<&Order>, after: &Order) -> Vec<Event> {
    let (key, subject) = (format!("order:{}/rev:{}", after.id, after.revision), format!("order:{}", after.id));
    let gifts = |order: &Order| order.gift_status().map(|status| status.word());
    let changed = Event {
        key: key.clone(),
        kind: EventKind::OrderChanged,
        subject: subject.clone(),
        data: json!({
            "order": after.id,
            "platform": after.platform,
            "origin_no": after.origin_no,
            "revision": after.revision,
            "is_new": before.is_none(),
            "status": after.status.word(),
            "refund": after.refund.word(),
            "gift_status": gifts(after),
        }),
    };
    let was = before.and_then(gifts);
    let gift = (gifts(after) != was).then(|| Event {
        key: format!("{key}/gifts"),
        kind: EventKind::GiftStatus,
        subject,
        data: json!({ "order": after.id, "origin_no": after.origin_no, "was": was, "is": gifts(after) }),
    });
    std::iter::once(changed).chain(gift).collect()
}
