//! The words of the pages about what goes out: notices, their rules and targets, webhooks, effects.

use crate::pages::text::Language;

macro_rules! texts {
    ($($name:ident = $zh:literal, $en:literal;)*) => {
        /// The words of one language.
        #[derive(Debug)]
        #[expect(missing_docs, reason = "each field is its own text, written once below")]
        pub struct OutText { $(pub $name: &'static str,)* }

        static ZH: OutText = OutText { $($name: $zh,)* };
        static EN: OutText = OutText { $($name: $en,)* };

        #[cfg(test)]
        const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $zh, $en),)*];
    };
}

/// The words in this language.
pub fn text(language: Language) -> &'static OutText {
    match language {
        Language::Zh => &ZH,
        Language::En => &EN,
    }
}

texts! {
    notices = "通知", "Notices";
    sending = "通知与外发", "Sending";
    rules = "通知规则", "Notice rules";
    targets = "接收渠道", "Targets";
    webhooks = "回调", "Webhooks";
    effects = "外发队列", "Outgoing queue";
    no_notices = "没有通知。", "No notices.";
    unread = "未读", "Unread";
    read_all = "全部标为已读", "Mark all as read";
    take_note = "我来处理", "I take note";
    noted_by = "处理人", "Noted by";
    is_over = "已恢复", "Over";
    look = "查看", "Look";
    older = "更早", "Older";
    first_seen = "首次", "First";
    last_seen = "最近", "Last";
    info = "提示", "Info";
    warning = "注意", "Warning";
    critical = "严重", "Critical";
    time = "时间", "Time";
    what = "内容", "What";
    state = "状态", "State";
    site = "仓", "Site";
    any_site = "留空表示所有仓", "Empty means every site";
    title = "名称", "Name";
    rules_about = "哪类事件通知谁、何时通知。铃铛立即提示；机器人和邮件遵守免打扰与汇总。",
        "Who is told of what, and when. The bell shows at once; robots and mail keep quiet hours and gather.";
    no_rules = "没有规则：不会通知任何人。", "No rules: nobody is told of anything.";
    new_rule = "新建规则", "New rule";
    edit = "修改", "Change";
    remove = "删除", "Remove";
    save = "保存", "Save";
    on = "启用", "On";
    off = "停用", "Off";
    switch_on = "启用", "Switch on";
    switch_off = "停用", "Switch off";
    kinds = "事件", "Events";
    all_kinds = "所有事件", "Every event";
    no_kind_is_all = "不选表示所有事件。", "Choosing none means every event.";
    from_severity = "级别不低于", "From severity";
    who = "通知谁", "Who is told";
    everybody = "所有人", "Everybody";
    roles = "角色", "Roles";
    people = "人员账号（逗号分隔）", "Accounts (with commas)";
    quiet_hours = "免打扰时段", "Quiet hours";
    quiet_from = "从", "From";
    quiet_to = "到", "Until";
    quiet_about = "UTC+8；两者留空表示没有。", "UTC+8; leave both empty for none.";
    awake_from = "不受免打扰限制的级别", "Severity that ignores quiet hours";
    gather_minutes = "汇总几分钟再发（0 为立即）", "Gather for so many minutes (0 is at once)";
    escalation = "升级", "Escalation";
    escalate_minutes = "无人处理几分钟后升级（0 为不升级）", "When nobody takes note for so many minutes (0 is never)";
    escalate_to = "升级通知谁", "Who is told then";
    minutes = "分钟", "min";
    targets_about = "群机器人与邮件。地址和密钥加密保存，保存后不再显示。",
        "Group robots and mail. Addresses and secrets are kept sealed and never shown again.";
    no_targets = "还没有接收渠道。", "No targets yet.";
    add_robot = "添加群机器人", "Add a group robot";
    add_mail = "添加邮件", "Add mail";
    kind = "类型", "Kind";
    dingtalk = "钉钉", "DingTalk";
    wecom = "企业微信", "WeCom";
    feishu = "飞书", "Feishu";
    mail = "邮件", "Mail";
    robot_url = "机器人地址（Webhook）", "Robot address (webhook)";
    robot_secret = "加签密钥（企业微信留空）", "Signing secret (empty for WeCom)";
    message_language = "消息语言", "Language of messages";
    mail_host = "SMTP 服务器", "SMTP server";
    mail_port = "端口", "Port";
    mail_protection = "加密", "Protection";
    mail_user = "账号", "User";
    mail_password = "密码", "Password";
    mail_from = "发件人", "From";
    mail_to = "收件人（逗号分隔）", "To (with commas)";
    no_tls = "无（仅限 outbound_allow 网段）", "None (only networks in outbound_allow)";
    add = "添加", "Add";
    send_test = "发送测试", "Send a test";
    last_try = "最近一次发送", "Last message";
    never_sent = "从未发送", "Nothing sent yet";
    webhooks_about = "向其他程序推送事件：签名、按订单有序、失败重试、可重放。内容不含个人信息。",
        "Events for other programs: signed, in order per order, tried again, replayable. They hold no personal data.";
    no_webhooks = "还没有回调。", "No webhooks yet.";
    add_webhook = "添加回调", "Add a webhook";
    url = "地址", "URL";
    secret_once = "签名密钥，只显示这一次：", "The signing secret, shown this once:";
    secret_how = "按 Standard Webhooks 校验请求头 webhook-id、webhook-timestamp、webhook-signature。",
        "Verify the headers webhook-id, webhook-timestamp and webhook-signature as Standard Webhooks says.";
    failing_since = "持续失败自", "Failing since";
    switched_off_by_hub = "已自动停用", "Switched off by the hub";
    new_secret = "更换密钥", "New secret";
    new_secret_sure = "旧密钥继续签名 24 小时。", "The old secret still signs for 24 hours.";
    replay = "重放", "Send again";
    replay_about = "按时间重发事件，编号不变，接收方可据此去重。", "Events of a time are sent again under the same numbers, so that the receiver can tell.";
    replay_from = "从（UTC+8）", "From (UTC+8)";
    replay_to = "到（UTC+8）", "Until (UTC+8)";
    replayed = "已加入队列的事件：", "Events put into the queue:";
    deliveries = "投递记录", "Deliveries";
    no_deliveries = "还没有投递。", "No deliveries yet.";
    event = "事件", "Event";
    duration = "耗时", "Took";
    status = "状态码", "Status";
    answer = "返回", "Answer";
    tries = "次数", "Try";
    remove_sure = "确定删除？未发送的将被丢弃。", "Really remove it? What was not sent is dropped.";
    effects_about = "等待对外执行的事项：每项只做一次，同一对象按先后顺序。", "What is wanted outside: each done once, in order for each subject.";
    all_waiting = "等待", "Waiting";
    all_failing = "重试中", "Failing";
    all_given_up = "已放弃", "Given up";
    nothing_here = "没有。", "Nothing here.";
    target = "对象", "Target";
    wanted_at = "提出", "Wanted";
    next_try = "下次", "Next try";
    problem = "问题", "Problem";
    retry = "重试", "Try again";
    skip = "跳过", "Skip";
    why = "原因", "Reason";
    waiting = "等待", "Waiting";
    running = "发送中", "Running";
    done = "成功", "Done";
    given_up = "已放弃", "Given up";
    skipped = "已跳过", "Skipped";
    section_menu = "外发菜单", "Menu of this section";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_there_in_both_languages() {
        for (name, zh, en) in ALL {
            assert!(!zh.is_empty() && !en.is_empty() && zh != en, "{name}");
            assert!(en.is_ascii(), "{name}: {en}");
        }
    }
}
