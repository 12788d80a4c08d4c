//! Whatever order messages arrive in, and however often, the order ends the same.

use super::{START, TestApp, site, take};
use crate::orders::claims::{AddressMark, Claims};
use crate::orders::decide::{self, Context, Fresh};
use crate::orders::input::{GiftInput, LineInput, OrderInput, ParcelInput, ParcelStatusInput, StockOutInput};
use crate::orders::model::Order;
use crate::orders::{money, store, when};
use crate::store::Engine;
use packline_protocol::facts::{AddressState, Approval, HoldState, OrderStatus, ParcelStatus, RefundState};
use packline_protocol::id::{OrderId, ParcelId};
use packline_protocol::time::Timestamp;
use proptest::prelude::*;

fn statuses() -> impl Strategy<Value = OrderStatus> {
    use OrderStatus::{Cancelled, Completed, Paid, Shipped, Unpaid};
    prop::sample::select(vec![Unpaid, Paid, Shipped, Completed, Cancelled])
}

fn refunds() -> impl Strategy<Value = RefundState> {
    prop::sample::select(vec![RefundState::None, RefundState::Requested, RefundState::Done])
}

fn skus() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["TEA", "CUP", "MUG", "BOX"]).prop_map(str::to_owned)
}

fn codes() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["SF1", "SF2", "SF3", "W1", "W2"]).prop_map(str::to_owned)
}

fn pieces() -> impl Strategy<Value = Vec<(String, u32)>> {
    prop::collection::vec((skus(), 0u32..4), 0..4)
}

fn lines() -> impl Strategy<Value = Vec<LineInput>> {
    let line = (skus(), 1u32..4, any::<bool>()).prop_map(|(sku, quantity, refunded)| LineInput {
        sku,
        quantity,
        refunded: u32::from(refunded),
        ..LineInput::default()
    });
    prop::collection::vec(line, 0..3)
}

fn gifts() -> impl Strategy<Value = Vec<GiftInput>> {
    let gift = (skus(), 1u32..3, any::<bool>(), prop::option::of(skus()), prop::option::of(codes()));
    let gift = gift.prop_map(|(sku, quantity, cancelled, substitute_sku, parcel)| GiftInput {
        sku,
        quantity,
        cancelled,
        substitute_sku,
        parcel,
        ..GiftInput::default()
    });
    prop::collection::vec(gift, 0..3)
}

fn parcel() -> impl Strategy<Value = ParcelInput> {
    let waybills = prop::collection::vec(codes(), 0..2);
    let status = prop::option::of(prop::sample::select(vec![ParcelStatus::Open, ParcelStatus::Dispatched]));
    let parts = (prop::option::of(codes()), waybills, any::<bool>(), status, prop::option::of(pieces()), any::<bool>());
    parts.prop_map(|(number, waybills, east, status, contents, waiting)| ParcelInput {
        number,
        waybills,
        site: east.then(|| site("east")),
        status: status.map(ParcelStatusInput),
        contents,
        waiting,
        ..ParcelInput::default()
    })
}

fn records() -> impl Strategy<Value = Vec<StockOutInput>> {
    let record = (prop::option::of(codes()), pieces()).prop_map(|(parcel, picked)| StockOutInput { parcel, picked });
    prop::collection::vec(record, 1..3)
}

fn message() -> impl Strategy<Value = OrderInput> {
    let states = (prop::option::of(statuses()), prop::option::of(refunds()), prop::option::of(any::<bool>()));
    let lists = (
        prop::option::of(lines()),
        prop::option::of(gifts()),
        prop::option::of(prop::collection::vec(parcel(), 0..3)),
        prop::option::of(records()),
    );
    let small = (prop::option::of(0i64..5), prop::option::of(0u8..3), prop::option::of(any::<bool>()));
    (states, lists, small).prop_map(|((status, refund, must_not_ship), (lines, gifts, parcels, stock_out), small)| {
        let (amount, word, east) = small;
        OrderInput {
            platform: "pos".into(),
            origin_no: "N-1".into(),
            status,
            refund,
            must_not_ship,
            lines,
            gifts,
            parcels,
            stock_out,
            amount: amount.and_then(|fen| money::parse(&format!("0.0{fen}"), "CNY")),
            created: amount.and_then(|day| when::SourceTime::parse(&format!("2026-02-0{}", day + 1))),
            shop: word.map(|n| format!("店{n}")),
            tags: word.map(|n| vec![format!("t{n}")]),
            approval: word.map(|n| [Approval::NotNeeded, Approval::Pending, Approval::Granted][usize::from(n)]),
            hold: word.map(|n| [HoldState::NotNeeded, HoldState::Valid, HoldState::Lapsed][usize::from(n)]),
            site: east.map(|east| site(if east { "east" } else { "west" })),
            ..OrderInput::default()
        }
    })
}

