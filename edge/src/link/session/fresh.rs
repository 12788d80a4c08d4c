//! How fresh the replica is: since when it has held everything that the hub had.
//!
//! A head alone does not make a replica fresh. It says where the log stands at this moment, and the replica is as fresh
//! as that once it stands there too. Heads before the hub has welcomed this connection do not count: the broker may
//! have retained them for hours.

use packline_protocol::id::Seq;
use packline_protocol::time::Moment;

/// Heads that the replica has not reached yet: the first of them and the newest.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    first: Option<Mark>,
    newest: Option<Mark>,
    told: Option<Moment>,
}

#[derive(Debug, Clone, Copy)]
struct Mark {
    seq: Seq,
    at: Moment,
}

impl Fresh {
    /// The log stood at `seq` at this moment.
    pub(super) fn heard(&mut self, seq: Seq, at: Moment) {
        let mark = Mark { seq, at };
        self.first.get_or_insert(mark);
        self.newest = Some(mark);
    }

    /// Another log, or a replica in doubt: what was heard says nothing about it.
    pub(super) fn forget(&mut self) {
        (self.first, self.newest) = (None, None);
    }

    /// The replica stands at `seq`: answers since when it is fresh, if that is news.
    pub(super) fn reached(&mut self, seq: Seq) -> Option<Moment> {
        let all = self.newest.filter(|mark| mark.seq <= seq);
        let some = self.first.filter(|mark| mark.seq <= seq);
        if all.is_some() {
            self.forget();
        } else if some.is_some() {
            self.first = self.newest;
        }
        let at = all.or(some)?.at;
        let news = self.told.is_none_or(|told| told < at);
        self.told = Some(at);
        news.then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_as_fresh_as_the_newest_head_that_it_has_reached() {
        let mut fresh = Fresh::default();
        assert_eq!(fresh.reached(Seq(9)), None);
        fresh.heard(Seq(9), Moment(100));
        assert_eq!(fresh.reached(Seq(9)), Some(Moment(100)));
        assert_eq!(fresh.reached(Seq(9)), None);
        fresh.heard(Seq(12), Moment(200));
        fresh.heard(Seq(20), Moment(300));
        fresh.heard(Seq(30), Moment(400));
        assert_eq!(fresh.reached(Seq(11)), None);
        assert_eq!(fresh.reached(Seq(15)), Some(Moment(200)));
        assert_eq!(fresh.reached(Seq(29)), None);
        assert_eq!(fresh.reached(Seq(30)), Some(Moment(400)));
    }
}
