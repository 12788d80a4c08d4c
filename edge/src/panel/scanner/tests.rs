use super::*;

const KINDS: [FeedbackKind; 5] = [
    FeedbackKind::None,
    FeedbackKind::SymbolBel,
    FeedbackKind::ZebraSsi,
    FeedbackKind::Honeywell,
    FeedbackKind::Datalogic,
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// Good, bad, attention, unlock, init, identify.
#[track_caller]
fn check(kind: FeedbackKind, expected: [&str; 6]) {
    let driver = driver(kind);
    let sent = [driver.good(), driver.bad(), driver.attention(), driver.unlock(), driver.init(), driver.identify()];
    assert_eq!(sent.map(|bytes| hex(&bytes)), expected, "{kind:?}");
}

#[test]
fn each_scanner_hears_its_own_language() {
    check(FeedbackKind::None, ["", "", "", "", "", ""]);
    check(FeedbackKind::SymbolBel, ["", "07 07 07 07", "07 07", "", "", ""]);
    check(
        FeedbackKind::ZebraSsi,
        [
            "05 e6 04 00 00 ff 11",
            "05 e6 04 00 12 fe ff",
            "05 e6 04 00 06 ff 0b",
            "00 04 e9 04 00 ff 0f",
            "00 04 e9 04 00 ff 0f",
            "00 04 a3 04 00 ff 55",
        ],
    );
    check(
        FeedbackKind::Honeywell,
        ["1b 37 2c", "1b 38 2c", "1b 36 2c 1b 36 2c", "1b 37 2c", "1b 37 2c", "16 4d 0d 52 45 56 49 4e 46 2e"],
    );
    check(FeedbackKind::Datalogic, ["42", "01 01 01 01", "01 01", "45", "45", "69"]);
}

#[test]
fn each_scanner_is_locked_in_its_own_way_or_not_at_all() {
    assert_eq!(driver(FeedbackKind::None).lock(), Lock::Impossible);
    assert_eq!(driver(FeedbackKind::SymbolBel).lock(), Lock::Impossible);
    assert_eq!(driver(FeedbackKind::ZebraSsi).lock(), Lock::Send(vec![0x04, 0xea, 0x04, 0x00, 0xff, 0x0e]));
    assert_eq!(driver(FeedbackKind::Honeywell).lock(), Lock::Withhold { at_most_ms: 10_000 });
    assert_eq!(driver(FeedbackKind::Datalogic).lock(), Lock::Send(vec![b'D']));
}

#[test]
fn whatever_can_be_locked_is_released_at_the_start() {
    for kind in KINDS {
        let driver = driver(kind);
        let starts_with_unlock = driver.init().starts_with(&driver.unlock());
        assert!(starts_with_unlock, "{kind:?}");
        assert!(driver.lock() == Lock::Impossible || !driver.unlock().is_empty(), "{kind:?}");
    }
}

#[test]
fn good_bad_and_attention_never_sound_alike() {
    for kind in KINDS.into_iter().filter(|kind| *kind != FeedbackKind::None) {
        let driver = driver(kind);
        assert!(
            driver.bad() != driver.attention() && driver.bad() != driver.good() && driver.good() != driver.attention(),
            "{kind:?}"
        );
    }
}
