//! What is done with sites and stations: invite, enrol, revoke, publish rules and settings.

use super::decide::{self, Enrolment};
use super::model::{
    AlarmView, CLAIM_TTL_MS, Claim, DataAge, Digest, FleetError, Invitation, Keys, ScannerView, Site, Station,
    StationState, StationStatus, StationView,
};
use super::store;
use crate::actor::Actor;
use crate::app::App;
use crate::audit::actions::{record, record_all};
use crate::audit::model::{Entry, Subject};
use crate::broker::mosquitto::{PasswordHash, StationAccount};
use crate::broker::{Secret, SecretHash, StationCredential};
use crate::clock;
use crate::keys::{from_hex, to_hex};
use crate::settings;
use crate::store::{Counter, Db, StoreError, Tx, changelog};
use crate::sync;
use packline_protocol::change::{BODY_MAX, Row, RowId, SiteSettings};
use packline_protocol::envelope::Opener;
use packline_protocol::id::{Revision, SiteId, StationId};
use packline_protocol::rules::{RuleSet, builtin};
use packline_protocol::time::Timestamp;
use packline_protocol::uplink::{Alarm, ScannerReport};
use serde_json::{Value, json};

/// How many settings a site has.
const SITE_SETTINGS: usize = 3;
/// Invitations that ran out are forgotten after so long, in milliseconds: a week.
const CLAIM_KEEP_MS: i64 = 7 * 24 * 3_600_000;

/// Invites `station` to `site`, making the site when it is new. A station that works there already keeps working until
/// the invitation is used: then its new keys count.
pub async fn invite(
    db: &Db,
    site: &SiteId,
    station: &StationId,
    by: &Actor,
    now: Timestamp,
) -> Result<Invitation, FleetError> {
    let failed = |cause| FleetError::Store { what: "invite a station", cause };
    let mut token = [0; 20];
    clock::random_bytes(&mut token);
    let token = to_hex(&token);
    let expires_at = now.plus_ms(CLAIM_TTL_MS);
    let mut tx = db.begin("fleet.invite").await.map_err(failed)?;
    let known = store::find_station(&mut tx, station).await.map_err(failed)?;
    if let Some(known) = known.filter(|known| known.status == StationStatus::Active && known.site != *site) {
        return Err(FleetError::ElsewhereActive { station: known.station, site: known.site });
    }
    make_site(&mut tx, site, now).await.map_err(failed)?;
    store::invite(&mut tx, station, site, now).await.map_err(failed)?;
    store::drop_claims_of(&mut tx, station).await.map_err(failed)?;
    let claim = Claim { station: station.clone(), site: site.clone(), expires_at, used_by: None };
    store::add_claim(&mut tx, &token_hash(&token), &claim, now).await.map_err(failed)?;
    let entry = Entry::new(now, by, "stations.invite", Subject::station(station)).after(json!({ "site": site }));
    record(&mut tx, entry).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    Ok(Invitation { token, expires_at })
}

/// What a station sends to enrol.
#[derive(Clone)]
pub struct EnrolRequest {
    /// The one-time token.
    pub token: String,
    /// Its public key, 64 hexadecimal digits.
    pub public_key: String,
    /// Its secret for MQTT, 64 hexadecimal digits.
    pub mqtt_secret: String,
}

/// Lets a station in. The same token with the same keys gives the same answer until it runs out.
pub async fn enrol(db: &Db, request: &EnrolRequest, now: Timestamp) -> Result<Station, FleetError> {
    let failed = |cause| FleetError::Store { what: "enrol a station", cause };
    let keys = keys_of(request)?;
    let hash = token_hash(&request.token);
    let mut tx = db.begin("fleet.enrol").await.map_err(failed)?;
    let claim = store::find_claim(&mut tx, &hash).await.map_err(failed)?;
    let enrolment = decide::enrol(claim.as_ref(), &keys, now)?;
    let claim = claim.ok_or(FleetError::UnknownToken)?;
    let mut enrolled = None;
    if enrolment == Enrolment::First {
        if !store::use_claim(&mut tx, &hash, &keys, now).await.map_err(failed)? {
            return Err(FleetError::UsedToken);
        }
        let mosquitto = PasswordHash::new(&request.mqtt_secret);
        store::enrol(&mut tx, &claim.station, &keys, mosquitto.as_str(), now).await.map_err(failed)?;
        store::raise_version(&mut tx).await.map_err(failed)?;
        let by = Actor::Station(claim.station.clone());
        let entry = Entry::new(now, &by, "stations.enrol", Subject::station(&claim.station));
        let key = to_hex(&keys.public_key[..8]);
        enrolled = Some(entry.after(json!({ "site": claim.site, "key": key })));
    }
    let station = store::find_station(&mut tx, &claim.station).await.map_err(failed)?;
    record_all(&mut tx, enrolled.into_iter().collect()).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    let ours = |station: &Station| station.public_key == Some(keys.public_key) && station.site == claim.site;
    station.filter(ours).ok_or(FleetError::UsedToken)
}

