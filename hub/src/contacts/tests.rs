//! Contacts as messages bring them and people see them, on both databases.

use super::actions;
use super::model::{ContactError, REVEAL_MS, REVEALS_MAX, Shown};
use crate::actor::Actor;
use crate::app::App;
use crate::audit::actions as audit;
use crate::orders::actions as orders;
use crate::orders::input::{AddressText, OrderInput};
use crate::privacy::Sight;
use crate::store::testing::{ENGINES, START, TestApp};
use packline_protocol::facts::{AddressState, OrderStatus};
use packline_protocol::id::OrderId;
use sqlx::Row as _;

const CLEAR: (&str, &str, &str) = ("欧阳测试", "+86 199-0000-4321", "广东省深圳市南山区样品路 1 号");
const MASKED: (&str, &str, &str) = ("欧阳*", "199****4321", "广东省深圳市南山区***");

fn message(no: &str, version: Option<i64>, (name, phone, address): (&str, &str, &str)) -> OrderInput {
    let address = AddressText { name: name.into(), phone: phone.into(), address: Some(address.into()) };
    OrderInput {
        platform: "pos".into(),
        origin_no: no.into(),
        version: version.map(|ms| START.plus_ms(ms - 1_000_000)),
        status: Some(OrderStatus::Paid),
        address: Some(address),
        ..OrderInput::default()
    }
}

async fn take(app: &App, messages: &[OrderInput]) -> OrderId {
    let outcomes = orders::receive(app, messages, &Actor::Cli("test".into()), "test").await.unwrap();
    outcomes.last().unwrap().order
}

fn anna() -> Actor {
    Actor::User("anna".into())
}

async fn shown(app: &App, order: OrderId) -> Shown {
    actions::shown_to(app, &anna(), order).await.unwrap().unwrap()
}

async fn revealed(app: &App, order: OrderId) -> (String, String, String) {
    let (contact, _) = actions::reveal(app, &anna(), order, "核对地址").await.unwrap();
    (contact.name, contact.phone, contact.address)
}

fn owned((a, b, c): (&str, &str, &str)) -> (String, String, String) {
    (a.into(), b.into(), c.into())
}

#[tokio::test]
async fn a_contact_is_masked_until_somebody_says_why_and_again_after_a_while() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let order = take(&app, &[message("1", Some(1), CLEAR)]).await;
        let masked = shown(&app, order).await;
        assert_eq!(
            (masked.name.as_str(), masked.phone.as_str(), masked.address.as_str()),
            ("欧阳*", "+86 199****4321", "广东省深圳市南山区***")
        );
        for reason in ["", "   ", "abc", &"x".repeat(501)] {
            let refused = actions::reveal(&app, &anna(), order, reason).await.unwrap_err();
            assert!(matches!(refused, ContactError::Reason { .. }), "{reason}");
        }
        assert_eq!(shown(&app, order).await.sight, Sight::Masked, "a refused reveal shows nothing");

        assert_eq!(revealed(&app, order).await, owned(CLEAR));
        assert_eq!(shown(&app, order).await.phone, CLEAR.1);
        let other = actions::shown_to(&app, &Actor::User("bert".into()), order).await.unwrap().unwrap();
        assert_eq!(other.sight, Sight::Masked, "it is for this person alone");
        let entries = audit::of_order(&app.db, order, 10).await.unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].action.as_str(), entries[0].actor.as_str()), ("orders.reveal", "user:anna"));
        assert_eq!(entries[0].reason.as_deref(), Some("核对地址"));

        app.clock.advance_ms(REVEAL_MS);
        assert_eq!(shown(&app, order).await.sight, Sight::Masked);
        revealed(&app, order).await;
        actions::hide(&app, &anna(), order).await.unwrap();
        assert_eq!(shown(&app, order).await.sight, Sight::Masked);
    }
}

#[tokio::test]
async fn nobody_carries_a_whole_list_of_customers_away() {
    let app = TestApp::on(ENGINES[0]).await;
    let messages: Vec<OrderInput> = (0..=REVEALS_MAX).map(|n| message(&n.to_string(), Some(1), CLEAR)).collect();
    let outcomes = orders::receive(&app, &messages, &anna(), "test").await.unwrap();
    let (last, first) = outcomes.split_last().unwrap();
    for outcome in first {
        revealed(&app, outcome.order).await;
    }
    let refused = actions::reveal(&app, &anna(), last.order, "核对地址").await.unwrap_err();
    assert!(matches!(refused, ContactError::TooMany), "{refused}");
    app.clock.advance_ms(REVEAL_MS + 1);
    revealed(&app, last.order).await;
}

#[tokio::test]
async fn the_newest_version_of_each_text_stays_whatever_order_they_come_in() {
    let messages = [
        message("1", Some(1), ("旧名", "13100000001", "广东省深圳市南山区样品路 1 号")),
        message("1", Some(2), ("新名", "", "广东省深圳市福田区样品路 2 号")),
        message("1", Some(3), ("", "13100000003", "")),
    ];
    let expected = ("新名", "13100000003", "广东省深圳市福田区样品路 2 号");
    for engine in ENGINES {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let app = TestApp::on(engine).await;
            let mut id = OrderId(0);
            for place in order {
                id = take(&app, &[messages[place].clone()]).await;
            }
            assert_eq!(revealed(&app, id).await, owned(expected), "{engine} {order:?}");
            let app = TestApp::on(engine).await;
            let id = take(&app, &order.map(|place| messages[place].clone())).await;
            assert_eq!(revealed(&app, id).await, owned(expected), "{engine} {order:?} at once");
        }
    }
}

