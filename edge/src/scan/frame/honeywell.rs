//! Honeywell's structured header: `SYN FE`, the payload's length, CR, and a payload that says what it is.
//!
//! A code's payload is `MSGGET`, its length in four digits, Honeywell's own symbology letter, the two AIM characters,
//! GS and the data. Source: enioka_scan, which found it by observation.

use super::noise::Run;
use super::{FRAME_BYTES_MAX, NoiseReason, Sink, with_aim, without_ending};
use packline_protocol::time::Moment;

const SYN: u8 = 0x16;
const GS: u8 = 0x1d;
const HEADER_BYTES: usize = 7;
/// `MSGGET`, four digits, one Honeywell letter, two AIM characters, GS.
const PREFACE_BYTES: usize = 14;
const PAYLOAD_BYTES_MAX: usize = PREFACE_BYTES + FRAME_BYTES_MAX;

/// Frames with Honeywell's header.
#[derive(Debug)]
pub(super) struct HoneywellFramer {
    gap_ms: u64,
    buffer: Vec<u8>,
    skipped: Run,
    last: Moment,
}

/// What the front of the buffer is.
enum Front {
    /// The begin of a message that is not complete.
    Wait,
    /// No message begins at the first byte.
    Not,
    /// A message that takes this many bytes, header included.
    Whole(usize),
}

impl HoneywellFramer {
    pub(super) fn new(gap_ms: u64) -> Self {
        Self { gap_ms, buffer: Vec::new(), skipped: Run::default(), last: Moment(0) }
    }

    pub(super) fn push(&mut self, bytes: &[u8], now: Moment, sink: &mut Sink) {
        if bytes.is_empty() {
            return;
        }
        self.last = now;
        self.buffer.extend_from_slice(bytes);
        self.read_messages(sink);
    }

    pub(super) fn poll_timeout(&self) -> Option<Moment> {
        let pending = !self.buffer.is_empty() || !self.skipped.is_empty();
        pending.then(|| self.last.plus_ms(self.gap_ms))
    }

    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.buffer.len() + self.skipped.head.len()
    }

    pub(super) fn quiet(&mut self, sink: &mut Sink) {
        while !self.buffer.is_empty() {
            self.skip_to_next_syn();
            self.read_messages(sink);
        }
        self.reject_skipped(sink);
    }

    pub(super) fn reset(&mut self, now: Moment, sink: &mut Sink) {
        self.last = now;
        self.reject_skipped(sink);
        if !self.buffer.is_empty() {
            sink.reject(NoiseReason::Truncated, &self.buffer, self.buffer.len(), now);
        }
        self.buffer.clear();
    }

    fn read_messages(&mut self, sink: &mut Sink) {
        while !self.buffer.is_empty() {
            match front(&self.buffer) {
                Front::Wait => return,
                Front::Not => self.skip_to_next_syn(),
                Front::Whole(len) => self.message(len, sink),
            }
        }
    }

    /// Takes the message of `len` bytes off the buffer, unless it is a cut one that swallowed the begin of the next.
    fn message(&mut self, len: usize, sink: &mut Sink) {
        let message: Vec<u8> = self.buffer[..len].to_vec();
        let payload = &message[HEADER_BYTES..];
        let code = payload.starts_with(b"MSGGET").then(|| code(payload));
        if !matches!(code, Some(Some(_))) && payload.contains(&SYN) {
            return self.skip_to_next_syn();
        }
        self.buffer.drain(..len);
        self.reject_skipped(sink);
        match code {
            Some(Some(bytes)) => sink.frame(bytes, self.last),
            Some(None) => sink.reject(NoiseReason::Malformed, &message, len, self.last),
            None => sink.counts.responses += 1,
        }
    }

    fn skip_to_next_syn(&mut self) {
        let next = self.buffer.iter().skip(1).position(|byte| *byte == SYN).map_or(self.buffer.len(), |at| at + 1);
        let bytes: Vec<u8> = self.buffer.drain(..next).collect();
        self.skipped.extend(&bytes);
    }

    fn reject_skipped(&mut self, sink: &mut Sink) {
        let run = self.skipped.take();
        if !run.is_empty() {
            sink.reject(NoiseReason::Unframed, &run.head, run.len, self.last);
        }
    }
}

fn front(bytes: &[u8]) -> Front {
    let Some(header) = bytes.get(..HEADER_BYTES) else {
        let so_far = bytes.first() == Some(&SYN) && bytes.get(1).is_none_or(|byte| *byte == 0xfe);
        return if so_far { Front::Wait } else { Front::Not };
    };
    let [SYN, 0xfe, a, b, c, d, b'\r'] = *header else { return Front::Not };
    match usize::try_from(u32::from_le_bytes([a, b, c, d])) {
        Ok(length) if length <= PAYLOAD_BYTES_MAX && bytes.len() >= HEADER_BYTES + length => {
            Front::Whole(HEADER_BYTES + length)
        }
        Ok(length) if length <= PAYLOAD_BYTES_MAX => Front::Wait,
        _ => Front::Not,
    }
}

/// The code in a `MSGGET` payload, behind its AIM identifier; `None` when its parts contradict each other.
fn code(payload: &[u8]) -> Option<Vec<u8>> {
    let (preface, data) = payload.split_at_checked(PREFACE_BYTES)?;
    let digits = std::str::from_utf8(preface.get(6..10)?).ok()?;
    let length: usize = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let [_, family, modifier, GS] = *preface.get(10..)? else { return None };
    let data = without_ending(Some(data).filter(|data| data.len() == length)?);
    let aim_is_known = family.is_ascii_alphabetic() && modifier.is_ascii_alphanumeric();
    Some(if aim_is_known { with_aim(family, modifier, data) } else { data.to_vec() })
}