/// Shuts a station out and takes its invitations back. Its records stay.
pub async fn revoke(db: &Db, station: &StationId, by: &Actor, now: Timestamp) -> Result<(), FleetError> {
    let failed = |cause| FleetError::Store { what: "revoke a station", cause };
    let mut tx = db.begin("fleet.revoke").await.map_err(failed)?;
    let Some(known) = store::find_station(&mut tx, station).await.map_err(failed)? else {
        return Err(FleetError::NoStation { station: station.clone() });
    };
    store::revoke(&mut tx, station, now).await.map_err(failed)?;
    store::drop_claims_of(&mut tx, station).await.map_err(failed)?;
    store::raise_version(&mut tx).await.map_err(failed)?;
    let entry = Entry::new(now, by, "stations.revoke", Subject::station(station))
        .before(json!({ "site": known.site, "status": known.status.word() }))
        .after(json!({ "status": StationStatus::Revoked.word() }));
    record(&mut tx, entry).await.map_err(failed)?;
    tx.commit().await.map_err(failed)
}

/// All stations, by site and name.
pub async fn stations(db: &Db) -> Result<Vec<Station>, FleetError> {
    store::stations(db.read()).await.map_err(|cause| FleetError::Store { what: "list stations", cause })
}

/// All sites, by name.
pub async fn sites(db: &Db) -> Result<Vec<Site>, FleetError> {
    store::sites(db.read()).await.map_err(|cause| FleetError::Store { what: "list sites", cause })
}

/// What the embedded broker lets in.
pub fn credentials(stations: &[Station]) -> Vec<StationCredential> {
    let credential = |station: &Station| {
        let secret = SecretHash::from_hex(station.secret_hash.as_deref()?)?;
        Some(StationCredential { station: station.station.clone(), site: station.site.clone(), secret })
    };
    stations.iter().filter(|station| station.status == StationStatus::Active).filter_map(credential).collect()
}

/// What an outside Mosquitto lets in.
pub fn mosquitto_accounts(stations: &[Station]) -> Vec<StationAccount> {
    let account = |station: &Station| {
        let password = PasswordHash::kept(station.mosquitto_hash.clone()?);
        Some(StationAccount { station: station.station.clone(), site: station.site.clone(), password })
    };
    stations.iter().filter(|station| station.status == StationStatus::Active).filter_map(account).collect()
}

/// Makes a site unless it is there, and has its rows folded.
pub async fn make_site(tx: &mut Tx, site: &SiteId, now: Timestamp) -> Result<(), StoreError> {
    if store::add_site(tx, site, now).await? {
        changelog::mark_rows(tx, site, &[RowId::RULES, RowId::SETTINGS]).await?;
    }
    Ok(())
}

/// The rows of rules and settings that every station of `site` has; none for a site that is not there.
pub async fn site_rows(tx: &mut Tx, site: &SiteId) -> Result<Vec<(RowId, Vec<u8>)>, StoreError> {
    let Some(site) = store::find_site(tx, site).await? else { return Ok(Vec::new()) };
    let rules = site.rules.unwrap_or_else(|| Row::Rules(builtin::rule_set()).encode());
    Ok(vec![(RowId::RULES, rules), (RowId::SETTINGS, Row::Settings(site.settings).encode())])
}

/// The rule set that stations of `site` judge by.
pub async fn rules(tx: &mut Tx, site: &SiteId) -> Result<RuleSet, StoreError> {
    decode_rules(store::find_site(tx, site).await?.and_then(|site| site.rules))
}

fn decode_rules(published: Option<Vec<u8>>) -> Result<RuleSet, StoreError> {
    let Some(body) = published else { return Ok(builtin::rule_set()) };
    match Row::decode(RowId::RULES, &body) {
        Ok(Row::Rules(rules)) => Ok(rules),
        Ok(_) => Err(StoreError::row("FIND_SITE", "the published rule set is of another program")),
        Err(why) => Err(StoreError::row("FIND_SITE", why)),
    }
}

