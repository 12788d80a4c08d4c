//! The first set-up: whoever logs in with the first password makes the account their own and names the first site.

use super::{account, drop_first_login, passwords, user};
use crate::accounts::decide::password::acceptable;
use crate::accounts::model::{AccountError, Password, Session, Stage, UserName};
use crate::accounts::store::{self, NewAccount};
use crate::actor::Actor;
use crate::app::App;
use crate::audit::actions::record;
use crate::audit::model::Entry;
use crate::error::Result;
use crate::fleet;
use packline_protocol::id::SiteId;
use serde_json::json;

/// What the first set-up asks for.
pub struct SetUp {
    /// The name that the account gets.
    pub name: UserName,
    /// Its password.
    pub password: Password,
    /// The first site.
    pub site: SiteId,
    /// What people call it; may be empty.
    pub site_title: String,
}

/// Sets the hub up, once. The session goes on; every other one of the first account ends, and its tokens become the new
/// account's.
pub async fn set_up(app: &App, session: &Session, wanted: &SetUp) -> Result<()> {
    if session.stage != Stage::SetUp {
        return Err(AccountError::NotByToken.into());
    }
    acceptable(&wanted.name, &wanted.password)?;
    let hash = passwords::hash(app, &wanted.password).await?;
    name_site(app, &wanted.site, &wanted.site_title, &session.actor()).await?;
    let now = app.clock.now();
    let mut tx = app.db.begin("accounts.set_up").await?;
    store::move_revision(&mut tx).await?;
    store::end_sessions_of(&mut tx, &session.user, session.token.hash()).await?;
    if wanted.name != session.user {
        let row = NewAccount { name: &wanted.name, password_hash: &hash, role: &session.role, must_set_up: false };
        if !store::insert_account(&mut tx, &row, now).await? {
            return Err(AccountError::Taken { name: wanted.name.clone() }.into());
        }
        store::move_sessions(&mut tx, &session.user, &wanted.name).await?;
        store::move_tokens(&mut tx, &session.user, &wanted.name).await?;
        store::delete_account(&mut tx, &session.user).await?;
    } else {
        store::set_password(&mut tx, &wanted.name, &hash, now).await?;
    }
    let entry = Entry::new(now, &user(&wanted.name), "accounts.set_up", account(&wanted.name));
    record(&mut tx, entry.before(json!({ "account": session.user.as_str() }))).await?;
    tx.commit().await?;
    drop_first_login(app);
    Ok(())
}

/// Makes the site when it is new, and says what people call it.
async fn name_site(app: &App, site: &SiteId, title: &str, by: &Actor) -> Result<()> {
    let mut tx = app.db.begin("accounts.first_site").await?;
    fleet::actions::make_site(&mut tx, site, app.clock.now()).await?;
    tx.commit().await?;
    let known = fleet::actions::sites(&app.db).await?.into_iter().find(|known| known.site == *site);
    let Some(mut known) = known.filter(|_| !title.trim().is_empty()) else { return Ok(()) };
    title.trim().clone_into(&mut known.settings.title);
    fleet::actions::set_settings(&app.db, site, &known.settings, by, app.clock.now()).await?;
    app.feed_wake.notify_one();
    Ok(())
}
