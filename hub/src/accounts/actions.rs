//! Logging in and out, and passwords.

use super::decide::{self, Lasting, Tries, Use};
use super::model::{AccountError, Password, Session, SessionToken, UserName};
use super::rights::{Right, Rights};
use super::{roles, store};
use crate::app::App;
use crate::clock;
use crate::error::{Error, Result, chain};
use crate::notices;
use crate::notices::model::{NoticeKind, Occurrence};
use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use packline_protocol::time::Moment;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;
use tracing::{info, warn};

/// The account of the first start.
pub const FIRST_USER: &str = "admin";
/// The file in the data folder with the first password, until it is changed.
pub const FIRST_LOGIN_FILE: &str = "first-login";
/// People are told of guessing no more often than this.
const TELL_EVERY_MS: u64 = 60_000;

/// What the log-in keeps in memory: wrong tries, how many passwords are hashed at once (each takes 19 MiB), and what
/// each role may do.
#[derive(Debug)]
pub struct Desk {
    tries: Mutex<Tries>,
    /// When people were last told that somebody is guessing.
    told: Mutex<Option<Moment>>,
    hashing: Semaphore,
    roles: Mutex<KnownRoles>,
}

/// What each role may do, as it was at one revision of people and roles.
#[derive(Debug, Default)]
struct KnownRoles {
    revision: i64,
    rights: BTreeMap<String, Rights>,
}

impl Default for Desk {
    fn default() -> Self {
        Desk { tries: Mutex::default(), told: Mutex::default(), hashing: Semaphore::new(2), roles: Mutex::default() }
    }
}