/// The rule set that stations of `site` judge by; an error when there is no such site.
pub async fn rules_of(db: &Db, site: &SiteId) -> Result<RuleSet, FleetError> {
    let failed = |cause| FleetError::Store { what: "read a rule set", cause };
    let known = sites(db).await?.into_iter().find(|known| known.site == *site);
    let known = known.ok_or_else(|| FleetError::NoSite { site: site.clone() })?;
    decode_rules(known.rules).map_err(failed)
}

/// Publishes a rule set for all stations of `site`. Its revision is above the one that holds.
pub async fn publish_rules(
    db: &Db,
    site: &SiteId,
    rules: &RuleSet,
    by: &Actor,
    now: Timestamp,
) -> Result<(), FleetError> {
    let failed = |cause| FleetError::Store { what: "publish a rule set", cause };
    rules.check().map_err(FleetError::Rules)?;
    let body = Row::Rules(rules.clone()).encode();
    if body.len() > BODY_MAX {
        return Err(FleetError::Field { field: "the rule set", accepted: "at most 64 KiB of rules" });
    }
    let mut tx = db.begin("fleet.publish_rules").await.map_err(failed)?;
    if store::find_site(&mut tx, site).await.map_err(failed)?.is_none() {
        return Err(FleetError::NoSite { site: site.clone() });
    }
    let before = self::rules(&mut tx, site).await.map_err(failed)?;
    let holds: Revision = before.revision;
    if rules.revision <= holds {
        return Err(FleetError::OldRules { given: rules.revision, holds });
    }
    store::set_rules(&mut tx, site, body).await.map_err(failed)?;
    changelog::mark_rows(&mut tx, site, &[RowId::RULES]).await.map_err(failed)?;
    let entry = Entry::new(now, by, "rules.publish", Subject::new("site", site));
    record(&mut tx, entry.before(json!(before)).after(json!(rules))).await.map_err(failed)?;
    tx.commit().await.map_err(failed)
}

/// Changes how a site works.
pub async fn set_settings(
    db: &Db,
    site: &SiteId,
    settings: &SiteSettings,
    by: &Actor,
    now: Timestamp,
) -> Result<(), FleetError> {
    let failed = |cause| FleetError::Store { what: "change a site's settings", cause };
    check_settings(settings)?;
    let ids = db.ids(Counter::SettingChange, SITE_SETTINGS).await.map_err(failed)?;
    let mut tx = db.begin("fleet.set_settings").await.map_err(failed)?;
    let before = store::find_site(&mut tx, site).await.map_err(failed)?;
    let before = before.ok_or_else(|| FleetError::NoSite { site: site.clone() })?;
    store::set_site(&mut tx, site, settings).await.map_err(failed)?;
    changelog::mark_rows(&mut tx, site, &[RowId::SETTINGS]).await.map_err(failed)?;
    let (was, is) = decide::changed_settings(&before.settings, settings);
    let scope = format!("site:{site}");
    settings::actions::write_down(&mut tx, &scope, &ids, by, now, &was, &is).await.map_err(failed)?;
    let entry = Entry::new(now, by, "sites.settings", Subject::new("site", site));
    record(&mut tx, entry.before(shown(&before.settings)).after(shown(settings))).await.map_err(failed)?;
    tx.commit().await.map_err(failed)
}

/// Forgets invitations that ran out long ago; says how many.
pub async fn forget_claims(db: &Db, now: Timestamp) -> Result<u64, FleetError> {
    let failed = |cause| FleetError::Store { what: "forget old invitations", cause };
    let mut tx = db.begin("fleet.forget_claims").await.map_err(failed)?;
    let dropped = store::drop_old_claims(&mut tx, now.plus_ms(-CLAIM_KEEP_MS)).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    Ok(dropped)
}

/// All stations with what is known of them now, by site and name.
pub async fn views(app: &App) -> Result<Vec<StationView>, FleetError> {
    let stations = stations(&app.db).await?;
    let recalled = app.fleet.recall(&app.db).await;
    recalled.map_err(|cause| FleetError::Store { what: "list stations", cause })?;
    let states = app.fleet.states();
    let now = app.clock.now();
    let mut views = Vec::with_capacity(stations.len());
    for station in stations {
        let state = states.get(&station.station).cloned();
        let digest = state.as_ref().map_or(Digest::Unknown, |state| app.fleet.digest(&station.site, state));
        let data = data_age(app, &station.site, state.as_ref(), digest).await?;
        views.push(view(station, state, (digest, data), now));
    }
    Ok(views)
}

