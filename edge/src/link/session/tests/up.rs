//! Records on their way up.

use super::story;
use super::words::{fresh, standing_at};

#[test]
fn nothing_goes_up_before_the_hub_has_said_where_to_begin() {
    story(
        fresh(3),
        &[
            ("up", "hello"),
            ("journal 4", ""),
            ("+4000", ""),
            ("+60000", "hello, hello, hello"),
            ("welcome 2", "acked 1 1, read 2"),
            ("read 2..4", "batch 2..4"),
            ("ack 4", "acked 4 4"),
        ],
    );
}

#[test]
fn a_welcome_for_another_connection_is_not_believed() {
    story(fresh(3), &[("up", "hello"), ("stranger's welcome 3", ""), ("welcome 0", "acked 0 0, read 1")]);
}

#[test]
fn only_a_welcome_that_answers_this_connection_says_what_time_it_is() {
    let mut bench = fresh(3);
    assert!(!bench.told_the_time("welcome 0"), "nobody has said hello yet");
    bench.tell("up");
    assert!(!bench.told_the_time("stranger's welcome 3"), "an old one, which somebody plays again");
    assert!(!bench.told_the_time("new welcome 3"), "it means another journal");
    assert!(bench.told_the_time("welcome 0"));
    bench.tell("down");
    assert!(!bench.told_the_time("welcome 0"));
}

#[test]
fn at_most_eight_batches_are_under_way_and_an_answer_makes_room() {
    story(
        fresh(5_000),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0, read 1"),
            ("read 1..200", "batch 1..200, read 201"),
            ("read 201..400", "batch 201..400, read 401"),
            ("read 401..600", "batch 401..600, read 601"),
            ("read 601..800", "batch 601..800, read 801"),
            ("read 801..1000", "batch 801..1000, read 1001"),
            ("read 1001..1200", "batch 1001..1200, read 1201"),
            ("read 1201..1400", "batch 1201..1400, read 1401"),
            ("read 1401..1600", "batch 1401..1600"),
            ("ack 200", "acked 200 200, read 1601"),
            ("ack 100", ""),
            ("ack 600", "acked 600 600"),
            ("+2000", "hello"),
        ],
    );
}

#[test]
fn without_an_answer_the_sending_goes_back_to_the_first_open_record_in_smaller_batches() {
    story(
        fresh(300),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0, read 1"),
            ("read 1..200", "batch 1..200, read 201"),
            ("read 201..300", "batch 201..300"),
            ("+9999", ""),
            ("+1", "read 1"),
            ("read 1..200", "batch 1..200, read 201"),
            ("read 201..300", "batch 201..300"),
            ("+20000", "read 1x50"),
            ("read 1..50", "batch 1..50, read 51x50"),
            ("ack 50", "acked 50 50"),
            ("read 51..100", "batch 51..100, read 101"),
        ],
    );
}

#[test]
fn a_batch_that_never_gets_through_is_cut_down_to_one_record_and_told() {
    let mut bench = story(
        fresh(300),
        &[("up", "hello"), ("welcome 0", "acked 0 0, read 1"), ("read 1..200", "batch 1..200, read 201")],
    );
    let mut last = String::new();
    for _ in 0..12 {
        last += &bench.tell("+60000");
        last += &bench.tell("read 1..1");
    }
    assert!(last.contains("read 1x1"), "{last}");
    assert!(last.contains("alarm uplink-stuck"), "{last}");
}

#[test]
fn new_scans_are_hinted_while_a_backlog_goes_up() {
    story(
        fresh(5_000),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0, read 1"),
            ("read 1..200", "batch 1..200, read 201"),
            ("journal 5001", "live 5001"),
            ("live 5001..5001", "hint 5001"),
            ("journal 5002", "live 5002"),
            ("journal 5040", ""),
            ("live 5002..5002", "hint 5002, live 5025"),
            (
                "live 5025..5040",
                "hint 5025, hint 5026, hint 5027, hint 5028, hint 5029, hint 5030, hint 5031, hint 5032, hint 5033, hint 5034, hint 5035, hint 5036, hint 5037, hint 5038, hint 5039, hint 5040",
            ),
        ],
    );
}

#[test]
fn the_newest_record_that_both_have_is_sent_once_more_so_that_the_hub_notices_another() {
    story(
        fresh(10),
        &[
            ("up", "hello"),
            ("welcome 10", "acked 9 9, read 10"),
            ("read 10..10", "batch 10..10"),
            ("ack 10", "acked 10 10"),
            ("+60000", ""),
        ],
    );
}

