//! All SQL of the fleet.

use super::model::{Claim, Keys, Site, Station, StationState, StationStatus};
use crate::statements;
use crate::store::{Statement, StoreError, Tx};
use packline_protocol::change::SiteSettings;
use packline_protocol::id::{SiteId, StationId};
use packline_protocol::time::Timestamp;
use sqlx::AnyPool;
use sqlx::any::AnyRow;

statements! {
    /// All sites.
    LIST_SITES: All = "SELECT site, title, green_deadline_ms, journal_warn_percent, rules FROM site ORDER BY site";
    /// One site.
    FIND_SITE = "SELECT site, title, green_deadline_ms, journal_warn_percent, rules FROM site WHERE site = $1";
    /// Makes a site with the usual settings.
    ADD_SITE = "INSERT INTO site (site, title, green_deadline_ms, journal_warn_percent, created_at) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (site) DO NOTHING";
    /// Changes how a site works.
    SET_SITE = "UPDATE site SET title = $2, green_deadline_ms = $3, journal_warn_percent = $4 WHERE site = $1";
    /// Publishes a rule set.
    SET_RULES = "UPDATE site SET rules = $2 WHERE site = $1";
    /// All stations.
    LIST_STATIONS: All = "SELECT station, site, status, public_key, secret_hash, mosquitto_hash, \
        created_at, enrolled_at, revoked_at FROM station ORDER BY site, station";
    /// One station.
    FIND_STATION = "SELECT station, site, status, public_key, secret_hash, mosquitto_hash, \
        created_at, enrolled_at, revoked_at FROM station WHERE station = $1";
    /// Invites a station: a new one, or one that was shut out.
    INVITE_STATION = "INSERT INTO station (station, site, status, created_at) VALUES ($1, $2, 'invited', $3) \
        ON CONFLICT (station) DO UPDATE SET site = excluded.site, \
        status = CASE WHEN station.status = 'active' THEN 'active' ELSE 'invited' END";
    /// Lets a station in with its keys.
    ENROL_STATION = "UPDATE station SET status = 'active', public_key = $2, secret_hash = $3, mosquitto_hash = $4, \
        enrolled_at = $5, revoked_at = NULL WHERE station = $1";
    /// Shuts a station out.
    REVOKE_STATION = "UPDATE station SET status = 'revoked', public_key = NULL, secret_hash = NULL, \
        mosquitto_hash = NULL, revoked_at = $2 WHERE station = $1 AND status <> 'revoked'";
    /// Remembers an invitation.
    ADD_CLAIM = "INSERT INTO station_claim (token_hash, station, site, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5)";
    /// An invitation by its token.
    FIND_CLAIM = "SELECT station, site, expires_at, public_key, secret_hash FROM station_claim WHERE token_hash = $1";
    /// Notes who used an invitation, unless somebody did.
    USE_CLAIM = "UPDATE station_claim SET used_at = $2, public_key = $3, secret_hash = $4 \
        WHERE token_hash = $1 AND used_at IS NULL";
    /// Takes back the invitations of a station.
    DROP_CLAIMS_OF: All = "DELETE FROM station_claim WHERE station = $1";
    /// Forgets invitations that ran out long ago.
    DROP_OLD_CLAIMS: All = "DELETE FROM station_claim WHERE expires_at < $1";
    /// Counts a change of stations or credentials.
    RAISE_VERSION = "UPDATE fleet_version SET version = version + 1 WHERE only_row = 1";
    /// How often stations or credentials changed.
    FIND_VERSION = "SELECT version FROM fleet_version WHERE only_row = 1";
    /// What was last known of all stations.
    LIST_STATES: All = "SELECT station, state FROM station_state ORDER BY station";
    /// Keeps what is known of a station.
    PUT_STATE = "INSERT INTO station_state (station, seen_at, state) VALUES ($1, $2, $3) \
        ON CONFLICT (station) DO UPDATE SET seen_at = excluded.seen_at, state = excluded.state";
}

/// All sites, by name.
pub async fn sites(db: &AnyPool) -> Result<Vec<Site>, StoreError> {
    LIST_SITES.all(db, LIST_SITES.query()).await?.iter().map(|row| site(LIST_SITES, row)).collect()
}

/// A site, read inside a transaction.
pub async fn find_site(tx: &mut Tx, name: &SiteId) -> Result<Option<Site>, StoreError> {
    let row = FIND_SITE.find(tx.conn(), FIND_SITE.query().bind(name.as_str())).await?;
    row.map(|row| site(FIND_SITE, &row)).transpose()
}

