//! The journal on its thread.

use super::*;
use std::future::Future as _;
use std::sync::mpsc::channel;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

fn start(disk: &FaultDisk) -> Journal {
    Journal::start(open(disk, 7).0)
}

#[test]
fn everything_that_waits_shares_a_commit_and_every_record_is_answered_in_order() {
    let disk = FaultDisk::new(0);
    let journal = start(&disk);
    let before = disk.done().syncs;
    let (done, answers) = channel();
    for code in 1..=500 {
        let done = done.clone();
        journal.append(entry(code, 40), Box::new(move |written| done.send(written).unwrap()));
    }
    let seqs: Vec<u64> = (0..500).map(|_| answers.recv_timeout(PATIENCE).unwrap().unwrap().0).collect();
    assert_eq!(seqs, (1..=500).collect::<Vec<_>>());
    assert!(disk.done().syncs - before < 200, "{} commits for 500 records", disk.done().syncs - before);
    assert_eq!(journal.verify().unwrap(), 500);
}

#[test]
fn one_record_that_is_too_long_does_not_keep_the_others_out() {
    let disk = FaultDisk::new(0);
    let journal = start(&disk);
    let (done, answers) = channel();
    for (code, size) in [(1, 40), (2, RECORD_MAX), (3, 40)] {
        let done = done.clone();
        journal.append(entry(code, size), Box::new(move |written| done.send((code, written)).unwrap()));
    }
    let mut answered: Vec<_> = (0..3).map(|_| answers.recv_timeout(PATIENCE).unwrap()).collect();
    answered.sort_by_key(|(code, _)| *code);
    assert_eq!(answered[0], (1, Ok(ScanSeq(1))));
    assert!(matches!(answered[1], (2, Err(AppendError::TooLong { .. }))));
    assert_eq!(answered[2], (3, Ok(ScanSeq(2))));
}

#[test]
fn closing_writes_what_waits_and_refuses_what_comes_later() {
    let disk = FaultDisk::new(0);
    let journal = start(&disk);
    let (done, answers) = channel();
    for code in 1..=50 {
        let done = done.clone();
        journal.append(entry(code, 40), Box::new(move |written| done.send(written).unwrap()));
    }
    journal.close();
    assert_eq!(answers.try_iter().filter(Result::is_ok).count(), 50);
    let late = done.clone();
    journal.append(entry(51, 40), Box::new(move |written| late.send(written).unwrap()));
    assert_eq!(answers.recv_timeout(PATIENCE).unwrap(), Err(AppendError::Closed));
    assert_eq!(open(&disk, 8).0.verify().unwrap(), 50);
}

#[test]
fn a_probe_goes_through_the_thread_and_writes_nothing() {
    let disk = FaultDisk::new(0);
    let journal = start(&disk);
    let before = disk.done();
    let (back, came) = channel();
    let again = back.clone();
    journal.probe(Box::new(move || back.send(std::thread::current().name().map(str::to_owned)).unwrap()));
    assert_eq!(came.recv_timeout(PATIENCE).unwrap().as_deref(), Some("journal"));
    assert_eq!(disk.done(), before);
    journal.close();
    journal.probe(Box::new(move || again.send(None).unwrap()));
    assert!(came.recv_timeout(PATIENCE).is_err(), "a thread that has ended does not answer");
}

#[test]
fn whoever_waits_for_the_end_of_the_thread_is_told() {
    let journal = start(&FaultDisk::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut ended = Box::pin(journal.ended());
    let waker = std::task::Waker::noop();
    assert!(ended.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
    journal.close();
    runtime.block_on(ended);
}

#[test]
fn the_link_is_woken_by_every_commit_and_reads_while_the_thread_writes() {
    let disk = FaultDisk::new(0);
    let journal = start(&disk);
    let mut heads = journal.watch();
    heads.mark_unchanged();
    let (done, answers) = channel();
    journal.append(entry(1, 40), Box::new(move |written| done.send(written).unwrap()));
    answers.recv_timeout(PATIENCE).unwrap().unwrap();
    assert!(heads.has_changed().unwrap());
    assert_eq!(heads.borrow_and_update().newest, ScanSeq(1));
    assert_eq!(journal.pending(ScanSeq(1), 10, 1 << 20).unwrap().records.len(), 1);
    journal.acknowledge(ScanSeq(1), ScanSeq(0));
    assert_eq!(heads.borrow_and_update().acked, ScanSeq(1));
}
