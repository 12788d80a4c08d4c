//! One state of the replica, held still while somebody looks.
//!
//! A view keeps a read transaction open, so rows, position, rule set and settings always belong together, and a look-up
//! costs two walks down a tree and nothing else.

use super::apply::article_hash;
use super::store::{self, CODES, ROWS, storage};
use super::{Lookup, ReplicaError};
use crate::disk::guarded;
use packline_protocol::change::{Row, RowId, SiteSettings};
use packline_protocol::code::{Gtin, code_hash};
use packline_protocol::facts::Parcel;
use packline_protocol::id::{ParcelId, Revision, RuleId};
use packline_protocol::rules::condition::Condition;
use packline_protocol::rules::{Position, Rule, RuleSet, builtin};
use packline_protocol::uplink::ReplicaState;
use packline_protocol::verdict::{Outcome, ReasonCode, Say};
use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable};
use std::ops::Bound;
use std::sync::Arc;
use tracing::error;

/// Parcels named when a code stands for many.
const MANY_MAX: usize = 16;

/// One state of the replica, held still.
pub struct View {
    /// Where it stands.
    pub state: ReplicaState,
    /// The rule set to judge by: the site's, or the built-in one while the site has none.
    pub rules: Arc<RuleSet>,
    /// How the site works.
    pub settings: Arc<SiteSettings>,
    rows: ReadOnlyTable<u64, &'static [u8]>,
    codes: ReadOnlyTable<(u64, u64), ()>,
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("state", &self.state).finish_non_exhaustive()
    }
}

/// What is decoded once and kept, until its row changes.
#[derive(Clone)]
pub(super) struct Knowledge {
    pub rules: Arc<RuleSet>,
    pub settings: Arc<SiteSettings>,
}

impl View {
    /// A view of the newest committed state. `known` is taken over when its rows did not change.
    pub(super) fn open(
        database: &Database,
        state: ReplicaState,
        known: Option<Knowledge>,
    ) -> Result<View, ReplicaError> {
        let tables = guarded(|| {
            let transaction = database.begin_read()?;
            Ok((transaction.open_table(ROWS)?, transaction.open_table(CODES)?))
        });
        let (rows, codes) = tables.map_err(|cause| storage("read", cause))?;
        let Knowledge { rules, settings } = known.map_or_else(|| Knowledge::read(&rows), Ok)?;
        Ok(View { state, rules, settings, rows, codes })
    }

    /// What the codes stand for, given in canonical form: the first of them that a parcel of this site has decides, and
    /// when none has, the first that a parcel of another site has.
    pub fn lookup(&self, keys: &[String]) -> Result<Lookup, ReplicaError> {
        let mut elsewhere = Lookup::None;
        for key in keys {
            match guarded(|| self.find(key)).map_err(|cause| storage("read", cause))? {
                Lookup::None => {}
                found @ Lookup::Elsewhere { .. } if elsewhere == Lookup::None => elsewhere = found,
                Lookup::Elsewhere { .. } => {}
                found => return Ok(found),
            }
        }
        Ok(elsewhere)
    }

    /// Whether a parcel known here has this product inside. Once in a lifetime two numbers have the same hash, and then
    /// one is asked about too often.
    pub fn has_article(&self, article: &Gtin) -> Result<bool, ReplicaError> {
        let hash = article_hash(article);
        let found = guarded(|| {
            let mut parcels = self.codes.lower_bound(Bound::Included((hash, 0)))?;
            Ok(parcels.next()?.is_some_and(|(code, _)| code.value().0 == hash))
        });
        found.map_err(|cause| storage("read", cause))
    }

    /// The parcel with this number.
    pub fn parcel(&self, id: ParcelId) -> Result<Option<Box<Parcel>>, ReplicaError> {
        let row = guarded(|| self.read(id.0)).map_err(|cause| storage("read", cause))?;
        Ok(match row {
            Some(Row::Parcel(parcel)) => Some(parcel),
            _ => None,
        })
    }

