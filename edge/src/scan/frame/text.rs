//! Text framing: a code ends at a terminator or at silence; an STX in front is not part of it.

use super::{FRAME_BYTES_MAX, NoiseReason, Sink, Terminator};
use packline_protocol::time::Moment;

const NUL: u8 = 0;
const STX: u8 = 2;
const ETX: u8 = 3;
const TAB: u8 = 9;
const LF: u8 = 10;
const CR: u8 = 13;
const CAN: u8 = 24;

/// Frames of text.
#[derive(Debug)]
pub(super) struct TextFramer {
    ends: Ends,
    gap_ms: u64,
    buffer: Vec<u8>,
    state: State,
    /// The frame began with STX, so that even an empty one is meant.
    stx: bool,
    /// A CR that may be half of a CRLF, where a CR alone ends nothing.
    held_cr: bool,
    /// The last frame ended with a CR: a LF right behind it is the other half of a CRLF.
    after_cr: bool,
    last: Moment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing since the last terminator.
    Idle,
    /// Inside a frame.
    Filling,
    /// Inside an overlong frame, until it ends.
    Swallowing,
}

/// Which bytes end a frame.
#[derive(Debug)]
struct Ends {
    cr: bool,
    lf: bool,
    crlf: bool,
    tab: bool,
    etx: bool,
    nul: bool,
}

impl Ends {
    fn at(&self, byte: u8) -> bool {
        match byte {
            CR => self.cr,
            LF => self.lf,
            TAB => self.tab,
            ETX => self.etx,
            NUL => self.nul,
            _ => false,
        }
    }
}

impl TextFramer {
    pub(super) fn new(terminators: &[Terminator], gap_ms: u64) -> Self {
        let has = |terminator| terminators.contains(&terminator);
        let ends = Ends {
            cr: has(Terminator::Cr),
            lf: has(Terminator::Lf),
            crlf: has(Terminator::CrLf),
            tab: has(Terminator::Tab),
            etx: has(Terminator::Etx),
            nul: has(Terminator::Nul),
        };
        Self {
            ends,
            gap_ms,
            buffer: Vec::new(),
            state: State::Idle,
            stx: false,
            held_cr: false,
            after_cr: false,
            last: Moment(0),
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8], now: Moment, sink: &mut Sink) {
        for byte in bytes {
            self.last = now;
            self.byte(*byte, sink);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Moment> {
        (self.state != State::Idle || self.held_cr).then(|| self.last.plus_ms(self.gap_ms))
    }

    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.buffer.len()
    }

    pub(super) fn quiet(&mut self, sink: &mut Sink) {
        self.end(sink);
    }

    pub(super) fn reset(&mut self, now: Moment, sink: &mut Sink) {
        if !self.buffer.is_empty() {
            sink.reject(NoiseReason::Truncated, &self.buffer, self.buffer.len(), now);
        }
        self.buffer.clear();
        self.state = State::Idle;
        (self.stx, self.held_cr, self.after_cr) = (false, false, false);
    }

    /// Drops everything up to the end of the frame that is being sent.
    pub(super) fn swallow(&mut self, now: Moment) {
        self.state = State::Swallowing;
        self.last = now;
    }

    fn byte(&mut self, byte: u8, sink: &mut Sink) {
        let after_cr = std::mem::take(&mut self.after_cr);
        if after_cr && byte == LF {
            return;
        }
        if std::mem::take(&mut self.held_cr) {
            if byte == LF {
                return self.end(sink);
            }
            self.add(CR, sink);
        }
        if self.ends.at(byte) {
            self.end(sink);
            self.after_cr = byte == CR;
        } else if byte == STX {
            self.begin(sink);
        } else if byte == CR && self.ends.crlf {
            self.held_cr = true;
        } else {
            self.add(byte, sink);
        }
    }

    fn begin(&mut self, sink: &mut Sink) {
        if !self.buffer.is_empty() {
            sink.reject(NoiseReason::Interrupted, &self.buffer, self.buffer.len(), self.last);
            self.buffer.clear();
        }
        self.state = State::Filling;
        self.stx = true;
    }

    fn add(&mut self, byte: u8, sink: &mut Sink) {
        if self.state == State::Swallowing {
            return;
        }
        if self.buffer.len() == FRAME_BYTES_MAX {
            sink.reject(NoiseReason::Overrun, &self.buffer, FRAME_BYTES_MAX, self.last);
            self.buffer = Vec::new();
            self.state = State::Swallowing;
            self.stx = false;
            return;
        }
        self.state = State::Filling;
        self.buffer.push(byte);
    }

    fn end(&mut self, sink: &mut Sink) {
        self.state = State::Idle;
        self.held_cr = false;
        let stx = std::mem::take(&mut self.stx);
        if self.buffer.is_empty() && !stx {
            return;
        }
        let bytes = std::mem::take(&mut self.buffer);
        match noise(&bytes) {
            Some(reason) => sink.reject(reason, &bytes, bytes.len(), self.last),
            None => sink.frame(bytes, self.last),
        }
    }
}

/// Why a whole frame cannot come from a scanner, if so.
fn noise(bytes: &[u8]) -> Option<NoiseReason> {
    if bytes == b"AT" || bytes.starts_with(b"AT+") {
        return Some(NoiseReason::ModemProbe);
    }
    // A lone CAN is what some fixed readers send for "nothing read"; ISO 15434 data uses EOT and FS to US inside.
    let control = |byte: u8| (byte < 0x20 && !matches!(byte, 4 | TAB | LF | CR | 0x1c..=0x1f)) || byte == 0x7f;
    let controls = bytes.iter().filter(|byte| control(**byte)).count();
    (bytes != [CAN] && controls * 2 > bytes.len()).then_some(NoiseReason::Unprintable)
}
