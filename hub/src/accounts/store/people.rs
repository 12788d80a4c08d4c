//! SQL of people, roles and invitations.

use crate::accounts::model::{Person, Role, UserName};
use crate::accounts::rights::{Right, Rights};
use crate::statements;
use crate::store::{StoreError, Tx};
use packline_protocol::time::Timestamp;
use sqlx::AnyPool;
use std::collections::BTreeMap;

statements! {
    /// People or roles change.
    MOVE_REVISION = "UPDATE people_revision SET revision = revision + 1 WHERE id = 1";
    /// Every role's rights.
    LIST_ROLE_RIGHTS: All = "SELECT role, right_name FROM role_right";
    /// The rights that were dealt out to the built-in roles.
    LIST_DEALT: All = "SELECT right_name FROM right_dealt";
    /// A right is dealt out.
    INSERT_DEALT = "INSERT INTO right_dealt (right_name) VALUES ($1) ON CONFLICT (right_name) DO NOTHING";
    /// A role that the program brings.
    INSERT_BUILT_IN = "INSERT INTO role (name, title_zh, title_en, built_in, changed_at) VALUES ($1, $2, $3, 1, $4) \
        ON CONFLICT (name) DO NOTHING";
    /// A role that somebody makes.
    INSERT_ROLE = "INSERT INTO role (name, title_zh, title_en, built_in, changed_at) VALUES ($1, $2, $3, 0, $4) \
        ON CONFLICT (name) DO NOTHING";
    /// A role gets a right.
    INSERT_ROLE_RIGHT = "INSERT INTO role_right (role, right_name) VALUES ($1, $2) \
        ON CONFLICT (role, right_name) DO NOTHING";
    /// A role loses a right.
    DELETE_ROLE_RIGHT = "DELETE FROM role_right WHERE role = $1 AND right_name = $2";
    /// A role demands a second step, or not.
    SET_NEEDS_SECOND = "UPDATE role SET needs_second = $2, changed_at = $3 WHERE name = $1";
    /// A role is gone, with its rights.
    DELETE_ROLE = "DELETE FROM role WHERE name = $1 AND built_in = 0 \
        AND NOT EXISTS (SELECT 1 FROM account WHERE account.role = role.name)";
    /// All roles with how many people have them.
    LIST_ROLES: All = "SELECT name, title_zh, title_en, built_in, needs_second, \
        (SELECT COUNT(*) FROM account WHERE account.role = role.name) FROM role ORDER BY built_in DESC, name";
    /// The rights of one role.
    RIGHTS_OF = "SELECT right_name FROM role_right WHERE role = $1";
    /// A role by its name.
    FIND_ROLE = "SELECT name FROM role WHERE name = $1";
    /// All people.
    LIST_PEOPLE: All = "SELECT account.name, account.role, account.created_at, account.disabled_at, \
        account.password_hash, second_step.confirmed_at, account.seen_at \
        FROM account LEFT JOIN second_step ON second_step.account = account.name ORDER BY account.name";
    /// The role of one account.
    ROLE_OF = "SELECT role FROM account WHERE name = $1";
    /// An account gets another role.
    SET_ROLE = "UPDATE account SET role = $2, changed_at = $3 WHERE name = $1";
    /// An account is shut or opened.
    SET_DISABLED = "UPDATE account SET disabled_at = $2 WHERE name = $1";
    /// How many people could log in and manage people.
    COUNT_KEEPERS: All = "SELECT CAST(COUNT(*) AS BIGINT) FROM account JOIN role_right ON role_right.role = account.role \
        WHERE role_right.right_name = 'people.manage' AND account.disabled_at IS NULL AND account.password_hash <> '!'";
    /// An invitation.
    INSERT_INVITATION = "INSERT INTO invitation (token_hash, account, made_at, expires_at) VALUES ($1, $2, $3, $4)";
    /// The account of an invitation that is good.
    FIND_INVITATION = "SELECT invitation.account FROM invitation JOIN account ON account.name = invitation.account \
        WHERE invitation.token_hash = $1 AND invitation.expires_at > $2 AND account.disabled_at IS NULL";
    /// Takes an invitation that is good.
    TAKE_INVITATION = "DELETE FROM invitation WHERE token_hash = $1 AND expires_at > $2";
    /// All invitations of an account end.
    END_INVITATIONS_OF = "DELETE FROM invitation WHERE account = $1";
}

