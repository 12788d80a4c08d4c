//! Addresses: down to the district, and nothing below it.
//!
//! There is no list of all districts here, only of provinces. A part counts as a city or a district by its ending and its
//! length, and not when it has a character that streets, estates or house numbers have; a doubtful one is not shown.

use super::mask::{HIDDEN, is_han, plain};

/// Provinces by their short names, and what may follow.
const PROVINCES: &[&str] = &[
    "北京",
    "天津",
    "上海",
    "重庆",
    "河北",
    "山西",
    "辽宁",
    "吉林",
    "黑龙江",
    "江苏",
    "浙江",
    "安徽",
    "福建",
    "江西",
    "山东",
    "河南",
    "湖北",
    "湖南",
    "广东",
    "海南",
    "四川",
    "贵州",
    "云南",
    "陕西",
    "甘肃",
    "青海",
    "台湾",
    "内蒙古",
    "广西",
    "西藏",
    "宁夏",
    "新疆",
    "香港",
    "澳门",
    "臺灣",
    "澳門",
    "廣東",
    "廣西",
    "重慶",
    "雲南",
    "陝西",
    "貴州",
    "遼寧",
    "黑龍江",
    "江蘇",
    "內蒙古",
    "西藏",
    "寧夏",
    "新疆",
];
const PROVINCE_ENDS: &[&str] =
    &["特别行政区", "特別行政區", "壮族自治区", "回族自治区", "维吾尔自治区", "自治区", "省", "市"];
const CITY_ENDS: &[&str] = &["自治州", "地区", "市", "盟"];
const DISTRICT_ENDS: &[&str] = &["自治县", "自治旗", "新区", "区", "县", "旗", "市", "區", "縣"];
/// The longest name of a city or a district before its ending, in characters; `…族自治县` may be longer.
const PART_MAX: usize = 5;
const AUTONOMOUS_MAX: usize = 14;
/// What lies below a district has these in its name, and hardly any city or district does.
const BELOW: &str = "路街道巷弄号號栋棟楼樓层層室幢座单單元组組村屯乡鄉镇鎮园園苑小社宅院校厂廠店铺鋪库庫仓倉站场場厦廈寓墅庭府邸坊营營桥橋口";
/// Those that do.
const KNOWN: &[&str] = &[
    "厦门",
    "廈門",
    "海口",
    "张家口",
    "营口",
    "周口",
    "老河口",
    "丹江口",
    "龙口",
    "河口",
    "湖口",
    "港口",
    "库尔勒",
    "库车",
    "廊坊",
    "潍坊",
    "坊子",
    "镇江",
    "景德镇",
    "镇海",
    "镇平",
    "镇雄",
    "镇远",
    "鼓楼",
    "钟楼",
    "桥东",
    "桥西",
    "路南",
    "路北",
    "路桥",
    "道里",
    "道外",
    "乡宁",
    "屯昌",
    "仓山",
    "站前",
    "小店",
    "社旗",
    "营山",
    "驻马店",
    "三元",
    "广元",
    "开远",
    "元氏",
    "元谋",
    "元宝",
    "元宝山",
    "南乡",
    "新乡",
    "宁乡",
    "萍乡",
    "桐乡",
    "府谷",
    "单县",
    "开封府",
];
/// What stands right before `区` where it means an estate, a campus or a zone.
const NO_DISTRICT: &str = "小园園社校厂廠院景片军軍属屬假税稅流活业業宅墅库庫学學牧工";

/// An address as it may be seen: `广东省深圳市南山区***`.
pub fn address(text: &str) -> String {
    let text: Vec<char> = plain(text).chars().collect();
    if text.is_empty() {
        return String::new();
    }
    let shown = shown(&text);
    format!("{}{HIDDEN}", shown.iter().collect::<String>())
}

/// Province, city and district as far as they are recognised, without what separates them.
fn shown(text: &[char]) -> Vec<char> {
    let mut rest = text;
    let Some(province) = province(rest) else { return Vec::new() };
    let mut shown = take(&mut rest, province);
    // `上海上海市浦东新区`: some write the province twice.
    let city = part(rest, CITY_ENDS).filter(|length| !is_above(&rest[..*length]));
    shown.extend(city.map(|length| take(&mut rest, length)).unwrap_or_default());
    shown.extend(part(rest, DISTRICT_ENDS).map(|length| take(&mut rest, length)).unwrap_or_default());
    shown
}

/// Takes so many characters from the front, and what separates them from the rest.
fn take(rest: &mut &[char], length: usize) -> Vec<char> {
    let (taken, after) = rest.split_at(length);
    let gap = after.iter().take_while(|c| is_gap(**c)).count();
    *rest = &after[gap..];
    taken.to_vec()
}

fn is_gap(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | '-' | '/' | '|' | '、' | '_')
}

fn province(text: &[char]) -> Option<usize> {
    let length = PROVINCES.iter().find_map(|name| starts(text, name))?;
    let end = PROVINCE_ENDS.iter().find_map(|end| starts(&text[length..], end));
    Some(length + end.unwrap_or(0))
}

/// How long the part with one of these endings at the front of `text` is.
fn part(text: &[char], ends: &[&str]) -> Option<usize> {
    for length in 1..=AUTONOMOUS_MAX.min(text.len()) {
        if !is_han(text[length - 1]) {
            return None;
        }
        let end = ends.iter().find(|end| starts(&text[length..], end).is_some());
        if let Some(end) = end {
            let whole = length + end.chars().count();
            return is_part(&text[..length], end, text.get(whole)).then_some(whole);
        }
    }
    None
}

/// Whether this name with this ending, before this character, is a city or a district.
fn is_part(name: &[char], end: &str, next: Option<&char>) -> bool {
    let text: String = name.iter().collect();
    let is_clear = !name.iter().any(|c| BELOW.contains(*c)) || KNOWN.contains(&text.as_str());
    let fits = name.len() <= PART_MAX || end.starts_with("自治");
    let is_long = name.len() > 1 || end.starts_with(['县', '縣', '市']);
    let is_zone = end.starts_with(['区', '區']) && name.last().is_some_and(|c| NO_DISTRICT.contains(*c));
    // `新市路` is a street.
    let goes_on = next.is_some_and(|c| "路街道巷弄里村镇屯场桥".contains(*c));
    is_clear && fits && is_long && !is_zone && !goes_on
}

/// Whether a part that looks like a city goes beyond a district: `朝阳区望京市`.
fn is_above(part: &[char]) -> bool {
    part.iter().any(|c| matches!(c, '区' | '县' | '區' | '縣' | '旗'))
}

fn starts(text: &[char], word: &str) -> Option<usize> {
    let length = word.chars().count();
    (text.len() >= length && text.iter().zip(word.chars()).all(|(a, b)| *a == b)).then_some(length)
}
