//! The operator's moves, and letting go of what is old.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sled::IVec;

use crate::domain::address::Directory;
use crate::domain::arrival;
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::{Arrived, Delivery, State, Transition};
use crate::domain::event::{Event, EventId};
use crate::domain::lanes::Place;
use crate::store::engine::claims::apply;
use crate::store::engine::core::{Core, Effect, Owed, lane_of};
use crate::store::engine::layout;
use crate::store::{IllegalMove, StoreError};

/// How often it is written down that the time goes on.
const ALIVE_EVERY: SignedDuration = SignedDuration::from_hours(12);

/// Which dates are old enough to be dropped.
#[derive(Clone, Copy)]
pub(in crate::store) struct Cut {
    before: Timestamp,
    ahead: Timestamp,
}

impl Cut {
    /// What is older than `age`; `None` where no date tells, because the time was set since.
    pub(in crate::store) fn new(now: Timestamp, age: Duration, time_since: Timestamp) -> Option<Self> {
        let before = now.checked_sub(age).unwrap_or(Timestamp::MIN);
        let ahead = now.saturating_add(age).unwrap_or(Timestamp::MAX);
        (time_since <= before).then_some(Self { before, ahead })
    }

    /// Whether what is dated so is older. What is dated as far ahead was dated before the time was set; what is dated ahead
    /// by less may have come while the sweep went on.
    pub(in crate::store) fn is_over(self, dated: Timestamp) -> bool {
        dated < self.before || dated > self.ahead
    }
}

impl Core {
    /// Writes down now and then that the time goes on, for the next opening to follow on.
    pub(in crate::store) fn note_alive(&mut self, now: Timestamp) {
        if self.alive_at.is_some_and(|at| now.duration_since(at).abs() < ALIVE_EVERY) {
            return;
        }
        self.alive_at = Some(now);
        let mut record = self.journal.next_number().to_be_bytes().to_vec();
        record.extend_from_slice(&now.as_second().to_be_bytes());
        self.journal.put(layout::META_ALIVE.into(), IVec::from(record));
        self.keep();
    }

    /// Writes down that the time is another since then.
    pub(in crate::store) fn set_time_since(&mut self, since: Timestamp) {
        self.time_since = since;
        self.journal.put(layout::META_TIME.into(), IVec::from(&since.as_second().to_be_bytes()));
        self.set_ages_since(since);
    }

    /// Writes down that nothing is known to have waited since before then.
    pub(in crate::store) fn set_ages_since(&mut self, since: Timestamp) {
        self.ages_since = since;
        self.journal.put(layout::META_AGES.into(), IVec::from(&since.as_second().to_be_bytes()));
    }

    /// The operator's move; how many deliveries it moved.
    pub(in crate::store) fn operate(
        &mut self,
        id: EventId,
        transition: Transition,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let redrive = matches!(transition, Transition::Redrive);
        if !redrive && !matches!(transition, Transition::Discard { .. } | Transition::ReadAgain { .. }) {
            return Err(refused(id, "only redrive, reading again and discard are the operator's"));
        }
        let before = self.at_rest(id)?;
        if redrive {
            return self.redrive(&before, now);
        }
        let mut after = before.clone();
        apply(&mut after, transition, now)?;
        self.write(&before, &after)?;
        self.leave_groups(&[&after])?;
        Ok(1)
    }

    /// Puts it back in its lane, at its old place. What would be delivered together with it goes back as well, each on
    /// its own again.
    fn redrive(&mut self, chosen: &Delivery, now: Timestamp) -> Result<u64, StoreError> {
        let again = self.part_group(chosen)?;
        let moved = u64::try_from(again.len()).unwrap_or(u64::MAX);
        for place in again {
            let before = self.find(place)?.ok_or_else(|| self.not_found(place))?;
            let mut after = before.clone();
            apply(&mut after, Transition::Redrive, now)?;
            after.conversation = self.home(&after.conversation)?;
            self.write(&before, &after)?;
        }
        Ok(moved)
    }

