//! Keys that work on every page. The cheat sheet and the script read the same list: the page carries it, and the script
//! has one small function for each of the words in `does`.

use super::text::Language;

/// A key, or two one after the other, and what they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The keys, with a blank between two that follow each other.
    pub keys: &'static str,
    /// The word that the script knows.
    pub does: &'static str,
    /// Where it leads, for those that lead somewhere.
    pub to: &'static str,
    zh: &'static str,
    en: &'static str,
}

impl Key {
    /// What it does, for people.
    pub fn text(&self, language: Language) -> &'static str {
        language.pick(self.zh, self.en)
    }

    /// Each key of it.
    pub fn parts(&self) -> std::str::Split<'static, char> {
        self.keys.split(' ')
    }
}

const fn key(keys: &'static str, does: &'static str, to: &'static str, zh: &'static str, en: &'static str) -> Key {
    Key { keys, does, to, zh, en }
}

/// Every key, in the order of the cheat sheet.
pub const KEYS: &[Key] = &[
    key("/", "search", "", "搜索任何单号或文字", "Search any number or text"),
    key("j", "next", "", "下一行", "Next row"),
    key("k", "previous", "", "上一行", "Previous row"),
    key("o", "open", "", "打开当前行", "Open the row"),
    key("x", "select", "", "选中或取消当前行", "Select the row, or not"),
    key("n", "page", "next", "下一页", "Next page"),
    key("g o", "go", "/orders", "去订单", "Go to orders"),
    key("g s", "go", "/scans", "去扫描", "Go to scans"),
    key("g t", "go", "/stations", "去工位", "Go to stations"),
    key("g i", "go", "/imports", "去导入", "Go to imports"),
    key("g e", "go", "/exports", "去导出", "Go to exports"),
    key("?", "help", "", "显示本表", "Show this list"),
    key("Escape", "leave", "", "离开输入框，关闭本表", "Leave a field, close this list"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_keys_are_the_same_and_none_begins_another() {
        let all: BTreeSet<&str> = KEYS.iter().map(|key| key.keys).collect();
        assert_eq!(all.len(), KEYS.len());
        let begins = |one: &str| all.iter().any(|other| other.starts_with(&format!("{one} ")));
        assert!(KEYS.iter().all(|key| !begins(key.keys)), "a key would never be heard");
    }

    #[test]
    fn the_script_knows_every_word() {
        let script = include_str!("../../assets/app.js");
        for key in KEYS {
            assert!(script.contains(&format!("  {}(", key.does)), "app.js has no `{}`", key.does);
        }
    }
}
