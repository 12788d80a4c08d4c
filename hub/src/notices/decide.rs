//! Who is told when, and in which words. Pure: the time is an argument.

use super::model::{Goal, Notice, NumberedRule, Occurrence, Planned, Quiet, Severity};
use crate::outbound::message::Message;
use crate::pages::text::Language;
use crate::pages::time::clock_time;
use packline_protocol::time::Timestamp;
use std::collections::BTreeMap;

/// The hub's zone: UTC+8.
const ZONE_MS: i64 = 8 * 3_600_000;
const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: i64 = 1_440;
/// Notices that one message tells one by one; the rest is counted.
const LINES_MAX: usize = 20;

/// What the rules plan for something that happened at `now`: each goal once, at its earliest.
pub fn plan(rules: &[NumberedRule], occurrence: &Occurrence, now: Timestamp) -> Vec<Planned> {
    let severity = occurrence.kind.severity();
    let mut plans: BTreeMap<(bool, Goal), Timestamp> = BTreeMap::new();
    for NumberedRule { rule, .. } in rules {
        let is_about = rule.on
            && severity >= rule.from
            && (rule.kinds.is_empty() || rule.kinds.contains(&occurrence.kind))
            && (rule.site.is_none() || rule.site == occurrence.site);
        if !is_about {
            continue;
        }
        let quiet = rule.quiet.filter(|_| severity < rule.awake_from);
        let mut add = |goal: &Goal, escalates: bool, after_minutes: u32| {
            let is_loud = matches!(goal, Goal::Target(_));
            let gathering = if is_loud && !escalates { rule.gather_minutes } else { 0 };
            let due = now.plus_ms(i64::from(after_minutes + gathering) * MINUTE_MS);
            let due = if is_loud { awake(quiet, due) } else { due };
            let at = plans.entry((escalates, goal.clone())).or_insert(due);
            *at = due.min(*at);
        };
        rule.goals.iter().for_each(|goal| add(goal, false, 0));
        rule.escalate_to.iter().for_each(|goal| add(goal, true, rule.escalate_minutes));
    }
    let failed = occurrence.except.map(Goal::Target);
    plans.retain(|(_, goal), _| Some(goal) != failed.as_ref());
    plans.into_iter().map(|((escalates, goal), due_at)| Planned { goal, due_at, escalates }).collect()
}

/// `at`, or the end of the quiet hours that it falls into.
pub fn awake(quiet: Option<Quiet>, at: Timestamp) -> Timestamp {
    let Some(Quiet { from_minute, to_minute }) = quiet else { return at };
    let local = at.0.saturating_add(ZONE_MS);
    let minute = local.div_euclid(MINUTE_MS).rem_euclid(DAY_MINUTES);
    let (from, to) = (i64::from(from_minute), i64::from(to_minute));
    let is_quiet = if from <= to { (from..to).contains(&minute) } else { minute >= from || minute < to };
    if !is_quiet {
        return at;
    }
    let left = (to - minute).rem_euclid(DAY_MINUTES);
    Timestamp(local.div_euclid(MINUTE_MS).saturating_add(left) * MINUTE_MS - ZONE_MS)
}

/// One message that tells these notices, the gravest first. `hub` is the hub's own address, when it is known.
pub fn compose(notices: &[Notice], language: Language, hub: Option<&str>) -> Message {
    let mut sorted: Vec<&Notice> = notices.iter().collect();
    sorted.sort_by_key(|notice| (std::cmp::Reverse(notice.severity), notice.id));
    let link = |path: &str| hub.map(|hub| format!("{}{path}", hub.trim_end_matches('/')));
    if let [notice] = sorted[..] {
        let place = notice.site.iter().map(|site| format!("{}: {site}", language.pick("仓", "Site")));
        let when = clock_time(notice.first_at);
        let lines = std::iter::once(notice.detail.clone()).filter(|line| !line.is_empty()).chain(place);
        return Message {
            title: headline(notice, language),
            lines: lines.chain([when]).collect(),
            link: notice.link.as_deref().and_then(link),
        };
    }
    let title = match language {
        Language::Zh => format!("{} 条通知", sorted.len()),
        Language::En => format!("{} notices", sorted.len()),
    };
    let line = |notice: &&Notice| match notice.detail.as_str() {
        "" => headline(notice, language),
        detail => format!("{} · {detail}", headline(notice, language)),
    };
    let mut lines: Vec<String> = sorted.iter().take(LINES_MAX).map(line).collect();
    if let Some(more) = sorted.len().checked_sub(LINES_MAX).filter(|more| *more > 0) {
        lines.push(match language {
            Language::Zh => format!("… 另有 {more} 条"),
            Language::En => format!("… and {more} more"),
        });
    }
    Message { title, lines, link: link("/notices") }
}