/// Puts this transaction in line behind every other one that changes people or roles.
pub async fn move_revision(tx: &mut Tx) -> Result<(), StoreError> {
    MOVE_REVISION.run(tx, MOVE_REVISION.query()).await.map(|_| ())
}

/// Role and right, by their names.
pub async fn list_role_rights(read: &AnyPool) -> Result<Vec<(String, String)>, StoreError> {
    let rows = LIST_ROLE_RIGHTS.all(read, LIST_ROLE_RIGHTS.query()).await?;
    rows.iter().map(|row| Ok((LIST_ROLE_RIGHTS.get(row, 0)?, LIST_ROLE_RIGHTS.get(row, 1)?))).collect()
}

pub async fn list_dealt(read: &AnyPool) -> Result<Vec<String>, StoreError> {
    let rows = LIST_DEALT.all(read, LIST_DEALT.query()).await?;
    rows.iter().map(|row| LIST_DEALT.get(row, 0)).collect()
}

/// Whether it is dealt out only now.
pub async fn insert_dealt(tx: &mut Tx, right: Right) -> Result<bool, StoreError> {
    Ok(INSERT_DEALT.run(tx, INSERT_DEALT.query().bind(right.name())).await? > 0)
}

pub async fn insert_built_in(
    tx: &mut Tx,
    role: &'static str,
    (zh, en): (&'static str, &'static str),
    now: Timestamp,
) -> Result<(), StoreError> {
    INSERT_BUILT_IN.run(tx, INSERT_BUILT_IN.query().bind(role).bind(zh).bind(en).bind(now.0)).await.map(|_| ())
}

/// Whether the role is new.
pub async fn insert_role(tx: &mut Tx, role: &str, (zh, en): (&str, &str), now: Timestamp) -> Result<bool, StoreError> {
    let query = INSERT_ROLE.query().bind(role.to_owned()).bind(zh.to_owned()).bind(en.to_owned()).bind(now.0);
    Ok(INSERT_ROLE.run(tx, query).await? > 0)
}

pub async fn insert_role_right(tx: &mut Tx, role: &str, right: Right) -> Result<(), StoreError> {
    let query = INSERT_ROLE_RIGHT.query().bind(role.to_owned()).bind(right.name());
    INSERT_ROLE_RIGHT.run(tx, query).await.map(|_| ())
}

pub async fn delete_role_right(tx: &mut Tx, role: &str, right: Right) -> Result<(), StoreError> {
    let query = DELETE_ROLE_RIGHT.query().bind(role.to_owned()).bind(right.name());
    DELETE_ROLE_RIGHT.run(tx, query).await.map(|_| ())
}

pub async fn set_needs_second(tx: &mut Tx, role: &str, needs: bool, now: Timestamp) -> Result<(), StoreError> {
    let query = SET_NEEDS_SECOND.query().bind(role.to_owned()).bind(i64::from(needs)).bind(now.0);
    SET_NEEDS_SECOND.run(tx, query).await.map(|_| ())
}

/// Whether it could be removed.
pub async fn delete_role(tx: &mut Tx, role: &str) -> Result<bool, StoreError> {
    Ok(DELETE_ROLE.run(tx, DELETE_ROLE.query().bind(role.to_owned())).await? > 0)
}

pub async fn list_roles(read: &AnyPool) -> Result<Vec<Role>, StoreError> {
    let mut rights: BTreeMap<String, Vec<Right>> = BTreeMap::new();
    for (role, right) in list_role_rights(read).await? {
        rights.entry(role).or_default().extend(Right::parse(&right));
    }
    let rows = LIST_ROLES.all(read, LIST_ROLES.query()).await?;
    let role = |row| {
        let name: String = LIST_ROLES.get(row, 0)?;
        Ok(Role {
            rights: rights.get(&name).into_iter().flatten().copied().collect(),
            name,
            title_zh: LIST_ROLES.get(row, 1)?,
            title_en: LIST_ROLES.get(row, 2)?,
            built_in: LIST_ROLES.get::<i64>(row, 3)? != 0,
            needs_second: LIST_ROLES.get::<i64>(row, 4)? != 0,
            people: LIST_ROLES.get(row, 5)?,
        })
    };
    rows.iter().map(role).collect()
}

