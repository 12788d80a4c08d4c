//! What the parts of a session share while one input is handled: the time, chance, alarms and the outputs so far.

use super::dice::Dice;
use super::event::{Job, Output, Wish};
use packline_protocol::time::Moment;
use packline_protocol::topic::UpStream;
use packline_protocol::uplink::{Alarm, Uplink};
use std::collections::BTreeMap;

/// An alarm that is over is still told this long, so that a short one is seen too.
const ALARM_STAY_MS: u64 = 60_000;

/// One input being handled.
pub(super) struct Step<'a> {
    pub(super) now: Moment,
    pub(super) dice: &'a mut Dice,
    pub(super) alarms: &'a mut Alarms,
    pub(super) out: &'a mut Vec<Output>,
}

impl Step<'_> {
    pub(super) fn send(&mut self, stream: UpStream, message: impl Into<Uplink>) {
        self.out.push(Output::Send(stream, message.into()));
    }

    pub(super) fn request(&mut self, message: impl Into<Uplink>) {
        self.send(UpStream::Requests, message);
    }

    pub(super) fn read(&mut self, wish: Wish) {
        self.out.push(Output::Read(wish));
    }

    pub(super) fn work(&mut self, job: Job) {
        self.out.push(Output::Work(job));
    }

    pub(super) fn alarm(&mut self, key: &'static str, text: impl Into<String>) {
        self.alarms.raise(key, text.into());
    }

    pub(super) fn alarm_over(&mut self, key: &'static str) {
        self.alarms.end(key, self.now);
    }
}

/// What a person should know, by key.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    raised: BTreeMap<&'static str, Raised>,
}

#[derive(Debug)]
struct Raised {
    text: String,
    until: Option<Moment>,
}

impl Alarms {
    fn raise(&mut self, key: &'static str, text: String) {
        self.raised.insert(key, Raised { text, until: None });
    }

    fn end(&mut self, key: &'static str, now: Moment) {
        if let Some(raised) = self.raised.get_mut(key) {
            raised.until.get_or_insert(now.plus_ms(ALARM_STAY_MS));
        }
    }

    pub(super) fn forget_old(&mut self, now: Moment) {
        self.raised.retain(|_, raised| raised.until.is_none_or(|until| until > now));
    }

    pub(super) fn list(&self) -> Vec<Alarm> {
        let alarms = self.raised.iter();
        alarms.map(|(key, raised)| Alarm { key: (*key).to_owned(), text: raised.text.clone() }).collect()
    }
}