    /// The operator has found that it arrived, and with it whatever was written in the same comment. Says how many
    /// deliveries that were.
    pub(in crate::store) fn settle_together(
        &mut self,
        id: EventId,
        arrived: Arrived,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let chosen = self.at_rest(id)?;
        let together = self.part_group(&chosen)?;
        let settled = u64::try_from(together.len()).unwrap_or(u64::MAX);
        for place in together {
            let before = self.find(place)?.ok_or_else(|| self.not_found(place))?;
            let transition = before.settling(arrived).map_err(|reason| refused(before.id, &reason))?;
            let mut after = before.clone();
            apply(&mut after, transition, now)?;
            after.conversation = self.home(&after.conversation)?;
            self.write(&before, &after)?;
            if after.state.is_settled() {
                self.arrived(&before, &after.conversation, now)?;
            }
        }
        Ok(settled)
    }

    /// Writes down what follows from it that a delivery, as it stood before, has arrived.
    fn arrived(&mut self, before: &Delivery, key: &ConversationKey, now: Timestamp) -> Result<(), StoreError> {
        let event: Event = layout::decode("event", &self.event_record(Place::of(before.id))?)?;
        let conversation = self.conversation(key)?;
        let note = arrival::note(before, &event, conversation.as_ref(), now);
        self.mark_noted(arrival::noted(before, &event))?;
        let changes = arrival::learnt(before, &event, conversation.as_ref());
        if !changes.is_empty() {
            self.change(key, conversation, changes, now)?;
        }
        if let Some(note) = note {
            let place = self.fresh_place();
            self.add(place, Owed::born_of(before.id, &note)?, key.clone(), now, State::Pending)?;
        }
        Ok(())
    }

    /// A delivery that no worker has in hand.
    fn at_rest(&self, id: EventId) -> Result<Delivery, StoreError> {
        let found = self.find_by_id(id)?.ok_or_else(|| StoreError::NotFound(id.to_string()))?;
        if self.lanes.held(&lane_of(&found)).is_some_and(|hold| hold.places.contains(&Place::of(id))) {
            return Err(refused(id, "a worker is on it; try again in a moment"));
        }
        Ok(found)
    }

    /// A delivery and those that would be delivered as one with it, which are each on its own from now on; also those that
    /// were set aside together, although nothing leads them any more.
    fn part_group(&mut self, chosen: &Delivery) -> Result<Vec<Place>, StoreError> {
        let place = Place::of(chosen.id);
        let head = chosen.merged_into.map_or(place, Place::of);
        let mut together = vec![place];
        if let Some(members) = self.groups.get(&head) {
            together.extend([head].iter().chain(members));
            self.follow(Effect::Group(head, Vec::new()));
        } else if chosen.state.is_set_aside() {
            for other in self.set_aside_of(&chosen.conversation) {
                let is_of_it = |delivery: &Delivery| delivery.merged_into.map_or(other, Place::of) == head;
                together.extend(self.find(other)?.filter(is_of_it).map(|delivery| Place::of(delivery.id)));
            }
        }
        together.sort_unstable();
        together.dedup();
        Ok(together)
    }

    /// Drops those of these deliveries, with their events, that did settle before; one step of expiry.
    pub(in crate::store) fn drop_settled(&mut self, places: &[Place], cut: Cut) -> Result<u64, StoreError> {
        let mut dropped = 0;
        for place in places {
            // It may have been redriven since it was looked up.
            let key = layout::at_place(layout::HISTORY, *place);
            let Some(record) = self.journal.load(&key)? else { continue };
            let delivery: Delivery = layout::decode("delivery", &record)?;
            if delivery.settled_at.is_some_and(|at| cut.is_over(at)) {
                self.let_go(&delivery)?;
                dropped += 1;
            }
        }
        Ok(dropped)
    }

    /// Drops those of these records of dedupe keys that are older; one step of expiry.
    pub(in crate::store) fn drop_keys(&mut self, keys: &[IVec], cut: Cut) -> Result<u64, StoreError> {
        let mut dropped = 0;
        for key in keys {
            let Some(known) = self.journal.get(key)?.and_then(|value| layout::read_remembered(&value)) else {
                continue;
            };
            if known.iter().all(|known| cut.is_over(known.dated())) {
                self.journal.remove(key.clone())?;
                dropped += u64::try_from(known.len()).unwrap_or(u64::MAX);
                self.follow(Effect::Unlearn(known));
            }
        }
        Ok(dropped)
    }
}

fn refused(id: EventId, reason: &str) -> StoreError {
    StoreError::Illegal(IllegalMove { id, reason: reason.to_owned() })
}
