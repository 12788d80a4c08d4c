//! Roles: making, changing and removing them.

use super::people::keep_a_keeper;
use crate::accounts::decide::people::may_touch;
use crate::accounts::model::{AccountError, Manager, Role};
use crate::accounts::rights::{Right, Rights};
use crate::accounts::store;
use crate::app::App;
use crate::audit::actions::record;
use crate::audit::model::{Entry, Subject};
use crate::error::Result;
use serde_json::json;

/// All roles: those that the program brings in its own order, then the others by name.
pub async fn list(app: &App) -> Result<Vec<Role>> {
    let mut roles = store::list_roles(app.db.read()).await?;
    let place = |role: &Role| {
        let built_in = crate::accounts::actions::roles::BUILT_IN.iter().position(|known| known.name == role.name);
        built_in.unwrap_or(usize::MAX)
    };
    roles.sort_by_key(place);
    Ok(roles)
}

/// A new role without any right.
pub async fn add(app: &App, manager: &Manager, name: &str, title_zh: &str, title_en: &str) -> Result<()> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !(1..=32).contains(&name.len()) || !name.bytes().all(fits) {
        return Err(AccountError::RoleName.into());
    }
    let titles = [title_zh.trim(), title_en.trim()];
    if titles.iter().any(|title| !(1..=40).contains(&title.chars().count())) {
        return Err(AccountError::RoleTitle.into());
    }
    let now = app.clock.now();
    let mut tx = app.db.begin("accounts.add_role").await?;
    store::move_revision(&mut tx).await?;
    if !store::insert_role(&mut tx, name, (titles[0], titles[1]), now).await? {
        return Err(AccountError::RoleTaken { name: name.to_owned() }.into());
    }
    record(&mut tx, Entry::new(now, &manager.actor, "roles.add", subject(name))).await?;
    tx.commit().await?;
    Ok(())
}

/// What a role may do from now on, and whether it demands a second step.
pub async fn set(app: &App, manager: &Manager, name: &str, rights: Rights, needs_second: bool) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin("accounts.set_role").await?;
    store::move_revision(&mut tx).await?;
    let cut = || name.chars().take(32).collect();
    let before = store::find_rights(&mut tx, name).await?.ok_or_else(|| AccountError::NoRole { name: cut() })?;
    may_touch(manager, name, before)?;
    may_touch(manager, name, rights)?;
    for right in Right::ALL.iter().copied().filter(|right| before.has(*right) != rights.has(*right)) {
        if rights.has(right) {
            store::insert_role_right(&mut tx, name, right).await?;
        } else {
            store::delete_role_right(&mut tx, name, right).await?;
        }
    }
    store::set_needs_second(&mut tx, name, needs_second, now).await?;
    keep_a_keeper(&mut tx).await?;
    let entry = Entry::new(now, &manager.actor, "roles.set", subject(name));
    let after = json!({ "rights": names(rights), "needs_second": needs_second });
    record(&mut tx, entry.before(json!({ "rights": names(before) })).after(after)).await?;
    tx.commit().await?;
    Ok(())
}

/// Removes a role that somebody made and nobody has.
pub async fn remove(app: &App, manager: &Manager, name: &str) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin("accounts.remove_role").await?;
    store::move_revision(&mut tx).await?;
    let cut = || name.chars().take(32).collect::<String>();
    let before = store::find_rights(&mut tx, name).await?.ok_or_else(|| AccountError::NoRole { name: cut() })?;
    may_touch(manager, name, before)?;
    if !store::delete_role(&mut tx, name).await? {
        return Err(AccountError::RoleInUse { name: cut() }.into());
    }
    let entry = Entry::new(now, &manager.actor, "roles.remove", subject(name));
    record(&mut tx, entry.before(json!({ "rights": names(before) }))).await?;
    tx.commit().await?;
    Ok(())
}

fn subject(name: &str) -> Subject {
    Subject::new("role", name)
}

fn names(rights: Rights) -> Vec<&'static str> {
    rights.iter().map(Right::name).collect()
}
