//! Who may enrol, and what births, reports and deaths mean. Nothing here looks anything up.

use super::model::{Claim, DataAge, Digest, FleetError, Keys, SILENT_AFTER_MS, StationState};
use packline_protocol::change::SiteSettings;
use packline_protocol::id::{Epoch, Revision, Seq};
use packline_protocol::proof::Root;
use packline_protocol::time::Timestamp;
use packline_protocol::uplink::{Alarm, Hello, ReplicaState, Report};
use serde_json::{Map, Value};

/// The most alarms and scanners that are kept of one report; more is noise.
pub const LIST_MAX: usize = 64;
/// The longest text that is kept of what a station says about itself, in characters.
const TEXT_MAX: usize = 200;

/// How a token may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enrolment {
    /// For the first time.
    First,
    /// Again by the same station: its answer was lost on the way.
    Again,
}

/// Whether these keys may use this claim at `now`.
pub fn enrol(claim: Option<&Claim>, keys: &Keys, now: Timestamp) -> Result<Enrolment, FleetError> {
    let claim = claim.ok_or(FleetError::UnknownToken)?;
    if now > claim.expires_at {
        return Err(FleetError::ExpiredToken);
    }
    match &claim.used_by {
        None => Ok(Enrolment::First),
        Some(used_by) if used_by == keys => Ok(Enrolment::Again),
        Some(_) => Err(FleetError::UsedToken),
    }
}

/// A station after its birth.
pub fn born(hello: &Hello, now: Timestamp) -> StationState {
    StationState {
        session: hello.session,
        online: true,
        seen_at: now,
        born_at: now,
        boot: hello.boot,
        version: cut(&hello.version),
        station_epoch: hello.station_epoch,
        journal_to: hello.journal_to,
        replica: hello.replica,
        digest: Digest::Unknown,
        revision: Revision(0),
        backlog: (hello.journal_to.0 + 1).saturating_sub(hello.journal_from.0),
        journal_percent: 0,
        scanners: Vec::new(),
        alarms: Vec::new(),
        clock_ahead_ms: 0,
        wall_trusted: false,
        found: Vec::new(),
    }
}

/// A station after a report; `None` when its birth was not heard and should be asked for.
pub fn reported(state: Option<&StationState>, report: &Report, now: Timestamp) -> Option<StationState> {
    let state = state.filter(|state| state.session == report.session)?;
    let alarms = report.alarms.iter().take(LIST_MAX);
    Some(StationState {
        online: true,
        seen_at: now,
        replica: report.replica,
        revision: report.revision,
        backlog: report.backlog,
        journal_percent: report.journal_percent.min(100),
        scanners: report.scanners.iter().take(LIST_MAX).cloned().collect(),
        alarms: alarms.map(|alarm| Alarm { key: cut(&alarm.key), text: cut(&alarm.text) }).collect(),
        clock_ahead_ms: report.wall.since_ms(now),
        wall_trusted: report.wall_trusted,
        ..state.clone()
    })
}

/// A station after its will; `None` when the will is of an earlier connection and says nothing about this one.
pub fn died(state: &StationState, session: u64) -> Option<StationState> {
    (state.session == session && state.online).then(|| StationState { online: false, ..state.clone() })
}

/// Whether the station counts as connected.
pub fn is_online(state: &StationState, now: Timestamp) -> bool {
    state.online && now.since_ms(state.seen_at) < SILENT_AFTER_MS
}

/// The hub's log, as far as a replica is compared with it.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The log's life.
    pub epoch: Epoch,
    /// The newest positions and their proofs, oldest first.
    pub recent: Vec<(Seq, Root)>,
}

/// How a replica compares with the log.
pub fn digest(replica: &ReplicaState, known: &Known) -> Digest {
    let Some((head, _)) = known.recent.last() else { return Digest::Unknown };
    if replica.epoch != known.epoch {
        return Digest::OtherLife;
    }
    let ours = known.recent.iter().rev().find(|(seq, _)| *seq == replica.seq).map(|(_, root)| *root);
    match ours {
        Some(root) if root != replica.root => Digest::Different,
        Some(_) if replica.seq == *head => Digest::Equal,
        ours => Digest::Behind { changes: head.0.saturating_sub(replica.seq.0), proven: ours.is_some() },
    }
}

/// How old what a replica says is. `first_missing` is when the oldest change after its position was made, as far as
/// the log still has that change; a row that changed twice since counts at its later time.
pub fn data_age(digest: Digest, first_missing: Option<Timestamp>) -> DataAge {
    match (digest, first_missing) {
        (Digest::Equal, _) => DataAge::UpToDate,
        (Digest::Behind { .. }, Some(since)) => DataAge::Behind { since },
        _ => DataAge::Unknown,
    }
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect()
}

