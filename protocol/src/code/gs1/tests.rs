use super::lint::Lint;
use super::rule::{Part, Rule, Set, exact};
use super::table::TABLE;
use super::*;
use crate::code::item::check_digit;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Every identifier of the table as text, with its row.
fn all_ais() -> Vec<(String, &'static Rule)> {
    let rows = TABLE.iter().flat_map(|rule| {
        let step = 10usize.pow(4 - u32::from(rule.digits));
        (rule.first..=rule.last).step_by(step).map(move |key| {
            let digits = format!("{key:04}");
            (digits[..usize::from(rule.digits)].to_owned(), rule)
        })
    });
    rows.collect()
}

#[test]
fn the_table_has_every_identifier_once_and_in_order() {
    let ais = all_ais();
    assert_eq!(ais.len(), 541);
    assert!(ais.is_sorted_by(|(a, _), (b, _)| a < b));
    for (digits, rule) in &ais {
        let (ai, found) = exact(digits).unwrap();
        assert_eq!(ai.as_str(), digits);
        assert_eq!(found.first, rule.first);
    }
    for tricky in [
        "235", "3105", "3575", "3909", "3943", "3955", "4326", "7011", "717", "7239", "7259", "8014", "8030", "8043",
        "8112", "99",
    ] {
        assert!(exact(tricky).is_some(), "{tricky}");
    }
    for unknown in [
        "04", "14", "18", "19", "23", "234", "236", "3106", "3170", "3944", "3956", "404", "418", "4327", "7042",
        "718", "7260", "8015", "8044", "8113", "0100", "9", "31000", "3A", "",
    ] {
        assert!(exact(unknown).is_none(), "{unknown}");
    }
}

#[test]
fn the_predefined_lengths_are_those_of_the_general_specifications() {
    let expected = |digits: &str| match &digits[..2] {
        "00" => Some(18),
        "01" | "02" | "03" => Some(14),
        "11" | "12" | "13" | "15" | "16" | "17" => Some(6),
        "20" => Some(2),
        "31" | "32" | "33" | "34" | "35" | "36" => Some(6),
        "41" => Some(13),
        _ => None,
    };
    for (digits, rule) in all_ais() {
        assert_eq!(rule.fixed, expected(&digits).is_some(), "{digits}");
        if let Some(length) = expected(&digits) {
            assert_eq!(rule.lengths(), (length, length), "{digits}");
        }
    }
}

#[test]
fn the_primary_keys_of_links_are_spelled_out() {
    let keys: Vec<(String, &str)> =
        all_ais().into_iter().filter_map(|(digits, rule)| Some((digits, rule.key?))).collect();
    let expected = [
        ("00", ""),
        ("01", "22,10,21|235"),
        ("253", ""),
        ("255", ""),
        ("401", ""),
        ("402", ""),
        ("414", "254|7040"),
        ("415", "8020"),
        ("417", "7040"),
        ("8003", ""),
        ("8004", "7040"),
        ("8006", "22,10,21"),
        ("8010", "8011"),
        ("8013", ""),
        ("8017", "8019"),
        ("8018", "8019"),
    ];
    assert_eq!(keys, expected.map(|(ai, qualifiers)| (ai.to_owned(), qualifiers)));
    let not_in_queries: Vec<String> =
        all_ais().into_iter().filter(|(_, rule)| !rule.attribute).map(|(digits, _)| digits).collect();
    assert_eq!(not_in_queries.join(" "), "03 21 22 235 254 7040 7041 8011 8014 8019 8020 8040 8041 8042 8043 8200");
}

#[test]
fn every_pairing_names_identifiers_that_exist() {
    let ais = all_ais();
    let known = |pattern: &str| {
        ais.iter().any(|(digits, _)| digits.len() == pattern.len() && digits.starts_with(pattern.trim_end_matches('n')))
    };
    for rule in TABLE {
        let patterns = rule
            .needs
            .iter()
            .chain([&rule.bars])
            .flat_map(|list| list.split(['|', '+']))
            .filter(|pattern| !pattern.is_empty());
        for pattern in patterns {
            assert!(known(pattern), "{} of {}", pattern, rule.first);
        }
        for qualifier in rule.key.unwrap_or("").split([',', '|']).filter(|qualifier| !qualifier.is_empty()) {
            assert!(exact(qualifier).is_some(), "{qualifier}");
        }
    }
}

