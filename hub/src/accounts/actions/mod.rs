//! Logging in and out, and what a session may do; what is done with passwords, people, roles, tokens and the second step
//! is in the files beside.

pub mod passwords;
pub mod people;
pub mod role;
pub mod roles;
pub mod second;
pub mod setup;
pub mod tokens;

use super::decide::{self, Lasting, Tries, Use};
use super::model::{AccountError, Password, Session, SessionEntry, SessionToken, Stage, UserName};
use super::rights::{Right, Rights};
use super::store;
use super::store::{NewAccount, NewSession};
use crate::app::App;
use crate::audit::actions::record;
use crate::audit::model::{Entry, Subject};
use crate::clock;
use crate::error::{Error, Result, chain};
use crate::notices;
use crate::notices::model::{NoticeKind, Occurrence};
use packline_protocol::time::Moment;
use serde_json::json;
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
    let hash = passwords::hash(app, &password).await?;
    let mut tx = app.db.begin("accounts.make_first").await?;
    // Another hub on the same database may be making it right now; then it is theirs.
    let account = NewAccount { name: &name, password_hash: &hash, role: roles::BOSS, must_set_up: true };
    if store::insert_account(&mut tx, &account, app.clock.now()).await? {
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

/// Somebody who wants in.
pub struct Attempt<'a> {
    /// The account's name as it was typed.
    pub name: &'a str,
    /// The password as it was typed.
    pub password: &'a Password,
    /// The code of the second step, where it comes with the password.
    pub code: Option<&'a str>,
    /// Where the try comes from.
    pub address: &'a str,
    /// What it comes from.
    pub device: Device,
}

/// What somebody logs in with.
pub enum Device {
    /// A browser, by what it calls itself. What is left of the log-in is asked on the pages that follow.
    Browser(String),
    /// A program, which sends everything at once.
    Program,
}

/// A session for whoever knows the password.
pub async fn log_in(app: &App, attempt: Attempt<'_>) -> Result<SessionToken> {
    let Attempt { name, password, code, address, device } = attempt;
    let name = begin_try(app, name, address, async |name| passwords::check(app, name, password).await).await?;
    let (device, by_page) = match device {
        Device::Browser(agent) => (decide::device::device_of(&agent), true),
        Device::Program => ("API".to_owned(), false),
    };
    let second_done = match (by_page, code) {
        (false, Some(code)) => second::pass(app, &name, code).await?,
        (false, None) if second::is_on(app, &name).await? => return Err(AccountError::CodeMissing.into()),
        _ => false,
    };
    app.desk.tries().right(name.as_str(), address);
    begin_session(app, &name, &device, by_page, second_done).await
}

/// Counts a try as wrong before it is looked at, so that many at once are not looked at all; gives the account when it
/// is right.
async fn begin_try(
    app: &App,
    name: &str,
    address: &str,
    check: impl AsyncFnOnce(&str) -> Result<Option<UserName>>,
) -> Result<UserName> {
    let now = clock::moment();
    if let Err(error) = count_try(app, name, address, now) {
        tell_of_guessing(app, address, now).await;
        return Err(error.into());
    }
    check(name).await?.ok_or_else(|| AccountError::Wrong.into())
}

