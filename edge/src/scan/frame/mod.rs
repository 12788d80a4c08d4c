//! Cuts the bytes of one scanner into frames. No IO and no clock: bytes and moments come in, frames and replies go out.
//!
//! Three framings: text ended by a terminator or by silence, Zebra SSI packets, Honeywell's structured header.
//! However the bytes are chunked, the same frames come out. What cannot be a frame is counted by reason, and the
//! latest of it kept raw, so that a person can see what a scanner really sends.
//!
//! Silence is what the caller says it is: only [`Framer::handle_timeout`] ends a frame by time, never [`Framer::push`].
//! A station that was held up between two reads would otherwise cut in two what the scanner sent in one go.

mod honeywell;
mod noise;
pub mod ssi;
#[cfg(test)]
mod tests;
mod text;

pub use noise::{NOISE_BYTES_MAX, NOISE_KEPT_MAX, NoiseReason, Rejected};

use noise::NoiseLog;
use packline_protocol::time::Moment;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The longest frame, in bytes. The largest QR code holds 7,089 digits; Honeywell's header cannot say more than 9,999.
pub const FRAME_BYTES_MAX: usize = 8 * 1024;

/// How bytes become frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// Text ended by a terminator or by silence.
    #[default]
    Text,
    /// Zebra's Simple Serial Interface: packets with length and checksum, acknowledged by the host.
    ZebraSsi,
    /// Honeywell's structured header (menu DECHDR1), which brings the AIM identifier with every code.
    HoneywellHeader,
}

impl Framing {
    /// The word for it in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::ZebraSsi => "zebra-ssi",
            Self::HoneywellHeader => "honeywell-header",
        }
    }
}

/// What ends a text frame besides silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Terminator {
    /// Carriage return; a line feed right after it belongs to it.
    Cr,
    /// Line feed.
    Lf,
    /// Carriage return and line feed together; alone it makes a single carriage return part of the code.
    #[serde(rename = "crlf")]
    CrLf,
    /// Tabulator.
    Tab,
    /// End of text.
    Etx,
    /// A zero byte.
    Nul,
}

impl Terminator {
    /// Every terminator.
    pub const ALL: [Self; 6] = [Self::Cr, Self::Lf, Self::CrLf, Self::Tab, Self::Etx, Self::Nul];
}

/// How one port's bytes become frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FramerSettings {
    /// The kind of framing.
    pub framing: Framing,
    /// Text framing: what ends a frame besides silence.
    pub terminators: Vec<Terminator>,
    /// Silence that ends a text frame or gives up a packet, in milliseconds.
    pub idle_gap_ms: u64,
}

/// What comes out of a framer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A complete frame: the code as the scanner sent it, with its AIM identifier in front where the framing brings one.
    Frame {
        /// The bytes, at most [`FRAME_BYTES_MAX`] and an AIM identifier; empty when the scanner sent an explicitly empty frame.
        bytes: Vec<u8>,
        /// When the last byte was read.
        at: Moment,
    },
    /// Bytes that the scanner waits for.
    Reply(Vec<u8>),
}

/// What a framer has seen since it was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FrameCounts {
    /// Bytes read.
    pub bytes: u64,
    /// Frames put out.
    pub frames: u64,
    /// Packets that the scanner sent again although they had been read; they made no second frame.
    pub resent: u64,
    /// Packets that answer a command or report an event; they make no frame.
    pub responses: u64,
    /// Rejected runs of bytes, in the order of [`NoiseReason::ALL`].
    pub noise: [u64; NoiseReason::ALL.len()],
}

impl FrameCounts {
    /// How often bytes were rejected for `reason`.
    pub fn noise(&self, reason: NoiseReason) -> u64 {
        self.noise[reason as usize]
    }
}

/// Cuts the bytes of one scanner into frames.
#[derive(Debug)]
pub struct Framer {
    machine: Machine,
    sink: Sink,
}

#[derive(Debug)]
enum Machine {
    Text(text::TextFramer),
    Ssi(ssi::SsiFramer),
    Honeywell(honeywell::HoneywellFramer),
}

impl Framer {
    /// An empty framer.
    pub fn new(settings: &FramerSettings) -> Self {
        let gap = settings.idle_gap_ms;
        let machine = match settings.framing {
            Framing::Text => Machine::Text(text::TextFramer::new(&settings.terminators, gap)),
            Framing::ZebraSsi => Machine::Ssi(ssi::SsiFramer::new(gap)),
            Framing::HoneywellHeader => Machine::Honeywell(honeywell::HoneywellFramer::new(gap)),
        };
        Self { machine, sink: Sink::default() }
    }