#[test]
fn every_condition_is_used_and_only_last_parts_vary() {
    let used: BTreeSet<Lint> = TABLE.iter().flat_map(|rule| rule.parts).flat_map(|part| part.lints).copied().collect();
    assert_eq!(used.len(), 34);
    for rule in TABLE {
        let (_, before_last) = rule.parts.split_last().unwrap();
        assert!(before_last.iter().all(|part| part.min == part.max), "{}", rule.first);
        assert!(rule.parts.is_sorted_by_key(|part| part.optional), "{}", rule.first);
    }
}

#[track_caller]
fn scans(data: &str, expected: &str) {
    let got = parse_scanned(&data.replace('^', "\u{1D}"));
    assert_eq!(
        got.map(|elements| elements.to_string()).map_err(|error| error.to_string()),
        Ok(expected.to_owned()),
        "{data}"
    );
}

#[track_caller]
fn refuses(data: &str, expected: &str) {
    let got = parse_scanned(&data.replace('^', "\u{1D}"));
    assert_eq!(
        got.map(|elements| elements.to_string()).map_err(|error| error.to_string()),
        Err(expected.to_owned()),
        "{data}"
    );
}

#[test]
fn element_strings_are_split_by_the_table() {
    scans("0106901234567892", "(01)06901234567892");
    scans("010690123456789217261231", "(01)06901234567892(17)261231");
    scans("010690123456789210LOT-7^17261231", "(01)06901234567892(10)LOT-7(17)261231");
    scans("0106901234567892^17261200", "(01)06901234567892(17)261200");
    scans("001069012345678901289012X", "(00)106901234567890128(90)12X");
    scans("01069012345678923103001250", "(01)06901234567892(3103)001250");
    scans("010690123456789210A(B", "(01)06901234567892(10)A\\(B");
    scans("4211561000001", "(421)1561000001");
}

#[test]
fn a_separator_at_the_end_is_kept_apart() {
    let ended = parse_scanned("010690123456789210LOT\u{1D}").unwrap();
    assert!(ended.terminal_gs);
    assert_eq!(ended.get("10"), Some("LOT"));
    assert!(!parse_scanned("010690123456789210LOT").unwrap().terminal_gs);
    assert!(!parse_scanned("010690123456789210LOT\u{1D}90X").unwrap().terminal_gs);
}

#[test]
fn a_refusal_says_which_identifier_where_and_what_is_accepted() {
    refuses("", "there is no data; give at least one application identifier with its value");
    refuses(
        "0406901234567892",
        "`0406` at offset 0 starts no known application identifier; known are those of release 2026-01 of the GS1 dictionary",
    );
    refuses(
        "0106901234567892^^17261231",
        "`\\x1d172` at offset 17 starts no known application identifier; known are those of release 2026-01 of the GS1 dictionary",
    );
    refuses(
        "0106901234567893",
        "AI (01) has `06901234567893`, wrong at offset 15; give the check digit that fits the others",
    );
    refuses("01069012345678", "AI (01) at offset 2 has 12 characters; give exactly 14");
    refuses("010690123456789", "AI (01) at offset 2 has 13 characters; give exactly 14");
    refuses("010690123456789217261331", "AI (17) has `261331`, wrong at offset 20; give a month from 01 to 12");
    refuses(
        "010690123456789217260230",
        "AI (17) has `260230`, wrong at offset 22; give a day of that month, or 00 for the whole month",
    );
    refuses("010690123456789210AB~C", "AI (10) has `~` at offset 20; give letters, digits and !\"%&'()*+,-./:;<=>?_");
    refuses(
        "010690123456789210AB^C",
        "`C` at offset 21 starts no known application identifier; known are those of release 2026-01 of the GS1 dictionary",
    );
    refuses("010690123456789210123456789012345678901", "AI (10) at offset 18 has 21 characters; give 1 to 20");
    refuses("0106901234567892423156^10", "AI (10) at offset 25 has 0 characters; give 1 to 20");
    refuses("010690123456789242315615", "AI (423) at offset 19 has 5 characters; give 3 to 15");
    refuses("10LOT", "AI (10) needs AI 01 or 02 or 03 or 8006 or 8026");
    refuses("0106901234567892700412", "AI (7004) needs AI 01 with 10");
    refuses("010690123456789237100", "AI (01) must not stand with AI (37)");
    refuses("01069012345678923103001250310200125", "AI (3102) at offset 30 has 5 characters; give exactly 6");
    refuses("010690123456789231030012503102001250", "AI (3103) must not stand with AI (3102)");
    refuses("010690123456789210A^10B", "AI (10) is repeated; give it once, or with the same value");
}

