// Every word of the page in both languages. The station sends the sentences of answers and notices in both itself.

const WORDS = {
  zh: {
    other_language: "English",
    recent: "最近扫描",
    scanners: "扫描枪",
    manual: "手动输入",
    manual_hint: "输入条码，按 Enter",
    submit: "提交",
    acknowledge: "已看到，继续",
    sound_off: "声音未开启：请按任意键",
    idle: "请扫描",
    idle_sentence: "扫描面单条码",
    waiting: "正在记录",
    waiting_sentence: "记录写入磁盘之前，请不要放行",
    release: "放行",
    release_sentence: "可以发出",
    stop: "拦截",
    ask: "确认",
    overtaken: "已记录",
    last_four: "尾号",
    clears: (what) => `放行条件：${what}`,
    repeat: "重复扫描：同一个包裹",
    locked: "扫描枪已锁定，确认后解锁",
    unseen_stop: "未确认",
    acknowledged: "已确认",
    code: "条码",
    order: "订单",
    part: "包裹",
    part_of: (number, of) => `第 ${number} 个，共 ${of} 个`,
    content: "内含",
    more: (count) => `另有 ${count} 项`,
    comma: "，",
    scanner: "扫描枪",
    data_age: "数据",
    no_read: "未读到条码",
    nothing_yet: "还没有扫描",
    last_release: (digits, ago) => `上一个${digits ? ` …${digits} ` : ""}已放行，${ago}`,
    no_scanners: "没有配置扫描枪",
    online: "在线",
    offline: "离线",
    locked_short: "已锁定",
    manual_scanner: "手动",
    link_up: "已连接中心",
    link_down: "未连接中心",
    catching_up: (to) => `正在追赶到 ${to}`,
    fetching: (part, of) => `正在下载订单 ${part}/${of}`,
    mending: "正在修复订单数据",
    data: (age) => `数据 ${age}`,
    data_unknown: "数据时间未知",
    data_stale: "数据过旧，不能放行",
    backlog: (count) => `待上传 ${count}`,
    journal: (percent) => `存储已用 ${percent}%`,
    clock_unsure: "时钟未校准",
    replica_empty: "还没有订单数据",
    position: (seq, revision) => `副本 ${seq} · 规则 ${revision}`,
    lost: "屏幕已断开",
    lost_action: "不要按屏幕放行：请看灯，听扫描枪。",
    lost_since: (ago) => `正在重新连接，已断开 ${ago}`,
    hung: "工位没有响应",
    hung_action: "不要放行：请叫主管，重新启动工位。",
    hung_since: (ago) => `最后一次响应在 ${ago}前`,
    not_sent: "没有送达工位，请再试一次",
    sent: (code) => `已提交 ${code}`,
    ago: (text) => `${text}前`,
    now: "刚刚",
    seconds: (n) => `${n} 秒`,
    minutes: (n) => `${n} 分钟`,
    hours: (n) => `${n} 小时`,
    days: (n) => `${n} 天`,
  },
  en: {
    other_language: "中文",
    recent: "Last scans",
    scanners: "Scanners",
    manual: "Type a code",
    manual_hint: "Type a code, then Enter",
    submit: "Submit",
    acknowledge: "Seen, go on",
    sound_off: "Sound is off: press any key",
    idle: "Scan",
    idle_sentence: "Scan the waybill",
    waiting: "Recording",
    waiting_sentence: "Do not let it go until the record is on disk",
    release: "Release",
    release_sentence: "It may leave",
    stop: "Stop",
    ask: "Ask",
    overtaken: "Recorded",
    last_four: "Last four",
    clears: (what) => `What clears it: ${what}`,
    repeat: "Scanned before: the same parcel",
    locked: "The scanner is locked until this is acknowledged",
    unseen_stop: "not acknowledged",
    acknowledged: "acknowledged",
    code: "Code",
    order: "Order",
    part: "Parcel",
    part_of: (number, of) => `${number} of ${of}`,
    content: "Inside",
    more: (count) => `${count} more`,
    comma: ", ",
    scanner: "Scanner",
    data_age: "Data",
    no_read: "nothing read",
    nothing_yet: "Nothing was scanned yet",
    last_release: (digits, ago) => `The last one${digits ? `, …${digits},` : ""} was released ${ago}`,
    no_scanners: "No scanner is set up",
    online: "online",
    offline: "offline",
    locked_short: "locked",
    manual_scanner: "typed",
    link_up: "Hub connected",
    link_down: "Hub not connected",
    catching_up: (to) => `Catching up to ${to}`,
    fetching: (part, of) => `Fetching orders ${part}/${of}`,
    mending: "Mending the order data",
    data: (age) => `Data ${age}`,
    data_unknown: "Age of data unknown",
    data_stale: "Data too old to release on",
    backlog: (count) => `${count} to send`,
    journal: (percent) => `Storage ${percent}% used`,
    clock_unsure: "Clock not set",
    replica_empty: "No order data yet",
    position: (seq, revision) => `replica ${seq} · rules ${revision}`,
    lost: "Screen lost the station",
    lost_action: "Do not go by this screen: watch the light, listen to the scanner.",
    lost_since: (ago) => `Connecting again, lost for ${ago}`,
    hung: "The station does not answer",
    hung_action: "Let nothing go: call the supervisor and restart the station.",
    hung_since: (ago) => `It last answered ${ago} ago`,
    not_sent: "The station did not get it, try again",
    sent: (code) => `Submitted ${code}`,
    ago: (text) => `${text} ago`,
    now: "just now",
    seconds: (n) => `${n} s`,
    minutes: (n) => `${n} min`,
    hours: (n) => `${n} h`,
    days: (n) => (n === 1 ? "1 day" : `${n} days`),
  },
};

