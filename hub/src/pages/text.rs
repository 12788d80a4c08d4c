//! Every word on the hub's pages, in both languages, side by side so that neither can be forgotten.

/// The language of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// 中文, the default.
    Zh,
    /// English.
    En,
}

impl Language {
    /// The language named by a cookie or a form; Chinese for anything unknown.
    pub fn parse(tag: &str) -> Language {
        if tag == "en" { Language::En } else { Language::Zh }
    }

    /// The tag for the `lang` attribute.
    pub fn tag(self) -> &'static str {
        match self {
            Language::Zh => "zh-CN",
            Language::En => "en",
        }
    }

    /// The words of this language.
    pub fn text(self) -> &'static Text {
        Text::of(self)
    }

    /// One of two texts.
    pub fn pick<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Language::Zh => zh,
            Language::En => en,
        }
    }
}

/// Defines the words of a part of the hub, each in both languages side by side, and the test that holds them to that.
macro_rules! texts {
    ($($name:ident = $zh:literal, $en:literal;)*) => {
        /// The words of one language.
        #[derive(Debug)]
        #[allow(missing_docs, reason = "each field is its own text, written once below")]
        pub struct Text { $(pub $name: &'static str,)* }

        static ZH: Text = Text { $($name: $zh,)* };
        static EN: Text = Text { $($name: $en,)* };

        impl Text {
            /// The words of this language.
            #[allow(dead_code, reason = "some parts have a function of their own for it")]
            pub fn of(language: $crate::pages::text::Language) -> &'static Text {
                match language {
                    $crate::pages::text::Language::Zh => &ZH,
                    $crate::pages::text::Language::En => &EN,
                }
            }
        }

        #[cfg(test)]
        const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $zh, $en),)*];

        #[cfg(test)]
        #[test]
        fn every_text_stands_in_both_languages_and_they_differ() {
            for (name, zh, en) in ALL {
                assert!(!zh.is_empty() && !en.is_empty(), "{name}");
                assert_ne!(zh, en, "{name}");
            }
        }
    };
}
pub(crate) use texts;

