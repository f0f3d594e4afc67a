//! For reading the deliveries that may be merged with the head of a lane: texts into one comment, notes into one internal
//! comment.
//!
//! It never changes a delivery and never decides: [`crate::store::rules::merging`] does.

use crate::domain::delivery::Delivery;
use crate::domain::event::{Event, TicketId};
use crate::domain::lanes::{LaneName, Position};
use crate::store::engine::bytes::Bytes;
use crate::store::engine::core::Core;
use crate::store::engine::layout;
use crate::store::rules::merging::{COUNTED_MAX, Comment, NOTES_LOOKED_THROUGH_MAX, Next, Notes, takes_others_along};
use crate::store::{StoreError, Terms};

impl Core {
    /// Finds the texts that may go into one comment with the head: where the head waited for a budget, or where its
    /// ticket's budget is short for all waiting texts.
    pub(super) fn merge(
        &self,
        lane: &LaneName,
        work: &mut Vec<(Delivery, Bytes)>,
        terms: &Terms,
        ticket: Option<TicketId>,
    ) -> Result<(), StoreError> {
        let Some((head, record)) = work.first() else { return Ok(()) };
        let behind = || self.lanes.at(lane).behind(lane, Position::of(head.id));
        let is_short = |ticket| match behind().take(COUNTED_MAX).count() {
            0 => false,
            others => (terms.is_short)(ticket, others + 1),
        };
        if terms.merge_up_to < 2 || !takes_others_along(head, || ticket.is_some_and(is_short)) {
            return Ok(());
        }
        let Some(mut comment) = Comment::begin(&event_in(record)?) else { return Ok(()) };
        self.prefetch(behind().take(terms.merge_up_to - 1));
        for position in behind().take(terms.merge_up_to - 1) {
            let (delivery, record) = (self.waiting(position)?, self.event_record(position)?);
            match comment.next(&delivery, &event_in(&record)?) {
                Next::Joins => work.push((delivery, record)),
                Next::Stays => {}
                Next::Ends => break,
            }
        }
        Ok(())
    }

    /// Finds the notes that may go into one with the head: untried notes about the same ticket.
    pub(super) fn merge_notes(
        &self,
        lane: &LaneName,
        work: &mut Vec<(Delivery, Bytes)>,
        merge_up_to: usize,
    ) -> Result<(), StoreError> {
        let Some(((head, record), together)) = work.split_first().filter(|_| merge_up_to > 1) else { return Ok(()) };
        let Some(mut notes) = Notes::begin(head, &event_in(record)?) else { return Ok(()) };
        for (_, record) in together {
            notes.add(&event_in(record)?);
        }
        let behind = || self.lanes.at(lane).behind(lane, Position::of(head.id)).take(NOTES_LOOKED_THROUGH_MAX);
        self.prefetch(behind());
        for position in behind() {
            let (delivery, record) = (self.waiting(position)?, self.event_record(position)?);
            match notes.next(&delivery, &event_in(&record)?, !self.groups.contains_key(&position)) {
                Next::Joins => work.push((delivery, record)),
                Next::Stays => {}
                Next::Ends => break,
            }
        }
        Ok(())
    }
}

fn event_in(record: &Bytes) -> Result<Event, StoreError> {
    layout::decode("event", record)
}
