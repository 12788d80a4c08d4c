use super::*;
use crate::scan::config::FeedbackKind;
use crate::scan::frame::{Framing, NoiseReason, ssi};
use nix::pty::openpty;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

fn id(name: &str) -> ScannerId {
    ScannerId::parse(name).unwrap()
}

/// A scanner's end of a serial line, plugged in under a stable name as udev does it.
struct Gun {
    line: File,
    _held: OwnedFd,
    name: PathBuf,
}

impl Gun {
    fn plug(name: &Path) -> Self {
        let pair = openpty(None, None).unwrap();
        let mut termios = tcgetattr(&pair.slave).unwrap();
        cfmakeraw(&mut termios);
        tcsetattr(&pair.slave, SetArg::TCSANOW, &termios).unwrap();
        let device = nix::unistd::ttyname(&pair.slave).unwrap();
        std::os::unix::fs::symlink(device, name).unwrap();
        Self { line: File::from(pair.master), _held: pair.slave, name: name.to_path_buf() }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.line.write_all(bytes).unwrap();
    }

    /// Waits for exactly these bytes from the station.
    #[track_caller]
    fn expect(&mut self, bytes: &[u8]) {
        let mut heard = Vec::new();
        while heard.len() < bytes.len() {
            assert!(watch::readable(&self.line, PATIENCE), "{bytes:?} expected, only {heard:?} came");
            let mut byte = [0];
            self.line.read_exact(&mut byte).unwrap();
            heard.extend(byte);
        }
        assert_eq!(heard, bytes);
    }
}

impl Drop for Gun {
    fn drop(&mut self) {
        std::fs::remove_file(&self.name).unwrap();
    }
}

/// Running sources and what they say.
struct Bench {
    sources: Sources,
    events: Receiver<SourceEvent>,
    counters: Counters,
}

impl Bench {
    fn start(scanners: &[ScannerConfig]) -> Self {
        assert_eq!(crate::scan::config::problems(scanners), []);
        let (sender, events) = channel();
        Self { sources: Sources::start(scanners, sender).unwrap(), events, counters: Counters::default() }
    }

    /// The next event that is not about counters.
    #[track_caller]
    fn next(&mut self) -> SourceEvent {
        loop {
            match self.events.recv_timeout(PATIENCE) {
                Ok(SourceEvent::Counters { counters, .. }) => self.counters = counters,
                Ok(event) => return event,
                Err(cause) => panic!("no event: {cause}"),
            }
        }
    }

    #[track_caller]
    fn online(&mut self, scanner: &str) {
        assert_eq!(self.next(), SourceEvent::Online { scanner: id(scanner) });
    }

    #[track_caller]
    fn offline(&mut self, scanner: &str, reason: OfflineReason) {
        assert_eq!(self.next(), SourceEvent::Offline { scanner: id(scanner), reason });
    }

    #[track_caller]
    fn frame(&mut self, scanner: &str, text: &str) {
        match self.next() {
            SourceEvent::Frame(frame) => {
                assert_eq!((frame.scanner, String::from_utf8_lossy(&frame.bytes).as_ref()), (id(scanner), text));
            }
            other => panic!("`{text}` expected, {other:?} came"),
        }
    }

    /// Plays until the scanner is online, over whatever reasons it was away for.
    #[track_caller]
    fn back_online(&mut self, scanner: &str) {
        loop {
            match self.next() {
                SourceEvent::Offline { .. } => {}
                event => return assert_eq!(event, SourceEvent::Online { scanner: id(scanner) }),
            }
        }
    }
}

