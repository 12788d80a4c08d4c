//! SQL of programs' tokens.

use crate::accounts::model::{ApiToken, UserName};
use crate::accounts::rights::{Right, Rights};
use crate::statements;
use crate::store::{StoreError, Tx};
use packline_protocol::time::Timestamp;
use sqlx::AnyPool;
use sqlx::any::AnyRow;

statements! {
    /// A new token; a name is given once.
    INSERT_TOKEN = "INSERT INTO api_token (token_hash, name, account, rights, made_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    /// A token that is in force, with the role of its owner.
    FIND_TOKEN = "SELECT api_token.name, api_token.account, api_token.rights, api_token.made_at, api_token.expires_at, \
        api_token.used_at, account.role, people_revision.revision FROM api_token \
        JOIN account ON account.name = api_token.account JOIN people_revision ON people_revision.id = 1 \
        WHERE api_token.token_hash = $1 AND api_token.expires_at > $2 AND account.disabled_at IS NULL";
    /// A token was used.
    TOUCH_TOKEN = "UPDATE api_token SET used_at = $2 WHERE token_hash = $1";
    /// All tokens.
    LIST_TOKENS: All = "SELECT name, account, rights, made_at, expires_at, used_at FROM api_token ORDER BY name";
    /// Whose token this is.
    OWNER_OF_TOKEN = "SELECT account FROM api_token WHERE name = $1";
    /// A token ends.
    DELETE_TOKEN = "DELETE FROM api_token WHERE name = $1";
    /// The tokens of an account become those of another.
    MOVE_TOKENS = "UPDATE api_token SET account = $2 WHERE account = $1";
}

/// A token in force as it is found.
pub struct FoundToken {
    pub token: ApiToken,
    pub role: String,
    pub revision: i64,
}

/// Whether the name was free.
pub async fn insert_token(tx: &mut Tx, token_hash: Vec<u8>, token: &ApiToken) -> Result<bool, StoreError> {
    let rights: Vec<&str> = token.rights.iter().map(Right::name).collect();
    let query = INSERT_TOKEN
        .query()
        .bind(token_hash)
        .bind(token.name.clone())
        .bind(token.owner.as_str().to_owned())
        .bind(rights.join(" "))
        .bind(token.made_at.0)
        .bind(token.expires_at.0);
    Ok(INSERT_TOKEN.run(tx, query).await? > 0)
}

pub async fn find_token(read: &AnyPool, token_hash: Vec<u8>, now: Timestamp) -> Result<Option<FoundToken>, StoreError> {
    let row = FIND_TOKEN.find(read, FIND_TOKEN.query().bind(token_hash).bind(now.0)).await?;
    row.map(|row| {
        Ok(FoundToken { token: token_of(&row)?, role: FIND_TOKEN.get(&row, 6)?, revision: FIND_TOKEN.get(&row, 7)? })
    })
    .transpose()
}

pub async fn touch_token(tx: &mut Tx, token_hash: Vec<u8>, now: Timestamp) -> Result<(), StoreError> {
    TOUCH_TOKEN.run(tx, TOUCH_TOKEN.query().bind(token_hash).bind(now.0)).await.map(|_| ())
}

pub async fn list_tokens(read: &AnyPool) -> Result<Vec<ApiToken>, StoreError> {
    LIST_TOKENS.all(read, LIST_TOKENS.query()).await?.iter().map(token_of).collect()
}

/// Whose token this is.
pub async fn find_owner(tx: &mut Tx, token: &str) -> Result<Option<String>, StoreError> {
    let row = OWNER_OF_TOKEN.find(tx.conn(), OWNER_OF_TOKEN.query().bind(token.to_owned())).await?;
    row.map(|row| OWNER_OF_TOKEN.get(&row, 0)).transpose()
}

pub async fn delete_token(tx: &mut Tx, token: &str) -> Result<(), StoreError> {
    DELETE_TOKEN.run(tx, DELETE_TOKEN.query().bind(token.to_owned())).await.map(|_| ())
}

/// The tokens of one account become those of another.
pub async fn move_tokens(tx: &mut Tx, from: &UserName, to: &UserName) -> Result<(), StoreError> {
    let query = MOVE_TOKENS.query().bind(from.as_str().to_owned()).bind(to.as_str().to_owned());
    MOVE_TOKENS.run(tx, query).await.map(|_| ())
}

/// The first six columns of both lists.
fn token_of(row: &AnyRow) -> Result<ApiToken, StoreError> {
    let (owner, rights): (String, String) = (LIST_TOKENS.get(row, 1)?, LIST_TOKENS.get(row, 2)?);
    Ok(ApiToken {
        name: LIST_TOKENS.get(row, 0)?,
        owner: UserName::parse(&owner).map_err(|error| StoreError::row("LIST_TOKENS", error))?,
        rights: rights.split(' ').filter_map(Right::parse).collect::<Rights>(),
        made_at: Timestamp(LIST_TOKENS.get(row, 3)?),
        expires_at: Timestamp(LIST_TOKENS.get(row, 4)?),
        used_at: LIST_TOKENS.get::<Option<i64>>(row, 5)?.map(Timestamp),
    })
}
