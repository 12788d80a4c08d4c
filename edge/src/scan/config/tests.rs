use super::*;

fn parse(table: &str) -> Result<Vec<ScannerConfig>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        scanner: Vec<ScannerConfig>,
    }
    let file: File = toml::from_str(&format!("[[scanner]]\n{table}")).map_err(|cause| cause.to_string())?;
    match problems(&file.scanner).as_slice() {
        [] => Ok(file.scanner),
        found => Err(found.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")),
    }
}

#[track_caller]
fn accepted(table: &str) -> ScannerConfig {
    parse(table).unwrap().remove(0)
}

#[track_caller]
fn refused(table: &str, message: &str) {
    assert_eq!(parse(table).unwrap_err(), message, "{table}");
}

#[track_caller]
fn refused_naming(table: &str, words: &[&str]) {
    let message = parse(table).unwrap_err();
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
}

const SERIAL: &str = "id = \"gun\"\nkind = \"serial\"\npath = \"/dev/serial/by-id/gun\"\n";
const TCP: &str = "id = \"gate\"\nkind = \"tcp\"\n";
const EVDEV: &str = "id = \"wedge\"\nkind = \"evdev\"\npath = \"/dev/input/by-id/wedge\"\n";

#[test]
fn three_lines_make_a_serial_scanner() {
    let scanner = accepted(SERIAL);
    let line =
        Line { baud_rate: 9600, data_bits: 8, parity: Parity::None, stop_bits: 1, flow_control: FlowControl::None };
    assert_eq!(scanner.line(), line);
    assert_eq!(scanner.idle_gap_ms(), 80);
    assert_eq!(scanner.framer().terminators, Terminator::ALL);
    assert_eq!((scanner.debounce_ms, scanner.burst_gap_ms), (1500, 150));
    assert_eq!(scanner, ScannerConfig::serial(scanner.id.clone(), "/dev/serial/by-id/gun"));
}

#[test]
fn every_key_of_a_serial_scanner_is_read() {
    let scanner = accepted(&format!(
        "{SERIAL}fallback_path = \"/dev/serial/by-path/port-2\"\nbaud_rate = 115200\ndata_bits = 7\nparity = \"even\"\n\
         stop_bits = 2\nflow_control = \"hardware\"\nterminators = [\"crlf\", \"etx\"]\nidle_gap_ms = 60\n\
         feedback = \"datalogic\"\ninit = \"E\"\nno_read = [\"NG\"]\ncode_separator = \"&\"\ndebounce_ms = 0\nburst_gap_ms = 0\n"
    ));
    assert_eq!(scanner.line().parity, Parity::Even);
    assert_eq!(scanner.framer().terminators, [Terminator::CrLf, Terminator::Etx]);
    assert_eq!(scanner.device_paths().count(), 2);
    assert_eq!(scanner.code_separator, Some('&'));
}

#[test]
fn a_reader_on_the_network_connects_or_is_waited_for() {
    accepted(&format!("{TCP}connect = \"reader.example:2112\"\nheartbeats = [\"PING\"]\n"));
    accepted(&format!("{TCP}listen = \"0.0.0.0:9004\"\npeer = \"192.0.2.10\"\n"));
    refused_naming(TCP, &["scanner[0].connect is missing", "`listen`"]);
    refused(
        &format!("{TCP}connect = \"reader\"\n"),
        "scanner[0].connect is `reader`; give host:port, for example 192.0.2.10:2112",
    );
    refused(
        &format!("{TCP}listen = \"9004\"\n"),
        "scanner[0].listen is `9004`; give address:port, for example 0.0.0.0:9004",
    );
    refused(
        &format!("{TCP}connect = \"a:1\"\nlisten = \"0.0.0.0:1\"\n"),
        "scanner[0].listen is `0.0.0.0:1`; give either `connect` or `listen`",
    );
    refused(
        &format!("{TCP}connect = \"a:1\"\npeer = \"192.0.2.1\"\n"),
        "scanner[0].peer is given, but it belongs to `listen`; remove it",
    );
}

