//! What each signal looks and sounds like over time. No IO and no clock.
//!
//! Signals differ in rhythm as well as in colour: one man in twelve cannot tell red from green. Stop repeats until
//! something else is shown, release is short.

use packline_protocol::time::Moment;

/// What the station wants people at the bench to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// Nothing to say.
    Idle,
    /// The parcel may go: green, steady, for a moment.
    Release,
    /// The parcel must not go: red, fast blinking, and the buzzer in threes, until something else is shown.
    Stop,
    /// A person has to look: amber, blinking in pairs, two short tones.
    Ask,
    /// The station cannot judge: a short amber flash now and then.
    Blind,
    /// The lamps one after the other, to see that they work.
    Test,
}

/// What is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lamps {
    /// The red lamp.
    pub red: bool,
    /// The amber lamp.
    pub amber: bool,
    /// The green lamp.
    pub green: bool,
    /// The buzzer.
    pub buzzer: bool,
    /// The line is let run. Neither this nor `line_stopped` while the station is dark.
    pub line_runs: bool,
    /// The line is stopped.
    pub line_stopped: bool,
}

/// On and off times in milliseconds, once or for ever.
struct Rhythm {
    steps: &'static [(u64, u64)],
    forever: bool,
}

const NEVER: Rhythm = Rhythm { steps: &[], forever: false };

/// The rhythms of red, amber, green and buzzer.
fn rhythms(signal: Signal) -> [Rhythm; 4] {
    let once = |steps| Rhythm { steps, forever: false };
    let forever = |steps| Rhythm { steps, forever: true };
    match signal {
        Signal::Idle => [NEVER, NEVER, NEVER, NEVER],
        Signal::Release => [NEVER, NEVER, once(&[(1500, 0)]), NEVER],
        Signal::Stop => [forever(&[(250, 250)]), NEVER, NEVER, forever(&[(200, 150), (200, 150), (200, 4100)])],
        Signal::Ask => [NEVER, forever(&[(150, 150), (150, 750)]), NEVER, once(&[(80, 120), (80, 0)])],
        Signal::Blind => [NEVER, forever(&[(100, 1900)]), NEVER, NEVER],
        Signal::Test => {
            [once(&[(400, 0)]), once(&[(0, 400), (400, 0)]), once(&[(0, 800), (400, 0)]), once(&[(0, 1200), (60, 0)])]
        }
    }
}

impl Rhythm {
    /// Whether it is on after `elapsed` milliseconds, and when that changes next.
    fn at(&self, elapsed: u64) -> (bool, Option<u64>) {
        let length: u64 = self.steps.iter().map(|(on, off)| on + off).sum();
        if length == 0 || (!self.forever && elapsed >= length) {
            return (false, None);
        }
        let round = elapsed - elapsed % length;
        let mut begin = round;
        for (on, off) in self.steps {
            if elapsed < begin + on {
                return (true, Some(begin + on));
            }
            begin += on + off;
            if elapsed < begin {
                return (false, Some(begin));
            }
        }
        (false, Some(round + length))
    }
}

/// The signal that is shown and since when.
#[derive(Debug)]
pub(super) struct Stack {
    signal: Signal,
    since: Moment,
    stop_on_ask: bool,
}

impl Stack {
    pub(super) fn new(stop_on_ask: bool) -> Self {
        Self { signal: Signal::Idle, since: Moment(0), stop_on_ask }
    }

    pub(super) fn show(&mut self, signal: Signal, now: Moment) {
        self.signal = signal;
        self.since = now;
    }

    /// What is on at `now`, and when that changes next.
    pub(super) fn at(&self, now: Moment) -> (Lamps, Option<Moment>) {
        let elapsed = now.since_ms(self.since);
        let [red, amber, green, buzzer] = rhythms(self.signal).map(|rhythm| rhythm.at(elapsed));
        let stopped = self.signal == Signal::Stop || (self.signal == Signal::Ask && self.stop_on_ask);
        let lamps = Lamps {
            red: red.0,
            amber: amber.0,
            green: green.0,
            buzzer: buzzer.0,
            line_runs: !stopped,
            line_stopped: stopped,
        };
        let next = [red.1, amber.1, green.1, buzzer.1].into_iter().flatten().min();
        (lamps, next.map(|next| self.since.plus_ms(next)))
    }
}
