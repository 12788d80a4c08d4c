use super::*;
use proptest::prelude::*;

/// A framer that is fed by lines of a table: bytes arrive at once, `quiet` lets the gap pass.
struct Table {
    framer: Framer,
    now: Moment,
    frames: Vec<String>,
    replies: Vec<String>,
}

impl Table {
    fn new(settings: &FramerSettings) -> Self {
        Self { framer: Framer::new(settings), now: Moment(1000), frames: Vec::new(), replies: Vec::new() }
    }

    fn read(&mut self, bytes: &[u8]) -> &mut Self {
        self.framer.push(bytes, self.now);
        self.drain()
    }

    fn quiet(&mut self) -> &mut Self {
        self.now = self.framer.poll_timeout().unwrap_or(self.now);
        self.framer.handle_timeout(self.now);
        self.drain()
    }

    fn replug(&mut self) -> &mut Self {
        self.framer.reset(self.now);
        self.drain()
    }

    fn drain(&mut self) -> &mut Self {
        while let Some(output) = self.framer.poll() {
            match output {
                Output::Frame { bytes, .. } => self.frames.push(String::from_utf8_lossy(&bytes).into_owned()),
                Output::Reply(bytes) => self.replies.push(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
            }
        }
        self
    }

    /// Frames joined by `|`, then reasons of what was rejected.
    fn seen(&self) -> String {
        let rejected: Vec<&str> = self.framer.rejected().map(|rejected| rejected.reason.name()).collect();
        let frames = self.frames.join("|");
        if rejected.is_empty() { frames } else { format!("{frames} !{}", rejected.join(" !")) }
    }
}

fn text(terminators: &[Terminator]) -> FramerSettings {
    FramerSettings { framing: Framing::Text, terminators: terminators.to_vec(), idle_gap_ms: 80 }
}

fn packets(framing: Framing) -> FramerSettings {
    FramerSettings { framing, terminators: Vec::new(), idle_gap_ms: 80 }
}

/// Reads each chunk, then lets the line fall silent.
#[track_caller]
fn check(settings: &FramerSettings, chunks: &[&[u8]], seen: &str) {
    let mut table = Table::new(settings);
    for chunk in chunks {
        table.read(chunk);
    }
    assert_eq!(table.quiet().seen(), seen, "{chunks:?}");
}

mod text_frames {
    use super::*;

    #[test]
    fn every_terminator_ends_a_frame() {
        let all = text(&Terminator::ALL);
        check(&all, &[b"A\rB\nC\r\nD\tE\x03F\0"], "A|B|C|D|E|F");
        check(&all, &[b"\x02A\x03\r\n\x02B\x03\r\n"], "A|B");
    }

    #[test]
    fn silence_ends_a_frame_of_a_scanner_that_sends_no_terminator() {
        let mut table = Table::new(&text(&Terminator::ALL));
        table.read(b"4006381");
        assert_eq!(table.framer.poll_timeout(), Some(Moment(1080)));
        table.framer.handle_timeout(Moment(1079));
        assert_eq!(table.drain().seen(), "");
        table.read(b"333931");
        table.framer.handle_timeout(Moment(1080));
        assert_eq!(table.drain().seen(), "4006381333931");
        assert_eq!(table.framer.poll_timeout(), None);
    }

    #[test]
    fn a_slow_reader_of_the_port_does_not_cut_a_frame_in_two() {
        let mut table = Table::new(&text(&Terminator::ALL));
        table.read(b"40063");
        table.now = Moment(9000);
        assert_eq!(table.read(b"81333931\r").seen(), "4006381333931");
    }

    #[test]
    fn the_line_feed_of_a_crlf_in_the_next_read_is_no_empty_frame() {
        check(&text(&Terminator::ALL), &[b"A\r", b"\n", b"B\r", b"\nC\r"], "A|B|C");
        check(&text(&[Terminator::Cr]), &[b"A\r\nB\r\n"], "A|B");
    }

    #[test]
    fn with_crlf_alone_a_carriage_return_is_part_of_the_code() {
        let crlf = text(&[Terminator::CrLf]);
        check(&crlf, &[b"A\rB\r\nC\r", b"\nD\nE\r\n"], "A\rB|C|D\nE");
        check(&crlf, &[b"A\r"], "A");
    }

    #[test]
    fn what_is_not_configured_is_data() {
        check(&text(&[Terminator::Lf]), &[b"A\tB\rC\n"], "A\tB\rC");
        check(&text(&[]), &[b"A\r\nB"], "A\r\nB");
    }

