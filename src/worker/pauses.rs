//! The vendors that refuse us, and until when they are not called. It never calls one.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::account::AccountId;
use crate::domain::refusals::{Object, Refusals, Weight};
use crate::domain::retry::later;

/// The longest pause before a vendor that refuses us is asked again.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The vendors that refuse us, and the refusals of each since its last success.
#[derive(Debug, Default)]
pub struct Pauses(Mutex<BTreeMap<AccountId, Standing>>);

#[derive(Debug, Default)]
struct Standing {
    paused_until: Option<Timestamp>,
    refusals: Refusals,
}

impl Pauses {
    /// The end of a destination's pause; `None` when it has none.
    pub(super) fn until(&self, account: AccountId, now: Timestamp) -> Option<Timestamp> {
        // A later end comes from a clock that has been set since.
        let is_on = |until: &Timestamp| *until > now && *until <= later(now, PAUSE_MAX);
        self.lock().get(&account)?.paused_until.filter(is_on)
    }

    /// Whether a pause is over and no call has succeeded since. One delivery at a time then shows whether the vendor
    /// lets us in again.
    pub(super) fn is_on_trial(&self, account: AccountId, now: Timestamp) -> bool {
        self.lock().get(&account).and_then(|standing| standing.paused_until).is_some_and(|until| until <= now)
    }

    /// Begins or prolongs a pause; true when it begins.
    pub(super) fn pause(&self, account: AccountId, until: Timestamp) -> bool {
        self.lock().entry(account).or_default().paused_until.replace(until).is_none()
    }

    /// Notes a call that succeeded; true when it ended a pause.
    pub(super) fn succeeded(&self, account: AccountId, now: Timestamp) -> bool {
        let mut standings = self.lock();
        let standing = standings.entry(account).or_default();
        standing.refusals.accepted(now);
        standing.paused_until.take().is_some()
    }

    pub(super) fn weigh(
        &self,
        account: AccountId,
        object: &Object,
        is_over: bool,
        can_probe: bool,
        now: Timestamp,
    ) -> Weight {
        self.lock().entry(account).or_default().refusals.weigh(object, is_over, can_probe, now)
    }

    pub(super) fn probed(&self, account: AccountId, is_let_in: bool, now: Timestamp) {
        self.lock().entry(account).or_default().refusals.probed(is_let_in, now);
    }

    /// Every change is one assignment, so a poisoned lock still holds whole standings.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<AccountId, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::account::Ends;

    use super::*;

    #[test]
    fn a_pause_lasts_a_minute_at_most_wherever_the_clock_has_gone() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let pauses = Pauses::default();
        assert!(pauses.pause(Ends::FIRST.desk, at(30)));
        for (now, is_held) in [(0, true), (29, true), (30, false), (-30, true), (-31, false), (-86_400, false)] {
            assert_eq!(pauses.until(Ends::FIRST.desk, at(now)), is_held.then_some(at(30)), "{now}");
        }
        assert_eq!(pauses.until(Ends::FIRST.carrier, at(0)), None);
    }
}