    /// Where it stands, for a verdict.
    pub fn position(&self) -> Position {
        Position { epoch: self.state.epoch, seq: self.state.seq }
    }

    /// The rules and settings, for the next view.
    pub(super) fn knowledge(&self) -> Knowledge {
        Knowledge { rules: Arc::clone(&self.rules), settings: Arc::clone(&self.settings) }
    }

    fn find(&self, key: &str) -> Result<Lookup, redb::Error> {
        let hash = code_hash(key);
        let (mut found, mut elsewhere) = (Vec::new(), Lookup::None);
        let mut codes = self.codes.lower_bound(Bound::Included((hash, 0)))?;
        while let Some((code, _)) = codes.next()?
            && code.value().0 == hash
            && found.len() < MANY_MAX
        {
            // Two texts may have the same hash: the text decides.
            match self.read(code.value().1)? {
                Some(Row::Parcel(parcel)) if parcel.codes.iter().any(|code| code.text == key) => found.push(parcel),
                Some(Row::Elsewhere(other)) if other.codes.iter().any(|code| code == key) => {
                    elsewhere = Lookup::Elsewhere { parcel: other.parcel, site: other.site };
                }
                _ => {}
            }
        }
        Ok(match (found.pop(), found.is_empty()) {
            (None, _) => elsewhere,
            (Some(only), true) => Lookup::One(only),
            (Some(last), false) => Lookup::Many(found.iter().chain([&last]).map(|parcel| parcel.id).collect()),
        })
    }

    fn read(&self, parcel: u64) -> Result<Option<Row>, redb::Error> {
        let row = RowId::parcel(ParcelId(parcel));
        let Some(value) = self.rows.get(row.0)? else { return Ok(None) };
        let row = Row::decode(row, store::split(value.value())?.1);
        row.map(Some).map_err(|cause| redb::Error::Corrupted(cause.to_string()))
    }
}

impl Knowledge {
    fn read(rows: &ReadOnlyTable<u64, &'static [u8]>) -> Result<Self, ReplicaError> {
        let body = |row: RowId| {
            let body = guarded(|| match rows.get(row.0)? {
                Some(value) => Ok(Some(store::split(value.value())?.1.to_vec())),
                None => Ok(None),
            });
            body.map_err(|cause| storage("read", cause))
        };
        Ok(Self { rules: Arc::new(rules(body(RowId::RULES)?)), settings: Arc::new(settings(body(RowId::SETTINGS)?)) })
    }
}

fn rules(body: Option<Vec<u8>>) -> RuleSet {
    let Some(body) = body else { return builtin::rule_set() };
    match Row::decode(RowId::RULES, &body) {
        Ok(Row::Rules(rules)) => rules,
        other => {
            let why = other.err().map_or_else(|| "made for a newer station".to_owned(), |error| error.to_string());
            error!(why, "The site's rules cannot be read; every parcel is asked about until they can");
            ask_always()
        }
    }
}

/// Nobody knows what the site's rules would have said, so nothing is released.
fn ask_always() -> RuleSet {
    let say = Say {
        zh: "本工位读不懂当前规则".to_owned(), en: "This station cannot read the site's rules".to_owned()
    };
    let rule = Rule {
        id: RuleId::parse("rules-unreadable").expect("the name is well formed"),
        when: Condition::All(Vec::new()),
        outcome: Outcome::Ask,
        reason: ReasonCode::RuleAsk,
        say: Some(say),
        max_age_ms: None,
    };
    RuleSet { revision: Revision(0), max_age_ms: builtin::MAX_AGE_MS, rules: vec![rule] }
}

fn settings(body: Option<Vec<u8>>) -> SiteSettings {
    let Some(body) = body else { return SiteSettings::default() };
    match Row::decode(RowId::SETTINGS, &body) {
        Ok(Row::Settings(settings)) => settings,
        other => {
            let why = other.err().map_or_else(|| "made for a newer station".to_owned(), |error| error.to_string());
            error!(why, "The site's settings cannot be read; the usual ones are used");
            SiteSettings::default()
        }
    }
}
