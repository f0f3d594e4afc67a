//! The pictures that were copied to the desk and that no comment has used yet. In memory only, and bounded: without it,
//! the pictures are copied again. It never copies one.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::domain::event::EventId;

/// How long a copy is used: a desk's tokens hold for 60 minutes, and the attempt that uses one may take five.
const LIFE: SignedDuration = SignedDuration::from_mins(50);

/// The most texts with remembered copies: far more than wait with pictures at a time.
const TEXTS_MAX: usize = 4096;

/// The copies that no comment has used yet, by the delivery that they were made for.
#[derive(Debug, Default)]
pub(in crate::worker) struct KeptUploads(Mutex<HashMap<EventId, Vec<Copied>>>);

/// A picture that the desk has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::worker) struct Copied {
    pub(in crate::worker) link: String,
    pub(in crate::worker) token: String,
    pub(in crate::worker) at: Timestamp,
}

impl Copied {
    fn holds(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.at);
        !age.is_negative() && age <= LIFE
    }
}

impl KeptUploads {
    pub(in crate::worker) fn of(&self, id: EventId, now: Timestamp) -> Vec<Copied> {
        let mut copied = self.lock().get(&id).cloned().unwrap_or_default();
        copied.retain(|copied| copied.holds(now));
        copied
    }

    pub(in crate::worker) fn keep(&self, id: EventId, copied: Vec<Copied>, now: Timestamp) {
        let mut kept = self.lock();
        if kept.len() >= TEXTS_MAX {
            kept.retain(|_, copied| copied.iter().any(|copied| copied.holds(now)));
        }
        if kept.len() < TEXTS_MAX && !copied.is_empty() {
            kept.insert(id, copied);
        }
    }

    /// Forgets a delivery's copies, because a comment has used them or the desk refuses them.
    pub(in crate::worker) fn forget(&self, id: EventId) {
        self.lock().remove(&id);
    }

    /// Every change is one insertion or removal, so a poisoned lock still holds a whole map.
    fn lock(&self) -> MutexGuard<'_, HashMap<EventId, Vec<Copied>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn id(sequence: u64) -> EventId {
        EventId { epoch: 1, sequence, sub: 0 }
    }

    fn copied(link: &str, at: Timestamp) -> Copied {
        Copied { link: link.to_owned(), token: format!("token of {link}"), at }
    }

    #[test]
    fn a_copy_holds_for_its_delivery_until_the_desk_may_have_dropped_it() {
        let kept = KeptUploads::default();
        let (one, two) = (copied("one", at(0)), copied("two", at(600)));
        kept.keep(id(1), vec![one.clone(), two.clone()], at(600));
        assert_eq!(kept.of(id(1), at(3000)), [one, two.clone()]);
        assert_eq!(kept.of(id(1), at(3001)), [two]);
        assert_eq!(kept.of(id(1), at(-1)), [], "the clock was set back");
        assert_eq!(kept.of(id(2), at(600)), []);
        kept.forget(id(1));
        assert_eq!(kept.of(id(1), at(600)), []);
    }

    #[test]
    fn so_many_are_kept_and_no_more() {
        let kept = KeptUploads::default();
        for number in 0..=TEXTS_MAX {
            kept.keep(id(u64::try_from(number).unwrap()), vec![copied("one", at(0))], at(0));
        }
        assert_eq!(kept.lock().len(), TEXTS_MAX);
        kept.keep(id(u64::MAX), vec![copied("one", at(3001))], at(3001));
        assert_eq!(kept.lock().len(), 1, "what is old gives way");
    }
}
