//! What the session wants done with the replica, done.

use super::session::{Checked, Done, Job, Outcome};
use crate::replica::{Applied, ApplyError, Replica, ReplicaError, Staging};
use packline_protocol::downlink::{BucketRows, Chunk, Delta, SnapshotOffer};

/// A replica and the snapshot that may be growing beside it. Every call waits for the disk.
pub struct Worker {
    replica: Replica,
    staging: Option<Staging>,
}

impl Worker {
    /// A worker on this replica; there is only one at a time.
    pub fn new(replica: Replica) -> Self {
        Self { replica, staging: None }
    }

    /// Does one job.
    pub fn run(&mut self, job: Job) -> Done {
        let outcome = match job {
            Job::Apply(deltas) => self.apply(&deltas),
            Job::Relabel(epoch) => self.replica.follow(epoch).map(|()| Outcome::Relabelled).map_err(ApplyError::from),
            Job::Begin(offer) => self.begin(&offer),
            Job::Stage(chunks) => self.stage(&chunks),
            Job::Swap(_) => self.swap(),
            Job::Compare(buckets) => self.replica.differing(&buckets).map(Outcome::Differing).map_err(ApplyError::from),
            Job::Mend(rows) => self.mend(&rows),
        };
        let outcome = outcome.unwrap_or_else(|error| failure(&error));
        Done { at: self.replica.state(), outcome }
    }

    fn apply(&self, deltas: &[Delta]) -> Result<Outcome, ApplyError> {
        let proven = |delta: &Delta| delta.root.map(|_| Checked { seq: delta.to, equal: true });
        match self.replica.apply(deltas) {
            Ok(_) => Ok(Outcome::Applied(deltas.iter().rev().find_map(proven))),
            Err(ApplyError::Mismatch { seq, .. }) => Ok(Outcome::Applied(Some(Checked { seq, equal: false }))),
            Err(error) => Err(error),
        }
    }

    fn begin(&mut self, offer: &SnapshotOffer) -> Result<Outcome, ApplyError> {
        let staging = match self.staging.take() {
            Some(staging) if staging.offer() == offer => staging,
            other => {
                drop(other);
                self.replica.stage(offer)?
            }
        };
        let next = staging.next();
        self.staging = Some(staging);
        Ok(Outcome::Staged { next })
    }

    /// After an error the staging is of no use and is begun anew.
    fn stage(&mut self, chunks: &[Chunk]) -> Result<Outcome, ApplyError> {
        let mut staging = self.staging.take().ok_or(ReplicaError::Closed)?;
        for chunk in chunks {
            staging.add(chunk)?;
        }
        let next = staging.next();
        self.staging = Some(staging);
        Ok(Outcome::Staged { next })
    }

    fn swap(&mut self) -> Result<Outcome, ApplyError> {
        let staging = self.staging.take().ok_or(ReplicaError::Closed)?;
        self.replica.install(staging)?;
        Ok(Outcome::Swapped)
    }

    fn mend(&self, rows: &BucketRows) -> Result<Outcome, ApplyError> {
        let applied = self.replica.repair(rows)?;
        Ok(Outcome::Mended { whole: rows.root.is_some() && applied != Applied::Nothing })
    }
}

/// Whether it may work the next time.
fn failure(error: &ApplyError) -> Outcome {
    let why = why(error);
    match error {
        ApplyError::Replica(_) | ApplyError::Gap { .. } | ApplyError::Epoch { .. } => Outcome::Failed { why },
        ApplyError::Mismatch { .. }
        | ApplyError::Malformed(_)
        | ApplyError::TooMuch { .. }
        | ApplyError::Part { .. } => Outcome::Refused { why },
    }
}

fn why(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
