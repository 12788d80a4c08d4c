//! Couriers by the short names that stations and rules use.

/// The short name of a courier for the names that channels, files and people use; unknown names are kept in lower
/// case, so that nothing is lost.
pub fn short_name(name: &str) -> String {
    let bare: String = name.trim().to_lowercase().chars().filter(|c| !c.is_whitespace() && *c != '_').collect();
    let stem = ["速运", "速递", "快递", "快运", "物流", "express", "集团"]
        .iter()
        .fold(bare, |stem, ending| stem.strip_suffix(ending).map_or(stem.clone(), str::to_owned));
    let known = NAMES.iter().find(|(_, names)| names.contains(&stem.as_str()));
    known.map_or(stem, |(short, _)| (*short).to_owned())
}

const NAMES: &[(&str, &[&str])] = &[
    ("sf", &["sf", "顺丰", "shunfeng", "sfexpress", "shunfengsuyun"]),
    ("yto", &["yto", "圆通", "yuantong"]),
    ("zto", &["zto", "中通", "zhongtong"]),
    ("sto", &["sto", "申通", "shentong"]),
    ("yunda", &["yunda", "yd", "韵达"]),
    ("jt", &["jt", "j&t", "极兔", "jtexpress", "jitu", "jtsd"]),
    ("jd", &["jd", "京东", "jdl", "jingdong", "jdwl"]),
    ("china-post", &["china-post", "chinapost", "ems", "邮政", "中国邮政", "邮政ems", "youzheng", "youzhengguonei"]),
    ("deppon", &["deppon", "dbl", "德邦", "debang", "debangwuliu"]),
    ("cainiao", &["cainiao", "菜鸟", "丹鸟"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use packline_protocol::code::Courier;

    #[test]
    fn names_come_down_to_the_words_of_the_stations() {
        for (name, short) in [
            ("顺丰速运", "sf"),
            ("SF Express", "sf"),
            ("SF", "sf"),
            ("圆通速递", "yto"),
            ("中通快递", "zto"),
            ("韵达", "yunda"),
            ("极兔速递", "jt"),
            ("京东物流", "jd"),
            ("EMS", "china-post"),
            ("德邦快递", "deppon"),
            ("某某配送", "某某配送"),
            ("", ""),
        ] {
            assert_eq!(short_name(name), short, "{name}");
        }
        assert!(NAMES.iter().any(|(short, _)| *short == Courier::ChinaPost.name()));
    }
}
