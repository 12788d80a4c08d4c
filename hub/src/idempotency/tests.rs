use super::actions::{Turn, forget_old, keep, let_go, take};
use super::store::Kept;
use crate::error::Kind;
use crate::store::testing::{ENGINES, TestApp};
use sqlx::Row as _;

fn answer(body: &str) -> Kept {
    let content_type = Some("application/json".to_owned());
    Kept { status: 201, content_type, location: None, body: body.as_bytes().to_vec() }
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer_for_a_day() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        assert!(matches!(take(&app, "k", "r").await.unwrap(), Turn::First));
        let waiting = take(&app, "k", "r").await.unwrap_err();
        assert_eq!(waiting.kind, Kind::Conflict, "{engine}: {waiting}");
        keep(&app, "k", answer("a token")).await.unwrap();
        let Turn::Again(kept) = take(&app, "k", "r").await.unwrap() else { panic!("{engine} did it again") };
        assert_eq!(kept, answer("a token"), "{engine}");
        let other = take(&app, "k", "another request").await.unwrap_err();
        assert_eq!(other.kind, Kind::Invalid, "{engine}: {other}");
        let row = sqlx::query("SELECT body FROM idempotent_answer").fetch_one(app.db.read()).await.unwrap();
        let stored: Vec<u8> = row.get(0);
        assert!(!String::from_utf8_lossy(&stored).contains("token"), "it is kept sealed");
        assert_eq!(forget_old(&app).await.unwrap(), 0);
        app.clock.advance_ms(24 * 3_600_000 + 1);
        assert_eq!(forget_old(&app).await.unwrap(), 1);
        assert!(matches!(take(&app, "k", "another request").await.unwrap(), Turn::First));
    }
}

#[tokio::test]
async fn a_request_that_came_to_nothing_leaves_its_key_free() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        assert!(matches!(take(&app, "k", "r").await.unwrap(), Turn::First));
        let_go(&app, "k").await.unwrap();
        assert!(matches!(take(&app, "k", "r").await.unwrap(), Turn::First), "{engine}");
    }
}

#[tokio::test]
async fn of_many_at_once_one_is_first() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let tasks: Vec<_> = (0..12)
            .map(|_| {
                let app = crate::app::App::clone(&app);
                tokio::spawn(async move { matches!(take(&app, "k", "r").await, Ok(Turn::First)) })
            })
            .collect();
        let mut firsts = 0;
        for task in tasks {
            firsts += usize::from(task.await.unwrap());
        }
        assert_eq!(firsts, 1, "{engine}");
    }
}
