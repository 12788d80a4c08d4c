//! Adding, changing and shutting people, and changing roles.

use super::{Visitor, after, audited, beside, csrf, log_in, logged_in, nobody};
use crate::accounts::actions::roles;
use crate::accounts::actions::{people, role};
use crate::accounts::model::{Manager, UserName};
use crate::accounts::rights::{Right, Rights};
use crate::app::App;
use crate::store::Engine;
use crate::store::testing::{ENGINES, TestApp};
use axum::http::StatusCode;

fn name(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

/// A boss with a password, so that somebody is left who manages people.
async fn keep_a_boss(app: &App) {
    roles::seed(app).await.unwrap();
    let invitation = people::add(app, &Manager::operator("root"), &name("chen"), "boss").await.unwrap();
    let password = crate::accounts::model::Password::new("seven green doors");
    people::accept(app, &invitation.token, &password).await.unwrap();
}

#[tokio::test]
async fn somebody_is_invited_once_and_comes_in_with_the_rights_of_the_role() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        keep_a_boss(&app).await;
        let it = logged_in(&app, "it").await;
        let token = csrf(&it, "/people").await;
        let page = it.form("/people", &format!("csrf={token}&name=wang&role=warehouse")).await.body;
        let link = after(&page, "class=\"code token\">");
        let path = link.strip_prefix("http://hub.test").unwrap();
        assert!(!it.get("/people").await.body.contains(path), "it is shown once");

        assert!(nobody(&app).get(path).await.body.contains("wang"));
        let weak = nobody(&app).form(path, "new_password=wang+wang+wang&repeat=wang+wang+wang").await;
        assert_eq!(weak.status, StatusCode::UNPROCESSABLE_ENTITY);
        let body = "new_password=three+brown+hens&repeat=three+brown+hens";
        let taken = nobody(&app).form(path, body).await;
        assert_eq!(taken.status, StatusCode::SEE_OTHER);
        let wang = Visitor { app: &app, cookie: taken.cookie.split(';').next().unwrap().to_owned() };
        assert_eq!(wang.get("/scans").await.status, StatusCode::OK);
        assert_eq!(wang.get("/people").await.status, StatusCode::FORBIDDEN);
        assert_eq!(nobody(&app).form(path, body).await.status, StatusCode::GONE, "it is good once");
        log_in(&app, "wang", "three brown hens", "10.0.0.9").await.unwrap();
        let log = audited(&app).await;
        let expected = ["people.add user:it", "people.accept user:wang", "sessions.begin user:wang"];
        assert_eq!(log[2..5], expected);
    }
}

#[tokio::test]
async fn an_invitation_runs_out_and_a_newer_one_replaces_it() {
    let app = TestApp::on(Engine::Sqlite).await;
    keep_a_boss(&app).await;
    let root = Manager::operator("root");
    let first = people::add(&app, &root, &name("wang"), "warehouse").await.unwrap();
    let second = people::reset(&app, &root, &name("wang")).await.unwrap();
    assert!(people::invited(&app, &first.token).await.is_err());
    people::invited(&app, &second.token).await.unwrap();
    app.clock.advance_ms(crate::accounts::model::INVITATION_MS);
    assert!(people::invited(&app, &second.token).await.is_err());
}

#[tokio::test]
async fn what_is_changed_on_one_hub_holds_at_once_on_the_other() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        keep_a_boss(&app).await;
        let root = Manager::operator("root");
        let finance = logged_in(&app, "finance").await;
        let other_hub = beside(&app);
        let there = Visitor { app: &other_hub, cookie: finance.cookie.clone() };
        assert_eq!(there.get("/scans").await.status, StatusCode::FORBIDDEN);

        people::give_role(&app, &root, &name("finance"), "warehouse").await.unwrap();
        assert_eq!(there.get("/scans").await.status, StatusCode::OK, "another role");
        role::set(&app, &root, "warehouse", [Right::OrdersView].into_iter().collect(), false).await.unwrap();
        assert_eq!(there.get("/scans").await.status, StatusCode::FORBIDDEN, "the role lost the right");
        let refused = there.ask("GET", "/api/v1/scans", &[], "").await;
        assert!(refused.body.contains("`scans.view` (see scans)"), "{}", refused.body);
        assert!(there.get("/scans").await.body.contains("查看扫描"));
        people::disable(&app, &root, &name("finance")).await.unwrap();
        assert_eq!(there.get("/orders").await.status, StatusCode::SEE_OTHER, "the account is shut");
        people::enable(&app, &root, &name("finance")).await.unwrap();
        assert_eq!(there.get("/orders").await.status, StatusCode::SEE_OTHER, "the session does not come back");
    }
}

