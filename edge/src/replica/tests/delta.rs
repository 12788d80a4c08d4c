//! Deltas: in order, once, proven.

use super::*;

#[test]
fn deltas_bring_a_replica_from_nothing_to_the_hub_and_along_with_it() {
    let mut hub = Hub::with(20);
    let replica = level(&hub);
    let from = hub.seq.0;
    hub.put_parcel(&Parcel { order_status: OrderStatus::Cancelled, ..parcel(3) });
    hub.remove(4);
    hub.put_parcel(&parcel(21));
    let applied = replica.apply(&[hub.delta(from)]).unwrap();
    assert_eq!(applied, Applied::Moved { rows: 3, proven: true });
    hub.check(&replica);
    assert_eq!((found(&replica, "W4"), found(&replica, "W21")), (vec![], vec![21]));
    let Lookup::One(changed) = replica.lookup(&keys("W3")).unwrap().1 else { panic!() };
    assert_eq!(changed.order_status, OrderStatus::Cancelled);
}

#[test]
fn the_same_delta_twice_changes_nothing() {
    let hub = Hub::with(5);
    let replica = level(&hub);
    let disk = replica.state();
    assert_eq!(replica.apply(&[hub.delta(0)]).unwrap(), Applied::Nothing);
    assert_eq!(replica.state(), disk);
}

#[test]
fn a_delta_that_overlaps_what_is_known_brings_only_what_is_new() {
    let mut hub = Hub::with(5);
    let replica = level(&hub);
    hub.put_parcel(&parcel(6));
    let overlapping = hub.delta(2);
    assert_eq!(replica.apply(&[overlapping]).unwrap(), Applied::Moved { rows: 1, proven: true });
    hub.check(&replica);
}

#[test]
fn a_row_that_changes_comes_and_goes_within_one_run_proves_at_every_delta() {
    let mut hub = Hub::with(5);
    let replica = level(&hub);
    let mut run = Vec::new();
    let steps: [&dyn Fn(&mut Hub); 6] = [
        &|hub| hub.put_parcel(&Parcel { order_status: OrderStatus::Cancelled, ..parcel(3) }),
        &|hub| hub.remove(3),
        &|hub| hub.put_parcel(&parcel(9)),
        &|hub| hub.put_parcel(&parcel(3)),
        &|hub| hub.remove(9),
        &|hub| hub.put_parcel(&Parcel { codes: parcel(30).codes, ..parcel(3) }),
    ];
    for step in steps {
        let from = hub.seq.0;
        step(&mut hub);
        run.push(hub.delta(from));
    }
    let mut wrong = run.clone();
    wrong[3].root = Some(Root([9; 16]));
    let doubted = level(&Hub::with(5));
    let error = doubted.apply(&wrong).unwrap_err();
    assert!(matches!(error, ApplyError::Mismatch { seq: Seq(9), .. }), "{error}");
    assert_eq!(doubted.state().seq, Seq(8), "those before it are applied");
    assert_eq!(replica.apply(&run).unwrap(), Applied::Moved { rows: 6, proven: true });
    hub.check(&replica);
    assert_eq!((found(&replica, "W3"), found(&replica, "W30"), found(&replica, "W9")), (vec![], vec![3], vec![]));
    assert_eq!(replica.verify().unwrap(), 5);
}

#[test]
fn a_gap_and_another_life_are_refused() {
    let mut hub = Hub::with(5);
    let replica = level(&hub);
    hub.put_parcel(&parcel(6));
    let missed = hub.seq.0;
    hub.put_parcel(&parcel(7));
    let error = replica.apply(&[hub.delta(missed)]).unwrap_err();
    assert!(matches!(error, ApplyError::Gap { have: Seq(5), prev: Seq(6) }), "{error}");
    let other = Delta { epoch: Epoch(8), ..hub.delta(5) };
    let error = replica.apply(&[other]).unwrap_err();
    assert!(matches!(error, ApplyError::Epoch { ours: Epoch(7), theirs: Epoch(8) }), "{error}");
    assert_eq!(replica.state().seq, Seq(5));
}