/// What a role may do, as this transaction sees it; `None` when there is no such role.
pub async fn find_rights(tx: &mut Tx, role: &str) -> Result<Option<Rights>, StoreError> {
    if FIND_ROLE.find(tx.conn(), FIND_ROLE.query().bind(role.to_owned())).await?.is_none() {
        return Ok(None);
    }
    let rows = RIGHTS_OF.all(tx.conn(), RIGHTS_OF.query().bind(role.to_owned())).await?;
    let names = rows.iter().map(|row| RIGHTS_OF.get::<String>(row, 0)).collect::<Result<Vec<_>, _>>()?;
    Ok(Some(names.iter().filter_map(|name| Right::parse(name)).collect()))
}

pub async fn list_people(read: &AnyPool) -> Result<Vec<Person>, StoreError> {
    let rows = LIST_PEOPLE.all(read, LIST_PEOPLE.query()).await?;
    let person = |row| {
        let name: String = LIST_PEOPLE.get(row, 0)?;
        let hash: String = LIST_PEOPLE.get(row, 4)?;
        Ok(Person {
            name: UserName::parse(&name).map_err(|error| StoreError::row("LIST_PEOPLE", error))?,
            role: LIST_PEOPLE.get(row, 1)?,
            created_at: Timestamp(LIST_PEOPLE.get(row, 2)?),
            disabled_at: LIST_PEOPLE.get::<Option<i64>>(row, 3)?.map(Timestamp),
            is_waiting: hash == super::NO_PASSWORD,
            has_second: LIST_PEOPLE.get::<Option<i64>>(row, 5)?.is_some(),
            seen_at: LIST_PEOPLE.get::<Option<i64>>(row, 6)?.map(Timestamp),
        })
    };
    rows.iter().map(person).collect()
}

/// The name of an account's role.
pub async fn find_role_of(tx: &mut Tx, name: &UserName) -> Result<Option<String>, StoreError> {
    let row = ROLE_OF.find(tx.conn(), ROLE_OF.query().bind(name.as_str().to_owned())).await?;
    row.map(|row| ROLE_OF.get(&row, 0)).transpose()
}

pub async fn set_role(tx: &mut Tx, name: &UserName, role: &str, now: Timestamp) -> Result<(), StoreError> {
    let query = SET_ROLE.query().bind(name.as_str().to_owned()).bind(role.to_owned()).bind(now.0);
    SET_ROLE.run(tx, query).await.map(|_| ())
}

pub async fn set_disabled(tx: &mut Tx, name: &UserName, at: Option<Timestamp>) -> Result<(), StoreError> {
    let query = SET_DISABLED.query().bind(name.as_str().to_owned()).bind(at.map(|at| at.0));
    SET_DISABLED.run(tx, query).await.map(|_| ())
}

/// How many people could log in and manage people.
pub async fn count_keepers(tx: &mut Tx) -> Result<i64, StoreError> {
    COUNT_KEEPERS.one(tx, COUNT_KEEPERS.query()).await
}

/// An invitation in place of the older ones of its account.
pub async fn put_invitation(
    tx: &mut Tx,
    token_hash: Vec<u8>,
    name: &UserName,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    end_invitations_of(tx, name).await?;
    let name = name.as_str().to_owned();
    let query = INSERT_INVITATION.query().bind(token_hash).bind(name).bind(now.0).bind(expires_at.0);
    INSERT_INVITATION.run(tx, query).await.map(|_| ())
}

/// Whose invitation this is, while it is good.
pub async fn find_invitation(
    read: &AnyPool,
    token_hash: Vec<u8>,
    now: Timestamp,
) -> Result<Option<UserName>, StoreError> {
    let row = FIND_INVITATION.find(read, FIND_INVITATION.query().bind(token_hash).bind(now.0)).await?;
    let name: Option<String> = row.map(|row| FIND_INVITATION.get(&row, 0)).transpose()?;
    name.map(|name| UserName::parse(&name).map_err(|error| StoreError::row("FIND_INVITATION", error))).transpose()
}

/// Whether it was there to be taken: of two that take it, one does.
pub async fn take_invitation(tx: &mut Tx, token_hash: Vec<u8>, now: Timestamp) -> Result<bool, StoreError> {
    Ok(TAKE_INVITATION.run(tx, TAKE_INVITATION.query().bind(token_hash).bind(now.0)).await? > 0)
}

pub async fn end_invitations_of(tx: &mut Tx, name: &UserName) -> Result<(), StoreError> {
    END_INVITATIONS_OF.run(tx, END_INVITATIONS_OF.query().bind(name.as_str().to_owned())).await.map(|_| ())
}