// What the station says in English only, by its stable key or its exact words.
const TRANSLATED = {
  alarm: {
    "duplicate-identity": "另一台设备在用本工位的身份",
    "hub-lost-changes": "中心丢失了变更，可能恢复了旧备份",
    "journal-behind-hub": "中心有本工位没有的记录",
    "journal-damaged": "记录文件有损坏：请重新启动工位",
    "journal-filling": "记录存储快满了",
    "journal-not-writing": "扫描无法记录，请叫主管",
    "journal-rebuilt": "记录文件损坏，已重建",
    "journal-unknown": "中心不认识本工位的记录",
    "journal-unreadable": "记录文件无法读取",
    "light": "灯柱不工作",
    "records-missing": "有记录缺失",
    "records-refused": "中心拒绝了部分记录",
    "rehearsal": "演练：记录盘被有意放慢或写满",
    "snapshot-damaged": "中心发来的数据无法使用，正在重新获取",
    "replica-in-doubt": "本地数据与中心不一致，修复前不放行",
    "replica-damaged": "本地数据损坏，正在重新下载",
    "replica-differs": "本地数据与中心不一致，正在修复",
    "replica-stuck": "本地数据无法更新",
    "uplink-stuck": "记录无法上传",
  },
  away: {
    "not found": "未找到",
    "held by another program": "被其他程序占用",
    "access denied": "没有权限",
    "unplugged or disconnected": "已拔出或断开",
    "replaced by a new connection": "已被新连接取代",
    "waiting for the reader to connect": "等待设备连接",
    "starting": "正在启动",
  },
  problem: {
    empty: "请输入条码",
    too_long: "条码太长",
    control: "条码含有不可见字符",
    not_found: "这个判定已经不在列表里",
    stopping: "工位正在停止",
  },
};

let language = "zh";

export function currentLanguage() {
  return language;
}

export function speak(wanted) {
  language = wanted === "en" ? "en" : "zh";
}

// A word, or a sentence made from `values`.
export function word(key, ...values) {
  const found = WORDS[language][key];
  return typeof found === "function" ? found(...values) : found;
}

// A sentence that the station has in English only; `key` finds the Chinese one.
export function translated(kind, key, english) {
  return (language === "zh" && TRANSLATED[kind][key]) || english;
}

// How long, in the largest unit that fits.
export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return word("seconds", seconds);
  if (seconds < 3600) return word("minutes", Math.floor(seconds / 60));
  if (seconds < 48 * 3600) return word("hours", Math.floor(seconds / 3600));
  return word("days", Math.floor(seconds / 86400));
}

export function ago(ms) {
  return ms < 1000 ? word("now") : word("ago", duration(ms));
}

export function timeOfDay(ms) {
  const at = new Date(ms);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}