    /// Takes bytes read at `now`. Drain [`Framer::poll`] afterwards.
    pub fn push(&mut self, bytes: &[u8], now: Moment) {
        self.sink.counts.bytes += bytes.len() as u64;
        match &mut self.machine {
            Machine::Text(text) => text.push(bytes, now, &mut self.sink),
            Machine::Ssi(ssi) => ssi.push(bytes, now, &mut self.sink),
            Machine::Honeywell(honeywell) => honeywell.push(bytes, now, &mut self.sink),
        }
    }

    /// The next frame or reply, in order.
    pub fn poll(&mut self) -> Option<Output> {
        self.sink.ready.pop_front()
    }

    /// When [`Framer::handle_timeout`] wants to be called if no byte comes before; `None` while nothing is pending.
    pub fn poll_timeout(&self) -> Option<Moment> {
        match &self.machine {
            Machine::Text(text) => text.poll_timeout(),
            Machine::Ssi(ssi) => ssi.poll_timeout(),
            Machine::Honeywell(honeywell) => honeywell.poll_timeout(),
        }
    }

    /// Says that nothing more had arrived by `now`. Earlier than [`Framer::poll_timeout`] it changes nothing.
    pub fn handle_timeout(&mut self, now: Moment) {
        if self.poll_timeout().is_none_or(|due| now < due) {
            return;
        }
        match &mut self.machine {
            Machine::Text(text) => text.quiet(&mut self.sink),
            Machine::Ssi(ssi) => ssi.quiet(&mut self.sink),
            Machine::Honeywell(honeywell) => honeywell.quiet(&mut self.sink),
        }
    }

    /// Drops a partial frame: the scanner went away or was replaced, and what comes next is not its continuation.
    pub fn reset(&mut self, now: Moment) {
        match &mut self.machine {
            Machine::Text(text) => text.reset(now, &mut self.sink),
            Machine::Ssi(ssi) => ssi.reset(now, &mut self.sink),
            Machine::Honeywell(honeywell) => honeywell.reset(now, &mut self.sink),
        }
    }

    /// Says that bytes were lost before `now`: the partial frame is dropped, and so is the rest of it when it comes.
    pub fn damaged(&mut self, now: Moment) {
        self.reset(now);
        if let Machine::Text(text) = &mut self.machine {
            text.swallow(now);
        }
    }

    /// What was seen so far.
    pub fn counts(&self) -> &FrameCounts {
        &self.sink.counts
    }

    /// How many bytes of unfinished frames are held, for tests of boundedness.
    #[cfg(test)]
    fn held_bytes(&self) -> usize {
        match &self.machine {
            Machine::Text(text) => text.held_bytes(),
            Machine::Ssi(ssi) => ssi.held_bytes(),
            Machine::Honeywell(honeywell) => honeywell.held_bytes(),
        }
    }

    /// The latest rejected bytes, oldest first, at most [`NOISE_KEPT_MAX`] of them.
    pub fn rejected(&self) -> impl Iterator<Item = &Rejected> {
        self.sink.noise.iter()
    }
}

/// Where the framings put what they find.
#[derive(Debug, Default)]
struct Sink {
    ready: VecDeque<Output>,
    counts: FrameCounts,
    noise: NoiseLog,
}

impl Sink {
    fn frame(&mut self, bytes: Vec<u8>, at: Moment) {
        self.counts.frames += 1;
        self.ready.push_back(Output::Frame { bytes, at });
    }

    fn reply(&mut self, bytes: Vec<u8>) {
        self.ready.push_back(Output::Reply(bytes));
    }

    /// Rejects a run of `len` bytes that begins with `head`.
    fn reject(&mut self, reason: NoiseReason, head: &[u8], len: usize, at: Moment) {
        self.counts.noise[reason as usize] += 1;
        self.noise.keep(reason, head, len, at);
    }
}

/// `data` behind the AIM identifier `family` and `modifier`, unless the scanner put one there itself.
fn with_aim(family: u8, modifier: u8, data: &[u8]) -> Vec<u8> {
    if data.first() == Some(&b']') {
        return data.to_vec();
    }
    [&[b']', family, modifier], data].concat()
}

/// `data` without the line ending that scanners are often set up to add inside their packets.
fn without_ending(data: &[u8]) -> &[u8] {
    let end = data.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n' | b'\t' | 0 | 3)).map_or(0, |last| last + 1);
    &data[..end]
}