#[test]
fn a_delta_whose_proof_does_not_hold_changes_nothing_and_takes_the_age_away() {
    let mut hub = Hub::with(5);
    let replica = level(&hub);
    replica.heard(hub.epoch, hub.seq, hub.root(), at(0));
    assert_eq!(replica.age_ms(at(10)), Some(10));
    let before = replica.state();
    hub.put_parcel(&parcel(6));
    let mut wrong = hub.delta(5);
    wrong.changes[0].body = Some(body(&parcel(6)).split_off(0).into_iter().rev().collect());
    let error = replica.apply(&[wrong]).unwrap_err();
    assert!(matches!(error, ApplyError::Mismatch { seq: Seq(6), .. }), "{error}");
    assert_eq!((replica.state(), found(&replica, "W6")), (before, vec![]));
    assert_eq!(replica.age_ms(at(10)), None, "nobody knows which rows are wrong");
    replica.apply(&[hub.delta(5)]).unwrap();
    assert_eq!(replica.age_ms(at(10)), Some(10), "a proof that holds proves everything");
}

#[test]
fn the_middle_of_a_range_has_no_proof_and_the_end_has() {
    let hub = Hub::with(10);
    let replica = replica();
    let whole = hub.delta(0);
    let part = |prev: u64, to: u64, root| {
        let within = |change: &&Change| change.seq.0 > prev && change.seq.0 <= to;
        let changes = whole.changes.iter().filter(within).cloned().collect();
        Delta { epoch: hub.epoch, prev: Seq(prev), to: Seq(to), root, changes }
    };
    let middle = replica.apply(&[part(0, 4, None)]).unwrap();
    assert_eq!(middle, Applied::Moved { rows: 4, proven: false });
    assert_eq!(replica.state().seq, Seq(4));
    assert_eq!(replica.apply(&[part(4, 10, whole.root)]).unwrap(), Applied::Moved { rows: 6, proven: true });
    hub.check(&replica);
}

#[test]
fn a_station_that_catches_up_is_not_fresh_before_the_end_of_the_range_is_here_and_proven() {
    let mut hub = Hub::with(5);
    let replica = level(&hub);
    replica.heard(hub.epoch, hub.seq, hub.root(), at(0));
    // Parcel 3 is cancelled, and the hub says so; then other things happen to it and to others.
    hub.put_parcel(&Parcel { order_status: OrderStatus::Cancelled, ..parcel(3) });
    replica.heard(hub.epoch, hub.seq, hub.root(), at(60_000));
    hub.put_parcel(&parcel(7));
    hub.put_parcel(&Parcel { order_status: OrderStatus::Cancelled, must_not_ship: true, ..parcel(3) });
    let whole = hub.delta(5);
    let middle = Delta { to: Seq(7), root: None, changes: whole.changes[..1].to_vec(), ..whole.clone() };
    replica.apply(&[middle]).unwrap();
    let Lookup::One(stale) = replica.lookup(&keys("W3")).unwrap().1 else { panic!() };
    assert_ne!(stale.order_status, OrderStatus::Cancelled, "its cancellation is in the next stage");
    assert_eq!(replica.age_ms(at(60_010)), Some(60_010), "so this is as old as it was");
    replica.apply(&[Delta { prev: Seq(7), changes: whole.changes[1..].to_vec(), ..whole }]).unwrap();
    hub.check(&replica);
    assert_eq!(replica.age_ms(at(60_010)), Some(10));
}

#[test]
fn a_doubt_is_over_when_the_hubs_head_has_the_same_root() {
    let hub = Hub::with(5);
    let replica = level(&hub);
    replica.heard(hub.epoch, hub.seq, hub.root(), at(0));
    replica.doubt();
    replica.prove(Root([9; 16]));
    assert_eq!(replica.age_ms(at(10)), None);
    replica.prove(hub.root());
    assert_eq!(replica.age_ms(at(10)), Some(10));
}

