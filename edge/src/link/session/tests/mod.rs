//! Tables of events, and what a session makes of each.
//!
//! A line is `(what happens, what the session wants)`; `+500` lets 500 ms pass with every tick that falls due. Reports are
//! not shown, alarms are when they begin. The words are read in [`words`].

mod up;
mod words;

use words::{Bench, fresh, standing_at};

/// Tells the session each event and compares what it wants.
#[track_caller]
fn story(mut bench: Bench, lines: &[(&str, &str)]) -> Bench {
    for (number, (event, wanted)) in lines.iter().enumerate() {
        let got = bench.tell(event);
        assert_eq!(got, *wanted, "line {number}: `{event}` at {:?}", bench.now());
    }
    bench
}

#[test]
fn deltas_that_follow_on_are_applied_in_groups_while_the_disk_works() {
    story(
        standing_at(1, 10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("head 1 10 1", "heard 1 10"),
            ("delta 1 10..11", "apply 10..11"),
            ("delta 1 11..15", ""),
            ("delta 1 15..16", ""),
            ("delta 1 9..14", ""),
            ("done 1 11", "apply 11..15 15..16"),
            ("done 1 16", ""),
        ],
    );
}

#[test]
fn a_gap_keeps_what_comes_after_it_and_asks_once_after_a_random_while() {
    let mut bench = story(
        standing_at(1, 10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("head 1 10 1", "heard 1 10"),
            ("delta 1 12..13", ""),
            ("delta 1 13..20", ""),
        ],
    );
    assert_eq!(bench.tell("+2000"), "range 1 10");
    story(
        bench,
        &[
            ("delta 1 20..21", ""),
            ("delta 1 10..12 part", "apply 10..12 12..13 13..20 20..21"),
            ("done 1 21", ""),
            ("+20000", ""),
        ],
    );
}

#[test]
fn a_head_that_stays_ahead_means_that_the_last_delta_was_lost() {
    story(
        standing_at(1, 10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("head 1 10 1", "heard 1 10"),
            ("+100", ""),
            ("head 1 12 2", "heard 1 12"),
            ("+900", ""),
            ("delta 1 10..12", "apply 10..12"),
            ("done 1 12", ""),
            ("head 1 13 3", "heard 1 13"),
            ("+999", ""),
            ("+2001", "range 1 12"),
            ("+20000", "range 1 12, range 1 12"),
        ],
    );
}

#[test]
fn a_new_connection_asks_at_once_for_what_is_missing() {
    story(standing_at(1, 10), &[("up", "hello"), ("head 1 12 1", ""), ("welcome 0", "acked 0 0, range 1 10")]);
}

#[test]
fn a_retained_head_proves_nothing_until_the_hub_has_welcomed_the_station() {
    story(
        standing_at(1, 10),
        &[
            ("up", "hello"),
            ("head 1 10 7", ""),
            ("welcome 0", "acked 0 0"),
            ("head 1 10 7", ""),
            ("+5", ""),
            ("head 1 10 8", "heard 1 10"),
            ("head 1 10 6", ""),
        ],
    );
}

#[test]
fn a_head_behind_what_the_hub_had_proves_nothing_since_it_has_lost_changes() {
    story(
        standing_at(1, 100),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("head 1 80 1", ""),
            ("head 1 99 2", ""),
            ("head 1 100 3", "heard 1 100"),
            ("delta 1 100..102", "apply 100..102"),
            ("done 1 102", ""),
            ("head 1 101 4", "heard 1 101"),
            ("head 1 100 5", ""),
        ],
    );
}

#[test]
fn an_empty_replica_asks_for_everything_and_takes_either_answer() {
    story(
        fresh(0),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("delta 1 0..3", ""),
            ("head 1 3 1", "heard 1 3, range 0 0"),
            ("delta 1 0..3", "apply 0..3"),
            ("done 1 3", ""),
        ],
    );
}

#[test]
fn a_snapshot_is_collected_with_credit_put_aside_in_order_and_swapped_in() {
    story(
        fresh(0),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("head 1 90 1", "heard 1 90, range 0 0"),
            ("offer 5 1 80 10", "begin 5"),
            ("staged 0", "chunks 5 0+4"),
            ("chunk 5 0", "stage 0, chunks 5 4+4"),
            ("chunk 5 2", ""),
            ("chunk 5 1", ""),
            ("chunk 6 1", ""),
            ("staged 1", "stage 1 2"),
            ("chunk 5 3", ""),
            ("staged 3", "stage 3"),
            ("chunk 5 3", ""),
            ("staged 4", "chunks 5 8+2"),
            ("chunk 5 5", ""),
            ("+5000", "chunks 5 4+4"),
            ("chunk 5 4", "stage 4 5, chunks 5 8+2"),
            ("chunk 5 6", ""),
            ("chunk 5 7", ""),
            ("chunk 5 8", ""),
            ("chunk 5 9", ""),
            ("staged 6", "stage 6 7 8 9"),
            ("staged 10", "swap 5"),
            ("delta 1 90..91", ""),
            ("swapped 1 80", "range 1 80"),
            ("delta 1 80..90", "apply 80..90 90..91"),
            ("done 1 91", ""),
        ],
    );
}

