//! Names: the family name of a person, the kind of a company. How long a name is stays hidden too.

use super::mask::{HIDDEN, is_han, plain};

/// Family names of two characters.
const DOUBLE: &[&str] = &[
    "欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "长孙", "宇文", "司徒", "夏侯",
    "南宫", "独孤", "端木", "百里", "呼延", "轩辕", "闻人", "淳于", "太史", "申屠", "钟离", "鲜于", "赫连", "澹台",
    "公冶", "宗政", "濮阳", "太叔", "仲孙", "司空", "司寇", "公羊", "万俟", "拓跋", "完颜", "纳兰", "東方", "歐陽",
    "諸葛", "長孫", "獨孤", "軒轅", "聞人", "鍾離",
];

/// How companies and offices end.
const COMPANY: &[&str] = &[
    "有限公司",
    "公司",
    "集团",
    "集團",
    "工厂",
    "商行",
    "商店",
    "超市",
    "旗舰店",
    "专卖店",
    "店",
    "厂",
    "廠",
    "中心",
    "医院",
    "醫院",
    "学校",
    "學校",
    "大学",
    "大學",
    "学院",
    "事务所",
    "酒店",
    "饭店",
    "仓库",
    "部门",
    "事业部",
    "办公室",
];

/// A name as it may be seen: `张*`, `欧阳*`, `J***`, `***公司`.
pub fn name(text: &str) -> String {
    let text = plain(text);
    let Some(first) = text.chars().next() else { return text };
    if let Some(kind) = COMPANY.iter().find(|kind| text.ends_with(**kind)) {
        return format!("{HIDDEN}{kind}");
    }
    let length = text.chars().count();
    if let Some(family) = DOUBLE.iter().find(|family| length > 2 && text.starts_with(**family)) {
        return format!("{family}*");
    }
    match first {
        // One character alone is a whole name.
        _ if length == 1 => "*".to_owned(),
        c if is_han(c) || is_syllable(c) => format!("{c}*"),
        c if c.is_alphabetic() => format!("{c}{HIDDEN}"),
        _ => HIDDEN.to_owned(),
    }
}

/// Korean and Japanese writing, where one character is as much as a Chinese one.
fn is_syllable(c: char) -> bool {
    matches!(c, '\u{AC00}'..='\u{D7A3}' | '\u{3040}'..='\u{30FF}')
}
