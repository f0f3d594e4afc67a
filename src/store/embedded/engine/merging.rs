//! For finding the deliveries to merge with the head of a lane: texts into one comment, notes into one internal
//! comment.
//!
//! It never changes a delivery.

use sled::IVec;

use crate::domain::delivery::{Delivery, State};
use crate::domain::event::{Event, EventKind, TicketFields, TicketId};
use crate::domain::lanes::{LaneName, Position};
use crate::store::embedded::engine::core::Core;
use crate::store::embedded::engine::layout;
use crate::store::{StoreError, Terms};

/// The most text in one merged comment: half of Zendesk's limit, so that the lines between always fit.
const MERGED_BYTES_MAX: usize = 32 * 1024;

/// The most notes in one: a page to read, and their ids fit the metadata of one update.
const NOTES_MERGED_MAX: usize = 50;

/// The most notes of one conversation searched for mergeable ones.
const NOTES_LOOKED_THROUGH_MAX: usize = 4 * NOTES_MERGED_MAX;

/// The most texts counted behind a head: more than any ticket takes in its period.
const COUNTED_MAX: usize = 64;

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
        // A head that was tried before may have left a trace under its own words, so it stays as it was.
        let waits_for_budget = matches!(head.state, State::Waiting { attempt: 0, for_budget: true, .. });
        let is_fresh = head.state == State::Pending && head.first_sent_at.is_none();
        let is_short = |ticket| match behind().take(COUNTED_MAX).count() {
            0 => false,
            others => (terms.is_short)(ticket, others + 1),
        };
        let merges = waits_for_budget || (is_fresh && ticket.is_some_and(is_short));
        if terms.merge_up_to < 2 || !merges {
            return Ok(());
        }
        let Some(mut bytes) = mergeable_bytes(record)? else { return Ok(()) };
        for position in behind().take(terms.merge_up_to - 1) {
            let delivery = self.waiting(position)?;
            let record = self.event_record(position)?;
            let fresh = delivery.state == State::Pending && delivery.first_sent_at.is_none();
            let Some(more) = mergeable_bytes(&record)?.filter(|_| fresh) else { break };
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
        let is_untried = |delivery: &Delivery| {
            matches!(delivery.state, State::Pending | State::Waiting { attempt: 0, .. }) && delivery.attempts == 0
        };
        let Some((head, record)) = work.first().filter(|(head, _)| merge_up_to > 1 && is_untried(head)) else {
            return Ok(());
        };
        let (Some((ticket, _)), head) = (note_bytes(record)?, Position::of(head.id)) else { return Ok(()) };
        let mut bytes = 0;
        for (_, record) in &*work {
            bytes += note_bytes(record)?.map_or(0, |(_, bytes)| bytes);
        }
        for position in self.lanes.behind(lane, head).take(NOTES_LOOKED_THROUGH_MAX) {
            let delivery = self.waiting(position)?;
            let record = self.event_record(position)?;
            let is_alone = delivery.merged_into.is_none() && !self.groups.contains_key(&position);
            let fits = is_alone && is_untried(&delivery);
            let Some((about, more)) = note_bytes(&record)?.filter(|_| fits) else { continue };
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

/// The ticket of a note, and the text it adds to a merged one; `None` for any other event.
fn note_bytes(record: &IVec) -> Result<Option<(TicketId, usize)>, StoreError> {
    let event: Event = layout::decode("event", record)?;
    let EventKind::Note(note) = &event.kind else { return Ok(None) };
    Ok(Some((note.ticket_id, note.bytes())))
}

/// The text it adds to a merged comment; `None` for an event that must stand alone.
fn mergeable_bytes(record: &IVec) -> Result<Option<usize>, StoreError> {
    let event: Event = layout::decode("event", record)?;
    Ok(match &event.kind {
        EventKind::CustomerText(text)
            if text.keyword.is_none() && text.ticket_id.is_none() && text.fields == TicketFields::default() =>
        {
            Some(text.text.len() + text.media.iter().map(String::len).sum::<usize>())
        }
        EventKind::CustomerText(_)
        | EventKind::AgentReply(_)
        | EventKind::PhoneText(_)
        | EventKind::TicketSolved(_)
        | EventKind::TicketReopened(_)
        | EventKind::Note(_)
        | EventKind::Unreadable(_) => None,
    })
}
