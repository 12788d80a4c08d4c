//! Zebra's Simple Serial Interface: packets of length, opcode, source, status, data and checksum.
//!
//! Every packet from the scanner is acknowledged, else it is sent twice more with the resend bit set; such a repetition
//! makes no second frame. Big codes come in several packets: either DECODE_DATA with the continuation bit, or, over
//! Bluetooth, numbered segments that begin with the whole length.
//! Sources: Zebra's SSI guide 72E-40451 for packets, enioka_scan for segments.

use super::noise::Run;
use super::{FRAME_BYTES_MAX, NoiseReason, Sink, with_aim, without_ending};
use packline_protocol::time::Moment;

/// Host: the packet was read.
pub const CMD_ACK: u8 = 0xd0;
/// Host: the packet was damaged, send it again.
pub const CMD_NAK: u8 = 0xd1;
/// Scanner: a code.
pub const DECODE_DATA: u8 = 0xf3;
const SEGMENT: u8 = 0x73;
const SEGMENT_ACK: u8 = 0x74;
const FROM_HOST: u8 = 0x04;
const NAK_RESEND: u8 = 1;
const RESENT: u8 = 1;
const CONTINUES: u8 = 2;

/// A scanner gives up after two resends of at most 9.9 s each; an equal packet later is a new scan whose first copy was lost.
const RESEND_WINDOW_MS: u64 = 20_000;
/// The rest of a code in several packets has to begin within this time.
const ASSEMBLY_MS: u64 = 3000;

/// A packet from the host with this opcode and data (at most 251 bytes, what is more is left out).
pub fn packet(opcode: u8, data: &[u8]) -> Vec<u8> {
    let data = &data[..data.len().min(251)];
    let mut packet = vec![4 + data.len() as u8, opcode, FROM_HOST, 0];
    packet.extend_from_slice(data);
    packet.extend_from_slice(&checksum(&packet).to_be_bytes());
    packet
}

/// The two's complement of the sum of all bytes.
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0u16, |sum, byte| sum.wrapping_add(u16::from(*byte))).wrapping_neg()
}

/// Frames of SSI packets.
#[derive(Debug)]
pub(super) struct SsiFramer {
    gap_ms: u64,
    buffer: Vec<u8>,
    skipped: Run,
    assembly: Assembly,
    last_packet: Option<(Vec<u8>, Moment)>,
    last: Moment,
}

/// The packets of one code that have arrived so far.
#[derive(Debug, Default)]
struct Assembly {
    data: Vec<u8>,
    symbology: u8,
    parts: usize,
    /// Segments only: how many bytes the code has.
    wanted: usize,
}

/// A packet with a good checksum.
struct Packet<'a> {
    opcode: u8,
    status: u8,
    body: &'a [u8],
}

impl SsiFramer {
    pub(super) fn new(gap_ms: u64) -> Self {
        Self {
            gap_ms,
            buffer: Vec::new(),
            skipped: Run::default(),
            assembly: Assembly::default(),
            last_packet: None,
            last: Moment(0),
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8], now: Moment, sink: &mut Sink) {
        if bytes.is_empty() {
            return;
        }
        self.last = now;
        self.buffer.extend_from_slice(bytes);
        self.read_packets(sink);
    }