#[test]
fn a_lone_new_scan_needs_no_hint() {
    story(
        fresh(10),
        &[
            ("up", "hello"),
            ("welcome 10", "acked 9 9, read 10"),
            ("read 10..10", "batch 10..10"),
            ("ack 10", "acked 10 10"),
            ("journal 11", "read 11"),
            ("read 11..11", "batch 11..11"),
        ],
    );
}

#[test]
fn a_hub_that_fell_back_is_asked_and_gets_again_what_the_journal_still_has() {
    story(
        fresh(10),
        &[
            ("up", "hello"),
            ("welcome 10 6", "acked 9 6, read 10"),
            ("read 10..10", "batch 10..10"),
            ("+3000", ""),
            ("ack 7", "hello"),
            ("welcome 7", "acked 6 6, read 7"),
            ("read 7..10", "batch 7..10"),
            ("ack 10", "acked 10 10"),
        ],
    );
}

#[test]
fn records_that_the_journal_no_longer_has_are_reported_and_not_waited_for() {
    story(
        fresh(10).kept_from(5),
        &[("up", "hello"), ("welcome 2", "acked 4 2, read 5, alarm records-missing"), ("read 5..10", "batch 5..10")],
    );
}

#[test]
fn records_that_were_deleted_while_they_were_asked_for_are_reported_too() {
    story(
        fresh(10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0, read 1"),
            ("read 4..10", "read 4, alarm records-missing"),
            ("read 4..10", "batch 4..10"),
        ],
    );
}

#[test]
fn a_journal_that_cannot_be_read_is_asked_again_after_a_while() {
    story(
        fresh(10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0, read 1"),
            ("read nothing", "alarm journal-unreadable"),
            ("+9999", ""),
            ("+1", "read 1"),
            ("read 1..10", "batch 1..10"),
        ],
    );
}

#[test]
fn a_hub_that_knows_records_which_this_journal_never_wrote_gets_nothing() {
    story(
        fresh(10),
        &[
            ("up", "hello"),
            ("welcome 12", "alarm journal-forked"),
            ("journal 15", ""),
            ("ack 11", ""),
            ("welcome 12", ""),
        ],
    );
}

#[test]
fn a_journal_that_the_hub_takes_for_a_copy_sends_nothing_more_and_a_new_one_does() {
    story(
        fresh(10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0, read 1"),
            ("read 1..10", "batch 1..10"),
            ("ack 0 forked", "alarm journal-forked"),
            ("welcome 0", ""),
            ("+60000", ""),
            ("new journal 2", "hello"),
            ("new welcome 0", "acked 0 0, read 1"),
        ],
    );
}

#[test]
fn a_snapshot_that_the_hub_offers_instead_of_rows_is_taken() {
    story(
        standing_at(1, 10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0"),
            ("head 1 10 1 other", "heard 1 10, doubt, buckets?, alarm replica-differs"),
            ("buckets 1 10", "compare"),
            ("differ 3", "rows? 3"),
            ("offer 4 1 10 1", "begin 4"),
        ],
    );
}

#[test]
fn a_new_journal_is_announced_by_a_new_birth_and_the_old_one_is_not_sent_under_its_name() {
    story(
        fresh(10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0, read 1"),
            ("+2000", ""),
            ("new journal 2", "hello"),
            ("read 1..10", ""),
            ("welcome 0", "alarm journal-unknown"),
            ("new welcome 0", "acked 0 0, read 1"),
            ("new read 1..2", "batch 1..2"),
        ],
    );
}

#[test]
fn a_busy_hub_is_left_alone() {
    story(
        fresh(10),
        &[
            ("up", "hello"),
            ("busy 3000", ""),
            ("welcome 0", "acked 0 0"),
            ("head 1 5 1", "heard 1 5, range 0 0"),
            ("+2999", ""),
            ("+1", "read 1"),
        ],
    );
}

#[test]
fn a_broker_that_takes_less_gets_smaller_batches() {
    story(
        fresh(10),
        &[
            ("up", "hello"),
            ("welcome 0", "acked 0 0, read 1"),
            ("read 1..10", "batch 1..10"),
            ("too large 4000", ""),
            ("+10000", "read 1 in 3000"),
        ],
    );
}