/// Makes a site unless it is there; says whether it was made.
pub async fn add_site(tx: &mut Tx, name: &SiteId, now: Timestamp) -> Result<bool, StoreError> {
    let usual = SiteSettings::default();
    let query = ADD_SITE
        .query()
        .bind(name.as_str())
        .bind(name.as_str())
        .bind(i64::from(usual.green_deadline_ms))
        .bind(i64::from(usual.journal_warn_percent))
        .bind(now.0);
    Ok(ADD_SITE.run(tx, query).await? > 0)
}

/// Changes how a site works; says whether it is there.
pub async fn set_site(tx: &mut Tx, name: &SiteId, settings: &SiteSettings) -> Result<bool, StoreError> {
    let query = SET_SITE
        .query()
        .bind(name.as_str())
        .bind(settings.title.clone())
        .bind(i64::from(settings.green_deadline_ms))
        .bind(i64::from(settings.journal_warn_percent));
    Ok(SET_SITE.run(tx, query).await? > 0)
}

/// Publishes the row of a rule set.
pub async fn set_rules(tx: &mut Tx, name: &SiteId, rules: Vec<u8>) -> Result<(), StoreError> {
    SET_RULES.run(tx, SET_RULES.query().bind(name.as_str()).bind(rules)).await?;
    Ok(())
}

/// All stations, by site and name.
pub async fn stations(db: &AnyPool) -> Result<Vec<Station>, StoreError> {
    LIST_STATIONS.all(db, LIST_STATIONS.query()).await?.iter().map(|row| station(LIST_STATIONS, row)).collect()
}

/// A station, read inside a transaction.
pub async fn find_station(tx: &mut Tx, name: &StationId) -> Result<Option<Station>, StoreError> {
    let row = FIND_STATION.find(tx.conn(), FIND_STATION.query().bind(name.as_str())).await?;
    row.map(|row| station(FIND_STATION, &row)).transpose()
}

/// Invites a station to a site.
pub async fn invite(tx: &mut Tx, name: &StationId, site: &SiteId, now: Timestamp) -> Result<(), StoreError> {
    INVITE_STATION.run(tx, INVITE_STATION.query().bind(name.as_str()).bind(site.as_str()).bind(now.0)).await?;
    Ok(())
}

/// Lets a station in with its keys.
pub async fn enrol(
    tx: &mut Tx,
    name: &StationId,
    keys: &Keys,
    mosquitto_hash: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let query = ENROL_STATION
        .query()
        .bind(name.as_str())
        .bind(keys.public_key.to_vec())
        .bind(keys.secret_hash.clone())
        .bind(mosquitto_hash.to_owned())
        .bind(now.0);
    ENROL_STATION.run(tx, query).await?;
    Ok(())
}

/// Shuts a station out; says whether it was in.
pub async fn revoke(tx: &mut Tx, name: &StationId, now: Timestamp) -> Result<bool, StoreError> {
    Ok(REVOKE_STATION.run(tx, REVOKE_STATION.query().bind(name.as_str()).bind(now.0)).await? > 0)
}

/// Remembers an invitation by the hash of its token.
pub async fn add_claim(tx: &mut Tx, token_hash: &str, claim: &Claim, now: Timestamp) -> Result<(), StoreError> {
    let query = ADD_CLAIM
        .query()
        .bind(token_hash.to_owned())
        .bind(claim.station.as_str())
        .bind(claim.site.as_str())
        .bind(now.0)
        .bind(claim.expires_at.0);
    ADD_CLAIM.run(tx, query).await?;
    Ok(())
}

/// The invitation with this token.
pub async fn find_claim(tx: &mut Tx, token_hash: &str) -> Result<Option<Claim>, StoreError> {
    let row = FIND_CLAIM.find(tx.conn(), FIND_CLAIM.query().bind(token_hash.to_owned())).await?;
    let Some(row) = row else { return Ok(None) };
    let key: Option<Vec<u8>> = FIND_CLAIM.get(&row, 3)?;
    let secret_hash: Option<String> = FIND_CLAIM.get(&row, 4)?;
    let used_by = match (key, secret_hash) {
        (Some(key), Some(secret_hash)) => Some(Keys { public_key: key_of(FIND_CLAIM, key)?, secret_hash }),
        _ => None,
    };
    Ok(Some(Claim {
        station: station_id(FIND_CLAIM, &row, 0)?,
        site: site_id(FIND_CLAIM, &row, 1)?,
        expires_at: Timestamp(FIND_CLAIM.get(&row, 2)?),
        used_by,
    }))
}