    #[test]
    fn empty_lines_are_nothing_but_an_explicitly_empty_frame_is_a_frame() {
        let all = text(&Terminator::ALL);
        check(&all, &[b"\r\n\r\n\0\0\t"], "");
        let mut table = Table::new(&all);
        table.read(b"\x02\x03\r\n");
        assert_eq!(table.frames, [""]);
    }

    #[test]
    fn a_frame_that_another_one_interrupts_is_rejected_not_joined() {
        check(&text(&Terminator::ALL), &[b"4006\x024006381333931\x03"], "4006381333931 !interrupted");
    }

    #[test]
    fn a_group_separator_is_data() {
        check(
            &text(&Terminator::ALL),
            &[b"]C1010400638133393110AB\x1d17260101\r"],
            "]C1010400638133393110AB\x1d17260101",
        );
    }

    #[test]
    fn the_longest_frame_passes_and_one_byte_more_is_swallowed_to_its_end() {
        let all = text(&Terminator::ALL);
        let longest = vec![b'7'; FRAME_BYTES_MAX];
        let mut table = Table::new(&all);
        table.read(&longest).read(b"\r");
        assert_eq!(table.frames[0].len(), FRAME_BYTES_MAX);
        let mut table = Table::new(&all);
        table.read(&longest).read(b"77").read(&longest).read(b"7\rA\r");
        assert_eq!(table.seen(), "A !overrun");
        let rejected = table.framer.rejected().next().unwrap();
        assert_eq!((rejected.head.len(), rejected.len), (NOISE_BYTES_MAX, FRAME_BYTES_MAX));
    }

    #[test]
    fn an_overlong_frame_ends_at_silence_at_a_crlf_and_at_the_next_stx_too() {
        let longest = vec![b'7'; FRAME_BYTES_MAX + 1];
        let mut table = Table::new(&text(&[Terminator::CrLf]));
        table.read(&longest).quiet().read(b"A\r\n").read(&longest).read(b"\r\nB\r\n").read(&longest).read(b"\x02C\r\n");
        assert_eq!(table.seen(), "A|B|C !overrun !overrun !overrun");
    }

    #[test]
    fn a_partial_frame_never_meets_the_next_one_after_a_replug() {
        let mut table = Table::new(&text(&[Terminator::Cr]));
        table.read(b"400638").replug().read(b"73111\r");
        assert_eq!(table.seen(), "73111 !truncated");
        table.read(b"A\r").replug().read(b"\nB\r");
        assert_eq!(table.frames, ["73111", "A", "\nB"], "the line feed of another device belongs to nothing before it");
    }

    #[test]
    fn a_frame_of_which_bytes_were_lost_is_dropped_to_its_end() {
        let mut table = Table::new(&text(&Terminator::ALL));
        table.read(b"40063");
        table.framer.damaged(table.now);
        assert_eq!(table.read(b"931\rA\r").seen(), "A !truncated");
        table.framer.damaged(table.now);
        assert_eq!(table.quiet().read(b"B\r").seen(), "A|B !truncated");
    }

    #[test]
    fn noise_is_counted_by_reason_and_kept_raw() {
        let all = text(&Terminator::ALL);
        check(&all, &[b"AT\r", b"AT+GCAP\r", b"\x07\x1b\x16A\r"], " !modem-probe !modem-probe !unprintable");
        check(&all, &[b"ATLAS-7\r", b"\x18\r", b"A\x07B\r"], "ATLAS-7|\u{18}|A\u{7}B");
        let mut table = Table::new(&all);
        for _ in 0..100 {
            table.read(b"AT\r");
        }
        assert_eq!(table.framer.rejected().count(), NOISE_KEPT_MAX);
        assert_eq!(table.framer.counts().noise(NoiseReason::ModemProbe), 100);
    }
}

mod ssi_frames {
    use super::*;

    const ACK: &str = "04d00400ff28";
    const NAK: &str = "05d1040001ff25";
    const SEGMENT_ACK: &str = "04740400ff84";

    fn sent(opcode: u8, status: u8, body: &[u8]) -> Vec<u8> {
        let mut packet = vec![4 + body.len() as u8, opcode, 0, status];
        packet.extend_from_slice(body);
        let sum = packet.iter().fold(0u16, |sum, byte| sum.wrapping_add(u16::from(*byte))).wrapping_neg();
        packet.extend_from_slice(&sum.to_be_bytes());
        packet
    }

