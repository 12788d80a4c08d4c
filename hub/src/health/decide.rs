//! What the facts come to: which of them are as they should be, and which a person should look at.

use super::model::{Facts, Figure, Item, State, Topic};

/// A database that takes longer is slow, in milliseconds.
const SLOW_MS: u64 = 500;
/// More marks than this are more than a fold or two.
const MARKS_MANY: u64 = 50_000;
const IMPORTS_MANY: u64 = 20;
/// A daily backup is late after so long: a day and two hours.
const BACKUP_LATE_MS: i64 = 26 * 3_600_000;
/// Without daily backups a week is long.
const BACKUP_OLD_MS: i64 = 7 * 24 * 3_600_000;
/// Clocks that differ more are worth a look, and much more are wrong, in milliseconds.
const CLOCK_WARN_MS: u64 = 5_000;
const CLOCK_BAD_MS: u64 = 60_000;
/// A replica further behind is not just catching up.
const LAG_MANY: u64 = 1_000;
const BACKLOG_MANY: u64 = 500;
/// A disk with so much use is about to be full, in percent.
const DISK_BAD_PERCENT: u64 = 95;

/// Everything judged, in the order of [`Topic`].
pub fn judge(facts: &Facts) -> Vec<Item> {
    let mut items = vec![database(facts), broker(facts), imports(facts), marks(facts), effects(facts)];
    items.extend(disk(facts));
    items.extend([backup(facts), clock(facts), leaders(facts), stations(facts), replicas(facts), backlog(facts)]);
    items
}

/// The worst of them.
pub fn worst(items: &[Item]) -> State {
    items.iter().map(|item| item.state).max().unwrap_or(State::Good)
}

fn item(topic: Topic, state: State, figure: Figure) -> Item {
    Item { topic, state, figure }
}

fn warn_if(warn: bool) -> State {
    if warn { State::Warn } else { State::Good }
}

fn database(facts: &Facts) -> Item {
    match facts.database_ms {
        None => item(Topic::Database, State::Bad, Figure::None),
        Some(ms) => item(Topic::Database, warn_if(ms > SLOW_MS), Figure::Millis(ms)),
    }
}

fn broker(facts: &Facts) -> Item {
    let state = if facts.broker_up { State::Good } else { State::Bad };
    item(Topic::Broker, state, Figure::Is(facts.broker_up))
}

fn imports(facts: &Facts) -> Item {
    item(Topic::Imports, warn_if(facts.imports_waiting > IMPORTS_MANY), Figure::Count(facts.imports_waiting))
}

fn marks(facts: &Facts) -> Item {
    item(Topic::Marks, warn_if(facts.marks_waiting > MARKS_MANY), Figure::Count(facts.marks_waiting))
}

fn effects(facts: &Facts) -> Item {
    let state = warn_if(facts.effects_failing > 0);
    item(Topic::Effects, state, Figure::Of(facts.effects_failing, facts.effects_waiting.max(facts.effects_failing)))
}

fn disk(facts: &Facts) -> Option<Item> {
    let disk = facts.disk?;
    let percent = disk.used_percent();
    let state = match percent {
        DISK_BAD_PERCENT.. => State::Bad,
        percent => warn_if(percent >= facts.disk_warn_percent),
    };
    Some(item(Topic::Disk, state, Figure::Used(percent, disk.free)))
}

fn backup(facts: &Facts) -> Item {
    let Some(at) = facts.backup_at else { return item(Topic::Backup, State::Warn, Figure::None) };
    let age = facts.now.since_ms(at);
    let limit = if facts.backup_daily { BACKUP_LATE_MS } else { BACKUP_OLD_MS };
    let state = warn_if(age > limit || facts.backup_failed);
    item(Topic::Backup, state, Figure::Age(u64::try_from(age).unwrap_or(0)))
}

/// A hub whose clock is wrong finds that all its stations are; so the middle one counts.
fn clock(facts: &Facts) -> Item {
    let mut ahead: Vec<i64> = facts.stations.iter().filter(|at| at.online).filter_map(|at| at.clock_ahead_ms).collect();
    ahead.sort_unstable();
    let middle = ahead.get(ahead.len() / 2).copied();
    let off = facts.database_ahead_ms.into_iter().chain(middle).max_by_key(|ms| ms.unsigned_abs()).unwrap_or(0);
    let state = match off.unsigned_abs() {
        CLOCK_BAD_MS.. => State::Bad,
        off => warn_if(off > CLOCK_WARN_MS),
    };
    item(Topic::Clock, state, Figure::Ahead(off))
}

fn leaders(facts: &Facts) -> Item {
    let led = facts.sites.iter().filter(|site| site.is_led).count() as u64;
    let all = facts.sites.len() as u64;
    item(Topic::Leaders, if led < all { State::Bad } else { State::Good }, Figure::Of(led, all))
}

fn stations(facts: &Facts) -> Item {
    let online = facts.stations.iter().filter(|station| station.online).count() as u64;
    let all = facts.stations.len() as u64;
    item(Topic::Stations, warn_if(online < all), Figure::Of(online, all))
}

fn replicas(facts: &Facts) -> Item {
    let online = || facts.stations.iter().filter(|station| station.online);
    let behind = online().filter(|station| station.lag.is_some_and(|lag| lag > LAG_MANY)).count() as u64;
    let differing = online().filter(|station| station.differs).count() as u64;
    let state = if differing > 0 { State::Bad } else { warn_if(behind > 0) };
    item(Topic::Replicas, state, Figure::Count(behind + differing))
}

fn backlog(facts: &Facts) -> Item {
    let waiting = facts.stations.iter().map(|station| station.backlog).sum();
    let full = facts.stations.iter().any(|station| station.journal_percent >= 90);
    let state = if full { State::Bad } else { warn_if(waiting > BACKLOG_MANY) };
    item(Topic::Backlog, state, Figure::Count(waiting))
}