/// The settings that differ, as they were and as they shall be.
pub fn changed_settings(before: &SiteSettings, after: &SiteSettings) -> (Map<String, Value>, Map<String, Value>) {
    let pairs = |settings: &SiteSettings| {
        [
            ("title", Value::from(settings.title.clone())),
            ("green_deadline_ms", Value::from(settings.green_deadline_ms)),
            ("journal_warn_percent", Value::from(settings.journal_warn_percent)),
        ]
    };
    let differing = pairs(before).into_iter().zip(pairs(after)).filter(|(was, is)| was != is);
    differing.map(|((name, was), (_, is))| ((name.to_owned(), was), (name.to_owned(), is))).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;
    use packline_protocol::id::{BootId, ScanSeq, SiteId, StationEpoch, StationId};

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn keys(of: u8) -> Keys {
        Keys { public_key: [of; 32], secret_hash: of.to_string() }
    }

    fn claim(used_by: Option<Keys>, expires_at: Timestamp) -> Claim {
        let (station, site) = (StationId::parse("pack-1").unwrap(), SiteId::parse("sz-1").unwrap());
        Claim { station, site, expires_at, used_by }
    }

    #[test]
    fn a_token_opens_once_and_again_only_for_the_same_keys() {
        let later = NOW.plus_ms(1);
        let earlier = NOW.plus_ms(-1);
        for (claim, expected) in [
            (None, "the token is not known"),
            (Some(claim(None, later)), "First"),
            (Some(claim(None, earlier)), "the token has run out"),
            (Some(claim(Some(keys(1)), later)), "Again"),
            (Some(claim(Some(keys(2)), later)), "the token has been used"),
            (Some(claim(Some(keys(1)), earlier)), "the token has run out"),
        ] {
            let found = match enrol(claim.as_ref(), &keys(1), NOW) {
                Ok(enrolment) => format!("{enrolment:?}"),
                Err(error) => error.to_string(),
            };
            assert!(found.starts_with(expected), "{found} for {claim:?}");
        }
    }

    fn hello(session: u64) -> Hello {
        Hello {
            session,
            boot: BootId(1),
            version: "0.1.0".to_owned(),
            row_schema: 1,
            station_epoch: StationEpoch(9),
            journal_from: ScanSeq(4),
            journal_to: ScanSeq(7),
            replica: ReplicaState::default(),
        }
    }

    fn report(session: u64) -> Report {
        Report {
            session,
            replica: ReplicaState::default(),
            revision: Revision(0),
            backlog: 2,
            journal_percent: 250,
            scanners: Vec::new(),
            alarms: vec![Alarm { key: "x".repeat(1_000), text: "a\nb".to_owned() }],
            wall: NOW.plus_ms(5_000),
            wall_trusted: true,
        }
    }

    #[test]
    fn a_will_that_comes_late_says_nothing_about_the_connection_that_is_there() {
        let state = born(&hello(2), NOW);
        assert_eq!(state.backlog, 4);
        assert_eq!(died(&state, 1), None);
        let dead = died(&state, 2).unwrap();
        assert!(!is_online(&dead, NOW));
        assert_eq!(died(&dead, 2), None, "a second will changes nothing");
        assert!(is_online(&reported(Some(&dead), &report(2), NOW).unwrap(), NOW), "a report shows life");
    }

    #[test]
    fn a_report_without_a_birth_asks_for_one() {
        assert_eq!(reported(None, &report(2), NOW), None);
        assert_eq!(reported(Some(&born(&hello(1), NOW)), &report(2), NOW), None);
    }

    #[test]
    fn what_a_station_says_about_itself_is_kept_within_bounds() {
        let state = reported(Some(&born(&hello(2), NOW)), &report(2), NOW).unwrap();
        assert_eq!((state.journal_percent, state.clock_ahead_ms), (100, 5_000));
        assert_eq!((state.alarms[0].key.len(), state.alarms[0].text.as_str()), (200, "ab"));
    }

    #[test]
    fn silence_is_taken_for_death() {
        let state = born(&hello(2), NOW);
        assert!(is_online(&state, NOW.plus_ms(SILENT_AFTER_MS - 1)));
        assert!(!is_online(&state, NOW.plus_ms(SILENT_AFTER_MS)));
    }

    #[test]
    fn the_age_of_a_replica_is_that_of_the_oldest_change_it_lacks() {
        let behind = Digest::Behind { changes: 3, proven: true };
        for (digest, first_missing, expected) in [
            (Digest::Equal, None, DataAge::UpToDate),
            (behind, Some(NOW), DataAge::Behind { since: NOW }),
            (behind, None, DataAge::Unknown),
            (Digest::Different, Some(NOW), DataAge::Unknown),
            (Digest::OtherLife, Some(NOW), DataAge::Unknown),
            (Digest::Unknown, None, DataAge::Unknown),
        ] {
            assert_eq!(data_age(digest, first_missing), expected, "{digest:?}");
        }
    }

    #[test]
    fn a_replica_is_equal_only_at_the_head_and_with_its_proof() {
        let (a, b) = (Root([1; 16]), Root([2; 16]));
        let known = Known { epoch: Epoch(7), recent: vec![(Seq(8), a), (Seq(9), b)] };
        for (epoch, seq, root, expected) in [
            (7, 9, b, Digest::Equal),
            (7, 9, a, Digest::Different),
            (7, 8, a, Digest::Behind { changes: 1, proven: true }),
            (7, 8, b, Digest::Different),
            (7, 3, a, Digest::Behind { changes: 6, proven: false }),
            (6, 9, b, Digest::OtherLife),
        ] {
            let replica = ReplicaState { epoch: Epoch(epoch), seq: Seq(seq), root, rows: 1 };
            assert_eq!(digest(&replica, &known), expected, "{replica:?}");
        }
        assert_eq!(digest(&ReplicaState::default(), &Known::default()), Digest::Unknown);
    }
}
