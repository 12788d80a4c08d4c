use super::*;
use proptest::prelude::*;

#[track_caller]
fn check(frame: &str, kind: &str, keys: &[&str]) {
    read(frame.as_bytes(), Entry::Scanner, kind, keys);
}

#[track_caller]
fn read(bytes: &[u8], entry: Entry, kind: &str, keys: &[&str]) {
    let shown = String::from_utf8_lossy(bytes);
    let code = ScanCode::parse(bytes, entry).unwrap_or_else(|error| panic!("{shown}: {error}"));
    assert_eq!(code.kind.name(), kind, "{shown}");
    assert_eq!(code.lookup_keys(), keys, "{shown}");
    assert_eq!(code.raw, bytes);
}

#[test]
fn parcel_numbers_are_found_in_every_writing() {
    check("SF0000000000017", "number", &["SF0000000000017"]);
    check(" sf0000000000017\r\n", "number", &["SF0000000000017"]);
    check("]C0SF0000000000017", "number", &["SF0000000000017"]);
    check("ＳＦ００００００００００００１７", "number", &["SF00000000000017"]);
    check("JDVA00000000017-1-2-", "number", &["JDVA00000000017-1-2-", "JDVA00000000017"]);
    check("WMS/2026/0017", "number", &["WMS/2026/0017"]);
    check("MMM={'k1':'755','k5':'sf0000000000017','k6':''}", "number", &["SF0000000000017"]);
    check("]Q1https://mini.ems.com.cn/youzheng/mini/1000000000017", "number", &["1000000000017"]);
}

#[test]
fn a_number_that_may_be_a_product_is_never_guessed() {
    check("6901234567892", "ambiguous", &["6901234567892"]);
    check("16901234567899", "ambiguous", &["16901234567899"]);
    check("036000291452", "ambiguous", &["036000291452"]);
    check("96385074", "ambiguous", &["96385074"]);
    check("6901234567893", "number", &["6901234567893"]);
    check("]C06901234567892", "number", &["6901234567892"]);
    check("]I016901234567899", "ambiguous", &["16901234567899"]);
    check("]I116901234567899", "item", &[]);
    check("]E06901234567892", "item", &[]);
    check("]E0036000291452", "item", &[]);
    check("]E004252614", "item", &[]);
    check("]E496385074", "item", &[]);
    check("]E3690123456789212", "item", &[]);
}

#[test]
fn gs1_data_is_read_where_the_symbol_promises_it_or_separators_show_it() {
    check("]C100106901234567890128", "gs1", &["106901234567890128", "00106901234567890128", "(00)106901234567890128"]);
    check("]d2010690123456789210A\u{1D}17261231", "gs1", &["(01)06901234567892(10)A(17)261231"]);
    check("010690123456789210A\u{1D}17261231", "gs1", &["(01)06901234567892(10)A(17)261231"]);
    check("\u{1D}010690123456789210A\u{1D}", "gs1", &["(01)06901234567892(10)A"]);
    check("]C00106901234567892", "number", &["0106901234567892"]);
    check("]C000106901234567890128", "number", &["00106901234567890128", "106901234567890128"]);
    check("0106901234567892", "number", &["0106901234567892"]);
    check("]E06901234567892|]e010A", "gs1", &["(01)06901234567892(10)A"]);
    check(
        "]Q1https://example.com/00/106901234567890128",
        "digital-link",
        &[
            "106901234567890128",
            "00106901234567890128",
            "(00)106901234567890128",
            "HTTPS://EXAMPLE.COM/00/106901234567890128",
        ],
    );
    read(b"]d2010690123456789210A\xE817261231", Entry::Scanner, "gs1", &["(01)06901234567892(10)A(17)261231"]);
}

#[test]
fn people_may_type_brackets_with_any_keyboard_but_scanners_do_not_send_them() {
    read(
        "(00)106901234567890128".as_bytes(),
        Entry::Manual,
        "gs1",
        &["106901234567890128", "00106901234567890128", "(00)106901234567890128"],
    );
    read(
        "（00） １０６９01234567890128".as_bytes(),
        Entry::Manual,
        "gs1",
        &["106901234567890128", "00106901234567890128", "(00)106901234567890128"],
    );
    read(b"(01) 06901234567892 (10) A", Entry::Manual, "gs1", &["(01)06901234567892(10)A"]);
    assert!(ScanCode::parse(b"(01)06901234567892(10)A B", Entry::Manual).is_err());
    check("(00)106901234567890128", "not-a-waybill", &[]);
}

#[test]
fn advertising_is_no_unknown_parcel() {
    check("https://example.com/app?from=box", "not-a-waybill", &[]);
    check("http://ucmp.sf-express.com/wxaccess?p1=SF0000000000017", "not-a-waybill", &[]);
    check("weixin://dl/business", "not-a-waybill", &[]);
    check("谢谢惠顾", "not-a-waybill", &[]);
    check("{\"shop\":\"demo\"}", "not-a-waybill", &[]);
    check("JT00000\u{1}00000017", "not-a-waybill", &[]);
    check(&"7".repeat(NUMBER_MAX + 1), "not-a-waybill", &[]);
    check("---", "not-a-waybill", &[]);
}

#[test]
fn no_reads_are_no_codes() {
    for frame in ["NoRead", "noread\r", "ERROR", "", "000000000000", "]E00000000000000", "?"] {
        check(frame, "no-read", &[]);
    }
    let own = NoReadTexts::new(["LEER"]);
    assert_eq!(ScanCode::parse_with(b"leer", Entry::Scanner, &own).unwrap().kind, CodeKind::NoRead);
    assert_eq!(ScanCode::parse_with(b"ERROR", Entry::Scanner, &own).unwrap().kind.name(), "number");
}

