//! The words of the audit pages, in both languages, and what each kind of change is called.

use crate::pages::text::{Language, texts};

texts! {
    heading = "审计日志", "Audit log";
    about = "谁在什么时候改了什么。记录只增不改，环环相扣，改动一条即可发现。", "Who changed what, and when. Entries are only added, and chained: a changed one is found.";
    who = "操作人", "Who";
    who_hint = "如 user:anna", "such as user:anna";
    what = "动作", "What";
    kind = "对象类型", "Kind of thing";
    subject = "对象编号", "Which one";
    thing = "对象", "Thing";
    from = "从", "From";
    until = "到", "Until";
    when = "时间", "When";
    before = "变更前", "Before";
    after = "变更后", "After";
    reason = "原因", "Reason";
    number = "序号", "No.";
    details = "详情", "Details";
    empty = "没有符合条件的记录。", "No entry matches.";
    export_csv = "导出 CSV", "Export CSV";
    export_json = "导出 JSON", "Export JSON";
    chain = "完整性", "Wholeness";
    whole = "完整", "whole";
    broken = "不完整", "not whole";
    unchecked = "尚未校验", "not checked yet";
    verified = "已校验", "checked";
    sealed = "已签名到", "signed up to";
    of = "共", "of";
    verify = "立即校验", "Check now";
    head = "链尾哈希", "Hash at the end";
    all = "全部", "All";
    search = "查询", "Search";
    next_page = "更早", "Earlier";
    first_page = "回到最新", "Back to the newest";
}

/// The words of this language.
pub fn of(language: Language) -> &'static Text {
    match language {
        Language::Zh => &ZH,
        Language::En => &EN,
    }
}

/// Kinds of change: as they are kept, in Chinese, in English.
const ACTIONS: &[(&str, &str, &str)] = &[
    ("accounts.add_second", "开启两步验证", "turned the second step on"),
    ("accounts.change_password", "修改密码", "changed the password"),
    ("accounts.remove_second", "关闭两步验证", "turned the second step off"),
    ("accounts.set_password", "设置密码", "set a password"),
    ("accounts.set_up", "首次设置", "set the hub up"),
    ("accounts.use_recovery", "使用恢复码", "used a recovery code"),
    ("audit.export", "导出审计日志", "exported the audit log"),
    ("audit.restored", "从备份恢复", "restored a backup"),
    ("imports.queue", "导入文件", "imported a file"),
    ("orders.contact-erased", "到期删除个人信息", "erased old personal data"),
    ("orders.export", "导出订单", "exported orders"),
    ("orders.export.cancel", "取消导出", "cancelled an export"),
    ("orders.must_not_ship", "修改禁止发货", "changed whether an order may ship"),
    ("orders.reveal", "查看完整个人信息", "saw personal data in full"),
    ("orders.send", "通过接口写入订单", "sent orders over the API"),
    ("orders.tags", "修改标签", "changed labels"),
    ("people.accept", "接受邀请", "took an invitation up"),
    ("people.add", "添加人员", "added a person"),
    ("people.disable", "停用账号", "shut an account"),
    ("people.enable", "启用账号", "opened an account"),
    ("people.give_role", "更改角色", "changed a role"),
    ("people.reset", "重置登录", "reset a log-in"),
    ("roles.add", "添加角色", "added a role"),
    ("roles.remove", "删除角色", "removed a role"),
    ("roles.set", "修改角色权限", "changed a role's rights"),
    ("rules.publish", "发布规则", "published rules"),
    ("sessions.begin", "登录", "logged in"),
    ("sessions.end_all", "全部退出", "logged out everywhere"),
    ("sites.settings", "修改仓设置", "changed a site's settings"),
    ("stations.enrol", "工位登记", "enrolled a station"),
    ("stations.invite", "添加工位", "invited a station"),
    ("stations.revoke", "吊销工位", "shut a station out"),
    ("tokens.make", "生成令牌", "made a token"),
    ("tokens.revoke", "吊销令牌", "revoked a token"),
    ("views.delete", "删除视图", "deleted a saved view"),
    ("views.save", "保存视图", "saved a view"),
];

/// What a kind of change is called; its own name when it has no other.
pub fn action(name: &str, language: Language) -> String {
    let known = ACTIONS.iter().find(|(known, ..)| *known == name);
    known.map_or_else(|| name.to_owned(), |(_, zh, en)| language.pick(zh, en).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_stands_in_both_languages_and_they_differ() {
        for (name, zh, en) in ALL.iter().chain(ACTIONS) {
            assert!(!zh.is_empty() && !en.is_empty() && zh != en, "{name}");
        }
        assert!(ACTIONS.is_sorted(), "kinds of change stand in order");
    }
}
