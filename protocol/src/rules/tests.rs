use super::builtin::rule_set;
use super::condition::{Condition, Field, Op, Test, Value};
use super::wire::RuleSetWire;
use super::*;
use crate::change::{Row, RowId};
use crate::facts::*;
use crate::samples::{parcel, scan_facts};
use proptest::prelude::*;

/// One change to a good parcel, and what the built-in rules say then.
#[track_caller]
fn check(name: &str, change: impl FnOnce(&mut Parcel, &mut ScanFacts), expected: &str) {
    let (mut parcel, mut scan) = (parcel(), scan_facts());
    change(&mut parcel, &mut scan);
    let facts = Facts { parcel: Some(&parcel), scan: &scan };
    assert_eq!(said(&rule_set().judge(&facts, Position::default())), expected, "{name}");
}

fn said(verdict: &Verdict) -> String {
    let reasons: Vec<_> = verdict.reasons.iter().map(|reason| reason.code.key()).collect();
    format!("{} {}", verdict.outcome.en().to_lowercase(), reasons.join(" ")).trim_end().to_owned()
}

#[test]
fn the_built_in_rules_find_what_must_not_leave() {
    check("a good parcel", |_, _| {}, "release");
    check("cancelled", |p, _| p.order_status = OrderStatus::Cancelled, "stop cancelled");
    check("refund asked", |p, _| p.refund = RefundState::Requested, "stop refund_requested");
    check("refund done", |p, _| p.refund = RefundState::Done, "stop refund_done");
    check("unpaid", |p, _| p.order_status = OrderStatus::Unpaid, "stop unpaid");
    check("banned", |p, _| p.must_not_ship = true, "stop must_not_ship");
    check("approval pending", |p, _| p.approval = Approval::Pending, "stop approval_pending");
    check("approval refused", |p, _| p.approval = Approval::Refused, "stop approval_refused");
    check("hold lapsed", |p, _| p.hold = HoldState::Lapsed, "stop hold_lapsed");
    check("dispatched", |p, _| p.status = ParcelStatus::Dispatched, "stop already_dispatched");
    check("order shipped", |p, _| p.order_status = OrderStatus::Shipped, "stop already_dispatched");
    check("void", |p, _| p.status = ParcelStatus::Void, "stop parcel_void");
    check("address changed", |p, _| p.address = AddressState::ChangedSincePrint, "stop address_changed");
    check("placeholder", |p, _| p.address = AddressState::Placeholder, "ask address_placeholder");
    check("waiting", |p, _| p.part = Part { number: 1, of: 2, waiting: true }, "ask part_waiting");
    check("line refunded", |p, _| p.lines[0].refunded = 1, "stop refunded_lines");
    check("burst", |_, s| s.burst = true, "ask burst");
}

#[test]
fn refunded_goods_stop_a_parcel_only_while_they_are_inside() {
    let refunded = |pieces, picked: Option<u32>| {
        move |p: &mut Parcel, _: &mut ScanFacts| {
            p.lines[0].refunded = pieces;
            match (&mut p.picked, picked) {
                (Some(record), Some(quantity)) => record[0].quantity = quantity,
                (record, _) => *record = None,
            }
        }
    };
    check("one of two, both picked", refunded(1, Some(2)), "stop refunded_lines");
    check("one of two, one picked", refunded(1, Some(1)), "release");
    check("one of two, no record", refunded(1, None), "stop refunded_lines");
    check("both, none picked", refunded(2, Some(0)), "release");
    check("more than bought", refunded(9, Some(0)), "release");
}

#[test]
fn the_built_in_rules_compare_gifts_with_the_stock_out_record() {
    let gift = |status, issued| {
        move |p: &mut Parcel, _: &mut ScanFacts| {
            (p.gifts[0].status, p.gifts[0].issued) = (status, issued);
        }
    };
    check("pending", gift(GiftStatus::Pending, 0), "stop gift_not_issued");
    check("short", gift(GiftStatus::Short, 1), "stop gift_short");
    check("wrong", gift(GiftStatus::Wrong, 0), "stop wrong_gift");
    check("cancelled, not issued", gift(GiftStatus::Cancelled, 0), "release");
    check("cancelled, issued", gift(GiftStatus::Cancelled, 1), "stop gift_issued_though_cancelled");
    check("substituted by decision", gift(GiftStatus::Substituted, 1), "release");
}

#[test]
fn the_built_in_rules_compare_goods_with_the_stock_out_record() {
    let picked = |sku: &'static str, quantity| {
        move |p: &mut Parcel, _: &mut ScanFacts| {
            p.picked.as_mut().unwrap()[0] = Picked { sku: sku.to_owned(), quantity };
        }
    };
    check("too few", picked("SKU-7", 1), "stop missing_item");
    check("too many", picked("SKU-7", 3), "stop surplus_item");
    check("another", picked("SKU-8", 2), "stop wrong_item missing_item");
    check("no record yet", |p, _| p.picked = None, "release");
}

