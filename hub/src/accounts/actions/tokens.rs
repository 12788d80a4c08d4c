//! Tokens of programs: each has a name, some of its owner's rights, and an end.

use super::{random, rights_of};
use crate::accounts::decide::people::token_rights;
use crate::accounts::model::{AccountError, ApiToken, Session, SessionToken, TOKEN_DAYS_MAX, UserName};
use crate::accounts::rights::{Right, Rights};
use crate::accounts::store::{self, FoundToken};
use crate::app::App;
use crate::audit::actions::record;
use crate::audit::model::{Entry, Subject};
use crate::error::Result;
use serde_json::json;

/// A day, in milliseconds.
const DAY_MS: i64 = 24 * 3_600_000;
/// Uses within this time are not written down again, in milliseconds.
const USE_GRAIN_MS: i64 = 60_000;

/// A new token, which is shown only now. A token makes no tokens: it would outlive its own end.
pub async fn make(
    app: &App,
    session: &Session,
    name: &str,
    rights: &[String],
    days: i64,
) -> Result<(SessionToken, ApiToken)> {
    if session.program.is_some() {
        return Err(AccountError::NotByToken.into());
    }
    if UserName::parse(name).is_err() {
        return Err(AccountError::TokenName.into());
    }
    if !(1..=TOKEN_DAYS_MAX).contains(&days) {
        return Err(AccountError::TokenDays { days }.into());
    }
    let rights = token_rights(rights, session.rights)?;
    let now = app.clock.now();
    let expires_at = now.plus_ms(days * DAY_MS);
    let (name, owner) = (name.to_owned(), session.user.clone());
    let token = ApiToken { name, owner, rights, made_at: now, expires_at, used_at: None };
    let secret = SessionToken::new(random());
    let mut tx = app.db.begin("accounts.make_token").await?;
    if !store::insert_token(&mut tx, secret.hash(), &token).await? {
        return Err(AccountError::TokenTaken { name: token.name }.into());
    }
    let names: Vec<&str> = rights.iter().map(Right::name).collect();
    let entry = Entry::new(now, &session.actor(), "tokens.make", Subject::new("token", &token.name));
    record(&mut tx, entry.after(json!({ "rights": names, "days": days }))).await?;
    tx.commit().await?;
    Ok((secret, token))
}

/// The tokens that this session may see: its owner's own, or all of them.
pub async fn list(app: &App, session: &Session) -> Result<Vec<ApiToken>> {
    let tokens = store::list_tokens(app.db.read()).await?;
    let seen = |token: &ApiToken| token.owner == session.user || session.may(Right::TokensManage);
    Ok(tokens.into_iter().filter(seen).collect())
}

/// Ends a token of one's own, or anybody's with the right to manage them.
pub async fn revoke(app: &App, session: &Session, name: &str) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin("accounts.revoke_token").await?;
    let owner = store::find_owner(&mut tx, name).await?;
    let owner = owner.filter(|owner| owner == session.user.as_str() || session.may(Right::TokensManage));
    let Some(owner) = owner else {
        return Err(AccountError::NoToken { name: name.chars().take(64).collect() }.into());
    };
    store::delete_token(&mut tx, name).await?;
    let entry = Entry::new(now, &session.actor(), "tokens.revoke", Subject::new("token", name));
    record(&mut tx, entry.before(json!({ "owner": owner }))).await?;
    tx.commit().await?;
    Ok(())
}

/// The session of a program that shows this token: what the token was given, as far as its owner may do it now.
pub async fn session(app: &App, token: SessionToken) -> Result<Option<Session>> {
    let Some((found, rights)) = find(app, token.clone()).await? else { return Ok(None) };
    let now = app.clock.now();
    if found.token.used_at.is_none_or(|used| now.since_ms(used) > USE_GRAIN_MS) {
        let mut tx = app.db.begin("accounts.touch_token").await?;
        store::touch_token(&mut tx, token.hash(), now).await?;
        tx.commit().await?;
    }
    let (user, role, program) = (found.token.owner, found.role, Some(found.token.name));
    Ok(Some(Session { program, ..Session::complete(user, role, rights, token) }))
}

/// A token in force, and what it may do now: nothing any more once its owner may not have tokens.
pub(super) async fn find(app: &App, token: SessionToken) -> Result<Option<(FoundToken, Rights)>> {
    let Some(found) = store::find_token(app.db.read(), token.hash(), app.clock.now()).await? else { return Ok(None) };
    let owner = rights_of(app, &found.role, found.revision).await?;
    let rights = found.token.rights.within(owner);
    Ok(owner.has(Right::TokensOwn).then_some((found, rights)))
}