/// `【严重】工位失联：pack-07 ×17`.
pub fn headline(notice: &Notice, language: Language) -> String {
    let times = if notice.times > 1 { format!(" ×{}", notice.times) } else { String::new() };
    let weight = match notice.severity {
        Severity::Critical => language.pick("【严重】", "[critical] "),
        Severity::Warning => language.pick("【注意】", "[warning] "),
        Severity::Info => "",
    };
    let colon = language.pick("：", ": ");
    format!("{weight}{}{colon}{}{times}", notice.kind.title(language), notice.about)
}

#[cfg(test)]
mod tests {
    use super::super::model::{NoticeKind, NoticeState, Rule};
    use super::*;

    /// 2026-03-01 08:00 in UTC+8.
    const EIGHT: Timestamp = Timestamp(1_772_323_200_000);

    fn minutes(text: &str) -> u16 {
        let (hour, minute) = text.split_once(':').unwrap();
        hour.parse::<u16>().unwrap() * 60 + minute.parse::<u16>().unwrap()
    }

    fn clock(text: &str) -> Timestamp {
        EIGHT.plus_ms((i64::from(minutes(text)) - 480) * MINUTE_MS)
    }

    fn rule(goals: &[&str]) -> Rule {
        let goals = goals.iter().map(|goal| Goal::try_from((*goal).to_owned()).unwrap()).collect();
        Rule {
            title: "r".into(),
            on: true,
            kinds: Vec::new(),
            from: Severity::Info,
            site: None,
            goals,
            quiet: None,
            awake_from: Severity::Critical,
            gather_minutes: 0,
            escalate_minutes: 0,
            escalate_to: Vec::new(),
        }
    }

    /// What is planned, as minutes from now.
    #[track_caller]
    fn check(rules: &[Rule], occurrence: &Occurrence, now: Timestamp, expected: &str) {
        let rules: Vec<NumberedRule> =
            rules.iter().enumerate().map(|(id, rule)| NumberedRule { id: id as i64, rule: rule.clone() }).collect();
        let shown = |planned: Planned| {
            let word = if planned.escalates { "?" } else { "" };
            format!("{}{word}+{}", planned.goal, planned.due_at.since_ms(now) / MINUTE_MS)
        };
        let found: Vec<String> = plan(&rules, occurrence, now).into_iter().map(shown).collect();
        assert_eq!(found.join(" "), expected);
    }

    fn lost() -> Occurrence {
        Occurrence::new(NoticeKind::StationLost, "pack-1").at("sz-1")
    }

    #[test]
    fn a_rule_tells_of_its_kinds_from_its_severity_on_at_its_site() {
        let all = rule(&["role:it", "target:3"]);
        check(std::slice::from_ref(&all), &lost(), EIGHT, "role:it+0 target:3+0");
        check(&[Rule { on: false, ..all.clone() }], &lost(), EIGHT, "");
        check(&[Rule { from: Severity::Critical, ..all.clone() }], &lost(), EIGHT, "");
        check(&[Rule { kinds: vec![NoticeKind::ImportFailed], ..all.clone() }], &lost(), EIGHT, "");
        check(&[Rule { kinds: vec![NoticeKind::StationLost], ..all.clone() }], &lost(), EIGHT, "role:it+0 target:3+0");
        check(&[Rule { site: Some("bj-1".into()), ..all.clone() }], &lost(), EIGHT, "");
        check(&[Rule { site: Some("sz-1".into()), ..all.clone() }], &lost(), EIGHT, "role:it+0 target:3+0");
        let but = Occurrence { except: Some(3), ..lost() };
        check(&[all], &but, EIGHT, "role:it+0");
    }

    #[test]
    fn each_goal_is_told_once_at_its_earliest() {
        let slow = Rule { gather_minutes: 15, ..rule(&["target:3"]) };
        check(&[slow, rule(&["target:3", "all"])], &lost(), EIGHT, "all+0 target:3+0");
    }