#[test]
fn bench_codes_are_themselves_or_an_error() {
    check("PL!ACK.JQ8", "action", &[]);
    check("]C0pl!ack.jq8", "action", &[]);
    check("PL@W-0071.XSW", "badge", &[]);
    check("PL#CUSTOMER-OK.A5S", "reason", &[]);
    assert!(matches!(ScanCode::parse(b"PL!ACK.JQ9", Entry::Scanner), Err(CodeError::Bench(BenchError::Check { .. }))));
    assert!(matches!(ScanCode::parse(b"PL!ACK", Entry::Scanner), Err(CodeError::Bench(BenchError::Shape { .. }))));
}

#[test]
fn texts_are_read_in_the_encoding_they_have() {
    let gb18030 = ScanCode::parse(&[0xD4, 0xF9, 0xC6, 0xB7, b'-', b'1'], Entry::Scanner).unwrap();
    assert_eq!((gb18030.text.as_str(), gb18030.encoding), ("赠品-1", Encoding::Gb18030));
    assert_eq!(gb18030.item_keys(), ["赠品-1"]);
    let broken = ScanCode::parse(&[b'J', b'T', 0xFF, b'1'], Entry::Scanner).unwrap();
    assert_eq!((broken.encoding, broken.kind), (Encoding::Escaped, CodeKind::NotAWaybill(NotAWaybill::Text)));
}

#[test]
fn item_keys_give_the_printed_number_first() {
    let keys = |frame: &str| ScanCode::parse(frame.as_bytes(), Entry::Scanner).unwrap().item_keys();
    assert_eq!(keys("]E06901234567892"), ["6901234567892", "06901234567892"]);
    assert_eq!(keys("]E496385074"), ["96385074", "00000096385074", "0000096385074", "000096385074"]);
    assert_eq!(keys("]C06901234567892"), ["6901234567892", "06901234567892"]);
    assert_eq!(keys("gift-red-01"), ["GIFT-RED-01"]);
    assert_eq!(keys("]d2010690123456789221A"), ["6901234567892", "06901234567892"]);
    assert_eq!(keys("https://example.com/app"), [""; 0]);
}

#[test]
fn refusals_name_the_symbol_and_the_limit() {
    let error = |bytes: &[u8]| {
        let error = ScanCode::parse(bytes, Entry::Scanner).unwrap_err();
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{error}{cause}")
    };
    assert_eq!(error(&[b'7'; CODE_BYTES_MAX + 1]), "code has 8193 bytes; give at most 8192");
    assert_eq!(
        error(b"]E06901234567893"),
        "symbol `]E0` holds no product number: product number `6901234567893` ends in check digit 3; 2 fits the other digits"
    );
    assert_eq!(
        error(b"]E016901234567899"),
        "symbol `]E0` holds no product number: product number `16901234567899` has 14 characters; give 8, 12, 13 or 14 digits"
    );
    assert_eq!(error(b"]C110A"), "GS1 data is refused: AI (10) needs AI 01 or 02 or 03 or 8006 or 8026");
    assert!(ScanCode::parse(&[b'7'; CODE_BYTES_MAX], Entry::Scanner).is_ok());
}

#[test]
fn couriers_are_hinted_never_decided() {
    let names = |frame: &str| {
        let code = ScanCode::parse(frame.as_bytes(), Entry::Scanner).unwrap();
        code.courier_hints().into_iter().map(Courier::name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("430000000000017"), "sto yunda");
    assert_eq!(names("MMM={'k1':'755','k5':'123000000017'}"), "sf");
    assert_eq!(names("]E06901234567892"), "");
}

proptest! {
    #[test]
    fn nothing_panics_and_every_key_is_canonical(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        for entry in [Entry::Scanner, Entry::Manual] {
            if let Ok(code) = ScanCode::parse(&bytes, entry) {
                prop_assert_eq!(&code.raw, &bytes);
                for key in code.lookup_keys().iter().chain(&code.item_keys()) {
                    prop_assert_eq!(&canonical(key), key);
                }
                let _ = (code.gtin(), code.courier_hints());
            }
        }
    }

    #[test]
    fn nothing_panics_on_near_codes(aim in "(\\][CEQdeIJ][0-4])?", text in "[0-9A-Z()'k5:{},=/.|!@#&\u{1D}-]{0,60}", separators in "[&;,]{0,3}") {
        let frame = format!("{aim}{text}");
        for entry in [Entry::Scanner, Entry::Manual] {
            let codes: Vec<ScanCode> = split(frame.as_bytes(), separators.as_bytes()).into_iter().filter_map(|code| ScanCode::parse(code, entry).ok()).collect();
            prop_assert_eq!(vote(&codes).is_none(), codes.is_empty());
        }
    }

    #[test]
    fn any_number_finds_itself_again_in_any_writing(number in "[A-Z]{2}[0-9]{10,13}") {
        let plain = ScanCode::parse(number.as_bytes(), Entry::Scanner).unwrap().lookup_keys();
        let lower = ScanCode::parse(number.to_lowercase().as_bytes(), Entry::Scanner).unwrap().lookup_keys();
        let spaced = ScanCode::parse(format!(" {} \r", number.replace("00", "0 0")).as_bytes(), Entry::Manual).unwrap().lookup_keys();
        prop_assert_eq!(&plain, &lower);
        prop_assert_eq!(&plain, &spaced);
        prop_assert_eq!(plain, vec![canonical(&number)]);
    }
}
