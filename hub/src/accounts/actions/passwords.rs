//! Passwords: hashing, checking, changing.

use super::{account, drop_first_login, random};
use crate::accounts::decide::password::acceptable;
use crate::accounts::model::{AccountError, Manager, Password, Session, UserName};
use crate::accounts::{actions, store};
use crate::app::App;
use crate::audit::actions::record;
use crate::audit::model::Entry;
use crate::error::{Error, Result};
use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};

/// A new password for whoever knows the old one; every other session of the account ends.
pub async fn change(app: &App, session: &Session, address: &str, old: &Password, new: &Password) -> Result<()> {
    if session.program.is_some() {
        return Err(AccountError::NotByToken.into());
    }
    acceptable(&session.user, new)?;
    let name = session.user.as_str();
    actions::begin_try(app, name, address, async |name| check(app, name, old).await).await?;
    app.desk.tries().right(name, address);
    let hash = hash(app, new).await?;
    let now = app.clock.now();
    let mut tx = app.db.begin("accounts.change_password").await?;
    store::set_password(&mut tx, &session.user, &hash, now).await?;
    store::end_sessions_of(&mut tx, &session.user, session.token.hash()).await?;
    store::end_invitations_of(&mut tx, &session.user).await?;
    record(&mut tx, Entry::new(now, &session.actor(), "accounts.change_password", account(&session.user))).await?;
    tx.commit().await?;
    if name == actions::FIRST_USER {
        drop_first_login(app);
    }
    Ok(())
}

/// Sets a password without asking for the old one, for operators at the command line. All sessions end.
pub async fn set(app: &App, manager: &Manager, name: &UserName, new: &Password) -> Result<()> {
    acceptable(name, new)?;
    let hash = hash(app, new).await?;
    let now = app.clock.now();
    let mut tx = app.db.begin("accounts.set_password").await?;
    if !store::set_password(&mut tx, name, &hash, now).await? {
        return Err(AccountError::Nobody { name: name.clone() }.into());
    }
    store::end_sessions_of(&mut tx, name, Vec::new()).await?;
    store::end_invitations_of(&mut tx, name).await?;
    record(&mut tx, Entry::new(now, &manager.actor, "accounts.set_password", account(name))).await?;
    tx.commit().await?;
    if name.as_str() == actions::FIRST_USER {
        drop_first_login(app);
    }
    Ok(())
}

/// The account, when the password is its. An unknown name takes as long as a wrong password.
pub(super) async fn check(app: &App, name: &str, password: &Password) -> Result<Option<UserName>> {
    let name = UserName::parse(name).ok();
    let known = match &name {
        Some(name) => store::find_hash(app.db.read(), name).await?,
        None => None,
    };
    let known = known.filter(|hash| hash != store::NO_PASSWORD);
    let fits = verify(app, known.as_deref(), password).await?;
    Ok(name.filter(|_| fits && known.is_some()))
}

pub(super) async fn hash(app: &App, password: &Password) -> Result<String> {
    let text = password.text().to_owned();
    let salt: [u8; 16] = random();
    off_thread(app, move || {
        let salt = SaltString::encode_b64(&salt)?;
        Ok(Argon2::default().hash_password(text.as_bytes(), &salt)?.to_string())
    })
    .await
}

async fn verify(app: &App, known: Option<&str>, password: &Password) -> Result<bool> {
    let (known, text) = (known.unwrap_or(NOBODY).to_owned(), password.text().to_owned());
    off_thread(app, move || {
        let known = PasswordHash::new(&known)?;
        Ok(Argon2::default().verify_password(text.as_bytes(), &known).is_ok())
    })
    .await
}

/// The hash of a password that nobody has, so that unknown names cost the same.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm8$\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

async fn off_thread<T: Send + 'static>(
    app: &App,
    work: impl FnOnce() -> argon2::password_hash::Result<T> + Send + 'static,
) -> Result<T> {
    let _permit =
        app.desk.hashing.acquire().await.map_err(|cause| Error::internal("failed to hash a password", cause))?;
    let done =
        tokio::task::spawn_blocking(work).await.map_err(|cause| Error::internal("failed to hash a password", cause))?;
    done.map_err(|cause| Error::internal("failed to hash a password", cause.to_string()))
}
