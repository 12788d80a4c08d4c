//! The JSON form of an order as it comes in.
//!
//! Read value by value and not by a derived decoder, so that everything that is wrong is said at once: where, what was
//! given, what is accepted. Unknown names are refused, since a misspelt one would be a fact that is lost.

use super::input::{
    AddressText, Fault, GiftInput, LineInput, OrderInput, ParcelInput, ParcelStatusInput, StockOutInput,
};
use super::synonyms::{self, Synonyms};
use super::{money, when};
use packline_protocol::amount::Amount;
use packline_protocol::id::SiteId;
use serde_json::{Map, Value};

/// What a message reads as, or everything that is wrong with it.
pub fn read(value: &Value) -> Result<OrderInput, Vec<Fault>> {
    let mut faults = Vec::new();
    let Value::Object(map) = value else {
        return Err(vec![Fault::new("order", &shown(value), "a JSON object with platform and order_no")]);
    };
    let input = order(&mut Fields::new(map, "", &mut faults));
    if faults.is_empty() { Ok(input) } else { Err(faults) }
}

fn order(fields: &mut Fields<'_>) -> OrderInput {
    let input = OrderInput {
        platform: fields.required("platform"),
        origin_no: fields.required("order_no"),
        version: fields.time("updated_at").map(|time| time.at),
        shop: fields.text("shop"),
        site: fields.site("site"),
        status: fields.state("status"),
        refund: fields.state("refund"),
        amount: amount(fields),
        created: fields.time("created_at"),
        paid: fields.time("paid_at"),
        must_not_ship: fields.flag("must_not_ship"),
        approval: fields.state("approval"),
        hold: fields.state("hold"),
        address: fields.object("buyer", buyer),
        tags: fields.texts("tags"),
        lines: fields.list("lines", line),
        gifts: fields.list("gifts", gift),
        parcels: fields.list("parcels", parcel),
        stock_out: fields.list("stock_out", stock_out),
        initial_status: None,
        reference: None,
    };
    fields.end();
    input
}

fn amount(fields: &mut Fields<'_>) -> Option<Amount> {
    let currency = fields.text("currency").unwrap_or_else(|| money::CURRENCY.to_owned());
    if !money::is_currency(&currency) {
        fields.fault("currency", &currency, "three capital letters such as CNY");
        return None;
    }
    fields.parsed("amount", |text| money::parse(text, &currency), || money::ACCEPTED.to_owned())
}

fn buyer(fields: &mut Fields<'_>) -> AddressText {
    let mut take = |name| fields.text(name).unwrap_or_default();
    let address = AddressText { name: take("name"), phone: take("phone"), address: Some(take("address")) };
    fields.end();
    address
}

fn line(fields: &mut Fields<'_>) -> LineInput {
    let line = LineInput {
        sku: fields.required("sku"),
        title: fields.text("title").unwrap_or_default(),
        quantity: fields.pieces("quantity").unwrap_or(1),
        refunded: fields.pieces("refunded").unwrap_or(0),
    };
    fields.end();
    line
}

fn gift(fields: &mut Fields<'_>) -> GiftInput {
    let gift = GiftInput {
        sku: fields.required("sku"),
        title: fields.text("title").unwrap_or_default(),
        quantity: fields.pieces("quantity").unwrap_or(1),
        cancelled: fields.flag("cancelled").unwrap_or(false),
        substitute_sku: fields.text("substitute_sku"),
        parcel: fields.text("parcel"),
    };
    fields.end();
    gift
}

fn parcel(fields: &mut Fields<'_>) -> ParcelInput {
    let mut waybills: Vec<String> = fields.text("waybill").into_iter().collect();
    waybills.extend(fields.texts("waybills").unwrap_or_default());
    let parcel = ParcelInput {
        number: fields.text("number"),
        waybills,
        courier: fields.text("courier"),
        site: fields.site("site"),
        status: fields.state("status").map(ParcelStatusInput),
        contents: fields.list("contents", piece),
        printed: fields.time("printed_at").map(|time| time.at),
        waiting: fields.flag("waiting").unwrap_or(false),
    };
    fields.end();
    parcel
}