impl Desk {
    fn tries(&self) -> MutexGuard<'_, Tries> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn roles(&self) -> MutexGuard<'_, KnownRoles> {
        self.roles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the first account where there is none, and leaves its password in a file that only the hub's user can read.
pub async fn make_first(app: &App) -> Result<()> {
    roles::seed(app).await?;
    if store::any_account(app.db.read()).await? {
        return Ok(());
    }
    let name = UserName::parse(FIRST_USER)?;
    let password = Password::new(SessionToken::new(random()).reveal());
    let hash = hash(app, &password).await?;
    let mut tx = app.db.begin("accounts.make_first").await?;
    // Another hub on the same database may be making it right now; then it is theirs.
    if store::insert_account(&mut tx, &name, &hash, roles::BOSS, app.clock.now()).await? {
        let file = first_login_file(app);
        write_secret(&file, password.text()).map_err(|cause| {
            Error::internal(format!("failed to write the first password to `{}`", file.display()), cause)
        })?;
        tx.commit().await?;
        info!("Made the first account `{name}`; its password is in `{}`", file.display());
    }
    Ok(())
}

/// Whether nobody has changed the first password.
pub fn is_first(app: &App) -> bool {
    first_login_file(app).exists()
}

/// A session for whoever knows the password. `address` is where the try comes from.
pub async fn log_in(app: &App, name: &str, password: &Password, address: &str) -> Result<SessionToken> {
    let now = clock::moment();
    let may_try = app.desk.tries().check(&[name, address], now);
    if let Err(error) = may_try {
        tell_of_guessing(app, address, now).await;
        return Err(error.into());
    }
    let Some(name) = check(app, name, password).await? else {
        app.desk.tries().wrong(&[name, address], now);
        return Err(AccountError::Wrong.into());
    };
    app.desk.tries().right(name.as_str());
    let token = SessionToken::new(random());
    let now = app.clock.now();
    let mut tx = app.db.begin("accounts.log_in").await?;
    store::end_sessions_before(&mut tx, now.plus_ms(-lasting(app).idle_ms)).await?;
    store::insert_session(&mut tx, token.hash(), &name, now).await?;
    tx.commit().await?;
    Ok(token)
}

/// Tells whoever looks after the hub, at most once a minute, however many tries there are.
async fn tell_of_guessing(app: &App, address: &str, now: Moment) {
    let is_due = {
        let mut told = app.desk.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = told.is_none_or(|told| now.since_ms(told) >= TELL_EVERY_MS);
        if is_due {
            *told = Some(now);
        }
        is_due
    };
    if is_due {
        let guessing = Occurrence::new(NoticeKind::LoginGuessing, address);
        if let Err(error) = notices::actions::raise_now(app, &[guessing]).await {
            warn!(error = %chain(&error), "Failed to tell that somebody is guessing passwords");
        }
    }
}

/// The session of this token, while it is in force.
pub async fn session(app: &App, token: SessionToken) -> Result<Option<Session>> {
    let Some(stored) = store::find_session(app.db.read(), token.hash()).await? else { return Ok(None) };
    let now = app.clock.now();
    match decide::use_of(&stored, now, lasting(app)) {
        Use::Over => return Ok(None),
        Use::Fine => {}
        Use::Touch => {
            let mut tx = app.db.begin("accounts.touch").await?;
            store::touch_session(&mut tx, token.hash(), now).await?;
            tx.commit().await?;
        }
    }
    let rights = rights_of(app, &stored.role, stored.revision).await?;
    Ok(Some(Session { user: stored.user, role: stored.role, rights, token }))
}

/// How long sessions last, by the settings in force.
fn lasting(app: &App) -> Lasting {
    let settings = app.settings.now();
    Lasting { idle_ms: settings.session_rest_minutes * 60_000, life_ms: settings.session_life_hours * 3_600_000 }
}

/// What a role may do at this revision: read again whenever the revision has moved, on whichever hub that was.
async fn rights_of(app: &App, role: &str, revision: i64) -> Result<Rights> {
    let of = |known: &KnownRoles| known.rights.get(role).copied().unwrap_or(Rights::NONE);
    if let Some(rights) = Some(app.desk.roles()).filter(|known| known.revision == revision).map(|known| of(&known)) {
        return Ok(rights);
    }
    let mut rights: BTreeMap<String, Vec<Right>> = BTreeMap::new();
    for (role, right) in store::list_role_rights(app.db.read()).await? {
        // A right that this program does not know belongs to a newer one.
        rights.entry(role).or_default().extend(Right::parse(&right));
    }
    let rights = rights.into_iter().map(|(role, rights)| (role, rights.into_iter().collect())).collect();
    let known = KnownRoles { revision, rights };
    let found = of(&known);
    *app.desk.roles() = known;
    Ok(found)
}

/// Ends this session.
pub async fn log_out(app: &App, session: &Session) -> Result<()> {
    let mut tx = app.db.begin("accounts.log_out").await?;
    store::end_session(&mut tx, session.token.hash()).await?;
    tx.commit().await?;
    Ok(())
}

/// A new password for whoever knows the old one; every other session of the account ends.
pub async fn change_password(app: &App, session: &Session, old: &Password, new: &Password) -> Result<()> {
    decide::acceptable(new)?;
    let (name, now) = (session.user.as_str(), clock::moment());
    app.desk.tries().check(&[name], now)?;
    if check(app, name, old).await?.is_none() {
        app.desk.tries().wrong(&[name], now);
        return Err(AccountError::Wrong.into());
    }
    put_password(app, &session.user, new, Some(session)).await
}

/// Sets a password without asking for the old one: for operators at the command line. All sessions end.
pub async fn set_password(app: &App, name: &UserName, new: &Password) -> Result<()> {
    decide::acceptable(new)?;
    put_password(app, name, new, None).await
}

async fn put_password(app: &App, name: &UserName, new: &Password, keep: Option<&Session>) -> Result<()> {
    let hash = hash(app, new).await?;
    let now = app.clock.now();
    let mut tx = app.db.begin("accounts.put_password").await?;
    store::put_account(&mut tx, name, &hash, now).await?;
    store::end_sessions_of(&mut tx, name).await?;
    if let Some(session) = keep {
        store::insert_session(&mut tx, session.token.hash(), name, now).await?;
    }
    tx.commit().await?;
    if name.as_str() == FIRST_USER {
        // Gone already, or never there: both are what is wanted.
        let _ = std::fs::remove_file(first_login_file(app));
    }
    Ok(())
}

/// The account, when the password is its. An unknown name takes as long as a wrong password.
async fn check(app: &App, name: &str, password: &Password) -> Result<Option<UserName>> {
    let name = UserName::parse(name).ok();
    let known = match &name {
        Some(name) => store::find_hash(app.db.read(), name).await?,
        None => None,
    };
    let fits = verify(app, known.as_deref(), password).await?;
    Ok(name.filter(|_| fits && known.is_some()))
}

async fn hash(app: &App, password: &Password) -> Result<String> {
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

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    clock::random_bytes(&mut bytes);
    bytes
}

fn first_login_file(app: &App) -> PathBuf {
    app.config.data.join(FIRST_LOGIN_FILE)
}

fn write_secret(file: &std::path::Path, password: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    writeln!(file, "{FIRST_USER}\n{password}")?;
    file.sync_all()
}
