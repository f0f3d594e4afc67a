//! Expiry: the cut between records to keep and records to drop, by their dates. It never drops any.

use std::time::Duration;

use jiff::Timestamp;

/// Which dates are old enough to be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Cut {
    before: Timestamp,
    ahead: Timestamp,
}

impl Cut {
    /// The cut at this age; `None` where no date tells an age, because the clock was set since.
    pub(in crate::store) fn new(now: Timestamp, age: Duration, time_since: Timestamp) -> Option<Self> {
        let before = now.checked_sub(age).unwrap_or(Timestamp::MIN);
        let ahead = now.saturating_add(age).unwrap_or(Timestamp::MAX);
        (time_since <= before).then_some(Self { before, ahead })
    }

    /// Whether a record of this date is older. A date further ahead than the age is from before the clock was set; a
    /// date ahead by less may have come during the sweep.
    pub(in crate::store) fn is_over(self, dated: Timestamp) -> bool {
        dated < self.before || dated > self.ahead
    }

    /// Whether a delivery that settled then is dropped. One that may have been redriven since has no such date.
    pub(in crate::store) fn drops(self, settled_at: Option<Timestamp>) -> bool {
        settled_at.is_some_and(|at| self.is_over(at))
    }

    /// Whether a record of several dedupe keys is dropped: it goes with the last of them.
    pub(in crate::store) fn drops_all(self, dated: impl IntoIterator<Item = Timestamp>) -> bool {
        dated.into_iter().all(|dated| self.is_over(dated))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::rules::testing::at;

    const AGE: Duration = Duration::from_secs(100);

    fn cut() -> Cut {
        Cut::new(at(1000), AGE, at(900)).unwrap()
    }

    #[test]
    fn a_date_is_over_at_its_age_and_when_it_lies_as_far_ahead() {
        for (dated, is_over) in [(899, true), (900, false), (1000, false), (1100, false), (1101, true)] {
            assert_eq!(cut().is_over(at(dated)), is_over, "{dated}");
            assert_eq!(cut().drops(Some(at(dated))), is_over, "{dated}");
        }
        assert!(!cut().drops(None), "it is not settled");
    }

    #[test]
    fn no_date_tells_an_age_until_the_clock_has_run_for_as_long() {
        assert_eq!(Cut::new(at(1000), AGE, at(901)), None);
        assert!(Cut::new(at(1000), AGE, Timestamp::MIN).is_some());
        let ever = Cut::new(at(1000), Duration::MAX, Timestamp::MIN).unwrap();
        assert!(!ever.drops_all([Timestamp::MIN, Timestamp::MAX]), "an age without an end");
    }

    #[test]
    fn keys_of_one_record_go_together() {
        assert!(cut().drops_all([at(1), at(2)]));
        assert!(!cut().drops_all([at(1), at(950)]));
    }
}
