//! The refusals and the doubts in the history of a delivery, by which a carrier tells a new attempt from those before it. Pure;
//! never judges an attempt.
//!
//! A carrier that remembers its answer to a key gives a refusal again for as long as it remembers. A text goes under a further
//! key once it was refused, and never while an earlier attempt is in doubt, because only the same key is then the same text.

use jiff::Timestamp;

use super::{Delivery, Fate, HISTORY_MAX};
use crate::domain::cause::PUT_BACK;

impl Delivery {
    /// The last time that it was refused or put off with no attempt in doubt, or given up and put back by an operator; `None`
    /// for one to which neither has happened. It is read from the record, so that a restart gives the same.
    #[must_use]
    pub fn refused_at(&self) -> Option<Timestamp> {
        let (mut refused, mut given_up, mut in_doubt) = (None, None, false);
        // An attempt in doubt may be among the entries that a full history has dropped, unless a later one tells of a doubt.
        let mut is_told = self.history.len() < HISTORY_MAX;
        for entry in &self.history {
            match entry.what {
                Fate::Postponed if entry.cause == PUT_BACK => (in_doubt, is_told) = (true, true),
                Fate::Postponed if in_doubt => {}
                Fate::Postponed => refused = Some(entry.at),
                Fate::GivenUp => given_up = Some(entry.at),
                // A busy answer may be one to an earlier request under the same key, which is still under way.
                Fate::Retried | Fate::Lost | Fate::NotSeen | Fate::SetAside => (in_doubt, is_told) = (true, true),
                Fate::Redriven => (refused, in_doubt, is_told) = (given_up.take().or(refused), false, true),
            }
        }
        refused.filter(|_| is_told)
    }

    /// Since when an attempt may be in doubt, no earlier than it was made: one whose answer was lost, or was that it may be tried
    /// again. `None` where there is none since an operator put it back.
    #[must_use]
    pub fn doubted_since(&self) -> Option<Timestamp> {
        let (mut since, mut is_whole) = (None, self.history.len() < HISTORY_MAX);
        for entry in &self.history {
            match entry.what {
                Fate::Retried | Fate::Lost | Fate::NotSeen | Fate::SetAside => since = since.or(Some(entry.at)),
                Fate::Redriven => (since, is_whole) = (None, true),
                Fate::Postponed | Fate::GivenUp => {}
            }
        }
        // The first of many is no longer in the history.
        let first = self.first_sent_at.filter(|_| !is_whole);
        since.map(|at| first.unwrap_or(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::HistoryEntry;
    use crate::domain::delivery::tests::pending;

    #[test]
    fn the_last_refusal_counts_until_an_attempt_is_in_doubt_and_an_operator_ends_the_doubt() {
        use Fate::{GivenUp, Lost, NotSeen, Postponed, Redriven, Retried, SetAside};
        for (fates, expected) in [
            (&[][..], None),
            (&[Postponed], Some(1)),
            (&[Postponed, Postponed], Some(2)),
            (&[Lost, NotSeen, Retried, Postponed], None),
            (&[Retried, Postponed], None),
            (&[Postponed, Lost, NotSeen, Retried, Postponed], Some(1)),
            (&[GivenUp, Redriven], Some(1)),
            (&[Retried, GivenUp, Redriven, Postponed], Some(4)),
            (&[Postponed, Lost, SetAside, Redriven], Some(1)),
            (&[Lost, SetAside, Redriven, Postponed], Some(4)),
        ] {
            let entry = |(at, what): (i64, &Fate)| HistoryEntry { at: second(at), what: *what, cause: "c".into() };
            let history = (1..).zip(fates).map(entry).collect();
            let delivery = Delivery { history, ..pending() };
            assert_eq!(delivery.refused_at(), expected.map(second), "{fates:?}");
        }
    }

    #[test]
    fn a_full_history_may_have_dropped_an_attempt_in_doubt_unless_it_tells_of_one() {
        let entry = |at| HistoryEntry { at: second(at), what: Fate::Postponed, cause: format!("cause {at}") };
        let history = |count: i64| (1..=count).map(entry).collect::<Vec<_>>();
        let refused = |history| Delivery { history, ..pending() }.refused_at();
        assert_eq!(refused(history(31)), Some(second(31)));
        assert_eq!(refused(history(32)), None);
        for (what, expected) in [(Fate::Lost, 20), (Fate::Redriven, 32)] {
            let mut full = history(32);
            full[20].what = what;
            assert_eq!(refused(full), Some(second(expected)), "{what:?}");
        }
    }

    #[test]
    fn a_store_that_was_put_back_leaves_the_attempts_in_doubt_of_which_it_knows_nothing() {
        let entry = |at, cause: &str| HistoryEntry { at: second(at), what: Fate::Postponed, cause: cause.into() };
        let history = vec![entry(1, "402"), entry(2, PUT_BACK), entry(3, "402")];
        assert_eq!(Delivery { history, ..pending() }.refused_at(), Some(second(1)));
    }

    #[test]
    fn an_attempt_is_in_doubt_since_the_first_that_may_have_gone_out() {
        use Fate::{Lost, Postponed, Redriven, Retried};
        let of = |fates: &[Fate]| {
            let entry = |(at, what): (i64, &Fate)| HistoryEntry { at: second(at), what: *what, cause: "c".into() };
            Delivery { history: (1..).zip(fates).map(entry).collect(), first_sent_at: Some(second(0)), ..pending() }
        };
        for (fates, expected) in [
            (&[Postponed][..], None),
            (&[Postponed, Retried, Postponed, Lost], Some(2)),
            (&[Lost, Redriven], None),
            (&[Lost, Redriven, Retried], Some(3)),
            (&[Retried; HISTORY_MAX], Some(0)),
        ] {
            assert_eq!(of(fates).doubted_since(), expected.map(second), "{fates:?}");
        }
    }

    fn second(at: i64) -> Timestamp {
        Timestamp::from_second(at).unwrap()
    }
}
