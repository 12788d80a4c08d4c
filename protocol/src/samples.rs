//! Sample facts for tests, here and in the other crates. All made up, and looking it.

use crate::amount::Amount;
use crate::facts::*;
use crate::id::{OrderId, ParcelId};
use crate::time::Timestamp;

/// A parcel that nothing speaks against: paid, one line of two pieces, one gift, all picked.
pub fn parcel() -> Parcel {
    Parcel {
        id: ParcelId(4_711),
        order: OrderId(815),
        order_no: "TEST-2026-0001".to_owned(),
        platform: "pos".to_owned(),
        codes: vec![
            ParcelCode { kind: CodeRole::Waybill, text: "SF0000000004711".to_owned() },
            ParcelCode { kind: CodeRole::Wms, text: "WMS-4711".to_owned() },
        ],
        order_status: OrderStatus::Paid,
        refund: RefundState::None,
        status: ParcelStatus::Open,
        released: None,
        must_not_ship: false,
        approval: Approval::NotNeeded,
        hold: HoldState::NotNeeded,
        address: AddressState::Fine,
        courier: Some("sf".to_owned()),
        part: Part::ONLY,
        amount: Amount::cny(21_400),
        lines: vec![Line { sku: "SKU-7".to_owned(), title: "样品杯".to_owned(), quantity: 2, refunded: 0 }],
        gifts: vec![Gift {
            sku: "GIFT-1".to_owned(),
            title: "样品贴纸".to_owned(),
            quantity: 1,
            issued: 1,
            status: GiftStatus::Issued,
        }],
        picked: Some(vec![
            Picked { sku: "SKU-7".to_owned(), quantity: 2 },
            Picked { sku: "GIFT-1".to_owned(), quantity: 1 },
        ]),
        tags: vec!["LIVE2026".to_owned()],
        changed_at: Timestamp(1_795_000_000_000),
    }
}

/// A scan of one parcel at a station that heard the hub just now.
pub fn scan_facts() -> ScanFacts {
    ScanFacts {
        class: CodeClass::Parcel,
        station: "pack-01".parse().expect("a good name"),
        age_ms: Some(0),
        burst: false,
        courier_hints: vec![],
    }
}