fn stock_out(fields: &mut Fields<'_>) -> StockOutInput {
    let record = StockOutInput {
        parcel: fields.text("parcel"),
        picked: match fields.list("picked", piece) {
            Some(picked) => picked,
            None => {
                fields.fault("picked", "", "a list of what was picked, empty when it was nothing");
                Vec::new()
            }
        },
    };
    fields.end();
    record
}

fn piece(fields: &mut Fields<'_>) -> (String, u32) {
    let piece = (fields.required("sku"), fields.pieces("quantity").unwrap_or(1));
    fields.end();
    piece
}

/// The fields of one JSON object, each to be taken once.
struct Fields<'a> {
    map: &'a Map<String, Value>,
    path: String,
    taken: Vec<&'static str>,
    faults: &'a mut Vec<Fault>,
}

impl<'a> Fields<'a> {
    fn new(map: &'a Map<String, Value>, path: &str, faults: &'a mut Vec<Fault>) -> Self {
        Fields { map, path: path.to_owned(), taken: Vec::new(), faults }
    }

    /// `null` is the same as nothing.
    fn take(&mut self, name: &'static str) -> Option<&'a Value> {
        self.taken.push(name);
        self.map.get(name).filter(|value| !value.is_null())
    }

    fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn fault(&mut self, name: &str, given: &str, accepted: impl Into<String>) {
        let field = self.at(name);
        self.faults.push(Fault::new(field, given, accepted));
    }

    /// A text, or a number as it would be written. A number that does not fit is refused: digits would be lost.
    fn text(&mut self, name: &'static str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
            Value::Number(number) if !number.to_string().contains('e') => Some(number.to_string()),
            other => {
                self.fault(name, &shown(other), "a text in quotes");
                None
            }
        }
    }

    fn required(&mut self, name: &'static str) -> String {
        let is_there = self.map.get(name).is_some_and(|value| !value.is_null());
        let text = self.text(name);
        if !is_there {
            self.fault(name, "", "a value; it is missing");
        }
        text.unwrap_or_default()
    }

    fn parsed<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
        accepted: impl FnOnce() -> String,
    ) -> Option<T> {
        let text = self.text(name)?;
        let value = parse(&text);
        if value.is_none() {
            self.fault(name, &text, accepted());
        }
        value
    }

    fn time(&mut self, name: &'static str) -> Option<when::SourceTime> {
        self.parsed(name, when::SourceTime::parse, || when::ACCEPTED.to_owned())
    }

    fn state<S: Synonyms>(&mut self, name: &'static str) -> Option<S> {
        self.parsed(name, S::read, S::accepted)
    }

    fn site(&mut self, name: &'static str) -> Option<SiteId> {
        self.parsed(name, |text| SiteId::parse(text).ok(), || "1 to 32 characters of a-z, 0-9 and `-`".to_owned())
    }

    fn pieces(&mut self, name: &'static str) -> Option<u32> {
        self.parsed(name, synonyms::pieces, || synonyms::PIECES.to_owned())
    }

    fn flag(&mut self, name: &'static str) -> Option<bool> {
        if let Some(Value::Bool(flag)) = self.map.get(name) {
            self.taken.push(name);
            return Some(*flag);
        }
        self.parsed(name, synonyms::flag, || synonyms::FLAG.to_owned())
    }

    fn texts(&mut self, name: &'static str) -> Option<Vec<String>> {
        let value = self.take(name)?;
        let texts = value.as_array().and_then(|list| {
            let texts = list.iter().map(|item| item.as_str().map(str::to_owned));
            texts.collect::<Option<Vec<String>>>()
        });
        if texts.is_none() {
            self.fault(name, &shown(value), "a list of texts");
        }
        texts
    }

    fn object<T>(&mut self, name: &'static str, read: impl Fn(&mut Fields<'_>) -> T) -> Option<T> {
        let value = self.take(name)?;
        let path = self.at(name);
        match value {
            Value::Object(map) => Some(read(&mut Fields::new(map, &path, self.faults))),
            _ => {
                self.fault(name, "", "a JSON object");
                None
            }
        }
    }

    fn list<T>(&mut self, name: &'static str, read: impl Fn(&mut Fields<'_>) -> T) -> Option<Vec<T>> {
        let value = self.take(name)?;
        let Value::Array(items) = value else {
            self.fault(name, &shown(value), "a list of JSON objects");
            return None;
        };
        let mut list = Vec::with_capacity(items.len().min(256));
        for (place, item) in items.iter().enumerate() {
            let path = format!("{}[{place}]", self.at(name));
            match item {
                Value::Object(map) => list.push(read(&mut Fields::new(map, &path, self.faults))),
                other => self.faults.push(Fault::new(path, &shown(other), "a JSON object")),
            }
        }
        Some(list)
    }

    /// Nothing else may be there.
    fn end(&mut self) {
        let unknown: Vec<String> =
            self.map.keys().filter(|key| !self.taken.contains(&key.as_str())).map(|key| self.at(key)).collect();
        for field in unknown {
            let accepted = format!("only the names {}", self.taken.join(", "));
            self.faults.push(Fault::new(field, "", accepted));
        }
    }
}

