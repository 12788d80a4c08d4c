//! The worker against robots, a mail server and their troubles.

mod post;
mod robots;

use super::message::Receiver;
use super::message::mail::{MailSettings, Protection};
use super::worker;
use crate::actor::Actor;
use crate::app::App;
use crate::effects;
use crate::effects::actions::Which;
use crate::effects::model::{EffectState, Target, TargetKind};
use crate::notices;
use crate::notices::model::{Goal, NoticeKind, Occurrence, Rule, Severity};
use crate::pages::text::Language;
use crate::store::Engine;
use crate::store::testing::{ENGINES, START, TestApp};
use post::{Mood, PostOffice};
use robots::{Fault, Robots, SECRET};
use std::time::Duration;
use tokio::task::JoinHandle;

fn anna() -> Actor {
    Actor::User("anna".to_owned())
}

/// A hub whose worker runs, and one target that every notice goes to.
struct Site {
    app: TestApp,
    target: i64,
    work: JoinHandle<anyhow::Result<()>>,
}

impl Site {
    async fn open(engine: Engine, receiver: &Receiver) -> Site {
        let app = TestApp::on(engine).await;
        for rule in notices::actions::rules(&app.db).await.unwrap() {
            notices::actions::drop_rule(&app, rule.id, &anna()).await.unwrap();
        }
        let target = notices::actions::add_target(&app, "群", Language::Zh, receiver, &anna()).await.unwrap();
        let rule = Rule {
            title: "all".to_owned(),
            on: true,
            kinds: Vec::new(),
            from: Severity::Info,
            site: None,
            goals: vec![Goal::Target(target)],
            quiet: None,
            awake_from: Severity::Critical,
            gather_minutes: 0,
            escalate_minutes: 0,
            escalate_to: Vec::new(),
        };
        notices::actions::put_rule(&app, None, &rule, &anna()).await.unwrap();
        let shared: App = (*app).clone();
        let work = tokio::spawn(worker::run(shared));
        Site { app, target, work }
    }

    async fn tell(&self, key: &str) {
        let occurrence = Occurrence::new(NoticeKind::ImportFailed, key);
        notices::actions::raise_now(&self.app, &[occurrence]).await.unwrap();
        notices::actions::say_due(&self.app, self.app.clock.now()).await.unwrap();
    }

    /// Moves time on until nothing waits.
    async fn settle(&self) {
        for _ in 0..1_200 {
            if effects::actions::counts(&self.app.db).await.unwrap().waiting == 0 {
                return;
            }
            self.app.effects_wake.notify_one();
            tokio::time::sleep(Duration::from_millis(25)).await;
            // Time stands still while something is on its way, so that no lease ends however slow this machine is.
            if !self.is_sending().await {
                self.app.clock.advance_ms(2_000);
            }
        }
        panic!("something waits for ever");
    }

    async fn is_sending(&self) -> bool {
        let states = [TargetKind::Robot, TargetKind::Mail].map(|kind| Target { kind, id: self.target });
        for target in states {
            let latest = effects::actions::latest_of(&self.app.db, target).await.unwrap();
            if latest.is_some_and(|row| row.state == EffectState::Running) {
                return true;
            }
        }
        false
    }

    async fn given_up(&self) -> Vec<String> {
        let rows = effects::actions::list(&self.app.db, Which::GivenUp, (0, String::new()), 50).await.unwrap();
        rows.into_iter().map(|row| row.problem.unwrap_or_default()).collect()
    }

    async fn close(self) {
        self.app.stop();
        self.work.await.unwrap().unwrap();
    }
}

fn receiver(platform: &str, root: &str) -> Receiver {
    let (url, secret) = (format!("{root}/{platform}"), SECRET.to_owned());
    match platform {
        "dingtalk" => Receiver::Dingtalk { url, secret },
        "wecom" => Receiver::Wecom { url },
        _ => Receiver::Feishu { url, secret },
    }
}

#[tokio::test]
async fn every_robot_takes_its_messages_through_all_its_troubles() {
    for (engine, platform) in [(Engine::Sqlite, "dingtalk"), (Engine::Postgres, "wecom"), (Engine::Sqlite, "feishu")] {
        let robots = Robots::default();
        let root = robots.start(START.0).await;
        let site = Site::open(engine, &receiver(platform, &root)).await;
        robots.trouble(&[Fault::Status429, Fault::TooMuch, Fault::Status502]);
        site.tell("import 4").await;
        site.settle().await;
        let said = robots.said();
        assert_eq!(said.len(), 1, "{platform}: {said:?}");
        assert!(said[0].starts_with("【注意】导入失败：import 4\n"), "{platform}: {}", said[0]);
        assert_eq!(site.given_up().await, Vec::<String>::new(), "{platform}");
        site.close().await;
    }
}

