//! For finding the deliveries to merge with the head of a lane: texts into one comment, notes into one internal
//! comment.
//!
//! It never changes a delivery.

use sled::IVec;

use crate::domain::delivery::Delivery;
use crate::domain::event::{Event, TicketId};
use crate::domain::lanes::{LaneName, Position};
use crate::store::embedded::engine::core::Core;
use crate::store::embedded::engine::layout;
use crate::store::rules::merging::{
    COUNTED_MAX, MERGED_BYTES_MAX, NOTES_LOOKED_THROUGH_MAX, NOTES_MERGED_MAX, is_fresh, is_untried, mergeable_bytes,
    note_bytes, takes_others_along,
};
use crate::store::{StoreError, Terms};

impl Core {
    /// Finds the texts that may go into one comment with the head: where the head waited for a budget, or where its
    /// ticket's budget is short for all waiting texts.
    pub(super) fn merge(
        &self,
        lane: &LaneName,
        work: &mut Vec<(Delivery, IVec)>,
        terms: &Terms,
        ticket: Option<TicketId>,
    ) -> Result<(), StoreError> {
        let Some((head, record)) = work.first() else { return Ok(()) };
        let behind = || self.lanes.behind(lane, Position::of(head.id));
        let is_short = |ticket| match behind().take(COUNTED_MAX).count() {
            0 => false,
            others => (terms.is_short)(ticket, others + 1),
        };
        if terms.merge_up_to < 2 || !takes_others_along(head, || ticket.is_some_and(is_short)) {
            return Ok(());
        }
        let Some(mut bytes) = mergeable_bytes(&event_in(record)?) else { return Ok(()) };
        for position in behind().take(terms.merge_up_to - 1) {
            let delivery = self.waiting(position)?;
            let record = self.event_record(position)?;
            let Some(more) = mergeable_bytes(&event_in(&record)?).filter(|_| is_fresh(&delivery)) else { break };
            bytes += more;
            if bytes > MERGED_BYTES_MAX {
                break;
            }
            work.push((delivery, record));
        }
        Ok(())
    }

    /// Finds the notes that may go into one with the head: untried notes about the same ticket.
    pub(super) fn merge_notes(
        &self,
        lane: &LaneName,
        work: &mut Vec<(Delivery, IVec)>,
        merge_up_to: usize,
    ) -> Result<(), StoreError> {
        let Some((head, record)) = work.first().filter(|(head, _)| merge_up_to > 1 && is_untried(head)) else {
            return Ok(());
        };
        let (Some((ticket, _)), head) = (note_bytes(&event_in(record)?), Position::of(head.id)) else { return Ok(()) };
        let mut bytes = 0;
        for (_, record) in &*work {
            bytes += note_bytes(&event_in(record)?).map_or(0, |(_, bytes)| bytes);
        }
        for position in self.lanes.behind(lane, head).take(NOTES_LOOKED_THROUGH_MAX) {
            let delivery = self.waiting(position)?;
            let record = self.event_record(position)?;
            let is_alone = delivery.merged_into.is_none() && !self.groups.contains_key(&position);
            let fits = is_alone && is_untried(&delivery);
            let Some((about, more)) = note_bytes(&event_in(&record)?).filter(|_| fits) else { continue };
            bytes += more;
            if work.len() >= NOTES_MERGED_MAX || bytes > MERGED_BYTES_MAX {
                break;
            }
            if about == ticket {
                work.push((delivery, record));
            }
        }
        Ok(())
    }
}

fn event_in(record: &IVec) -> Result<Event, StoreError> {
    layout::decode("event", record)
}
