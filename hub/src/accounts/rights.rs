//! What somebody may do. Each route needs one of these rights, each role is a set of them.
//!
//! A new right is one line in the list below and its place in the built-in roles of [`super::actions::roles`].

use std::fmt;

macro_rules! rights {
    ($($right:ident = $name:literal, $zh:literal, $en:literal;)*) => {
        /// Something that a role may or may not do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Right { $(#[doc = concat!("May ", $en, ".")] $right,)* }

        impl Right {
            /// Every right, in the order in which pages show them.
            pub const ALL: &'static [Right] = &[$(Right::$right,)*];

            /// The stable name, as tables, tokens and answers write it.
            pub fn name(self) -> &'static str {
                match self { $(Right::$right => $name,)* }
            }

            /// What it allows, in Chinese.
            pub fn zh(self) -> &'static str {
                match self { $(Right::$right => $zh,)* }
            }

            /// What it allows, in English.
            pub fn en(self) -> &'static str {
                match self { $(Right::$right => $en,)* }
            }
        }
    };
}

rights! {
    OrdersView = "orders.view", "查看订单", "see orders";
    OrdersEdit = "orders.edit", "修改订单", "change orders";
    OrdersImport = "orders.import", "导入订单", "import and send orders";
    OrdersExport = "orders.export", "导出订单", "export orders";
    OrdersReveal = "orders.reveal", "查看完整个人信息（需填原因，会留痕）", "see personal data in full, with a reason, on record";
    OrdersBulk = "orders.bulk", "批量操作订单", "act on many orders at once";
    MoneyView = "money.view", "查看金额与财务", "see amounts and finances";
    ScansView = "scans.view", "查看扫描", "see scans";
    StationsView = "stations.view", "查看工位", "see stations";
    StationsManage = "stations.manage", "管理工位", "manage stations and sites";
    RulesView = "rules.view", "查看规则", "see rules";
    RulesPublish = "rules.publish", "发布规则", "publish rules";
    ServiceWork = "service.work", "处理客服队列", "work in the service queue";
    ServiceManage = "service.manage", "管理客服队列", "manage the service queue";
    FieldsManage = "fields.manage", "管理自定义字段", "manage custom fields";
    NotifyManage = "notify.manage", "管理通知与回调", "manage notifications and webhooks";
    ApprovalsDecide = "approvals.decide", "审批", "decide approvals";
    InsightView = "insight.view", "查看经营数据", "see figures and charts";
    AuditView = "audit.view", "查看审计日志", "see the audit log";
    PeopleManage = "people.manage", "管理人员与权限", "manage people and rights";
    TokensOwn = "tokens.own", "使用自己的接口令牌", "have API tokens of one's own";
    TokensManage = "tokens.manage", "管理所有接口令牌", "manage everybody's API tokens";
    SettingsView = "settings.view", "查看设置", "see settings";
    SettingsManage = "settings.manage", "修改设置", "change settings";
    HealthView = "health.view", "查看运行状况", "see how the hub is doing";
    MetricsView = "metrics.view", "读取监控指标", "read metrics";
}

impl Right {
    /// The right with this name.
    pub fn parse(name: &str) -> Option<Right> {
        Right::ALL.iter().copied().find(|right| right.name() == name)
    }

    fn bit(self) -> u64 {
        1 << self as u32
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of rights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rights(u64);

impl Rights {
    /// No right at all.
    pub const NONE: Rights = Rights(0);

    /// Every right there is.
    pub fn all() -> Rights {
        Right::ALL.iter().copied().collect()
    }

    /// Whether this right is among them.
    pub fn has(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }

    /// Whether all of these are among them.
    pub fn covers(self, others: Rights) -> bool {
        self.0 & others.0 == others.0
    }

    /// Those that are also among these.
    pub fn within(self, others: Rights) -> Rights {
        Rights(self.0 & others.0)
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.iter().copied().filter(move |right| self.has(*right))
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Rights {
        Rights(rights.into_iter().fold(0, |set, right| set | right.bit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_right_has_a_name_of_its_own_that_is_read_back() {
        let names: BTreeSet<&str> = Right::ALL.iter().map(|right| right.name()).collect();
        assert_eq!(names.len(), Right::ALL.len());
        for right in Right::ALL {
            assert_eq!(Right::parse(right.name()), Some(*right));
            assert!(right.name().split_once('.').is_some_and(|(noun, verb)| !noun.is_empty() && !verb.is_empty()));
            assert_ne!(right.zh(), right.en(), "{right}");
        }
        assert_eq!(Right::parse("orders.everything"), None);
        assert!(Right::ALL.len() <= 64, "a set of rights has 64 bits");
    }

    #[test]
    fn a_set_knows_what_is_in_it() {
        let set: Rights = [Right::OrdersView, Right::MetricsView].into_iter().collect();
        assert!(set.has(Right::OrdersView) && set.has(Right::MetricsView) && !set.has(Right::OrdersEdit));
        assert!(Rights::all().covers(set) && !set.covers(Rights::all()) && set.covers(Rights::NONE));
        assert_eq!(set.iter().collect::<Vec<_>>(), [Right::OrdersView, Right::MetricsView]);
        assert_eq!(set.within([Right::OrdersView].into_iter().collect()).iter().count(), 1);
    }
}