mod serial_ports {
    use super::*;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("usb-gun-if00");
        (folder, name)
    }

    fn config(name: &Path) -> ScannerConfig {
        ScannerConfig::serial(id("gun"), name)
    }

    #[test]
    fn a_scan_comes_in_and_feedback_goes_back() {
        let (_folder, name) = folder();
        let mut gun = Gun::plug(&name);
        let feedback = ScannerConfig { feedback: FeedbackKind::Datalogic, init: "LON\r".to_owned(), ..config(&name) };
        let mut bench = Bench::start(&[feedback]);
        bench.online("gun");
        gun.expect(b"ELON\r");
        gun.send(b"SF1331875979567\r\nSF7444404156506\r\n");
        bench.frame("gun", "SF1331875979567");
        bench.frame("gun", "SF7444404156506");
        bench.sources.writer(&id("gun")).unwrap().send(vec![1, 1]).unwrap();
        gun.expect(&[1, 1]);
    }

    #[test]
    fn a_scanner_that_sends_no_terminator_is_read_by_its_silence() {
        let (_folder, name) = folder();
        let mut gun = Gun::plug(&name);
        let mut bench = Bench::start(&[ScannerConfig { idle_gap_ms: Some(20), ..config(&name) }]);
        bench.online("gun");
        for code in ["4006381333931", "73111111111111"] {
            gun.send(code.as_bytes());
            bench.frame("gun", code);
        }
    }

    #[test]
    fn every_byte_passes_untouched() {
        let (_folder, name) = folder();
        let mut gun = Gun::plug(&name);
        let mut bench = Bench::start(&[ScannerConfig { framing: Framing::HoneywellHeader, ..config(&name) }]);
        bench.online("gun");
        let data: Vec<u8> = (0..=255).chain([b'.']).collect();
        let payload = [format!("MSGGET{:04}jQ1\x1d", data.len()).as_bytes(), &data].concat();
        gun.send(&[b"\x16\xfe".as_slice(), &(payload.len() as u32).to_le_bytes(), b"\r", &payload].concat());
        let SourceEvent::Frame(frame) = bench.next() else { panic!("no frame") };
        assert_eq!(frame.bytes, [b"]Q1".as_slice(), &data].concat());
    }

    #[test]
    fn a_scanner_that_is_not_there_yet_is_waited_for() {
        let (_folder, name) = folder();
        let mut bench = Bench::start(&[config(&name)]);
        bench.offline("gun", OfflineReason::Missing);
        let mut gun = Gun::plug(&name);
        bench.online("gun");
        gun.send(b"A\r");
        bench.frame("gun", "A");
    }

    #[test]
    fn a_scanner_pulled_out_in_the_middle_of_a_code_never_mixes_two_codes() {
        const ROUNDS: u64 = 300;
        let (_folder, name) = folder();
        let mut gun = Some(Gun::plug(&name));
        let mut bench = Bench::start(&[ScannerConfig { feedback: FeedbackKind::Datalogic, ..config(&name) }]);
        for round in 0..ROUNDS {
            bench.back_online("gun");
            let plugged = gun.as_mut().unwrap();
            plugged.expect(b"E");
            plugged.send(format!("REST-{round}\rWHOLE-{round}\rHALF-{round}").as_bytes());
            bench.frame("gun", &format!("REST-{round}"));
            bench.frame("gun", &format!("WHOLE-{round}"));
            drop(gun.take());
            bench.offline("gun", OfflineReason::Gone);
            gun = Some(Gun::plug(&name));
        }
        drop(gun);
        let halves = bench.counters.frames.noise(NoiseReason::Truncated);
        assert!(halves > ROUNDS / 2, "only {halves} halves were seen and dropped");
        assert!(bench.counters.opened >= ROUNDS - 1, "{:?}", bench.counters);
    }

    #[test]
    fn a_port_held_by_another_program_is_waited_for() {
        let (_folder, name) = folder();
        let _gun = Gun::plug(&name);
        let other = serialport::new(name.to_str().unwrap(), 9600).open_native().unwrap();
        let mut bench = Bench::start(&[config(&name)]);
        bench.offline("gun", OfflineReason::Busy);
        drop(other);
        bench.online("gun");
    }

    #[test]
    fn nobody_else_opens_the_port_while_it_is_read() {
        let (_folder, name) = folder();
        let _gun = Gun::plug(&name);
        let mut bench = Bench::start(&[config(&name)]);
        bench.online("gun");
        assert!(serialport::new(name.to_str().unwrap(), 9600).open_native().is_err());
    }

    #[test]
    fn the_fallback_path_is_taken_when_the_name_does_not_exist() {
        let (_folder, name) = folder();
        let by_path = name.with_file_name("port-2");
        let mut gun = Gun::plug(&by_path);
        let mut bench = Bench::start(&[ScannerConfig { fallback_path: Some(by_path), ..config(&name) }]);
        bench.online("gun");
        gun.send(b"A\r");
        bench.frame("gun", "A");
    }

    #[test]
    fn a_path_that_is_no_serial_port_says_so() {
        let (_folder, name) = folder();
        std::fs::write(&name, "").unwrap();
        let mut bench = Bench::start(&[config(&name)]);
        let SourceEvent::Offline { reason: OfflineReason::Failed(cause), .. } = bench.next() else {
            panic!("not offline")
        };
        assert!(!cause.is_empty());
    }

    #[test]
    fn a_zebra_in_packet_mode_is_acknowledged() {
        let (_folder, name) = folder();
        let mut gun = Gun::plug(&name);
        let zebra = ScannerConfig { framing: Framing::ZebraSsi, feedback: FeedbackKind::ZebraSsi, ..config(&name) };
        let mut bench = Bench::start(&[zebra]);
        bench.online("gun");
        gun.expect(&driver_init(FeedbackKind::ZebraSsi));
        gun.send(b"\x0a\xf3\0\0\x03SF133\xfd\xbe");
        gun.expect(&ssi::packet(ssi::CMD_NAK, &[1]));
        let mut packet = b"\x0a\xf3\0\0\x03SF133".to_vec();
        let sum = packet.iter().fold(0u16, |sum, byte| sum.wrapping_add(u16::from(*byte))).wrapping_neg();
        packet.extend(sum.to_be_bytes());
        gun.send(&packet);
        gun.expect(&ssi::packet(ssi::CMD_ACK, &[]));
        bench.frame("gun", "]C0SF133");
    }

    #[test]
    fn a_station_that_stops_leaves_the_scanner_enabled_and_the_port_free() {
        let (_folder, name) = folder();
        let mut gun = Gun::plug(&name);
        let mut bench = Bench::start(&[ScannerConfig { feedback: FeedbackKind::Datalogic, ..config(&name) }]);
        bench.online("gun");
        bench.sources.writer(&id("gun")).unwrap().send(b"D".to_vec()).unwrap();
        drop(bench);
        gun.expect(b"EDE");
        serialport::new(name.to_str().unwrap(), 9600).open_native().unwrap();
    }

    #[test]
    fn a_scanner_left_locked_by_a_dead_station_is_released() {
        let folder = tempfile::tempdir().unwrap();
        let name = |name: &str| folder.path().join(name);
        let mut gun = Gun::plug(&name("gun"));
        let reader = TcpListener::bind("127.0.0.1:0").unwrap();
        let datalogic = |config| ScannerConfig { feedback: FeedbackKind::Datalogic, ..config };
        let released = crate::panel::scanner::release_all(&[
            datalogic(ScannerConfig::serial(id("away"), name("away"))),
            ScannerConfig::serial(id("mute"), name("mute")),
            datalogic(config(&name("gun"))),
            datalogic(ScannerConfig::tcp_connect(id("gate"), &reader.local_addr().unwrap().to_string())),
        ]);
        gun.expect(b"E");
        let mut heard = Vec::new();
        reader.accept().unwrap().0.read_to_end(&mut heard).unwrap();
        assert_eq!(heard, b"E");
        let results: Vec<_> = released.iter().map(|one| (one.scanner.as_str(), one.result.is_ok())).collect();
        assert_eq!(results, [("away", false), ("gun", true), ("gate", true)]);
    }

    #[test]
    fn sources_end_when_nobody_listens_any_more() {
        let (_folder, name) = folder();
        let mut gun = Gun::plug(&name);
        let mut bench = Bench::start(&[config(&name)]);
        bench.online("gun");
        let Bench { sources, events, .. } = bench;
        drop(events);
        gun.send(b"A\r");
        drop(sources);
        serialport::new(name.to_str().unwrap(), 9600).open_native().unwrap();
    }

    #[test]
    fn four_scanners_talk_to_one_consumer() {
        let folder = tempfile::tempdir().unwrap();
        let names: Vec<String> = (1..=4).map(|n| format!("gun-{n}")).collect();
        let mut guns: Vec<Gun> = names.iter().map(|name| Gun::plug(&folder.path().join(name))).collect();
        let configs: Vec<ScannerConfig> =
            names.iter().map(|name| ScannerConfig::serial(id(name), folder.path().join(name))).collect();
        let mut bench = Bench::start(&configs);
        let mut seen: BTreeMap<ScannerId, Vec<Vec<u8>>> = BTreeMap::new();
        for round in 0..50 {
            guns.iter_mut().for_each(|gun| gun.send(format!("{round}\r").as_bytes()));
        }
        while seen.values().map(Vec::len).sum::<usize>() < 200 {
            if let SourceEvent::Frame(frame) = bench.next() {
                seen.entry(frame.scanner).or_default().push(frame.bytes);
            }
        }
        let expected: Vec<Vec<u8>> = (0..50).map(|round| round.to_string().into_bytes()).collect();
        assert!(seen.len() == 4 && seen.values().all(|frames| *frames == expected), "{seen:?}");
    }

    fn driver_init(kind: FeedbackKind) -> Vec<u8> {
        crate::panel::scanner::driver(kind).init()
    }
}