#[tokio::test]
async fn a_shut_or_reset_account_logs_in_nowhere() {
    let app = TestApp::on(Engine::Sqlite).await;
    keep_a_boss(&app).await;
    let root = Manager::operator("root");
    let invitation = people::add(&app, &root, &name("wang"), "service").await.unwrap();
    people::accept(&app, &invitation.token, &crate::accounts::model::Password::new("three brown hens")).await.unwrap();
    let try_it = async || log_in(&app, "wang", "three brown hens", "10.0.0.9").await;
    try_it().await.unwrap();
    people::disable(&app, &root, &name("wang")).await.unwrap();
    assert_eq!(try_it().await.unwrap_err().message, "user or password is wrong");
    people::enable(&app, &root, &name("wang")).await.unwrap();
    try_it().await.unwrap();
    people::reset(&app, &root, &name("wang")).await.unwrap();
    assert_eq!(try_it().await.unwrap_err().message, "user or password is wrong");
}

#[tokio::test]
async fn somebody_is_always_left_who_manages_people() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        keep_a_boss(&app).await;
        let (root, chen) = (Manager::operator("root"), name("chen"));
        let kept = |done: crate::error::Result<()>| {
            assert!(done.unwrap_err().message.starts_with("nobody would be left"));
        };
        kept(people::disable(&app, &root, &chen).await);
        kept(people::give_role(&app, &root, &chen, "warehouse").await);
        kept(people::reset(&app, &root, &chen).await.map(|_| ()));
        let without: Rights = Right::ALL.iter().copied().filter(|right| *right != Right::PeopleManage).collect();
        kept(role::set(&app, &root, "boss", without, false).await);
        // Somebody who is only invited cannot log in, and so does not count.
        people::add(&app, &root, &name("li"), "it").await.unwrap();
        kept(people::disable(&app, &root, &chen).await);
        log_in(&app, "chen", "seven green doors", "10.0.0.9").await.unwrap();
    }
}

#[tokio::test]
async fn the_it_desk_does_not_make_itself_more_than_it_is() {
    let app = TestApp::on(Engine::Sqlite).await;
    keep_a_boss(&app).await;
    let it = logged_in(&app, "it").await;
    let token = csrf(&it, "/people").await;
    for (path, body) in [
        ("/people", "name=li&role=boss"),
        ("/people/chen/reset", ""),
        ("/people/chen/disable", ""),
        ("/people/chen/role", "role=warehouse"),
        ("/people/it/role", "role=boss"),
        ("/people/it/disable", ""),
        ("/people/roles/it", "right=people.manage&right=orders.reveal"),
        ("/people/roles/warehouse", "right=people.manage&right=orders.reveal"),
        ("/people/roles/boss", "right=people.manage"),
    ] {
        let answer = it.form(path, &format!("csrf={token}&{body}")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {body}");
    }
    let answer =
        it.form("/people/roles/warehouse", &format!("csrf={token}&right=orders.view&right=orders.export")).await;
    assert_eq!(answer.location, "/people/roles?saved=1");
}

#[tokio::test]
async fn a_role_is_made_given_and_removed() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        keep_a_boss(&app).await;
        let boss = logged_in(&app, "boss").await;
        let token = csrf(&boss, "/people/roles").await;
        let form = async |path: &str, body: &str| boss.form(path, &format!("csrf={token}&{body}")).await.status;
        assert_eq!(form("/people/roles", "name=night&title_zh=夜班&title_en=Night+shift").await, StatusCode::SEE_OTHER);
        assert_eq!(form("/people/roles", "name=night&title_zh=夜&title_en=Night").await, StatusCode::CONFLICT);
        assert_eq!(form("/people/roles", "name=No!&title_zh=夜&title_en=N").await, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(form("/people/roles/night", "right=scans.view&right=nonsense").await, StatusCode::SEE_OTHER);
        let night = logged_in(&app, "night").await;
        assert_eq!(night.get("/scans").await.status, StatusCode::OK);
        assert_eq!(night.get("/orders").await.status, StatusCode::FORBIDDEN);
        assert_eq!(form("/people/roles/night/remove", "").await, StatusCode::CONFLICT, "somebody has it");
        people::give_role(&app, &Manager::operator("root"), &name("night"), "warehouse").await.unwrap();
        assert_eq!(form("/people/roles/night/remove", "").await, StatusCode::SEE_OTHER);
        assert_eq!(form("/people/roles/warehouse/remove", "").await, StatusCode::CONFLICT, "it comes with the program");
        assert_eq!(form("/people/roles/none/remove", "").await, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_right_that_was_taken_away_stays_away_at_the_next_start_and_a_new_one_is_dealt_out() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        keep_a_boss(&app).await;
        let root = Manager::operator("root");
        role::set(&app, &root, "warehouse", [Right::OrdersView].into_iter().collect(), false).await.unwrap();
        let forget = "DELETE FROM right_dealt WHERE right_name = 'rules.view'";
        let mut tx = app.db.begin("test").await.unwrap();
        sqlx::Executor::execute(tx.conn(), forget).await.unwrap();
        tx.commit().await.unwrap();
        roles::seed(&app).await.unwrap();
        let roles = role::list(&app).await.unwrap();
        let warehouse = roles.iter().find(|role| role.name == "warehouse").unwrap();
        let expected: Rights = [Right::OrdersView, Right::RulesView].into_iter().collect();
        assert_eq!(warehouse.rights, expected, "only what is new to this database");
    }
}
