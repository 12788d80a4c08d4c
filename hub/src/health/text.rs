//! Every word of the health page, in both languages: what each thing is, how it stands, and what to do.

use super::model::{Figure, State, Topic};
use crate::pages::text::Language;
use crate::pages::time::age;

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
    health = "运行状况", "Health";
    all_good = "一切正常。", "Everything is as it should be.";
    look = "有需要留意的地方。", "Something needs a look.";
    come = "有故障，请马上处理。", "Something is broken: act now.";
    item = "检查项", "What";
    state = "状态", "State";
    figure = "当前值", "Figure";
    to_do = "怎么办", "What to do";
    good = "正常", "Good";
    warn = "留意", "Look";
    bad = "故障", "Act";
    sites = "各仓变更日志", "Change logs of sites";
    site = "仓", "Site";
    newest = "最新变更", "Newest change";
    rows = "行数", "Rows";
    led = "有中枢负责", "Led by a hub";
    yes = "是", "Yes";
    no = "否", "No";
    stations = "各工位", "Stations";
    station = "工位", "Station";
    online = "在线", "Online";
    lag = "落后变更数", "Changes behind";
    backlog = "待上传记录", "Records waiting";
    journal = "日志用量", "Journal";
    clock = "时钟偏差", "Clock ahead";
    alarms = "告警", "Alarms";
    no_stations = "还没有工位。", "There is no station yet.";
    version = "版本", "Version";
    database = "数据库", "Database";
    uptime = "已运行", "Running for";
    time = "中枢时间", "Hub's time";
    backups = "备份", "Backups";
    back_up_now = "立即备份", "Back up now";
    begun = "备份已开始，完成后会出现在下表。", "The backup has begun; it shows below when it is done.";
    no_backups = "还没有备份。", "There is no backup yet.";
    file = "文件", "File";
    began = "开始", "Begun";
    size = "大小", "Size";
    by = "发起人", "By";
    done = "完成", "Done";
    running = "进行中", "Running";
    failed = "失败", "Failed";
    safe = "异机保存", "Off this machine";
    keys_note = "备份里没有密钥。请另行保存：packline-hub keys seal 文件。没有密钥，备份无法恢复。", "Backups hold no keys. Keep those apart: packline-hub keys seal FILE. Without them no backup can be restored.";
}

impl Text {
    /// The words of this language.
    pub fn of(language: Language) -> &'static Text {
        match language {
            Language::Zh => &ZH,
            Language::En => &EN,
        }
    }

    /// The word for a state.
    pub fn state(&self, state: State) -> &'static str {
        match state {
            State::Good => self.good,
            State::Warn => self.warn,
            State::Bad => self.bad,
        }
    }
}

/// What an item is called, and what to do when it is not good.
pub fn about(topic: Topic, language: Language) -> (&'static str, &'static str) {
    let (zh, zh_do, en, en_do) = match topic {
        Topic::Database => (
            "数据库应答",
            "看数据库是否在运行、磁盘是否过慢；SQLite 请看所在磁盘。",
            "The database answers",
            "See that the database runs and that its disk is not overloaded.",
        ),
        Topic::Broker => (
            "消息代理连接",
            "看 --broker 的地址、账号和网络；断开期间工位照常工作，记录不会丢。",
            "Connected to the broker",
            "Check --broker, its account and the network. Stations go on meanwhile and lose nothing.",
        ),
        Topic::Imports => (
            "等待处理的导入",
            "打开导入页看是否有文件卡住。",
            "Imports that wait",
            "Open the imports page and see whether a file is stuck.",
        ),
        Topic::Marks => (
            "等待写入变更日志",
            "数量持续上升说明处理跟不上：看数据库负载和“有中枢负责”一栏。",
            "Changes that wait for their log",
            "If it keeps growing the hub cannot keep up: look at the database's load and at who leads each site.",
        ),
        Topic::Effects => (
            "对外动作：失败或放弃 / 等待",
            "打开“通知”里的发送记录，看原因后重试或跳过。",
            "Things to be done outside: failing or given up / waiting",
            "Open the list of what is sent, read why, and try again or skip it.",
        ),
        Topic::Disk => (
            "数据盘用量",
            "清理磁盘或换更大的盘；磁盘写满后中枢会停止收单。",
            "The data disk",
            "Free some space or move to a larger disk: a full one stops the hub.",
        ),
        Topic::Backup => (
            "最近一次备份",
            "按下面的按钮立即备份；失败原因在备份表里。",
            "The newest backup",
            "Back up now with the button below; why one failed stands in the table.",
        ),
        Topic::Clock => (
            "时钟",
            "在中枢和工位上启用网络对时（NTP）。",
            "The clocks",
            "Switch on network time (NTP) on the hub and the stations.",
        ),
        Topic::Leaders => (
            "各仓都有中枢负责",
            "刚启动时会等十几秒；之后仍然没有，请看中枢日志。",
            "Every site is led by a hub",
            "After a start it takes some seconds; later on read the hub's log.",
        ),
        Topic::Stations => (
            "在线工位",
            "看离线工位的电源和网线；离线工位仍按本地副本判定。",
            "Stations that are online",
            "Check power and cable of the others. They go on judging by what they know.",
        ),
        Topic::Replicas => (
            "落后或不一致的副本",
            "不一致会自动修复；一直不消失请看该工位的告警。",
            "Replicas behind or different",
            "Differences mend themselves; if one stays, look at that station's alarms.",
        ),
        Topic::Backlog => (
            "工位待上传的记录",
            "看工位网络；记录在工位上是安全的，直到日志写满。",
            "Records waiting at stations",
            "Check the stations' network. Records are safe there until the journal is full.",
        ),
    };
    (language.pick(zh, en), language.pick(zh_do, en_do))
}

/// A figure in words.
pub fn figure(figure: &Figure, language: Language) -> String {
    let text = Text::of(language);
    match figure {
        Figure::Millis(ms) => format!("{ms} ms"),
        Figure::None => language.pick("没有", "none").to_owned(),
        Figure::Is(is) => if *is { text.yes } else { text.no }.to_owned(),
        Figure::Count(count) => count.to_string(),
        Figure::Of(some, all) => format!("{some} / {all}"),
        Figure::Used(percent, free) => {
            format!("{percent} %{}{}", language.pick("，剩余 ", ", free "), bytes(*free))
        }
        Figure::Age(ms) => format!("{}{}", age(Some(*ms), language), language.pick("前", " ago")),
        Figure::Ahead(ms) => format!("{}.{:01} s", ms / 1_000, ms.unsigned_abs() % 1_000 / 100),
    }
}

/// Bytes in the largest unit that says them well.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut size = bytes;
    while size >= 10_240 && unit + 1 < UNITS.len() {
        (size, unit) = (size / 1_024, unit + 1);
    }
    format!("{size} {}", UNITS[unit])
}
