//! For the part of a carrier's reports that memory holds: when each is due, and the digests by which it is found. It never
//! reads a record.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use crate::domain::account::AccountId;

/// The reports that are kept, as far as memory needs them.
#[derive(Default)]
pub(in crate::store) struct Ledger {
    pub(in crate::store) all: BTreeMap<u64, Brief>,
    /// In the order in which they are weighed.
    pub(in crate::store) due: BTreeSet<(Timestamp, u64)>,
    pub(in crate::store) unbound: BTreeSet<u64>,
    /// How many of those each carrier sent. A carrier stays, so that its number can fall to 0.
    pub(in crate::store) unbound_of: BTreeMap<AccountId, u64>,
    pub(in crate::store) by_dispatch: BTreeSet<(u64, u64)>,
    /// Texts that were taken in and whose webhook may still come, by conversation and words.
    pub(in crate::store) taken_in: HashMap<u64, BTreeSet<u64>>,
}

/// The part of a report that memory holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Brief {
    pub(in crate::store) number: u64,
    pub(in crate::store) carrier: AccountId,
    pub(in crate::store) due_at: Option<Timestamp>,
    pub(in crate::store) dispatch: Option<u64>,
    /// Of a text that was taken in.
    pub(in crate::store) words: Option<u64>,
}

impl Ledger {
    /// Follows a report from one record to the next; `None` is before the first, or after the last.
    pub(in crate::store) fn follow(&mut self, before: Option<&Brief>, after: Option<&Brief>) {
        if let Some(brief) = before {
            self.leave(brief);
        }
        if let Some(brief) = after {
            self.enter(brief);
        }
    }

    pub(in crate::store) fn enter(&mut self, brief: &Brief) {
        match brief.due_at {
            Some(at) => drop(self.due.insert((at, brief.number))),
            None if self.unbound.insert(brief.number) => *self.unbound_of.entry(brief.carrier).or_default() += 1,
            None => {}
        }
        self.by_dispatch.extend(brief.dispatch.map(|dispatch| (dispatch, brief.number)));
        if let Some(words) = brief.words {
            self.taken_in.entry(words).or_default().insert(brief.number);
        }
        self.all.insert(brief.number, brief.clone());
    }

    pub(in crate::store) fn leave(&mut self, brief: &Brief) {
        self.all.remove(&brief.number);
        match brief.due_at {
            Some(at) => drop(self.due.remove(&(at, brief.number))),
            None if self.unbound.remove(&brief.number) => {
                let many = self.unbound_of.entry(brief.carrier).or_default();
                *many = many.saturating_sub(1);
            }
            None => {}
        }
        if let Some(dispatch) = brief.dispatch {
            self.by_dispatch.remove(&(dispatch, brief.number));
        }
        let Some(words) = brief.words else { return };
        let Some(known) = self.taken_in.get_mut(&words) else { return };
        known.remove(&brief.number);
        if known.is_empty() {
            self.taken_in.remove(&words);
        }
    }

    /// When the next one is weighed.
    pub(in crate::store) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(in crate::store) fn under(&self, dispatch: u64) -> Vec<u64> {
        self.by_dispatch.range((dispatch, 0)..=(dispatch, u64::MAX)).map(|(_, number)| *number).collect()
    }
}