mod readers_on_the_network {
    use super::*;

    fn free_address() -> String {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
    }

    #[test]
    fn a_reader_that_waits_for_us_is_connected_to_again_and_again() {
        let reader = TcpListener::bind("127.0.0.1:0").unwrap();
        let config = ScannerConfig {
            heartbeats: vec!["PING".to_owned()],
            feedback: FeedbackKind::Datalogic,
            ..ScannerConfig::tcp_connect(id("gate"), &reader.local_addr().unwrap().to_string())
        };
        let mut bench = Bench::start(&[config]);
        for round in 0..3 {
            bench.back_online("gate");
            let (mut connection, _) = reader.accept().unwrap();
            let mut init = [0];
            connection.read_exact(&mut init).unwrap();
            assert_eq!(&init, b"E");
            connection.write_all(format!("PING\r\nCODE-{round}\r\nPING\r\nHALF").as_bytes()).unwrap();
            bench.frame("gate", &format!("CODE-{round}"));
            drop(connection);
            bench.offline("gate", OfflineReason::Gone);
        }
        assert_eq!(bench.counters.heartbeats, 6);
    }

    #[test]
    fn a_reader_that_is_not_there_is_named_with_the_cause() {
        let mut bench = Bench::start(&[ScannerConfig::tcp_connect(id("gate"), &free_address())]);
        let SourceEvent::Offline { reason: OfflineReason::Failed(cause), .. } = bench.next() else {
            panic!("not offline")
        };
        assert!(cause.contains("refused"), "{cause}");
    }