#[test]
fn repeated_elements_may_agree() {
    scans("010690123456789210A^10A", "(01)06901234567892(10)A(10)A");
}

#[test]
fn pairings_need_every_condition_and_one_alternative_of_each() {
    scans("0010690123456789012802069012345678923712", "(00)106901234567890128(02)06901234567892(37)12");
    refuses("02069012345678923712", "AI (37) needs AI 00");
    refuses("001069012345678901280206901234567892", "AI (02) needs AI 37");
    scans("0106901234567892304^392312^", "(01)06901234567892(30)4(3923)12");
    scans("0106901234567892310300125039231299", "(01)06901234567892(3103)001250(3923)1299");
    refuses("01069012345678923923129", "AI (3923) needs AI 30 or 31nn or 32nn or 35nn or 36nn");
    scans("010690123456789221A^8040471147114711471^", "(01)06901234567892(21)A(8040)471147114711471");
    refuses("01069012345678928040471147114711471", "AI (8040) needs AI 01 with 21");
    refuses("010690123456789221A^8041471147114711471", "AI (8041) needs AI 01 with 21 with 8040");
}

#[test]
fn a_signature_needs_the_serial_part_of_what_it_signs() {
    scans("2534711471147113A^8030c2ln", "(253)4711471147113A(8030)c2ln");
    refuses("2534711471147113^8030c2ln", "AI (253) needs its serial part when signed by AI (8030)");
}

#[test]
fn bracketed_data_is_read_as_typed() {
    let typed =
        |text: &str| parse_bracketed(text).map(|elements| elements.to_string()).map_err(|error| error.to_string());
    assert_eq!(typed("(01)06901234567892(10)A\\(B(17)261231"), Ok("(01)06901234567892(10)A\\(B(17)261231".into()));
    assert_eq!(typed("(01)06901234567892|(10)AB"), Ok("(01)06901234567892(10)AB".into()));
    let refused = |text: &str| typed(text).unwrap_err();
    assert_eq!(refused("(01)0690123456789(10)A"), "AI (01) at offset 4 has 13 characters; give exactly 14");
    assert_eq!(
        refused("(1)2"),
        "`1` at offset 1 starts no known application identifier; known are those of release 2026-01 of the GS1 dictionary"
    );
    assert_eq!(refused("(01)06901234567892(10)"), "AI (10) at offset 22 has 0 characters; give 1 to 20");
    assert_eq!(
        refused("01)06901234567892"),
        "expected `(`, an application identifier and `)` at offset 0; write (01)… and \\( for a bracket in a value"
    );
    assert!(refused("(01)06901234567892(10").starts_with("expected `(`"));
    assert!(refused("").starts_with("expected `(`"));
}

#[test]
fn a_composite_part_is_checked_together_with_its_product() {
    let read =
        |primary, composite| parse_composite(primary, composite).map(|e| e.to_string()).map_err(|e| e.to_string());
    assert_eq!(read("6901234567892", "10LOT"), Ok("(01)06901234567892(10)LOT".into()));
    assert_eq!(read("96385074", "17261231"), Ok("(01)00000096385074(17)261231".into()));
    assert_eq!(
        read("6901234567892", ""),
        Err("there is no data; give at least one application identifier with its value".into())
    );
    assert_eq!(
        read("6901234567892", "17269931"),
        Err("AI (17) has `269931`, wrong at offset 21; give a month from 01 to 12".into())
    );
}

#[track_caller]
fn links(uri: &str, expected: Result<&str, &str>) {
    let got = parse_link(uri).map(|link| format!("{} {}", link.stem, link.elements)).map_err(|error| error.to_string());
    assert_eq!(got.as_deref().map_err(String::as_str), expected, "{uri}");
}