#[test]
fn a_refusal_names_the_key_the_value_and_what_is_accepted() {
    let serial = |line: &str| format!("{SERIAL}{line}\n");
    refused(&serial("idle_gap_ms = 0"), "scanner[0].idle_gap_ms is `0`; give a number from 1 to 1000");
    refused(&serial("idle_gap_ms = 1001"), "scanner[0].idle_gap_ms is `1001`; give a number from 1 to 1000");
    refused(&serial("baud_rate = 12"), "scanner[0].baud_rate is `12`; give a number from 300 to 4000000");
    refused(&serial("data_bits = 9"), "scanner[0].data_bits is `9`; give a number from 5 to 8");
    refused(&serial("stop_bits = 3"), "scanner[0].stop_bits is `3`; give a number from 1 to 2");
    refused(&serial("debounce_ms = 60001"), "scanner[0].debounce_ms is `60001`; give a number from 0 to 60000");
    refused(&serial("burst_gap_ms = 2001"), "scanner[0].burst_gap_ms is `2001`; give a number from 0 to 2000");
    refused(&serial("no_read = [\"\"]"), "scanner[0].no_read is ``; give texts of 1 to 64 bytes");
    refused(
        &serial("code_separator = \"x\""),
        "scanner[0].code_separator is `x`; give one ASCII punctuation mark, for example `;`",
    );
    refused(&serial("connect = \"a:1\""), "scanner[0].connect is given, but kind is `serial`; remove it");
    refused(
        &serial("framing = \"zebra-ssi\"\ndata_bits = 7"),
        "scanner[0].data_bits is `7`; give 8, this framing needs whole bytes",
    );
    refused(
        &serial("framing = \"zebra-ssi\"\nterminators = [\"cr\"]"),
        "scanner[0].terminators is given, but framing `zebra-ssi` has lengths; remove it",
    );
    refused(
        &serial("feedback = \"zebra-ssi\""),
        "scanner[0].feedback is `zebra-ssi`; give framing = \"zebra-ssi\" too, or another driver",
    );
    refused(
        &format!("{EVDEV}feedback = \"honeywell\"\n"),
        "scanner[0].feedback is `honeywell`; give `none`, a keyboard scanner cannot be written to",
    );
    refused(&format!("{EVDEV}baud_rate = 9600\n"), "scanner[0].baud_rate is given, but kind is `evdev`; remove it");
    refused(
        "id = \"a\"\nkind = \"serial\"",
        "scanner[0].path is missing; give the device, for example one under /dev/serial/by-id/",
    );
    refused(
        "id = \"a\"\nkind = \"serial\"\npath = \"ttyACM0\"",
        "scanner[0].path is `ttyACM0`; give a whole path, for example one under /dev/serial/by-id/",
    );
    refused(
        "id = \"manual\"\nkind = \"serial\"\npath = \"/dev/x\"",
        "scanner[0].id is `manual`; give another name, this one is the entry box of the bench page",
    );
}

#[test]
fn all_problems_are_told_at_once() {
    let message = parse(&format!("{SERIAL}idle_gap_ms = 0\nbaud_rate = 1\n\n[[scanner]]\n{SERIAL}")).unwrap_err();
    assert_eq!(message.lines().count(), 3, "{message}");
    assert!(message.contains("scanner[1].id is `gun`; give a name that no other scanner has"), "{message}");
}

#[test]
fn a_wrong_word_is_answered_with_the_right_ones() {
    refused_naming(&format!("{SERIAL}parity = \"mark\"\n"), &["mark", "`none`", "`odd`", "`even`"]);
    refused_naming(&format!("{SERIAL}framing = \"ssi\"\n"), &["ssi", "`zebra-ssi`", "`honeywell-header`"]);
    refused_naming(&format!("{SERIAL}baudrate = 9600\n"), &["baudrate", "baud_rate"]);
    refused_naming(
        "id = \"Gun 1\"\nkind = \"serial\"\npath = \"/dev/x\"",
        &["scanner is `Gun 1`", "1 to 32 characters"],
    );
}
