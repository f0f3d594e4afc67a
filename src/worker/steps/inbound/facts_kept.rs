//! Keeps the facts of texts that were postponed for a rate budget, so that a text asks for nothing twice when its
//! turn comes. In memory only, and bounded: without it, a few calls are made again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::domain::conversation::Conversation;
use crate::domain::event::{EventId, TicketId, UserId};
use crate::policy::inbound::Facts;

/// How long facts are believed: as long as a ticket's status is.
const LIFE: SignedDuration = SignedDuration::from_secs(600);

/// The most texts with kept facts: far more than wait for a budget in the middle of their steps.
const TEXTS_MAX: usize = 4096;

/// The facts of postponed texts, by the delivery.
#[derive(Debug, Default)]
pub struct KeptFacts(Mutex<HashMap<EventId, Kept>>);

#[derive(Debug)]
struct Kept {
    facts: Facts,
    /// The bridge's own knowledge at that time. Facts are void once it differs.
    known: Known,
    at: Timestamp,
}

/// The part of a conversation from which facts begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    ticket: Option<TicketId>,
    requester: Option<UserId>,
}

impl Known {
    fn of(conversation: Option<&Conversation>) -> Self {
        Self {
            ticket: conversation.and_then(|known| known.ticket.as_ref()).map(|ticket| ticket.id),
            requester: conversation.and_then(|known| known.requester_id),
        }
    }
}

impl KeptFacts {
    /// Keeps the facts of this delivery.
    pub(in crate::worker) fn keep(
        &self,
        id: EventId,
        facts: Facts,
        conversation: Option<&Conversation>,
        now: Timestamp,
    ) {
        let mut kept = self.lock();
        if kept.len() >= TEXTS_MAX {
            kept.retain(|_, kept| is_fresh(kept.at, now));
        }
        if kept.len() < TEXTS_MAX {
            kept.insert(id, Kept { facts, known: Known::of(conversation), at: now });
        }
    }

    /// The facts of this delivery, if they still hold. They are handed out once.
    pub(in crate::worker) fn take(
        &self,
        id: EventId,
        conversation: Option<&Conversation>,
        now: Timestamp,
    ) -> Option<Facts> {
        let kept = self.lock().remove(&id)?;
        let holds = is_fresh(kept.at, now) && kept.known == Known::of(conversation);
        holds.then(|| kept.facts.as_of(now))
    }

    /// Every change is one insertion or removal, so a poisoned lock still holds a whole map.
    fn lock(&self) -> MutexGuard<'_, HashMap<EventId, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_fresh(at: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(at);
    !age.is_negative() && age <= LIFE
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::account::Ends;
    use crate::domain::conversation::{Change, ConversationKey, TicketStatus};
    use crate::domain::event::Customer;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn id(sequence: u64) -> EventId {
        EventId { epoch: 1, sequence, sub: 0 }
    }

    fn facts() -> Facts {
        let mut facts = Facts::new(None, None, &Customer::default(), &[], Duration::ZERO, at(0));
        facts.tickets_found(Vec::new());
        facts
    }

    #[test]
    fn facts_hold_once_for_their_delivery_while_nothing_else_is_known_and_they_are_fresh() {
        let kept = KeptFacts::default();
        let mut conversation = Conversation::new(ConversationKey("ada".into()), Ends::FIRST, at(0));
        let takes = |after: i64, is_known: bool| {
            kept.keep(id(1), facts(), Some(&conversation), at(0));
            let mut now_known = conversation.clone();
            if is_known {
                now_known.apply(Change::Ticket(TicketId(7), TicketStatus::Open, at(0)), at(0));
            }
            let found = kept.take(id(1), Some(&now_known), at(after)).is_some();
            assert_eq!(kept.take(id(1), Some(&now_known), at(after)), None, "once");
            found
        };
        assert!(takes(600, false));
        assert!(!takes(601, false));
        assert!(!takes(-1, false), "the clock was set back");
        assert!(!takes(1, true));
        conversation.apply(Change::Requester(UserId(7)), at(0));
        kept.keep(id(1), facts(), Some(&conversation), at(0));
        assert_eq!(kept.take(id(2), Some(&conversation), at(0)), None);
    }

    #[test]
    fn so_many_are_kept_and_no_more() {
        let kept = KeptFacts::default();
        for number in 0..=TEXTS_MAX {
            kept.keep(id(u64::try_from(number).unwrap()), facts(), None, at(0));
        }
        assert_eq!(kept.lock().len(), TEXTS_MAX);
        kept.keep(id(u64::MAX), facts(), None, at(601));
        assert_eq!(kept.lock().len(), 1, "what is old gives way");
    }
}
