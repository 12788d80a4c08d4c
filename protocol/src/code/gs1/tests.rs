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

/// The scanned `data`, in which `^` stands for the separator, is these elements.
#[track_caller]
pub(super) fn scans(data: &str, expected: &str) {
    assert_eq!(scanned(data), Ok(expected.to_owned()), "{data}");
}

/// The scanned `data` is refused in these words.
#[track_caller]
pub(super) fn refuses(data: &str, expected: &str) {
    assert_eq!(scanned(data), Err(expected.to_owned()), "{data}");
}

fn scanned(data: &str) -> Result<String, String> {
    let elements = parse_scanned(&data.replace('^', "\u{1D}"));
    elements.map(|elements| elements.to_string()).map_err(|error| error.to_string())
}
