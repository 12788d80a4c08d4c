//! Single lines of a GPIO chip, by the kernel's character device.

use super::LightConfig;
use gpiocdev::Request;
use gpiocdev::line::{Offset, Value};
use std::fmt;
use std::path::PathBuf;

/// Why a light could not be driven.
#[derive(Debug, thiserror::Error)]
pub enum LightError {
    /// The chip is missing, denied, or one of its lines is taken.
    #[error("failed to take the lines of GPIO chip `{chip}`: {cause}")]
    Chip {
        /// The chip's path.
        chip: PathBuf,
        /// Why.
        cause: String,
    },
    /// A line could not be switched.
    #[error("failed to switch light.{pin} (line {offset} of GPIO chip `{chip}`): {cause}")]
    Line {
        /// The chip's path.
        chip: PathBuf,
        /// The key of the line in the configuration.
        pin: Pin,
        /// Its number on the chip.
        offset: u32,
        /// Why.
        cause: String,
    },
    /// A line does not follow: a short circuit, or another driver on it.
    #[error("light.{pin} (line {offset} of GPIO chip `{chip}`) was switched {wanted} and reads {found}; check the wiring", wanted = on_off(*.on), found = on_off(!*.on))]
    SelfTest {
        /// The chip's path.
        chip: PathBuf,
        /// The key of the line in the configuration.
        pin: Pin,
        /// Its number on the chip.
        offset: u32,
        /// What it was switched to.
        on: bool,
    },
}

fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// One output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pin {
    /// The red lamp.
    Red,
    /// The amber lamp.
    Amber,
    /// The green lamp.
    Green,
    /// The buzzer.
    Buzzer,
    /// The relay that stops the line.
    LineStop,
}

impl Pin {
    /// Every output, in the order of the configuration.
    pub const ALL: [Self; 5] = [Self::Red, Self::Amber, Self::Green, Self::Buzzer, Self::LineStop];
}

impl fmt::Display for Pin {
    /// The key in the configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Red => "red",
            Self::Amber => "amber",
            Self::Green => "green",
            Self::Buzzer => "buzzer",
            Self::LineStop => "line_stop",
        })
    }
}

/// Outputs that can be switched. One that is not wired is switched by doing nothing.
pub(super) trait Pins: fmt::Debug + Send {
    fn set(&mut self, pin: Pin, on: bool) -> Result<(), LightError>;
    /// Reads the line back and compares.
    fn verify(&mut self, pin: Pin, on: bool) -> Result<(), LightError>;
}

/// Outputs on one chip.
#[derive(Debug)]
pub(super) struct ChipPins {
    chip: PathBuf,
    request: Request,
    offsets: [Option<Offset>; 5],
}

impl ChipPins {
    /// Takes the configured lines as outputs, all without current.
    pub(super) fn open(config: &LightConfig) -> Result<Self, LightError> {
        let offsets = [config.red, config.amber, config.green, config.buzzer, config.line_stop];
        let wired: Vec<Offset> = offsets.iter().flatten().copied().collect();
        let mut builder = Request::builder();
        builder.on_chip(&config.chip).with_consumer("packline-edge").with_lines(&wired);
        if config.active_low {
            builder.as_active_low();
        }
        let request = builder
            .as_output(Value::Inactive)
            .request()
            .map_err(|cause| LightError::Chip { chip: config.chip.clone(), cause: cause.to_string() })?;
        Ok(Self { chip: config.chip.clone(), request, offsets })
    }

    fn offset(&self, pin: Pin) -> Option<Offset> {
        self.offsets[pin as usize]
    }

    fn failed(&self, pin: Pin, offset: Offset, cause: &gpiocdev::Error) -> LightError {
        LightError::Line { chip: self.chip.clone(), pin, offset, cause: cause.to_string() }
    }
}

impl Pins for ChipPins {
    fn set(&mut self, pin: Pin, on: bool) -> Result<(), LightError> {
        let Some(offset) = self.offset(pin) else { return Ok(()) };
        let value = if on { Value::Active } else { Value::Inactive };
        self.request.set_value(offset, value).map_err(|cause| self.failed(pin, offset, &cause))
    }

    fn verify(&mut self, pin: Pin, on: bool) -> Result<(), LightError> {
        let Some(offset) = self.offset(pin) else { return Ok(()) };
        let found = self.request.value(offset).map_err(|cause| self.failed(pin, offset, &cause))?;
        if (found == Value::Active) == on {
            Ok(())
        } else {
            Err(LightError::SelfTest { chip: self.chip.clone(), pin, offset, on })
        }
    }
}