#[tokio::test]
async fn a_masked_text_never_takes_the_place_of_a_clear_one() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let order = take(&app, &[message("1", Some(1), MASKED)]).await;
        assert_eq!(revealed(&app, order).await, owned(MASKED), "better than nothing");
        take(&app, &[message("1", Some(2), CLEAR)]).await;
        take(&app, &[message("1", Some(3), MASKED)]).await;
        take(&app, &[message("1", None, MASKED)]).await;
        assert_eq!(revealed(&app, order).await, owned(CLEAR));
        let state = orders::get(&app.db, order).await.unwrap().unwrap().address();
        assert_eq!(state, AddressState::Fine, "masking it is no change of the address");
        for text in [MASKED.0, MASKED.1, "****"] {
            assert_eq!(actions::find(&app, text).await.unwrap(), [], "{text} is no key");
        }
    }
}

#[tokio::test]
async fn an_order_is_found_by_the_whole_phone_its_last_digits_and_the_name() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let order = take(&app, &[message("1", Some(1), CLEAR)]).await;
        let other = take(&app, &[message("2", Some(1), ("别人", "18412344321-0001", "上海市徐汇区样品路"))]).await;
        for (text, expected) in [
            ("19900004321", vec![order]),
            ("+86 199 0000 4321", vec![order]),
            ("１９９００００４３２１", vec![order]),
            ("4321", vec![other, order]),
            ("18412344321", vec![other]),
            ("欧阳测试", vec![order]),
            ("欧阳 测试", vec![order]),
            ("欧阳", vec![]),
            ("199", vec![]),
            ("19900004322", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(actions::find(&app, text).await.unwrap(), expected, "{engine}: {text}");
        }
    }
}

#[tokio::test]
async fn contacts_of_orders_long_over_are_erased_and_stay_so() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let over = take(&app, &[message("1", Some(1), CLEAR)]).await;
        let open = take(&app, &[message("2", Some(1), CLEAR)]).await;
        let done = OrderInput {
            version: Some(START),
            status: Some(OrderStatus::Completed),
            address: None,
            ..message("1", None, CLEAR)
        };
        take(&app, &[done]).await;
        app.clock.advance_ms(179 * 24 * 3_600_000);
        assert_eq!(actions::erase_old(&app, 180).await.unwrap(), 0);
        app.clock.advance_ms(24 * 3_600_000 + 1);
        let before = orders::get(&app.db, over).await.unwrap().unwrap();
        assert_eq!(actions::erase_old(&app, 180).await.unwrap(), 1);
        assert_eq!(actions::erase_old(&app, 180).await.unwrap(), 0);

        let erased = shown(&app, over).await;
        assert_eq!((erased.name.as_str(), erased.phone.as_str(), erased.address.as_str()), ("", "", ""));
        assert_eq!(erased.erased_at, Some(app.clock.now()));
        let refused = actions::reveal(&app, &anna(), over, "核对地址").await.unwrap_err();
        assert!(matches!(refused, ContactError::NoContact { .. }));
        take(&app, &[message("1", None, CLEAR), message("1", Some(2), CLEAR)]).await;
        assert_eq!(shown(&app, over).await.name, "", "a file that is imported again does not bring it back");
        assert_eq!(revealed(&app, open).await, owned(CLEAR));
        assert_eq!(actions::find(&app, CLEAR.1).await.unwrap(), [open]);
        let after = orders::get(&app.db, over).await.unwrap().unwrap();
        let first = |order: &crate::orders::model::Order| order.claims.address.last().map(|(_, mark)| mark);
        assert_eq!(first(&before), first(&after), "the fingerprint stays");
        let entry = audit::list(&app.db, &Default::default(), None, 9).await.unwrap().entries;
        assert!(entry.iter().any(|entry| entry.action == "orders.contact-erased"));
        assert!(!format!("{entry:?}").contains("欧阳"));
    }
}

#[tokio::test]
async fn the_table_has_no_text_in_clear_and_a_row_that_was_moved_does_not_open() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let first = take(&app, &[message("1", Some(1), CLEAR)]).await;
        let second = take(&app, &[message("2", Some(1), ("别人", "13100000009", "上海市徐汇区样品路"))]).await;
        let sql = "SELECT name, phone, address FROM order_contact";
        for row in sqlx::query(sql).fetch_all(app.db.read()).await.unwrap() {
            for column in 0..3 {
                let sealed: Vec<u8> = row.get(column);
                let text = String::from_utf8_lossy(&sealed).into_owned();
                assert!(["欧阳", "4321", "样品", "别人"].iter().all(|clear| !text.contains(clear)), "{text}");
            }
        }
        let mut tx = app.db.begin("test").await.unwrap();
        let swap = "UPDATE order_contact SET phone = (SELECT phone FROM order_contact WHERE order_id = $1) \
            WHERE order_id = $2";
        let ids = [first, second].map(|order| order.0.cast_signed());
        sqlx::query(swap).bind(ids[0]).bind(ids[1]).execute(tx.conn()).await.unwrap();
        tx.commit().await.unwrap();
        let error = actions::shown_to(&app, &anna(), second).await.unwrap_err();
        assert!(matches!(error, ContactError::Sealed { .. }), "{error}");
    }
}
