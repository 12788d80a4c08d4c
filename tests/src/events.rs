//! Server-sent events, as far as hub and bench page send them: a name and one line of JSON.

use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::VecDeque;

/// A stream of events that is being read.
#[derive(Debug)]
pub struct Events {
    answer: reqwest::Response,
    reader: Reader,
    ready: VecDeque<(String, Value)>,
}

impl Events {
    /// The events in this answer.
    pub fn new(answer: reqwest::Response) -> Events {
        Events { answer, reader: Reader::default(), ready: VecDeque::new() }
    }

    /// The next event with its name; `None` when the stream has ended.
    pub async fn next(&mut self) -> Result<Option<(String, Value)>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let Some(bytes) = self.answer.chunk().await.context("the stream of events broke off")? else {
                return Ok(None);
            };
            self.ready.extend(self.reader.take(&bytes)?);
        }
    }
}

/// Puts events together from pieces of any size.
#[derive(Debug, Default)]
struct Reader {
    pending: Vec<u8>,
    name: String,
}

impl Reader {
    fn take(&mut self, bytes: &[u8]) -> Result<Vec<(String, Value)>> {
        self.pending.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            match line.trim_end().split_once(':') {
                Some(("event", name)) => self.name = name.trim().to_owned(),
                Some(("data", data)) => {
                    let data = serde_json::from_str(data).context("an event's data is JSON")?;
                    events.push((std::mem::take(&mut self.name), data));
                }
                _ => {}
            }
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_are_put_together_from_pieces_of_any_size() {
        let text = ": hello\n\nevent: scan\ndata: {\"n\":1}\n\nretry: 500\nevent: beat\ndata: 2\n\ndata: 3\n\n";
        for size in [1, 2, 7, 100] {
            let mut reader = Reader::default();
            let events: Vec<_> = text.as_bytes().chunks(size).flat_map(|piece| reader.take(piece).unwrap()).collect();
            let expected =
                [("scan".to_owned(), json!({"n": 1})), ("beat".to_owned(), json!(2)), (String::new(), json!(3))];
            assert_eq!(events, expected, "in pieces of {size}");
        }
    }
}