#[test]
fn a_snapshot_goes_on_after_a_cut_and_after_a_restart() {
    story(
        fresh(0),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("head 1 90 1", "heard 1 90, range 0 0"),
            ("offer 5 1 80 10", "begin 5"),
            ("staged 6", "chunks 5 6+4"),
            ("chunk 5 6", "stage 6"),
            ("down", ""),
            ("staged 7", ""),
            ("up", "hello"),
            ("welcome 0", "acked 0 0, chunks 5 7+3"),
        ],
    );
}

#[test]
fn a_snapshot_that_the_hub_no_longer_has_is_given_up_and_another_one_asked_for() {
    let mut bench = story(
        fresh(0),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("head 1 90 1", "heard 1 90, range 0 0"),
            ("offer 5 1 80 10", "begin 5"),
            ("staged 0", "chunks 5 0+4"),
        ],
    );
    assert_eq!(bench.tell("+12000"), "chunks 5 0+4, chunks 5 0+4");
    story(bench, &[("offer 6 1 88 1", "begin 6"), ("staged 0", "chunks 6 0+1")]);
}

#[test]
fn a_replica_that_differs_gets_only_the_buckets_that_differ() {
    story(
        standing_at(1, 10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("head 1 10 1", "heard 1 10"),
            ("delta 1 10..11", "apply 10..11"),
            ("done 1 10 bad", "doubt, buckets?, alarm replica-differs"),
            ("delta 1 11..12", ""),
            ("buckets 1 12", "compare"),
            ("differ 3 9", "rows? 3 9"),
            ("delta 1 12..14", ""),
            ("rows 1 13 3", "mend 3 at 13"),
            ("taken", ""),
            ("rows 1 14 9 last", ""),
            ("rows 1 13 9 last", "mend 9 at 13"),
            ("mended 1 13", "apply 13..14"),
            ("done 1 14", ""),
            ("head 1 14 2", "heard 1 14"),
        ],
    );
}

#[test]
fn a_replica_in_doubt_that_does_not_differ_is_proven_by_the_hubs_own_hashes() {
    story(
        standing_at(1, 10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("head 1 11 1", "heard 1 11, range 1 10"),
            ("delta 1 10..11", "apply 10..11"),
            ("done 1 10 bad", "doubt, buckets?, alarm replica-differs"),
            ("buckets 1 11", "compare"),
            ("differ", "mend  at 11"),
            ("mended 1 11", ""),
        ],
    );
}

#[test]
fn a_hub_that_contradicts_itself_is_not_asked_ever_faster() {
    let mut bench = story(standing_at(1, 10), &[("up", "hello"), ("welcome 0", "acked 0 0")]);
    let mut said = bench.tell("head 1 10 1 other");
    let mut asked = 0;
    for _ in 0..600 {
        if said.contains("buckets?") {
            asked += 1;
            bench.tell("buckets 1 10");
            bench.tell("differ");
            bench.tell("mended 1 10");
        }
        said = bench.tell("+100");
    }
    assert!((3..12).contains(&asked), "{asked} times in a minute");
}

#[test]
fn a_replica_that_cannot_be_mended_is_fetched_anew() {
    let mut bench = story(
        standing_at(1, 10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("head 1 11 1", "heard 1 11, range 1 10"),
            ("delta 1 10..11", "apply 10..11"),
            ("done 1 10 bad", "doubt, buckets?, alarm replica-differs"),
        ],
    );
    for next in ["buckets?", "buckets?", "buckets?", "range 0 0"] {
        bench = story(
            bench,
            &[
                ("+1000", ""),
                ("buckets 1 11", "compare"),
                ("differ 3", "rows? 3"),
                ("rows 1 11 3 last", "mend 3 at 11"),
            ],
        );
        assert_eq!(bench.tell("refused"), next);
    }
    story(
        bench,
        &[
            ("offer 4 1 9 1", "begin 4"),
            ("staged 0", "chunks 4 0+1"),
            ("chunk 4 0", "stage 0"),
            ("staged 1", "swap 4"),
            ("swapped 1 9", "range 1 9"),
            ("delta 1 9..11", "apply 9..11"),
            ("done 1 11", ""),
        ],
    );
}

#[test]
fn changes_that_make_no_sense_lead_to_a_snapshot_and_not_to_the_same_changes_again() {
    story(
        standing_at(1, 10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("delta 1 10..11", "apply 10..11"),
            ("refused", "doubt, alarm replica-differs"),
            ("head 1 11 1", "heard 1 11, range 0 0"),
            ("offer 4 1 11 1", "begin 4"),
        ],
    );
}