/// Notes who used an invitation; `false` when somebody had.
pub async fn use_claim(tx: &mut Tx, token_hash: &str, keys: &Keys, now: Timestamp) -> Result<bool, StoreError> {
    let query = USE_CLAIM
        .query()
        .bind(token_hash.to_owned())
        .bind(now.0)
        .bind(keys.public_key.to_vec())
        .bind(keys.secret_hash.clone());
    Ok(USE_CLAIM.run(tx, query).await? > 0)
}

/// Takes back every invitation of a station.
pub async fn drop_claims_of(tx: &mut Tx, name: &StationId) -> Result<(), StoreError> {
    DROP_CLAIMS_OF.run(tx, DROP_CLAIMS_OF.query().bind(name.as_str())).await?;
    Ok(())
}

/// Forgets invitations that ran out before `before`; says how many.
pub async fn drop_old_claims(tx: &mut Tx, before: Timestamp) -> Result<u64, StoreError> {
    DROP_OLD_CLAIMS.run(tx, DROP_OLD_CLAIMS.query().bind(before.0)).await
}

/// Tells other processes that stations or credentials changed, once the transaction is committed.
pub async fn raise_version(tx: &mut Tx) -> Result<(), StoreError> {
    RAISE_VERSION.run(tx, RAISE_VERSION.query()).await?;
    Ok(())
}

/// How often stations or credentials changed.
pub async fn version(db: &AnyPool) -> Result<i64, StoreError> {
    let row = FIND_VERSION.find(db, FIND_VERSION.query()).await?;
    row.map_or(Ok(0), |row| FIND_VERSION.get(&row, 0))
}

/// What was last known of all stations. What this program cannot read is left out: it is told anew soon.
pub async fn states(db: &AnyPool) -> Result<Vec<(StationId, StationState)>, StoreError> {
    let rows = LIST_STATES.all(db, LIST_STATES.query()).await?;
    let state = |row: &AnyRow| {
        let text: String = LIST_STATES.get(row, 1)?;
        let name = station_id(LIST_STATES, row, 0)?;
        Ok(serde_json::from_str(&text).ok().map(|state| (name, state)))
    };
    rows.iter().filter_map(|row| state(row).transpose()).collect()
}

/// Keeps what is known of a station.
pub async fn put_state(tx: &mut Tx, name: &StationId, state: &StationState) -> Result<(), StoreError> {
    let text = serde_json::to_string(state).expect("plain data always becomes JSON");
    PUT_STATE.run(tx, PUT_STATE.query().bind(name.as_str()).bind(state.seen_at.0).bind(text)).await?;
    Ok(())
}

fn site(statement: Statement, row: &AnyRow) -> Result<Site, StoreError> {
    let wrong = |_| StoreError::row(statement.name, "a setting is out of its range");
    let settings = SiteSettings {
        title: statement.get(row, 1)?,
        green_deadline_ms: u32::try_from(statement.get::<i64>(row, 2)?).map_err(wrong)?,
        journal_warn_percent: u8::try_from(statement.get::<i64>(row, 3)?).map_err(wrong)?,
    };
    Ok(Site { site: site_id(statement, row, 0)?, settings, rules: statement.get(row, 4)? })
}

fn station(statement: Statement, row: &AnyRow) -> Result<Station, StoreError> {
    let status: String = statement.get(row, 2)?;
    let key: Option<Vec<u8>> = statement.get(row, 3)?;
    let time = |place| Ok::<_, StoreError>(statement.get::<Option<i64>>(row, place)?.map(Timestamp));
    Ok(Station {
        station: station_id(statement, row, 0)?,
        site: site_id(statement, row, 1)?,
        status: StationStatus::from_word(&status)
            .ok_or_else(|| StoreError::row(statement.name, format!("a station is `{status}`")))?,
        public_key: key.map(|key| key_of(statement, key)).transpose()?,
        secret_hash: statement.get(row, 4)?,
        mosquitto_hash: statement.get(row, 5)?,
        created_at: Timestamp(statement.get(row, 6)?),
        enrolled_at: time(7)?,
        revoked_at: time(8)?,
    })
}

fn key_of(statement: Statement, key: Vec<u8>) -> Result<[u8; 32], StoreError> {
    key.try_into().map_err(|_| StoreError::row(statement.name, "a public key is not 32 bytes"))
}

fn site_id(statement: Statement, row: &AnyRow, place: usize) -> Result<SiteId, StoreError> {
    SiteId::parse(&statement.get::<String>(row, place)?).map_err(|why| StoreError::row(statement.name, why))
}

fn station_id(statement: Statement, row: &AnyRow, place: usize) -> Result<StationId, StoreError> {
    StationId::parse(&statement.get::<String>(row, place)?).map_err(|why| StoreError::row(statement.name, why))
}
