//! The stack light, its buzzer and the relay that stops a line.
//!
//! [`Light`] is what the station shows its verdicts on; a station without lamps has [`NoLight`]. What blinks how long is
//! decided in `pattern`, without IO; here is who drives it. Deliberately absent: safety. A station is no safety device,
//! and a line that must stop when the station dies is wired so that the energised relay lets it run.

mod config;
mod lines;
mod pattern;
#[cfg(test)]
mod tests;

pub use config::{LightConfig, LineStopWiring, problems};
pub use lines::LightError;
pub use pattern::{Lamps, Signal};

use crate::clock;
use lines::{ChipPins, Pin, Pins};
use packline_protocol::time::Moment;
use pattern::Stack;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tracing::{error, warn};

/// Something that shows signals.
pub trait Light: Send {
    /// Shows `signal` from `now` on. When it has to be called again, see [`Light::tick`].
    fn show(&mut self, signal: Signal, now: Moment) -> Result<Option<Moment>, LightError>;
    /// Brings the lamps to where their pattern is at `now`; the moment of its next change, or `None` while it stands.
    fn tick(&mut self, now: Moment) -> Result<Option<Moment>, LightError>;
    /// Turns everything off, as if the station had no power.
    fn dark(&mut self) -> Result<(), LightError>;
}

/// The light of a station that has none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLight;

impl Light for NoLight {
    fn show(&mut self, _: Signal, _: Moment) -> Result<Option<Moment>, LightError> {
        Ok(None)
    }

    fn tick(&mut self, _: Moment) -> Result<Option<Moment>, LightError> {
        Ok(None)
    }

    fn dark(&mut self) -> Result<(), LightError> {
        Ok(())
    }
}

/// Lamps, buzzer and relay on the lines of a GPIO chip.
#[derive(Debug)]
pub struct GpioLight {
    pins: Box<dyn Pins>,
    wiring: LineStopWiring,
    stack: Stack,
    shown: Lamps,
}

impl GpioLight {
    /// Takes the lines that `config` names; all off, and the relay without current until something is shown.
    pub fn open(config: &LightConfig) -> Result<Self, LightError> {
        Ok(Self::with_pins(config, Box::new(ChipPins::open(config)?)))
    }

    fn with_pins(config: &LightConfig, pins: Box<dyn Pins>) -> Self {
        Self { pins, wiring: config.line_stop_wiring, stack: Stack::new(config.stop_on_ask), shown: Lamps::default() }
    }

    /// Switches every line on and off, too shortly for a lamp or a relay, and reads each back.
    pub fn self_test(&mut self) -> Result<(), LightError> {
        for pin in Pin::ALL {
            for on in [true, false] {
                self.pins.set(pin, on)?;
                self.pins.verify(pin, on)?;
            }
        }
        Ok(())
    }

    fn apply(&mut self, lamps: Lamps) -> Result<(), LightError> {
        let (before, after) = (self.levels(self.shown), self.levels(lamps));
        self.shown = lamps;
        for (pin, (before, after)) in Pin::ALL.into_iter().zip(before.into_iter().zip(after)) {
            if before != after {
                self.pins.set(pin, after)?;
            }
        }
        Ok(())
    }

    /// Which lines carry current, in the order of [`Pin::ALL`].
    fn levels(&self, lamps: Lamps) -> [bool; 5] {
        let relay = match self.wiring {
            LineStopWiring::EnergisedRuns => lamps.line_runs,
            LineStopWiring::EnergisedStops => lamps.line_stopped,
        };
        [lamps.red, lamps.amber, lamps.green, lamps.buzzer, relay]
    }
}

impl Light for GpioLight {
    fn show(&mut self, signal: Signal, now: Moment) -> Result<Option<Moment>, LightError> {
        self.stack.show(signal, now);
        self.tick(now)
    }

    fn tick(&mut self, now: Moment) -> Result<Option<Moment>, LightError> {
        let (lamps, next) = self.stack.at(now);
        self.apply(lamps)?;
        Ok(next)
    }

    fn dark(&mut self) -> Result<(), LightError> {
        self.apply(Lamps::default())
    }
}

/// The light that `config` describes, tested where it asks for that.
///
/// A light that cannot be opened is told as an error, and the station goes on with [`NoLight`].
pub fn open(config: Option<&LightConfig>) -> (Box<dyn Light>, Option<LightError>) {
    let Some(config) = config else { return (Box::new(NoLight), None) };
    match GpioLight::open(config) {
        Ok(mut light) => {
            let failed = if config.self_test { light.self_test().err() } else { None };
            (Box::new(light), failed)
        }
        Err(cause) => (Box::new(NoLight), Some(cause)),
    }
}

/// A thread that keeps a light's pattern going. Dropping it turns the light dark.
#[derive(Debug)]
pub struct LightThread {
    signals: Option<Sender<Signal>>,
    thread: Option<JoinHandle<()>>,
}

impl LightThread {
    /// Starts with `light` showing `first`.
    pub fn start(light: Box<dyn Light>, first: Signal) -> std::io::Result<Self> {
        let (signals, received) = channel();
        let thread = std::thread::Builder::new().name("light".to_owned()).stack_size(128 * 1024).spawn(move || {
            let mut blinking = Blinking { light, broken: false };
            let mut next = blinking.show(first);
            loop {
                let patience = next.map(|next| Duration::from_millis(next.since_ms(clock::moment())));
                let signal = match patience {
                    Some(patience) => received.recv_timeout(patience),
                    None => received.recv().map_err(|_| RecvTimeoutError::Disconnected),
                };
                next = match signal {
                    Ok(signal) => blinking.show(signal),
                    Err(RecvTimeoutError::Timeout) => blinking.tick(),
                    Err(RecvTimeoutError::Disconnected) => return blinking.dark(),
                };
            }
        })?;
        Ok(Self { signals: Some(signals), thread: Some(thread) })
    }

    /// Shows `signal` from now on. Never waits.
    pub fn show(&self, signal: Signal) {
        let sent = self.signals.as_ref().is_some_and(|signals| signals.send(signal).is_ok());
        if !sent {
            error!("The light's thread has ended; signal {signal:?} was not shown");
        }
    }
}

impl Drop for LightThread {
    fn drop(&mut self) {
        drop(self.signals.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A light whose failures are logged once, not at every blink.
struct Blinking {
    light: Box<dyn Light>,
    broken: bool,
}

impl Blinking {
    fn show(&mut self, signal: Signal) -> Option<Moment> {
        let shown = self.light.show(signal, clock::moment());
        self.heard(shown)
    }

    fn tick(&mut self) -> Option<Moment> {
        let ticked = self.light.tick(clock::moment());
        self.heard(ticked)
    }

    fn dark(&mut self) {
        if let Err(cause) = self.light.dark() {
            warn!("Could not turn the light off: {cause}");
        }
    }

    /// A failed light stands still until the next signal.
    fn heard(&mut self, result: Result<Option<Moment>, LightError>) -> Option<Moment> {
        match result {
            Ok(next) => {
                self.broken = false;
                next
            }
            Err(cause) => {
                if !self.broken {
                    error!("Could not switch the light: {cause}");
                }
                self.broken = true;
                None
            }
        }
    }
}