async fn data_age(
    app: &App,
    site: &SiteId,
    state: Option<&StationState>,
    digest: Digest,
) -> Result<DataAge, FleetError> {
    let missing = match (state, digest) {
        (Some(state), Digest::Behind { .. }) => sync::first_change_after(app.db.read(), site, state.replica.seq).await,
        _ => Ok(None),
    };
    let missing = missing.map_err(|cause| FleetError::Store { what: "look up the age of a replica", cause })?;
    Ok(decide::data_age(digest, missing))
}

fn view(
    station: Station,
    state: Option<StationState>,
    (digest, data): (Digest, DataAge),
    now: Timestamp,
) -> StationView {
    let own = state.iter().flat_map(|state| &state.alarms);
    let alarms = own.chain(state.iter().flat_map(|state| &state.found));
    let alarm = |alarm: &Alarm| AlarmView { key: alarm.key.clone(), text: alarm.text.clone() };
    let scanner = |scanner: &ScannerReport| ScannerView {
        scanner: scanner.scanner.clone(),
        online: scanner.online,
        frames: scanner.frames,
        refused: scanner.refused,
    };
    let known = state.as_ref();
    StationView {
        // Whoever is shut out was disconnected, and its will counts no more.
        online: station.status == StationStatus::Active && known.is_some_and(|state| decide::is_online(state, now)),
        seen_at: known.map(|state| state.seen_at),
        born_at: known.map(|state| state.born_at),
        version: known.map(|state| state.version.clone()),
        replica_seq: known.map(|state| state.replica.seq),
        replica_epoch: known.map(|state| state.replica.epoch),
        replica_rows: known.map(|state| state.replica.rows),
        digest,
        data,
        revision: known.map(|state| state.revision),
        backlog: known.map(|state| state.backlog),
        journal_percent: known.map(|state| state.journal_percent),
        clock_ahead_ms: known.map(|state| state.clock_ahead_ms),
        scanners: known.map_or_else(Vec::new, |state| state.scanners.iter().map(scanner).collect()),
        alarms: alarms.map(alarm).collect(),
        station: station.station,
        site: station.site,
        status: station.status,
        created_at: station.created_at,
        enrolled_at: station.enrolled_at,
        revoked_at: station.revoked_at,
    }
}

/// Settings as the audit log keeps them.
fn shown(settings: &SiteSettings) -> Value {
    json!({
        "title": settings.title,
        "green_deadline_ms": settings.green_deadline_ms,
        "journal_warn_percent": settings.journal_warn_percent,
    })
}

fn check_settings(settings: &SiteSettings) -> Result<(), FleetError> {
    let refused = |field, accepted| Err(FleetError::Field { field, accepted });
    if settings.title.chars().count() > 80 || settings.title.chars().any(char::is_control) {
        return refused("title", "at most 80 characters, without control characters");
    }
    if !(10..=10_000).contains(&settings.green_deadline_ms) {
        return refused("green_deadline_ms", "10 to 10000");
    }
    if !(1..=100).contains(&settings.journal_warn_percent) {
        return refused("journal_warn_percent", "1 to 100");
    }
    Ok(())
}

fn keys_of(request: &EnrolRequest) -> Result<Keys, FleetError> {
    let hex = "64 hexadecimal digits, lower case";
    let lower = |text: &str| !text.bytes().any(|byte| byte.is_ascii_uppercase());
    let public_key = from_hex::<32>(&request.public_key).filter(|key| Opener::new(key).is_ok());
    let public_key = public_key.ok_or(FleetError::Field { field: "public_key", accepted: "an Ed25519 key in hex" })?;
    if from_hex::<32>(&request.mqtt_secret).is_none() || !lower(&request.mqtt_secret) {
        return Err(FleetError::Field { field: "mqtt_secret", accepted: hex });
    }
    Ok(Keys { public_key, secret_hash: Secret::given(request.mqtt_secret.clone()).hash().to_hex() })
}

/// Tokens are kept only as this: 160 random bits need no slow hash.
fn token_hash(token: &str) -> String {
    to_hex(&blake3::derive_key("packline 2026-11-22 station claim", token.trim().as_bytes()))
}