#[test]
fn links_give_their_elements() {
    links("https://id.example.com/01/06901234567892", Ok("https://id.example.com (01)06901234567892"));
    links(
        "https://example.com/a/b/01/06901234567892/10/L%2F1/21/7?17=261231",
        Ok("https://example.com/a/b (01)06901234567892(10)L/1(21)7(17)261231"),
    );
    links("HTTPS://EXAMPLE.COM/01/06901234567892", Ok("HTTPS://EXAMPLE.COM (01)06901234567892"));
    links(
        "http://example.com:8080/00/106901234567890128?lang=zh&400=A+B",
        Err("AI (400) has ` ` at offset 59; give letters, digits and !\"%&'()*+,-./:;<=>?_"),
    );
    links(
        "http://example.com/00/106901234567890128?lang=zh&&400=A%2BB&flag#x",
        Ok("http://example.com (00)106901234567890128(400)A+B"),
    );
    links("https://example.com/414/6901234567892/254/7", Ok("https://example.com (414)6901234567892(254)7"));
    links(
        "https://example.com/00/106901234567890128?01=6901234567892",
        Ok("https://example.com (00)106901234567890128(01)06901234567892"),
    );
    links("https://example.com/01/00/01/06901234567892", Ok("https://example.com/01/00 (01)06901234567892"));
}

#[test]
fn wrong_links_say_where_and_why() {
    links("ftp://example.com/01/06901234567892", Err("link is wrong at offset 0; give http:// or https://"));
    links(
        "https://example.com/01/0690 1234567892",
        Err("link is wrong at offset 27; give a web address of ASCII characters"),
    );
    links("https://example.com", Err("link is wrong at offset 8; give a domain and a path"));
    links("https:///01/06901234567892", Err("link is wrong at offset 8; give a domain and a path"));
    links(
        "https://exa_mple.com/01/06901234567892",
        Err("link is wrong at offset 11; give a domain of letters, digits, dots and hyphens"),
    );
    links("https://example.com/sale", Err("link is wrong at offset 19; give a path with a primary key such as /01/…"));
    links(
        "https://example.com/gtin/06901234567892",
        Err("link is wrong at offset 19; give a path with a primary key such as /01/…"),
    );
    links(
        "https://example.com/01/06901234567892/",
        Err("link is wrong at offset 19; give a path with a primary key such as /01/…"),
    );
    links("https://example.com/01/6901234567892", Err("AI (01) at offset 23 has 13 characters; give exactly 14"));
    links(
        "https://example.com/01/06901234567893",
        Err("AI (01) has `06901234567893`, wrong at offset 36; give the check digit that fits the others"),
    );
    links(
        "https://example.com/01/06901234567892/10/A%00B",
        Err("AI (10) has `%00` at offset 42; give characters other than zero"),
    );
    links(
        "https://example.com/01/06901234567892/21/7/10/A",
        Err("path after AI (01) is out of order; give some of 22,10,21, or some of 235 in this order"),
    );
    links(
        "https://example.com/01/06901234567892/10/A/235/B",
        Err("path after AI (01) is out of order; give some of 22,10,21, or some of 235 in this order"),
    );
    links(
        "https://example.com/253/6901234567892/10/A",
        Err("path after AI (253) is out of order; give no further identifiers"),
    );
    links(
        "https://example.com/01/06901234567892?10=A",
        Err("AI (10) belongs into the path of the link, not into its query"),
    );
    links("https://example.com/01/06901234567892?21=A", Err("AI (21) cannot stand in the query of a link"));
    links(
        "https://example.com/01/06901234567892?17=261231&17=261231",
        Err("AI (17) is repeated; give it once, or with the same value"),
    );
    links("https://example.com/01/06901234567892?17=", Err("AI (17) at offset 41 has 0 characters; give exactly 6"));
    links(
        "https://example.com/01/06901234567892?9999=1",
        Err("link is wrong at offset 38; give a known application identifier, or a name that is no number"),
    );
    links("https://example.com/01//10/A", Err("AI (01) at offset 23 has 0 characters; give exactly 14"));
}