#[test]
fn another_station_s_release_stops_and_this_one_s_does_not() {
    let by = |station: &str| Some(Release { station: station.parse().unwrap(), at: Default::default() });
    check("this station", |p, s| p.released = by(s.station.as_str()), "release");
    check("another station", |p, _| p.released = by("pack-99"), "stop released_elsewhere");
}

#[test]
fn a_courier_s_number_pattern_asks_and_never_stops() {
    let hints = |hints: &'static [&str]| {
        move |_: &mut Parcel, s: &mut ScanFacts| {
            s.courier_hints = hints.iter().map(|hint| (*hint).to_owned()).collect();
        }
    };
    check("no hint", hints(&[]), "release");
    check("its own among them", hints(&["yunda", "sf"]), "release");
    check("others only", hints(&["yunda", "sto"]), "ask courier_mismatch");
}

#[test]
fn there_is_no_green_on_old_data() {
    for (age_ms, expected) in [
        (Some(0), "release"),
        (Some(builtin::MAX_AGE_MS), "release"),
        (Some(builtin::MAX_AGE_MS + 1), "ask stale"),
        (None, "ask stale"),
    ] {
        check(&format!("{age_ms:?}"), |_, s| s.age_ms = age_ms, expected);
    }
    check("a stop needs no fresh data", |p, s| (p.refund, s.age_ms) = (RefundState::Done, None), "stop refund_done");
}

#[test]
fn a_rule_s_own_age_limit_is_kept_and_named() {
    let mut rules = rule_set();
    rules.rules[2].max_age_ms = Some(1_000);
    let (parcel, mut scan) = (parcel(), scan_facts());
    scan.age_ms = Some(1_001);
    let verdict = rules.judge(&Facts { parcel: Some(&parcel), scan: &scan }, Position::default());
    assert_eq!(said(&verdict), "ask stale");
    assert_eq!(verdict.reasons[0].rule.as_str(), "refund-requested");
}

#[test]
fn a_code_that_is_not_one_parcel_is_never_released_even_by_no_rules() {
    let none = RuleSet { rules: vec![], ..rule_set() };
    for (class, expected) in [
        (CodeClass::Unknown, "ask unknown"),
        (CodeClass::Item, "ask item_code"),
        (CodeClass::Ambiguous, "ask ambiguous"),
        (CodeClass::NoRead, "ask no_read"),
        (CodeClass::NotAParcel, "ask not_a_parcel"),
        (CodeClass::OtherSite, "ask other_site"),
        (CodeClass::Parcel, "ask unknown"),
    ] {
        let scan = ScanFacts { class, ..scan_facts() };
        let verdict = none.judge(&Facts { parcel: None, scan: &scan }, Position::default());
        assert_eq!(said(&verdict), expected);
    }
}

#[test]
fn the_gravest_reason_comes_first() {
    check(
        "burst, placeholder and refunded",
        |p, s| {
            p.refund = RefundState::Done;
            p.address = AddressState::Placeholder;
            s.burst = true;
        },
        "stop refund_done address_placeholder burst",
    );
}

#[test]
fn the_built_in_set_passes_its_own_check_and_its_words_are_those_of_json() {
    rule_set().check().unwrap();
    for word in
        [OrderStatus::Unpaid, OrderStatus::Paid, OrderStatus::Shipped, OrderStatus::Completed, OrderStatus::Cancelled]
    {
        assert_eq!(serde_json::to_value(word).unwrap(), condition::words::order_status(word));
    }
    for word in [AddressState::Fine, AddressState::ChangedSincePrint, AddressState::Placeholder] {
        assert_eq!(serde_json::to_value(word).unwrap(), condition::words::address(word));
    }
    for word in [Approval::NotNeeded, Approval::Pending, Approval::Granted, Approval::Refused] {
        assert_eq!(serde_json::to_value(word).unwrap(), condition::words::approval(word));
    }
    for word in [HoldState::NotNeeded, HoldState::Valid, HoldState::Lapsed] {
        assert_eq!(serde_json::to_value(word).unwrap(), condition::words::hold(word));
    }
    for word in [RefundState::None, RefundState::Requested, RefundState::Done] {
        assert_eq!(serde_json::to_value(word).unwrap(), condition::words::refund(word));
    }
    for word in [ParcelStatus::Open, ParcelStatus::Dispatched, ParcelStatus::Void] {
        assert_eq!(serde_json::to_value(word).unwrap(), condition::words::parcel_status(word));
    }
    for field in Field::ALL {
        assert_eq!(serde_json::to_value(field).unwrap(), field.key());
    }
}

