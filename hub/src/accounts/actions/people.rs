//! People: adding, shutting, resetting them, and giving them roles. Every change is in the audit log.

use super::{account, passwords, random, user};
use crate::accounts::decide::password::acceptable;
use crate::accounts::decide::people::{may_touch, not_oneself};
use crate::accounts::model::{AccountError, INVITATION_MS, Manager, Password, Person, SessionToken, UserName};
use crate::accounts::rights::Rights;
use crate::accounts::store::{self, NO_PASSWORD, NewAccount};
use crate::app::App;
use crate::audit::actions::record;
use crate::audit::model::Entry;
use crate::error::Result;
use crate::store::Tx;
use packline_protocol::time::Timestamp;
use serde_json::json;

/// A one-time link, shown once.
pub struct Invitation {
    /// What is in the link.
    pub token: SessionToken,
    /// When it runs out.
    pub expires_at: Timestamp,
}

/// All people, by name.
pub async fn list(app: &App) -> Result<Vec<Person>> {
    Ok(store::list_people(app.db.read()).await?)
}

/// A new account that waits for its owner to choose a password.
pub async fn add(app: &App, manager: &Manager, name: &UserName, role: &str) -> Result<Invitation> {
    let now = app.clock.now();
    let mut tx = app.db.begin("accounts.add").await?;
    store::move_revision(&mut tx).await?;
    may_touch(manager, role, role_rights(&mut tx, role).await?)?;
    let account_row = NewAccount { name, password_hash: NO_PASSWORD, role, must_set_up: false };
    if !store::insert_account(&mut tx, &account_row, now).await? {
        return Err(AccountError::Taken { name: name.clone() }.into());
    }
    let invitation = invite(&mut tx, name, now).await?;
    let entry = Entry::new(now, &manager.actor, "people.add", account(name)).after(json!({ "role": role }));
    record(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(invitation)
}

/// Takes the password, the second step and every session away, and invites the owner to begin anew.
pub async fn reset(app: &App, manager: &Manager, name: &UserName) -> Result<Invitation> {
    let now = app.clock.now();
    let mut tx = begin(app, manager, name, "accounts.reset").await?;
    store::set_password(&mut tx, name, NO_PASSWORD, now).await?;
    store::delete_second(&mut tx, name).await?;
    store::end_sessions_of(&mut tx, name, Vec::new()).await?;
    let invitation = invite(&mut tx, name, now).await?;
    keep_a_keeper(&mut tx).await?;
    record(&mut tx, Entry::new(now, &manager.actor, "people.reset", account(name))).await?;
    tx.commit().await?;
    Ok(invitation)
}

/// Gives an account another role; its sessions and tokens go on with the new rights at once.
pub async fn give_role(app: &App, manager: &Manager, name: &UserName, role: &str) -> Result<()> {
    let now = app.clock.now();
    let mut tx = begin(app, manager, name, "accounts.give_role").await?;
    may_touch(manager, role, role_rights(&mut tx, role).await?)?;
    let before = store::find_role_of(&mut tx, name).await?;
    store::set_role(&mut tx, name, role, now).await?;
    keep_a_keeper(&mut tx).await?;
    let entry = Entry::new(now, &manager.actor, "people.give_role", account(name));
    record(&mut tx, entry.before(json!({ "role": before })).after(json!({ "role": role }))).await?;
    tx.commit().await?;
    Ok(())
}

/// Shuts an account: its sessions end, its tokens do nothing, its invitations are void.
pub async fn disable(app: &App, manager: &Manager, name: &UserName) -> Result<()> {
    let now = app.clock.now();
    let mut tx = begin(app, manager, name, "accounts.disable").await?;
    store::set_disabled(&mut tx, name, Some(now)).await?;
    store::end_sessions_of(&mut tx, name, Vec::new()).await?;
    store::end_invitations_of(&mut tx, name).await?;
    keep_a_keeper(&mut tx).await?;
    record(&mut tx, Entry::new(now, &manager.actor, "people.disable", account(name))).await?;
    tx.commit().await?;
    Ok(())
}

/// Opens an account that was shut.
pub async fn enable(app: &App, manager: &Manager, name: &UserName) -> Result<()> {
    let now = app.clock.now();
    let mut tx = begin(app, manager, name, "accounts.enable").await?;
    store::set_disabled(&mut tx, name, None).await?;
    record(&mut tx, Entry::new(now, &manager.actor, "people.enable", account(name))).await?;
    tx.commit().await?;
    Ok(())
}

/// Whose invitation this is, while it is good.
pub async fn invited(app: &App, token: &SessionToken) -> Result<UserName> {
    let found = store::find_invitation(app.db.read(), token.hash(), app.clock.now()).await?;
    found.ok_or_else(|| AccountError::NoInvitation.into())
}

/// Takes an invitation up: the account gets its password. The invitation is good once.
pub async fn accept(app: &App, token: &SessionToken, password: &Password) -> Result<UserName> {
    let name = invited(app, token).await?;
    acceptable(&name, password)?;
    let hash = passwords::hash(app, password).await?;
    let now = app.clock.now();
    let mut tx = app.db.begin("accounts.accept").await?;
    if !store::take_invitation(&mut tx, token.hash(), now).await? {
        return Err(AccountError::NoInvitation.into());
    }
    store::set_password(&mut tx, &name, &hash, now).await?;
    store::end_sessions_of(&mut tx, &name, Vec::new()).await?;
    record(&mut tx, Entry::new(now, &user(&name), "people.accept", account(&name))).await?;
    tx.commit().await?;
    Ok(name)
}

/// A transaction in line behind other changes of people, when whoever acts may change this account.
async fn begin(app: &App, manager: &Manager, name: &UserName, what: &'static str) -> Result<Tx> {
    not_oneself(manager, name)?;
    let mut tx = app.db.begin(what).await?;
    store::move_revision(&mut tx).await?;
    let role = store::find_role_of(&mut tx, name).await?;
    let role = role.ok_or_else(|| AccountError::Nobody { name: name.clone() })?;
    let rights = store::find_rights(&mut tx, &role).await?.unwrap_or(Rights::NONE);
    may_touch(manager, name.as_str(), rights)?;
    Ok(tx)
}

async fn invite(tx: &mut Tx, name: &UserName, now: Timestamp) -> Result<Invitation> {
    let invitation = Invitation { token: SessionToken::new(random()), expires_at: now.plus_ms(INVITATION_MS) };
    store::put_invitation(tx, invitation.token.hash(), name, now, invitation.expires_at).await?;
    Ok(invitation)
}

async fn role_rights(tx: &mut Tx, role: &str) -> Result<Rights> {
    let cut = || role.chars().take(32).collect();
    store::find_rights(tx, role).await?.ok_or_else(|| AccountError::NoRole { name: cut() }.into())
}

/// Refuses a change after which nobody could manage people.
pub(super) async fn keep_a_keeper(tx: &mut Tx) -> Result<()> {
    if store::count_keepers(tx).await? > 0 { Ok(()) } else { Err(AccountError::LastKeeper.into()) }
}