/// Counts a try as wrong, unless there were too many before it.
fn count_try(app: &App, name: &str, address: &str, now: Moment) -> Result<(), AccountError> {
    let mut tries = app.desk.tries();
    tries.check(&[name, address], now)?;
    tries.begin(&[name, address], now);
    Ok(())
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

/// A session of an account whose owner has shown who they are.
pub async fn begin_session(
    app: &App,
    name: &UserName,
    device: &str,
    by_page: bool,
    second_done: bool,
) -> Result<SessionToken> {
    let token = SessionToken::new(random());
    let now = app.clock.now();
    let mut tx = app.db.begin("accounts.log_in").await?;
    store::end_sessions_before(&mut tx, now.plus_ms(-lasting(app).idle_ms)).await?;
    let session = NewSession { token_hash: token.hash(), name, device, by_page, second_done };
    store::insert_session(&mut tx, session, now).await?;
    let entry = Entry::new(now, &user(name), "sessions.begin", account(name)).after(json!({ "device": device }));
    record(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(token)
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
    let stage = decide::stage_of(&stored);
    let rights = match stage {
        Stage::Done => rights_of(app, &stored.role, stored.revision).await?,
        _ => Rights::NONE,
    };
    Ok(Some(Session { user: stored.user, role: stored.role, rights, stage, token, program: None }))
}

/// Whether a session is in force with the same rights as before. Asking does not count as use.
pub async fn still_holds(app: &App, session: &Session) -> Result<bool> {
    if session.program.is_some() {
        let found = tokens::find(app, session.token.clone()).await?;
        return Ok(found.is_some_and(|(_, rights)| rights == session.rights));
    }
    let Some(stored) = store::find_session(app.db.read(), session.token.hash()).await? else { return Ok(false) };
    let is_over =
        decide::use_of(&stored, app.clock.now(), lasting(app)) == Use::Over || decide::stage_of(&stored) != Stage::Done;
    Ok(!is_over && rights_of(app, &stored.role, stored.revision).await? == session.rights)
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

/// Ends this session. A program's token does not end so.
pub async fn log_out(app: &App, session: &Session) -> Result<()> {
    if session.program.is_some() {
        return Err(AccountError::NotByToken.into());
    }
    let mut tx = app.db.begin("accounts.log_out").await?;
    store::end_session(&mut tx, session.token.hash()).await?;
    tx.commit().await?;
    Ok(())
}

/// The sessions of whoever asks, the newest first, and which of them is this one.
pub async fn sessions(app: &App, session: &Session) -> Result<Vec<(SessionEntry, bool)>> {
    let (now, own) = (app.clock.now(), session.token.hash());
    let entries = store::list_sessions(app.db.read(), &session.user).await?;
    let idle_ms = lasting(app).idle_ms;
    let in_force = |entry: &SessionEntry| now.since_ms(entry.used_at) <= idle_ms;
    Ok(entries
        .into_iter()
        .filter(in_force)
        .map(|entry| (entry.hash == own, entry))
        .map(|(is_own, entry)| (entry, is_own))
        .collect())
}

/// Ends one session of whoever asks, by its handle; one that is gone already is what was wanted.
pub async fn end_session(app: &App, session: &Session, handle: &str) -> Result<()> {
    let entries = store::list_sessions(app.db.read(), &session.user).await?;
    let Some(entry) = entries.into_iter().find(|entry| entry.handle() == handle) else { return Ok(()) };
    let mut tx = app.db.begin("accounts.end_session").await?;
    store::end_session(&mut tx, entry.hash).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends every session of whoever asks, this one as well.
pub async fn log_out_everywhere(app: &App, session: &Session) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin("accounts.log_out_everywhere").await?;
    let ended = store::end_sessions_of(&mut tx, &session.user, Vec::new()).await?;
    let entry = Entry::new(now, &session.actor(), "sessions.end_all", account(&session.user));
    record(&mut tx, entry.after(json!({ "ended": ended }))).await?;
    tx.commit().await?;
    Ok(())
}

/// An account as the audit log names it.
fn account(name: &UserName) -> Subject {
    Subject::new("account", name)
}

fn user(name: &UserName) -> crate::actor::Actor {
    crate::actor::Actor::User(name.to_string())
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    clock::random_bytes(&mut bytes);
    bytes
}

fn first_login_file(app: &App) -> PathBuf {
    app.config.data.join(FIRST_LOGIN_FILE)
}

/// The first password is not good any more. Gone already, or never there: both are what is wanted.
fn drop_first_login(app: &App) {
    let _ = std::fs::remove_file(first_login_file(app));
}

fn write_secret(file: &std::path::Path, password: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    writeln!(file, "{FIRST_USER}\n{password}")?;
    file.sync_all()
}