/// A value that fits `part`, made from a free text of digits or letters where the rules leave room.
fn sample(part: &Part, free: &str) -> String {
    let min = if part.lints.contains(&Lint::GcpPos1) { part.min.max(4) } else { part.min };
    let length = (free.len() % part.max).clamp(min, part.max);
    let mut text: String = free.chars().chain("4711".chars().cycle()).take(length).collect();
    for lint in part.lints {
        text = match lint {
            Lint::Csum => {
                let body = &text[..length - 1];
                format!("{body}{}", char::from(check_digit(body.as_bytes())))
            }
            Lint::CsumAlpha => "1987654Ad4X4bL5ttr2310c2K".into(),
            Lint::Yymmdd | Lint::Yymmd0 => "240229".into(),
            Lint::Yyyymmdd => "20000229".into(),
            Lint::Hhmi => "2359".into(),
            Lint::Hh | Lint::Mi | Lint::Ss => "23".into(),
            Lint::Iso3166 | Lint::Iso3166999 | Lint::Iso4217 => "156".into(),
            Lint::Iso3166Alpha2 => "CN".into(),
            Lint::Iso5218 => "9".into(),
            Lint::Iban => "GB82WEST12345698765432".into(),
            Lint::PcEnc => "A%20B".into(),
            Lint::Latitude | Lint::Longitude => "1800000000".into(),
            Lint::YesNo | Lint::Winding => "1".into(),
            Lint::Hyphen => "-".into(),
            Lint::ImporterIdx => "_".into(),
            Lint::PackageType => "CT".into(),
            Lint::MediaType => "80".into(),
            Lint::PosInSeqSlash => "2/3".into(),
            Lint::PieceOfTotal => "0203".into(),
            Lint::Zero => "0".into(),
            Lint::NonZero | Lint::NoZeroPrefix | Lint::GcpPos1 | Lint::GcpPos2 | Lint::HasNonDigit => text,
            Lint::CouponCode => "01234561234561111012333012314260101".into(),
            Lint::CouponPosOffer => "001234561234560123456".into(),
        };
    }
    text
}

/// Free text for a set: digits for digits, else letters too. Starts with digits for company prefixes.
fn free_for(set: Set, free: &str) -> String {
    match set {
        Set::Digits => free.bytes().map(|byte| char::from(b'1' + byte % 9)).collect(),
        Set::C82 | Set::C39 | Set::Base64 => format!("4711{free}"),
    }
}

#[test]
fn the_samples_reach_every_identifier() {
    for (digits, rule) in all_ais() {
        let value: String = rule.parts.iter().map(|part| sample(part, &free_for(part.set, "A7B"))).collect();
        let read = scan::elements_of(&format!("{digits}{value}"), 0)
            .unwrap_or_else(|error| panic!("({digits}){value}: {error}"));
        assert_eq!(read.0, [Element { ai: Ai::new(&digits).unwrap(), value }]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_reads_back(picks in proptest::collection::vec((0usize..541, "[A-Z0-9]{1,40}"), 1..8)) {
        let ais = all_ais();
        let elements: Vec<Element> = picks.iter().map(|(at, free)| {
            let (digits, rule) = &ais[*at];
            let value = rule.parts.iter().map(|part| sample(part, &free_for(part.set, free))).collect();
            Element { ai: Ai::new(digits).unwrap(), value }
        }).collect();
        let written = ElementString { elements, terminal_gs: false };
        let (read, _) = scan::elements_of(&written.wire(), 0).unwrap();
        prop_assert_eq!(&read, &written.elements);
        if pairs::check(&read).is_ok() {
            prop_assert_eq!(parse_bracketed(&written.to_string()).unwrap(), written);
        }
    }

    #[test]
    fn nothing_panics_on_any_text(text in "\\PC{0,60}", gs in "[0-9()/?&=%\u{1D}A-Za-z.:-]{0,80}") {
        for data in [&text, &gs, &format!("01{gs}"), &format!("8110{gs}"), &format!("https://a/01/{gs}"), &format!("https://a/01/06901234567892{gs}")] {
            let _ = parse_scanned(data);
            let _ = parse_bracketed(data);
            let _ = parse_composite("6901234567892", data);
            let _ = parse_link(data);
        }
    }

    #[test]
    fn no_condition_panics_on_any_text(text in "\\PC{0,40}", digits in "[0-9/%A-Z-]{0,40}") {
        for lint in TABLE.iter().flat_map(|rule| rule.parts).flat_map(|part| part.lints) {
            let _ = lint.check(&text);
            let _ = lint.check(&digits);
        }
    }
}
