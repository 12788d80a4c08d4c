//! Effects on both engines: keys, order, leases, and many hubs that die between any two steps.

use super::actions::{self, LEASE_MS, Which};
use super::model::{Claimed, EffectId, EffectState, Made, Outcome, Recorded, Target, TargetKind, Wanted};
use crate::actor::Actor;
use crate::clock;
use crate::store::testing::{ENGINES, TestApp};
use serde_json::json;
use std::collections::BTreeMap;

const HOOK: Target = Target { kind: TargetKind::Webhook, id: 1 };

fn wanted(key: &str, subject: Option<&str>) -> Wanted {
    let subject = subject.map(str::to_owned);
    Wanted { key: key.to_owned(), target: HOOK, subject, payload: json!({ "key": key }), not_before: None }
}

async fn want(app: &TestApp, wanted: &Wanted) -> Made {
    let mut tx = app.db.begin("test").await.unwrap();
    let wish = actions::want(&mut tx, wanted, app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    wish
}

async fn claim(app: &TestApp) -> Vec<Claimed> {
    actions::claim(&app.db, HOOK, 100, app.clock.now()).await.unwrap()
}

async fn record(app: &TestApp, effect: &Claimed, outcome: Outcome) -> Recorded {
    let mut tx = app.db.begin("test").await.unwrap();
    let recorded = actions::record(&mut tx, effect, &outcome, app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    recorded
}

fn keys(claimed: &[Claimed]) -> Vec<&str> {
    let mut keys: Vec<&str> = claimed.iter().map(|effect| effect.key.as_str()).collect();
    keys.sort_unstable();
    keys
}

fn failed() -> Outcome {
    Outcome::Failed { problem: "status 500".to_owned() }
}

#[tokio::test]
async fn a_key_is_wanted_once_and_what_is_rolled_back_never_was() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let mut tx = app.db.begin("test").await.unwrap();
        actions::want(&mut tx, &wanted("a", None), app.clock.now()).await.unwrap();
        drop(tx);
        assert_eq!(want(&app, &wanted("a", None)).await, Made::New(EffectId::of_key("a")));
        assert_eq!(want(&app, &wanted("a", None)).await, Made::Known(EffectId::of_key("a")));
        let claimed = claim(&app).await;
        assert_eq!(keys(&claimed), ["a"]);
        assert_eq!(record(&app, &claimed[0], Outcome::Done).await, Recorded::Over(EffectState::Done));
        assert_eq!(want(&app, &wanted("a", None)).await, Made::Known(EffectId::of_key("a")), "also when it was done");
        assert_eq!(claim(&app).await, []);
    }
}

#[tokio::test]
async fn what_is_earlier_in_a_subject_blocks_what_is_later_until_it_is_over() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        for (key, subject) in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a")] {
            want(&app, &wanted(key, Some(subject))).await;
        }
        want(&app, &wanted("c", None)).await;
        let first = claim(&app).await;
        assert_eq!(keys(&first), ["a1", "b1", "c"]);
        assert_eq!(claim(&app).await, [], "a lease keeps others away");
        for effect in &first {
            let outcome = if effect.key == "a1" { failed() } else { Outcome::Done };
            record(&app, effect, outcome).await;
        }
        assert_eq!(claim(&app).await, [], "a1 waits for its next try, and a2 for a1");
        app.clock.advance_ms(10_000);
        let again = claim(&app).await;
        assert_eq!((keys(&again), again[0].tries), (vec!["a1"], 2));
        record(&app, &again[0], Outcome::Refused { problem: "never".to_owned() }).await;
        let next = claim(&app).await;
        assert_eq!(keys(&next), ["a2"], "what was given up blocks nobody");
        assert_eq!(actions::counts(&app.db).await.unwrap().given_up, 1);
        let given_up = actions::list(&app.db, Which::GivenUp, (0, String::new()), 10).await.unwrap();
        assert_eq!((given_up[0].key.as_str(), given_up[0].problem.as_deref()), ("a1", Some("never")));
    }
}