#[test]
fn a_run_is_one_transaction_and_what_comes_before_a_bad_delta_is_kept() {
    let disk = FaultDisk::new(0);
    let replica = open(&disk);
    let mut hub = Hub::new();
    let mut run = Vec::new();
    for number in 1..=50 {
        hub.put_parcel(&parcel(number));
        run.push(hub.delta(number - 1));
    }
    let before = disk.done().syncs;
    assert_eq!(replica.apply(&run).unwrap(), Applied::Moved { rows: 50, proven: true });
    assert!(disk.done().syncs - before <= 4, "{} syncs", disk.done().syncs - before);
    hub.check(&replica);

    let kept = hub.clone();
    hub.put_parcel(&parcel(51));
    let good = hub.delta(50);
    let kept_after = hub.clone();
    hub.put_parcel(&parcel(52));
    let bad = Delta { root: Some(kept.root()), ..hub.delta(51) };
    assert!(matches!(replica.apply(&[good, bad]), Err(ApplyError::Mismatch { seq: Seq(52), .. })));
    kept_after.check(&replica);
}

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    let mut hub = Hub::with(2);
    let replica = level(&hub);
    hub.put_parcel(&parcel(3));
    hub.put_parcel(&parcel(4));
    let check = |change: &dyn Fn(&mut Delta), says: &str| {
        let mut delta = hub.delta(2);
        change(&mut delta);
        let error = replica.apply(&[delta]).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    };
    check(&|delta| delta.changes.reverse(), "change 3 comes after 4");
    check(&|delta| delta.changes[1].seq = Seq(9), "change 9 comes after 3 in a delta to 4");
    check(&|delta| delta.changes[0].body = Some(vec![0; BODY_MAX + 1]), "has 65537 bytes; at most 65536");
    assert_eq!(replica.state().seq, Seq(2));
}

#[test]
fn a_row_that_cannot_be_read_is_kept_for_the_proof_and_known_by_no_code() {
    let mut hub = Hub::with(3);
    let replica = level(&hub);
    hub.put(RowId::parcel(ParcelId(2)), Some(b"\x01\x00nonsense".to_vec()));
    hub.put(RowId(99 << 56), Some(b"of a newer hub".to_vec()));
    replica.apply(&[hub.delta(3)]).unwrap();
    hub.check(&replica);
    assert_eq!((found(&replica, "W2"), found(&replica, "W3")), (vec![], vec![3]));
    hub.put_parcel(&parcel(2));
    replica.apply(&[hub.delta(5)]).unwrap();
    hub.check(&replica);
    assert_eq!(found(&replica, "W2"), [2]);
}

#[test]
fn a_code_that_moves_to_another_parcel_leads_there() {
    let mut hub = Hub::with(2);
    let replica = level(&hub);
    let codes = parcel(1).codes;
    hub.put_parcel(&Parcel { codes: Vec::new(), ..parcel(1) });
    hub.put_parcel(&Parcel { codes, ..parcel(2) });
    replica.apply(&[hub.delta(2)]).unwrap();
    hub.check(&replica);
    assert_eq!((found(&replica, "W1"), found(&replica, "W2")), (vec![2], vec![]));
}

#[test]
fn a_life_that_goes_on_under_another_name_keeps_rows_and_position() {
    let mut hub = Hub::with(4);
    let replica = level(&hub);
    hub.epoch = Epoch(8);
    replica.follow(Epoch(8)).unwrap();
    hub.check(&replica);
    hub.put_parcel(&parcel(5));
    replica.apply(&[hub.delta(4)]).unwrap();
    hub.check(&replica);
}

#[test]
fn a_view_stays_as_it_is_while_the_replica_moves_on() {
    let mut hub = Hub::with(3);
    let replica = level(&hub);
    let view = replica.view();
    hub.remove(2);
    replica.apply(&[hub.delta(3)]).unwrap();
    assert!(matches!(view.lookup(&keys("W2")).unwrap(), Lookup::One(_)), "the old state is held still");
    assert_eq!(view.position().seq, Seq(3));
    assert_eq!(found(&replica, "W2"), [0u64; 0]);
}
