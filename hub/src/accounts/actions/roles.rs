//! The roles that the program brings, and how they get into the database.
//!
//! From then on roles are data: people who manage people change them. A right that a later program adds is dealt out to
//! the built-in roles once; what somebody took away since stays away.

use crate::accounts::rights::{Right, Rights};
use crate::accounts::store;
use crate::app::App;
use crate::error::Result;
use packline_protocol::time::Timestamp;

/// A role that the program brings.
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// What people call it, in Chinese and in English.
    pub titles: (&'static str, &'static str),
    rights: &'static [Right],
}

/// The role of the first account: it has every right.
pub const BOSS: &str = "boss";

/// The roles that the program brings, in the order in which pages show them.
pub const BUILT_IN: &[BuiltIn] = {
    use Right::*;
    &[
        BuiltIn { name: BOSS, titles: ("老板", "Boss"), rights: Right::ALL },
        BuiltIn {
            name: "operations",
            titles: ("运营", "Operations"),
            rights: &[
                OrdersView,
                OrdersEdit,
                OrdersImport,
                OrdersExport,
                OrdersReveal,
                OrdersBulk,
                MoneyView,
                ScansView,
                StationsView,
                RulesView,
                RulesPublish,
                ServiceWork,
                ServiceManage,
                FieldsManage,
                NotifyManage,
                ApprovalsDecide,
                InsightView,
                SettingsView,
                HealthView,
            ],
        },
        BuiltIn {
            name: "service",
            titles: ("客服", "Customer service"),
            rights: &[OrdersView, OrdersEdit, OrdersReveal, OrdersBulk, MoneyView, ScansView, RulesView, ServiceWork],
        },
        BuiltIn {
            name: "warehouse",
            titles: ("仓库", "Warehouse"),
            rights: &[OrdersView, ScansView, StationsView, RulesView],
        },
        BuiltIn {
            name: "finance",
            titles: ("财务", "Finance"),
            rights: &[OrdersView, OrdersExport, MoneyView, ApprovalsDecide, InsightView, AuditView],
        },
        BuiltIn {
            name: "it",
            titles: ("IT", "IT desk"),
            rights: &[
                OrdersView,
                OrdersImport,
                ScansView,
                StationsView,
                StationsManage,
                RulesView,
                NotifyManage,
                AuditView,
                PeopleManage,
                TokensOwn,
                TokensManage,
                SettingsView,
                SettingsManage,
                HealthView,
                MetricsView,
            ],
        },
        BuiltIn {
            name: "integrator",
            titles: ("集成商", "Integrator"),
            rights: &[OrdersView, OrdersEdit, OrdersImport, ScansView, StationsView, TokensOwn],
        },
    ]
};

impl BuiltIn {
    /// What it may do until somebody changes it.
    pub fn rights(&self) -> Rights {
        self.rights.iter().copied().collect()
    }
}

/// Puts the built-in roles into the database, and deals out rights that are new with this program. Changes nothing when
/// all of it is there.
pub async fn seed(app: &App) -> Result<()> {
    let dealt = store::list_dealt(app.db.read()).await?;
    let new: Rights =
        Right::ALL.iter().copied().filter(|right| !dealt.iter().any(|name| name == right.name())).collect();
    if new == Rights::NONE {
        return Ok(());
    }
    let now = app.clock.now();
    let mut tx = app.db.begin("accounts.seed_roles").await?;
    store::move_revision(&mut tx).await?;
    // Another hub on the same database may have dealt them out meanwhile: only what is still new is dealt.
    for right in new.iter() {
        if store::insert_dealt(&mut tx, right).await? {
            deal(&mut tx, right, now).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

async fn deal(tx: &mut crate::store::Tx, right: Right, now: Timestamp) -> Result<()> {
    for role in BUILT_IN {
        store::insert_built_in(tx, role.name, role.titles, now).await?;
        if role.rights().has(right) {
            store::insert_role_right(tx, role.name, right).await?;
        }
    }
    Ok(())
}