#[tokio::test]
async fn a_worker_that_died_is_followed_by_another_and_its_late_word_does_not_count() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        want(&app, &wanted("a", None)).await;
        let dead = claim(&app).await.remove(0);
        app.clock.advance_ms(LEASE_MS);
        let heir = claim(&app).await.remove(0);
        assert_eq!((&heir.id, heir.tries), (&dead.id, 2), "the same number towards the outside");
        assert_eq!(record(&app, &dead, failed()).await, Recorded::Lost);
        assert_eq!(record(&app, &heir, Outcome::Done).await, Recorded::Over(EffectState::Done));
        assert_eq!(record(&app, &heir, Outcome::Done).await, Recorded::Lost, "a second word changes nothing");
    }
}

#[tokio::test]
async fn what_is_wanted_for_later_waits() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let later = app.clock.now().plus_ms(5_000);
        want(&app, &Wanted { not_before: Some(later), ..wanted("a", None) }).await;
        assert_eq!(claim(&app).await, []);
        assert_eq!(actions::due_targets(&app.db, app.clock.now()).await.unwrap(), []);
        app.clock.advance_ms(5_000);
        assert_eq!(actions::due_targets(&app.db, app.clock.now()).await.unwrap(), [HOOK]);
        assert_eq!(keys(&claim(&app).await), ["a"]);
    }
}

#[tokio::test]
async fn many_at_once_want_in_one_subject_and_each_gets_its_own_place() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let wishes = (0..40).map(|n| {
            let (db, now) = (app.db.clone(), app.clock.now());
            tokio::spawn(async move {
                let mut tx = db.begin("test").await.unwrap();
                actions::want(&mut tx, &wanted(&format!("k{}", n / 2), Some("one")), now).await.unwrap();
                tx.commit().await.unwrap();
            })
        });
        for wish in wishes.collect::<Vec<_>>() {
            wish.await.unwrap();
        }
        let mut seen = 0;
        while let Some(effect) = claim(&app).await.pop() {
            assert_eq!(record(&app, &effect, Outcome::Done).await, Recorded::Over(EffectState::Done));
            seen += 1;
        }
        assert_eq!(seen, 20, "{engine}");
    }
}

/// A receiver outside that tells repeats by the number, as one should.
#[derive(Default)]
struct Receiver {
    numbers: BTreeMap<EffectId, u32>,
    /// The keys of each subject, in the order in which they came first.
    subjects: BTreeMap<String, Vec<String>>,
}

impl Receiver {
    fn take(&mut self, effect: &Claimed) {
        let times = self.numbers.entry(effect.id.clone()).or_default();
        *times += 1;
        if *times == 1 {
            let subject = effect.payload["subject"].as_str().unwrap().to_owned();
            self.subjects.entry(subject).or_default().push(effect.key.clone());
        }
    }
}

/// What a hub holds between its steps. Dropping it is the crash.
enum Hand {
    Claimed(Claimed),
    Told(Claimed, Outcome),
}

#[tokio::test]
async fn hubs_that_die_between_any_two_steps_do_everything_and_in_order() {
    for engine in ENGINES {
        for _ in 0..2 {
            let seed = clock::random_u64();
            let repeats = simulate(&TestApp::on(engine).await, seed).await;
            assert!(repeats > 0, "seed {seed}: nothing was ever repeated, so no crash was felt");
        }
    }
}

