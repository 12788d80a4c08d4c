//! What follows when the disk has answered: a release is shown, judged again, or withdrawn.

use super::{Output, Remembered, Scan, Station, Ticket, Underway, objection, position};
use crate::journal::{AppendError, Entry};
use crate::replica::Replica;
use packline_protocol::id::ScanSeq;
use packline_protocol::record::{Event, Note, Withdrawal};
use packline_protocol::time::Now;
use packline_protocol::verdict::{Outcome, ReasonCode};

impl Station {
    /// A record is durable, or is known not to become so.
    pub fn on_durable(
        &mut self,
        ticket: Ticket,
        written: Result<ScanSeq, AppendError>,
        replica: &Replica,
        now: Now,
    ) -> Vec<Output> {
        let Some(underway) = self.underway.remove(&ticket) else { return Vec::new() };
        let mut outputs = if written.is_ok() { self.pay(now) } else { Vec::new() };
        outputs.extend(match (underway, written) {
            (Underway::Judged(scan), Ok(seq)) => self.recorded(*scan, seq, replica, now),
            (Underway::Judged(scan), Err(error)) => self.unrecorded(&scan, error),
            (Underway::Acknowledged | Underway::Withdrawn(_), Ok(_)) => Vec::new(),
            (Underway::Acknowledged, Err(error)) => vec![Output::NotWritten(error)],
            (Underway::Withdrawn(event), Err(error)) => {
                self.owed.push(event);
                vec![Output::NotWritten(error)]
            }
        });
        outputs
    }

    /// The journal writes again: what it owes the hub goes first.
    fn pay(&mut self, now: Now) -> Vec<Output> {
        let owed = std::mem::take(&mut self.owed);
        owed.into_iter().map(|event| self.append_withdrawal(event, now)).collect()
    }

    /// The record is on disk. A stop or ask was said before; a release is said now, if it still is one.
    fn recorded(&mut self, scan: Scan, seq: ScanSeq, replica: &Replica, now: Now) -> Vec<Output> {
        if let Some(answer) = self.recent.iter_mut().find(|answer| answer.number == scan.number) {
            answer.seq = Some(seq);
        }
        let is_release = scan.verdict.outcome == Outcome::Release;
        if let Some(scanner) = &scan.acknowledged_on {
            let withdrawn = is_release.then(|| self.withdraw(seq, Withdrawal::Acknowledged, now));
            let noted = self.record_acknowledgement(scan.number, Some(seq), scanner, now);
            return withdrawn.into_iter().chain(noted).collect();
        }
        if !is_release {
            return vec![Output::Changed];
        }
        let moved = replica.view().position() != position(&scan.verdict);
        if (scan.late || moved)
            && let Some(outputs) = self.judge_again(&scan, replica, now)
        {
            let withdrawn = self.withdraw(seq, Withdrawal::JudgedAgain, now);
            return [withdrawn].into_iter().chain(outputs).collect();
        }
        self.green(&scan, seq, now)
    }

    /// A release that is on disk and was never shown: the hub must not believe that the parcel left.
    fn withdraw(&mut self, of: ScanSeq, why: Withdrawal, now: Now) -> Output {
        self.append_withdrawal(Event::Noted(Note::Withdrawn { of, why }), now)
    }

    fn append_withdrawal(&mut self, event: Event, now: Now) -> Output {
        let entry = Entry::new(self.settings.boot, now, event.clone());
        self.append(entry, Underway::Withdrawn(event))
    }

    /// The facts may have changed while the disk was busy; `None` when it is a release all the same.
    fn judge_again(&mut self, scan: &Scan, replica: &Replica, now: Now) -> Option<Vec<Output>> {
        let again = self.judge(&scan.raw, replica, now);
        if matches!(&again, Ok(again) if again.verdict.outcome == Outcome::Release) {
            return None;
        }
        // It is one scan, and its last answer is the one that counts.
        self.counts.take_back(&scan.verdict);
        Some(match again {
            Ok(again) => self.present(scan.number, scan.raw.clone(), again, now),
            Err(error) => self.unreadable(scan.number, scan.raw.clone(), &error, replica, now),
        })
    }

    /// Shows the release where the scan is still the newest of its scanner; elsewhere nobody would see it.
    fn green(&mut self, scan: &Scan, seq: ScanSeq, now: Now) -> Vec<Output> {
        let mut outputs = self.say(scan.number, &scan.raw.scanner, &scan.verdict);
        if outputs.is_empty() || !self.is_newest(scan.number, &scan.raw.scanner) {
            outputs.insert(0, self.withdraw(seq, Withdrawal::Overtaken, now));
        } else if let Some(parcel) = scan.verdict.parcel {
            self.remember(parcel, Remembered { outcome: Outcome::Release, facts: None });
        }
        outputs
    }

    /// The record did not get to the disk: what would have been green is asked about.
    fn unrecorded(&mut self, scan: &Scan, error: AppendError) -> Vec<Output> {
        let mut outputs = vec![Output::NotWritten(error)];
        if scan.verdict.outcome == Outcome::Release {
            let full = objection(scan.verdict.clone(), ReasonCode::StorageFull);
            outputs.extend(self.say(scan.number, &scan.raw.scanner, &full));
        }
        outputs
    }
}