    pub(super) fn poll_timeout(&self) -> Option<Moment> {
        if !self.buffer.is_empty() || !self.skipped.is_empty() {
            Some(self.last.plus_ms(self.gap_ms))
        } else {
            (self.assembly.parts > 0).then(|| self.last.plus_ms(ASSEMBLY_MS))
        }
    }

    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.buffer.len() + self.assembly.data.len() + self.skipped.head.len()
    }

    /// The line is silent: what looks like the begin of a packet is none, and the scanner waits for an answer.
    pub(super) fn quiet(&mut self, sink: &mut Sink) {
        if self.buffer.is_empty() && self.skipped.is_empty() {
            return self.give_up_assembly(sink);
        }
        let frames = sink.counts.frames;
        while !self.buffer.is_empty() {
            self.skip_one();
            self.read_packets(sink);
        }
        self.reject_skipped(sink);
        if sink.counts.frames == frames {
            sink.reply(packet(CMD_NAK, &[NAK_RESEND]));
        }
    }

    pub(super) fn reset(&mut self, now: Moment, sink: &mut Sink) {
        self.last = now;
        self.reject_skipped(sink);
        if !self.buffer.is_empty() {
            sink.reject(NoiseReason::Truncated, &self.buffer, self.buffer.len(), now);
        }
        self.buffer.clear();
        self.give_up_assembly(sink);
        self.last_packet = None;
    }

    /// Takes whole packets off the buffer; a byte at which no packet can begin is skipped.
    fn read_packets(&mut self, sink: &mut Sink) {
        while let Some(length) = self.buffer.first().map(|first| usize::from(*first)) {
            if !begins_packet(&self.buffer) {
                self.skip_one();
                continue;
            }
            let Some(whole) = self.buffer.get(..length + 2) else { return };
            if whole[length..] != checksum(&whole[..length]).to_be_bytes() {
                self.skip_one();
                continue;
            }
            let bytes: Vec<u8> = self.buffer.drain(..length + 2).collect();
            self.reject_skipped(sink);
            self.packet(&bytes[..length], sink);
        }
    }

    fn packet(&mut self, bytes: &[u8], sink: &mut Sink) {
        let packet = Packet { opcode: bytes[1], status: bytes[3], body: &bytes[4..] };
        match packet.opcode {
            DECODE_DATA if self.is_repetition(bytes, packet.status) => {
                sink.counts.resent += 1;
                acknowledge(CMD_ACK, sink);
            }
            DECODE_DATA => {
                self.last_packet = Some((bytes.to_vec(), self.last));
                acknowledge(CMD_ACK, sink);
                self.decode_data(&packet, sink);
            }
            SEGMENT if self.is_repeated_segment(bytes) => {
                sink.counts.resent += 1;
                acknowledge(if self.assembly.parts > 0 { SEGMENT_ACK } else { CMD_ACK }, sink);
            }
            SEGMENT => {
                self.last_packet = Some((bytes.to_vec(), self.last));
                self.segment(&packet, sink);
            }
            CMD_ACK | CMD_NAK => sink.counts.responses += 1,
            _ => {
                sink.counts.responses += 1;
                acknowledge(CMD_ACK, sink);
            }
        }
    }

    /// Whether these are the bytes of the last packet once more, marked as a resend.
    fn is_repetition(&self, bytes: &[u8], status: u8) -> bool {
        let Some((previous, at)) = &self.last_packet else { return false };
        let same = previous.len() == bytes.len() && previous[4..] == bytes[4..];
        status & RESENT != 0 && same && self.last.since_ms(*at) <= RESEND_WINDOW_MS
    }

    /// Whether these are the bytes of the last segment once more; a first segment may as well be a new scan.
    fn is_repeated_segment(&self, bytes: &[u8]) -> bool {
        let Some((previous, at)) = &self.last_packet else { return false };
        bytes.get(4).is_some_and(|number| *number > 0)
            && previous == bytes
            && self.last.since_ms(*at) <= RESEND_WINDOW_MS
    }

    fn decode_data(&mut self, packet: &Packet<'_>, sink: &mut Sink) {
        let Some((symbology, data)) = packet.body.split_first() else {
            return sink.reject(NoiseReason::Malformed, packet.body, packet.body.len(), self.last);
        };
        if self.assembly.wanted > 0 {
            self.give_up_assembly(sink);
        }
        self.assembly.symbology = *symbology;
        self.assembly.add(data);
        if packet.status & CONTINUES == 0 {
            self.finish(sink);
        }
    }

    /// A numbered segment; the first one brings opcode, source, status, lengths and symbology of the whole code.
    fn segment(&mut self, packet: &Packet<'_>, sink: &mut Sink) {
        let Some((number, rest)) = packet.body.split_first() else {
            return sink.reject(NoiseReason::Malformed, packet.body, packet.body.len(), self.last);
        };
        let data = match (number, rest) {
            (0, [DECODE_DATA, _, _, _, _, symbology, _, high, low, data @ ..]) => {
                self.give_up_assembly(sink);
                self.assembly.symbology = *symbology;
                self.assembly.wanted = usize::from(u16::from_be_bytes([*high, *low]));
                data
            }
            (number, data) if usize::from(*number) == self.assembly.parts && self.assembly.wanted > 0 => data,
            // A segment before was lost: without its order the code cannot be trusted.
            _ => {
                self.give_up_assembly(sink);
                return sink.reject(NoiseReason::Malformed, packet.body, packet.body.len(), self.last);
            }
        };
        self.assembly.add(data);
        if self.assembly.data.len() < self.assembly.wanted {
            return acknowledge(SEGMENT_ACK, sink);
        }
        acknowledge(CMD_ACK, sink);
        self.assembly.data.truncate(self.assembly.wanted);
        self.finish(sink);
    }

    fn finish(&mut self, sink: &mut Sink) {
        let assembly = std::mem::take(&mut self.assembly);
        if assembly.data.len() > FRAME_BYTES_MAX {
            return sink.reject(NoiseReason::Overrun, &assembly.data, assembly.data.len(), self.last);
        }
        let data = without_ending(&assembly.data);
        let bytes = match aim(assembly.symbology) {
            Some([family, modifier]) => with_aim(family, modifier, data),
            None => data.to_vec(),
        };
        sink.frame(bytes, self.last);
    }

    fn give_up_assembly(&mut self, sink: &mut Sink) {
        let assembly = std::mem::take(&mut self.assembly);
        if assembly.parts > 0 {
            sink.reject(NoiseReason::Truncated, &assembly.data, assembly.data.len(), self.last);
        }
    }

    fn skip_one(&mut self) {
        let first: Vec<u8> = self.buffer.drain(..1).collect();
        self.skipped.extend(&first);
    }

    fn reject_skipped(&mut self, sink: &mut Sink) {
        let run = self.skipped.take();
        if !run.is_empty() {
            sink.reject(NoiseReason::Unframed, &run.head, run.len, self.last);
        }
    }
}

