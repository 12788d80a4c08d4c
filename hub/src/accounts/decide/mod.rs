//! What accounts decide: when a session is over, what is left of a log-in, when somebody has tried too often; and in the
//! files beside: passwords, who may change whom, the second step.

pub mod device;
pub mod password;
pub mod people;
pub mod second;

use super::model::{AccountError, Stage, StoredSession};
use packline_protocol::time::{Moment, Timestamp};
use std::collections::BTreeMap;

/// Uses within this time are not written down again, in milliseconds.
const USE_GRAIN_MS: i64 = 60_000;
/// Wrong tries before a name or an address has to wait.
const TRIES: u32 = 10;
/// How long wrong tries count, in milliseconds.
const TRY_MS: u64 = 15 * 60_000;
/// The most names and addresses that are remembered.
const REMEMBERED: usize = 10_000;

/// What a session's use means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It is in force.
    Fine,
    /// It is in force, and its last use should be written down.
    Touch,
    /// It is over.
    Over,
}

/// How long sessions last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lasting {
    /// Without use, in milliseconds.
    pub idle_ms: i64,
    /// In any case, in milliseconds.
    pub life_ms: i64,
}

pub fn use_of(session: &StoredSession, now: Timestamp, lasting: Lasting) -> Use {
    let (age, idle) = (now.since_ms(session.created_at), now.since_ms(session.used_at));
    if session.is_shut || age > lasting.life_ms || idle > lasting.idle_ms {
        Use::Over
    } else if idle > USE_GRAIN_MS {
        Use::Touch
    } else {
        Use::Fine
    }
}

/// What is left of this session's log-in. A program that logs in by name and password sends the code at once, and has no
/// page on which to set anything up.
pub fn stage_of(session: &StoredSession) -> Stage {
    if session.has_second && !session.second_done {
        Stage::Code
    } else if session.must_set_up && session.by_page {
        Stage::SetUp
    } else if session.needs_second && !session.has_second {
        Stage::AddSecond
    } else {
        Stage::Done
    }
}

/// Wrong tries by name and by address.
#[derive(Debug, Default)]
pub struct Tries(BTreeMap<String, (u32, Moment)>);

impl Tries {
    /// Refuses when any of these has been wrong too often of late.
    pub fn check(&self, keys: &[&str], now: Moment) -> Result<(), AccountError> {
        let waits = keys.iter().filter_map(|key| self.0.get(*key)).filter(|(wrong, _)| *wrong >= TRIES);
        let wait_ms = waits.map(|(_, last)| TRY_MS.saturating_sub(now.since_ms(*last))).max().unwrap_or(0);
        if wait_ms == 0 { Ok(()) } else { Err(AccountError::TooMany { wait_s: wait_ms.div_ceil(1_000) }) }
    }

    /// One more try, which counts as wrong until [`Tries::right`] says otherwise: many at once count as many.
    pub fn begin(&mut self, keys: &[&str], now: Moment) {
        self.0.retain(|_, (_, last)| now.since_ms(*last) < TRY_MS);
        for key in keys {
            if self.0.len() >= REMEMBERED {
                break;
            }
            let (wrong, last) = self.0.entry((*key).to_owned()).or_insert((0, now));
            (*wrong, *last) = (wrong.saturating_add(1), now);
        }
    }

    /// A right one clears the name, and takes back only its own try of the address.
    pub fn right(&mut self, name: &str, address: &str) {
        self.0.remove(name);
        if let Some((wrong, _)) = self.0.get_mut(address) {
            *wrong = wrong.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::model::UserName;
    use crate::accounts::model::{IDLE_MS, SESSION_MS};

    fn plain() -> StoredSession {
        StoredSession {
            user: UserName::parse("admin").unwrap(),
            created_at: Timestamp(0),
            used_at: Timestamp(0),
            role: "boss".into(),
            is_shut: false,
            by_page: true,
            second_done: false,
            has_second: false,
            needs_second: false,
            must_set_up: false,
            revision: 1,
        }
    }

    #[test]
    fn a_session_ends_by_rest_and_by_age() {
        let session =
            |created, used| StoredSession { created_at: Timestamp(created), used_at: Timestamp(used), ..plain() };
        for (created, used, now, expected) in [
            (0, 0, 1_000, Use::Fine),
            (0, 0, USE_GRAIN_MS + 1, Use::Touch),
            (0, 0, IDLE_MS, Use::Touch),
            (0, 0, IDLE_MS + 1, Use::Over),
            (0, SESSION_MS, SESSION_MS, Use::Fine),
            (0, SESSION_MS, SESSION_MS + 1, Use::Over),
        ] {
            let lasting = Lasting { idle_ms: IDLE_MS, life_ms: SESSION_MS };
            assert_eq!(use_of(&session(created, used), Timestamp(now), lasting), expected, "{created} {used} {now}");
        }
        let shut = StoredSession { is_shut: true, ..session(0, 0) };
        let lasting = Lasting { idle_ms: IDLE_MS, life_ms: SESSION_MS };
        assert_eq!(use_of(&shut, Timestamp(1_000), lasting), Use::Over);
    }

    #[test]
    fn ten_wrong_tries_make_a_name_wait_and_a_right_one_clears_it() {
        let mut tries = Tries::default();
        for second in 0..10 {
            assert_eq!(tries.check(&["admin", "10.0.0.9"], Moment(second * 1_000)), Ok(()));
            tries.begin(&["admin", "10.0.0.9"], Moment(second * 1_000));
        }
        assert_eq!(tries.check(&["admin", "10.0.0.8"], Moment(10_000)), Err(AccountError::TooMany { wait_s: 899 }));
        assert_eq!(tries.check(&["other", "10.0.0.9"], Moment(10_000)), Err(AccountError::TooMany { wait_s: 899 }));
        assert_eq!(tries.check(&["other", "10.0.0.8"], Moment(10_000)), Ok(()));
        assert_eq!(tries.check(&["admin", "10.0.0.9"], Moment(9_000 + TRY_MS)), Ok(()));
        tries.right("admin", "10.0.0.9");
        assert_eq!(tries.check(&["admin", "10.0.0.9"], Moment(10_000)), Ok(()), "nine are left of the address");
        tries.begin(&["ben", "10.0.0.9"], Moment(10_000));
        assert!(tries.check(&["ben", "10.0.0.9"], Moment(10_000)).is_err());
    }

    #[test]
    fn a_log_in_goes_step_by_step() {
        let check = |has_second, second_done, must_set_up, needs_second, by_page, expected| {
            let session = StoredSession { has_second, second_done, must_set_up, needs_second, by_page, ..plain() };
            assert_eq!(stage_of(&session), expected);
        };
        check(false, false, false, false, true, Stage::Done);
        check(true, false, true, true, true, Stage::Code);
        check(true, true, true, true, true, Stage::SetUp);
        check(true, true, true, true, false, Stage::Done);
        check(false, false, false, true, true, Stage::AddSecond);
        check(false, false, true, true, false, Stage::AddSecond);
        check(true, true, false, true, true, Stage::Done);
    }
}
