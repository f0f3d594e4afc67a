//! The recorder of webhooks: the public router writes to it with each answer, the operator's reads it.
//!
//! It costs a webhook a short lock and never a write to the store. The account is saved there at intervals
//! ([`Inbound::to_keep`]), and only after a webhook was accepted, so that a stranger never makes the bridge write.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::domain::account::AccountId;
use crate::domain::event::EventKind;
use crate::domain::inbound::{Arrivals, Endpoint, Otherwise, Slot};

/// The account of webhooks, shared by both routers.
pub struct Inbound(Mutex<State>);

struct State {
    account: Arrivals,
    /// Whether a webhook was accepted since the account was last saved.
    is_owed: bool,
    /// Whether any webhook came since then.
    is_changed: bool,
}

impl Inbound {
    /// A recorder that continues this account.
    #[must_use]
    pub fn new(account: Arrivals) -> Self {
        Self(Mutex::new(State { account, is_owed: false, is_changed: false }))
    }

    /// The account as it is shown.
    #[must_use]
    pub fn shown(&self) -> Arrivals {
        self.lock().account.shown()
    }

    /// The account, if a webhook was accepted since it was last saved; at the end, if any webhook came.
    #[must_use]
    pub fn to_keep(&self, at_end: bool) -> Option<Arrivals> {
        let mut state = self.lock();
        let keeps = state.is_owed || at_end && state.is_changed;
        if keeps {
            (state.is_owed, state.is_changed) = (false, false);
        }
        keeps.then(|| state.account.clone())
    }

    /// The carrier's names of the lines on which customers' texts have come in over this account.
    pub(super) fn lines(&self, account: AccountId) -> Vec<String> {
        self.lock().account.lines(account).map(str::to_owned).collect()
    }

    /// The slot of an event's name, taken before the event goes to the store.
    pub(super) fn slot(&self, endpoint: Endpoint, kind: &EventKind) -> Option<Slot> {
        self.lock().account.slot(endpoint, kind)
    }

    /// Records a webhook that became an event.
    pub(super) fn accepted(&self, endpoint: Endpoint, slot: Option<Slot>, at: Timestamp) {
        let mut state = self.lock();
        state.account.accept(endpoint, slot, at);
        (state.is_owed, state.is_changed) = (true, true);
    }

    /// Records a webhook with any other outcome.
    pub(super) fn answered(&self, endpoint: Endpoint, outcome: Otherwise, reason: &'static str, at: Timestamp) {
        let mut state = self.lock();
        state.account.answer(endpoint, outcome, reason, at);
        state.is_changed = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The account is numbers and times, each right by itself, so a poisoned lock still holds a good one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::inbound::Door;

    #[test]
    fn only_what_was_accepted_is_owed_to_the_store_and_at_the_end_everything() {
        let now = crate::http::testing::noon();
        let inbound = Inbound::new(Arrivals::new(now));
        assert_eq!((inbound.to_keep(false), inbound.to_keep(true)), (None, None), "nothing came");
        inbound.answered(Door::Carrier.into(), Otherwise::Refused, "wrong_token", now);
        assert_eq!(inbound.to_keep(false), None, "a stranger makes us write nothing");
        inbound.accepted(Door::Carrier.into(), None, now);
        let kept = inbound.to_keep(false).unwrap();
        assert_eq!(kept.at(Door::Carrier).unwrap().accepted.count, 1);
        assert_eq!(kept.at(Door::Carrier).unwrap().otherwise.len(), 1, "refusals go along");
        assert_eq!((inbound.to_keep(false), inbound.to_keep(true)), (None, None), "once is enough");
        inbound.answered(Door::Carrier.into(), Otherwise::Refused, "wrong_token", now);
        assert!(inbound.to_keep(true).is_some());
    }
}