/// A message about the order, with the address that came with it as it would be kept.
type Told = (OrderInput, Option<AddressMark>);

/// Messages of one order, each with a version of its own, that have no faults.
fn messages() -> impl Strategy<Value = Vec<Told>> {
    let address = prop::option::of((any::<bool>(), 0u64..3));
    prop::collection::vec((message(), address), 1..7).prop_map(|messages| {
        let dated = messages.into_iter().enumerate().map(|(place, (input, address))| {
            let at = i64::try_from(place).unwrap();
            let mark = address.map(|(placeholder, fingerprint)| AddressMark {
                placeholder,
                fingerprint,
                masked: fingerprint % 3 == 0,
            });
            (OrderInput { version: Some(START.plus_ms(at)), ..input }, mark)
        });
        dated.filter(|(input, _)| input.faults(START).is_empty()).collect()
    })
}

/// The same messages shuffled, some of them twice.
fn shuffled(messages: &[Told], mut seed: u64) -> Vec<Told> {
    let mut order: Vec<Told> = messages.to_vec();
    order.extend(messages.iter().filter(|_| seed.is_multiple_of(2)).cloned());
    for place in (1..order.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(place, usize::try_from(seed >> 33).unwrap() % (place + 1));
    }
    order
}

fn end(messages: &[Told]) -> Option<(Order, Vec<AddressState>)> {
    let many = || (1..10_000u64).collect::<Vec<_>>().into_iter();
    let mut fresh = Fresh { orders: many(), parcels: many() };
    let mut order: Option<Order> = None;
    for (input, address) in messages {
        let context = Context { now: START, undated: START, default_site: &site("main"), address: *address };
        order = Some(decide::receive(order.as_ref(), input, &context, &mut fresh).order);
    }
    order.map(comparable)
}

/// What must not depend on the order of arrival: everything but our own numbers, when we learned it, and which of
/// several equal claims were kept.
fn comparable(mut order: Order) -> (Order, Vec<AddressState>) {
    let addresses = order.parcels.iter().map(|parcel| order.address_of(parcel)).collect();
    let Claims { status, refund, address, .. } = &mut order.claims;
    (*status, *refund, *address) = Default::default();
    order.id = OrderId(0);
    order.revision = 0;
    (order.received_at, order.updated_at) = (Timestamp(0), Timestamp(0));
    for parcel in &mut order.parcels {
        parcel.id = ParcelId(0);
        parcel.closed_at = None;
        parcel.on_stations = true;
        parcel.codes.sort();
    }
    (order, addresses)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_order_of_arrival_ends_in_the_same_order(messages in messages(), seed in any::<u64>()) {
        prop_assert_eq!(end(&shuffled(&messages, seed)), end(&messages));
    }

    #[test]
    fn two_messages_of_one_version_end_the_same_either_way(a in message(), b in message()) {
        let told = |input: OrderInput| (OrderInput { version: Some(START), parcels: None, ..input }, None);
        let (a, b) = (told(a), told(b));
        if a.0.faults(START).is_empty() && b.0.faults(START).is_empty() {
            prop_assert_eq!(end(&[a.clone(), b.clone()]), end(&[b, a]));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_tables_end_as_the_decisions_do(messages in messages(), seed in any::<u64>()) {
        let messages: Vec<Told> = messages.into_iter().map(|(input, _)| (input, None)).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let stored = runtime.block_on(async {
            let app = TestApp::on(Engine::Sqlite).await;
            for (input, _) in shuffled(&messages, seed) {
                take(&app, &[input]).await;
            }
            let mut view = app.db.view("test").await.unwrap();
            store::by_keys(view.conn(), &[("pos", "N-1")]).await.unwrap().pop().map(comparable)
        });
        prop_assert_eq!(stored, end(&messages));
    }
}