    fn code(symbology: u8, status: u8, data: &[u8]) -> Vec<u8> {
        sent(ssi::DECODE_DATA, status, &[&[symbology], data].concat())
    }

    #[track_caller]
    fn check(reads: &[&[u8]], seen: &str, replies: &[&str]) {
        let mut table = Table::new(&packets(Framing::ZebraSsi));
        for read in reads {
            if read.is_empty() {
                table.quiet()
            } else {
                table.read(read)
            };
        }
        assert_eq!(
            (table.seen().as_str(), table.replies.as_slice()),
            (seen, replies.iter().map(|r| (*r).to_owned()).collect::<Vec<_>>().as_slice())
        );
    }

    #[test]
    fn a_packet_is_a_frame_and_is_acknowledged() {
        check(&[&code(0x0b, 0, b"4006381333931")], "]E04006381333931", &[ACK]);
        check(&[&code(0x1c, 0, b"http://x.example\r\n")], "http://x.example", &[ACK]);
        check(&[&code(0x03, 0, b"]C0SF1331875979567")], "]C0SF1331875979567", &[ACK]);
        check(&[&code(0x0f, 0, b"0104006381333931\x1d")], "]C10104006381333931\x1d", &[ACK]);
    }

    #[test]
    fn a_packet_sent_again_is_acknowledged_again_but_is_one_frame() {
        check(&[&code(3, 0, b"A"), &code(3, 1, b"A"), &code(3, 1, b"A")], "]C0A", &[ACK, ACK, ACK]);
    }

    #[test]
    fn a_packet_sent_again_whose_first_copy_was_lost_is_a_frame() {
        check(&[&code(3, 0, b"A"), &code(3, 1, b"B")], "]C0A|]C0B", &[ACK, ACK]);
    }

    #[test]
    fn the_same_code_scanned_again_is_a_frame_again() {
        check(&[&code(3, 0, b"A"), &code(3, 0, b"A")], "]C0A|]C0A", &[ACK, ACK]);
        let mut table = Table::new(&packets(Framing::ZebraSsi));
        table.read(&code(3, 0, b"A"));
        table.now = Moment(60_000);
        assert_eq!(table.read(&code(3, 1, b"A")).seen(), "]C0A|]C0A", "a resend a minute later repeats nothing");
    }

    #[test]
    fn a_damaged_packet_is_asked_for_again_once_the_line_is_silent() {
        let mut damaged = code(3, 0, b"SF1331875979567");
        damaged[8] ^= 1;
        check(&[&damaged, b"", &code(3, 1, b"SF1331875979567")], "]C0SF1331875979567 !unframed", &[NAK, ACK]);
    }

    #[test]
    fn a_packet_behind_noise_is_found() {
        let good = code(3, 0, b"SF1331875979567");
        let noisy = [b"\x05boot banner\xff\xf3\0\0".as_slice(), &good].concat();
        check(&[&noisy, b""], "]C0SF1331875979567 !unframed", &[ACK]);
        check(&[&good[..9], b"", &good], "]C0SF1331875979567 !unframed", &[NAK, ACK]);
    }

    #[test]
    fn a_code_in_several_packets_is_one_frame() {
        let parts = [code(0x1c, 2, &[b'Z'; 250]), code(0x1c, 2, &[b'Y'; 250]), code(0x1c, 0, b"X")];
        let whole = ["Z".repeat(250), "Y".repeat(250), "X".to_owned()].concat();
        check(&[&parts[0], &parts[1], &parts[2]], &whole, &[ACK, ACK, ACK]);
        check(&[&parts[0], &parts[1], b"", &code(3, 0, b"A")], "]C0A !truncated", &[ACK, ACK, ACK]);
    }

    #[test]
    fn a_code_of_too_many_packets_is_an_overrun_and_memory_stays_bounded() {
        let mut table = Table::new(&packets(Framing::ZebraSsi));
        for n in 0..200u8 {
            table.read(&code(0x1c, 2, &[n; 250]));
        }
        assert_eq!(table.read(&code(0x1c, 0, b"end")).seen(), " !overrun");
    }