    #[test]
    fn robots_gather_and_the_bell_does_not() {
        check(&[Rule { gather_minutes: 15, ..rule(&["target:3", "all"]) }], &lost(), EIGHT, "all+0 target:3+15");
    }

    #[test]
    fn robots_keep_silent_in_quiet_hours_unless_it_is_grave() {
        let quiet = Some(Quiet { from_minute: minutes("22:00"), to_minute: minutes("07:30") });
        let night = Rule { quiet, ..rule(&["target:3", "user:anna"]) };
        check(std::slice::from_ref(&night), &lost(), clock("21:59"), "user:anna+0 target:3+0");
        check(std::slice::from_ref(&night), &lost(), clock("22:00"), "user:anna+0 target:3+570");
        check(std::slice::from_ref(&night), &lost(), clock("07:29"), "user:anna+0 target:3+1");
        check(std::slice::from_ref(&night), &lost(), clock("07:30"), "user:anna+0 target:3+0");
        let grave = Occurrence::new(NoticeKind::BackupFailed, "nightly");
        check(std::slice::from_ref(&night), &grave, clock("03:00"), "user:anna+0 target:3+0");
        check(&[Rule { gather_minutes: 5, ..night }], &lost(), clock("21:58"), "user:anna+0 target:3+572");
    }

    #[test]
    fn quiet_hours_end_at_their_minute_in_the_zone_of_the_hub() {
        let by_day = Quiet { from_minute: minutes("12:00"), to_minute: minutes("13:00") };
        for (at, expected) in [("11:59", "11:59"), ("12:00", "13:00"), ("12:59", "13:00"), ("13:00", "13:00")] {
            assert_eq!(awake(Some(by_day), clock(at)), clock(expected), "{at}");
        }
        let within = clock("12:10").plus_ms(12_345);
        assert_eq!(awake(Some(by_day), within), clock("13:00"), "seconds are cut off");
        let never = Quiet { from_minute: 600, to_minute: 600 };
        assert_eq!(awake(Some(never), clock("10:00")), clock("10:00"));
        assert_eq!(awake(None, clock("03:00")), clock("03:00"));
        assert_eq!(awake(Some(by_day), Timestamp(-5)), Timestamp(-5), "before 1970 it was morning");
    }

    #[test]
    fn the_next_are_told_when_nobody_takes_note() {
        let next = vec![Goal::Role("boss".into()), Goal::Target(9)];
        let rule = Rule { escalate_minutes: 20, escalate_to: next, gather_minutes: 5, ..rule(&["target:3"]) };
        check(&[rule], &lost(), EIGHT, "target:3+5 role:boss?+20 target:9?+20");
    }

    fn notice(id: i64, kind: NoticeKind, times: i64) -> Notice {
        Notice {
            id,
            kind,
            severity: kind.severity(),
            key: "k".into(),
            site: Some("sz-1".into()),
            about: "pack-1".into(),
            detail: "为什么".into(),
            link: Some("/stations".into()),
            first_at: EIGHT,
            last_at: EIGHT,
            times,
            state: NoticeState::Open,
            noted_by: None,
        }
    }

    #[test]
    fn one_notice_is_a_message_and_many_are_a_list() {
        let one = compose(&[notice(1, NoticeKind::StationLost, 17)], Language::Zh, Some("http://hub:8080/"));
        assert_eq!(one.title, "【注意】工位失联：pack-1 ×17");
        assert_eq!(one.lines, ["为什么", "仓: sz-1", "2026-03-01 08:00:00"]);
        assert_eq!(one.link.as_deref(), Some("http://hub:8080/stations"));

        let two = [notice(1, NoticeKind::StationLost, 1), notice(2, NoticeKind::BackupFailed, 1)];
        let list = compose(&two, Language::En, None);
        assert_eq!(list.title, "2 notices");
        assert_eq!(
            list.lines,
            ["[critical] Backup failed: pack-1 · 为什么", "[warning] Station lost: pack-1 · 为什么"]
        );
        assert_eq!(list.link, None);

        let many: Vec<Notice> = (0..50).map(|id| notice(id, NoticeKind::ScanStopped, 1)).collect();
        let list = compose(&many, Language::Zh, None);
        assert_eq!((list.lines.len(), list.lines[20].as_str()), (21, "… 另有 30 条"));
    }
}