#[test]
fn a_snapshot_that_does_not_prove_is_not_fetched_on_and_another_one_is_asked_for() {
    let mut bench = story(
        fresh(0),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("head 1 90 1", "heard 1 90, range 0 0"),
            ("offer 5 1 80 1", "begin 5"),
            ("staged 0", "chunks 5 0+1"),
            ("chunk 5 0", "stage 0"),
            ("staged 1", "swap 5"),
            ("refused", "alarm snapshot-damaged"),
        ],
    );
    assert_eq!(bench.tell("+2000"), "range 0 0");
}

#[test]
fn too_many_differing_buckets_mean_a_snapshot() {
    story(
        standing_at(1, 10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("head 1 10 1 other", "heard 1 10, doubt, buckets?, alarm replica-differs"),
            ("buckets 1 10", "compare"),
            ("differ many", "range 0 0"),
        ],
    );
}

#[test]
fn a_new_life_of_the_log_that_kept_our_changes_is_followed_on() {
    story(
        standing_at(1, 10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("head 1 10 1", "heard 1 10"),
            ("+3000", ""),
            ("delta 2 12..13", "hello"),
            ("head 2 12 1 after 1@11", "heard 2 12, relabel 2"),
            ("relabelled 2 10", ""),
            ("delta 1 10..11", ""),
            ("delta 2 10..12", "apply 10..12"),
            ("done 2 12", ""),
        ],
    );
}

#[test]
fn a_relabelled_replica_is_proven_at_once_where_it_can_be() {
    story(
        standing_at(1, 10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("head 2 10 1 after 1@10", "heard 2 10, relabel 2"),
            ("relabelled 2 10 bad", "doubt, buckets?, alarm replica-differs"),
        ],
    );
}

#[test]
fn a_doubt_that_a_new_life_of_the_log_left_open_ends_with_the_hubs_own_root() {
    story(
        standing_at(1, 10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("head 1 10 1 other", "heard 1 10, doubt, buckets?, alarm replica-differs"),
            ("head 2 10 1 after 1@10", "heard 2 10, relabel 2"),
            ("relabelled 2 10", "proven"),
            ("head 2 10 2 after 1@10", "heard 2 10"),
        ],
    );
}

#[test]
fn a_doubt_that_is_being_mended_does_not_end_with_a_head() {
    story(
        standing_at(1, 10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("head 1 10 1 other", "heard 1 10, doubt, buckets?, alarm replica-differs"),
            ("head 1 10 2", "heard 1 10"),
            ("buckets 1 10", "compare"),
            ("differ", "mend  at 10"),
            ("mended 1 10", ""),
        ],
    );
}

#[test]
fn changes_that_the_hub_lost_mean_a_snapshot_and_no_freshness_until_then() {
    story(
        standing_at(1, 10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("head 1 10 1", "heard 1 10"),
            ("+1", ""),
            ("head 2 9 1 after 1@8", "heard 2 9, range 1 10, alarm hub-lost-changes"),
            ("head 1 11 2", ""),
            ("delta 1 10..11", ""),
            ("delta 2 9..10", ""),
            ("offer 3 2 8 1", "begin 3"),
            ("staged 0", "chunks 3 0+1"),
            ("chunk 3 0", "stage 0"),
            ("staged 1", "swap 3"),
            ("swapped 2 8", "range 2 8"),
            ("delta 2 8..9", "apply 8..9 9..10"),
            ("done 2 10", ""),
        ],
    );
}

#[test]
fn deltas_of_a_log_that_no_head_told_about_lead_to_a_new_birth() {
    story(
        standing_at(1, 10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("delta 2 10..11", ""),
            ("+2000", "hello"),
            ("hello?", ""),
            ("+500", ""),
        ],
    );
}

#[test]
fn a_replica_that_cannot_be_changed_rests_and_starts_again_from_where_it_is() {
    story(
        standing_at(1, 10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("head 1 10 1", "heard 1 10"),
            ("delta 1 10..12", "apply 10..12"),
            ("failed 1 10", "alarm replica-stuck"),
            ("+1", ""),
            ("head 1 12 2", "heard 1 12"),
            ("+2999", "range 1 10"),
            ("delta 1 10..12", "apply 10..12"),
            ("done 1 12", ""),
        ],
    );
}

#[test]
fn a_replica_that_was_lost_starts_from_nothing() {
    story(
        standing_at(1, 10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("head 1 10 1", "heard 1 10"),
            ("delta 1 10..12", "apply 10..12"),
            ("failed 0 0", "alarm replica-stuck"),
            ("+3000", "range 0 0"),
            ("offer 3 1 12 1", "begin 3"),
        ],
    );
}

#[test]
fn a_twin_is_told_of_until_the_hub_welcomes_this_station_again() {
    let mut bench =
        story(fresh(0), &[("twin", "alarm duplicate-identity"), ("up", "hello"), ("welcome 0", "acked 0 0")]);
    assert_eq!(bench.alarms(), ["duplicate-identity"]);
    bench.tell("+60000");
    assert!(bench.alarms().is_empty());
}

#[test]
fn a_station_that_stops_says_goodbye_once() {
    story(fresh(0), &[("up", "hello"), ("welcome 0", "acked 0 0"), ("stop", "goodbye"), ("stop", "")]);
}