/// A value for an error: never a whole object, which may hold an address.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "{…}".to_owned(),
        Value::Array(_) => "[…]".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packline_protocol::facts::{OrderStatus, RefundState};
    use packline_protocol::time::Timestamp;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn an_order_is_read_whole() {
        let input = read(&json!({
            "platform": "pos", "order_no": 20260001, "updated_at": 1771430399000i64, "shop": "样板店",
            "site": "main", "status": "已付款", "refund": "none", "amount": 128.5, "created_at": "2026/2/18",
            "must_not_ship": false, "buyer": { "name": "测试甲", "address": "待定" }, "tags": ["live"],
            "lines": [{ "sku": "TEA-01", "title": "茶叶", "quantity": 2 }],
            "gifts": [{ "sku": "CUP", "parcel": "SF1" }],
            "parcels": [{ "waybill": "SF1", "waybills": ["SF2"], "courier": "顺丰", "contents": [{ "sku": "TEA-01", "quantity": "2" }] }],
            "stock_out": [{ "picked": [] }]
        }))
        .unwrap();
        assert_eq!((input.origin_no.as_str(), input.status), ("20260001", Some(OrderStatus::Paid)));
        assert_eq!(input.refund, Some(RefundState::None));
        assert_eq!(input.amount.map(|amount| amount.minor), Some(12_850));
        assert_eq!(input.parcels.unwrap()[0].waybills, ["SF1", "SF2"]);
        assert_eq!(input.gifts.unwrap()[0].quantity, 1);
        assert_eq!(input.stock_out.unwrap()[0].picked, []);
        assert_eq!(input.version, Some(Timestamp(1_771_430_399_000)));
    }

    #[track_caller]
    fn check(value: Value, expected: &[&str]) {
        let faults: Vec<String> = read(&value).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(faults.len(), expected.len(), "{faults:?}");
        for (fault, expected) in faults.iter().zip(expected) {
            assert!(fault.starts_with(expected), "{fault}\ninstead of\n{expected}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        check(json!([]), &["order is `[…]`; give a JSON object"]);
        check(json!({}), &["platform is ``; give a value; it is missing", "order_no is ``; give a value"]);
        let wrong = json!({
            "platform": "pos", "order_no": 1.5e300, "status": "gone", "amount": "12.345", "created_at": "gestern",
            "lines": [{ "sku": "A", "quantity": "two" }, 7], "parcels": "SF1", "statuss": "paid", "buyer": "测试甲"
        });
        check(
            wrong,
            &[
                "order_no is `1.5e+300`; give a text in quotes",
                "status is `gone`; give one of unpaid (待付款)",
                "amount is `12.345`; give an amount",
                "created_at is `gestern`; give a time",
                "buyer is ``; give a JSON object",
                "lines[0].quantity is `two`; give a whole number",
                "lines[1] is `7`; give a JSON object",
                "parcels is `\"SF1\"`; give a list of JSON objects",
                "statuss is ``; give only the names platform, order_no",
            ],
        );
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let names = prop::sample::select(vec![
            "platform", "order_no", "lines", "parcels", "buyer", "status", "amount", "sku", "x",
        ]);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            let names = names.clone().prop_map(str::to_owned);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(names, inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_read_or_refused_with_a_reason(value in any_json()) {
            match read(&value) {
                Ok(input) => { let _ = input.faults(Timestamp(0)); }
                Err(faults) => prop_assert!(!faults.is_empty()),
            }
        }
    }
}
