//! The cut between records to keep and records to drop, by their dates. It never drops any.

use std::time::Duration;

use jiff::Timestamp;

/// Which dates are old enough to be dropped.
#[derive(Clone, Copy)]
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
}
