//! The operator's moves, and dropping old records.

use jiff::{SignedDuration, Timestamp};

use crate::domain::address::Directory;
use crate::domain::arrival;
use crate::domain::conversation::{ConversationKey, Stand};
use crate::domain::delivery::{Arrived, Delivery, State, Transition};
use crate::domain::event::{Event, EventId};
use crate::domain::lanes::Position;
use crate::store::StoreError;
use crate::store::engine::bytes::Bytes;
use crate::store::engine::core::{Core, Effect, Owed};
use crate::store::engine::layout::{self, Remembered};
use crate::store::rules::acts;
use crate::store::rules::expiry::Cut;
use crate::store::rules::groups::{head_of, together};
use crate::store::rules::lanes::lane_of;
use crate::store::rules::learning::home;
use crate::store::rules::window::request_ended;

/// How often the store records that the clock runs on.
const ALIVE_EVERY: SignedDuration = SignedDuration::from_hours(12);

impl Core {
    /// Records now and then that the clock runs on, for the next opening to compare with.
    pub(in crate::store) fn note_alive(&mut self, now: Timestamp) {
        if self.alive_at.is_some_and(|at| now.duration_since(at).abs() < ALIVE_EVERY) {
            return;
        }
        self.alive_at = Some(now);
        let mut record = self.journal.next_number().to_be_bytes().to_vec();
        record.extend_from_slice(&now.as_second().to_be_bytes());
        self.journal.put(layout::META_ALIVE.into(), Bytes::from(record));
        self.keep();
    }

    /// Records that the clock was set at this time.
    pub(in crate::store) fn set_time_since(&mut self, since: Timestamp) {
        self.time_since = since;
        self.journal.put(layout::META_TIME.into(), Bytes::from(&since.as_second().to_be_bytes()));
        self.set_ages_since(since);
    }

    /// Records that no wait counts from before this time.
    pub(in crate::store) fn set_ages_since(&mut self, since: Timestamp) {
        self.ages_since = since;
        self.journal.put(layout::META_AGES.into(), Bytes::from(&since.as_second().to_be_bytes()));
    }

    /// The operator's move; returns the number of moved deliveries.
    pub(in crate::store) fn operate(
        &mut self,
        id: EventId,
        transition: Transition,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        acts::is_operators(id, &transition)?;
        let before = self.at_rest(id)?;
        if transition == Transition::Redrive {
            return self.redrive(&before, now);
        }
        let after = acts::moved(&before, transition, now)?;
        self.write(&before, &after)?;
        self.leave_groups(&[after])?;
        self.end_request(&before, Stand::Failed, now)?;
        Ok(1)
    }

    /// Puts a delivery back in its lane, at its old position. Those that would be delivered together with it go back as
    /// well, each on its own again.
    fn redrive(&mut self, chosen: &Delivery, now: Timestamp) -> Result<u64, StoreError> {
        let again = self.part_group(chosen)?;
        let moved = u64::try_from(again.len()).unwrap_or(u64::MAX);
        for position in again {
            let before = self.find(position)?.ok_or_else(|| self.not_found(position))?;
            let after = acts::redriven(&before, home(self, &before.conversation)?, now)?;
            self.write(&before, &after)?;
        }
        Ok(moved)
    }

    /// Settles a delivery that has arrived, as the operator found, with all others written in the same comment. Returns
    /// the number of deliveries.
    pub(in crate::store) fn settle_together(
        &mut self,
        id: EventId,
        arrived: Arrived,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let chosen = self.at_rest(id)?;
        let together = self.part_group(&chosen)?;
        let settled = u64::try_from(together.len()).unwrap_or(u64::MAX);
        for position in together {
            let before = self.find(position)?.ok_or_else(|| self.not_found(position))?;
            let after = acts::settled(&before, arrived, home(self, &before.conversation)?, now)?;
            self.write(&before, &after)?;
            self.end_request(&before, Stand::Sent, now)?;
            if after.state.is_settled() {
                self.arrived(&before, &after.conversation, now)?;
            }
        }
        Ok(settled)
    }

    /// Records that a delivery was sent or dropped, as its operator says, so that no text waits for it any longer.
    fn end_request(&mut self, ended: &Delivery, stand: Stand, now: Timestamp) -> Result<(), StoreError> {
        let Some(known) = self.conversation(&ended.conversation)? else { return Ok(()) };
        let Some(change) = request_ended(&known, ended, stand) else { return Ok(()) };
        self.teach(known, vec![change], now)
    }

    /// Records the consequences of a delivery's arrival; `before` is the delivery until then.
    fn arrived(&mut self, before: &Delivery, key: &ConversationKey, now: Timestamp) -> Result<(), StoreError> {
        let event: Event = layout::decode("event", &self.event_record(Position::of(before.id))?)?;
        let conversation = self.conversation(key)?;
        let note = arrival::note(before, &event, conversation.as_ref(), now);
        self.mark_noted(arrival::noted(before, &event))?;
        let changes = arrival::learnt(before, &event, conversation.as_ref());
        if !changes.is_empty() {
            self.change(key, conversation, before.ends, changes, now)?;
        }
        if let Some(note) = note {
            let position = self.fresh_position();
            self.add(position, Owed::born_of(before.id, &note)?, key.clone(), before.ends, now, State::Pending)?;
        }
        Ok(())
    }

    /// A delivery that no worker holds.
    fn at_rest(&self, id: EventId) -> Result<Delivery, StoreError> {
        let found = self.find_by_id(id)?.ok_or_else(|| StoreError::NotFound(id.to_string()))?;
        acts::at_rest(id, self.held(&lane_of(&found)))?;
        Ok(found)
    }

    /// Parts a delivery from those that would be delivered as one with it, and returns all of them. Those that were set
    /// aside together count too, although no head leads them any more.
    fn part_group(&mut self, chosen: &Delivery) -> Result<Vec<Position>, StoreError> {
        let head = head_of(chosen);
        let group = self.group(head);
        let together = together(chosen, group.as_ref(), || -> Result<_, StoreError> {
            let set_aside = self.set_aside_of(&chosen.conversation);
            set_aside.into_iter().filter_map(|other| self.find(other).transpose()).collect()
        })?;
        if group.is_some() {
            self.follow(Effect::Group(head, Vec::new()));
        }
        Ok(together)
    }

    /// Drops those of these deliveries, with their events, that settled before the cut; one step of expiry.
    pub(in crate::store) fn drop_settled(&mut self, positions: &[Position], cut: Cut) -> Result<u64, StoreError> {
        let mut dropped = 0;
        for position in positions {
            // It may have been redriven since it was looked up.
            let key = layout::at_position(layout::HISTORY, *position);
            let Some(record) = self.journal.load(&key)? else { continue };
            let delivery: Delivery = layout::decode("delivery", &record)?;
            if cut.drops(delivery.settled_at) {
                self.drop_delivery(&delivery)?;
                dropped += 1;
            }
        }
        Ok(dropped)
    }

    /// Drops those of these records of dedupe keys that are older than the cut; one step of expiry.
    pub(in crate::store) fn drop_keys(&mut self, keys: &[Bytes], cut: Cut) -> Result<u64, StoreError> {
        let mut dropped = 0;
        for key in keys {
            let Some(known) = self.journal.get(key)?.and_then(|value| layout::read_remembered(&value)) else {
                continue;
            };
            if cut.drops_all(known.iter().map(Remembered::dated)) {
                self.journal.remove(key.clone())?;
                dropped += u64::try_from(known.len()).unwrap_or(u64::MAX);
                self.follow(Effect::Unlearn(known));
            }
        }
        Ok(dropped)
    }
}
