//! Orders for stories: made up, and looking it. No person, phone or address that could be anybody's.

use crate::clock::wall_ms;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// When all samples of this run were made, in milliseconds since 1970: an hour ago. What was over for weeks would not
/// be told to stations, and what is of tomorrow would not be believed.
static MADE_MS: LazyLock<i64> = LazyLock::new(|| wall_ms() - 3_600_000);

/// A message about one order with one parcel, as the API takes it; a story changes what it is about.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Its number among the samples; everything else follows from it.
    pub number: u64,
    body: Value,
}

impl Sample {
    /// A paid order of two pieces and one gift, picked completely: nothing speaks against it.
    pub fn new(site: &str, number: u64) -> Sample {
        let body = json!({
            "platform": "pos",
            "order_no": order_no(number),
            "updated_at": *MADE_MS,
            "shop": "sample-shop",
            "site": site,
            "status": "paid",
            "created_at": *MADE_MS - 60_000,
            "paid_at": *MADE_MS - 30_000,
            "amount": "214.00",
            "lines": [{"sku": "SKU-7", "title": "样品杯", "quantity": 2}],
            "gifts": [{"sku": "GIFT-1", "title": "样品贴纸", "quantity": 1}],
            "parcels": [{"number": wms_no(number), "waybills": [waybill(number)], "courier": "sf"}],
        });
        Sample { number, body }.picked(&[("SKU-7", 2), ("GIFT-1", 1)])
    }

    /// The same with `value` at this JSON pointer, which may be a new key of an object that is there.
    ///
    /// Panics when there is no such place: a story that changes nothing would prove nothing.
    pub fn with(mut self, pointer: &str, value: impl Into<Value>) -> Sample {
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer begins with `/`");
        let parent = self.body.pointer_mut(parent).unwrap_or_else(|| panic!("the sample has no place for `{pointer}`"));
        match (parent, key.parse::<usize>()) {
            (Value::Array(list), Ok(place)) => list[place] = value.into(),
            (parent, _) => parent[key] = value.into(),
        }
        self
    }

    /// The same with another stock-out record.
    pub fn picked(self, goods: &[(&str, u32)]) -> Sample {
        let picked: Vec<Value> = goods.iter().map(|(sku, pieces)| json!({"sku": sku, "quantity": pieces})).collect();
        let parcel = wms_no(self.number);
        self.with("/stock_out", json!([{"parcel": parcel, "picked": picked}]))
    }

    /// The same with another waybill on the label.
    pub fn labelled(self, waybill: &str) -> Sample {
        self.with("/parcels/0/waybills", json!([waybill]))
    }

    /// The same as a later message of its source.
    pub fn later(self) -> Sample {
        self.moved(1_000)
    }

    /// The same as a message that its source sent before the first one.
    pub fn earlier(self) -> Sample {
        self.moved(-60_000)
    }

    fn moved(self, ms: i64) -> Sample {
        let updated_at = self.body["updated_at"].as_i64().unwrap_or(*MADE_MS);
        self.with("/updated_at", updated_at + ms)
    }

    /// What the API takes.
    pub fn body(&self) -> &Value {
        &self.body
    }

    /// The code on the parcel's label.
    pub fn waybill(&self) -> String {
        self.body["parcels"][0]["waybills"][0].as_str().unwrap_or_default().to_owned()
    }
}

/// The order number that the sales platform would have given.
pub fn order_no(number: u64) -> String {
    format!("TEST-{number:08}")
}

/// The number that the warehouse system would have given.
pub fn wms_no(number: u64) -> String {
    format!("WMS-{number:08}")
}

/// A number of the courier's shape that no courier gave: four zeros lead it.
pub fn waybill(number: u64) -> String {
    format!("SF0000{number:09}")
}
