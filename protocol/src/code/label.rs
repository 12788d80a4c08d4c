//! Numbers hidden in what couriers print beside the bars: label QR codes, links, package suffixes.
//!
//! Each extractor has a name and knows one layout; there is no guessing over free text, and no link is ever opened.

/// Where a parcel number was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NumberSource {
    /// The whole code is the number.
    Plain,
    /// Field `k5` of the SF label QR code (`MMM={'k1':…,'k5':'…'}`).
    SfLabel,
    /// The last part of an EMS mini-programme link.
    EmsLink,
}

impl NumberSource {
    /// The short name used in logs and `explain`.
    pub fn name(self) -> &'static str {
        match self {
            NumberSource::Plain => "plain",
            NumberSource::SfLabel => "sf-label",
            NumberSource::EmsLink => "ems-link",
        }
    }
}

/// The number that a known label layout holds, as printed, or `None` when `text` is no such label.
pub fn number_in(text: &str) -> Option<(String, NumberSource)> {
    let sf = sf_k5(text).map(|number| (number, NumberSource::SfLabel));
    sf.or_else(|| ems_number(text).map(|number| (number, NumberSource::EmsLink)))
}

/// Field `k5` of an SF label. The label is not JSON: quotes are single, double or lost, and the text is seen padded
/// and damaged at the front, so only the part around `k5` has to be whole.
fn sf_k5(text: &str) -> Option<String> {
    let (head, fields) = text.split_once('{')?;
    if !head.trim_end().ends_with('=') && !fields.contains("k1") {
        return None;
    }
    let at = fields.match_indices(['k', 'K']).map(|(at, _)| at).find(|at| is_field_start(fields, *at))?;
    let value = fields.get(at + 2..)?.trim_start_matches(is_quote).trim_start().strip_prefix(':')?;
    let value = value.trim_start().trim_start_matches(is_quote);
    let end = value.find(|c: char| is_quote(c) || matches!(c, ',' | '}'))?;
    let number = value.get(..end)?.trim();
    is_number(number).then(|| number.to_owned())
}

/// Whether `k5` stands at `at` as a field name: the only `k5` that follows a brace, a comma or a quote.
fn is_field_start(fields: &str, at: usize) -> bool {
    let before = fields.get(..at).unwrap_or("").trim_end_matches(is_quote).trim_end();
    fields.get(at + 1..at + 2) == Some("5")
        && fields.get(at + 2..).is_some_and(|rest| rest.trim_start_matches(is_quote).trim_start().starts_with(':'))
        && (before.is_empty() || before.ends_with([',', '{']))
}

fn is_quote(c: char) -> bool {
    matches!(c, '\'' | '"' | '‘' | '’' | '“' | '”' | '`')
}

fn ems_number(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let (host, path) = rest.split_once('/')?;
    let known = (scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http"))
        && host.eq_ignore_ascii_case("mini.ems.com.cn");
    let path = path.split(['?', '#']).next()?.trim_end_matches('/');
    let (folder, number) = path.rsplit_once('/')?;
    (known && folder.eq_ignore_ascii_case("youzheng/mini") && is_number(number)).then(|| number.to_owned())
}

fn is_number(text: &str) -> bool {
    (8..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && text.bytes().any(|b| b.is_ascii_digit() && b != b'0')
}

/// One package of a shipment, as some couriers append it to the number: `JDVA…-1-2-` is package 1 of 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Piece {
    /// Which package, from 1.
    pub n: u16,
    /// How many there are, when the label says so.
    pub total: Option<u16>,
}

/// Splits a package suffix off a canonical JD or Deppon number: the shipment's own number and the package.
pub fn piece_of(canonical: &str) -> Option<(&str, Piece)> {
    let (stem, suffix) = canonical.split_once('-')?;
    let known = (stem.starts_with("JD") || stem.starts_with("DPK")) && (13..=18).contains(&stem.len());
    let mut parts = suffix.trim_end_matches('-').split('-');
    let n = parts.next().and_then(counted)?;
    let total = match parts.next() {
        Some(part) => Some(counted(part)?),
        None => None,
    };
    let fits = parts.next().is_none_or(|rest| rest.len() <= 8) && total.is_none_or(|total| n <= total);
    (known && fits && stem.bytes().all(|b| b.is_ascii_alphanumeric())).then_some((stem, Piece { n, total }))
}

fn counted(part: &str) -> Option<u16> {
    let digits = (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    part.parse().ok().filter(|n| digits && *n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(number_in(text).map(|(number, _)| number).as_deref(), expected, "{text}");
    }

    #[test]
    fn the_sf_label_gives_its_k5_however_it_is_quoted() {
        check(
            "MMM={'k1':'755','k2':'755AB','k3':'','k4':'T4','k5':'SF0000000000017','k6':'','k7':'abcd'}",
            Some("SF0000000000017"),
        );
        check(r#"MMM={"k1":"755","k5":"SF0000000000017"}"#, Some("SF0000000000017"));
        check("MMM={k1:755,k5:SF0000000000017,k6:}", Some("SF0000000000017"));
        check("MMM = { 'k1' : '755' , 'k5' : 'SF0000000000017' }", Some("SF0000000000017"));
        check("43100002%MMMMMM...={'k1'..,'k5':'SF0000000000017','k6':''}      ", Some("SF0000000000017"));
        check("MMM={'k1':'k5','k2':'x5','k5':'123000000017'}", Some("123000000017"));
        check("MMM={'k5':'SF0000000000017'", Some("SF0000000000017"));
    }

    #[test]
    fn a_label_without_a_whole_k5_gives_nothing() {
        check("MMM={'k1':'755','k5':'SF00000000", None);
        check("MMM={'k1':'755','k5':''}", None);
        check("MMM={'k1':'755','k6':'SF0000000000017'}", None);
        check("MMM={'k1':'755','k5':'000000000000'}", None);
        check("{\"name\":\"k5\"}", None);
        check("MMM={", None);
    }

    #[test]
    fn the_ems_link_gives_its_last_part() {
        check("https://mini.ems.com.cn/youzheng/mini/1000000000017", Some("1000000000017"));
        check("HTTPS://MINI.EMS.COM.CN/youzheng/mini/1000000000017?from=label", Some("1000000000017"));
        check("https://mini.ems.com.cn.example.com/youzheng/mini/1000000000017", None);
        check("https://mini.ems.com.cn/other/1000000000017", None);
        check("http://ucmp.sf-express.com/wxaccess/p?p1=SF0000000000017", None);
    }

    #[test]
    fn package_suffixes_come_off_where_couriers_use_them() {
        let piece = |n, total| Piece { n, total };
        assert_eq!(piece_of("JDVA00000000017-1-2-"), Some(("JDVA00000000017", piece(1, Some(2)))));
        assert_eq!(piece_of("JDVA00000000017-2-2-AB1"), Some(("JDVA00000000017", piece(2, Some(2)))));
        assert_eq!(piece_of("DPK000000000017-3"), Some(("DPK000000000017", piece(3, None))));
        for not in ["JDVA00000000017", "JDVA00000000017-3-2-", "WMS-1-2", "JDVA00000000017-0-2-", "JDVA00000000017-X"] {
            assert_eq!(piece_of(not), None, "{not}");
        }
    }
}
