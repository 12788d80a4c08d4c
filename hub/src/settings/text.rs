//! Every word on the settings page, in both languages.

use crate::pages::text::Language;

macro_rules! texts {
    ($($name:ident = $zh:literal, $en:literal;)*) => {
        /// The words of one language.
        #[derive(Debug)]
        #[expect(missing_docs, reason = "each field is its own text, written once below")]
        pub struct Text { $(pub $name: &'static str,)* }

        static ZH: Text = Text { $($name: $zh,)* };
        static EN: Text = Text { $($name: $en,)* };
    };
}

texts! {
    settings = "设置", "Settings";
    save = "保存", "Save";
    saved = "已保存。", "Saved.";
    history = "修改记录", "History";
    when = "时间", "When";
    who = "谁", "Who";
    what = "设置项", "Setting";
    before = "原值", "Before";
    after = "新值", "After";
    undo = "恢复原值", "Put back";
    no_changes = "还没有人改过设置。", "Nobody has changed a setting yet.";
    older = "更早", "Older";
    sites = "各仓设置", "Sites";
    site_title = "仓名", "Name";
    green_deadline_ms = "放行等待落盘上限（毫秒）", "A green may wait for the disk (ms)";
    journal_warn_percent = "工位日志告警线（%）", "Stations warn at this share of their journal (%)";
    hub = "中枢", "Hub";
    yes = "是", "Yes";
    no = "否", "No";
    not_accepted = "这些值不被接受：", "These values are not accepted:";
    read_only = "你可以查看设置，但不能修改。", "You may see the settings, not change them.";
}

impl Text {
    /// The words of this language.
    pub fn of(language: Language) -> &'static Text {
        match language {
            Language::Zh => &ZH,
            Language::En => &EN,
        }
    }
}

/// How a setting is called and explained.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// Its name on the page.
    pub label: &'static str,
    /// What it does, and what to think of.
    pub help: &'static str,
}

macro_rules! words {
    ($($name:ident = $zh:literal, $zh_help:literal, $en:literal, $en_help:literal;)*) => {
        /// The words for the setting of this name, if there is such a setting.
        pub fn words(name: &str, language: Language) -> Option<Words> {
            match name {
                $(stringify!($name) => Some(match language {
                    Language::Zh => Words { label: $zh, help: $zh_help },
                    Language::En => Words { label: $en, help: $en_help },
                }),)*
                _ => None,
            }
        }
    };
}

words! {
    company_name = "公司名称", "显示在页面和通知里。",
        "Company name", "Shown on pages and in messages.";
    utc_offset_minutes = "时区（比 UTC 早多少分钟）", "北京时间是 480。每日备份按这个时区的钟点进行。",
        "Time zone (minutes ahead of UTC)", "China Standard Time is 480. The daily backup goes by this zone's hour.";
    backup_daily = "每天自动备份", "备份写进启动参数 --backup-dir 指定的文件夹，写完会整份读回核对。",
        "Back up every day", "Into the folder of --backup-dir; every file is read again and checked.";
    backup_hour = "备份时间（点）", "从这个钟点起；当时没在运行，就在启动后补做。",
        "Backup hour", "From this hour on; a hub that was down then does it after its start.";
    backup_keep = "保留份数", "更早的自动备份会被删除；手工备份不受影响。",
        "Backups kept", "Older daily backups are removed; others are left alone.";
    backup_off_machine = "备份文件夹在另一台机器或另一块盘上（或会立即复制过去）", "只有这样，工位才可以忘掉已备份的扫描记录。备份和数据库在同一块盘上时请勿打开。",
        "The backup folder is on another machine or disk, or copied there at once", "Only then may stations forget records that are in a backup. Leave it off while backups share the database's disk.";
    scans_keep_days = "扫描记录保留天数", "没有进入过备份的记录不会删除。",
        "Days that scan records are kept", "What is in no backup yet is never deleted.";
    imports_keep_days = "导入记录保留天数", "只删除已经结束的导入及其错误明细，订单不受影响。",
        "Days that imports are kept", "Only finished imports and their lists of errors; orders stay.";
    contacts_keep_days = "收件人信息保留天数", "订单结束后满这些天，姓名、电话、地址会被删除；订单本身保留。",
        "Days that recipients are kept", "So long after an order is over, name, phone and address are erased; the order stays.";
    session_rest_minutes = "登录闲置多少分钟后失效", "",
        "A session ends after so many minutes without use", "";
    session_life_hours = "登录最长有效小时数", "",
        "A session ends after so many hours in any case", "";
    disk_warn_percent = "磁盘使用率告警线（%）", "达到后健康页会提醒。",
        "Warn when the disk is so full (%)", "The health page says so from then on.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::model::SPECS;

    #[test]
    fn every_setting_has_its_words() {
        for spec in SPECS {
            assert!(words(spec.name, Language::Zh).is_some_and(|words| !words.label.is_empty()), "{}", spec.name);
        }
    }
}
