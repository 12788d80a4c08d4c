//! Eyes on a bench page: every green light that it showed, as its browser got it.

use crate::api;
use crate::events::Events;
use anyhow::Result;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinHandle;

/// A green light that somebody may have seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Green {
    /// Where.
    pub station: String,
    /// The station's life.
    pub boot: String,
    /// Counts the scans of that life.
    pub number: u64,
    /// The record that the page named; `None` would be a light without one.
    pub seq: Option<u64>,
    /// The code.
    pub code: String,
}

/// Everything green that was seen, by all watchers.
#[derive(Debug, Clone, Default)]
pub struct Greens(Arc<Mutex<Vec<Green>>>);

impl Greens {
    /// What was seen so far, each light once.
    pub fn seen(&self) -> Vec<Green> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        seen.sort();
        seen.dedup();
        seen
    }

    fn note(&self, picture: &Value) {
        // Whatever the page would show as a green light, whether or not it says which record it rests on.
        let recent = picture["recent"].as_array().into_iter().flatten();
        for answer in recent.chain([&picture["answer"]]).filter(|answer| is_green(answer)) {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let green = Green {
                station: text(&picture["station"]),
                boot: text(&picture["boot"]),
                number: answer["number"].as_u64().unwrap_or(0),
                seq: answer["seq"].as_u64(),
                code: text(&answer["code"]),
            };
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(green);
        }
    }
}

fn is_green(answer: &Value) -> bool {
    answer["outcome"] == "release" && answer["stage"] == "said"
}

/// Watches one life of a station. Dropping it looks away.
#[derive(Debug)]
pub struct Watch {
    eyes: JoinHandle<()>,
}

impl Watch {
    /// Watches the bench page at this address until its station ends.
    pub async fn open(panel: &str, greens: &Greens) -> Result<Watch> {
        let client = api::client().build()?;
        let answer = client.get(format!("{panel}/api/events")).send().await?.error_for_status()?;
        let (mut events, greens) = (Events::new(answer), greens.clone());
        let eyes = tokio::spawn(async move {
            // A stream that breaks off was killed with its station: what came whole was seen.
            while let Ok(Some((name, data))) = events.next().await {
                if name == "picture" {
                    greens.note(&data);
                }
            }
        });
        Ok(Watch { eyes })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.eyes.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_is_shown_as_a_release_is_green() {
        let greens = Greens::default();
        let answer = |number: u64, outcome: Value, stage: &str| json!({"number": number, "seq": number, "code": "A", "outcome": outcome, "stage": stage});
        let recent = json!([
            answer(1, json!("release"), "said"),
            answer(2, json!("release"), "overtaken"),
            answer(3, Value::Null, "waiting"),
            answer(4, json!("stop"), "said"),
        ]);
        let picture =
            json!({"station": "pack-1", "boot": "b", "recent": recent, "answer": answer(5, json!("release"), "said")});
        greens.note(&picture);
        greens.note(&picture);
        let numbers: Vec<u64> = greens.seen().iter().map(|green| green.number).collect();
        assert_eq!(numbers, [1, 5]);
    }
}
