//! Buckets that differ are found, fetched and put right.

use super::*;

/// A replica that missed what the hub thinks it knows: row 3 differs, row 4 is missing, row 60 should be gone.
fn differing() -> (Hub, Replica) {
    let mut wrong = Hub::with(50);
    wrong.rows.insert(RowId::parcel(ParcelId(3)), (Seq(3), Some(body(&Parcel { must_not_ship: true, ..parcel(3) }))));
    wrong.rows.remove(&RowId::parcel(ParcelId(4)));
    wrong.rows.insert(RowId::parcel(ParcelId(60)), (Seq(4), Some(body(&parcel(60)))));
    let replica = replica();
    let delta = Delta { root: None, ..wrong.delta(0) };
    replica.apply(&[delta]).unwrap();
    (Hub::with(50), replica)
}

#[test]
fn only_the_buckets_that_differ_are_named() {
    let (hub, replica) = differing();
    let mut expected: Vec<u16> = [3, 4, 60].map(|number| bucket_of(RowId::parcel(ParcelId(number)))).to_vec();
    expected.sort_unstable();
    expected.dedup();
    assert_eq!(replica.differing(&hub.buckets()).unwrap(), expected);
    assert_eq!(level(&hub).differing(&hub.buckets()).unwrap(), [0u16; 0]);
    let short = Buckets { hashes: Vec::new(), ..hub.buckets() };
    assert!(replica.differing(&short).unwrap().len() <= BUCKETS, "a short list is no panic");
}

#[test]
fn rows_of_the_buckets_put_the_replica_right_at_the_position_they_show() {
    let (mut hub, replica) = differing();
    hub.put_parcel(&parcel(51));
    let buckets = replica.differing(&hub.buckets()).unwrap();
    let applied = replica.repair(&hub.bucket_rows(&buckets, true)).unwrap();
    assert!(matches!(applied, Applied::Moved { proven: true, .. }), "{applied:?}");
    hub.check(&replica);
    assert_eq!((found(&replica, "W4"), found(&replica, "W60"), found(&replica, "W51")), (vec![4], vec![], vec![51]));
}

#[test]
fn nothing_is_put_in_place_before_the_last_message() {
    let (hub, replica) = differing();
    let before = replica.state();
    let buckets = replica.differing(&hub.buckets()).unwrap();
    let (first, rest) = buckets.split_first().unwrap();
    assert_eq!(replica.repair(&hub.bucket_rows(&[*first], false)).unwrap(), Applied::Nothing);
    assert_eq!(replica.state(), before);
    replica.repair(&hub.bucket_rows(rest, true)).unwrap();
    hub.check(&replica);
}

#[test]
fn a_repair_that_does_not_prove_changes_nothing() {
    let (hub, replica) = differing();
    let before = replica.state();
    let buckets = replica.differing(&hub.buckets()).unwrap();
    let error = replica.repair(&hub.bucket_rows(&buckets[1..], true)).unwrap_err();
    assert!(matches!(error, ApplyError::Mismatch { .. }), "{error}");
    assert_eq!(replica.state(), before);
}

#[test]
fn a_newer_answer_begins_the_repair_anew() {
    let (mut hub, replica) = differing();
    let buckets = replica.differing(&hub.buckets()).unwrap();
    replica.repair(&hub.bucket_rows(&buckets[..1], false)).unwrap();
    hub.put_parcel(&parcel(51));
    let buckets = replica.differing(&hub.buckets()).unwrap();
    replica.repair(&hub.bucket_rows(&buckets, true)).unwrap();
    hub.check(&replica);
}

#[test]
fn rows_that_cannot_be_are_refused() {
    let (hub, replica) = differing();
    let buckets = replica.differing(&hub.buckets()).unwrap();
    let check = |change: &dyn Fn(&mut BucketRows), says: &str| {
        let mut rows = hub.bucket_rows(&buckets, true);
        change(&mut rows);
        let error = replica.repair(&rows).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    };
    check(&|rows| rows.epoch = Epoch(9), "the changes are of epoch `9`");
    check(&|rows| rows.seq = Seq(1), "the buckets are at 1, this replica at 50");
    check(&|rows| rows.rows[0].body = None, "of a bucket has no body");
    check(&|rows| rows.buckets.clear(), "is of a bucket that did not come whole");
    let huge = Change { row: RowId::parcel(ParcelId(9)), seq: Seq(1), body: Some(vec![0; BODY_MAX]) };
    let many = BucketRows { rows: vec![huge; 200], root: None, ..hub.bucket_rows(&buckets, false) };
    assert!(matches!(replica.repair(&many), Err(ApplyError::TooMuch { .. })));
}