texts! {
    brand = "Packline 装箱线", "Packline";
    skip = "跳到内容", "Skip to content";
    main_menu = "主菜单", "Main menu";
    orders = "订单", "Orders";
    scans = "扫描", "Scans";
    stations = "工位", "Stations";
    imports = "导入", "Imports";
    audit = "审计", "Audit";
    sending = "通知", "Sending";
    bell = "我的通知", "My notices";
    health = "运行状况", "Health";
    settings = "设置", "Settings";
    exports = "导出", "Exports";
    people = "人员", "People";
    account = "账号", "Account";
    log_in = "登录", "Log in";
    log_out = "退出", "Log out";
    other_language = "English", "中文";
    theme = "深色/浅色", "Dark/light";
    user = "用户名", "User";
    password = "密码", "Password";
    search = "搜索", "Search";
    search_hint = "订单号、运单号、WMS 单号、尾号、商品", "Order, waybill, WMS number, last digits, article";
    search_all = "全站搜索", "Search everything";
    keys_title = "键盘快捷键", "Keyboard shortcuts";
    close = "关闭", "Close";
    keys_hint = "快捷键（?）", "Shortcuts (?)";
    filter = "筛选", "Filter";
    all = "全部", "All";
    status = "状态", "Status";
    platform = "平台", "Platform";
    site = "仓", "Site";
    order_no = "订单号", "Order number";
    shop = "店铺", "Shop";
    amount = "金额", "Amount";
    created_at = "下单时间", "Ordered";
    paid_at = "付款时间", "Paid";
    updated_at = "更新时间", "Updated";
    gift_status = "赠品", "Gifts";
    refund = "退款", "Refund";
    next_page = "下一页", "Next page";
    first_page = "回到第一页", "First page";
    no_orders_yet = "还没有订单。从“导入”页上传一个文件，或调用接口。", "No orders yet. Upload a file on the Imports page, or call the API.";
    order = "订单", "Order";
    lines = "明细", "Lines";
    gifts = "赠品", "Gifts";
    parcels = "包裹", "Parcels";
    history = "历史", "History";
    sku = "货号", "SKU";
    title = "名称", "Title";
    quantity = "数量", "Quantity";
    refunded = "已退", "Refunded";
    issued = "已出库", "Issued";
    stock_out = "出库记录", "Stock-out record";
    no_stock_out = "还没有出库记录", "No stock-out record yet";
    courier = "快递", "Courier";
    address = "地址", "Address";
    approval = "审批", "Approval";
    hold = "库存冻结", "Stock hold";
    must_not_ship = "禁止发货", "Must not ship";
    released_by = "放行工位", "Released by";
    tags = "标签", "Tags";
    waiting = "等待其他包裹", "waits for other parcels";
    yes = "是", "Yes";
    no = "否", "No";
    none = "无", "None";
    time = "时间", "Time";
    reason = "原因", "Reason";
    code = "条码", "Code";
    station = "工位", "Station";
    live_scans = "实时扫描", "Live scans";
    live_on = "实时", "live";
    live_off = "已断开，正在重连", "disconnected, trying again";
    no_scans = "还没有扫描记录。", "No scans yet.";
    conflicts = "冲突", "Conflicts";
    conflict = "冲突", "Conflict";
    repeat = "重复扫描", "repeat";
    link = "连接", "Link";
    online = "在线", "online";
    offline = "离线", "offline";
    never_seen = "从未连接", "never seen";
    replica = "副本", "Replica";
    behind = "落后", "behind";
    equal = "一致", "equal";
    different = "不一致", "different";
    digest = "校验", "Proof";
    backlog = "待上传", "Backlog";
    journal = "日志空间", "Journal space";
    scanners = "扫描枪", "Scanners";
    version = "版本", "Version";
    rules = "规则版本", "Rule set";
    add_station = "添加工位", "Add a station";
    station_name = "工位名（a-z、0-9、-）", "Station name (a-z, 0-9, -)";
    site_name = "仓名（a-z、0-9、-）", "Site name (a-z, 0-9, -)";
    add = "添加", "Add";
    revoke = "吊销", "Revoke";
    revoke_sure = "吊销后该工位立即断开，需要重新登记。", "It is cut off at once and has to be enrolled again.";
    revoked = "已吊销", "revoked";
    waiting_enrol = "等待登记", "waits for enrolment";
    claim_token = "登记码（30 分钟内有效，只显示这一次）", "Claim token (valid for 30 minutes, shown only this once)";
    claim_how = "在工位上运行：", "On the station, run:";
    no_stations = "还没有工位。", "No stations yet.";
    upload = "上传", "Upload";
    file = "文件（CSV 或 JSON）", "File (CSV or JSON)";
    import_about = "CSV（UTF-8、GB18030）或 JSON。表头自动识别；有错的行会逐行列出，其余的照常导入；重复导入不会改变任何东西。", "CSV (UTF-8, GB18030) or JSON. Headings are recognised; bad rows are listed one by one and the rest is taken; importing a file twice changes nothing.";
    rows = "行", "Rows";
    accepted = "已导入", "Taken";
    unchanged = "无变化", "Unchanged";
    failed = "有错", "Bad";
    progress = "进度", "Progress";
    row = "行号", "Row";
    column = "列", "Column";
    value = "值", "Value";
    running = "进行中", "running";
    finished = "完成", "finished";
    stopped = "已中断", "stopped";
    errors = "错误", "Errors";
    taken_all_the_same = "（该订单已导入）", "(the order was taken)";
    no_errors = "没有错误。", "No errors.";
    no_imports = "还没有导入。", "No imports yet.";
    not_found = "找不到这个页面或对象。", "There is no such page or thing.";
    forbidden = "没有权限，或表单已过期，请重新打开页面。", "Not allowed, or the form has expired; open the page again.";
    went_wrong = "出了问题", "Something went wrong";
    back = "返回", "Back";
    outcome = "结果", "Outcome";
    data_age = "数据龄", "Data age";
    older_scans = "更早的扫描", "Older scans";
    newest_scans = "回到最新", "Back to the newest";
    release = "放行", "Release";
    ask = "确认", "Ask";
    stop = "拦截", "Stop";
    boss_of_time = "时间均为北京时间（UTC+8）。", "All times are China Standard Time (UTC+8).";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_is_what_an_unknown_reader_gets() {
        for (tag, language) in [("en", Language::En), ("zh", Language::Zh), ("", Language::Zh), ("de", Language::Zh)] {
            assert_eq!(Language::parse(tag), language, "{tag}");
        }
    }
}