#[tokio::test]
async fn a_wrong_secret_is_given_up_at_once_and_its_own_target_is_not_told_of_it() {
    for platform in ["dingtalk", "feishu"] {
        let robots = Robots::default();
        let root = robots.start(START.0).await;
        let wrong = match receiver(platform, &root) {
            Receiver::Dingtalk { url, .. } => Receiver::Dingtalk { url, secret: "SEC-wrong".to_owned() },
            Receiver::Feishu { url, .. } => Receiver::Feishu { url, secret: "SEC-wrong".to_owned() },
            other => other,
        };
        let site = Site::open(Engine::Sqlite, &wrong).await;
        site.tell("import 4").await;
        site.settle().await;
        let given_up = site.given_up().await;
        assert_eq!(given_up.len(), 1, "{platform}: {given_up:?}");
        assert!(given_up[0].starts_with("code "), "{platform}: {given_up:?}");
        assert_eq!(robots.said(), Vec::<String>::new());
        site.close().await;
    }
}

#[tokio::test]
async fn a_test_message_says_at_once_how_it_went() {
    let robots = Robots::default();
    let root = robots.start(START.0).await;
    let site = Site::open(Engine::Sqlite, &receiver("wecom", &root)).await;
    notices::actions::test_target(&site.app, site.target, &anna()).await.unwrap();
    site.settle().await;
    assert!(robots.said()[0].starts_with("Packline 测试消息\n由 user:anna 发送"));
    robots.trouble(&[Fault::Status502]);
    notices::actions::test_target(&site.app, site.target, &anna()).await.unwrap();
    site.settle().await;
    assert_eq!(site.given_up().await, ["status 502"], "a test is tried once");
    site.close().await;
}

#[tokio::test]
async fn a_hub_that_stops_leaves_what_was_on_its_way_to_the_next() {
    let robots = Robots::default();
    let root = robots.start(START.0).await;
    let site = Site::open(Engine::Sqlite, &receiver("wecom", &root)).await;
    robots.trouble(&[Fault::Silent]);
    site.tell("import 4").await;
    for _ in 0..400 {
        site.app.effects_wake.notify_one();
        tokio::time::sleep(Duration::from_millis(10)).await;
        if site.is_sending().await {
            break;
        }
    }
    // Killed, not stopped: nothing is recorded.
    site.work.abort();
    let first = loop {
        let said = robots.said();
        if !said.is_empty() {
            break said;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    site.app.clock.advance_ms(effects::actions::LEASE_MS);
    // Its row still says that it runs; the next worker takes it over because its lease has ended.
    let next = tokio::spawn(worker::run((*site.app).clone()));
    let site = Site { work: next, ..site };
    site.settle().await;
    assert_eq!(robots.said(), first, "the same message with the same mark, so that people see that it is a repeat");
    site.close().await;
}

fn mail(port: u16, protection: Protection) -> Receiver {
    Receiver::Mail(MailSettings {
        host: "127.0.0.1".to_owned(),
        port,
        protection,
        user: String::new(),
        password: String::new(),
        from: "Packline 装箱线 <packline@shop.example>".to_owned(),
        to: vec!["ops@shop.example".to_owned(), "boss@shop.example".to_owned()],
    })
}

#[tokio::test]
async fn mail_arrives_with_its_subject_and_a_number_through_a_busy_server() {
    for engine in ENGINES {
        let office = PostOffice::default();
        let site = Site::open(engine, &mail(office.start().await, Protection::None)).await;
        office.trouble(&[Mood::Busy]);
        site.tell("import 4").await;
        site.settle().await;
        let letters = office.letters();
        assert_eq!(letters.len(), 1);
        assert_eq!(letters[0].to, ["ops@shop.example", "boss@shop.example"]);
        for header in ["Subject: =?utf-8?", "From: ", "Message-ID: <", "Date: Sun, 01 Mar 2026 00:"] {
            assert!(letters[0].text.contains(header), "{header} in {}", letters[0].text);
        }
        office.trouble(&[Mood::Unwilling]);
        site.tell("import 5").await;
        site.settle().await;
        assert_eq!(site.given_up().await.len(), 1, "550 is for good");
        site.close().await;
    }
}

#[tokio::test]
async fn mail_that_should_be_protected_is_not_sent_without() {
    let office = PostOffice::default();
    let port = office.start().await;
    let site = Site::open(Engine::Sqlite, &mail(port, Protection::Starttls)).await;
    notices::actions::test_target(&site.app, site.target, &anna()).await.unwrap();
    site.settle().await;
    assert_eq!(office.letters(), []);
    assert_eq!(site.given_up().await.len(), 1, "the server offers no STARTTLS");
    site.close().await;
}