    /// The numbered segments of a real RS5100 as reported by the enioka_scan project: 500 times Z in a QR code.
    #[test]
    fn numbered_segments_are_one_frame() {
        let segment = |head: &[u8], length: usize, sum: [u8; 2]| {
            let mut packet = head.to_vec();
            packet.resize(length, b'Z');
            packet.extend_from_slice(&sum);
            packet
        };
        let first = segment(&[0xff, 0x73, 2, 0, 0, 0xf3, 0, 0, 1, 0xf7, 0x1c, 1, 1, 0xf4], 255, [0xa6, 0xd5]);
        let second = segment(&[0xff, 0x73, 0, 0, 1], 255, [0xa6, 0xa9]);
        let third = segment(&[0x0e, 0x73, 0, 0, 2], 14, [0xfc, 0x53]);
        let whole = "Z".repeat(500);
        check(&[&first, &second, &third], &whole, &[SEGMENT_ACK, SEGMENT_ACK, ACK]);
        check(&[&first, &second, &second, &third, &third], &whole, &[SEGMENT_ACK, SEGMENT_ACK, SEGMENT_ACK, ACK, ACK]);
        check(&[&first, &third], " !truncated !malformed", &[SEGMENT_ACK]);
    }

    #[test]
    fn answers_and_events_make_no_frame() {
        check(&[&sent(0xd0, 0, &[]), &sent(0xf6, 0, &[3]), &sent(0xa4, 0, b"NBRSPAAC")], "", &[ACK, ACK]);
    }

    #[test]
    fn a_replug_forgets_everything() {
        let mut table = Table::new(&packets(Framing::ZebraSsi));
        table.read(&code(3, 0, b"A")).read(&code(3, 2, b"half")).read(&[9, 0xf3]).replug().read(&code(3, 1, b"A"));
        assert_eq!(table.seen(), "]C0A|]C0A !truncated !truncated");
    }
}

mod honeywell_frames {
    use super::*;

    fn message(payload: &[u8]) -> Vec<u8> {
        [b"\x16\xfe".as_slice(), &(payload.len() as u32).to_le_bytes(), b"\r", payload].concat()
    }

    fn code(aim: &str, data: &[u8]) -> Vec<u8> {
        message(&[format!("MSGGET{:04}j{aim}\x1d", data.len()).as_bytes(), data].concat())
    }

    #[track_caller]
    fn check(reads: &[&[u8]], seen: &str) {
        let mut table = Table::new(&packets(Framing::HoneywellHeader));
        for read in reads {
            if read.is_empty() {
                table.quiet()
            } else {
                table.read(read)
            };
        }
        assert_eq!(table.seen(), seen, "{reads:?}");
    }

    #[test]
    fn a_message_is_a_frame_with_its_aim_identifier() {
        check(&[&code("C0", b"SF1331875979567\r")], "]C0SF1331875979567");
        check(&[&code("C1", b"0104006381333931\x1d17260101\r")], "]C10104006381333931\x1d17260101");
        check(&[&code("E0", b"4006381333931"), &code("Q1", b"B\r")], "]E04006381333931|]Q1B");
        check(&[&code("\0\0", b"A\r")], "A");
    }

    #[test]
    fn data_that_looks_like_a_header_stays_data() {
        let inner = code("C0", b"A\r");
        check(&[&code("Q1", &inner)], &format!("]Q1{}", String::from_utf8_lossy(&inner[..inner.len() - 1])));
    }

    #[test]
    fn other_messages_are_counted_and_make_no_frame() {
        let mut table = Table::new(&packets(Framing::HoneywellHeader));
        table.read(&message(b"REVINF: 1.0")).read(&code("C0", b"A\r"));
        assert_eq!((table.seen().as_str(), table.framer.counts().responses), ("]C0A", 1));
    }

    #[test]
    fn bytes_outside_a_message_are_rejected_and_the_next_message_is_found() {
        let good = code("C0", b"A\r");
        check(&[b"4006381333931\r", b"", &good], "]C0A !unframed");
        check(&[&[b"\x16\x16\xfe\x16".as_slice(), &good].concat()], "]C0A !unframed");
        check(&[&good[..12], b"", &good], "]C0A !unframed");
        check(&[&[&good[..12], &good].concat(), b""], "]C0A !unframed");
    }

    #[test]
    fn lengths_that_contradict_each_other_are_rejected() {
        check(&[&message(b"MSGGET0009jC0\x1dA\r")], " !malformed");
        check(&[&message(b"MSGGET+002jC0\x1dA\r")], " !malformed");
        check(&[&message(b"MSGGET")], " !malformed");
        check(&[&message(b"MSGGET0002jC0 A\r")], " !malformed");
        check(&[b"\x16\xfe\xff\xff\xff\xff\rMSGGET", b""], " !unframed");
    }