#[test]
fn a_rule_set_that_cannot_be_judged_by_is_refused_with_what_is_accepted() {
    let test = |field, op, value| Condition::Test(Test { field, op, value });
    let with = |when: Condition| {
        let mut rules = rule_set();
        rules.rules[0].when = when;
        rules.check().unwrap_err().to_string()
    };
    let error = with(test(Field::OrderAmount, Op::Is, Value::Text("50000".into())));
    assert_eq!(
        error,
        "rule `order-cancelled` compares `order.amount_minor` by `Is` with `Text(\"50000\")`; a field of kind Number takes \
         `is`, `is_not`, `below` or `above` with a number, or `absent`"
    );
    let deep = (0..20).fold(Condition::All(vec![]), |inner, _| Condition::Not(Box::new(inner)));
    assert!(with(deep).contains("deep; give at most"));
    let wide = Condition::Any(vec![Condition::All(vec![]); check::NODES_MAX]);
    assert!(with(wide).contains("nodes"));
    let long = test(Field::OrderTags, Op::Has, Value::Text("x".repeat(check::TEXT_BYTES_MAX + 1)));
    assert!(with(long).contains("too long"));

    let mut twice = rule_set();
    twice.rules[1].id = twice.rules[0].id.clone();
    assert!(twice.check().unwrap_err().to_string().contains("twice"));
    let mut releases = rule_set();
    releases.rules[0].outcome = Outcome::Release;
    assert!(releases.check().unwrap_err().to_string().contains("says release"));
    let mut ageless = rule_set();
    ageless.max_age_ms = 0;
    assert!(ageless.check().unwrap_err().to_string().contains("is `0` ms"));
}

#[test]
fn an_absent_field_fails_every_test_but_absent() {
    let (mut parcel, scan) = (parcel(), scan_facts());
    parcel.courier = None;
    let facts = Facts { parcel: Some(&parcel), scan: &scan };
    let courier = |op| Condition::Test(Test { field: Field::Courier, op, value: Value::Text("sf".into()) });
    assert!(!courier(Op::Is).holds(&facts));
    assert!(!courier(Op::IsNot).holds(&facts));
    assert!(courier(Op::Absent).holds(&facts));
    assert!(Condition::Not(Box::new(courier(Op::Is))).holds(&facts));
}

fn conditions() -> impl Strategy<Value = Condition> {
    let value = prop_oneof![
        any::<bool>().prop_map(Value::Flag),
        any::<i64>().prop_map(Value::Number),
        "[a-z_]{0,8}".prop_map(Value::Text),
        prop::collection::vec("[a-z]{0,4}", 0..3).prop_map(Value::Texts),
    ];
    let op = prop::sample::select(vec![Op::Is, Op::IsNot, Op::Below, Op::Above, Op::OneOf, Op::Has, Op::Absent]);
    let test = (prop::sample::select(Field::ALL), op, value)
        .prop_map(|(field, op, value)| Condition::Test(Test { field, op, value }));
    test.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Condition::All),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Condition::Any),
            inner.prop_map(|part| Condition::Not(Box::new(part))),
        ]
    })
}

proptest! {
    #[test]
    fn judging_is_total_whatever_the_condition_and_survives_json(when in conditions()) {
        let (parcel, scan) = (parcel(), scan_facts());
        let with = when.holds(&Facts { parcel: Some(&parcel), scan: &scan });
        let without = when.holds(&Facts { parcel: None, scan: &scan });
        let json: Condition = serde_json::from_str(&serde_json::to_string(&when).unwrap()).unwrap();
        prop_assert_eq!(json.holds(&Facts { parcel: Some(&parcel), scan: &scan }), with);
        prop_assert_eq!(json.holds(&Facts { parcel: None, scan: &scan }), without);
    }

    #[test]
    fn a_checked_rule_set_reads_back_from_the_wire_as_it_was(when in conditions()) {
        let mut rules = rule_set();
        rules.rules[0].when = when;
        let row = Row::Rules(rules.clone()).encode();
        let read = Row::decode(RowId::RULES, &row);
        match rules.check() {
            Ok(()) => prop_assert_eq!(read.unwrap(), Row::Rules(rules)),
            Err(_) => prop_assert!(read.is_err()),
        }
    }

    #[test]
    fn any_bytes_are_a_rule_set_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut body = vec![1, 0];
        body.extend(bytes);
        let _ = Row::decode(RowId::RULES, &body);
    }
}

#[test]
fn hostile_nesting_is_refused_before_it_can_hurt() {
    #[derive(serde::Serialize)]
    enum Node {
        #[allow(dead_code)]
        All(u32),
        #[allow(dead_code)]
        Any(u32),
        Not,
    }
    let nodes: Vec<Node> = (0..60_000).map(|_| Node::Not).collect();
    let rule = ("deep", nodes, Outcome::Stop, ReasonCode::RuleStop, None::<Say>, None::<u64>);
    let bytes = postcard::to_allocvec(&(Revision(1), 1_u64, vec![rule])).unwrap();
    let wire: RuleSetWire = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(RuleSet::try_from(wire).unwrap_err().to_string(), "rule `deep` has nodes that form no condition");
}
