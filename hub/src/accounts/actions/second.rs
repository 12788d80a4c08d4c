//! The second step: setting it up, passing it, recovering from a lost device.

use super::{account, random};
use crate::accounts::decide::second::{base32, fitting_step, typed};
use crate::accounts::model::{AccountError, Session, Stage, UserName};
use crate::accounts::store;
use crate::app::App;
use crate::audit::actions::record;
use crate::audit::model::Entry;
use crate::error::{Error, Result};
use crate::privacy::Place;

/// Recovery codes of an account.
const RECOVERY_CODES: usize = 10;
/// The letters of a code of the second step; a recovery code has more.
const CODE_LETTERS: usize = 6;

/// Whether this account needs a code to log in.
pub async fn is_on(app: &App, name: &UserName) -> Result<bool> {
    Ok(store::find_second(app.db.read(), name).await?.is_some_and(|second| second.is_confirmed))
}

/// How many recovery codes are left.
pub async fn recovery_left(app: &App, name: &UserName) -> Result<i64> {
    Ok(store::count_recovery(app.db.read(), name).await?)
}

/// The secret that is being set up: the one that waits already, or a new one.
pub async fn prepare(app: &App, session: &Session) -> Result<Vec<u8>> {
    not_by_token(session)?;
    if let Some(waiting) = store::find_second(app.db.read(), &session.user).await? {
        if waiting.is_confirmed {
            return Err(AccountError::Code.into());
        }
        return open(app, &session.user, &waiting.secret);
    }
    let secret: [u8; 20] = random();
    let sealed = app.vault.seal(place(&session.user), &secret);
    let mut tx = app.db.begin("accounts.prepare_second").await?;
    store::put_second(&mut tx, &session.user, sealed, app.clock.now()).await?;
    tx.commit().await?;
    Ok(secret.to_vec())
}

/// Turns the second step on once a code shows that the other device has the secret. Gives the recovery codes, which are
/// shown only now. Every other session of the account is asked for a code from here on.
pub async fn confirm(app: &App, session: &Session, address: &str, code: &str) -> Result<Vec<String>> {
    not_by_token(session)?;
    let name = &session.user;
    count_try(app, name, address).await?;
    let waiting = store::find_second(app.db.read(), name).await?.filter(|second| !second.is_confirmed);
    let waiting = waiting.ok_or(AccountError::Code)?;
    let (secret, now) = (open(app, name, &waiting.secret)?, app.clock.now());
    let step = fitting_step(&secret, &typed(code), waiting.last_step, now).ok_or(AccountError::Code)?;
    app.desk.tries().right(name.as_str(), address);
    let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| recovery_code()).collect();
    let mut tx = app.db.begin("accounts.confirm_second").await?;
    if !store::use_step(&mut tx, name, step).await? {
        return Err(AccountError::Code.into());
    }
    store::confirm_second(&mut tx, name, now).await?;
    store::put_recovery(&mut tx, name, codes.iter().map(|code| hash_of(name, code)).collect()).await?;
    store::pass_second(&mut tx, session.token.hash()).await?;
    record(&mut tx, Entry::new(now, &session.actor(), "accounts.add_second", account(name))).await?;
    tx.commit().await?;
    Ok(codes)
}

/// Takes the code of a log-in: one of the device, or a recovery code. Each is good once.
pub async fn enter(app: &App, session: &Session, address: &str, code: &str) -> Result<()> {
    count_try(app, &session.user, address).await?;
    pass(app, &session.user, code).await?;
    app.desk.tries().right(session.user.as_str(), address);
    let mut tx = app.db.begin("accounts.enter_code").await?;
    store::pass_second(&mut tx, session.token.hash()).await?;
    tx.commit().await?;
    Ok(())
}

/// Uses a code up. `true` when the account has a second step and the code fits; an account without one needs none.
pub(super) async fn pass(app: &App, name: &UserName, code: &str) -> Result<bool> {
    let Some(second) = store::find_second(app.db.read(), name).await?.filter(|second| second.is_confirmed) else {
        return Ok(false);
    };
    let (code, now) = (typed(code), app.clock.now());
    let mut tx = app.db.begin("accounts.use_code").await?;
    let fits = if code.len() == CODE_LETTERS {
        match fitting_step(&open(app, name, &second.secret)?, &code, second.last_step, now) {
            Some(step) => store::use_step(&mut tx, name, step).await?,
            None => false,
        }
    } else {
        let used = store::take_recovery(&mut tx, name, hash_of(name, &code)).await?;
        if used {
            record(&mut tx, Entry::new(now, &super::user(name), "accounts.use_recovery", account(name))).await?;
        }
        used
    };
    tx.commit().await?;
    if fits { Ok(true) } else { Err(AccountError::Code.into()) }
}

/// Turns the second step off, for whoever has a code. A role that demands one asks for a new one at once.
pub async fn remove(app: &App, session: &Session, address: &str, code: &str) -> Result<()> {
    not_by_token(session)?;
    count_try(app, &session.user, address).await?;
    if !pass(app, &session.user, code).await? {
        return Err(AccountError::Code.into());
    }
    app.desk.tries().right(session.user.as_str(), address);
    let now = app.clock.now();
    let mut tx = app.db.begin("accounts.remove_second").await?;
    store::delete_second(&mut tx, &session.user).await?;
    record(&mut tx, Entry::new(now, &session.actor(), "accounts.remove_second", account(&session.user))).await?;
    tx.commit().await?;
    Ok(())
}

fn not_by_token(session: &Session) -> Result<()> {
    let complete = matches!(session.stage, Stage::Done | Stage::AddSecond);
    if session.program.is_none() && complete { Ok(()) } else { Err(AccountError::NotByToken.into()) }
}

/// Codes are tried no more often than passwords.
async fn count_try(app: &App, name: &UserName, address: &str) -> Result<()> {
    let now = crate::clock::moment();
    if let Err(error) = super::count_try(app, name.as_str(), address, now) {
        super::tell_of_guessing(app, address, now).await;
        return Err(error.into());
    }
    Ok(())
}

fn place(name: &UserName) -> Place<'_> {
    Place { table: "second_step", column: "secret", row: name.as_str() }
}

fn open(app: &App, name: &UserName, sealed: &[u8]) -> Result<Vec<u8>> {
    let opened = app.vault.open_sealed(place(name), sealed);
    opened.map_err(|cause| Error::internal("failed to open the secret of a second step", cause))
}

/// 80 random bits as four groups of letters that are not mistaken for each other.
fn recovery_code() -> String {
    let letters = base32(&random::<10>());
    let groups: Vec<&str> = [0, 4, 8, 12].iter().filter_map(|start| letters.get(*start..start + 4)).collect();
    groups.join("-")
}

fn hash_of(name: &UserName, code: &str) -> Vec<u8> {
    blake3::hash(format!("{name} {}", typed(code)).as_bytes()).as_bytes().to_vec()
}