    #[test]
    fn a_reader_that_connects_anew_takes_the_place_of_its_dead_connection() {
        let address = free_address();
        let mut bench = Bench::start(&[ScannerConfig::tcp_listen(id("gate"), &address)]);
        bench.offline("gate", OfflineReason::Waiting);
        let mut first = connect(&address);
        bench.online("gate");
        first.write_all(b"A\rHALF").unwrap();
        bench.frame("gate", "A");
        let mut second = connect(&address);
        bench.offline("gate", OfflineReason::Replaced);
        bench.online("gate");
        second.write_all(b"B\r").unwrap();
        bench.frame("gate", "B");
        assert_eq!(first.read(&mut [0; 8]).unwrap_or(0), 0, "the old connection is closed");
    }

    #[test]
    fn a_stranger_neither_sends_codes_nor_pushes_the_reader_out() {
        let address = free_address();
        let config = ScannerConfig {
            peer: Some("127.0.0.2".parse().unwrap()),
            ..ScannerConfig::tcp_listen(id("gate"), &address)
        };
        let mut bench = Bench::start(&[config]);
        bench.offline("gate", OfflineReason::Waiting);
        let mut stranger = connect(&address);
        assert_eq!(stranger.read(&mut [0; 8]).unwrap_or(0), 0, "refused");
        let mut reader = connect_from("127.0.0.2", &address);
        bench.online("gate");
        let mut stranger = connect(&address);
        assert_eq!(stranger.read(&mut [0; 8]).unwrap_or(0), 0, "refused");
        reader.write_all(b"A\r").unwrap();
        bench.frame("gate", "A");
    }

    #[test]
    fn an_address_that_cannot_be_listened_on_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let mut bench = Bench::start(&[ScannerConfig::tcp_listen(id("gate"), &address)]);
        let SourceEvent::Offline { reason: OfflineReason::Failed(cause), .. } = bench.next() else {
            panic!("not offline")
        };
        assert!(cause.starts_with(&format!("cannot listen on {address}: ")), "{cause}");
        drop(taken);
        bench.offline("gate", OfflineReason::Waiting);
    }

    /// Connects as soon as the station listens.
    fn connect(address: &str) -> TcpStream {
        connect_from("127.0.0.1", address)
    }

    fn connect_from(source: &str, address: &str) -> TcpStream {
        let deadline = crate::clock::instant() + PATIENCE;
        loop {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            socket.bind(&std::net::SocketAddr::new(source.parse().unwrap(), 0).into()).unwrap();
            let target: std::net::SocketAddr = address.parse().unwrap();
            match socket.connect(&target.into()) {
                Ok(()) => return socket.into(),
                Err(cause) => assert!(crate::clock::instant() < deadline, "{cause}"),
            }
        }
    }
}

#[test]
fn the_entry_box_and_the_scanners_share_one_consumer() {
    let mut bench = Bench::start(&[]);
    bench.sources.manual().enter("SF1331875979567", Moment(1)).unwrap();
    bench.frame("manual", "SF1331875979567");
    assert!(bench.sources.writer(&id("manual")).is_none());
    assert_eq!(bench.events.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
}

#[test]
fn a_keyboard_that_is_not_there_or_is_none_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("event7");
    let mut bench = Bench::start(&[ScannerConfig::evdev(id("wedge"), &missing)]);
    bench.offline("wedge", OfflineReason::Missing);
    std::fs::write(&missing, "").unwrap();
    let SourceEvent::Offline { reason: OfflineReason::Failed(cause), .. } = bench.next() else { panic!("not offline") };
    assert!(!cause.is_empty());
}