async fn simulate(app: &TestApp, seed: u64) -> u32 {
    const SUBJECTS: u64 = 5;
    const EACH: u64 = 6;
    let mut dice = seed;
    let mut roll = move |sides: u64| {
        // xorshift: the same seed tells the same story.
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % sides
    };
    let mut receiver = Receiver::default();
    let mut hubs: [Vec<Hand>; 3] = Default::default();
    let mut unwanted: Vec<(u64, u64)> = (0..EACH).flat_map(|n| (0..SUBJECTS).map(move |of| (of, n))).collect();
    for step in 0..20_000 {
        let hub = usize::try_from(roll(3)).unwrap();
        match roll(12) {
            0 | 1 if !unwanted.is_empty() => {
                let (of, n) = unwanted.remove(0);
                let subject = format!("order:{of}");
                let payload = json!({ "subject": subject });
                let wish = Wanted { payload, ..wanted(&format!("{of}/{n}"), Some(&subject)) };
                // A hub that dies before its commit is asked again, and one that dies after it too.
                let mut tx = app.db.begin("test").await.unwrap();
                actions::want(&mut tx, &wish, app.clock.now()).await.unwrap();
                let (dies, commits) = (roll(4) == 0, roll(2) == 0);
                if !dies || commits {
                    tx.commit().await.unwrap();
                }
                if dies {
                    unwanted.insert(0, (of, n));
                }
            }
            2..=4 => hubs[hub].extend(claim(app).await.into_iter().map(Hand::Claimed)),
            5..=7 => {
                if let Some(place) = hubs[hub].iter().position(|hand| matches!(hand, Hand::Claimed(_)))
                    && let Hand::Claimed(effect) = hubs[hub].remove(place)
                {
                    let outcome = match roll(10) {
                        0 | 1 => failed(),
                        2 => Outcome::Slow { problem: "429".to_owned(), wait_ms: 2_000 },
                        _ => Outcome::Done,
                    };
                    // An answer that got lost on its way back is the receiver's taking and our failure.
                    if outcome == Outcome::Done || roll(2) == 0 {
                        receiver.take(&effect);
                    }
                    hubs[hub].push(Hand::Told(effect, outcome));
                }
            }
            8 | 9 => {
                if let Some(place) = hubs[hub].iter().position(|hand| matches!(hand, Hand::Told(..)))
                    && let Hand::Told(effect, outcome) = hubs[hub].remove(place)
                {
                    record(app, &effect, outcome).await;
                }
            }
            10 => app.clock.advance_ms(i64::try_from(roll(90_000)).unwrap()),
            _ => {
                if roll(3) == 0 {
                    hubs[hub].clear();
                }
            }
        }
        if step % 40 == 0 && unwanted.is_empty() && actions::counts(&app.db).await.unwrap().waiting == 0 {
            break;
        }
    }
    let counts = actions::counts(&app.db).await.unwrap();
    assert_eq!((counts.waiting, counts.given_up), (0, 0), "seed {seed}: something is left");
    for of in 0..SUBJECTS {
        let expected: Vec<String> = (0..EACH).map(|n| format!("{of}/{n}")).collect();
        assert_eq!(receiver.subjects[&format!("order:{of}")], expected, "seed {seed}");
    }
    assert_eq!(receiver.numbers.len() as u64, SUBJECTS * EACH, "seed {seed}: each exactly once");
    receiver.numbers.values().map(|times| times - 1).sum()
}

#[tokio::test]
async fn what_was_over_long_ago_is_forgotten_and_what_waits_is_not() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        want(&app, &wanted("done", None)).await;
        let effect = claim(&app).await.remove(0);
        record(&app, &effect, Outcome::Done).await;
        want(&app, &wanted("waiting", None)).await;
        app.clock.advance_ms(1_000);
        assert_eq!(actions::forget(&app.db, app.clock.now()).await.unwrap(), 1);
        assert_eq!(keys(&claim(&app).await), ["waiting"]);
    }
}

#[tokio::test]
async fn a_person_tries_again_or_skips_with_a_reason_and_it_is_written_down() {
    let anna = Actor::User("anna".to_owned());
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        for key in ["a1", "a2"] {
            want(&app, &wanted(key, Some("a"))).await;
        }
        let first = claim(&app).await.remove(0);
        let decide = async |wish, reason| actions::decide_on(&app, &first.id, wish, reason, &anna).await;
        let busy = decide(actions::Wish::Skip, "too slow").await.unwrap_err();
        assert!(busy.to_string().contains("is running"), "{busy}");
        record(&app, &first, failed()).await;
        assert!(decide(actions::Wish::Retry, " x ").await.unwrap_err().to_string().contains("reason"));
        decide(actions::Wish::Retry, "they are back").await.unwrap();
        let again = claim(&app).await.remove(0);
        assert_eq!((again.key.as_str(), again.tries), ("a1", 1));
        record(&app, &again, failed()).await;
        decide(actions::Wish::Skip, "not needed any more").await.unwrap();
        assert_eq!(keys(&claim(&app).await), ["a2"], "what waited behind it goes on");
        assert!(decide(actions::Wish::Retry, "after all").await.unwrap_err().to_string().contains("is skipped"));
        let nobody = actions::decide_on(&app, &EffectId::of_key("no"), actions::Wish::Skip, "reason", &anna).await;
        assert!(nobody.unwrap_err().to_string().contains("there is no effect"));
    }
}