impl Assembly {
    /// Adds a part; beyond the longest frame only the excess is remembered, not the bytes.
    fn add(&mut self, data: &[u8]) {
        self.parts += 1;
        let room = (FRAME_BYTES_MAX + 1).saturating_sub(self.data.len());
        self.data.extend(data.iter().take(room));
    }
}

fn acknowledge(opcode: u8, sink: &mut Sink) {
    sink.reply(packet(opcode, &[]));
}

/// Whether these bytes, as far as they go, can be the begin of a packet from a scanner.
fn begins_packet(bytes: &[u8]) -> bool {
    let length = bytes.first().is_some_and(|length| *length >= 4);
    let opcode = bytes.get(1).is_none_or(|opcode| *opcode >= 0x70);
    let segment = bytes.get(1) == Some(&SEGMENT);
    let source = bytes.get(2).is_none_or(|source| *source == 0 || (segment && *source == CONTINUES));
    length && opcode && source
}

/// The AIM identifier of an SSI symbology, where one SSI number means one identifier for certain.
///
/// Data Matrix and QR have none here: SSI does not say whether they carry GS1 data.
fn aim(symbology: u8) -> Option<[u8; 2]> {
    Some(match symbology {
        0x01 => *b"A0",
        0x02 => *b"F0",
        0x03 => *b"C0",
        0x06 => *b"I0",
        0x07 => *b"G0",
        0x08 | 0x0b => *b"E0",
        0x0a => *b"E4",
        0x0f => *b"C1",
        0x11 => *b"L0",
        0x30..=0x32 => *b"e0",
        _ => return None,
    })
}