    #[test]
    fn a_replug_drops_the_half_message() {
        let good = code("C0", b"A\r");
        let mut table = Table::new(&packets(Framing::HoneywellHeader));
        table.read(&good[..20]).replug().read(&good);
        assert_eq!(table.seen(), "]C0A !truncated");
    }
}

/// Everything a framer did: outputs, counts, kept noise.
fn run(settings: &FramerSettings, chunks: &[&[u8]]) -> (Vec<Output>, FrameCounts, Vec<Rejected>) {
    let mut framer = Framer::new(settings);
    let mut outputs = Vec::new();
    for chunk in chunks {
        framer.push(chunk, Moment(5));
        outputs.extend(std::iter::from_fn(|| framer.poll()));
    }
    while let Some(due) = framer.poll_timeout() {
        framer.handle_timeout(due.max(Moment(5)));
        outputs.extend(std::iter::from_fn(|| framer.poll()));
    }
    let rejected = framer.rejected().cloned().collect();
    (outputs, framer.counts().clone(), rejected)
}

fn any_settings() -> impl Strategy<Value = FramerSettings> {
    let framing = prop_oneof![Just(Framing::Text), Just(Framing::ZebraSsi), Just(Framing::HoneywellHeader)];
    (framing, prop::sample::subsequence(Terminator::ALL.to_vec(), 0..=6))
        .prop_map(|(framing, terminators)| FramerSettings { framing, terminators, idle_gap_ms: 80 })
}

/// Bytes rich in what framers look for: pieces of every framing, whole, cut and damaged.
fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        prop::sample::select(b"\x02\x03\r\n\t\0\x16\xfe\x1d\xff\xf3\x73\x04".to_vec()).prop_map(|byte| vec![byte]),
        "[A-Z0-9]{1,20}(\r|\n|\r\n|\t|\x03|\0)".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 1..60).prop_map(|data| {
            let mut packet = vec![4 + data.len() as u8, 0xf3, 0, 0];
            packet.extend(data);
            let sum = packet.iter().fold(0u16, |sum, byte| sum.wrapping_add(u16::from(*byte))).wrapping_neg();
            packet.extend(sum.to_be_bytes());
            packet
        }),
        prop::collection::vec(any::<u8>(), 1..60).prop_map(|data| {
            let payload = [format!("MSGGET{:04}jC0\x1d", data.len()).as_bytes(), &data].concat();
            [b"\x16\xfe".as_slice(), &(payload.len() as u32).to_le_bytes(), b"\r", &payload].concat()
        }),
    ];
    let cut = (piece, any::<prop::sample::Index>(), 0u8..4).prop_map(|(mut piece, at, what)| {
        match what {
            0 if !piece.is_empty() => piece.truncate(at.index(piece.len())),
            1 if !piece.is_empty() => {
                let at = at.index(piece.len());
                piece[at] ^= 0x10;
            }
            _ => {}
        }
        piece
    });
    prop::collection::vec(cut, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_chunking_of_a_stream_gives_the_same_frames(
        settings in any_settings(),
        stream in any_stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
        let bytewise: Vec<&[u8]> = stream.chunks(1).collect();
        let whole = run(&settings, &[&stream]);
        prop_assert_eq!(&run(&settings, &chunks), &whole);
        prop_assert_eq!(&run(&settings, &bytewise), &whole);
    }

    #[test]
    fn any_bytes_leave_the_framer_alive_and_small(settings in any_settings(), stream in any_stream(), repeat in 1usize..200) {
        let mut framer = Framer::new(&settings);
        for _ in 0..repeat {
            framer.push(&stream, Moment(1));
            while let Some(output) = framer.poll() {
                if let Output::Frame { bytes, .. } = output {
                    prop_assert!(bytes.len() <= FRAME_BYTES_MAX + 3);
                }
            }
            prop_assert!(framer.held_bytes() <= 2 * FRAME_BYTES_MAX + stream.len());
        }
        framer.reset(Moment(2));
        prop_assert_eq!(framer.held_bytes(), 0);
        prop_assert_eq!(framer.poll_timeout(), None);
        prop_assert!(framer.rejected().all(|rejected| rejected.head.len() <= NOISE_BYTES_MAX));
    }
}
