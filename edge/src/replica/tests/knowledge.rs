//! Rules and settings: kept decoded, switched together with the rows they came with.

use super::*;
use packline_protocol::facts::Facts;

fn with_revision(revision: u64) -> RuleSet {
    RuleSet { revision: Revision(revision), ..builtin::rule_set() }
}

fn outcome(replica: &Replica) -> Outcome {
    let (parcel, scan) = (parcel(1), samples::scan_facts());
    let view = replica.view();
    view.rules.judge(&Facts { parcel: Some(&parcel), scan: &scan }, view.position()).outcome
}

#[test]
fn a_site_without_rules_and_settings_uses_the_built_in_ones() {
    let replica = level(&Hub::with(1));
    assert_eq!(*replica.view().rules, builtin::rule_set());
    assert_eq!(*replica.view().settings, SiteSettings::default());
    assert_eq!(outcome(&replica), Outcome::Release);
}

#[test]
fn published_rules_and_settings_are_used_at_once_and_after_a_restart() {
    let disk = FaultDisk::new(0);
    let replica = open(&disk);
    let mut hub = Hub::with(1);
    hub.put(RowId::RULES, Some(Row::Rules(with_revision(4)).encode()));
    let settings = SiteSettings { title: "深圳一仓".to_owned(), green_deadline_ms: 500, journal_warn_percent: 40 };
    hub.put(RowId::SETTINGS, Some(Row::Settings(settings.clone()).encode()));
    let before = replica.view();
    replica.apply(&[hub.delta(0)]).unwrap();
    assert_eq!(before.rules.revision, Revision(0), "a scan under way keeps what it began with");
    assert_eq!((replica.view().rules.revision, &*replica.view().settings), (Revision(4), &settings));
    drop(replica);
    let replica = open(&disk);
    assert_eq!((replica.view().rules.revision, &*replica.view().settings), (Revision(4), &settings));
    hub.put(RowId::RULES, None);
    replica.apply(&[hub.delta(3)]).unwrap();
    assert_eq!(replica.view().rules.revision, Revision(0));
}

#[test]
fn a_change_of_parcels_does_not_read_the_rules_again() {
    let mut hub = Hub::with(1);
    hub.put(RowId::RULES, Some(Row::Rules(with_revision(4)).encode()));
    let replica = level(&hub);
    let before = replica.view();
    hub.put_parcel(&parcel(2));
    replica.apply(&[hub.delta(2)]).unwrap();
    assert!(Arc::ptr_eq(&before.rules, &replica.view().rules));
}

#[test]
fn rules_that_cannot_be_read_release_nothing() {
    for unreadable in [&b"\x01\x00nonsense"[..], b"\x09\x00of a newer hub", b""] {
        let mut hub = Hub::with(1);
        hub.put(RowId::RULES, Some(unreadable.to_vec()));
        let replica = level(&hub);
        assert_eq!(outcome(&replica), Outcome::Ask, "{unreadable:?}");
        hub.put(RowId::RULES, Some(Row::Rules(with_revision(5)).encode()));
        replica.apply(&[hub.delta(2)]).unwrap();
        assert_eq!(outcome(&replica), Outcome::Release);
    }
}

#[test]
fn how_fresh_it_is_survives_a_restart() {
    let disk = FaultDisk::new(0);
    let replica = open(&disk);
    let hub = Hub::with(3);
    replica.apply(&[hub.delta(0)]).unwrap();
    replica.heard(hub.epoch, hub.seq, hub.root(), at(1_000));
    replica.save_age().unwrap();
    drop(replica);
    let replica = open(&disk);
    assert_eq!(replica.age_ms(at(61_000)), Some(60_000));
    assert_eq!(replica.level_at(), at(1_000).wall);
    assert_eq!(replica.age_ms(Now { wall_trusted: false, ..at(61_000) }), None);
}
