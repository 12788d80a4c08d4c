//! SQL of the second step.

use crate::accounts::model::UserName;
use crate::statements;
use crate::store::{StoreError, Tx};
use packline_protocol::time::Timestamp;
use sqlx::AnyPool;

statements! {
    /// A secret that waits to be confirmed; one that is confirmed stays.
    PUT_SECOND = "INSERT INTO second_step (account, secret, made_at, last_step) VALUES ($1, $2, $3, 0) \
        ON CONFLICT (account) DO UPDATE SET secret = excluded.secret, made_at = excluded.made_at, last_step = 0 \
        WHERE second_step.confirmed_at IS NULL";
    /// The second step of an account.
    FIND_SECOND = "SELECT secret, confirmed_at, last_step FROM second_step WHERE account = $1";
    /// A code of this step is used up; not when it or a later one was.
    USE_STEP = "UPDATE second_step SET last_step = $2 WHERE account = $1 AND last_step < $2";
    /// The secret works on the other device.
    CONFIRM_SECOND = "UPDATE second_step SET confirmed_at = $2 WHERE account = $1 AND confirmed_at IS NULL";
    /// An account has no second step any more.
    DELETE_SECOND = "DELETE FROM second_step WHERE account = $1";
    /// A recovery code.
    INSERT_RECOVERY = "INSERT INTO recovery_code (account, code_hash) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    /// A recovery code is used up.
    TAKE_RECOVERY = "DELETE FROM recovery_code WHERE account = $1 AND code_hash = $2";
    /// All recovery codes of an account are gone.
    DELETE_RECOVERY = "DELETE FROM recovery_code WHERE account = $1";
    /// How many recovery codes are left.
    COUNT_RECOVERY = "SELECT CAST(COUNT(*) AS BIGINT) FROM recovery_code WHERE account = $1";
}

/// The second step of an account as it is kept.
pub struct StoredSecond {
    pub secret: Vec<u8>,
    pub is_confirmed: bool,
    pub last_step: i64,
}

/// Whether it could be kept: not when there is one that is confirmed.
pub async fn put_second(tx: &mut Tx, name: &UserName, secret: Vec<u8>, now: Timestamp) -> Result<bool, StoreError> {
    let query = PUT_SECOND.query().bind(name.as_str().to_owned()).bind(secret).bind(now.0);
    Ok(PUT_SECOND.run(tx, query).await? > 0)
}

pub async fn find_second(read: &AnyPool, name: &UserName) -> Result<Option<StoredSecond>, StoreError> {
    let row = FIND_SECOND.find(read, FIND_SECOND.query().bind(name.as_str().to_owned())).await?;
    row.map(|row| {
        Ok(StoredSecond {
            secret: FIND_SECOND.get(&row, 0)?,
            is_confirmed: FIND_SECOND.get::<Option<i64>>(&row, 1)?.is_some(),
            last_step: FIND_SECOND.get(&row, 2)?,
        })
    })
    .transpose()
}

/// Whether the code was still good: of two that use it, one does.
pub async fn use_step(tx: &mut Tx, name: &UserName, step: i64) -> Result<bool, StoreError> {
    Ok(USE_STEP.run(tx, USE_STEP.query().bind(name.as_str().to_owned()).bind(step)).await? > 0)
}

pub async fn confirm_second(tx: &mut Tx, name: &UserName, now: Timestamp) -> Result<(), StoreError> {
    CONFIRM_SECOND.run(tx, CONFIRM_SECOND.query().bind(name.as_str().to_owned()).bind(now.0)).await.map(|_| ())
}

/// The second step and its recovery codes are gone; says whether there was one.
pub async fn delete_second(tx: &mut Tx, name: &UserName) -> Result<bool, StoreError> {
    DELETE_RECOVERY.run(tx, DELETE_RECOVERY.query().bind(name.as_str().to_owned())).await?;
    Ok(DELETE_SECOND.run(tx, DELETE_SECOND.query().bind(name.as_str().to_owned())).await? > 0)
}

/// These recovery codes in place of the older ones.
pub async fn put_recovery(tx: &mut Tx, name: &UserName, hashes: Vec<Vec<u8>>) -> Result<(), StoreError> {
    DELETE_RECOVERY.run(tx, DELETE_RECOVERY.query().bind(name.as_str().to_owned())).await?;
    for hash in hashes {
        INSERT_RECOVERY.run(tx, INSERT_RECOVERY.query().bind(name.as_str().to_owned()).bind(hash)).await?;
    }
    Ok(())
}

/// Whether it was there to be used.
pub async fn take_recovery(tx: &mut Tx, name: &UserName, hash: Vec<u8>) -> Result<bool, StoreError> {
    Ok(TAKE_RECOVERY.run(tx, TAKE_RECOVERY.query().bind(name.as_str().to_owned()).bind(hash)).await? > 0)
}

pub async fn count_recovery(read: &AnyPool, name: &UserName) -> Result<i64, StoreError> {
    let row = COUNT_RECOVERY.find(read, COUNT_RECOVERY.query().bind(name.as_str().to_owned())).await?;
    row.map_or(Ok(0), |row| COUNT_RECOVERY.get(&row, 0))
}
